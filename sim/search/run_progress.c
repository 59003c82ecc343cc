/* What a run's result tells about time: recoveries, lag, driver starts; read off the trace as it
 * happens. */
#include "sim/search/run_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"

static int64_t since_start(const struct run *run, int64_t time_us)
{
    return time_us - run->start_us;
}

/* A fault of the script fired: from here on its recovery is timed. A start is no fault. */
static void fault_fired(struct run *run, const struct trace_record *record)
{
    struct run_result *result = run->result;
    const struct fault_event *event = &run->scenario->script.events[record->a];
    run->progress_us = record->time_us;
    if (event->verb == FAULT_START || result->recovery_count == RUN_RECOVERIES_MAX) {
        return;
    }
    struct recovery *recovery = &result->recoveries[result->recovery_count];
    result->recovery_count++;
    *recovery = (struct recovery){
        .at_us = since_start(run, record->time_us), .first_commit_us = -1, .caught_up_us = -1};
    (void)snprintf(recovery->fault, sizeof recovery->fault, "%s", fault_info(event->verb)->name);
    static_assert(sizeof recovery->target >= TARGET_TEXT_SIZE, "a target's text fits");
    target_format(event->target, recovery->target);
    if (event->at.kind == ANCHOR_POINT) {
        (void)snprintf(
            recovery->point, sizeof recovery->point, "%s", failpoint_info(event->at.point)->name);
    }
}

static struct driver_run *run_of_process(struct run *run, uint32_t process)
{
    size_t count = 0;
    const struct supervised_run *runs = supervisor_runs(run->supervisor, &count);
    for (size_t i = count; i > 0; i--) {
        if (runs[i - 1].process == process && i - 1 < RUN_RUNS_MAX) {
            return &run->result->runs[i - 1];
        }
    }
    return NULL;
}

/* When the room is full every second sample goes, and later ones keep the distance that is left: a
 * long run is drawn coarser, all of it alike. */
static void thin_out(struct run *run)
{
    struct run_result *result = run->result;
    size_t kept = 0;
    for (size_t i = 0; i < result->lag_count; i += 2) {
        result->lag[kept] = result->lag[i];
        kept++;
    }
    result->lag_count = kept;
    run->lag_distance_us = result->lag[kept - 1].at_us / (int64_t)kept;
}

void run_sample_lag(struct run *run, int64_t time_us)
{
    struct run_result *result = run->result;
    size_t count = result->lag_count;
    int64_t at_us = since_start(run, time_us);
    if (run->checks == NULL ||
        (count > 0 && at_us - result->lag[count - 1].at_us < run->lag_distance_us)) {
        return;
    }
    if (count == RUN_SAMPLES_MAX) {
        thin_out(run);
    }
    result->lag[result->lag_count] =
        (struct lag_sample){.at_us = at_us, .records = checks_lag(run->checks)};
    result->lag_count++;
}

static void batch_planned(struct run *run, const struct trace_record *record)
{
    struct run_result *result = run->result;
    bool rerun = record->b == 1;
    run->planned_batch = record->batch;
    run->planned_offsets = record->a;
    run->planned_lag = run->checks == NULL ? record->a : checks_lag(run->checks);
    if (rerun) {
        for (size_t i = 0; i < result->recovery_count; i++) {
            if (result->recoveries[i].first_commit_us < 0) {
                result->recoveries[i].rows_replayed += record->a;
            }
        }
    }
}

/* The recovery from the sweep's crash lasts until the next commit; without one, to the end. */
static void count_recovery(struct run *run)
{
    uint64_t crash = run->options->sweep.call;
    uint64_t calls = kernel_sweep_count(run->kernel);
    if (crash > 0 && calls > crash && run->result->recovery_calls == 0) {
        run->result->recovery_calls = calls - crash;
    }
}

/* A batch is committed: recoveries that waited for it are over; caught up when it held all that was
 * readable at its plan. */
