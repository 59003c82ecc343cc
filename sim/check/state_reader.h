/* The checks' own reading of Spark's HDFS-backed state files (spark-checkpoint 1.7, 1.8): Java's
 * LZ4Block container, records in it. Strict; safe on hostile bytes; shares no code with the engine.
 */
#ifndef SIM_CHECK_STATE_READER_H
#define SIM_CHECK_STATE_READER_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

enum state_file { STATE_FILE_OTHER, STATE_FILE_DELTA, STATE_FILE_SNAPSHOT };

/* What `path` is in the checkpoint at `location`: state/0/<partition>/<version>.delta or .snapshot;
 * the whole name must match. */
enum state_file
state_file_of(const char *location, const char *path, int64_t *partition, int64_t *version);
const char *state_file_name_of(struct arena *arena,
                               const char *location,
                               int64_t partition,
                               int64_t version,
                               enum state_file kind);

struct state_record {
    struct bytes key;
    struct bytes value; /* data NULL: a remove */
};

struct state_records {
    struct state_record *records; /* in their order in the file */
    size_t count;
};

/* NULL, or what is wrong with the file. Everything lives in `arena`. */
const char *state_file_records(enum state_file kind,
                               struct bytes file,
                               struct arena *arena,
                               struct state_records *records);

#endif
