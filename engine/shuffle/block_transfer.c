#include "engine/shuffle/block_transfer.h"

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"
#include "engine/driver/messages.h"

enum {
    PIECE_SIZE_MAX = 1 << 20, /* a message holds up to 16 MiB */
    TRIES_MAX = 2             /* the second on a new connection */
};
#define CONNECT_US (10 * US_PER_SECOND)
#define SLICE_US   US_PER_SECOND

/* A connection that we made. */
struct peer {
    struct peer *next;
    connection_id connection;
    char address[];
};

/* A fiber that waits for an answer; on that fiber's stack. */
struct wait {
    struct wait *next;
    struct fiber *fiber;
    connection_id connection;
    uint64_t request;
    enum { WAITING, ANSWERED, BROKEN } state;
    bool found;
    struct block_info info;
    struct buf *block; /* where the piece goes */
};

struct block_transfer {
    const struct ports *ports;
    const char *address;
    const char *local;
    struct peer *peers;
    struct wait *waits;
    uint64_t last_request;
    struct arena arena; /* of the message that was heard last */
    struct buf piece;   /* what is served */
    struct buf outgoing;
};

struct block_transfer *
block_transfer_new(const struct ports *ports, const char *address, const char *local)
{
    struct block_transfer *transfer = heap_alloc(sizeof *transfer);
    transfer->ports = ports;
    transfer->address = address;
    transfer->local = local;
    return transfer;
}

void block_transfer_free(struct block_transfer *transfer)
{
    require(transfer->waits == NULL);
    while (transfer->peers != NULL) {
        struct peer *peer = transfer->peers;
        transfer->peers = peer->next;
        network_close(&transfer->ports->network, peer->connection);
        heap_free(peer);
    }
    arena_free(&transfer->arena);
    buf_free(&transfer->piece);
    buf_free(&transfer->outgoing);
    heap_free(transfer);
}

static enum status
send(struct block_transfer *transfer, connection_id connection, const struct message *message)
{
    buf_clear(&transfer->outgoing);
    message_encode(message, &transfer->outgoing);
    return network_send(&transfer->ports->network, connection, buf_bytes(&transfer->outgoing));
}

/* ---- peers ----------------------------------------------------------------------------------- */

static struct peer *find_peer(struct block_transfer *transfer, const char *address)
{
    struct peer *peer = transfer->peers;
    while (peer != NULL && strcmp(peer->address, address) != 0) {
        peer = peer->next;
    }
    return peer;
}

/* No answer comes from this connection any more: those who wait for one must hear it. */
static void drop_connection(struct block_transfer *transfer, connection_id connection)
{
    network_close(&transfer->ports->network, connection);
    struct peer **link = &transfer->peers;
    while (*link != NULL && (*link)->connection != connection) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        struct peer *gone = *link;
        *link = gone->next;
        heap_free(gone);
    }
    for (struct wait *wait = transfer->waits; wait != NULL; wait = wait->next) {
        if (wait->connection == connection && wait->state == WAITING) {
            wait->state = BROKEN;
            fibers_wake(&transfer->ports->fibers, wait->fiber);
        }
    }
}

static enum status
connect_peer(struct block_transfer *transfer, const char *address, connection_id *connection)
{
    const struct network_port *network = &transfer->ports->network;
    int64_t deadline_us = clock_now_us(&transfer->ports->clock) + CONNECT_US;
    TRY(network_connect(network, address, deadline_us, connection));
    struct peer *other = find_peer(transfer, address);
    if (other != NULL) { /* another fiber was faster */
        network_close(network, *connection);
        *connection = other->connection;
        return OK;
    }
    size_t size = strlen(address) + 1;
    struct peer *peer = heap_alloc(sizeof *peer + size);
    memcpy(peer->address, address, size);
    peer->connection = *connection;
    peer->next = transfer->peers;
    transfer->peers = peer;
    return OK;
}

/* ---- serving --------------------------------------------------------------------------------- */

static struct block_id id_of(const struct message_fetch_block *fetch)
{
    return (struct block_id){.session = fetch->session,
                             .batch = fetch->batch,
                             .map_task = fetch->map_task,
                             .map_attempt = fetch->map_attempt};
}

