/* A map task: its range of Kafka, filtered and partially aggregated, as shuffle blocks on this
 * executor's own disk. It asks nobody: its output is found by whoever the driver tells of it, and
 * an output that nobody is told of is removed with its batch. */
#include "engine/base/check.h"
#include "engine/base/failpoint.h"
#include "engine/base/heap.h"
#include "engine/exec/aggregate.h"
#include "engine/executor/task_input.h"
#include "engine/shuffle/partition.h"

static enum status
on_batch(void *context, struct arena *scratch, struct columns *input, struct diag *diag)
{
    return groups_add(context, scratch, input, diag);
}

/* Without grouping columns there is one group, also of no rows: it must have been asked for. */
static enum status add_no_rows(struct task_attempt *attempt, struct groups *groups)
{
    const struct plan *plan = attempt->session->plan;
    if (plan->aggregation->key.count > 0) {
        return OK;
    }
    struct arena scratch = {0};
    struct columns *none = columns_new(&scratch, &plan->source, 0);
    enum status status = groups_add(groups, &scratch, none, &attempt->diag);
    arena_free(&scratch);
    return status;
}

/* Each group into its partition's block. */
static void
fill_blocks(const struct task_attempt *attempt, const struct groups *groups, struct buf *blocks)
{
    const struct clock_port *clock = &attempt->executor->ports->clock;
    const struct aggregation *aggregation = attempt->session->plan->aggregation;
    struct buf buffer = {0};
    int64_t rows = 0;
    int64_t bytes = 0;
    for (size_t i = 0; i < groups_count(groups); i++) {
        struct group group = groups_at(groups, i);
        int64_t partition =
            shuffle_partition(&aggregation->key, group.cells, attempt->task.partitions);
        buf_clear(&buffer);
        unsafe_row_encode(&aggregation->buffer, group.buffer, &buffer);
        block_add(&blocks[partition], group.key, buf_bytes(&buffer));
        rows++;
        bytes += (int64_t)(group.key.size + buffer.size);
        if (rows == SPEND_ROWS_MAX) {
            clock_spend(clock, rows, bytes);
            rows = 0;
            bytes = 0;
        }
    }
    clock_spend(clock, rows, bytes);
    buf_free(&buffer);
}

/* Earlier batches need their blocks no more, nor do other sessions. An attempt of a session that is
 * over must not judge: the blocks of the next one may stand there already. */
static void clean_blocks(struct task_attempt *attempt)
{
    struct executor_session *session = attempt->session;
    if (!session->over && attempt->id.batch > session->blocks_batch) {
        session->blocks_batch = attempt->id.batch;
        blocks_clean(&attempt->executor->ports->disk,
                     attempt->executor->config->local,
                     session->id,
                     attempt->id.batch);
    }
}

static enum status write_blocks(struct task_attempt *attempt, const struct groups *groups)
{
    size_t partitions = (size_t)attempt->task.partitions;
    const struct attempt_id *id = &attempt->id;
    const struct block_id block = {.session = id->session,
                                   .batch = id->batch,
                                   .map_task = id->task,
                                   .map_attempt = id->attempt};
    struct buf *blocks = arena_alloc(&attempt->arena, partitions * sizeof *blocks);
    fill_blocks(attempt, groups, blocks);
    clean_blocks(attempt);
    const char *local = attempt->executor->config->local;
    enum status status =
        blocks_write(&attempt->executor->ports->disk, local, &block, blocks, partitions);
    for (size_t i = 0; i < partitions; i++) {
        buf_free(&blocks[i]);
    }
    if (status != OK) {
        return diag_fail(&attempt->diag,
                         "TASK_WRITE_FAILED",
                         "Map task %lld could not write its shuffle blocks below %s/shuffle: %s.",
                         (long long)id->task,
                         local,
                         status_text(status));
    }
    return OK;
}

enum status map_task_run(struct task_attempt *attempt)
{
    const struct plan *plan = attempt->session->plan;
    int64_t partitions = attempt->task.partitions;
    if (plan->aggregation == NULL || partitions <= 0 || partitions > BLOCKS_PARTITIONS_MAX) {
        return diag_fail(&attempt->diag,
                         "TASK_FAILED",
                         "A map task for %lld shuffle partitions of a plan %s groups: at least 1 "
                         "and at most %d can be written, and only of groups.",
                         (long long)partitions,
                         plan->aggregation == NULL ? "without" : "with",
                         BLOCKS_PARTITIONS_MAX);
    }
    struct groups *groups = groups_new(&attempt->arena, plan->aggregation);
    TRY(add_no_rows(attempt, groups));
    TRY(task_input_read(attempt, on_batch, groups));
    failpoint(FP_TASK_FETCHED, attempt->id.batch);
    failpoint(FP_SHUFFLE_BEFORE, attempt->id.batch);
    TRY(write_blocks(attempt, groups));
    task_attempt_trace(attempt, EVENT_MAP_OUTPUT_WRITTEN, (int64_t)groups_count(groups), NULL);
    failpoint(FP_SHUFFLE_AFTER, attempt->id.batch);
    return OK;
}
