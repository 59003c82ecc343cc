#include "engine/source/kafka_split.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"

static struct arena arena;

static struct offsets offsets_of(struct partition_offset *entries, size_t count)
{
    return (struct offsets){.topic = "t", .entries = entries, .count = count};
}

/* Worked from Spark's rateLimit: total 1000, limit 100. */
Test(rate_limit, shares_are_in_proportion)
{
    struct partition_offset begin_entries[] = {{0, 0}, {1, 100}, {2, 5}, {3, 7}};
    struct partition_offset latest_entries[] = {{0, 700}, {1, 395}, {2, 10}, {3, 7}};
    struct offsets begin = offsets_of(begin_entries, 4);
    struct offsets latest = offsets_of(latest_entries, 4);
    struct offsets end;
    kafka_rate_limit(&begin, &latest, 100, &arena, &end);
    cr_assert(eq(i64, end.entries[0].offset, 70));
    cr_assert(eq(i64, end.entries[1].offset, 129)); /* 29.5 down */
    cr_assert(eq(i64, end.entries[2].offset, 6));   /* 0.5 up */
    cr_assert(eq(i64, end.entries[3].offset, 7));
}

/* 0.29 * 100 is 28.999... in doubles, and Spark rounds that down. */
Test(rate_limit, rounds_as_spark)
{
    struct partition_offset begin_entries[] = {{0, 0}, {1, 0}};
    struct partition_offset latest_entries[] = {{0, 29}, {1, 71}};
    struct offsets begin = offsets_of(begin_entries, 2);
    struct offsets latest = offsets_of(latest_entries, 2);
    struct offsets end;
    kafka_rate_limit(&begin, &latest, 100, &arena, &end);
    cr_assert(eq(i64, end.entries[0].offset, 28));
    cr_assert(eq(i64, end.entries[1].offset, 71));
}

Test(rate_limit, no_limit_is_everything)
{
    struct partition_offset begin_entries[] = {{0, 3}};
    struct partition_offset latest_entries[] = {{0, 1000}, {1, 50}};
    struct offsets begin = offsets_of(begin_entries, 1);
    struct offsets latest = offsets_of(latest_entries, 2);
    struct offsets end;
    kafka_rate_limit(&begin, &latest, 0, &arena, &end);
    cr_assert(eq(i64, end.entries[0].offset, 1000));
    cr_assert(eq(i64, end.entries[1].offset, 50));
}

/* An end that moved back is passed on: the planner of ranges judges it. SPARK-26718: no overflow.
 */
Test(rate_limit, keeps_what_moved_back_and_survives_huge_numbers)
{
    struct partition_offset begin_entries[] = {{0, 10}, {1, 0}, {2, INT64_MAX - 5}};
    struct partition_offset latest_entries[] = {{0, 4}, {1, INT64_MAX}, {2, INT64_MAX}};
    struct offsets begin = offsets_of(begin_entries, 3);
    struct offsets latest = offsets_of(latest_entries, 3);
    struct offsets end;
    kafka_rate_limit(&begin, &latest, INT64_MAX, &arena, &end);
    cr_assert(eq(i64, end.entries[0].offset, 4));
    cr_assert(eq(i64, end.entries[1].offset, INT64_MAX));
    cr_assert(ge(i64, end.entries[2].offset, INT64_MAX - 4));
}

Test(rate_limit, never_past_latest_and_at_least_one)
{
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct partition_offset begin_entries[8];
        struct partition_offset latest_entries[8];
        size_t count = 1 + hash_mix64(seed) % 8;
        for (size_t i = 0; i < count; i++) {
            uint64_t draw = hash_chain(seed, i);
            int64_t from = (int64_t)(draw % 100000);
            int64_t size = draw >> 62 == 0 ? 0 : (int64_t)((draw >> 20) % (1 << (draw >> 60)));
            begin_entries[i] = (struct partition_offset){(int32_t)i, from};
            latest_entries[i] = (struct partition_offset){(int32_t)i, from + size};
        }
        struct offsets begin = offsets_of(begin_entries, count);
        struct offsets latest = offsets_of(latest_entries, count);
        struct offsets end;
        int64_t limit = 1 + (int64_t)(hash_chain(seed, 99) % 5000);
        kafka_rate_limit(&begin, &latest, limit, &arena, &end);
        int64_t sum = 0;
        for (size_t i = 0; i < count; i++) {
            int64_t taken = end.entries[i].offset - begin_entries[i].offset;
            cr_assert(le(i64, end.entries[i].offset, latest_entries[i].offset));
            cr_assert(eq(int, taken > 0, latest_entries[i].offset > begin_entries[i].offset));
            sum += taken;
        }
        cr_assert(le(i64, sum, limit + (int64_t)count));
        arena_reset(&arena);
    }
}

