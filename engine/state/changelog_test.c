#include "engine/state/changelog.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/document.h"
#include "engine/base/process.h"
#include "engine/state/lz4_block.h"
#include "engine/state/state_file.h"

static struct arena arena;

static void begin(void)
{
    document_setup();
}

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(changelog, .init = begin, .fini = end);

static const char *const names[] = {[CHANGELOG_PUT] = "put",
                                    [CHANGELOG_REMOVE] = "remove",
                                    [CHANGELOG_MERGE] = "merge",
                                    [CHANGELOG_REMOVE_RANGE] = "remove-range"};

static enum status list_record(void *context, const struct changelog_record *record)
{
    struct buf *out = context;
    buf_printf(out, "%s ", names[record->operation]);
    buf_append(out, record->key.data, record->key.size);
    buf_text(out, record->value.data == NULL ? ";" : "=");
    buf_append(out, record->value.data, record->value.size);
    buf_text(out, record->value.data == NULL ? "" : ";");
    return OK;
}

/* What was read, with the format and lineage before it; or what is wrong. */
static const char *read_file(struct bytes file, enum status expected)
{
    struct buf out = {0};
    struct changelog changelog;
    const char *what = NULL;
    enum status status = changelog_read(file, &arena, &changelog, list_record, &out, &what);
    cr_assert(eq(int, status, expected), "%s", what);
    struct buf text = {0};
    buf_printf(&text, "v%d", (int)changelog.format);
    for (size_t i = 0; i < changelog.lineage_count; i++) {
        buf_printf(&text, " %d:%s", (int)changelog.lineage[i].version, changelog.lineage[i].id);
    }
    buf_text(&text, "|");
    buf_append(&text, out.data, out.size);
    const char *result = what != NULL ? what : arena_copy(&arena, text.data, text.size);
    cr_assert(what == NULL || out.size == 0, "a record of a damaged file was handed on");
    buf_free(&out);
    buf_free(&text);
    return result;
}

static const char *read_content(const char *content, size_t size, enum status expected)
{
    struct buf out = {0};
    lz4_block_encode(bytes_of(content, size), &out);
    const char *text = read_file(buf_bytes(&out), expected);
    buf_free(&out);
    return text;
}

#define good(text) read_content(text, sizeof(text) - 1, OK)
#define bad(text)  read_content(text, sizeof(text) - 1, ERR_CORRUPT)

#define SIZE_3      "\0\0\0\x03"
#define END_OF_FILE "\xff\xff\xff\xff"
#define PUT         "\x01" SIZE_3 "key" SIZE_3 "new"
#define LINEAGE                                                                                    \
    "[{\"version\":2,\"checkpointUniqueId\":\"ab\"},{\"version\":3,\"checkpointUniqueId\":\"cd\"}" \
    "]"

Test(changelog, what_is_written_is_read_as_version_1)
{
    struct buf records = {0};
    struct buf file = {0};
    struct bytes removed = {0};
    /* RocksDB rows have a byte before them: 9 bytes are no row that a delta would floor to 8. */
    state_file_record(&records, bytes_of("\0key one!", 9), bytes_of("\0value 01", 9));
    state_file_record(&records, bytes_of("\0key two!", 9), bytes_of("", 0));
    state_file_record(&records, bytes_of("\0key one!", 9), removed);
    state_file_finish(&records, &file);
    struct buf expected = {0};
    buf_append(&expected, "v1|put \0key one!=\0value 01;put \0key two!=;remove \0key one!;", 57);
    const char *text = read_file(buf_bytes(&file), OK);
    cr_assert(eq(int, memcmp(text, expected.data, expected.size), 0));
    buf_free(&records);
    buf_free(&file);
    buf_free(&expected);
}

Test(changelog, version_1_has_no_header)
{
    cr_assert(eq(str, good(END_OF_FILE), "v1|"));
    cr_assert(eq(str, good(SIZE_3 "key" SIZE_3 "new" END_OF_FILE "left over"), "v1|put key=new;"));
}

Test(changelog, version_2_says_the_operation_first)
{
    cr_assert(eq(str,
                 good("\0\2v2" PUT "\x10" SIZE_3 "old" END_OF_FILE "\x11" SIZE_3 "key" SIZE_3
                      "and\x20" SIZE_3 "abc" SIZE_3 "abd\0"),
                 "v2|put key=new;remove old;merge key=and;remove-range abc=abd;"));
}

Test(changelog, versions_3_and_4_say_their_lineage)
{
    cr_assert(eq(str, good("\0\2v3\0\2[]" END_OF_FILE), "v3|"));
    cr_assert(eq(str,
                 good("\0\2v3\0\x51" LINEAGE SIZE_3 "key" SIZE_3 "new" END_OF_FILE),
                 "v3 2:ab 3:cd|put key=new;"));
    cr_assert(eq(str, good("\0\2v4\0\x51" LINEAGE PUT "\0"), "v4 2:ab 3:cd|put key=new;"));
}

/* SPARK-51922, SPARK-52553: keys of 161,330 and more bytes begin with 00 02 'v' '2'. */
Test(changelog, a_version_1_file_that_begins_like_a_header_is_read_as_version_1)
{
    for (uint32_t digit = '0'; digit <= '9'; digit++) {
        struct buf records = {0};
        struct buf file = {0};
        size_t size = 0x00027600 + digit;
        char *key = arena_alloc(&arena, size);
        memset(key, 0x01, size);
        state_file_record(&records, bytes_of(key, size), bytes_of_text("new"));
        state_file_finish(&records, &file);
        const char *text = read_file(buf_bytes(&file), OK);
        cr_assert(eq(int, strncmp(text, "v1|put \1\1", 9), 0), "%.20s", text);
        cr_assert(eq(sz, strlen(text), strlen("v1|put =new;") + size));
        buf_free(&records);
        buf_free(&file);
    }
}

