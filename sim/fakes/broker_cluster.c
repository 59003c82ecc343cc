/* The controller's side of the fake Kafka: which broker lives, who leads a partition.
 *
 * THE FAULT MODEL
 *
 * A crash of a broker keeps its page cache: every append is still in its log when it comes back. A
 * crash of its machine also takes what the operating system had not flushed (Kafka flushes nothing
 * itself): batches of the last 30 s in the active segment, all of them without noise, from a drawn
 * one on with noise (R21). A pause leaves the connections open: requests hang.
 *
 * The controller takes a broker for dead when it has not heard of it for 9 s
 * (broker.session.timeout.ms, R22), or when it comes back sooner as a new incarnation. Then the
 * broker leaves the in-sync replicas, unless it is the last one, and its partitions get the first
 * living in-sync replica as leader, with a new epoch. Without one they have no leader, unless
 * unclean elections are allowed: then the first living replica, and what it lacks is gone (R20). A
 * broker that comes back cuts what its leader does not have, fetches the rest, and is in sync again
 * when it has reached the high watermark and the start of the epoch (R19).
 *
 * Not modelled: loss of the controller itself, moving leaders back to the preferred replica. */
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"
#include "sim/fakes/broker_internal.h"

#define SESSION_TIMEOUT_US (9 * US_PER_SECOND)  /* broker.session.timeout.ms */
#define REPLICA_LAG_US     (30 * US_PER_SECOND) /* replica.lag.time.max.ms */

/* ---- making --------------------------------------------------------------------------------- */

static void make_replicas(struct fake_broker *broker, struct partition *partition, uint32_t *next)
{
    const struct topic_config *config = broker->topics[partition->topic].config;
    const struct log_config log = {
        .segment_ms = config->segment_ms,
        .segment_bytes = config->segment_bytes,
        .retention_ms = config->retention_ms,
        .retention_bytes = config->retention_bytes,
    };
    partition->replicas = &broker->replicas[*next];
    partition->replica_count = (uint32_t)config->replication_factor;
    partition->epoch = 1;
    for (uint32_t i = 0; i < partition->replica_count; i++) {
        struct replica *replica = &partition->replicas[i];
        log_init(&replica->log, &log);
        replica->partition = partition;
        replica->node = ((uint32_t)partition->id + i) % broker->node_count;
        replica->id = (*next)++;
        replica->in_sync = true;
        replica->epoch_agreed = 1;
    }
}

static void make_topics(struct fake_broker *broker, const struct topic_config *topics, size_t count)
{
    broker->topic_count = count;
    broker->topics = heap_alloc(count * sizeof *broker->topics);
    for (size_t t = 0; t < count; t++) {
        require(topics[t].partitions > 0);
        require(topics[t].replication_factor >= 1);
        require((uint32_t)topics[t].replication_factor <= broker->node_count);
        broker->topics[t].config = &topics[t];
        broker->partition_count += (size_t)topics[t].partitions;
        broker->replica_count +=
            (size_t)topics[t].partitions * (size_t)topics[t].replication_factor;
    }
    broker->partitions = heap_alloc(broker->partition_count * sizeof *broker->partitions);
    broker->replicas = heap_alloc(broker->replica_count * sizeof *broker->replicas);
    struct partition *partition = broker->partitions;
    uint32_t next_replica = 0;
    for (size_t t = 0; t < count; t++) {
        broker->topics[t].partitions = partition;
        for (int32_t id = 0; id < topics[t].partitions; id++, partition++) {
            partition->topic = t;
            partition->id = id;
            make_replicas(broker, partition, &next_replica);
        }
    }
}

struct fake_broker *fake_broker_new(struct kernel *kernel,
                                    const struct cluster_config *cluster,
                                    const struct topic_config *topics,
                                    size_t topic_count)
{
    require(cluster->brokers >= 1);
    struct process *previous = kernel_enter(kernel);
    struct fake_broker *broker = heap_alloc(sizeof *broker);
    broker->kernel = kernel;
    broker->retention_due_us = INT64_MAX;
    broker->node_count = cluster->brokers;
    broker->nodes = heap_alloc(broker->node_count * sizeof *broker->nodes);
    for (uint32_t i = 0; i < broker->node_count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "broker %u", i + 1);
        (void)kernel_machine_add(kernel, name);
        broker->nodes[i].alive = true;
        broker->nodes[i].paused_until_us = INT64_MIN;
    }
    make_topics(broker, topics, topic_count);
    const struct kernel_fake fake = {.self = broker, .process_gone = client_process_gone};
    kernel_add_fake(kernel, &fake);
    kernel_leave(kernel, previous);
    return broker;
}

/* ---- elections ------------------------------------------------------------------------------ */

