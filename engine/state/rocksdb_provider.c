/* The RocksDB provider: the versions in memory, and who has them. */
#include "engine/state/rocksdb_provider.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/state/state_file.h"

enum { LOOKUPS_MAX = 64 };

static struct rocksdb_store *rocksdb_store_of(struct state_store *store)
{
    return (struct rocksdb_store *)store;
}

/* ---- partitions -------------------------------------------------------------------------------
 */

struct rocksdb_partition *rocksdb_partition_at(struct rocksdb_provider *provider, int64_t partition)
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

/* It cannot go into the cache; what is there under its number may be of another run of its batch.
 */
static void cache_forget(struct rocksdb_provider *provider, int64_t partition, int64_t version)
{
    struct rocksdb_version *cached = &rocksdb_partition_at(provider, partition)->cached;
    if (cached->overlay != NULL && cached->version == version) {
        rocksdb_version_drop(provider, partition, cached, true);
    }
}

/* Into the cache, unless a newer version is there. */
static void
cache_put(struct rocksdb_provider *provider, int64_t partition, struct rocksdb_version version)
{
    struct rocksdb_version *cached = &rocksdb_partition_at(provider, partition)->cached;
    if (cached->overlay != NULL && cached->version > version.version) {
        rocksdb_version_drop(provider, partition, &version, true);
        return;
    }
    rocksdb_version_drop(provider, partition, cached, true);
    *cached = version;
}

/* What was to be uploaded, or is being uploaded, is of no use any more (SPARK-47568). */
static void forget_snapshots(struct rocksdb_provider *provider, struct rocksdb_partition *at)
{
    rocksdb_checkpoint_drop(provider, &at->queued);
    if (at->uploading != NULL) {
        at->uploading->overtaken = true;
    }
}

static void rocksdb_unload(struct state_provider *base, int64_t partition)
{
    struct rocksdb_provider *provider = rocksdb_provider_of(base);
    struct rocksdb_partition *at = rocksdb_partition_at(provider, partition);
    rocksdb_version_drop(provider, partition, &at->cached, true);
    forget_snapshots(provider, at);
    rocksdb_forget_files(at, NULL, 0);
    at->active = false;
    at->verified = 0; /* others write here from now on */
    at->unloads++;
}

/* May suspend: the local directories go. */
static void rocksdb_provider_end(struct state_provider *base)
{
    struct rocksdb_provider *provider = rocksdb_provider_of(base);
    for (size_t i = 0; i < provider->partition_count; i++) {
        struct rocksdb_partition *at = &provider->partitions[i];
        require(at->open == NULL);
        require(at->uploading == NULL);
        rocksdb_version_drop(provider, (int64_t)i, &at->cached, false);
        rocksdb_checkpoint_drop(provider, &at->queued);
        rocksdb_origin_release(provider, at->attic);
        rocksdb_forget_files(at, NULL, 0);
    }
    for (size_t i = 0; i < provider->garbage_count; i++) {
        heap_free(provider->garbage[i]); /* it goes with the folder that it stands in */
    }
    if (provider->directories > 0) {
        rocksdb_local_remove(&base->ports->disk, base->local);
    }
    rocksdb_cache_free(provider->cache);
    heap_free(provider->garbage);
    heap_free(provider->partitions);
    heap_free(provider);
}

/* ---- opening ----------------------------------------------------------------------------------
 */

/* Out of the cache, when it is there or one commit further. An older version than that of the cache
 * (an attempt that came late) leaves the cache alone; a newer one makes it worthless. */
static bool take_cached(struct rocksdb_provider *provider,
                        int64_t partition,
                        int64_t version,
                        struct rocksdb_version *taken)
{
    struct rocksdb_partition *at = rocksdb_partition_at(provider, partition);
    struct rocksdb_version *cached = &at->cached;
    if (cached->overlay == NULL) {
        return false;
    }
    if (cached->version == version + 1 && cached->undoable && rocksdb_version_rollback(cached)) {
        cached->version = version;
        cached->changelog_above = version + 1;
        cached->zip_above = at->snapshot > cached->zip_above ? at->snapshot : cached->zip_above;
    }
    if (cached->version < version || rocksdb_version_damaged(cached)) {
        rocksdb_version_drop(provider, partition, cached, true);
    }
    if (cached->overlay == NULL || cached->version != version) {
        return false;
    }
    *taken = *cached;
    *cached = (struct rocksdb_version){0};
    return true;
}

/* A snapshot of a version above the one that is opened is of a run that did not count. */
static void overtake(struct rocksdb_provider *provider, int64_t partition, int64_t version)
{
    struct rocksdb_partition *at = rocksdb_partition_at(provider, partition);
    if (at->queued.version > version) {
        rocksdb_checkpoint_drop(provider, &at->queued);
    }
    if (at->uploading != NULL && at->uploading->checkpoint->version > version) {
        at->uploading->overtaken = true;
    }
}

