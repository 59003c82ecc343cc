/* The upload of a snapshot that a commit has put aside, and the removal of files that nothing needs
 * any more (spark-checkpoint 1.9). In this order, so that a crash anywhere leaves every version of
 * the last minBatchesToRetain whole:
 *
 *     SST files, then the zip         from here on the changelogs below it are redundant
 *     names synced                    also a zip whose writer died before its fsync
 *     snapshot read back              a damaged one, or one without an SST file, stands in for
 *                                     nothing
 *     zips and changelogs below go    oldest first
 *     SST files that no zip names     only those older than the snapshot below the one that is
 *                                     kept: what is younger may be of an attempt whose zip is not
 *                                     there yet, and may come to stand where the kept one does
 *
 * A cleanup waits until as many versions are there to go as three tenths of those that are kept
 * (ratioExtraSpaceAllowedInCheckpoint), since it reads all zips. */
#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/failpoint.h"
#include "engine/base/sort.h"
#include "engine/state/rocksdb_load.h"

struct maintenance {
    struct rocksdb_provider *provider;
    int64_t partition;
    struct arena *arena;
    struct state_files files;
    const char *path; /* of the file that is being worked on */
    const char *what; /* NULL: the status says it */
};

static struct rocksdb_partition *partition_of(const struct maintenance *maintenance)
{
    return rocksdb_partition_at(maintenance->provider, maintenance->partition);
}

/* ---- upload -----------------------------------------------------------------------------------
 */

/* It failed: tried again next time, unless a newer one waits by then. */
static void put_aside(struct maintenance *maintenance,
                      struct rocksdb_checkpoint *checkpoint,
                      const struct rocksdb_upload *upload)
{
    struct rocksdb_partition *at = partition_of(maintenance);
    if (!upload->overtaken && at->queued.version == 0) {
        at->queued = *checkpoint;
    } else {
        rocksdb_checkpoint_drop(maintenance->provider, checkpoint);
    }
}

static enum status upload_queued(struct maintenance *maintenance)
{
    struct rocksdb_partition *at = partition_of(maintenance);
    struct rocksdb_checkpoint checkpoint = at->queued;
    struct rocksdb_upload upload = {.provider = maintenance->provider,
                                    .partition = maintenance->partition,
                                    .checkpoint = &checkpoint,
                                    .arena = maintenance->arena};
    if (checkpoint.version == 0) {
        return OK;
    }
    at->queued = (struct rocksdb_checkpoint){0};
    at->uploading = &upload;
    enum status status = rocksdb_upload(&upload);
    partition_of(maintenance)->uploading = NULL;
    maintenance->path = upload.path;
    maintenance->what = upload.what;
    int64_t version = checkpoint.version;
    if (status != OK && status != ERR_CORRUPT) {
        put_aside(maintenance, &checkpoint, &upload);
        return status;
    }
    rocksdb_checkpoint_drop(maintenance->provider, &checkpoint);
    if (upload.put) {
        failpoint(FP_MAINTENANCE_SNAPSHOT, version - 1);
    }
    return status;
}

/* ---- reading back -----------------------------------------------------------------------------
 */

static enum status
read_zip(struct maintenance *maintenance, int64_t version, struct rocksdb_snapshot *snapshot)
{
    struct bytes file = {0};
    maintenance->path =
        state_file_path(maintenance->arena, maintenance->files.directory, version, STATE_ZIP);
    TRY(store_get(maintenance->provider->base.store, maintenance->path, maintenance->arena, &file));
    return rocksdb_snapshot_decode(file, maintenance->arena, snapshot, &maintenance->what);
}

/* The content of a file, once, where its checksum is known: this machine wrote it, or brought it
 * here. */
static enum status read_sst(struct maintenance *maintenance, const struct rocksdb_sst *sst)
{
    const struct rocksdb_known_file *known =
        rocksdb_known_file(partition_of(maintenance), sst->dfs_name);
    struct arena scratch = {0};
    struct bytes content = {0};
    if (known == NULL || known->read_back) {
        return OK;
    }
    uint32_t crc32c = known->crc32c;
    enum status status =
        store_get(maintenance->provider->base.store, maintenance->path, &scratch, &content);
    if (status == OK && rocksdb_crc32c(content) != crc32c) {
        maintenance->what = "its checksum is not that of the MANIFEST";
        status = ERR_CORRUPT;
    }
    arena_free(&scratch);
    struct rocksdb_known_file *read = /* again: the partition may be gone meanwhile */
        rocksdb_known_file(partition_of(maintenance), sst->dfs_name);
    if (read != NULL) {
        read->read_back = status == OK;
    }
    return status;
}

