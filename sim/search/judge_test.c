/* What a simulated run leaves behind is judged as good; with one thing damaged it is bad, by the
 * check that is about it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/document.h"
#include "engine/base/heap.h"
#include "sim/search/judge.h"
#include "sim/search/run.h"

enum { PARTITIONS = 2, FILES_MAX = 400, RECORDS = 200 };

struct folder {
    struct judge_file files[FILES_MAX];
    size_t count;
};

static struct arena arena;
static struct folder checkpoint;
static struct folder table;
static struct bytes values[PARTITIONS][RECORDS];
static struct judge_partition partitions[PARTITIONS];
static struct judge_input input;
static struct judge_verdict verdict;
static struct diag diag;

static void keep_file(void *context, const char *path, struct bytes content)
{
    struct folder *folder = context;
    cr_assert(lt(sz, folder->count, FILES_MAX));
    folder->files[folder->count++] =
        (struct judge_file){arena_strdup(&arena, path),
                            bytes_of(arena_copy(&arena, content.data, content.size), content.size)};
}

/* Nothing is to be purged. */
static const struct option_override *retaining(const struct option_override *set)
{
    size_t count = 0;
    while (set[count].name != NULL) {
        count++;
    }
    struct option_override *more = arena_alloc(&arena, (count + 2) * sizeof *more);
    memcpy(more, set, count * sizeof *more);
    more[count] = (struct option_override){"spark.sql.streaming.minBatchesToRetain", "100"};
    more[count + 1] = (struct option_override){NULL, NULL};
    return more;
}

static void run(const char *file)
{
    struct scenario *scenario = NULL;
    document_setup();
    cr_assert(eq(int, scenario_load(&arena, file, NULL, &scenario, &diag), OK), "%s", diag.text);
    scenario->set = retaining(scenario->set);
    struct run_result *result = heap_alloc(sizeof *result);
    struct run_options options = {.checks = true,
                                  .checkpoint_file = keep_file,
                                  .checkpoint_context = &checkpoint,
                                  .table_file = keep_file,
                                  .table_context = &table};
    run_scenario(scenario, 0, &options, result);
    cr_assert(result->pass, "%s: %s", result->failed_check, result->evidence);
    heap_free(result);
    const struct workload_config *workload = &scenario->workloads[0];
    cr_assert(eq(i64, workload->records, RECORDS));
    for (size_t i = 0; i < RECORDS; i++) {
        values[i % PARTITIONS][i / PARTITIONS] = workload->lines[i];
    }
    for (size_t p = 0; p < PARTITIONS; p++) {
        partitions[p] = (struct judge_partition){values[p], RECORDS / PARTITIONS};
    }
    input = (struct judge_input){.pipeline_file = scenario->pipeline_file,
                                 .pipeline = scenario->pipeline,
                                 .set = scenario->set,
                                 .checkpoint = {checkpoint.files, checkpoint.count},
                                 .table = {table.files, table.count},
                                 .partitions = partitions,
                                 .partition_count = PARTITIONS};
}

