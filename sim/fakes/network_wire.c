/* Things on their way: queues, ends, arrivals, and how an end learns that it is broken. The model
 * stands in network_internal.h. */
#include "engine/base/heap.h"
#include "sim/fakes/network_internal.h"

enum { TAIL_LOST_ONE_IN = 4 };

/* ---- queues */

static void queue_push(struct queue *queue, struct item *item)
{
    item->next = NULL;
    if (queue->last == NULL) {
        queue->first = item;
    } else {
        queue->last->next = item;
    }
    queue->last = item;
}

struct item *queue_take(struct queue *queue)
{
    struct item *item = queue->first;
    if (item != NULL) {
        queue->first = item->next;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
    }
    return item;
}

void queue_free(struct queue *queue)
{
    for (struct item *item = queue_take(queue); item != NULL; item = queue_take(queue)) {
        heap_free(item);
    }
}

struct item *item_new(enum network_event_kind kind, connection_id connection, struct bytes message)
{
    struct item *item = heap_alloc(sizeof *item + message.size);
    item->kind = kind;
    item->connection = connection;
    item->size = message.size;
    if (message.size > 0) {
        memcpy(item->data, message.data, message.size);
    }
    return item;
}

/* ---- ends */

struct end *end_find(const struct station *station, connection_id id)
{
    struct end *end = station->network->ends;
    while (end != NULL && (end->station != station || end->id != id)) {
        end = end->next;
    }
    return end;
}

struct end *end_new(struct station *station)
{
    struct fake_network *network = station->network;
    struct end *end = heap_alloc(sizeof *end);
    end->station = station;
    end->id = ++station->last_id;
    end->next = network->ends;
    network->ends = end;
    return end;
}

void inbox_add(struct station *station, struct item *item)
{
    queue_push(&station->inbox, item);
    station->arrived = true;
    if (station->reader != NULL) {
        kernel_wake(station->network->kernel, station->reader, station->process);
    }
}

/* The end's process learns now that the connection is broken. */
static void break_now(struct end *end)
{
    if (end->closed || end->broken) {
        return;
    }
    end->broken = true;
    end->cut = true;
    queue_free(&end->sending);
    inbox_add(end->station, item_new(NETWORK_BROKEN, end->id, (struct bytes){0}));
}

static void arrive(void *context, uint64_t argument)
{
    (void)argument;
    struct end *end = context;
    if (end->sending.first == NULL) {
        return; /* lost meanwhile */
    }
    struct item *item = queue_take(&end->sending);
    struct end *peer = end->peer;
    if (peer->closed || peer->broken) {
        heap_free(item);
    } else if (item->kind == NETWORK_BROKEN) {
        heap_free(item);
        break_now(peer);
    } else {
        inbox_add(peer->station, item);
    }
}

void end_travel(struct end *end, struct item *item, int64_t delay_us)
{
    struct kernel *kernel = end->station->network->kernel;
    int64_t arrives_us = kernel_now_us(kernel) + delay_us;
    end->last_us = arrives_us > end->last_us ? arrives_us : end->last_us;
    queue_push(&end->sending, item);
    kernel_at(kernel, end->last_us, arrive, end, 0);
}

static size_t queue_length(const struct queue *queue)
{
    size_t length = 0;
    for (const struct item *item = queue->first; item != NULL; item = item->next) {
        length++;
    }
    return length;
}

/* Forget all but the first `keep` items. Their events find the queue shorter, or empty. */
static void queue_cut(struct queue *queue, size_t keep)
{
    struct queue kept = {0};
    for (size_t i = 0; i < keep; i++) {
        queue_push(&kept, queue_take(queue));
    }
    queue_free(queue);
    *queue = kept;
}

/* What a process had not handed to its operating system yet goes with it, and what the other side
 * had not read of a connection that was reset. Only with noise. */
static void lose_tail(struct end *end)
{
    const struct kernel *kernel = end->station->network->kernel;
    uint64_t actor = kernel_actor(end->station->process);
    if (!kernel_noise(kernel) ||
        !kernel_chance(kernel, "network-tail", actor, end->id, 0, 1, TAIL_LOST_ONE_IN)) {
        return;
    }
    size_t length = queue_length(&end->sending);
    uint64_t drawn = kernel_draw(kernel, "network-tail-kept", actor, end->id, 0);
    queue_cut(&end->sending, (size_t)(drawn % (length + 1)));
}

void end_farewell(struct end *end, enum cost_kind delay)
{
    struct kernel *kernel = end->station->network->kernel;
    if (!end->cut) {
        lose_tail(end);
        struct item *news = item_new(NETWORK_BROKEN, end->peer->id, (struct bytes){0});
        end_travel(end, news, kernel_cost_us(kernel, end->station->process, delay, 0));
        end->cut = true;
    }
}

static void silence_over(void *context, uint64_t serial)
{
    struct end *end = context;
    if (end->news_serial == serial) {
        break_now(end);
    }
}

void end_break_after(struct end *end, enum cost_kind delay)
{
    struct kernel *kernel = end->station->network->kernel;
    int64_t cost_us = kernel_cost_us(kernel, end->station->process, delay, 0);
    end->news_serial++;
    kernel_at(kernel, kernel_now_us(kernel) + cost_us, silence_over, end, end->news_serial);
}
