/* What things take, in virtual microseconds: one table, a base per call and a price per unit
 * (logical byte or row). Without noise exactly the table's value; with noise each latency gets a
 * keyed factor of its own: mostly 1/2 to 3/2, once in 128 a spike of 8 to 23. */
#ifndef SIM_KERNEL_COSTS_H
#define SIM_KERNEL_COSTS_H

#include <stdint.h>

#include "sim/kernel/kernel.h"

/* A new kind goes to the end: noise is keyed by its number. */
/*    enum                    name              base us   ns a unit   unit */
#define COST_TABLE(X)                                                                              \
    X(COST_DISK_OPEN, "disk-open", 20, 0)              /* open, close, size, lock */               \
    X(COST_DISK_READ, "disk-read", 30, 2)              /* byte */                                  \
    X(COST_DISK_WRITE, "disk-write", 20, 1)            /* byte */                                  \
    X(COST_DISK_FSYNC, "disk-fsync", 3000, 4)          /* unsynced byte */                         \
    X(COST_DISK_NAME, "disk-name", 40, 0)              /* rename, link, unlink, mkdir, rmdir */    \
    X(COST_DISK_FSYNC_DIR, "disk-fsync-dir", 2000, 0)  /* */                                       \
    X(COST_DISK_LIST, "disk-list", 50, 500)            /* entry */                                 \
    X(COST_OBJECT_GET, "object-get", 15000, 10)        /* byte */                                  \
    X(COST_OBJECT_PUT, "object-put", 30000, 10)        /* byte */                                  \
    X(COST_OBJECT_LIST, "object-list", 25000, 20000)   /* entry */                                 \
    X(COST_OBJECT_REMOVE, "object-remove", 15000, 0)   /* */                                       \
    X(COST_NETWORK_CONNECT, "network-connect", 300, 0) /* one way */                               \
    X(COST_NETWORK_MESSAGE, "network-message", 200, 1) /* byte */                                  \
    X(COST_NETWORK_BREAK, "network-break", 1000, 0)    /* until a peer knows of a death */         \
    X(COST_NETWORK_SILENCE, "network-silence", 30000000, 0) /* ... when nobody tells it */         \
    X(COST_BROKER_REQUEST, "broker-request", 800, 0)        /* metadata, list offsets */           \
    X(COST_BROKER_FETCH, "broker-fetch", 1000, 5)           /* byte */                             \
    X(COST_BROKER_PRODUCE, "broker-produce", 1500, 5)       /* byte */                             \
    X(COST_SPEND_ROWS, "spend-rows", 0, 500)                /* row */                              \
    X(COST_SPEND_BYTES, "spend-bytes", 0, 2)                /* logical byte */                     \
    X(COST_DISK_READ_CACHED, "disk-read-cached", 3, 0)      /* of /local: this machine wrote it */

enum cost_kind {
#define X(id, name, base_us, unit_ns) id,
    COST_TABLE(X)
#undef X
        COST_COUNT
};

const char *cost_name(enum cost_kind kind);

/* The table's value for `units`, at least 0; no noise. */
int64_t cost_base_us(enum cost_kind kind, int64_t units);

/* What this call costs now. With noise, the factor is keyed by `process` (NULL: the world), its
 * incarnation, the kind, and how many costs of that kind it has had before. */
int64_t kernel_cost_us(struct kernel *kernel,
                       struct sim_process *process,
                       enum cost_kind kind,
                       int64_t units);

#endif
