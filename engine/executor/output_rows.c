#include "engine/executor/output_rows.h"

#include "engine/base/check.h"

void output_rows_init(struct output_rows *rows, struct arena *arena, const struct schema *schema)
{
    *rows = (struct output_rows){.arena = arena, .columns = columns_new(arena, schema, 0)};
}

/* Behind the rows that `to` has, put all of `from`: presence and values alike. */
static void append_column(struct column *to, size_t at, const struct column *from, size_t rows)
{
    require(to->type == from->type);
    memcpy(to->present + at, from->present, rows);
    switch (to->type) {
    case TYPE_BOOLEAN:
        memcpy(to->values.booleans + at, from->values.booleans, rows * sizeof(bool));
        return;
    case TYPE_INT:
        memcpy(to->values.ints + at, from->values.ints, rows * sizeof(int32_t));
        return;
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        memcpy(to->values.longs + at, from->values.longs, rows * sizeof(int64_t));
        return;
    case TYPE_DOUBLE:
        memcpy(to->values.doubles + at, from->values.doubles, rows * sizeof(double));
        return;
    case TYPE_STRING:
        memcpy(to->values.strings + at, from->values.strings, rows * sizeof(struct bytes));
        return;
    case TYPE_COUNT:
        break;
    }
    require(to->type < TYPE_COUNT);
}

static void append_all(struct columns *to, const struct columns *from)
{
    require(to->capacity - to->rows >= from->rows);
    if (from->rows > 0) {
        for (size_t i = 0; i < to->schema->count; i++) {
            append_column(&to->columns[i], to->rows, &from->columns[i], from->rows);
        }
    }
    to->rows += from->rows;
}

static void reserve(struct output_rows *rows, size_t more)
{
    struct columns *old = rows->columns;
    if (old->capacity - old->rows >= more) {
        return;
    }
    size_t capacity = 2 * old->capacity > old->rows + more ? 2 * old->capacity : old->rows + more;
    rows->columns = columns_new(rows->arena, old->schema, capacity);
    append_all(rows->columns, old);
}

/* The strings of rows [at, rows) still borrow from a batch that is about to go. One block for all
 * of a column's. */
static void own_strings(struct arena *arena, struct column *column, size_t at, size_t rows)
{
    size_t size = 0;
    for (size_t row = at; row < rows; row++) {
        size += column->values.strings[row].size;
    }
    uint8_t *block = arena_alloc(arena, size);
    for (size_t row = at; row < rows; row++) {
        struct bytes *text = &column->values.strings[row];
        if (text->size > 0) {
            memcpy(block, text->data, text->size);
        }
        if (text->data != NULL) {
            text->data = block;
        }
        block += text->size;
    }
}

void output_rows_append(struct output_rows *rows, const struct columns *more)
{
    require(more->schema->count == rows->columns->schema->count);
    reserve(rows, more->rows);
    struct columns *columns = rows->columns;
    size_t at = columns->rows;
    append_all(columns, more);
    for (size_t i = 0; i < columns->schema->count; i++) {
        if (columns->columns[i].type == TYPE_STRING) {
            own_strings(rows->arena, &columns->columns[i], at, columns->rows);
        }
    }
}
