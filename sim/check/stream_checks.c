/* The oracle's run over a query's batches, fed from the offsets and from Kafka's history; and the
 * watermark that offsets/N and commits/N carry (spark-checkpoint 3, 1.15 A7). A batch is run once,
 * when it comes into the table: the ranges that were skipped for good are known then. */
#include <stdlib.h>

#include "engine/base/check.h"
#include "sim/check/checks_internal.h"

bool checks_stateful(const struct checks *checks)
{
    return oracle_pipeline(checks->oracle)->aggregation != NULL;
}

/* Does a version of the state come as what changed? RocksDB without changelogs writes whole ones.
 */
static bool writes_changes(const struct checks *checks)
{
    const struct options *options = &checks->scenario->plan->options;
    return options->state_provider != STATE_PROVIDER_ROCKSDB || options->rocksdb_changelog;
}

bool checks_apply(const struct checks *checks, enum check_id check)
{
    bool of_state = check == CHECK_STATE_BEFORE_COMMIT || check == CHECK_STATE_ROWS ||
                    check == CHECK_SNAPSHOT_REPLAY || check == CHECK_STATE_PARTITION ||
                    check == CHECK_STATE_RETAINED;
    if (check == CHECK_DAMAGE_DUTY) {
        return checks->damaged_count > 0;
    }
    if ((check == CHECK_STATE_ROWS || check == CHECK_STATE_PARTITION) && !writes_changes(checks)) {
        return false; /* a whole version is held against the oracle's by snapshot-replay */
    }
    return !of_state || checks_stateful(checks);
}

static bool has_watermark(const struct checks *checks)
{
    return oracle_pipeline(checks->oracle)->watermark != NULL;
}

/* ---- records */

static bool was_skipped(const struct check_batch *batch, size_t partition, int64_t offset)
{
    for (size_t i = 0; i < batch->skipped_count; i++) {
        const struct skipped_range *range = &batch->skipped[i];
        if (range->partition == (int32_t)partition && offset >= range->from &&
            offset < range->until) {
            return true;
        }
    }
    return false;
}

static const struct oracle_line *foreign_line(struct checks *checks, struct bytes value)
{
    struct oracle_line *line = arena_alloc(&checks->kept, sizeof *line);
    oracle_record(checks->oracle, value, &checks->kept, line);
    return line;
}

const struct oracle_line *checks_line(struct checks *checks,
                                      const struct check_batch *batch,
                                      size_t partition,
                                      int64_t offset)
{
    struct broker_history history;
    /* The records that it was made of, although the log may have others there by now. */
    int64_t at_us = batch->delivered_us > 0 ? batch->delivered_us : INT64_MAX;
    if (was_skipped(batch, partition, offset) ||
        !fake_broker_history_at(
            checks->broker, checks->topic, (int32_t)partition, offset, at_us, &history)) {
        return NULL; /* gone, or no record has this offset */
    }
    const struct scenario *scenario = checks->scenario;
    bool of_workload = history.workload < scenario->workload_count &&
                       history.line < scenario->workloads[history.workload].line_count;
    const struct oracle_line *line =
        of_workload ? oracle_line(checks->oracle, history.workload, history.line)
                    : foreign_line(checks, history.value);
    if (line->verdict == ORACLE_FAILS) {
        checks_fail(checks,
                    CHECK_ORACLE_ROWS,
                    "the record at offset %lld of partition %zu ends a query with %s, but its "
                    "batch was committed",
                    (long long)offset,
                    partition,
                    line->error);
    }
    return line;
}

/* ---- batches */

static const char *run_task(struct checks *checks,
                            struct oracle_stream *stream,
                            const struct check_batch *batch,
                            size_t i)
{
    for (int64_t offset = batch->begins[i]; offset < batch->ends[i]; offset++) {
        const struct oracle_line *line = checks_line(checks, batch, i, offset);
        if (line == NULL || line->verdict == ORACLE_DROPPED) {
            continue;
        }
        const char *error = line->verdict == ORACLE_FAILS
                                ? line->error
                                : oracle_stream_record(stream, &line->input);
        if (error != NULL) {
            return error;
        }
    }
    return oracle_stream_task_end(stream);
}