static enum status verify_ssts(struct maintenance *maintenance,
                               const struct rocksdb_snapshot *snapshot)
{
    const char *ssts = rocksdb_sst_directory(maintenance->arena, maintenance->files.directory);
    struct store_entry *entries = NULL;
    size_t count = 0;
    maintenance->path = ssts;
    TRY(store_list(maintenance->provider->base.store, ssts, maintenance->arena, &entries, &count));
    for (size_t i = 0; i < snapshot->sst_count; i++) {
        const struct rocksdb_sst *sst = &snapshot->ssts[i];
        const struct store_entry *entry = rocksdb_sst_find(entries, count, sst->dfs_name);
        maintenance->path = store_path(maintenance->arena, ssts, sst->dfs_name);
        if (entry == NULL) {
            return ERR_NOT_FOUND;
        }
        if ((int64_t)entry->size != sst->size) {
            maintenance->what = "it has another size than its snapshot says";
            return ERR_CORRUPT;
        }
        TRY(read_sst(maintenance, sst));
    }
    return OK;
}

/* Is the content of all files known here? What another session brought is not. */
static bool all_known(const struct maintenance *maintenance,
                      const struct rocksdb_snapshot *snapshot)
{
    bool known = true;
    for (size_t i = 0; i < snapshot->sst_count; i++) {
        const char *name = snapshot->ssts[i].dfs_name;
        known = known && rocksdb_known_file(partition_of(maintenance), name) != NULL;
    }
    return known;
}

/* `*lost`: it is the snapshot that does not read. */
static enum status read_back(struct maintenance *maintenance, int64_t version, bool *lost)
{
    struct load_fault fault = {0};
    enum status status = rocksdb_read_back(maintenance->provider,
                                           maintenance->partition,
                                           &maintenance->files,
                                           version,
                                           maintenance->arena,
                                           &fault);
    if (status != OK) {
        maintenance->path = fault.path;
        maintenance->what = fault.what;
        *lost = load_snapshot_lost(&fault);
    }
    return status;
}

/* Once a session for each snapshot: what it stands in for is about to go. */
static enum status verify_snapshot(struct maintenance *maintenance, int64_t version)
{
    struct rocksdb_snapshot snapshot = {0};
    uint64_t unloads = partition_of(maintenance)->unloads;
    bool lost = true;
    if (partition_of(maintenance)->verified == version) {
        return OK;
    }
    enum status status = read_zip(maintenance, version, &snapshot);
    if (status == OK) {
        status = all_known(maintenance, &snapshot) ? verify_ssts(maintenance, &snapshot)
                                                   : read_back(maintenance, version, &lost);
    }
    struct rocksdb_partition *at = partition_of(maintenance);
    if (status == OK) {
        at->verified = at->unloads == unloads ? version : 0;
    } else if (lost && at->snapshot <= version && at->cached.overlay != NULL) {
        at->cached.snapshot_due = true; /* a good one instead, if there is none yet */
    }
    return status;
}

/* ---- cleanup ----------------------------------------------------------------------------------
 */

