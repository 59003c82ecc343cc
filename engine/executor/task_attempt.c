#include "engine/executor/task_attempt.h"

#include "engine/base/check.h"
#include "engine/base/failpoint.h"
#include "engine/base/heap.h"

/* ---- talking -------------------------------------------------------------------------------- */

void task_attempt_ask(struct task_attempt *attempt)
{
    require(attempt->asking);
    executor_send(attempt->executor,
                  &(struct message){.kind = MESSAGE_ASK_COMMIT, .id = attempt->id});
}

void task_attempt_answer(struct task_attempt *attempt, bool granted)
{
    require(attempt->asking);
    attempt->answered = true;
    attempt->granted = granted;
    fibers_wake(&attempt->executor->ports->fibers, attempt->fiber);
}

bool task_attempt_may_commit(struct task_attempt *attempt)
{
    attempt->asking = true;
    task_attempt_ask(attempt);
    while (!attempt->answered) {
        (void)fibers_park(&attempt->executor->ports->fibers, INT64_MAX);
    }
    attempt->asking = false;
    return attempt->granted;
}

static void report_failure(struct task_attempt *attempt, enum status status)
{
    const struct diag *diag = &attempt->diag;
    struct message message = {
        .kind = MESSAGE_TASK_FAILED, .id = attempt->id, .failure = attempt->failure};
    message.failure.error_class = diag->set ? diag->error_class : "TASK_FAILED";
    message.failure.text = diag->set ? diag->text : status_text(status);
    executor_send(attempt->executor, &message);
}

void task_attempt_trace(const struct task_attempt *attempt,
                        enum engine_event event,
                        int64_t c,
                        const char *text)
{
    trace_event(&attempt->executor->ports->trace,
                &(struct trace_entry){.kind = (int)event,
                                      .batch = attempt->id.batch,
                                      .a = attempt->id.task,
                                      .b = attempt->id.attempt,
                                      .c = c,
                                      .text = text});
}

/* ---- the attempt ---------------------------------------------------------------------------- */

static enum status run(struct task_attempt *attempt)
{
    failpoint(FP_TASK_START, attempt->id.batch);
    bool maps = attempt->id.stage == STAGE_MAP;
    task_attempt_trace(attempt, EVENT_TASK_STARTED, 0, maps ? "map" : NULL);
    if (maps) {
        TRY(map_task_run(attempt));
    } else {
        TRY(result_task_run(attempt));
    }
    const struct message done = {
        .kind = MESSAGE_TASK_DONE, .id = attempt->id, .done = attempt->done};
    executor_send(attempt->executor, &done);
    failpoint(FP_TASK_END, attempt->id.batch);
    return OK;
}

static void unlink_attempt(struct task_attempt *attempt)
{
    struct task_attempt **link = &attempt->executor->attempts;
    while (*link != attempt) {
        require(*link != NULL);
        link = &(*link)->next;
    }
    *link = attempt->next;
}

static void attempt_entry(void *argument)
{
    struct task_attempt *attempt = argument;
    enum status status = run(attempt);
    if (status != OK) {
        report_failure(attempt, status);
    }
    unlink_attempt(attempt);
    executor_session_release(attempt->session);
    arena_free(&attempt->arena);
    heap_free(attempt);
}

static const struct map_output *copy_maps(struct arena *arena, const struct message_run_task *task)
{
    struct map_output *maps = arena_alloc(arena, task->map_count * sizeof *maps);
    for (size_t i = 0; i < task->map_count; i++) {
        maps[i].attempt = task->maps[i].attempt;
        maps[i].address = arena_strdup(arena, task->maps[i].address);
    }
    return maps;
}

void task_attempt_begin(struct executor *executor,
                        const struct attempt_id *id,
                        const struct message_run_task *task)
{
    require(executor->session != NULL);
    require(executor->session->id == id->session);
    struct task_attempt *attempt = heap_alloc(sizeof *attempt);
    attempt->executor = executor;
    attempt->session = executor->session;
    attempt->session->users++;
    attempt->id = *id;
    attempt->task = *task;
    attempt->task.maps = copy_maps(&attempt->arena, task);
    attempt->failure = (struct message_failure){.map_task = -1, .map_attempt = -1};
    attempt->done.event_time_max_ms = INT64_MIN;
    attempt->done.event_time_min_ms = INT64_MAX;
    attempt->next = executor->attempts;
    executor->attempts = attempt;
    attempt->fiber = fibers_spawn(&executor->ports->fibers, attempt_entry, attempt);
}
