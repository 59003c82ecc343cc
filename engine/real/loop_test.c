#include "engine/real/loop.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

static struct loop *loop;
static char told[64];
static size_t told_size;

static void tell(char what)
{
    told[told_size++] = what;
    told[told_size] = '\0';
}

static void run(fiber_entry entry)
{
    loop = loop_new();
    told_size = 0;
    loop_run(loop, loop_spawn(loop, entry, NULL));
    loop_free(loop);
    fiber_pool_free();
}

/* ---- turns */

static void b(void *argument)
{
    (void)argument;
    tell('b');
    loop_turn(loop);
    tell('B');
}

static void turns(void *argument)
{
    (void)argument;
    (void)loop_spawn(loop, b, NULL);
    tell('a');
    loop_turn(loop);
    tell('A');
    loop_turn(loop);
    tell('!');
}

Test(loop, a_turn_lets_every_ready_fiber_run_once)
{
    run(turns);
    cr_assert(eq(str, told, "abAB!"));
}

/* ---- timers and wakes */

static void timers(void *argument)
{
    (void)argument;
    int64_t before_us = real_monotonic_us();
    bool woken = loop_park(loop, real_wall_us() + 30 * US_PER_MS);
    cr_assert(not(woken));
    cr_assert(ge(i64, real_monotonic_us() - before_us, 29 * US_PER_MS));
    woken = loop_park(loop, 0); /* long ago */
    cr_assert(not(woken));
    for (int i = 0; i < 200; i++) { /* so short that not even the kernel's sleep rounds it up */
        int64_t deadline_us = real_wall_us() + 1 + i % 3;
        (void)loop_park(loop, deadline_us);
        cr_assert(ge(i64, real_wall_us(), deadline_us));
    }
}

Test(loop, a_timer_expires_and_never_early)
{
    run(timers);
}

static int64_t dues_us[2];

static void tells_when_due(void *argument)
{
    int which = *(int *)argument;
    bool woken = loop_park(loop, dues_us[which]);
    cr_assert(not(woken));
    tell((char)('0' + which));
}

static void is_late_for_all(void *argument)
{
    (void)argument;
    static int which[2] = {0, 1};
    for (int turn = 0; turn < 2; turn++) {
        int64_t now_us = real_wall_us();
        dues_us[0] = now_us + (turn == 0 ? 2000 : 4000);
        dues_us[1] = now_us + (turn == 0 ? 4000 : 2000);
        (void)loop_spawn(loop, tells_when_due, &which[0]);
        (void)loop_spawn(loop, tells_when_due, &which[1]);
        loop_turn(loop);
        while (real_wall_us() < now_us + 10000) { /* busy, without a turn */
        }
        loop_turn(loop);
    }
}

Test(loop, of_timers_that_are_late_the_first_due_runs_first)
{
    run(is_late_for_all);
    cr_assert(eq(str, told, "0110"));
}

static struct fiber *waiting;

static void wait_for_ever(void *argument)
{
    (void)argument;
    waiting = fiber_current();
    tell(loop_park(loop, INT64_MAX) ? 'w' : 't');
}

static void wakes(void *argument)
{
    (void)argument;
    struct fiber *self = fiber_current();
    (void)loop_spawn(loop, wait_for_ever, NULL);
    loop_turn(loop);
    loop_wake(loop, waiting);
    loop_wake(loop, waiting); /* twice is once */
    loop_wake(loop, self);    /* while it runs: not lost */
    cr_assert(loop_park(loop, INT64_MAX));
    loop_turn(loop);
    tell('.');
}

Test(loop, a_wake_is_not_lost)
{
    run(wakes);
    cr_assert(eq(str, told, "w."));
}

static void leaves_one_waiting(void *argument)
{
    (void)argument;
    (void)loop_spawn(loop, wait_for_ever, NULL);
    loop_turn(loop);
}

Test(loop, what_still_waits_at_the_end_never_runs_again)
{
    run(leaves_one_waiting);
    cr_assert(eq(str, told, ""));
    cr_assert(eq(sz, fiber_live_count(), 0));
}

/* ---- descriptors */

static int ends[2];
static struct loop_watch watches[2];

static void heard(void *context, short happened)
{
    char byte = ' ';
    cr_assert(ne(int, happened &POLLIN, 0));
    ssize_t got = read(ends[0], &byte, 1);
    cr_assert(eq(i64, got, 1));
    tell(byte);
    loop_wake(loop, context);
}

static void watches_a_pipe(void *argument)
{
    (void)argument;
    cr_assert(eq(int, pipe(ends), 0));
    watches[0] = (struct loop_watch){
        .fd = ends[0], .events = POLLIN, .ready = heard, .context = fiber_current()};
    loop_add_watch(loop, &watches[0]);
    cr_assert(eq(i64, write(ends[1], "xy", 2), 2));
    cr_assert(loop_park(loop, INT64_MAX));
    cr_assert(loop_park(loop, INT64_MAX)); /* level, not edge */
    loop_unwatch(loop, &watches[0]);
    cr_assert(eq(i64, write(ends[1], "z", 1), 1));
    cr_assert(not(loop_park(loop, real_wall_us() + 5 * US_PER_MS)));
}

Test(loop, a_descriptor_is_heard_until_it_is_unwatched)
{
    run(watches_a_pipe);
    cr_assert(eq(str, told, "xy"));
}

/* The callback of one takes the other away, in the same look. */
static void takes_the_other(void *context, short happened)
{
    (void)happened;
    struct loop_watch *other = context;
    tell('1');
    loop_unwatch(loop, other);
    loop_unwatch(loop, other == &watches[0] ? &watches[1] : &watches[0]);
}

static void two_at_once(void *argument)
{
    (void)argument;
    cr_assert(eq(int, pipe(ends), 0));
    cr_assert(eq(i64, write(ends[1], "x", 1), 1));
    for (size_t i = 0; i < 2; i++) {
        watches[i] = (struct loop_watch){
            .fd = ends[0], .events = POLLIN, .ready = takes_the_other, .context = &watches[1 - i]};
        loop_add_watch(loop, &watches[i]);
    }
    cr_assert(not(loop_park(loop, real_wall_us() + 5 * US_PER_MS)));
}

Test(loop, a_watch_that_goes_in_the_same_look_is_not_called)
{
    run(two_at_once);
    cr_assert(eq(str, told, "1"));
}

/* ---- signals */

static void ignore(int signal)
{
    (void)signal;
}

static void sleeps_through_a_signal(void *argument)
{
    (void)argument;
    struct sigaction action = {.sa_handler = ignore};
    cr_assert(eq(int, sigaction(SIGALRM, &action, NULL), 0));
    (void)alarm(1);
    int64_t before_us = real_monotonic_us();
    cr_assert(not(loop_park(loop, real_wall_us() + 1200 * US_PER_MS)));
    cr_assert(ge(i64, real_monotonic_us() - before_us, 1200 * US_PER_MS));
}

Test(loop, a_signal_ends_no_wait)
{
    run(sleeps_through_a_signal);
}
