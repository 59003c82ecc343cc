#include "engine/base/sort.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"

struct item {
    uint64_t key;
    char filling[93]; /* more than one piece of the swap */
};

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const struct item *)a)->key;
    uint64_t y = ((const struct item *)b)->key;
    return (x > y) - (x < y);
}

Test(sort, every_small_count_comes_out_ascending_and_whole)
{
    for (size_t count = 0; count < 70; count++) {
        struct item items[70] = {0};
        for (size_t i = 0; i < count; i++) {
            /* 1 .. count in a drawn order: multiplication by 71, a prime, permutes. */
            items[i].key = (i * 71 + 13) % count + 1;
            items[i].filling[92] = (char)items[i].key;
        }
        sort_items(items, count, sizeof items[0], by_key);
        for (size_t i = 0; i < count; i++) {
            cr_assert(eq(u64, items[i].key, i + 1));
            cr_assert(eq(chr, items[i].filling[92], (char)(i + 1)));
        }
    }
}

Test(sort, equal_keys_do_no_harm)
{
    struct item items[50] = {0};
    for (size_t i = 0; i < 50; i++) {
        items[i].key = hash_mix64(i) % 3;
    }
    sort_items(items, 50, sizeof items[0], by_key);
    for (size_t i = 1; i < 50; i++) {
        cr_assert(le(u64, items[i - 1].key, items[i].key));
    }
}
