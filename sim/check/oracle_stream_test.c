/* The oracle's watermark, windows and state against Spark's own published results
 * (EventTimeWatermarkSuite, by spark-checkpoint 3) and against cases worked out by hand. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/process.h"
#include "engine/base/units.h"
#include "sim/check/oracle_stream.h"
#include "sim/check/state_row.h"

struct given {
    struct scenario scenario;
    struct oracle *oracle;
    struct oracle_stream *stream;
    struct arena arena;
    char text[4000];
};

static void open_given(struct given *given, const char *stages, const char *mode)
{
    *given = (struct given){.stream = NULL};
    (void)snprintf(given->text,
                   sizeof given->text,
                   "{\"source\":{\"subscribe\":\"x\",\"schema\":{\"t\":\"timestamp\",\"k\":"
                   "\"string\",\"v\":\"long\",\"d\":\"double\"}},%s,\"sink\":{\"path\":\"/t\","
                   "\"outputMode\":\"%s\"}}",
                   stages,
                   mode);
    given->scenario.pipeline = bytes_of_text(given->text);
    given->oracle = oracle_new(&given->scenario);
    cr_assert(oracle_error(given->oracle) == NULL, "%s", oracle_error(given->oracle));
    given->stream = oracle_stream_new(given->oracle, 5);
}

static void close_given(struct given *given)
{
    oracle_stream_free(given->stream);
    oracle_free(given->oracle);
    arena_free(&given->arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

static const char *record(struct given *given, const char *json)
{
    struct oracle_line *line = arena_alloc(&given->arena, sizeof *line);
    oracle_record(
        given->oracle, bytes_of_text(arena_strdup(&given->arena, json)), &given->arena, line);
    cr_assert(ne(int, line->verdict, ORACLE_FAILS), "%s", line->error);
    return line->verdict == ORACLE_ROW ? oracle_stream_record(given->stream, &line->input) : NULL;
}

/* A batch of event times in seconds, ended by -1000; then its rows, sorted as texts. */
static void batch(struct given *given, const int *seconds, const char *expected)
{
    for (size_t i = 0; seconds[i] != -1000; i++) {
        char json[100];
        char time[40];
        timestamp_format(seconds[i] * US_PER_SECOND, 6, time);
        (void)snprintf(json, sizeof json, "{\"t\":\"%s\",\"k\":\"a\",\"v\":1}", time);
        cr_assert(record(given, json) == NULL);
    }
    int64_t number = oracle_stream_next(given->stream);
    cr_assert(oracle_stream_end(given->stream) == NULL);
    const struct row_set *rows = oracle_stream_rows(given->stream, number);
    char found[1000] = "";
    int64_t last = INT64_MIN;
    for (size_t done = 0; done < rows->count; done++) {
        /* rows are (window.start seconds, count): the next start above the last */
        int64_t best = INT64_MAX;
        int64_t count = 0;
        for (size_t i = 0; i < rows->count; i++) {
            struct cursor cursor = cursor_of(rows->rows[i].form);
            (void)cursor_take(&cursor, 2);
            int64_t start = cursor_le64(&cursor);
            (void)cursor_take(&cursor, 2);
            int64_t of = cursor_le64(&cursor);
            if (start > last && start < best) {
                best = start;
                count = of;
            }
        }
        size_t at = strlen(found);
        (void)snprintf(found + at,
                       sizeof found - at,
                       "(%lld,%lld)",
                       (long long)(best / US_PER_SECOND),
                       (long long)count);
        last = best;
    }
    cr_expect(eq(str, found, expected), "batch %lld", (long long)number);
}

#define BATCH(given, expected, ...) batch(given, (const int[]){__VA_ARGS__, -1000}, expected)
#define NO_DATA(given, expected)    batch(given, (const int[]){-1000}, expected)

#define SUITE                                                                                      \
    "\"withWatermark\":{\"eventTime\":\"t\",\"delayThreshold\":\"10 seconds\"},"                   \
    "\"groupBy\":[{\"window\":{\"timeColumn\":\"t\",\"windowDuration\":\"5 seconds\"}}],"          \
    "\"agg\":[{\"as\":\"n\",\"is\":\"count(*)\"}],"                                                \
    "\"select\":[{\"as\":\"s\",\"is\":\"window.start\"},\"n\"]"

