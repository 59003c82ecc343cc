#include "sim/search/judge.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/document.h"
#include "engine/base/sort.h"
#include "sim/check/checkpoint_reader.h"
#include "sim/check/state_reader.h"
#include "sim/check/table_reader.h"

#define CHECKPOINT "/shared/checkpoint"
#define TABLE      "/shared/table"

const char *judge_needs(enum check_id check)
{
    static const char *const needs[CHECK_COUNT] = {
        [CHECK_OFFSETS_ONCE] = "what offsets/N held before",
        [CHECK_BATCH_TILES] = "what the driver said that it planned",
        [CHECK_ONE_WINNER] = "who wrote each file",
        [CHECK_PURGE_SAFE] = "what was removed, and when",
        [CHECK_ACKED_DURABLE] = "what was synced, and when",
        [CHECK_STATE_RETAINED] = "what was removed, and when",
        [CHECK_DAMAGE_DUTY] = "what the world damaged",
        [CHECK_CLEAN_DEATH] = "what dead processes held",
        [CHECK_LIVENESS] = "when each step was made",
    };
    require(check < CHECK_COUNT);
    return needs[check];
}

/* ---- the order in which the files were written ------------------------------------------------
 */

enum { BEFORE_ALL = -1 };

enum rank {
    RANK_METADATA,
    RANK_SOURCES,
    RANK_DATA, /* files of rows: nobody sees them before a commit names them */
    RANK_OFFSETS,
    RANK_STATE,
    RANK_VERSION,
    RANK_COMMITS
};

struct step {
    int64_t batch;
    enum rank rank;
    int64_t version; /* of the Delta log */
    const char *path;
    struct bytes content;
};

static int compare_steps(const void *left, const void *right)
{
    const struct step *a = left;
    const struct step *b = right;
    if (a->batch != b->batch) {
        return a->batch < b->batch ? -1 : 1;
    }
    if (a->rank != b->rank) {
        return a->rank < b->rank ? -1 : 1;
    }
    if (a->version != b->version) {
        return a->version < b->version ? -1 : 1;
    }
    return strcmp(a->path, b->path);
}

static int compare_versions(const void *left, const void *right)
{
    const struct step *a = left;
    const struct step *b = right;
    return a->version != b->version ? (a->version < b->version ? -1 : 1) : strcmp(a->path, b->path);
}

struct judging {
    const struct judge_input *input;
    struct arena arena;
    struct scenario scenario;
    struct topic_config topic;
    struct step *steps;
    size_t step_count;
    int64_t offsets_first; /* -1: none */
    int64_t offsets_last;
    bool metadata;
    struct kernel *kernel;
    struct fake_storage *storage;
    struct sim_process *writer;
};

/* A file of the checkpoint that no check knows stands among the data: it is there, and no more. */
static struct step checkpoint_step(struct judging *judging, const struct judge_file *file)
{
    struct step step = {.batch = BEFORE_ALL, .rank = RANK_DATA, .content = file->content};
    step.path = arena_printf(&judging->arena, CHECKPOINT "/%s", file->path);
    int64_t partition = -1;
    int64_t version = -1;
    switch (checkpoint_path(CHECKPOINT, step.path, &step.batch)) {
    case CHECKPOINT_METADATA:
        step.rank = RANK_METADATA;
        judging->metadata = true;
        break;
    case CHECKPOINT_SOURCES:
        step.rank = RANK_SOURCES;
        break;
    case CHECKPOINT_OFFSETS: {
        bool first = judging->offsets_first < 0 || step.batch < judging->offsets_first;
        judging->offsets_first = first ? step.batch : judging->offsets_first;
        judging->offsets_last =
            step.batch > judging->offsets_last ? step.batch : judging->offsets_last;
        step.rank = RANK_OFFSETS;
        break;
    }
    case CHECKPOINT_COMMITS:
        step.rank = RANK_COMMITS;
        break;
    case CHECKPOINT_OTHER:
        state_file_of(CHECKPOINT, step.path, &partition, &version);
        if (version >= 0) { /* an SST file has none: it stands among the data */
            step.rank = RANK_STATE;
            step.batch = version - 1;
        }
        break;
    }
    return step;
}

/* The batch of a version is its txn's; the next pass moves it behind the versions before it. */
static struct step table_step(struct judging *judging, const struct judge_file *file)
{
    struct step step = {.batch = BEFORE_ALL, .rank = RANK_DATA, .content = file->content};
    step.path = arena_printf(&judging->arena, TABLE "/%s", file->path);
    int64_t version = table_version_of(TABLE, step.path);
    if (version >= 0) {
        struct table_commit commit;
        const char *error = table_commit_read(file->content, version, &judging->arena, &commit);
        step.rank = RANK_VERSION;
        step.version = version;
        step.batch = error == NULL && commit.has_txn ? commit.txn_version : 0;
    }
    return step;
}

