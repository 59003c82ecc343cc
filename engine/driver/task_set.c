#include "engine/driver/task_set.h"

#include "engine/base/check.h"

struct task_set *task_set_new(struct arena *arena,
                              struct attempt_id id,
                              int64_t failures_max,
                              const struct kafka_range *ranges,
                              size_t count)
{
    struct task_set *set = arena_alloc(arena, sizeof *set);
    *set = (struct task_set){.session = id.session,
                             .batch = id.batch,
                             .stage = (enum stage)id.stage,
                             .failures_max = failures_max,
                             .arena = arena,
                             .tasks = arena_alloc(arena, count * sizeof *set->tasks),
                             .count = count,
                             .given_up = -1};
    for (size_t i = 0; i < count && ranges != NULL; i++) {
        set->tasks[i].range = ranges[i];
    }
    return set;
}

int64_t task_set_pending(const struct task_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->tasks[i].state == TASK_PENDING) {
            return (int64_t)i;
        }
    }
    return -1;
}

struct attempt_id task_set_attempt(const struct task_set *set, int64_t task)
{
    require(task >= 0);
    require((size_t)task < set->count);
    return (struct attempt_id){.session = set->session,
                               .batch = set->batch,
                               .stage = set->stage,
                               .task = task,
                               .attempt = set->tasks[task].attempt};
}

struct attempt_id task_set_launch(struct task_set *set, int64_t index, int64_t executor)
{
    require(index >= 0);
    require((size_t)index < set->count);
    struct task *task = &set->tasks[index];
    require(task->state == TASK_PENDING);
    task->state = TASK_RUNNING;
    task->executor = executor;
    task->rolled_back = false;
    task->stage_attempt = set->stage_attempt;
    task->attempt = task->attempts++;
    return task_set_attempt(set, index);
}

const char *
task_set_refusal(const struct task_set *set, const struct attempt_id *id, int64_t executor)
{
    if (set == NULL || id->session != set->session || id->batch != set->batch ||
        id->stage != (int64_t)set->stage) {
        return set != NULL && id->session != set->session ? "another session"
                                                          : "the batch is not being run";
    }
    if (id->task < 0 || (uint64_t)id->task >= set->count) {
        return "no such task";
    }
    const struct task *task = &set->tasks[id->task];
    if (task->state == TASK_FINISHED) {
        return "the task is done";
    }
    if (task->state == TASK_PENDING || id->attempt != task->attempt) {
        return "the attempt was given up";
    }
    return executor == task->executor ? NULL : "the attempt runs on another executor";
}

bool task_set_repeats(const struct task_set *set, const struct attempt_id *id, int64_t executor)
{
    if (set == NULL || id->session != set->session || id->batch != set->batch ||
        id->stage != (int64_t)set->stage || id->task < 0 || (uint64_t)id->task >= set->count) {
        return false;
    }
    const struct task *task = &set->tasks[id->task];
    return task->state == TASK_FINISHED && task->attempt == id->attempt &&
           task->executor == executor;
}

/* The task of a running attempt. */
static struct task *running(struct task_set *set, const struct attempt_id *id)
{
    require(id->session == set->session);
    require(id->batch == set->batch);
    require(id->stage == (int64_t)set->stage);
    require(id->task >= 0);
    require((size_t)id->task < set->count);
    struct task *task = &set->tasks[id->task];
    require(task->state == TASK_RUNNING);
    require(task->attempt == id->attempt);
    return task;
}

static const char *maybe_copy(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_strdup(arena, text);
}

void task_set_done(struct task_set *set,
                   const struct attempt_id *id,
                   const struct message_task_done *done)
{
    struct task *task = running(set, id);
    task->state = TASK_FINISHED;
    task->reported = true;
    task->done = *done;
    task->done.file.path = maybe_copy(set->arena, done->file.path);
    task->done.file.stats = maybe_copy(set->arena, done->file.stats);
    set->finished++;
    require(set->finished <= set->count);
}

void task_set_failed(struct task_set *set,
                     const struct attempt_id *id,
                     const struct message_failure *failure)
{
    struct task *task = running(set, id);
    task->state = TASK_PENDING;
    if (strcmp(failure->error_class, CLASS_COMMIT_DENIED) == 0) {
        return;
    }
    task->failures++;
    if (task->failures >= set->failures_max && set->given_up < 0) {
        set->given_up = id->task;
        set->error_class = arena_strdup(set->arena, failure->error_class);
        set->error_text = arena_strdup(set->arena, failure->text);
    }
}

void task_set_again(struct task_set *set, const struct attempt_id *id)
{
    running(set, id)->state = TASK_PENDING;
}

void task_set_result_lost(struct task_set *set, int64_t index)
{
    require(index >= 0);
    require((size_t)index < set->count);
    struct task *task = &set->tasks[index];
    require(task->state == TASK_FINISHED);
    require(set->finished > 0);
    task->state = TASK_PENDING;
    set->finished--;
}
