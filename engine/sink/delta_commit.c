/* The driver's side of the sink: the commit loop of delta-parquet-storage 1.7.
 *
 *   replay what is new
 *     the table is not where the checkpoint says  stop
 *     the batch is there already                  skipped
 *   put version N = newest + 1, if nothing is there
 *     landed                   committed
 *     unknown                  look at N: nothing there: the SAME bytes at the SAME version again,
 *                              since the first request may still land; else as "exists"
 *     exists                   replay from N: our own txnId is our own lost answer: committed; a
 *                              txn of our query: a twin was first (skipped), or a twin is alive:
 *                              stop; else once more at the next version, in complete mode with
 *                              removes of what is live by then
 *     visible, not durable     stop: only a restart can tell
 *
 * Data files are never deleted because of a commit's error: an unknown outcome may still make them
 * part of the table (ClickHouse #112096). They go only when a twin's commit has the batch. */
#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/units.h"
#include "engine/sink/delta_actions.h"
#include "engine/sink/delta_table.h"

enum { CONFLICTS_MAX = 50, UNKNOWNS_MAX = 12, STALE_READS_MAX = 4 };

/* ---- one put -------------------------------------------------------------------------------- */

enum outcome { LANDED, TAKEN, STOPPED };

struct attempt {
    struct delta_table *table;
    const struct delta_commit *commit;
    char txn_id[UUID_TEXT_SIZE];
    char table_id[UUID_TEXT_SIZE];
    struct delta_scan scan;
    struct buf bytes; /* of the commit being put */
    unsigned waits;   /* taken so far, for the backoff's length */
    struct diag *diag;
};

static void wait_a_little(struct attempt *attempt)
{
    delta_table_backoff(attempt->table, attempt->commit->batch, attempt->waits++);
}

static enum outcome stop_unknown(struct attempt *attempt, int64_t version)
{
    (void)delta_table_fail(attempt->table,
                           attempt->diag,
                           version,
                           "DELTA_COMMIT_OUTCOME_UNKNOWN",
                           "Whether batch %" PRId64 " was committed as version %" PRId64
                           " could not be found out. The query stops; restarted, it decides by "
                           "reading the log again.",
                           attempt->commit->batch,
                           version);
    return STOPPED;
}

static enum outcome stop_known(struct attempt *attempt, int64_t version, enum status status)
{
    if (status == ERR_NOT_DURABLE) {
        (void)delta_table_fail(attempt->table,
                               attempt->diag,
                               version,
                               "DELTA_COMMIT_NOT_DURABLE",
                               "Version %" PRId64
                               " is visible, but it may vanish in a crash: the log directory's "
                               "fsync failed. The query stops; restarted, it decides by reading "
                               "the log again.",
                               version);
    } else {
        (void)delta_table_fail(attempt->table,
                               attempt->diag,
                               version,
                               "DELTA_COMMIT_FAILED",
                               "Batch %" PRId64 " could not be committed as version %" PRId64
                               ": %s. Nothing of it is in the table.",
                               attempt->commit->batch,
                               version,
                               status_text(status));
    }
    return STOPPED;
}

/* Does anybody's commit file of `version` show itself? */
static bool version_seen(struct attempt *attempt, int64_t version)
{
    struct arena scratch = {0};
    struct bytes content = {0};
    enum status status = store_get(attempt->table->store,
                                   delta_commit_path(attempt->table, version, &scratch),
                                   &scratch,
                                   &content);
    arena_free(&scratch);
    return status == OK;
}

/* Put until the outcome is known. It is the same request each time, whatever the answer to the
 * first was, so that one that arrives late does no harm. */
static enum status
put_until_known(struct attempt *attempt, const char *path, int64_t version, bool *maybe_applied)
{
    enum status status = ERR_UNKNOWN;
    for (int tries = 0; tries < UNKNOWNS_MAX; tries++) {
        status = store_put_new(attempt->table->store, path, buf_bytes(&attempt->bytes));
        bool unknown = status == ERR_UNKNOWN || status == ERR_TIMEOUT || status == ERR_BROKEN;
        if (!unknown && status != ERR_THROTTLED) {
            return status;
        }
        *maybe_applied = *maybe_applied || unknown;
        wait_a_little(attempt);
        if (version_seen(attempt, version)) {
            return ERR_EXISTS;
        }
    }
    return status;
}

