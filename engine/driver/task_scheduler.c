#include "engine/driver/task_scheduler.h"

#include "engine/base/check.h"
#include "engine/base/failpoint.h"

static void trace(struct query *query,
                  enum engine_event event,
                  const struct attempt_id *id,
                  int64_t c,
                  const char *text)
{
    trace_event(&query->ports->trace,
                &(struct trace_entry){.kind = (int)event,
                                      .batch = id->batch,
                                      .a = id->task,
                                      .b = id->attempt,
                                      .c = c,
                                      .text = text});
}

/* Whose attempt an event is about is told by its text where the kind leaves it open. */
static const char *stage_text(const struct attempt_id *id)
{
    return id->stage == STAGE_MAP ? "map" : NULL;
}

/* ---- giving tasks to executors -------------------------------------------------------------- */

/* Whose tasks read Kafka: the map stage, or the only one. */
static bool reads_kafka(const struct query *query, const struct task_set *set)
{
    return set->stage == STAGE_MAP || query->state_executors == NULL;
}

/* Where the records of a task may be read ahead, or its state in memory; NULL: nowhere. */
static struct executor_entry *
preferred(struct query *query, const struct task_set *set, int64_t index)
{
    int64_t executor = reads_kafka(query, set)
                           ? reader_homes_find(&query->readers, &set->tasks[index].range)
                           : query->state_executors[index];
    return executors_with_id(&query->executors, executor);
}

/* The next waiting task and its executor: first tasks whose preferred executor is free, then those
 * that prefer nobody, then any. NULL: no slot is free. */
static struct executor_entry *
choose(struct query *query, const struct task_set *set, int64_t *index)
{
    struct executor_entry *free = executors_free_slot(&query->executors);
    int64_t homeless = -1;
    if (free == NULL) {
        return NULL;
    }
    for (int64_t i = task_set_pending(set); i < (int64_t)set->count; i++) {
        if (set->tasks[i].state != TASK_PENDING) {
            continue;
        }
        struct executor_entry *home = preferred(query, set, i);
        if (home != NULL && home->running < home->slots) {
            *index = i;
            return home;
        }
        if (home == NULL && homeless < 0) {
            homeless = i;
        }
    }
    *index = homeless >= 0 ? homeless : task_set_pending(set);
    return free;
}

/* The state of a partition moves to `executor`: who had it forgets it. */
static void move_state(struct query *query, const struct attempt_id *id, int64_t executor)
{
    if (id->stage != STAGE_RESULT || query->state_executors == NULL) {
        return;
    }
    struct executor_entry *former =
        executors_with_id(&query->executors, query->state_executors[id->task]);
    query->state_executors[id->task] = executor;
    if (former != NULL && former->id != executor) {
        query_send(query,
                   former->connection,
                   &(struct message){.kind = MESSAGE_UNLOAD_STATE, .partition = id->task});
    }
}

static void
send_task(struct query *query, struct task_set *set, int64_t index, struct executor_entry *executor)
{
    struct message message = {.kind = MESSAGE_RUN_TASK};
    int64_t executor_id = executor->id;
    message.id = job_launch(query->job, set, index, executor_id, executor->address, &message.task);
    executor->running++;
    if (reads_kafka(query, set)) {
        reader_homes_note(&query->readers, &set->tasks[index].range, executor_id);
    }
    trace(query, EVENT_TASK_SENT, &message.id, executor_id, stage_text(&message.id));
    query_send(query, executor->connection, &message); /* `executor` may be gone now */
    move_state(query, &message.id, executor_id);
}

/* Waiting tasks to free slots until either runs out. */
static void send_tasks(struct query *query)
{
    struct task_set *set = NULL;
    while ((set = job_runnable(query->job)) != NULL) {
        int64_t index = -1;
        struct executor_entry *executor = choose(query, set, &index);
        if (executor == NULL) {
            return;
        }
        send_task(query, set, index, executor);
    }
}

/* ---- the job -------------------------------------------------------------------------------- */

static void stage_ended(struct query *query, const struct task_set *set)
{
    trace_event(&query->ports->trace,
                &(struct trace_entry){.kind = EVENT_STAGE_ENDED,
                                      .batch = set->batch,
                                      .a = (int64_t)set->stage,
                                      .b = set->stage_attempt});
}

/* The map stage ends once an attempt of it; no result task has been launched the first time. */
static void note_mapped(struct query *query, int64_t *mapped)
{
    const struct task_set *map = query->job->map;
    if (map == NULL || !job_mapped(query->job) || *mapped == map->stage_attempt) {
        return;
    }
    bool first = *mapped < 0;
    *mapped = map->stage_attempt;
    stage_ended(query, map);
    if (first) {
        failpoint(FP_STAGE_MAPPED, map->batch);
    }
}

static enum status run(struct query *query, bool *done, struct diag *diag)
{
    struct job *job = query->job;
    int64_t mapped = -1; /* the map stage's attempt that was seen to end */
    *done = false;
    for (;;) {
        if (job_given_up(job)) {
            return job_fail(job, diag);
        }
        note_mapped(query, &mapped);
        if (job_finished(job)) {
            stage_ended(query, job->result);
            *done = true;
            return OK;
        }
        if (query_stop_requested(query) && query->executors.count == 0) {
            return OK;
        }
        send_tasks(query);
        TRY(query_step(query, INT64_MAX, diag));
    }
}

