/* The range reader and the record before its range: is it the log that was read? */
#include "engine/source/kafka_script_test.h"

enum { OLD_MS = 5, NEW_MS = 6 };

static int64_t delivered[16];
static size_t delivered_count;
static struct fingerprint last; /* what the reader reports */

static enum status keep(void *context, const struct broker_record *record, struct diag *diag)
{
    delivered[delivered_count++] = record->offset;
    return OK;
}

static struct fingerprint of(int64_t offset, int64_t timestamp_ms)
{
    const struct broker_record record = {
        .offset = offset, .timestamp_ms = timestamp_ms, .value = bytes_of_text("value")};
    return fingerprint_of(&record);
}

/* Offsets 5 to 9, when 4 was the last one read, in the old log. */
static enum status read_on(struct script *script)
{
    struct kafka_range range = {.from = 5, .until = 10, .before = of(4, OLD_MS)};
    struct arena scratch = {0};
    struct kafka_reading reading = {.ports = &script->ports,
                                    .plan = &script->plan,
                                    .range = &range,
                                    .scratch = &scratch,
                                    .record = keep};
    delivered_count = 0;
    script->fetch_calls = 0;
    script->diag = (struct diag){0};
    enum status status = kafka_read_range(&reading, &script->diag);
    last = reading.last;
    arena_free(&scratch);
    return status;
}

static void expect_all(void)
{
    cr_assert(eq(sz, delivered_count, 5));
    for (size_t i = 0; i < 5; i++) {
        cr_assert(eq(i64, delivered[i], 5 + (int64_t)i));
    }
}

static void expect_last(int64_t offset, int64_t timestamp_ms)
{
    struct fingerprint expected = of(offset, timestamp_ms);
    cr_assert(fingerprint_equal(&last, &expected));
}

/* One fetch is enough: it begins at the record before, and the range follows. */
Test(kafka_range_changed, the_same_record_costs_no_request)
{
    struct script script = {
        .fetches = {{.answer = {.readable_end = 20, .next_offset = 10},
                     .offsets = {3, 4, 5, 6, 7, 8, 9},
                     .count = 7,
                     .timestamp_ms = OLD_MS}},
        .fetch_count = 1,
    };
    script_begin(&script);
    cr_assert(eq(int, read_on(&script), OK));
    expect_all();
    cr_assert(eq(sz, script.fetch_calls, 1));
    cr_assert(eq(i64, script.asked[0], 4));
    cr_assert(eq(i64, script.rows_spent, 5));
    expect_last(9, OLD_MS);
    script_end(&script);
}

/* An answer that ends with it: the range is asked for at once. */
Test(kafka_range_changed, the_range_may_come_in_the_next_answer)
{
    struct script script = {
        .fetches = {{.answer = {.readable_end = 20, .next_offset = 5},
                     .offsets = {4},
                     .count = 1,
                     .timestamp_ms = OLD_MS},
                    {.answer = {.readable_end = 20, .next_offset = 10},
                     .offsets = {5, 6, 7, 8, 9},
                     .count = 5,
                     .timestamp_ms = NEW_MS}},
        .fetch_count = 2,
    };
    script_begin(&script);
    int64_t begin_us = script.now_us;
    cr_assert(eq(int, read_on(&script), OK));
    expect_all();
    cr_assert(eq(i64, script.asked[1], 5));
    cr_assert(lt(i64, script.now_us - begin_us, 10 * US_PER_MS));
    expect_last(9, NEW_MS);
    script_end(&script);
}

Test(kafka_range_changed, another_record_is_data_loss)
{
    struct script script = {
        .fetches = {{.answer = {.readable_end = 20, .next_offset = 10},
                     .offsets = {4, 5, 6, 7, 8, 9},
                     .count = 6,
                     .timestamp_ms = NEW_MS}},
        .fetch_count = 1,
    };
    script_begin(&script);
    cr_assert(eq(int, read_on(&script), ERR_FAILED));
    cr_assert(eq(sz, delivered_count, 0));
    cr_assert(eq(str, script.diag.error_class, "DATA_LOSS"));
    cr_assert(strstr(script.diag.text, "topic flights, partition 0") != NULL);
    cr_assert(strstr(script.diag.text, "at offset 4 stood a record of timestamp 5, hash") != NULL);
    cr_assert(strstr(script.diag.text, "now one of timestamp 6, hash") != NULL);
    cr_assert(strstr(script.diag.text, "new checkpointLocation") != NULL);
    cr_assert(strstr(script.diag.text, "failOnDataLoss=false") != NULL);

    script.plan.options.fail_on_data_loss = false;
    cr_assert(eq(int, read_on(&script), OK));
    expect_all();
    expect_last(9, NEW_MS);
    cr_assert(eq(sz, script.changed_count, 1));
    cr_assert(eq(i64, script.changed.a, 0));
    cr_assert(eq(i64, script.changed.b, 4));
    cr_assert(eq(i64, script.changed.c, 5));
    cr_assert(eq(sz, script.skipped_count, 0));
    script_end(&script);
}

