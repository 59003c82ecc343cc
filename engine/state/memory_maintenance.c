/* Snapshots, and the removal of files that nothing needs any more (spark-checkpoint 1.8). In this
 * order, so that a crash anywhere leaves every version of the last minBatchesToRetain whole:
 *
 *     snapshot written, durable       from here on the deltas below it are redundant
 *     names synced                    also a snapshot whose writer died before its fsync
 *     snapshot read back              a damaged one stands in for nothing
 *     old files removed, oldest first what remains is always a chain up to the newest version
 *
 * A removal is not made durable: what a crash brings back lies below the snapshot and is removed
 * again next time. */
#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/failpoint.h"
#include "engine/state/memory_provider.h"

struct maintenance {
    struct memory_provider *provider;
    int64_t partition;
    struct arena *arena;
    struct state_files files;
    const char *path; /* of the file that is being worked on */
};

static void
trace(const struct maintenance *maintenance, enum engine_event event, int64_t version, int64_t c)
{
    state_trace(
        &maintenance->provider->base,
        &(struct trace_entry){
            .kind = (int)event, .batch = -1, .a = maintenance->partition, .b = version, .c = c});
}

/* ---- snapshot ---------------------------------------------------------------------------------
 */

void memory_snapshot_encode(const struct ports *ports,
                            const struct state_map *map,
                            struct arena *arena,
                            struct buf *file)
{
    const struct state_pair *pairs = state_map_sorted(map, arena);
    struct buf records = {0};
    int64_t count = state_map_count(map);
    for (int64_t i = 0; i < count; i++) {
        state_file_record(&records, pairs[i].key, pairs[i].value);
    }
    state_file_finish(&records, file);
    buf_free(&records);
    state_spend(ports, count, state_map_bytes(map));
}

/* Since `before`: does somebody else have the partition, or does the batch run again that made the
 * version at hand? */
static bool overtaken(const struct maintenance *maintenance, const struct memory_partition *before)
{
    const struct memory_partition *at =
        memory_partition_at(maintenance->provider, maintenance->partition);
    return at->unloads != before->unloads || at->reruns != before->reruns;
}

/* The map leaves the cache while it is read: an attempt that wants it meanwhile loads its own, and
 * changes no row under our hands. It is put back before the file is written. */
static void encode_cached(const struct maintenance *maintenance, struct buf *file, int64_t *rows)
{
    struct memory_provider *provider = maintenance->provider;
    struct memory_partition *at = memory_partition_at(provider, maintenance->partition);
    struct memory_version taken = at->cached;
    const struct memory_partition before = *at;
    at->cached = (struct memory_version){0};
    *rows = state_map_count(taken.map);
    memory_snapshot_encode(provider->base.ports, taken.map, maintenance->arena, file);
    taken.snapshot_due = false;
    if (overtaken(maintenance, &before)) {
        state_map_free(taken.map);
    } else {
        memory_cache_put(provider, maintenance->partition, taken);
    }
}

/* Is the newest version in memory, and its chain of deltas long enough? */
static bool snapshot_wanted(const struct maintenance *maintenance)
{
    struct memory_provider *provider = maintenance->provider;
    const struct memory_version *cached =
        &memory_partition_at(provider, maintenance->partition)->cached;
    if (cached->map == NULL || cached->version == 0) {
        return false;
    }
    int64_t snapshot =
        state_files_newest_version(&maintenance->files, STATE_SNAPSHOT, cached->version);
    int64_t deltas = cached->version - snapshot;
    return cached->snapshot_due ||
           deltas > provider->base.plan->options.state_min_deltas_for_snapshot;
}

static enum status write_snapshot(struct maintenance *maintenance)
{
    struct memory_provider *provider = maintenance->provider;
    const struct memory_partition before = *memory_partition_at(provider, maintenance->partition);
    int64_t version = before.cached.version;
    struct buf file = {0};
    int64_t rows = 0;
    maintenance->path =
        state_file_path(maintenance->arena, maintenance->files.directory, version, STATE_SNAPSHOT);
    encode_cached(maintenance, &file, &rows);
    if (overtaken(maintenance, &before)) {
        buf_free(&file);
        return OK;
    }
    struct memory_partition *at = memory_partition_at(provider, maintenance->partition);
    at->snapshot = version > at->snapshot ? version : at->snapshot;
    enum status status = store_put_over(provider->base.store, maintenance->path, buf_bytes(&file));
    buf_free(&file);
    TRY(status);
    trace(maintenance, EVENT_STATE_SNAPSHOT, version, rows);
    failpoint(FP_MAINTENANCE_SNAPSHOT, version - 1);
    return OK;
}

/* ---- cleanup ----------------------------------------------------------------------------------
 */

struct reading {
    int64_t rows;
    int64_t bytes;
};

