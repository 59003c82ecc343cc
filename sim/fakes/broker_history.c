/* What was ever readable, for the oracle: also after it expired. Batches in offset order; what an
 * unclean election or a lost tail takes back leaves the history, and the same offsets may come
 * again with other records (R20). */
#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "sim/fakes/broker_internal.h"

int64_t history_end(const struct partition *partition)
{
    return partition->history_count == 0
               ? 0
               : partition->history[partition->history_count - 1]->next_offset;
}

void history_extend(struct fake_broker *broker, struct partition *partition)
{
    const struct replica *leader = partition_leader(partition);
    const struct broker_log *log = &leader->log;
    for (size_t i = log_find(log, history_end(partition));
         i < log->batch_end && log->batches[i]->next_offset <= leader->high_watermark;
         i++) {
        struct record_batch *batch = log->batches[i];
        require(batch->base_offset >= history_end(partition));
        if (partition->history_count == partition->history_capacity) {
            partition->history_capacity =
                partition->history_capacity == 0 ? 16 : partition->history_capacity * 2;
            partition->history =
                heap_realloc(partition->history, partition->history_capacity * sizeof(void *));
        }
        if (batch->readable_us < 0) {
            batch->readable_us = kernel_now_us(broker->kernel);
        }
        partition->history[partition->history_count++] = batch;
    }
}

void history_truncate(const struct fake_broker *broker, struct partition *partition, int64_t end)
{
    while (partition->history_count > 0 && history_end(partition) > end) {
        if (partition->taken_count == partition->taken_capacity) {
            partition->taken_capacity =
                partition->taken_capacity == 0 ? 16 : partition->taken_capacity * 2;
            partition->taken = heap_realloc(partition->taken,
                                            partition->taken_capacity * sizeof *partition->taken);
        }
        partition->history_count--;
        partition->taken[partition->taken_count++] = (struct taken_batch){
            .batch = partition->history[partition->history_count],
            .taken_us = kernel_now_us(broker->kernel),
        };
    }
}

static const struct partition *
partition_of(const struct fake_broker *broker, size_t topic, int32_t partition)
{
    require(topic < broker->topic_count);
    require(partition >= 0);
    require(partition < broker->topics[topic].config->partitions);
    return &broker->topics[topic].partitions[partition];
}

int64_t fake_broker_log_start(const struct fake_broker *broker, size_t topic, int32_t partition)
{
    return partition_of(broker, topic, partition)->log_start;
}

int64_t fake_broker_readable_end(const struct fake_broker *broker, size_t topic, int32_t partition)
{
    return history_end(partition_of(broker, topic, partition));
}

static bool holds(const struct record_batch *batch, int64_t offset)
{
    return batch->base_offset <= offset && offset < batch->next_offset;
}

/* The batch that held `offset` at `at_us` and was taken back later. */
static const struct record_batch *
batch_then(const struct partition *partition, int64_t offset, int64_t at_us)
{
    for (size_t i = 0; i < partition->taken_count; i++) {
        const struct taken_batch *taken = &partition->taken[i];
        if (taken->taken_us > at_us && taken->batch->readable_us <= at_us &&
            holds(taken->batch, offset)) {
            return taken->batch;
        }
    }
    return NULL;
}

/* The batch that holds `offset`: of the log as it is, else the newest of those taken back. */
static const struct record_batch *batch_at(const struct partition *partition, int64_t offset)
{
    size_t low = 0;
    size_t high = partition->history_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (partition->history[middle]->next_offset <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < partition->history_count) {
        return partition->history[low];
    }
    for (size_t i = partition->taken_count; i > 0; i--) {
        const struct record_batch *batch = partition->taken[i - 1].batch;
        if (holds(batch, offset)) {
            return batch;
        }
    }
    return NULL;
}

bool fake_broker_taken_back(const struct fake_broker *broker, size_t topic, int32_t partition)
{
    return partition_of(broker, topic, partition)->taken_count > 0;
}

bool fake_broker_history(const struct fake_broker *broker,
                         size_t topic,
                         int32_t partition_id,
                         int64_t offset,
                         struct broker_history *record)
{
    return fake_broker_history_at(broker, topic, partition_id, offset, INT64_MAX, record);
}

bool fake_broker_history_at(const struct fake_broker *broker,
                            size_t topic,
                            int32_t partition_id,
                            int64_t offset,
                            int64_t at_us,
                            struct broker_history *record)
{
    const struct partition *partition = partition_of(broker, topic, partition_id);
    const struct record_batch *batch = batch_then(partition, offset, at_us);
    batch = batch == NULL ? batch_at(partition, offset) : batch;
    for (size_t i = 0; batch != NULL && i < batch->count; i++) {
        const struct batch_record *found = &batch->records[i];
        if (batch->base_offset + found->delta == offset) {
            *record = (struct broker_history){
                .timestamp_ms = found->timestamp_ms,
                .value = found->value,
                .expired = offset < partition->log_start,
                .workload = found->workload,
                .line = found->line,
                .produced_us = batch->readable_us,
            };
            return true;
        }
    }
    return false;
}
