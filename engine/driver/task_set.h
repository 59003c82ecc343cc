/* The tasks of one stage of a batch and what is known of their attempts: which wait, which run
 * where, which are done, and when the batch must be given up. Decides; never sends, waits or
 * writes. What two stages of a batch have to do with each other stands in job.h.
 *
 * Counting (Spark TaskSetManager; spark-checkpoint 2.8): the maxFailures-th counted failure of the
 * same task ends the batch. An exception counts. A denied commit does not. A lost executor does
 * not: here executors die of crashes, machines and networks, which is not caused by the
 * application, and a task must not be given up because its third machine burnt. (Spark counts an
 * executor's exit unless it knows that the application did not cause it; a task that itself kills
 * each executor it meets is ended by the supervisor's giving up, not by this count.)
 *
 * A result is taken only from the attempt that runs now, on the executor that it was given to:
 * what a zombie reports is refused (SPARK-23207, SPARK-45182: late results of old attempts
 * completed new ones). Pure. */
#ifndef ENGINE_DRIVER_TASK_SET_H
#define ENGINE_DRIVER_TASK_SET_H

#include "engine/driver/messages.h"
#include "engine/source/kafka_source.h"

enum task_state { TASK_PENDING, TASK_RUNNING, TASK_FINISHED };

struct task {
    struct kafka_range range; /* of a task that reads Kafka */
    enum task_state state;
    int64_t attempt;       /* RUNNING, FINISHED: the attempt's number */
    int64_t executor;      /* RUNNING, FINISHED: its executor */
    int64_t stage_attempt; /* RUNNING, FINISHED: the stage's attempt that launched it */
    int64_t changed;       /* RUNNING, FINISHED: since when, in steps of the job (job.h) */
    int64_t attempts;      /* begun so far; the next one's number */
    int64_t failures;      /* counted ones */
    bool rolled_back;      /* RUNNING: given up, and refused when it ends (job_roll_back) */
    bool reported; /* has ended once: `done` holds, also when what it wrote was lost since */
    struct message_task_done done;
};

struct task_set {
    uint64_t session;
    int64_t batch;
    enum stage stage;
    int64_t stage_attempt; /* from 0 on (Spark: Stage.latestInfo.attemptNumber) */
    int64_t failures_max;
    struct arena *arena; /* the batch's */
    struct task *tasks;
    size_t count;
    size_t finished;
    int64_t given_up; /* the task that failed too often; -1: none */
    const char *error_class;
    const char *error_text; /* of the given-up task's last failure */
};

/* `count` tasks, all pending.
 * * ranges  one a task, copied; NULL: these tasks do not read Kafka */
struct task_set *task_set_new(struct arena *arena,
                              struct attempt_id id, /* session, batch and stage */
                              int64_t failures_max,
                              const struct kafka_range *ranges,
                              size_t count);

/* The pending task with the smallest index, or -1. */
int64_t task_set_pending(const struct task_set *set);

/* Begin the next attempt of a pending task on `executor`. */
struct attempt_id task_set_launch(struct task_set *set, int64_t task, int64_t executor);

/* Why a message of `executor` about attempt `id` must be refused; NULL: the attempt is the one that
 * runs now, and there. */
const char *
task_set_refusal(const struct task_set *set, const struct attempt_id *id, int64_t executor);

/* Is it the very attempt whose result was taken already? */
bool task_set_repeats(const struct task_set *set, const struct attempt_id *id, int64_t executor);

/* The running attempt `id` is done; its report is copied. */
void task_set_done(struct task_set *set,
                   const struct attempt_id *id,
                   const struct message_task_done *done);

/* The running attempt `id` failed. The task waits again, or the set is given up. */
void task_set_failed(struct task_set *set,
                     const struct attempt_id *id,
                     const struct message_failure *failure);

/* The attempt that runs of `task`, or whose result was taken, as its messages name it. */
struct attempt_id task_set_attempt(const struct task_set *set, int64_t task);

/* The running attempt `id` is over without a result, and not through its own fault (its executor is
 * lost, or what it needed to fetch is): the task waits again, nothing is counted. */
void task_set_again(struct task_set *set, const struct attempt_id *id);

/* The result of a finished task is gone: it waits again, nothing is counted. */
void task_set_result_lost(struct task_set *set, int64_t task);

#endif
