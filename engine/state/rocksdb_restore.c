/* A snapshot as a local database: the small files out of the zip, the SST files from this machine
 * where it has them (the same file in the checkpoint, not only the same name here: SPARK-46796),
 * else from SSTs/. What was copied is held against the checksums in the MANIFEST: that is how a
 * file of another attempt under the same name, or a damaged one, is told from the right one. */
#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/state/rocksdb_diagnosis.h"
#include "engine/state/rocksdb_load.h"

enum status load_fail(struct loading *loading, struct load_fault fault)
{
    loading->fault = fault;
    return fault.status;
}

/* The file that the library speaks of, else the folder of all. */
static const char *local_path(const struct loading *loading, const char *what)
{
    static const char sst[] = ".sst";
    const char *folder = loading->provider->base.local;
    const char *path = what == NULL ? NULL : strstr(what, folder);
    const char *end = path == NULL ? NULL : strstr(path, sst);
    return end == NULL
               ? folder
               : arena_printf(
                     loading->names, "%.*s", (int)(end - path + (ptrdiff_t)strlen(sst)), path);
}

enum status load_fail_local(struct loading *loading, enum status status, const char *what)
{
    return load_fail(
        loading,
        (struct load_fault){.kind = FAULT_LOCAL,
                            .status = status,
                            .error_class = STATE_LOAD "UNCATEGORIZED",
                            .path = local_path(loading, what),
                            .what = what == NULL || what[0] == '\0' ? status_text(status) : what});
}

/* ---- a snapshot -------------------------------------------------------------------------------
 */

/* One snapshot on its way. */
struct restoring {
    struct loading *loading;
    const char *zip; /* its path */
    struct rocksdb_snapshot snapshot;
    struct rocksdb_shared_file *files; /* as many as the snapshot has SST files */
    bool *copied;                      /* from the checkpoint */
};

static enum status
fail_snapshot(struct loading *loading, enum status status, const char *path, const char *what)
{
    const char *error_class = STATE_LOAD "UNCATEGORIZED"; /* the store's fault, not the file's */
    if (status == ERR_NOT_FOUND) {
        error_class = STATE_LOAD "CANNOT_READ_MISSING_SNAPSHOT_FILE";
    } else if (status == ERR_CORRUPT) {
        error_class = STATE_LOAD "CANNOT_READ_CHECKPOINT";
    }
    return load_fail(loading,
                     (struct load_fault){.kind = FAULT_SNAPSHOT,
                                         .status = status,
                                         .error_class = error_class,
                                         .path = path,
                                         .what = what == NULL ? status_text(status) : what});
}

static const struct rocksdb_shared_file *find_shared(const struct rocksdb_origin *origin,
                                                     const struct rocksdb_sst *sst)
{
    for (size_t i = 0; origin != NULL && i < origin->count; i++) {
        const struct rocksdb_shared_file *file = &origin->files[i];
        if (file->size == sst->size && strcmp(file->dfs_name, sst->dfs_name) == 0) {
            return file;
        }
    }
    return NULL;
}

/* A second name for a file that is here. No: it has to be copied. */
static bool link_sst(struct loading *loading, const char *to, struct rocksdb_shared_file *file)
{
    const struct rocksdb_sst sst = {.dfs_name = file->dfs_name, .size = file->size};
    const struct rocksdb_shared_file *here = find_shared(loading->source, &sst);
    if (here == NULL) {
        return false;
    }
    file->has_checksum = here->has_checksum;
    file->crc32c = here->crc32c;
    const char *from = store_path(loading->names, loading->source->directory, here->local_name);
    if (disk_link(&loading->provider->base.ports->disk, from, to) != OK) {
        return false;
    }
    loading->linked++;
    return true;
}

static enum status
copy_sst(struct loading *loading, const char *to, struct rocksdb_shared_file *file)
{
    const struct state_provider *provider = &loading->provider->base;
    const char *directory = rocksdb_sst_directory(loading->names, loading->files.directory);
    const char *path = store_path(loading->names, directory, file->dfs_name);
    struct bytes content = {0};
    arena_reset(&loading->bytes);
    enum status status = store_get(provider->store, path, &loading->bytes, &content);
    if (status != OK) {
        return fail_snapshot(loading, status, path, NULL);
    }
    if ((int64_t)content.size != file->size) {
        enum status torn =
            fail_snapshot(loading, ERR_CORRUPT, path, "it has another size than its snapshot says");
        loading->fault.error_class = STATE_LOAD "UNEXPECTED_FILE_SIZE";
        return torn;
    }
    file->has_checksum = true;
    file->crc32c = rocksdb_crc32c(content);
    status = rocksdb_local_write(&provider->ports->disk, to, content);
    if (status != OK) {
        return load_fail_local(loading, status, NULL);
    }
    loading->copied++;
    return OK;
}

