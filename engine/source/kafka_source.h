/* The Kafka source: planning on the driver, exact range reading on an executor. Spark's rules
 * (KafkaMicroBatchStream, KafkaOffsetReaderAdmin, KafkaDataConsumer; spark-checkpoint 4,
 * kafka-semantics 2.3). */
#ifndef ENGINE_SOURCE_KAFKA_SOURCE_H
#define ENGINE_SOURCE_KAFKA_SOURCE_H

#include "engine/base/diag.h"
#include "engine/checkpoint/store.h"
#include "engine/plan/plan.h"
#include "engine/ports/ports.h"
#include "engine/source/fingerprint.h"
#include "engine/source/offsets.h"

/* One map task's share: offsets [from, until) of a partition. */
struct kafka_range {
    int32_t partition;
    int64_t from;
    int64_t until;
    struct fingerprint before; /* of the last record below `from` that was read; compared first */
};

/* The offsets a new query starts at: from sources/0/0 when it exists (then startingOffsets is
 * ignored), else resolved from the option and written there, once. May suspend. Durable on OK.
 * Errors: ERR_FAILED with `diag`. */
MUST_CHECK enum status kafka_initial_offsets(const struct ports *ports,
                                             struct store *store,
                                             const struct plan *plan,
                                             struct arena *arena,
                                             struct offsets *initial,
                                             struct diag *diag);

/* The newest readable offsets of all partitions, retried as Spark (a value below a known start is
 * asked again up to fetchOffset.numRetries times; empty or partial metadata is "retry", never
 * "partition gone").
 * * known  offsets already planned; a partition missing from the answer keeps its known offset
 * May suspend. Errors: ERR_TIMEOUT (retryable: Kafka is away), ERR_FAILED. */
MUST_CHECK enum status kafka_latest_offsets(const struct ports *ports,
                                            const struct plan *plan,
                                            const struct offsets *known,
                                            struct arena *arena,
                                            struct offsets *latest,
                                            struct diag *diag);

/* Where the next batch begins: `start`, and for partitions of `latest` that `start` does not have
 * their earliest offset. One whose earliest Kafka does not know (deleted again) is left out. May
 * suspend. Errors: ERR_TIMEOUT. */
MUST_CHECK enum status kafka_begin_offsets(const struct ports *ports,
                                           const struct plan *plan,
                                           const struct offsets *start,
                                           const struct offsets *latest,
                                           struct arena *arena,
                                           struct offsets *begin,
                                           struct diag *diag);

/* Ends of the next batch: `latest` capped by maxOffsetsPerTrigger in proportion to each partition's
 * backlog (at least 1 where there is any; share rounded up below 1, down above; Spark's rateLimit).
 * Pure.
 * * begin  start of the batch (kafka_begin_offsets); a partition that is not there keeps its latest
 * * limit  0: none */
void kafka_rate_limit(const struct offsets *begin,
                      const struct offsets *latest,
                      int64_t limit,
                      struct arena *arena,
                      struct offsets *end);

/* Earliest offset for partitions that are in `end` but not in `start` (they start at earliest,
 * never at startingOffsets), then the ranges, split by minPartitions so that each offset is covered
 * once, by partition and offset. What is missing, with failOnDataLoss true and false:
 *   a new partition does not start at 0      refused | begins at its earliest, the rest reported
 *   a new partition has no earliest          refused | left out
 *   a partition of `start` is not in `end`   refused | left out
 *   `end` is below `start`                   refused | left out: the next batch begins at `end`
 *   `start` has expired already              refused | kafka_read_range skips and reports it
 * "Reported" is EVENT_RANGE_SKIPPED. A log that was cut below `start` and has grown past it again
 * is not seen here: kafka_read_range compares the last record. May suspend. Errors: ERR_TIMEOUT,
 * ERR_FAILED (class DATA_LOSS, all partitions of the first kind named). */
MUST_CHECK enum status kafka_plan_ranges(const struct ports *ports,
                                         const struct plan *plan,
                                         const struct offsets *start,
                                         const struct offsets *end,
                                         struct arena *arena,
                                         struct kafka_range **ranges,
                                         size_t *count,
                                         struct diag *diag);

/* Receives each record of a range, in offset order. Not OK stops the reading with that status. */
typedef enum status (*kafka_record_fn)(void *context,
                                       const struct broker_record *record,
                                       struct diag *diag);

struct kafka_reading {
    const struct ports *ports;
    const struct plan *plan;
    const struct kafka_range *range;
    struct arena *scratch; /* reset between fetch answers */
    kafka_record_fn record;
    void *context;
    /* Out: of the newest record below range->until that was read or compared; not `known` when
     * range->before was not, or is gone, and no record came. */
    struct fingerprint last;
};

/* Read exactly [range->from, range->until): every visible record once, in order; gaps by rule;
 * retries inside the poll timeout. A record is valid only inside its call. With
 * failOnDataLoss=false an expired or truncated part is skipped once and reported as
 * EVENT_RANGE_SKIPPED. Never complete because of a timeout.
 *
 * The last record that was read before is read once more and compared: range->before at the
 * beginning, and after an error that record of the range itself. When another one stands at its
 * offset the log was cut and has grown again, or the topic was made anew: records at lower offsets
 * than `from` were never read, and which ones cannot be known. Refused, or with
 * failOnDataLoss=false reported as EVENT_LOG_CHANGED; the reading goes on where it was, since what
 * was read cannot be unread. A record that has expired or was compacted away raises no alarm.
 *
 * May suspend. Errors: ERR_TIMEOUT with `diag` (a retryable task failure: no progress within
 * kafkaConsumer.pollTimeoutMs, saying what is missing), ERR_FAILED (class DATA_LOSS), or what
 * `record` returned. */
MUST_CHECK enum status kafka_read_range(struct kafka_reading *reading, struct diag *diag);

#endif