/* Compacted away: its offset is still there, and behind the log start. */
Test(kafka_range_changed, a_record_that_is_gone_raises_no_alarm)
{
    struct script script = {
        .fetches = {{.answer = {.readable_end = 20, .next_offset = 10},
                     .offsets = {5, 6, 7, 8, 9},
                     .count = 5,
                     .timestamp_ms = NEW_MS}},
        .fetch_count = 1,
    };
    script_begin(&script);
    cr_assert(eq(int, read_on(&script), OK));
    expect_all();
    script_end(&script);
}

/* Expired: what was read, and nothing else. */
Test(kafka_range_changed, a_record_that_has_expired_raises_no_alarm)
{
    struct script script = {
        .fetches = {{.answer = {.error = BROKER_OFFSET_OUT_OF_RANGE}},
                    {.answer = {.log_start_offset = 5, .readable_end = 20, .next_offset = 10},
                     .offsets = {5, 6, 7, 8, 9},
                     .count = 5,
                     .timestamp_ms = NEW_MS}},
        .fetch_count = 2,
        .offsets = {{.earliest = {5}, .latest = {20}}},
        .offsets_count = 1,
    };
    script_begin(&script);
    cr_assert(eq(int, read_on(&script), OK));
    expect_all();
    cr_assert(eq(i64, script.asked[0], 4));
    cr_assert(eq(i64, script.asked[1], 5));
    cr_assert(eq(sz, script.skipped_count, 0));
    script_end(&script);
}

/* No record of the range, and none before it any more: nothing is known. */
Test(kafka_range_changed, nothing_read_and_nothing_before_leaves_nothing)
{
    struct script script = {
        .fetches = {{.answer = {.readable_end = 20, .next_offset = 10}, .count = 0}},
        .fetch_count = 1,
    };
    script_begin(&script);
    cr_assert(eq(int, read_on(&script), OK));
    cr_assert(not(last.known));
    script_end(&script);
}

/* A range of nothing but gaps: the record before it is the last one still. */
Test(kafka_range_changed, a_range_without_records_keeps_the_one_before)
{
    struct script script = {
        .fetches = {{.answer = {.readable_end = 20, .next_offset = 10},
                     .offsets = {4},
                     .count = 1,
                     .timestamp_ms = OLD_MS}},
        .fetch_count = 1,
    };
    script_begin(&script);
    cr_assert(eq(int, read_on(&script), OK));
    cr_assert(eq(sz, delivered_count, 0));
    expect_last(4, OLD_MS);
    script_end(&script);
}

/* The log was cut and has not grown back yet: that is seen without comparing, and believed only
 * when it stays so. It never waits for the poll timeout. */
Test(kafka_range_changed, a_log_that_ends_below_it_is_shorter)
{
    struct script script = {
        .fetches = {{.answer = {.readable_end = 4, .next_offset = 4}, .count = 0}},
        .fetch_count = 1,
        .offsets = {{.earliest = {0}, .latest = {4}}},
        .offsets_count = 1,
    };
    script_begin(&script);
    cr_assert(eq(int, read_on(&script), ERR_FAILED));
    cr_assert(strstr(script.diag.text, "the log is shorter") != NULL);
    cr_assert(eq(sz, script.offsets_calls, 4));
    script_end(&script);
}

/* In the middle of a range a leader goes, and who comes may have another log: the last record that
 * came is compared. */
Test(kafka_range_changed, an_error_in_the_range_makes_it_look_back)
{
    struct script script = {
        .fetches = {{.answer = {.readable_end = 20, .next_offset = 7},
                     .offsets = {4, 5, 6},
                     .count = 3,
                     .timestamp_ms = OLD_MS},
                    {.answer = {.error = BROKER_NOT_LEADER_OR_FOLLOWER}},
                    {.answer = {.readable_end = 20, .next_offset = 10},
                     .offsets = {6, 7, 8, 9},
                     .count = 4,
                     .timestamp_ms = OLD_MS}},
        .fetch_count = 3,
    };
    script_begin(&script);
    cr_assert(eq(int, read_on(&script), OK));
    expect_all();
    cr_assert(eq(i64, script.asked[1], 7));
    cr_assert(eq(i64, script.asked[2], 6));

    script.fetches[2].timestamp_ms = NEW_MS;
    cr_assert(eq(int, read_on(&script), ERR_FAILED));
    cr_assert(strstr(script.diag.text, "at offset 6 stood a record of timestamp 5") != NULL);
    script_end(&script);
}
