/* <version>.zip: a RocksDB snapshot but for its SST files, which lie in SSTs/ (spark-checkpoint
 * 1.9). The archive holds the small files of the database (MANIFEST-*, CURRENT, OPTIONS-*) and an
 * entry "metadata": "v1\n" and JSON that names the SST files here and there. Pure; libzip does the
 * archive, on the thread's own stack.
 *
 * What Spark does, seen on the 189 archives of its golden checkpoints and by running Spark 4.0.1's
 * own reader: it unpacks entry by entry from the front (ZipInputStream: sizes in the local header
 * or behind the content, both do). Of the JSON it needs numKeys, and of each SST all three fields;
 * a missing sstFiles is an empty one, unknown fields are ignored, and the version line must be
 * "v1". Spark 4.0.0-preview wrote sstFiles and numKeys, 4.0.1 all that is written here,
 * transformWithState no columnFamilyTypeMap. Keys and values in the database, and in changelogs
 * too, begin with a byte 00 before the row (after two of the column family where there are
 * several). */
#ifndef ENGINE_STATE_ROCKSDB_SNAPSHOT_H
#define ENGINE_STATE_ROCKSDB_SNAPSHOT_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/status.h"

/* An SST file of a snapshot. */
struct rocksdb_sst {
    const char *local_name; /* "000008.sst" */
    const char *dfs_name;   /* "000008-76d123c4-8ad7-4365-9c6a-632d352f04a3.sst" */
    int64_t size;
};

/* A small file that is in the archive itself. */
struct rocksdb_small_file {
    const char *name; /* "MANIFEST-000005" */
    struct bytes content;
};

struct rocksdb_snapshot {
    struct rocksdb_sst *ssts;
    size_t sst_count;
    struct rocksdb_small_file *files; /* without the metadata entry */
    size_t file_count;
    int64_t key_count;         /* -1: not counted */
    int64_t column_family_max; /* maxColumnFamilyId; 0: the default one alone */
    bool has_logs;             /* logFiles: archived write-ahead logs; never written by us */
};

/* Append the archive to `out`. The bytes of two equal snapshots are equal with one zlib. */
void rocksdb_snapshot_encode(const struct rocksdb_snapshot *snapshot, struct buf *out);

/* Read an archive; everything in `arena`. Names are checked: a plain base name, no '/', no "..",
 * an SST's local name ends in ".sst". Safe on hostile bytes, an entry that inflates beyond bounds
 * included. Errors: ERR_CORRUPT with `*what` saying what is wrong ("it is no zip archive, or its
 * end is missing", "entry MANIFEST-000005: its checksum differs", "it has no CURRENT", "metadata
 * line 2: ..."). */
MUST_CHECK enum status rocksdb_snapshot_decode(struct bytes file,
                                               struct arena *arena,
                                               struct rocksdb_snapshot *snapshot,
                                               const char **what);

#endif
