#include "faults/fault.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

Test(damage, truncation_leaves_the_first_half_as_it_was)
{
    uint8_t bytes[9] = "abcdefgh";
    cr_assert(eq(sz, damage_bytes(DAMAGE_TRUNCATED, bytes, 8), 4));
    cr_assert(eq(int, memcmp(bytes, "abcd", 4), 0));
    cr_assert(eq(sz, damage_bytes(DAMAGE_TRUNCATED, bytes, 1), 0));
    cr_assert(eq(sz, damage_bytes(DAMAGE_EMPTIED, bytes, 8), 0));
}

Test(damage, garbled_bytes_keep_their_length_and_change_in_the_middle_only)
{
    for (size_t size = 1; size <= 200; size++) {
        uint8_t before[200];
        uint8_t bytes[201];
        for (size_t i = 0; i < size; i++) {
            before[i] = bytes[i] = (uint8_t)(i * 7);
        }
        bytes[size] = 0x77;
        cr_assert(eq(sz, damage_bytes(DAMAGE_GARBLED, bytes, size), size));
        cr_assert(ne(int, memcmp(before, bytes, size), 0), "%zu bytes", size);
        cr_assert(eq(u8, bytes[size], 0x77));
        if (size > 40) {
            cr_assert(eq(int, memcmp(before, bytes, 12), 0));
            cr_assert(eq(int, memcmp(before + size - 12, bytes + size - 12, 12), 0));
        }
    }
}

Test(damage, an_empty_file_stays_empty)
{
    uint8_t nothing = 0;
    for (int how = 0; how < (int)DAMAGE_COUNT; how++) {
        cr_assert(eq(sz, damage_bytes((enum damage)how, &nothing, 0), 0));
        cr_assert(gt(sz, strlen(damage_name((enum damage)how)), 3));
    }
}
