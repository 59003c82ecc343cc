/* A pipeline as a plan: Kafka -> decode -> filter -> watermark -> groups -> select -> Delta. Made
 * once from the pipeline's JSON (strings, never files: the loader reads those); pure from then on.
 * Driver and executors each compile their own.
 *
 *   {
 *     "name": "flight_delays",
 *     "source": {"format": "kafka", "subscribe": "flights",
 *                "schema": {"event_time": "timestamp", "origin": "string", "delay": "int"},
 *                "mode": "PERMISSIVE", "options": {"maxOffsetsPerTrigger": 100}},
 *     "filter": "delay > 15 and origin is not null",
 *     "withWatermark": {"eventTime": "event_time", "delayThreshold": "10 minutes"},
 *     "groupBy": [{"window": {"timeColumn": "event_time", "windowDuration": "5 minutes",
 *                             "slideDuration": "1 minute", "startTime": "0 seconds"}},
 *                 "origin", {"as": "far", "is": "distance > 1000"}],
 *     "agg": [{"as": "flights", "is": "count(*)"}, {"as": "total", "is": "sum(delay)"}],
 *     "select": ["event_time", {"as": "late_by", "is": "delay - 15"}],
 *     "sink": {"format": "delta", "path": "/shared/tables/delays", "outputMode": "append"},
 *     "trigger": {"processingTime": "10s"}            or {"availableNow": true}
 *     "options": {"checkpointLocation": "/shared/checkpoints/delays", "spark.task.maxFailures": 4}
 *   }
 */
#ifndef ENGINE_PLAN_PLAN_H
#define ENGINE_PLAN_PLAN_H

#include "engine/base/arena.h"
#include "engine/base/diag.h"
#include "engine/plan/expression.h"
#include "engine/plan/options.h"
#include "engine/plan/schema.h"

enum decode_mode { DECODE_PERMISSIVE, DECODE_FAILFAST };

struct projection {
    const char *name;              /* output column */
    struct expression *expression; /* over the source schema */
};

enum output_mode { OUTPUT_APPEND, OUTPUT_COMPLETE };

/* withWatermark: what the watermark observes, of every row that passed the filter. */
struct watermark {
    size_t column; /* of plan->source, a timestamp */
    int64_t delay_ms;
};

/* Windows of `length_us`, one every `slide_us`, aligned to `start_us` after the epoch:
 * [start, start + length). Tumbling: slide == length. */
struct window {
    size_t column; /* of plan->source, a timestamp */
    int64_t length_us;
    int64_t slide_us; /* in (0, length_us] */
    int64_t start_us; /* |start_us| < slide_us */
};

enum aggregate_function {
    AGGREGATE_COUNT_ALL, /* count(*): rows */
    AGGREGATE_COUNT,     /* values that are not null */
    AGGREGATE_SUM,       /* int and long: long, overflow is ANSI's error; double: double */
    AGGREGATE_MIN,
    AGGREGATE_MAX,
    AGGREGATE_AVG /* a double: sum as double over count as long */
};

struct aggregate {
    const char *name;
    enum aggregate_function function;
    struct expression *argument; /* over the source schema; NULL: count(*) */
    enum type type;              /* of the result */
    size_t buffer;               /* its first field of aggregation->buffer; avg has two */
};

/* One grouping key that is no window. */
struct grouping {
    struct expression *expression; /* over the source schema */
    size_t key;                    /* its field of aggregation->key */
};

/* groupBy and agg: Spark's stateStoreRestore and stateStoreSave. */
struct aggregation {
    bool windowed;
    struct window window;
    size_t window_key; /* windowed: the field of `key` that is window.start; window.end follows */
    struct grouping *groupings;
    size_t grouping_count;
    struct aggregate *aggregates;
    size_t aggregate_count;
    struct schema key;    /* grouping columns in grouping order (Spark's state key) */
    struct schema buffer; /* Spark's aggregation state format 2: the buffers alone */
    struct schema groups; /* key, then one field an aggregate: what `select` reads */
    /* The field of `key` that the watermark is held against: window.end, or the event time itself;
     * -1: none (complete mode only). */
    int event_time_key;
};

struct plan {
    const char *name;
    const char *topic;
    struct schema source; /* declared columns */
    enum decode_mode mode;
    struct expression *filter;       /* boolean, or NULL: keep all */
    struct watermark *watermark;     /* NULL: none */
    struct aggregation *aggregation; /* NULL: a stateless plan */
    struct projection *projections;  /* over the source, or over aggregation->groups */
    struct schema output;            /* one field a projection */
    enum output_mode output_mode;
    const char *table;      /* sink path */
    struct options options; /* every option, defaults filled in */
};

/* One option that overrides the file ("set" of a scenario or --set), as text. */
struct option_override {
    const char *name;
    const char *value;
};

/* Compile pipeline JSON. Everything lives in `arena`.
 * * json       the file's text; `file` is its name for messages
 * * overrides  applied on top of the file's options, in order; a NULL name ends the list; may be
 * NULL Errors: ERR_FAILED with `diag` (class INVALID_PIPELINE): unknown key, column, option, type,
 * with the nearest known name and the line and column in the file. */
MUST_CHECK enum status plan_compile(struct arena *arena,
                                    const char *file,
                                    struct bytes json,
                                    const struct option_override *overrides,
                                    struct plan **plan,
                                    struct diag *diag);

#endif
