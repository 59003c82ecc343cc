#include "engine/source/kafka_script_test.h"

static struct partition_offset start_entries[] = {{0, 10}, {1, 20}};
static const struct offsets start = {.topic = "flights", .entries = start_entries, .count = 2};

/* ---- latest */

Test(kafka_latest, every_partition_of_the_topic)
{
    struct script script = {
        .metadata = {{.count = 3, .leaderless = -1, .absent = -1}},
        .metadata_count = 1,
        .offsets = {{.latest = {15, 20, 7}}},
        .offsets_count = 1,
    };
    script_begin(&script);
    struct offsets latest;
    cr_assert(eq(int,
                 kafka_latest_offsets(
                     &script.ports, &script.plan, &start, &script.arena, &latest, &script.diag),
                 OK));
    cr_assert(eq(sz, latest.count, 3));
    cr_assert(eq(i64, latest.entries[0].offset, 15));
    cr_assert(eq(i64, latest.entries[2].offset, 7));
    script_end(&script);
}

/* SPARK-26267: a low answer is asked again; the next one is good. */
Test(kafka_latest, a_low_answer_is_asked_again)
{
    struct script script = {
        .metadata = {{.count = 2, .leaderless = -1, .absent = -1}},
        .metadata_count = 1,
        .offsets = {{.latest = {0, 20}}, {.latest = {12, 20}}},
        .offsets_count = 2,
    };
    script_begin(&script);
    struct offsets latest;
    cr_assert(eq(int,
                 kafka_latest_offsets(
                     &script.ports, &script.plan, &start, &script.arena, &latest, &script.diag),
                 OK));
    cr_assert(eq(i64, latest.entries[0].offset, 12));
    cr_assert(eq(sz, script.offsets_calls, 2));
    script_end(&script);
}

Test(kafka_latest, an_answer_that_stays_low_is_taken)
{
    struct script script = {
        .metadata = {{.count = 2, .leaderless = -1, .absent = -1}},
        .metadata_count = 1,
        .offsets = {{.latest = {3, 20}}},
        .offsets_count = 1,
    };
    script_begin(&script);
    int64_t begin_us = script.now_us;
    struct offsets latest;
    cr_assert(eq(int,
                 kafka_latest_offsets(
                     &script.ports, &script.plan, &start, &script.arena, &latest, &script.diag),
                 OK));
    cr_assert(eq(i64, latest.entries[0].offset, 3));
    cr_assert(eq(sz, script.offsets_calls, 4));
    cr_assert(ge(i64, script.now_us - begin_us, 3 * US_PER_SECOND));
    script_end(&script);
}

/* R23, SPARK-41375: unknown, empty, leaderless and partial metadata are asked again. */
Test(kafka_latest, incomplete_metadata_is_asked_again)
{
    struct script script = {
        .metadata = {{.error = BROKER_UNKNOWN_TOPIC_OR_PARTITION},
                     {.count = 0, .leaderless = -1, .absent = -1},
                     {.count = 2, .leaderless = 1, .absent = -1},
                     {.count = 1, .leaderless = -1, .absent = -1},
                     {.count = 3, .leaderless = -1, .absent = 0},
                     {.count = 2, .leaderless = -1, .absent = -1}},
        .metadata_count = 6,
        .offsets = {{.latest = {11, 21, 31}}},
        .offsets_count = 1,
    };
    script_begin(&script);
    struct offsets latest;
    cr_assert(eq(int,
                 kafka_latest_offsets(
                     &script.ports, &script.plan, &start, &script.arena, &latest, &script.diag),
                 OK));
    cr_assert(eq(sz, script.metadata_calls, 6));
    cr_assert(eq(sz, latest.count, 2));
    cr_assert(eq(i64, latest.entries[1].offset, 21));
    script_end(&script);
}

/* No partitions at all is never an answer, also when nothing is known yet. */
Test(kafka_latest, an_empty_list_is_asked_again)
{
    struct script script = {
        .metadata = {{.count = 0, .leaderless = -1, .absent = -1},
                     {.count = 2, .leaderless = -1, .absent = -1}},
        .metadata_count = 2,
        .offsets = {{.latest = {11, 21}}},
        .offsets_count = 1,
    };
    script_begin(&script);
    const struct offsets nothing = {.topic = "flights"};
    struct offsets latest;
    cr_assert(eq(int,
                 kafka_latest_offsets(
                     &script.ports, &script.plan, &nothing, &script.arena, &latest, &script.diag),
                 OK));
    cr_assert(eq(sz, latest.count, 2));
    script_end(&script);
}

/* A partition that stays away keeps the offset that was planned before: it is not "gone". */
Test(kafka_latest, a_missing_partition_keeps_its_offset)
{
    struct script script = {
        .metadata = {{.count = 1, .leaderless = -1, .absent = -1}},
        .metadata_count = 1,
        .offsets = {{.latest = {11}}},
        .offsets_count = 1,
    };
    script_begin(&script);
    struct offsets latest;
    cr_assert(eq(int,
                 kafka_latest_offsets(
                     &script.ports, &script.plan, &start, &script.arena, &latest, &script.diag),
                 OK));
    cr_assert(eq(sz, latest.count, 2));
    cr_assert(eq(i64, latest.entries[0].offset, 11));
    cr_assert(eq(i64, latest.entries[1].offset, 20));
    script_end(&script);
}

