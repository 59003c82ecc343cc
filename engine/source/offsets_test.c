#include "engine/source/offsets.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/base/process.h"

static struct arena arena;
static struct diag diag;

static enum status parse(const char *json, struct offsets *offsets)
{
    diag = (struct diag){0};
    return offsets_parse(&arena, bytes_of_text(json), offsets, &diag);
}

static void expect_json(const struct offsets *offsets, const char *expected)
{
    struct buf out = {0};
    offsets_json(offsets, &out);
    buf_byte(&out, 0);
    cr_assert(eq(str, (const char *)out.data, expected));
    buf_free(&out);
}

Test(offsets, round_trip_is_byte_equal)
{
    struct offsets offsets;
    cr_assert(eq(int, parse("{\"flights\":{\"0\":456,\"1\":12}}", &offsets), OK));
    cr_assert(eq(str, offsets.topic, "flights"));
    cr_assert(eq(sz, offsets.count, 2));
    cr_assert(eq(i64, offsets_get(&offsets, 0), 456));
    cr_assert(eq(i64, offsets_get(&offsets, 1), 12));
    cr_assert(eq(i64, offsets_get(&offsets, 2), -1));
    expect_json(&offsets, "{\"flights\":{\"0\":456,\"1\":12}}");
}

/* The line that Spark 2.4.3 (Scala 2.12) wrote; Spark 4 writes the same offsets ascending. */
Test(offsets, reads_the_order_of_older_sparks)
{
    struct offsets offsets;
    cr_assert(eq(int,
                 parse("{\"spark-test-topic-2b8619f5-d3c4-4c2d-b5d1-8d9d9458aa62\":"
                       "{\"2\":3,\"4\":4,\"1\":5,\"3\":6,\"0\":7}}",
                       &offsets),
                 OK));
    static const int64_t expected[] = {7, 5, 3, 6, 4};
    for (int32_t i = 0; i < 5; i++) {
        cr_assert(eq(int, offsets.entries[i].partition, i));
        cr_assert(eq(i64, offsets_get(&offsets, i), expected[i]));
    }
    expect_json(&offsets,
                "{\"spark-test-topic-2b8619f5-d3c4-4c2d-b5d1-8d9d9458aa62\":"
                "{\"0\":7,\"1\":5,\"2\":3,\"3\":6,\"4\":4}}");
}

/* Worked by hand from the rule: 3 entries, 16 buckets: 16 -> bucket 0, 1 -> 1, 35 -> 3. */
Test(offsets, sparse_partitions_come_in_bucket_order)
{
    struct partition_offset entries[] = {{1, 10}, {3, 30}, {16, 160}, {35, 350}, {65536, 5}};
    struct offsets offsets = {.topic = "t", .entries = entries, .count = 4};
    expect_json(&offsets, "{\"t\":{\"16\":160,\"1\":10,\"3\":30,\"35\":350}}");
    /* 65536 hashes to 0x10001: bucket 1, behind 1. */
    offsets.count = 5;
    expect_json(&offsets, "{\"t\":{\"16\":160,\"1\":10,\"65536\":5,\"3\":30,\"35\":350}}");
}

/* The 12th entry doubles the 16 buckets: partition 16 leaves bucket 0. */
Test(offsets, the_table_grows_at_three_quarters)
{
    struct partition_offset entries[12];
    for (int32_t i = 0; i < 11; i++) {
        entries[i] = (struct partition_offset){i + 1, 0};
    }
    entries[10].partition = 16;
    struct offsets offsets = {.topic = "t", .entries = entries, .count = 11};
    struct buf out = {0};
    offsets_json(&offsets, &out);
    cr_assert(eq(int, memcmp(out.data, "{\"t\":{\"16\":", 11), 0));
    buf_clear(&out);
    entries[11].partition = 17;
    entries[11].offset = 0;
    offsets.count = 12;
    offsets_json(&offsets, &out);
    cr_assert(eq(int, memcmp(out.data, "{\"t\":{\"1\":0,", 12), 0));
    buf_free(&out);
}

Test(offsets, accepts_white_space_and_no_partitions)
{
    struct offsets offsets;
    cr_assert(
        eq(int, parse(" {\n\"a.b_c-D\" : { \"7\" :\t9223372036854775807 } }\r\n", &offsets), OK));
    cr_assert(eq(i64, offsets_get(&offsets, 7), INT64_MAX));
    cr_assert(eq(int, parse("{\"t\":{}}", &offsets), OK));
    cr_assert(eq(sz, offsets.count, 0));
}

