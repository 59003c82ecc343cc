/* The watermark from batch to batch (Spark WatermarkTracker; spark-checkpoint 3). Wm(N) stands in
 * offsets/N; batch N evicts up to Wm(N) and drops as late what is behind Wm(N-1). What the tasks of
 * batch N saw moves Wm(N+1), which commits/N says. Pure. */
#ifndef ENGINE_DRIVER_WATERMARK_H
#define ENGINE_DRIVER_WATERMARK_H

#include "engine/driver/task_set.h"
#include "engine/plan/plan.h"

/* The greatest event time that the tasks saw; INT64_MIN: none did. Each has ended: perhaps its map
 * output is lost by now with its executor, when nobody needs it any more; what it saw is known. */
int64_t watermark_observed_ms(const struct task_set *readers);

/* Wm(N+1) from Wm(N): never earlier, whatever was seen, so never below 0 either.
 * * watermark  NULL: the plan has none, and nothing moves
 * * seen_ms    INT64_MIN: no row had an event time */
int64_t watermark_next_ms(const struct watermark *watermark, int64_t now_ms, int64_t seen_ms);

/* Does batch N have something to do without new data: groups that Wm(N) closed and Wm(N-1) did not?
 * Append mode over groups that have an event time; complete mode evicts nothing. Spark asks this of
 * the batch that just ran, and so never right after a start: there the groups wait for the next
 * record, which may never come. Both values stand in the checkpoint, so here a restart changes
 * nothing of what the query writes. After a batch without data Wm does not move, so a second one
 * never follows. */
bool watermark_closes_groups(const struct plan *plan, int64_t late_ms, int64_t watermark_ms);

#endif
