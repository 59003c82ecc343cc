#include "engine/source/kafka_script_test.h"

static int64_t delivered[64];
static size_t delivered_count;
static enum status record_status;

static enum status keep(void *context, const struct broker_record *record, struct diag *diag)
{
    delivered[delivered_count++] = record->offset;
    cr_assert(bytes_equal_text(record->value, "value"));
    return record_status;
}

static enum status read_range(struct script *script, int64_t from, int64_t until)
{
    struct kafka_range range = {.partition = 0, .from = from, .until = until};
    struct arena scratch = {0};
    delivered_count = 0;
    struct kafka_reading reading = {.ports = &script->ports,
                                    .plan = &script->plan,
                                    .range = &range,
                                    .scratch = &scratch,
                                    .record = keep};
    enum status status = kafka_read_range(&reading, &script->diag);
    arena_free(&scratch);
    return status;
}

static void expect_delivered(size_t count, const int64_t *offsets)
{
    cr_assert(eq(sz, delivered_count, count));
    for (size_t i = 0; i < count; i++) {
        cr_assert(eq(i64, delivered[i], offsets[i]));
    }
}

/* Whole batches: 3 and 4 come before the range, 10 and 11 behind it. */
Test(kafka_range, delivers_exactly_the_range)
{
    struct script script = {
        .fetches = {{.answer = {.readable_end = 20, .next_offset = 8},
                     .offsets = {3, 4, 5, 6, 7},
                     .count = 5},
                    {.answer = {.readable_end = 20, .next_offset = 12},
                     .offsets = {8, 9, 10, 11},
                     .count = 4}},
        .fetch_count = 2,
    };
    script_begin(&script);
    cr_assert(eq(int, read_range(&script, 5, 10), OK));
    expect_delivered(5, (int64_t[]){5, 6, 7, 8, 9});
    cr_assert(eq(sz, script.fetch_calls, 2));
    cr_assert(eq(i64, script.asked[1], 8));
    cr_assert(eq(i64, script.rows_spent, 5));
    script_end(&script);
}

/* SPARK-25005: gaps at the start, in the middle, at the end, and over a whole answer are legal when
 * the log begins before them. */
Test(kafka_range, legal_gaps_are_crossed_silently)
{
    struct script script = {
        .fetches = {{.answer = {.readable_end = 30, .next_offset = 14},
                     .offsets = {7, 9, 12},
                     .count = 3},
                    {.answer = {.readable_end = 30, .next_offset = 18}, .count = 0},
                    {.answer = {.readable_end = 30, .next_offset = 25}, .count = 0}},
        .fetch_count = 3,
    };
    script_begin(&script);
    cr_assert(eq(int, read_range(&script, 5, 20), OK));
    expect_delivered(3, (int64_t[]){7, 9, 12});
    cr_assert(eq(i64, script.asked[1], 14));
    cr_assert(eq(i64, script.asked[2], 18));
    cr_assert(eq(sz, script.skipped_count, 0));
    script_end(&script);
}

/* The range's last offset may be invisible: a record behind the range ends it too. */
Test(kafka_range, a_record_behind_the_range_ends_it)
{
    struct script script = {
        .fetches = {{.answer = {.readable_end = 30, .next_offset = 12},
                     .offsets = {5, 11},
                     .count = 2}},
        .fetch_count = 1,
    };
    script_begin(&script);
    cr_assert(eq(int, read_range(&script, 5, 10), OK));
    expect_delivered(1, (int64_t[]){5});
    cr_assert(eq(sz, script.fetch_calls, 1));
    script_end(&script);
}

/* The log start that came with the answer lies in the gap: 5 to 7 have expired, 8 is a legal gap.
 */
