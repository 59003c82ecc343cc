/* Which reduce partition a group belongs to: pmod(Murmur3_x86_32(key columns, seed 42), n), Spark's
 * HashPartitioning (spark-checkpoint 1.13), so that state that Spark wrote is found where Spark put
 * it. Not standard Murmur3: each byte of a text's tail is a round of its own. Pure. */
#ifndef ENGINE_SHUFFLE_PARTITION_H
#define ENGINE_SHUFFLE_PARTITION_H

#include "engine/exec/cell.h"
#include "engine/plan/schema.h"

/* Columns are chained, a null leaves the hash as it is, a struct chains its members. */
int32_t murmur3_row(const struct schema *schema, const struct cell *cells);

/* In [0, partitions). Without grouping columns all rows are one partition, the first, whatever the
 * seed says (Spark's AllTuples). */
int64_t
shuffle_partition(const struct schema *schema, const struct cell *cells, int64_t partitions);

#endif