Test(changelog, each_fault_is_said)
{
    cr_assert(eq(str, bad(""), "the end marker is missing"));
    cr_assert(eq(str, bad(SIZE_3 "key" SIZE_3 "new"), "the end marker is missing"));
    cr_assert(eq(str, bad("\0\2v2"), "the end marker is missing"));
    cr_assert(eq(str, bad("\0\2v2" PUT), "the end marker is missing"));
    cr_assert(eq(str, bad("\0\2v2\x02" SIZE_3 "key" SIZE_3 "new\0"), "an operation is unknown"));
    cr_assert(
        eq(str, bad("\0\2v2\x01" SIZE_3 "key\0\0\0\x08new"), "a value is longer than the file"));
    cr_assert(eq(str,
                 bad("\0\2v2\x01" SIZE_3 "key" END_OF_FILE "\0"),
                 "an operation has no key, or a value where there is none"));
    cr_assert(eq(str,
                 bad("\0\2v2\x10" SIZE_3 "key" SIZE_3 "new\0"),
                 "an operation has no key, or a value where there is none"));
    cr_assert(eq(str,
                 bad("\0\2v2\x01" END_OF_FILE "\0"),
                 "an operation has no key, or a value where there is none"));
    cr_assert(eq(str, bad("\0\2v3\0\x09[]" END_OF_FILE), "its lineage is cut short"));
    cr_assert(eq(str, bad("\0\2v3\0\2{}" END_OF_FILE), "its lineage is not a JSON array"));
    cr_assert(eq(str, bad("\0\2v3\0\2[," END_OF_FILE), "its lineage is not a JSON array"));
    cr_assert(eq(str,
                 bad("\0\2v3\0\4[{}]" END_OF_FILE),
                 "an entry of its lineage lacks a version or a checkpointUniqueId"));
    cr_assert(eq(str,
                 bad("\0\2v4\0\x50"
                     "[{\"version\":2,\"checkpointUniqueId\":\"ab\"},{\"version\":4,"
                     "\"checkpointUniqueId\":\"c\"}]\0"),
                 "the versions of its lineage do not follow each other"));
    cr_assert(eq(str,
                 bad("\0\2v5" PUT "\0"),
                 "it is a changelog of version 5; versions 1 to 4 can be read"));
    cr_assert(eq(str,
                 bad("\0\x03v12" PUT "\0"),
                 "it is a changelog of version 12; versions 1 to 4 can be read"));
    cr_assert(eq(str,
                 read_file(bytes_of_text("\x28\xb5\x2f\xfd...."), ERR_CORRUPT),
                 "it is compressed with zstd; only lz4 can be read"));
}

static enum status refuse(void *context, const struct changelog_record *record)
{
    ++*(int *)context;
    return ERR_INVALID;
}

Test(changelog, a_reader_may_stop)
{
    int calls = 0;
    struct changelog changelog;
    const char *what = NULL;
    struct buf file = {0};
    lz4_block_encode(bytes_of("\0\2v2" PUT PUT "\0", 4 + 2 * 15 + 1), &file);
    enum status status =
        changelog_read(buf_bytes(&file), &arena, &changelog, refuse, &calls, &what);
    cr_assert(eq(int, status, ERR_INVALID));
    cr_assert(eq(int, calls, 1));
    buf_free(&file);
}

static void put_sample(struct buf *records, int format)
{
    if (format > 1) {
        buf_byte(records, 0);
        buf_byte(records, 2);
        buf_printf(records, "v%d", format);
    }
    if (format > 2) {
        buf_byte(records, 0);
        buf_byte(records, (uint8_t)strlen(LINEAGE));
        buf_text(records, LINEAGE);
    }
    for (int i = 0; i < 20; i++) {
        if (format % 2 == 0) {
            buf_byte(records, i % 3 == 0 ? 0x10 : 0x01);
        }
        state_file_record(records,
                          bytes_of_text("key one!"),
                          i % 3 == 0 ? (struct bytes){0} : bytes_of_text("value 01"));
    }
    if (format % 2 == 0) {
        buf_byte(records, 0);
    } else {
        buf_be32(records, UINT32_MAX);
    }
}

/* Behind a good container, so that headers, lineages and records are reached. */
Test(changelog, mutated_files_are_refused_or_read_and_memory_stays_bounded)
{
    uint32_t state = 11;
    for (int format = 1; format <= 4; format++) {
        struct buf records = {0};
        size_t outcomes[2] = {0};
        put_sample(&records, format);
        for (int round = 0; round < 10000; round++) {
            struct arena scratch = {0};
            struct buf out = {0};
            struct buf file = {0};
            struct changelog changelog;
            const char *what = NULL;
            uint8_t *copy = arena_copy(&scratch, records.data, records.size);
            for (int i = 0; i <= round % 3; i++) {
                state = state * 1664525 + 1013904223;
                copy[(state >> 8) % records.size] = (uint8_t)(state >> 24);
            }
            size_t size = round % 8 == 0 ? (state >> 4) % records.size : records.size;
            lz4_block_encode(bytes_of(copy, size), &file);
            enum status status =
                changelog_read(buf_bytes(&file), &scratch, &changelog, list_record, &out, &what);
            cr_assert(status == OK ? what == NULL : status == ERR_CORRUPT && what != NULL);
            outcomes[status == OK]++;
            cr_assert(le(sz, scratch.bytes, 3 * (records.size + 256)));
            buf_free(&out);
            buf_free(&file);
            arena_free(&scratch);
        }
        cr_assert(gt(sz, outcomes[0], 1000), "format %d", format);
        cr_assert(gt(sz, outcomes[1], 1000), "format %d", format);
        buf_free(&records);
    }
}
