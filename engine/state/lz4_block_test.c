#include "engine/state/lz4_block.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <xxhash.h>

#include "engine/base/process.h"

/* spark-checkpoint 1.7: an empty delta as Spark wrote it. */
static const uint8_t empty_delta[] =
    "LZ4Block\x15\x04\0\0\0\x04\0\0\0\xdb\x80\x4d\x08\xff\xff\xff\xff"
    "LZ4Block\x15\0\0\0\0\0\0\0\0\0\0\0\0";
enum { EMPTY_DELTA_SIZE = sizeof empty_delta - 1 };

static struct arena arena;

static void end(void)
{
    lz4_block_set_raw(false);
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(lz4_block, .fini = end);

Test(lz4_block, four_bytes_are_encoded_as_spark_does)
{
    struct buf out = {0};
    lz4_block_encode(bytes_of("\xff\xff\xff\xff", 4), &out);
    cr_assert(eq(sz, EMPTY_DELTA_SIZE, 46));
    cr_assert(bytes_equal(buf_bytes(&out), bytes_of(empty_delta, EMPTY_DELTA_SIZE)));
    buf_free(&out);
}

Test(lz4_block, what_spark_wrote_is_decoded)
{
    struct bytes content;
    enum status status =
        lz4_block_decode(bytes_of(empty_delta, EMPTY_DELTA_SIZE), &arena, &content);
    cr_assert(eq(int, status, OK));
    cr_assert(bytes_equal(content, bytes_of("\xff\xff\xff\xff", 4)));
}

/* Easy to compress, or not at all. */
static struct bytes sample(size_t size, bool easy)
{
    uint8_t *data = arena_alloc(&arena, size + 1);
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        data[i] = easy ? (uint8_t)(i / 100) : (uint8_t)(state >> 24);
    }
    return bytes_of(data, size);
}

static void check_round_trip(size_t size, bool easy)
{
    struct buf out = {0};
    struct bytes content;
    struct bytes original = sample(size, easy);
    lz4_block_encode(original, &out);
    cr_assert(eq(int, lz4_block_decode(buf_bytes(&out), &arena, &content), OK));
    cr_assert(bytes_equal(content, original), "%zu bytes", size);
    size_t blocks = (size + 32767) / 32768;
    cr_assert(le(sz, out.size, size + 21 * (blocks + 1))); /* raw when it does not shrink */
    if (easy && size > 1000) {
        cr_assert(lt(sz, out.size, size / 2));
    }
    buf_free(&out);
}

Test(lz4_block, every_size_around_a_block_comes_back)
{
    static const size_t sizes[] = {0, 1, 12, 13, 100, 32767, 32768, 32769, 65536, 100001};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int raw = 0; raw < 2; raw++) {
            lz4_block_set_raw(raw == 1 && sizes[i] <= 1000);
            check_round_trip(sizes[i], true);
            check_round_trip(sizes[i], false);
        }
    }
}

Test(lz4_block, streams_may_follow_each_other)
{
    struct buf out = {0};
    struct bytes content;
    lz4_block_encode(bytes_of_text("one, "), &out);
    lz4_block_encode(bytes_of_text(""), &out);
    lz4_block_encode(bytes_of_text("two"), &out);
    cr_assert(eq(int, lz4_block_decode(buf_bytes(&out), &arena, &content), OK));
    cr_assert(bytes_equal_text(content, "one, two"));
    buf_free(&out);
}

static enum status decode_changed(struct bytes file, size_t at, uint8_t byte)
{
    uint8_t *copy = arena_copy(&arena, file.data, file.size);
    struct bytes content;
    copy[at] = byte;
    return lz4_block_decode(bytes_of(copy, file.size), &arena, &content);
}

Test(lz4_block, every_cut_and_every_changed_byte_is_noticed)
{
    struct buf out = {0};
    struct bytes content;
    lz4_block_encode(sample(300, true), &out);
    struct bytes file = buf_bytes(&out);
    for (size_t size = 0; size < file.size; size++) {
        enum status status = lz4_block_decode(bytes_of(file.data, size), &arena, &content);
        cr_assert(eq(int, status, ERR_CORRUPT), "cut at %zu", size);
        cr_assert(eq(sz, content.size, 0));
    }
    for (size_t at = 0; at < file.size; at++) {
        enum status status = decode_changed(file, at, file.data[at] ^ 0x40);
        /* The level is only a bound, and here the higher one holds as well. */
        bool level = at == 8 || at == file.size - 13;
        cr_assert(level || status == ERR_CORRUPT, "byte %zu", at);
    }
    buf_free(&out);
}

Test(lz4_block, garbage_behind_the_end_is_refused)
{
    struct buf out = {0};
    struct bytes content;
    lz4_block_encode(sample(300, true), &out);
    buf_byte(&out, 0);
    cr_assert(eq(int, lz4_block_decode(buf_bytes(&out), &arena, &content), ERR_CORRUPT));
    buf_free(&out);
}

static void put_block(struct buf *out, uint8_t token, uint32_t size, uint32_t original)
{
    buf_text(out, "LZ4Block");
    buf_byte(out, token);
    buf_le32(out, size);
    buf_le32(out, original);
    buf_le32(out, 0);
}

/* Sizes that lie: a huge original behind a few bytes, negative numbers, more than a block holds. */
Test(lz4_block, sizes_that_lie_cost_no_memory)
{
    static const struct {
        uint8_t token;
        uint32_t size;
        uint32_t original;
    } lies[] = {{0x2f, 4, 32 << 20},
                {0x1f, 4, 32 << 20},
                {0x25, 4, 32769},
                {0x25, 0xffffffff, 100},
                {0x25, 4, 0xffffffff},
                {0x15, 3, 4},
                {0x35, 4, 4},
                {0x25, 0, 0x7fff},
                {0x15, 4, 0}};
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct buf out = {0};
        struct bytes content;
        put_block(&out, lies[i].token, lies[i].size, lies[i].original);
        buf_le32(&out, 0);
        enum status status = lz4_block_decode(buf_bytes(&out), &arena, &content);
        cr_assert(eq(int, status, ERR_CORRUPT), "lie %zu", i);
        buf_free(&out);
    }
    cr_assert(lt(sz, arena.bytes, 1024));
}

Test(lz4_block, mutated_files_are_refused_or_read_and_memory_stays_bounded)
{
    struct buf out = {0};
    uint32_t state = 7;
    size_t read = 0;
    lz4_block_encode(sample(5000, true), &out);
    lz4_block_encode(sample(500, false), &out);
    for (size_t round = 0; round < 20000; round++) {
        struct arena scratch = {0};
        struct bytes content;
        uint8_t *copy = arena_copy(&scratch, out.data, out.size);
        size_t used = scratch.bytes;
        for (size_t i = 0; i <= round % 4; i++) {
            state = state * 1664525 + 1013904223;
            copy[(state >> 8) % out.size] = (uint8_t)(state >> 24);
        }
        size_t size = round % 8 == 0 ? (state >> 4) % out.size : out.size;
        read += lz4_block_decode(bytes_of(copy, size), &scratch, &content) == OK;
        cr_assert(le(sz, scratch.bytes - used, 6000));
        arena_free(&scratch);
    }
    cr_assert(lt(sz, read, 1000));
    buf_free(&out);
}
