#include "engine/base/heap.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/process.h"

static void
trap(struct process *self, const char *file, int line, const char *function, const char *text)
{
    (void)raise(SIGTRAP); /* a signal of its own, so that a stray crash is no success */
    __builtin_trap();
}

Test(heap, blocks_are_zeroed_counted_and_grow)
{
    struct heap *heap = &process_host.heap;
    uint8_t *block = heap_alloc(100);
    for (int i = 0; i < 100; i++) {
        cr_assert(eq(int, block[i], 0));
    }
    cr_assert(eq(sz, (uintptr_t)block % 16, 0));
    memset(block, 7, 100);
    uint8_t *other = heap_alloc(0);
    cr_assert(eq(sz, heap->bytes, 100));
    cr_assert(eq(sz, heap->blocks, 2));
    block = heap_realloc(block, 4000);
    for (int i = 0; i < 4000; i++) {
        cr_assert(eq(int, block[i], i < 100 ? 7 : 0));
    }
    cr_assert(eq(sz, heap->bytes, 4000));
    block = heap_realloc(block, 10);
    cr_assert(eq(sz, heap->bytes, 10));
    cr_assert(eq(int, block[9], 7));
    heap_free(other);
    heap_free(block);
    heap_free(NULL);
    block = heap_realloc(NULL, 5);
    cr_assert(eq(sz, heap->blocks, 1));
    heap_free(block);
    cr_assert(eq(sz, heap->bytes, 0));
    cr_assert(eq(sz, heap->blocks, 0));
}

Test(heap, a_dead_owners_blocks_go_together)
{
    struct process owner = {.name = "owner", .panic = trap};
    uint8_t *mine = heap_alloc(10);
    current_process = &owner;
    for (size_t i = 0; i < 100; i++) {
        (void)heap_alloc(i);
    }
    cr_assert(eq(sz, owner.heap.blocks, 100));
    cr_assert(eq(sz, owner.heap.bytes, 4950));
    current_process = &process_host;
    heap_drop(&owner.heap);
    cr_assert(eq(sz, owner.heap.blocks, 0));
    cr_assert(eq(sz, process_host.heap.blocks, 1));
    heap_free(mine);
}

Test(heap, freeing_under_another_owner_stops_the_program, .signal = SIGTRAP)
{
    struct process owner = {.name = "owner", .panic = trap};
    void *block = heap_alloc(10);
    current_process = &owner;
    heap_free(block);
}

Test(heap, resizing_under_another_owner_stops_the_program, .signal = SIGTRAP)
{
    struct process owner = {.name = "owner", .panic = trap};
    void *block = heap_alloc(10);
    current_process = &owner;
    (void)heap_realloc(block, 20);
}
