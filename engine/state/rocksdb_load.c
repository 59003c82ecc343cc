/* A version from its files: the newest zip at or below it with its SST files, or nothing, then each
 * changelog up to it.
 *
 * A zip is a redundant copy as long as the changelogs it stands for are there, so one that does not
 * read gives way to an older one. A changelog has no copy. */
#include <inttypes.h>
#include <stdio.h>

#include "engine/state/changelog.h"
#include "engine/state/rocksdb_load.h"

/* ---- changelogs -------------------------------------------------------------------------------
 */

/* What goes wrong in the local database while a changelog is applied. */
static enum status
applied(struct loading *loading, enum status status, const struct rocksdb_what *what)
{
    return status == OK
               ? OK
               : load_fail_local(loading, status, arena_strdup(loading->names, what->text));
}

static void spend(struct loading *loading)
{
    state_spend(loading->provider->base.ports, loading->rows, loading->row_bytes);
    loading->rows = 0;
    loading->row_bytes = 0;
    rocksdb_version_spend(loading->provider, &loading->at);
}

static enum status on_record(void *context, const struct changelog_record *record)
{
    struct loading *loading = context;
    struct rocksdb_what what = {0};
    bool there = false;
    enum status status = ERR_UNSUPPORTED;
    if (record->operation == CHANGELOG_PUT && record->value.size > 0) {
        status = rocksdb_version_put(&loading->at, record->key, record->value, &what);
        TRY(applied(loading, status, &what));
    } else if (record->operation == CHANGELOG_REMOVE) {
        status = rocksdb_version_remove(&loading->at, record->key, &there, &what);
        TRY(applied(loading, status, &what));
    } else {
        return ERR_UNSUPPORTED;
    }
    loading->rows++;
    loading->row_bytes += (int64_t)(record->key.size + record->value.size);
    if (loading->rows < SPEND_ROWS_MAX) {
        return OK;
    }
    spend(loading);
    if (rocksdb_version_full(loading->provider, &loading->at)) {
        status = rocksdb_version_flush(loading->provider, loading->partition, &loading->at, &what);
        TRY(applied(loading, status, &what));
    }
    return OK;
}

static enum status
fail_changelog(struct loading *loading, enum status status, const char *path, const char *what)
{
    const char *error_class = STATE_LOAD "UNCATEGORIZED";
    if (status == ERR_NOT_FOUND) {
        error_class = STATE_LOAD "CANNOT_READ_STREAMING_STATE_FILE";
    } else if (status == ERR_CORRUPT) {
        error_class = STATE_LOAD "CANNOT_READ_DELTA_FILE_KEY_SIZE";
    }
    return load_fail(loading,
                     (struct load_fault){.kind = FAULT_CHANGELOG,
                                         .status = status,
                                         .error_class = error_class,
                                         .path = path,
                                         .what = what == NULL ? status_text(status) : what});
}

static enum status apply_changelog(struct loading *loading, int64_t version)
{
    const struct state_provider *provider = &loading->provider->base;
    const char *path =
        state_file_path(loading->names, loading->files.directory, version, STATE_CHANGELOG);
    struct bytes file = {0};
    struct changelog changelog = {0};
    const char *what = NULL;
    arena_reset(&loading->bytes);
    loading->fault = (struct load_fault){0};
    enum status status = store_get(provider->store, path, &loading->bytes, &file);
    if (status == OK) {
        status = changelog_read(file, &loading->bytes, &changelog, on_record, loading, &what);
        spend(loading);
    }
    if (status == OK) {
        loading->changelog_count++;
        return OK;
    }
    if (loading->fault.status != OK) {
        return status; /* said: the local database */
    }
    if (status == ERR_UNSUPPORTED) {
        status = ERR_CORRUPT;
        what = "it holds a change that no aggregation makes";
    }
    return fail_changelog(loading, status, path, what);
}

/* No changelog leads to `version`: the file to restore is it, or the zip, where no changelogs are
 * written. */
static enum status missing_changelog(struct loading *loading, int64_t version)
{
    const struct state_files *files = &loading->files;
    bool changelogs = loading->provider->base.plan->options.rocksdb_changelog;
    enum state_file_kind missing = changelogs ? STATE_CHANGELOG : STATE_ZIP;
    int64_t wanted = changelogs ? version : loading->target;
    const char *what = arena_printf(loading->names,
                                    "it is missing, and so is %" PRId64 "%s",
                                    version,
                                    changelogs ? ".zip" : ".changelog");
    if (state_files_newest_version(files, STATE_ZIP, wanted) == wanted) { /* it does not read */
        missing = STATE_CHANGELOG;
        wanted = version;
        what = "it is missing";
    }
    const char *path = state_file_path(loading->names, files->directory, wanted, missing);
    return fail_changelog(loading, ERR_NOT_FOUND, path, what);
}

