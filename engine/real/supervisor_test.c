/* The supervisor starts this very program: before Criterion's main, a constructor finds out whether
 * it is an executor's turn. */
#include "engine/real/supervisor.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/real/child.h"
#include "engine/real/session.h"
#include "engine/real/signals.h"

/* ---- the child: argument 2 is the session, 3 the number, 4 the incarnation */

static void sleep_for_ever(void *argument)
{
    struct loop *loop = argument;
    (void)loop_park(loop, INT64_MAX);
}

static void note(const char *directory, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/notes", directory);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    require(fd >= 0);
    ssize_t written = write(fd, text, strlen(text));
    require(written == (ssize_t)strlen(text));
    (void)close(fd);
}

__attribute__((constructor)) static void be_an_executor(int count, char **arguments)
{
    char text[64];
    if (count < 5 || strcmp(arguments[1], "executor") != 0) {
        return;
    }
    (void)snprintf(text, sizeof text, "%s.%s %ld\n", arguments[3], arguments[4], (long)getpid());
    note(arguments[2], text);
    if (strcmp(arguments[4], "0") == 0 && strstr(arguments[2], "mortal") != NULL) {
        _exit(3);
    }
    struct loop *loop = loop_new();
    child_watch_lifeline(loop);
    loop_run(loop, loop_spawn(loop, sleep_for_ever, loop));
    _exit(0);
}

/* ---- the parent */

static char directory[64];
static char said[512];
static struct loop *loop;

static void told(void *context, const char *sentence)
{
    (void)context;
    (void)snprintf(said, sizeof said, "%s", sentence);
}

static void make_directory(const char *name)
{
    (void)snprintf(directory, sizeof directory, "/tmp/aftershock-%s-XXXXXX", name);
    cr_assert(ne(ptr, mkdtemp(directory), NULL));
}

static const char *notes(void)
{
    static char text[512];
    char path[256];
    (void)snprintf(path, sizeof path, "%s/notes", directory);
    memset(text, 0, sizeof text);
    int fd = open(path, O_RDONLY);
    if (fd >= 0) {
        ssize_t got = read(fd, text, sizeof text - 1);
        maybe(got > 0);
        (void)close(fd);
    }
    return text;
}

static size_t lines(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += *text == '\n';
    }
    return count;
}

static void await_lines(size_t count)
{
    int64_t until_us = real_monotonic_us() + 20 * US_PER_SECOND;
    while (lines(notes()) < count && real_monotonic_us() < until_us) {
        (void)loop_park(loop, real_wall_us() + 10 * US_PER_MS);
    }
    cr_assert(ge(sz, lines(notes()), count));
}

static struct supervisor_config config_of(unsigned executors)
{
    return (struct supervisor_config){.loop = loop,
                                      .executors = executors,
                                      .session = directory,
                                      .local = "/none",
                                      .root = "",
                                      .objects = "",
                                      .trace_file = "",
                                      .told = told};
}

static struct real_supervisor *supervisor;

static void heard(void *context, int number)
{
    (void)context;
    if (number == SIGCHLD) {
        real_supervisor_child_died(supervisor);
    }
}

static void one_dies(void *argument)
{
    (void)argument;
    struct signals signals;
    const struct supervisor_config config = config_of(1);
    supervisor = real_supervisor_new(&config);
    signals_hear(&signals, loop, heard, NULL);
    await_lines(2);
    cr_assert(eq(int, strncmp(notes(), "1.0 ", 4), 0));
    cr_assert(ne(ptr, strstr(notes(), "\n1.1 "), NULL)); /* the same name, a new incarnation */
    cr_assert(
        ne(ptr, strstr(said, "ended with code 3; it starts again in 500 ms"), NULL), "%s", said);
    long process = strtol(strstr(notes(), "\n1.1 ") + 5, NULL, 10);
    cr_assert(eq(int, kill((pid_t)process, SIGKILL), 0)); /* it never says goodbye by itself */
    real_supervisor_stop(supervisor);
    cr_assert(eq(int, kill((pid_t)process, 0), -1));
    signals_forget(&signals);
    real_supervisor_free(supervisor);
}

Test(supervisor, a_dead_executor_starts_again_as_the_next_incarnation, .timeout = 60)
{
    make_directory("mortal");
    loop = loop_new();
    loop_run(loop, loop_spawn(loop, one_dies, NULL));
    loop_free(loop);
    fiber_pool_free();
    remove_tree(directory);
}

static void wait_for_ever(void *argument)
{
    (void)argument;
    const struct supervisor_config config = config_of(2);
    supervisor = real_supervisor_new(&config);
    (void)loop_park(loop, INT64_MAX);
}

static void nap(void)
{
    const struct timespec time = {.tv_nsec = 5000000};
    (void)nanosleep(&time, NULL);
}

static bool gone(const char *line)
{
    const char *space = strchr(line, ' ');
    long process = strtol(space + 1, NULL, 10);
    for (int i = 0; i < 400; i++) {
        /* Not our child: init, or whoever is the reaper here, may take a moment to bury it. */
        char path[64];
        char state[256] = "";
        (void)snprintf(path, sizeof path, "/proc/%ld/stat", process);
        int fd = open(path, O_RDONLY);
        if (fd < 0) {
            return true;
        }
        ssize_t got = read(fd, state, sizeof state - 1);
        maybe(got > 0);
        (void)close(fd);
        if (strstr(state, ") Z ") != NULL) {
            return true;
        }
        nap();
    }
    return false;
}

Test(supervisor, no_executor_outlives_a_driver_that_is_killed, .timeout = 60)
{
    make_directory("orphans");
    pid_t driver = fork();
    if (driver == 0) {
        loop = loop_new();
        loop_run(loop, loop_spawn(loop, wait_for_ever, NULL));
        _exit(0);
    }
    for (int i = 0; i < 2000 && lines(notes()) < 2; i++) {
        nap();
    }
    cr_assert(eq(sz, lines(notes()), 2));
    cr_assert(eq(int, kill(driver, SIGKILL), 0));
    cr_assert(eq(int, waitpid(driver, NULL, 0), driver));
    cr_assert(gone(notes()));
    cr_assert(gone(strchr(notes(), '\n') + 1));
    remove_tree(directory);
}

Test(supervisor, addresses_fit_into_a_sockets_name_or_are_refused)
{
    char address[128];
    char deep[128];
    cr_assert(session_address("/tmp/aftershock-1", 0, address));
    cr_assert(eq(str, address, "unix:/tmp/aftershock-1/driver"));
    cr_assert(session_address("/tmp/aftershock-1", 12, address));
    cr_assert(eq(str, address, "unix:/tmp/aftershock-1/executor-12"));
    memset(deep, 'x', sizeof deep);
    deep[0] = '/';
    deep[sizeof deep - 1] = '\0';
    cr_assert(not(session_address(deep, 1, address)));
    deep[97] = '\0'; /* with "/executor-1" 108 bytes, and no room for the zero */
    cr_assert(not(session_address(deep, 1, address)));
    deep[96] = '\0';
    cr_assert(session_address(deep, 1, address));
}
