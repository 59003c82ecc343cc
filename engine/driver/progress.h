/* lastProgress: what one trigger did, as the JSON object that Spark's StreamingQueryProgress.json
 * gives (spark-checkpoint 3.1): its names, order of keys and forms of numbers; maps are sorted,
 * empty ones are left out. Not durable, perhaps repeated: no oracle. Pure.
 *
 * What Spark has and this engine has not: some of RocksDB's customMetrics (state_metrics.h), and
 * observedMetrics, which are empty, hence left out. */
#ifndef ENGINE_DRIVER_PROGRESS_H
#define ENGINE_DRIVER_PROGRESS_H

#include "engine/base/buf.h"
#include "engine/base/uuid.h"
#include "engine/source/offsets.h"
#include "engine/state/state_metrics.h"

/* An idle query says its last batch again at most this often (Spark:
 * spark.sql.streaming.noDataProgressEventInterval). */
#define PROGRESS_IDLE_US INT64_C(10000000)

/* durationMs, in the order in which Spark writes them: by name. */
enum progress_phase {
    PHASE_ADD_BATCH,
    PHASE_COMMIT_OFFSETS,
    PHASE_GET_BATCH,
    PHASE_LATEST_OFFSET,
    PHASE_QUERY_PLANNING,
    PHASE_TRIGGER_EXECUTION,
    PHASE_WAL_COMMIT,
    PHASE_COUNT
};

/* The clock of triggers. */
struct progress {
    char run_id[UUID_TEXT_SIZE]; /* of this driver start; empty: not drawn yet */
    int64_t trigger_us;          /* when this trigger began */
    int64_t input_us;            /* since the trigger before it began; 0: it is the first */
    int64_t mark_us;             /* until here time has been attributed to a phase */
    int64_t phase_us[PHASE_COUNT];
    struct buf line; /* the last batch's */
    int64_t told_us; /* when it was said last */
};

void progress_begin(struct progress *progress, int64_t now_us);

/* The time since the last call was `phase`. */
void progress_phase(struct progress *progress, enum progress_phase phase, int64_t now_us);

/* The trigger ends: how long it took in all. */
void progress_end(struct progress *progress, int64_t now_us);

/* Is the last batch due to be said again? Remembers that it is. */
bool progress_idle(struct progress *progress, int64_t now_us);

struct progress_event_times { /* of the rows of this batch */
    int64_t count;
    int64_t max_ms;
    int64_t min_ms;
    int64_t sum_ms;
    bool overflowed; /* the sum did: no average */
};

struct progress_state { /* of the one stateful operator */
    int64_t partitions;
    int64_t rows;
    int64_t bytes;
    int64_t rows_updated;
    int64_t rows_removed;
    int64_t rows_dropped_by_watermark;
    int64_t updates_us; /* of all tasks together, as Spark adds them up */
    int64_t removals_us;
    int64_t commit_us;
    enum state_provider_kind provider;
    int64_t custom[STATE_CUSTOM_METRICS_MAX];
};

struct progress_batch {
    const char *id; /* of the query */
    const char *name;
    int64_t batch;
    int64_t rows;                /* read */
    const int64_t *watermark_ms; /* that this batch used; NULL: the plan has none */
    struct progress_event_times times;
    const struct progress_state *state; /* NULL: no stateful operator ran */
    const char *topic;
    const struct offsets *start; /* NULL: the first batch (null, as Spark) */
    const struct offsets *end;
    const struct offsets *latest; /* NULL: nobody asked (null) */
    const char *table;
    int64_t rows_written; /* -1: unknown */
};

/* Append the object, one line without its newline. */
void progress_encode(const struct progress *progress,
                     const struct progress_batch *batch,
                     struct buf *out);

#endif
