/* The RocksDB provider, Spark's RocksDBStateStoreProvider (spark-checkpoint 1.9): a local database
 * a partition, of which the checkpoint holds only what is new. What its parts share.
 *
 *     the checkpoint                              this machine's own disk
 *     <dir>/SSTs/<n>-<uuid>.sst   written once    <local>/<partition>/<n>/               a database
 *     <dir>/<V>.zip               the rest, last  <local>/<partition>/<n>.checkpoint     a copy
 *     <dir>/<V>.changelog         a batch's rows
 *
 * In memory a version is a database and what was changed since it was written to last: the overlay,
 * whose keys and values are encoded as in the database (a byte 00 before the row), and an empty
 * value stands for a removed key. Undoing a batch is undoing it in the overlay, as long as the
 * overlay was not written to the database meanwhile.
 *
 * A local directory is used once. So a local file name means one content for as long as its
 * directory lives, and what is known of it (origin) can never be mistaken for what is known of a
 * file of the same name in another one: SPARK-43404, 46796, 49770, 51717, 52637.
 * Included by engine/state only. */
#ifndef ENGINE_STATE_ROCKSDB_PROVIDER_H
#define ENGINE_STATE_ROCKSDB_PROVIDER_H

#include "engine/base/buf.h"
#include "engine/state/rocksdb_db.h"
#include "engine/state/rocksdb_names.h"
#include "engine/state/rocksdb_snapshot.h"
#include "engine/state/state_files.h"
#include "engine/state/state_map.h"

/* ---- local databases ------------------------------------------------------------------------- */

/* An SST file that is in SSTs/ too, and that a zip names which was put. */
struct rocksdb_shared_file {
    const char *local_name;
    const char *dfs_name;
    int64_t size;
    bool has_checksum;
    uint32_t crc32c;
};

/* A local directory, and which of its files are shared. Lives as long as anybody uses it: the
 * database in it, a copy that is to be uploaded, a load that takes files over. */
struct rocksdb_origin {
    size_t users;
    bool damaged; /* a file is not what was written: no batch begins with it any more */
    char *directory;
    struct arena names; /* of the files */
    struct rocksdb_shared_file *files;
    size_t count;
};

/* One version in memory. Whoever holds it owns it. */
struct rocksdb_version {
    struct state_map *overlay;     /* NULL: there is no version */
    struct rocksdb_origin *origin; /* NULL: no database was needed yet */
    struct rocksdb_db *db;         /* NULL with it */
    int64_t version;
    int64_t key_count; /* -1: not counted */
    int64_t marked_key_count;
    int64_t lookups;   /* in the database, not accounted for yet */
    bool flushed;      /* the overlay was written since it was marked: no undo in memory */
    bool undoable;     /* rolling the overlay back gives version - 1 */
    bool snapshot_due; /* one did not read, or was overtaken: the next commit makes another one */
    int64_t snapshot;  /* the newest it stands on: loaded, or made here */
    /* Up to here there may be zips and changelogs of versions that are not committed yet: left by
     * a run of their batches that did not count. Whoever commits such a version writes it over. */
    int64_t zip_above;
    int64_t changelog_above;
};

/* A version that is open for an attempt. */
struct rocksdb_store {
    struct state_store base;
    struct rocksdb_store *next; /* open one of the same partition */
    uint64_t unloads;           /* of the partition, when this was opened */
    uint64_t reruns;
    bool broken; /* its database failed: nothing of it is used again */
    struct rocksdb_version at;
    bool recording;     /* the commit will write a changelog */
    struct buf records; /* for it, in the order of the operations */
    int64_t record_rows;
    int64_t gets;
    int64_t puts;
    struct buf key; /* encoded, of the operation at hand */
    struct buf value;
};

/* A copy of the database as of a version: what a snapshot is made of. */
struct rocksdb_checkpoint {
    int64_t version; /* 0: none */
    int64_t key_count;
    char *directory;
    struct rocksdb_origin *origin; /* of the database that it was made of */
    struct arena names;
    struct rocksdb_file *files; /* ascending by name */
    size_t file_count;
};

/* A file in SSTs/ that a zip names which was put or loaded here, also long after the local database
 * merged it away: maintenance holds what it reads back against this. */
struct rocksdb_known_file {
    char *dfs_name;
    uint32_t crc32c;
    bool read_back;
};

struct rocksdb_upload; /* one that is under way in maintenance */

