/* The tasks of one batch, in the stages that its plan has (Spark: the job and its stages in
 * DAGScheduler; spark-checkpoint 2.8). A stateless plan has a result stage, whose tasks read Kafka.
 * A stateful one has a map stage that reads Kafka and keeps its output in blocks on the executors,
 * and a result stage, one task a shuffle partition, that needs the blocks of all map tasks.
 *
 *   - A result task is launched while every map task has its output, and is told where. Map tasks
 *     are launched while outputs are missing that a waiting result task needs.
 *   - An executor that is lost takes its map outputs along: their tasks wait again at once.
 *   - A result attempt that cannot fetch an output (FETCH_FAILED) is not counted against its task.
 *     All outputs of the executor that had it are taken for lost, and the result stage gets a new
 *     attempt. Several such failures of one stage attempt are one; a failure of an older stage
 *     attempt, or about an output that has been replaced or lost already, is none: it is news of
 *     what is known. spark.stage.maxConsecutiveAttempts failed attempts in a row end the query.
 *   - Result partitions that are finished are not run again when a map output is replaced: what a
 *     map task writes is a function of the records in its range, so that a second output is the
 *     first one. It is not when some of them expired in between (failOnDataLoss=false), or the
 *     log lost its tail and grew again: then
 *     results of the first output would count records that the second one reports as skipped, in
 *     some groups and not in others. So every result made of it is rolled back, and every attempt
 *     that runs is given up: they run again from the outputs that stand now (Spark: an
 *     indeterminate map stage, SPARK-23207, SPARK-25341).
 *   - Else result attempts that run when their stage gets a new attempt run on, and their results
 *     count.
 *     Spark starts a second copy of each and takes whichever ends first.
 *
 * Decides; never sends, waits or writes. Pure. */
#ifndef ENGINE_DRIVER_JOB_H
#define ENGINE_DRIVER_JOB_H

#include "engine/driver/task_set.h"

struct job_plan {
    uint64_t session;
    int64_t batch;
    int64_t task_max_failures;
    int64_t stage_max_attempts;
    const struct kafka_range *ranges; /* one a task that reads Kafka */
    size_t range_count;
    int64_t partitions; /* of the shuffle, tasks of the result stage; 0: a stateless plan */
    int64_t late_ms;    /* stateful: Wm(N-1) */
    int64_t evict_ms;   /* stateful: Wm(N) */
};

struct job {
    struct arena *arena; /* the batch's */
    int64_t partitions;
    int64_t late_ms;
    int64_t evict_ms;
    struct task_set *map; /* NULL: a stateless plan */
    struct task_set *result;
    struct map_output *outputs; /* one a map task; those of finished tasks hold */
    int64_t stage_max_attempts;
    int64_t failed_attempts; /* of the result stage, in a row: nothing but its end clears them */
    const char *fetch_error; /* of the last one; NULL: none */
    int64_t step;            /* launches and results so far: what came before what */
};

struct job *job_new(struct arena *arena, const struct job_plan *plan);

/* The stage that `id` is about; NULL: there is none, or no job. */
struct task_set *job_stage(const struct job *job, const struct attempt_id *id);

/* The tasks that read Kafka. */
const struct task_set *job_readers(const struct job *job);

/* Has every map task its output? True without a map stage. */
bool job_mapped(const struct job *job);

/* Has every result task its result? */
bool job_finished(const struct job *job);

/* Must the query end? Then job_fail() says why. */
bool job_given_up(const struct job *job);
enum status job_fail(const struct job *job, struct diag *diag);

/* The stage whose waiting tasks may be launched now; NULL: none waits. */
struct task_set *job_runnable(const struct job *job);

/* Begin the next attempt of a waiting task of job_runnable() on an executor whose blocks are
 * fetched at `address` (copied). `task` says what to do; it borrows from the job until the job
 * changes. */
struct attempt_id job_launch(struct job *job,
                             struct task_set *set,
                             int64_t index,
                             int64_t executor,
                             const char *address,
                             struct message_run_task *task);

/* The running attempt `id` is done; its report is copied. False: a map task that had ended before
 * has read other records this time, and all results must be given up (job_roll_back). */
MUST_CHECK bool
job_done(struct job *job, const struct attempt_id *id, const struct message_task_done *done);

/* Give up what was made of map outputs that no longer stand, one result attempt a call: a finished
 * task waits again; one that runs waits when its attempt, which must be refused from now on, has
 * ended. `id` is the attempt. Begin with `*next` 0. False: nothing is left. */
bool job_roll_back(struct job *job, int64_t *next, struct attempt_id *id);

/* The running attempt `id` says that it is done, without the commit: if it had been rolled back its
 * task waits again. False: it had not, and runs on. */
bool job_again(struct job *job, const struct attempt_id *id);

/* The running attempt `id` failed: its task waits again, or the query is given up. Gives the
 * executor whose map outputs must now be taken for lost (job_lose_output), or -1. */
int64_t
job_failed(struct job *job, const struct attempt_id *id, const struct message_failure *failure);

/* What was on `executor` is lost, one thing a call: first each attempt that runs there, then each
 * map output. `id` is the attempt, now given up. False: nothing is left. */
bool job_lose_attempt(struct job *job, int64_t executor, struct attempt_id *id);
bool job_lose_output(struct job *job, int64_t executor, struct attempt_id *id);

#endif
