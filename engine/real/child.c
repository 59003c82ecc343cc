#include "engine/real/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <unistd.h>

#include "engine/base/check.h"

#define SELF "/proc/self/exe"

extern char **environ;

static void pipe_for_parent(int ends[2])
{
    int failed = pipe(ends);
    require(failed == 0);
    for (size_t i = 0; i < 2; i++) {
        failed = fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        require(failed == 0);
    }
}

void lifeline_open(struct lifeline *lifeline)
{
    pipe_for_parent(lifeline->ends);
}

void lifeline_close(struct lifeline *lifeline)
{
    (void)close(lifeline->ends[0]);
    (void)close(lifeline->ends[1]);
}

/* The child's descriptors are numbered above everything that has to be moved to 3 and 4 first. */
static int spawn(int lifeline, int output, const char *const arguments[], pid_t *process)
{
    enum { ABOVE = 64 };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int high = fcntl(lifeline, F_DUPFD_CLOEXEC, ABOVE);
    int high_output = output < 0 ? -1 : fcntl(output, F_DUPFD_CLOEXEC, ABOVE);
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, high, CHILD_LIFELINE);
    if (high_output >= 0) {
        (void)posix_spawn_file_actions_adddup2(&actions, high_output, CHILD_OUTPUT);
    }
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    /* exec's own signature: it changes none of the texts, whatever its type says. */
    union {
        const char *const *ours;
        char *const *theirs;
    } texts = {.ours = arguments};
    int error = posix_spawn(process, SELF, &actions, &attributes, texts.theirs, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(high);
    if (high_output >= 0) {
        (void)close(high_output);
    }
    return error;
}

pid_t child_spawn(const struct lifeline *lifeline, const char *const arguments[], int *output)
{
    int ends[2] = {-1, -1};
    pid_t process = -1;
    if (output != NULL) {
        pipe_for_parent(ends);
    }
    int error = spawn(lifeline->ends[0], ends[1], arguments, &process);
    if (output != NULL) {
        (void)close(ends[1]);
        *output = ends[0];
    }
    if (error != 0) {
        if (output != NULL) {
            (void)close(ends[0]);
        }
        errno = error;
        return -1;
    }
    return process;
}

static void parent_is_gone(void *context, short happened)
{
    maybe(context == NULL);
    maybe(happened != 0);
    (void)kill(getpid(), SIGKILL);
}

void child_watch_lifeline(struct loop *loop)
{
    static struct loop_watch watch;
    watch = (struct loop_watch){.fd = CHILD_LIFELINE, .events = POLLIN, .ready = parent_is_gone};
    int failed = fcntl(CHILD_LIFELINE, F_SETFD, FD_CLOEXEC);
    require(failed == 0);
    loop_add_watch(loop, &watch);
}
