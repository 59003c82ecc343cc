/* Files that hold a whole version of the state: snapshots of the memory provider, RocksDB's zips
 * with their SST files (spark-checkpoint 1.8, 1.9, 1.15 A12, A13). Each is read once, when it
 * appears, and compared by a digest without order when the oracle has run the batches that it
 * stands for: snapshot-replay. A zip that its batch commits by (changelogCheckpointing off) is held
 * against the oracle in the same way: there is no other telling of what the batch changed. */
#include "engine/base/check.h"
#include "sim/check/checks_internal.h"
#include "sim/check/state_reader.h"
#include "sim/check/state_zip.h"

static const char *
path_of(struct checks *checks, const struct check_query *query, int64_t partition, int64_t version)
{
    return state_file_name_of(
        &checks->scratch, checks->checkpoint, partition, version, state_whole_kind(query));
}

void state_snapshot_judge(struct checks *checks,
                          const struct check_query *query,
                          int64_t partition,
                          int64_t version)
{
    struct check_state_file *file =
        state_file_known(query, partition, version, state_whole_kind(query));
    bool known = query->stream != NULL && oracle_stream_next(query->stream) >= version;
    if (file == NULL || !file->present || file->broken || file->judged || query->unstreamed ||
        !known) {
        return;
    }
    file->judged = true;
    struct oracle_digest expected = oracle_stream_digest(query->stream, version, partition);
    checks_count(checks, CHECK_SNAPSHOT_REPLAY);
    if (expected.rows != file->digest.rows || expected.sum != file->digest.sum) {
        checks_fail(checks,
                    CHECK_SNAPSHOT_REPLAY,
                    "%s has %lld rows that are not the %lld which the %s up to it add up to",
                    path_of(checks, query, partition, version),
                    (long long)file->digest.rows,
                    (long long)expected.rows,
                    query->rocksdb ? "batches" : "deltas");
    }
}

/* ---- a zip and its SST files */

struct sst_folder {
    struct checks *checks;
    int64_t partition;
    bool damaged; /* one that was looked at is */
};

static bool look(void *context, const char *name, struct bytes *content)
{
    struct sst_folder *folder = context;
    struct checks *checks = folder->checks;
    const char *path =
        state_sst_path(&checks->scratch, checks->checkpoint, folder->partition, name);
    folder->damaged = folder->damaged || checks_is_damaged(checks, path);
    return checks_look(checks, path, content);
}

static void keep_ssts(struct checks *checks,
                      const struct state_zip *zip,
                      int64_t partition,
                      struct check_state_file *file)
{
    file->sst_count = zip->count;
    file->ssts = arena_alloc(&checks->kept, (zip->count + 1) * sizeof *file->ssts);
    for (size_t i = 0; i < zip->count; i++) {
        file->ssts[i] =
            state_sst_path(&checks->kept, checks->checkpoint, partition, zip->ssts[i].name);
    }
}

static const char *read_zip(struct checks *checks,
                            int64_t partition,
                            struct bytes content,
                            struct check_state_file *file,
                            struct state_records *records)
{
    struct sst_folder folder = {.checks = checks, .partition = partition};
    struct state_zip zip;
    file->broken = false;
    file->sst_count = 0;
    const char *error = state_zip_read(content, &checks->scratch, &zip);
    if (error == NULL) {
        keep_ssts(checks, &zip, partition, file);
        error = state_zip_rows(&zip, look, &folder, &checks->scratch, records);
    }
    file->broken = error != NULL && folder.damaged;
    return file->broken ? NULL : error;
}

/* A request that was given up lands so late that the SST files which its zip names are gone; or its
 * sender looked, saw them, and stood still before the zip was put: nobody can hold that up. As long
 * as the version is below what is kept, and what is kept does not start from this zip, nobody loads
 * it. */
static bool too_late_to_matter(struct checks *checks,
                               const struct check_query *query,
                               const struct sim_process *by,
                               int64_t partition,
                               int64_t version)
{
    bool in_vain =
        fake_storage_late(checks->storage) ||
        fake_storage_looked(checks->storage, by, path_of(checks, query, partition, version));
    return query->rocksdb && in_vain &&
           version < state_oldest_retained(checks, query, by, partition) &&
           state_retained_whole(checks, query, by, partition);
}

void state_snapshot_published(struct checks *checks,
                              const struct check_query *query,
                              const struct sim_process *by,
                              int64_t partition,
                              int64_t version,
                              struct bytes content)
{
    enum state_file kind = state_whole_kind(query);
    struct check_state_file *file = state_file_known(query, partition, version, kind);
    struct state_records records = {.count = 0};
    const char *error = query->rocksdb
                            ? read_zip(checks, partition, content, file, &records)
                            : state_file_records(kind, content, &checks->scratch, &records);
    file->digest = (struct oracle_digest){.rows = 0};
    for (size_t i = 0; error == NULL && i < records.count; i++) {
        oracle_digest_add(&file->digest, records.records[i].key, records.records[i].value);
    }
    file->broken = file->broken || error != NULL;
    if (error != NULL && !too_late_to_matter(checks, query, by, partition, version)) {
        checks_count(checks, CHECK_SNAPSHOT_REPLAY);
        checks_fail(checks,
                    CHECK_SNAPSHOT_REPLAY,
                    "%s is not whole: %s",
                    path_of(checks, query, partition, version),
                    error);
    }
    state_snapshot_judge(checks, query, partition, version);
}

/* `*path` and `*there`: the zip, or an SST file of it, that is not as it must be. */
bool state_zip_durable(struct checks *checks,
                       const struct check_query *query,
                       int64_t partition,
                       int64_t version,
                       const char **path,
                       bool *there)
{
    const struct check_state_file *file =
        state_file_known(query, partition, version, STATE_FILE_ZIP);
    struct bytes content;
    *there = checks_look(checks, *path, &content);
    bool durable = *there && checks_durable(checks, *path);
    for (size_t i = 0; durable && file != NULL && i < file->sst_count; i++) {
        if (checks_is_damaged(checks, file->ssts[i])) {
            continue;
        }
        *path = file->ssts[i];
        *there = checks_look(checks, *path, &content);
        durable = *there && checks_durable(checks, *path);
    }
    return durable;
}

/* After a crash: does the zip still hold what it held? */
void state_zip_after_crash(struct checks *checks,
                           const struct check_query *query,
                           int64_t partition,
                           int64_t version)
{
    struct check_state_file *file = state_file_known(query, partition, version, STATE_FILE_ZIP);
    struct bytes content;
    if (file == NULL || !file->present || file->broken ||
        !checks_look(checks, path_of(checks, query, partition, version), &content)) {
        return;
    }
    struct oracle_digest before = file->digest;
    struct oracle_digest now = {.rows = 0};
    struct state_records records = {.count = 0};
    const char *error = read_zip(checks, partition, content, file, &records);
    for (size_t i = 0; i < records.count; i++) {
        oracle_digest_add(&now, records.records[i].key, records.records[i].value);
    }
    file->broken =
        file->broken || error != NULL || before.rows != now.rows || before.sum != now.sum;
}
