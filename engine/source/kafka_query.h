/* Asking Kafka for partitions and offsets until the answer can be trusted, or the time is up. What
 * the planner builds on: stale, partial or leaderless metadata is normal (R23) and means "ask
 * again", never "partition gone". Decides nothing about batches. */
#ifndef ENGINE_SOURCE_KAFKA_QUERY_H
#define ENGINE_SOURCE_KAFKA_QUERY_H

#include "engine/plan/plan.h"
#include "engine/ports/ports.h"
#include "engine/source/offsets.h"

struct kafka_query {
    const struct ports *ports;
    const struct plan *plan;
    int64_t deadline_us; /* wall clock: when to give up */
    int64_t backoff_us;  /* pause before the next try; grows to fetchOffset.retryIntervalMs */
};

/* A query that gives up after Kafka's default.api.timeout.ms, which is twice request.timeout.ms. */
struct kafka_query kafka_query_begin(const struct ports *ports, const struct plan *plan);

/* Ids of all partitions of the topic, each with a leader, ascending.
 * * known  partitions that must be among them; when some stay away after fetchOffset.numRetries
 *          more tries, what is there is returned. NULL: nothing is known, only 0..n-1 will do.
 * May suspend. Errors: ERR_TIMEOUT with `diag` (class KAFKA_TIMEOUT). */
MUST_CHECK enum status kafka_query_partitions(struct kafka_query *query,
                                              const struct offsets *known,
                                              struct arena *arena,
                                              struct offsets *partitions,
                                              struct diag *diag);

/* Fill in each entry's offset for its timestamp; leaders are refreshed between tries. An entry that
 * stays UNKNOWN_TOPIC_OR_PARTITION after fetchOffset.numRetries more tries is left with that error
 * and offset -1 when `may_miss`. May suspend. Errors: ERR_TIMEOUT with `diag`. */
MUST_CHECK enum status kafka_query_offsets(struct kafka_query *query,
                                           struct broker_offset *entries,
                                           size_t count,
                                           bool may_miss,
                                           struct diag *diag);

#endif
