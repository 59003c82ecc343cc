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

static enum status read_conf(const char *conf, struct offset_conf *recorded, struct diag *diag)
{
    *diag = (struct diag){0};
    return offset_conf_read(&arena, "/c/offsets/3", conf, recorded, diag);
}

Test(recorded_conf, tells_the_partitions_and_the_provider_that_it_was_made_with)
{
    for (int provider = 0; provider <= STATE_PROVIDER_ROCKSDB; provider++) {
        struct options options = {.shuffle_partitions = 17,
                                  .state_provider = (enum state_provider_kind)provider};
        struct offset_conf recorded = {.partitions = 200,
                                       .provider = (enum state_provider_kind) !provider};
        struct diag diag;
        const char *conf = offset_conf_new(&arena, &options);
        cr_assert(eq(int, read_conf(conf, &recorded, &diag), OK), "%s", diag.text);
        cr_assert(eq(i64, recorded.partitions, 17));
        cr_assert(eq(int, recorded.provider, provider));
    }
}

#define FORMAT_2 "\"spark.sql.streaming.aggregation.stateFormatVersion\":\"2\""

Test(recorded_conf, without_a_number_the_option_holds)
{
    struct offset_conf recorded = {.partitions = 33, .provider = STATE_PROVIDER_ROCKSDB};
    struct diag diag;
    cr_assert(eq(int, read_conf("{" FORMAT_2 "}", &recorded, &diag), OK));
    cr_assert(eq(i64, recorded.partitions, 33));
    cr_assert(eq(int, recorded.provider, STATE_PROVIDER_HDFS), "there was no other one then");
}

Test(recorded_conf, number_that_is_none_is_refused_and_the_file_named)
{
    static const char *const wrong[] = {
        "\"0\"", "\"\"", "\"-5\"", "\"5x\"", "\" 5\"", "\"99999999999999999999\"", "5", "null"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct offset_conf recorded = {.partitions = 33, .provider = STATE_PROVIDER_ROCKSDB};
        struct diag diag;
        const char *conf =
            arena_printf(&arena, "{" FORMAT_2 ",\"spark.sql.shuffle.partitions\":%s}", wrong[i]);
        cr_assert(eq(int, read_conf(conf, &recorded, &diag), ERR_FAILED), "%s", wrong[i]);
        cr_assert_str_eq(diag.error_class, "MALFORMED_LOG");
        cr_assert_str_eq(diag.file, "/c/offsets/3");
        cr_assert(eq(i64, recorded.partitions, 33));
        cr_assert(eq(int, recorded.provider, STATE_PROVIDER_ROCKSDB));
    }
}

Test(recorded_conf, formats_that_are_not_built_are_refused_by_name)
{
    static const char *const wrong[] = {
        "{}", /* from before Spark 2.4: aggregation format 1 */
        "{\"spark.sql.streaming.aggregation.stateFormatVersion\":\"1\"}",
        "{" FORMAT_2 ",\"spark.sql.streaming.stateStore.compression.codec\":\"zstd\"}",
        "{" FORMAT_2 ",\"spark.sql.streaming.stateStore.providerClass\":\"com.databricks.sql."
        "streaming.state.RocksDBStateStoreProvider\"}",
        "{" FORMAT_2 ",\"spark.sql.streaming.stateStore.providerClass\":5}",
        "{" FORMAT_2 ",\"spark.sql.streaming.stateStore.providerClass\":\"org.apache.spark.sql."
        "execution.streaming.state.RocksDBStateStoreProvider\","
        "\"spark.sql.streaming.stateStore.rocksdb.formatVersion\":\"6\"}",
        "{" FORMAT_2 ",\"spark.sql.streaming.stateStore.encodingFormat\":\"avro\"}",
        "{" FORMAT_2 ",\"spark.sql.streaming.stateStore.rowChecksum.enabled\":\"true\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct offset_conf recorded = {.partitions = 33, .provider = STATE_PROVIDER_ROCKSDB};
        struct diag diag;
        cr_assert(eq(int, read_conf(wrong[i], &recorded, &diag), ERR_FAILED), "%s", wrong[i]);
        cr_assert_str_eq(diag.error_class, "UNSUPPORTED_STATE_FORMAT");
        cr_assert_str_eq(diag.file, "/c/offsets/3");
        cr_assert(eq(i64, recorded.partitions, 33));
    }
}

/* The memory provider writes no SST file: their format does not matter to it. */
Test(recorded_conf, sst_format_matters_to_rocksdb_alone)
{
    struct offset_conf recorded = {.partitions = 33, .provider = STATE_PROVIDER_ROCKSDB};
    struct diag diag;
    const char *conf =
        "{" FORMAT_2 ",\"spark.sql.streaming.stateStore.rocksdb.formatVersion\":\"6\"}";
    cr_assert(eq(int, read_conf(conf, &recorded, &diag), OK), "%s", diag.text);
    cr_assert(eq(int, recorded.provider, STATE_PROVIDER_HDFS));
}

Test(recorded_conf, another_provider_is_named_with_both_that_there_are)
{
    struct offset_conf recorded = {.partitions = 33};
    struct diag diag;
    const char *conf = "{" FORMAT_2 ",\"spark.sql.streaming.stateStore.providerClass\":\"a.B\"}";
    cr_assert(eq(int, read_conf(conf, &recorded, &diag), ERR_FAILED));
    cr_assert_str_eq(
        diag.text,
        "the checkpoint's state was written with spark.sql.streaming.stateStore.providerClass = "
        "a.B; only org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider or "
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider is built. Run "
        "this query where it was run, or start with a new checkpointLocation");
}

Test(recorded_conf, what_is_no_object_is_refused)
{
    struct offset_conf recorded = {.partitions = 33};
    struct diag diag;
    cr_assert(eq(int, read_conf("[]", &recorded, &diag), ERR_FAILED));
    cr_assert_str_eq(diag.error_class, "MALFORMED_LOG");
    cr_assert(eq(int, read_conf("{", &recorded, &diag), ERR_FAILED));
    cr_assert_str_eq(diag.error_class, "MALFORMED_LOG");
}