Test(oracle_stream, append_as_the_event_time_watermark_suite)
{
    struct given given;
    open_given(&given, SUITE, "append");
    BATCH(&given, "", 10, 11, 12, 13, 14, 15);
    cr_assert(eq(i64, oracle_stream_watermark_ms(given.stream), 5000));
    cr_assert(oracle_stream_owes_batch(given.stream));
    NO_DATA(&given, "");
    cr_assert(not(oracle_stream_owes_batch(given.stream)));
    BATCH(&given, "", 25);
    cr_assert(eq(i64, oracle_stream_watermark_ms(given.stream), 15000));
    NO_DATA(&given, "(10,5)");
    cr_assert(eq(i64, oracle_stream_state_rows(given.stream), 2));
    cr_assert(eq(i64, oracle_stream_evicted(given.stream), 1));
    BATCH(&given, "", 10);
    cr_assert(eq(i64, oracle_stream_dropped(given.stream), 1));
    cr_assert(eq(i64, oracle_stream_state_rows(given.stream), 2));
    close_given(&given);
}

Test(oracle_stream, recovery_as_the_event_time_watermark_suite)
{
    struct given given;
    open_given(&given, SUITE, "append");
    BATCH(&given, "", 10, 11, 12, 13, 14, 15);
    NO_DATA(&given, "");
    BATCH(&given, "", 25);
    NO_DATA(&given, "(10,5)");
    BATCH(&given, "", 10, 27, 30);
    cr_assert(eq(i64, oracle_stream_dropped(given.stream), 1));
    NO_DATA(&given, "(15,1)");
    BATCH(&given, "", 17);
    cr_assert(eq(i64, oracle_stream_watermark_ms(given.stream), 20000));
    BATCH(&given, "", 40);
    NO_DATA(&given, "(25,2)");
    close_given(&given);
}

/* Wm(N) evicts in batch N, Wm(N-1) drops in it: a group may come and go in one batch. */
Test(oracle_stream, a_group_is_created_and_emitted_in_one_batch)
{
    struct given given;
    open_given(&given, SUITE, "append");
    BATCH(&given, "", 30);
    cr_assert(eq(i64, oracle_stream_watermark_ms(given.stream), 20000));
    BATCH(&given, "(10,1)(15,1)", 12, 19, 20);
    cr_assert(eq(i64, oracle_stream_dropped(given.stream), 0));
    BATCH(&given, "", 14, 19); /* their windows end at 15 and 20: equality is late */
    cr_assert(eq(i64, oracle_stream_dropped(given.stream), 2));
    cr_assert(eq(i64, oracle_stream_state_rows(given.stream), 2));
    close_given(&given);
}

Test(oracle_stream, complete_mode_keeps_and_repeats_every_group)
{
    struct given given;
    open_given(&given, SUITE, "complete");
    BATCH(&given, "(10,2)(15,1)", 10, 11, 15);
    BATCH(&given, "(10,2)(15,1)(40,1)", 40);
    BATCH(&given, "(10,3)(15,1)(40,1)", 10);
    cr_assert(eq(i64, oracle_stream_dropped(given.stream), 0));
    cr_assert(not(oracle_stream_owes_batch(given.stream)));
    close_given(&given);
}

Test(oracle_stream, windows_slide_and_floor_before_1970)
{
    struct given given;
    open_given(&given,
               "\"groupBy\":[{\"window\":{\"timeColumn\":\"t\",\"windowDuration\":\"10 seconds\","
               "\"slideDuration\":\"4s\",\"startTime\":\"1 second\"}}],"
               "\"agg\":[{\"as\":\"n\",\"is\":\"count(*)\"}],"
               "\"select\":[{\"as\":\"s\",\"is\":\"window.start\"},\"n\"]",
               "complete");
    BATCH(&given, "(-7,1)(-3,1)", 0);
    BATCH(&given, "(-7,2)(-3,3)(1,1)(5,1)", -1, 6);
    close_given(&given);
}

#define SUMS                                                                                       \
    "\"groupBy\":[\"k\"],\"agg\":[{\"as\":\"n\",\"is\":\"count(v)\"},{\"as\":\"s\",\"is\":"        \
    "\"sum(v)\"},{\"as\":\"a\",\"is\":\"avg(v)\"},{\"as\":\"lo\",\"is\":\"min(d)\"},{\"as\":"      \
    "\"hi\",\"is\":\"max(d)\"}]"