/* ---- choosing ---------------------------------------------------------------------------------
 */

static void begin_anew(struct loading *loading)
{
    rocksdb_version_drop(loading->provider, loading->partition, &loading->at, false);
    loading->at = rocksdb_version_new(loading->provider);
    loading->changelog_count = 0;
    loading->copied = 0;
    loading->linked = 0;
}

static enum status load_from(struct loading *loading, int64_t snapshot)
{
    begin_anew(loading);
    int64_t missing =
        state_files_missing(&loading->files, STATE_CHANGELOG, snapshot, loading->target);
    if (missing > 0) {
        return missing_changelog(loading, missing);
    }
    if (snapshot > 0) {
        TRY(load_snapshot(loading, snapshot));
    }
    for (int64_t version = snapshot + 1; version <= loading->target; version++) {
        TRY(apply_changelog(loading, version));
    }
    return OK;
}

static enum status fail_load(const struct loading *loading,
                             const struct load_fault *fault,
                             const char *behind,
                             struct diag *diag)
{
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", fault->path);
    }
    return diag_fail(diag,
                     fault->error_class,
                     "state version %" PRId64 " of partition %" PRId64
                     " cannot be loaded: %s cannot be read: %s%s. %s",
                     loading->target,
                     loading->partition,
                     fault->path,
                     fault->what,
                     behind,
                     fault->kind == FAULT_LOCAL
                         ? "Look to that disk and its space; the checkpoint is as it was"
                         : STATE_LOAD_REMEDY);
}

/* The newest snapshot was lost and what stands in for it does not do: both are named, the snapshot
 * first. */
static enum status
fail_repair(const struct loading *loading, const struct load_fault *lost, struct diag *diag)
{
    const struct load_fault *fault = &loading->fault;
    const char *behind = arena_printf(loading->names,
                                      "; no older snapshot stands in for it, since %s cannot be "
                                      "read: %s",
                                      strrchr(fault->path, '/') + 1,
                                      fault->what);
    return fail_load(loading, lost, behind, diag);
}

static enum status fail_far(const struct loading *loading,
                            const struct load_fault *lost,
                            int64_t snapshot,
                            struct diag *diag)
{
    const char *behind = arena_printf(loading->names,
                                      "; the version before it that reads is %" PRId64
                                      ", more than %d versions away",
                                      snapshot,
                                      STATE_REPAIR_VERSIONS_MAX);
    return fail_load(loading, lost, behind, diag);
}

/* Was it a file of this machine? Its checksum was true once; a block that went bad since shows when
 * the database is opened, or only when a changelog asks for a row of it. */
static bool may_be_of_source(const struct loading *loading)
{
    const struct load_fault *fault = &loading->fault;
    return loading->linked > 0 && (load_snapshot_lost(fault) || fault->kind == FAULT_LOCAL);
}

static void forget_source(struct loading *loading)
{
    rocksdb_local_forget(loading->provider, loading->partition);
    rocksdb_origin_release(loading->provider, loading->source);
    loading->source = NULL;
}

/* From the newest snapshot, else from an older one, else from nothing. */
static enum status
load_newest(struct loading *loading, int64_t *snapshot, bool *repaired, struct diag *diag)
{
    struct load_fault lost = {0}; /* the newest snapshot's */
    *snapshot = state_files_newest_version(&loading->files, STATE_ZIP, loading->target);
    *repaired = false;
    while (true) {
        if (*repaired && loading->target - *snapshot > STATE_REPAIR_VERSIONS_MAX) {
            return fail_far(loading, &lost, *snapshot, diag);
        }
        if (load_from(loading, *snapshot) == OK) {
            return OK;
        }
        const struct load_fault *fault = &loading->fault;
        if (may_be_of_source(loading)) {
            forget_source(loading);
            continue;
        }
        if (!load_snapshot_lost(fault)) {
            return *repaired && fault->kind == FAULT_CHANGELOG
                       ? fail_repair(loading, &lost, diag)
                       : fail_load(loading, fault, "", diag);
        }
        state_trace(&loading->provider->base,
                    &(struct trace_entry){.kind = EVENT_STATE_REPAIRED,
                                          .batch = loading->target,
                                          .a = loading->partition,
                                          .b = loading->target,
                                          .c = *snapshot,
                                          .text = fault->what});
        lost = *repaired ? lost : *fault;
        *repaired = true;
        *snapshot = state_files_newest_version(&loading->files, STATE_ZIP, *snapshot - 1);
    }
}

/* A cleanup beside this one may take what was listed, in favour of a snapshot that was not there
 * yet: then that is looked for. */
