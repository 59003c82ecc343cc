/* Kafka offsets of a query: topic -> partition -> next offset. Pure. JSON as Spark 4.0 writes it:
 * {"flights":{"0":456,"1":12}}.
 *
 * Order of partitions: Spark compares offsets as JSON text, so another order would look like new
 * data to it. Spark inserts the partitions in ascending order into Scala's mutable.HashMap and
 * writes them in its iteration order. Scala 2.13 (Spark 4): 16 buckets, doubled when the n-th entry
 * meets n >= 3/4 of the buckets; hash h ^ (h >>> 16); bucket = hash & (buckets - 1); a bucket is
 * sorted by hash. For the usual partitions 0..n-1 that is ascending. (Scala 2.12, Spark 2.4 to 3.5,
 * mixed the hash: "2","4","1","3","0"; readers accept any order.) */
#ifndef ENGINE_SOURCE_OFFSETS_H
#define ENGINE_SOURCE_OFFSETS_H

#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/diag.h"

struct partition_offset {
    int32_t partition;
    int64_t offset;
};

/* One topic (a query subscribes to one). Sorted by partition, no duplicates. */
struct offsets {
    const char *topic;
    struct partition_offset *entries;
    size_t count;
};

/* The offset of a partition, or -1. */
int64_t offsets_get(const struct offsets *offsets, int32_t partition);

void offsets_json(const struct offsets *offsets, struct buf *out);

/* Parse an offset line of a log. One topic; partitions in any order, each once; offsets >= 0.
 * Errors: ERR_FAILED with `diag` (class CORRUPT_OFFSETS): the byte, what was found, what expected.
 * Everything lives in `arena`. */
MUST_CHECK enum status
offsets_parse(struct arena *arena, struct bytes json, struct offsets *offsets, struct diag *diag);

/* What startingOffsets may say for a partition instead of a number. */
#define OFFSETS_EARLIEST INT64_C(-2)
#define OFFSETS_LATEST   INT64_C(-1)

/* Parse the JSON form of startingOffsets: as offsets_parse, and -2 and -1 are allowed.
 * Errors: ERR_FAILED with `diag` (class INVALID_OPTION). */
MUST_CHECK enum status offsets_parse_starting(struct arena *arena,
                                              struct bytes json,
                                              struct offsets *offsets,
                                              struct diag *diag);

#endif
