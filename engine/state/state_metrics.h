/* What a store says of itself for lastProgress.stateOperators, and the names that Spark's providers
 * give to their own figures (customMetrics: HDFSBackedStateStoreProvider.scala,
 * RocksDBStateStoreProvider.scala of 4.0).
 *
 * Of RocksDB's there are the counts. Not there: sizes (of SST files and archives, which another
 * compression library changes), the library's own statistics of blocks and compactions, and times,
 * since a stretch of the library passes without a clock. */
#ifndef ENGINE_STATE_STATE_METRICS_H
#define ENGINE_STATE_STATE_METRICS_H

#include "engine/plan/options.h"

struct state_metrics {
    /* Of the version that was committed last: */
    int64_t committed_rows;  /* -1: not counted (trackTotalNumberOfRows) */
    int64_t committed_bytes; /* as memory_bytes, before what there was went into a database */
    /* Of what is open now, else cached: */
    int64_t rows;
    int64_t memory_bytes; /* logical: keys and values; of RocksDB, of what is in no database yet */
    /* Of the partition: */
    int64_t loaded_from_snapshot; /* how often since the provider began; loads from files */
    int64_t loaded_deltas;        /* changelogs too */
    int64_t memory_hits;
    int64_t memory_misses;
    /* Of the RocksDB provider: */
    int64_t gets; /* since the version was opened */
    int64_t puts;
    int64_t files_copied; /* SST files that the newest snapshot uploaded */
    int64_t files_reused; /* and those of it that an older one had uploaded */
};

enum { STATE_CUSTOM_METRICS_MAX = 8 };

/* The names of a provider's customMetrics, ascending; `*count` of them. */
const char *const *state_custom_names(enum state_provider_kind provider, size_t *count);

/* Their values, in the same order. */
void state_custom_values(enum state_provider_kind provider,
                         const struct state_metrics *metrics,
                         int64_t values[STATE_CUSTOM_METRICS_MAX]);

#endif
