/* How the RocksDB provider's files are named in the checkpoint, and the byte that Spark writes
 * before each row (spark-checkpoint 1.9). Names are "17.zip", or "17_<checkpointUniqueId>.zip" in
 * checkpoint format 2, which is read and never written. Pure. */
#ifndef ENGINE_STATE_ROCKSDB_NAMES_H
#define ENGINE_STATE_ROCKSDB_NAMES_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/state/state_file.h"

#define ROCKSDB_SST_DIRECTORY "SSTs"

enum { ROCKSDB_SST_FORMAT = 5 /* of SST files: what Spark pins */ };

/* A version as its files are named. */
struct rocksdb_named {
    int64_t version;
    const char *id; /* checkpointUniqueId; NULL: the names have none */
};

/* "<directory>/17_<id>.zip"; `kind`: STATE_CHANGELOG or STATE_ZIP. */
const char *rocksdb_named_path(struct arena *arena,
                               const char *directory,
                               struct rocksdb_named at,
                               enum state_file_kind kind);
/* What a base name stands for; `at->id` in `arena`. False: another file. */
bool rocksdb_named_of(struct arena *arena,
                      const char *name,
                      struct rocksdb_named *at,
                      enum state_file_kind *kind);
/* "<directory>/SSTs" */
const char *rocksdb_sst_directory(struct arena *arena, const char *directory);

/* `row` with Spark's byte before it, in `buf`, which held something else before. */
struct bytes rocksdb_row_encode(struct buf *buf, struct bytes row);
/* Take Spark's byte before a row away. False: there is none. */
bool rocksdb_row(struct bytes *row);

#endif
