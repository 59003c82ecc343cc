/* A small strict Parquet reader for what a Delta table of this project may hold: columns of six
 * types, alone or in a struct one level deep (a struct is never null), data pages v1, PLAIN values,
 * RLE/bit-packed levels, snappy or nothing, a CRC on every page that is always verified. Everything
 * else, which other writers may well do (parquet_records.h reads that), is refused by text. Shares
 * no code with the writer. Safe on hostile bytes. Source: delta-parquet-storage 4. */
#ifndef SIM_CHECK_PARQUET_READER_H
#define SIM_CHECK_PARQUET_READER_H

#include "engine/base/arena.h"
#include "sim/check/value.h"

enum { PARQUET_COLUMNS_MAX = 64, PARQUET_CELLS_MAX = 1 << 20 };

struct parquet_column {
    struct bytes name; /* of a member of a struct: "window.start" */
    enum type type;
    uint8_t levels; /* the definition level of a present value: optional parts of its path */
};

struct parquet_content {
    struct parquet_column columns[PARQUET_COLUMNS_MAX];
    size_t column_count;
    size_t row_count;
    struct value *cells; /* row by row, column_count each; texts in the arena or the file */
};

/* Read a whole file. Everything lives in `arena` or borrows from `file`. NULL, or what is wrong
 * with it (a text in `arena`). */
const char *parquet_read(struct bytes file, struct arena *arena, struct parquet_content *content);

#endif
