#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"
#include "sim/check/thrift_reader.h"

Test(thrift_reader, fields_of_a_struct)
{
    /* 1: i32 -3; 2: true; 20: binary "ab"; 21: list of two i64; 22: struct {1: i8 9} */
    static const uint8_t bytes[] = {0x15,
                                    0x05,
                                    0x11,
                                    0x08,
                                    0x28,
                                    0x02,
                                    'a',
                                    'b',
                                    0x19,
                                    0x26,
                                    0x02,
                                    0x04,
                                    0x1c,
                                    0x13,
                                    9,
                                    0x00,
                                    0x00,
                                    0xff};
    struct cursor cursor = cursor_of(bytes_of(bytes, sizeof bytes));
    struct compact_fields fields = {.cursor = &cursor};
    cr_assert(compact_next(&fields));
    cr_assert(eq(int, fields.id, 1));
    cr_assert(eq(i64, compact_integer(&fields), -3));
    cr_assert(compact_next(&fields));
    cr_assert(eq(int, fields.id, 2));
    cr_assert(eq(int, fields.type, COMPACT_TRUE));
    cr_assert(compact_next(&fields));
    cr_assert(eq(int, fields.id, 20));
    cr_assert(bytes_equal_text(compact_binary(&fields), "ab"));
    cr_assert(compact_next(&fields));
    cr_assert(eq(int, fields.id, 21));
    cr_assert(eq(sz, compact_list(&fields, COMPACT_I64), 2));
    cr_assert(eq(i64, cursor_zigzag(&cursor), 1));
    cr_assert(eq(i64, cursor_zigzag(&cursor), 2));
    cr_assert(compact_next(&fields));
    cr_assert(eq(int, fields.type, COMPACT_STRUCT));
    compact_skip(&cursor, fields.type);
    cr_assert(not(compact_next(&fields)));
    cr_assert(not(cursor.failed));
    cr_assert(eq(sz, cursor_left(&cursor), 1));
}

Test(thrift_reader, unknown_fields_of_every_type_are_skipped)
{
    /* 1: map i32 -> {1: list of bool}; 2: set of double; 3: map without entries; 4: i16 */
    static const uint8_t bytes[] = {0x1b, 0x02, 0x5c, 0x02, 0x19, 0x21, 0x01, 0x02, 0x00,
                                    0x04, 0x00, 0x1a, 0x17, 1,    2,    3,    4,    5,
                                    6,    7,    8,    0x1b, 0x00, 0x14, 0x0e, 0x00};
    struct cursor cursor = cursor_of(bytes_of(bytes, sizeof bytes));
    struct compact_fields fields = {.cursor = &cursor};
    int16_t count = 0;
    while (compact_next(&fields)) {
        cr_assert(eq(int, fields.id, ++count));
        if (count < 4) {
            compact_skip(&cursor, fields.type);
        } else {
            cr_assert(eq(i64, compact_integer(&fields), 7));
        }
    }
    cr_assert(not(cursor.failed));
    cr_assert(eq(int, count, 4));
    cr_assert(eq(sz, cursor_left(&cursor), 0));
}

Test(thrift_reader, what_cannot_be_is_a_failure)
{
    static const struct {
        uint8_t bytes[8];
        size_t size;
    } cases[] = {
        {{0x18, 0x7f, 'a'}, 3},                    /* a text longer than the bytes */
        {{0x19, 0xf6, 0xff, 0x7f}, 4},             /* more elements than bytes */
        {{0x1d, 0x00}, 2},                         /* no such type */
        {{0x1b, 0xff, 0xff, 0xff, 0x0f, 0x55}, 6}, /* a map larger than the bytes */
        {{0x1c, 0x1c, 0x1c}, 3},                   /* structs without end */
        {{0x15}, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cursor cursor = cursor_of(bytes_of(cases[i].bytes, cases[i].size));
        struct compact_fields fields = {.cursor = &cursor};
        while (compact_next(&fields)) {
            compact_skip(&cursor, fields.type);
        }
        cr_expect(cursor.failed, "%zu", i);
    }
}

Test(thrift_reader, deep_or_random_bytes_end)
{
    uint8_t bytes[4096];
    memset(bytes, 0x1c, sizeof bytes);
    struct cursor deep = cursor_of(bytes_of(bytes, sizeof bytes));
    compact_skip(&deep, COMPACT_STRUCT);
    cr_assert(deep.failed);
    for (uint64_t round = 0; round < 100000; round++) {
        for (size_t i = 0; i < 64; i += 8) {
            uint64_t draw = hash_chain(round, i);
            memcpy(bytes + i, &draw, 8);
        }
        struct cursor cursor = cursor_of(bytes_of(bytes, 64));
        compact_skip(&cursor, COMPACT_STRUCT + (int)(round % 2) - 1);
        cr_assert(cursor.at <= 64);
    }
}
