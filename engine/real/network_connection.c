/* One connection: frames out of bytes, bytes out of frames, and how its end becomes an event. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/real/network_internal.h"

enum { FRAME_HEAD = 4, READ_SIZE = 64 * 1024 };

/* ---- the queue */

void network_enqueue(struct real_network *network,
                     enum network_event_kind kind,
                     connection_id id,
                     struct bytes message)
{
    struct network_item *item = heap_alloc_unset(sizeof *item + message.size);
    item->next = NULL;
    item->kind = kind;
    item->connection = id;
    item->size = message.size;
    if (message.size > 0) {
        memcpy(item->data, message.data, message.size);
    }
    if (network->last == NULL) {
        network->first = item;
    } else {
        network->last->next = item;
    }
    network->last = item;
    network->unread += message.size;
    network->arrived = true;
    if (network->reader != NULL) {
        loop_wake(network->loop, network->reader);
    }
}

static void forget_events(struct real_network *network, connection_id id)
{
    struct network_item **link = &network->first;
    network->last = NULL;
    while (*link != NULL) {
        struct network_item *item = *link;
        if (item->connection == id) {
            *link = item->next;
            network->unread -= item->size;
            heap_free(item);
        } else {
            network->last = item;
            link = &item->next;
        }
    }
}

/* ---- its life */

static short wanted(const struct connection *connection)
{
    bool hear = connection->connecting == NULL && connection->network->unread < INBOX_MAX;
    bool say = connection->connecting != NULL || connection->out.size > connection->sent;
    return (short)((hear ? POLLIN : 0) | (say ? POLLOUT : 0));
}

void network_watch_all(struct real_network *network)
{
    for (struct connection *c = network->connections; c != NULL; c = c->next) {
        c->watch.events = wanted(c);
    }
}

static void close_descriptor(struct connection *connection)
{
    if (connection->watch.fd >= 0) {
        loop_unwatch(connection->network->loop, &connection->watch);
        (void)close(connection->watch.fd);
        connection->watch.fd = -1;
    }
}

/* What had come before stays in the queue, in front of this. */
static void break_now(struct connection *connection)
{
    if (!connection->broken) {
        connection->broken = true;
        close_descriptor(connection);
        network_enqueue(connection->network, NETWORK_BROKEN, connection->id, (struct bytes){0});
    }
}

/* ---- in */

/* Every whole frame of `in` becomes an event. False: no frame begins like this. */
static bool take_frames(struct connection *connection)
{
    struct buf *in = &connection->in;
    size_t at = 0;
    while (in->size - at >= FRAME_HEAD) {
        struct cursor head = cursor_of(bytes_of(in->data + at, FRAME_HEAD));
        size_t size = cursor_be32(&head);
        if (size > NETWORK_MESSAGE_MAX) {
            return false;
        }
        if (in->size - at - FRAME_HEAD < size) {
            break;
        }
        network_enqueue(connection->network,
                        NETWORK_MESSAGE,
                        connection->id,
                        bytes_of(in->data + at + FRAME_HEAD, size));
        at += FRAME_HEAD + size;
    }
    if (at > 0) {
        memmove(in->data, in->data + at, in->size - at);
        in->size -= at;
    }
    return true;
}

/* Until nothing is there, or enough is unread. */
static void hear(struct connection *connection)
{
    struct real_network *network = connection->network;
    while (network->unread < INBOX_MAX) {
        size_t size = connection->in.size;
        uint8_t *room = buf_extend(&connection->in, READ_SIZE);
        ssize_t got = recv(connection->watch.fd, room, READ_SIZE, 0);
        connection->in.size = size + (got > 0 ? (size_t)got : 0);
        if (got < 0 && errno == EAGAIN) {
            return;
        }
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0 || !take_frames(connection)) {
            break_now(connection);
            return;
        }
    }
}

/* ---- out */

void connection_flush(struct connection *connection)
{
    struct buf *out = &connection->out;
    while (connection->sent < out->size) {
        ssize_t sent = send(connection->watch.fd,
                            out->data + connection->sent,
                            out->size - connection->sent,
                            MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            break;
        }
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            /* The peer is gone. What it had sent before may still be unread: the end of the
             * stream, when reading finds it, is what breaks this connection. */
            buf_clear(out);
            connection->sent = 0;
            break;
        }
        connection->sent += (size_t)sent;
    }
    if (connection->sent == out->size) {
        buf_clear(out);
        connection->sent = 0;
    }
    connection->watch.events = wanted(connection);
}

/* ---- what the loop says */

static void ready(void *context, short happened)
{
    struct connection *connection = context;
    if (connection->connecting != NULL) { /* done, or failed: who waits will look */
        connection->decided = true;
        connection->watch.events = 0;
        loop_wake(connection->network->loop, connection->connecting);
        return;
    }
    if ((happened & POLLOUT) != 0) {
        connection_flush(connection);
    }
    if ((happened & (POLLIN | POLLHUP | POLLERR)) != 0) {
        hear(connection);
        network_watch_all(connection->network);
    }
}

struct connection *connection_new(struct real_network *network, int fd)
{
    struct connection *connection = heap_alloc(sizeof *connection);
    connection->network = network;
    connection->id = ++network->last_id;
    connection->watch = (struct loop_watch){.fd = fd, .ready = ready, .context = connection};
    connection->watch.events = wanted(connection);
    connection->next = network->connections;
    network->connections = connection;
    loop_add_watch(network->loop, &connection->watch);
    return connection;
}

struct connection *connection_find(const struct real_network *network, connection_id id)
{
    struct connection *connection = network->connections;
    while (connection != NULL && connection->id != id) {
        connection = connection->next;
    }
    return connection;
}

void connection_free(struct connection *connection)
{
    struct real_network *network = connection->network;
    struct connection **link = &network->connections;
    while (*link != connection) {
        link = &(*link)->next;
    }
    *link = connection->next;
    close_descriptor(connection);
    forget_events(network, connection->id);
    buf_free(&connection->in);
    buf_free(&connection->out);
    heap_free(connection);
}
