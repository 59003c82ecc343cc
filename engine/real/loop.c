/* One round of the loop: look at the descriptors (without waiting when a fiber is ready), let their
 * callbacks wake fibers, expire timers, then run each fiber that was ready when the round began,
 * once. So a fiber that is always ready starves neither the others nor the descriptors. */
#include "engine/real/loop.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <time.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"

/* A timer is looked at again after so long at the latest: keeps milliseconds within an int. */
#define POLL_MAX_US (60 * US_PER_SECOND)

enum { POLL_FIRST = 16 };

struct loop_fiber {
    struct fiber *fiber;
    struct loop_fiber *next;        /* of all */
    struct loop_fiber *next_queued; /* of the queue it stands in */
    int64_t until_us;               /* monotonic; INT64_MAX: no timer */
    bool parked;
    bool queued;
    bool woken;
};

struct fiber_queue {
    struct loop_fiber *first;
    struct loop_fiber *last;
    size_t count;
};

struct loop {
    struct loop_fiber *fibers;
    struct fiber_queue ready;
    struct fiber_queue turning; /* ready behind those whom the next look makes ready */
    struct loop_watch *watches;
    size_t watch_count;
    struct pollfd *polls;
    struct loop_watch **polled; /* whose each entry of `polls` is */
    size_t poll_capacity;
};

/* ---- clocks */

