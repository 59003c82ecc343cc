/* The executors that are registered with this driver: one entry a living connection. An executor
 * that registers again is a new one with a new id; what ran on its old connection is lost.
 *
 * Names are the supervisor's. Two living processes of one name are both kept: only a new process
 * displaces, or a zombie and its replacement would displace each other for ever.
 *
 * An executor is lost when its connection breaks, when a process that has just begun registers its
 * name (a machine that went down says nothing, but its executor comes back), or when it was silent
 * for spark.network.timeout, and silence may only be judged right after a look at the network that
 * found nothing unread: a driver that stood still itself (pause, a slow disk call) has unread
 * heartbeats waiting and must not declare anybody dead for its own absence. Pure: time comes in as
 * an argument. */
#ifndef ENGINE_DRIVER_EXECUTORS_H
#define ENGINE_DRIVER_EXECUTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/ports/network.h"

enum { EXECUTOR_NAME_SIZE = 64, EXECUTOR_ADDRESS_SIZE = 256, EXECUTORS_MAX = 1024 };

struct executor_entry {
    int64_t id; /* in this session, from 1 on, never used again */
    connection_id connection;
    int64_t slots;
    int64_t running; /* attempts given to it and not ended */
    int64_t heard_us;
    char name[EXECUTOR_NAME_SIZE];
    char address[EXECUTOR_ADDRESS_SIZE]; /* where it serves shuffle blocks */
};

/* Zeroed: nobody. Entries are in the order of registration, hence of ids. */
struct executors {
    struct executor_entry *entries; /* heap */
    size_t count;
    size_t capacity;
    int64_t last_id;
};

void executors_free(struct executors *executors);

/* What an executor says of itself. */
struct executor_identity {
    const char *name;
    const char *address;
};

/* Add the executor behind `connection`. `*known` is set when the connection is registered already:
 * then nothing changes. NULL: too many executors, or an address that is too long (cut short it
 * would be another's). A pointer to an entry is valid until the next registration or removal. */
struct executor_entry *executors_register(struct executors *executors,
                                          connection_id connection,
                                          const struct executor_identity *identity,
                                          int64_t slots,
                                          bool *known);

/* The executor behind a connection, or NULL. */
struct executor_entry *executors_find(struct executors *executors, connection_id connection);

/* The executor of this name, or NULL. */
struct executor_entry *executors_named(struct executors *executors, const char *name);

/* The executor of this id, or NULL: it is gone. */
struct executor_entry *executors_with_id(struct executors *executors, int64_t id);

void executors_remove(struct executors *executors, connection_id connection);

/* The executor with the most free slots, the eldest of equals; NULL: none is free. */
struct executor_entry *executors_free_slot(struct executors *executors);

/* Somebody not heard of since `timeout_us` before `now_us`, or NULL. Only after ERR_TIMEOUT of
 * network_next. */
struct executor_entry *
executors_silent(struct executors *executors, int64_t now_us, int64_t timeout_us);

/* When the first of them would be silent for too long; INT64_MAX without executors. */
int64_t executors_deadline(const struct executors *executors, int64_t timeout_us);

#endif
