#include "engine/driver/recovery.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/failpoint.h"
#include "engine/base/units.h"
#include "engine/checkpoint/metadata_log.h"
#include "engine/driver/offset_conf.h"

/* ---- the decision --------------------------------------------------------------------------- */

static int64_t latest(const struct log_ids *log)
{
    return log->count == 0 ? -1 : log->ids[log->count - 1];
}

static enum status refuse(struct diag *diag, const char *path, const char *what)
{
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", path);
    }
    return diag_fail(diag, "CHECKPOINT_INCONSISTENT", "%s", what);
}

/* Every id that is not below `floor` and stands between two others must be there. */
static enum status check_dense(const struct recovery_logs *logs,
                               const char *name,
                               const struct log_ids *log,
                               struct diag *diag)
{
    int64_t floor = latest(&logs->offsets) - logs->retained;
    for (size_t i = 1; i < log->count; i++) {
        int64_t missing = log->ids[i - 1] + 1;
        require(log->ids[i] >= missing);
        missing = missing < floor ? floor : missing;
        if (missing < log->ids[i]) {
            char path[256];
            char text[512];
            (void)snprintf(path, sizeof path, "%s/%s/%" PRId64, logs->checkpoint, name, missing);
            (void)snprintf(text,
                           sizeof text,
                           "batch %" PRId64 " doesn't exist in %s: the log has %" PRId64
                           " and %" PRId64 ", so what lies between cannot be known to be in the "
                           "table. Restore %s/%" PRId64 " from a copy, or start with a new "
                           "checkpointLocation",
                           missing,
                           name,
                           log->ids[i - 1],
                           log->ids[i],
                           name,
                           missing);
            return refuse(diag, path, text);
        }
    }
    return OK;
}

static enum status
refuse_commits_ahead(const char *checkpoint, int64_t offset, int64_t commit, struct diag *diag)
{
    char path[256];
    char text[512];
    (void)snprintf(path, sizeof path, "%s/commits/%" PRId64, checkpoint, commit);
    (void)snprintf(text,
                   sizeof text,
                   "commits are ahead of offsets: commits/%" PRId64 " exists, offsets end at "
                   "%" PRId64 " (-1: there are none). A commit is written after its offsets, so "
                   "offsets were lost. Restore offsets/%" PRId64 " from a copy, or start with a "
                   "new checkpointLocation",
                   commit,
                   offset,
                   commit);
    return refuse(diag, path, text);
}

static enum status
refuse_commits_behind(const char *checkpoint, int64_t offset, int64_t commit, struct diag *diag)
{
    char path[256];
    char text[512];
    (void)snprintf(path, sizeof path, "%s/commits/%" PRId64, checkpoint, commit + 1);
    (void)snprintf(text,
                   sizeof text,
                   "commits end at %" PRId64 " (-1: there are none), offsets at %" PRId64 ": a "
                   "batch is planned only after the one before is committed, so commits %" PRId64
                   " to %" PRId64 " were lost and their output cannot be known to be in the "
                   "table. Restore them from a copy, or start with a new checkpointLocation",
                   commit,
                   offset,
                   commit + 1,
                   offset - 1);
    return refuse(diag, path, text);
}

static enum status refuse_no_predecessor(const char *checkpoint, int64_t offset, struct diag *diag)
{
    char path[256];
    char text[512];
    (void)snprintf(path, sizeof path, "%s/offsets/%" PRId64, checkpoint, offset - 1);
    (void)snprintf(text,
                   sizeof text,
                   "batch %" PRId64 " doesn't exist: offsets/%" PRId64 " is there and says where "
                   "batch %" PRId64 " ends, but not where it begins. Restore offsets/%" PRId64
                   " from a copy, or start with a new checkpointLocation",
                   offset - 1,
                   offset,
                   offset,
                   offset - 1);
    return refuse(diag, path, text);
}

enum status recovery_decide(const struct recovery_logs *logs,
                            struct recovery_decision *decision,
                            struct diag *diag)
{
    require(logs->retained >= 1);
    int64_t offset = latest(&logs->offsets);
    int64_t commit = latest(&logs->commits);
    if (commit > offset) {
        return refuse_commits_ahead(logs->checkpoint, offset, commit, diag);
    }
    TRY(check_dense(logs, "offsets", &logs->offsets, diag));
    TRY(check_dense(logs, "commits", &logs->commits, diag));
    if (offset > 0 && logs->offsets.count < 2) {
        return refuse_no_predecessor(logs->checkpoint, offset, diag);
    }
    if (commit < offset - 1) {
        return refuse_commits_behind(logs->checkpoint, offset, commit, diag);
    }
    *decision = (struct recovery_decision){.kind = RECOVERY_NEW};
    if (offset >= 0) {
        bool done = commit == offset;
        decision->kind = done ? RECOVERY_NEXT : RECOVERY_RERUN;
        decision->batch = done ? offset + 1 : offset;
    }
    return OK;
}

