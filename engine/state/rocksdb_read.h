/* The content of one version of a partition as a store holds it: the newest snapshot at or below it
 * (<version>.zip and the SST files that it names), then each changelog up to it. For whoever wants
 * to look and not to go on from there: views, audits, checks. The database is opened over a disk in
 * memory; nothing is written anywhere. Both formats of names are read, "17.zip" and
 * "17_<checkpointUniqueId>.zip" (spark-checkpoint 1.9). */
#ifndef ENGINE_STATE_ROCKSDB_READ_H
#define ENGINE_STATE_ROCKSDB_READ_H

#include "engine/checkpoint/store.h"
#include "engine/state/changelog.h"
#include "engine/state/rocksdb_names.h"
#include "engine/state/rocksdb_snapshot.h"
#include "engine/state/state_map.h"

/* Which file is at fault and why; texts in the caller's arena. */
struct rocksdb_fault {
    enum status status; /* OK: none. ERR_NOT_FOUND, ERR_CORRUPT, ERR_UNSUPPORTED: a newer RocksDB
                           wrote it, or a transformWithState; else the store's */
    const char *path;
    const char *what;
};

struct rocksdb_reader {
    struct store *store;
    const char *directory; /* of the partition's store: state_directory, or one below it */
    struct arena *arena;   /* for texts and names; content is dropped on the way */
};

struct rocksdb_content {
    int64_t snapshot;   /* version of the zip; 0: none, from nothing */
    int64_t changelogs; /* that were replayed */
    /* Several column families (transformWithState): keys and values stand in the map as they are in
     * the database. Else the byte 00 before each is gone, and rows are left. */
    bool families;
    struct rocksdb_fault passed_over; /* a newer zip that does not read; status OK: none */
};

/* Fill the empty `map` with the rows of `at`. A zip that does not read gives way to an older one,
 * as in a load. Checksums that the MANIFEST knows are compared with the SST files, the number of
 * keys with what the zip says. On an error the map is of no use. May suspend. Errors: see
 * rocksdb_fault. */
MUST_CHECK enum status rocksdb_read(const struct rocksdb_reader *reader,
                                    struct rocksdb_named at,
                                    struct state_map *map,
                                    struct rocksdb_content *content,
                                    struct rocksdb_fault *fault);

/* The archive alone. Errors: see rocksdb_fault. May suspend. */
MUST_CHECK enum status rocksdb_read_archive(const struct rocksdb_reader *reader,
                                            struct rocksdb_named at,
                                            struct rocksdb_snapshot *snapshot,
                                            struct rocksdb_fault *fault);

/* The database that an archive and its SST files are, into the empty `map`. */
MUST_CHECK enum status rocksdb_read_database(const struct rocksdb_reader *reader,
                                             struct rocksdb_named at,
                                             const struct rocksdb_snapshot *snapshot,
                                             struct state_map *map,
                                             struct rocksdb_fault *fault);

/* One changelog, replayed over `map`, or only looked at where that is NULL. A merge is not replayed
 * (ERR_UNSUPPORTED). `changelog` lives in the reader's arena. */
MUST_CHECK enum status rocksdb_read_changelog(const struct rocksdb_reader *reader,
                                              struct rocksdb_named at,
                                              struct changelog *changelog,
                                              struct state_map *map,
                                              struct rocksdb_fault *fault);

#endif
