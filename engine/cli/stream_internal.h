/* What stream.c (how a run is set up) and stream_words.c (what is said of it) share. */
#ifndef ENGINE_CLI_STREAM_INTERNAL_H
#define ENGINE_CLI_STREAM_INTERNAL_H

#include <stdio.h>

#include "engine/cli/stream.h"
#include "engine/driver/driver.h"
#include "engine/real/real_process.h"
#include "engine/real/session.h"
#include "engine/real/signals.h"
#include "engine/real/supervisor.h"

struct stream {
    const struct stream_options *options;
    struct diag *diag;
    struct arena arena;
    struct bytes pipeline;
    struct option_override *overrides;
    struct plan *plan; /* for what a start must know before the driver compiles it */
    struct real_process *process;
    struct real_supervisor *supervisor; /* NULL: none runs */
    struct session session;
    bool session_held;
    const char *local;      /* executors' folders are in it; as the disk port names it */
    const char *local_path; /* the same, as the system names it */
    FILE *progress;
    int64_t last_batch; /* that was said, in a line; -1: none */
    bool stop_requested;
    enum stream_end end;
};

/* driver_config's callbacks: where the query resumes, in Spark's words; each lastProgress object.
 */
void stream_resumed(void *context, const struct driver_resumption *resumption);
void stream_progress(void *context, struct bytes line);

/* real_config's: what an operator wants to know at once. */
void stream_told(void *context, const struct trace_entry *entry);

#endif
