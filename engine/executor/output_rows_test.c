#include "engine/executor/output_rows.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

static const struct field fields[] = {{"flag", TYPE_BOOLEAN},
                                      {"small", TYPE_INT},
                                      {"large", TYPE_LONG},
                                      {"ratio", TYPE_DOUBLE},
                                      {"name", TYPE_STRING},
                                      {"at", TYPE_TIMESTAMP}};
static const struct schema schema = {fields, 6};

/* Row n: every value says n; each 5th is null. */
static struct columns *make(struct arena *arena, int64_t first, size_t rows)
{
    struct columns *columns = columns_new(arena, &schema, rows);
    for (size_t i = 0; i < rows; i++) {
        int64_t n = first + (int64_t)i;
        if (n % 5 == 4) {
            continue;
        }
        for (size_t c = 0; c < schema.count; c++) {
            columns->columns[c].present[i] = 1;
        }
        columns->columns[0].values.booleans[i] = n % 2 == 1;
        columns->columns[1].values.ints[i] = (int32_t)n;
        columns->columns[2].values.longs[i] = n << 32;
        columns->columns[3].values.doubles[i] = (double)n / 64;
        columns->columns[4].values.strings[i] =
            bytes_of_text(n % 7 == 0 ? "" : arena_printf(arena, "name %d", (int)n));
        columns->columns[5].values.longs[i] = -n;
    }
    columns->rows = rows;
    return columns;
}

static void assert_row(const struct columns *columns, size_t row)
{
    int64_t n = (int64_t)row;
    bool present = n % 5 != 4;
    char name[32];
    (void)snprintf(name, sizeof name, "name %d", (int)n);
    for (size_t c = 0; c < schema.count; c++) {
        cr_assert(eq(int, columns->columns[c].present[row], present));
    }
    if (!present) {
        cr_assert(eq(sz, columns->columns[4].values.strings[row].size, 0));
        return;
    }
    cr_assert(eq(int, columns->columns[0].values.booleans[row], n % 2 == 1));
    cr_assert(eq(i32, columns->columns[1].values.ints[row], (int32_t)n));
    cr_assert(eq(i64, columns->columns[2].values.longs[row], n << 32));
    cr_assert(columns->columns[3].values.doubles[row] == (double)n / 64);
    cr_assert(bytes_equal_text(columns->columns[4].values.strings[row], n % 7 == 0 ? "" : name));
    cr_assert(eq(i64, columns->columns[5].values.longs[row], -n));
}

/* The batch's arena is gone after each append: what still borrowed from it would be seen. */
Test(output_rows, gathers_batches_in_order_and_owns_what_it_keeps)
{
    struct arena task = {0};
    struct output_rows rows;
    output_rows_init(&rows, &task, &schema);
    int64_t next = 0;
    for (size_t size = 0; size < 40; size++) {
        struct arena batch = {0};
        output_rows_append(&rows, make(&batch, next, size));
        next += (int64_t)size;
        arena_free(&batch);
    }
    cr_assert(eq(sz, rows.columns->rows, (size_t)next));
    for (size_t row = 0; row < rows.columns->rows; row++) {
        assert_row(rows.columns, row);
    }
    arena_free(&task);
}

Test(output_rows, may_be_empty)
{
    struct arena task = {0};
    struct output_rows rows;
    output_rows_init(&rows, &task, &schema);
    output_rows_append(&rows, make(&task, 0, 0));
    cr_assert(eq(sz, rows.columns->rows, 0));
    arena_free(&task);
}
