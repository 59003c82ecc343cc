#include "engine/exec/stateful_aggregate.h"

#include "engine/base/check.h"
#include "engine/exec/aggregate_buffer.h"
#include "engine/exec/operators.h"
#include "engine/state/state_order.h"

/* One run of the operator. */
struct run {
    const struct stateful_aggregate *operator;
    const struct aggregation *aggregation;
    struct arena *arena;
    struct cell *key;          /* a decoded key of the state */
    struct cell *buffer;       /* a group's buffer while its state is merged */
    struct cell *state;        /* the buffer found in the state */
    struct buf value;          /* a buffer's bytes on their way into the state */
    struct state_pair *chosen; /* what is emitted */
    size_t chosen_count;
    size_t chosen_capacity;
    int64_t spent_rows; /* not yet charged */
    int64_t spent_bytes;
    struct diag *diag;
};

/* A row of the state or of a block was handled. May suspend: the store is this attempt's alone, so
 * nothing that was read of it can have changed. */
static void spend(struct run *run, size_t bytes)
{
    run->spent_rows++;
    run->spent_bytes += (int64_t)bytes;
    if (run->spent_rows == SPEND_ROWS_MAX) {
        clock_spend(run->operator->clock, run->spent_rows, run->spent_bytes);
        run->spent_rows = 0;
        run->spent_bytes = 0;
    }
}

static void spend_rest(struct run *run)
{
    if (run->spent_rows > 0) {
        clock_spend(run->operator->clock, run->spent_rows, run->spent_bytes);
        run->spent_rows = 0;
        run->spent_bytes = 0;
    }
}

/* A row of the state cannot be what the plan says; Spark looks at the first row of a load alone. */
static enum status fail_row(struct run *run, bool key, struct bytes row)
{
    (void)diag_fail(run->diag,
                    key ? "STATE_STORE_KEY_ROW_FORMAT_VALIDATION_FAILURE"
                        : "STATE_STORE_VALUE_ROW_FORMAT_VALIDATION_FAILURE",
                    "the state of \"%s\" holds a %s of %zu bytes that is no row of this plan: "
                    "another plan wrote it, or its file is damaged; restore the checkpoint from a "
                    "backup, or start with a new checkpointLocation",
                    run->operator->plan->name,
                    key ? "key" : "value",
                    row.size);
    return ERR_CORRUPT;
}

static enum status decode_buffer(struct run *run, struct bytes value, struct cell *buffer)
{
    if (unsafe_row_decode(&run->aggregation->buffer, value, buffer) == OK &&
        buffer_valid(run->aggregation, buffer)) {
        return OK;
    }
    return fail_row(run, false, value);
}

/* ---- merge and put ------------------------------------------------------------------------ */

/* The group first, its state behind it, as StateStoreRestoreExec hands them to the merge: of equals
 * (0.0 and -0.0) the group's stays. */
static enum status put_group(struct run *run, const struct group *group)
{
    const struct aggregation *aggregation = run->aggregation;
    struct state_store *store = run->operator->store;
    struct bytes value = {0};
    memcpy(run->buffer, group->buffer, aggregation->buffer.count * sizeof *run->buffer);
    enum status found = state_store_get(store, group->key, &value, run->diag);
    if (found == OK) {
        TRY(decode_buffer(run, value, run->state));
        TRY(buffer_merge(aggregation, run->arena, run->buffer, run->state, run->diag));
    } else if (found != ERR_NOT_FOUND) {
        return found;
    }
    buf_clear(&run->value);
    unsafe_row_encode(&aggregation->buffer, run->buffer, &run->value);
    TRY(state_store_put(store, group->key, buf_bytes(&run->value), run->diag));
    spend(run, group->key.size + run->value.size);
    return OK;
}

static enum status
put_groups(struct run *run, const struct groups *groups, struct stateful_metrics *metrics)
{
    bool append = run->operator->plan->output_mode == OUTPUT_APPEND;
    for (size_t i = 0; i < groups_count(groups); i++) {
        struct group group = groups_at(groups, i);
        if (append && group_is_late(run->aggregation, group.cells, run->operator->late_ms)) {
            metrics->rows_dropped_by_watermark++;
            continue;
        }
        TRY(put_group(run, &group));
        metrics->rows_updated++;
    }
    return OK;
}

/* ---- emit --------------------------------------------------------------------------------- */

static struct bytes copy(struct run *run, struct bytes bytes)
{
    return bytes_of(arena_copy(run->arena, bytes.data, bytes.size), bytes.size);
}

