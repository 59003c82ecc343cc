/* A version from its files: the newest snapshot at or below it, or nothing, then each delta up to
 * it. A snapshot is a redundant copy as long as what it stands for is there, so one that does not
 * read gives way to an older one (Spark 4.1's automatic snapshot repair; spark-checkpoint 1.8). A
 * delta has no copy. */
#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/state/memory_provider.h"

struct loading {
    struct memory_provider *provider;
    int64_t partition;
    int64_t version;
    struct state_files files;
    struct arena *names; /* for the whole load */
    struct arena bytes;  /* of one file */
    struct state_map *map;
    int64_t rows; /* not accounted for yet */
    int64_t row_bytes;
    int64_t delta_count;
};

/* ---- one file ---------------------------------------------------------------------------------
 */

static void spend(struct loading *loading)
{
    state_spend(loading->provider->base.ports, loading->rows, loading->row_bytes);
    loading->rows = 0;
    loading->row_bytes = 0;
}

static enum status on_record(void *context, struct bytes key, struct bytes value)
{
    struct loading *loading = context;
    if (value.data == NULL) {
        bool there = state_map_remove(loading->map, key);
        maybe(there);
    } else {
        state_map_put(loading->map, key, value);
    }
    loading->rows++;
    loading->row_bytes += (int64_t)(key.size + value.size);
    if (loading->rows == SPEND_ROWS_MAX) {
        spend(loading);
    }
    return OK;
}

struct file_fault {
    enum status status;
    enum state_file_kind kind;
    int64_t version;
    const char *path;
    const char *what;
};

/* Put a file's records into the map; when it cannot be read, the map is of no use any more. */
static enum status apply_file(struct loading *loading,
                              enum state_file_kind kind,
                              int64_t version,
                              struct file_fault *fault)
{
    const char *path = state_file_path(loading->names, loading->files.directory, version, kind);
    struct bytes file = {0};
    const char *what = NULL;
    arena_reset(&loading->bytes);
    enum status status = store_get(loading->provider->base.store, path, &loading->bytes, &file);
    if (status != OK) {
        what = status_text(status);
    } else {
        status = state_file_read(kind, file, &loading->bytes, on_record, loading, &what);
        spend(loading);
    }
    if (status != OK) {
        *fault = (struct file_fault){
            .status = status, .kind = kind, .version = version, .path = path, .what = what};
    }
    return status;
}

static void forget_map(struct loading *loading)
{
    if (loading->map != NULL) {
        state_map_free(loading->map);
        loading->map = NULL;
    }
}

static enum status load_from(struct loading *loading, int64_t snapshot, struct file_fault *fault)
{
    forget_map(loading);
    loading->map = state_map_new();
    loading->delta_count = 0;
    if (snapshot > 0) {
        TRY(apply_file(loading, STATE_SNAPSHOT, snapshot, fault));
    }
    for (int64_t version = snapshot + 1; version <= loading->version; version++) {
        TRY(apply_file(loading, STATE_DELTA, version, fault));
        loading->delta_count++;
    }
    return OK;
}

/* ---- what goes wrong --------------------------------------------------------------------------
 */

static enum status fail_file(const struct loading *loading,
                             const struct file_fault *fault,
                             const char *behind,
                             struct diag *diag)
{
    bool delta = fault->kind == STATE_DELTA;
    bool missing = fault->status == ERR_NOT_FOUND;
    const char *error_class = STATE_LOAD "UNCATEGORIZED"; /* the store's fault, not the file's */
    if (missing) {
        error_class = delta ? STATE_LOAD "CANNOT_READ_MISSING_DELTA_FILE"
                            : STATE_LOAD "CANNOT_READ_MISSING_SNAPSHOT_FILE";
    } else if (fault->status == ERR_CORRUPT) {
        error_class = delta ? STATE_LOAD "CANNOT_READ_DELTA_FILE_KEY_SIZE"
                            : STATE_LOAD "CANNOT_READ_SNAPSHOT_FILE_KEY_SIZE";
    }
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", fault->path);
    }
    return diag_fail(diag,
                     error_class,
                     "state version %" PRId64 " of partition %" PRId64
                     " cannot be loaded: %s cannot be read: %s%s. " STATE_LOAD_REMEDY,
                     loading->version,
                     loading->partition,
                     fault->path,
                     fault->what,
                     behind);
}

static struct file_fault missing_delta(const struct loading *loading, int64_t version)
{
    return (struct file_fault){
        .status = ERR_NOT_FOUND,
        .kind = STATE_DELTA,
        .version = version,
        .path = state_file_path(loading->names, loading->files.directory, version, STATE_DELTA),
        .what = "it is missing"};
}

static bool snapshot_lost(const struct file_fault *fault)
{
    return fault->kind == STATE_SNAPSHOT && state_beyond_reading(fault->status);
}