static enum status take(struct rocksdb_provider *provider,
                        int64_t partition,
                        int64_t version,
                        struct rocksdb_version *opened,
                        struct diag *diag)
{
    overtake(provider, partition, version);
    if (!take_cached(provider, partition, version, opened)) {
        rocksdb_partition_at(provider, partition)->metrics.memory_misses++;
        return rocksdb_load(provider, partition, version, opened, diag);
    }
    rocksdb_partition_at(provider, partition)->metrics.memory_hits++;
    state_trace(
        &provider->base,
        &(struct trace_entry){
            .kind = EVENT_STATE_LOADED, .batch = version, .a = partition, .b = version, .c = -1});
    return OK;
}

static enum status rocksdb_store_open(struct state_provider *base,
                                      int64_t partition,
                                      int64_t version,
                                      struct state_store **store,
                                      struct diag *diag)
{
    struct rocksdb_provider *provider = rocksdb_provider_of(base);
    struct rocksdb_version opened = {0};
    TRY(take(provider, partition, version, &opened, diag));
    overtake(provider, partition, version); /* again: the load may have suspended */
    struct rocksdb_partition *at = rocksdb_partition_at(provider, partition);
    at->active = true;
    at->reruns += version < at->newest;
    at->newest = version > at->newest ? version : at->newest;
    rocksdb_version_mark(&opened);
    struct rocksdb_store *new = heap_alloc(sizeof *new);
    new->base = (struct state_store){.provider = base, .partition = partition};
    new->unloads = at->unloads;
    new->reruns = at->reruns;
    new->at = opened;
    new->recording = base->plan->options.rocksdb_changelog || version < opened.changelog_above;
    new->next = at->open;
    at->open = new;
    *store = &new->base;
    return OK;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static enum status fail_row(struct rocksdb_store *store,
                            enum status status,
                            const struct rocksdb_what *what,
                            struct diag *diag)
{
    const struct state_provider *provider = store->base.provider;
    store->broken = true;
    return diag_fail(diag,
                     "ROCKSDB_LOCAL_DATABASE",
                     "the local database of partition %" PRId64 " in %s failed at version %" PRId64
                     ": %s%s%.200s. Look to that disk and its space; the task runs again from the "
                     "checkpoint, which lost nothing",
                     store->base.partition,
                     provider->local,
                     store->at.version,
                     status_text(status),
                     what->text[0] == '\0' ? "" : ": ",
                     what->text);
}

static enum status fail_encoding(struct rocksdb_store *store, struct diag *diag)
{
    return diag_fail(diag,
                     "STATE_STORE_VALUE_ROW_FORMAT_VALIDATION_FAILURE",
                     "the state of partition %" PRId64 " at version %" PRId64
                     " holds a row that does not begin with the byte 00, as those of aggregations "
                     "do: another plan wrote it; start with a new checkpointLocation",
                     store->base.partition,
                     store->at.version);
}

/* Each LOOKUPS_MAX lookups; the rest with the commit. */
static void spend_lookups(struct rocksdb_store *store)
{
    if (store->at.lookups >= LOOKUPS_MAX) {
        rocksdb_version_spend(rocksdb_provider_of(store->base.provider), &store->at);
    }
}

static enum status
rocksdb_row_get(struct state_store *base, struct bytes key, struct bytes *value, struct diag *diag)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    struct rocksdb_what what = {0};
    struct bytes found = {0};
    store->gets++;
    spend_lookups(store);
    enum status status =
        rocksdb_version_get(&store->at, rocksdb_row_encode(&store->key, key), &found, &what);
    if (status == ERR_NOT_FOUND) {
        return status;
    }
    if (status != OK) {
        return fail_row(store, status, &what, diag);
    }
    if (!rocksdb_row(&found)) {
        return fail_encoding(store, diag);
    }
    *value = found;
    return OK;
}

/* Memory is bounded: a batch that changes more than fits goes into the database before its end.
 * Not bounded is what becomes its changelog, where it writes one: that is one file, put at once. */
static enum status spill(struct rocksdb_store *store, struct diag *diag)
{
    struct rocksdb_provider *provider = rocksdb_provider_of(store->base.provider);
    struct rocksdb_what what = {0};
    if (!rocksdb_version_full(provider, &store->at)) {
        return OK;
    }
    enum status status = rocksdb_version_flush(provider, store->base.partition, &store->at, &what);
    return status == OK ? OK : fail_row(store, status, &what, diag);
}

static void record(struct rocksdb_store *store, struct bytes key, struct bytes value)
{
    if (store->recording) {
        state_file_record(&store->records, key, value);
        store->record_rows++;
    }
}

static enum status
rocksdb_row_put(struct state_store *base, struct bytes key, struct bytes value, struct diag *diag)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    struct rocksdb_what what = {0};
    struct bytes encoded =
        rocksdb_row_encode(&store->value, value); /* `value` may be what a get gave */
    struct bytes encoded_key = rocksdb_row_encode(&store->key, key);
    store->puts++;
    spend_lookups(store);
    enum status status = rocksdb_version_put(&store->at, encoded_key, encoded, &what);
    if (status != OK) {
        return fail_row(store, status, &what, diag);
    }
    record(store, encoded_key, encoded);
    return spill(store, diag);
}

