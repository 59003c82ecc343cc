/* What the two files of the fake network share: network_wire.c moves things between ends, network.c
 * is the port and what breaks.
 *
 * Model. A connection is two ends. What an end sends travels towards the other one in a queue of
 * its own: an item arrives not before its delay has passed and not before the item in front of it,
 * so order holds whatever the delays. The last item that ever travels is the news that the
 * connection is broken. What has arrived waits in the receiving process' inbox, in arrival order
 * over all its connections; a paused process finds it there later.
 *
 * An end knows that it is broken only when that news has come (or by its own close); until then
 * what it sends is accepted and lost, as with a real socket. Ends live until the world does, so an
 * event may always look at one. */
#ifndef SIM_FAKES_NETWORK_INTERNAL_H
#define SIM_FAKES_NETWORK_INTERNAL_H

#include "sim/fakes/network.h"
#include "sim/kernel/costs.h"

struct item {
    struct item *next;
    enum network_event_kind kind;
    connection_id connection; /* of the receiver */
    size_t size;
    uint8_t data[];
};

struct queue {
    struct item *first;
    struct item *last;
};

struct station; /* what a process has of the network */

struct end {
    struct end *next; /* of the network's */
    struct end *peer;
    struct station *station;
    connection_id id;
    bool closed;          /* by its own process, or that one is gone */
    bool broken;          /* its process was told */
    bool cut;             /* nothing it sends arrives any more */
    bool nobody_there;    /* the peer's machine crashed and is up again: the next send learns it */
    struct queue sending; /* towards the peer */
    int64_t last_us;      /* when the last item of `sending` arrives */
    uint64_t news_serial; /* which of the scheduled long silences still counts */
};

struct station {
    struct station *next;
    struct fake_network *network;
    struct sim_process *process;
    char *address; /* where it listens, or NULL */
    struct queue inbox;
    struct item *lent; /* whose bytes the last network_next handed out */
    struct fiber *reader;
    bool arrived; /* something came since the reader looked */
    connection_id last_id;
};

struct fake_network {
    struct kernel *kernel;
    struct station *stations;
    struct end *ends; /* newest first */
};

/* Free everything that still travels or waits in `queue`. */
void queue_free(struct queue *queue);
struct item *queue_take(struct queue *queue);

struct item *item_new(enum network_event_kind kind, connection_id connection, struct bytes message);

struct end *end_find(const struct station *station, connection_id id);
struct end *end_new(struct station *station);

/* Put it into the station's inbox and wake its reader. */
void inbox_add(struct station *station, struct item *item);

/* Send `item` from `end` to its peer. */
void end_travel(struct end *end, struct item *item, int64_t delay_us);

/* The last thing that an end says: the peer reads what was sent before (with noise maybe without
 * the last of it), then this. */
void end_farewell(struct end *end, enum cost_kind delay);

/* Nobody tells this end: it gives up after `delay`, unless something tells it sooner. */
void end_break_after(struct end *end, enum cost_kind delay);

#endif
