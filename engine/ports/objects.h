/* Port: an object store with conditional put (S3 since 2024: If-None-Match). Real: a directory with
 * link(2) as put-if-absent. Simulated: atomic puts, unknown outcomes, throttling, latency.
 *
 * Contract: keys without a leading '/', none of which is another one's directory ("a" and "a/b": a
 * store that is a file system cannot have both); a reader sees a whole old or a whole new object;
 * reads after writes are strong; a put that returned OK is durable; after ERR_UNKNOWN the request
 * may have been applied, may still be applied later, or never. Every call may suspend; other fibers
 * of the process run. */
#ifndef ENGINE_PORTS_OBJECTS_H
#define ENGINE_PORTS_OBJECTS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/status.h"

struct object_entry {
    const char *key; /* whole key, in the caller's arena */
    uint64_t size;
    int64_t modified_us;
};

struct objects_ops {
    enum status (*get)(void *self, const char *key, struct arena *arena, struct bytes *object);
    enum status (*put_if_absent)(void *self, const char *key, struct bytes object);
    enum status (*put)(void *self, const char *key, struct bytes object);
    enum status (*list)(void *self,
                        const char *prefix,
                        struct arena *arena,
                        struct object_entry **entries,
                        size_t *count);
    enum status (*remove)(void *self, const char *key);
};

struct objects_port {
    const struct objects_ops *ops;
    void *self;
};

/* Errors: ERR_NOT_FOUND, ERR_THROTTLED, ERR_TIMEOUT, ERR_IO. */
MUST_CHECK static inline enum status objects_get(const struct objects_port *port,
                                                 const char *key,
                                                 struct arena *arena,
                                                 struct bytes *object)
{
    return port->ops->get(port->self, key, arena, object);
}

/* One winner a key. Errors: ERR_EXISTS (412: maybe one's own earlier request), ERR_THROTTLED (503,
 * and 409: retry the same put), ERR_UNKNOWN (timeout or reset). */
MUST_CHECK static inline enum status
objects_put_if_absent(const struct objects_port *port, const char *key, struct bytes object)
{
    return port->ops->put_if_absent(port->self, key, object);
}

/* Last writer wins. Errors: ERR_THROTTLED, ERR_UNKNOWN. */
MUST_CHECK static inline enum status
objects_put(const struct objects_port *port, const char *key, struct bytes object)
{
    return port->ops->put(port->self, key, object);
}

/* Every key that begins with `prefix`, sorted as unsigned bytes. Errors: ERR_THROTTLED,
 * ERR_TIMEOUT. */
MUST_CHECK static inline enum status objects_list(const struct objects_port *port,
                                                  const char *prefix,
                                                  struct arena *arena,
                                                  struct object_entry **entries,
                                                  size_t *count)
{
    return port->ops->list(port->self, prefix, arena, entries, count);
}

/* Removing what is not there is OK. Errors: ERR_THROTTLED, ERR_UNKNOWN. */
MUST_CHECK static inline enum status objects_remove(const struct objects_port *port,
                                                    const char *key)
{
    return port->ops->remove(port->self, key);
}

#endif
