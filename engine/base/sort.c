#include "engine/base/sort.h"

#include <stdint.h>
#include <string.h>

#include "engine/base/check.h"

static void swap_items(uint8_t *a, uint8_t *b, size_t size)
{
    uint8_t part[64];
    while (size > 0) {
        size_t step = size < sizeof part ? size : sizeof part;
        memcpy(part, a, step);
        memcpy(a, b, step);
        memcpy(b, part, step);
        a += step;
        b += step;
        size -= step;
    }
}

/* Let the item at `root` sink until both items below it are smaller; `count` items form the heap.
 */
static void sift_down(uint8_t *items, size_t root, size_t count, size_t size, sort_compare compare)
{
    while (root < count / 2) {
        size_t child = 2 * root + 1;
        if (child + 1 < count && compare(items + child * size, items + (child + 1) * size) < 0) {
            child++;
        }
        if (compare(items + root * size, items + child * size) >= 0) {
            return;
        }
        swap_items(items + root * size, items + child * size, size);
        root = child;
    }
}

void sort_items(void *items, size_t count, size_t size, sort_compare compare)
{
    require(size > 0);
    for (size_t root = count / 2; root > 0; root--) {
        sift_down(items, root - 1, count, size, compare);
    }
    for (size_t left = count; left > 1; left--) {
        uint8_t *first = items;
        swap_items(first, first + (left - 1) * size, size);
        sift_down(first, 0, left - 1, size, compare);
    }
}