struct rocksdb_partition {
    bool active; /* opened here since it was unloaded last */
    struct rocksdb_version cached;
    struct rocksdb_store *open;   /* by attempts that run */
    struct rocksdb_origin *attic; /* of a version that is gone: the next load takes files over */
    struct rocksdb_checkpoint queued; /* the newest that maintenance has to upload */
    struct rocksdb_upload *uploading;
    int64_t uploads_running; /* by commits and by maintenance */
    int64_t newest;          /* highest version that was opened or committed here */
    int64_t snapshot;        /* newest whose zip was put here, or may have been; 0: none */
    int64_t verified;        /* snapshot that was read back here; 0: none */
    struct rocksdb_known_file *known;
    size_t known_count;
    uint64_t unloads;
    uint64_t reruns; /* how often a version below `newest` was opened: its batch runs again */
    struct state_metrics metrics; /* the counters of it */
};

struct rocksdb_provider {
    struct state_provider base;
    struct rocksdb_cache *cache;
    struct rocksdb_partition
        *partitions; /* by number; grows: never keep an address over a port call */
    size_t partition_count;
    uint64_t directories; /* local ones made so far */
    uint64_t uploads;     /* begun so far */
    char **garbage;       /* local directories that nobody uses any more */
    size_t garbage_count;
};

static inline struct rocksdb_provider *rocksdb_provider_of(struct state_provider *base)
{
    return (struct rocksdb_provider *)base;
}

struct rocksdb_partition *rocksdb_partition_at(struct rocksdb_provider *provider,
                                               int64_t partition);

/* ---- rocksdb_local.c: directories and files of this machine ---------------------------------- */

/* A new directory, with `suffix` behind its number; the caller's, of the heap. May suspend. */
MUST_CHECK enum status rocksdb_local_new(struct rocksdb_provider *provider,
                                         int64_t partition,
                                         const char *suffix,
                                         char **directory);
/* Only its name. */
char *rocksdb_local_name(struct rocksdb_provider *provider, int64_t partition, const char *suffix);
MUST_CHECK enum status
rocksdb_local_write(const struct disk_port *disk, const char *path, struct bytes content);
MUST_CHECK enum status
rocksdb_local_read(const struct disk_port *disk, const char *path, struct buf *content);
/* Everything below `root`, and `root`. What does not go stays. May suspend. */
void rocksdb_local_remove(const struct disk_port *disk, const char *root);
/* Account for an SST file of so many logical bytes that was copied: no row of it is looked at. May
 * suspend. */
void rocksdb_spend_copy(const struct rocksdb_provider *provider, int64_t bytes);
/* Takes it over (and NULL); removed at the next turn. Never suspends. */
void rocksdb_garbage_add(struct rocksdb_provider *provider, char *directory);
/* May suspend. */
void rocksdb_garbage_remove(struct rocksdb_provider *provider);

/* Takes `directory` over; one user. */
struct rocksdb_origin *rocksdb_origin_new(char *directory);
struct rocksdb_origin *rocksdb_origin_use(struct rocksdb_origin *origin); /* NULL is allowed */
/* The last one makes garbage of it. Never suspends. NULL is allowed. */
void rocksdb_origin_release(struct rocksdb_provider *provider, struct rocksdb_origin *origin);
/* From now on these are its shared files; copies them. */
void rocksdb_origin_share(struct rocksdb_origin *origin,
                          const struct rocksdb_shared_file *files,
                          size_t count);

/* These are in SSTs/ now; copies what it keeps. Never suspend. */
void rocksdb_know_files(struct rocksdb_partition *partition,
                        const struct rocksdb_shared_file *files,
                        size_t count);
/* NULL: not known. Until the next call. */
struct rocksdb_known_file *rocksdb_known_file(const struct rocksdb_partition *partition,
                                              const char *dfs_name);
/* Forget all but `names`, which ascend. */
void rocksdb_forget_files(struct rocksdb_partition *partition,
                          const char *const *names,
                          size_t count);

/* ---- rocksdb_version.c: rows ----------------------------------------------------------------- */

/* Empty, without a database. */
struct rocksdb_version rocksdb_version_new(const struct rocksdb_provider *provider);
/* Close it. Its directory goes to the attic of the partition if `keep`. Never suspends. */
void rocksdb_version_drop(struct rocksdb_provider *provider,
                          int64_t partition,
                          struct rocksdb_version *version,
                          bool keep);
/* A local file does not read, and it may have more than one name: nobody takes over what is cached
 * or in the attic; the next load is from the checkpoint alone. Never suspends. */
