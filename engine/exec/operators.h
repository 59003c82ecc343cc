/* The operators over a batch of columns. Vectorised: one pass a node. Pure; the caller calls
 * clock_spend. */
#ifndef ENGINE_EXEC_OPERATORS_H
#define ENGINE_EXEC_OPERATORS_H

#include "engine/exec/columns.h"
#include "engine/plan/plan.h"

/* Apply plan->filter to `input`: it is compacted in place. All that the map side of an aggregation
 * does before it groups. Errors: ERR_FAILED with `diag` (ANSI errors). */
MUST_CHECK enum status operators_filter(const struct plan *plan,
                                        struct arena *arena,
                                        struct columns *input,
                                        struct diag *diag);

/* Evaluate the projections over `input` (of plan->source, or of plan->aggregation->groups) into a
 * new columns of plan->output, in `arena`. Output strings borrow from the input. Errors: ERR_FAILED
 * with `diag` (ANSI errors). */
MUST_CHECK enum status operators_select(const struct plan *plan,
                                        struct arena *arena,
                                        const struct columns *input,
                                        struct columns **output,
                                        struct diag *diag);

/* A stateless stage: filter, then select. */
MUST_CHECK enum status operators_run(const struct plan *plan,
                                     struct arena *arena,
                                     struct columns *input,
                                     struct columns **output,
                                     struct diag *diag);

#endif
