/* A copy of the database into the checkpoint, in this order:
 *
 *     SST files that are not in SSTs/ yet     under names that nobody else has; durable
 *     [state.uploaded]
 *     all that the zip will name is seen      also what an older zip brought there: a cleanup on
 *                                             another machine may have taken it (SPARK-55892)
 *     <V>.zip                                 the snapshot is there
 *
 * A file counts as shared only when a zip that names it was put: before, an attempt that failed may
 * have left it, and a cleanup may take it (SPARK-43404, 47036). Where maintenance puts a zip, one
 * that is there already stays (another executor's, or of a run that counts): then nothing of this
 * one is shared (SPARK-55820). */
#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/failpoint.h"
#include "engine/base/hash.h"
#include "engine/base/sort.h"
#include "engine/state/rocksdb_provider.h"

enum { ROUNDS_MAX = 3 };

struct sending {
    struct rocksdb_upload *upload;
    struct rocksdb_provider *provider;
    const char *directory; /* of the partition */
    const char *ssts;      /* its SSTs/ */
    struct rocksdb_shared_file *files;
    bool *reused;
    size_t count;
    uint64_t number; /* of this upload: part of what names are drawn from */
    uint64_t names;  /* drawn so far */
};

/* The copy's file is the database's file too, and would be in each copy to come. */
static enum status fail_damaged(struct sending *sending, const char *path)
{
    sending->upload->checkpoint->origin->damaged = true;
    sending->upload->path = path;
    sending->upload->what = "this machine's disk gave other bytes than were written to it";
    return ERR_CORRUPT;
}

/* ---- SST files --------------------------------------------------------------------------------
 */

/* One UUID a snapshot in Spark; here also one a round, should a file have to go up again. The
 * session is part of it (its folder): a process draws the same for the same. */
static const char *new_name(struct sending *sending, const char *local_name)
{
    struct arena *arena = sending->upload->arena;
    char uuid[UUID_TEXT_SIZE];
    uint64_t session =
        hash_bytes(sending->provider->base.local, strlen(sending->provider->base.local));
    random_uuid(&sending->provider->base.ports->random,
                "state/sst",
                hash_chain(session, (uint64_t)sending->upload->partition),
                hash_chain(sending->number, sending->names),
                uuid);
    const char *base = arena_copy(arena, local_name, strlen(local_name) - strlen(".sst"));
    return arena_printf(arena, "%s-%s.sst", base, uuid);
}

static enum status send_file(struct sending *sending, size_t index)
{
    struct rocksdb_upload *upload = sending->upload;
    struct rocksdb_shared_file *file = &sending->files[index];
    const struct rocksdb_file *local = &upload->checkpoint->files[index];
    const struct state_provider *provider = &sending->provider->base;
    struct buf content = {0};
    file->dfs_name = new_name(sending, local->name);
    upload->path = store_path(upload->arena, upload->checkpoint->directory, local->name);
    enum status status = rocksdb_local_read(&provider->ports->disk, upload->path, &content);
    if (status == OK &&
        ((int64_t)content.size != local->size ||
         (local->has_checksum && rocksdb_crc32c(buf_bytes(&content)) != local->crc32c))) {
        status = fail_damaged(sending, upload->path);
    }
    if (status == OK) {
        rocksdb_spend_copy(sending->provider, local->bytes);
        upload->path = store_path(upload->arena, sending->ssts, file->dfs_name);
        status = store_put_unique(provider->store, upload->path, buf_bytes(&content));
    }
    buf_free(&content);
    return status;
}

/* By the name in this database's directory, hence of the same content. */
static const struct rocksdb_shared_file *find_shared(const struct rocksdb_origin *origin,
                                                     const struct rocksdb_file *local)
{
    for (size_t i = 0; i < origin->count; i++) {
        const struct rocksdb_shared_file *file = &origin->files[i];
        if (file->size == local->size && strcmp(file->local_name, local->name) == 0) {
            return file;
        }
    }
    return NULL;
}

/* What an older snapshot brought there goes by that name; names are copied, since a sibling may
 * share anew meanwhile. */
