/* A pipeline as a plan: Kafka -> decode -> filter -> select -> Delta. Made once from the pipeline's
 * JSON (strings, never files: the loader reads those); pure from then on. Driver and executors each
 * compile their own.
 *
 *   {
 *     "name": "flight_delays",
 *     "source": {"format": "kafka", "subscribe": "flights",
 *                "schema": {"event_time": "timestamp", "origin": "string", "delay": "int"},
 *                "mode": "PERMISSIVE", "options": {"maxOffsetsPerTrigger": 100}},
 *     "filter": "delay > 15 and origin is not null",
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

struct plan {
    const char *name;
    const char *topic;
    struct schema source; /* declared columns */
    enum decode_mode mode;
    struct expression *filter; /* boolean, or NULL: keep all */
    struct projection *projections;
    struct schema output;   /* one field a projection */
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