static void serve(struct block_transfer *transfer,
                  connection_id connection,
                  const struct message_fetch_block *fetch)
{
    const struct block_id id = id_of(fetch);
    struct block_info info = {0};
    buf_clear(&transfer->piece);
    enum status status = blocks_read(&transfer->ports->disk,
                                     transfer->local,
                                     &id,
                                     fetch->partition,
                                     (uint64_t)fetch->from,
                                     PIECE_SIZE_MAX,
                                     &transfer->piece,
                                     &info);
    struct message answer = {.kind = MESSAGE_BLOCK, .block = {.request = fetch->request}};
    if (status == OK) {
        answer.block.found = true;
        answer.block.size = (int64_t)info.size;
        answer.block.hash = info.hash;
        answer.block.piece = buf_bytes(&transfer->piece);
    }
    /* Known broken: the asker knows too, and asks again. */
    enum status ignored = send(transfer, connection, &answer);
    maybe(ignored == OK);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void on_block(struct block_transfer *transfer,
                     connection_id connection,
                     const struct message_block *block)
{
    struct wait *wait = transfer->waits;
    while (wait != NULL && (wait->connection != connection || wait->request != block->request)) {
        wait = wait->next;
    }
    if (wait == NULL || wait->state != WAITING) {
        return; /* too late: it was given up */
    }
    wait->state = ANSWERED;
    wait->found = block->found;
    wait->info = (struct block_info){.size = (uint64_t)block->size, .hash = block->hash};
    buf_append(wait->block, block->piece.data, block->piece.size);
    fibers_wake(&transfer->ports->fibers, wait->fiber);
}

void block_transfer_event(struct block_transfer *transfer, const struct network_event *event)
{
    struct message message;
    switch (event->kind) {
    case NETWORK_ACCEPTED:
        return;
    case NETWORK_BROKEN:
        drop_connection(transfer, event->connection);
        return;
    case NETWORK_MESSAGE:
        break;
    }
    arena_reset(&transfer->arena);
    enum status status = message_decode(&transfer->arena, event->message, &message);
    if (status == OK && message.kind == MESSAGE_FETCH_BLOCK) {
        serve(transfer, event->connection, &message.fetch);
    } else if (status == OK && message.kind == MESSAGE_BLOCK) {
        on_block(transfer, event->connection, &message.block);
    } else {
        drop_connection(transfer, event->connection); /* it speaks another language */
    }
}

/* ---- fetching -------------------------------------------------------------------------------- */

static void forget(struct block_transfer *transfer, const struct wait *wait)
{
    struct wait **link = &transfer->waits;
    while (*link != wait) {
        require(*link != NULL);
        link = &(*link)->next;
    }
    *link = wait->next;
}

/* Wait in slices. One that ends late is no silence: the process was busy or asleep, and the answer
 * may lie unread before the main fiber. */
static void await(struct block_transfer *transfer, const struct wait *wait, int64_t silence_max_us)
{
    const struct ports *ports = transfer->ports;
    int64_t left_us = silence_max_us;
    while (wait->state == WAITING && left_us > 0) {
        int64_t slice_us = left_us < SLICE_US ? left_us : SLICE_US;
        int64_t deadline_us = clock_now_us(&ports->clock) + slice_us;
        bool woken = fibers_park(&ports->fibers, deadline_us);
        if (!woken && clock_now_us(&ports->clock) < deadline_us + slice_us) {
            left_us -= slice_us;
        }
    }
}

/* Ask for what of the block is not there yet, and wait for it. */
static enum status fetch_piece(struct block_transfer *transfer,
                               const struct block_source *source,
                               connection_id connection,
                               struct buf *block,
                               struct block_info *info)
{
    struct wait wait = {.fiber = fiber_current(),
                        .connection = connection,
                        .request = ++transfer->last_request,
                        .block = block};
    struct message message = {.kind = MESSAGE_FETCH_BLOCK};
    message.fetch = (struct message_fetch_block){.request = wait.request,
                                                 .session = source->id.session,
                                                 .batch = source->id.batch,
                                                 .map_task = source->id.map_task,
                                                 .map_attempt = source->id.map_attempt,
                                                 .partition = source->partition,
                                                 .from = (int64_t)block->size};
    wait.next = transfer->waits;
    transfer->waits = &wait;
    if (send(transfer, connection, &message) != OK) {
        wait.state = BROKEN;
    }
    await(transfer, &wait, source->silence_max_us);
    forget(transfer, &wait);
    *info = wait.info;
    if (wait.state == ANSWERED) {
        return wait.found ? OK : ERR_NOT_FOUND;
    }
    drop_connection(transfer, connection); /* nothing good comes from it any more */
    return wait.state == BROKEN ? ERR_BROKEN : ERR_TIMEOUT;
}

static enum status fetch_all(struct block_transfer *transfer,
                             const struct block_source *source,
                             connection_id connection,
                             struct buf *block)
{
    struct block_info first = {0};
    struct block_info info = {0};
    buf_clear(block);
    TRY(fetch_piece(transfer, source, connection, block, &first));
    while (block->size < first.size) {
        size_t before = block->size;
        TRY(fetch_piece(transfer, source, connection, block, &info));
        bool same = info.size == first.size && info.hash == first.hash;
        if (!same || block->size == before) {
            return ERR_CORRUPT;
        }
    }
    return block_whole(buf_bytes(block), &first) ? OK : ERR_CORRUPT;
}

static enum status fetch_from_peer(struct block_transfer *transfer,
                                   const struct block_source *source,
                                   struct buf *block)
{
    enum status status = ERR_BROKEN;
    bool kept = true;
    for (int i = 0; i < TRIES_MAX && kept && status == ERR_BROKEN; i++) {
        const struct peer *peer = find_peer(transfer, source->address);
        connection_id connection = peer == NULL ? 0 : peer->connection;
        kept = peer != NULL;
        if (!kept) {
            TRY(connect_peer(transfer, source->address, &connection));
        }
        status = fetch_all(transfer, source, connection, block);
    }
    return status;
}

static enum status fetch_from_disk(struct block_transfer *transfer,
                                   const struct block_source *source,
                                   struct buf *block)
{
    struct block_info info = {0};
    buf_clear(block);
    TRY(blocks_read(&transfer->ports->disk,
                    transfer->local,
                    &source->id,
                    source->partition,
                    0,
                    SIZE_MAX,
                    block,
                    &info));
    return block_whole(buf_bytes(block), &info) ? OK : ERR_CORRUPT;
}

enum status block_transfer_fetch(struct block_transfer *transfer,
                                 const struct block_source *source,
                                 struct buf *block)
{
    return strcmp(source->address, transfer->address) == 0
               ? fetch_from_disk(transfer, source, block)
               : fetch_from_peer(transfer, source, block);
}
