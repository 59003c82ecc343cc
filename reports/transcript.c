#include "reports/transcript.h"

#include <inttypes.h>

#include "faults/fault.h"

/* The words of one event behind time and actor; false when it tells no story. */
static bool put_engine_words(const struct trace_record *record, struct buf *out)
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
    case EVENT_TASK_ENDED:
        buf_printf(out,
                   "batch %" PRId64 " task %" PRId64 ".%" PRId64 " ended: %" PRId64 " rows",
                   record->batch,
                   record->a,
                   record->b,
                   record->c);
        return true;
    case EVENT_TASK_FAILED:
        buf_printf(out,
                   "batch %" PRId64 " task %" PRId64 ".%" PRId64 " failed (%" PRId64 " counted)",
                   record->batch,
                   record->a,
                   record->b,
                   record->c);
        return true;
    case EVENT_RESULT_REFUSED:
        buf_printf(out,
                   "batch %" PRId64 " task %" PRId64 ".%" PRId64 " refused: %s",
                   record->batch,
                   record->a,
                   record->b,
                   record->text);
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
    case EVENT_QUERY_ENDED:
        buf_printf(out, "query ended%s%s", record->text[0] == '\0' ? "" : ": ", record->text);
        return true;
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
        buf_printf(
            out, "%s-%" PRId64 " is led by broker %" PRId64, record->text, record->a, record->b);
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
    size_t before = out->size;
    int64_t time_ms = (record->time_us - start_us) / 1000;
    const char *actor = record->process_name[0] != '\0' ? record->process_name : "world";
    if (record->kind == WORLD_PROCESS_STARTED) {
        actor = record->text;
    }
    buf_printf(out, "[%5" PRId64 ".%03" PRId64 "] %-13s ", time_ms / 1000, time_ms % 1000, actor);
    if (!put_engine_words(record, out) && !put_world_words(record, out)) {
        out->size = before;
        return false;
    }
    buf_byte(out, '\n');
    return true;
}
