#include "sim/kernel/event_heap.h"

#include <stdbool.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"

enum { CAPACITY_FIRST = 256 };

static bool before(const struct event *a, const struct event *b)
{
    if (a->time_us != b->time_us) {
        return a->time_us < b->time_us;
    }
    if (a->tie != b->tie) {
        return a->tie < b->tie;
    }
    return a->sequence < b->sequence;
}

void event_heap_push(struct event_heap *heap, const struct event *event)
{
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity == 0 ? CAPACITY_FIRST : heap->capacity * 2;
        heap->events = heap_realloc(heap->events, heap->capacity * sizeof *heap->events);
    }
    size_t at = heap->count++;
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (!before(event, &heap->events[parent])) {
            break;
        }
        heap->events[at] = heap->events[parent];
        at = parent;
    }
    heap->events[at] = *event;
}

const struct event *event_heap_top(const struct event_heap *heap)
{
    return heap->count == 0 ? NULL : &heap->events[0];
}

struct event event_heap_pop(struct event_heap *heap)
{
    require(heap->count > 0);
    struct event first = heap->events[0];
    struct event last = heap->events[--heap->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count && before(&heap->events[child + 1], &heap->events[child])) {
            child++;
        }
        if (!before(&heap->events[child], &last)) {
            break;
        }
        heap->events[at] = heap->events[child];
        at = child;
    }
    if (heap->count > 0) {
        heap->events[at] = last;
    }
    return first;
}

void event_heap_free(struct event_heap *heap)
{
    heap_free(heap->events);
    *heap = (struct event_heap){0};
}
