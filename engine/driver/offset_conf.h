/* The `conf` object of offsets/N: what must not change in a checkpoint's life, as Spark 4.0 writes
 * it (spark-checkpoint 1.3, keys and order of a file that Spark 4.0.0 wrote). Made once, by the
 * first batch; every later batch carries on what the checkpoint says, also after a restart with
 * other options (SPARK-19873, SPARK-21192). */
#ifndef ENGINE_DRIVER_OFFSET_CONF_H
#define ENGINE_DRIVER_OFFSET_CONF_H

#include "engine/base/diag.h"
#include "engine/plan/options.h"

/* The object as JSON text, in `arena`. Pure. */
const char *offset_conf_new(struct arena *arena, const struct options *options);

/* What a stateful query takes from the checkpoint, whatever its options say today. */
struct offset_conf {
    int64_t partitions; /* of the shuffle and the state */
    enum state_provider_kind provider;
};

/* What a stateful query must know of a recorded conf.
 * * path      the file, for messages
 * * recorded  what the options say; what the conf says over it. A conf without partitions (Spark
 *             2.1) leaves them to the option, as Spark does. One without a provider is from before
 *             there was a choice: its state is the memory provider's. Spark leaves that to the
 *             option too, and would begin with an empty state
 * Errors: ERR_FAILED with `diag`, `recorded` unchanged: MALFORMED_LOG (no JSON object of texts, no
 * such number), UNSUPPORTED_STATE_FORMAT (state that this engine can neither read nor write: a
 * provider of another name, codec, encoding, SST format, or aggregation state format 1). */
MUST_CHECK enum status offset_conf_read(struct arena *arena,
                                        const char *path,
                                        const char *conf,
                                        struct offset_conf *recorded,
                                        struct diag *diag);

#endif
