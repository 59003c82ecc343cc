/* A result task: rows from Kafka (a stateless plan), or a partition of the shuffle through the
 * state store (a stateful one), as one file of the table. It asks the driver whether that file may
 * be committed.
 *
 * As in Spark the state is committed before the driver is asked: an attempt that is denied has
 * published version N+1 all the same. That is no harm, since whoever runs the partition again
 * writes it over, with the same content unless records expired in between (state_store_commit). */
#include "engine/base/check.h"
#include "engine/base/failpoint.h"
#include "engine/base/hash.h"
#include "engine/exec/operators.h"
#include "engine/exec/stateful_aggregate.h"
#include "engine/executor/output_rows.h"
#include "engine/executor/task_input.h"
#include "engine/sink/delta_sink.h"

/* ---- rows from Kafka ------------------------------------------------------------------------- */

struct selection {
    const struct plan *plan;
    struct output_rows rows;
};

static enum status
on_batch(void *context, struct arena *scratch, struct columns *input, struct diag *diag)
{
    struct selection *selection = context;
    struct columns *output = NULL;
    TRY(operators_select(selection->plan, scratch, input, &output, diag));
    output_rows_append(&selection->rows, output);
    return OK;
}

static enum status read_rows(struct task_attempt *attempt, struct columns **rows)
{
    struct selection selection = {.plan = attempt->session->plan};
    output_rows_init(&selection.rows, &attempt->arena, &selection.plan->output);
    TRY(task_input_read(attempt, on_batch, &selection));
    failpoint(FP_TASK_FETCHED, attempt->id.batch);
    *rows = selection.rows.columns;
    return OK;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

struct merging {
    struct task_attempt *attempt;
    struct groups *groups;
    int64_t rows; /* not charged yet */
    int64_t bytes;
};

static void charge(struct merging *merging)
{
    clock_spend(&merging->attempt->executor->ports->clock, merging->rows, merging->bytes);
    merging->rows = 0;
    merging->bytes = 0;
}

static enum status on_row(void *context, struct bytes key, struct bytes buffer)
{
    struct merging *merging = context;
    merging->rows++;
    merging->bytes += (int64_t)(key.size + buffer.size);
    if (merging->rows == SPEND_ROWS_MAX) {
        charge(merging);
    }
    return groups_merge(merging->groups, key, buffer, &merging->attempt->diag);
}

/* The driver will have the map task run again; this attempt does not count as a failure. */
static enum status fetch_failed(struct task_attempt *attempt, int64_t map_task, enum status status)
{
    const struct map_output *map = &attempt->task.maps[map_task];
    attempt->failure.map_task = map_task;
    attempt->failure.map_attempt = map->attempt;
    return diag_fail(&attempt->diag,
                     CLASS_FETCH_FAILED,
                     "The shuffle block of map task %lld, attempt %lld, for partition %lld could "
                     "not be had from \"%s\": %s.",
                     (long long)map_task,
                     (long long)map->attempt,
                     (long long)attempt->id.task,
                     map->address,
                     status_text(status));
}

static enum status merge_block(struct merging *merging, int64_t map_task, struct bytes block)
{
    enum status status = block_each(block, on_row, merging);
    if (status == ERR_CORRUPT) {
        return diag_fail(&merging->attempt->diag,
                         "SHUFFLE_BLOCK_CORRUPT",
                         "The shuffle block of map task %lld arrived as it was written, and does "
                         "not hold this plan's groups: do all executors run the same version?",
                         (long long)map_task);
    }
    return status;
}

/* In map-task order: a task that runs again merges in the same order, and makes the same bits. The
 * groups borrow from the blocks. */
static enum status merge_blocks(struct task_attempt *attempt, struct groups *groups)
{
    const struct message_run_task *task = &attempt->task;
    struct merging merging = {.attempt = attempt, .groups = groups};
    struct block_source source = {
        .id = {.session = attempt->id.session, .batch = attempt->id.batch},
        .partition = attempt->id.task,
        .silence_max_us = attempt->session->plan->options.network_timeout_us,
    };
    struct buf block = {0};
    enum status status = OK;
    for (size_t i = 0; i < task->map_count && status == OK; i++) {
        source.id.map_task = (int64_t)i;
        source.id.map_attempt = task->maps[i].attempt;
        source.address = task->maps[i].address;
        status = block_transfer_fetch(attempt->executor->transfer, &source, &block);
        if (status != OK) {
            status = fetch_failed(attempt, (int64_t)i, status);
        } else {
            const void *kept = arena_copy(&attempt->arena, block.data, block.size);
            status = merge_block(&merging, (int64_t)i, bytes_of(kept, block.size));
        }
    }
    buf_free(&block);
    charge(&merging);
    return status;
}

/* ---- state ----------------------------------------------------------------------------------- */

/* Of the commit that just ended: the next one to wait may see another attempt's. */
static void note_metrics(struct task_attempt *attempt)
{
    const struct executor_session *session = attempt->session;
    struct state_metrics metrics = state_provider_metrics(session->provider, attempt->id.task);
    int64_t rows = metrics.committed_rows;
    attempt->done.state_rows = rows > 0 ? rows : 0; /* -1: Spark adds nothing */
    attempt->done.state_bytes = metrics.committed_bytes;
    state_custom_values(session->plan->options.state_provider, &metrics, attempt->done.custom);
}

/* The store is gone afterwards: committed, or as if it had never been opened. */
static enum status apply(struct task_attempt *attempt,
                         struct state_store *store,
                         const struct groups *groups,
                         struct columns **rows)
{
    const struct stateful_aggregate aggregate = {
        .plan = attempt->session->plan,
        .clock = &attempt->executor->ports->clock,
        .store = store,
        .late_ms = attempt->task.late_ms,
        .evict_ms = attempt->task.evict_ms,
    };
    struct stateful_metrics metrics = {0};
    enum status status =
        stateful_aggregate_run(&aggregate, &attempt->arena, groups, rows, &metrics, &attempt->diag);
    if (status != OK) {
        state_store_abort(store);
        return status;
    }
    attempt->done.rows_updated = metrics.rows_updated;
    attempt->done.rows_removed = metrics.rows_removed;
    attempt->done.rows_dropped_by_watermark = metrics.rows_dropped_by_watermark;
    attempt->done.updates_us = metrics.updates_us;
    attempt->done.removals_us = metrics.removals_us;
    failpoint(FP_STATE_BEFORE, attempt->id.batch);
    int64_t began_us = clock_now_us(aggregate.clock);
    TRY(state_store_commit(store, &attempt->diag));
    note_metrics(attempt);
    int64_t ended_us = clock_now_us(aggregate.clock);
    attempt->done.commit_us = ended_us > began_us ? ended_us - began_us : 0;
    failpoint(FP_STATE_AFTER, attempt->id.batch);
    return OK;
}

static enum status run_state(struct task_attempt *attempt, struct columns **rows)
{
    const struct plan *plan = attempt->session->plan;
    struct state_provider *provider = attempt->session->provider;
    int64_t batch = attempt->id.batch;
    int64_t partition = attempt->id.task;
    struct groups *groups = groups_new(&attempt->arena, plan->aggregation);
    struct state_store *store = NULL;
    failpoint(FP_FETCH_BEFORE, batch);
    TRY(merge_blocks(attempt, groups));
    failpoint(FP_FETCH_AFTER, batch);
    TRY(state_store_open(provider, partition, batch, &store, &attempt->diag));
    failpoint(FP_STATE_LOADED, batch);
    TRY(apply(attempt, store, groups, rows));
    return OK;
}

/* ---- the file -------------------------------------------------------------------------------- */

/* The file's random name is drawn from the session too: this executor may run attempt 0 of the same
 * task for two drivers, and the first one's file, removed when its commit is denied, must not be
 * the second one's. */
static enum status write_file(struct task_attempt *attempt, const struct columns *rows)
{
    const struct attempt_id *id = &attempt->id;
    struct delta_file *file = &attempt->done.file;
    const struct delta_output output = {
        .ports = attempt->executor->ports,
        .store = attempt->executor->store,
        .table = attempt->session->plan->table,
        .task = id->task,
        .name_keys = {hash_chain(id->session, (uint64_t)id->batch),
                      hash_chain((uint64_t)id->task, (uint64_t)id->attempt)},
        .rows = rows,
    };
    TRY(delta_write_file(&output, &attempt->arena, file, &attempt->diag));
    if (file->path != NULL) {
        task_attempt_trace(attempt, EVENT_OUTPUT_WRITTEN, file->rows, file->path);
    }
    return OK;
}

/* No commit will name the file: it is an orphan. To remove it is a courtesy; whoever reads the
 * table's log never sees it. */
static void remove_file(struct task_attempt *attempt)
{
    const char *name = attempt->done.file.path;
    if (name != NULL) {
        const char *path = store_path(&attempt->arena, attempt->session->plan->table, name);
        enum status ignored = store_remove(attempt->executor->store, path);
        maybe(ignored == OK);
    }
}

enum status result_task_run(struct task_attempt *attempt)
{
    int64_t batch = attempt->id.batch;
    struct columns *rows = NULL;
    if (attempt->session->plan->aggregation == NULL) {
        TRY(read_rows(attempt, &rows));
    } else {
        TRY(run_state(attempt, &rows));
    }
    failpoint(FP_OUTPUT_BEFORE, batch);
    TRY(write_file(attempt, rows));
    failpoint(FP_OUTPUT_AFTER, batch);
    if (!task_attempt_may_commit(attempt)) {
        remove_file(attempt);
        return diag_fail(&attempt->diag, CLASS_COMMIT_DENIED, "the driver denied the commit");
    }
    failpoint(FP_TASK_GRANTED, batch);
    return OK;
}