/* ---- minPartitions */

Test(split, small_ranges_stay_whole)
{
    struct kafka_range ranges[] = {{0, 0, 10}, {1, 100, 1000}};
    struct kafka_range *parts = NULL;
    size_t count = 0;
    kafka_split_ranges(ranges, 2, 4, &arena, &parts, &count);
    cr_assert(eq(sz, count, 4));
    cr_assert(eq(i64, parts[0].until, 10));
    cr_assert(eq(i64, parts[1].until, 400));
    cr_assert(eq(i64, parts[2].until, 700));
    cr_assert(eq(i64, parts[3].until, 1000));
}

/* Integer division, the remainder to the last: 0..3, 3..6, 6..10. */
Test(split, the_last_part_takes_the_remainder)
{
    struct kafka_range range = {0, 0, 10};
    struct kafka_range *parts = NULL;
    size_t count = 0;
    kafka_split_ranges(&range, 1, 3, &arena, &parts, &count);
    cr_assert(eq(sz, count, 3));
    cr_assert(eq(i64, parts[0].until, 3));
    cr_assert(eq(i64, parts[1].until, 6));
    cr_assert(eq(i64, parts[2].until, 10));
}

Test(split, enough_ranges_are_left_alone)
{
    struct kafka_range ranges[] = {{0, 0, 1000}, {1, 0, 5}};
    struct kafka_range *parts = NULL;
    size_t count = 0;
    kafka_split_ranges(ranges, 2, 2, &arena, &parts, &count);
    cr_assert(eq(sz, count, 2));
    kafka_split_ranges(ranges, 0, 5, &arena, &parts, &count);
    cr_assert(eq(sz, count, 0));
}

/* SPARK-28489: whatever the sizes, each offset is in one part, in order. */
Test(split, covers_every_offset_once)
{
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct kafka_range ranges[8];
        size_t count = 1 + hash_mix64(seed) % 8;
        for (size_t i = 0; i < count; i++) {
            uint64_t draw = hash_chain(seed, i);
            int64_t from = (int64_t)(draw % 100000);
            ranges[i] = (struct kafka_range){
                (int32_t)i, from, from + 1 + (int64_t)((draw >> 20) % (1 << (draw >> 60)))};
        }
        struct kafka_range *parts = NULL;
        size_t part_count = 0;
        int64_t min = (int64_t)(hash_chain(seed, 99) % 40);
        kafka_split_ranges(ranges, count, min, &arena, &parts, &part_count);
        size_t at = 0;
        for (size_t i = 0; i < count; i++) {
            int64_t next = ranges[i].from;
            while (at < part_count && parts[at].partition == ranges[i].partition) {
                cr_assert(eq(i64, parts[at].from, next));
                cr_assert(gt(i64, parts[at].until, parts[at].from));
                next = parts[at++].until;
            }
            cr_assert(eq(i64, next, ranges[i].until));
        }
        cr_assert(eq(sz, at, part_count));
        arena_reset(&arena);
    }
}

Test(split, a_huge_option_is_bounded_by_the_records)
{
    struct kafka_range ranges[] = {{0, 0, 3}, {1, 7, 8}};
    struct kafka_range *parts = NULL;
    size_t count = 0;
    kafka_split_ranges(ranges, 2, INT64_C(1) << 40, &arena, &parts, &count);
    cr_assert(eq(sz, count, 4));
}
