#include "engine/real/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "engine/base/check.h"

static const int heard_signals[] = {SIGTERM, SIGINT, SIGCHLD};

enum { SIGNAL_COUNT = sizeof heard_signals / sizeof *heard_signals };

/* A handler has no argument of its own: the write end stands here while somebody hears. */
static volatile int write_end = -1;

static void handle(int number)
{
    int error = errno;
    unsigned char byte = (unsigned char)number;
    ssize_t written = write(write_end, &byte, 1); /* a full pipe will be read all the same */
    maybe(written == 1);
    errno = error;
}

static void ready(void *context, short happened)
{
    struct signals *signals = context;
    unsigned char numbers[64];
    maybe((happened & POLLIN) != 0);
    ssize_t got = read(signals->ends[0], numbers, sizeof numbers);
    for (ssize_t i = 0; i < got; i++) {
        signals->heard(signals->context, numbers[i]);
    }
}

void signals_hear(struct signals *signals, struct loop *loop, signal_fn heard, void *context)
{
    *signals = (struct signals){.loop = loop, .heard = heard, .context = context};
    int failed = pipe(signals->ends);
    require(failed == 0);
    for (size_t i = 0; i < 2; i++) {
        failed = fcntl(signals->ends[i], F_SETFD, FD_CLOEXEC);
        require(failed == 0);
        failed = fcntl(signals->ends[i], F_SETFL, O_NONBLOCK);
        require(failed == 0);
    }
    write_end = signals->ends[1];
    signals->watch = (struct loop_watch){
        .fd = signals->ends[0], .events = POLLIN, .ready = ready, .context = signals};
    loop_add_watch(loop, &signals->watch);
    struct sigaction action = {.sa_handler = handle};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        failed = sigaction(heard_signals[i], &action, NULL);
        require(failed == 0);
    }
}

void signals_forget(struct signals *signals)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        int failed = sigaction(heard_signals[i], &action, NULL);
        require(failed == 0);
    }
    loop_unwatch(signals->loop, &signals->watch);
    write_end = -1;
    (void)close(signals->ends[0]);
    (void)close(signals->ends[1]);
}
