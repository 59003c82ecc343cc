/* Compression of Parquet pages, and the hybrid of runs and bit-packed groups that levels and
 * dictionary indices are in. Safe on hostile bytes. Source: delta-parquet-storage 4.5. */
#ifndef SIM_CHECK_PARQUET_ENCODING_H
#define SIM_CHECK_PARQUET_ENCODING_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"

/* `stored` as it was before compression, `size` bytes, in `arena` or borrowed. NULL, or what is
 * wrong; a codec that is not built in is named. */
const char *parquet_expand(
    int64_t codec, struct bytes stored, size_t size, struct arena *arena, struct bytes *body);

/* `count` numbers of `width` bits, 0 to 32. False: there are fewer, or a run is broken. */
bool parquet_hybrid(struct cursor *runs, unsigned width, uint32_t *out, size_t count);

#endif