static void judge_files(void)
{
    input.checkpoint.count = checkpoint.count;
    input.table.count = table.count;
    enum status status = judge(&input, &verdict, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
}

static void drop(void)
{
    arena_free(&arena);
}

static struct judge_file *found(struct folder *folder, const char *path)
{
    for (size_t i = 0; i < folder->count; i++) {
        if (strcmp(folder->files[i].path, path) == 0) {
            return &folder->files[i];
        }
    }
    cr_fatal("%s is not there", path);
    return NULL;
}

static void lose(struct folder *folder, const char *path)
{
    *found(folder, path) = folder->files[--folder->count];
}

static void cut(struct folder *folder, const char *path)
{
    found(folder, path)->content.size /= 2;
}

/* `path` gets the bytes of `from`. */
static void mistake(struct folder *folder, const char *path, const char *from)
{
    found(folder, path)->content = found(folder, from)->content;
}

static const char *version_path(int version)
{
    return arena_printf(&arena, "_delta_log/%020d.json", version);
}

static int last_version(void)
{
    int last = -1;
    for (size_t i = 0; i < table.count; i++) {
        last += strncmp(table.files[i].path, "_delta_log/", 11) == 0;
    }
    return last;
}

/* The name of a data file that a version adds, and where it stands in the commit. */
static const char *added(int version, const char **at)
{
    struct bytes content = found(&table, version_path(version))->content;
    const char *text = arena_printf(&arena, "%.*s", (int)content.size, (const char *)content.data);
    const char *start = strstr(text, "{\"add\":");
    cr_assert(start != NULL);
    const char *name = strstr(start, "part-");
    cr_assert(name != NULL);
    *at = start;
    return arena_printf(&arena, "%.*s", (int)(strchr(name, '"') - name), name);
}

static void replace_text(struct judge_file *file, const char *old, const char *new)
{
    const char *text =
        arena_printf(&arena, "%.*s", (int)file->content.size, (const char *)file->content.data);
    const char *at = strstr(text, old);
    cr_assert(at != NULL, "%s is not in %s", old, file->path);
    file->content = bytes_of_text(
        arena_printf(&arena, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old)));
}

static void good(void)
{
    judge_files();
    cr_assert(verdict.pass, "%s: %s", verdict.failed_check, verdict.evidence);
}

static void bad(enum check_id check)
{
    judge_files();
    cr_assert(not(verdict.pass));
    cr_assert(eq(str, verdict.failed_check, check_name(check)), "%s", verdict.evidence);
    cr_assert(eq(int, verdict.checks[check].result, JUDGE_FAILED));
    for (size_t i = 0; i < CHECK_COUNT; i++) {
        cr_assert(ne(int, verdict.checks[i].result, JUDGE_PASSED), "beside one that failed");
    }
}

static void stateless(void)
{
    run("scenarios/driver-crash-after-sink-commit.json");
}

static void stateful(void)
{
    run("scenarios/stateful-driver-crash-after-sink-commit.json");
}

/* ---- good -------------------------------------------------------------------------------------
 */

static const enum check_id of_any[] = {CHECK_OFFSETS_DENSE,
                                       CHECK_COMMITS_FOLLOW,
                                       CHECK_SINK_ONCE,
                                       CHECK_DELTA_DENSE,
                                       CHECK_FILES_WHOLE,
                                       CHECK_READER_WHOLE,
                                       CHECK_DELIVERED_ONCE,
                                       CHECK_ORACLE_RANGES,
                                       CHECK_ORACLE_ROWS};
static const enum check_id of_state[] = {
    CHECK_WATERMARK, CHECK_STATE_BEFORE_COMMIT, CHECK_STATE_ROWS, CHECK_STATE_PARTITION};

static void all_passed(const enum check_id *checks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cr_assert(
            eq(int, verdict.checks[checks[i]].result, JUDGE_PASSED), "%s", check_name(checks[i]));
    }
}

Test(judge, a_stateless_query_is_good, .init = stateless, .fini = drop, .timeout = 60)
{
    good();
    all_passed(of_any, sizeof of_any / sizeof *of_any);
    cr_assert(eq(int, verdict.checks[CHECK_STATE_ROWS].result, JUDGE_NEVER_RAN));
    cr_assert(eq(int, verdict.checks[CHECK_ONE_WINNER].result, JUDGE_NEEDS_WITNESS));
    cr_assert(eq(i64, verdict.unread, 0));
    cr_assert(gt(i64, verdict.rows, 0));
    cr_assert(gt(i64, verdict.batches, 3));
}

Test(judge, a_stateful_query_is_good, .init = stateful, .fini = drop, .timeout = 60)
{
    good();
    all_passed(of_any, sizeof of_any / sizeof *of_any);
    all_passed(of_state, sizeof of_state / sizeof *of_state);
}

/* ---- the records ------------------------------------------------------------------------------
 */

