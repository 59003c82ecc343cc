/* The workloads: line i goes to its partition at its virtual time, by an idempotent
 * acks=all producer that never gives up (enable.idempotence is Kafka's default; delivery.timeout.ms
 * is taken as endless). Order within a partition is kept. A batch is acknowledged when it is below
 * the high watermark; until then it is sent again to each new leader that does not have it, and a
 * leader that has it answers with the offset it got (R28): so a clean election loses nothing that
 * was acknowledged and repeats nothing.
 *
 * Records that are due within 5 ms of each other travel in one batch. */
#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"
#include "sim/fakes/broker_internal.h"
#include "sim/kernel/costs.h"

#define LINGER_US  (5 * US_PER_MS)
#define REFRESH_US (100 * US_PER_MS) /* retry.backoff.ms, and the metadata that comes with it */

enum { BATCH_RECORDS_MAX = 1000 };

static int64_t due_us(const struct lane *lane, int64_t record)
{
    int64_t burst = lane->workload->burst > 0 ? lane->workload->burst : 1;
    return lane->start_us + record / burst * burst * lane->workload->interval_us;
}

/* A lane is one place in the workload's list of partitions. */
static size_t lanes_of(const struct fake_broker *broker, const struct workload_config *workload)
{
    return workload->partitions != NULL
               ? workload->partition_count
               : (size_t)broker->topics[workload->topic].config->partitions;
}

static int64_t stride(const struct lane *lane)
{
    return (int64_t)lanes_of(lane->broker, lane->workload);
}

/* ---- batches -------------------------------------------------------------------------------- */

/* The records that are due by now, at least one. */
static struct record_batch *collect(struct lane *lane)
{
    int64_t now_us = kernel_now_us(lane->broker->kernel);
    size_t count = 0;
    for (int64_t i = lane->next;
         i < lane->total && due_us(lane, i) <= now_us && count < BATCH_RECORDS_MAX;
         i += stride(lane)) {
        count++;
    }
    require(count > 0);
    struct record_batch *batch = heap_alloc(sizeof *batch);
    batch->count = count;
    batch->records = heap_alloc(count * sizeof *batch->records);
    for (size_t r = 0; r < count; r++, lane->next += stride(lane)) {
        size_t line = (size_t)lane->next % lane->workload->line_count;
        batch->records[r] = (struct batch_record){
            .delta = (int32_t)r,
            .timestamp_ms = due_us(lane, lane->next) / US_PER_MS,
            .value = lane->workload->lines[line],
            .workload = lane->workload_index,
            .line = line,
        };
        batch->timestamp_max_ms = batch->records[r].timestamp_ms;
    }
    batch->size_bytes = log_batch_size(batch->records, count);
    return batch;
}

static void enqueue(struct lane *lane, struct record_batch *batch)
{
    if (lane->queue_count == lane->queue_capacity) {
        lane->queue_capacity = lane->queue_capacity == 0 ? 4 : lane->queue_capacity * 2;
        lane->queue = heap_realloc(lane->queue, lane->queue_capacity * sizeof(void *));
    }
    lane->queue[lane->queue_count++] = batch;
}

/* ---- sending -------------------------------------------------------------------------------- */

static bool leader_has(const struct lane *lane, const struct record_batch *batch)
{
    const struct replica *leader = partition_leader(lane->partition);
    size_t at = log_find(&leader->log, batch->base_offset);
    return at < leader->log.batch_end && leader->log.batches[at] == batch;
}

/* After an election: of what was sent, the new leader has a prefix. The rest is sent again, as new
 * batches, since a replica that is down may still hold the old ones. */
static void forget_lost(struct lane *lane)
{
    for (size_t i = 0; i < lane->sent; i++) {
        if (!leader_has(lane, lane->queue[i])) {
            for (size_t r = i; r < lane->sent; r++) {
                struct record_batch *again = heap_alloc(sizeof *again);
                *again = *lane->queue[r];
                lane->queue[r] = again;
            }
            lane->sent = i;
        }
    }
}

static void acknowledge(struct lane *lane)
{
    const struct replica *leader = partition_leader(lane->partition);
    size_t done = 0;
    while (leader != NULL && done < lane->sent &&
           lane->queue[done]->next_offset <= leader->high_watermark) {
        done++;
    }
    if (done > 0) {
        lane->sent -= done;
        lane->queue_count -= done;
        memmove(lane->queue, lane->queue + done, lane->queue_count * sizeof(void *));
    }
}

