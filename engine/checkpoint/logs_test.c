/* The files of the logs, byte for byte: what Spark 4.0.0 wrote, what we write, what is refused and
 * how, and a bounded fuzz over the decoders. */
#include "engine/checkpoint/metadata_log.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "engine/base/fiber.h"
#include "engine/base/hash.h"
#include "engine/base/process.h"

/* Written by Spark 4.0.0 (its own test resource checkpoint-version-4.0.0/hdfs/agg/offsets/0). */
#define GOLDEN_CONF                                                                                \
    "{\"spark.sql.streaming.stateStore.providerClass\":"                                           \
    "\"org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider\","             \
    "\"spark.sql.streaming.stateStore.rocksdb.formatVersion\":\"5\","                              \
    "\"spark.sql.streaming.statefulOperator.useStrictDistribution\":\"true\","                     \
    "\"spark.sql.streaming.flatMapGroupsWithState.stateFormatVersion\":\"2\","                     \
    "\"spark.sql.streaming.multipleWatermarkPolicy\":\"min\","                                     \
    "\"spark.sql.streaming.aggregation.stateFormatVersion\":\"2\","                                \
    "\"spark.sql.shuffle.partitions\":\"5\","                                                      \
    "\"spark.sql.streaming.join.stateFormatVersion\":\"2\","                                       \
    "\"spark.sql.streaming.stateStore.compression.codec\":\"lz4\"}"
#define GOLDEN_OFFSETS                                                                             \
    "v1\n{\"batchWatermarkMs\":0,\"batchTimestampMs\":1719290655102,\"conf\":" GOLDEN_CONF "}\n0"
#define GOLDEN_COMMIT "v1\n{\"nextBatchWatermarkMs\":0}"

static struct arena arena;
static struct diag diag;

