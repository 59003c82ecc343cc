/* Memory with an owner. Each block belongs to the process that asked for it; freeing it under
 * another owner stops the program; a killed process' blocks are freed together. The engine never
 * calls malloc. Blocks are zeroed. There is no NULL: beyond the budget of the machine the program
 * stops. */
#ifndef ENGINE_HEAP_H
#define ENGINE_HEAP_H

#include <stddef.h>

struct heap_block;

struct heap {
    struct heap_block *first; /* doubly linked list of all live blocks */
    size_t bytes;             /* live bytes asked for */
    size_t blocks;            /* live blocks */
};

/* `size` zeroed bytes owned by the current process, aligned for any type. Never NULL. */
void *heap_alloc(size_t size);

/* The same, but what the bytes hold is not set: for those who set each byte before they read it. */
void *heap_alloc_unset(size_t size);

/* Resize; new bytes are zeroed. `block` NULL allocates. The current process must own it. */
void *heap_realloc(void *block, size_t size);

/* Free; NULL is allowed. The current process must own it. */
void heap_free(void *block);

/* Free every block of a heap whose owner is dead. Called by owners of processes only. */
void heap_drop(struct heap *heap);

#endif
