#include "engine/base/arena.h"

#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/process.h"

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifdef UNDER_ASAN
#include <sanitizer/asan_interface.h>
#endif

Test(arena, allocations_are_zeroed_aligned_and_apart)
{
    struct arena arena = {0};
    uint8_t *blocks[300];
    for (size_t i = 0; i < 300; i++) {
        blocks[i] = arena_alloc(&arena, i);
        cr_assert(eq(sz, (uintptr_t)blocks[i] % 16, 0));
        for (size_t at = 0; at < i; at++) {
            cr_assert(eq(int, blocks[i][at], 0));
        }
        memset(blocks[i], (int)(i % 251) + 1, i);
    }
    for (size_t i = 0; i < 300; i++) {
        for (size_t at = 0; at < i; at++) {
            cr_assert(eq(int, blocks[i][at], (int)(i % 251) + 1));
        }
    }
    uint8_t *large = arena_alloc(&arena, 100000);
    cr_assert(eq(int, large[99999], 0));
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

Test(arena, texts_are_copied)
{
    struct arena arena = {0};
    char word[] = "offsets";
    char *copy = arena_strdup(&arena, word);
    char *bytes = arena_copy(&arena, word, 3);
    char *format = arena_printf(&arena, "%s/%d", word, 17);
    memset(word, 'x', sizeof word);
    cr_assert(eq(str, copy, "offsets"));
    cr_assert(eq(str, bytes, "off"), "a zero stands behind the bytes");
    cr_assert(eq(str, format, "offsets/17"));
    cr_assert(eq(str, (char *)arena_copy(&arena, NULL, 0), ""));
    arena_free(&arena);
}

Test(arena, a_reset_keeps_one_chunk_and_zeroes_again)
{
    struct arena arena = {0};
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < 40; i++) {
            uint8_t *block = arena_alloc(&arena, 1000);
            cr_assert(eq(int, block[0] + block[999], 0));
            memset(block, 0xff, 1000);
        }
        (void)arena_alloc(&arena, 20000);
        arena_reset(&arena);
        cr_assert(eq(sz, process_host.heap.blocks, 1));
        cr_assert(eq(sz, arena.bytes, 0));
    }
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
    arena_reset(&arena);
    arena_free(&arena);
}

#ifdef UNDER_ASAN
Test(arena, what_outlives_a_reset_is_poison)
{
    struct arena arena = {0};
    uint8_t *block = arena_alloc(&arena, 100);
    cr_assert(not(__asan_address_is_poisoned(block + 99)));
    cr_assert(__asan_address_is_poisoned(block + 100), "behind the block too");
    arena_reset(&arena);
    cr_assert(__asan_address_is_poisoned(block));
    arena_free(&arena);
}
#endif
