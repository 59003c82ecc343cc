/* Sorting in place without memory of its own (glibc's qsort may allocate). The result is the same
 * everywhere only if `compare` is a total order: no two different items may compare equal. */
#ifndef ENGINE_SORT_H
#define ENGINE_SORT_H

#include <stddef.h>

/* Negative, zero, positive as *a is before, equal to, behind *b. */
typedef int (*sort_compare)(const void *a, const void *b);

/* Sort `count` items of `size` bytes each, ascending. Heap sort: O(n log n) always, not stable. */
void sort_items(void *items, size_t count, size_t size, sort_compare compare);

#endif