Test(kafka_range, an_expired_gap_is_loss)
{
    struct script script = {
        .fetches = {{.answer = {.log_start_offset = 8, .readable_end = 30, .next_offset = 10},
                     .offsets = {9},
                     .count = 1}},
        .fetch_count = 1,
    };
    script_begin(&script);
    cr_assert(eq(int, read_range(&script, 5, 10), ERR_FAILED));
    cr_assert(eq(str, script.diag.error_class, "DATA_LOSS"));
    cr_assert(strstr(script.diag.text, "topic flights, partition 0: offsets 5 to 9 expected") !=
              NULL);
    cr_assert(strstr(script.diag.text, "KAFKA_DATA_LOSS.COULD_NOT_READ_OFFSET_RANGE") != NULL);
    cr_assert(strstr(script.diag.text, "earliest available 8") != NULL);
    expect_delivered(0, NULL);

    script.plan.options.fail_on_data_loss = false;
    script.diag = (struct diag){0};
    cr_assert(eq(int, read_range(&script, 5, 10), OK));
    expect_delivered(1, (int64_t[]){9});
    cr_assert(eq(sz, script.skipped_count, 1));
    cr_assert(eq(i64, script.skipped[0].b, 5));
    cr_assert(eq(i64, script.skipped[0].c, 8));
    script_end(&script);
}

/* A log start that passes records which the answer still holds takes nothing from them. */
Test(kafka_range, a_late_log_start_drops_no_record_that_came)
{
    struct script script = {
        .fetches = {{.answer = {.log_start_offset = 100, .readable_end = 100, .next_offset = 7},
                     .offsets = {5, 6},
                     .count = 2}},
        .fetch_count = 1,
    };
    script_begin(&script);
    cr_assert(eq(int, read_range(&script, 5, 7), OK));
    expect_delivered(2, (int64_t[]){5, 6});
    script_end(&script);
}

Test(kafka_range, out_of_range_below_is_expired)
{
    struct script script = {
        .fetches = {{.answer = {.error = BROKER_OFFSET_OUT_OF_RANGE}},
                    {.answer = {.log_start_offset = 8, .readable_end = 40, .next_offset = 10},
                     .offsets = {8, 9},
                     .count = 2}},
        .fetch_count = 2,
        .offsets = {{.earliest = {8}, .latest = {40}}},
        .offsets_count = 1,
    };
    script_begin(&script);
    cr_assert(eq(int, read_range(&script, 5, 10), ERR_FAILED));
    cr_assert(strstr(script.diag.text, "they have expired: earliest available 8, latest 40") !=
              NULL);

    script.plan.options.fail_on_data_loss = false;
    script.fetch_calls = 0;
    script.diag = (struct diag){0};
    cr_assert(eq(int, read_range(&script, 5, 10), OK));
    expect_delivered(2, (int64_t[]){8, 9});
    cr_assert(eq(i64, script.asked[1], 8)); /* SPARK-25214: never asked for again */
    cr_assert(eq(sz, script.skipped_count, 1));
    cr_assert(eq(i64, script.skipped[0].b, 5));
    cr_assert(eq(i64, script.skipped[0].c, 8));
    script_end(&script);
}

/* Everything has expired, far beyond the range: what is skipped ends where the range ends. */
Test(kafka_range, a_skip_never_passes_the_range)
{
    struct script script = {
        .fetches = {{.answer = {.error = BROKER_OFFSET_OUT_OF_RANGE}}},
        .fetch_count = 1,
        .offsets = {{.earliest = {1000}, .latest = {2000}}},
        .offsets_count = 1,
    };
    script_begin(&script);
    script.plan.options.fail_on_data_loss = false;
    cr_assert(eq(int, read_range(&script, 5, 10), OK));
    expect_delivered(0, NULL);
    cr_assert(eq(i64, script.skipped[0].c, 10));
    script_end(&script);
}

/* KAFKA-12996, KAFKA-7414: a broker may call a good offset out of range for a moment. */
Test(kafka_range, a_passing_out_of_range_is_asked_again)
{
    struct script script = {
        .fetches = {{.answer = {.error = BROKER_OFFSET_OUT_OF_RANGE}},
                    {.answer = {.readable_end = 40, .next_offset = 7},
                     .offsets = {5, 6},
                     .count = 2}},
        .fetch_count = 2,
        .offsets = {{.earliest = {0}, .latest = {40}}},
        .offsets_count = 1,
    };
    script_begin(&script);
    cr_assert(eq(int, read_range(&script, 5, 7), OK));
    expect_delivered(2, (int64_t[]){5, 6});
    script_end(&script);
}