void rocksdb_local_forget(struct rocksdb_provider *provider, int64_t partition);
/* Does its database stand on a file that is not what was written? What it has in memory is good. */
bool rocksdb_version_damaged(const struct rocksdb_version *version);
/* A new batch begins: what it changes can be undone. */
void rocksdb_version_mark(struct rocksdb_version *version);
/* Back to the mark; false: the overlay was written meanwhile. */
bool rocksdb_version_rollback(struct rocksdb_version *version);

/* Keys and values are encoded ones. `*value` is valid until the next call. Errors: ERR_NOT_FOUND,
 * ERR_IO, ERR_CORRUPT (of the local database). Never suspend. */
MUST_CHECK enum status rocksdb_version_get(struct rocksdb_version *version,
                                           struct bytes key,
                                           struct bytes *value,
                                           struct rocksdb_what *what);
MUST_CHECK enum status rocksdb_version_put(struct rocksdb_version *version,
                                           struct bytes key,
                                           struct bytes value,
                                           struct rocksdb_what *what);
/* `*there`: was it there? If not, nothing was done. */
MUST_CHECK enum status rocksdb_version_remove(struct rocksdb_version *version,
                                              struct bytes key,
                                              bool *there,
                                              struct rocksdb_what *what);
/* May suspend where `pair` does. Errors: as get, or what `pair` returned. */
MUST_CHECK enum status rocksdb_version_each(struct rocksdb_version *version,
                                            state_pair_fn pair,
                                            void *context,
                                            struct rocksdb_what *what);
/* Account for what the database was asked since the last time. May suspend. */
void rocksdb_version_spend(const struct rocksdb_provider *provider,
                           struct rocksdb_version *version);
/* Is the overlay larger than it may be? */
bool rocksdb_version_full(const struct rocksdb_provider *provider,
                          const struct rocksdb_version *version);
/* Write the overlay into the database, which is made if there is none, and merge files. May
 * suspend. On an error the version is of no use any more. */
MUST_CHECK enum status rocksdb_version_flush(struct rocksdb_provider *provider,
                                             int64_t partition,
                                             struct rocksdb_version *version,
                                             struct rocksdb_what *what);
/* Flush, merge all files if compactOnCommit says so, and copy the database. May suspend. On an
 * error the version is of no use any more. */
MUST_CHECK enum status rocksdb_version_checkpoint(struct rocksdb_provider *provider,
                                                  int64_t partition,
                                                  struct rocksdb_version *version,
                                                  struct rocksdb_checkpoint *checkpoint,
                                                  struct rocksdb_what *what);
/* Its directory becomes garbage. Never suspends. */
void rocksdb_checkpoint_drop(struct rocksdb_provider *provider,
                             struct rocksdb_checkpoint *checkpoint);
struct rocksdb_options rocksdb_options_of(const struct plan *plan);
struct rocksdb_cache *rocksdb_provider_cache(struct rocksdb_provider *provider);

/* ---- rocksdb_upload.c: SST files in the checkpoint ------------------------------------------- */

/* NULL: not there. `entries` are sorted by name. */
const struct store_entry *
rocksdb_sst_find(const struct store_entry *entries, size_t count, const char *name);

/* ---- loads, commits, uploads, maintenance ---------------------------------------------------- */

/* A version from the files. May suspend. Errors: as state_store_open. */
MUST_CHECK enum status rocksdb_load(struct rocksdb_provider *provider,
                                    int64_t partition,
                                    int64_t version,
                                    struct rocksdb_version *loaded,
                                    struct diag *diag);

/* A snapshot on its way from a local copy into the checkpoint. */
struct rocksdb_upload {
    struct rocksdb_provider *provider;
    int64_t partition;
    const struct rocksdb_checkpoint *checkpoint;
    bool over;      /* whatever <version>.zip is there is written over; else it stays */
    bool overtaken; /* set from outside: a batch below runs again, or the partition is gone */
    bool put;       /* the zip is there, and ours */
    struct arena *arena;
    const char *path; /* of the file that is being worked on */
    const char *what; /* what is wrong with it; NULL: the status says it */
};
/* SST files first, zip last; durable on OK. Not put without an error: it was overtaken, or another
 * zip is there. May suspend. Errors: the store's; ERR_CORRUPT: the local copy is damaged. */
MUST_CHECK enum status rocksdb_upload(struct rocksdb_upload *upload);

MUST_CHECK enum status rocksdb_commit_version(struct rocksdb_store *store, struct diag *diag);
void rocksdb_maintain(struct state_provider *provider);

#endif