static void order_files(struct judging *judging)
{
    const struct judge_input *input = judging->input;
    size_t count = input->checkpoint.count + input->table.count;
    judging->steps = arena_alloc(&judging->arena, (count + 1) * sizeof *judging->steps);
    for (size_t i = 0; i < input->checkpoint.count; i++) {
        judging->steps[judging->step_count++] =
            checkpoint_step(judging, &input->checkpoint.files[i]);
    }
    struct step *versions = &judging->steps[judging->step_count];
    for (size_t i = 0; i < input->table.count; i++) {
        judging->steps[judging->step_count++] = table_step(judging, &input->table.files[i]);
    }
    sort_items(versions, input->table.count, sizeof *versions, compare_versions);
    int64_t batch = 0;
    for (size_t i = 0; i < input->table.count; i++) {
        if (versions[i].rank == RANK_VERSION) {
            batch = versions[i].batch > batch ? versions[i].batch : batch;
            versions[i].batch = batch;
        }
    }
    sort_items(judging->steps, judging->step_count, sizeof *judging->steps, compare_steps);
}

static enum status can_be_judged(const struct judging *judging, struct diag *diag)
{
    if (!judging->metadata || judging->offsets_first < 0) {
        return diag_fail(diag,
                         "NOT_A_CHECKPOINT",
                         "the checkpoint has no %s: expected one that a query has written",
                         judging->metadata ? "offsets/N" : "metadata");
    }
    if (judging->offsets_first > 0) {
        return diag_fail(diag,
                         "PURGED",
                         "the offsets of the first %" PRId64 " batches are purged: nobody can tell "
                         "what they read. Run the query with "
                         "spark.sql.streaming.minBatchesToRetain above the number of its batches",
                         judging->offsets_first);
    }
    return OK;
}

/* ---- the scenario -----------------------------------------------------------------------------
 */

/* The pipeline with its table in the world; it has compiled. */
static struct bytes moved_pipeline(struct judging *judging, struct diag *diag)
{
    const struct judge_input *input = judging->input;
    struct document document;
    enum status status = document_parse(&judging->arena,
                                        input->pipeline_file,
                                        input->pipeline,
                                        "INVALID_PIPELINE",
                                        &document,
                                        diag);
    require(status == OK);
    json_t *sink = json_object_get(document.root, "sink");
    int done = json_object_set_new(sink, "path", json_string(TABLE));
    require(done == 0);
    char *text = json_dumps(document.root, JSON_COMPACT);
    require(text != NULL);
    struct bytes moved = bytes_of(arena_copy(&judging->arena, text, strlen(text)), strlen(text));
    heap_free(text);
    document_free(&document);
    return moved;
}

static const struct option_override *moved_options(struct judging *judging)
{
    const struct option_override *set = judging->input->set;
    size_t count = 0;
    while (set != NULL && set[count].name != NULL) {
        count++;
    }
    struct option_override *moved = arena_alloc(&judging->arena, (count + 2) * sizeof *moved);
    for (size_t i = 0; i < count; i++) {
        moved[i] = set[i];
    }
    moved[count] = (struct option_override){"checkpointLocation", CHECKPOINT};
    moved[count + 1] = (struct option_override){NULL, NULL};
    return moved;
}

static enum status make_scenario(struct judging *judging, struct diag *diag)
{
    const struct judge_input *input = judging->input;
    struct plan *plan = NULL;
    TRY(plan_compile(
        &judging->arena, input->pipeline_file, input->pipeline, input->set, &plan, diag));
    judging->topic = (struct topic_config){
        .name = plan->topic,
        .partitions = (int32_t)input->partition_count,
        .replication_factor = 1,
        .min_insync_replicas = 1,
        .retention_ms = -1,
        .retention_bytes = -1,
        .segment_ms = INT64_MAX / 2,
        .segment_bytes = INT64_MAX / 2,
    };
    judging->scenario = (struct scenario){
        .file = input->pipeline_file,
        .name = "judged",
        .pipeline_file = input->pipeline_file,
        .pipeline = moved_pipeline(judging, diag),
        .set = moved_options(judging),
        .cluster = {.brokers = 1, .executors = 1, .storage = STORE_DISK},
        .topics = &judging->topic,
        .topic_count = 1,
    };
    TRY(plan_compile(&judging->arena,
                     input->pipeline_file,
                     judging->scenario.pipeline,
                     judging->scenario.set,
                     &plan,
                     diag));
    judging->scenario.plan = plan;
    return OK;
}

