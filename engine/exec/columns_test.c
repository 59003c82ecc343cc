#include "engine/exec/columns.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const struct field fields[] = {
    {"b", TYPE_BOOLEAN},
    {"i", TYPE_INT},
    {"l", TYPE_LONG},
    {"d", TYPE_DOUBLE},
    {"s", TYPE_STRING},
    {"t", TYPE_TIMESTAMP},
};
static const struct schema schema = {.fields = fields, .count = 6};

enum { ROWS = 100 };

static const char *const words[] = {"zero", "one", "two", "three", "four"};

/* Row r holds values made of r; every fifth row is null in every column. */
static struct columns *filled(struct arena *arena)
{
    struct columns *columns = columns_new(arena, &schema, ROWS);
    for (int r = 0; r < ROWS; r++) {
        if (r % 5 == 4) {
            continue;
        }
        for (size_t c = 0; c < schema.count; c++) {
            columns->columns[c].present[r] = 1;
        }
        columns->columns[0].values.booleans[r] = r % 3 == 0;
        columns->columns[1].values.ints[r] = r;
        columns->columns[2].values.longs[r] = INT64_MAX - r;
        columns->columns[3].values.doubles[r] = r + 0.25;
        columns->columns[4].values.strings[r] = bytes_of_text(words[r % 5]);
        columns->columns[5].values.longs[r] = INT64_MIN + r;
    }
    columns->rows = ROWS;
    return columns;
}

static void expect_row(const struct columns *columns, size_t at, int r)
{
    const struct column *column = columns->columns;
    bool null = r % 5 == 4;
    for (size_t c = 0; c < schema.count; c++) {
        cr_assert(eq(int, column[c].present[at], null ? 0 : 1));
    }
    cr_assert(eq(int, column[0].values.booleans[at], !null && r % 3 == 0));
    cr_assert(eq(int, column[1].values.ints[at], null ? 0 : r));
    cr_assert(eq(i64, column[2].values.longs[at], null ? 0 : INT64_MAX - r));
    cr_assert(eq(dbl, column[3].values.doubles[at], null ? 0 : r + 0.25));
    cr_assert(bytes_equal_text(column[4].values.strings[at], null ? "" : words[r % 5]));
    cr_assert(eq(i64, column[5].values.longs[at], null ? 0 : INT64_MIN + r));
}

Test(columns, new_ones_are_empty_and_null)
{
    struct arena arena = {0};
    struct columns *columns = columns_new(&arena, &schema, 3);
    cr_assert(eq(sz, columns->rows, 0));
    cr_assert(eq(sz, columns->capacity, 3));
    for (size_t c = 0; c < schema.count; c++) {
        cr_assert(eq(int, (int)columns->columns[c].type, (int)fields[c].type));
        cr_assert(eq(int, columns->columns[c].present[2], 0));
    }
    arena_free(&arena);
}

Test(columns, compact_keeps_order_values_and_nulls)
{
    struct arena arena = {0};
    struct columns *columns = filled(&arena);
    uint8_t keep[ROWS] = {0};
    size_t kept = 0;
    for (int r = 0; r < ROWS; r++) {
        keep[r] = r % 7 == 2 || r > 90;
        kept += keep[r];
    }
    columns_compact(columns, keep);
    cr_assert(eq(sz, columns->rows, kept));
    size_t at = 0;
    for (int r = 0; r < ROWS; r++) {
        if (keep[r]) {
            expect_row(columns, at++, r);
        }
    }
    arena_free(&arena);
}

Test(columns, compact_all_and_none)
{
    struct arena arena = {0};
    struct columns *columns = filled(&arena);
    uint8_t keep[ROWS];
    memset(keep, 1, sizeof keep);
    columns_compact(columns, keep);
    cr_assert(eq(sz, columns->rows, ROWS));
    expect_row(columns, 99, 99);
    memset(keep, 0, sizeof keep);
    columns_compact(columns, keep);
    cr_assert(eq(sz, columns->rows, 0));
    arena_free(&arena);
}
