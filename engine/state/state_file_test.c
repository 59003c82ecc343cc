#include "engine/state/state_file.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/process.h"
#include "engine/state/lz4_block.h"

static struct arena arena;

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(state_file, .fini = end);

/* A raw block behind a header, whose checksum an independent program computed. */
#define BLOCK(size, sum) "LZ4Block\x15" size "\0\0\0" size "\0\0\0" sum
#define END_BLOCK        "LZ4Block\x15\0\0\0\0\0\0\0\0\0\0\0\0"
#define SIZE_8           "\0\0\0\x08"
#define END_OF_FILE      "\xff\xff\xff\xff"

/* put, put, overwrite, remove */
static const char delta[] = BLOCK("\x5c", "\x6d\x5d\x3f\x07") SIZE_8
    "key one!" SIZE_8 "value 01" SIZE_8 "key two!" SIZE_8 "value 02" SIZE_8 "key one!" SIZE_8
    "value 03" SIZE_8 "key two!" END_OF_FILE END_OF_FILE END_BLOCK;

/* As Spark 2.1.0 wrote values: four stray bytes behind. */
static const char old_delta[] = BLOCK("\x20", "\x70\x12\x32\x06") SIZE_8
    "key one!\0\0\0\x0cvalue 01\0\0\0\0" END_OF_FILE END_BLOCK;

static enum status list_record(void *context, struct bytes key, struct bytes value)
{
    struct buf *out = context;
    buf_append(out, key.data, key.size);
    buf_text(out, value.data == NULL ? " removed" : "=");
    buf_append(out, value.data, value.size);
    buf_text(out, ";");
    return OK;
}

static const char *read_as(enum state_file_kind kind, struct bytes file, enum status expected)
{
    struct buf out = {0};
    const char *what = NULL;
    enum status status = state_file_read(kind, file, &arena, list_record, &out, &what);
    cr_assert(eq(int, status, expected));
    const char *text = what != NULL ? what : arena_copy(&arena, out.data, out.size);
    buf_free(&out);
    return text;
}

Test(state_file, put_overwrite_and_remove_are_read_in_order)
{
    cr_assert(eq(str,
                 read_as(STATE_DELTA, bytes_of(delta, sizeof delta - 1), OK),
                 "key one!=value 01;key two!=value 02;key one!=value 03;key two! removed;"));
}

Test(state_file, what_is_written_decompresses_to_sparks_bytes)
{
    struct buf records = {0};
    struct buf out = {0};
    struct bytes removed = {0};
    state_file_record(&records, bytes_of_text("key one!"), bytes_of_text("value 01"));
    state_file_record(&records, bytes_of_text("key two!"), bytes_of_text("value 02"));
    state_file_record(&records, bytes_of_text("key one!"), bytes_of_text("value 03"));
    state_file_record(&records, bytes_of_text("key two!"), removed);
    lz4_block_set_raw(true);
    state_file_finish(&records, &out);
    lz4_block_set_raw(false);
    cr_assert(bytes_equal(buf_bytes(&out), bytes_of(delta, sizeof delta - 1)));
    buf_free(&records);
    buf_free(&out);
}

Test(state_file, stray_bytes_of_old_versions_are_cut_off)
{
    struct bytes file = bytes_of(old_delta, sizeof old_delta - 1);
    cr_assert(eq(str, read_as(STATE_DELTA, file, OK), "key one!=value 01;"));
    cr_assert(eq(str, read_as(STATE_SNAPSHOT, file, OK), "key one!=value 01;"));
}

static const char *read_content(enum state_file_kind kind, const char *content, size_t size)
{
    struct buf out = {0};
    lz4_block_encode(bytes_of(content, size), &out);
    const char *what = read_as(kind, buf_bytes(&out), ERR_CORRUPT);
    buf_free(&out);
    return what;
}

#define content(kind, text) read_content(kind, text, sizeof(text) - 1)

Test(state_file, each_fault_is_said)
{
    cr_assert(eq(str, content(STATE_DELTA, ""), "the end marker is missing"));
    cr_assert(eq(str,
                 content(STATE_DELTA, SIZE_8 "key one!" SIZE_8 "value 01"),
                 "the end marker is missing"));
    cr_assert(eq(str, content(STATE_DELTA, "\xff\xff\xff\xfe"), "the size of a key is negative"));
    cr_assert(eq(str,
                 content(STATE_DELTA, SIZE_8 "key one!\xff\xff\xff\xfe"),
                 "the size of a value is negative"));
    cr_assert(eq(str,
                 content(STATE_SNAPSHOT, SIZE_8 "key one!\xff\xff\xff\xff"),
                 "the size of a value is negative"));
    cr_assert(eq(str, content(STATE_DELTA, SIZE_8 "short"), "a key is longer than the file"));
    cr_assert(eq(str,
                 content(STATE_DELTA,
                         SIZE_8 "key one!\x7f\xff\xff\xff"
                                "v"),
                 "a value is longer than the file"));
}

