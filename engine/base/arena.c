#include "engine/base/arena.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/poison.h"

enum { ARENA_CHUNK_SIZE = 8192, ARENA_ALIGNMENT = 16, ARENA_SHORT_TEXT = 192 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t capacity;
    /* payload follows, 16-byte aligned */
};

static uint8_t *payload(struct arena_chunk *chunk)
{
    return (uint8_t *)(chunk + 1);
}

static void add_chunk(struct arena *arena, size_t size)
{
    size_t capacity = size > ARENA_CHUNK_SIZE ? size : ARENA_CHUNK_SIZE;
    struct arena_chunk *chunk = heap_alloc_unset(sizeof *chunk + capacity);
    chunk->capacity = capacity;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->used = 0;
    POISON(payload(chunk), capacity);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    require(size <= SIZE_MAX / 4);
    size_t rounded = (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    if (rounded == 0) {
        rounded = ARENA_ALIGNMENT;
    }
    if (arena->chunks == NULL || arena->chunks->capacity - arena->used < rounded) {
        add_chunk(arena, rounded);
    }
    uint8_t *result = payload(arena->chunks) + arena->used;
    arena->used += rounded;
    arena->bytes += rounded;
    UNPOISON(result, size == 0 ? 1 : size);
    memset(result, 0, size);
    require((uintptr_t)result % ARENA_ALIGNMENT == 0);
    return result;
}

void *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
    uint8_t *copy = arena_alloc(arena, size + 1);
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    char short_text[ARENA_SHORT_TEXT]; /* most texts are: formatted once */
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(short_text, sizeof short_text, format, arguments);
    va_end(arguments);
    require(length >= 0);
    if ((size_t)length < sizeof short_text) {
        return arena_copy(arena, short_text, (size_t)length);
    }
    char *text = arena_alloc(arena, (size_t)length + 1);
    va_start(arguments, format);
    int written = vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    require(written == length);
    return text;
}

static void free_chunks(struct arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        UNPOISON(payload(chunk), chunk->capacity);
        heap_free(chunk);
        chunk = next;
    }
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *largest = NULL;
    struct arena_chunk *rest = NULL;
    struct arena_chunk *next = NULL;
    for (struct arena_chunk *chunk = arena->chunks; chunk != NULL; chunk = next) {
        next = chunk->next;
        if (largest == NULL || chunk->capacity > largest->capacity) {
            struct arena_chunk *smaller = largest;
            largest = chunk;
            chunk = smaller;
        }
        if (chunk != NULL) {
            chunk->next = rest;
            rest = chunk;
        }
    }
    free_chunks(rest);
    if (largest != NULL) {
        largest->next = NULL;
        POISON(payload(largest), largest->capacity);
    }
    *arena = (struct arena){.chunks = largest};
}

void arena_free(struct arena *arena)
{
    free_chunks(arena->chunks);
    *arena = (struct arena){0};
}
