/* The network port over sockets; see network_internal.h for frames and the queue. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"
#include "engine/real/network_internal.h"
#include "engine/real/real_ports.h"

#define BACKLOG_RETRY_US (10 * US_PER_MS)

enum { BACKLOG = 128 };

/* ---- listen */

static void accept_all(void *context, short happened)
{
    (void)happened;
    struct listener *listener = context;
    for (;;) {
        int fd = accept(listener->watch.fd, NULL, NULL);
        if (fd < 0 && errno == EINTR) {
            continue;
        }
        if (fd < 0) {
            return; /* nobody waits, or somebody who has gone again */
        }
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
            (void)close(fd);
            continue;
        }
        const struct connection *connection = connection_new(listener->network, fd);
        network_enqueue(listener->network, NETWORK_ACCEPTED, connection->id, (struct bytes){0});
    }
}

/* A socket's file outlives the process that listened there. */
static bool left_behind(const struct socket_address *address)
{
    if (address->name.any.sa_family != AF_UNIX) {
        return false;
    }
    int fd = socket_open(address);
    if (fd < 0) {
        return false;
    }
    bool refused = connect(fd, &address->name.any, address->size) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return refused;
}

static enum status bind_to(int fd, const struct socket_address *address)
{
    int result = bind(fd, &address->name.any, address->size);
    if (result != 0 && errno == EADDRINUSE && left_behind(address)) {
        (void)unlink(address->name.local.sun_path);
        result = bind(fd, &address->name.any, address->size);
    }
    if (result != 0) {
        return errno == EADDRINUSE ? ERR_EXISTS : ERR_IO;
    }
    return listen(fd, BACKLOG) == 0 ? OK : ERR_IO;
}

static enum status network_listen_at(void *self, const char *text)
{
    struct real_network *network = self;
    struct socket_address address;
    TRY(socket_address(text, &address));
    int fd = socket_open(&address);
    if (fd < 0) {
        return ERR_IO;
    }
    enum status status = bind_to(fd, &address);
    if (status != OK) {
        (void)close(fd);
        return status;
    }
    struct listener *listener = heap_alloc(sizeof *listener);
    listener->network = network;
    if (address.name.any.sa_family == AF_UNIX) {
        memcpy(listener->path, address.name.local.sun_path, sizeof listener->path);
    }
    listener->watch =
        (struct loop_watch){.fd = fd, .events = POLLIN, .ready = accept_all, .context = listener};
    listener->next = network->listeners;
    network->listeners = listener;
    loop_add_watch(network->loop, &listener->watch);
    return OK;
}

/* ---- connect */

/* The handshake goes on; the fiber waits for its end. */
static enum status await_handshake(struct connection *connection, int64_t deadline_us)
{
    struct real_network *network = connection->network;
    connection->connecting = fiber_current();
    connection->watch.events = POLLOUT;
    bool decided = loop_wait(network->loop, &connection->decided, deadline_us);
    connection->connecting = NULL;
    if (!decided) {
        return ERR_TIMEOUT;
    }
    int error = 0;
    socklen_t size = sizeof error;
    bool asked = getsockopt(connection->watch.fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0;
    return asked && error == 0 ? OK : ERR_BROKEN;
}

/* A Unix socket whose backlog is full says EAGAIN instead of queueing the caller. */
static enum status try_connect(struct real_network *network,
                               const struct socket_address *address,
                               int64_t deadline_us,
                               int *fd,
                               bool *in_progress)
{
    for (;;) {
        *fd = socket_open(address);
        if (*fd < 0) {
            return ERR_BROKEN;
        }
        if (connect(*fd, &address->name.any, address->size) == 0) {
            return OK;
        }
        int error = errno;
        *in_progress = error == EINPROGRESS || error == EINTR;
        if (*in_progress) {
            return OK;
        }
        (void)close(*fd);
        if (error != EAGAIN) {
            return ERR_BROKEN;
        }
        static const bool never = false;
        if (real_wall_us() >= deadline_us) {
            return ERR_TIMEOUT;
        }
        bool over = loop_wait(network->loop, &never, real_wall_us() + BACKLOG_RETRY_US);
        require(!over);
    }
}

static enum status
network_connect_to(void *self, const char *text, int64_t deadline_us, connection_id *id)
{
    struct real_network *network = self;
    struct socket_address address;
    bool in_progress = false;
    int fd = -1;
    TRY(socket_address(text, &address));
    TRY(try_connect(network, &address, deadline_us, &fd, &in_progress));
    struct connection *connection = connection_new(network, fd);
    enum status status = in_progress ? await_handshake(connection, deadline_us) : OK;
    if (status != OK) {
        connection_free(connection);
        return status;
    }
    connection_flush(connection);
    *id = connection->id;
    return OK;
}

/* ---- the rest */

static enum status network_send_to(void *self, connection_id id, struct bytes message)
{
    struct connection *connection = connection_find(self, id);
    require(message.size <= NETWORK_MESSAGE_MAX);
    if (connection == NULL || connection->broken) {
        return ERR_BROKEN;
    }
    buf_be32(&connection->out, (uint32_t)message.size);
    buf_append(&connection->out, message.data, message.size);
    connection_flush(connection);
    return OK;
}

static bool take_event(struct real_network *network, struct network_event *event)
{
    struct network_item *item = network->first;
    if (item == NULL) {
        return false;
    }
    network->first = item->next;
    if (network->first == NULL) {
        network->last = NULL;
    }
    bool was_full = network->unread >= INBOX_MAX;
    network->unread -= item->size;
    if (was_full) {
        network_watch_all(network);
    }
    network->current = item;
    *event = (struct network_event){.kind = item->kind,
                                    .connection = item->connection,
                                    .message = bytes_of(item->data, item->size)};
    return true;
}

/* Silence is said only after a look at the sockets that began behind the deadline. */
static enum status network_next_event(void *self, int64_t deadline_us, struct network_event *event)
{
    struct real_network *network = self;
    bool looked = false;
    heap_free(network->current);
    network->current = NULL;
    while (!take_event(network, event)) {
        if (real_wall_us() < deadline_us) {
            network->reader = fiber_current();
            network->arrived = false;
            bool arrived = loop_wait(network->loop, &network->arrived, deadline_us);
            network->reader = NULL;
            maybe(arrived);
        } else if (!looked) {
            loop_turn(network->loop);
            looked = true;
        } else {
            return ERR_TIMEOUT;
        }
    }
    return OK;
}

static void network_close_one(void *self, connection_id id)
{
    struct connection *connection = connection_find(self, id);
    if (connection != NULL) {
        connection_free(connection);
    }
}

struct real_network *real_network_new(struct loop *loop)
{
    struct real_network *network = heap_alloc(sizeof *network);
    network->loop = loop;
    return network;
}

void real_network_free(struct real_network *network)
{
    while (network->connections != NULL) {
        connection_free(network->connections);
    }
    while (network->listeners != NULL) {
        struct listener *listener = network->listeners;
        network->listeners = listener->next;
        loop_unwatch(network->loop, &listener->watch);
        (void)close(listener->watch.fd);
        if (listener->path[0] != '\0') {
            (void)unlink(listener->path);
        }
        heap_free(listener);
    }
    heap_free(network->current);
    heap_free(network);
}

struct network_port real_network_port(struct real_network *network)
{
    static const struct network_ops ops = {
        .listen = network_listen_at,
        .connect = network_connect_to,
        .send = network_send_to,
        .next = network_next_event,
        .close = network_close_one,
    };
    return (struct network_port){.ops = &ops, .self = network};
}
