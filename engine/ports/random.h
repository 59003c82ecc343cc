/* Port: keyed draws. A draw is a pure function of (seed, actor and incarnation, label, two keys):
 * there is no stream that shifts, so removing one draw leaves every other what it was. Callers name
 * what they draw for. */
#ifndef ENGINE_PORTS_RANDOM_H
#define ENGINE_PORTS_RANDOM_H

#include <stdint.h>

#include "engine/base/uuid.h"

struct random_ops {
    uint64_t (*draw)(void *self, const char *label, uint64_t key1, uint64_t key2);
};

struct random_port {
    const struct random_ops *ops;
    void *self;
};

/* 64 drawn bits. The same arguments in the same incarnation give the same bits: pass the batch, the
 * attempt, the n-th, whatever makes this draw its own. Real: seeded from the system at process
 * start. Never suspends. */
static inline uint64_t
random_draw(const struct random_port *port, const char *label, uint64_t key1, uint64_t key2)
{
    return port->ops->draw(port->self, label, key1, key2);
}

/* A version 4 UUID for what (label, key1, key2) names. */
static inline void random_uuid(const struct random_port *port,
                               const char *label,
                               uint64_t key1,
                               uint64_t key2,
                               char out[UUID_TEXT_SIZE])
{
    uint64_t high = random_draw(port, label, key1, key2);
    uint64_t low =
        random_draw(port, label, key1 ^ UINT64_C(0x5bd1e995), key2 + UINT64_C(0x9e3779b9));
    uuid_format(high, low, out);
}

#endif
