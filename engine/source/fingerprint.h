/* What is remembered of the last record that was read of each partition, to notice that a log is
 * not the one that was read any more (kafka-semantics 2.3 "identity check"; R20, R21, R25, D3).
 *
 * A log may lose its tail (unclean election, power loss) or be made anew, and grow past the lost
 * offsets again: the offsets of the next batch exist then, and nothing but the records below them
 * tells that records which were never read stand there now. Kafka's own protection, leader epochs
 * and topic ids, does not reach through librdkafka 2.0.
 *
 *   read       a task reports the last record of its range (kafka_read_range)
 *   kept       in the Delta commit of the batch, as text (commitInfo.userMetadata): durable with
 *              the rows that it is about, without another fsync, where Spark keeps free text
 *   compared   by the next task that reads the partition, in the fetch answer that its range
 *              begins with: each batch, not only the first after a start. Between two batches of a
 *              living query a log can change just as well, and once the first batch behind the
 *              change is read, its last record is one of the new log: a change that is not noticed
 *              then never is. In the reader, not in the driver, so that no moment lies between the
 *              look and the reading, and no request is made for it: fetches answer in whole record
 *              batches anyway
 *
 * Not noticed: a change of a partition of which nothing is remembered (nothing was read yet, or
 * Spark wrote the newest commit), or whose remembered record has expired or was compacted away; and
 * for real one between two batches, when the very consumer that read the first one reads on and met
 * no error. It answers the step back from what it keeps (engine/real/broker_consumer.c): to make it
 * ask the broker would void what it has read ahead, each batch. After a start, on another executor
 * and after an error it is the broker that answers. */
#ifndef ENGINE_SOURCE_FINGERPRINT_H
#define ENGINE_SOURCE_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/ports/broker.h"

struct fingerprint {
    bool known; /* false: there is none, and the rest means nothing */
    int64_t offset;
    int64_t timestamp_ms;
    uint64_t hash; /* XXH64 of key and of value, with their lengths; null is not empty */
};

struct fingerprint fingerprint_of(const struct broker_record *record);
/* Both known and the same, or neither known. */
bool fingerprint_equal(const struct fingerprint *a, const struct fingerprint *b);

struct last_record {
    int32_t partition;
    struct fingerprint record; /* known */
};

/* Sorted by partition, no duplicates. */
struct last_records {
    struct last_record *entries;
    size_t count;
};

/* That of a partition; not `known` when there is none. */
struct fingerprint last_records_get(const struct last_records *records, int32_t partition);

/* Append "partition:offset:timestamp:hash" for each, separated by commas: "0:41:978307200000:" and
 * 16 hex digits. Pure. */
void last_records_text(const struct last_records *records, struct buf *out);

/* Read such a text; entries are in `arena`. Errors: ERR_CORRUPT: another text, or not in order. */
MUST_CHECK enum status
last_records_parse(struct arena *arena, const char *text, struct last_records *records);

#endif
