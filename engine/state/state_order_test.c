#include "engine/state/state_order.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"

enum { COUNT = 3000, KEY_MAX = 24 };

static uint8_t bytes[COUNT][KEY_MAX];
static struct state_pair pairs[COUNT];

/* Sort and look at each neighbour with what the order is defined by. */
static void sort_and_check(size_t count)
{
    state_order(pairs, count);
    for (size_t i = 1; i < count; i++) {
        cr_assert(lt(int, bytes_compare(pairs[i - 1].key, pairs[i].key), 0), "at %zu", i);
    }
}

/* Keys that agree but at some positions, in more of them than a prefix holds, of several sizes:
 * each pair is different by its own number. */
static void fill(uint64_t seed, size_t count, size_t size_min)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t draw = hash_chain(seed, i);
        size_t size = size_min + (size_t)(draw % (KEY_MAX - size_min + 1));
        memset(bytes[i], 7, KEY_MAX);
        for (size_t at = 4; at < KEY_MAX; at += 2) {
            bytes[i][at] = (uint8_t)(hash_chain(draw, at) % (seed % 3 + 1));
        }
        bytes[i][size - 2] = (uint8_t)(i >> 8);
        bytes[i][size - 1] = (uint8_t)i;
        pairs[i].key = bytes_of(bytes[i], size);
    }
}

static size_t without_equals(size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        for (size_t j = 0; j < kept && !seen; j++) {
            seen = bytes_compare(pairs[j].key, pairs[i].key) == 0;
        }
        if (!seen) {
            pairs[kept++] = pairs[i];
        }
    }
    return kept;
}

Test(state_order, keys_of_many_sizes)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fill(seed, 800, 2);
        sort_and_check(without_equals(800));
    }
}

Test(state_order, keys_of_one_size_that_differ_far_behind)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fill(seed, COUNT, KEY_MAX);
        sort_and_check(COUNT);
    }
}

Test(state_order, one_is_a_prefix_of_the_other)
{
    static const char text[] = "abcabcabcabc";
    for (size_t i = 0; i < sizeof text; i++) {
        pairs[i].key = bytes_of(text, sizeof text - 1 - i);
    }
    sort_and_check(sizeof text); /* the empty key first */
    cr_assert(eq(sz, pairs[0].key.size, 0));
}

Test(state_order, none_and_one)
{
    state_order(pairs, 0);
    pairs[0].key = bytes_of("x", 1);
    state_order(pairs, 1);
    cr_assert(eq(sz, pairs[0].key.size, 1));
}
