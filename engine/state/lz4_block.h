/* The compressed container of Spark's state files: Java's LZ4BlockOutputStream (spark-checkpoint
 * 1.7). Blocks of 32 KiB; each has its xxh32. The compressed bytes need not be Java's; what they
 * decompress to must. Pure; runs LZ4 on the thread's own stack. */
#ifndef ENGINE_STATE_LZ4_BLOCK_H
#define ENGINE_STATE_LZ4_BLOCK_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/status.h"

/* Append `content` as a whole stream, with its end block. */
void lz4_block_encode(struct bytes content, struct buf *out);

/* The content of one or several concatenated streams, the last one with its end block. Errors:
 * ERR_CORRUPT: no stream, cut short, a checksum that is wrong, bytes behind the end that are no
 * stream. Safe on hostile bytes: memory grows with what was really decompressed. */
MUST_CHECK enum status
lz4_block_decode(struct bytes file, struct arena *arena, struct bytes *content);

/* For tests: raw blocks only from now on, as a library might that finds nothing to compress. What
 * depends on the compression would show. */
void lz4_block_set_raw(bool on);

#endif
