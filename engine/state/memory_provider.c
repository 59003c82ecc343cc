#include "engine/state/memory_provider.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"

static struct memory_store *memory_store_of(struct state_store *store)
{
    return (struct memory_store *)store;
}

/* ---- the provider -----------------------------------------------------------------------------
 */

static void version_drop(struct memory_version *version)
{
    if (version->map != NULL) {
        state_map_free(version->map);
    }
    *version = (struct memory_version){0};
}

static void memory_free(struct state_provider *base)
{
    struct memory_provider *provider = memory_provider_of(base);
    for (size_t i = 0; i < provider->partition_count; i++) {
        require(provider->partitions[i].open == NULL);
        version_drop(&provider->partitions[i].cached);
    }
    heap_free(provider->partitions);
    heap_free(provider);
}

struct memory_partition *memory_partition_at(struct memory_provider *provider, int64_t partition)
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

void memory_cache_put(struct memory_provider *provider,
                      int64_t partition,
                      struct memory_version version)
{
    struct memory_version *cached = &memory_partition_at(provider, partition)->cached;
    if (cached->map != NULL && cached->version > version.version) {
        version_drop(&version);
        return;
    }
    version_drop(cached);
    *cached = version;
}

static void memory_unload(struct state_provider *base, int64_t partition)
{
    struct memory_partition *at = memory_partition_at(memory_provider_of(base), partition);
    version_drop(&at->cached);
    at->active = false;
    at->verified = 0; /* others write here from now on */
    at->unloads++;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

/* Out of the cache, when it is there or one commit further. An older version than that of the cache
 * (an attempt that came late) leaves the cache alone; a newer one makes it worthless. */
static bool take_cached(struct memory_partition *at, int64_t version, struct memory_version *taken)
{
    struct memory_version *cached = &at->cached;
    if (cached->map == NULL) {
        return false;
    }
    if (cached->version == version + 1 && cached->undoable) {
        state_map_rollback(cached->map);
        cached->undoable = false;
        cached->version = version;
        cached->snapshot_above =
            at->snapshot > cached->snapshot_above ? at->snapshot : cached->snapshot_above;
    }
    if (cached->version < version) {
        version_drop(cached);
    }
    if (cached->map == NULL || cached->version != version) {
        return false;
    }
    *taken = *cached;
    *cached = (struct memory_version){0};
    return true;
}

static enum status memory_open(struct state_provider *base,
                               int64_t partition,
                               int64_t version,
                               struct state_store **store,
                               struct diag *diag)
{
    struct memory_provider *provider = memory_provider_of(base);
    struct memory_version opened = {0};
    if (take_cached(memory_partition_at(provider, partition), version, &opened)) {
        memory_partition_at(provider, partition)->metrics.memory_hits++;
        state_trace(&provider->base,
                    &(struct trace_entry){.kind = EVENT_STATE_LOADED,
                                          .batch = version,
                                          .a = partition,
                                          .b = version,
                                          .c = -1});
    } else {
        memory_partition_at(provider, partition)->metrics.memory_misses++;
        TRY(memory_load(provider, partition, version, &opened, diag));
    }
    struct memory_partition *at = memory_partition_at(provider, partition);
    at->active = true;
    at->reruns += version < at->newest;
    at->newest = version > at->newest ? version : at->newest;
    state_map_mark(opened.map);
    opened.undoable = false; /* the changes that led here are forgotten */
    struct memory_store *new = heap_alloc(sizeof *new);
    new->base = (struct state_store){.provider = base, .partition = partition};
    new->unloads = at->unloads;
    new->at = opened;
    new->next = at->open;
    at->open = new;
    *store = &new->base;
    return OK;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static enum status
memory_get(struct state_store *base, struct bytes key, struct bytes *value, struct diag *diag)
{
    (void)diag;
    return state_map_get(memory_store_of(base)->at.map, key, value) ? OK : ERR_NOT_FOUND;
}

static enum status
memory_put(struct state_store *base, struct bytes key, struct bytes value, struct diag *diag)
{
    struct memory_store *store = memory_store_of(base);
    (void)diag;
    state_file_record(&store->delta, key, value);
    state_map_put(store->at.map, key, value);
    store->delta_rows++;
    return OK;
}

static enum status memory_remove(struct state_store *base, struct bytes key, struct diag *diag)
{
    struct memory_store *store = memory_store_of(base);
    struct bytes none = {0};
    struct bytes before;
    (void)diag;
    if (!state_map_get(store->at.map, key, &before)) {
        return OK;
    }
    state_file_record(&store->delta, key, none);
    bool there = state_map_remove(store->at.map, key);
    require(there);
    store->delta_rows++;
    return OK;
}

static int64_t memory_count(const struct state_store *base)
{
    const struct memory_store *store = (const struct memory_store *)base;
    return state_map_count(store->at.map);
}

static enum status
memory_each(struct state_store *base, state_pair_fn pair, void *context, struct diag *diag)
{
    (void)diag;
    return state_map_each(memory_store_of(base)->at.map, pair, context);
}

/* ---- closing ----------------------------------------------------------------------------------
 */

/* The store is gone; its version goes back to the cache, if the partition is still ours. */
static void put_back(struct memory_store *store)
{
    struct memory_provider *provider = memory_provider_of(store->base.provider);
    struct memory_partition *at = memory_partition_at(provider, store->base.partition);
    struct memory_store **link = &at->open;
    while (*link != store) {
        require(*link != NULL);
        link = &(*link)->next;
    }
    *link = store->next;
    if (at->unloads == store->unloads) {
        memory_cache_put(provider, store->base.partition, store->at);
    } else {
        version_drop(&store->at);
    }
    buf_free(&store->delta);
    heap_free(store);
}

static void memory_abort(struct state_store *base)
{
    struct memory_store *store = memory_store_of(base);
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
replace_snapshot(struct memory_store *store, const char *directory, struct arena *scratch)
{
    const struct state_provider *provider = store->base.provider;
    int64_t version = store->at.version + 1;
    struct buf file = {0};
    if (version > store->at.snapshot_above) {
        return OK;
    }
    memory_snapshot_encode(provider->ports, store->at.map, scratch, &file);
    enum status status =
        store_put_over(provider->store,
                       state_file_path(scratch, directory, version, STATE_SNAPSHOT),
                       buf_bytes(&file));
    buf_free(&file);
    return status;
}

static enum status write_delta(struct memory_store *store, struct arena *scratch, struct diag *diag)
{
    const struct state_provider *provider = store->base.provider;
    const char *checkpoint = provider->plan->options.checkpoint_location;
    const char *directory = state_directory(scratch, checkpoint, 0, store->base.partition);
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

static enum status memory_commit(struct state_store *base, struct diag *diag)
{
    struct memory_store *store = memory_store_of(base);
    struct arena scratch = {0};
    enum status status = write_delta(store, &scratch, diag);
    arena_free(&scratch);
    if (status != OK) {
        memory_abort(base);
        return status;
    }
    store->at.version++;
    store->at.undoable = true;
    struct memory_partition *at =
        memory_partition_at(memory_provider_of(base->provider), base->partition);
    at->newest = store->at.version > at->newest ? store->at.version : at->newest;
    at->metrics.committed_rows = state_map_count(store->at.map);
    at->metrics.committed_bytes = state_map_bytes(store->at.map);
    state_trace(base->provider,
                &(struct trace_entry){.kind = EVENT_STATE_COMMITTED,
                                      .batch = store->at.version - 1,
                                      .a = base->partition,
                                      .b = store->at.version,
                                      .c = state_map_count(store->at.map)});
    put_back(store);
    return OK;
}

static struct state_metrics memory_metrics(const struct state_provider *base, int64_t partition)
{
    const struct memory_provider *provider = (const struct memory_provider *)base;
    if (partition < 0 || (size_t)partition >= provider->partition_count) {
        return (struct state_metrics){0};
    }
    const struct memory_partition *at = &provider->partitions[partition];
    struct state_metrics metrics = at->metrics;
    const struct state_map *map = at->open != NULL ? at->open->at.map : at->cached.map;
    if (map != NULL) {
        metrics.rows = state_map_count(map);
        metrics.memory_bytes = state_map_bytes(map);
    }
    return metrics;
}

struct state_provider *memory_provider_new(const struct state_provider *base)
{
    static const struct state_provider_ops ops = {
        .free = memory_free,
        .open = memory_open,
        .unload = memory_unload,
        .maintain = memory_maintain,
        .metrics = memory_metrics,
        .get = memory_get,
        .put = memory_put,
        .remove = memory_remove,
        .count = memory_count,
        .each = memory_each,
        .commit = memory_commit,
        .abort = memory_abort,
    };
    struct memory_provider *provider = heap_alloc(sizeof *provider);
    provider->base = *base;
    provider->base.ops = &ops;
    return &provider->base;
}