static enum status
remove_file(struct maintenance *maintenance, const char *directory, const char *name)
{
    int64_t newest = partition_of(maintenance)->newest;
    maintenance->path = store_path(maintenance->arena, directory, name);
    failpoint(FP_MAINTENANCE_CLEANUP, newest - 1);
    return store_remove(maintenance->provider->base.store, maintenance->path);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct named {
    const char **names; /* ascending */
    size_t count;
    size_t capacity;
};

static void add_names(struct maintenance *maintenance,
                      struct named *named,
                      const struct rocksdb_snapshot *snapshot)
{
    if (named->count + snapshot->sst_count > named->capacity) {
        const char **before = named->names;
        named->capacity = 2 * (named->count + snapshot->sst_count);
        named->names = arena_alloc(maintenance->arena, named->capacity * sizeof *named->names);
        if (named->count > 0) {
            memcpy(named->names, before, named->count * sizeof *before);
        }
    }
    for (size_t i = 0; i < snapshot->sst_count; i++) {
        named->names[named->count++] = snapshot->ssts[i].dfs_name;
    }
}

/* All that the zips name which are there. One that does not read may name anything. */
static enum status read_names(struct maintenance *maintenance, struct named *named)
{
    const struct state_files *files = &maintenance->files;
    size_t kept = 0;
    for (size_t i = 0; i < files->count; i++) {
        struct rocksdb_snapshot snapshot = {0};
        if (files->entries[i].kind == STATE_ZIP) {
            TRY(read_zip(maintenance, files->entries[i].version, &snapshot));
            add_names(maintenance, named, &snapshot);
        }
    }
    if (named->count == 0) {
        return OK;
    }
    sort_items(named->names, named->count, sizeof *named->names, by_text);
    for (size_t i = 0; i < named->count; i++) { /* the sort saw equal ones; here they are one */
        if (kept == 0 || strcmp(named->names[kept - 1], named->names[i]) != 0) {
            named->names[kept++] = named->names[i];
        }
    }
    named->count = kept;
    return OK;
}

/* Is somebody else ahead, or an upload of ours under way? Then it is theirs to say what is needed.
 */
static bool ahead(const struct maintenance *maintenance)
{
    const struct rocksdb_partition *at = partition_of(maintenance);
    const struct state_files *files = &maintenance->files;
    return at->uploads_running > 0 ||
           (files->count > 0 && files->entries[files->count - 1].version > at->newest);
}

static bool is_named(const struct named *named, size_t *next, const char *name)
{
    while (*next < named->count && strcmp(named->names[*next], name) < 0) {
        ++*next;
    }
    return *next < named->count && strcmp(named->names[*next], name) == 0;
}

/* When the snapshot below the one that is kept was put: before any attempt at a version that is
 * kept began. An attempt that stands still before its zip may go on at any time (SPARK-55892). So
 * may one at the version below, whose zip then is younger: where it is younger than one that is
 * kept, it says nothing, and SST files are left to the next cleanup. What remains: it was written
 * over before the kept one was put, and behind the SST files of a second attempt, at a version that
 * is kept, which stands still, too. */
static int64_t attempts_begin(const struct state_files *files, int64_t first_kept)
{
    const struct state_files_entry *below = state_files_newest(files, STATE_ZIP, first_kept - 1);
    if (below == NULL) {
        return INT64_MIN;
    }
    for (size_t i = 0; i < files->count; i++) {
        const struct state_files_entry *entry = &files->entries[i];
        if (entry->kind == STATE_ZIP && entry->version >= first_kept &&
            entry->modified_us < below->modified_us) {
            return INT64_MIN;
        }
    }
    return below->modified_us;
}

/* The SST files are listed before the zips: a zip that comes in between names files that are
 * younger than `before_us`, or that were seen to be there. */
static enum status
remove_ssts(struct maintenance *maintenance, int64_t first_kept, int64_t before_us, size_t *removed)
{
    struct rocksdb_provider *provider = maintenance->provider;
    const char *ssts = rocksdb_sst_directory(maintenance->arena, maintenance->files.directory);
    struct store_entry *entries = NULL;
    struct named named = {0};
    size_t count = 0;
    size_t next = 0;
    maintenance->path = ssts;
    TRY(store_list(provider->base.store, ssts, maintenance->arena, &entries, &count));
    TRY(state_files_list(
        &provider->base, maintenance->partition, maintenance->arena, &maintenance->files));
    if (state_files_newest(&maintenance->files, STATE_ZIP, first_kept) == NULL ||
        ahead(maintenance)) {
        return OK;
    }
    TRY(read_names(maintenance, &named));
    rocksdb_forget_files(partition_of(maintenance), named.names, named.count);
    for (size_t i = 0; i < count && !ahead(maintenance); i++) {
        if (!is_named(&named, &next, entries[i].name) && entries[i].modified_us < before_us) {
            TRY(remove_file(maintenance, ssts, entries[i].name));
            ++*removed;
        }
    }
    return OK;
}

static enum status sync_names(struct maintenance *maintenance)
{
    struct store *store = maintenance->provider->base.store;
    maintenance->path = rocksdb_sst_directory(maintenance->arena, maintenance->files.directory);
    TRY(store_sync_directory(store, maintenance->path));
    maintenance->path = maintenance->files.directory;
    return store_sync_directory(store, maintenance->path);
}

/* Everything below `first_kept`: zips and changelogs, then temporary files of attempts that died.
 * No attempt that is still wanted writes so old a version. */
static enum status remove_older(struct maintenance *maintenance, int64_t first_kept)
{
    const struct state_files files = maintenance->files;
    size_t file_count = state_files_older(files.entries, files.count, first_kept);
    size_t leftover_count = state_files_older(files.leftovers, files.leftover_count, first_kept);
    size_t removed = file_count + leftover_count;
    TRY(sync_names(maintenance));
    TRY(verify_snapshot(maintenance, first_kept));
    for (size_t i = 0; i < file_count; i++) {
        TRY(remove_file(maintenance, files.directory, files.entries[i].name));
    }
    for (size_t i = 0; i < leftover_count; i++) {
        TRY(remove_file(maintenance, files.directory, files.leftovers[i].name));
    }
    TRY(remove_ssts(maintenance, first_kept, attempts_begin(&files, first_kept), &removed));
    state_trace(&maintenance->provider->base,
                &(struct trace_entry){.kind = EVENT_STATE_CLEANED,
                                      .batch = -1,
                                      .a = maintenance->partition,
                                      .b = first_kept,
                                      .c = (int64_t)removed});
    return OK;
}

/* Versions are counted from the newest that was worked on here: a file with a higher number that a
 * restored checkpoint or another writer left says nothing about what recovery needs. */
static enum status clean_up(struct maintenance *maintenance)
{
    const struct options *options = &maintenance->provider->base.plan->options;
    int64_t retain = options->min_batches_to_retain;
    int64_t extra = (retain * options->rocksdb_extra_space_millionths + 999999) / 1000000;
    int64_t newest = partition_of(maintenance)->newest;
    const struct state_files *files = &maintenance->files;
    const struct state_files_entry *kept = state_files_newest(files, STATE_ZIP, newest - retain);
    if (kept == NULL || state_files_older(files->entries, files->count, kept->version) == 0) {
        return OK;
    }
    bool enough = kept->version - files->entries[0].version >= extra;
    return enough ? remove_older(maintenance, kept->version) : OK;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static enum status maintain(struct maintenance *maintenance)
{
    struct rocksdb_provider *provider = maintenance->provider;
    const char *checkpoint = provider->base.plan->options.checkpoint_location;
    TRY(upload_queued(maintenance));
    maintenance->path = state_directory(maintenance->arena, checkpoint, 0, maintenance->partition);
    maintenance->what = NULL;
    TRY(state_files_list(
        &provider->base, maintenance->partition, maintenance->arena, &maintenance->files));
    return clean_up(maintenance);
}

void rocksdb_maintain(struct state_provider *base)
{
    struct rocksdb_provider *provider = rocksdb_provider_of(base);
    for (size_t i = 0; i < provider->partition_count; i++) {
        struct arena arena = {0};
        struct maintenance maintenance = {
            .provider = provider, .partition = (int64_t)i, .arena = &arena};
        if (!provider->partitions[i].active) {
            rocksdb_origin_release(provider, provider->partitions[i].attic);
            provider->partitions[i].attic = NULL;
            continue;
        }
        enum status status = maintain(&maintenance);
        if (status != OK) {
            const char *what = maintenance.what == NULL ? status_text(status) : maintenance.what;
            state_trace(base,
                        &(struct trace_entry){
                            .kind = EVENT_MAINTENANCE_FAILED,
                            .batch = -1,
                            .a = (int64_t)i,
                            .text = arena_printf(&arena, "%s: %s", maintenance.path, what)});
        }
        arena_free(&arena);
    }
    rocksdb_garbage_remove(provider);
}
