/* Step A of a batch: which offsets it will read. The only step that asks the outside world what
 * the batch is; everything after it follows from what step B wrote down. */
#ifndef ENGINE_DRIVER_BATCH_PLAN_H
#define ENGINE_DRIVER_BATCH_PLAN_H

#include "engine/driver/query.h"

struct batch {
    int64_t id;
    bool rerun;           /* its offsets file exists: nothing was asked */
    struct offsets begin; /* end of the batch before, or the query's initial offsets */
    struct offsets end;
    struct offsets latest; /* what Kafka had when it was planned; no topic: nobody asked */
    int64_t timestamp_ms;  /* the batch's "now": of its first planning, also when it runs again */
    int64_t watermark_ms;  /* Wm(N): it evicts up to here */
    int64_t late_ms;       /* Wm(N-1): it drops what is behind */
    /* What its tasks and the table add. */
    struct job *job;                  /* NULL: it was in the table, nothing ran */
    int64_t next_watermark_ms;        /* Wm(N+1) */
    struct last_records last_records; /* below `end`, as far as they are known */
    int64_t rows_written;
};

/* Plan query->next_batch, in query->batch_arena. Without new data a batch is still planned, with
 * unchanged offsets, when the watermark has closed groups (watermark.h).
 * * planned  false: nothing new to read (availableNow: nothing more up to the run's bound), and
 *            nothing else to do
 * May suspend. Errors: ERR_FAILED with `diag`. */
MUST_CHECK enum status
batch_plan(struct query *query, struct batch *batch, bool *planned, struct diag *diag);

/* The source could not plan: what ends the query. A refusal (DATA_LOSS, INVALID_OPTION, ...) stays
 * what it is. ERR_TIMEOUT (Kafka is away, also after the source's retries) becomes STREAM_FAILED
 * with its cause: as Spark, the query fails and the restart is left to others. Always ERR_FAILED.
 */
enum status batch_plan_failed(const struct plan *plan, enum status status, struct diag *diag);

/* ---- pure ----------------------------------------------------------------------------------- */

/* A deep copy. */
void offsets_copy(struct arena *arena, const struct offsets *from, struct offsets *to);

/* Is there anything between the two? As Spark, which compares offsets as wholes: also a new
 * partition, or an offset that went back, is something new. */
bool offsets_differ(const struct offsets *a, const struct offsets *b);

/* How many offsets lie between the two: partitions that went back count as none, new ones from 0.
 */
int64_t offsets_between(const struct offsets *begin, const struct offsets *end);

#endif
