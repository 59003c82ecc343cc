/* The footer of a Parquet file, decoded and checked; between parquet_reader.c and parquet_footer.c
 * only. */
#ifndef SIM_CHECK_PARQUET_FOOTER_H
#define SIM_CHECK_PARQUET_FOOTER_H

#include "sim/check/parquet_reader.h"

enum { PARQUET_CODEC_NONE = 0, PARQUET_CODEC_SNAPPY = 1 };

struct parquet_chunk {
    int64_t codec;
    int64_t values;      /* nulls included */
    int64_t page_offset; /* of the first data page */
    int64_t size;        /* compressed, page headers included */
};

struct parquet_group {
    int64_t rows;
    struct parquet_chunk *chunks; /* one a column, in order */
};

struct parquet_footer {
    int64_t rows;
    struct parquet_group *groups;
    size_t group_count;
};

/* Fills columns and column_count of `content` too. NULL, or what is wrong. */
const char *parquet_footer_read(struct bytes file,
                                struct arena *arena,
                                struct parquet_footer *footer,
                                struct parquet_content *content);

#endif
