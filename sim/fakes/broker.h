/* The fake Kafka: rules R1 to R22 of Kafka's semantics (segments, retention, log start, high
 * watermark, replicas, leaders, epochs, two kinds of crash). The log stands apart from the client's
 * view of it. Fault model in broker_log.c. */
#ifndef SIM_FAKES_BROKER_H
#define SIM_FAKES_BROKER_H

#include "scenarios/loader/scenario.h"
#include "sim/kernel/kernel.h"

struct fake_broker;

/* Brokers on their own machines ("broker 1" ...), topics of the scenario. Registers with the
 * kernel. */
struct fake_broker *fake_broker_new(struct kernel *kernel,
                                    const struct cluster_config *cluster,
                                    const struct topic_config *topics,
                                    size_t topic_count);

/* process->ports.broker: the client's view. */
void fake_broker_connect(struct fake_broker *broker, struct sim_process *process);

/* Start the workloads: appends at virtual times; as acks=all producers that retry. */
void fake_broker_produce(struct fake_broker *broker,
                         const struct workload_config *workloads,
                         size_t count);
/* Has every workload sent its last record? */
bool fake_broker_workloads_done(const struct fake_broker *broker);

/* Scripted faults of a broker; `index` is 1-based, as in "broker 1".
 * A crash keeps the page cache (nothing written is lost); `machine_crash` also loses the tail that
 * was not flushed yet (R21). The controller notices after the session timeout of 9 s and elects
 * other leaders; a restart makes itself known at once. */
void fake_broker_crash(struct fake_broker *broker, uint32_t index, bool machine_crash);
void fake_broker_restart(struct fake_broker *broker, uint32_t index);
void fake_broker_pause(struct fake_broker *broker, uint32_t index, int64_t for_us);

/* The follower on `index` stops fetching (a slow disk; its heartbeats go on) until told otherwise:
 * it leaves the in-sync replicas after replica.lag.time.max.ms (R16). */
void fake_broker_stall(struct fake_broker *broker, uint32_t index, bool stalled);

/* Hand the leadership to another replica in sync, as a controlled shutdown does: no gap (R22).
 * False when `index` is not in sync. */
bool fake_broker_move_leader(struct fake_broker *broker,
                             size_t topic,
                             int32_t partition,
                             uint32_t index);

/* DeleteRecords (R13): `offset` becomes the log start; -1: the high watermark. */
enum broker_error fake_broker_delete_records(struct fake_broker *broker,
                                             size_t topic,
                                             int32_t partition,
                                             int64_t offset);

/* Delete a topic and make it anew under its name at the same moment (R25): all its records are
 * gone, offsets begin at 0, every replica on a broker that is up is in sync. Its settings stay. */
void fake_broker_recreate(struct fake_broker *broker, size_t topic);

/* Change settings of a topic while the world runs, as kafka-configs --alter does: they hold for the
 * next append and the next retention check; segments that are there stay as they are. */
void fake_broker_alter(struct fake_broker *broker, size_t topic, const struct topic_change *change);

/* Is there a replica in sync beside the leader that could take over? Its broker; 0: none. */
uint32_t fake_broker_next_leader(const struct fake_broker *broker, size_t topic, int32_t partition);

/* Append one batch now as an acks=all producer would, beside the workloads: `count` records with
 * the same timestamp, the i-th at offset base + i * stride (a stride above 1 leaves gaps, as
 * compaction does; R2). Values are borrowed. NOT_LEADER... codes never: LEADER_NOT_AVAILABLE when
 * it was refused (R17). */
struct fake_broker_batch {
    size_t topic;
    int32_t partition;
    int64_t timestamp_ms;
    const struct bytes *values;
    size_t count;
    int32_t stride;
};
enum broker_error fake_broker_append(struct fake_broker *broker,
                                     const struct fake_broker_batch *batch);

/* ---- for the oracle: no cost, no trace
 * ------------------------------------------------------------------------ */

int64_t fake_broker_log_start(const struct fake_broker *broker, size_t topic, int32_t partition);
int64_t fake_broker_readable_end(const struct fake_broker *broker, size_t topic, int32_t partition);

/* Every record that was ever committed (below the high watermark), also after it expired, and after
 * it was taken back as long as no other has its offset: false when there is none. */
struct broker_history {
    int64_t timestamp_ms;
    struct bytes key;
    struct bytes value;
    bool expired;
    size_t workload; /* which workload sent it, and its line: what the oracle's cache is keyed by */
    size_t line;
    int64_t produced_us; /* when it became readable */
};
bool fake_broker_history(const struct fake_broker *broker,
                         size_t topic,
                         int32_t partition,
                         int64_t offset,
                         struct broker_history *record);
/* As it was at `at_us`: of an offset that was taken back since then and has another record now, the
 * former one. */
bool fake_broker_history_at(const struct fake_broker *broker,
                            size_t topic,
                            int32_t partition,
                            int64_t offset,
                            int64_t at_us,
                            struct broker_history *record);
/* Was ever anything of this partition taken back? */
bool fake_broker_taken_back(const struct fake_broker *broker, size_t topic, int32_t partition);

#endif