Test(judge, a_record_that_nobody_read, .init = stateless, .fini = drop, .timeout = 60)
{
    values[1][RECORDS / PARTITIONS] = bytes_of_text("{}");
    partitions[1].count++;
    bad(CHECK_ORACLE_RANGES);
    cr_assert(eq(i64, verdict.unread, 1));
    input.partial = true;
    good();
    cr_assert(eq(i64, verdict.unread, 1));
}

Test(judge, a_record_that_was_never_there, .init = stateless, .fini = drop, .timeout = 60)
{
    partitions[0].count--;
    bad(CHECK_ORACLE_RANGES);
}

Test(judge, a_partition_that_was_never_there, .init = stateless, .fini = drop, .timeout = 60)
{
    input.partition_count = 1;
    bad(CHECK_ORACLE_RANGES);
}

Test(judge, another_value, .init = stateless, .fini = drop, .timeout = 60)
{
    struct judge_file value = {.path = "a record", .content = values[0][1]};
    replace_text(&value, "\"delay\":", "\"delay\":1");
    values[0][1] = value.content;
    bad(CHECK_ORACLE_ROWS);
}

/* ---- the checkpoint ---------------------------------------------------------------------------
 */

Test(judge, a_hole_in_offsets, .init = stateless, .fini = drop, .timeout = 60)
{
    lose(&checkpoint, "offsets/2");
    bad(CHECK_COMMITS_FOLLOW); /* of version 2, which comes before offsets/3 */
}

Test(judge, a_hole_behind_the_last_batch, .init = stateless, .fini = drop, .timeout = 60)
{
    int last = last_version();
    keep_file(&checkpoint,
              arena_printf(&arena, "offsets/%d", last + 2),
              found(&checkpoint, arena_printf(&arena, "offsets/%d", last))->content);
    bad(CHECK_OFFSETS_DENSE);
}

Test(judge, offsets_that_go_back, .init = stateless, .fini = drop, .timeout = 60)
{
    mistake(&checkpoint, "offsets/2", "offsets/0");
    bad(CHECK_ORACLE_RANGES);
}

Test(judge, offsets_of_a_shorter_batch, .init = stateless, .fini = drop, .timeout = 60)
{
    mistake(&checkpoint, "offsets/2", "offsets/1");
    bad(CHECK_ORACLE_ROWS);
}

Test(judge, a_commit_without_a_version, .init = stateless, .fini = drop, .timeout = 60)
{
    lose(&table, version_path(last_version()));
    bad(CHECK_COMMITS_FOLLOW);
}

Test(judge, a_last_batch_without_commit, .init = stateless, .fini = drop, .timeout = 60)
{
    lose(&checkpoint, arena_printf(&arena, "commits/%d", last_version()));
    bad(CHECK_ORACLE_RANGES);
}

