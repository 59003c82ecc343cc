/* The batch protocol. What is durable in which order, and what each step protects:
 *
 *   A plan       a new batch asks Kafka for its ends; a batch that runs again never does: its ends
 *                stand in offsets/N
 *   B offsets/N  written once, before any effect: from here on batch N is these offsets, whoever
 *                runs it. A second driver that planned the same N loses here
 *   C, D tasks   read exactly the ranges that follow from offsets N-1 and N; files are invisible
 *                until E; the coordinator lets one attempt a task through
 *   E sink       one Delta commit with txn {query id, N}: a batch that is in the table already is
 *                not written again, however often it runs. A table that lacks batch N-1, or has
 *                an N that this run planned anew, does not fit this checkpoint: refused
 *   F commits/N  written once, after the table: the next batch may be planned
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
#include "engine/driver/task_scheduler.h"

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

/* B. A batch that runs again has its offsets; they are never written twice. */
static enum status log_offsets(struct query *query, const struct batch *batch, struct diag *diag)
{
    if (batch->rerun) {
        return OK;
    }
    struct buf sources = {0};
    struct buf content = {0};
    offsets_json(&batch->end, &sources);
    buf_byte(&sources, '\0');
    struct offset_log_entry entry = {.batch_watermark_ms = query->watermark_ms,
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
        trace(query, EVENT_OFFSETS_WRITTEN, batch->id, 0);
        failpoint(FP_OFFSETS_AFTER, batch->id);
    }
    return status;
}

/* C, D */
static enum status run_tasks(struct query *query,
                             const struct batch *batch,
                             struct task_set **tasks,
                             bool *done,
                             struct diag *diag)
{
    struct kafka_range *ranges = NULL;
    size_t count = 0;
    failpoint(FP_TASKS_BEFORE, batch->id);
    enum status status = kafka_plan_ranges(query->ports,
                                           query->plan,
                                           &batch->begin,
                                           &batch->end,
                                           &query->batch_arena,
                                           &ranges,
                                           &count,
                                           diag);
    if (status != OK) {
        return batch_plan_failed(query->plan, status, diag);
    }
    status = task_scheduler_run(query, ranges, count, tasks, done, diag);
    if (status == OK && *done) {
        failpoint(FP_TASKS_AFTER, batch->id);
    }
    return status;
}

/* E */
static enum status commit_to_table(struct query *query,
                                   const struct batch *batch,
                                   const struct task_set *tasks,
                                   struct diag *diag)
{
    struct delta_file *files =
        arena_alloc(&query->batch_arena, tasks->count * sizeof(struct delta_file));
    struct delta_commit commit = {
        .batch = batch->id,
        .fresh = !batch->rerun,
        .schema = &query->plan->output,
        .next_watermark_ms = DELTA_NO_WATERMARK,
        .files = files,
    };
    int64_t rows = 0;
    for (size_t i = 0; i < tasks->count; i++) {
        require(tasks->tasks[i].state == TASK_FINISHED);
        if (tasks->tasks[i].file.path != NULL) {
            files[commit.file_count++] = tasks->tasks[i].file;
            rows += tasks->tasks[i].file.rows;
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
        entry.c = rows;
    }
    trace_event(&query->ports->trace, &entry);
    failpoint(FP_SINK_AFTER, batch->id);
    if (result.skipped && !batch->rerun) {
        return fail_overtaken(batch, "it is in the table before its first run has ended", diag);
    }
    return OK;
}

/* C to E, unless an earlier run got as far as E: then F is all that is left (Spark's
 * DeltaSink.addBatch looks first, too). Only a batch that runs again can be in the table: within
 * one run E is followed by F. */
static enum status
fill_table(struct query *query, const struct batch *batch, bool *done, struct diag *diag)
{
    struct task_set *tasks = NULL;
    *done = false;
    if (batch->rerun) {
        struct delta_found found = {0};
        TRY(delta_find_batch(query->table, batch->id, &found, diag));
        *done = found.found;
    }
    if (*done) {
        trace(query, EVENT_SINK_SKIPPED, batch->id, batch->id);
        return OK;
    }
    TRY(run_tasks(query, batch, &tasks, done, diag));
    return *done ? commit_to_table(query, batch, tasks, diag) : OK;
}

/* F */
static enum status log_commit(struct query *query, const struct batch *batch, struct diag *diag)
{
    struct buf content = {0};
    commit_log_encode(query->watermark_ms, &content);
    failpoint(FP_COMMITS_BEFORE, batch->id);
    enum status status =
        metadata_log_put(query->store, query->commits_log, batch->id, buf_bytes(&content), diag);
    buf_free(&content);
    if (status == OK) {
        status = check_offsets(query, batch, batch->id, diag);
    }
    if (status == OK) {
        trace(query, EVENT_COMMIT_WRITTEN, batch->id, 0);
        failpoint(FP_COMMITS_AFTER, batch->id);
    }
    return status;
}

/* The next batch begins where this one ended. */
static void advance(struct query *query, const struct batch *batch)
{
    struct offsets end = {0};
    struct arena fresh = {0};
    offsets_copy(&fresh, &batch->end, &end);
    arena_free(&query->position_arena);
    query->position_arena = fresh;
    query->position = end;
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

enum status micro_batch_run(struct query *query, enum batch_outcome *outcome, struct diag *diag)
{
    struct batch batch = {.id = query->next_batch};
    bool planned = false;
    bool done = false;
    arena_reset(&query->batch_arena);

    TRY(batch_plan(query, &batch, &planned, diag)); /* A    plan.before, plan.after */
    if (!planned) {
        *outcome = BATCH_NO_DATA;
        return OK;
    }
    TRY(log_offsets(query, &batch, diag));       /* B    offsets.before, offsets.after */
    TRY(fill_table(query, &batch, &done, diag)); /* C-E  tasks.*, sink.before, sink.after */
    if (!done) {
        *outcome = BATCH_ABANDONED;
        return OK;
    }
    TRY(log_commit(query, &batch, diag)); /* F    commits.before, commits.after */
    advance(query, &batch);
    purge(query, &batch); /* G    purge.before, purge.after */
    *outcome = BATCH_DONE;
    return OK;
}
