/* The checkpoint's own promises, as it grows: offsets-dense, offsets-once, commits-follow,
 * one-winner, acked-durable (spark-checkpoint 1.15, 2). What vanishes: log_losses.c. */
#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "sim/check/checkpoint_reader.h"
#include "sim/check/checks_internal.h"

struct check_batch *query_batch(const struct check_query *query, int64_t batch)
{
    bool there = query != NULL && batch >= 0 && (size_t)batch < query->batch_count;
    return there ? &query->batches[batch] : NULL;
}

const int64_t *batch_before(const struct check_query *query, int64_t batch)
{
    if (batch == 0) {
        return query->initial_known ? query->initial : NULL;
    }
    const struct check_batch *before = query_batch(query, batch - 1);
    return before != NULL && before->known ? before->ends : NULL;
}

/* The record of a batch, made when it is new. */
static struct check_batch *batch_made(struct check_query *query, int64_t batch)
{
    size_t count = (size_t)batch + 1;
    if (count > query->batch_count) {
        query->batches =
            checks_room(query->batches, &query->batch_capacity, count, sizeof *query->batches);
        query->batch_count = count;
    }
    return &query->batches[batch];
}

bool batch_has_effects(const struct checks *checks, int64_t batch)
{
    const struct check_batch *record = query_batch(checks_current(checks), batch);
    return (record != NULL && record->commit_present) ||
           sink_version_of(checks, checks->current, batch, 0) >= 0;
}

static uint32_t id_of(const struct sim_process *by)
{
    return by == NULL ? 0 : by->process.id;
}

/* Something was published where a file stood: the primitive that lets one writer win was not used.
 */
static void
one_winner(struct checks *checks, const struct sim_process *by, const char *path, bool present)
{
    if (by == NULL) {
        return; /* a removal that a crash undid */
    }
    checks_count(checks, CHECK_ONE_WINNER);
    if (present) {
        checks_fail(checks,
                    CHECK_ONE_WINNER,
                    "%s (process %u) replaced %s, which was there: expected one winner",
                    by->process.name,
                    by->process.id,
                    path);
    }
}

/* A file below the purge floor that nobody reads: an object store carries out a request long after
 * its sender has sent it again, seen it done and purged it; or another driver has run the batch and
 * purged it while this one was about to write. What the writer then says of it is judged. */
static bool lands_below_purge(struct checks *checks,
                              const struct sim_process *by,
                              const struct check_query *query,
                              int64_t batch)
{
    if (by == NULL || batch >= query->floor) {
        return false;
    }
    const struct check_driver *driver = checks_driver_of(checks, by->process.id);
    bool overtaken = driver != NULL && !driver->alone;
    return overtaken || fake_storage_late(checks->storage);
}

/* ---- metadata, sources */

static void metadata_published(struct checks *checks,
                               const struct sim_process *by,
                               const char *path,
                               struct bytes content)
{
    one_winner(checks, by, path, checks->metadata_present);
    struct bytes id;
    const char *error = checkpoint_metadata(content, &checks->scratch, &id);
    if (error != NULL || id.size >= CHECK_ID_SIZE) {
        checks_fail(checks, CHECK_ACKED_DURABLE, "%s: %s", path, error);
        return;
    }
    checks->metadata_present = true;
    if (by != NULL && !checks->machine_known) {
        checks->machine = by->machine;
        checks->machine_known = true;
    }
    for (size_t i = 0; i < checks->query_count; i++) {
        if (bytes_equal_text(id, checks->queries[i].id)) {
            checks->current = (int)i;
            return;
        }
    }
    checks->queries =
        heap_realloc(checks->queries, (checks->query_count + 1) * sizeof *checks->queries);
    struct check_query *query = &checks->queries[checks->query_count];
    *query = (struct check_query){.lost = false};
    memcpy(query->id, id.data, id.size);
    query->initial = heap_alloc((checks->partition_count + 1) * sizeof *query->initial);
    checks->current = (int)checks->query_count;
    checks->query_count++;
    checks->sources_present = false;
}