enum status task_scheduler_run(struct query *query,
                               const struct job_plan *plan,
                               struct job **job,
                               bool *done,
                               struct diag *diag)
{
    require(query->job == NULL);
    query->job = job_new(&query->batch_arena, plan);
    *job = query->job;
    commit_coordinator_begin(&query->coordinator,
                             &query->batch_arena,
                             plan->session,
                             plan->batch,
                             query->job->result->count);
    enum status status = run(query, done, diag);
    /* From here on nobody gets a commit, and no result is taken: what still runs is a zombie. */
    commit_coordinator_end(&query->coordinator);
    query->job = NULL;
    return status;
}

/* ---- messages about attempts ---------------------------------------------------------------- */

/* A zombie may ask too, of an older session even: the coordinator knows whom it refuses. */
static void
on_ask(struct query *query, struct executor_entry *executor, const struct attempt_id *id)
{
    const char *why = commit_coordinator_ask(&query->coordinator, id);
    trace(query, EVENT_COMMIT_ASKED, id, why == NULL, why);
    struct message answer = {.kind = MESSAGE_COMMIT_ANSWER, .id = *id, .granted = why == NULL};
    query_send(query, executor->connection, &answer);
}

/* A map task that ran again found other records than the first time. What was made of the first
 * output may not be committed, nor stay committed: attempts that still run are denied. */
static void roll_back(struct query *query)
{
    struct attempt_id id;
    int64_t next = 0;
    while (job_roll_back(query->job, &next, &id)) {
        commit_coordinator_failed(&query->coordinator, &id);
        const struct task_set *set = job_stage(query->job, &id);
        trace(query, EVENT_TASK_FAILED, &id, set->tasks[id.task].failures, "map output changed");
    }
}

/* The second line behind the coordinator: a result is taken from the attempt that runs now, on its
 * executor, and in the result stage only if it holds the commit. Without it a late result of a lost
 * attempt would end the task, and the file of an attempt that never got the commit would enter the
 * table. One that was rolled back has lost the commit again: its task
 * waits. */
static void on_done(struct query *query,
                    struct executor_entry *executor,
                    const struct attempt_id *id,
                    const struct message_task_done *done)
{
    const struct task_set *set = job_stage(query->job, id);
    if (task_set_repeats(set, id, executor->id)) {
        return; /* said twice, heard twice: the first time counted */
    }
    const char *refusal = task_set_refusal(set, id, executor->id);
    if (refusal == NULL && id->stage == STAGE_RESULT &&
        !commit_coordinator_holds(&query->coordinator, id)) {
        refusal = "its commit was not granted";
        executor->running -= job_again(query->job, id);
    }
    if (refusal != NULL) {
        trace(query, EVENT_RESULT_REFUSED, id, 0, refusal);
        return;
    }
    executor->running--;
    bool same = job_done(query->job, id, done);
    int64_t rows = id->stage == STAGE_MAP ? done->rows_read : done->file.rows;
    trace(query, EVENT_TASK_ENDED, id, rows, stage_text(id));
    if (!same) {
        roll_back(query);
    }
}

static void lose_outputs(struct query *query, int64_t executor)
{
    struct attempt_id id;
    while (job_lose_output(query->job, executor, &id)) {
        trace(query, EVENT_MAP_OUTPUT_LOST, &id, executor, NULL);
    }
}

static void on_failed(struct query *query,
                      struct executor_entry *executor,
                      const struct attempt_id *id,
                      const struct message_failure *failure)
{
    const struct task_set *set = job_stage(query->job, id);
    const char *refusal = task_set_refusal(set, id, executor->id);
    if (refusal != NULL) {
        trace(query, EVENT_RESULT_REFUSED, id, 0, refusal);
        return;
    }
    executor->running--;
    commit_coordinator_failed(&query->coordinator, id);
    int64_t lost = job_failed(query->job, id, failure);
    trace(query, EVENT_TASK_FAILED, id, set->tasks[id->task].failures, failure->error_class);
    if (lost >= 0) {
        lose_outputs(query, lost);
    }
}

void task_scheduler_message(struct query *query,
                            struct executor_entry *executor,
                            const struct message *message)
{
    switch (message->kind) {
    case MESSAGE_ASK_COMMIT:
        on_ask(query, executor, &message->id);
        return;
    case MESSAGE_TASK_DONE:
        on_done(query, executor, &message->id, &message->done);
        return;
    case MESSAGE_TASK_FAILED:
        on_failed(query, executor, &message->id, &message->failure);
        return;
    case MESSAGE_REGISTER:
    case MESSAGE_REGISTERED:
    case MESSAGE_HEARTBEAT:
    case MESSAGE_RUN_TASK:
    case MESSAGE_COMMIT_ANSWER:
    case MESSAGE_GOODBYE:
    case MESSAGE_UNLOAD_STATE:
    case MESSAGE_FETCH_BLOCK:
    case MESSAGE_BLOCK:
        break;
    }
    require(message->kind == MESSAGE_ASK_COMMIT);
}

void task_scheduler_executor_lost(struct query *query, int64_t executor)
{
    struct attempt_id id;
    if (query->job == NULL) {
        return;
    }
    while (job_lose_attempt(query->job, executor, &id)) {
        /* From now on the attempt is a zombie, whatever it still says. */
        commit_coordinator_failed(&query->coordinator, &id);
        const struct task_set *set = job_stage(query->job, &id);
        trace(query, EVENT_TASK_FAILED, &id, set->tasks[id.task].failures, "executor lost");
    }
    lose_outputs(query, executor);
}