Test(offsets, refuses_what_spark_would_not_write)
{
    static const char *const bad[] = {
        "",
        "{",
        "{}",
        "[]",
        "{\"t\"}",
        "{\"t\":1}",
        "{\"t\":{\"0\":1}",
        "{\"t\":{\"0\":1}}x",
        "{\"t\":{\"0\":1},\"u\":{}}",
        "{\"t\":{\"0\":1,}}",
        "{\"t\":{\"0\":-1}}",
        "{\"t\":{\"0\":01}}",
        "{\"t\":{\"-1\":1}}",
        "{\"t\":{\" 1\":1}}",
        "{\"t\":{\"1 \":1}}",
        "{\"t\":{\"2147483648\":1}}",
        "{\"t\":{\"0\":9223372036854775808}}",
        "{\"t\":{\"0\":99999999999999999999999}}",
        "{\"t\":{\"0\":1.0}}",
        "{\"t\":{\"0\":1e3}}",
        "{\"t\":{\"0\":\"1\"}}",
        "{\"t\":{\"0\":1 2}}",
        "{\"t\":{\"3\":1,\"0\":2,\"3\":1}}",
        "{\"\":{\"0\":1}}",
        "{\"a\\u0041\":{\"0\":1}}",
        "{\"a/b\":{\"0\":1}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct offsets offsets;
        cr_assert(eq(int, parse(bad[i], &offsets), ERR_FAILED), "accepted: %s", bad[i]);
        cr_assert(eq(str, diag.error_class, "CORRUPT_OFFSETS"));
    }
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

Test(offsets, a_refusal_names_the_place)
{
    struct offsets offsets;
    cr_assert(eq(int, parse("{\"t\":{\"0\":x}}", &offsets), ERR_FAILED));
    cr_assert(strstr(diag.text, "at byte 10, found 'x'") != NULL, "%s", diag.text);
}

Test(offsets, starting_offsets_know_earliest_and_latest)
{
    struct offsets offsets;
    diag = (struct diag){0};
    const char *json = "{\"t\":{\"0\":-2,\"1\":-1,\"2\":5}}";
    cr_assert(eq(int, offsets_parse_starting(&arena, bytes_of_text(json), &offsets, &diag), OK));
    cr_assert(eq(i64, offsets.entries[0].offset, OFFSETS_EARLIEST));
    cr_assert(eq(i64, offsets.entries[1].offset, OFFSETS_LATEST));
    json = "{\"t\":{\"0\":-3}}";
    cr_assert(
        eq(int, offsets_parse_starting(&arena, bytes_of_text(json), &offsets, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "INVALID_OPTION"));
}

/* Random sets of partitions survive writing and reading. */
Test(offsets, any_set_round_trips)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct partition_offset entries[64];
        struct offsets offsets = {.topic = "t", .entries = entries};
        int32_t partition = -1;
        size_t count = hash_mix64(seed) % 64;
        for (size_t i = 0; i < count; i++) {
            uint64_t draw = hash_chain(seed, i);
            partition += 1 + (int32_t)(draw % (i % 7 == 0 ? 1000003 : 3));
            entries[i] = (struct partition_offset){partition, (int64_t)(draw >> 1)};
        }
        offsets.count = count;
        struct buf out = {0};
        offsets_json(&offsets, &out);
        struct offsets back;
        diag = (struct diag){0};
        cr_assert(eq(int, offsets_parse(&arena, buf_bytes(&out), &back, &diag), OK));
        cr_assert(eq(sz, back.count, count));
        for (size_t i = 0; i < count; i++) {
            cr_assert(eq(int, back.entries[i].partition, entries[i].partition));
            cr_assert(eq(i64, back.entries[i].offset, entries[i].offset));
        }
        buf_free(&out);
    }
}

/* Every prefix and many single-byte changes of a good line: an answer, never a crash. */
Test(offsets, survives_hostile_bytes)
{
    const char *good = "{\"flights\":{\"0\":456,\"1\":12,\"10\":7}}";
    size_t size = strlen(good);
    struct offsets offsets;
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = heap_alloc(cut + 1);
        memcpy(exact, good, cut);
        diag = (struct diag){0};
        cr_assert(
            eq(int, offsets_parse(&arena, bytes_of(exact, cut), &offsets, &diag), ERR_FAILED));
        heap_free(exact);
    }
    for (uint64_t seed = 0; seed < 20000; seed++) {
        uint8_t bytes[64];
        memcpy(bytes, good, size);
        bytes[hash_mix64(seed) % size] = (uint8_t)hash_chain(seed, 1);
        diag = (struct diag){0};
        enum status status = offsets_parse(&arena, bytes_of(bytes, size), &offsets, &diag);
        cr_assert(status == OK || diag.set);
    }
    arena_reset(&arena);
}
