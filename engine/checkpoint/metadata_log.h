/* The logs of a checkpoint: `offsets/<N>` and `commits/<N>`, one file a batch, written once
 * (Spark's HDFSMetadataLog, OffsetSeqLog, CommitLog; spark-checkpoint 1.1 to 1.4), and the file
 * `metadata`.
 *
 * Recovery lists and reads entries, then calls store_sync_directory on each log that it read, then
 * acts: an entry may be visible and not yet durable (store.h).
 *
 * Error classes: CONCURRENT_STREAM_LOG_UPDATE, CHECKPOINT_METADATA_MISSING, MALFORMED_LOG,
 * INCOMPLETE_LOG, UNSUPPORTED_LOG_VERSION, CHECKPOINT_READ_FAILED, CHECKPOINT_WRITE_FAILED. */
#ifndef ENGINE_CHECKPOINT_METADATA_LOG_H
#define ENGINE_CHECKPOINT_METADATA_LOG_H

#include "engine/base/buf.h"
#include "engine/base/diag.h"
#include "engine/base/uuid.h"
#include "engine/checkpoint/store.h"

/* Ids present in a log directory, ascending: names that are the decimal form of an int64 that is
 * not negative (temporary files, "007" and ".3.crc" are ignored). May suspend. Errors: ERR_IO,
 * ERR_TIMEOUT, ERR_THROTTLED. */
MUST_CHECK enum status metadata_log_list(
    struct store *store, const char *directory, struct arena *arena, int64_t **ids, size_t *count);

/* Put `content` as the entry of `batch`, exactly once. Durable on OK. May suspend.
 * Errors: ERR_FAILED with `diag`: class CONCURRENT_STREAM_LOG_UPDATE when another run wrote this
 * batch first, CHECKPOINT_WRITE_FAILED otherwise. Only after an unknown outcome of this very put
 * are equal bytes taken for one's own: two drivers that planned the same batch may well write
 * identical entries, and one of them must lose. */
MUST_CHECK enum status metadata_log_put(struct store *store,
                                        const char *directory,
                                        int64_t batch,
                                        struct bytes content,
                                        struct diag *diag);

/* Remove the entries with id < `first_kept`, lowest first. Each removal is durable before the next
 * one happens, so that what a crash brings back never has a hole above it; the last one becomes
 * durable with the log's next put. May suspend. */
MUST_CHECK enum status
metadata_log_purge(struct store *store, const char *directory, int64_t first_kept);

struct offset_log_entry {
    int64_t batch_watermark_ms;
    int64_t batch_timestamp_ms;
    const char *conf;    /* the "conf" object as JSON text */
    const char *sources; /* one line a source, here exactly one: offset JSON, or "-" */
};

/* "v1\n{...}\n<source>" without a trailing newline. Pure. */
void offset_log_encode(const struct offset_log_entry *entry, struct buf *out);
/* Errors: ERR_FAILED with `diag` naming `path`, the line and the remedy. */
MUST_CHECK enum status offset_log_decode(struct arena *arena,
                                         const char *path,
                                         struct bytes content,
                                         struct offset_log_entry *entry,
                                         struct diag *diag);

/* "v1\n{"nextBatchWatermarkMs":0}", 29 bytes for 0. Pure. */
void commit_log_encode(int64_t next_batch_watermark_ms, struct buf *out);
MUST_CHECK enum status commit_log_decode(struct arena *arena,
                                         const char *path,
                                         struct bytes content,
                                         int64_t *next_batch_watermark_ms,
                                         struct diag *diag);

/* Read or create `<checkpoint>/metadata`, {"id":"<uuid>"}: the query id for the checkpoint's life.
 * * fresh_id  used when the file is missing
 * Refused (CHECKPOINT_METADATA_MISSING) when it is missing but offsets or commits exist: a new id
 * would make the sink write old batches again (SPARK-55058). `*created` says which. May suspend.
 * Durable on OK. */
MUST_CHECK enum status stream_metadata_get(struct store *store,
                                           const char *checkpoint,
                                           const char *fresh_id,
                                           struct arena *arena,
                                           char id[UUID_TEXT_SIZE],
                                           bool *created,
                                           struct diag *diag);

#endif