/* ---- the world --------------------------------------------------------------------------------
 */

static void write_files(void *argument)
{
    const struct judging *judging = argument;
    struct store *store = store_new(current_process->ports, STORE_DISK);
    for (size_t i = 0; i < judging->step_count; i++) {
        const struct step *step = &judging->steps[i];
        enum status status = store_put_new(store, step->path, step->content);
        require(status == OK);
    }
}

static void connect_writer(void *owner, struct sim_process *process)
{
    const struct judging *judging = owner;
    fake_storage_connect(judging->storage, process);
}

static bool writer_ended(void *context)
{
    const struct judging *judging = context;
    return judging->writer->state != SIM_ALIVE;
}

/* Small batches: history is looked up by batch, then record by record. */
static void append_records(const struct judging *judging, struct fake_broker *broker)
{
    enum { BATCH = 64 };
    for (size_t p = 0; p < judging->input->partition_count; p++) {
        const struct judge_partition *partition = &judging->input->partitions[p];
        for (size_t at = 0; at < partition->count; at += BATCH) {
            size_t left = partition->count - at;
            enum broker_error error =
                fake_broker_append(broker,
                                   &(struct fake_broker_batch){.partition = (int32_t)p,
                                                               .values = &partition->values[at],
                                                               .count = left < BATCH ? left : BATCH,
                                                               .stride = 1});
            require(error == BROKER_NONE);
        }
    }
}

static void collect(const struct checks *checks,
                    const struct violation *violation,
                    struct judge_verdict *verdict)
{
    for (size_t i = 0; i < CHECK_COUNT; i++) {
        enum check_id check = (enum check_id)i;
        uint64_t evaluations = checks_evaluations(checks, check);
        bool failed = violation->set && strcmp(violation->check, check_name(check)) == 0;
        verdict->checks[i].evaluations = evaluations;
        verdict->checks[i].result = failed                       ? JUDGE_FAILED
                                    : judge_needs(check) != NULL ? JUDGE_NEEDS_WITNESS
                                    : evaluations == 0           ? JUDGE_NEVER_RAN
                                    : violation->set             ? JUDGE_CUT_SHORT
                                                                 : JUDGE_PASSED;
    }
    if (violation->set) {
        (void)snprintf(verdict->failed_check, sizeof verdict->failed_check, "%s", violation->check);
        (void)snprintf(verdict->evidence, sizeof verdict->evidence, "%s", violation->evidence);
    }
    verdict->rows = checks_rows_out(checks);
    verdict->unread = checks_lag(checks);
    verdict->pass = !violation->set && checks_evaluations(checks, CHECK_ORACLE_ROWS) > 0;
}

static void run_world(struct judging *judging, struct judge_verdict *verdict)
{
    judging->kernel = kernel_new(&(struct kernel_config){.seed = 1});
    judging->storage = fake_storage_new(judging->kernel);
    uint32_t machine = kernel_machine_add(judging->kernel, "driver");
    struct fake_broker *broker =
        fake_broker_new(judging->kernel, &judging->scenario.cluster, &judging->topic, 1);
    struct checks *checks =
        checks_new(judging->kernel, &judging->scenario, judging->storage, broker, NULL);
    /* A "driver" to the checks. It starts on an empty topic: nobody knows what was there when the
     * query began, so `latest` may have meant any offset up to the end. */
    judging->writer = kernel_spawn(judging->kernel,
                                   &(struct sim_process_config){.role = ROLE_DRIVER,
                                                                .name = "driver",
                                                                .machine = machine,
                                                                .entry = write_files,
                                                                .argument = judging,
                                                                .owner = judging,
                                                                .connect = connect_writer});
    append_records(judging, broker);
    (void)kernel_run(judging->kernel, writer_ended, judging, INT64_MAX);
    const struct violation *violation = kernel_violation(judging->kernel);
    if (!violation->set && !judging->input->partial) {
        checks_end_caught_up(checks);
    }
    if (!violation->set) {
        checks_end(checks);
    }
    collect(checks, violation, verdict);
    kernel_free(judging->kernel);
}

enum status judge(const struct judge_input *input, struct judge_verdict *verdict, struct diag *diag)
{
    struct judging judging = {.input = input, .offsets_first = -1, .offsets_last = -1};
    *verdict = (struct judge_verdict){.pass = false};
    enum status status = make_scenario(&judging, diag);
    if (status == OK) {
        order_files(&judging);
        status = can_be_judged(&judging, diag);
    }
    if (status == OK) {
        verdict->batches = judging.offsets_last + 1;
        run_world(&judging, verdict);
    }
    arena_free(&judging.arena);
    return status;
}
