#include "sim/fakes/broker_log.h"

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"

#define START_CHECKPOINT_US                                                                        \
    (60 * US_PER_SECOND)                  /* log.flush.start.offset.checkpoint.interval.ms         \
                                           */
#define FLUSH_AGE_US (30 * US_PER_SECOND) /* vm.dirty_expire_centisecs */

enum {
    BATCH_HEADER_BYTES = 61, /* record batch v2 */
    RECORD_BYTES = 10        /* attributes and small varints around a value */
};

static struct log_segment *active(const struct broker_log *log)
{
    return &log->segments[log->segment_count - 1];
}

static void roll(struct broker_log *log)
{
    if (log->segment_count == log->segment_capacity) {
        log->segment_capacity = log->segment_capacity == 0 ? 4 : log->segment_capacity * 2;
        log->segments = heap_realloc(log->segments, log->segment_capacity * sizeof *log->segments);
    }
    int64_t base_offset = log->segment_count == 0 ? 0 : log_end(log);
    log->segments[log->segment_count++] = (struct log_segment){
        .base_offset = base_offset,
        .timestamp_max_ms = -1,
        .batch = log->batch_end,
    };
}

void log_init(struct broker_log *log, const struct log_config *config)
{
    *log = (struct broker_log){.config = *config};
    roll(log);
}

int64_t log_end(const struct broker_log *log)
{
    const struct log_segment *last = active(log);
    return last->batch < log->batch_end ? log->batches[log->batch_end - 1]->next_offset
                                        : last->base_offset;
}

int64_t log_batch_size(const struct batch_record *records, size_t count)
{
    int64_t size = BATCH_HEADER_BYTES;
    for (size_t i = 0; i < count; i++) {
        size += RECORD_BYTES + (int64_t)records[i].value.size;
    }
    return size;
}

/* ---- appending ------------------------------------------------------------------------------ */

static bool must_roll(const struct broker_log *log, const struct record_batch *batch)
{
    const struct log_segment *segment = active(log);
    if (segment->batch == log->batch_end) {
        return false; /* an empty segment takes any batch */
    }
    return segment->size_bytes + batch->size_bytes > log->config.segment_bytes ||
           batch->timestamp_max_ms - segment->first_timestamp_ms > log->config.segment_ms ||
           batch->next_offset - segment->base_offset > INT32_MAX;
}

void log_append(struct broker_log *log, struct record_batch *batch)
{
    require(batch->base_offset >= log_end(log));
    require(batch->next_offset > batch->base_offset);
    if (must_roll(log, batch)) {
        roll(log);
    }
    if (log->batch_end == log->batch_capacity) {
        log->batch_capacity = log->batch_capacity == 0 ? 16 : log->batch_capacity * 2;
        log->batches = heap_realloc(log->batches, log->batch_capacity * sizeof(void *));
    }
    struct log_segment *segment = active(log);
    if (segment->batch == log->batch_end) {
        segment->first_timestamp_ms = batch->timestamp_max_ms;
    }
    if (batch->timestamp_max_ms > segment->timestamp_max_ms) {
        segment->timestamp_max_ms = batch->timestamp_max_ms;
    }
    segment->size_bytes += batch->size_bytes;
    log->batches[log->batch_end++] = batch;
}

/* ---- retention ------------------------------------------------------------------------------ */

enum pass { BELOW_START, BY_SIZE, BY_TIME };

struct retention {
    struct broker_log *log;
    int64_t now_ms;
    int64_t high_watermark;
    int64_t surplus_bytes;
};

static bool is_active(const struct broker_log *log, size_t segment)
{
    return segment + 1 == log->segment_count;
}

static int64_t segment_end(const struct broker_log *log, size_t segment)
{
    return is_active(log, segment) ? log_end(log) : log->segments[segment + 1].base_offset;
}

static bool deletable(struct retention *retention, enum pass pass, size_t index)
{
    const struct broker_log *log = retention->log;
    const struct log_segment *segment = &log->segments[index];
    bool empty = is_active(log, index) && segment->batch == log->batch_end;
    if (empty || segment_end(log, index) > retention->high_watermark) {
        return false;
    }
    switch (pass) {
    case BELOW_START:
        return !is_active(log, index) && segment_end(log, index) <= log->start_offset;
    case BY_SIZE:
        if (log->config.retention_bytes < 0 || retention->surplus_bytes < segment->size_bytes) {
            return false;
        }
        retention->surplus_bytes -= segment->size_bytes;
        return true;
    case BY_TIME:
        return log->config.retention_ms >= 0 &&
               retention->now_ms - segment->timestamp_max_ms > log->config.retention_ms;
    }
    return false;
}

/* Remove the oldest segments that `pass` may delete; a log never has none, so the active one is
 * rolled first when it has to go. */
static void delete_segments(struct retention *retention, enum pass pass)
{
    struct broker_log *log = retention->log;
    size_t count = 0;
    while (count < log->segment_count && deletable(retention, pass, count)) {
        count++;
    }
    if (count == 0) {
        return;
    }
    if (count == log->segment_count) {
        roll(log);
    }
    log->segment_count -= count;
    memmove(log->segments, log->segments + count, log->segment_count * sizeof *log->segments);
    log->batch_first = log->segments[0].batch;
    if (log->segments[0].base_offset > log->start_offset) {
        log->start_offset = log->segments[0].base_offset;
        log->start_durable = log->start_offset; /* files that are gone do not come back */
    }
}

bool log_retain(struct broker_log *log, int64_t now_ms, int64_t high_watermark)
{
    int64_t start_offset = log->start_offset;
    struct retention retention = {
        .log = log,
        .now_ms = now_ms,
        .high_watermark = high_watermark,
        .surplus_bytes = -log->config.retention_bytes,
    };
    delete_segments(&retention, BELOW_START);
    for (size_t i = 0; i < log->segment_count; i++) {
        retention.surplus_bytes += log->segments[i].size_bytes;
    }
    delete_segments(&retention, BY_SIZE);
    delete_segments(&retention, BY_TIME);
    return log->start_offset > start_offset;
}

