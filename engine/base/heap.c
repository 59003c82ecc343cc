#include "engine/base/heap.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/process.h"

/* Real malloc plus a list, in every build, so that sanitizers see use after free. */
struct heap_block {
    struct heap *owner;
    struct heap_block *next;
    struct heap_block *previous;
    size_t size;
};

static_assert(sizeof(struct heap_block) % alignof(max_align_t) == 0, "payload stays aligned");

static struct heap_block *block_of(void *payload)
{
    return (struct heap_block *)payload - 1;
}

static void link_block(struct heap *heap, struct heap_block *block, size_t size)
{
    block->owner = heap;
    block->size = size;
    block->previous = NULL;
    block->next = heap->first;
    if (heap->first != NULL) {
        heap->first->previous = block;
    }
    heap->first = block;
    heap->bytes += size;
    heap->blocks++;
}

static void unlink_block(struct heap *heap, struct heap_block *block)
{
    if (block->previous != NULL) {
        block->previous->next = block->next;
    } else {
        heap->first = block->next;
    }
    if (block->next != NULL) {
        block->next->previous = block->previous;
    }
    heap->bytes -= block->size;
    heap->blocks--;
}

void *heap_alloc(size_t size)
{
    require(size <= SIZE_MAX / 2);
    struct heap_block *block = calloc(1, sizeof *block + size);
    require(block != NULL);
    link_block(&current_process->heap, block, size);
    return block + 1;
}

void *heap_alloc_unset(size_t size)
{
    require(size <= SIZE_MAX / 2);
    struct heap_block *block = malloc(sizeof *block + size);
    require(block != NULL);
    link_block(&current_process->heap, block, size);
    return block + 1;
}

void *heap_realloc(void *payload, size_t size)
{
    if (payload == NULL) {
        return heap_alloc(size);
    }
    require(size <= SIZE_MAX / 2);
    struct heap_block *block = block_of(payload);
    struct heap *heap = &current_process->heap;
    require(block->owner == heap);
    size_t old_size = block->size;
    unlink_block(heap, block);
    block = realloc(block, sizeof *block + size);
    require(block != NULL);
    link_block(heap, block, size);
    if (size > old_size) {
        memset((uint8_t *)(block + 1) + old_size, 0, size - old_size);
    }
    return block + 1;
}

void heap_free(void *payload)
{
    if (payload == NULL) {
        return;
    }
    struct heap_block *block = block_of(payload);
    require(block->owner == &current_process->heap);
    unlink_block(&current_process->heap, block);
    free(block);
}

void heap_drop(struct heap *heap)
{
    while (heap->first != NULL) {
        struct heap_block *block = heap->first;
        require(block->previous == NULL);
        unlink_block(heap, block);
        free(block);
    }
    require(heap->bytes == 0);
    require(heap->blocks == 0);
}