static void sources_published(struct checks *checks,
                              const struct sim_process *by,
                              const char *path,
                              struct bytes content)
{
    one_winner(checks, by, path, checks->sources_present);
    checks->sources_present = true;
    struct check_query *query = checks_current(checks);
    if (query == NULL || by == NULL) {
        return;
    }
    const char *error = checkpoint_initial(content,
                                           oracle_topic(checks->oracle),
                                           checks->partition_count,
                                           &checks->scratch,
                                           query->initial);
    query->initial_known = error == NULL;
    if (error != NULL) {
        checks_fail(checks, CHECK_ORACLE_RANGES, "%s: %s", path, error);
        return;
    }
    plan_initial(checks, by, query);
}

/* ---- offsets, commits */

static void offsets_dense(struct checks *checks, const struct check_query *query, int64_t batch)
{
    checks_count(checks, CHECK_OFFSETS_DENSE);
    struct bytes ignored;
    bool first = batch == 0 || batch == query->floor;
    if (batch < query->floor) {
        checks_fail(checks,
                    CHECK_OFFSETS_DENSE,
                    "offsets/%lld was written below the purge floor %lld",
                    (long long)batch,
                    (long long)query->floor);
    } else if (!first &&
               !checks_look(checks, checkpoint_file(checks, "offsets", batch - 1), &ignored)) {
        checks_fail(checks,
                    CHECK_OFFSETS_DENSE,
                    "offsets/%lld was written while offsets/%lld is not there (purged below %lld)",
                    (long long)batch,
                    (long long)batch - 1,
                    (long long)query->floor);
    }
}

/* First content, or other content while nothing depends on the first. */
static void
offsets_once(struct checks *checks, const struct check_batch *record, int64_t batch, uint64_t hash)
{
    if (!record->known) {
        return;
    }
    checks_count(checks, CHECK_OFFSETS_ONCE);
    if (record->offsets_hash != hash && batch_has_effects(checks, batch)) {
        checks_fail(checks,
                    CHECK_OFFSETS_ONCE,
                    "offsets/%lld has other bytes than at first, but batch %lld is in the table or "
                    "committed",
                    (long long)batch,
                    (long long)batch);
    }
}

static void offsets_published(struct checks *checks,
                              const struct sim_process *by,
                              int64_t batch,
                              struct bytes content)
{
    struct check_query *query = checks_current(checks);
    const char *path = checkpoint_file(checks, "offsets", batch);
    if (query == NULL || batch > INT32_MAX) {
        checks_fail(checks, CHECK_OFFSETS_DENSE, "%s was written without metadata", path);
        return;
    }
    struct check_batch *record = batch_made(query, batch);
    uint64_t hash = hash_bytes(content.data, content.size);
    one_winner(checks, by, path, record->offsets_present);
    if (lands_below_purge(checks, by, query, batch)) {
        record->offsets_present = true;
        return;
    }
    offsets_once(checks, record, batch, hash);
    if (by != NULL) {
        offsets_dense(checks, query, batch);
    }
    record->offsets_present = true;
    if (record->known && record->offsets_hash == hash) {
        return;
    }
    if (record->ends == NULL) {
        record->ends = heap_alloc((checks->partition_count + 1) * sizeof *record->ends);
        record->begins = heap_alloc((checks->partition_count + 1) * sizeof *record->begins);
    }
    struct checkpoint_intent intent = {.partitions = -1};
    const char *error = checkpoint_offsets(content,
                                           oracle_topic(checks->oracle),
                                           checks->partition_count,
                                           &checks->scratch,
                                           record->ends,
                                           &intent);
    record->known = error == NULL;
    record->offsets_hash = hash;
    record->offsets_by = id_of(by);
    if (error != NULL) {
        checks_fail(checks, CHECK_ORACLE_RANGES, "%s: %s", path, error);
        return;
    }
    if (query->partitions == 0) { /* what its first offsets say holds for its whole life */
        query->partitions = intent.partitions;
        query->rocksdb = intent.rocksdb;
    }
    plan_ends(checks, query, batch);
    watermark_of_offsets(checks, query, batch, &intent);
}

