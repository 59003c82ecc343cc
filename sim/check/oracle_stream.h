/* A query's watermark and groups over its batches, by the oracle: Spark's rules (spark-checkpoint
 * 3), a row at a time, naively. Batches are given in order, each exactly once: a batch that runs
 * again changes nothing. Rows of one map task (a Kafka partition's range) are aggregated first, the
 * tasks' results are merged in task order, then with the state, so that doubles add in the engine's
 * order and an overflow shows where Spark's would.
 *
 * State version N is the state before batch N; the numbers below are those of the last batch. */
#ifndef SIM_CHECK_ORACLE_STREAM_H
#define SIM_CHECK_ORACLE_STREAM_H

#include "sim/check/oracle.h"

struct oracle_stream;

/* Memory of the current process. Keeps the oracle.
 * * partitions  of the shuffle; at least 1 */
struct oracle_stream *oracle_stream_new(const struct oracle *oracle, int64_t partitions);
void oracle_stream_free(struct oracle_stream *stream);

/* The batch that comes next: its number, and its watermark Wm(N). */
int64_t oracle_stream_next(const struct oracle_stream *stream);
int64_t oracle_stream_watermark_ms(const struct oracle_stream *stream);
int64_t oracle_stream_partitions(const struct oracle_stream *stream);

/* One record of the next batch that passed the filter, in offset order. `input` lives as long as
 * the stream. NULL, or the class of Spark's error: the batch can never be committed. */
const char *oracle_stream_record(struct oracle_stream *stream, const struct oracle_input *input);
/* No more records of this map task. */
const char *oracle_stream_task_end(struct oracle_stream *stream);
/* All tasks are there: late groups are dropped, the rest merged into the state, what is behind the
 * watermark is emitted and evicted. After an error the stream is of no more use. */
const char *oracle_stream_end(struct oracle_stream *stream);

/* ---- of the last batch */

/* Its rows of a stateful query. In complete mode of the last batch only; in append mode of each. */
const struct row_set *oracle_stream_rows(const struct oracle_stream *stream, int64_t batch);
int64_t oracle_stream_dropped(const struct oracle_stream *stream); /* late groups */
int64_t oracle_stream_evicted(const struct oracle_stream *stream);
int64_t oracle_stream_state_rows(const struct oracle_stream *stream);
/* Does the watermark say that a batch without data must follow (spark-checkpoint 2.5)? */
bool oracle_stream_owes_batch(const struct oracle_stream *stream);

/* What the last batch did to a key that it touched or evicted; one of both has two changes. */
struct oracle_change {
    const struct oracle_key *key;
    bool was;   /* it was in the state before the batch */
    bool other; /* the value is another one than before */
};
const struct oracle_change *oracle_stream_changes(const struct oracle_stream *stream,
                                                  size_t *count);

/* The state after the last batch: the key's group and the bytes of its buffers. False: no such
 * key. */
bool oracle_stream_find(const struct oracle_stream *stream,
                        struct bytes row,
                        const struct oracle_key **key,
                        struct buf *value);

/* A partition's rows at `version`, without their order. */
struct oracle_digest {
    uint64_t sum;
    int64_t rows;
};
struct oracle_digest
oracle_stream_digest(const struct oracle_stream *stream, int64_t version, int64_t partition);
void oracle_digest_add(struct oracle_digest *digest, struct bytes key, struct bytes value);

#endif
