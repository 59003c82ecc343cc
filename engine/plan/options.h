/* Every option the engine knows, under Spark's name, with its type, default and limits: one table
 * that parses, explains (aftershock list) and refuses. An unknown name is an error that names the
 * nearest known one; one that cannot apply says why. Names are case-insensitive for source options,
 * as Spark. */
#ifndef ENGINE_PLAN_OPTIONS_H
#define ENGINE_PLAN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/diag.h"

enum trigger_kind { TRIGGER_PROCESSING_TIME, TRIGGER_AVAILABLE_NOW };

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
    int64_t poll_timeout_us;    /* kafkaConsumer.pollTimeoutMs, default spark.network.timeout */
    int64_t fetch_retries;      /* fetchOffset.numRetries, default 3 */
    int64_t fetch_retry_interval_us; /* fetchOffset.retryIntervalMs, default 1s */
    int64_t fetch_bytes_max;         /* kafka.max.partition.fetch.bytes, default 1 MiB */
    int64_t shuffle_partitions; /* spark.sql.shuffle.partitions, default 200; recorded in offsets/N
                                   conf */
};

/* Fill `options` with the defaults. */
void options_defaults(struct options *options);

/* Set one option from its text. Errors: ERR_FAILED with `diag` (class INVALID_OPTION). Strings are
 * kept in `arena`. */
MUST_CHECK enum status options_set(struct options *options,
                                   struct arena *arena,
                                   const char *name,
                                   const char *value,
                                   struct diag *diag);

/* Walk the table, for `aftershock list`: false behind the last. */
struct option_description {
    const char *name;
    const char *kind;     /* "bool", "duration", "int", "text" */
    const char *standard; /* the default as text */
    const char *help;     /* one line */
};
bool options_describe(size_t index, struct option_description *description);

#endif
