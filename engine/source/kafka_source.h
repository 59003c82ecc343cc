/* The Kafka source: planning on the driver, exact range reading on an executor. Spark's rules
 * (KafkaMicroBatchStream, KafkaOffsetReaderAdmin, KafkaDataConsumer; spark-checkpoint 4,
 * kafka-semantics 2.3). */
#ifndef ENGINE_SOURCE_KAFKA_SOURCE_H
#define ENGINE_SOURCE_KAFKA_SOURCE_H

#include "engine/base/diag.h"
#include "engine/checkpoint/store.h"
#include "engine/plan/plan.h"
#include "engine/ports/ports.h"
#include "engine/source/offsets.h"

/* One map task's share: offsets [from, until) of a partition. */
struct kafka_range {
    int32_t partition;
    int64_t from;
    int64_t until;
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
 * "Reported" is EVENT_RANGE_SKIPPED. May suspend. Errors: ERR_TIMEOUT, ERR_FAILED (class
 * DATA_LOSS, all partitions of the first kind named). */
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

/* Read exactly [range->from, range->until): every visible record once, in order; gaps by rule;
 * retries inside the poll timeout. `scratch` is reset between fetch answers: a record is valid only
 * inside its call. With failOnDataLoss=false an expired or truncated part is skipped once and
 * reported as EVENT_RANGE_SKIPPED. Never complete because of a timeout. May suspend. Errors:
 * ERR_TIMEOUT with `diag` (a retryable task failure: no progress within
 * kafkaConsumer.pollTimeoutMs, saying what is missing), ERR_FAILED (class DATA_LOSS), or what
 * `record` returned. */
MUST_CHECK enum status kafka_read_range(const struct ports *ports,
                                        const struct plan *plan,
                                        const struct kafka_range *range,
                                        struct arena *scratch,
                                        kafka_record_fn record,
                                        void *context,
                                        struct diag *diag);

#endif
