/* The reduce side of an aggregation over a state store: Spark's StateStoreRestoreExec and
 * StateStoreSaveExec in one (spark-checkpoint 3). In this order, as Spark:
 *
 *   1. groups merged from the blocks of this batch; those behind the late threshold are dropped and
 *      counted, by group and not by row (SPARK-24634); complete mode keeps them
 *   2. each is merged with its state and put
 *   3. append: a scan of all state emits and removes what is behind the eviction threshold, in the
 *      order of the keys' bytes; the scan begins after the puts (SPARK-38320)
 *      complete: every group is emitted, in the order of the keys' bytes, none is removed
 *   4. `select` over the emitted groups
 *
 * The caller commits the store. */
#ifndef ENGINE_EXEC_STATEFUL_AGGREGATE_H
#define ENGINE_EXEC_STATEFUL_AGGREGATE_H

#include "engine/exec/aggregate.h"
#include "engine/ports/clock.h"
#include "engine/state/state_store.h"

struct stateful_aggregate {
    const struct plan *plan;
    const struct clock_port *clock; /* charged by row */
    struct state_store *store;      /* opened at the batch's version */
    int64_t late_ms;                /* Wm(N-1) */
    int64_t evict_ms;               /* Wm(N) */
};

struct stateful_metrics { /* of lastProgress.stateOperators */
    int64_t rows_updated;
    int64_t rows_removed;
    int64_t rows_dropped_by_watermark;
    int64_t updates_us;  /* allUpdatesTimeMs: merging and putting, what was read for it included */
    int64_t removals_us; /* allRemovalsTimeMs: the scan, and removing what it found */
};

/* Apply a batch's groups to the state and give what it emits, as columns of plan->output in
 * `arena`. May suspend (clock_spend). Errors: ERR_FAILED with `diag` (ANSI), ERR_CORRUPT with
 * `diag` (a row of the state cannot be what the plan says: Spark's
 * STATE_STORE_KEY_ROW_FORMAT_VALIDATION_FAILURE and STATE_STORE_VALUE_...). */
MUST_CHECK enum status stateful_aggregate_run(const struct stateful_aggregate *operator,
                                              struct arena * arena,
                                              const struct groups *groups,
                                              struct columns **output,
                                              struct stateful_metrics *metrics,
                                              struct diag *diag);

#endif