Test(kafka_latest, kafka_away_is_a_timeout_that_says_so)
{
    struct script script = {
        .metadata = {{.error = BROKER_TRANSPORT}},
        .metadata_count = 1,
        .complaint = "broker:9092: Connection refused",
    };
    script_begin(&script);
    int64_t begin_us = script.now_us;
    struct offsets latest;
    cr_assert(eq(int,
                 kafka_latest_offsets(
                     &script.ports, &script.plan, &start, &script.arena, &latest, &script.diag),
                 ERR_TIMEOUT));
    cr_assert(eq(str, script.diag.error_class, "KAFKA_TIMEOUT"));
    cr_assert(strstr(script.diag.text,
                     "TRANSPORT; the client says: broker:9092: Connection refused") != NULL);
    cr_assert(strstr(script.diag.text, "partitions of topic flights within 60000 ms") != NULL);
    cr_assert(strstr(script.diag.text, "TRANSPORT") != NULL);
    cr_assert(le(i64, script.now_us - begin_us, 61 * US_PER_SECOND));
    script_end(&script);
}

/* A moved leader: the offsets are asked again after the client was made to look for leaders. */
Test(kafka_latest, a_moved_leader_is_looked_up)
{
    struct script script = {
        .metadata = {{.count = 2, .leaderless = -1, .absent = -1}},
        .metadata_count = 1,
        .offsets = {{.errors = {BROKER_NOT_LEADER_OR_FOLLOWER}, .latest = {-1, 21}},
                    {.latest = {11, 22}}},
        .offsets_count = 2,
    };
    script_begin(&script);
    struct offsets latest;
    cr_assert(eq(int,
                 kafka_latest_offsets(
                     &script.ports, &script.plan, &start, &script.arena, &latest, &script.diag),
                 OK));
    cr_assert(eq(sz, script.metadata_calls, 2));
    cr_assert(eq(i64, latest.entries[0].offset, 11));
    cr_assert(eq(i64, latest.entries[1].offset, 22));
    script_end(&script);
}

/* ---- ranges */

static struct kafka_range *ranges;
static size_t range_count;

static enum status plan_to(struct script *script, struct partition_offset *entries, size_t count)
{
    struct offsets end = {.topic = "flights", .entries = entries, .count = count};
    script->diag = (struct diag){0};
    return kafka_plan_ranges(&script->ports,
                             &script->plan,
                             &start,
                             &end,
                             &script->arena,
                             &ranges,
                             &range_count,
                             &script->diag);
}

static void expect_loss(const struct script *script, const char *spark_class, const char *text)
{
    cr_assert(eq(str, script->diag.error_class, "DATA_LOSS"));
    cr_assert(strstr(script->diag.text, spark_class) != NULL, "%s", script->diag.text);
    cr_assert(strstr(script->diag.text, "topic flights") != NULL, "%s", script->diag.text);
    cr_assert(strstr(script->diag.text, text) != NULL, "%s", script->diag.text);
    cr_assert(strstr(script->diag.text, "failOnDataLoss=false") != NULL, "%s", script->diag.text);
}

Test(kafka_ranges, one_for_each_partition_with_news)
{
    struct script script = {.offsets = {{.earliest = {0, 0, 0}}}, .offsets_count = 1};
    script_begin(&script);
    struct partition_offset end[] = {{0, 15}, {1, 20}, {2, 7}};
    cr_assert(eq(int, plan_to(&script, end, 3), OK));
    cr_assert(eq(sz, range_count, 2));
    cr_assert(eq(int, ranges[1].partition, 2));
    cr_assert(eq(i64, ranges[0].from, 10));
    cr_assert(eq(i64, ranges[0].until, 15));
    cr_assert(eq(i64, ranges[1].from, 0)); /* a new partition begins at earliest */
    cr_assert(eq(i64, ranges[1].until, 7));
    script_end(&script);
}

Test(kafka_ranges, expired_records_are_refused_with_every_partition)
{
    struct script script = {.offsets = {{.earliest = {12, 25}}}, .offsets_count = 1};
    script_begin(&script);
    struct partition_offset end[] = {{0, 15}, {1, 30}};
    cr_assert(eq(int, plan_to(&script, end, 2), ERR_FAILED));
    expect_loss(&script,
                "KAFKA_DATA_LOSS.COULD_NOT_READ_OFFSET_RANGE",
                "partition 0: offsets 10 to 14 expected, earliest available 12; "
                "partition 1: offsets 20 to 29 expected, earliest available 25");

    script.plan.options.fail_on_data_loss = false; /* the reader of the range skips and reports */
    cr_assert(eq(int, plan_to(&script, end, 2), OK));
    cr_assert(eq(sz, range_count, 2));
    cr_assert(eq(i64, ranges[0].from, 10));
    script_end(&script);
}

