/* An executor process: registers with its driver, runs task attempts in slots, sends heartbeats,
 * exits when the driver's session ends. Entry point for both worlds. */
#ifndef ENGINE_EXECUTOR_EXECUTOR_H
#define ENGINE_EXECUTOR_EXECUTOR_H

#include "engine/checkpoint/store.h"
#include "engine/ports/ports.h"

struct executor_config {
    const struct ports *ports;
    const char *name;           /* "executor 1" */
    const char *address;        /* where other executors fetch shuffle blocks from this one */
    const char *local;          /* its folder on the machine's own disk: "/local/executor 1" */
    const char *driver_address; /* reconnects with backoff until the supervisor stops it */
    enum store_kind storage;
};

/* Run until the driver says goodbye (returns) or for ever. Registers anew when the connection
 * breaks: a new driver is a new session, and attempts of an old session are abandoned. May suspend.
 */
void executor_run(const struct executor_config *config);

#endif
