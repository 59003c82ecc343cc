/* The driver process: recovery, then batch after batch, with its executors. Entry point for both
 * worlds. */
#ifndef ENGINE_DRIVER_DRIVER_H
#define ENGINE_DRIVER_DRIVER_H

#include "engine/base/diag.h"
#include "engine/checkpoint/store.h"
#include "engine/plan/plan.h"
#include "engine/ports/ports.h"
#include "engine/source/offsets.h"

/* What a start found in its checkpoint; borrowed. */
struct driver_resumption {
    const char *query_id;
    int64_t batch;               /* the one to run */
    bool fresh;                  /* a new query: nothing is committed */
    bool rerun;                  /* `batch` was planned and not finished */
    const struct offsets *begin; /* what is committed: where `batch` begins; unless fresh */
    const struct offsets *end;   /* where it ends, as offsets/<batch> says; rerun only */
    int64_t watermark_ms;        /* 0: none yet */
};

struct driver_config {
    const struct ports *ports;
    const char *pipeline_file; /* for messages */
    struct bytes pipeline;     /* JSON text; borrowed while the process lives */
    const struct option_override *overrides;
    enum store_kind storage;
    const char *address; /* where executors reach this driver */
    /* NULL, or called with each lastProgress object (spark-checkpoint 3.1): one line of JSON
     * without its newline, borrowed. Not durable, perhaps repeated: no oracle. Must not suspend. */
    void (*progress)(void *context, struct bytes line);
    void *progress_context;
    /* NULL, or told once recovery has decided where to go on. Must not suspend. */
    void (*resumed)(void *context, const struct driver_resumption *resumption);
    void *resumed_context;
    const bool *stop_requested; /* set by the owner (SIGTERM, a scenario's "stop"): finish the
                                   batch, then end; looked at least once a second */
};

enum driver_end {
    DRIVER_CAUGHT_UP, /* availableNow has read what was there */
    DRIVER_STOPPED,   /* asked to stop; the running batch was finished */
    DRIVER_ERROR      /* the query ended; see diag */
};

/* Run the query to its end. Plain blocking code: driver/micro_batch.c shows one batch on one
 * screen. May suspend. */
enum driver_end driver_run(const struct driver_config *config, struct diag *diag);

#endif