Test(judge, purged_offsets_are_refused, .init = stateless, .fini = drop, .timeout = 60)
{
    lose(&checkpoint, "offsets/0");
    lose(&checkpoint, "offsets/1");
    input.checkpoint.count = checkpoint.count;
    cr_assert(eq(int, judge(&input, &verdict, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "PURGED"));
    cr_assert(strstr(diag.text, "minBatchesToRetain") != NULL, "%s", diag.text);
}

Test(judge, no_checkpoint_is_refused, .init = stateless, .fini = drop, .timeout = 60)
{
    lose(&checkpoint, "metadata");
    input.checkpoint.count = checkpoint.count;
    cr_assert(eq(int, judge(&input, &verdict, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "NOT_A_CHECKPOINT"));
}

/* ---- the table --------------------------------------------------------------------------------
 */

Test(judge, lost_rows, .init = stateless, .fini = drop, .timeout = 60)
{
    const char *add = NULL;
    (void)added(2, &add);
    const char *line = arena_printf(&arena, "%.*s", (int)strcspn(add, "\n"), add);
    replace_text(found(&table, version_path(2)), line, "{\"commitInfo\":{}}");
    bad(CHECK_ORACLE_ROWS);
}

Test(judge, repeated_rows, .init = stateless, .fini = drop, .timeout = 60)
{
    const char *add = NULL;
    const char *name = added(2, &add);
    keep_file(&table, "part-again.parquet", found(&table, name)->content);
    struct judge_file line = {.path = name, .content = bytes_of_text(add)};
    line.content.size = strcspn(add, "\n");
    replace_text(&line, name, "part-again.parquet");
    struct judge_file *version = found(&table, version_path(2));
    replace_text(
        version,
        "{\"add\":",
        arena_printf(
            &arena, "%.*s\n{\"add\":", (int)line.content.size, (const char *)line.content.data));
    bad(CHECK_DELIVERED_ONCE);
}

Test(judge, a_repeated_commit, .init = stateless, .fini = drop, .timeout = 60)
{
    keep_file(&table, version_path(last_version() + 1), found(&table, version_path(3))->content);
    bad(CHECK_SINK_ONCE);
}

Test(judge, a_foreign_commit, .init = stateless, .fini = drop, .timeout = 60)
{
    keep_file(&table, version_path(last_version() + 1), found(&table, version_path(3))->content);
    replace_text(found(&table, version_path(last_version())), "\"appId\":\"", "\"appId\":\"x");
    bad(CHECK_READER_WHOLE);
}

Test(judge, a_missing_version, .init = stateless, .fini = drop, .timeout = 60)
{
    lose(&table, version_path(2));
    lose(&checkpoint, "commits/2"); /* else that is found first */
    bad(CHECK_DELTA_DENSE);
}

Test(judge, a_cut_version, .init = stateless, .fini = drop, .timeout = 60)
{
    cut(&table, version_path(2));
    bad(CHECK_READER_WHOLE);
}

Test(judge, a_missing_data_file, .init = stateless, .fini = drop, .timeout = 60)
{
    const char *add = NULL;
    lose(&table, added(2, &add));
    bad(CHECK_FILES_WHOLE);
}

Test(judge, a_cut_data_file, .init = stateless, .fini = drop, .timeout = 60)
{
    const char *add = NULL;
    cut(&table, added(2, &add));
    bad(CHECK_FILES_WHOLE);
}

/* ---- the state --------------------------------------------------------------------------------
 */

Test(judge, a_missing_state_delta, .init = stateful, .fini = drop, .timeout = 60)
{
    lose(&checkpoint, "state/0/1/3.delta");
    bad(CHECK_STATE_BEFORE_COMMIT);
}

Test(judge, a_cut_state_delta, .init = stateful, .fini = drop, .timeout = 60)
{
    cut(&checkpoint, "state/0/1/3.delta");
    bad(CHECK_STATE_BEFORE_COMMIT);
}

Test(judge, wrong_state_rows, .init = stateful, .fini = drop, .timeout = 60)
{
    mistake(&checkpoint, "state/0/1/3.delta", "state/0/1/2.delta");
    bad(CHECK_STATE_ROWS);
}

Test(judge, state_in_another_partition, .init = stateful, .fini = drop, .timeout = 60)
{
    mistake(&checkpoint, "state/0/1/3.delta", "state/0/0/3.delta");
    bad(CHECK_STATE_PARTITION);
}

Test(judge, a_wrong_snapshot, .init = stateful, .fini = drop, .timeout = 60)
{
    keep_file(
        &checkpoint, "state/0/1/4.snapshot", found(&checkpoint, "state/0/1/2.delta")->content);
    bad(CHECK_SNAPSHOT_REPLAY);
}

Test(judge, a_wrong_watermark, .init = stateful, .fini = drop, .timeout = 60)
{
    replace_text(
        found(&checkpoint, "commits/3"), "\"nextBatchWatermarkMs\":", "\"nextBatchWatermarkMs\":1");
    bad(CHECK_WATERMARK);
}