static void flush(struct lane *lane)
{
    while (lane->sent < lane->queue_count) {
        struct record_batch *batch = lane->queue[lane->sent];
        if (!partition_append(lane->broker, lane->partition, batch, (int64_t)batch->count)) {
            return; /* producers_retry comes when that may have changed */
        }
        lane->sent++;
        acknowledge(lane);
    }
}

static void retry(void *context, uint64_t lane_index)
{
    struct lane *lane = &((struct fake_broker *)context)->lanes[lane_index];
    lane->retry_due = false;
    if (partition_leader(lane->partition) != NULL) {
        forget_lost(lane);
        acknowledge(lane);
        flush(lane);
    }
}

void producers_retry(struct fake_broker *broker, struct partition *partition)
{
    for (size_t i = 0; i < broker->lane_count; i++) {
        struct lane *lane = &broker->lanes[i];
        if (lane->partition == partition && lane->queue_count > 0 && !lane->retry_due) {
            lane->retry_due = true;
            kernel_at(broker->kernel, kernel_now_us(broker->kernel) + REFRESH_US, retry, broker, i);
        }
    }
}

void producers_acknowledge(struct fake_broker *broker, const struct partition *partition)
{
    for (size_t i = 0; i < broker->lane_count; i++) {
        if (broker->lanes[i].partition == partition && !broker->lanes[i].retry_due) {
            acknowledge(&broker->lanes[i]);
        }
    }
}

/* ---- the workloads -------------------------------------------------------------------------- */

static void lane_due(void *context, uint64_t lane_index);

static void schedule(struct fake_broker *broker, size_t lane_index)
{
    const struct lane *lane = &broker->lanes[lane_index];
    if (lane->next < lane->total) {
        bool crowded = lane->workload->interval_us * stride(lane) < LINGER_US;
        int64_t time_us = due_us(lane, lane->next) + (crowded ? LINGER_US : 0);
        kernel_at(broker->kernel, time_us, lane_due, broker, lane_index);
    }
}

static void lane_due(void *context, uint64_t lane_index)
{
    struct fake_broker *broker = context;
    struct lane *lane = &broker->lanes[lane_index];
    enqueue(lane, collect(lane));
    if (!lane->retry_due) { /* else it goes behind what waits for the retry */
        flush(lane);
    }
    schedule(broker, lane_index);
}

/* How many records a workload sends in all. */
static int64_t total_of(const struct workload_config *workload)
{
    int64_t total = workload->records;
    if (workload->until_us >= 0) {
        int64_t span_us = workload->until_us - workload->start_us;
        int64_t fit = (span_us + workload->interval_us - 1) / workload->interval_us;
        total = total < 0 || fit < total ? fit : total;
    }
    return total < 0 ? (int64_t)workload->line_count : total;
}

void fake_broker_produce(struct fake_broker *broker,
                         const struct workload_config *workloads,
                         size_t count)
{
    require(broker->lanes == NULL);
    struct process *previous = kernel_enter(broker->kernel);
    for (size_t w = 0; w < count; w++) {
        broker->lane_count += lanes_of(broker, &workloads[w]);
    }
    broker->lanes = heap_alloc(broker->lane_count * sizeof *broker->lanes);
    size_t next = 0;
    for (size_t w = 0; w < count; w++) {
        const struct workload_config *workload = &workloads[w];
        require(workload->line_count > 0);
        require(workload->interval_us > 0);
        for (size_t i = 0; i < lanes_of(broker, workload); i++) {
            size_t p = workload->partitions != NULL ? (size_t)workload->partitions[i] : i;
            broker->lanes[next] = (struct lane){
                .broker = broker,
                .workload = workload,
                .workload_index = w,
                .partition = &broker->topics[workload->topic].partitions[p],
                .start_us = kernel_now_us(broker->kernel) + workload->start_us,
                .next = (int64_t)i,
                .total = total_of(workload),
            };
            schedule(broker, next++);
        }
    }
    kernel_leave(broker->kernel, previous);
}

bool fake_broker_workloads_done(const struct fake_broker *broker)
{
    for (size_t i = 0; i < broker->lane_count; i++) {
        if (broker->lanes[i].next < broker->lanes[i].total || broker->lanes[i].queue_count > 0) {
            return false;
        }
    }
    return true;
}
