/* The checks' own reading of Spark's state files (spark-checkpoint 1.7 to 1.9): Java's LZ4Block
 * container, records in it; a RocksDB snapshot is state_zip.h. Strict; safe on hostile bytes;
 * shares no code with the engine. */
#ifndef SIM_CHECK_STATE_READER_H
#define SIM_CHECK_STATE_READER_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

enum state_file {
    STATE_FILE_OTHER,
    STATE_FILE_DELTA, /* the memory provider: what a batch changed; and the whole */
    STATE_FILE_SNAPSHOT,
    STATE_FILE_CHANGELOG, /* RocksDB: likewise */
    STATE_FILE_ZIP,
    STATE_FILE_SST /* part of one or several .zip; of no version */
};

/* Does a file of this kind hold all rows of its version? */
static inline bool state_file_whole(enum state_file kind)
{
    return kind == STATE_FILE_SNAPSHOT || kind == STATE_FILE_ZIP;
}

/* What `path` is in the checkpoint at `location`: state/0/<partition>/<version>.delta, .snapshot,
 * .changelog or .zip, or state/0/<partition>/SSTs/<name>.sst; the whole name must match. */
enum state_file
state_file_of(const char *location, const char *path, int64_t *partition, int64_t *version);
const char *state_file_name_of(struct arena *arena,
                               const char *location,
                               int64_t partition,
                               int64_t version,
                               enum state_file kind);

const char *
state_sst_path(struct arena *arena, const char *location, int64_t partition, const char *name);

struct state_record {
    struct bytes key;
    struct bytes value; /* data NULL: a remove */
};

struct state_records {
    struct state_record *records; /* in their order in the file */
    size_t count;
};

/* The records of a delta, a snapshot or a changelog (of version 1, without the byte that Spark
 * writes before each key and value); NULL, or what is wrong with the file. Everything lives in
 * `arena`. */
const char *state_file_records(enum state_file kind,
                               struct bytes file,
                               struct arena *arena,
                               struct state_records *records);

#endif