static void choose_names(struct sending *sending)
{
    const struct rocksdb_checkpoint *checkpoint = sending->upload->checkpoint;
    struct arena *arena = sending->upload->arena;
    for (size_t i = 0; i < sending->count; i++) {
        const struct rocksdb_file *local = &checkpoint->files[i];
        const struct rocksdb_shared_file *shared = find_shared(checkpoint->origin, local);
        sending->reused[i] = shared != NULL;
        sending->files[i] = (struct rocksdb_shared_file){
            .local_name = local->name,
            .dfs_name = shared == NULL ? NULL : arena_strdup(arena, shared->dfs_name),
            .size = local->size,
            .has_checksum = local->has_checksum,
            .crc32c = local->crc32c};
    }
}

static enum status send_missing(struct sending *sending)
{
    sending->names++;
    for (size_t i = 0; i < sending->count; i++) {
        if (sending->files[i].dfs_name == NULL) {
            TRY(send_file(sending, i));
        }
    }
    return OK;
}

const struct store_entry *
rocksdb_sst_find(const struct store_entry *entries, size_t count, const char *name)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(entries[middle].name, name);
        if (order == 0) {
            return &entries[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

/* Look for all of them; what is not there loses its name. */
static enum status look(struct sending *sending, bool *all)
{
    struct arena *arena = sending->upload->arena;
    struct store_entry *entries = NULL;
    size_t count = 0;
    *all = true;
    sending->upload->path = sending->ssts;
    TRY(store_list(sending->provider->base.store, sending->ssts, arena, &entries, &count));
    for (size_t i = 0; i < sending->count; i++) {
        struct rocksdb_shared_file *file = &sending->files[i];
        const struct store_entry *entry = rocksdb_sst_find(entries, count, file->dfs_name);
        if (entry == NULL || (int64_t)entry->size != file->size) {
            file->dfs_name = NULL;
            sending->reused[i] = false;
            *all = false;
        }
    }
    return OK;
}

static enum status send_ssts(struct sending *sending)
{
    bool all = sending->count == 0;
    choose_names(sending);
    TRY(send_missing(sending));
    failpoint(FP_STATE_UPLOADED, sending->upload->checkpoint->version - 1);
    for (int round = 0; round < ROUNDS_MAX && !all; round++) {
        TRY(look(sending, &all));
        if (!all) {
            TRY(send_missing(sending));
        }
    }
    return all ? OK : ERR_NOT_FOUND;
}

/* ---- the zip ----------------------------------------------------------------------------------
 */

/* What of the copy goes into the archive: not the lock, the log, the identity. */
static bool archived(const char *name)
{
    return strcmp(name, "CURRENT") == 0 || strncmp(name, "MANIFEST-", 9) == 0 ||
           strncmp(name, "OPTIONS-", 8) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct disk_entry *)a)->name, ((const struct disk_entry *)b)->name);
}

static enum status read_small(struct sending *sending, struct rocksdb_snapshot *snapshot)
{
    struct rocksdb_upload *upload = sending->upload;
    const struct disk_port *disk = &sending->provider->base.ports->disk;
    struct disk_entry *entries = NULL;
    size_t count = 0;
    upload->path = upload->checkpoint->directory;
    TRY(disk_list(disk, upload->path, upload->arena, &entries, &count));
    snapshot->files = arena_alloc(upload->arena, (count + 1) * sizeof *snapshot->files);
    sort_items(entries, count, sizeof *entries, by_name);
    for (size_t i = 0; i < count; i++) {
        struct buf content = {0};
        if (!archived(entries[i].name)) {
            continue;
        }
        upload->path = store_path(upload->arena, upload->checkpoint->directory, entries[i].name);
        enum status status = rocksdb_local_read(disk, upload->path, &content);
        snapshot->files[snapshot->file_count++] = (struct rocksdb_small_file){
            .name = entries[i].name,
            .content =
                bytes_of(arena_copy(upload->arena, content.data, content.size), content.size)};
        buf_free(&content);
        TRY(status);
    }
    return OK;
}

/* Somebody's zip is there, or the outcome is not known: is it this one? */
static enum status compare(struct sending *sending, struct bytes file)
{
    struct rocksdb_upload *upload = sending->upload;
    struct bytes there = {0};
    TRY(store_get(sending->provider->base.store, upload->path, upload->arena, &there));
    upload->put = bytes_equal(there, file);
    return OK;
}

