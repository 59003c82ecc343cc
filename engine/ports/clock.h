/* Port: time. Real: monotonic and wall clock. Simulated: virtual time with the machine's skew.
 * engine/ports/clock_contract.c runs what is said here against both. */
#ifndef ENGINE_PORTS_CLOCK_H
#define ENGINE_PORTS_CLOCK_H

#include <stdint.h>

struct clock_ops {
    int64_t (*now_us)(void *self);
    void (*sleep_until)(void *self, int64_t time_us);
    void (*spend)(void *self, int64_t rows, int64_t bytes);
};

struct clock_port {
    const struct clock_ops *ops;
    void *self;
};

/* Wall-clock time of this machine, microseconds since 1970 UTC. Goes forward unless somebody sets
 * the clock: then it jumps. May differ from another machine's. Never suspends. */
static inline int64_t clock_now_us(const struct clock_port *port)
{
    return port->ops->now_us(port->self);
}

/* Suspend this fiber until `time_us`, never less (returns at once when it has passed); other fibers
 * run, who is due first first. A wake neither ends a sleep nor is lost: the next park has it. */
static inline void clock_sleep_until(const struct clock_port *port, int64_t time_us)
{
    port->ops->sleep_until(port->self, time_us);
}

/* Account for computing: `rows` handled, `bytes` logical bytes touched. Called at least every 4,096
 * rows. Simulated: charges virtual time (the process is busy for so long) and is a crash point.
 * Real: one turn of the poll loop. Either way fibers that are ready then run before this one goes
 * on. May suspend. */
static inline void clock_spend(const struct clock_port *port, int64_t rows, int64_t bytes)
{
    port->ops->spend(port->self, rows, bytes);
}

enum { SPEND_ROWS_MAX = 4096 };

#endif
