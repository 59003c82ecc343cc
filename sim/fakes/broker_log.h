/* One replica's log of one partition: record batches in segments, as Kafka's UnifiedLog keeps them
 * (rules R1 to R13 of Kafka's semantics, without replication: see broker_internal.h). No time, no
 * kernel: the caller says what time it is. Batches are shared by replicas and by the history; a log
 * only points to them. Memory of the world. */
#ifndef SIM_FAKES_BROKER_LOG_H
#define SIM_FAKES_BROKER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/bytes.h"

struct batch_record {
    int32_t delta; /* offset - base_offset; strictly increasing, gaps are normal (R2) */
    int64_t timestamp_ms;
    struct bytes value; /* borrowed from the scenario */
    size_t workload;
    size_t line;
};

/* The unit of storage and fetch (R3). Immutable once appended. */
struct record_batch {
    int64_t base_offset;
    int64_t next_offset; /* behind the last record slot */
    uint32_t epoch;      /* of the leader that appended it (R19) */
    int64_t timestamp_max_ms;
    int64_t size_bytes;
    int64_t appended_us;
    int64_t readable_us; /* when the high watermark passed it first; -1: not yet */
    struct batch_record *records;
    size_t count;
};

struct log_config {
    int64_t segment_ms;
    int64_t segment_bytes;
    int64_t retention_ms;    /* -1: off */
    int64_t retention_bytes; /* -1: off */
};

struct log_segment {
    int64_t base_offset;
    int64_t first_timestamp_ms; /* largest of its first batch: what rolling by time goes by */
    int64_t timestamp_max_ms;
    int64_t size_bytes;
    size_t batch; /* index of its first batch */
};

struct broker_log {
    struct log_config config;
    struct record_batch **batches; /* [batch_first, batch_end) are in the log */
    size_t batch_first;
    size_t batch_end;
    size_t batch_capacity;
    struct log_segment *segments; /* ascending; the last one is active; never none */
    size_t segment_count;
    size_t segment_capacity;
    int64_t start_offset;
    /* DeleteRecords moves the log start at once, but it is checkpointed later (R13). */
    int64_t start_durable;
    int64_t start_set_us;
};

void log_init(struct broker_log *log, const struct log_config *config);

/* LEO: the next offset to be written. */
int64_t log_end(const struct broker_log *log);

/* The size of a batch as stored: header, then a few bytes and the value for each record. */
int64_t log_batch_size(const struct batch_record *records, size_t count);

/* Append behind the end; rolls first when the active segment would grow beyond segment.bytes, or
 * its records would span more than segment.ms of *their own* time (R6). */
void log_append(struct broker_log *log, struct record_batch *batch);

/* One retention check (R7 to R12): segments below the log start, then by size, then by time; each
 * pass stops at the first segment that stays. Only segments below the high watermark go (R10). The
 * active segment goes too when all of it has to (R11). True when the log start moved. */
bool log_retain(struct broker_log *log, int64_t now_ms, int64_t high_watermark);

/* When the oldest segment expires by time, in milliseconds; INT64_MAX: never. */
int64_t log_expiry_ms(const struct broker_log *log);

/* R13, the log's part: move the start forward to `offset`, no segment needed. */
void log_delete_records(struct broker_log *log, int64_t offset, int64_t now_us);
/* A crash of the machine at `now_us`: a log start that was not checkpointed yet goes back. */
void log_restore_start(struct broker_log *log, int64_t now_us);

/* Drop every batch that reaches beyond `offset` (whole batches). */
void log_truncate(struct broker_log *log, int64_t offset);

/* Forget everything and begin at `offset`: a follower that its leader's log start has overtaken. */
void log_reset(struct broker_log *log, int64_t offset);

/* The offset up to which this log and `leader` hold the same batches (same offset, same epoch):
 * where a follower truncates to (R19; KIP-101, KIP-279). */
int64_t log_common_end(const struct broker_log *log, const struct broker_log *leader);

/* The first offset whose batch was not flushed by the operating system when the machine crashed
 * (R21): appended within the last 30 s, in the active segment (rolling flushes the one before). */
int64_t log_flushed_end(const struct broker_log *log, int64_t now_us);

/* Index of the first batch that reaches beyond `offset`; batch_end when there is none. */
size_t log_find(const struct broker_log *log, int64_t offset);

/* Batches for a fetch at `offset`: from the one that holds it, below `readable_end`, at most
 * `bytes_max` but always the first (R3). Returns how many, from `*first`. */
size_t log_records(const struct broker_log *log,
                   int64_t offset,
                   int64_t readable_end,
                   int64_t bytes_max,
                   size_t *first);

/* ListOffsets by time (R27): the first offset with a timestamp >= `timestamp_ms`, at or behind the
 * first segment that has one; -1: none. */
int64_t log_offset_for_time(const struct broker_log *log, int64_t timestamp_ms);

#endif