/* An idle log may expire whole: earliest == the committed offset is no loss, nor is one that lies
 * behind an empty range. */
Test(kafka_ranges, an_idle_log_that_expired_is_no_loss)
{
    struct script script = {.offsets = {{.earliest = {10, 99}}}, .offsets_count = 1};
    script_begin(&script);
    struct partition_offset end[] = {{0, 15}, {1, 20}};
    cr_assert(eq(int, plan_to(&script, end, 2), OK));
    cr_assert(eq(sz, range_count, 1));
    script_end(&script);
}

Test(kafka_ranges, an_end_below_the_start_is_refused_or_left_out)
{
    struct script script = {.offsets = {{.earliest = {0, 0}}}, .offsets_count = 1};
    script_begin(&script);
    struct partition_offset end[] = {{0, 4}, {1, 22}};
    cr_assert(eq(int, plan_to(&script, end, 2), ERR_FAILED));
    expect_loss(&script,
                "KAFKA_DATA_LOSS.PARTITION_OFFSET_CHANGED",
                "partition 0: offset 10 expected, the log ends at 4");
    script.plan.options.fail_on_data_loss = false;
    cr_assert(eq(int, plan_to(&script, end, 2), OK));
    cr_assert(eq(sz, range_count, 1));
    cr_assert(eq(int, ranges[0].partition, 1));
    cr_assert(eq(sz, script.skipped_count, 1)); /* what was read and is gone is reported */
    cr_assert(eq(i64, script.skipped[0].a, 0));
    cr_assert(eq(i64, script.skipped[0].b, 4));
    cr_assert(eq(i64, script.skipped[0].c, 10));
    script_end(&script);
}

Test(kafka_ranges, a_partition_that_went_away)
{
    struct script script = {.offsets = {{.earliest = {0}}}, .offsets_count = 1};
    script_begin(&script);
    struct partition_offset end[] = {{0, 15}};
    cr_assert(eq(int, plan_to(&script, end, 1), ERR_FAILED));
    expect_loss(&script, "KAFKA_DATA_LOSS.PARTITIONS_DELETED", "partition 1: offsets from 20 on");
    script.plan.options.fail_on_data_loss = false;
    cr_assert(eq(int, plan_to(&script, end, 1), OK));
    cr_assert(eq(sz, range_count, 1));
    script_end(&script);
}

Test(kafka_ranges, a_new_partition_that_does_not_start_at_zero)
{
    struct script script = {.offsets = {{.earliest = {0, 0, 4}}}, .offsets_count = 1};
    script_begin(&script);
    struct partition_offset end[] = {{0, 10}, {1, 20}, {2, 7}};
    cr_assert(eq(int, plan_to(&script, end, 3), ERR_FAILED));
    expect_loss(&script,
                "KAFKA_DATA_LOSS.ADDED_PARTITION_DOES_NOT_START_FROM_OFFSET_ZERO",
                "partition 2: offset 0 expected, earliest available 4");
    script.plan.options.fail_on_data_loss = false;
    cr_assert(eq(int, plan_to(&script, end, 3), OK));
    cr_assert(eq(i64, ranges[0].from, 4));
    cr_assert(eq(sz, script.skipped_count, 1));
    cr_assert(eq(i64, script.skipped[0].a, 2));
    cr_assert(eq(i64, script.skipped[0].c, 4));
    script_end(&script);
}

Test(kafka_ranges, a_new_partition_that_was_deleted_again)
{
    struct script script = {
        .metadata = {{.count = 2, .leaderless = -1, .absent = -1}},
        .metadata_count = 1,
        .offsets = {{.errors = {0, 0, BROKER_UNKNOWN_TOPIC_OR_PARTITION}, .earliest = {0, 0, -1}}},
        .offsets_count = 1,
    };
    script_begin(&script);
    struct partition_offset end[] = {{0, 15}, {1, 20}, {2, 7}};
    cr_assert(eq(int, plan_to(&script, end, 3), ERR_FAILED));
    expect_loss(&script, "KAFKA_DATA_LOSS.INITIAL_OFFSET_NOT_FOUND_FOR_PARTITIONS", "partition 2");
    script.plan.options.fail_on_data_loss = false;
    cr_assert(eq(int, plan_to(&script, end, 3), OK));
    cr_assert(eq(sz, range_count, 1));
    script_end(&script);
}

Test(kafka_begin, new_partitions_begin_at_earliest)
{
    struct script script = {.offsets = {{.earliest = {0, 0, 4}}}, .offsets_count = 1};
    script_begin(&script);
    struct partition_offset entries[] = {{0, 15}, {2, 7}};
    struct offsets latest = {.topic = "flights", .entries = entries, .count = 2};
    struct offsets begin;
    cr_assert(
        eq(int,
           kafka_begin_offsets(
               &script.ports, &script.plan, &start, &latest, &script.arena, &begin, &script.diag),
           OK));
    cr_assert(eq(sz, begin.count, 2));
    cr_assert(eq(i64, begin.entries[0].offset, 10));
    cr_assert(eq(i64, begin.entries[1].offset, 4));
    script_end(&script);
}