static void set_leader(struct fake_broker *broker, struct partition *partition, int32_t index)
{
    partition->leader = index;
    partition->epoch++;
    const struct trace_entry entry = {
        .kind = WORLD_LEADER,
        .batch = -1,
        .a = partition->id,
        .b = index < 0 ? 0 : (int64_t)partition->replicas[index].node + 1,
        .c = partition->epoch,
        .text = broker->topics[partition->topic].config->name,
    };
    kernel_trace(broker->kernel, NULL, &entry);
    if (index < 0) {
        return;
    }
    struct replica *leader = &partition->replicas[index];
    leader->epoch_agreed = partition->epoch;
    partition->epoch_start = log_end(&leader->log);
    /* What was readable and is not in the new leader's log was taken back: an unclean election, or
     * a machine that lost its tail. Never by a clean one. */
    history_truncate(broker, partition, partition->epoch_start);
    partition_log_start_moved(broker, partition);
    producers_retry(broker, partition); /* first: nobody may take another's offsets for his own */
    partition_followers_fetch(broker, partition);
    partition_advance(broker, partition);
}

static bool can_lead(const struct fake_broker *broker, const struct replica *replica)
{
    const struct node *node = &broker->nodes[replica->node];
    return node->alive && !node->fenced;
}

static void elect(struct fake_broker *broker, struct partition *partition)
{
    int32_t chosen = -1;
    for (uint32_t i = 0; i < partition->replica_count && chosen < 0; i++) {
        const struct replica *replica = &partition->replicas[i];
        chosen = replica->in_sync && can_lead(broker, replica) ? (int32_t)i : -1;
    }
    bool unclean = broker->topics[partition->topic].config->unclean_election;
    for (uint32_t i = 0; unclean && i < partition->replica_count && chosen < 0; i++) {
        chosen = can_lead(broker, &partition->replicas[i]) ? (int32_t)i : -1;
        for (uint32_t r = 0; chosen >= 0 && r < partition->replica_count; r++) {
            partition->replicas[r].in_sync = (int32_t)r == chosen;
        }
    }
    if (chosen >= 0 || partition->leader >= 0) {
        set_leader(broker, partition, chosen);
    }
}

bool fake_broker_move_leader(struct fake_broker *broker,
                             size_t topic,
                             int32_t partition_id,
                             uint32_t index)
{
    struct partition *partition = &broker->topics[topic].partitions[partition_id];
    bool moved = false;
    struct process *previous = kernel_enter(broker->kernel);
    for (uint32_t i = 0; i < partition->replica_count; i++) {
        const struct replica *replica = &partition->replicas[i];
        if (replica->node + 1 == index && replica->in_sync && can_lead(broker, replica)) {
            set_leader(broker, partition, (int32_t)i);
            moved = true;
        }
    }
    kernel_leave(broker->kernel, previous);
    return moved;
}

uint32_t
fake_broker_next_leader(const struct fake_broker *broker, size_t topic, int32_t partition_id)
{
    const struct partition *partition = &broker->topics[topic].partitions[partition_id];
    uint32_t count = partition->replica_count;
    uint32_t first = partition->leader < 0 ? 0 : (uint32_t)partition->leader + 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct replica *replica = &partition->replicas[(first + i) % count];
        if (replica != partition_leader(partition) && replica->in_sync &&
            can_lead(broker, replica)) {
            return replica->node + 1;
        }
    }
    return 0;
}

static void recreate(struct fake_broker *broker, struct partition *partition)
{
    bool up = false;
    for (uint32_t i = 0; i < partition->replica_count; i++) {
        struct replica *replica = &partition->replicas[i];
        log_reset(&replica->log, 0);
        replica->high_watermark = 0;
        replica->epoch_agreed = 0;
        replica->in_sync = can_lead(broker, replica);
        up = up || replica->in_sync;
    }
    for (uint32_t i = 0; i < partition->replica_count && !up; i++) {
        partition->replicas[i].in_sync = true; /* whoever comes back first leads */
    }
    history_truncate(broker, partition, 0);
    elect(broker, partition);
}

void fake_broker_recreate(struct fake_broker *broker, size_t topic)
{
    require(topic < broker->topic_count);
    struct process *previous = kernel_enter(broker->kernel);
    for (int32_t i = 0; i < broker->topics[topic].config->partitions; i++) {
        recreate(broker, &broker->topics[topic].partitions[i]);
    }
    kernel_leave(broker->kernel, previous);
}

/* ---- a broker comes and goes ---------------------------------------------------------------- */

/* Replicas of a node, one after the other; NULL behind the last. */
static struct replica *next_replica(struct fake_broker *broker, uint32_t node, size_t *at)
{
    while (*at < broker->replica_count) {
        struct replica *replica = &broker->replicas[(*at)++];
        if (replica->node == node) {
            return replica;
        }
    }
    return NULL;
}

