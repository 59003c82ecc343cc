/* What the parts of the memory provider share: the versions in memory and the files of a partition.
 * Included by engine/state only. */
#ifndef ENGINE_STATE_STATE_PROVIDER_H
#define ENGINE_STATE_STATE_PROVIDER_H

#include "engine/state/state_file.h"
#include "engine/state/state_map.h"
#include "engine/state/state_store.h"

/* One version in memory. Whoever holds it owns the map. */
struct state_version {
    struct state_map *map; /* NULL: none */
    int64_t version;
    bool undoable;     /* rolling the map back gives version - 1 */
    bool snapshot_due; /* a snapshot did not read: the next maintenance writes another one */
    /* Up to here there may be snapshots of versions that are not committed yet: left by a run of
     * their batches that did not count. Whoever commits such a version writes it over. */
    int64_t snapshot_above;
};

struct state_partition {
    bool active; /* opened here since it was unloaded last */
    struct state_version cached;
    struct state_store *open; /* by attempts that run */
    int64_t newest;           /* highest version that was opened or committed here */
    int64_t snapshot;         /* newest that was written here; 0: none */
    int64_t verified;         /* snapshot that was read back here; 0: none */
    uint64_t unloads;
    uint64_t reruns; /* how often a version below `newest` was opened: its batch runs again */
    struct state_metrics metrics; /* the counters of it */
};

struct state_provider {
    const struct ports *ports;
    struct store *store;
    const struct plan *plan;
    struct state_partition
        *partitions; /* by number; grows: never keep an address over a port call */
    size_t partition_count;
};

struct state_partition *state_partition_at(struct state_provider *provider, int64_t partition);

/* Into the cache, unless a newer version is there. */
void state_cache_put(struct state_provider *provider,
                     int64_t partition,
                     struct state_version version);

/* A version from the files. May suspend. Errors: as state_store_open. */
MUST_CHECK enum status state_load(struct state_provider *provider,
                                  int64_t partition,
                                  int64_t version,
                                  struct state_version *loaded,
                                  struct diag *diag);

/* The state files of a partition, ascending by version, a delta before the snapshot. */
struct state_files_entry {
    int64_t version;
    enum state_file_kind kind;
    const char *name;
};
struct state_files {
    const char *directory;
    struct state_files_entry *entries;
    size_t count;
    /* What attempts that died left: ".<version>.delta.<uuid>.tmp" (and Hadoop's ".crc"). */
    struct state_files_entry *leftovers;
    size_t leftover_count;
};
MUST_CHECK enum status state_files_list(struct state_provider *provider,
                                        int64_t partition,
                                        struct arena *arena,
                                        struct state_files *files);

/* The newest snapshot at or below `version`; 0: none. */
int64_t state_files_snapshot(const struct state_files *files, int64_t version);
/* The newest snapshot of all; 0: none. */
int64_t state_files_newest_snapshot(const struct state_files *files);
/* The first delta in (from, until] that is not there; 0: none is missing. */
int64_t state_files_missing(const struct state_files *files, int64_t from, int64_t until);

/* The snapshot file of a map that nobody changes meanwhile. May suspend. */
void state_snapshot_encode(const struct ports *ports,
                           const struct state_map *map,
                           struct arena *arena,
                           struct buf *file);

/* Account for `rows` of `bytes` in steps of SPEND_ROWS_MAX. May suspend. */
void state_spend(const struct ports *ports, int64_t rows, int64_t bytes);

void state_trace(const struct state_provider *provider, const struct trace_entry *entry);

#endif
