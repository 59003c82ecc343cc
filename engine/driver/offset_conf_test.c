#include "engine/driver/offset_conf.h"

#include <criterion/criterion.h>

/* The bytes of offsets/0 that Spark 4.0.0 wrote with 5 shuffle partitions. */
Test(offset_conf, is_what_spark_4_0_writes)
{
    static const char golden[] =
        "{\"spark.sql.streaming.stateStore.providerClass\":\"org.apache.spark.sql.execution."
        "streaming.state.HDFSBackedStateStoreProvider\",\"spark.sql.streaming.stateStore.rocksdb."
        "formatVersion\":\"5\",\"spark.sql.streaming.statefulOperator.useStrictDistribution\":"
        "\"true\",\"spark.sql.streaming.flatMapGroupsWithState.stateFormatVersion\":\"2\","
        "\"spark.sql.streaming.multipleWatermarkPolicy\":\"min\",\"spark.sql.streaming.aggregation."
        "stateFormatVersion\":\"2\",\"spark.sql.shuffle.partitions\":\"5\",\"spark.sql.streaming."
        "join.stateFormatVersion\":\"2\",\"spark.sql.streaming.stateStore.compression.codec\":"
        "\"lz4\"}";
    struct arena arena = {0};
    struct options options = {.shuffle_partitions = 5};
    cr_assert_str_eq(offset_conf_new(&arena, &options), golden);
    arena_free(&arena);
}
