/* The batch protocol. What is durable in which order, and what each step protects:
 *
 *   A plan       a new batch asks Kafka for its ends; a batch that runs again never does: its ends
 *                and its watermark stand in offsets/N
 *   B offsets/N  written once, before any effect: from here on batch N is these offsets, whoever
 *                runs it. A second driver that planned the same N loses here
 *   C map        read exactly the ranges that follow from offsets N-1 and N. Of a stateful plan:
 *                into blocks on the executors' own disks, which any loss may take; they are made
 *                again from the same ranges
 *   D reduce     state version N and the blocks of all maps make version N+1, durable before E and
 *                written over by a batch that runs again: with equal bytes, or without what
 *                expired meanwhile (failOnDataLoss=false). Files are invisible until E; the
 *                coordinator lets one attempt a task through
 *   E sink       one Delta commit with txn {query id, N}: a batch that is in the table already is
 *                not written again, however often it runs. A table that lacks batch N-1, or has
 *                an N that this run planned anew, does not fit this checkpoint: refused. The
 *                commit carries the watermark that the tasks moved, for a run that finds it there,
 *                and the last record of each partition: who reads on compares it (fingerprint.h)
 *   F commits/N  written once, after the table, with that watermark: the next batch may be
 *                planned
 *   G purge      what recovery cannot need any more: it reads the newest two entries
 *
 * A crash between two steps repeats from A with the same N. It can repeat work, never an effect. */
#include "engine/driver/micro_batch.h"

#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/failpoint.h"
#include "engine/checkpoint/log_file.h"
#include "engine/checkpoint/metadata_log.h"
#include "engine/driver/batch_plan.h"
#include "engine/driver/batch_progress.h"
#include "engine/driver/batch_records.h"
#include "engine/driver/task_scheduler.h"
#include "engine/driver/watermark.h"
#include "engine/state/state_metadata.h"

static void trace(struct query *query, enum engine_event event, int64_t batch, int64_t a)
{
    trace_event(&query->ports->trace,
                &(struct trace_entry){.kind = (int)event, .batch = batch, .a = a});
}

/* A process may stand still for minutes between any two lines here. Meanwhile another one may have
 * run its batch, the batches after it, and purged them all: then write-once names are free again,
 * and only what is missing, or there too early, tells (Spark is silent here). */
static enum status fail_overtaken(const struct batch *batch, const char *found, struct diag *diag)
{
    return diag_fail(diag,
                     "CONCURRENT_STREAM_LOG_UPDATE",
                     "another run has overtaken batch %" PRId64 ": %s; only one query at a time "
                     "may use a checkpoint. Stop the other one, or give this one a "
                     "checkpointLocation of its own",
                     batch->id,
                     found);
}

/* What was just written stands above the purge floor while the offsets it goes with are there;
 * below, it is a leftover that nobody reads. */
static enum status
check_offsets(struct query *query, const struct batch *batch, int64_t id, struct diag *diag)
{
    struct bytes ignored;
    const char *path = arena_printf(&query->batch_arena, "%s/%" PRId64, query->offsets_log, id);
    enum status status = log_read(query->store, path, &query->batch_arena, &ignored, diag);
    return status == ERR_NOT_FOUND ? fail_overtaken(batch, "its offsets were purged", diag)
                                   : status;
}

/* B. A batch that runs again has its offsets; they are never written twice. The first ones say
 * whose the state is. */
static enum status log_offsets(struct query *query, const struct batch *batch, struct diag *diag)
{
    batch_progress_phase(query, PHASE_LATEST_OFFSET);
    if (batch->id == 0 && query->plan->aggregation != NULL) {
        TRY(state_check_unused(
            query->store, query->plan, query->partitions, &query->batch_arena, diag));
    }
    if (batch->rerun) {
        return OK;
    }
    struct buf sources = {0};
    struct buf content = {0};
    offsets_json(&batch->end, &sources);
    buf_byte(&sources, '\0');
    struct offset_log_entry entry = {.batch_watermark_ms = batch->watermark_ms,
                                     .batch_timestamp_ms = batch->timestamp_ms,
                                     .conf = query->conf,
                                     .sources = (const char *)sources.data};
    offset_log_encode(&entry, &content);
    failpoint(FP_OFFSETS_BEFORE, batch->id);
    enum status status =
        metadata_log_put(query->store, query->offsets_log, batch->id, buf_bytes(&content), diag);
    buf_free(&content);
    buf_free(&sources);
    if (status == OK && batch->id > 0) {
        status = check_offsets(query, batch, batch->id - 1, diag);
    }
    if (status == OK) {
        batch_progress_phase(query, PHASE_WAL_COMMIT);
        trace(query, EVENT_OFFSETS_WRITTEN, batch->id, 0);
        failpoint(FP_OFFSETS_AFTER, batch->id);
    }
    return status;
}

/* Between B and C of the first batch in each run: what the checkpoint says of its state fits this
 * plan, or the plan's description is written down before its first task runs. */