static void says(struct given *given, const char *expected)
{
    const struct row_set *rows =
        oracle_stream_rows(given->stream, oracle_stream_next(given->stream) - 1);
    struct buf text = {0};
    for (size_t i = 0; i < rows->count; i++) {
        row_describe(&rows->rows[i], &text);
    }
    buf_byte(&text, 0);
    cr_expect(eq(str, (char *)text.data, expected));
    buf_free(&text);
}

Test(oracle_stream, nulls_are_no_values_but_a_key)
{
    struct given given;
    open_given(&given, SUMS, "complete");
    cr_assert(record(&given, "{\"v\":null,\"d\":1.5}") == NULL);
    cr_assert(oracle_stream_task_end(given.stream) == NULL);
    cr_assert(record(&given, "{\"d\":-2.25}") == NULL);
    cr_assert(oracle_stream_end(given.stream) == NULL);
    says(&given, "(null, 0, null, null, -2.25, 1.5)");
    cr_assert(record(&given, "{\"v\":7}") == NULL);
    cr_assert(record(&given, "{\"v\":8}") == NULL);
    cr_assert(oracle_stream_end(given.stream) == NULL);
    says(&given, "(null, 2, 15, 7.5, -2.25, 1.5)");
    close_given(&given);
}

Test(oracle_stream, a_sum_beyond_long_ends_the_query)
{
    struct given given;
    open_given(&given, SUMS, "complete");
    cr_assert(record(&given, "{\"k\":\"a\",\"v\":9223372036854775807}") == NULL);
    cr_assert(oracle_stream_end(given.stream) == NULL);
    cr_assert(record(&given, "{\"k\":\"a\",\"v\":1}") == NULL);
    const char *error = oracle_stream_end(given.stream);
    cr_assert(eq(str, error, "ARITHMETIC_OVERFLOW"));
    close_given(&given);
}

Test(oracle_stream, changes_and_digests_tell_what_a_batch_did)
{
    struct given given;
    open_given(&given, SUITE, "append");
    BATCH(&given, "", 10, 25);
    size_t count = 0;
    const struct oracle_change *changes = oracle_stream_changes(given.stream, &count);
    cr_assert(eq(sz, count, 2));
    cr_assert(not(changes[0].was));
    cr_assert(changes[0].other);
    int64_t rows = 0;
    for (int64_t p = 0; p < 5; p++) {
        rows += oracle_stream_digest(given.stream, 1, p).rows;
        cr_assert(eq(i64, oracle_stream_digest(given.stream, 0, p).rows, 0));
    }
    cr_assert(eq(i64, rows, 2));
    struct buf value = {0};
    const struct oracle_key *key = NULL;
    cr_assert(oracle_stream_find(given.stream, changes[0].key->row, &key, &value));
    struct oracle_digest digest = {.sum = 0};
    oracle_digest_add(&digest, key->row, buf_bytes(&value));
    int64_t partition = state_row_partition(key->murmur, 5);
    struct oracle_digest whole = oracle_stream_digest(given.stream, 1, partition);
    cr_assert(whole.rows == 2 || whole.sum == digest.sum);
    NO_DATA(&given, "(10,1)");
    changes = oracle_stream_changes(given.stream, &count);
    cr_assert(eq(sz, count, 1));
    cr_assert(changes[0].was);
    cr_assert(not(oracle_stream_find(given.stream, changes[0].key->row, &key, &value)));
    buf_free(&value);
    close_given(&given);
}

/* Spark's global aggregate has one group, also when no row was kept. */
Test(oracle_stream, groups_of_nothing)
{
    struct given given;
    open_given(&given,
               "\"groupBy\":[],\"agg\":[{\"as\":\"n\",\"is\":\"count(*)\"},{\"as\":\"s\","
               "\"is\":\"sum(v)\"}]",
               "complete");
    cr_assert(oracle_stream_end(given.stream) == NULL);
    says(&given, "(0, null)");
    cr_assert(record(&given, "{\"v\":7}") == NULL);
    cr_assert(oracle_stream_end(given.stream) == NULL);
    says(&given, "(1, 7)");
    close_given(&given);
}
