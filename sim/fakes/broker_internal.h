/* Inside of the fake Kafka: brokers (nodes), topics, partitions, replicas, and who tells whom.
 *
 *   broker_log.c          one replica's log, pure
 *   broker_replication.c  appends, follower fetches, in-sync replicas, high watermark, retention
 *   broker_cluster.c      the controller: crashes, sessions, elections
 *   broker_producer.c     the workloads
 *   broker_client.c       what a process of the engine sees
 *   broker_history.c      what was ever readable, for the oracle */
#ifndef SIM_FAKES_BROKER_INTERNAL_H
#define SIM_FAKES_BROKER_INTERNAL_H

#include "sim/fakes/broker.h"
#include "sim/fakes/broker_log.h"

struct partition;

struct replica {
    struct broker_log log;
    struct partition *partition;
    uint32_t node; /* 0-based */
    uint32_t id;   /* index in fake_broker.replicas */
    int64_t high_watermark;
    bool in_sync;
    bool fetch_due;        /* a fetch from the leader is on its way */
    uint32_t epoch_agreed; /* the leader epoch it has truncated its log to; 0: none */
    int64_t caught_up_us;  /* when it last had everything its leader had */
};

struct taken_batch {
    struct record_batch *batch;
    int64_t taken_us;
};

struct partition {
    size_t topic;
    int32_t id;
    struct replica *replicas;
    uint32_t replica_count;
    int32_t leader; /* index in replicas; -1: none */
    uint32_t epoch;
    int64_t epoch_start;           /* end of the leader's log when it was elected */
    int64_t log_start;             /* the leader's; what clients were told last */
    struct record_batch **history; /* everything that was ever readable and is not truncated */
    size_t history_count;
    size_t history_capacity;
    struct taken_batch *taken; /* what was readable and was taken back, in that order */
    size_t taken_count;
    size_t taken_capacity;
};

struct topic {
    const struct topic_config *config;
    struct partition *partitions;
};

struct node {
    bool alive;
    bool fenced; /* the controller takes it for dead */
    bool stalled;
    int64_t paused_until_us;
    uint32_t session; /* counts crashes, pauses and restarts: what an event was scheduled for */
    uint32_t stalls;  /* counts calls of fake_broker_stall */
};

/* One workload's share of one partition, in order. */
struct lane {
    struct fake_broker *broker;
    const struct workload_config *workload;
    size_t workload_index;
    struct partition *partition;
    int64_t start_us;
    int64_t next;  /* the workload's record to send next */
    int64_t total; /* of the workload */
    struct record_batch *
        *queue; /* not acknowledged yet; the first `sent` are in the leader's log */
    size_t queue_count;
    size_t queue_capacity;
    size_t sent;
    bool retry_due;
};

struct broker_client;

struct fake_broker {
    struct kernel *kernel;
    struct node *nodes;
    uint32_t node_count;
    struct topic *topics;
    size_t topic_count;
    struct partition *partitions; /* all of them; topics point into it */
    size_t partition_count;
    struct replica *replicas; /* all of them */
    size_t replica_count;
    struct lane *lanes;
    size_t lane_count;
    struct broker_client *clients;
    int64_t retention_due_us; /* the next retention check; INT64_MAX: none is needed */
};

/* ---- broker_replication.c */

/* Up, and not standing still. */
bool node_serves(const struct fake_broker *broker, uint32_t node);
struct replica *partition_leader(const struct partition *partition); /* NULL: none */
uint32_t partition_in_sync(const struct partition *partition);

/* Give `batch` its offsets (`slots` of them) and append it at the leader. False: refused, nothing
 * written (no leader there, or NOT_ENOUGH_REPLICAS, R17). Tells the producers when it is
 * acknowledged. */
bool partition_append(struct fake_broker *broker,
                      struct partition *partition,
                      struct record_batch *batch,
                      int64_t slots);

/* Let the high watermark rise as far as the in-sync replicas allow (R16). */
void partition_advance(struct fake_broker *broker, struct partition *partition);

/* The follower fetches from its leader soon. */
void replica_fetch_soon(struct fake_broker *broker, struct replica *replica);
void partition_followers_fetch(struct fake_broker *broker, struct partition *partition);

/* Schedule the next retention check that can find something. */
void retention_schedule(struct fake_broker *broker);

/* Clients see the leader's log start; tell the trace when it moved. */
void partition_log_start_moved(struct fake_broker *broker, struct partition *partition);

/* ---- broker_producer.c */

/* The partition has a leader, or more replicas in sync, or took its tail back: send again soon. */
void producers_retry(struct fake_broker *broker, struct partition *partition);
/* The high watermark rose. */
void producers_acknowledge(struct fake_broker *broker, const struct partition *partition);

/* ---- broker_history.c */

/* Batches below `high_watermark` are readable now. */
void history_extend(struct fake_broker *broker, struct partition *partition);
/* Records from `end` on were taken back (R20, R21). */
void history_truncate(const struct fake_broker *broker, struct partition *partition, int64_t end);
int64_t history_end(const struct partition *partition);

/* ---- broker_client.c */

void client_process_gone(void *self, struct sim_process *process);

#endif
