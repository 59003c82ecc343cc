#include "engine/sink/delta_stats.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const struct field fields[] = {
    {"late", TYPE_BOOLEAN},
    {"delay", TYPE_INT},
    {"distance", TYPE_LONG},
    {"ratio", TYPE_DOUBLE},
    {"origin", TYPE_STRING},
    {"at", TYPE_TIMESTAMP},
};
static const struct schema schema = {.fields = fields, .count = 6};

static void set_row(struct columns *columns, size_t row, int32_t n, const char *text)
{
    struct column *column = columns->columns;
    for (size_t i = 0; i < schema.count; i++) {
        column[i].present[row] = 1;
    }
    column[0].values.booleans[row] = n > 0;
    column[1].values.ints[row] = n;
    column[2].values.longs[row] = n * INT64_C(1000000007);
    column[3].values.doubles[row] = n / 64.0;
    column[4].values.strings[row] = bytes_of_text(text);
    column[5].values.longs[row] = n;
}

static struct columns *three_rows(struct arena *arena)
{
    struct columns *columns = columns_new(arena, &schema, 8);
    set_row(columns, 0, 3, "ORD");
    set_row(columns, 1, -5, "ATL");
    for (size_t i = 0; i < schema.count; i++) {
        columns->columns[i].present[2] = 0;
    }
    columns->rows = 3;
    return columns;
}

static void expect_stats(const struct columns *columns, const char *expected)
{
    struct buf out = {0};
    delta_stats_json(columns, &out);
    buf_byte(&out, 0);
    cr_assert(eq(str, (char *)out.data, expected));
    buf_free(&out);
}

Test(delta_stats, bounds_of_the_types_that_have_any)
{
    struct arena arena = {0};
    expect_stats(three_rows(&arena),
                 "{\"numRecords\":3,\"minValues\":{\"delay\":-5,\"distance\":-5000000035,"
                 "\"ratio\":-0.078125,\"origin\":\"ATL\"},\"maxValues\":{\"delay\":3,"
                 "\"distance\":3000000021,\"ratio\":0.046875,\"origin\":\"ORD\"},"
                 "\"nullCount\":{\"late\":1,\"delay\":1,\"distance\":1,\"ratio\":1,\"origin\":1,"
                 "\"at\":1}}");
    arena_free(&arena);
}

Test(delta_stats, what_is_no_safe_bound_is_left_out)
{
    struct arena arena = {0};
    struct columns *columns = three_rows(&arena);
    columns->columns[3].values.doubles[0] = (double)INFINITY;        /* the whole column */
    columns->columns[4].values.strings[0] = bytes_of_text("Zürich"); /* the maximum alone */
    columns->columns[1].present[0] = 0;
    columns->columns[1].present[1] = 0;
    expect_stats(columns,
                 "{\"numRecords\":3,\"minValues\":{\"distance\":-5000000035,\"origin\":\"ATL\"},"
                 "\"maxValues\":{\"distance\":3000000021},\"nullCount\":{\"late\":1,\"delay\":3,"
                 "\"distance\":1,\"ratio\":1,\"origin\":1,\"at\":1}}");
    columns->columns[4].values.strings[0] = bytes_of_text("more than 32 ASCII letters, by one");
    columns->columns[4].values.strings[1] = bytes_of_text("~ \"quoted\"\n");
    columns->columns[3].values.doubles[0] = (double)NAN;
    expect_stats(columns,
                 "{\"numRecords\":3,\"minValues\":{\"distance\":-5000000035},\"maxValues\":"
                 "{\"distance\":3000000021,\"origin\":\"~ \\\"quoted\\\"\\n\"},\"nullCount\":"
                 "{\"late\":1,\"delay\":3,\"distance\":1,\"ratio\":1,\"origin\":1,\"at\":1}}");
    arena_free(&arena);
}

