#include "engine/state/state_slab.h"

#include <stdint.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/poison.h"

enum { CHUNK_SIZE_MIN = 4096, CHUNK_SIZE_MAX = 256 * 1024 };

struct state_slab_chunk {
    struct state_slab_chunk *next;
    size_t capacity;
    /* payload follows, aligned as the header is */
};

struct state_slab_block {
    struct state_slab_block *next;
};

static uint8_t *payload(struct state_slab_chunk *chunk)
{
    return (uint8_t *)(chunk + 1);
}

/* The first one is small, since a simulated executor has a map for each partition. */
static void add_chunk(struct state_slab *slab)
{
    size_t capacity = CHUNK_SIZE_MIN;
    if (slab->chunks != NULL) {
        capacity = slab->chunks->capacity * 2;
        capacity = capacity < CHUNK_SIZE_MAX ? capacity : CHUNK_SIZE_MAX;
    }
    struct state_slab_chunk *chunk = heap_alloc_unset(sizeof *chunk + capacity);
    chunk->capacity = capacity;
    chunk->next = slab->chunks;
    slab->chunks = chunk;
    slab->used = 0;
    POISON(payload(chunk), capacity);
}

static size_t class_of(size_t size)
{
    return size == 0 ? 0 : (size - 1) / STATE_SLAB_UNIT;
}

void *state_slab_alloc(struct state_slab *slab, size_t size)
{
    if (state_slab_is_large(size)) {
        return heap_alloc_unset(size);
    }
    size_t class = class_of(size);
    size_t rounded = (class + 1) * STATE_SLAB_UNIT;
    struct state_slab_block *reused = slab->unused[class];
    if (reused != NULL) {
        UNPOISON(reused, sizeof *reused);
        slab->unused[class] = reused->next;
        UNPOISON(reused, size);
        return reused;
    }
    if (slab->chunks == NULL || slab->chunks->capacity - slab->used < rounded) {
        add_chunk(slab);
    }
    uint8_t *block = payload(slab->chunks) + slab->used;
    slab->used += rounded;
    require((uintptr_t)block % STATE_SLAB_UNIT == 0);
    UNPOISON(block, size);
    return block;
}

void state_slab_release(struct state_slab *slab, void *block, size_t size)
{
    if (state_slab_is_large(size)) {
        heap_free(block);
        return;
    }
    size_t class = class_of(size);
    struct state_slab_block *unused = block;
    UNPOISON(block, sizeof *unused);
    unused->next = slab->unused[class];
    slab->unused[class] = unused;
    POISON(block, (class + 1) * STATE_SLAB_UNIT);
}

void state_slab_free(struct state_slab *slab)
{
    while (slab->chunks != NULL) {
        struct state_slab_chunk *next = slab->chunks->next;
        UNPOISON(payload(slab->chunks), slab->chunks->capacity);
        heap_free(slab->chunks);
        slab->chunks = next;
    }
    *slab = (struct state_slab){0};
}