static enum status bring_ssts(struct restoring *restoring)
{
    struct loading *loading = restoring->loading;
    for (size_t i = 0; i < restoring->snapshot.sst_count; i++) {
        const struct rocksdb_sst *sst = &restoring->snapshot.ssts[i];
        struct rocksdb_shared_file *file = &restoring->files[i];
        const char *to = store_path(loading->names, loading->at.origin->directory, sst->local_name);
        *file = (struct rocksdb_shared_file){
            .local_name = sst->local_name, .dfs_name = sst->dfs_name, .size = sst->size};
        restoring->copied[i] = !link_sst(loading, to, file);
        if (restoring->copied[i]) {
            TRY(copy_sst(loading, to, file));
        }
    }
    return OK;
}

static enum status write_small(struct loading *loading, const struct rocksdb_snapshot *snapshot)
{
    const struct disk_port *disk = &loading->provider->base.ports->disk;
    for (size_t i = 0; i < snapshot->file_count; i++) {
        const struct rocksdb_small_file *file = &snapshot->files[i];
        const char *to = store_path(loading->names, loading->at.origin->directory, file->name);
        enum status status = rocksdb_local_write(disk, to, file->content);
        if (status != OK) {
            return load_fail_local(loading, status, NULL);
        }
    }
    return OK;
}

/* The file of the snapshot that a file of the database is; NULL: none. */
static const struct rocksdb_shared_file *find_file(const struct restoring *restoring,
                                                   const char *local_name)
{
    for (size_t i = 0; i < restoring->snapshot.sst_count; i++) {
        if (strcmp(restoring->files[i].local_name, local_name) == 0) {
            return &restoring->files[i];
        }
    }
    return NULL;
}

static enum status
fail_file(const struct restoring *restoring, const char *dfs_name, const char *what)
{
    struct loading *loading = restoring->loading;
    const char *directory = rocksdb_sst_directory(loading->names, loading->files.directory);
    return fail_snapshot(
        loading, ERR_CORRUPT, store_path(loading->names, directory, dfs_name), what);
}

/* Are they the files that the database was made of? Account for what came over. */
static enum status hold_checksums(struct restoring *restoring)
{
    struct loading *loading = restoring->loading;
    struct rocksdb_what what = {0};
    struct rocksdb_file *live = NULL;
    size_t count = 0;
    enum status status = rocksdb_db_files(loading->at.db, loading->names, &live, &count, &what);
    if (status != OK) {
        return load_fail_local(loading, status, arena_strdup(loading->names, what.text));
    }
    for (size_t i = 0; i < count; i++) {
        const struct rocksdb_shared_file *file = find_file(restoring, live[i].name);
        if (file == NULL) {
            return fail_snapshot(loading,
                                 ERR_CORRUPT,
                                 restoring->zip,
                                 "the MANIFEST has an SST file that the metadata has not");
        }
        if (live[i].has_checksum && file->has_checksum && live[i].crc32c != file->crc32c) {
            return fail_file(restoring,
                             file->dfs_name,
                             "its checksum is not that of the MANIFEST: it is damaged, or the "
                             "file of another attempt");
        }
        if (restoring->copied[file - restoring->files]) {
            rocksdb_spend_copy(loading->provider, live[i].bytes);
        }
    }
    return OK;
}

/* What does not open: an SST file that is damaged or another attempt's, or a small file. */
static enum status
fail_open(struct restoring *restoring, enum status status, struct rocksdb_what *what)
{
    struct loading *loading = restoring->loading;
    const struct disk_port *disk = &loading->provider->base.ports->disk;
    const char *local = loading->at.origin->directory;
    bool newer = false;
    const struct rocksdb_sst *sst = rocksdb_sst_at_fault(disk, local, &restoring->snapshot, what);
    const char *text = rocksdb_explain(loading->names, status, what, &newer);
    return sst == NULL ? fail_snapshot(loading, ERR_CORRUPT, restoring->zip, text)
                       : fail_file(restoring, sst->dfs_name, text);
}

