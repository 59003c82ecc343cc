/* The poll loop beneath the fibers of a real process: a ready list, timers, and one poll(2). Ports
 * over the real world park fibers here and watch descriptors; nobody else does. One thread, one
 * loop an operating-system process. It never decides anything: who runs next is first come, first
 * served. */
#ifndef ENGINE_REAL_LOOP_H
#define ENGINE_REAL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/fiber.h"

struct loop;

/* Memory of the current process. */
struct loop *loop_new(void);
/* Drops fibers that still wait; none of their code runs again. */
void loop_free(struct loop *loop);

/* A fiber that first runs after the caller suspends, or when loop_run begins. */
struct fiber *loop_spawn(struct loop *loop, fiber_entry entry, void *argument);

/* Suspend the calling fiber until somebody wakes it (true) or the wall clock says `deadline_us`
 * (false). The wait is measured on the monotonic clock: a jump of the wall clock neither shortens
 * nor lengthens it. INT64_MAX waits for ever. A wake that came while it ran is not lost. */
bool loop_park(struct loop *loop, int64_t deadline_us);

/* Suspend the calling fiber until `*over` is true (which whoever sets it announces by a wake) or
 * the wall clock says `deadline_us`; returns `*over`. Wakes that came for something else end
 * nothing and are kept for the fiber's next park. */
bool loop_wait(struct loop *loop, const bool *over, int64_t deadline_us);

/* Make a fiber runnable. From anywhere in this thread, also from a watch's callback. */
void loop_wake(struct loop *loop, struct fiber *fiber);

/* One look at the descriptors without waiting, then every fiber that is ready, then the caller
 * again. What `spend` does for real. */
void loop_turn(struct loop *loop);

/* A descriptor that is looked at in every turn. The struct is the caller's and stays where it is
 * until loop_unwatch. `events` may be changed at any time: 0 looks for hang-ups only. */
struct loop_watch {
    int fd;
    short events;                                 /* POLLIN, POLLOUT */
    void (*ready)(void *context, short happened); /* on the loop's own stack; never suspends */
    void *context;
    struct loop_watch *next; /* the loop's */
};
void loop_add_watch(struct loop *loop, struct loop_watch *watch);
void loop_unwatch(struct loop *loop, struct loop_watch *watch);

/* Run fibers until `main` has ended. Called on the thread's own stack. */
void loop_run(struct loop *loop, const struct fiber *main);

/* CLOCK_REALTIME and CLOCK_MONOTONIC, microseconds. */
int64_t real_wall_us(void);
int64_t real_monotonic_us(void);

#endif
