/* The port of a process, and what deaths, machines' ends and partitions do to connections. The
 * model stands in network_internal.h. */
#include "sim/fakes/network.h"

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "sim/fakes/network_internal.h"

enum { MESSAGE_SIZE_MAX = 16 << 20 };

/* ---- the port */

static bool reachable(const struct station *a, const struct station *b)
{
    bool same_machine = a->process->machine == b->process->machine;
    return same_machine || (!a->process->partitioned && !b->process->partitioned);
}

static struct station *find_listener(const struct fake_network *network, const char *address)
{
    struct station *station = network->stations;
    while (station != NULL &&
           (station->address == NULL || strcmp(station->address, address) != 0)) {
        station = station->next;
    }
    return station;
}

static enum status port_listen(void *self, const char *address)
{
    struct station *station = self;
    struct fake_network *network = station->network;
    if (find_listener(network, address) != NULL) {
        return ERR_EXISTS;
    }
    require(station->address == NULL);
    struct process *previous = kernel_enter(network->kernel);
    size_t size = strlen(address) + 1;
    station->address = heap_alloc(size);
    memcpy(station->address, address, size);
    kernel_leave(network->kernel, previous);
    return OK;
}

static int64_t handshake_us(struct station *station)
{
    return kernel_cost_us(station->network->kernel, station->process, COST_NETWORK_CONNECT, 0);
}

/* Wait one way of the handshake; false when the deadline comes first. */
static bool one_way(struct station *station, int64_t cost_us, int64_t deadline_us)
{
    struct kernel *kernel = station->network->kernel;
    int64_t left_us = deadline_us - kernel_now_us(kernel);
    if (deadline_us != INT64_MAX && left_us < cost_us) {
        kernel_wait(kernel, left_us);
        return false;
    }
    kernel_wait(kernel, cost_us);
    return true;
}

static struct end *join(struct station *station, struct station *listener, int64_t back_us)
{
    struct kernel *kernel = station->network->kernel;
    struct process *previous = kernel_enter(kernel);
    struct end *ours = end_new(station);
    struct end *theirs = end_new(listener);
    ours->peer = theirs;
    theirs->peer = ours;
    /* What the listener sends at once comes after the caller knows its connection. */
    theirs->last_us = kernel_now_us(kernel) + back_us + 1;
    inbox_add(listener, item_new(NETWORK_ACCEPTED, theirs->id, (struct bytes){0}));
    kernel_leave(kernel, previous);
    return ours;
}

static enum status
port_connect(void *self, const char *address, int64_t deadline_us, connection_id *id)
{
    struct station *station = self;
    struct fake_network *network = station->network;
    int64_t until_us = kernel_time_of(station->process, deadline_us);
    if (!one_way(station, handshake_us(station), until_us)) {
        return ERR_TIMEOUT;
    }
    struct station *listener = find_listener(network, address);
    int64_t back_us = handshake_us(station);
    if (listener == NULL || !reachable(station, listener)) {
        return one_way(station, back_us, until_us) ? ERR_BROKEN : ERR_TIMEOUT;
    }
    struct end *ours = join(station, listener, back_us);
    bool in_time = one_way(station, back_us, until_us);
    if (in_time && !ours->broken) {
        *id = ours->id;
        return OK;
    }
    /* Nobody here will ever hear of this connection. */
    struct process *previous = kernel_enter(network->kernel);
    end_farewell(ours, COST_NETWORK_BREAK);
    ours->closed = true;
    kernel_leave(network->kernel, previous);
    return in_time ? ERR_BROKEN : ERR_TIMEOUT;
}

static enum status port_send(void *self, connection_id id, struct bytes message)
{
    struct station *station = self;
    struct kernel *kernel = station->network->kernel;
    require(message.size <= MESSAGE_SIZE_MAX);
    kernel_port_call(kernel);
    struct end *end = end_find(station, id);
    if (end == NULL || end->closed || end->broken) {
        return ERR_BROKEN;
    }
    int64_t delay_us =
        kernel_cost_us(kernel, station->process, COST_NETWORK_MESSAGE, (int64_t)message.size);
    struct process *previous = kernel_enter(kernel);
    if (!end->cut) {
        end_travel(end, item_new(NETWORK_MESSAGE, end->peer->id, message), delay_us);
    } else if (end->nobody_there) {
        end->nobody_there = false;
        end_break_after(end, COST_NETWORK_BREAK);
    }
    kernel_leave(kernel, previous);
    return OK;
}

/* The next thing in the inbox, without what belongs to connections closed meanwhile. */
static struct item *inbox_take(struct station *station)
{
    struct item *item = queue_take(&station->inbox);
    while (item != NULL) {
        const struct end *end = end_find(station, item->connection);
        require(end != NULL);
        if (!end->closed) {
            return item;
        }
        heap_free(item);
        item = queue_take(&station->inbox);
    }
    return NULL;
}

static struct item *look(struct station *station)
{
    struct kernel *kernel = station->network->kernel;
    struct process *previous = kernel_enter(kernel);
    heap_free(station->lent);
    station->arrived = false;
    station->lent = inbox_take(station);
    kernel_leave(kernel, previous);
    return station->lent;
}

/* Park until something arrives. A wake by somebody else (fibers_wake) is not ours to swallow:
 * `owed` remembers it. */
