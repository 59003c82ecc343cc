/* How records become readable: appended at the leader, fetched by followers a moment later, below
 * the high watermark when every replica in sync has them (R16 to R18). A single replica has no
 * followers and no delay, and costs no event. Also retention, which each replica does for itself.
 */
#include "engine/base/check.h"
#include "engine/base/units.h"
#include "sim/fakes/broker_internal.h"
#include "sim/kernel/costs.h"

#define RETENTION_CHECK_US (5 * US_PER_MINUTE)  /* log.retention.check.interval.ms */
#define RETENTION_FIRST_US (30 * US_PER_SECOND) /* log.initial.task.delay.ms */

bool node_serves(const struct fake_broker *broker, uint32_t node)
{
    return broker->nodes[node].alive &&
           kernel_now_us(broker->kernel) >= broker->nodes[node].paused_until_us;
}

struct replica *partition_leader(const struct partition *partition)
{
    return partition->leader < 0 ? NULL : &partition->replicas[partition->leader];
}

uint32_t partition_in_sync(const struct partition *partition)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < partition->replica_count; i++) {
        count += partition->replicas[i].in_sync ? 1 : 0;
    }
    return count;
}

static uint32_t min_in_sync(const struct fake_broker *broker, const struct partition *partition)
{
    return (uint32_t)broker->topics[partition->topic].config->min_insync_replicas;
}

void partition_log_start_moved(struct fake_broker *broker, struct partition *partition)
{
    const struct replica *leader = partition_leader(partition);
    if (leader == NULL || leader->log.start_offset == partition->log_start) {
        return;
    }
    partition->log_start = leader->log.start_offset;
    const struct trace_entry entry = {
        .kind = WORLD_EXPIRED,
        .batch = -1,
        .a = partition->id,
        .b = partition->log_start,
        .text = broker->topics[partition->topic].config->name,
    };
    kernel_trace(broker->kernel, NULL, &entry);
}

/* ---- the high watermark --------------------------------------------------------------------- */

void partition_advance(struct fake_broker *broker, struct partition *partition)
{
    struct replica *leader = partition_leader(partition);
    if (leader == NULL || partition_in_sync(partition) < min_in_sync(broker, partition)) {
        return;
    }
    int64_t end = log_end(&leader->log);
    for (uint32_t i = 0; i < partition->replica_count; i++) {
        const struct replica *replica = &partition->replicas[i];
        int64_t replica_end = log_end(&replica->log);
        if (replica->in_sync && replica_end < end) {
            end = replica_end;
        }
    }
    if (end > leader->high_watermark) {
        leader->high_watermark = end;
        history_extend(broker, partition);
        producers_acknowledge(broker, partition);
        partition_followers_fetch(broker, partition);
    }
}

/* ---- appends -------------------------------------------------------------------------------- */

bool partition_append(struct fake_broker *broker,
                      struct partition *partition,
                      struct record_batch *batch,
                      int64_t slots)
{
    struct replica *leader = partition_leader(partition);
    if (leader == NULL || !node_serves(broker, leader->node) ||
        partition_in_sync(partition) < min_in_sync(broker, partition)) {
        return false;
    }
    int64_t now_us = kernel_now_us(broker->kernel);
    int64_t end = log_end(&leader->log);
    for (uint32_t i = 0; i < partition->replica_count; i++) {
        struct replica *replica = &partition->replicas[i];
        if (log_end(&replica->log) == end && node_serves(broker, replica->node)) {
            replica->caught_up_us = now_us; /* until now it had everything */
        }
    }
    batch->base_offset = end;
    batch->next_offset = end + slots;
    batch->epoch = partition->epoch;
    batch->appended_us = now_us;
    batch->readable_us = -1;
    log_append(&leader->log, batch);
    const struct trace_entry entry = {
        .kind = WORLD_PRODUCED,
        .batch = -1,
        .a = partition->id,
        .b = batch->base_offset,
        .c = (int64_t)batch->count,
        .text = broker->topics[partition->topic].config->name,
    };
    kernel_trace(broker->kernel, NULL, &entry);
    retention_schedule(broker);
    partition_followers_fetch(broker, partition);
    partition_advance(broker, partition);
    return true;
}

/* ---- followers ------------------------------------------------------------------------------ */

/* Cut what the leader does not have (R19), and begin anew when the leader's log has left us behind.
 */
static void agree_with_leader(struct replica *replica, const struct replica *leader)
{
    struct broker_log *log = &replica->log;
    if (replica->epoch_agreed != replica->partition->epoch) {
        int64_t end = log_common_end(log, &leader->log);
        log_truncate(log, end < log_end(&leader->log) ? end : log_end(&leader->log));
        replica->epoch_agreed = replica->partition->epoch;
        if (replica->high_watermark > log_end(log)) {
            replica->high_watermark = log_end(log);
        }
    }
    if (log_end(log) < leader->log.segments[0].base_offset) {
        log_reset(log, leader->log.segments[0].base_offset);
    }
}

static void copy_from_leader(struct fake_broker *broker, struct replica *replica)
{
    const struct replica *leader = partition_leader(replica->partition);
    struct broker_log *log = &replica->log;
    agree_with_leader(replica, leader);
    for (size_t i = log_find(&leader->log, log_end(log)); i < leader->log.batch_end; i++) {
        log_append(log, leader->log.batches[i]);
    }
    /* The answer carries the leader's high watermark as it was *before* this fetch (R18). */
    int64_t high_watermark = leader->high_watermark;
    replica->high_watermark = high_watermark < log_end(log) ? high_watermark : log_end(log);
    log_delete_records(log, leader->log.start_offset, kernel_now_us(broker->kernel));
    replica->caught_up_us = kernel_now_us(broker->kernel);
}