static enum status
load_listed(struct loading *loading, int64_t *snapshot, bool *repaired, struct diag *diag)
{
    struct diag first = {0};
    int64_t newest = state_files_newest_version(&loading->files, STATE_ZIP, loading->target);
    enum status status = load_newest(loading, snapshot, repaired, &first);
    if (status != OK && loading->fault.status == ERR_NOT_FOUND &&
        state_files_list(
            &loading->provider->base, loading->partition, loading->names, &loading->files) == OK &&
        state_files_newest_version(&loading->files, STATE_ZIP, loading->target) > newest) {
        return load_newest(loading, snapshot, repaired, diag);
    }
    if (status != OK && !diag->set) {
        *diag = first;
    }
    return status;
}

/* ---- the directory ----------------------------------------------------------------------------
 */

static enum status
fail_store(const struct loading *loading, const char *what, enum status status, struct diag *diag)
{
    return state_fail_store(
        loading->files.directory, loading->partition, loading->target, what, status, diag);
}

static enum status
load_files(struct loading *loading, int64_t *snapshot, bool *repaired, struct diag *diag)
{
    struct rocksdb_provider *provider = loading->provider;
    struct store *store = provider->base.store;
    enum status status =
        state_files_list(&provider->base, loading->partition, loading->names, &loading->files);
    if (status != OK) {
        return fail_store(loading, "cannot list", status, diag);
    }
    if (loading->target == 0) {
        loading->at = rocksdb_version_new(provider); /* empty, and never a file */
        return OK;
    }
    TRY(state_files_check_writer(&loading->files, STATE_PROVIDER_ROCKSDB, diag));
    TRY(load_listed(loading, snapshot, repaired, diag));
    /* Their writers may have died between rename and fsync; the sink's commit will rely on them. */
    if (*snapshot > 0) {
        status = store_sync_directory(
            store, rocksdb_sst_directory(loading->names, loading->files.directory));
    }
    if (status == OK) {
        status = store_sync_directory(store, loading->files.directory);
    }
    return status == OK ? OK : fail_store(loading, "cannot make durable", status, diag);
}

/* The files that this machine has: of the version in memory, else of one that is gone. */
static struct rocksdb_origin *take_source(struct rocksdb_provider *provider, int64_t partition)
{
    struct rocksdb_partition *at = rocksdb_partition_at(provider, partition);
    struct rocksdb_origin *origin = at->cached.origin != NULL ? at->cached.origin : at->attic;
    return rocksdb_origin_use(origin);
}

static void trace_loaded(const struct loading *loading, int64_t snapshot)
{
    const struct state_provider *provider = &loading->provider->base;
    struct trace_entry entry = {.kind = EVENT_STATE_LOADED,
                                .batch = loading->target,
                                .a = loading->partition,
                                .b = loading->target,
                                .c = snapshot};
    state_trace(provider, &entry);
    if (snapshot > 0) {
        entry.kind = EVENT_STATE_FILES_LOADED;
        entry.b = loading->copied;
        entry.c = loading->linked;
        state_trace(provider, &entry);
    }
}

/* The version is here: what it was made from goes, and what is to be known of it is noted. */
static void
finish(struct loading *loading, int64_t snapshot, bool repaired, struct rocksdb_version *loaded)
{
    struct rocksdb_provider *provider = loading->provider;
    struct rocksdb_partition *at = rocksdb_partition_at(provider, loading->partition);
    rocksdb_origin_release(provider, at->attic);
    at->attic = NULL;
    loading->at.version = loading->target;
    loading->at.snapshot = snapshot;
    loading->at.snapshot_due = repaired;
    int64_t zip = state_files_newest_version(&loading->files, STATE_ZIP, INT64_MAX);
    loading->at.zip_above = at->snapshot > zip ? at->snapshot : zip; /* one may be on its way */
    loading->at.changelog_above =
        state_files_newest_version(&loading->files, STATE_CHANGELOG, INT64_MAX);
    at->metrics.loaded_from_snapshot += snapshot > 0;
    at->metrics.loaded_deltas += loading->changelog_count;
    trace_loaded(loading, snapshot);
    *loaded = loading->at;
}

enum status rocksdb_load(struct rocksdb_provider *provider,
                         int64_t partition,
                         int64_t version,
                         struct rocksdb_version *loaded,
                         struct diag *diag)
{
    struct arena names = {0};
    struct loading loading = {.provider = provider,
                              .partition = partition,
                              .source = take_source(provider, partition),
                              .target = version,
                              .names = &names};
    int64_t snapshot = 0;
    bool repaired = false;
    enum status status = load_files(&loading, &snapshot, &repaired, diag);
    if (status == OK) {
        finish(&loading, snapshot, repaired, loaded);
    } else {
        rocksdb_version_drop(provider, partition, &loading.at, false);
    }
    rocksdb_origin_release(provider, loading.source);
    arena_free(&loading.bytes);
    arena_free(&names);
    rocksdb_garbage_remove(provider);
    return status;
}
