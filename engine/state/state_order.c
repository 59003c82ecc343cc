/* A merge sort over (eight bytes of the key, index). Rows of a state are much alike (null bits,
 * offsets, the high bytes of numbers), so the eight are the first positions at which any two keys
 * differ: what lies between them is the same in all and orders nothing. Most comparisons never look
 * at a key. */
#include "engine/state/state_order.h"

#include "engine/base/heap.h"

enum { PREFIX_SIZE = sizeof(uint64_t) };

struct item {
    uint64_t prefix; /* big-endian */
    size_t index;
};

/* The first positions, ascending, within the shortest key at which keys differ; how many. */
static size_t
varying_positions(const struct state_pair *pairs, size_t count, size_t positions[PREFIX_SIZE])
{
    struct bytes first = pairs[0].key;
    size_t shortest = first.size;
    for (size_t i = 1; i < count; i++) {
        shortest = pairs[i].key.size < shortest ? pairs[i].key.size : shortest;
    }
    uint8_t *varies = heap_alloc(shortest + 1);
    for (size_t i = 1; i < count; i++) {
        for (size_t at = 0; at < shortest; at++) {
            varies[at] |= pairs[i].key.data[at] ^ first.data[at];
        }
    }
    size_t found = 0;
    for (size_t at = 0; at < shortest && found < PREFIX_SIZE; at++) {
        if (varies[at] != 0) {
            positions[found++] = at;
        }
    }
    heap_free(varies);
    return found;
}

static uint64_t prefix_of(struct bytes key, const size_t *positions, size_t count)
{
    uint64_t prefix = 0;
    for (size_t i = 0; i < count; i++) {
        prefix = prefix << 8 | key.data[positions[i]];
    }
    return prefix;
}

static bool before(const struct state_pair *pairs, struct item a, struct item b)
{
    if (a.prefix != b.prefix) {
        return a.prefix < b.prefix;
    }
    return bytes_compare(pairs[a.index].key, pairs[b.index].key) < 0;
}

/* [from, middle) and [middle, end) of `in`, both sorted, into `out`. */
static void merge(const struct state_pair *pairs,
                  const struct item *in,
                  struct item *out,
                  const size_t bounds[3])
{
    size_t left = bounds[0];
    size_t right = bounds[1];
    for (size_t at = bounds[0]; at < bounds[2]; at++) {
        bool from_right =
            left == bounds[1] || (right < bounds[2] && before(pairs, in[right], in[left]));
        out[at] = from_right ? in[right++] : in[left++];
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void state_order(struct state_pair *pairs, size_t count)
{
    if (count < 2) {
        return;
    }
    struct item *items = heap_alloc_unset(2 * count * sizeof *items);
    struct item *in = items;
    struct item *out = items + count;
    size_t positions[PREFIX_SIZE];
    size_t varying = varying_positions(pairs, count, positions);
    for (size_t i = 0; i < count; i++) {
        in[i] = (struct item){.prefix = prefix_of(pairs[i].key, positions, varying), .index = i};
    }
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t from = 0; from < count; from += 2 * width) {
            const size_t bounds[3] = {
                from, smaller(from + width, count), smaller(from + 2 * width, count)};
            merge(pairs, in, out, bounds);
        }
        struct item *sorted = out;
        out = in;
        in = sorted;
    }
    struct state_pair *ordered = heap_alloc_unset(count * sizeof *ordered);
    for (size_t i = 0; i < count; i++) {
        ordered[i] = pairs[in[i].index];
    }
    memcpy(pairs, ordered, count * sizeof *pairs);
    heap_free(ordered);
    heap_free(items);
}