static void follower_fetches(void *context, uint64_t id)
{
    struct fake_broker *broker = context;
    struct replica *replica = &broker->replicas[id];
    struct partition *partition = replica->partition;
    const struct replica *leader = partition_leader(partition);
    const struct node *node = &broker->nodes[replica->node];
    replica->fetch_due = false;
    if (leader == NULL || leader == replica || !node_serves(broker, replica->node) ||
        !node_serves(broker, leader->node) || node->stalled || node->fenced) {
        return; /* whoever ends that state schedules the next fetch */
    }
    copy_from_leader(broker, replica);
    if (!replica->in_sync && log_end(&replica->log) >= leader->high_watermark &&
        log_end(&replica->log) >= partition->epoch_start) {
        replica->in_sync = true;
        producers_retry(broker, partition);
    }
    partition_advance(broker, partition);
    if (replica->high_watermark < leader->high_watermark) {
        replica_fetch_soon(broker, replica);
    }
}

void replica_fetch_soon(struct fake_broker *broker, struct replica *replica)
{
    if (!replica->fetch_due) {
        replica->fetch_due = true;
        int64_t cost_us = kernel_cost_us(broker->kernel, NULL, COST_BROKER_FETCH, 0);
        kernel_at(broker->kernel,
                  kernel_now_us(broker->kernel) + cost_us,
                  follower_fetches,
                  broker,
                  replica->id);
    }
}

void partition_followers_fetch(struct fake_broker *broker, struct partition *partition)
{
    for (uint32_t i = 0; i < partition->replica_count; i++) {
        if ((int32_t)i != partition->leader) {
            replica_fetch_soon(broker, &partition->replicas[i]);
        }
    }
}

/* ---- retention ------------------------------------------------------------------------------ */

static void retain_replica(struct fake_broker *broker, struct replica *replica)
{
    int64_t now_ms = kernel_now_us(broker->kernel) / US_PER_MS;
    (void)log_retain(&replica->log, now_ms, replica->high_watermark);
    if (replica == partition_leader(replica->partition)) {
        partition_log_start_moved(broker, replica->partition);
    }
}

static void retention_check(void *context, uint64_t due_us)
{
    struct fake_broker *broker = context;
    if (broker->retention_due_us != (int64_t)due_us) {
        return; /* an earlier check took its place */
    }
    broker->retention_due_us = INT64_MAX;
    for (size_t i = 0; i < broker->replica_count; i++) {
        if (node_serves(broker, broker->replicas[i].node)) {
            retain_replica(broker, &broker->replicas[i]);
        }
    }
    retention_schedule(broker);
}

/* The earliest time at which a check could delete something by age; size may do so at any check. */
static int64_t earliest_need_us(const struct fake_broker *broker)
{
    int64_t need_us = INT64_MAX;
    for (size_t i = 0; i < broker->replica_count; i++) {
        const struct broker_log *log = &broker->replicas[i].log;
        int64_t expiry_ms = log_expiry_ms(log);
        if (log->config.retention_bytes >= 0 && log->batch_first < log->batch_end) {
            return 0;
        }
        if (expiry_ms < need_us / US_PER_MS) {
            need_us = expiry_ms * US_PER_MS;
        }
    }
    return need_us;
}

static void change(int64_t *setting, int64_t value)
{
    *setting = value == TOPIC_UNCHANGED ? *setting : value;
}

void fake_broker_alter(struct fake_broker *broker, size_t topic, const struct topic_change *changes)
{
    require(topic < broker->topic_count);
    struct process *previous = kernel_enter(broker->kernel);
    for (size_t i = 0; i < broker->replica_count; i++) {
        if (broker->replicas[i].partition->topic == topic) {
            struct log_config *config = &broker->replicas[i].log.config;
            change(&config->retention_ms, changes->retention_ms);
            change(&config->retention_bytes, changes->retention_bytes);
            change(&config->segment_ms, changes->segment_ms);
            change(&config->segment_bytes, changes->segment_bytes);
        }
    }
    retention_schedule(broker);
    kernel_leave(broker->kernel, previous);
}

void retention_schedule(struct fake_broker *broker)
{
    int64_t need_us = earliest_need_us(broker);
    int64_t now_us = kernel_now_us(broker->kernel);
    if (need_us == INT64_MAX) {
        return;
    }
    /* Checks happen at fixed times; those before `need_us` would find nothing. */
    int64_t first_us = kernel_start_us(broker->kernel) + RETENTION_FIRST_US;
    int64_t from_us = need_us > now_us + 1 ? need_us : now_us + 1;
    int64_t checks = from_us <= first_us
                         ? 0
                         : (from_us - first_us + RETENTION_CHECK_US - 1) / RETENTION_CHECK_US;
    int64_t due_us = first_us + checks * RETENTION_CHECK_US;
    if (due_us < broker->retention_due_us) {
        broker->retention_due_us = due_us;
        kernel_at(broker->kernel, due_us, retention_check, broker, (uint64_t)due_us);
    }
}
