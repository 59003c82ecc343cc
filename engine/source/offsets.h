/* Kafka offsets of a query: topic -> partition -> next offset. Pure. JSON as Spark writes it:
 * {"flights":{"0":456,"1":12}}; partitions in Spark's (Scala 2.13 hash map) order, see
 * spark-checkpoint 1.5. */
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

/* Errors: ERR_FAILED with `diag` (class CORRUPT_OFFSETS). Everything lives in `arena`. */
MUST_CHECK enum status
offsets_parse(struct arena *arena, struct bytes json, struct offsets *offsets, struct diag *diag);

#endif
