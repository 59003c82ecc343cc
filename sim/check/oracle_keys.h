/* What one record is to an aggregation: its event time, its groups (one a window), the inputs of
 * the aggregates. Depends on (pipeline, record bytes) only. */
#ifndef SIM_CHECK_ORACLE_KEYS_H
#define SIM_CHECK_ORACLE_KEYS_H

#include "sim/check/oracle_pipeline.h"

struct oracle_key {
    uint64_t hash;    /* of `row` */
    struct bytes row; /* UnsafeRow */
    const struct value *cells;
    int32_t murmur;
};

struct oracle_input {
    bool observed; /* it has an event time, and the pipeline a watermark */
    int64_t event_ms;
    const struct oracle_key *keys;
    size_t key_count;
    const struct value *values; /* one an aggregate; count(*): present */
};

/* A row that passed the filter. NULL, or the class of Spark's error. Everything lives in `arena`,
 * texts where `cells` has them. */
const char *oracle_input_of(const struct oracle_pipeline *pipeline,
                            const struct value *cells,
                            struct arena *arena,
                            struct oracle_input *input);

#endif
