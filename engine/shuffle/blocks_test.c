/* The rows of a block. Its file needs a disk: sim/fakes/blocks_test.c. */
#include "engine/shuffle/blocks.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"

struct heard {
    struct buf text;
    size_t rows;
    size_t stop_at; /* 0: never */
};

static enum status hear(void *context, struct bytes key, struct bytes buffer)
{
    struct heard *heard = context;
    heard->rows++;
    buf_printf(&heard->text,
               "%.*s=%.*s;",
               (int)key.size,
               (const char *)key.data,
               (int)buffer.size,
               (const char *)buffer.data);
    return heard->rows == heard->stop_at ? ERR_FAILED : OK;
}

static struct bytes text(const char *words)
{
    return bytes_of_text(words);
}

Test(blocks, rows_come_back_in_order)
{
    struct buf block = {0};
    struct heard heard = {0};
    block_add(&block, text("a"), text("1"));
    block_add(&block, text(""), text("none"));
    block_add(&block, text("b"), text(""));
    cr_assert(eq(int, block_each(buf_bytes(&block), hear, &heard), OK));
    buf_byte(&heard.text, 0);
    cr_assert(eq(str, (char *)heard.text.data, "a=1;=none;b=;"));
    buf_free(&heard.text);
    buf_free(&block);
}

Test(blocks, a_block_of_no_rows_is_empty)
{
    struct heard heard = {0};
    cr_assert(eq(int, block_each((struct bytes){0}, hear, &heard), OK));
    cr_assert(eq(sz, heard.rows, 0));
}

Test(blocks, who_reads_may_end_it)
{
    struct buf block = {0};
    struct heard heard = {.stop_at = 2};
    for (int i = 0; i < 5; i++) {
        block_add(&block, text("k"), text("v"));
    }
    cr_assert(eq(int, block_each(buf_bytes(&block), hear, &heard), ERR_FAILED));
    cr_assert(eq(sz, heard.rows, 2));
    buf_free(&heard.text);
    buf_free(&block);
}

Test(blocks, a_block_that_is_cut_is_corrupt)
{
    struct buf block = {0};
    block_add(&block, text("key"), text("buffer"));
    for (size_t size = 1; size < block.size; size++) {
        struct heard heard = {0};
        /* A copy of exactly this size: whatever is read behind it is seen by the sanitizer. */
        struct arena arena = {0};
        const void *cut = arena_copy(&arena, block.data, size);
        cr_assert(eq(int, block_each(bytes_of(cut, size), hear, &heard), ERR_CORRUPT));
        cr_assert(eq(sz, heard.rows, 0));
        buf_free(&heard.text);
        arena_free(&arena);
    }
    buf_free(&block);
}

static enum status count(void *context, struct bytes key, struct bytes buffer)
{
    size_t *bytes = context;
    *bytes += key.size + buffer.size;
    return OK;
}

Test(blocks, hostile_bytes_end_in_ok_or_corrupt_and_are_not_read_past)
{
    size_t ok = 0;
    for (uint64_t seed = 0; seed < 20000; seed++) {
        uint8_t bytes[24];
        size_t size = hash_mix64(seed) % sizeof bytes;
        for (size_t i = 0; i < size; i++) {
            uint64_t drawn = hash_chain(seed, i);
            /* Mostly small lengths, now and then a huge one. */
            bytes[i] = (uint8_t)(drawn % 8 == 0 ? drawn >> 8 : (drawn >> 8) % 4);
        }
        size_t read = 0;
        enum status status = block_each(bytes_of(bytes, size), count, &read);
        cr_assert(status == OK || status == ERR_CORRUPT);
        cr_assert(le(sz, read, size));
        ok += status == OK;
    }
    cr_assert(gt(sz, ok, 1000));
    cr_assert(lt(sz, ok, 19000));
}

Test(blocks, a_whole_block_has_its_size_and_its_hash)
{
    struct block_info info = {.size = 3, .hash = hash_bytes("abc", 3)};
    cr_assert(block_whole(text("abc"), &info));
    cr_assert(not(block_whole(text("abd"), &info)));
    cr_assert(not(block_whole(text("abcd"), &info)));
    cr_assert(not(block_whole(text("ab"), &info)));
    info = (struct block_info){.size = 0, .hash = hash_bytes(NULL, 0)};
    cr_assert(block_whole((struct bytes){0}, &info));
}
