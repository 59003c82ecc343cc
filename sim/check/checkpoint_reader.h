/* The checks' own reading of a checkpoint's files (spark-checkpoint 1.2 to 1.5). Strict; safe on
 * hostile bytes; shares no code with the engine's logs. */
#ifndef SIM_CHECK_CHECKPOINT_READER_H
#define SIM_CHECK_CHECKPOINT_READER_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

enum checkpoint_kind {
    CHECKPOINT_OTHER,
    CHECKPOINT_METADATA,
    CHECKPOINT_SOURCES, /* sources/0/0 */
    CHECKPOINT_OFFSETS,
    CHECKPOINT_COMMITS
};

/* What `path` is in the checkpoint at `location`; `*batch` for offsets and commits. */
enum checkpoint_kind checkpoint_path(const char *location, const char *path, int64_t *batch);

/* Each: NULL, or what is wrong with the file. */
const char *checkpoint_metadata(struct bytes file, struct arena *arena, struct bytes *id);
/* {"topic":{"0":12,...}}: exactly this topic, of the partitions 0 to count - 1. One that is not
 * named is -1: metadata may be partial for a while, and a partition found later begins at its
 * earliest (spark-checkpoint 4). */
const char *checkpoint_positions(
    struct bytes json, const char *topic, size_t count, struct arena *arena, int64_t *positions);
const char *checkpoint_initial(
    struct bytes file, const char *topic, size_t count, struct arena *arena, int64_t *positions);
/* What offsets/N says besides the offsets. */
struct checkpoint_intent {
    int64_t watermark_ms; /* batchWatermarkMs */
    int64_t partitions;   /* conf: spark.sql.shuffle.partitions; -1: not there */
    bool rocksdb;         /* conf: the providerClass of the state is RocksDB's */
};
const char *checkpoint_offsets(struct bytes file,
                               const char *topic,
                               size_t count,
                               struct arena *arena,
                               int64_t *positions,
                               struct checkpoint_intent *intent);
const char *checkpoint_commit(struct bytes file, int64_t *next_watermark_ms);

#endif
