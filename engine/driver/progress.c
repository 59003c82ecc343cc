#include "engine/driver/progress.h"

#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

/* ---- the clock of triggers ------------------------------------------------------------------ */

void progress_begin(struct progress *progress, int64_t now_us)
{
    /* A wall clock may go back; then nothing is known of the input's time. */
    bool follows = progress->trigger_us > 0 && now_us > progress->trigger_us;
    progress->input_us = follows ? now_us - progress->trigger_us : 0;
    progress->trigger_us = now_us;
    progress->mark_us = now_us;
    memset(progress->phase_us, 0, sizeof progress->phase_us);
}

static int64_t since(int64_t from_us, int64_t now_us)
{
    return now_us > from_us ? now_us - from_us : 0;
}

void progress_phase(struct progress *progress, enum progress_phase phase, int64_t now_us)
{
    require(phase < PHASE_COUNT);
    progress->phase_us[phase] += since(progress->mark_us, now_us);
    progress->mark_us = now_us;
}

void progress_end(struct progress *progress, int64_t now_us)
{
    progress->phase_us[PHASE_TRIGGER_EXECUTION] = since(progress->trigger_us, now_us);
    progress->told_us = now_us;
}

bool progress_idle(struct progress *progress, int64_t now_us)
{
    if (progress->line.size == 0 || now_us < progress->told_us + PROGRESS_IDLE_US) {
        return false;
    }
    progress->told_us = now_us;
    return true;
}

/* ---- the object ----------------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *key, const char *text)
{
    buf_printf(out, "\"%s\":", key);
    buf_json_string(out, bytes_of_text(text));
}

static void put_time(struct buf *out, const char *key, int64_t time_us)
{
    char text[40];
    timestamp_format(time_us, 3, text);
    buf_printf(out, "\"%s\":\"%s\"", key, text);
}

/* `rows` in `time_us`, as rows a second with one decimal. More rows than fit the sum nobody has. */
static void put_rate(struct buf *out, const char *key, int64_t rows, int64_t time_us)
{
    int64_t time_ms = time_us / US_PER_MS;
    int64_t rows_max = INT64_MAX / 10000 - time_ms;
    int64_t tenths = 0;
    require(rows >= 0);
    require(rows_max > 0);
    if (time_ms > 0) {
        tenths = ((rows < rows_max ? rows : rows_max) * 10000 + time_ms / 2) / time_ms;
    }
    buf_printf(out, "\"%s\":%" PRId64 ".%d", key, tenths / 10, (int)(tenths % 10));
}

static void put_rates(struct buf *out, const struct progress *progress, int64_t rows)
{
    int64_t took_us = progress->phase_us[PHASE_TRIGGER_EXECUTION];
    buf_printf(out, "\"numInputRows\":%" PRId64 ",", rows);
    /* Of the first trigger nobody knows since when its rows came: 0.0, as Spark. */
    put_rate(out, "inputRowsPerSecond", rows, progress->input_us);
    buf_text(out, ",");
    put_rate(out, "processedRowsPerSecond", rows, took_us < US_PER_MS ? US_PER_MS : took_us);
}

static void put_durations(struct buf *out, const struct progress *progress)
{
    static const char *const names[PHASE_COUNT] = {[PHASE_ADD_BATCH] = "addBatch",
                                                   [PHASE_COMMIT_OFFSETS] = "commitOffsets",
                                                   [PHASE_GET_BATCH] = "getBatch",
                                                   [PHASE_LATEST_OFFSET] = "latestOffset",
                                                   [PHASE_QUERY_PLANNING] = "queryPlanning",
                                                   [PHASE_TRIGGER_EXECUTION] = "triggerExecution",
                                                   [PHASE_WAL_COMMIT] = "walCommit"};
    buf_text(out, "\"durationMs\":{");
    for (size_t i = 0; i < PHASE_COUNT; i++) {
        int64_t ms = progress->phase_us[i] / US_PER_MS;
        buf_printf(out, "%s\"%s\":%" PRId64, i == 0 ? "" : ",", names[i], ms);
    }
    buf_text(out, "},");
}

static void put_event_time(struct buf *out, const struct progress_batch *batch)
{
    const struct progress_event_times *times = &batch->times;
    if (batch->watermark_ms == NULL) {
        return;
    }
    buf_text(out, "\"eventTime\":{");
    if (times->count > 0) {
        if (!times->overflowed) {
            put_time(out, "avg", times->sum_ms / times->count * US_PER_MS);
            buf_text(out, ",");
        }
        put_time(out, "max", times->max_ms * US_PER_MS);
        buf_text(out, ",");
        put_time(out, "min", times->min_ms * US_PER_MS);
        buf_text(out, ",");
    }
    put_time(out, "watermark", *batch->watermark_ms * US_PER_MS);
    buf_text(out, "},");
}

