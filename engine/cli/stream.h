/* aftershock stream: a pipeline for real, until it is stopped. This process is the driver; its
 * executors are processes of their own. Called by the command line. */
#ifndef ENGINE_CLI_STREAM_H
#define ENGINE_CLI_STREAM_H

#include "engine/base/diag.h"
#include "engine/plan/plan.h"

enum { STREAM_EXECUTORS_MAX = 256 };

struct stream_options {
    const char *pipeline_file;
    const struct option_override *sets; /* --set, in order; ends with a NULL name */
    unsigned executors;                 /* 1 to STREAM_EXECUTORS_MAX */
    bool once;                          /* availableNow: end when what is there has been read */
    const char *root;          /* stands before every path of the pipeline; NULL: nothing */
    const char *objects;       /* the directory that is the object store; NULL: plain files */
    const char *feed;          /* --embedded-kafka --feed, as given; NULL: a real Kafka */
    const char *progress_file; /* each lastProgress object, a line each; NULL: none */
    const char *trace_file;    /* NULL: none */
    /* A sentence for whoever runs this: where it resumes, what was lost. */
    void (*say)(const char *sentence);
    /* NULL, or each batch as a line. */
    void (*batch)(const char *line);
};

enum stream_end {
    STREAM_DONE,    /* stopped after a batch, or caught up (once) */
    STREAM_REFUSED, /* nothing was run: see diag */
    STREAM_FAILED   /* the query ended with an error: see diag */
};

/* Run the query to its end. SIGTERM or SIGINT: the running batch is finished; a second one ends the
 * process at once, as kill -9 would: the next start recovers. */
enum stream_end stream_run(const struct stream_options *options, struct diag *diag);

#endif