static enum status rocksdb_row_remove(struct state_store *base, struct bytes key, struct diag *diag)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    struct rocksdb_what what = {0};
    struct bytes none = {0};
    bool there = false;
    struct bytes encoded_key = rocksdb_row_encode(&store->key, key);
    enum status status = rocksdb_version_remove(&store->at, encoded_key, &there, &what);
    if (status != OK) {
        return fail_row(store, status, &what, diag);
    }
    if (!there) {
        return OK;
    }
    record(store, encoded_key, none);
    return spill(store, diag);
}

static int64_t rocksdb_row_count(const struct state_store *base)
{
    int64_t count = ((const struct rocksdb_store *)base)->at.key_count;
    return count < 0 ? 0 : count; /* not tracked: 0, as Spark reports it */
}

struct showing {
    state_pair_fn pair;
    void *context;
    enum status status; /* what `pair` returned */
    bool foreign;
};

static enum status show(void *context, struct bytes key, struct bytes value)
{
    struct showing *showing = context;
    showing->foreign = !rocksdb_row(&key) || !rocksdb_row(&value);
    if (showing->foreign) {
        return ERR_CORRUPT;
    }
    showing->status = showing->pair(showing->context, key, value);
    return showing->status;
}

static enum status
rocksdb_row_each(struct state_store *base, state_pair_fn pair, void *context, struct diag *diag)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    struct rocksdb_what what = {0};
    struct showing showing = {.pair = pair, .context = context};
    enum status status = rocksdb_version_each(&store->at, show, &showing, &what);
    if (showing.foreign) {
        return fail_encoding(store, diag);
    }
    if (status == OK || showing.status != OK) {
        return status;
    }
    return fail_row(store, status, &what, diag);
}

/* ---- closing ----------------------------------------------------------------------------------
 */

/* The store is gone; its version goes back to the cache, if the partition is still ours. */
static void put_back(struct rocksdb_store *store)
{
    struct rocksdb_provider *provider = rocksdb_provider_of(store->base.provider);
    int64_t partition = store->base.partition;
    struct rocksdb_partition *at = rocksdb_partition_at(provider, partition);
    struct rocksdb_store **link = &at->open;
    while (*link != store) {
        require(*link != NULL);
        link = &(*link)->next;
    }
    *link = store->next;
    at->metrics.gets = store->gets;
    at->metrics.puts = store->puts;
    if (store->broken) {
        rocksdb_version_drop(provider, partition, &store->at, false);
        rocksdb_local_forget(provider, partition);
    } else if (store->at.overlay == NULL || at->unloads != store->unloads) {
        cache_forget(provider, partition, store->at.version);
        rocksdb_version_drop(provider, partition, &store->at, true);
    } else {
        cache_put(provider, partition, store->at);
    }
    buf_free(&store->records);
    buf_free(&store->key);
    buf_free(&store->value);
    heap_free(store);
}

/* What went into the database cannot be taken out of it again: the next one loads, and takes the
 * files over that it knows. */
static void rocksdb_store_abort(struct state_store *base)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    struct rocksdb_provider *provider = rocksdb_provider_of(base->provider);
    if (!store->broken && !rocksdb_version_rollback(&store->at)) {
        rocksdb_version_drop(provider, base->partition, &store->at, true);
    }
    put_back(store);
}

static enum status rocksdb_store_commit(struct state_store *base, struct diag *diag)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    enum status status = rocksdb_commit_version(store, diag);
    if (status != OK) {
        rocksdb_store_abort(base);
        return status;
    }
    put_back(store);
    return OK;
}

/* ---- the provider -----------------------------------------------------------------------------
 */

static struct state_metrics rocksdb_metrics(const struct state_provider *base, int64_t partition)
{
    const struct rocksdb_provider *provider = (const struct rocksdb_provider *)base;
    if (partition < 0 || (size_t)partition >= provider->partition_count) {
        return (struct state_metrics){0};
    }
    const struct rocksdb_partition *at = &provider->partitions[partition];
    const struct rocksdb_version *version = at->open != NULL ? &at->open->at : &at->cached;
    struct state_metrics metrics = at->metrics;
    if (version->overlay != NULL) {
        metrics.rows = version->key_count;
        metrics.memory_bytes = state_map_bytes(version->overlay);
    }
    return metrics;
}

struct state_provider *rocksdb_provider_new(const struct state_provider *base)
{
    static const struct state_provider_ops ops = {
        .free = rocksdb_provider_end,
        .open = rocksdb_store_open,
        .unload = rocksdb_unload,
        .maintain = rocksdb_maintain,
        .metrics = rocksdb_metrics,
        .get = rocksdb_row_get,
        .put = rocksdb_row_put,
        .remove = rocksdb_row_remove,
        .count = rocksdb_row_count,
        .each = rocksdb_row_each,
        .commit = rocksdb_store_commit,
        .abort = rocksdb_store_abort,
    };
    struct rocksdb_provider *provider = heap_alloc(sizeof *provider);
    provider->base = *base;
    provider->base.ops = &ops;
    return &provider->base;
}
