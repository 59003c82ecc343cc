/* The text of lastProgress, field by field, and when it is said. */
#include "engine/driver/progress.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/units.h"

#define BEGAN (978307200 * US_PER_SECOND) /* 2001-01-01 */

static struct partition_offset begin_entries[] = {{0, 10}, {1, 5}};
static struct partition_offset end_entries[] = {{0, 30}, {1, 25}};
static struct partition_offset latest_entries[] = {{0, 30}, {1, 30}};
static const struct offsets begin = {"flights", begin_entries, 2};
static const struct offsets end = {"flights", end_entries, 2};
static const struct offsets latest = {"flights", latest_entries, 2};
static const int64_t watermark_ms = 978307190000;
static struct progress progress;
static struct buf out;

static void setup(void)
{
    progress = (struct progress){.run_id = "00000000-0000-4000-8000-000000000002"};
}

static void teardown(void)
{
    buf_free(&out);
    buf_free(&progress.line);
}

TestSuite(progress, .init = setup, .fini = teardown);

static struct progress_batch sample(void)
{
    return (struct progress_batch){
        .id = "00000000-0000-4000-8000-000000000001",
        .name = "delays",
        .batch = 7,
        .rows = 40,
        .watermark_ms = &watermark_ms,
        .times = {.count = 3,
                  .max_ms = 978307205000,
                  .min_ms = 978307201000,
                  .sum_ms = 2934921608000},
        .topic = "flights",
        .start = &begin,
        .end = &end,
        .latest = &latest,
        .table = "/shared/tables/delays",
        .rows_written = 2,
    };
}

static const char *encode(const struct progress_batch *batch)
{
    buf_clear(&out);
    progress_encode(&progress, batch, &out);
    buf_byte(&out, '\0');
    return (const char *)out.data;
}

/* A trigger five seconds after the one before; its phases last 1, 2, 3, ... ms. */
static void run_trigger(void)
{
    static const enum progress_phase phases[] = {PHASE_LATEST_OFFSET,
                                                 PHASE_WAL_COMMIT,
                                                 PHASE_QUERY_PLANNING,
                                                 PHASE_ADD_BATCH,
                                                 PHASE_COMMIT_OFFSETS};
    int64_t now_us = BEGAN;
    progress_begin(&progress, now_us - 5 * US_PER_SECOND);
    progress_begin(&progress, now_us);
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        now_us += (int64_t)(i + 1) * US_PER_MS;
        progress_phase(&progress, phases[i], now_us);
    }
    progress_end(&progress, now_us + US_PER_MS);
}

Test(progress, whole_object_of_a_stateful_batch)
{
    static const char expected[] =
        "{\"id\":\"00000000-0000-4000-8000-000000000001\","
        "\"runId\":\"00000000-0000-4000-8000-000000000002\",\"name\":\"delays\","
        "\"timestamp\":\"2001-01-01T00:00:00.000Z\",\"batchId\":7,\"batchDuration\":16,"
        "\"numInputRows\":40,\"inputRowsPerSecond\":8.0,\"processedRowsPerSecond\":2500.0,"
        "\"durationMs\":{\"addBatch\":4,\"commitOffsets\":5,\"getBatch\":0,\"latestOffset\":1,"
        "\"queryPlanning\":3,\"triggerExecution\":16,\"walCommit\":2},"
        "\"eventTime\":{\"avg\":\"2001-01-01T00:00:02.666Z\",\"max\":\"2001-01-01T00:00:05.000Z\","
        "\"min\":\"2001-01-01T00:00:01.000Z\",\"watermark\":\"2000-12-31T23:59:50.000Z\"},"
        "\"stateOperators\":[{\"operatorName\":\"stateStoreSave\",\"numRowsTotal\":9,"
        "\"numRowsUpdated\":4,\"allUpdatesTimeMs\":21,\"numRowsRemoved\":3,"
        "\"allRemovalsTimeMs\":1,\"commitTimeMs\":9,\"memoryUsedBytes\":720,"
        "\"numRowsDroppedByWatermark\":1,\"numShufflePartitions\":5,"
        "\"numStateStoreInstances\":5,\"customMetrics\":{\"loadedMapCacheHitCount\":4,"
        "\"loadedMapCacheMissCount\":1,\"stateOnCurrentVersionSizeBytes\":720}}],"
        "\"sources\":[{\"description\":\"KafkaV2[Subscribe[flights]]\","
        "\"startOffset\":{\"flights\":{\"0\":10,\"1\":5}},"
        "\"endOffset\":{\"flights\":{\"0\":30,\"1\":25}},"
        "\"latestOffset\":{\"flights\":{\"0\":30,\"1\":30}},"
        "\"numInputRows\":40,\"inputRowsPerSecond\":8.0,\"processedRowsPerSecond\":2500.0,"
        "\"metrics\":{\"avgOffsetsBehindLatest\":\"2.5\",\"maxOffsetsBehindLatest\":\"5\","
        "\"minOffsetsBehindLatest\":\"0\"}}],"
        "\"sink\":{\"description\":\"DeltaSink[/shared/tables/delays]\",\"numOutputRows\":2}}";
    const struct progress_state state = {.partitions = 5,
                                         .rows = 9,
                                         .bytes = 720,
                                         .rows_updated = 4,
                                         .rows_removed = 3,
                                         .rows_dropped_by_watermark = 1,
                                         .updates_us = 21999,
                                         .removals_us = 1000,
                                         .commit_us = 9001,
                                         .custom = {4, 1, 720}};
    struct progress_batch batch = sample();
    batch.state = &state;
    run_trigger();
    cr_assert_str_eq(encode(&batch), expected);
}

