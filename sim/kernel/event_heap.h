/* The one heap of events, ordered by (time, tie, sequence): a total order, so that equal times
 * never depend on the heap's shape. An array of values; no allocation an event. */
#ifndef SIM_KERNEL_EVENT_HEAP_H
#define SIM_KERNEL_EVENT_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct event {
    int64_t time_us;
    uint64_t tie;
    uint64_t sequence; /* unique */
    void (*callback)(void *context, uint64_t argument);
    void *context;
    uint64_t argument;
};

struct event_heap {
    struct event *events; /* of the owner who pushes */
    size_t count;
    size_t capacity;
};

/* A zeroed struct event_heap is empty. */
void event_heap_push(struct event_heap *heap, const struct event *event);

/* The first event, or NULL; valid until the next push or pop. */
const struct event *event_heap_top(const struct event_heap *heap);

/* Take the first event; the heap must not be empty. */
struct event event_heap_pop(struct event_heap *heap);

void event_heap_free(struct event_heap *heap);

#endif