static enum status put_zip(struct sending *sending, struct bytes file)
{
    struct rocksdb_upload *upload = sending->upload;
    struct store *store = sending->provider->base.store;
    int64_t version = upload->checkpoint->version;
    upload->path = state_file_path(upload->arena, sending->directory, version, STATE_ZIP);
    struct rocksdb_partition *at = rocksdb_partition_at(sending->provider, upload->partition);
    at->snapshot = version > at->snapshot ? version : at->snapshot;
    if (upload->over) {
        TRY(store_put_over(store, upload->path, file));
        upload->put = true;
        return OK;
    }
    enum status status = store_put_new(store, upload->path, file);
    if (status == ERR_EXISTS || status == ERR_UNKNOWN) {
        return compare(sending, file);
    }
    upload->put = status == OK;
    return status;
}

static enum status send_zip(struct sending *sending)
{
    struct rocksdb_upload *upload = sending->upload;
    struct rocksdb_snapshot snapshot = {.sst_count = sending->count,
                                        .key_count = upload->checkpoint->key_count};
    struct buf file = {0};
    TRY(read_small(sending, &snapshot));
    snapshot.ssts = arena_alloc(upload->arena, (sending->count + 1) * sizeof *snapshot.ssts);
    for (size_t i = 0; i < sending->count; i++) {
        const struct rocksdb_shared_file *from = &sending->files[i];
        snapshot.ssts[i] = (struct rocksdb_sst){
            .local_name = from->local_name, .dfs_name = from->dfs_name, .size = from->size};
    }
    if (upload->overtaken) {
        return OK;
    }
    rocksdb_snapshot_encode(&snapshot, &file);
    enum status status = put_zip(sending, buf_bytes(&file));
    buf_free(&file);
    return status;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static void note_put(struct sending *sending)
{
    struct rocksdb_upload *upload = sending->upload;
    const struct rocksdb_checkpoint *checkpoint = upload->checkpoint;
    struct rocksdb_partition *at = rocksdb_partition_at(sending->provider, upload->partition);
    int64_t reused = 0;
    for (size_t i = 0; i < sending->count; i++) {
        reused += sending->reused[i];
    }
    rocksdb_origin_share(checkpoint->origin, sending->files, sending->count);
    rocksdb_know_files(at, sending->files, sending->count);
    at->metrics.files_copied = (int64_t)sending->count - reused;
    at->metrics.files_reused = reused;
    struct trace_entry entry = {.kind = EVENT_STATE_SNAPSHOT,
                                .batch = -1,
                                .a = upload->partition,
                                .b = checkpoint->version,
                                .c = checkpoint->key_count};
    state_trace(&sending->provider->base, &entry);
    entry.kind = EVENT_STATE_FILES_SAVED;
    entry.b = (int64_t)sending->count - reused;
    entry.c = reused;
    state_trace(&sending->provider->base, &entry);
}

static enum status send_all(struct sending *sending)
{
    TRY(send_ssts(sending));
    return sending->upload->overtaken ? OK : send_zip(sending);
}

enum status rocksdb_upload(struct rocksdb_upload *upload)
{
    struct rocksdb_provider *provider = upload->provider;
    const char *checkpoint = provider->base.plan->options.checkpoint_location;
    size_t count = upload->checkpoint->file_count;
    struct sending sending = {.upload = upload, .provider = provider, .count = count};
    sending.directory = state_directory(upload->arena, checkpoint, 0, upload->partition);
    sending.ssts = rocksdb_sst_directory(upload->arena, sending.directory);
    sending.files = arena_alloc(upload->arena, (count + 1) * sizeof *sending.files);
    sending.reused = arena_alloc(upload->arena, count + 1);
    sending.number = ++provider->uploads;
    upload->path = sending.directory;
    rocksdb_partition_at(provider, upload->partition)->uploads_running++;
    enum status status = send_all(&sending);
    rocksdb_partition_at(provider, upload->partition)->uploads_running--;
    if (status == OK && upload->put) {
        note_put(&sending);
    }
    return status;
}
