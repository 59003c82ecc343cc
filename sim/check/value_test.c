#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/process.h"
#include "sim/check/value.h"

static struct row row_with(struct arena *arena, struct value value)
{
    struct buf form = {0};
    value_encode(&value, &form);
    struct row row = row_of(bytes_of(arena_copy(arena, form.data, form.size), form.size));
    buf_free(&form);
    return row;
}

static struct row long_row(struct arena *arena, int64_t number)
{
    return row_with(arena, (struct value){TYPE_LONG, true, .as = {.number = number}});
}

Test(value, cells_differ_by_type_null_and_bits)
{
    struct arena arena = {0};
    struct value values[] = {
        {TYPE_LONG, true, .as = {.number = 0}},
        {TYPE_INT, true, .as = {.number = 0}},
        {TYPE_TIMESTAMP, true, .as = {.number = 0}},
        {TYPE_LONG, false, .as = {.number = 0}},
        {TYPE_INT, false, .as = {.number = 0}},
        {TYPE_DOUBLE, true, .as = {.real = 0.0}},
        {TYPE_DOUBLE, true, .as = {.real = -0.0}},
        {TYPE_BOOLEAN, true, .as = {.boolean = false}},
        {TYPE_STRING, true, .as = {.text = {(const uint8_t *)"", 0}}},
        {TYPE_STRING, false, .as = {.text = {(const uint8_t *)"", 0}}},
    };
    size_t count = sizeof values / sizeof values[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            struct row a = row_with(&arena, values[i]);
            struct row b = row_with(&arena, values[k]);
            cr_assert(eq(int, row_compare(&a, &b) == 0, i == k), "%zu %zu", i, k);
        }
    }
    arena_free(&arena);
}

Test(value, multisets_are_compared_with_their_copies)
{
    struct arena arena = {0};
    struct row_set expected = {0};
    struct row_set found = {0};
    struct row_difference difference;
    for (int64_t i = 0; i < 100; i++) {
        struct row row = long_row(&arena, i * 7 % 100 / 2); /* each twice, in two orders */
        row_set_add(&expected, &row);
        row = long_row(&arena, (99 - i) / 2);
        row_set_add(&found, &row);
    }
    cr_assert(not(row_set_difference(&expected, &found, &difference)));
    struct row again = long_row(&arena, 13);
    row_set_add(&found, &again);
    cr_assert(row_set_difference(&expected, &found, &difference));
    cr_assert(eq(sz, difference.expected, 2));
    cr_assert(eq(sz, difference.found, 3));
    cr_assert(eq(int, row_compare(&difference.row, &again), 0));
    row_set_add(&expected, &again);
    cr_assert(not(row_set_difference(&expected, &found, &difference)));
    struct row missing = long_row(&arena, 1000);
    row_set_add(&expected, &missing);
    cr_assert(row_set_difference(&expected, &found, &difference));
    cr_assert(eq(sz, difference.expected, 1));
    cr_assert(eq(sz, difference.found, 0));
    row_set_free(&expected);
    row_set_free(&found);
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

Test(value, rows_are_told_to_people)
{
    struct arena arena = {0};
    struct buf form = {0};
    struct buf text = {0};
    value_encode(&(struct value){TYPE_TIMESTAMP, true, .as = {.number = 978307200000000}}, &form);
    value_encode(&(struct value){TYPE_STRING, true, .as = {.text = bytes_of_text("DTW")}}, &form);
    value_encode(&(struct value){.type = TYPE_INT}, &form);
    value_encode(&(struct value){TYPE_LONG, true, .as = {.number = -51}}, &form);
    value_encode(&(struct value){TYPE_DOUBLE, true, .as = {.real = 1.5}}, &form);
    value_encode(&(struct value){TYPE_BOOLEAN, true, .as = {.boolean = true}}, &form);
    struct row row = row_of(buf_bytes(&form));
    row_describe(&row, &text);
    buf_byte(&text, 0);
    cr_assert(
        eq(str, (char *)text.data, "(2001-01-01T00:00:00.000000Z, \"DTW\", null, -51, 1.5, true)"));
    buf_free(&form);
    buf_free(&text);
    arena_free(&arena);
}
