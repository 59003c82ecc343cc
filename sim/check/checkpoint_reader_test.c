#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"
#include "sim/check/checkpoint_reader.h"

Test(checkpoint_reader, paths)
{
    static const struct {
        const char *path;
        int kind;
        int64_t batch;
    } cases[] = {
        {"/shared/c/metadata", CHECKPOINT_METADATA, -1},
        {"/shared/c/sources/0/0", CHECKPOINT_SOURCES, -1},
        {"/shared/c/offsets/0", CHECKPOINT_OFFSETS, 0},
        {"/shared/c/offsets/120", CHECKPOINT_OFFSETS, 120},
        {"/shared/c/commits/7", CHECKPOINT_COMMITS, 7},
        {"/shared/c/offsets/.7.x.tmp", CHECKPOINT_OTHER, -1},
        {"/shared/c/offsets/7.tmp", CHECKPOINT_OTHER, -1},
        {"/shared/c/offsets/-7", CHECKPOINT_OTHER, -7},
        {"/shared/c/offsets/", CHECKPOINT_OTHER, -1},
        {"/shared/cc/offsets/7", CHECKPOINT_OTHER, -1},
        {"/shared/c", CHECKPOINT_OTHER, -1},
        {"/shared/c/metadata2", CHECKPOINT_OTHER, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t batch = -1;
        enum checkpoint_kind kind = checkpoint_path("/shared/c", cases[i].path, &batch);
        cr_expect(eq(int, kind, cases[i].kind), "%s", cases[i].path);
        cr_expect(eq(i64, batch, cases[i].batch), "%s", cases[i].path);
    }
}

/* Bytes as Spark 4.0 writes them (spark-checkpoint 1.2 to 1.5). */
static const char golden_metadata[] = "{\"id\":\"ab7bcd9a-4146-45d3-933d-a615b381c3be\"}";
static const char golden_commit[] = "v1\n{\"nextBatchWatermarkMs\":0}";
static const char golden_initial[] = "\0v1\n{\"flights\":{\"2\":0,\"1\":5,\"0\":456}}";
static const char golden_offsets[] =
    "v1\n{\"batchWatermarkMs\":0,\"batchTimestampMs\":1719290655102,\"conf\":{\"spark.sql.shuffle."
    "partitions\":\"5\"}}\n{\"flights\":{\"2\":7,\"1\":8,\"0\":9}}";
static const char rocksdb_offsets[] =
    "v1\n{\"batchWatermarkMs\":0,\"batchTimestampMs\":1719290655102,\"conf\":{\"spark.sql."
    "streaming.stateStore.providerClass\":\"org.apache.spark.sql.execution.streaming.state."
    "RocksDBStateStoreProvider\",\"spark.sql.shuffle.partitions\":\"5\"}}\n"
    "{\"flights\":{\"2\":7,\"1\":8,\"0\":9}}";

#define BYTES(text) bytes_of(text, sizeof(text) - 1)

Test(checkpoint_reader, golden_files)
{
    struct arena arena = {0};
    struct bytes id;
    int64_t positions[3];
    struct checkpoint_intent intent;
    int64_t next_ms = -1;
    cr_assert(checkpoint_metadata(BYTES(golden_metadata), &arena, &id) == NULL);
    cr_assert(bytes_equal_text(id, "ab7bcd9a-4146-45d3-933d-a615b381c3be"));
    cr_assert(checkpoint_commit(BYTES(golden_commit), &next_ms) == NULL);
    cr_assert(checkpoint_initial(BYTES(golden_initial), "flights", 3, &arena, positions) == NULL);
    cr_assert(eq(i64, positions[0], 456));
    cr_assert(eq(i64, positions[1], 5));
    cr_assert(eq(i64, positions[2], 0));
    cr_assert(checkpoint_offsets(BYTES(golden_offsets), "flights", 3, &arena, positions, &intent) ==
              NULL);
    cr_assert(eq(i64, positions[0], 9));
    cr_assert(eq(i64, next_ms, 0));
    cr_assert(eq(i64, intent.watermark_ms, 0));
    cr_assert(eq(i64, intent.partitions, 5));
    cr_assert(not(intent.rocksdb));
    cr_assert(checkpoint_offsets(
                  BYTES(rocksdb_offsets), "flights", 3, &arena, positions, &intent) == NULL);
    cr_assert(intent.rocksdb);
    cr_assert(eq(i64, positions[2], 7));
    arena_free(&arena);
}

#define HEAD "v1\n{\"batchWatermarkMs\":0,\"batchTimestampMs\":1}\n"

Test(checkpoint_reader, damaged_files_are_refused)
{
    static const char *const offsets[] = {
        "",
        "v1",
        "v2\n{\"batchWatermarkMs\":0,\"batchTimestampMs\":1}\n{\"t\":{\"0\":1,\"1\":2}}",
        "v1\n{\"batchTimestampMs\":1}\n{\"t\":{\"0\":1,\"1\":2}}",
        "v1\n{\"batchWatermarkMs\":0,\"batchTimestampMs\":\"1\"}\n{\"t\":{\"0\":1,\"1\":2}}",
        HEAD "-",
        HEAD "{\"t\":{\"0\":1,\"0\":2}}",
        HEAD "{\"t\":{\"0\":1,\"2\":2}}",
        HEAD "{\"t\":{\"0\":1,\"1\":-2}}",
        HEAD "{\"u\":{\"0\":1,\"1\":2}}",
        HEAD "{\"t\":{\"0\":1,\"1\":2},\"u\":{}}",
        HEAD "{\"t\":{\"0\":1,\"1\":2}",
        HEAD "{\"t\":{\"0\":1,\"1\":2}}\n{}",
    };
    struct arena arena = {0};
    int64_t positions[2];
    struct checkpoint_intent intent;
    int64_t next_ms = -1;
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        const char *error =
            checkpoint_offsets(bytes_of_text(offsets[i]), "t", 2, &arena, positions, &intent);
        cr_expect(error != NULL, "%s", offsets[i]);
    }
    cr_assert(
        checkpoint_offsets(
            bytes_of_text(HEAD "{\"t\":{\"0\":1,\"1\":2}}"), "t", 2, &arena, positions, &intent) ==
        NULL);
    cr_assert(checkpoint_offsets(
                  bytes_of_text(HEAD "{\"t\":{\"1\":2}}"), "t", 2, &arena, positions, &intent) ==
              NULL);
    cr_assert(eq(i64, positions[0], -1));
    cr_assert(eq(i64, positions[1], 2));
    struct bytes id;
    cr_assert(checkpoint_metadata(bytes_of_text("{}"), &arena, &id) != NULL);
    cr_assert(checkpoint_metadata(bytes_of_text("{\"id\":5}"), &arena, &id) != NULL);
    cr_assert(checkpoint_metadata(bytes_of_text("{\"id\":\"x\"} x"), &arena, &id) != NULL);
    cr_assert(checkpoint_commit(bytes_of_text("v1\n{}"), &next_ms) != NULL);
    cr_assert(checkpoint_commit(bytes_of_text("{\"nextBatchWatermarkMs\":0}"), &next_ms) != NULL);
    cr_assert(checkpoint_initial(
                  bytes_of_text("v1\n{\"t\":{\"0\":1,\"1\":2}}"), "t", 2, &arena, positions) !=
              NULL);
    arena_free(&arena);
}

Test(checkpoint_reader, changed_bytes_never_crash)
{
    uint8_t text[sizeof golden_offsets];
    struct arena arena = {0};
    int64_t positions[3];
    struct checkpoint_intent intent;
    for (uint64_t round = 0; round < 60000; round++) {
        memcpy(text, golden_offsets, sizeof golden_offsets);
        uint64_t draw = hash_mix64(round);
        for (uint64_t n = 0; n <= draw % 3; n++) {
            uint64_t at = hash_chain(draw, n);
            text[at % sizeof text] = at >> 32;
        }
        (void)checkpoint_offsets(bytes_of(text, hash_chain(draw, 9) % sizeof text),
                                 "flights",
                                 3,
                                 &arena,
                                 positions,
                                 &intent);
        arena_reset(&arena);
    }
    arena_free(&arena);
}