Test(progress, custom_metrics_are_those_of_the_provider)
{
    const struct progress_state state = {.provider = STATE_PROVIDER_ROCKSDB,
                                         .custom = {1, 2, 3, 4}};
    struct progress_batch batch = sample();
    batch.state = &state;
    run_trigger();
    cr_assert_not_null(strstr(encode(&batch),
                              ",\"customMetrics\":{\"rocksdbFilesCopied\":1,"
                              "\"rocksdbFilesReused\":2,\"rocksdbGetCount\":3,"
                              "\"rocksdbPutCount\":4}}],"));
}

Test(progress, what_is_not_known_is_null_or_left_out)
{
    struct progress_batch batch = sample();
    batch.start = NULL;
    batch.latest = NULL;
    batch.watermark_ms = NULL;
    batch.rows_written = -1;
    run_trigger();
    const char *text = encode(&batch);
    cr_assert_not_null(strstr(text, "\"startOffset\":null,\"endOffset\":{"));
    cr_assert_not_null(strstr(text, "\"latestOffset\":null,"));
    cr_assert_not_null(strstr(text, "\"stateOperators\":[],"));
    cr_assert_not_null(strstr(text, "\"numOutputRows\":-1"));
    cr_assert_null(strstr(text, "eventTime"));
    cr_assert_null(strstr(text, "\"metrics\""));
}

Test(progress, batch_without_rows_has_only_a_watermark)
{
    struct progress_batch batch = sample();
    batch.rows = 0;
    batch.times = (struct progress_event_times){0};
    run_trigger();
    cr_assert_not_null(
        strstr(encode(&batch), "\"eventTime\":{\"watermark\":\"2000-12-31T23:59:50.000Z\"},"));
    batch.times = (struct progress_event_times){.count = 1, .overflowed = true};
    cr_assert_not_null(strstr(encode(&batch), "\"eventTime\":{\"max\":"));
}

static const char *rates_after(int64_t took_us, int64_t rows)
{
    struct progress_batch batch = sample();
    batch.rows = rows;
    progress = (struct progress){0};
    progress_begin(&progress, BEGAN);
    progress_end(&progress, BEGAN + took_us);
    return encode(&batch);
}

Test(progress, rates_have_one_decimal_and_are_never_divided_by_nothing)
{
    cr_assert_not_null(strstr(rates_after(3 * US_PER_SECOND, 1),
                              "\"inputRowsPerSecond\":0.0,\"processedRowsPerSecond\":0.3,"));
    cr_assert_not_null(strstr(rates_after(3 * US_PER_SECOND, 2), "PerSecond\":0.7,"));
    cr_assert_not_null(strstr(rates_after(0, 5), "\"processedRowsPerSecond\":5000.0,"));
    cr_assert_not_null(
        strstr(rates_after(1000 * US_PER_SECOND, INT64_MAX), "PerSecond\":922337202685.5,"));
}

Test(progress, clock_that_goes_back_makes_no_negative_times)
{
    struct progress_batch batch = sample();
    progress_begin(&progress, BEGAN);
    progress_phase(&progress, PHASE_ADD_BATCH, BEGAN - US_PER_SECOND);
    progress_end(&progress, BEGAN - US_PER_SECOND);
    cr_assert_not_null(strstr(encode(&batch), "\"addBatch\":0,"));
    cr_assert_not_null(strstr(encode(&batch), "\"batchDuration\":0,"));
    progress_begin(&progress, BEGAN - US_PER_HOUR);
    cr_assert(eq(i64, progress.input_us, 0));
}

Test(progress, names_are_escaped)
{
    struct progress_batch batch = sample();
    batch.name = "a \"b\"";
    batch.table = "/shared/\"x\"";
    const char *text = encode(&batch);
    cr_assert_not_null(strstr(text, "\"name\":\"a \\\"b\\\"\""));
    cr_assert_not_null(strstr(text, "\"DeltaSink[/shared/\\\"x\\\"]\""));
}

Test(progress, idle_query_repeats_itself_every_ten_seconds_once_it_has_something_to_say)
{
    cr_assert_not(progress_idle(&progress, BEGAN));
    progress_begin(&progress, BEGAN);
    progress_end(&progress, BEGAN);
    buf_text(&progress.line, "{}");
    cr_assert_not(progress_idle(&progress, BEGAN + PROGRESS_IDLE_US - 1));
    cr_assert(progress_idle(&progress, BEGAN + PROGRESS_IDLE_US));
    cr_assert_not(progress_idle(&progress, BEGAN + PROGRESS_IDLE_US + 1));
    cr_assert(progress_idle(&progress, BEGAN + 2 * PROGRESS_IDLE_US));
}
