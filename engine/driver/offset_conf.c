#include "engine/driver/offset_conf.h"

#include <inttypes.h>

#define SQL       "spark.sql."
#define STREAMING "spark.sql.streaming."
#define STATE     "org.apache.spark.sql.execution.streaming.state."

const char *offset_conf_new(struct arena *arena, const struct options *options)
{
    return arena_printf(arena,
                        "{\"" STREAMING "stateStore.providerClass\":\"" STATE
                        "HDFSBackedStateStoreProvider\","
                        "\"" STREAMING "stateStore.rocksdb.formatVersion\":\"5\","
                        "\"" STREAMING "statefulOperator.useStrictDistribution\":\"true\","
                        "\"" STREAMING "flatMapGroupsWithState.stateFormatVersion\":\"2\","
                        "\"" STREAMING "multipleWatermarkPolicy\":\"min\","
                        "\"" STREAMING "aggregation.stateFormatVersion\":\"2\","
                        "\"" SQL "shuffle.partitions\":\"%" PRId64 "\","
                        "\"" STREAMING "join.stateFormatVersion\":\"2\","
                        "\"" STREAMING "stateStore.compression.codec\":\"lz4\"}",
                        options->shuffle_partitions);
}
