#include "reports/transcript.h"

#include <inttypes.h>

#include "engine/base/units.h"
#include "faults/fault.h"

/* The words of one event behind time and actor, by its kind; false when it tells no story. */
static bool put_task_words(const struct trace_record *record, struct buf *out)
{
    switch (record->kind) {
    case EVENT_TASK_ENDED:
        buf_printf(out,
                   "batch %" PRId64 " %s %" PRId64 ".%" PRId64 " ended: %" PRId64 " rows",
                   record->batch,
                   record->text[0] == '\0' ? "task" : "map task",
                   record->a,
                   record->b,
                   record->c);
        return true;
    case EVENT_TASK_FAILED:
        buf_printf(out,
                   "batch %" PRId64 " task %" PRId64 ".%" PRId64 " failed (%" PRId64
                   " counted): %s",
                   record->batch,
                   record->a,
                   record->b,
                   record->c,
                   record->text);
        return true;
    case EVENT_RESULT_REFUSED:
        buf_printf(out,
                   "batch %" PRId64 " task %" PRId64 ".%" PRId64 " refused: %s",
                   record->batch,
                   record->a,
                   record->b,
                   record->text);
        return true;
    default:
        return false;
    }
}

static bool put_batch_words(const struct trace_record *record, struct buf *out)
{
    static const char *const resumes[] = {"starts a new query with", "goes on with", "re-runs"};
    switch (record->kind) {
    case EVENT_QUERY_RESUMED:
        buf_printf(out, "%s batch %" PRId64, resumes[record->a % 3], record->batch);
        return true;
    case EVENT_BATCH_PLANNED:
        buf_printf(out,
                   "batch %" PRId64 " planned%s: %" PRId64 " offsets",
                   record->batch,
                   record->b == 1 ? " again" : "",
                   record->a);
        return true;
    case EVENT_EXECUTOR_LOST:
        buf_printf(out, "lost executor %" PRId64 ": %s", record->a, record->text);
        return true;
    case EVENT_SINK_COMMITTED:
        buf_printf(out,
                   "batch %" PRId64 " published: Delta version %" PRId64 ", %" PRId64 " rows",
                   record->batch,
                   record->a,
                   record->c);
        return true;
    case EVENT_SINK_SKIPPED:
        buf_printf(out, "batch %" PRId64 " is in the table already: skipped", record->batch);
        return true;
    case EVENT_COMMIT_WRITTEN:
        buf_printf(out, "batch %" PRId64 " committed", record->batch);
        return true;
    case EVENT_RANGE_SKIPPED:
        buf_printf(out,
                   "skipped %s-%" PRId64 " [%" PRId64 ", %" PRId64 ")",
                   record->text,
                   record->a,
                   record->b,
                   record->c);
        return true;
    case EVENT_LOG_CHANGED:
        buf_printf(out,
                   "%s-%" PRId64 " has another record at offset %" PRId64 ": goes on from %" PRId64,
                   record->text,
                   record->a,
                   record->b,
                   record->c);
        return true;
    case EVENT_CONF_KEPT:
        buf_printf(out, "the checkpoint's conf holds: %s", record->text);
        return true;
    case EVENT_QUERY_ENDED:
        buf_printf(out, "query ended%s%s", record->text[0] == '\0' ? "" : ": ", record->text);
        return true;
    default:
        return false;
    }
}

/* Where a version came from. What the executor still had in memory is no news, nor is version 0. */
static bool put_state_loaded(const struct trace_record *record, struct buf *out)
{
    buf_printf(out,
               "batch %" PRId64 " partition %" PRId64 ": state version %" PRId64 " loaded from ",
               record->batch,
               record->a,
               record->b);
    if (record->c > 0) {
        buf_printf(out, "snapshot %" PRId64, record->c);
        buf_text(out, record->b > record->c ? " and deltas" : "");
    } else {
        buf_text(out, "deltas");
    }
    return record->c >= 0 && record->b > 0;
}

static bool put_watermark(const struct trace_record *record, struct buf *out)
{
    char text[40];
    timestamp_format(record->a * US_PER_MS, 3, text);
    buf_printf(out, "watermark of batch %" PRId64 ": %s", record->batch + 1, text);
    return record->a != record->b;
}