static void trace_repair(const struct loading *loading, const struct file_fault *fault)
{
    state_trace(&loading->provider->base,
                &(struct trace_entry){.kind = EVENT_STATE_REPAIRED,
                                      .batch = loading->version,
                                      .a = loading->partition,
                                      .b = loading->version,
                                      .c = fault->version,
                                      .text = fault->what});
}

/* The newest snapshot was lost and what stands in for it does not do: both are named, the snapshot
 * first. */
static enum status fail_repair(const struct loading *loading,
                               const struct file_fault *lost,
                               const struct file_fault *fault,
                               struct diag *diag)
{
    const char *behind = arena_printf(loading->names,
                                      "; no older snapshot stands in for it, since %s cannot be "
                                      "read: %s",
                                      strrchr(fault->path, '/') + 1,
                                      fault->what);
    return fail_file(loading, lost, behind, diag);
}

static enum status fail_far(const struct loading *loading,
                            const struct file_fault *lost,
                            int64_t snapshot,
                            struct diag *diag)
{
    const char *behind =
        arena_printf(loading->names,
                     "; the version before it that reads is %" PRId64 ", more than %d deltas away",
                     snapshot,
                     STATE_REPAIR_VERSIONS_MAX);
    return fail_file(loading, lost, behind, diag);
}

/* ---- choosing ---------------------------------------------------------------------------------
 */

/* From the newest snapshot, else from an older one, else from nothing. */
static enum status
load_newest(struct loading *loading, int64_t *snapshot, bool *repaired, struct diag *diag)
{
    struct file_fault lost = {0}; /* the newest snapshot's */
    *snapshot = state_files_newest_version(&loading->files, STATE_SNAPSHOT, loading->version);
    *repaired = false;
    while (true) {
        struct file_fault fault = {0};
        int64_t missing =
            state_files_missing(&loading->files, STATE_DELTA, *snapshot, loading->version);
        if (*repaired && loading->version - *snapshot > STATE_REPAIR_VERSIONS_MAX) {
            return fail_far(loading, &lost, *snapshot, diag);
        }
        if (missing > 0) {
            fault = missing_delta(loading, missing);
        } else if (load_from(loading, *snapshot, &fault) == OK) {
            return OK;
        }
        if (!snapshot_lost(&fault)) {
            return *repaired ? fail_repair(loading, &lost, &fault, diag)
                             : fail_file(loading, &fault, "", diag);
        }
        trace_repair(loading, &fault);
        lost = *repaired ? lost : fault;
        *repaired = true;
        *snapshot = state_files_newest_version(&loading->files, STATE_SNAPSHOT, *snapshot - 1);
    }
}

static enum status
fail_store(const struct loading *loading, const char *what, enum status status, struct diag *diag)
{
    return state_fail_store(
        loading->files.directory, loading->partition, loading->version, what, status, diag);
}

static enum status
load_files(struct loading *loading, int64_t *snapshot, bool *repaired, struct diag *diag)
{
    struct memory_provider *provider = loading->provider;
    enum status status =
        state_files_list(&provider->base, loading->partition, loading->names, &loading->files);
    if (status != OK) {
        return fail_store(loading, "cannot list", status, diag);
    }
    TRY(state_files_check_writer(&loading->files, STATE_PROVIDER_HDFS, diag));
    TRY(load_newest(loading, snapshot, repaired, diag));
    /* Their writers may have died between rename and fsync; the sink's commit will rely on them. */
    status = store_sync_directory(provider->base.store, loading->files.directory);
    return status == OK ? OK : fail_store(loading, "cannot make durable", status, diag);
}

enum status memory_load(struct memory_provider *provider,
                        int64_t partition,
                        int64_t version,
                        struct memory_version *loaded,
                        struct diag *diag)
{
    struct arena names = {0};
    struct loading loading = {
        .provider = provider, .partition = partition, .version = version, .names = &names};
    int64_t snapshot = 0;
    bool repaired = false;
    enum status status = OK;
    if (version == 0) {
        loading.map = state_map_new(); /* empty, and never a file */
    } else {
        status = load_files(&loading, &snapshot, &repaired, diag);
    }
    if (status == OK) {
        struct memory_partition *at = memory_partition_at(provider, partition);
        int64_t listed = state_files_newest_version(&loading.files, STATE_SNAPSHOT, INT64_MAX);
        *loaded = (struct memory_version){
            .map = loading.map,
            .version = version,
            .snapshot_due = repaired,
            .snapshot_above = at->snapshot > listed ? at->snapshot : listed}; /* on its way, too */
        struct state_metrics *metrics = &at->metrics;
        metrics->loaded_from_snapshot += snapshot > 0;
        metrics->loaded_deltas += loading.delta_count;
        state_trace(&provider->base,
                    &(struct trace_entry){.kind = EVENT_STATE_LOADED,
                                          .batch = version,
                                          .a = partition,
                                          .b = version,
                                          .c = snapshot});
    } else {
        forget_map(&loading);
    }
    arena_free(&loading.bytes);
    arena_free(&names);
    return status;
}