/* Kept in the arena, since the store's own bytes are gone when the call is over. */
static void choose(struct run *run, struct bytes key, struct bytes value)
{
    if (run->chosen_count == run->chosen_capacity) {
        struct state_pair *before = run->chosen;
        run->chosen_capacity = run->chosen_capacity == 0 ? 64 : 2 * run->chosen_capacity;
        run->chosen = arena_alloc(run->arena, run->chosen_capacity * sizeof *run->chosen);
        if (run->chosen_count > 0) {
            memcpy(run->chosen, before, run->chosen_count * sizeof *before);
        }
    }
    run->chosen[run->chosen_count++] =
        (struct state_pair){.key = copy(run, key), .value = copy(run, value)};
}

/* What this batch emits, of all keys there are: in complete mode all, in append mode those behind
 * the watermark. */
static enum status choose_pair(void *context, struct bytes key, struct bytes value)
{
    struct run *run = context;
    bool complete = run->operator->plan->output_mode == OUTPUT_COMPLETE;
    if (unsafe_row_decode(&run->aggregation->key, key, run->key) != OK) {
        return fail_row(run, true, key);
    }
    if (complete || group_is_late(run->aggregation, run->key, run->operator->evict_ms)) {
        choose(run, key, value);
    }
    if (!complete) {
        spend(run, key.size);
    }
    return OK;
}

/* Texts in the columns borrow from the pair. */
static enum status emit(struct run *run, const struct state_pair *pair, struct columns *emitted)
{
    const struct aggregation *aggregation = run->aggregation;
    size_t row = emitted->rows++;
    enum status decoded = unsafe_row_decode(&aggregation->key, pair->key, run->key);
    require(decoded == OK); /* when it was chosen it was */
    TRY(decode_buffer(run, pair->value, run->state));
    for (size_t i = 0; i < aggregation->key.count; i++) {
        cell_put(&emitted->columns[i], row, &run->key[i]);
    }
    for (size_t i = 0; i < aggregation->aggregate_count; i++) {
        struct cell cell = buffer_result(&aggregation->aggregates[i], run->state);
        cell_put(&emitted->columns[aggregation->key.count + i], row, &cell);
    }
    spend(run, pair->key.size + pair->value.size);
    return OK;
}

/* In the order of the keys' bytes, so that the output is the same wherever it is made. */
static enum status
emit_all(struct run *run, struct columns **emitted, struct stateful_metrics *metrics)
{
    struct state_store *store = run->operator->store;
    bool append = run->operator->plan->output_mode == OUTPUT_APPEND;
    TRY(state_store_each(store, choose_pair, run, run->diag));
    state_order(run->chosen, run->chosen_count);
    *emitted = columns_new(run->arena, &run->aggregation->groups, run->chosen_count);
    for (size_t i = 0; i < run->chosen_count; i++) {
        TRY(emit(run, &run->chosen[i], *emitted));
        if (append) {
            TRY(state_store_remove(store, run->chosen[i].key, run->diag));
            metrics->rows_removed++;
        }
    }
    return OK;
}

/* The time since the last look at the clock. Somebody may set it back meanwhile. */
static int64_t lap(const struct clock_port *clock, int64_t *mark_us)
{
    int64_t now_us = clock_now_us(clock);
    int64_t took_us = now_us > *mark_us ? now_us - *mark_us : 0;
    *mark_us = now_us;
    return took_us;
}

static enum status run_all(struct run *run,
                           const struct groups *groups,
                           struct columns **output,
                           struct stateful_metrics *metrics)
{
    struct columns *emitted = NULL;
    int64_t began_us = clock_now_us(run->operator->clock);
    TRY(put_groups(run, groups, metrics));
    metrics->updates_us = lap(run->operator->clock, &began_us);
    TRY(emit_all(run, &emitted, metrics));
    spend_rest(run);
    metrics->removals_us = lap(run->operator->clock, &began_us);
    return operators_select(run->operator->plan, run->arena, emitted, output, run->diag);
}

enum status stateful_aggregate_run(const struct stateful_aggregate *operator,
                                   struct arena * arena,
                                   const struct groups *groups,
                                   struct columns **output,
                                   struct stateful_metrics *metrics,
                                   struct diag *diag)
{
    const struct aggregation *aggregation = operator->plan->aggregation;
    require(aggregation != NULL);
    struct run run = {
        .operator= operator, .aggregation = aggregation, .arena = arena, .diag = diag};
    run.key = arena_alloc(arena, (aggregation->key.count + 1) * sizeof *run.key);
    run.buffer = arena_alloc(arena, aggregation->buffer.count * sizeof *run.buffer);
    run.state = arena_alloc(arena, aggregation->buffer.count * sizeof *run.state);
    *metrics = (struct stateful_metrics){0};
    enum status status = run_all(&run, groups, output, metrics);
    buf_free(&run.value);
    return status;
}
