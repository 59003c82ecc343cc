/* librdkafka's mock cluster with one topic, and a producer that puts records where feed.h wants
 * them. Of the helper process only: no process of the engine. The mock holds little of a partition:
 * pacing.h keeps within that. It cannot be stopped: it ends with its process. */
#ifndef ENGINE_REAL_MOCK_CLUSTER_H
#define ENGINE_REAL_MOCK_CLUSTER_H

#include "engine/real/feed.h"

struct rd_kafka_s;
struct rd_kafka_topic_s;
struct rd_kafka_mock_cluster_s;

struct mock_cluster { /* stays where it is */
    const struct feed *feed;
    struct rd_kafka_s *producer;
    struct rd_kafka_topic_s *topic;
    struct rd_kafka_mock_cluster_s *cluster;
    struct diag *diag; /* borrowed: what failed, also what polls hear of */
    int64_t acked;     /* records in the topic, all where they belong */
};

/* Keeps `feed` and `diag`. Errors: ERR_FAILED with `diag` (class EMBEDDED_KAFKA); stop it then,
 * too.
 */
MUST_CHECK enum status mock_cluster_start(struct mock_cluster *cluster,
                                          const struct feed *feed,
                                          int brokers,
                                          struct diag *diag);

const char *mock_cluster_bootstrap(const struct mock_cluster *cluster);

/* Send record number `record`; copies the value. In order: each number once, from 0. Errors:
 * ERR_THROTTLED (the producer's queue is full), ERR_FAILED with the diag. */
MUST_CHECK enum status mock_cluster_produce(struct mock_cluster *cluster,
                                            int64_t record,
                                            struct bytes value,
                                            int64_t timestamp_ms);

/* Hear what became of records, waiting for at most `wait_ms`; true when there was something. One
 * that did not come to its place sets the diag. */
bool mock_cluster_poll(struct mock_cluster *cluster, int wait_ms);

#endif
