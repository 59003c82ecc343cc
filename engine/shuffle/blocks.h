/* The output of one map attempt: one file on the executor's own disk, with a block for each reduce
 * partition (Spark: one sorted data file and its index). A block holds the partial results of the
 * groups that belong to the partition, as pairs of UnsafeRows, in the order in which the map task
 * met the groups.
 *
 *   <local>/shuffle/<session, 16 hex digits>-<batch>-<map task>-<attempt>.data
 *
 *   file   := "AFTSHUF1" session batch map_task attempt partitions        each 8 bytes
 *             { size hash }                                               one a partition
 *             hash of all that                                            8 bytes
 *             blocks, one behind the other
 *   block  := { size key size buffer }                                    sizes in LEB128
 *
 * Integers are little-endian, hashes XXH64. All files stand in one directory: no port removes a
 * directory, and one a batch would stay behind for ever.
 *
 * Nothing is synced. A process crash loses nothing; after a machine crash the file may be gone, cut
 * or garbled. Then its map task runs again. So a reader trusts nothing that its hash does not
 * cover: a damaged file is noticed, and never gives wrong rows. */
#ifndef ENGINE_SHUFFLE_BLOCKS_H
#define ENGINE_SHUFFLE_BLOCKS_H

#include "engine/base/buf.h"
#include "engine/ports/disk.h"

enum { BLOCKS_PARTITIONS_MAX = 1 << 20 };

/* The map attempt whose output it is. Attempt numbers are never used twice in a session, so no two
 * attempts ever write one file. */
struct block_id {
    uint64_t session;
    int64_t batch;
    int64_t map_task;
    int64_t map_attempt;
};

struct block_info {
    uint64_t size; /* of the whole block */
    uint64_t hash; /* of the whole block */
};

/* ---- the rows of a block; pure -------------------------------------------------------------- */

void block_add(struct buf *block, struct bytes key, struct bytes buffer);

/* Called for each pair in order; borrowed. Not OK ends the reading with it. */
typedef enum status (*block_row_fn)(void *context, struct bytes key, struct bytes buffer);

/* Errors: ERR_CORRUPT: not what block_add makes; or what `row` returned. Safe on hostile bytes. */
MUST_CHECK enum status block_each(struct bytes block, block_row_fn row, void *context);

/* ---- the file -------------------------------------------------------------------------------- */

/* Write the blocks of partitions 0 to `partitions` - 1, making missing directories. No file is left
 * on an error if avoidable. May suspend. Not durable on return. Errors: ERR_IO, ERR_NO_SPACE,
 * ERR_READ_ONLY. */
MUST_CHECK enum status blocks_write(const struct disk_port *disk,
                                    const char *local,
                                    const struct block_id *id,
                                    const struct buf *blocks,
                                    size_t partitions);

/* Append at most `size_max` bytes of a block, beginning at its byte `from`, to `piece`; `*info`
 * says what the whole block is. The index is verified here; the block itself is not, since a piece
 * cannot be: block_whole is for whoever has all of it. May suspend. Errors: ERR_NOT_FOUND (also: no
 * such partition), ERR_CORRUPT (a damaged or another attempt's file, `from` behind the end),
 * ERR_IO. */
MUST_CHECK enum status blocks_read(const struct disk_port *disk,
                                   const char *local,
                                   const struct block_id *id,
                                   int64_t partition,
                                   uint64_t from,
                                   size_t size_max,
                                   struct buf *piece,
                                   struct block_info *info);

/* Are these bytes the block that `info` describes? */
bool block_whole(struct bytes block, const struct block_info *info);

/* Remove what no task of `session` from `batch` on can want: files of other sessions and of earlier
 * batches. What cannot be removed now is tried the next time. May suspend. */
void blocks_clean(const struct disk_port *disk, const char *local, uint64_t session, int64_t batch);

#endif