Test(state_file, another_codec_is_named)
{
    static const struct {
        const char *start;
        const char *name;
    } table[] = {{"\x28\xb5\x2f\xfd....", "zstd"},
                 {"\x82SNAPPY....", "snappy"},
                 {"ZV\x01....", "lzf"},
                 {"\x04\x22\x4d\x18....", "LZ4 frame"},
                 {"", "it is empty"},
                 {"v1\n{}", "does not begin as an LZ4Block stream"},
                 {"LZ4Block....", "cut short"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *what = read_as(STATE_DELTA, bytes_of_text(table[i].start), ERR_CORRUPT);
        cr_assert(ne(ptr, strstr(what, table[i].name), NULL), "%s", what);
    }
}

static enum status refuse(void *context, struct bytes key, struct bytes value)
{
    ++*(int *)context;
    return ERR_INVALID;
}

Test(state_file, a_reader_may_stop)
{
    int calls = 0;
    const char *what = NULL;
    enum status status = state_file_read(
        STATE_DELTA, bytes_of(delta, sizeof delta - 1), &arena, refuse, &calls, &what);
    cr_assert(eq(int, status, ERR_INVALID));
    cr_assert(eq(int, calls, 1));
}

Test(state_file, names)
{
    static const struct {
        const char *name;
        int64_t version; /* 0: another file */
        enum state_file_kind kind;
    } table[] = {{"17.delta", 17, STATE_DELTA},
                 {"9223372036854775807.snapshot", INT64_MAX, STATE_SNAPSHOT},
                 {"17.changelog", 17, STATE_CHANGELOG},
                 {"17.zip", 17, STATE_ZIP},
                 {"9223372036854775808.delta", 0, STATE_DELTA},
                 {"017.delta", 0, STATE_DELTA},
                 {"0.delta", 0, STATE_DELTA},
                 {".17.delta.crc", 0, STATE_DELTA},
                 {"17.delta.tmp", 0, STATE_DELTA},
                 {"17_ab.delta", 0, STATE_DELTA},
                 {"17_ab.zip", 0, STATE_ZIP},
                 {"017.zip", 0, STATE_ZIP},
                 {"17.zip.crc", 0, STATE_ZIP},
                 {"-1.delta", 0, STATE_DELTA},
                 {".delta", 0, STATE_DELTA},
                 {"17", 0, STATE_DELTA},
                 {"", 0, STATE_DELTA}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t version = 0;
        enum state_file_kind kind;
        bool known = state_file_name(table[i].name, &version, &kind);
        cr_assert(eq(int, known, table[i].version > 0), "%s", table[i].name);
        if (known) {
            cr_assert(eq(i64, version, table[i].version));
            cr_assert(eq(int, kind, table[i].kind));
            const char *path = state_file_path(&arena, "/d", version, kind);
            cr_assert(eq(str, path + 3, table[i].name));
        }
    }
}

/* Behind a good container, so that the records are reached. */
Test(state_file, mutated_records_are_refused_or_read_and_memory_stays_bounded)
{
    struct buf records = {0};
    uint32_t state = 11;
    size_t outcomes[2] = {0};
    for (int i = 0; i < 20; i++) {
        state_file_record(&records, bytes_of_text("key one!"), bytes_of_text("value 01"));
    }
    buf_be32(&records, UINT32_MAX);
    for (int round = 0; round < 20000; round++) {
        struct arena scratch = {0};
        struct buf out = {0};
        struct buf file = {0};
        const char *what = NULL;
        uint8_t *copy = arena_copy(&scratch, records.data, records.size);
        for (int i = 0; i <= round % 3; i++) {
            state = state * 1664525 + 1013904223;
            copy[(state >> 8) % records.size] = (uint8_t)(state >> 24);
        }
        lz4_block_encode(bytes_of(copy, records.size), &file);
        enum status status =
            state_file_read(round % 2, buf_bytes(&file), &scratch, list_record, &out, &what);
        cr_assert(status == OK ? what == NULL : status == ERR_CORRUPT && what != NULL);
        outcomes[status == OK]++;
        cr_assert(le(sz, scratch.bytes, 2 * (records.size + 64)));
        buf_free(&out);
        buf_free(&file);
        arena_free(&scratch);
    }
    cr_assert(gt(sz, outcomes[0], 1000));
    cr_assert(gt(sz, outcomes[1], 1000));
    buf_free(&records);
}
