/* Worker w of n runs the items first + w, first + w + n, ... so that item s comes from worker (s -
 * first) % n: reading the pipes round robin gives their order without any buffer; a worker that is
 * ahead waits in its pipe. */
#include "sim/cli/swarm.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"

enum { SWARM_JOBS_MAX = 256 };

struct worker {
    pid_t process;
    int pipe;
    bool gone;
};

struct swarm_pool {
    struct pool_work work;
    uint64_t first;
    uint64_t last;
    uint64_t next;
    unsigned jobs;
    struct worker workers[SWARM_JOBS_MAX];
};

static bool write_all(int pipe, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t written = write(pipe, at, size);
        if (written <= 0) {
            return false;
        }
        at += written;
        size -= (size_t)written;
    }
    return true;
}

static bool read_all(int pipe, void *data, size_t size)
{
    char *at = data;
    while (size > 0) {
        ssize_t got = read(pipe, at, size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        at += got;
        size -= (size_t)got;
    }
    return true;
}

/* A worker's life. Lag samples stay here: only single runs plot them. */
static _Noreturn void work(const struct swarm_pool *pool, unsigned index, int pipe)
{
    struct run_result *result = heap_alloc(sizeof *result);
    for (uint64_t item = pool->first + index; item <= pool->last; item += pool->jobs) {
        pool->work.run(pool->work.context, item, result);
        if (!write_all(pipe, result, offsetof(struct run_result, lag))) {
            _exit(EXIT_TOOL);
        }
    }
    _exit(0);
}

/* Fork the worker of place `index`, which runs `of` (in the child alone). */
static struct worker start_worker(const struct swarm_pool *of, unsigned index)
{
    int ends[2];
    int piped = pipe(ends);
    require(piped == 0);
    pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        (void)signal(SIGINT, SIG_IGN); /* the parent is asked to stop, and says so here */
        (void)close(ends[0]);
        work(of, index, ends[1]);
    }
    (void)close(ends[1]);
    return (struct worker){.process = child, .pipe = ends[0]};
}

struct swarm_pool *
swarm_pool_new(const struct pool_work *work, uint64_t first, uint64_t last, unsigned jobs)
{
    require(first <= last);
    struct swarm_pool *pool = heap_alloc(sizeof *pool);
    uint64_t items = last - first + 1;
    pool->work = *work;
    pool->first = first;
    pool->last = last;
    pool->next = first;
    pool->jobs = jobs > SWARM_JOBS_MAX ? SWARM_JOBS_MAX : jobs;
    pool->jobs = items < pool->jobs ? (unsigned)items : pool->jobs;
    (void)fflush(stdout); /* workers must not inherit unwritten text */
    for (unsigned i = 0; i < pool->jobs; i++) {
        pool->workers[i] = start_worker(pool, i);
    }
    return pool;
}

/* The worker died while it ran `item`: of what? Start another for the items behind it. */
static void
bury(struct swarm_pool *pool, unsigned index, uint64_t item, char *evidence, size_t size)
{
    struct worker *worker = &pool->workers[index];
    int state = 0;
    pid_t dead = waitpid(worker->process, &state, 0);
    require(dead == worker->process);
    (void)close(worker->pipe);
    worker->gone = true;
    (void)snprintf(evidence,
                   size,
                   WIFSIGNALED(state) ? "the worker died of signal %d while it ran this seed"
                                      : "the worker ended with exit code %d while it ran this seed",
                   WIFSIGNALED(state) ? WTERMSIG(state) : WEXITSTATUS(state));
    if (pool->last - item < pool->jobs) {
        return;
    }
    struct swarm_pool rest = {
        .work = pool->work, .first = item + pool->jobs, .last = pool->last, .jobs = pool->jobs};
    *worker = start_worker(&rest, 0);
}

/* Names in a result are pointers of the worker's; the same image runs here, but a parent's own are
 * surer. */
static void own_names(const struct swarm_pool *pool, struct run_result *result)
{
    result->scenario = pool->work.scenario;
    result->lost = NULL; /* told for single runs only */
    for (size_t i = 0; i < result->check_count; i++) {
        result->checks[i].name = run_check_name(i);
    }
}

bool swarm_pool_next(struct swarm_pool *pool, struct run_result *result, bool *died)
{
    if (pool->next > pool->last) {
        return false;
    }
    uint64_t item = pool->next;
    unsigned index = (unsigned)((item - pool->first) % pool->jobs);
    *died = false;
    pool->next++;
    if (!pool->workers[index].gone &&
        read_all(pool->workers[index].pipe, result, offsetof(struct run_result, lag))) {
        own_names(pool, result);
        result->lag_count = 0;
        return true;
    }
    memset(result, 0, sizeof *result);
    result->scenario = pool->work.scenario;
    result->seed = item;
    result->outcome = OUTCOME_VIOLATION;
    (void)snprintf(result->failed_check, sizeof result->failed_check, "%s", SWARM_WORKER_DIED);
    bury(pool, index, item, result->evidence, sizeof result->evidence);
    *died = true;
    return true;
}

void swarm_pool_free(struct swarm_pool *pool)
{
    for (unsigned i = 0; i < pool->jobs; i++) {
        struct worker *worker = &pool->workers[i];
        if (!worker->gone) {
            if (pool->next <= pool->last) {
                (void)kill(worker->process, SIGKILL);
            }
            (void)close(worker->pipe);
            int state = 0;
            (void)waitpid(worker->process, &state, 0);
        }
    }
    heap_free(pool);
}

unsigned cli_jobs(const struct cli *cli)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cli->jobs > 0 ? cli->jobs : cores > 0 ? (unsigned)cores : 1;
}