static void clean(void)
{
    arena_free(&arena);
    fiber_pool_free();
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(logs, .fini = clean);

static enum status decode_offsets(const char *text, struct offset_log_entry *entry)
{
    diag = (struct diag){0};
    return offset_log_decode(&arena, "/ck/offsets/7", bytes_of_text(text), entry, &diag);
}

static enum status decode_commit(const char *text, int64_t *watermark_ms)
{
    diag = (struct diag){0};
    return commit_log_decode(&arena, "/ck/commits/7", bytes_of_text(text), watermark_ms, &diag);
}

Test(logs, offsets_are_what_spark_wrote)
{
    struct offset_log_entry entry;
    cr_assert(eq(sz, strlen(GOLDEN_OFFSETS), 640));
    cr_assert(eq(int, decode_offsets(GOLDEN_OFFSETS, &entry), OK));
    cr_assert(eq(i64, entry.batch_watermark_ms, 0));
    cr_assert(eq(i64, entry.batch_timestamp_ms, 1719290655102));
    cr_assert(eq(str, entry.conf, GOLDEN_CONF));
    cr_assert(eq(str, entry.sources, "0"));
    struct buf out = {0};
    offset_log_encode(&entry, &out);
    cr_assert(bytes_equal_text(buf_bytes(&out), GOLDEN_OFFSETS));
    buf_free(&out);
}

Test(logs, offsets_of_kafka_keep_their_order)
{
    /* Spark 2.4.3; Scala's order of partitions. */
    const char *text = "v1\n{\"batchWatermarkMs\":12,\"batchTimestampMs\":1568508285207,"
                       "\"conf\":{}}\n{\"t\":{\"2\":3,\"4\":3,\"1\":3,\"3\":3,\"0\":3}}\n";
    struct offset_log_entry entry;
    cr_assert(eq(int, decode_offsets(text, &entry), OK));
    cr_assert(eq(i64, entry.batch_watermark_ms, 12));
    cr_assert(eq(str, entry.sources, "{\"t\":{\"2\":3,\"4\":3,\"1\":3,\"3\":3,\"0\":3}}"));
}

Test(logs, offsets_without_metadata_have_none)
{
    struct offset_log_entry entry;
    cr_assert(eq(int, decode_offsets("v1\n\n-", &entry), OK));
    cr_assert(eq(i64, entry.batch_timestamp_ms, 0));
    cr_assert(eq(str, entry.conf, "{}"));
    cr_assert(eq(str, entry.sources, "-"));
    cr_assert(eq(int, decode_offsets("v1\n{\"batchWatermarkMs\":5}\n3", &entry), OK));
    cr_assert(eq(i64, entry.batch_watermark_ms, 5));
}

Test(logs, commits_are_what_spark_wrote)
{
    int64_t watermark_ms = -1;
    struct buf out = {0};
    commit_log_encode(0, &out);
    cr_assert(eq(sz, out.size, 29));
    cr_assert(bytes_equal_text(buf_bytes(&out), GOLDEN_COMMIT));
    buf_free(&out);
    cr_assert(eq(int, decode_commit(GOLDEN_COMMIT, &watermark_ms), OK));
    cr_assert(eq(i64, watermark_ms, 0));
    cr_assert(
        eq(int, decode_commit("v1\n{\"nextBatchWatermarkMs\":86400000}\n", &watermark_ms), OK));
    cr_assert(eq(i64, watermark_ms, 86400000));
    cr_assert(eq(int, decode_commit("v1\n{}", &watermark_ms), OK)); /* Spark 2.3.1 */
    cr_assert(eq(i64, watermark_ms, 0));
    cr_assert(eq(int, decode_commit("v1", &watermark_ms), OK));
}

struct refused {
    const char *text;
    const char *error_class;
    int line;
    const char *says;
};

static void check_refusal(const struct refused *refused, const char *path, enum status status)
{
    cr_assert(eq(int, status, ERR_FAILED), "accepted: %s", refused->text);
    cr_assert(eq(str, diag.error_class, refused->error_class), "%s", refused->text);
    cr_assert(eq(str, diag.file, path));
    cr_assert(eq(int, diag.line, refused->line), "%s", refused->text);
    cr_assert(ne(ptr, strstr(diag.text, refused->says), NULL), "%s", diag.text);
    cr_assert(ne(ptr, strstr(diag.text, path), NULL), "%s", diag.text);
    cr_assert(ne(ptr, strstr(diag.text, "restore this file"), NULL), "%s", diag.text);
}

Test(logs, malformed_offsets_are_refused_by_name)
{
    static const struct refused table[] = {
        {"", "INCOMPLETE_LOG", 1, "empty"},
        {"v1", "INCOMPLETE_LOG", 1, "ends after the version line"},
        {"v1\n", "INCOMPLETE_LOG", 1, "ends after the version line"},
        {"v1\n{}", "MALFORMED_LOG", 2, "[0] sources"},
        {"v1\n{}\n", "MALFORMED_LOG", 2, "[0] sources"},
        {"v1\n{}\n\n", "MALFORMED_LOG", 3, "[0] sources"},
        {"v1\n{}\n0\n0", "MALFORMED_LOG", 4, "more than [1] source"},
        {"v2\n{}\n0", "UNSUPPORTED_LOG_VERSION", 1, "newer"},
        {"v0\n{}\n0", "MALFORMED_LOG", 1, "version"},
        {"v\n{}\n0", "MALFORMED_LOG", 1, "version"},
        {"v-1\n{}\n0", "MALFORMED_LOG", 1, "version"},
        {"v1x\n{}\n0", "MALFORMED_LOG", 1, "version"},
        {"v99999999999\n{}\n0", "MALFORMED_LOG", 1, "version"},
        {"1\n{}\n0", "MALFORMED_LOG", 1, "version"},
        {"{}\n0", "MALFORMED_LOG", 1, "version"},
        {"v1\n{\"batchWatermarkMs\":0,\n0", "MALFORMED_LOG", 2, "not JSON"},
        {"v1\n[]\n0", "MALFORMED_LOG", 2, "object"},
        {"v1\n{\"batchWatermarkMs\":\"0\"}\n0", "MALFORMED_LOG", 2, "batchWatermarkMs"},
        {"v1\n{\"batchTimestampMs\":1.5}\n0", "MALFORMED_LOG", 2, "batchTimestampMs"},
        {"v1\n{\"batchTimestampMs\":9223372036854775808}\n0", "MALFORMED_LOG", 2, "not JSON"},
        {"v1\n{\"conf\":[]}\n0", "MALFORMED_LOG", 2, "conf"},
        {"v1\n{\"conf\":{\"a\":1}}\n0", "MALFORMED_LOG", 2, "conf"},
        {"v1\n{\"conf\":{},\"conf\":{}}\n0", "MALFORMED_LOG", 2, "duplicate"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct offset_log_entry entry;
        check_refusal(&table[i], "/ck/offsets/7", decode_offsets(table[i].text, &entry));
    }
}

Test(logs, malformed_commits_are_refused_by_name)
{
    static const struct refused table[] = {
        {"", "INCOMPLETE_LOG", 1, "empty"},
        {"v2\n{\"nextBatchWatermarkMs\":0,\"stateUniqueIds\":{}}",
         "UNSUPPORTED_LOG_VERSION",
         1,
         "checkpoint format"},
        {"v1\n{\"nextBatchWatermarkMs\":null}", "MALFORMED_LOG", 2, "not an integer"},
        {"v1\n", "", 0, ""},
        {"v1\n{\"nextBatchWatermarkMs\"", "MALFORMED_LOG", 2, "not JSON"},
        {"v1\n{}\n{}", "MALFORMED_LOG", 3, "third line"},
        {"w1\n{}", "MALFORMED_LOG", 1, "version"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t watermark_ms = 0;
        enum status status = decode_commit(table[i].text, &watermark_ms);
        if (table[i].error_class[0] == '\0') {
            cr_assert(eq(int, status, OK), "%s", table[i].text);
        } else {
            check_refusal(&table[i], "/ck/commits/7", status);
        }
    }
}

Test(logs, a_zero_byte_is_no_text)
{
    struct offset_log_entry entry;
    diag = (struct diag){0};
    struct bytes torn = bytes_of("v1\n{}\n0\0\0\0", 10);
    cr_assert(eq(int, offset_log_decode(&arena, "/ck/offsets/7", torn, &entry, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "MALFORMED_LOG"));
}

/* ---- fuzz ----------------------------------------------------------------------------------- */

enum { MUTATIONS = 30000, TEXT_SIZE_MAX = 1024 };

/* One to four edits: a byte replaced, removed, doubled, or everything behind it cut off. */
static size_t mutate(char *text, size_t size, uint64_t seed)
{
    uint64_t edits = hash_mix64(seed) % 4 + 1;
    for (uint64_t i = 0; i < edits && size > 0; i++) {
        uint64_t word = hash_mix64(seed * 31 + i);
        size_t at = (size_t)(word >> 16) % size;
        switch (word % 5) {
        case 0:
            text[at] = (char)(word >> 8);
            break;
        case 1:
            text[at] = "{}[]\",:\n\\u0v19-eE"[(word >> 8) % 17];
            break;
        case 2:
            memmove(text + at, text + at + 1, size - at - 1);
            size--;
            break;
        case 3:
            if (size < TEXT_SIZE_MAX) {
                memmove(text + at + 1, text + at, size - at);
                size++;
            }
            break;
        default:
            size = at;
        }
    }
    return size;
}

static bool known_class(const char *error_class)
{
    return strcmp(error_class, "MALFORMED_LOG") == 0 ||
           strcmp(error_class, "INCOMPLETE_LOG") == 0 ||
           strcmp(error_class, "UNSUPPORTED_LOG_VERSION") == 0;
}

Test(logs, mutated_entries_are_decoded_or_refused)
{
    size_t refused = 0;
    for (uint64_t i = 0; i < MUTATIONS; i++) {
        const char *golden = i % 3 == 0 ? GOLDEN_COMMIT : GOLDEN_OFFSETS;
        size_t size = strlen(golden);
        char *text = arena_alloc(&arena, TEXT_SIZE_MAX + 1);
        memcpy(text, golden, size);
        size = mutate(text, size, i);
        /* A copy of its exact size, so that ASan sees a byte too far. */
        struct bytes content = bytes_of(arena_copy(&arena, text, size), size);
        struct offset_log_entry entry;
        int64_t watermark_ms = 0;
        diag = (struct diag){0};
        enum status status =
            i % 3 == 0 ? commit_log_decode(&arena, "/ck/commits/7", content, &watermark_ms, &diag)
                       : offset_log_decode(&arena, "/ck/offsets/7", content, &entry, &diag);
        cr_assert(eq(int, status == OK || status == ERR_FAILED, 1));
        cr_assert(eq(int, diag.set, status != OK));
        if (status != OK) {
            cr_assert(known_class(diag.error_class), "%s", diag.error_class);
            refused++;
        } else if (i % 3 != 0) {
            /* What was accepted is written again as an entry that is accepted. */
            struct buf out = {0};
            offset_log_encode(&entry, &out);
            diag = (struct diag){0};
            cr_assert(eq(int,
                         offset_log_decode(&arena, "/ck/offsets/7", buf_bytes(&out), &entry, &diag),
                         OK),
                      "%s",
                      diag.text);
            buf_free(&out);
        }
        arena_reset(&arena);
    }
    cr_assert(gt(sz, refused, MUTATIONS / 10));
    cr_assert(lt(sz, refused, MUTATIONS));
}