static bool run_batch(struct checks *checks, struct check_query *query, int64_t number)
{
    struct check_batch *batch = query_batch(query, number);
    if (batch == NULL || !batch->known) {
        return false;
    }
    const char *error = NULL;
    for (size_t i = 0; i < checks->partition_count && error == NULL; i++) {
        error = run_task(checks, query->stream, batch, i);
    }
    error = error == NULL ? oracle_stream_end(query->stream) : error;
    if (error != NULL) {
        checks_fail(checks,
                    CHECK_ORACLE_ROWS,
                    "batch %lld ends a query with %s, but it was committed",
                    (long long)number,
                    error);
        return false;
    }
    batch->streamed = true;
    batch->next_watermark_ms = oracle_stream_watermark_ms(query->stream);
    return true;
}

const struct oracle_stream *
stream_through(struct checks *checks, struct check_query *query, int64_t batch)
{
    if (query->unstreamed) {
        return NULL;
    }
    if (query->stream == NULL) {
        query->stream =
            oracle_stream_new(checks->oracle, query->partitions > 0 ? query->partitions : 1);
    }
    while (oracle_stream_next(query->stream) <= batch && !query->unstreamed) {
        query->unstreamed = !run_batch(checks, query, oracle_stream_next(query->stream));
    }
    return query->unstreamed ? NULL : query->stream;
}

bool stream_owes_batch(const struct checks *checks)
{
    const struct check_query *query = checks_current(checks);
    const char *option =
        oracle_option(checks->oracle, NULL, "spark.sql.streaming.noDataMicroBatches.enabled");
    bool wanted = option == NULL || strcmp(option, "false") != 0;
    return wanted && query != NULL && query->stream != NULL && !query->unstreamed &&
           oracle_stream_owes_batch(query->stream);
}

/* ---- the watermark in the logs */

/* Wm(N), as far as the oracle has come. */
static bool watermark_of(const struct checks *checks,
                         const struct check_query *query,
                         int64_t batch,
                         int64_t *watermark_ms)
{
    const struct check_batch *before = query_batch(query, batch - 1);
    *watermark_ms = 0;
    if (batch == 0 || !has_watermark(checks)) {
        return true;
    }
    if (before == NULL || !before->streamed) {
        return false;
    }
    *watermark_ms = before->next_watermark_ms;
    return true;
}

/* A batch without data is there for the watermark alone: it evicts (spark-checkpoint 2.5). */
static void is_wanted(struct checks *checks, const struct check_query *query, int64_t batch)
{
    const struct check_batch *record = query_batch(query, batch);
    const int64_t *before = batch_before(query, batch);
    bool empty = before != NULL && batch > 0 && checks_stateful(checks);
    for (size_t i = 0; i < checks->partition_count && empty; i++) {
        empty = before[i] == record->ends[i];
    }
    int64_t now_ms;
    int64_t before_ms;
    if (!empty || !watermark_of(checks, query, batch, &now_ms) ||
        !watermark_of(checks, query, batch - 1, &before_ms)) {
        return;
    }
    checks_count(checks, CHECK_WATERMARK);
    bool evicts = !oracle_pipeline(checks->oracle)->complete && now_ms > before_ms;
    if (!evicts) {
        checks_fail(checks,
                    CHECK_WATERMARK,
                    "offsets/%lld has no data, and the watermark did not move since batch %lld: "
                    "nothing asks for it",
                    (long long)batch,
                    (long long)batch - 1);
    }
}

void watermark_of_offsets(struct checks *checks,
                          const struct check_query *query,
                          int64_t batch,
                          const struct checkpoint_intent *intent)
{
    int64_t expected_ms;
    if (!watermark_of(checks, query, batch, &expected_ms)) {
        return;
    }
    checks_count(checks, CHECK_WATERMARK);
    if (intent->watermark_ms != expected_ms) {
        checks_fail(checks,
                    CHECK_WATERMARK,
                    "offsets/%lld has batchWatermarkMs %lld, expected %lld",
                    (long long)batch,
                    (long long)intent->watermark_ms,
                    (long long)expected_ms);
    }
    is_wanted(checks, query, batch);
}

void watermark_of_commit(struct checks *checks,
                         const struct check_query *query,
                         int64_t batch,
                         int64_t next_watermark_ms)
{
    int64_t expected_ms;
    if (!watermark_of(checks, query, batch + 1, &expected_ms)) {
        return;
    }
    checks_count(checks, CHECK_WATERMARK);
    if (next_watermark_ms != expected_ms) {
        checks_fail(checks,
                    CHECK_WATERMARK,
                    "commits/%lld has nextBatchWatermarkMs %lld, expected %lld",
                    (long long)batch,
                    (long long)next_watermark_ms,
                    (long long)expected_ms);
    }
}
