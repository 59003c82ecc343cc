#include "engine/exec/columns.h"

#include "engine/base/check.h"

size_t column_value_size(enum type type)
{
    switch (type) {
    case TYPE_BOOLEAN:
        return sizeof(bool);
    case TYPE_INT:
        return sizeof(int32_t);
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        return sizeof(int64_t);
    case TYPE_DOUBLE:
        return sizeof(double);
    case TYPE_STRING:
        return sizeof(struct bytes);
    case TYPE_COUNT:
        break;
    }
    require(type < TYPE_COUNT);
    return 0;
}

struct columns *columns_new(struct arena *arena, const struct schema *schema, size_t capacity)
{
    struct columns *columns = arena_alloc(arena, sizeof *columns);
    columns->schema = schema;
    columns->columns = arena_alloc(arena, schema->count * sizeof *columns->columns);
    columns->capacity = capacity;
    for (size_t i = 0; i < schema->count; i++) {
        struct column *column = &columns->columns[i];
        column->type = schema->fields[i].type;
        column->present = arena_alloc(arena, capacity);
        column->values.longs = arena_alloc(arena, capacity * column_value_size(column->type));
    }
    return columns;
}

/* Move kept values down over dropped ones; returns how many were kept. */
#define COMPACT(values, rows, keep, kept)                                                          \
    do {                                                                                           \
        size_t to_ = 0;                                                                            \
        for (size_t from_ = 0; from_ < (rows); from_++) {                                          \
            if ((keep)[from_]) {                                                                   \
                (values)[to_++] = (values)[from_];                                                 \
            }                                                                                      \
        }                                                                                          \
        require(to_ == (kept));                                                                    \
    } while (0)

static void compact_column(struct column *column, size_t rows, const uint8_t *keep, size_t kept)
{
    COMPACT(column->present, rows, keep, kept);
    switch (column->type) {
    case TYPE_BOOLEAN:
        COMPACT(column->values.booleans, rows, keep, kept);
        break;
    case TYPE_INT:
        COMPACT(column->values.ints, rows, keep, kept);
        break;
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        COMPACT(column->values.longs, rows, keep, kept);
        break;
    case TYPE_DOUBLE:
        COMPACT(column->values.doubles, rows, keep, kept);
        break;
    case TYPE_STRING:
        COMPACT(column->values.strings, rows, keep, kept);
        break;
    case TYPE_COUNT:
        require(column->type < TYPE_COUNT);
    }
}

void columns_compact(struct columns *columns, const uint8_t *keep)
{
    require(columns->rows <= columns->capacity);
    size_t kept = 0;
    for (size_t row = 0; row < columns->rows; row++) {
        kept += keep[row] != 0;
    }
    if (kept == columns->rows) {
        return;
    }
    for (size_t i = 0; i < columns->schema->count; i++) {
        compact_column(&columns->columns[i], columns->rows, keep, kept);
    }
    columns->rows = kept;
}