static void put_custom(struct buf *out, const struct progress_state *state)
{
    size_t count = 0;
    const char *const *names = state_custom_names(state->provider, &count);
    buf_text(out, ",\"customMetrics\":{");
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s\"%s\":%" PRId64, i == 0 ? "" : ",", names[i], state->custom[i]);
    }
    buf_text(out, "}");
}

static void put_state(struct buf *out, const struct progress_state *state)
{
    buf_text(out, "\"stateOperators\":[");
    if (state != NULL) {
        buf_printf(out,
                   "{\"operatorName\":\"stateStoreSave\",\"numRowsTotal\":%" PRId64
                   ",\"numRowsUpdated\":%" PRId64 ",\"allUpdatesTimeMs\":%" PRId64
                   ",\"numRowsRemoved\":%" PRId64 ",\"allRemovalsTimeMs\":%" PRId64
                   ",\"commitTimeMs\":%" PRId64 ",\"memoryUsedBytes\":%" PRId64
                   ",\"numRowsDroppedByWatermark\":%" PRId64 ",\"numShufflePartitions\":%" PRId64
                   ",\"numStateStoreInstances\":%" PRId64,
                   state->rows,
                   state->rows_updated,
                   state->updates_us / US_PER_MS,
                   state->rows_removed,
                   state->removals_us / US_PER_MS,
                   state->commit_us / US_PER_MS,
                   state->bytes,
                   state->rows_dropped_by_watermark,
                   state->partitions,
                   state->partitions);
        put_custom(out, state);
        buf_text(out, "}");
    }
    buf_text(out, "],");
}

static void put_offsets(struct buf *out, const char *key, const struct offsets *offsets)
{
    buf_printf(out, "\"%s\":", key);
    if (offsets == NULL) {
        buf_text(out, "null");
    } else {
        offsets_json(offsets, out);
    }
    buf_text(out, ",");
}

/* How far the batch's end is behind Kafka's, over the partitions (Spark KafkaMicroBatchStream
 * metrics: texts). */
static void put_behind(struct buf *out, const struct progress_batch *batch)
{
    int64_t max = 0;
    int64_t min = INT64_MAX;
    int64_t sum = 0;
    if (batch->latest == NULL || batch->latest->count == 0) {
        return;
    }
    for (size_t i = 0; i < batch->latest->count; i++) {
        int64_t end = offsets_get(batch->end, batch->latest->entries[i].partition);
        int64_t behind = since(end < 0 ? 0 : end, batch->latest->entries[i].offset);
        max = behind > max ? behind : max;
        min = behind < min ? behind : min;
        sum += behind;
    }
    int64_t count = (int64_t)batch->latest->count;
    int64_t tenths = sum / count * 10 + (sum % count * 10 + count / 2) / count;
    buf_printf(out,
               ",\"metrics\":{\"avgOffsetsBehindLatest\":\"%" PRId64
               ".%d\",\"maxOffsetsBehindLatest\":\"%" PRId64
               "\",\"minOffsetsBehindLatest\":\"%" PRId64 "\"}",
               tenths / 10,
               (int)(tenths % 10),
               max,
               min);
}

static void
put_description(struct buf *out, const char *before, const char *text, const char *after)
{
    struct buf whole = {0};
    buf_text(&whole, before);
    buf_text(&whole, text);
    buf_text(&whole, after);
    buf_text(out, "\"description\":");
    buf_json_string(out, buf_bytes(&whole));
    buf_text(out, ",");
    buf_free(&whole);
}

void progress_encode(const struct progress *progress,
                     const struct progress_batch *batch,
                     struct buf *out)
{
    buf_text(out, "{");
    put_text(out, "id", batch->id);
    buf_text(out, ",");
    put_text(out, "runId", progress->run_id);
    buf_text(out, ",");
    put_text(out, "name", batch->name);
    buf_text(out, ",");
    put_time(out, "timestamp", progress->trigger_us);
    buf_printf(out,
               ",\"batchId\":%" PRId64 ",\"batchDuration\":%" PRId64 ",",
               batch->batch,
               progress->phase_us[PHASE_TRIGGER_EXECUTION] / US_PER_MS);
    put_rates(out, progress, batch->rows);
    buf_text(out, ",");
    put_durations(out, progress);
    put_event_time(out, batch);
    put_state(out, batch->state);
    buf_text(out, "\"sources\":[{");
    put_description(out, "KafkaV2[Subscribe[", batch->topic, "]]");
    put_offsets(out, "startOffset", batch->start);
    put_offsets(out, "endOffset", batch->end);
    put_offsets(out, "latestOffset", batch->latest);
    put_rates(out, progress, batch->rows);
    put_behind(out, batch);
    buf_text(out, "}],\"sink\":{");
    put_description(out, "DeltaSink[", batch->table, "]");
    buf_printf(out, "\"numOutputRows\":%" PRId64 "}}", batch->rows_written);
}
