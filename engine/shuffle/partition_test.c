/* The expected values are Spark's: three from its documentation of the function and its own
 * fixtures, the rest from an independent model of it that agrees with those. */
#include "engine/shuffle/partition.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"

static struct cell number(int64_t value)
{
    return (struct cell){.present = true, .as.number = value};
}

static struct cell text(const char *value)
{
    return (struct cell){.present = true, .as.text = bytes_of_text(value)};
}

static struct cell real(double value)
{
    return (struct cell){.present = true, .as.real = value};
}

static int32_t hash_of(enum type type, struct cell cell)
{
    const struct field field = {.name = "x", .type = type};
    return murmur3_row(&(struct schema){.fields = &field, .count = 1}, &cell);
}

Test(partition, numbers_hash_as_in_spark)
{
    cr_assert(eq(i32, hash_of(TYPE_INT, number(1)), -559580957));
    cr_assert(eq(i32, hash_of(TYPE_INT, number(-1)), -1604776387));
    cr_assert(eq(i32, hash_of(TYPE_INT, number(INT32_MIN)), 723455942));
    cr_assert(eq(i32, hash_of(TYPE_LONG, number(1)), -1712319331));
    cr_assert(eq(i32, hash_of(TYPE_LONG, number(-1)), -939490007));
    cr_assert(eq(i32, hash_of(TYPE_TIMESTAMP, number(INT64_MIN)), -853646085));
    struct cell yes = {.present = true, .as.boolean = true};
    struct cell no = {.present = true};
    cr_assert(eq(i32, hash_of(TYPE_BOOLEAN, yes), -559580957));
    cr_assert(eq(i32, hash_of(TYPE_BOOLEAN, no), 933211791));
    cr_assert(eq(i32, hash_of(TYPE_DOUBLE, real(1.5)), 1290763749));
}

Test(partition, each_byte_of_a_texts_tail_is_a_signed_word_of_its_own)
{
    cr_assert(eq(i32, hash_of(TYPE_STRING, text("")), 142593372));
    cr_assert(eq(i32, hash_of(TYPE_STRING, text("a")), 1485273170));
    cr_assert(eq(i32, hash_of(TYPE_STRING, text("abc")), 1322437556));
    cr_assert(eq(i32, hash_of(TYPE_STRING, text("abcd")), -396302900));
    cr_assert(eq(i32, hash_of(TYPE_STRING, text("hello")), -1008564952));
    cr_assert(eq(i32, hash_of(TYPE_STRING, text("abcdefg")), 2132013596));
    cr_assert(eq(i32, hash_of(TYPE_STRING, text("Z\303\274rich")), -761243618));
    cr_assert(eq(i32, hash_of(TYPE_STRING, text("\377\377\377")), -132802961));
}

Test(partition, doubles_that_are_one_group_are_in_one_partition)
{
    cr_assert(eq(i32, hash_of(TYPE_DOUBLE, real(0.0)), -1670924195));
    cr_assert(eq(i32, hash_of(TYPE_DOUBLE, real(-0.0)), -1670924195));
    double nan = 0;
    uint64_t bits = UINT64_C(0xfff0000000000001);
    memcpy(&nan, &bits, sizeof nan);
    cr_assert(eq(i32, hash_of(TYPE_DOUBLE, real(nan)), -1281358385));
}

static const struct field window_and_device[] = {
    {"window.start", TYPE_TIMESTAMP, "window"},
    {"window.end", TYPE_TIMESTAMP, "window"},
    {"device", TYPE_STRING, NULL},
};
static const struct schema key = {.fields = window_and_device, .count = 3};

Test(partition, columns_and_members_of_structs_are_chained)
{
    const struct cell cells[] = {number(40000000), number(50000000), text("dev-1")};
    cr_assert(eq(i32, murmur3_row(&key, cells), 0x7ab5a2e7));
    cr_assert(eq(i64, shuffle_partition(&key, cells, 5), 1));
    cr_assert(eq(i64, shuffle_partition(&key, cells, 200), 71));
    const struct field pair[] = {{"a", TYPE_INT}, {"b", TYPE_INT}};
    const struct cell one_two[] = {number(1), number(2)};
    cr_assert(
        eq(i32, murmur3_row(&(struct schema){.fields = pair, .count = 2}, one_two), -222940379));
}

Test(partition, a_null_leaves_the_hash_as_it_is)
{
    const struct field pair[] = {{"a", TYPE_STRING}, {"b", TYPE_INT}};
    const struct schema schema = {.fields = pair, .count = 2};
    const struct cell null_one[] = {{0}, number(1)};
    const struct cell nulls[] = {{0}, {0}};
    cr_assert(eq(i32, murmur3_row(&schema, null_one), -559580957));
    cr_assert(eq(i32, murmur3_row(&schema, nulls), 42));
    cr_assert(eq(i64, shuffle_partition(&schema, nulls, 5), 2));
}

/* Without a grouping column there is one group, as Spark's global aggregate. */
Test(partition, a_negative_hash_is_still_in_range_and_all_partitions_are_used)
{
    size_t met[7] = {0};
    for (int64_t i = 0; i < 7000; i++) {
        struct cell cells[] = {number(i), number((int64_t)hash_mix64((uint64_t)i)), text("x")};
        int64_t partition = shuffle_partition(&key, cells, 7);
        cr_assert(partition >= 0 && partition < 7);
        met[partition]++;
    }
    for (size_t i = 0; i < 7; i++) {
        cr_assert(gt(sz, met[i], 800), "partition %zu: %zu of 7000", i, met[i]);
    }
}

Test(partition, without_columns_everything_is_in_the_first_one)
{
    const struct schema none = {.fields = NULL, .count = 0};
    struct cell cell = {0};
    cr_assert(eq(i64, shuffle_partition(&none, &cell, 200), 0));
    cr_assert(eq(i64, shuffle_partition(&none, &cell, 5), 0));
}