static void commits_published(struct checks *checks,
                              const struct sim_process *by,
                              int64_t batch,
                              struct bytes content)
{
    struct check_query *query = checks_current(checks);
    const char *path = checkpoint_file(checks, "commits", batch);
    if (query == NULL || batch > INT32_MAX) {
        checks_fail(checks, CHECK_COMMITS_FOLLOW, "%s was written without metadata", path);
        return;
    }
    struct check_batch *record = batch_made(query, batch);
    one_winner(checks, by, path, record->commit_present);
    record->commit_present = true;
    record->commit_by = id_of(by);
    int64_t next_watermark_ms = 0;
    const char *error = checkpoint_commit(content, &next_watermark_ms);
    bool restored = by == NULL;
    if (restored || lands_below_purge(checks, by, query, batch)) {
        return;
    }
    checks_count(checks, CHECK_COMMITS_FOLLOW);
    if (error != NULL) {
        checks_fail(checks, CHECK_COMMITS_FOLLOW, "%s: %s", path, error);
    } else if (!record->offsets_present) {
        checks_fail(checks,
                    CHECK_COMMITS_FOLLOW,
                    "commits/%lld was written without offsets/%lld",
                    (long long)batch,
                    (long long)batch);
    } else if (sink_version_of(checks, checks->current, batch, 0) < 0) {
        checks_fail(checks,
                    CHECK_COMMITS_FOLLOW,
                    "commits/%lld was written, but no version of the table has txn (%s, %lld)",
                    (long long)batch,
                    query->id,
                    (long long)batch);
    } else {
        state_before_commit(checks, query, batch, path);
        watermark_of_commit(checks, query, batch, next_watermark_ms);
    }
}

static void written_by(struct checks *checks, const struct sim_process *by)
{
    for (size_t i = 0; i < CHECK_DRIVERS && by != NULL; i++) {
        if (checks->drivers[i].process != by->process.id) {
            checks->drivers[i].alone = false;
        }
    }
}

void checkpoint_published(struct checks *checks,
                          const struct sim_process *by,
                          const char *path,
                          struct bytes content)
{
    int64_t batch = -1;
    enum checkpoint_kind kind = checkpoint_path(checks->checkpoint, path, &batch);
    if (kind != CHECKPOINT_OTHER) {
        written_by(checks, by);
    }
    switch (kind) {
    case CHECKPOINT_METADATA:
        metadata_published(checks, by, path, content);
        break;
    case CHECKPOINT_SOURCES:
        sources_published(checks, by, path, content);
        break;
    case CHECKPOINT_OFFSETS:
        offsets_published(checks, by, batch, content);
        break;
    case CHECKPOINT_COMMITS:
        commits_published(checks, by, batch, content);
        break;
    case CHECKPOINT_OTHER:
        break;
    }
}

/* ---- what is reported done */

static void durable(struct checks *checks, const char *what, int64_t batch, const char *path)
{
    checks_count(checks, CHECK_ACKED_DURABLE);
    if (!checks_durable(checks, path)) {
        checks_fail(checks,
                    CHECK_ACKED_DURABLE,
                    "%s of batch %lld was reported, but a crash of all machines now would take %s",
                    what,
                    (long long)batch,
                    path);
    }
}

static void
reporter_is_writer(struct checks *checks, const struct trace_record *record, uint32_t writer)
{
    checks_count(checks, CHECK_ONE_WINNER);
    if (writer != 0 && writer != record->process) {
        checks_fail(checks,
                    CHECK_ONE_WINNER,
                    "%s (process %u) reports %s of batch %lld, which process %u wrote: the loser "
                    "must stop",
                    record->process_name,
                    record->process,
                    trace_kind_name(record->kind),
                    (long long)record->batch,
                    writer);
    }
}

