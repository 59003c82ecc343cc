/* Every option the engine knows, under Spark's name, with its type, default and limits: one table
 * that parses, explains (aftershock list) and refuses. An unknown name is an error that names the
 * nearest known one; one that Spark has and that cannot apply here says why. spark.* names are
 * case-sensitive, all others are not, as in Spark (CaseInsensitiveMap of reader and writer). */
#ifndef ENGINE_PLAN_OPTIONS_H
#define ENGINE_PLAN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/diag.h"
#include "engine/ports/broker.h"

/* Room for every option there is. */
enum { OPTIONS_MAX = 128 };

enum trigger_kind { TRIGGER_PROCESSING_TIME, TRIGGER_AVAILABLE_NOW };

/* spark.sql.streaming.stateStore.providerClass. */
enum state_provider_kind {
    STATE_PROVIDER_HDFS,    /* org.apache.spark....HDFSBackedStateStoreProvider, the default */
    STATE_PROVIDER_ROCKSDB, /* org.apache.spark....RocksDBStateStoreProvider */
};

struct options {
    const char *checkpoint_location; /* checkpointLocation; required */
    const char *starting_offsets;    /* "earliest", "latest" (default) or JSON text */
    int64_t max_offsets_per_trigger; /* 0: no limit */
    int64_t min_partitions;          /* 0: one task a Kafka partition */
    bool fail_on_data_loss;          /* default true */
    enum trigger_kind trigger;
    int64_t trigger_interval_us;   /* processingTime; 0: as fast as possible */
    int64_t min_batches_to_retain; /* spark.sql.streaming.minBatchesToRetain, default 100 */
    int64_t task_max_failures;     /* spark.task.maxFailures, default 4 */
    int64_t executor_heartbeat_us; /* spark.executor.heartbeatInterval, default 10s */
    int64_t network_timeout_us; /* spark.network.timeout, default 120s: a silent executor is lost */
    int64_t executor_cores;     /* spark.executor.cores: task slots an executor, default 1 */
    int64_t request_timeout_us; /* kafka.request.timeout.ms, default 30s */
    int64_t api_timeout_us;     /* kafka.default.api.timeout.ms, default 60s */
    int64_t poll_timeout_us;    /* kafkaConsumer.pollTimeoutMs, default spark.network.timeout */
    bool poll_timeout_given;    /* else it follows spark.network.timeout */
    int64_t fetch_retries;      /* fetchOffset.numRetries, default 3 */
    int64_t fetch_retry_interval_us; /* fetchOffset.retryIntervalMs, default 1s */
    int64_t fetch_bytes_max;         /* kafka.max.partition.fetch.bytes, default 1 MiB */
    int64_t shuffle_partitions; /* spark.sql.shuffle.partitions, default 200; recorded in offsets/N
                                   conf, which wins at every later start */
    int64_t state_min_deltas_for_snapshot;   /* spark.sql.streaming.stateStore.minDeltasForSnapshot,
                                                default 10 */
    int64_t state_maintenance_us;            /* ...stateStore.maintenanceInterval, default 60s */
    enum state_provider_kind state_provider; /* offsets/N conf records it, and that wins at every
                                                later start */
    /* spark.sql.streaming.stateStore.rocksdb.*, of that provider alone: */
    bool rocksdb_changelog;             /* changelogCheckpointing.enabled, default false */
    bool rocksdb_compact_on_commit;     /* compactOnCommit, default false */
    int64_t rocksdb_block_size;         /* blockSizeKB; bytes, default 4 KiB */
    int64_t rocksdb_block_cache_bytes;  /* blockCacheSizeMB, default 8 MiB */
    int64_t rocksdb_max_open_files;     /* maxOpenFiles, default -1: all stay open */
    int64_t rocksdb_write_buffer_bytes; /* writeBufferSizeMB, default 64 MiB: RocksDB's own */
    bool rocksdb_track_rows;            /* trackTotalNumberOfRows, default true */
    bool rocksdb_compress;              /* compression: lz4 (default) or none */
    bool rocksdb_bounded_memory;        /* boundedMemoryUsage, default false */
    int64_t rocksdb_max_memory_bytes;   /* maxMemoryUsageMB of an executor, default 500 MiB */
    /* spark.sql.streaming.ratioExtraSpaceAllowedInCheckpoint, default 0.3; of that provider, too */
    int64_t rocksdb_extra_space_millionths;
    int64_t stage_max_attempts; /* spark.stage.maxConsecutiveAttempts, default 4 */
    const char *local_dir;      /* spark.local.dir; NULL: a new directory under TMPDIR */
    /* What was given as kafka.*, for broker_configure: names without the prefix, in alphabetical
     * order, each once; values as Kafka's own client reads them (durations in milliseconds, sizes
     * in bytes). A NULL name ends it; NULL: nothing was given. */
    const struct broker_option *kafka;
    bool no_data_batches; /* spark.sql.streaming.noDataMicroBatches.enabled, default true */
};

/* Fill `options` with the defaults of the table. */
void options_defaults(struct options *options);

/* Set one option from its text. A trigger (processingTime, availableNow) replaces the trigger set
 * before. Durations: with a unit, as people and Spark write them; where Spark's or Kafka's own name
 * ends in "ms" a bare number is milliseconds, elsewhere it is refused. Errors: ERR_FAILED with
 * `diag` (class INVALID_OPTION), `options` unchanged. The message shows the value, unless it is a
 * secret's. Strings are kept in `arena`. */
MUST_CHECK enum status options_set(struct options *options,
                                   struct arena *arena,
                                   const char *name,
                                   const char *value,
                                   struct diag *diag);

/* Is `path` the one way to write this directory: absolute, no empty part (so no '/' at its end), no
 * "." and no ".."? Paths are compared as texts, and are keys in an object store: another spelling
 * would be another checkpoint. */
bool options_plain_path(const char *path);

/* What one option alone cannot show: a required one is missing, two contradict each other. Errors:
 * ERR_FAILED with `diag` (class INVALID_OPTION). */
MUST_CHECK enum status options_check(const struct options *options, struct diag *diag);

/* Does the simulator have this option with this value, both of which options_set took? Errors:
 * ERR_FAILED with `diag` (class INVALID_OPTION): only the real world has, and why. */
MUST_CHECK enum status
options_check_simulated(const char *name, const char *value, struct diag *diag);

/* Where in a pipeline an option stands. */
enum option_scope {
    OPTION_SOURCE,  /* source.options: Kafka's reader */
    OPTION_QUERY,   /* options: the query and the session (spark.*) */
    OPTION_TRIGGER, /* trigger */
};

/* Walk the table, for `aftershock list`: false behind the last. */
struct option_description {
    const char *name;
    const char *kind;     /* "text", "bool", "int", "duration", "milliseconds", "size", ... */
    const char *standard; /* the default as text; empty: none */
    const char *help;     /* one line */
    int64_t min;          /* limits of "int", "KiB", "MiB"; 0 and 0 elsewhere */
    int64_t max;
    enum option_scope scope;
    bool secret;           /* its value is never shown */
    const char *real_only; /* why the simulator has not every value of it; NULL: it has */
};
bool options_describe(size_t index, struct option_description *description);

/* The class that names a provider, as files and messages have it. */
const char *options_provider_class(enum state_provider_kind provider);

/* The index of the option in that table, or -1. */
int options_find(const char *name);

#endif
