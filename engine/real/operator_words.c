#include "engine/real/operator_words.h"

#include <inttypes.h>

static void put_task_failed(const struct trace_entry *entry, struct buf *line, const char *text)
{
    buf_printf(line,
               "batch %" PRId64 ": attempt %" PRId64 " of task %" PRId64 " failed (%" PRId64
               " counted): %s",
               entry->batch,
               entry->b,
               entry->a,
               entry->c,
               text);
}

static void put_log_changed(const struct trace_entry *entry, struct buf *line, const char *text)
{
    buf_printf(line,
               "failOnDataLoss=false: the log of %s-%" PRId64 " is another one: at offset %" PRId64
               " stands another record than was read. Goes on from %" PRId64,
               text,
               entry->a,
               entry->b,
               entry->c);
}

bool operator_words(const struct trace_entry *entry, struct buf *line)
{
    const char *text = entry->text == NULL ? "" : entry->text;
    switch (entry->kind) {
    case EVENT_EXECUTOR_LOST:
        buf_printf(line, "lost executor %" PRId64 ": %s", entry->a, text);
        break;
    case EVENT_TASK_FAILED:
        put_task_failed(entry, line, text);
        break;
    case EVENT_RANGE_SKIPPED:
        buf_printf(line,
                   "failOnDataLoss=false: skipped %s-%" PRId64 " from %" PRId64 " to %" PRId64,
                   text,
                   entry->a,
                   entry->b,
                   entry->c - 1);
        break;
    case EVENT_CONF_KEPT:
        buf_printf(line, "the checkpoint's conf holds: %s", text);
        break;
    case EVENT_LOG_CHANGED:
        put_log_changed(entry, line, text);
        break;
    case EVENT_SINK_SKIPPED:
        buf_printf(line, "batch %" PRId64 " is in the table already", entry->batch);
        break;
    case EVENT_STATE_REPAIRED:
        buf_printf(line,
                   "state partition %" PRId64 ": snapshot %" PRId64
                   " stands in for one that does not read: %s",
                   entry->a,
                   entry->c,
                   text);
        break;
    default:
        return false;
    }
    buf_byte(line, '\0');
    return true;
}
