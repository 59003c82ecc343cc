/* Memory for the entries of one state map: many small blocks that come and go for days. A freed
 * block serves the next one of its size class, so that memory follows the most rows there ever
 * were, not the batches; all of it goes with the map. */
#ifndef ENGINE_STATE_STATE_SLAB_H
#define ENGINE_STATE_STATE_SLAB_H

#include <stddef.h>

enum { STATE_SLAB_CLASSES = 32, STATE_SLAB_UNIT = 16 };

struct state_slab_chunk;
struct state_slab_block;

/* A zeroed struct state_slab is a valid empty one. */
struct state_slab {
    struct state_slab_chunk *chunks; /* newest first */
    size_t used;                     /* of the newest chunk */
    struct state_slab_block *unused[STATE_SLAB_CLASSES];
};

/* `size` bytes, not set, aligned for any type. Larger ones than the largest class come from the
 * heap, singly. */
void *state_slab_alloc(struct state_slab *slab, size_t size);
/* `size` as it was asked for. */
void state_slab_release(struct state_slab *slab, void *block, size_t size);
/* All of it, but for blocks that came from the heap singly: release those before. */
void state_slab_free(struct state_slab *slab);

/* Does a block of this size come from the heap singly? */
static inline int state_slab_is_large(size_t size)
{
    return size > (size_t)STATE_SLAB_CLASSES * STATE_SLAB_UNIT;
}

#endif
