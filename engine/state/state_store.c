#include "engine/state/state_store.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/state/state_provider.h"

struct state_store {
    struct state_provider *provider;
    struct state_store *next; /* open one of the same partition */
    int64_t partition;
    uint64_t unloads; /* of the partition, when this was opened */
    struct state_version at;
    struct buf delta; /* records in the order of the operations */
    int64_t delta_rows;
};

const char *
state_directory(struct arena *arena, const char *checkpoint, int64_t operator_id, int64_t partition)
{
    return arena_printf(arena, "%s/state/%" PRId64 "/%" PRId64, checkpoint, operator_id, partition);
}

/* ---- the provider -----------------------------------------------------------------------------
 */

struct state_provider *
state_provider_new(const struct ports *ports, struct store *store, const struct plan *plan)
{
    struct state_provider *provider = heap_alloc(sizeof *provider);
    provider->ports = ports;
    provider->store = store;
    provider->plan = plan;
    return provider;
}

static void version_drop(struct state_version *version)
{
    if (version->map != NULL) {
        state_map_free(version->map);
    }
    *version = (struct state_version){0};
}

void state_provider_free(struct state_provider *provider)
{
    for (size_t i = 0; i < provider->partition_count; i++) {
        require(provider->partitions[i].open == NULL);
        version_drop(&provider->partitions[i].cached);
    }
    heap_free(provider->partitions);
    heap_free(provider);
}

struct state_partition *state_partition_at(struct state_provider *provider, int64_t partition)
{
    require(partition >= 0);
    require(partition < INT32_MAX);
    size_t index = (size_t)partition;
    if (index >= provider->partition_count) {
        provider->partition_count = index + 1;
        provider->partitions = heap_realloc(
            provider->partitions, provider->partition_count * sizeof *provider->partitions);
    }
    return &provider->partitions[index];
}

void state_cache_put(struct state_provider *provider,
                     int64_t partition,
                     struct state_version version)
{
    struct state_version *cached = &state_partition_at(provider, partition)->cached;
    if (cached->map != NULL && cached->version > version.version) {
        version_drop(&version);
        return;
    }
    version_drop(cached);
    *cached = version;
}

void state_provider_unload(struct state_provider *provider, int64_t partition)
{
    struct state_partition *at = state_partition_at(provider, partition);
    version_drop(&at->cached);
    at->active = false;
    at->unloads++;
}

void state_spend(const struct ports *ports, int64_t rows, int64_t bytes)
{
    while (rows > 0) {
        int64_t step = rows < SPEND_ROWS_MAX ? rows : SPEND_ROWS_MAX;
        int64_t step_bytes = bytes / rows * step;
        clock_spend(&ports->clock, step, step_bytes);
        rows -= step;
        bytes -= step_bytes;
    }
}

void state_trace(const struct state_provider *provider, const struct trace_entry *entry)
{
    trace_event(&provider->ports->trace, entry);
}

/* ---- opening ----------------------------------------------------------------------------------
 */

/* Out of the cache, when it is there or one commit further. An older version than that of the cache
 * (an attempt that came late) leaves the cache alone; a newer one makes it worthless. */
static bool take_cached(struct state_partition *at, int64_t version, struct state_version *taken)
{
    struct state_version *cached = &at->cached;
    if (cached->map == NULL) {
        return false;
    }
    if (cached->version == version + 1 && cached->undoable) {
        state_map_rollback(cached->map);
        cached->undoable = false;
        cached->version = version;
        cached->snapshot_above = at->snapshot;
    }
    if (cached->version < version) {
        version_drop(cached);
    }
    if (cached->map == NULL || cached->version != version) {
        return false;
    }
    *taken = *cached;
    *cached = (struct state_version){0};
    return true;
}

