/* What a batch says of itself when it is done: gathers lastProgress (progress.h) from the query,
 * the batch and its tasks' reports, and hands it to the driver's owner. Nothing happens without one
 * who listens. Never suspends, decides nothing. */
#ifndef ENGINE_DRIVER_BATCH_PROGRESS_H
#define ENGINE_DRIVER_BATCH_PROGRESS_H

#include "engine/driver/batch_plan.h"

/* A trigger begins. */
void batch_progress_begin(struct query *query);

/* The time since the call before was this phase. */
void batch_progress_phase(struct query *query, enum progress_phase phase);

/* The trigger had nothing to do: the last batch is said again, at most every PROGRESS_IDLE_US. */
void batch_progress_idle(struct query *query);

/* The batch is done. */
void batch_progress_end(struct query *query, const struct batch *batch);

#endif
