#include "engine/driver/job.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"

struct job *job_new(struct arena *arena, const struct job_plan *plan)
{
    struct job *job = arena_alloc(arena, sizeof *job);
    struct attempt_id id = {.session = plan->session, .batch = plan->batch, .stage = STAGE_RESULT};
    *job = (struct job){.arena = arena,
                        .partitions = plan->partitions,
                        .late_ms = plan->late_ms,
                        .evict_ms = plan->evict_ms,
                        .stage_max_attempts = plan->stage_max_attempts};
    require(plan->partitions >= 0);
    require(plan->stage_max_attempts >= 1);
    if (plan->partitions == 0) {
        job->result =
            task_set_new(arena, id, plan->task_max_failures, plan->ranges, plan->range_count);
        return job;
    }
    job->result = task_set_new(arena, id, plan->task_max_failures, NULL, (size_t)plan->partitions);
    id.stage = STAGE_MAP;
    job->map = task_set_new(arena, id, plan->task_max_failures, plan->ranges, plan->range_count);
    job->outputs = arena_alloc(arena, plan->range_count * sizeof *job->outputs);
    return job;
}

struct task_set *job_stage(const struct job *job, const struct attempt_id *id)
{
    if (job == NULL) {
        return NULL;
    }
    return id->stage == STAGE_RESULT ? job->result : job->map;
}

const struct task_set *job_readers(const struct job *job)
{
    return job->map != NULL ? job->map : job->result;
}

bool job_mapped(const struct job *job)
{
    return job->map == NULL || job->map->finished == job->map->count;
}

bool job_finished(const struct job *job)
{
    return job->result->finished == job->result->count;
}

/* ---- giving up ------------------------------------------------------------------------------ */

static bool stage_given_up(const struct job *job)
{
    return job->failed_attempts >= job->stage_max_attempts;
}

bool job_given_up(const struct job *job)
{
    return stage_given_up(job) || job->result->given_up >= 0 ||
           (job->map != NULL && job->map->given_up >= 0);
}

/* Spark's text of SparkException "Job aborted due to stage failure", in our words. Data loss keeps
 * its class, as where the driver finds it: starting the query again is no remedy. */
static enum status fail_task(const struct job *job, const struct task_set *set, struct diag *diag)
{
    const struct task *task = &set->tasks[set->given_up];
    char what[128];
    (void)snprintf(what,
                   sizeof what,
                   "partition %" PRId32 ", offsets %" PRId64 " to %" PRId64,
                   task->range.partition,
                   task->range.from,
                   task->range.until);
    if (set != job_readers(job)) {
        (void)snprintf(what,
                       sizeof what,
                       "shuffle partition %" PRId64 ", state version %" PRId64,
                       set->given_up,
                       set->batch);
    }
    bool loss = strcmp(set->error_class, CLASS_DATA_LOSS) == 0;
    return diag_fail(diag,
                     loss ? CLASS_DATA_LOSS : "STREAM_FAILED",
                     "%stask %" PRId64 " of batch %" PRId64 " (%s) failed %" PRId64
                     " times (spark.task.maxFailures), last: %s%s%s%s",
                     set->stage == STAGE_MAP ? "map " : "",
                     set->given_up,
                     set->batch,
                     what,
                     task->failures,
                     set->error_text,
                     loss ? "" : " [",
                     loss ? "" : set->error_class,
                     loss ? "" : "]");
}

enum status job_fail(const struct job *job, struct diag *diag)
{
    require(job_given_up(job));
    if (job->map != NULL && job->map->given_up >= 0) {
        return fail_task(job, job->map, diag);
    }
    if (job->result->given_up >= 0) {
        return fail_task(job, job->result, diag);
    }
    return diag_fail(diag,
                     "STREAM_FAILED",
                     "the result stage of batch %" PRId64 " failed %" PRId64
                     " times in a row because outputs of its map stage could not be fetched "
                     "(spark.stage.maxConsecutiveAttempts), last: %s. Look at the executors' "
                     "local disks and at the network between them; the query resumes with this "
                     "batch when it is started again",
                     job->result->batch,
                     job->failed_attempts,
                     job->fetch_error);
}

/* ---- attempts ------------------------------------------------------------------------------- */

struct task_set *job_runnable(const struct job *job)
{
    if (task_set_pending(job->result) < 0) {
        return NULL; /* nobody needs what the map stage may lack */
    }
    if (job_mapped(job)) {
        return job->result;
    }
    return task_set_pending(job->map) < 0 ? NULL : job->map;
}

struct attempt_id job_launch(struct job *job,
                             struct task_set *set,
                             int64_t index,
                             int64_t executor,
                             const char *address,
                             struct message_run_task *message)
{
    require(set == job_runnable(job));
    struct attempt_id id = task_set_launch(set, index, executor);
    struct task *task = &set->tasks[index];
    task->changed = job->step++;
    *message = (struct message_run_task){.partitions = job->partitions};
    if (set == job_readers(job)) {
        message->partition = task->range.partition;
        message->from = task->range.from;
        message->until = task->range.until;
        message->before = task->range.before;
    } else {
        require(job_mapped(job));
        message->late_ms = job->late_ms;
        message->evict_ms = job->evict_ms;
        message->maps = job->outputs;
        message->map_count = job->map->count;
    }
    if (set == job->map) {
        job->outputs[index] = (struct map_output){.attempt = id.attempt,
                                                  .address = arena_strdup(job->arena, address)};
    }
    return id;
}