static bool wait_for_arrival(struct station *station, int64_t until_us, bool *owed)
{
    struct kernel *kernel = station->network->kernel;
    require(station->reader == NULL);
    station->reader = fiber_current();
    bool woken = true;
    while (!station->arrived && woken) {
        woken = kernel_park(kernel, until_us);
        *owed = *owed || (woken && !station->arrived);
    }
    station->reader = NULL;
    return station->arrived;
}

static enum status port_next(void *self, int64_t deadline_us, struct network_event *event)
{
    struct station *station = self;
    struct kernel *kernel = station->network->kernel;
    int64_t until_us = kernel_time_of(station->process, deadline_us);
    bool owed = false;
    kernel_port_call(kernel);
    struct item *item = look(station);
    while (item == NULL && until_us > kernel_now_us(kernel) &&
           wait_for_arrival(station, until_us, &owed)) {
        item = look(station);
    }
    if (owed) {
        kernel_wake(kernel, fiber_current(), station->process);
    }
    if (item == NULL) {
        return ERR_TIMEOUT;
    }
    *event = (struct network_event){
        .kind = item->kind,
        .connection = item->connection,
        .message = bytes_of(item->data, item->size),
    };
    return OK;
}

static void port_close(void *self, connection_id id)
{
    struct station *station = self;
    struct kernel *kernel = station->network->kernel;
    struct end *end = end_find(station, id);
    if (end == NULL || end->closed) {
        return;
    }
    struct process *previous = kernel_enter(kernel);
    end_farewell(end, COST_NETWORK_MESSAGE);
    end->closed = true;
    kernel_leave(kernel, previous);
}

/* ---- what the kernel tells */

static void process_gone(void *self, struct sim_process *process)
{
    struct fake_network *network = self;
    struct station **link = &network->stations;
    while (*link != NULL && (*link)->process != process) {
        link = &(*link)->next;
    }
    struct station *station = *link;
    if (station == NULL) {
        return;
    }
    *link = station->next;
    for (struct end *end = network->ends; end != NULL; end = end->next) {
        if (end->station == station && !end->closed) {
            end_farewell(end, COST_NETWORK_BREAK);
            end->closed = true;
        }
    }
    heap_free(station->address);
    station->address = NULL;
    station->reader = NULL;
    queue_free(&station->inbox);
    heap_free(station->lent);
    station->lent = NULL;
}

/* The machine went with its processes (which the kernel has killed just now): their farewells were
 * never sent. */
static void
machine_gone(void *self, uint32_t machine, enum machine_fate fate, enum unsynced unsynced)
{
    (void)unsynced;
    struct fake_network *network = self;
    for (struct end *end = network->ends; end != NULL; end = end->next) {
        struct end *peer = end->peer;
        bool silent = end->station->process->machine == machine && end->closed &&
                      end->sending.last != NULL && !peer->closed && !peer->broken &&
                      end->sending.last->kind == NETWORK_BROKEN;
        if (!silent) {
            continue;
        }
        queue_free(&end->sending);
        queue_free(&peer->sending);
        peer->cut = true;
        peer->nobody_there = fate == MACHINE_CRASHED;
        end_break_after(peer, COST_NETWORK_SILENCE);
    }
}

/* ---- the world's */

struct fake_network *fake_network_new(struct kernel *kernel)
{
    struct process *previous = kernel_enter(kernel);
    struct fake_network *network = heap_alloc(sizeof *network);
    network->kernel = kernel;
    kernel_leave(kernel, previous);
    kernel_add_fake(kernel,
                    &(struct kernel_fake){.self = network,
                                          .process_gone = process_gone,
                                          .machine_gone = machine_gone});
    return network;
}

void fake_network_connect(struct fake_network *network, struct sim_process *process)
{
    static const struct network_ops ops = {.listen = port_listen,
                                           .connect = port_connect,
                                           .send = port_send,
                                           .next = port_next,
                                           .close = port_close};
    struct process *previous = kernel_enter(network->kernel);
    struct station *station = heap_alloc(sizeof *station);
    station->network = network;
    station->process = process;
    station->next = network->stations;
    network->stations = station;
    kernel_leave(network->kernel, previous);
    process->ports.network = (struct network_port){.ops = &ops, .self = station};
}

void fake_network_partition(struct fake_network *network, struct sim_process *process, bool cut)
{
    process->partitioned = cut;
    if (!cut) {
        return;
    }
    struct process *previous = kernel_enter(network->kernel);
    for (struct end *end = network->ends; end != NULL; end = end->next) {
        bool ours = end->station->process == process || end->peer->station->process == process;
        if (ours && !end->closed && !end->broken && !reachable(end->station, end->peer->station)) {
            queue_free(&end->peer->sending); /* a farewell that is under way is lost too */
            end->peer->cut = true;
            end->cut = true;
            end->nobody_there = false;
            end_break_after(end, COST_NETWORK_BREAK);
        }
    }
    kernel_leave(network->kernel, previous);
}

size_t fake_network_handles(const struct fake_network *network, const struct sim_process *process)
{
    size_t count = 0;
    for (const struct end *end = network->ends; end != NULL; end = end->next) {
        count += end->station->process == process && !end->closed;
    }
    return count;
}