/* What a store does beside the batches. */
static bool put_maintenance_words(const struct trace_record *record, struct buf *out)
{
    buf_printf(out, "partition %" PRId64 ": ", record->a);
    switch (record->kind) {
    case EVENT_STATE_REPAIRED:
        buf_printf(out,
                   "state version %" PRId64 " without snapshot %" PRId64
                   ", which does not read: %s",
                   record->b,
                   record->c,
                   record->text);
        return true;
    case EVENT_STATE_SNAPSHOT:
        buf_printf(
            out, "snapshot of state version %" PRId64 ", %" PRId64 " rows", record->b, record->c);
        return true;
    case EVENT_STATE_FILES_LOADED:
        buf_printf(out,
                   "%" PRId64 " SST files copied from the checkpoint, %" PRId64 " taken over here",
                   record->b,
                   record->c);
        return true;
    case EVENT_STATE_FILES_SAVED:
        buf_printf(out,
                   "%" PRId64 " SST files copied to the checkpoint, %" PRId64 " were there",
                   record->b,
                   record->c);
        return true;
    case EVENT_STATE_CLEANED:
        buf_printf(
            out, "%" PRId64 " state files below version %" PRId64 " removed", record->c, record->b);
        return true;
    case EVENT_MAINTENANCE_FAILED:
        buf_printf(out, "maintenance failed: %s", record->text);
        return true;
    default:
        return false;
    }
}

/* Stages, shuffle blocks, state, watermark. */
static bool put_state_words(const struct trace_record *record, struct buf *out)
{
    switch (record->kind) {
    case EVENT_STAGE_ENDED:
        buf_printf(out, "batch %" PRId64 " map stage ended", record->batch);
        return record->a == 0; /* the end of the result stage: it is published */
    case EVENT_MAP_OUTPUT_LOST:
        buf_printf(out,
                   "batch %" PRId64 " blocks of map task %" PRId64 ".%" PRId64
                   " are lost with executor %" PRId64,
                   record->batch,
                   record->a,
                   record->b,
                   record->c);
        return true;
    case EVENT_STATE_LOADED:
        return put_state_loaded(record, out);
    case EVENT_STATE_COMMITTED:
        buf_printf(out,
                   "batch %" PRId64 " partition %" PRId64 ": state version %" PRId64
                   " committed, %" PRId64 " rows",
                   record->batch,
                   record->a,
                   record->b,
                   record->c);
        return true;
    case EVENT_WATERMARK:
        return put_watermark(record, out);
    default:
        return false;
    }
}

static bool put_world_words(const struct trace_record *record, struct buf *out)
{
    switch (record->kind) {
    case WORLD_FAULT:
        buf_printf(out, "!! %s", record->text);
        return true;
    case WORLD_PROCESS_STARTED:
        buf_printf(out, "started again (incarnation %" PRId64 ")", record->a);
        return record->a > 0; /* the first start of each is no news */
    case WORLD_UNSYNCED_LOST:
        buf_printf(out, "lost in the crash: %s", record->text);
        return true;
    case WORLD_DAMAGED:
        buf_printf(out, "%s went bad (%s)", record->text, damage_name((enum damage)record->a));
        return true;
    case WORLD_RUN_ENDED:
        buf_printf(out, "run %" PRId64 " of the driver ended: %s", record->a, record->text);
        return true;
    case WORLD_GAVE_UP:
        buf_printf(out, "the supervisor gives up after %" PRId64 " crashes in a row", record->a);
        return true;
    case WORLD_LEADER:
        buf_printf(out, "%s-%" PRId64, record->text, record->a);
        if (record->b == 0) {
            buf_printf(out, " has no leader");
        } else {
            buf_printf(out, " is led by broker %" PRId64, record->b);
        }
        return record->c > 1; /* the first election is no news */
    case WORLD_EXPIRED:
        buf_printf(
            out, "%s-%" PRId64 " now begins at %" PRId64, record->text, record->a, record->b);
        return true;
    default:
        return false;
    }
}

bool transcript_line(const struct trace_record *record, int64_t start_us, struct buf *out)
{
    static bool (*const teller[])(const struct trace_record *record, struct buf *out) = {
        put_batch_words, put_task_words, put_state_words, put_maintenance_words, put_world_words};
    size_t before = out->size;
    int64_t time_ms = (record->time_us - start_us) / 1000;
    const char *actor = record->process_name[0] != '\0' ? record->process_name : "world";
    if (record->kind == WORLD_PROCESS_STARTED) {
        actor = record->text;
    }
    buf_printf(out, "[%5" PRId64 ".%03" PRId64 "] %-13s ", time_ms / 1000, time_ms % 1000, actor);
    size_t words = out->size;
    for (size_t i = 0; i < sizeof teller / sizeof *teller; i++) {
        if (teller[i](record, out)) {
            buf_byte(out, '\n');
            return true;
        }
        out->size = words;
    }
    out->size = before;
    return false;
}
