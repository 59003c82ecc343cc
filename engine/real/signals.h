/* Signals as events of the poll loop: the handler writes the number into a pipe, the loop reads it.
 * One for the whole program. Used by commands that run for long. */
#ifndef ENGINE_REAL_SIGNALS_H
#define ENGINE_REAL_SIGNALS_H

#include "engine/real/loop.h"

/* On the loop's own stack; never suspends. */
typedef void (*signal_fn)(void *context, int number);

struct signals {
    struct loop *loop;
    struct loop_watch watch;
    int ends[2];
    signal_fn heard;
    void *context;
};

/* Hear SIGTERM, SIGINT and SIGCHLD from now on; the first two no longer end the program. Stops the
 * program when there is no descriptor left. */
void signals_hear(struct signals *signals, struct loop *loop, signal_fn heard, void *context);

/* They have their default effect again. */
void signals_forget(struct signals *signals);

#endif