/* Too new: believed only when the log stays short; then the cause is named. */
Test(kafka_range, a_log_that_stays_short_is_truncated)
{
    struct script script = {
        .fetches = {{.answer = {.error = BROKER_OFFSET_OUT_OF_RANGE}}},
        .fetch_count = 1,
        .offsets = {{.earliest = {0}, .latest = {3}}},
        .offsets_count = 1,
    };
    script_begin(&script);
    cr_assert(eq(int, read_range(&script, 5, 7), ERR_FAILED));
    cr_assert(strstr(script.diag.text, "the log is shorter") != NULL);
    cr_assert(eq(sz, script.offsets_calls, 4));

    script.plan.options.fail_on_data_loss = false;
    script.diag = (struct diag){0};
    cr_assert(eq(int, read_range(&script, 5, 7), OK));
    cr_assert(eq(i64, script.skipped[0].b, 5));
    cr_assert(eq(i64, script.skipped[0].c, 7));
    script_end(&script);
}

Test(kafka_range, passing_errors_are_retried)
{
    struct script script = {
        .fetches = {{.answer = {.error = BROKER_NOT_LEADER_OR_FOLLOWER}},
                    {.answer = {.error = BROKER_TRANSPORT}},
                    {.answer = {.error = BROKER_UNKNOWN_TOPIC_OR_PARTITION}},
                    {.answer = {.error = BROKER_TIMED_OUT}},
                    {.answer = {.readable_end = 5, .next_offset = 5}, .count = 0},
                    {.answer = {.readable_end = 9, .next_offset = 7},
                     .offsets = {5, 6},
                     .count = 2}},
        .fetch_count = 6,
    };
    script_begin(&script);
    int64_t begin_us = script.now_us;
    cr_assert(eq(int, read_range(&script, 5, 7), OK));
    expect_delivered(2, (int64_t[]){5, 6});
    /* 100, 200, 400, 800, 1000 ms between the tries. */
    cr_assert(ge(i64, script.now_us - begin_us, 2500 * US_PER_MS));
    cr_assert(lt(i64, script.now_us - begin_us, 2600 * US_PER_MS));
    script_end(&script);
}

/* Silence never completes a range: it fails, naming what is missing, after the poll timeout. */
Test(kafka_range, silence_is_a_failure)
{
    struct script script = {
        .fetches = {{.answer = {.readable_end = 9, .next_offset = 7},
                     .offsets = {5, 6},
                     .count = 2},
                    {.answer = {.readable_end = 7, .next_offset = 7}, .count = 0}},
        .fetch_count = 2,
    };
    script_begin(&script);
    int64_t begin_us = script.now_us;
    cr_assert(eq(int, read_range(&script, 5, 9), ERR_TIMEOUT));
    expect_delivered(2, (int64_t[]){5, 6});
    cr_assert(strstr(script.diag.text, "offsets 7 to 8 did not come within 120000 ms") != NULL);
    cr_assert(strstr(script.diag.text, "readable end 7") != NULL);
    cr_assert(ge(i64, script.now_us - begin_us, 120 * US_PER_SECOND));
    cr_assert(lt(i64, script.now_us - begin_us, 122 * US_PER_SECOND));
    cr_assert(lt(sz, script.fetch_calls, 150)); /* it waits between tries, longer and longer */
    script_end(&script);
}

Test(kafka_range, the_receiver_may_stop_it)
{
    struct script script = {
        .fetches = {{.answer = {.readable_end = 9, .next_offset = 7},
                     .offsets = {5, 6},
                     .count = 2}},
        .fetch_count = 1,
    };
    script_begin(&script);
    record_status = ERR_UNSUPPORTED;
    cr_assert(eq(int, read_range(&script, 5, 7), ERR_UNSUPPORTED));
    record_status = OK;
    expect_delivered(1, (int64_t[]){5});
    script_end(&script);
}
