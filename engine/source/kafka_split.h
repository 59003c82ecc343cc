/* Pure arithmetic of Kafka planning: cutting ranges for minPartitions. (The rate limit is declared
 * in kafka_source.h.) */
#ifndef ENGINE_SOURCE_KAFKA_SPLIT_H
#define ENGINE_SOURCE_KAFKA_SPLIT_H

#include "engine/source/kafka_source.h"

/* Cut `ranges` (none empty) into about `min_partitions` parts, in proportion to size; small ones
 * stay whole. The parts cover every offset once, in order (SPARK-28489). 0, or enough ranges
 * already: a copy.
 * Source: Spark KafkaOffsetRangeCalculator, whose rounding in doubles is kept. */
void kafka_split_ranges(const struct kafka_range *ranges,
                        size_t count,
                        int64_t min_partitions,
                        struct arena *arena,
                        struct kafka_range **parts,
                        size_t *part_count);

#endif
