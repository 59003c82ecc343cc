#include "engine/driver/commit_coordinator.h"

#include "engine/base/check.h"

/* Failed attempts of a task are few (spark.task.maxFailures, and executors lost): a list. */
struct failed_attempt {
    int64_t attempt;
    struct failed_attempt *next;
};

struct commit_lock {
    bool held;
    int64_t holder; /* attempt number */
    struct failed_attempt *failed;
};

void commit_coordinator_begin(struct commit_coordinator *coordinator,
                              struct arena *arena,
                              uint64_t session,
                              int64_t batch,
                              size_t tasks)
{
    *coordinator = (struct commit_coordinator){
        .open = true, .session = session, .batch = batch, .arena = arena, .tasks = tasks};
    coordinator->locks = arena_alloc(arena, tasks * sizeof *coordinator->locks);
}

void commit_coordinator_end(struct commit_coordinator *coordinator)
{
    *coordinator = (struct commit_coordinator){0};
}

/* The lock that `id` is about, or NULL when it is not of the batch being run. */
static struct commit_lock *find_lock(const struct commit_coordinator *coordinator,
                                     const struct attempt_id *id)
{
    if (!coordinator->open || id->session != coordinator->session ||
        id->batch != coordinator->batch || id->stage != STAGE_RESULT || id->task < 0 ||
        (uint64_t)id->task >= coordinator->tasks) {
        return NULL;
    }
    return &coordinator->locks[id->task];
}

static bool has_failed(const struct commit_lock *lock, int64_t attempt)
{
    for (const struct failed_attempt *failed = lock->failed; failed != NULL;
         failed = failed->next) {
        if (failed->attempt == attempt) {
            return true;
        }
    }
    return false;
}

const char *commit_coordinator_ask(struct commit_coordinator *coordinator,
                                   const struct attempt_id *id)
{
    struct commit_lock *lock = find_lock(coordinator, id);
    if (lock == NULL) {
        return id->session == coordinator->session ? "no such task is being run"
                                                   : "another session";
    }
    if (has_failed(lock, id->attempt)) {
        return "the attempt was given up";
    }
    if (lock->held && lock->holder != id->attempt) {
        return "another attempt has the commit";
    }
    lock->held = true;
    lock->holder = id->attempt;
    return NULL;
}

bool commit_coordinator_holds(const struct commit_coordinator *coordinator,
                              const struct attempt_id *id)
{
    const struct commit_lock *lock = find_lock(coordinator, id);
    return lock != NULL && lock->held && lock->holder == id->attempt;
}

void commit_coordinator_failed(struct commit_coordinator *coordinator, const struct attempt_id *id)
{
    struct commit_lock *lock = find_lock(coordinator, id);
    if (lock == NULL || has_failed(lock, id->attempt)) {
        return;
    }
    struct failed_attempt *failed = arena_alloc(coordinator->arena, sizeof *failed);
    *failed = (struct failed_attempt){.attempt = id->attempt, .next = lock->failed};
    lock->failed = failed;
    if (lock->held && lock->holder == id->attempt) {
        lock->held = false;
    }
    require(!commit_coordinator_holds(coordinator, id));
}
