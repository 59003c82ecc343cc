#include "engine/driver/batch_progress.h"

static bool nobody_listens(const struct query *query)
{
    return query->config->progress == NULL;
}

static void tell(struct query *query)
{
    query->config->progress(query->config->progress_context, buf_bytes(&query->progress.line));
}

void batch_progress_begin(struct query *query)
{
    if (nobody_listens(query)) {
        return;
    }
    if (query->progress.run_id[0] == '\0') {
        random_uuid(&query->ports->random, "run-id", 0, 0, query->progress.run_id);
    }
    progress_begin(&query->progress, clock_now_us(&query->ports->clock));
}

void batch_progress_phase(struct query *query, enum progress_phase phase)
{
    if (!nobody_listens(query)) {
        progress_phase(&query->progress, phase, clock_now_us(&query->ports->clock));
    }
}

void batch_progress_idle(struct query *query)
{
    if (!nobody_listens(query) &&
        progress_idle(&query->progress, clock_now_us(&query->ports->clock))) {
        tell(query);
    }
}

static void gather_times(const struct message_task_done *done, struct progress_event_times *times)
{
    if (done->event_times == 0) {
        return;
    }
    if (times->count == 0 || done->event_time_max_ms > times->max_ms) {
        times->max_ms = done->event_time_max_ms;
    }
    if (times->count == 0 || done->event_time_min_ms < times->min_ms) {
        times->min_ms = done->event_time_min_ms;
    }
    if (__builtin_add_overflow(times->sum_ms, done->event_time_sum_ms, &times->sum_ms)) {
        times->overflowed = true;
    }
    times->count += done->event_times;
}

static void gather_readers(const struct task_set *readers, struct progress_batch *told)
{
    for (size_t i = 0; i < readers->count; i++) {
        told->rows += readers->tasks[i].done.rows_read;
        gather_times(&readers->tasks[i].done, &told->times);
    }
}

static void gather_state(const struct task_set *result, struct progress_state *state)
{
    state->partitions = (int64_t)result->count;
    for (size_t i = 0; i < result->count; i++) {
        const struct message_task_done *done = &result->tasks[i].done;
        state->rows += done->state_rows;
        state->bytes += done->state_bytes;
        state->rows_updated += done->rows_updated;
        state->rows_removed += done->rows_removed;
        state->rows_dropped_by_watermark += done->rows_dropped_by_watermark;
        state->updates_us += done->updates_us;
        state->removals_us += done->removals_us;
        state->commit_us += done->commit_us;
        for (size_t j = 0; j < STATE_CUSTOM_METRICS_MAX; j++) {
            state->custom[j] += done->custom[j];
        }
    }
}

void batch_progress_end(struct query *query, const struct batch *batch)
{
    struct progress_state state = {.provider = query->plan->options.state_provider};
    struct progress_batch told = {
        .id = query->id,
        .name = query->plan->name,
        .batch = batch->id,
        .watermark_ms = query->plan->watermark == NULL ? NULL : &batch->watermark_ms,
        .topic = query->plan->topic,
        .start = batch->id == 0 ? NULL : &batch->begin,
        .end = &batch->end,
        .latest = batch->latest.topic == NULL ? NULL : &batch->latest,
        .table = query->plan->table,
        .rows_written = batch->job == NULL ? -1 : batch->rows_written,
    };
    if (nobody_listens(query)) {
        return;
    }
    if (batch->job != NULL) {
        gather_readers(job_readers(batch->job), &told);
    }
    if (batch->job != NULL && batch->job->map != NULL) {
        gather_state(batch->job->result, &state);
        told.state = &state;
    }
    progress_end(&query->progress, clock_now_us(&query->ports->clock));
    buf_clear(&query->progress.line);
    progress_encode(&query->progress, &told, &query->progress.line);
    tell(query);
}
