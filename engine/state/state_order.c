/* A merge sort over (eight bytes of the key, index): rows of a state begin alike (the null bits,
 * the offsets of an UnsafeRow), so the eight bytes are taken from behind what all keys have in
 * common, and most comparisons never look at a key. */
#include "engine/state/state_order.h"

#include "engine/base/heap.h"

struct item {
    uint64_t prefix; /* big-endian; a shorter key is filled up with zeros */
    size_t index;
};

static size_t common_size(const struct state_pair *pairs, size_t count)
{
    struct bytes first = pairs[0].key;
    size_t common = first.size;
    for (size_t i = 1; i < count; i++) {
        struct bytes key = pairs[i].key;
        common = common < key.size ? common : key.size;
        size_t same = 0;
        while (same < common && key.data[same] == first.data[same]) {
            same++;
        }
        common = same;
    }
    return common;
}

static uint64_t prefix_of(struct bytes key, size_t from)
{
    uint64_t prefix = 0;
    for (size_t i = 0; i < sizeof prefix; i++) {
        uint8_t byte = from + i < key.size ? key.data[from + i] : 0;
        prefix = prefix << 8 | byte;
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
    size_t common = common_size(pairs, count);
    for (size_t i = 0; i < count; i++) {
        in[i] = (struct item){.prefix = prefix_of(pairs[i].key, common), .index = i};
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
