/* The `conf` object of offsets/N: what must not change in a checkpoint's life, as Spark 4.0 writes
 * it (spark-checkpoint 1.3, keys and order of a file that Spark 4.0.0 wrote). Made once, by the
 * first batch; every later batch carries on what the checkpoint says, also after a restart with
 * other options (SPARK-19873, SPARK-21192). Pure. */
#ifndef ENGINE_DRIVER_OFFSET_CONF_H
#define ENGINE_DRIVER_OFFSET_CONF_H

#include "engine/plan/options.h"

/* The object as JSON text, in `arena`. */
const char *offset_conf_new(struct arena *arena, const struct options *options);

#endif