static enum status check_state(struct query *query, const struct batch *batch, struct diag *diag)
{
    if (query->plan->aggregation == NULL || query->state_checked) {
        return OK;
    }
    TRY(state_metadata_check(
        query->store, query->plan, query->partitions, batch->id == 0, &query->batch_arena, diag));
    query->state_checked = true;
    batch_progress_phase(query, PHASE_QUERY_PLANNING);
    return OK;
}

/* C, D. What the tasks saw moves the watermark of the next batch. */
static enum status
run_tasks(struct query *query, struct batch *batch, bool *done, struct diag *diag)
{
    struct job_plan plan = {.session = query->session,
                            .batch = batch->id,
                            .task_max_failures = query->plan->options.task_max_failures,
                            .stage_max_attempts = query->plan->options.stage_max_attempts,
                            .partitions = query->partitions,
                            .late_ms = batch->late_ms,
                            .evict_ms = batch->watermark_ms};
    struct kafka_range *ranges = NULL;
    failpoint(FP_TASKS_BEFORE, batch->id);
    enum status status = kafka_plan_ranges(query->ports,
                                           query->plan,
                                           &batch->begin,
                                           &batch->end,
                                           &query->batch_arena,
                                           &ranges,
                                           &plan.range_count,
                                           diag);
    if (status != OK) {
        return batch_plan_failed(query->plan, status, diag);
    }
    batch_records_attach(&query->last_records, &batch->begin, ranges, plan.range_count);
    plan.ranges = ranges;
    status = task_scheduler_run(query, &plan, &batch->job, done, diag);
    if (status == OK && *done) {
        int64_t seen_ms = watermark_observed_ms(job_readers(batch->job));
        batch->next_watermark_ms =
            watermark_next_ms(query->plan->watermark, batch->watermark_ms, seen_ms);
        batch_records_merge(&query->batch_arena,
                            &query->last_records,
                            &batch->end,
                            job_readers(batch->job),
                            &batch->last_records);
        failpoint(FP_TASKS_AFTER, batch->id);
    }
    return status;
}

/* E */
static enum status commit_to_table(struct query *query, struct batch *batch, struct diag *diag)
{
    const struct task_set *tasks = batch->job->result;
    struct delta_file *files =
        arena_alloc(&query->batch_arena, tasks->count * sizeof(struct delta_file));
    struct delta_commit commit = {
        .batch = batch->id,
        .fresh = !batch->rerun,
        .schema = &query->plan->output,
        .files = files,
        .complete = query->plan->output_mode == OUTPUT_COMPLETE,
        .next_watermark_ms =
            query->plan->watermark == NULL ? DELTA_NO_WATERMARK : batch->next_watermark_ms,
        .last_records = batch_records_text(&query->batch_arena, &batch->last_records),
    };
    for (size_t i = 0; i < tasks->count; i++) {
        require(tasks->tasks[i].state == TASK_FINISHED);
        if (tasks->tasks[i].done.file.path != NULL) {
            files[commit.file_count++] = tasks->tasks[i].done.file;
            batch->rows_written += tasks->tasks[i].done.file.rows;
        }
    }
    struct delta_commit_result result = {0};
    failpoint(FP_SINK_BEFORE, batch->id);
    TRY(delta_commit_batch(query->table, &commit, &result, diag));
    struct trace_entry entry = {.kind = EVENT_SINK_SKIPPED, .batch = batch->id};
    entry.a = result.version;
    if (!result.skipped) {
        entry.kind = EVENT_SINK_COMMITTED;
        entry.b = (int64_t)commit.file_count;
        entry.c = batch->rows_written;
    }
    trace_event(&query->ports->trace, &entry);
    failpoint(FP_SINK_AFTER, batch->id);
    if (result.skipped && !batch->rerun) {
        return fail_overtaken(batch, "it is in the table before its first run has ended", diag);
    }
    return OK;
}

/* An earlier run may have got as far as E: then F is all that is left (Spark's DeltaSink.addBatch
 * looks first, too; state N+1 was durable before E). Only a batch that runs again can be in the
 * table: within one run E is followed by F. F needs the next watermark: where the table does not
 * have it (Spark wrote that commit), the tasks run again, and only E is skipped.
 *
 * The first batch of each run looks, for the last records too. */
static enum status
find_in_table(struct query *query, struct batch *batch, bool *done, struct diag *diag)
{
    struct delta_found found = {0};
    *done = false;
    if (query->table_seen) {
        return OK;
    }
    query->table_seen = true;
    if (batch->id == 0 && !batch->rerun) {
        return OK; /* of a new query: the table has nothing of it */
    }
    TRY(delta_find_batch(query->table, batch->id, &found, diag));
    if (found.newest_batch == batch->id - 1) {
        batch_records_parse(&query->position_arena, found.last_records, &query->last_records);
    } else if (found.newest_batch == batch->id) {
        batch_records_parse(&query->batch_arena, found.last_records, &batch->last_records);
    }
    if (!batch->rerun || !found.found || (!found.has_watermark && query->plan->watermark != NULL)) {
        return OK;
    }
    bool moved = found.has_watermark && found.next_watermark_ms > batch->watermark_ms;
    batch->next_watermark_ms = moved ? found.next_watermark_ms : batch->watermark_ms;
    trace(query, EVENT_SINK_SKIPPED, batch->id, batch->id);
    *done = true;
    return OK;
}