static enum status count_record(void *context, struct bytes key, struct bytes value)
{
    struct reading *reading = context;
    reading->rows++;
    reading->bytes += (int64_t)(key.size + value.size);
    return OK;
}

/* Once a session for each snapshot: what it stands in for is about to go. */
static enum status verify_snapshot(struct maintenance *maintenance, int64_t version)
{
    struct memory_provider *provider = maintenance->provider;
    struct bytes file = {0};
    struct reading reading = {0};
    const char *what = NULL;
    uint64_t unloads = memory_partition_at(provider, maintenance->partition)->unloads;
    if (memory_partition_at(provider, maintenance->partition)->verified == version) {
        return OK;
    }
    maintenance->path =
        state_file_path(maintenance->arena, maintenance->files.directory, version, STATE_SNAPSHOT);
    TRY(store_get(provider->base.store, maintenance->path, maintenance->arena, &file));
    enum status status =
        state_file_read(STATE_SNAPSHOT, file, maintenance->arena, count_record, &reading, &what);
    state_spend(provider->base.ports, reading.rows, reading.bytes);
    struct memory_partition *at = memory_partition_at(provider, maintenance->partition);
    if (status == OK) {
        at->verified = at->unloads == unloads ? version : 0;
    } else {
        at->cached.snapshot_due = at->cached.map != NULL; /* a good one instead */
    }
    return status;
}

static enum status remove_file(struct maintenance *maintenance, const char *name, int64_t newest)
{
    maintenance->path = store_path(maintenance->arena, maintenance->files.directory, name);
    failpoint(FP_MAINTENANCE_CLEANUP, newest - 1);
    return store_remove(maintenance->provider->base.store, maintenance->path);
}

/* Everything below `first_kept`: state files, then temporary files of attempts that died. No
 * attempt that is still wanted writes so old a version. */
static enum status remove_older(struct maintenance *maintenance, int64_t first_kept, int64_t newest)
{
    const struct state_files *files = &maintenance->files;
    size_t file_count = state_files_older(files->entries, files->count, first_kept);
    size_t leftover_count = state_files_older(files->leftovers, files->leftover_count, first_kept);
    if (file_count + leftover_count == 0) {
        return OK;
    }
    maintenance->path = files->directory;
    TRY(store_sync_directory(maintenance->provider->base.store, files->directory));
    TRY(verify_snapshot(maintenance, first_kept));
    for (size_t i = 0; i < file_count; i++) {
        TRY(remove_file(maintenance, files->entries[i].name, newest));
    }
    for (size_t i = 0; i < leftover_count; i++) {
        TRY(remove_file(maintenance, files->leftovers[i].name, newest));
    }
    trace(maintenance, EVENT_STATE_CLEANED, first_kept, (int64_t)(file_count + leftover_count));
    return OK;
}

/* Versions are counted from the newest that was worked on here: a file with a higher number that a
 * restored checkpoint or another writer left says nothing about what recovery needs. */
static enum status clean_up(struct maintenance *maintenance)
{
    struct memory_provider *provider = maintenance->provider;
    int64_t newest = memory_partition_at(provider, maintenance->partition)->newest;
    int64_t earliest = newest - provider->base.plan->options.min_batches_to_retain;
    int64_t first_kept = state_files_newest_version(&maintenance->files, STATE_SNAPSHOT, earliest);
    return first_kept == 0 ? OK : remove_older(maintenance, first_kept, newest);
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static enum status maintain(struct maintenance *maintenance)
{
    struct memory_provider *provider = maintenance->provider;
    const char *checkpoint = provider->base.plan->options.checkpoint_location;
    maintenance->path = state_directory(maintenance->arena, checkpoint, 0, maintenance->partition);
    TRY(state_files_list(
        &provider->base, maintenance->partition, maintenance->arena, &maintenance->files));
    if (snapshot_wanted(maintenance)) {
        TRY(write_snapshot(maintenance));
    }
    return clean_up(maintenance);
}

void memory_maintain(struct state_provider *base)
{
    struct memory_provider *provider = memory_provider_of(base);
    for (size_t i = 0; i < provider->partition_count; i++) {
        if (!provider->partitions[i].active) {
            continue;
        }
        struct arena arena = {0};
        struct maintenance maintenance = {
            .provider = provider, .partition = (int64_t)i, .arena = &arena};
        enum status status = maintain(&maintenance);
        if (status != OK) {
            state_trace(
                base,
                &(struct trace_entry){
                    .kind = EVENT_MAINTENANCE_FAILED,
                    .batch = -1,
                    .a = (int64_t)i,
                    .text = arena_printf(&arena, "%s: %s", maintenance.path, status_text(status))});
        }
        arena_free(&arena);
    }
}