static enum status open_database(struct restoring *restoring)
{
    struct loading *loading = restoring->loading;
    struct rocksdb_provider *provider = loading->provider;
    const struct rocksdb_options options = rocksdb_options_of(provider->base.plan);
    struct rocksdb_what what = {0};
    enum status status = rocksdb_db_open(&provider->base.ports->disk,
                                         loading->at.origin->directory,
                                         &options,
                                         rocksdb_provider_cache(provider),
                                         &loading->at.db,
                                         &what);
    if (status == ERR_CORRUPT) {
        return fail_open(restoring, status, &what);
    }
    return status == OK ? OK
                        : load_fail_local(loading, status, arena_strdup(loading->names, what.text));
}

static const char *unreadable(const struct rocksdb_snapshot *snapshot)
{
    if (snapshot->column_family_max > 0) {
        return "it has column families, which no aggregation writes";
    }
    return snapshot->has_logs ? "it needs write-ahead logs (logs/), which are not read here" : NULL;
}

static enum status count_pair(void *context, struct bytes key, struct bytes value)
{
    struct loading *loading = context;
    loading->at.key_count++;
    loading->rows++;
    loading->row_bytes += (int64_t)(key.size + value.size);
    if (loading->rows == SPEND_ROWS_MAX) {
        state_spend(loading->provider->base.ports, loading->rows, loading->row_bytes);
        loading->rows = 0;
        loading->row_bytes = 0;
    }
    return OK;
}

/* The number of keys: kept with the snapshot, unless it was not wanted then. */
static enum status set_key_count(struct loading *loading, int64_t key_count)
{
    struct rocksdb_what what = {0};
    if (!loading->provider->base.plan->options.rocksdb_track_rows) {
        loading->at.key_count = -1;
        return OK;
    }
    loading->at.key_count = key_count;
    if (key_count >= 0) {
        return OK;
    }
    loading->at.key_count = 0;
    enum status status = rocksdb_version_each(&loading->at, count_pair, loading, &what);
    return status == OK ? OK
                        : load_fail_local(loading, status, arena_strdup(loading->names, what.text));
}

static enum status build(struct restoring *restoring)
{
    struct loading *loading = restoring->loading;
    size_t count = restoring->snapshot.sst_count;
    char *directory = NULL;
    restoring->files = arena_alloc(loading->names, (count + 1) * sizeof *restoring->files);
    restoring->copied = arena_alloc(loading->names, count + 1);
    enum status status = rocksdb_local_new(loading->provider, loading->partition, "", &directory);
    if (status != OK) {
        return load_fail_local(loading, status, NULL);
    }
    loading->at.origin = rocksdb_origin_new(directory);
    TRY(bring_ssts(restoring));
    TRY(write_small(loading, &restoring->snapshot));
    TRY(open_database(restoring));
    TRY(hold_checksums(restoring));
    rocksdb_origin_share(loading->at.origin, restoring->files, count);
    rocksdb_know_files(
        rocksdb_partition_at(loading->provider, loading->partition), restoring->files, count);
    return set_key_count(loading, restoring->snapshot.key_count);
}

enum status load_snapshot(struct loading *loading, int64_t version)
{
    struct restoring restoring = {
        .loading = loading,
        .zip = state_file_path(loading->names, loading->files.directory, version, STATE_ZIP)};
    struct bytes file = {0};
    const char *what = NULL;
    arena_reset(&loading->bytes);
    enum status status =
        store_get(loading->provider->base.store, restoring.zip, &loading->bytes, &file);
    if (status == OK) {
        status = rocksdb_snapshot_decode(file, loading->names, &restoring.snapshot, &what);
    }
    if (status == OK && unreadable(&restoring.snapshot) != NULL) {
        status = ERR_CORRUPT;
        what = unreadable(&restoring.snapshot);
    }
    return status == OK ? build(&restoring) : fail_snapshot(loading, status, restoring.zip, what);
}

enum status rocksdb_read_back(struct rocksdb_provider *provider,
                              int64_t partition,
                              const struct state_files *files,
                              int64_t version,
                              struct arena *arena,
                              struct load_fault *fault)
{
    struct loading loading = {.provider = provider,
                              .partition = partition,
                              .files = *files,
                              .at = rocksdb_version_new(provider),
                              .target = version,
                              .names = arena};
    enum status status = load_snapshot(&loading, version);
    *fault = loading.fault;
    rocksdb_version_drop(provider, partition, &loading.at, false);
    arena_free(&loading.bytes);
    return status;
}