static void commit_written(struct run *run, const struct trace_record *record)
{
    struct run_result *result = run->result;
    /* An empty batch brings the end no nearer: a query that writes them for ever is stuck. */
    if (record->batch != run->planned_batch || run->planned_offsets > 0) {
        run->progress_us = record->time_us;
    }
    result->batches++;
    count_recovery(run);
    bool caught_up =
        record->batch == run->planned_batch && run->planned_offsets >= run->planned_lag;
    int64_t at_us = since_start(run, record->time_us);
    for (size_t i = 0; i < result->recovery_count; i++) {
        struct recovery *recovery = &result->recoveries[i];
        if (recovery->first_commit_us < 0) {
            recovery->first_commit_us = at_us;
        }
        if (recovery->caught_up_us < 0 && caught_up) {
            recovery->caught_up_us = at_us;
        }
    }
    struct driver_run *driver = run_of_process(run, record->process);
    if (driver != NULL) {
        driver->commits++;
    }
}

void run_observe(void *context, const struct trace_record *record)
{
    struct run *run = context;
    if (record->kind >= 0 && record->kind < (int)ENGINE_EVENT_COUNT) {
        run->counts[record->kind]++;
    }
    run_saw_log(run, record);
    switch (record->kind) {
    case WORLD_FAULT:
        fault_fired(run, record);
        run_sample_lag(run, record->time_us);
        break;
    case EVENT_QUERY_RESUMED: {
        struct driver_run *driver = run_of_process(run, record->process);
        if (driver != NULL) {
            driver->resumes_batch = record->batch;
            driver->resumes_as = (int)record->a;
        }
        break;
    }
    case EVENT_BATCH_PLANNED:
        batch_planned(run, record);
        run_sample_lag(run, record->time_us);
        break;
    case EVENT_COMMIT_WRITTEN:
        commit_written(run, record);
        run_sample_lag(run, record->time_us);
        break;
    case EVENT_RANGE_SKIPPED: { /* by an executor, for the newest driver */
        size_t count = 0;
        (void)supervisor_runs(run->supervisor, &count);
        if (count > 0 && count <= RUN_RUNS_MAX) {
            run->result->runs[count - 1].ranges_skipped++;
        }
        break;
    }
    case WORLD_PRODUCED:
        run->result->rows_in += record->c;
        break;
    case WORLD_RUN_ENDED:
        run->progress_us = record->time_us;
        break;
    default:
        break; /* the other events say nothing about progress */
    }
}

void run_progress_end(struct run *run)
{
    struct run_result *result = run->result;
    size_t count = 0;
    const struct supervised_run *runs = supervisor_runs(run->supervisor, &count);
    count_recovery(run);
    result->driver_starts = (uint32_t)count;
    result->executor_losses = supervisor_executor_losses(run->supervisor);
    result->run_count = count < RUN_RUNS_MAX ? count : RUN_RUNS_MAX;
    for (size_t i = 0; i < result->run_count; i++) {
        struct driver_run *driver = &result->runs[i];
        driver->started_us = since_start(run, runs[i].started_us);
        driver->ended = runs[i].ended;
        driver->ended_us = runs[i].ended ? since_start(run, runs[i].ended_us) : -1;
        driver->error = runs[i].error;
        driver->ends = runs[i].ends;
        if (!runs[i].ended && result->outcome == OUTCOME_CAUGHT_UP) {
            driver->ends = RUN_CAUGHT_UP; /* alive, with nothing left to do */
        }
    }
    const struct fault_plan *script = &run->scenario->script;
    result->event_count = script->count < RUN_EVENTS_MAX ? script->count : RUN_EVENTS_MAX;
    for (size_t i = 0; i < result->event_count; i++) {
        int64_t at_us = 0;
        bool fired = injector_fired(run->injector, i, &at_us);
        result->events[i] = (struct fired_event){
            .index = i, .fired = fired, .at_us = fired ? since_start(run, at_us) : -1};
    }
}
