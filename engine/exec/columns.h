/* A batch of rows by columns: what decode fills, filter and select transform, the Parquet writer
 * drains. Every column is nullable. A row's strings are borrowed from the batch's arena or the
 * record itself. */
#ifndef ENGINE_EXEC_COLUMNS_H
#define ENGINE_EXEC_COLUMNS_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/plan/schema.h"

struct column {
    enum type type;
    uint8_t *present; /* one byte a row: 1 a value, 0 null */
    union {
        bool *booleans;
        int32_t *ints;
        int64_t *longs; /* also timestamps */
        double *doubles;
        struct bytes *strings;
    } values; /* zero where null */
};

struct columns {
    const struct schema *schema;
    struct column *columns; /* schema->count */
    size_t rows;
    size_t capacity;
};

/* Bytes of one value in a column of this type. */
size_t column_value_size(enum type type);

/* Empty columns for `schema` with room for `capacity` rows, in `arena`. */
struct columns *columns_new(struct arena *arena, const struct schema *schema, size_t capacity);

/* Keep the rows whose byte in `keep` is 1, in order. */
void columns_compact(struct columns *columns, const uint8_t *keep);

#endif
