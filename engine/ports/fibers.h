/* Port: the fibers of one process. Real: the poll loop's ready list. Simulated: the world's event
 * heap. engine/ports/fibers_contract.c runs what is said here against both. */
#ifndef ENGINE_PORTS_FIBERS_H
#define ENGINE_PORTS_FIBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/fiber.h"

struct fibers_ops {
    struct fiber *(*spawn)(void *self, fiber_entry entry, void *argument);
    bool (*park)(void *self, int64_t deadline_us);
    void (*wake)(void *self, struct fiber *fiber);
};

struct fibers_port {
    const struct fibers_ops *ops;
    void *self;
};

/* A new fiber of this process; it first runs after the caller suspends, behind those that are
 * ready. Its handle is valid until its entry returns. When the process' first fiber returns, the
 * others end where they are. Never suspends. */
static inline struct fiber *
fibers_spawn(const struct fibers_port *port, fiber_entry entry, void *argument)
{
    return port->ops->spawn(port->self, entry, argument);
}

/* Suspend the calling fiber until somebody wakes it (true) or `deadline_us` passes (false).
 * never before it; INT64_MAX waits for ever. A wake that came while it ran, slept or had not begun
 * is not lost: park then returns true at once, whatever the deadline; several such wakes are one. A
 * park may also end for a wake that was meant for an earlier one: look again at what you wait for.
 */
static inline bool fibers_park(const struct fibers_port *port, int64_t deadline_us)
{
    return port->ops->park(port->self, deadline_us);
}

/* Make a fiber of this process runnable, behind those that are. Never suspends. */
static inline void fibers_wake(const struct fibers_port *port, struct fiber *fiber)
{
    port->ops->wake(port->self, fiber);
}

#endif