enum status state_store_open(struct state_provider *provider,
                             int64_t partition,
                             int64_t version,
                             struct state_store **store,
                             struct diag *diag)
{
    require(version >= 0);
    struct state_version opened = {0};
    if (take_cached(state_partition_at(provider, partition), version, &opened)) {
        state_partition_at(provider, partition)->metrics.memory_hits++;
        state_trace(provider,
                    &(struct trace_entry){.kind = EVENT_STATE_LOADED,
                                          .batch = version,
                                          .a = partition,
                                          .b = version,
                                          .c = -1});
    } else {
        state_partition_at(provider, partition)->metrics.memory_misses++;
        TRY(state_load(provider, partition, version, &opened, diag));
    }
    struct state_partition *at = state_partition_at(provider, partition);
    at->active = true;
    at->reruns += version < at->newest;
    at->newest = version > at->newest ? version : at->newest;
    state_map_mark(opened.map);
    opened.undoable = false; /* the changes that led here are forgotten */
    *store = heap_alloc(sizeof **store);
    (*store)->provider = provider;
    (*store)->partition = partition;
    (*store)->unloads = at->unloads;
    (*store)->at = opened;
    (*store)->next = at->open;
    at->open = *store;
    return OK;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

bool state_store_get(const struct state_store *store, struct bytes key, struct bytes *value)
{
    return state_map_get(store->at.map, key, value);
}

void state_store_put(struct state_store *store, struct bytes key, struct bytes value)
{
    static const uint8_t nothing;
    if (value.data == NULL) {
        value.data = &nothing; /* an empty value is no remove */
    }
    state_file_record(&store->delta, key, value);
    state_map_put(store->at.map, key, value);
    store->delta_rows++;
}

void state_store_remove(struct state_store *store, struct bytes key)
{
    struct bytes none = {0};
    struct bytes before;
    if (!state_map_get(store->at.map, key, &before)) {
        return;
    }
    state_file_record(&store->delta, key, none);
    bool there = state_map_remove(store->at.map, key);
    require(there);
    store->delta_rows++;
}

int64_t state_store_count(const struct state_store *store)
{
    return state_map_count(store->at.map);
}

struct state_pair *
state_store_pairs(const struct state_store *store, struct arena *arena, size_t *count)
{
    *count = (size_t)state_map_count(store->at.map);
    return state_map_pairs(store->at.map, arena);
}

/* ---- closing ----------------------------------------------------------------------------------
 */

/* The store is gone; its version goes back to the cache, if the partition is still ours. */
static void put_back(struct state_store *store)
{
    struct state_partition *at = state_partition_at(store->provider, store->partition);
    struct state_store **link = &at->open;
    while (*link != store) {
        require(*link != NULL);
        link = &(*link)->next;
    }
    *link = store->next;
    if (at->unloads == store->unloads) {
        state_cache_put(store->provider, store->partition, store->at);
    } else {
        version_drop(&store->at);
    }
    buf_free(&store->delta);
    heap_free(store);
}

void state_store_abort(struct state_store *store)
{
    state_map_rollback(store->at.map);
    put_back(store);
}

static enum status fail_commit(const char *path, enum status status, struct diag *diag)
{
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", path);
    }
    return diag_fail(
        diag,
        "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT",
        "cannot write the state file %s: %s. Make the checkpointLocation writable, with "
        "space left; the batch runs again from the version before, nothing was lost",
        path,
        status_text(status));
}

/* A snapshot of the version that is about to be committed was made by another run of its batch, and
 * a load prefers it to the delta. It is written over and never removed: if this attempt is a zombie
 * by now, older files may be gone in favour of it. */
static enum status
replace_snapshot(struct state_store *store, const char *directory, struct arena *scratch)
{
    const struct state_provider *provider = store->provider;
    int64_t version = store->at.version + 1;
    struct buf file = {0};
    if (version > store->at.snapshot_above) {
        return OK;
    }
    state_snapshot_encode(provider->ports, store->at.map, scratch, &file);
    enum status status =
        store_put_over(provider->store,
                       state_file_path(scratch, directory, version, STATE_SNAPSHOT),
                       buf_bytes(&file));
    buf_free(&file);
    return status;
}

static enum status write_delta(struct state_store *store, struct arena *scratch, struct diag *diag)
{
    struct state_provider *provider = store->provider;
    const char *checkpoint = provider->plan->options.checkpoint_location;
    const char *directory = state_directory(scratch, checkpoint, 0, store->partition);
    const char *path = state_file_path(scratch, directory, store->at.version + 1, STATE_DELTA);
    struct buf file = {0};
    state_spend(provider->ports, store->delta_rows, (int64_t)store->delta.size);
    state_file_finish(&store->delta, &file);
    enum status status = replace_snapshot(store, directory, scratch);
    if (status == OK) {
        status = store_put_over(provider->store, path, buf_bytes(&file));
    }
    buf_free(&file);
    return status == OK ? OK : fail_commit(path, status, diag);
}

enum status state_store_commit(struct state_store *store, struct diag *diag)
{
    struct arena scratch = {0};
    enum status status = write_delta(store, &scratch, diag);
    arena_free(&scratch);
    if (status != OK) {
        state_store_abort(store);
        return status;
    }
    store->at.version++;
    store->at.undoable = true;
    struct state_partition *at = state_partition_at(store->provider, store->partition);
    at->newest = store->at.version > at->newest ? store->at.version : at->newest;
    state_trace(store->provider,
                &(struct trace_entry){.kind = EVENT_STATE_COMMITTED,
                                      .batch = store->at.version - 1,
                                      .a = store->partition,
                                      .b = store->at.version,
                                      .c = state_map_count(store->at.map)});
    put_back(store);
    return OK;
}

struct state_metrics state_provider_metrics(const struct state_provider *provider,
                                            int64_t partition)
{
    if (partition < 0 || (size_t)partition >= provider->partition_count) {
        return (struct state_metrics){0};
    }
    const struct state_partition *at = &provider->partitions[partition];
    struct state_metrics metrics = at->metrics;
    const struct state_map *map = at->open != NULL ? at->open->at.map : at->cached.map;
    if (map != NULL) {
        metrics.rows = state_map_count(map);
        metrics.memory_bytes = state_map_bytes(map);
    }
    return metrics;
}
