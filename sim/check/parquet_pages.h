/* The pages of one column chunk, decoded one after another: what Spark, parquet-java, Arrow,
 * delta-rs and DuckDB write by default. Data pages v1 and v2, PLAIN and dictionary values, RLE
 * booleans, snappy, gzip or nothing. Other encodings and codecs are refused by name. Safe on
 * hostile bytes. Source: delta-parquet-storage 4.5, 4.9. */
#ifndef SIM_CHECK_PARQUET_PAGES_H
#define SIM_CHECK_PARQUET_PAGES_H

#include "sim/check/parquet_footer.h"
#include "sim/check/value.h"

enum { PARQUET_PAGE_SIZE_MAX = 1 << 26, PARQUET_PAGE_VALUES_MAX = 1 << 23 };

struct parquet_pages {
    const struct parquet_element *leaf;
    const struct parquet_chunk *chunk;
    struct cursor bytes; /* of the chunk, at the next page */
    /* What this project's sink writes and nothing else: v1 pages, PLAIN, a checksum on each. */
    bool strict;
    struct arena *arena; /* of the dictionary */
    struct value *dictionary;
    size_t dictionary_count;
    int64_t left; /* entries that no page has brought yet */

    /* The current page: entry i has levels, and a value when its definition level is the leaf's.
     * Values: `as` by the leaf's type; a timestamp is microseconds, a float a double; bytes of any
     * kind are texts, borrowed from the arena or the file. */
    size_t count;
    const uint32_t *defs;
    const uint32_t *reps;
    struct value *values;
};

/* NULL, or what is wrong. Keeps what it is given. */
const char *parquet_pages_open(struct parquet_pages *pages,
                               struct bytes file,
                               const struct parquet_element *leaf,
                               const struct parquet_chunk *chunk);

/* The next page, in `arena`; count is 0 behind the last. NULL, or what is wrong (a text of `arena`
 * or constant). */
const char *parquet_pages_next(struct parquet_pages *pages, struct arena *arena);

#endif