static int64_t clock_us(clockid_t id)
{
    struct timespec now;
    int failed = clock_gettime(id, &now);
    require(failed == 0);
    return (int64_t)now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

int64_t real_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t real_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

/* ---- fibers */

struct loop *loop_new(void)
{
    return heap_alloc(sizeof(struct loop));
}

static void append(struct fiber_queue *queue, struct loop_fiber *entry)
{
    require(!entry->queued);
    entry->queued = true;
    entry->next_queued = NULL;
    if (queue->last == NULL) {
        queue->first = entry;
    } else {
        queue->last->next_queued = entry;
    }
    queue->last = entry;
    queue->count++;
}

static struct loop_fiber *take(struct fiber_queue *queue)
{
    struct loop_fiber *entry = queue->first;
    queue->first = entry->next_queued;
    if (queue->first == NULL) {
        queue->last = NULL;
    }
    queue->count--;
    entry->queued = false;
    return entry;
}

static struct loop_fiber *find(const struct loop *loop, const struct fiber *fiber)
{
    struct loop_fiber *entry = loop->fibers;
    while (entry != NULL && entry->fiber != fiber) {
        entry = entry->next;
    }
    require(entry != NULL);
    return entry;
}

struct fiber *loop_spawn(struct loop *loop, fiber_entry entry, void *argument)
{
    struct loop_fiber *added = heap_alloc(sizeof *added);
    added->fiber = fiber_new(entry, argument);
    added->until_us = INT64_MAX;
    added->next = loop->fibers;
    loop->fibers = added;
    append(&loop->ready, added);
    return added->fiber;
}

static void drop(struct loop *loop, struct loop_fiber *entry)
{
    struct loop_fiber **link = &loop->fibers;
    while (*link != entry) {
        require(*link != NULL);
        link = &(*link)->next;
    }
    *link = entry->next;
    fiber_drop(entry->fiber);
    heap_free(entry);
}

void loop_free(struct loop *loop)
{
    while (loop->fibers != NULL) {
        drop(loop, loop->fibers);
    }
    require(loop->watches == NULL);
    heap_free(loop->polls);
    heap_free(loop->polled);
    heap_free(loop);
}

bool loop_park(struct loop *loop, int64_t deadline_us)
{
    struct loop_fiber *self = find(loop, fiber_current());
    if (!self->woken) {
        self->until_us = INT64_MAX;
        if (deadline_us != INT64_MAX) {
            int64_t wall_us = real_wall_us(); /* positive; the deadline may be anything */
            int64_t left_us = deadline_us > wall_us ? deadline_us - wall_us : 0;
            /* Both clocks are cut to microseconds, each at a moment of its own: one more. */
            self->until_us = real_monotonic_us() + left_us + (left_us > 0);
        }
        self->parked = true;
        fiber_yield();
        require(!self->parked);
    }
    bool woken = self->woken;
    self->woken = false;
    return woken;
}

bool loop_wait(struct loop *loop, const bool *over, int64_t deadline_us)
{
    bool woken = true;
    bool owed = false;
    while (!*over && woken) {
        woken = loop_park(loop, deadline_us);
        owed = owed || (woken && !*over);
    }
    if (owed) {
        loop_wake(loop, fiber_current());
    }
    return *over;
}

void loop_wake(struct loop *loop, struct fiber *fiber)
{
    struct loop_fiber *entry = find(loop, fiber);
    entry->woken = true;
    if (entry->parked && !entry->queued) {
        append(&loop->ready, entry);
    }
}

void loop_turn(struct loop *loop)
{
    append(&loop->turning, find(loop, fiber_current()));
    fiber_yield();
}

/* ---- descriptors */

void loop_add_watch(struct loop *loop, struct loop_watch *watch)
{
    require(watch->fd >= 0);
    watch->next = loop->watches;
    loop->watches = watch;
    loop->watch_count++;
}

void loop_unwatch(struct loop *loop, struct loop_watch *watch)
{
    struct loop_watch **link = &loop->watches;
    while (*link != NULL && *link != watch) {
        link = &(*link)->next;
    }
    require(*link == watch);
    *link = watch->next;
    watch->next = NULL;
    loop->watch_count--;
}

static bool still_watched(const struct loop *loop, const struct loop_watch *watch)
{
    const struct loop_watch *found = loop->watches;
    while (found != NULL && found != watch) {
        found = found->next;
    }
    return found != NULL;
}

static void fill_polls(struct loop *loop)
{
    if (loop->watch_count > loop->poll_capacity) {
        loop->poll_capacity = loop->watch_count + POLL_FIRST;
        loop->polls = heap_realloc(loop->polls, loop->poll_capacity * sizeof *loop->polls);
        loop->polled =
            heap_realloc(loop->polled, loop->poll_capacity * sizeof(struct loop_watch *));
    }
    size_t at = 0;
    for (struct loop_watch *watch = loop->watches; watch != NULL; watch = watch->next) {
        loop->polls[at] = (struct pollfd){.fd = watch->fd, .events = watch->events};
        loop->polled[at] = watch;
        at++;
    }
}

/* Milliseconds until the first timer, rounded up, so that no sleep ends early. */
static int wait_ms(const struct loop *loop)
{
    if (loop->ready.count + loop->turning.count > 0) {
        return 0;
    }
    int64_t until_us = INT64_MAX;
    for (const struct loop_fiber *entry = loop->fibers; entry != NULL; entry = entry->next) {
        until_us = entry->parked && entry->until_us < until_us ? entry->until_us : until_us;
    }
    if (until_us == INT64_MAX) {
        return (int)(POLL_MAX_US / US_PER_MS);
    }
    int64_t left_us = until_us - real_monotonic_us();
    left_us = left_us < 0 ? 0 : left_us > POLL_MAX_US ? POLL_MAX_US : left_us;
    return (int)((left_us + US_PER_MS - 1) / US_PER_MS);
}

static void look(struct loop *loop)
{
    fill_polls(loop);
    size_t count = loop->watch_count;
    int happened = poll(loop->polls, (nfds_t)count, wait_ms(loop));
    if (happened < 0) {
        require(errno == EINTR || errno == EAGAIN);
        return;
    }
    for (size_t i = 0; i < count && happened > 0; i++) {
        if (loop->polls[i].revents == 0) {
            continue;
        }
        happened--;
        struct loop_watch *watch = loop->polled[i];
        if (still_watched(loop, watch)) { /* a callback before this one may have closed it */
            watch->ready(watch->context, loop->polls[i].revents);
        }
    }
}

/* Of those who were due by `now_us` the first; of several the oldest. */
static struct loop_fiber *first_due(const struct loop *loop, int64_t now_us)
{
    struct loop_fiber *first = NULL;
    for (struct loop_fiber *entry = loop->fibers; entry != NULL; entry = entry->next) {
        bool due = entry->parked && !entry->queued && entry->until_us <= now_us;
        if (due && (first == NULL || entry->until_us <= first->until_us)) {
            first = entry;
        }
    }
    return first;
}

static void expire(struct loop *loop)
{
    int64_t now_us = real_monotonic_us();
    struct loop_fiber *due = NULL;
    while ((due = first_due(loop, now_us)) != NULL) {
        append(&loop->ready, due);
    }
}

/* ---- rounds */

void loop_run(struct loop *loop, const struct fiber *main)
{
    for (;;) {
        look(loop);
        expire(loop);
        while (loop->turning.count > 0) {
            append(&loop->ready, take(&loop->turning));
        }
        for (size_t left = loop->ready.count; left > 0; left--) {
            struct loop_fiber *entry = take(&loop->ready);
            entry->parked = false;
            fiber_resume(entry->fiber);
            bool ended = fiber_ended(entry->fiber);
            bool over = ended && entry->fiber == main;
            if (ended) {
                drop(loop, entry);
            }
            if (over) {
                return;
            }
        }
    }
}
