/* The memory provider, Spark's HDFSBackedStateStoreProvider: a map in memory, one <version>.delta a
 * batch, now and then a <version>.snapshot (spark-checkpoint 1.8). What its parts share: the
 * versions in memory. Included by engine/state only. */
#ifndef ENGINE_STATE_MEMORY_PROVIDER_H
#define ENGINE_STATE_MEMORY_PROVIDER_H

#include "engine/state/state_files.h"
#include "engine/state/state_map.h"

/* One version in memory. Whoever holds it owns the map. */
struct memory_version {
    struct state_map *map; /* NULL: none */
    int64_t version;
    bool undoable;     /* rolling the map back gives version - 1 */
    bool snapshot_due; /* a snapshot did not read: the next maintenance writes another one */
    /* Up to here there may be snapshots of versions that are not committed yet: left by a run of
     * their batches that did not count. Whoever commits such a version writes it over. */
    int64_t snapshot_above;
};

/* A version that is open for an attempt. */
struct memory_store {
    struct state_store base;
    struct memory_store *next; /* open one of the same partition */
    uint64_t unloads;          /* of the partition, when this was opened */
    struct memory_version at;
    struct buf delta; /* records in the order of the operations */
    int64_t delta_rows;
};

struct memory_partition {
    bool active; /* opened here since it was unloaded last */
    struct memory_version cached;
    struct memory_store *open; /* by attempts that run */
    int64_t newest;            /* highest version that was opened or committed here */
    int64_t snapshot;          /* newest that was written here; 0: none */
    int64_t verified;          /* snapshot that was read back here; 0: none */
    uint64_t unloads;
    uint64_t reruns; /* how often a version below `newest` was opened: its batch runs again */
    struct state_metrics metrics; /* the counters of it */
};

struct memory_provider {
    struct state_provider base;
    struct memory_partition
        *partitions; /* by number; grows: never keep an address over a port call */
    size_t partition_count;
};

static inline struct memory_provider *memory_provider_of(struct state_provider *base)
{
    return (struct memory_provider *)base;
}

struct memory_partition *memory_partition_at(struct memory_provider *provider, int64_t partition);

/* Into the cache, unless a newer version is there. */
void memory_cache_put(struct memory_provider *provider,
                      int64_t partition,
                      struct memory_version version);

/* A version from the files. May suspend. Errors: as state_store_open. */
MUST_CHECK enum status memory_load(struct memory_provider *provider,
                                   int64_t partition,
                                   int64_t version,
                                   struct memory_version *loaded,
                                   struct diag *diag);

/* The snapshot file of a map that nobody changes meanwhile. May suspend. */
void memory_snapshot_encode(const struct ports *ports,
                            const struct state_map *map,
                            struct arena *arena,
                            struct buf *file);

/* One round of maintenance (state_provider_maintain). */
void memory_maintain(struct state_provider *provider);

#endif
