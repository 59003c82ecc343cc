/* Runs contract suites against the ports over the real world: each process of a case is a forked
 * child with a real_process in it. The struct contract lies in memory that all of them share. For
 * tests only. */
#ifndef ENGINE_REAL_FORKED_WORLD_H
#define ENGINE_REAL_FORKED_WORLD_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/ports/contract.h"
#include "engine/real/real_process.h"

enum { FORKED_SECONDS_MAX = 120, FORKED_PATH = 256 };

struct forked_world {
    struct contract *contract;   /* shared */
    char directory[FORKED_PATH]; /* everything that a case makes is below it */
    struct real_config config;   /* of every process */
    pid_t held;
    int cases;
};

struct forked_body {
    struct real_process *process;
    contract_body body;
    void *argument;
    int ready; /* told when the body has returned and the process stays; -1: it does not stay */
};

static inline void forked_entry(void *argument)
{
    const struct forked_body *forked = argument;
    forked->body(forked->argument, &forked->process->ports);
    if (forked->ready >= 0) {
        ssize_t written = write(forked->ready, "r", 1);
        require(written == 1);
        (void)fibers_park(&forked->process->ports.fibers, INT64_MAX);
    }
}

/* A child that runs `body` and leaves; what it leaves behind in memory breaks the contract. */
static inline pid_t
forked_start(struct forked_world *world, contract_body body, void *argument, int ready)
{
    pid_t child = fork();
    cr_assert(ge(int, child, 0));
    if (child > 0) {
        return child;
    }
    (void)alarm(FORKED_SECONDS_MAX);
    struct forked_body forked = {.body = body, .argument = argument, .ready = ready};
    struct diag diag = {0};
    size_t blocks = process_host.heap.blocks;
    enum status status = real_process_new(&world->config, &forked.process, &diag);
    require(status == OK);
    real_process_run(forked.process, forked_entry, &forked);
    real_process_free(forked.process);
    require(process_host.heap.blocks == blocks);
    require(fiber_live_count() == 0);
    _exit(0);
}

/* It left as it should, or was killed as a case wished. */
static inline void forked_wait(struct forked_world *world, pid_t child)
{
    int status = 0;
    pid_t waited = waitpid(child, &status, 0);
    cr_assert(eq(int, waited, child));
    bool fine = (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
                (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    if (!fine) {
        char text[64];
        (void)snprintf(text, sizeof text, "a process ended with status 0x%x", (unsigned)status);
        contract_broken(world->contract, __FILE__, __LINE__, text);
    }
}

static inline void
forked_together(void *self, const contract_body *bodies, size_t count, void *argument)
{
    struct forked_world *world = self;
    pid_t children[4];
    cr_assert(le(sz, count, 4));
    for (size_t i = 0; i < count; i++) {
        children[i] = forked_start(world, bodies[i], argument, -1);
    }
    for (size_t i = 0; i < count; i++) {
        forked_wait(world, children[i]);
    }
}

static inline void forked_run(void *self, contract_body body, void *argument)
{
    forked_together(self, &body, 1, argument);
}

static inline void forked_hold(void *self, contract_body body, void *argument)
{
    struct forked_world *world = self;
    int ends[2];
    char byte = ' ';
    cr_assert(eq(int, pipe(ends), 0));
    world->held = forked_start(world, body, argument, ends[1]);
    (void)close(ends[1]);
    ssize_t got = read(ends[0], &byte, 1); /* 0: it died */
    (void)close(ends[0]);
    if (got != 1) {
        contract_broken(world->contract, __FILE__, __LINE__, "the process to be held died");
    }
}

static inline void forked_kill_held(void *self)
{
    struct forked_world *world = self;
    (void)kill(world->held, SIGKILL);
    forked_wait(world, world->held);
    world->held = 0;
}

static inline void forked_die(void *self)
{
    (void)self;
    (void)kill(getpid(), SIGKILL);
}

/* Shared by all children that are forked later; POSIX knows no anonymous mapping. */
static inline struct contract *forked_share(const char *directory)
{
    char path[FORKED_PATH + 16];
    (void)snprintf(path, sizeof path, "%s/shared", directory);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    cr_assert(ge(int, fd, 0));
    cr_assert(eq(int, ftruncate(fd, sizeof(struct contract)), 0));
    void *memory = mmap(NULL, sizeof(struct contract), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    cr_assert(memory != MAP_FAILED);
    (void)close(fd);
    (void)unlink(path);
    return memory;
}

static inline void forked_world_new(struct forked_world *world)
{
    const char *base = getenv("TMPDIR");
    *world = (struct forked_world){.config = {.role = ROLE_EXECUTOR, .name = "process"}};
    (void)snprintf(world->directory,
                   sizeof world->directory,
                   "%s/aftershock-XXXXXX",
                   base == NULL || base[0] == '\0' ? "/tmp" : base);
    cr_assert(ne(ptr, mkdtemp(world->directory), NULL));
    world->contract = forked_share(world->directory);
}

static inline void forked_world_free(struct forked_world *world)
{
    extern char **environ;
    char *const arguments[] = {"rm", "-rf", world->directory, NULL};
    pid_t child = 0;
    int status = 0;
    cr_assert(eq(int, posix_spawnp(&child, "rm", NULL, NULL, arguments, environ), 0));
    (void)waitpid(child, &status, 0);
    cr_assert(eq(int, status, 0));
    cr_assert(eq(int, munmap(world->contract, sizeof *world->contract), 0));
}

/* A contract for the next case, and a fresh, empty directory for it, whose path is in `directory`.
 */
static inline void forked_next_case(struct forked_world *world, char directory[FORKED_PATH + 16])
{
    (void)snprintf(directory, FORKED_PATH + 16, "%s/%d", world->directory, world->cases++);
    cr_assert(eq(int, mkdir(directory, 0777), 0));
    *world->contract = (struct contract){.self = world,
                                         .run = forked_run,
                                         .run_and_hold = forked_hold,
                                         .kill_held = forked_kill_held,
                                         .run_together = forked_together,
                                         .die = forked_die};
}

/* After a case. */
static inline void forked_check(struct forked_world *world, const char *name)
{
    if (world->held > 0) { /* a promise broke before the case killed it */
        forked_kill_held(world);
    }
    cr_expect(eq(str, world->contract->broken, ""), "%s", name);
}

/* A suite that wants nothing but processes. */
static inline void forked_world_check(const struct contract_case *cases, size_t count)
{
    struct forked_world world;
    char directory[FORKED_PATH + 16];
    forked_world_new(&world);
    for (size_t i = 0; i < count; i++) {
        forked_next_case(&world, directory);
        cases[i].check(world.contract);
        forked_check(&world, cases[i].name);
    }
    forked_world_free(&world);
}

/* One body of a test that is no contract's, in a process of its own. */
static inline void forked_world_run(struct forked_world *world, contract_body body)
{
    char directory[FORKED_PATH + 16];
    forked_next_case(world, directory);
    world->contract->root = directory;
    forked_run(world, body, world->contract);
    forked_check(world, "");
}

#endif
