#include "engine/driver/offset_conf.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/document.h"

/* The bytes of offsets/0 that Spark 4.0.0 writes with 5 shuffle partitions (ci/conformance compares
 * them again). The golden checkpoints called 4.0.0 are older than that release and lack two keys.
 */
Test(offset_conf, is_what_spark_4_0_writes)
{
    static const char golden[] =
        "{\"spark.sql.streaming.stateStore.providerClass\":\"org.apache.spark.sql.execution."
        "streaming.state.HDFSBackedStateStoreProvider\",\"spark.sql.streaming.stateStore.rocksdb."
        "formatVersion\":\"5\",\"spark.sql.streaming.stateStore.encodingFormat\":\"unsaferow\","
        "\"spark.sql.streaming.statefulOperator.useStrictDistribution\":"
        "\"true\",\"spark.sql.streaming.flatMapGroupsWithState.stateFormatVersion\":\"2\","
        "\"spark.sql.streaming.multipleWatermarkPolicy\":\"min\",\"spark.sql.streaming.aggregation."
        "stateFormatVersion\":\"2\",\"spark.sql.shuffle.partitions\":\"5\",\"spark.sql.streaming."
        "join.stateFormatVersion\":\"2\",\"spark.sql.streaming.stateStore.compression.codec\":"
        "\"lz4\",\"spark.sql.optimizer.pruneFiltersCanPruneStreamingSubplan\":\"false\"}";
    struct arena arena = {0};
    struct options options = {.shuffle_partitions = 5};
    cr_assert_str_eq(offset_conf_new(&arena, &options), golden);
    arena_free(&arena);
}

static struct arena arena;

static void setup(void)
{
    document_setup();
}

static void teardown(void)
{
    arena_free(&arena);
}

TestSuite(recorded_conf, .init = setup, .fini = teardown);

static enum status read_conf(const char *conf, int64_t *partitions, struct diag *diag)
{
    *diag = (struct diag){0};
    return offset_conf_read(&arena, "/c/offsets/3", conf, partitions, diag);
}

Test(recorded_conf, tells_the_partitions_that_it_was_made_with)
{
    struct options options = {.shuffle_partitions = 17};
    int64_t partitions = 200;
    struct diag diag;
    const char *conf = offset_conf_new(&arena, &options);
    cr_assert(eq(int, read_conf(conf, &partitions, &diag), OK), "%s", diag.text);
    cr_assert(eq(i64, partitions, 17));
}

#define FORMAT_2 "\"spark.sql.streaming.aggregation.stateFormatVersion\":\"2\""

Test(recorded_conf, without_a_number_the_option_holds)
{
    int64_t partitions = 33;
    struct diag diag;
    cr_assert(eq(int, read_conf("{" FORMAT_2 "}", &partitions, &diag), OK));
    cr_assert(eq(i64, partitions, 33));
}

Test(recorded_conf, number_that_is_none_is_refused_and_the_file_named)
{
    static const char *const wrong[] = {
        "\"0\"", "\"\"", "\"-5\"", "\"5x\"", "\" 5\"", "\"99999999999999999999\"", "5", "null"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t partitions = 33;
        struct diag diag;
        const char *conf =
            arena_printf(&arena, "{" FORMAT_2 ",\"spark.sql.shuffle.partitions\":%s}", wrong[i]);
        cr_assert(eq(int, read_conf(conf, &partitions, &diag), ERR_FAILED), "%s", wrong[i]);
        cr_assert_str_eq(diag.error_class, "MALFORMED_LOG");
        cr_assert_str_eq(diag.file, "/c/offsets/3");
        cr_assert(eq(i64, partitions, 33));
    }
}

Test(recorded_conf, formats_that_are_not_built_are_refused_by_name)
{
    static const char *const wrong[] = {
        "{}", /* from before Spark 2.4: aggregation format 1 */
        "{\"spark.sql.streaming.aggregation.stateFormatVersion\":\"1\"}",
        "{" FORMAT_2 ",\"spark.sql.streaming.stateStore.compression.codec\":\"zstd\"}",
        "{" FORMAT_2 ",\"spark.sql.streaming.stateStore.providerClass\":\"org.apache.spark.sql."
        "execution.streaming.state.RocksDBStateStoreProvider\"}",
        "{" FORMAT_2 ",\"spark.sql.streaming.stateStore.encodingFormat\":\"avro\"}",
        "{" FORMAT_2 ",\"spark.sql.streaming.stateStore.rowChecksum.enabled\":\"true\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t partitions = 33;
        struct diag diag;
        cr_assert(eq(int, read_conf(wrong[i], &partitions, &diag), ERR_FAILED), "%s", wrong[i]);
        cr_assert_str_eq(diag.error_class, "UNSUPPORTED_STATE_FORMAT");
        cr_assert_str_eq(diag.file, "/c/offsets/3");
    }
}

Test(recorded_conf, what_is_no_object_is_refused)
{
    int64_t partitions = 33;
    struct diag diag;
    cr_assert(eq(int, read_conf("[]", &partitions, &diag), ERR_FAILED));
    cr_assert_str_eq(diag.error_class, "MALFORMED_LOG");
    cr_assert(eq(int, read_conf("{", &partitions, &diag), ERR_FAILED));
    cr_assert_str_eq(diag.error_class, "MALFORMED_LOG");
}
