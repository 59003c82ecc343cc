/* Spark's HDFS-backed state files: <version>.delta and <version>.snapshot (spark-checkpoint 1.8),
 * big-endian records in an LZ4Block container; and the names of all files of a version. Pure.
 *
 *   delta    := { keyLen key ( valLen val | -1 ) }*  -1
 *   snapshot := { keyLen key valLen val }*           -1 */
#ifndef ENGINE_STATE_STATE_FILE_H
#define ENGINE_STATE_STATE_FILE_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/status.h"

/* What a version changed stands before what it is: files of one version are read in this order. */
enum state_file_kind {
    STATE_DELTA,
    STATE_SNAPSHOT,
    STATE_CHANGELOG, /* of the RocksDB provider: changelog.h */
    STATE_ZIP,       /* of the RocksDB provider: rocksdb_snapshot.h */
};
/* Is it a file of the RocksDB provider? */
static inline bool state_file_of_rocksdb(enum state_file_kind kind)
{
    return kind == STATE_CHANGELOG || kind == STATE_ZIP;
}

/* Records, before the container. `value.data` NULL: a remove (delta only), also when its size is 0:
 * an empty value has an address. */
void state_file_record(struct buf *records, struct bytes key, struct bytes value);
/* Close the records with their end marker and append the whole file to `out`. */
void state_file_finish(struct buf *records, struct buf *out);

/* Called for each record in order; a remove has value.data NULL. Not OK ends the reading with it.
 * Records before the first damaged one have been called for already. */
typedef enum status (*state_record_fn)(void *context, struct bytes key, struct bytes value);

/* Read a whole file, a delta or a snapshot; texts live in `arena`. Errors: ERR_CORRUPT with `*what`
 * saying what is wrong (container or another codec's, end marker missing, a length); or what
 * `record` returned. Safe on hostile bytes. A value's size is floored to a multiple of 8 (Spark
 * before 2.3). */
MUST_CHECK enum status state_file_read(enum state_file_kind kind,
                                       struct bytes file,
                                       struct arena *arena,
                                       state_record_fn record,
                                       void *context,
                                       const char **what);

/* ---- what a changelog is made of, too (changelog.c) -------------------------------------------
 */

/* The content of the container. Errors: ERR_CORRUPT with `*what`. Safe on hostile bytes. */
MUST_CHECK enum status state_file_content(struct bytes file,
                                          struct arena *arena,
                                          struct bytes *content,
                                          const char **what);

struct state_file_pair {
    struct bytes key;
    struct bytes value; /* data NULL: a remove; an empty value has an address */
    bool end;           /* no record: the end marker */
};
/* The next record or end marker; what is wrong with it, or NULL. Borrowed from the cursor's bytes.
 */
MUST_CHECK const char *state_file_take(struct cursor *cursor, struct state_file_pair *pair);

/* ---- names ------------------------------------------------------------------------------------
 */

/* "<checkpoint>/state/0/3/17.delta" */
const char *state_file_path(struct arena *arena,
                            const char *directory,
                            int64_t version,
                            enum state_file_kind kind);
/* The version (at least 1) and kind that a base name stands for ("17.delta"); false: another file.
 */
bool state_file_name(const char *name, int64_t *version, enum state_file_kind *kind);

#endif
