#include "engine/base/buf.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"
#include "engine/base/process.h"

static void expect_bytes(const struct buf *buf, const void *bytes, size_t size)
{
    cr_assert(eq(sz, buf->size, size));
    cr_assert(bytes_equal(buf_bytes(buf), bytes_of(bytes, size)));
}

Test(buf, grows_and_keeps_its_content)
{
    struct buf buf = {0};
    for (int i = 0; i < 10000; i++) {
        buf_byte(&buf, (uint8_t)i);
    }
    for (size_t i = 0; i < 10000; i++) {
        cr_assert(eq(int, buf.data[i], (uint8_t)i));
    }
    size_t capacity = buf.capacity;
    buf_clear(&buf);
    cr_assert(eq(sz, buf.size, 0));
    cr_assert(eq(sz, buf.capacity, capacity));
    buf_free(&buf);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

Test(buf, integers_stand_in_their_byte_order)
{
    struct buf buf = {0};
    buf_le32(&buf, 0x01020304);
    buf_be32(&buf, 0x01020304);
    buf_le64(&buf, UINT64_C(0x0102030405060708));
    buf_be64(&buf, UINT64_C(0x0102030405060708));
    expect_bytes(&buf,
                 "\x04\x03\x02\x01\x01\x02\x03\x04"
                 "\x08\x07\x06\x05\x04\x03\x02\x01\x01\x02\x03\x04\x05\x06\x07\x08",
                 24);
    struct cursor cursor = cursor_of(buf_bytes(&buf));
    cr_assert(eq(u32, cursor_le32(&cursor), 0x01020304));
    cr_assert(eq(u32, cursor_be32(&cursor), 0x01020304));
    cr_assert(eq(u64, cursor_le64(&cursor), UINT64_C(0x0102030405060708)));
    cr_assert(eq(u64, cursor_be64(&cursor), UINT64_C(0x0102030405060708)));
    cr_assert(not(cursor.failed));
    cr_assert(eq(sz, cursor_left(&cursor), 0));
    buf_free(&buf);
}

Test(buf, variable_length_integers_as_thrift_and_parquet_write_them)
{
    struct buf buf = {0};
    buf_varint(&buf, 0);
    buf_varint(&buf, 127);
    buf_varint(&buf, 300);
    buf_varint(&buf, UINT64_MAX);
    buf_zigzag(&buf, -1);
    buf_zigzag(&buf, 1);
    buf_zigzag(&buf, INT64_MIN);
    expect_bytes(&buf,
                 "\x00\x7f\xac\x02"
                 "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                 "\x01\x02"
                 "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                 26);
    struct cursor cursor = cursor_of(buf_bytes(&buf));
    cr_assert(eq(u64, cursor_varint(&cursor), 0));
    cr_assert(eq(u64, cursor_varint(&cursor), 127));
    cr_assert(eq(u64, cursor_varint(&cursor), 300));
    cr_assert(eq(u64, cursor_varint(&cursor), UINT64_MAX));
    cr_assert(eq(i64, cursor_zigzag(&cursor), -1));
    cr_assert(eq(i64, cursor_zigzag(&cursor), 1));
    cr_assert(eq(i64, cursor_zigzag(&cursor), INT64_MIN));
    cr_assert(not(cursor.failed));
    buf_clear(&buf);
    for (uint64_t i = 0; i < 1000; i++) {
        buf_zigzag(&buf, (int64_t)hash_mix64(i) >> (i % 64));
    }
    cursor = cursor_of(buf_bytes(&buf));
    for (uint64_t i = 0; i < 1000; i++) {
        cr_assert(eq(i64, cursor_zigzag(&cursor), (int64_t)hash_mix64(i) >> (i % 64)));
    }
    buf_free(&buf);
}

Test(buf, doubles_keep_their_bits)
{
    struct buf buf = {0};
    buf_double(&buf, -0.1);
    expect_bytes(&buf, "\x9a\x99\x99\x99\x99\x99\xb9\xbf", 8);
    struct cursor cursor = cursor_of(buf_bytes(&buf));
    cr_assert(eq(dbl, cursor_double(&cursor), -0.1));
    buf_free(&buf);
}

Test(buf, text_and_json)
{
    struct buf buf = {0};
    buf_text(&buf, "a");
    buf_printf(&buf, "%d-%s", 7, "b");
    expect_bytes(&buf, "a7-b", 4);
    buf_clear(&buf);
    buf_json_string(&buf, bytes_of("q\"b\\n\nr\rt\tz\x01\x1f\xc3\xa9\x00", 16));
    const char *json = "\"q\\\"b\\\\n\\nr\\rt\\tz\\u0001\\u001f\xc3\xa9\\u0000\"";
    expect_bytes(&buf, json, strlen(json));
    buf_free(&buf);
}

Test(cursor, never_reads_past_the_end_and_stays_failed)
{
    struct cursor cursor = cursor_of(bytes_of("\x01\x02\x03", 3));
    cr_assert(eq(u32, cursor_le32(&cursor), 0));
    cr_assert(cursor.failed);
    cr_assert(eq(int, cursor_byte(&cursor), 0), "even though bytes are left");
    cr_assert(cursor.failed);
    cursor = cursor_of(bytes_of("abc", 3));
    cr_assert(bytes_equal_text(cursor_take(&cursor, 3), "abc"));
    cr_assert(not(cursor.failed));
    cr_assert(eq(sz, cursor_take(&cursor, UINT64_MAX).size, 0));
    cr_assert(cursor.failed);
    cursor = cursor_of((struct bytes){0});
    cr_assert(eq(u64, cursor_varint(&cursor), 0));
    cr_assert(cursor.failed);
}

Test(cursor, refuses_overlong_variable_length_integers)
{
    struct cursor cursor = cursor_of(bytes_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
    (void)cursor_varint(&cursor);
    cr_assert(cursor.failed, "65 bits");
    cursor = cursor_of(bytes_of("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11));
    (void)cursor_varint(&cursor);
    cr_assert(cursor.failed, "11 bytes");
    cursor = cursor_of(bytes_of("\x80\x80", 2));
    (void)cursor_varint(&cursor);
    cr_assert(cursor.failed, "unfinished");
}

Test(bytes, compare_as_unsigned_and_by_length)
{
    cr_assert(lt(int, bytes_compare(bytes_of_text("a"), bytes_of_text("b")), 0));
    cr_assert(lt(int, bytes_compare(bytes_of_text("a"), bytes_of_text("aa")), 0));
    cr_assert(gt(int, bytes_compare(bytes_of_text("\xff"), bytes_of_text("a")), 0));
    cr_assert(eq(int, bytes_compare(bytes_of(NULL, 0), bytes_of_text("")), 0));
    cr_assert(bytes_equal(bytes_of(NULL, 0), bytes_of_text("")));
    cr_assert(not(bytes_equal_text(bytes_of_text("ab"), "a")));
}
