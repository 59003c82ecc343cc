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

void lifeline_open(struct lifeline *lifeline)
{
    int failed = pipe(lifeline->ends);
    require(failed == 0);
    for (size_t i = 0; i < 2; i++) {
        failed = fcntl(lifeline->ends[i], F_SETFD, FD_CLOEXEC);
        require(failed == 0);
    }
}

void lifeline_close(struct lifeline *lifeline)
{
    (void)close(lifeline->ends[0]);
    (void)close(lifeline->ends[1]);
}

pid_t child_spawn(const struct lifeline *lifeline, const char *const arguments[])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t process = -1;
    /* Above the number that it gets in the child: a duplicate onto itself would close on exec. */
    int high = fcntl(lifeline->ends[0], F_DUPFD_CLOEXEC, CHILD_LIFELINE + 1);
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, high, CHILD_LIFELINE);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    /* exec's own signature: it changes none of the texts, whatever its type says. */
    union {
        const char *const *ours;
        char *const *theirs;
    } texts = {.ours = arguments};
    int error = posix_spawn(&process, SELF, &actions, &attributes, texts.theirs, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(high);
    errno = error;
    return error == 0 ? process : -1;
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