int64_t log_expiry_ms(const struct broker_log *log)
{
    const struct log_segment *oldest = &log->segments[0];
    int64_t expiry_ms = INT64_MAX;
    bool off = log->config.retention_ms < 0 || oldest->batch == log->batch_end;
    return off || __builtin_add_overflow(
                      oldest->timestamp_max_ms, log->config.retention_ms + 1, &expiry_ms)
               ? INT64_MAX
               : expiry_ms;
}

void log_delete_records(struct broker_log *log, int64_t offset, int64_t now_us)
{
    require(offset <= log_end(log));
    if (offset <= log->start_offset) {
        return;
    }
    if (now_us / START_CHECKPOINT_US > log->start_set_us / START_CHECKPOINT_US) {
        log->start_durable = log->start_offset;
    }
    log->start_offset = offset;
    log->start_set_us = now_us;
}

void log_restore_start(struct broker_log *log, int64_t now_us)
{
    if (now_us / START_CHECKPOINT_US > log->start_set_us / START_CHECKPOINT_US) {
        log->start_durable = log->start_offset;
    }
    int64_t base_offset = log->segments[0].base_offset;
    log->start_offset = log->start_durable > base_offset ? log->start_durable : base_offset;
}

/* ---- truncation ----------------------------------------------------------------------------- */

/* Largest timestamp and size of the active segment, anew. */
static void recount_active(struct broker_log *log)
{
    struct log_segment *segment = active(log);
    segment->timestamp_max_ms = -1;
    segment->size_bytes = 0;
    for (size_t i = segment->batch; i < log->batch_end; i++) {
        const struct record_batch *batch = log->batches[i];
        segment->size_bytes += batch->size_bytes;
        if (batch->timestamp_max_ms > segment->timestamp_max_ms) {
            segment->timestamp_max_ms = batch->timestamp_max_ms;
        }
    }
}

void log_truncate(struct broker_log *log, int64_t offset)
{
    size_t keep = log_find(log, offset);
    if (keep < log->batch_end && log->batches[keep]->base_offset < offset) {
        offset = log->batches[keep]->base_offset;
    }
    if (offset >= log_end(log)) {
        return;
    }
    log->batch_end = keep;
    while (log->segment_count > 1 && active(log)->base_offset >= offset) {
        log->segment_count--;
    }
    if (active(log)->base_offset > offset) { /* below everything that is left: start over there */
        active(log)->base_offset = offset;
        active(log)->batch = log->batch_end;
    }
    recount_active(log);
    if (log->start_offset > offset) {
        log->start_offset = offset;
    }
    if (log->start_durable > offset) {
        log->start_durable = offset;
    }
}

void log_reset(struct broker_log *log, int64_t offset)
{
    log->batch_first = log->batch_end;
    log->segment_count = 0;
    roll(log);
    active(log)->base_offset = offset;
    log->start_offset = offset;
    log->start_durable = offset;
}

int64_t log_common_end(const struct broker_log *log, const struct broker_log *leader)
{
    size_t i = log->batch_end;
    while (i > log->batch_first) {
        const struct record_batch *mine = log->batches[i - 1];
        size_t at = log_find(leader, mine->base_offset);
        if (at < leader->batch_end && leader->batches[at]->base_offset == mine->base_offset &&
            leader->batches[at]->epoch == mine->epoch) {
            return mine->next_offset;
        }
        i--;
    }
    /* Nothing in common that still exists on both: what the leader has no batch for stays only when
     * it lies below the leader's log. */
    int64_t base_offset = log->segments[0].base_offset;
    int64_t end = log_end(log);
    return end <= leader->segments[0].base_offset ? end : base_offset;
}

int64_t log_flushed_end(const struct broker_log *log, int64_t now_us)
{
    size_t i = log->batch_end;
    while (i > active(log)->batch && now_us - log->batches[i - 1]->appended_us < FLUSH_AGE_US) {
        i--;
    }
    return i == log->batch_end ? log_end(log) : log->batches[i]->base_offset;
}

/* ---- reading -------------------------------------------------------------------------------- */

size_t log_find(const struct broker_log *log, int64_t offset)
{
    size_t low = log->batch_first;
    size_t high = log->batch_end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->batches[middle]->next_offset <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t log_records(const struct broker_log *log,
                   int64_t offset,
                   int64_t readable_end,
                   int64_t bytes_max,
                   size_t *first)
{
    size_t count = 0;
    int64_t bytes = 0;
    *first = log_find(log, offset);
    for (size_t i = *first; i < log->batch_end; i++) {
        bytes += log->batches[i]->size_bytes;
        if (log->batches[i]->next_offset > readable_end || (count > 0 && bytes > bytes_max)) {
            break;
        }
        count++;
    }
    return count;
}

int64_t log_offset_for_time(const struct broker_log *log, int64_t timestamp_ms)
{
    size_t segment = 0;
    while (segment < log->segment_count && log->segments[segment].timestamp_max_ms < timestamp_ms) {
        segment++;
    }
    if (segment == log->segment_count) {
        return -1;
    }
    for (size_t i = log->segments[segment].batch; i < log->batch_end; i++) {
        const struct record_batch *batch = log->batches[i];
        for (size_t r = 0; r < batch->count; r++) {
            int64_t offset = batch->base_offset + batch->records[r].delta;
            if (batch->records[r].timestamp_ms >= timestamp_ms && offset >= log->start_offset) {
                return offset;
            }
        }
    }
    return -1;
}