/* Records of one log only ever disappear, so that as many as before are the same ones; and a log
 * that was cut and grew again has another record at the end. */
static bool read_the_same(const struct task *map, const struct message_task_done *done)
{
    return !map->reported || (map->done.rows_read == done->rows_read &&
                              fingerprint_equal(&map->done.last, &done->last));
}

bool job_done(struct job *job, const struct attempt_id *id, const struct message_task_done *done)
{
    struct task_set *set = job_stage(job, id);
    require(set != NULL);
    struct task *task = &set->tasks[id->task];
    bool same = set != job->map || read_the_same(task, done);
    task_set_done(set, id, done);
    task->changed = job->step++;
    return same;
}

/* No result task was launched since the output was lost: each that is not waiting has used the
 * former one. */
bool job_roll_back(struct job *job, int64_t *next, struct attempt_id *id)
{
    struct task_set *set = job->result;
    require(*next >= 0);
    if (*next == 0) {
        set->stage_attempt++;
    }
    while ((size_t)*next < set->count && set->tasks[*next].state == TASK_PENDING) {
        (*next)++;
    }
    if ((size_t)*next == set->count) {
        return false;
    }
    *id = task_set_attempt(set, *next);
    if (set->tasks[*next].state == TASK_FINISHED) {
        task_set_result_lost(set, *next);
    } else {
        set->tasks[*next].rolled_back = true;
    }
    (*next)++;
    return true;
}

bool job_again(struct job *job, const struct attempt_id *id)
{
    struct task_set *set = job_stage(job, id);
    require(set != NULL);
    bool again = set->tasks[id->task].rolled_back;
    if (again) {
        task_set_again(set, id);
    }
    return again;
}

/* What a fetch failure says about the map outputs. */
enum fetch_news {
    NEWS_NONSENSE, /* the attempt was not told of such an output: an ordinary failure */
    NEWS_KNOWN,    /* the output was lost or replaced since the attempt was launched */
    NEWS_LOST      /* the output that is registered now */
};

/* An attempt was told the outputs that stood at its launch. If the one that stands now stood then,
 * the attempt can only mean that one. */
static enum fetch_news judge_fetch(const struct job *job,
                                   const struct task *reducer,
                                   const struct message_failure *failure)
{
    if (job->map == NULL || failure->map_task < 0 ||
        (uint64_t)failure->map_task >= job->map->count) {
        return NEWS_NONSENSE;
    }
    const struct task *map = &job->map->tasks[failure->map_task];
    if (failure->map_attempt < 0 || failure->map_attempt >= map->attempts) {
        return NEWS_NONSENSE;
    }
    if (map->state != TASK_FINISHED) {
        return NEWS_KNOWN;
    }
    bool meant = failure->map_attempt == map->attempt;
    if (map->changed > reducer->changed) {
        return meant ? NEWS_NONSENSE : NEWS_KNOWN;
    }
    return meant ? NEWS_LOST : NEWS_NONSENSE;
}

static void fail_stage(struct job *job, const struct task *reducer, const char *text)
{
    if (reducer->stage_attempt != job->result->stage_attempt) {
        return; /* that attempt of the stage is counted already */
    }
    job->result->stage_attempt++;
    job->failed_attempts++;
    job->fetch_error = arena_strdup(job->arena, text);
}

int64_t
job_failed(struct job *job, const struct attempt_id *id, const struct message_failure *failure)
{
    struct task_set *set = job_stage(job, id);
    require(set != NULL);
    const struct task *task = &set->tasks[id->task];
    enum fetch_news news = NEWS_NONSENSE;
    if (set == job->result && strcmp(failure->error_class, CLASS_FETCH_FAILED) == 0) {
        news = judge_fetch(job, task, failure);
    }
    if (news == NEWS_NONSENSE) {
        task_set_failed(set, id, failure);
        return -1;
    }
    task_set_again(set, id);
    if (news == NEWS_KNOWN) {
        return -1;
    }
    fail_stage(job, task, failure->text);
    return job->map->tasks[failure->map_task].executor;
}

/* ---- losses --------------------------------------------------------------------------------- */

static int64_t find_on(const struct task_set *set, enum task_state state, int64_t executor)
{
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        if (set->tasks[i].state == state && set->tasks[i].executor == executor) {
            return (int64_t)i;
        }
    }
    return -1;
}

bool job_lose_attempt(struct job *job, int64_t executor, struct attempt_id *id)
{
    struct task_set *set = job->map;
    int64_t index = find_on(set, TASK_RUNNING, executor);
    if (index < 0) {
        set = job->result;
        index = find_on(set, TASK_RUNNING, executor);
    }
    if (index < 0) {
        return false;
    }
    *id = task_set_attempt(set, index);
    task_set_again(set, id);
    return true;
}

bool job_lose_output(struct job *job, int64_t executor, struct attempt_id *id)
{
    int64_t index = find_on(job->map, TASK_FINISHED, executor);
    if (index < 0) {
        return false;
    }
    if (job_mapped(job)) {
        job->map->stage_attempt++; /* it had ended, and begins again */
    }
    *id = task_set_attempt(job->map, index);
    task_set_result_lost(job->map, index);
    return true;
}
