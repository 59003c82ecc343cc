#include "engine/sink/thrift.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static void expect_bytes(struct buf *out, const void *bytes, size_t size)
{
    cr_assert(eq(sz, out->size, size));
    cr_assert(eq(int, memcmp(out->data, bytes, size), 0));
    buf_free(out);
}

Test(thrift, scalars_and_id_differences)
{
    struct buf out = {0};
    struct thrift thrift = thrift_begin(&out);
    thrift_i32(&thrift, 1, 24);
    thrift_i64(&thrift, 3, -1);
    thrift_bool(&thrift, 4, true);
    thrift_bool(&thrift, 5, false);
    thrift_text(&thrift, 20, "ab"); /* 15 further: still in the header byte */
    thrift_i32(&thrift, 36, 0);     /* 16 further: the id itself follows, zigzag */
    thrift_end(&thrift);
    expect_bytes(&out,
                 "\x15\x30\x26\x01\x11\x12\xf8\x02"
                 "ab\x05\x48\x00\x00",
                 14);
}

Test(thrift, nested_structs_count_ids_on_their_own)
{
    struct buf out = {0};
    struct thrift thrift = thrift_begin(&out);
    thrift_i32(&thrift, 4, 1);
    thrift_struct(&thrift, 5);
    thrift_i32(&thrift, 1, 2);
    thrift_empty_struct(&thrift, 2);
    thrift_end(&thrift);
    thrift_i32(&thrift, 6, 3);
    thrift_end(&thrift);
    expect_bytes(&out, "\x45\x02\x1c\x15\x04\x1c\x00\x00\x15\x06\x00", 11);
}

Test(thrift, lists_short_and_long)
{
    struct buf out = {0};
    struct thrift thrift = thrift_begin(&out);
    thrift_list(&thrift, 1, THRIFT_I32, 14);
    for (int i = 0; i < 14; i++) {
        thrift_element_i32(&thrift, 0);
    }
    thrift_list(&thrift, 2, THRIFT_BINARY, 15);
    for (int i = 0; i < 15; i++) {
        thrift_element_text(&thrift, "");
    }
    thrift_end(&thrift);
    uint8_t expected[2 + 14 + 3 + 15 + 1] = {0x19, 0xe5};
    expected[16] = 0x19;
    expected[17] = 0xf8;
    expected[18] = 15;
    expect_bytes(&out, expected, sizeof expected);
}