enum status recovery_check_watermarks(const char *path,
                                      int64_t before_ms,
                                      int64_t watermark_ms,
                                      struct diag *diag)
{
    char text[512];
    if (before_ms >= 0 && watermark_ms >= before_ms && watermark_ms <= INT64_MAX / US_PER_MS) {
        return OK;
    }
    (void)snprintf(text,
                   sizeof text,
                   "the watermark is %" PRId64 " ms after %" PRId64 " in the batch before: it "
                   "begins at 0, never goes back and is the time of an event, so one of the two "
                   "files is not what was written. Restore it from a copy, or start with a new "
                   "checkpointLocation",
                   watermark_ms,
                   before_ms);
    return refuse(diag, path, text);
}

/* ---- reading -------------------------------------------------------------------------------- */

static enum status
fail_read(const char *path, enum status status, const char *verb, struct diag *diag)
{
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", path);
    }
    return diag_fail(diag,
                     "CHECKPOINT_READ_FAILED",
                     "cannot %s %s: %s. Make the checkpointLocation readable, then start the "
                     "query again: nothing was changed",
                     verb,
                     path,
                     status_text(status));
}

static enum status read_file(struct query *query,
                             struct arena *arena,
                             const char *path,
                             struct bytes *content,
                             struct diag *diag)
{
    enum status status = store_get(query->store, path, arena, content);
    return status == OK ? OK : fail_read(path, status, "read", diag);
}

/* The entry of `batch` in the offset log, and the ends it names. */
static enum status read_offsets(struct query *query,
                                int64_t batch,
                                struct offset_log_entry *entry,
                                struct offsets *ends,
                                struct diag *diag)
{
    struct arena *arena = &query->arena;
    const char *path = arena_printf(arena, "%s/%" PRId64, query->offsets_log, batch);
    struct bytes content = {0};
    TRY(read_file(query, arena, path, &content, diag));
    TRY(offset_log_decode(arena, path, content, entry, diag));
    if (offsets_parse(arena, bytes_of_text(entry->sources), ends, diag) != OK) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", path);
        return ERR_FAILED;
    }
    if (strcmp(ends->topic, query->plan->topic) != 0) {
        char text[512];
        (void)snprintf(text,
                       sizeof text,
                       "the checkpoint is of topic \"%s\", the query subscribes to \"%s\". "
                       "Subscribe to the former, or start with a new checkpointLocation",
                       ends->topic,
                       query->plan->topic);
        return refuse(diag, path, text);
    }
    return OK;
}

static enum status
list_log(struct query *query, const char *directory, struct log_ids *log, struct diag *diag)
{
    int64_t *ids = NULL;
    enum status status =
        metadata_log_list(query->store, directory, &query->arena, &ids, &log->count);
    log->ids = ids;
    return status == OK ? OK : fail_read(directory, status, "list", diag);
}

static enum status sync_log(struct query *query, const char *directory, struct diag *diag)
{
    enum status status = store_sync_directory(query->store, directory);
    return status == OK ? OK : fail_read(directory, status, "make durable what is in", diag);
}

/* Batch 0 runs again from its recorded start: startingOffsets is not asked again, Kafka may answer
 * otherwise by now. The source wrote sources/0/0 before offsets/0, so it must be there. */
static enum status read_initial(struct query *query, struct diag *diag)
{
    struct arena *arena = &query->arena;
    const char *path = store_path(arena, query->plan->options.checkpoint_location, "sources/0/0");
    struct bytes content = {0};
    enum status status = store_get(query->store, path, arena, &content);
    if (status == ERR_NOT_FOUND) {
        return refuse(diag,
                      path,
                      "offsets/0 exists, but sources/0/0, which says where batch 0 begins, does "
                      "not. Restore it from a copy, or start with a new checkpointLocation");
    }
    if (status != OK) {
        return fail_read(path, status, "read", diag);
    }
    status = kafka_initial_offsets(
        query->ports, query->store, query->plan, arena, &query->position, diag);
    return status == OK || diag->set ? status : fail_read(path, status, "read", diag);
}