static void fence(struct fake_broker *broker, uint32_t node)
{
    broker->nodes[node].fenced = true;
    size_t at = 0;
    for (struct replica *replica; (replica = next_replica(broker, node, &at)) != NULL;) {
        struct partition *partition = replica->partition;
        if (replica->in_sync && partition_in_sync(partition) > 1) {
            replica->in_sync = false;
        }
        if (partition_leader(partition) == replica) {
            elect(broker, partition);
        } else {
            partition_advance(broker, partition);
        }
    }
}

/* The controller knows the broker again: it leads where nobody else may, and follows elsewhere. */
static void unfence(struct fake_broker *broker, uint32_t node)
{
    broker->nodes[node].fenced = false;
    size_t at = 0;
    for (struct replica *replica; (replica = next_replica(broker, node, &at)) != NULL;) {
        replica->epoch_agreed = 0;
        if (replica->partition->leader < 0) {
            elect(broker, replica->partition);
        }
        if (partition_leader(replica->partition) != replica) {
            replica_fetch_soon(broker, replica);
        }
    }
}

static uint64_t session_of(const struct fake_broker *broker, uint32_t node)
{
    return ((uint64_t)broker->nodes[node].session << 32) | node;
}

static void session_ends(void *context, uint64_t session)
{
    struct fake_broker *broker = context;
    uint32_t node = (uint32_t)session;
    if (session == session_of(broker, node) && !broker->nodes[node].fenced) {
        fence(broker, node);
    }
}

/* Nothing is heard of the broker from now on. */
static void fall_silent(struct fake_broker *broker, uint32_t node)
{
    broker->nodes[node].session++;
    kernel_at(broker->kernel,
              kernel_now_us(broker->kernel) + SESSION_TIMEOUT_US,
              session_ends,
              broker,
              session_of(broker, node));
}

/* The unflushed tail of a log is lost: all of it, with noise from a drawn batch on. */
static void lose_tail(struct fake_broker *broker, struct replica *replica)
{
    struct broker_log *log = &replica->log;
    int64_t now_us = kernel_now_us(broker->kernel);
    log_restore_start(log, now_us);
    int64_t flushed = log_flushed_end(log, now_us);
    size_t first = log_find(log, flushed);
    size_t unflushed = log->batch_end - first;
    if (kernel_noise(broker->kernel) && unflushed > 0) {
        uint64_t draw = kernel_draw(
            broker->kernel, "broker-tail", replica->id, (uint64_t)log_end(log), (uint64_t)now_us);
        size_t kept = draw % (unflushed + 1);
        flushed = kept == unflushed ? log_end(log) : log->batches[first + kept]->base_offset;
    }
    log_truncate(log, flushed);
    if (replica->high_watermark > log_end(log)) {
        replica->high_watermark = log_end(log);
    }
}

void fake_broker_crash(struct fake_broker *broker, uint32_t index, bool machine_crash)
{
    require(index >= 1);
    require(index <= broker->node_count);
    uint32_t node = index - 1;
    if (!broker->nodes[node].alive) {
        return;
    }
    struct process *previous = kernel_enter(broker->kernel);
    broker->nodes[node].alive = false;
    broker->nodes[node].paused_until_us = INT64_MIN;
    size_t at = 0;
    for (struct replica *replica; (replica = next_replica(broker, node, &at)) != NULL;) {
        if (machine_crash) {
            lose_tail(broker, replica);
        }
    }
    fall_silent(broker, node);
    kernel_leave(broker->kernel, previous);
}

void fake_broker_restart(struct fake_broker *broker, uint32_t index)
{
    require(index >= 1);
    require(index <= broker->node_count);
    uint32_t node = index - 1;
    if (broker->nodes[node].alive) {
        return;
    }
    struct process *previous = kernel_enter(broker->kernel);
    if (!broker->nodes[node].fenced) {
        fence(broker, node); /* a new incarnation: the old one is known to be dead now */
    }
    broker->nodes[node].session++;
    broker->nodes[node].alive = true;
    unfence(broker, node);
    kernel_leave(broker->kernel, previous);
}

/* ---- a broker stands still ------------------------------------------------------------------ */

static void pause_ends(void *context, uint64_t session)
{
    struct fake_broker *broker = context;
    uint32_t node = (uint32_t)session;
    if (session != session_of(broker, node) ||
        kernel_now_us(broker->kernel) < broker->nodes[node].paused_until_us) {
        return; /* it crashed, or was paused for longer, meanwhile */
    }
    broker->nodes[node].session++;
    if (broker->nodes[node].fenced) {
        unfence(broker, node);
        return;
    }
    size_t at = 0;
    for (struct replica *replica; (replica = next_replica(broker, node, &at)) != NULL;) {
        if (partition_leader(replica->partition) == replica) {
            partition_followers_fetch(broker, replica->partition);
            producers_retry(broker, replica->partition);
        } else {
            replica_fetch_soon(broker, replica);
        }
    }
}

