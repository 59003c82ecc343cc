/* What the two halves of a load share: rocksdb_load.c chooses what a version is made from and
 * applies changelogs, rocksdb_restore.c makes a local database out of a snapshot; also for a
 * cleanup, which reads a snapshot back before it removes what that stands in for. */
#ifndef ENGINE_STATE_ROCKSDB_LOAD_H
#define ENGINE_STATE_ROCKSDB_LOAD_H

#include "engine/state/rocksdb_provider.h"

enum load_fault_kind {
    FAULT_CHANGELOG,
    FAULT_SNAPSHOT, /* the zip, or an SST file that it names */
    FAULT_LOCAL     /* this machine's disk */
};

struct load_fault {
    enum load_fault_kind kind;
    enum status status;
    const char *error_class;
    const char *path;
    const char *what;
};

struct loading {
    struct rocksdb_provider *provider;
    int64_t partition;
    struct state_files files;
    struct rocksdb_origin *source; /* files that this machine has already; NULL: none */
    struct rocksdb_version at;
    int64_t target;
    struct arena *names; /* for the whole load */
    struct arena bytes;  /* of one file */
    struct load_fault fault;
    int64_t rows; /* not accounted for yet */
    int64_t row_bytes;
    int64_t changelog_count;
    int64_t copied; /* SST files that came from the checkpoint */
    int64_t linked; /* that were here */
};

/* Is a snapshot beyond reading, so that others have to do? */
static inline bool load_snapshot_lost(const struct load_fault *fault)
{
    return fault->kind == FAULT_SNAPSHOT && state_beyond_reading(fault->status);
}

/* Record what went wrong; gives its status. */
enum status load_fail(struct loading *loading, struct load_fault fault);
/* `what` may be NULL or empty: the status says it. */
enum status load_fail_local(struct loading *loading, enum status status, const char *what);

/* <version>.zip and its SST files as the database of loading->at. May suspend. On an error
 * loading->fault says what. */
MUST_CHECK enum status load_snapshot(struct loading *loading, int64_t version);

/* Do <version>.zip and its SST files read as what they were written as? A local database is made of
 * them, out of the checkpoint alone, and dropped: whatever this machine knows of them, it is the
 * files that others will load. May suspend. On an error `*fault` says what, in `arena`. */
MUST_CHECK enum status rocksdb_read_back(struct rocksdb_provider *provider,
                                         int64_t partition,
                                         const struct state_files *files,
                                         int64_t version,
                                         struct arena *arena,
                                         struct load_fault *fault);

#endif
