/* What an embedded Kafka is fed with: the lines of a file as the records of one topic. Pure.
 *
 * The layout is a function of the file alone: record i (line i, from 0) is the record at offset
 * i / partitions of partition i % partitions. A cluster in memory forgets everything when it ends;
 * one that is started again is fed the same records at the same offsets, and a checkpoint still
 * fits. */
#ifndef ENGINE_REAL_FEED_H
#define ENGINE_REAL_FEED_H

#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/diag.h"

enum { FEED_PARTITIONS = 2, FEED_PARTITIONS_MAX = 256 };

#define FEED_TIMESTAMP_MS                                                                          \
    INT64_C(978307200000) /* 2001-01-01T00:00:00Z, as the simulator's clock                        \
                           */

struct feed {
    const char *text; /* as it was given */
    const char *topic;
    const char *file;
    int64_t interval_us; /* between two records; 0: as fast as they are read */
    int32_t partitions;
    /* The field that is a record's timestamp. NULL: FEED_TIMESTAMP_MS is, of every record: the time
     * of the feeding, or of the file, would be another one after a restart, and the record too. */
    const char *timestamp;
};

/* Parse "topic=FILE[@RATE][,partitions=N][,timestamp=FIELD]". An '@' may stand in the file's name:
 * what follows the last one is meant as a rate when it begins with a digit, or has neither '.' nor
 * '/'. Everything lives in `arena`. Errors: ERR_FAILED with `diag` (class USAGE): what was found,
 * what was expected. */
MUST_CHECK enum status
feed_parse(struct arena *arena, const char *text, struct feed *feed, struct diag *diag);

int32_t feed_partition(const struct feed *feed, int64_t record);
int64_t feed_offset(const struct feed *feed, int64_t record);

/* The end offset of `partition` when the first `records` records are in the topic. */
int64_t feed_end(const struct feed *feed, int64_t records, int32_t partition);

/* How many records, from the first one, are in the topic when `partition` ends at `end`. */
int64_t feed_records(const struct feed *feed, int32_t partition, int64_t end);

/* The timestamp of a record's value: its member feed->timestamp, an ISO-8601 text or a number of
 * milliseconds. False when the value is no JSON object or has none there. */
bool feed_timestamp(const struct feed *feed,
                    struct arena *arena,
                    struct bytes value,
                    int64_t *timestamp_ms);

#endif
