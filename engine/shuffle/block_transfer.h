/* Shuffle blocks between executors (Spark: the block transfer service). Serves the blocks of its
 * own disk to whoever asks, and fetches the blocks of others: connections to peers are made on
 * demand and kept. One an executor process.
 *
 * A process has one queue of network events, which its main fiber reads: that fiber hands every
 * event that is not its own over to block_transfer_event, which answers requests at once and wakes
 * the fiber whose answer has come. */
#ifndef ENGINE_SHUFFLE_BLOCK_TRANSFER_H
#define ENGINE_SHUFFLE_BLOCK_TRANSFER_H

#include "engine/ports/ports.h"
#include "engine/shuffle/blocks.h"

struct block_transfer;

/* Of the current process' heap. Keeps the ports and both texts.
 * * address  where this process listens: what stands there is read from the disk
 * * local    where its own blocks are (blocks.h) */
struct block_transfer *
block_transfer_new(const struct ports *ports, const char *address, const char *local);
/* Nobody may be fetching. */
void block_transfer_free(struct block_transfer *transfer);

/* Something came on a connection that is not the caller's own. The main fiber only. May suspend (it
 * reads the disk for whoever asks). */
void block_transfer_event(struct block_transfer *transfer, const struct network_event *event);

struct block_source {
    struct block_id id;
    const char *address; /* of the executor that has it */
    int64_t partition;
    int64_t silence_max_us; /* how long a living connection may say nothing */
};

/* Get a whole block, verified, into `block` (which is cleared first). A kept connection that turns
 * out broken is made anew once; a peer that says nothing for `silence_max_us` is given up. May
 * suspend; several fibers may fetch at a time. Errors, all of which mean that the block cannot be
 * had there: ERR_NOT_FOUND, ERR_CORRUPT (its bytes are not what was written), ERR_BROKEN,
 * ERR_TIMEOUT, ERR_IO. */
MUST_CHECK enum status block_transfer_fetch(struct block_transfer *transfer,
                                            const struct block_source *source,
                                            struct buf *block);

#endif
