/* The parts of a pipeline that make it stateful, between the two files that read it. */
#ifndef SIM_CHECK_ORACLE_PIPELINE_GROUPS_H
#define SIM_CHECK_ORACLE_PIPELINE_GROUPS_H

#include <jansson.h>

#include "sim/check/oracle_pipeline.h"

/* withWatermark, groupBy, agg and sink.outputMode of the whole document. NULL, or what cannot be
 * understood. */
const char *
oracle_read_groups(const json_t *root, struct arena *arena, struct oracle_pipeline *pipeline);

/* NULL with the expression, or what is wrong with `text`. */
const char *oracle_read_expression(const char *text,
                                   struct arena *arena,
                                   const struct schema *schema,
                                   const struct oracle_expression **expression);

#endif
