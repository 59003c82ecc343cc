#include "engine/source/initial_offsets.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct arena arena;
static struct diag diag;

static enum status decode(const void *bytes, size_t size, struct offsets *offsets)
{
    diag = (struct diag){0};
    return initial_offsets_decode(&arena, "/c/sources/0/0", bytes_of(bytes, size), offsets, &diag);
}

/* 00 'v' '1' 0A and the JSON, nothing behind it. */
Test(initial_offsets, golden_bytes)
{
    static const char golden[] = "\0v1\n{\"flights\":{\"0\":0,\"1\":17}}";
    struct partition_offset entries[] = {{0, 0}, {1, 17}};
    struct offsets offsets = {.topic = "flights", .entries = entries, .count = 2};
    struct buf out = {0};
    initial_offsets_encode(&offsets, &out);
    cr_assert(eq(sz, out.size, sizeof golden - 1));
    cr_assert(eq(int, memcmp(out.data, golden, out.size), 0));
    buf_free(&out);

    struct offsets back;
    cr_assert(eq(int, decode(golden, sizeof golden - 1, &back), OK));
    cr_assert(eq(str, back.topic, "flights"));
    cr_assert(eq(i64, offsets_get(&back, 1), 17));
    cr_assert(eq(int, diag.file[0], 0));
}

/* Spark 2.1.0: one length byte (here 32, as in Spark's fixture), then JSON. */
Test(initial_offsets, reads_spark_2_1)
{
    static const char old[] = "\x32{\"kafka-initial-offset-2-1-0\":{\"2\":0,\"1\":5,\"0\":0}}";
    struct offsets offsets;
    cr_assert(eq(int, decode(old, sizeof old - 1, &offsets), OK));
    cr_assert(eq(i64, offsets_get(&offsets, 1), 5));
}

Test(initial_offsets, refuses_other_bytes_and_names_the_file)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {{"", 0}, {"\0", 1}, {"\0v", 2}, {"\0v2\n{\"t\":{}}", 12}, {"\0v1\n", 4}, {"\0x", 2}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct offsets offsets;
        cr_assert(eq(int, decode(bad[i].bytes, bad[i].size, &offsets), ERR_FAILED));
        cr_assert(eq(str, diag.error_class, "CORRUPT_OFFSETS"));
        cr_assert(eq(str, diag.file, "/c/sources/0/0"));
    }
}
