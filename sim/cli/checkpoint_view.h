/* The logs of a streaming checkpoint as anybody wrote them, for people to look at: every batch
 * whose offsets or commit is there, and what is wrong with a file in words. Any source's offsets,
 * not only Kafka's. Reads only. Source: spark-checkpoint 1.0 to 1.5. */
#ifndef SIM_CLI_CHECKPOINT_VIEW_H
#define SIM_CLI_CHECKPOINT_VIEW_H

#include <jansson.h>

#include "engine/base/arena.h"
#include "engine/base/diag.h"

struct batch_view {
    int64_t batch;
    bool has_offsets;
    const char *offsets_error; /* NULL: it is readable */
    int64_t watermark_ms;      /* -1: not stated */
    int64_t timestamp_ms;      /* -1: not stated */
    json_t *conf;              /* NULL: not stated */
    json_t **sources;          /* one a line; json null for "-" */
    size_t source_count;
    bool has_commit;
    const char *commit_error;
    int64_t next_watermark_ms; /* -1: not stated */
    json_t *state_ids;         /* commits v2: stateUniqueIds; NULL: none */
};

struct checkpoint_view {
    struct arena arena;
    const char *path;
    const char *id;             /* NULL: see id_error */
    const char *id_error;       /* "it is missing", or what is wrong with `metadata` */
    struct batch_view *batches; /* ascending */
    size_t batch_count;
    int64_t last_offsets; /* -1: none */
    int64_t last_commit;
    json_t **initial; /* sources/<i>/0 of a Kafka source; NULL: none */
    size_t initial_count;
    const char **leftovers; /* temporary files that a crash left, relative to the path */
    size_t leftover_count;
};

/* To be closed, also after an error. Errors: ERR_FAILED with `diag`: USAGE: this is no checkpoint;
 * a directory that cannot be read. Damaged files are no errors but stand in the view. */
MUST_CHECK enum status
checkpoint_view_open(struct checkpoint_view *view, const char *path, struct diag *diag);
void checkpoint_view_close(struct checkpoint_view *view);

/* NULL: there is none. */
const struct batch_view *checkpoint_view_batch(const struct checkpoint_view *view, int64_t batch);

/* A number as Spark names its files: decimal, no sign, no leading zero. */
bool checkpoint_number(const char *name, int64_t *number);

/* One source's offsets, and how far they are from those before (NULL: none) where both are numbers:
 * "flights 0:97 (+10) 1:102 (+9)", "12 (+3)", or the JSON as it is. */
const char *checkpoint_offsets_text(struct arena *arena, json_t *offsets, json_t *before);

#endif
