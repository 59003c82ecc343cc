#include "engine/driver/task_scheduler.h"

#include <inttypes.h>

#include "engine/base/check.h"

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

static void send_task(struct query *query, int64_t index, struct executor_entry *executor)
{
    struct attempt_id id = task_set_launch(query->tasks, index, executor->id);
    const struct kafka_range *range = &query->tasks->tasks[index].range;
    executor->running++;
    trace(query, EVENT_TASK_SENT, &id, executor->id, NULL);
    struct message message = {.kind = MESSAGE_RUN_TASK, .id = id};
    message.task = (struct message_run_task){
        .partition = range->partition, .from = range->from, .until = range->until};
    query_send(query, executor->connection, &message);
}

/* Pending tasks to free slots, in task order, until either runs out. */
static void send_tasks(struct query *query)
{
    for (;;) {
        int64_t index = task_set_pending(query->tasks);
        struct executor_entry *executor = executors_free_slot(&query->executors);
        if (index < 0 || executor == NULL) {
            return;
        }
        send_task(query, index, executor);
    }
}

/* Spark's text of SparkException "Job aborted due to stage failure", in our words. */
static enum status give_up(const struct task_set *set, struct diag *diag)
{
    const struct task *task = &set->tasks[set->given_up];
    return diag_fail(diag,
                     "STREAM_FAILED",
                     "task %" PRId64 " of batch %" PRId64 " (partition %" PRId32
                     ", offsets %" PRId64 " to %" PRId64 ") failed %" PRId64
                     " times (spark.task.maxFailures), last: %s [%s]",
                     set->given_up,
                     set->batch,
                     task->range.partition,
                     task->range.from,
                     task->range.until,
                     task->failures,
                     set->error_text,
                     set->error_class);
}

static enum status run(struct query *query, bool *done, struct diag *diag)
{
    struct task_set *set = query->tasks;
    *done = false;
    for (;;) {
        if (set->given_up >= 0) {
            return give_up(set, diag);
        }
        if (set->finished == set->count) {
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
                               const struct kafka_range *ranges,
                               size_t count,
                               struct task_set **set,
                               bool *done,
                               struct diag *diag)
{
    require(query->tasks == NULL);
    struct attempt_id id = {.session = query->session, .batch = query->next_batch};
    query->tasks = task_set_new(
        &query->batch_arena, id, query->plan->options.task_max_failures, ranges, count);
    *set = query->tasks;
    commit_coordinator_begin(&query->coordinator, &query->batch_arena, id.session, id.batch, count);
    enum status status = run(query, done, diag);
    /* From here on nobody gets a commit, and no result is taken: what still runs is a zombie. */
    commit_coordinator_end(&query->coordinator);
    query->tasks = NULL;
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

/* The second line behind the coordinator: a result is taken from the attempt that runs now, on its
 * executor, and only if it holds the commit. Without it a late result of a lost attempt would end
 * the task, and the file of an attempt that never got the commit would enter the table. */
static void on_done(struct query *query,
                    struct executor_entry *executor,
                    const struct attempt_id *id,
                    const struct delta_file *file)
{
    if (task_set_repeats(query->tasks, id, executor->id)) {
        return; /* said twice, heard twice: the first time counted */
    }
    const char *refusal = task_set_refusal(query->tasks, id, executor->id);
    if (refusal == NULL && !commit_coordinator_holds(&query->coordinator, id)) {
        refusal = "its commit was not granted";
    }
    if (refusal != NULL) {
        trace(query, EVENT_RESULT_REFUSED, id, 0, refusal);
        return;
    }
    executor->running--;
    task_set_done(query->tasks, id, file);
    trace(query, EVENT_TASK_ENDED, id, file->rows, NULL);
}

static void on_failed(struct query *query,
                      struct executor_entry *executor,
                      const struct attempt_id *id,
                      const struct message_failure *failure)
{
    const char *refusal = task_set_refusal(query->tasks, id, executor->id);
    if (refusal != NULL) {
        trace(query, EVENT_RESULT_REFUSED, id, 0, refusal);
        return;
    }
    executor->running--;
    commit_coordinator_failed(&query->coordinator, id);
    task_set_failed(query->tasks, id, failure);
    trace(
        query, EVENT_TASK_FAILED, id, query->tasks->tasks[id->task].failures, failure->error_class);
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
        on_done(query, executor, &message->id, &message->done.file);
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
    struct task_set *set = query->tasks;
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        const struct task *task = &set->tasks[i];
        if (task->state != TASK_RUNNING || task->executor != executor) {
            continue;
        }
        struct attempt_id id = task_set_attempt(set, (int64_t)i);
        /* In this order: from now on the attempt is a zombie, whatever it still says. */
        commit_coordinator_failed(&query->coordinator, &id);
        task_set_executor_lost(set, &id);
        trace(query, EVENT_TASK_FAILED, &id, task->failures, "executor lost");
    }
}
