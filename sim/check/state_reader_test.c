/* The checks' reader of state files: Spark's golden bytes (spark-checkpoint 1.7, 1.8), files made
 * by the engine's own writer, and hostile bytes. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/state/state_file.h"
#include "sim/check/state_reader.h"

/* What Spark writes for a batch that changed nothing. */
static const uint8_t empty_delta[] = {
    0x4c, 0x5a, 0x34, 0x42, 0x6c, 0x6f, 0x63, 0x6b, 0x15, 4,    0,    0,    0,    4,    0,    0,
    0,    0xdb, 0x80, 0x4d, 0x08, 0xff, 0xff, 0xff, 0xff, 0x4c, 0x5a, 0x34, 0x42, 0x6c, 0x6f, 0x63,
    0x6b, 0x15, 0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0};

Test(state_reader, names)
{
    int64_t partition = -1;
    int64_t version = -1;
    enum state_file kind = state_file_of("/c", "/c/state/0/3/17.delta", &partition, &version);
    cr_assert(eq(int, kind, STATE_FILE_DELTA));
    cr_assert(eq(i64, partition, 3));
    cr_assert(eq(i64, version, 17));
    kind = state_file_of("/c", "/c/state/0/0/4.snapshot", &partition, &version);
    cr_assert(eq(int, kind, STATE_FILE_SNAPSHOT));
    kind = state_file_of("/c", "/c/state/0/1/4.changelog", &partition, &version);
    cr_assert(eq(int, kind, STATE_FILE_CHANGELOG));
    kind = state_file_of("/c", "/c/state/0/1/5.zip", &partition, &version);
    cr_assert(eq(int, kind, STATE_FILE_ZIP));
    cr_assert(eq(i64, version, 5));
    kind = state_file_of("/c", "/c/state/0/2/SSTs/000008-76d1.sst", &partition, &version);
    cr_assert(eq(int, kind, STATE_FILE_SST));
    cr_assert(eq(i64, partition, 2));
    cr_assert(eq(i64, version, -1));
    static const char *const others[] = {"/c/state/0/3/SSTs/.000008-76d1.sst",
                                         "/c/state/0/3/SSTs/000008-76d1.log",
                                         "/c/state/0/3/SSTs/x/000008-76d1.sst",
                                         "/c/state/0/3/4_76d1.zip",
                                         "/c/state/0/3/017.delta",
                                         "/c/state/0/3/17.delta.crc",
                                         "/c/state/0/3/.17.delta",
                                         "/c/state/0/_metadata/metadata",
                                         "/c/state/0/0/_metadata/schema",
                                         "/d/state/0/3/17.delta",
                                         "/c/state/1/3/17.delta",
                                         "/c/state/0/3/99999999999999999999.delta"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        kind = state_file_of("/c", others[i], &partition, &version);
        cr_expect(eq(int, kind, STATE_FILE_OTHER), "%s", others[i]);
    }
}

Test(state_reader, the_empty_delta_of_spark)
{
    struct arena arena = {0};
    struct state_records records;
    const char *error = state_file_records(
        STATE_FILE_DELTA, bytes_of(empty_delta, sizeof empty_delta), &arena, &records);
    cr_assert(error == NULL, "%s", error);
    cr_assert(eq(sz, records.count, 0));
    arena_free(&arena);
}

/* Records that compress, over several blocks. */
static struct bytes engine_file(struct arena *arena, size_t count)
{
    struct buf records = {0};
    struct buf file = {0};
    for (size_t i = 0; i < count; i++) {
        char key[48];
        (void)snprintf(key, sizeof key, "key number %08zu of very many keys", i);
        state_file_record(&records,
                          bytes_of_text(key),
                          i % 7 == 3 ? bytes_of(NULL, 0) : bytes_of_text("a value, the same"));
    }
    state_file_finish(&records, &file);
    struct bytes copy = bytes_of(arena_copy(arena, file.data, file.size), file.size);
    buf_free(&records);
    buf_free(&file);
    return copy;
}

Test(state_reader, what_the_engine_writes)
{
    struct arena arena = {0};
    struct bytes file = engine_file(&arena, 5000);
    cr_assert(lt(sz, file.size, 150000)); /* compressed, so that blocks of both methods are read */
    struct state_records records;
    const char *error = state_file_records(STATE_FILE_DELTA, file, &arena, &records);
    cr_assert(error == NULL, "%s", error);
    cr_assert(eq(sz, records.count, 5000));
    cr_assert(records.records[3].value.data == NULL);
    cr_assert(bytes_equal_text(records.records[4].value, "a value, the same"));
    /* A remove has no place in a snapshot. */
    cr_assert(state_file_records(STATE_FILE_SNAPSHOT, file, &arena, &records) != NULL);
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

Test(state_reader, a_file_that_is_cut_or_changed_is_refused)
{
    struct arena arena = {0};
    struct bytes file = engine_file(&arena, 40);
    struct state_records records;
    for (size_t size = 0; size < file.size; size++) {
        struct arena scratch = {0};
        uint8_t *copy = heap_alloc(size + 1);
        memcpy(copy, file.data, size);
        const char *error =
            state_file_records(STATE_FILE_DELTA, bytes_of(copy, size), &scratch, &records);
        cr_expect(error != NULL, "cut at %zu", size);
        heap_free(copy);
        arena_free(&scratch);
    }
    uint8_t *bytes = arena_copy(&arena, file.data, file.size);
    for (uint64_t round = 0; round < 20000; round++) {
        struct arena scratch = {0};
        uint64_t draw = hash_mix64(round);
        size_t at = draw % file.size;
        uint8_t bit = 1u << (draw >> 40 & 7);
        bytes[at] ^= bit;
        const char *error =
            state_file_records(STATE_FILE_DELTA, bytes_of(bytes, file.size), &scratch, &records);
        /* The level of a block says only how long it may be. */
        cr_expect(error != NULL || records.count == 40, "bit %u of byte %zu", bit, at);
        bytes[at] ^= bit;
        arena_free(&scratch);
    }
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

/* Records of a changelog have a byte before each row; one without it is no row. */
Test(state_reader, a_changelog)
{
    struct arena arena = {0};
    struct buf records = {0};
    struct buf file = {0};
    static const uint8_t key[] = {0, 'k'};
    static const uint8_t value[] = {0, 'v', 'w'};
    state_file_record(&records, bytes_of(key, 2), bytes_of(value, 3));
    state_file_record(&records, bytes_of(key, 2), (struct bytes){.data = NULL});
    state_file_finish(&records, &file);
    struct state_records found;
    const char *error = state_file_records(STATE_FILE_CHANGELOG, buf_bytes(&file), &arena, &found);
    cr_assert(error == NULL, "%s", error);
    cr_assert(eq(sz, found.count, 2));
    cr_assert(bytes_equal_text(found.records[0].key, "k"));
    cr_assert(bytes_equal_text(found.records[0].value, "vw"));
    cr_assert(found.records[1].value.data == NULL);
    buf_clear(&records);
    buf_clear(&file);
    state_file_record(&records, bytes_of(key + 1, 1), bytes_of(value, 3));
    state_file_finish(&records, &file);
    cr_assert(state_file_records(STATE_FILE_CHANGELOG, buf_bytes(&file), &arena, &found) != NULL);
    buf_free(&records);
    buf_free(&file);
    arena_free(&arena);
}
