/* What stream.c (how a run is set up), stream_words.c (what is said of it) and stream_feed.c (the
 * embedded Kafka) share. */
#ifndef ENGINE_CLI_STREAM_INTERNAL_H
#define ENGINE_CLI_STREAM_INTERNAL_H

#include <jansson.h>
#include <stdio.h>

#include "engine/cli/stream.h"
#include "engine/driver/driver.h"
#include "engine/real/embedded_kafka.h"
#include "engine/real/real_process.h"
#include "engine/real/session.h"
#include "engine/real/signals.h"
#include "engine/real/supervisor.h"

enum { STREAM_PLACE_MAX = 1024 };

struct stream {
    const struct stream_options *options;
    struct diag *diag;
    struct arena arena;
    struct bytes pipeline;
    struct option_override *overrides; /* ends with a NULL name; room for this command's own */
    size_t override_count;
    struct plan *plan; /* for what a start must know before the driver compiles it */
    struct real_process *process;
    struct real_supervisor *supervisor; /* NULL: none runs */
    struct session session;
    bool session_held;
    char local[SESSION_LOCAL_SIZE]; /* executors' folders are in it; as the disk port names it */
    char local_path[SESSION_LOCAL_SIZE + STREAM_PLACE_MAX]; /* as the system does; empty: none */
    bool batch_runs;                                        /* from its plan to its commit */
    bool progress_failed; /* the file cannot be written: said once */
    bool asked_to_stop;   /* by a signal */
    FILE *progress;
    struct feed feed;             /* of an embedded Kafka */
    struct embedded_kafka *kafka; /* NULL: none */
    struct loop_watch kafka_watch;
    bool kafka_watched;
    bool stop_when_fed;   /* --once, but a part of the file is not in the topic yet */
    int64_t *read;        /* by partition: the end of the last batch */
    bool watermark_moved; /* by the last batch */
    int64_t last_batch;   /* that was said, in a line; -1: none */
    bool stop_requested;
    enum stream_end end;
};

/* The directory of the system below which checkpoint and table stand; "": none. */
const char *stream_base(const struct stream_options *options);

/* driver_config's callbacks: where the query resumes, in Spark's words; each lastProgress object.
 */
void stream_resumed(void *context, const struct driver_resumption *resumption);
void stream_progress(void *context, struct bytes line);

/* Start the embedded Kafka, if one is asked for; the places are taken. Blocks until it is ready. */
MUST_CHECK enum status stream_feed_start(struct stream *stream, struct diag *diag);
/* Is a part of the file still to come? */
bool stream_feed_waits(const struct stream *stream);
/* Where the query begins, and a lastProgress object: when all of the file has been read. */
void stream_feed_resumed(struct stream *stream, const struct driver_resumption *resumption);
void stream_feed_progress(struct stream *stream, json_t *progress);
void stream_feed_stop(struct stream *stream);

/* real_config's: what an operator wants to know at once. */
void stream_told(void *context, const struct trace_entry *entry);

#endif
