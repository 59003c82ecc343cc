/* Memory by lifetime: many allocations, one release. An arena belongs to a process, a batch or a
 * task and dies with it; nothing in it is freed singly. Reset poisons the memory under
 * AddressSanitizer. */
#ifndef ENGINE_ARENA_H
#define ENGINE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t used;                /* bytes used of the newest chunk */
    size_t bytes;               /* handed out since the last reset */
};

/* A zeroed struct arena is a valid empty arena; no init is needed. */

/* `size` zeroed bytes, 16-byte aligned, until reset or free. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of `size` bytes, plus a zero byte behind them. */
void *arena_copy(struct arena *arena, const void *bytes, size_t size);

char *arena_strdup(struct arena *arena, const char *text);

/* Formatted text. No %f or %g of values that reach a file (locale); see engine/base/buf.h. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Forget everything; keeps the largest chunk for the next round. */
void arena_reset(struct arena *arena);

/* Give all memory back to the heap. The arena is then empty and usable. */
void arena_free(struct arena *arena);

#endif
