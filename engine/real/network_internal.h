/* What the network port for real is made of; included by network*.c only.
 *
 * A connection is a stream socket, Unix or TCP. A message on it is a frame:
 *
 *     4 bytes    size of the message, big-endian, at most NETWORK_MESSAGE_MAX
 *     size       the message
 *
 * What a socket brings goes frame by frame into one queue of events for the whole process, so that
 * order between connections is the order of arrival. Who reads slowly stops reading sockets, not
 * the process: behind INBOX_MAX unread bytes no descriptor is read any more. */
#ifndef ENGINE_REAL_NETWORK_INTERNAL_H
#define ENGINE_REAL_NETWORK_INTERNAL_H

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "engine/base/buf.h"
#include "engine/ports/network.h"
#include "engine/real/loop.h"

#define NETWORK_MESSAGE_MAX (UINT32_C(16) << 20)
#define INBOX_MAX           (UINT64_C(64) << 20)

struct socket_address {
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_storage storage;
    } name;
    socklen_t size;
};

struct network_item {
    struct network_item *next;
    enum network_event_kind kind;
    connection_id connection;
    size_t size;
    uint8_t data[];
};

struct connection {
    struct connection *next;
    struct real_network *network;
    struct loop_watch watch;
    connection_id id;
    struct fiber *connecting; /* waits for the handshake; NULL: nobody does */
    bool decided;             /* the handshake ended, well or not */
    bool broken;              /* its event is in the queue; the descriptor is closed */
    struct buf in;            /* bytes of a frame that is not whole yet */
    struct buf out;           /* what the socket would not take yet, from `sent` on */
    size_t sent;
};

struct listener {
    struct listener *next;
    struct real_network *network;
    struct loop_watch watch;
    char path[sizeof((struct sockaddr_un *)0)->sun_path]; /* to be unlinked at the end; or "" */
};

struct real_network {
    struct loop *loop;
    struct connection *connections;
    struct listener *listeners;
    connection_id last_id;
    struct network_item *first; /* events that nobody has taken yet */
    struct network_item *last;
    uint64_t unread;              /* bytes in them */
    struct network_item *current; /* whose bytes the caller of next() borrows */
    struct fiber *reader;         /* waits in next() */
    bool arrived;                 /* something came since the reader looked */
};

/* ---- network_address.c */

/* "unix:/path" or "host:port" (a port of 0: any). May block for a name that is not an address.
 * ERR_INVALID: neither, too long for a socket, or nobody knows the host. */
enum status socket_address(const char *text, struct socket_address *address);

/* A non-blocking stream socket of the address' family; -1: errno says why. */
int socket_open(const struct socket_address *address);

/* ---- network_connection.c */

struct connection *connection_new(struct real_network *network, int fd);
struct connection *connection_find(const struct real_network *network, connection_id id);

/* Close it and forget it, with its events in the queue. */
void connection_free(struct connection *connection);

/* Write what the socket takes now. */
void connection_flush(struct connection *connection);

/* Put an event behind the others and wake the reader. */
void network_enqueue(struct real_network *network,
                     enum network_event_kind kind,
                     connection_id id,
                     struct bytes message);

/* Which descriptors are read depends on how much is unread. */
void network_watch_all(struct real_network *network);

#endif