void fake_broker_pause(struct fake_broker *broker, uint32_t index, int64_t for_us)
{
    require(index >= 1);
    require(index <= broker->node_count);
    uint32_t node = index - 1;
    int64_t until_us = kernel_now_us(broker->kernel) + for_us;
    if (!broker->nodes[node].alive || until_us <= broker->nodes[node].paused_until_us) {
        return;
    }
    struct process *previous = kernel_enter(broker->kernel);
    bool was_serving = node_serves(broker, node);
    broker->nodes[node].paused_until_us = until_us;
    if (was_serving) {
        fall_silent(broker, node);
    }
    kernel_at(broker->kernel, until_us, pause_ends, broker, session_of(broker, node));
    kernel_leave(broker->kernel, previous);
}

/* ---- a follower that lags ------------------------------------------------------------------- */

static void lag_check(void *context, uint64_t stall)
{
    struct fake_broker *broker = context;
    uint32_t node = (uint32_t)stall;
    if (!broker->nodes[node].stalled || broker->nodes[node].stalls != (uint32_t)(stall >> 32)) {
        return;
    }
    int64_t now_us = kernel_now_us(broker->kernel);
    size_t at = 0;
    for (struct replica *replica; (replica = next_replica(broker, node, &at)) != NULL;) {
        const struct replica *leader = partition_leader(replica->partition);
        if (replica->in_sync && leader != NULL && leader != replica &&
            log_end(&replica->log) < log_end(&leader->log) &&
            now_us - replica->caught_up_us > REPLICA_LAG_US) {
            replica->in_sync = false;
            partition_advance(broker, replica->partition);
        }
    }
    kernel_at(broker->kernel, now_us + REPLICA_LAG_US / 2, lag_check, broker, stall);
}

void fake_broker_stall(struct fake_broker *broker, uint32_t index, bool stalled)
{
    require(index >= 1);
    require(index <= broker->node_count);
    uint32_t node = index - 1;
    struct process *previous = kernel_enter(broker->kernel);
    broker->nodes[node].stalled = stalled;
    broker->nodes[node].stalls++;
    if (stalled) {
        uint64_t stall = ((uint64_t)broker->nodes[node].stalls << 32) | node;
        lag_check(broker, stall);
    }
    size_t at = 0;
    for (struct replica *replica; (replica = next_replica(broker, node, &at)) != NULL;) {
        if (!stalled && partition_leader(replica->partition) != replica) {
            replica_fetch_soon(broker, replica);
        }
    }
    kernel_leave(broker->kernel, previous);
}

/* ---- records, by hand ----------------------------------------------------------------------- */

enum broker_error fake_broker_delete_records(struct fake_broker *broker,
                                             size_t topic,
                                             int32_t partition_id,
                                             int64_t offset)
{
    struct partition *partition = &broker->topics[topic].partitions[partition_id];
    struct replica *leader = partition_leader(partition);
    if (leader == NULL || !node_serves(broker, leader->node)) {
        return BROKER_LEADER_NOT_AVAILABLE;
    }
    int64_t until = offset == -1 ? leader->high_watermark : offset;
    if (until < 0 || until > leader->high_watermark) {
        return BROKER_OFFSET_OUT_OF_RANGE;
    }
    struct process *previous = kernel_enter(broker->kernel);
    log_delete_records(&leader->log, until, kernel_now_us(broker->kernel));
    partition_log_start_moved(broker, partition);
    partition_followers_fetch(broker, partition);
    kernel_leave(broker->kernel, previous);
    return BROKER_NONE;
}

enum broker_error fake_broker_append(struct fake_broker *broker,
                                     const struct fake_broker_batch *batch)
{
    require(batch->count > 0);
    require(batch->stride >= 1);
    struct partition *partition = &broker->topics[batch->topic].partitions[batch->partition];
    struct process *previous = kernel_enter(broker->kernel);
    struct record_batch *appended = heap_alloc(sizeof *appended);
    appended->count = batch->count;
    appended->timestamp_max_ms = batch->timestamp_ms;
    appended->records = heap_alloc(batch->count * sizeof *appended->records);
    for (size_t i = 0; i < batch->count; i++) {
        appended->records[i] = (struct batch_record){
            .delta = (int32_t)i * batch->stride,
            .timestamp_ms = batch->timestamp_ms,
            .value = batch->values[i],
            .workload = SIZE_MAX,
            .line = SIZE_MAX,
        };
    }
    appended->size_bytes = log_batch_size(appended->records, appended->count);
    bool done =
        partition_append(broker, partition, appended, (int64_t)batch->count * batch->stride);
    kernel_leave(broker->kernel, previous);
    return done ? BROKER_NONE : BROKER_LEADER_NOT_AVAILABLE;
}
