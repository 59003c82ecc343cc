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

struct oracle_pipeline {
    const char *topic;
    const char *table;
    bool failfast;
    struct schema source;
    const struct oracle_expression *filter; /* NULL: keep all */
    struct oracle_column *columns;
    size_t column_count;
    struct oracle_setting *settings; /* later ones win */
    size_t setting_count;
};

/* NULL, or what cannot be understood. Everything lives in `arena`. On the thread's own stack. */
const char *
oracle_pipeline_read(struct bytes text, struct arena *arena, struct oracle_pipeline *pipeline);

#endif