/* The position and the watermarks from the newest entries of offsets. */
static enum status restore_offsets(struct query *query,
                                   const struct recovery_decision *decision,
                                   int64_t newest,
                                   struct diag *diag)
{
    struct offset_log_entry entry = {0};
    struct offsets ends = {0};
    const char *path = arena_printf(&query->arena, "%s/%" PRId64, query->offsets_log, newest);
    TRY(read_offsets(query, newest, &entry, &ends, diag));
    TRY(recovery_check_watermarks(path, 0, entry.batch_watermark_ms, diag));
    query->watermark_ms = entry.batch_watermark_ms;
    query->late_ms = entry.batch_watermark_ms; /* of the next batch */
    query->timestamp_ms = entry.batch_timestamp_ms;
    query->conf = strcmp(entry.conf, "{}") == 0 ? NULL : entry.conf;
    if (decision->kind == RECOVERY_NEXT) {
        query->position = ends;
        return OK;
    }
    query->planned = ends;
    query->late_ms = 0;
    if (newest == 0) {
        return read_initial(query, diag);
    }
    TRY(read_offsets(query, newest - 1, &entry, &query->position, diag));
    query->late_ms = entry.batch_watermark_ms;
    return recovery_check_watermarks(path, query->late_ms, query->watermark_ms, diag);
}

/* The watermark never goes back: the later of what offsets/O and commits/O say. */
static enum status restore_watermark(struct query *query, int64_t batch, struct diag *diag)
{
    const char *path = arena_printf(&query->arena, "%s/%" PRId64, query->commits_log, batch);
    struct bytes content = {0};
    int64_t next_ms = 0;
    TRY(read_file(query, &query->arena, path, &content, diag));
    TRY(commit_log_decode(&query->arena, path, content, &next_ms, diag));
    if (next_ms > query->watermark_ms) {
        query->watermark_ms = next_ms;
    }
    return recovery_check_watermarks(path, query->late_ms, query->watermark_ms, diag);
}

static void trace(struct query *query, enum engine_event event, int64_t batch, int64_t a)
{
    const char *text = event == EVENT_QUERY_STARTED ? query->id : NULL;
    trace_event(&query->ports->trace,
                &(struct trace_entry){.kind = (int)event, .batch = batch, .a = a, .text = text});
}

/* As Spark's OffsetSeqMetadata.setSessionConf warns. */
static void
tell_kept(struct query *query, const char *name, const char *asked, const char *recorded)
{
    const char *text =
        arena_printf(&query->arena, "%s stays %s, %s was asked for", name, recorded, asked);
    trace_event(&query->ports->trace,
                &(struct trace_entry){.kind = EVENT_CONF_KEPT, .batch = -1, .text = text});
}

/* The provider that the checkpoint began with, for this driver and for its executors, which compile
 * the plan themselves. Another one would find none of its own files, and begin with nothing. */
static enum status
keep_provider(struct query *query, enum state_provider_kind provider, struct diag *diag)
{
    static const char name[] = "spark.sql.streaming.stateStore.providerClass";
    struct options *options = &query->plan->options;
    if (options->state_provider == provider) {
        return OK;
    }
    const char *recorded = options_provider_class(provider);
    tell_kept(query, name, options_provider_class(options->state_provider), recorded);
    size_t count = 0;
    while (query->overrides != NULL && query->overrides[count].name != NULL) {
        count++;
    }
    struct option_override *all = arena_alloc(&query->arena, (count + 2) * sizeof *all);
    for (size_t i = 0; i < count; i++) {
        all[i] = query->overrides[i];
    }
    all[count] = (struct option_override){.name = name, .value = recorded};
    query->overrides = all;
    options->state_provider = provider;
    return options_check(options, diag);
}

/* A stateful query goes on with the provider and the partitions that its state has, whatever the
 * options say today. */
