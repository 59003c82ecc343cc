/* The oracle's own reading of a pipeline file (engine/plan/plan.h says what one looks like):
 * jansson and nothing of the engine's plan. The engine has accepted the file before, so errors here
 * are disagreements between the two readings. */
#ifndef SIM_CHECK_ORACLE_PIPELINE_H
#define SIM_CHECK_ORACLE_PIPELINE_H

#include "engine/base/arena.h"
#include "engine/plan/schema.h"
#include "sim/check/oracle_expression.h"

struct oracle_setting {
    const char *name;
    const char *value;
};

struct oracle_column {
    const char *name;
    const struct oracle_expression *is;
};

/* withWatermark. */
struct oracle_watermark {
    size_t column; /* of the source, a timestamp */
    int64_t delay_ms;
};

/* [start, start + length), a start every `slide` from `start_us` after the epoch. */
struct oracle_window {
    size_t column; /* of the source, a timestamp */
    int64_t length_us;
    int64_t slide_us;
    int64_t start_us;
};

enum oracle_function {
    ORACLE_COUNT_ALL,
    ORACLE_COUNT,
    ORACLE_SUM,
    ORACLE_MIN,
    ORACLE_MAX,
    ORACLE_AVG
};

struct oracle_aggregate {
    const char *name;
    enum oracle_function function;
    const struct oracle_expression *argument; /* over the source; NULL: count(*) */
    enum type type;                           /* of the result */
    size_t buffer;                            /* its first cell; avg has two: sum, count */
};

/* One grouping column; a window has two cells of the key: start, end. */
struct oracle_grouping {
    const struct oracle_expression *is; /* NULL: the window */
    size_t key;                         /* its first cell */
};

enum { ORACLE_GROUPINGS_MAX = 16, ORACLE_AGGREGATES_MAX = 32 };

struct oracle_aggregation {
    bool windowed;
    struct oracle_window window;
    struct oracle_grouping groupings[ORACLE_GROUPINGS_MAX];
    size_t grouping_count;
    struct oracle_aggregate aggregates[ORACLE_AGGREGATES_MAX];
    size_t aggregate_count;
    struct schema key;
    struct schema buffer;
    struct schema groups; /* the key, then a cell an aggregate */
    int event_time_key;   /* the cell of the key that the watermark is held against; -1: none */
};

struct oracle_pipeline {
    const char *topic;
    const char *table;
    bool failfast;
    bool complete; /* output mode */
    struct schema source;
    const struct oracle_expression *filter;       /* NULL: keep all */
    const struct oracle_watermark *watermark;     /* NULL: none */
    const struct oracle_aggregation *aggregation; /* NULL: a stateless query */
    struct oracle_column *columns;                /* over the source, or over the groups */
    size_t column_count;
    struct oracle_setting *settings; /* later ones win */
    size_t setting_count;
};

/* NULL, or what cannot be understood. Everything lives in `arena`. On the thread's own stack. */
const char *
oracle_pipeline_read(struct bytes text, struct arena *arena, struct oracle_pipeline *pipeline);

#endif
