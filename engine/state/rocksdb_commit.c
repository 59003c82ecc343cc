/* A batch's end: version N+1 is in the checkpoint.
 *
 *   changelogCheckpointing off   flush, SST files, <N+1>.zip           the zip is the commit
 *                          on    <N+1>.changelog                       the changelog is the commit;
 *                                every minDeltasForSnapshot versions a copy of the database is kept
 *                                for maintenance to upload
 *
 * What another run of the batch left under either name is written over, as the memory provider does
 * it: a load prefers a zip to a changelog, and an older zip with changelogs stands in for one that
 * does not read. */
#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/state/rocksdb_provider.h"
#include "engine/state/state_file.h"

static enum status
fail_commit(const char *path, const char *what, enum status status, struct diag *diag)
{
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", path);
    }
    return diag_fail(diag,
                     "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT",
                     "cannot write the state file %s: %s. Make the checkpointLocation and the "
                     "executor's local disk writable, with space left; the batch runs again from "
                     "the version before, nothing was lost",
                     path,
                     what == NULL || what[0] == '\0' ? status_text(status) : what);
}

/* ---- a snapshot in the commit -----------------------------------------------------------------
 */

static enum status upload_now(struct rocksdb_store *store,
                              const struct rocksdb_checkpoint *checkpoint,
                              struct arena *scratch,
                              struct diag *diag)
{
    struct rocksdb_provider *provider = rocksdb_provider_of(store->base.provider);
    struct rocksdb_upload upload = {.provider = provider,
                                    .partition = store->base.partition,
                                    .checkpoint = checkpoint,
                                    .over = true,
                                    .arena = scratch};
    enum status status = rocksdb_upload(&upload);
    return status == OK ? OK : fail_commit(upload.path, upload.what, status, diag);
}

static enum status
put_snapshot(struct rocksdb_store *store, struct arena *scratch, struct diag *diag)
{
    struct rocksdb_provider *provider = rocksdb_provider_of(store->base.provider);
    struct rocksdb_checkpoint checkpoint = {0};
    struct rocksdb_what what = {0};
    enum status status =
        rocksdb_version_checkpoint(provider, store->base.partition, &store->at, &checkpoint, &what);
    if (status != OK) {
        store->broken = true;
        return fail_commit(provider->base.local, what.text, status, diag);
    }
    checkpoint.version = store->at.version + 1;
    status = upload_now(store, &checkpoint, scratch, diag);
    rocksdb_checkpoint_drop(provider, &checkpoint);
    store->at.snapshot = store->at.version + 1;
    store->at.snapshot_due = false;
    return status;
}

/* ---- a changelog ------------------------------------------------------------------------------
 */

static enum status
put_changelog(struct rocksdb_store *store, struct arena *scratch, struct diag *diag)
{
    const struct state_provider *provider = store->base.provider;
    const char *checkpoint = provider->plan->options.checkpoint_location;
    const char *directory = state_directory(scratch, checkpoint, 0, store->base.partition);
    const char *path = state_file_path(scratch, directory, store->at.version + 1, STATE_CHANGELOG);
    struct buf file = {0};
    state_spend(provider->ports, store->record_rows, (int64_t)store->records.size);
    state_file_finish(&store->records, &file);
    enum status status = store_put_over(provider->store, path, buf_bytes(&file));
    buf_free(&file);
    return status == OK ? OK : fail_commit(path, NULL, status, diag);
}

static enum status
put_version(struct rocksdb_store *store, struct arena *scratch, struct diag *diag)
{
    bool changelogs = store->base.provider->plan->options.rocksdb_changelog;
    int64_t version = store->at.version + 1;
    rocksdb_version_spend(rocksdb_provider_of(store->base.provider), &store->at);
    if (!changelogs) {
        if (version <= store->at.changelog_above) {
            TRY(put_changelog(store, scratch, diag));
        }
        return put_snapshot(store, scratch, diag);
    }
    if (version <= store->at.zip_above) {
        TRY(put_snapshot(store, scratch, diag));
    }
    return put_changelog(store, scratch, diag);
}

/* ---- a copy for maintenance -------------------------------------------------------------------
 */

/* Is it still this attempt's to say what the version after it is? */
static bool counts(const struct rocksdb_store *store, const struct rocksdb_partition *at)
{
    return at->unloads == store->unloads && at->reruns == store->reruns;
}

static bool snapshot_due(const struct rocksdb_store *store)
{
    const struct options *options = &store->base.provider->plan->options;
    int64_t chain = store->at.version - store->at.snapshot;
    return options->rocksdb_changelog && !rocksdb_version_damaged(&store->at) &&
           (store->at.snapshot_due ||
            (chain > 0 && chain >= options->state_min_deltas_for_snapshot));
}

/* The version is committed. A local disk that fails now fails nobody: the next attempt loads. */
static void queue_snapshot(struct rocksdb_store *store)
{
    struct rocksdb_provider *provider = rocksdb_provider_of(store->base.provider);
    int64_t partition = store->base.partition;
    struct rocksdb_checkpoint checkpoint = {0};
    struct rocksdb_what what = {0};
    enum status status =
        rocksdb_version_checkpoint(provider, partition, &store->at, &checkpoint, &what);
    struct rocksdb_partition *at = rocksdb_partition_at(provider, partition);
    if (status != OK) {
        store->broken = true;
        state_trace(&provider->base,
                    &(struct trace_entry){.kind = EVENT_MAINTENANCE_FAILED,
                                          .batch = -1,
                                          .a = partition,
                                          .text = status_text(status)});
        return;
    }
    checkpoint.version = store->at.version;
    if (counts(store, at) && at->queued.version < checkpoint.version) {
        rocksdb_checkpoint_drop(provider, &at->queued);
        at->queued = checkpoint;
        store->at.snapshot = checkpoint.version;
        store->at.snapshot_due = false;
    } else {
        rocksdb_checkpoint_drop(provider, &checkpoint);
    }
}

/* ---- all of it --------------------------------------------------------------------------------
 */

enum status rocksdb_commit_version(struct rocksdb_store *store, struct diag *diag)
{
    struct rocksdb_provider *provider = rocksdb_provider_of(store->base.provider);
    struct arena scratch = {0};
    int64_t bytes = state_map_bytes(store->at.overlay);
    enum status status =
        store->broken
            ? fail_commit(provider->base.local, "its database failed before", ERR_IO, diag)
            : put_version(store, &scratch, diag);
    arena_free(&scratch);
    if (status != OK) {
        return status;
    }
    store->at.version++;
    store->at.undoable = !store->at.flushed;
    struct rocksdb_partition *at = rocksdb_partition_at(provider, store->base.partition);
    at->newest = store->at.version > at->newest ? store->at.version : at->newest;
    at->metrics.committed_rows = store->at.key_count;
    at->metrics.committed_bytes = bytes;
    state_trace(&provider->base,
                &(struct trace_entry){.kind = EVENT_STATE_COMMITTED,
                                      .batch = store->at.version - 1,
                                      .a = store->base.partition,
                                      .b = store->at.version,
                                      .c = store->at.key_count});
    if (snapshot_due(store)) {
        queue_snapshot(store);
    }
    return OK;
}
