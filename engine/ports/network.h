/* Port: connections between processes. They keep order and duplicate nothing; whole messages arrive
 * or none. Loss is a broken connection. Reconnect and resend are the engine's, so a request may
 * arrive twice and carries an id. Real: Unix or TCP sockets, length-prefixed frames. Simulated:
 * delay, break, partition. */
#ifndef ENGINE_PORTS_NETWORK_H
#define ENGINE_PORTS_NETWORK_H

#include <stdint.h>

#include "engine/base/bytes.h"
#include "engine/base/status.h"

typedef uint32_t connection_id; /* never 0; unique within the process, never reused */

enum network_event_kind { NETWORK_ACCEPTED, NETWORK_MESSAGE, NETWORK_BROKEN };

struct network_event {
    enum network_event_kind kind;
    connection_id connection;
    struct bytes message; /* NETWORK_MESSAGE: borrowed until the next call of network_next */
};

struct network_ops {
    enum status (*listen)(void *self, const char *address);
    enum status (*connect)(void *self, const char *address, int64_t deadline_us, connection_id *id);
    enum status (*send)(void *self, connection_id id, struct bytes message);
    enum status (*next)(void *self, int64_t deadline_us, struct network_event *event);
    void (*close)(void *self, connection_id id);
};

struct network_port {
    const struct network_ops *ops;
    void *self;
};

/* Accept connections at `address` ("driver", or host:port) until death. ERR_EXISTS: somebody
 * listens there. */
MUST_CHECK static inline enum status network_listen(const struct network_port *port,
                                                    const char *address)
{
    return port->ops->listen(port->self, address);
}

/* Errors: ERR_BROKEN (nobody listens, or partitioned), ERR_TIMEOUT. May suspend. */
MUST_CHECK static inline enum status network_connect(const struct network_port *port,
                                                     const char *address,
                                                     int64_t deadline_us,
                                                     connection_id *id)
{
    return port->ops->connect(port->self, address, deadline_us, id);
}

/* Queue a message of at most 16 MiB; copies it. OK does not mean that it arrived. ERR_BROKEN: known
 * broken. Never suspends. */
MUST_CHECK static inline enum status
network_send(const struct network_port *port, connection_id id, struct bytes message)
{
    return port->ops->send(port->self, id, message);
}

/* The next event of any connection of this process, in arrival order. ERR_TIMEOUT: none by
 * `deadline_us`, and the last look found nothing unread (so silence is real: heartbeats may be
 * judged). A deadline in the past is one look without waiting. One fiber of a process calls this.
 * May suspend. */
MUST_CHECK static inline enum status
network_next(const struct network_port *port, int64_t deadline_us, struct network_event *event)
{
    return port->ops->next(port->self, deadline_us, event);
}

/* Forget a connection; the peer sees NETWORK_BROKEN. Never suspends. */
static inline void network_close(const struct network_port *port, connection_id id)
{
    port->ops->close(port->self, id);
}

#endif
