/* Runs the tasks of a batch on the registered executors: gives pending tasks to free slots, hears
 * results, answers who may commit. Decisions stand in job.h, task_set.h and commit_coordinator.h;
 * here is only the talking, and which executor is preferred: the one that ran a shuffle partition
 * last, since it may have the state in memory. Nobody waits for it to be free; who takes the
 * partition over from it makes it forget that state (MESSAGE_UNLOAD_STATE). */
#ifndef ENGINE_DRIVER_TASK_SCHEDULER_H
#define ENGINE_DRIVER_TASK_SCHEDULER_H

#include "engine/driver/query.h"

/* Run the stages of a batch until each task has its result, in query->batch_arena. Waits as long as
 * there are no executors.
 * * done  false: the query was asked to stop while no executor was there to finish the batch; its
 *         offsets stand, the next start runs it again
 * * job   the finished tasks with their reports
 * May suspend. Errors: ERR_FAILED with `diag`, class STREAM_FAILED: a task failed
 * spark.task.maxFailures times, or the result stage spark.stage.maxConsecutiveAttempts times; names
 * it and its last error. */
MUST_CHECK enum status task_scheduler_run(struct query *query,
                                          const struct job_plan *plan,
                                          struct job **job,
                                          bool *done,
                                          struct diag *diag);

/* ---- called by the event loop --------------------------------------------------------------- */

/* A message about an attempt (ASK_COMMIT, TASK_DONE, TASK_FAILED) from a registered executor. */
void task_scheduler_message(struct query *query,
                            struct executor_entry *executor,
                            const struct message *message);

/* The attempts that ran on this executor are given up, and its map outputs are lost; nothing is
 * counted. */
void task_scheduler_executor_lost(struct query *query, int64_t executor);

#endif