static enum outcome put_version(struct attempt *attempt, int64_t version)
{
    struct arena scratch = {0};
    const char *path = delta_commit_path(attempt->table, version, &scratch);
    bool maybe_applied = false;
    enum status status = put_until_known(attempt, path, version, &maybe_applied);
    arena_free(&scratch);
    if (status == OK) {
        return LANDED;
    }
    if (status == ERR_EXISTS) {
        return TAKEN;
    }
    return maybe_applied ? stop_unknown(attempt, version) : stop_known(attempt, version, status);
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void begin_transaction(struct attempt *attempt)
{
    struct delta_table *table = attempt->table;
    int64_t batch = attempt->commit->batch;
    if (table->last_batch != batch) {
        table->last_batch = batch;
        table->transactions_begun = 0;
    }
    uint64_t key = hash_chain(hash_text(table->path), (uint64_t)batch);
    uint64_t n = table->transactions_begun++;
    random_uuid(&table->ports->random, "delta.txn", key, n, attempt->txn_id);
    random_uuid(&table->ports->random, "delta.table", key, n, attempt->table_id);
    attempt->scan = (struct delta_scan){
        .commit = attempt->commit, .txn_id = attempt->txn_id, .own_version = -1};
}

static void write_bytes(struct attempt *attempt, int64_t version)
{
    const struct delta_transaction transaction = {
        .version = version,
        .time_ms = clock_now_us(&attempt->table->ports->clock) / US_PER_MS,
        .txn_id = attempt->txn_id,
        .query_id = attempt->table->query_id,
        .table_id = attempt->table_id,
        .commit = attempt->commit,
        .removed = attempt->commit->complete ? &attempt->table->files : NULL,
    };
    buf_clear(&attempt->bytes);
    delta_actions_write(&transaction, &attempt->bytes);
}

/* Best effort: what stays behind is named by no commit, and readers never look at it. */
static void remove_files(struct attempt *attempt)
{
    struct arena scratch = {0};
    for (size_t i = 0; i < attempt->commit->file_count; i++) {
        const char *name = attempt->commit->files[i].path;
        if (name != NULL) {
            const char *path = store_path(&scratch, attempt->table->path, name);
            enum status ignored = store_remove(attempt->table->store, path);
            maybe(ignored == OK);
        }
    }
    arena_free(&scratch);
}

/* What the replayed log says of this transaction. */
enum finding { FOUND_NOTHING, FOUND_OWN, FOUND_BATCH, FOUND_TWIN };

static enum finding find(const struct attempt *attempt, bool after_conflict)
{
    if (attempt->scan.own_version >= 0) {
        return FOUND_OWN;
    }
    if (attempt->table->txn_version >= attempt->commit->batch) {
        return FOUND_BATCH;
    }
    return after_conflict && attempt->scan.query_seen ? FOUND_TWIN : FOUND_NOTHING;
}

static enum status fail_twin(struct attempt *attempt)
{
    return delta_table_fail(attempt->table,
                            attempt->diag,
                            attempt->table->version,
                            "DELTA_CONCURRENT_TRANSACTION",
                            "Another run of query %s committed batch %" PRId64
                            " while this one was committing batch %" PRId64
                            ". Stop one of them: two runs share a checkpoint.",
                            attempt->table->query_id,
                            attempt->table->txn_version,
                            attempt->commit->batch);
}

/* Replay until version `taken`, which a put found to be there, has been read. Who loses `again` has
 * rivals, and waits first. */
static enum status replay_past(struct attempt *attempt, int64_t taken, bool again)
{
    struct delta_table *table = attempt->table;
    if (again) {
        wait_a_little(attempt);
    }
    for (int reads = 0; reads < STALE_READS_MAX; reads++) {
        TRY(delta_table_refresh(table, &attempt->scan, attempt->diag));
        if (table->version >= taken) {
            return OK;
        }
        wait_a_little(attempt);
    }
    return delta_table_fail(table,
                            attempt->diag,
                            taken,
                            "DELTA_LOG_UNREADABLE",
                            "Version %" PRId64 " exists for a writer but is in no list.",
                            taken);
}

static enum status settle(struct attempt *attempt,
                          enum finding finding,
                          bool after_conflict,
                          struct delta_commit_result *result)
{
    if (finding == FOUND_TWIN) {
        return fail_twin(attempt);
    }
    TRY(delta_table_secure(attempt->table, attempt->diag));
    result->skipped = finding == FOUND_BATCH;
    result->version =
        finding == FOUND_OWN ? attempt->scan.own_version : attempt->table->txn_version;
    if (finding == FOUND_BATCH && after_conflict && !attempt->scan.files_named) {
        remove_files(attempt);
    }
    return OK;
}

/* Replay what is new, and see whether table and checkpoint have come this far together: each batch,
 * also an empty one, left its txn before the next one was planned. A table that is behind lost
 * rows, and going on would hide it (it was dropped, made anew, restored, or sink.path changed); one
 * that is ahead of a batch that this run planned would swallow the batch as if it were a
 * repetition. */
static enum status replay_history(struct attempt *attempt)
{
    const struct delta_table *table = attempt->table;
    int64_t batch = attempt->commit->batch;
    if (attempt->commit->complete) {
        TRY(delta_table_keep_files(attempt->table, attempt->diag));
    }
    TRY(delta_table_refresh(attempt->table, &attempt->scan, attempt->diag));
    if (table->txn_version < batch - 1) {
        return delta_table_fail(attempt->table,
                                attempt->diag,
                                -1,
                                "DELTA_TABLE_BEHIND_CHECKPOINT",
                                "The checkpoint says that batch %" PRId64
                                " of query %s is in the table, but the newest one there is %" PRId64
                                " (-1: none): the table was replaced or restored, or sink.path "
                                "changed. Restore the table, or start with a new "
                                "checkpointLocation. Nothing was written.",
                                batch - 1,
                                table->query_id,
                                table->txn_version);
    }
    if (attempt->commit->fresh && table->txn_version >= batch) {
        return delta_table_fail(attempt->table,
                                attempt->diag,
                                -1,
                                "DELTA_CONCURRENT_TRANSACTION",
                                "This run planned batch %" PRId64
                                ", but the table has batches of query %s up to %" PRId64
                                ": another run shares the checkpoint, or the checkpoint is an "
                                "older copy than the table. Stop the other run, or start with the "
                                "newest checkpoint. Nothing was written.",
                                batch,
                                table->query_id,
                                table->txn_version);
    }
    return OK;
}

static enum status commit_loop(struct attempt *attempt, struct delta_commit_result *result)
{
    struct delta_table *table = attempt->table;
    TRY(replay_history(attempt));
    for (int conflicts = 0; conflicts <= CONFLICTS_MAX; conflicts++) {
        enum finding finding = find(attempt, conflicts > 0);
        if (finding != FOUND_NOTHING) {
            return settle(attempt, finding, conflicts > 0, result);
        }
        TRY(delta_table_check(table, attempt->commit, attempt->diag));
        TRY(delta_table_secure(table, attempt->diag));
        attempt->scan.query_seen = false;
        int64_t version = table->version + 1;
        write_bytes(attempt, version);
        enum outcome outcome = put_version(attempt, version);
        if (outcome == STOPPED) {
            return ERR_FAILED;
        }
        if (outcome == LANDED) {
            table->durable_version = version; /* everything before it was made durable above */
            *result = (struct delta_commit_result){.skipped = false, .version = version};
            return OK;
        }
        TRY(replay_past(attempt, version, conflicts > 0));
    }
    return delta_table_fail(table,
                            attempt->diag,
                            table->version,
                            "DELTA_MAX_COMMIT_RETRIES_EXCEEDED",
                            "Batch %" PRId64 " lost %d races for the next version.",
                            attempt->commit->batch,
                            CONFLICTS_MAX + 1);
}

enum status delta_commit_batch(struct delta_table *table,
                               const struct delta_commit *commit,
                               struct delta_commit_result *result,
                               struct diag *diag)
{
    require(!table->busy);
    require(commit->batch >= 0);
    require(commit->schema->count > 0);
    table->busy = true;
    *result = (struct delta_commit_result){0};
    struct attempt attempt = {.table = table, .commit = commit, .diag = diag};
    begin_transaction(&attempt);
    enum status status = commit_loop(&attempt, result);
    buf_free(&attempt.bytes);
    table->busy = false;
    return status;
}

enum status delta_find_batch(struct delta_table *table,
                             int64_t batch,
                             struct delta_found *found,
                             struct diag *diag)
{
    require(!table->busy);
    table->busy = true;
    *found = (struct delta_found){.next_watermark_ms = DELTA_NO_WATERMARK, .newest_batch = -1};
    enum status status = delta_table_refresh(table, NULL, diag);
    if (status == OK && table->txn_version >= batch) {
        status = delta_table_secure(table, diag);
        found->found = status == OK;
    }
    if (found->found && table->txn_version == batch) {
        found->next_watermark_ms = table->next_watermark_ms;
        found->has_watermark = found->next_watermark_ms != DELTA_NO_WATERMARK;
    }
    if (status == OK) {
        found->newest_batch = table->txn_version;
        found->last_records = table->last_records;
    }
    table->busy = false;
    return status;
}