/* F */
static enum status log_commit(struct query *query, const struct batch *batch, struct diag *diag)
{
    struct buf content = {0};
    batch_progress_phase(query, PHASE_ADD_BATCH);
    commit_log_encode(batch->next_watermark_ms, &content);
    failpoint(FP_COMMITS_BEFORE, batch->id);
    enum status status =
        metadata_log_put(query->store, query->commits_log, batch->id, buf_bytes(&content), diag);
    buf_free(&content);
    if (status == OK) {
        status = check_offsets(query, batch, batch->id, diag);
    }
    if (status == OK) {
        batch_progress_phase(query, PHASE_COMMIT_OFFSETS);
        trace(query, EVENT_COMMIT_WRITTEN, batch->id, 0);
        failpoint(FP_COMMITS_AFTER, batch->id);
    }
    return status;
}

/* The next batch begins where this one ended. */
static void advance(struct query *query, const struct batch *batch)
{
    if (query->plan->watermark != NULL) {
        trace_event(&query->ports->trace,
                    &(struct trace_entry){.kind = EVENT_WATERMARK,
                                          .batch = batch->id,
                                          .a = batch->next_watermark_ms,
                                          .b = batch->watermark_ms});
    }
    query->late_ms = batch->watermark_ms;
    query->watermark_ms = batch->next_watermark_ms;
    struct offsets end = {0};
    struct arena fresh = {0};
    struct last_records last_records = {.count = batch->last_records.count};
    size_t size = last_records.count * sizeof *last_records.entries;
    offsets_copy(&fresh, &batch->end, &end);
    last_records.entries = arena_copy(&fresh, batch->last_records.entries, size);
    arena_free(&query->position_arena);
    query->position_arena = fresh;
    query->position = end;
    query->last_records = last_records;
    query->rerun = false;
    query->next_batch = batch->id + 1;
}

/* G. Entries older than minBatchesToRetain before this batch, offsets first, so that commits never
 * lack their offsets from below. The threshold is Spark's (it purges while planning batch N; here
 * batch N is committed already, so that the id is a committed one: SPARK-24351). A purge that fails
 * costs space, not rows: the next one takes what was left. */
static void purge(struct query *query, const struct batch *batch)
{
    int64_t first_kept = batch->id - query->plan->options.min_batches_to_retain;
    if (first_kept <= 0) {
        return;
    }
    require(first_kept < batch->id);
    failpoint(FP_PURGE_BEFORE, batch->id);
    if (metadata_log_purge(query->store, query->offsets_log, first_kept) == OK &&
        metadata_log_purge(query->store, query->commits_log, first_kept) == OK) {
        trace(query, EVENT_PURGED, batch->id, first_kept);
    }
    failpoint(FP_PURGE_AFTER, batch->id);
}

static enum status
fill_table(struct query *query, struct batch *batch, bool *done, struct diag *diag)
{
    TRY(find_in_table(query, batch, done, diag)); /* a batch that runs again may be there */
    if (*done) {
        return OK;
    }
    TRY(run_tasks(query, batch, done, diag)); /* C, D tasks.before, stage.mapped, tasks.after */
    if (!*done) {
        return OK;
    }
    return commit_to_table(query, batch, diag); /* E    sink.before, sink.after */
}

enum status micro_batch_run(struct query *query, enum batch_outcome *outcome, struct diag *diag)
{
    struct batch batch = {.id = query->next_batch};
    bool planned = false;
    bool done = false;
    arena_reset(&query->batch_arena);
    batch_progress_begin(query);

    TRY(batch_plan(query, &batch, &planned, diag)); /* A    plan.before, plan.after */
    if (!planned) {
        batch_progress_idle(query);
        *outcome = BATCH_NO_DATA;
        return OK;
    }
    TRY(log_offsets(query, &batch, diag));       /* B    offsets.before, offsets.after */
    TRY(check_state(query, &batch, diag));       /*      the first batch of a run */
    TRY(fill_table(query, &batch, &done, diag)); /* C-E  above */
    if (!done) {
        *outcome = BATCH_ABANDONED;
        return OK;
    }
    TRY(log_commit(query, &batch, diag)); /* F    commits.before, commits.after */
    advance(query, &batch);
    purge(query, &batch); /* G    purge.before, purge.after */
    batch_progress_end(query, &batch);
    *outcome = BATCH_DONE;
    return OK;
}