/* Whoever was overtaken has to notice before it reports. */
static void above_purge(struct checks *checks, const struct trace_record *record)
{
    const struct check_query *query = checks_current(checks);
    checks_count(checks, CHECK_ONE_WINNER);
    if (query != NULL && record->batch < query->floor) {
        checks_fail(
            checks,
            CHECK_ONE_WINNER,
            "%s (process %u) reports %s of batch %lld, which is purged (below %lld): it was "
            "overtaken and must stop",
            record->process_name,
            record->process,
            trace_kind_name(record->kind),
            (long long)record->batch,
            (long long)query->floor);
    }
}

static void offsets_reported(struct checks *checks, const struct trace_record *record)
{
    above_purge(checks, record);
    const struct check_batch *batch = query_batch(checks_current(checks), record->batch);
    durable(checks,
            "offsets-written",
            record->batch,
            checkpoint_file(checks, "offsets", record->batch));
    durable(checks,
            "offsets-written",
            record->batch,
            arena_printf(&checks->scratch, "%s/metadata", checks->checkpoint));
    durable(checks,
            "offsets-written",
            record->batch,
            arena_printf(&checks->scratch, "%s/sources/0/0", checks->checkpoint));
    if (batch != NULL) {
        reporter_is_writer(checks, record, batch->offsets_by);
    }
}

/* What is there now is what was published first. */
static void same_offsets(struct checks *checks, const struct check_batch *record, int64_t batch)
{
    struct bytes content;
    const char *path = checkpoint_file(checks, "offsets", batch);
    bool there = checks_look(checks, path, &content);
    checks_count(checks, CHECK_OFFSETS_ONCE);
    bool same = there && hash_bytes(content.data, content.size) == record->offsets_hash;
    if (!same && !checks_is_damaged(checks, path)) {
        checks_fail(checks,
                    CHECK_OFFSETS_ONCE,
                    "%s %s when batch %lld was committed",
                    path,
                    there ? "has other bytes than at first" : "is not there",
                    (long long)batch);
    }
}

/* commits/N is the same bytes whoever writes it (Spark's format names no writer): whose it is
 * cannot be told by a writer whose answer was lost. It loses at offsets/N+1, which names a time. */
static bool answers_get_lost(const struct checks *checks)
{
    const struct fault_plan *script = &checks->scenario->script;
    for (size_t i = 0; i < script->count; i++) {
        if (script->events[i].verb == FAULT_LOST_REPLY) {
            return true;
        }
    }
    return false;
}

/* With commits/N written nobody will run batch N again: all of it must outlive any crash. */
static void commit_reported(struct checks *checks, const struct trace_record *record)
{
    above_purge(checks, record);
    const struct check_batch *batch = query_batch(checks_current(checks), record->batch);
    int64_t version = sink_version_of(checks, checks->current, record->batch, 0);
    durable(
        checks, "commit-written", record->batch, checkpoint_file(checks, "commits", record->batch));
    durable(
        checks, "commit-written", record->batch, checkpoint_file(checks, "offsets", record->batch));
    if (version >= 0) {
        durable(checks,
                "commit-written",
                record->batch,
                table_commit_path(&checks->scratch, checks->table, version));
    }
    if (batch != NULL && batch->known) {
        same_offsets(checks, batch, record->batch);
        if (!answers_get_lost(checks)) {
            reporter_is_writer(checks, record, batch->commit_by);
        }
    }
}

void checkpoint_event(struct checks *checks, const struct trace_record *record)
{
    if (record->kind == (int)EVENT_OFFSETS_WRITTEN) {
        offsets_reported(checks, record);
    } else if (record->kind == (int)EVENT_COMMIT_WRITTEN) {
        commit_reported(checks, record);
    } else if (record->kind == (int)EVENT_PURGED) {
        checkpoint_purged(checks, record);
    }
}
