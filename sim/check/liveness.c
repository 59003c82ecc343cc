/* Liveness as far as it is a check of time: while nothing is broken and something is to be done,
 * the engine makes progress within its budget. Judged at each progress, for the time before it; a
 * run that stands still for ever is ended by the run itself, which asks checks_waiting_for whom it
 * waits for. */
#include <stdio.h>

#include "engine/base/buf.h"
#include "engine/base/units.h"
#include "sim/check/checks_internal.h"

/* Longer than every timeout of the engine in a row, with room, and than its trigger. */
static int64_t budget_us(const struct checks *checks)
{
    const struct options *options = &checks->scenario->plan->options;
    int64_t restart_us = checks->scenario->cluster.supervisor.restart_us;
    return 5 * US_PER_MINUTE + options->network_timeout_us + options->poll_timeout_us +
           options->request_timeout_us * (options->fetch_retries + 1) +
           2 * options->trigger_interval_us + (restart_us > 0 ? restart_us : 0);
}

static bool is_progress(int kind)
{
    return kind == (int)EVENT_QUERY_STARTED || kind == (int)EVENT_BATCH_PLANNED ||
           kind == (int)EVENT_OFFSETS_WRITTEN || kind == (int)EVENT_TASK_ENDED ||
           kind == (int)EVENT_SINK_COMMITTED || kind == (int)EVENT_SINK_SKIPPED ||
           kind == (int)EVENT_COMMIT_WRITTEN || kind == (int)EVENT_QUERY_ENDED;
}

/* From here on a wait is somebody else's fault: the clock starts again. */
static bool is_excuse(int kind)
{
    return kind == (int)WORLD_FAULT || kind == (int)WORLD_RUN_ENDED ||
           kind == (int)WORLD_PROCESS_PAUSED || kind == (int)WORLD_PROCESS_RESUMED ||
           kind == (int)WORLD_LEADER;
}

void liveness_event(struct checks *checks, const struct trace_record *record)
{
    struct liveness *liveness = &checks->liveness;
    if (is_excuse(record->kind)) {
        liveness->excused = true;
    }
    /* Caught up, the engine may wait for as long as nobody produces. */
    if (record->kind == (int)WORLD_PRODUCED && checks_caught_up(checks)) {
        liveness->excused = true;
    }
    if (!is_progress(record->kind)) {
        return;
    }
    int64_t waited_us = record->time_us - liveness->progress_us;
    if (!liveness->excused) {
        checks_count(checks, CHECK_LIVENESS);
        if (waited_us > budget_us(checks)) {
            checks_fail(checks,
                        CHECK_LIVENESS,
                        "%s of batch %lld came %lld s after the progress before it, nothing was "
                        "broken, and the budget is %lld s",
                        trace_kind_name(record->kind),
                        (long long)record->batch,
                        (long long)(waited_us / US_PER_SECOND),
                        (long long)(budget_us(checks) / US_PER_SECOND));
        }
    }
    *liveness = (struct liveness){.progress_us = record->time_us,
                                  .progress_batch = record->batch,
                                  .progress_kind = record->kind};
}

void checks_waiting_for(const struct checks *checks, char *out, size_t size)
{
    const struct liveness *liveness = &checks->liveness;
    const struct check_query *query = checks_current(checks);
    bool driver = checks->drivers[0].alive || checks->drivers[1].alive;
    char when[40];
    timestamp_format(liveness->progress_us, 3, when);
    struct process *previous = kernel_enter(checks->kernel);
    struct buf waits = {0};
    kernel_describe_waits(checks->kernel, &waits);
    buf_byte(&waits, '\0');
    (void)snprintf(
        out,
        size,
        "%s; the last progress was %s of batch %lld at %s; %lld readable records are not in "
        "the table%s%s",
        driver ? "a driver lives" : "no driver lives",
        trace_kind_name(liveness->progress_kind),
        (long long)liveness->progress_batch,
        when,
        (long long)checks_lag(checks),
        query == NULL ? "; no query has written its metadata" : "",
        (const char *)waits.data);
    buf_free(&waits);
    kernel_leave(checks->kernel, previous);
}
