/* What leaves the checkpoint: by purge (purge-safe), by a crash (offsets-once), with a machine (the
 * ledger's damage); and the listing at the end (offsets-dense). */
#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "sim/check/checkpoint_reader.h"
#include "sim/check/checks_internal.h"

static int64_t latest_offsets(const struct check_query *query)
{
    for (size_t i = query->batch_count; i > 0; i--) {
        if (query->batches[i - 1].offsets_present) {
            return (int64_t)i - 1;
        }
    }
    return -1;
}

/* Recovery opens the newest offsets and the ones before, and the newest commit; the operator was
 * promised minBatchesToRetain batches (spark-checkpoint 2.3, 2.6). */
static void
removed(struct checks *checks, const struct sim_process *by, const char *folder, int64_t batch)
{
    enum { RECOVERY_NEEDS = 2 };
    const struct check_query *query = checks_current(checks);
    int64_t latest = query == NULL ? -1 : latest_offsets(query);
    int64_t kept = latest - batch; /* newer ones that stay */
    int64_t needed = checks_retained(checks, by->process.id);
    needed = needed > RECOVERY_NEEDS ? needed : RECOVERY_NEEDS;
    checks_count(checks, CHECK_PURGE_SAFE);
    if (kept < needed) {
        checks_fail(checks,
                    CHECK_PURGE_SAFE,
                    "%s/%lld was removed while offsets/%lld is the newest: %lld batches stay, "
                    "expected %lld or more",
                    folder,
                    (long long)batch,
                    (long long)latest,
                    (long long)kept,
                    (long long)needed);
    }
}

static void gone(struct checks *checks, const struct sim_process *by, const char *path)
{
    if (by != NULL) {
        checks_count(checks, CHECK_PURGE_SAFE);
        checks_fail(checks,
                    CHECK_PURGE_SAFE,
                    "%s removed %s, without which the query is another one",
                    by->process.name,
                    path);
    }
}

/* A lost machine takes the checkpoint on its /local along: the only damage of this world that
 * leaves neither a copy nor a path to replay. */
static void lost_with_machine(struct checks *checks, const struct sim_process *by)
{
    struct check_query *query = checks_current(checks);
    bool local = strncmp(checks->checkpoint, "/local/", 7) == 0;
    if (by == NULL && local && query != NULL && checks->lost_machine == (int64_t)checks->machine) {
        query->lost = true;
    }
}

/* After a crash a file may still be there, with other bytes. */
static bool still_there(const struct checks *checks, const struct sim_process *by, const char *path)
{
    struct bytes content;
    return by == NULL && checks_look(checks, path, &content);
}

void checkpoint_removed(struct checks *checks, const struct sim_process *by, const char *path)
{
    int64_t batch = -1;
    enum checkpoint_kind kind = checkpoint_path(checks->checkpoint, path, &batch);
    struct check_query *query = checks_current(checks);
    struct check_batch *record = query_batch(query, batch);
    bool there = kind != CHECKPOINT_OTHER && still_there(checks, by, path);
    if (kind != CHECKPOINT_OTHER) {
        lost_with_machine(checks, by);
    }
    switch (kind) {
    case CHECKPOINT_METADATA:
        gone(checks, by, path);
        checks->metadata_present = there;
        break;
    case CHECKPOINT_SOURCES:
        gone(checks, by, path);
        checks->sources_present = there;
        break;
    case CHECKPOINT_OFFSETS:
        if (record != NULL) {
            if (by != NULL) {
                removed(checks, by, "offsets", batch);
                query->floor = batch >= query->floor ? batch + 1 : query->floor;
            }
            record->offsets_present = there;
        }
        break;
    case CHECKPOINT_COMMITS:
        if (record != NULL) {
            if (by != NULL) {
                removed(checks, by, "commits", batch);
            }
            record->commit_present = there;
        }
        break;
    case CHECKPOINT_OTHER:
        break;
    }
}

/* What the crash left of the offsets log must still explain every batch that has an effect. */
void checkpoint_after_crash(struct checks *checks)
{
    const struct check_query *query = checks_current(checks);
    for (int64_t n = 0; query != NULL && !query->lost && n < (int64_t)query->batch_count; n++) {
        const struct check_batch *record = &query->batches[n];
        if (!record->known || n < query->floor || !batch_has_effects(checks, n)) {
            continue;
        }
        struct bytes content;
        const char *path = checkpoint_file(checks, "offsets", n);
        bool there = checks_look(checks, path, &content);
        if (checks_is_damaged(checks, path)) {
            continue;
        }
        checks_count(checks, CHECK_OFFSETS_ONCE);
        if (!there || hash_bytes(content.data, content.size) != record->offsets_hash) {
            checks_fail(checks,
                        CHECK_OFFSETS_ONCE,
                        "a crash %s %s, but batch %lld is in the table or committed",
                        there ? "changed" : "took",
                        path,
                        (long long)n);
            return;
        }
    }
}

void checkpoint_purged(struct checks *checks, const struct trace_record *record)
{
    const struct check_query *query = checks_current(checks);
    int64_t latest = query == NULL ? -1 : latest_offsets(query);
    checks_count(checks, CHECK_PURGE_SAFE);
    if (record->a > latest) {
        checks_fail(checks,
                    CHECK_PURGE_SAFE,
                    "purged below %lld, but the newest offsets are of batch %lld",
                    (long long)record->a,
                    (long long)latest);
    }
}

/* ---- the end: what is listed, not what was heard of */

struct listing {
    struct checks *checks;
    int64_t lowest;
    int64_t highest;
    int64_t count;
};

static void list_file(void *context, const char *path, struct bytes content)
{
    struct listing *listing = context;
    int64_t batch = -1;
    maybe(content.size == 0);
    if (checkpoint_path(listing->checks->checkpoint, path, &batch) == CHECKPOINT_OFFSETS) {
        listing->lowest = listing->count == 0 || batch < listing->lowest ? batch : listing->lowest;
        listing->highest = batch > listing->highest ? batch : listing->highest;
        listing->count++;
    }
}

void checkpoint_end(struct checks *checks)
{
    struct listing listing = {.checks = checks, .highest = -1};
    const char *directory = arena_printf(&checks->scratch, "%s/offsets", checks->checkpoint);
    fake_storage_each(checks->storage, checks->machine, directory, list_file, &listing);
    if (listing.count == 0) {
        return;
    }
    checks_count(checks, CHECK_OFFSETS_DENSE);
    const struct check_query *query = checks_current(checks);
    int64_t floor = query == NULL || query->floor < listing.lowest ? listing.lowest : query->floor;
    for (int64_t n = floor; n <= listing.highest; n++) {
        struct bytes content;
        const char *path = checkpoint_file(checks, "offsets", n);
        if (!checks_look(checks, path, &content) && !checks_is_damaged(checks, path)) {
            checks_fail(checks,
                        CHECK_OFFSETS_DENSE,
                        "offsets/ ends at %lld and begins at %lld, but %lld is missing",
                        (long long)listing.highest,
                        (long long)floor,
                        (long long)n);
            return;
        }
    }
}
