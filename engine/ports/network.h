/* Port: connections between processes. They keep order and duplicate nothing; whole messages arrive
 * or none. Loss is a broken connection. Reconnect and resend are the engine's, so a request may
 * arrive twice and carries an id. Real: Unix or TCP sockets, length-prefixed frames. Simulated:
 * delay, break, partition.
 *
 * Contract (engine/ports/network_contract.c runs it against both):
 *   - of a connection its process hears NETWORK_ACCEPTED (the listening side only), then the first
 *     so many of the messages that the peer sent, then, unless it closed the connection itself,
 *     NETWORK_BROKEN once;
 *   - nothing that arrived is lost by the peer's close, end or death; what was sent and had not
 *     arrived may be: who must know asks for an answer;
 *   - both sides may send any number of messages before they read: a send only queues;
 *   - what is queued travels while its process waits, sleeps or spends;
 *   - an address has one listener; it is free again when that process is gone. */
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

/* Accept connections at `address` ("driver", or host:port) until death; once a process. ERR_EXISTS:
 * somebody listens there. Never suspends. */
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

/* Queue a message of 0 bytes to 16 MiB; copies it. OK does not mean that it arrived. ERR_BROKEN:
 * known broken, closed, or no connection; the news may still lie unread behind messages. Never
 * suspends. */
MUST_CHECK static inline enum status
network_send(const struct network_port *port, connection_id id, struct bytes message)
{
    return port->ops->send(port->self, id, message);
}

/* The next event of any connection of this process, in arrival order. ERR_TIMEOUT: none by
 * `deadline_us`, and the last look found nothing unread (so silence is real: heartbeats may be
 * judged). A deadline in the past is one look without waiting. One fiber of a process calls this; a
 * wake of it ends no wait and is kept for its next park. May suspend. */
MUST_CHECK static inline enum status
network_next(const struct network_port *port, int64_t deadline_us, struct network_event *event)
{
    return port->ops->next(port->self, deadline_us, event);
}

/* Forget a connection: nothing of it is heard any more, the peer sees NETWORK_BROKEN. A message
 * that network_next lent stays lent. An id that is no connection (any more) is fine. Never
 * suspends. */
static inline void network_close(const struct network_port *port, connection_id id)
{
    port->ops->close(port->self, id);
}

#endif
