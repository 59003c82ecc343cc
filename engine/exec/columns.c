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

/* Move kept values down over dropped ones. A function a type: the loop is hot. */
#define DEFINE_COMPACT(name, type)                                                                 \
    static void name(type values[], size_t rows, const uint8_t *keep, size_t kept)                 \
    {                                                                                              \
        size_t to = 0;                                                                             \
        for (size_t from = 0; from < rows; from++) {                                               \
            if (keep[from]) {                                                                      \
                values[to++] = values[from];                                                       \
            }                                                                                      \
        }                                                                                          \
        require(to == kept);                                                                       \
    }
DEFINE_COMPACT(compact_bytes, uint8_t)
DEFINE_COMPACT(compact_booleans, bool)
DEFINE_COMPACT(compact_ints, int32_t)
DEFINE_COMPACT(compact_longs, int64_t)
DEFINE_COMPACT(compact_doubles, double)
DEFINE_COMPACT(compact_strings, struct bytes)

static void compact_column(struct column *column, size_t rows, const uint8_t *keep, size_t kept)
{
    compact_bytes(column->present, rows, keep, kept);
    switch (column->type) {
    case TYPE_BOOLEAN:
        compact_booleans(column->values.booleans, rows, keep, kept);
        break;
    case TYPE_INT:
        compact_ints(column->values.ints, rows, keep, kept);
        break;
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        compact_longs(column->values.longs, rows, keep, kept);
        break;
    case TYPE_DOUBLE:
        compact_doubles(column->values.doubles, rows, keep, kept);
        break;
    case TYPE_STRING:
        compact_strings(column->values.strings, rows, keep, kept);
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