static enum status restore_conf(struct query *query, int64_t newest, struct diag *diag)
{
    const struct options *options = &query->plan->options;
    struct offset_conf recorded = {.partitions = options->shuffle_partitions,
                                   .provider = options->state_provider};
    if (query->plan->aggregation == NULL) {
        return OK;
    }
    if (newest >= 0) {
        const char *path = arena_printf(&query->arena, "%s/%" PRId64, query->offsets_log, newest);
        const char *conf = query->conf == NULL ? "{}" : query->conf;
        TRY(offset_conf_read(&query->arena, path, conf, &recorded, diag));
        TRY(keep_provider(query, recorded.provider, diag));
    }
    if (recorded.partitions != options->shuffle_partitions) {
        tell_kept(query,
                  "spark.sql.shuffle.partitions",
                  arena_printf(&query->arena, "%" PRId64, options->shuffle_partitions),
                  arena_printf(&query->arena, "%" PRId64, recorded.partitions));
    }
    query->partitions = recorded.partitions;
    require(query->partitions > 0);
    query->state_executors =
        arena_alloc(&query->arena, (size_t)query->partitions * sizeof *query->state_executors);
    return OK;
}

/* The query's id: the sink knows its batches by it. */
static enum status read_metadata(struct query *query, struct diag *diag)
{
    const char *checkpoint = query->plan->options.checkpoint_location;
    char fresh_id[UUID_TEXT_SIZE];
    bool created = false;
    random_uuid(&query->ports->random, "query-id", 0, 0, fresh_id);
    TRY(stream_metadata_get(
        query->store, checkpoint, fresh_id, &query->arena, query->id, &created, diag));
    failpoint(FP_RECOVERY_METADATA, -1);
    trace(query, EVENT_QUERY_STARTED, -1, 0);
    return OK;
}

static enum status read_logs(struct query *query, struct recovery_logs *logs, struct diag *diag)
{
    TRY(list_log(query, query->offsets_log, &logs->offsets, diag));
    failpoint(FP_RECOVERY_OFFSETS, latest(&logs->offsets));
    TRY(list_log(query, query->commits_log, &logs->commits, diag));
    failpoint(FP_RECOVERY_COMMITS, latest(&logs->commits));
    return OK;
}

static bool same_ids(const struct log_ids *a, const struct log_ids *b)
{
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->ids, b->ids, a->count * sizeof *a->ids) == 0);
}

/* The logs were refused. They are listed one after the other: another run that wrote in between
 * makes commits look ahead of offsets, and nothing is damaged then. Lists that still change say so,
 * and the refusal becomes what it is: two runs share a checkpoint. */
static enum status blame(struct query *query, const struct recovery_logs *logs, struct diag *diag)
{
    struct log_ids offsets = {0};
    struct log_ids commits = {0};
    TRY(list_log(query, query->offsets_log, &offsets, diag));
    TRY(list_log(query, query->commits_log, &commits, diag));
    if (same_ids(&logs->offsets, &offsets) && same_ids(&logs->commits, &commits)) {
        return ERR_FAILED;
    }
    *diag = (struct diag){0};
    (void)snprintf(diag->file, sizeof diag->file, "%s", query->offsets_log);
    return diag_fail(diag,
                     "CONCURRENT_STREAM_LOG_UPDATE",
                     "another run writes the checkpoint %s: its logs changed while this start read "
                     "them. Only one query at a time may use a checkpoint. Stop the other one, or "
                     "give this one a checkpointLocation of its own",
                     logs->checkpoint);
}

/* What was read may be visible and not yet durable, and batches will depend on it. */
static enum status make_durable(struct query *query, struct diag *diag)
{
    TRY(sync_log(query, query->offsets_log, diag));
    return sync_log(query, query->commits_log, diag);
}

enum status recovery_run(struct query *query, struct diag *diag)
{
    const struct options *options = &query->plan->options;
    struct recovery_decision decision = {0};
    struct recovery_logs logs = {.checkpoint = options->checkpoint_location,
                                 .retained = options->min_batches_to_retain};
    failpoint(FP_RECOVERY_BEGIN, -1);
    TRY(read_metadata(query, diag));
    TRY(read_logs(query, &logs, diag));
    if (recovery_decide(&logs, &decision, diag) != OK) {
        return blame(query, &logs, diag);
    }
    if (decision.kind != RECOVERY_NEW) {
        TRY(restore_offsets(query, &decision, latest(&logs.offsets), diag));
    }
    if (decision.kind == RECOVERY_NEXT) {
        TRY(restore_watermark(query, latest(&logs.commits), diag));
    }
    TRY(restore_conf(query, latest(&logs.offsets), diag));
    TRY(make_durable(query, diag));
    query->next_batch = decision.batch;
    query->rerun = decision.kind == RECOVERY_RERUN;
    failpoint(FP_RECOVERY_END, decision.batch);
    trace(query, EVENT_QUERY_RESUMED, decision.batch, (int64_t)decision.kind);
    return OK;
}