Test(delta_stats, a_struct_is_an_object_and_left_out_where_it_has_no_bound)
{
    static const struct field windowed_fields[] = {
        {"window.start", TYPE_TIMESTAMP, "window"},
        {"window.end", TYPE_TIMESTAMP, "window"},
        {"flights", TYPE_LONG, NULL},
        {"far.most", TYPE_INT, "far"},
        {"far.at", TYPE_TIMESTAMP, "far"},
    };
    static const struct schema windowed = {.fields = windowed_fields, .count = 5};
    struct arena arena = {0};
    struct columns *columns = columns_new(&arena, &windowed, 2);
    columns->rows = 2;
    for (size_t i = 0; i < windowed.count; i++) {
        columns->columns[i].present[0] = 1;
    }
    columns->columns[1].present[1] = 1;
    columns->columns[2].values.longs[0] = 7;
    columns->columns[3].values.ints[0] = -1;
    expect_stats(columns,
                 "{\"numRecords\":2,\"minValues\":{\"flights\":7,\"far\":{\"most\":-1}},"
                 "\"maxValues\":{\"flights\":7,\"far\":{\"most\":-1}},\"nullCount\":"
                 "{\"window\":{\"start\":1,\"end\":0},\"flights\":1,"
                 "\"far\":{\"most\":1,\"at\":1}}}");
    arena_free(&arena);
}

static void expect_double(double value, const char *expected)
{
    struct buf out = {0};
    cr_assert(eq(int, delta_exact_double(value, &out), expected != NULL));
    if (expected != NULL) {
        buf_byte(&out, 0);
        cr_assert(eq(str, (char *)out.data, expected));
        cr_assert(eq(dbl, strtod((char *)out.data, NULL), value));
    } else {
        cr_assert(eq(sz, out.size, 0));
    }
    buf_free(&out);
}

Test(delta_stats, doubles_are_exact_or_left_out)
{
    expect_double(0, "0.0");
    expect_double(1, "1.0");
    expect_double(-2.5, "-2.5");
    expect_double(1.0 / 64, "0.015625");
    expect_double(0.1, "0.1000000000000000055511151231257827021181583404541015625");
    expect_double(9007199254740993.0, "9007199254740992.0");
    expect_double(18446744073709549568.0, "18446744073709549568.0");
    expect_double(ldexp(1, 63), "9223372036854775808.0");
    expect_double(ldexp(1, 64), NULL);
    expect_double(ldexp(-1, -60),
                  "-0.000000000000000000867361737988403547205962240695953369140625");
    expect_double(ldexp(1, -61), NULL);
    expect_double(DBL_MIN / 2, NULL);
    expect_double(DBL_TRUE_MIN, NULL);
    expect_double(DBL_MAX, NULL);
    expect_double((double)INFINITY, NULL);
    expect_double((double)NAN, NULL);
}

Test(delta_stats, rows_hash_knows_rows_but_not_their_order)
{
    struct arena arena = {0};
    struct columns *columns = three_rows(&arena);
    uint64_t hash = delta_rows_hash(columns);
    struct columns *turned = columns_new(&arena, &schema, 3);
    set_row(turned, 0, -5, "ATL");
    set_row(turned, 2, 3, "ORD");
    turned->rows = 3;
    cr_assert(eq(u64, delta_rows_hash(turned), hash));
    /* a value that moves to another row is another table */
    turned->columns[1].values.ints[0] = 3;
    turned->columns[1].values.ints[2] = -5;
    cr_assert(ne(u64, delta_rows_hash(turned), hash));
    columns->rows = 2;
    cr_assert(ne(u64, delta_rows_hash(columns), hash));
    arena_free(&arena);
}

Test(delta_stats, rows_hash_tells_null_from_zero_and_zero_from_minus_zero)
{
    struct arena arena = {0};
    struct columns *columns = columns_new(&arena, &schema, 1);
    columns->rows = 1;
    uint64_t null = delta_rows_hash(columns);
    columns->columns[3].present[0] = 1;
    uint64_t zero = delta_rows_hash(columns);
    columns->columns[3].values.doubles[0] = -0.0;
    uint64_t minus_zero = delta_rows_hash(columns);
    cr_assert(ne(u64, null, zero));
    cr_assert(ne(u64, zero, minus_zero));
    columns->columns[3].values.doubles[0] = (double)NAN;
    uint64_t nan = delta_rows_hash(columns);
    columns->columns[3].values.doubles[0] = -(double)NAN;
    cr_assert(eq(u64, delta_rows_hash(columns), nan));
    arena_free(&arena);
}

Test(delta_stats, logical_bytes_are_of_values_not_of_files)
{
    struct arena arena = {0};
    struct columns *columns = three_rows(&arena);
    cr_assert(eq(i64, delta_rows_bytes(columns, 0, 3), 3 * (1 + 4 + 8 + 8 + 4 + 8) + 6));
    cr_assert(eq(i64, delta_rows_bytes(columns, 2, 3), 33));
    arena_free(&arena);
}
