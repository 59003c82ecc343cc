/* Checkpoints as anybody writes them: what the golden checkpoints of Spark's own tests (2.1.0 to
 * 4.0.0) show, when they stand beside the project, and what a small damaged one does. */
#include "sim/cli/checkpoint_view.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/document.h"
#include "engine/state/golden_test_world.h"
#include "sim/cli/checkpoint_print.h"

#define GOLDEN "sql/core/src/test/resources/structured-streaming"

static char root[64];

static void make_root(void)
{
    document_setup();
    (void)snprintf(root, sizeof root, "/tmp/checkpoint-view-XXXXXX");
    cr_assert(ne(ptr, mkdtemp(root), NULL));
}

static void remove_root(void)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", root);
    cr_assert(eq(int, system(command), 0));
}

TestSuite(checkpoint_view, .init = make_root, .fini = remove_root);

/* One opened checkpoint. */
struct opened {
    struct checkpoint_view logs;
    struct state_view state;
    struct restart restart;
    struct checkpoint_parts parts;
};

static void open_at(struct opened *opened, const char *path)
{
    struct diag diag = {0};
    cr_assert(eq(int, checkpoint_view_open(&opened->logs, path, &diag), OK), "%s", diag.text);
    cr_assert(eq(int, state_view_open(&opened->state, path, &diag), OK), "%s", diag.text);
    restart_ask(&opened->logs, opened->state.store_count > 0, &opened->restart);
    opened->parts = (struct checkpoint_parts){&opened->logs, &opened->state, &opened->restart};
}

static void close_it(struct opened *opened)
{
    state_view_close(&opened->state);
    checkpoint_view_close(&opened->logs);
}

/* ---- what Spark wrote */

static const struct {
    const char *path;
    int kind; /* enum recovery_kind; -1: refused */
    int64_t batch;
    int64_t rows;     /* of the state that a restart loads, all stores */
    const char *some; /* part of its rows, or of the refusal */
} golden[] = {
    {GOLDEN "/checkpoint-version-4.0.0/hdfs/agg", RECOVERY_NEXT, 4, 6, "\"value\":{\"count\":"},
    {GOLDEN "/checkpoint-version-4.0.0/hdfs/join1",
     RECOVERY_NEXT,
     5,
     18,
     "{\"leftId\":4,\"leftTime\":\"1970-01-01T00:00:04.000Z\",\"matched\":true}"},
    {GOLDEN "/checkpoint-version-4.0.0/hdfs/limit", RECOVERY_NEXT, 4, 1, "{"},
    {GOLDEN "/checkpoint-version-4.0.0/rocksdb/agg", RECOVERY_NEXT, 4, 6, "\"value\":{\"count\":"},
    {GOLDEN "/checkpoint-version-4.0.0-checkpoint-v2/rocksdb/join2",
     RECOVERY_NEXT,
     5,
     18,
     "{\"leftId\":4,\"leftTime\":\"1970-01-01T00:00:04.000Z\",\"matched\":true}"},
    {GOLDEN "/checkpoint-version-4.0.0-tws-avro", RECOVERY_NEXT, 2, 2, "0x04"},
    {GOLDEN "/checkpoint-version-3.5.1-streaming-deduplication", RECOVERY_NEXT, 2, 2, "{"},
    {GOLDEN "/checkpoint-version-2.3.1-without-commit-log-metadata", RECOVERY_NEXT, 2, 2, "0x"},
    {GOLDEN "/checkpoint-test-offsetId-commitId-inconsistent", -1, 0, 0, "batch 3 doesn't exist"},
    {GOLDEN "/checkpoint-version-2.1.0", -1, 0, 4, "commits end at -1"},
    {"connector/kafka-0-10-sql/src/test/resources/structured-streaming/"
     "checkpoint-version-2.4.3-kafka-include-headers-default",
     RECOVERY_NEXT,
     1,
     15,
     "0x"},
};

static int64_t rows_of(struct opened *opened, struct buf *text)
{
    int64_t rows = 0;
    for (size_t i = 0; i < opened->state.store_count; i++) {
        const struct state_store_view *store = &opened->state.stores[i];
        struct state_schema_view schema;
        struct state_map *map = state_map_new();
        int64_t version = checkpoint_state_version(&opened->parts);
        const struct batch_view *commit = checkpoint_view_batch(&opened->logs, version - 1);
        const char *error = state_view_load(
            &opened->state, store, version, commit == NULL ? NULL : commit->state_ids, map);
        cr_assert(error == NULL, "%s", error);
        state_view_schema(&opened->state, store, &schema);
        const struct state_pair *pairs = state_map_sorted(map, &opened->state.arena);
        for (int64_t r = 0; r < state_map_count(map); r++) {
            buf_text(text, "\"value\":");
            state_row_json(schema.value, pairs[r].value, text);
        }
        rows += state_map_count(map);
        state_map_free(map);
        state_schema_free(&schema);
    }
    return rows;
}

Test(checkpoint_view, what_spark_wrote)
{
    char command[256];
    if (access(GOLDEN_TARBALL, R_OK) != 0) {
        cr_skip("no " GOLDEN_TARBALL);
    }
    (void)snprintf(command, sizeof command, "tar xzf " GOLDEN_TARBALL " -C %s", root);
    cr_assert(eq(int, system(command), 0));
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        char path[256];
        struct opened opened;
        struct buf text = {0};
        (void)snprintf(path, sizeof path, "%s/%s", root, golden[i].path);
        open_at(&opened, path);
        int64_t rows = rows_of(&opened, &text);
        cr_expect(eq(int, opened.restart.decided, golden[i].kind >= 0), "%s", path);
        if (opened.restart.decided) {
            cr_expect(eq(int, (int)opened.restart.decision.kind, golden[i].kind), "%s", path);
            cr_expect(eq(i64, opened.restart.decision.batch, golden[i].batch), "%s", path);
            cr_expect(checkpoint_state_problem(&opened.parts) == NULL, "%s", path);
        } else {
            cr_expect(strstr(opened.restart.refusal.text, golden[i].some) != NULL, "%s", path);
        }
        cr_expect(eq(i64, rows, golden[i].rows), "%s", path);
        buf_byte(&text, '\0');
        bool found = strstr((char *)text.data, golden[i].some) != NULL;
        cr_expect(found || !opened.restart.decided, "%s: %s", path, (char *)text.data);
        buf_free(&text);
        close_it(&opened);
    }
}

/* ---- RocksDB files that do not read */

static void run_in(const char *directory, const char *line)
{
    char command[512];
    (void)snprintf(command, sizeof command, "cd %s && %s", directory, line);
    cr_assert(eq(int, system(command), 0), "%s", command);
}

static const char *problem_of(struct opened *opened, const char *path)
{
    open_at(opened, path);
    const char *problem = checkpoint_state_problem(&opened->parts);
    cr_assert(problem != NULL);
    return problem;
}

/* Byte 12 before the end of an SST is the version of its format. */
Test(checkpoint_view, rocksdb_files_that_do_not_read_are_named)
{
    struct opened opened;
    struct state_zip_view *zips = NULL;
    char path[256];
    if (access(GOLDEN_TARBALL, R_OK) != 0) {
        cr_skip("no " GOLDEN_TARBALL);
    }
    (void)snprintf(path, sizeof path, "tar xzf " GOLDEN_TARBALL " -C %s", root);
    cr_assert(eq(int, system(path), 0));
    (void)snprintf(path, sizeof path, "%s/" GOLDEN "/checkpoint-version-4.0.0/rocksdb/agg", root);
    run_in(path,
           "cd state/0/1 && rm 1.changelog && for f in SSTs/*.sst; do printf '\\011' | "
           "dd of=$f bs=1 seek=$(($(wc -c <$f) - 12)) conv=notrunc status=none; done");
    const char *problem = problem_of(&opened, path);
    cr_assert(strstr(problem, "/state/0/1/SSTs/0") != NULL, "%s", problem);
    cr_assert(strstr(problem, "a newer one may have written it") != NULL, "%s", problem);
    cr_assert(strstr(problem, "Go on with what wrote it") != NULL, "%s", problem);
    cr_assert(eq(sz, state_view_zips(&opened.state, &opened.state.stores[1], &zips), 2));
    cr_assert(eq(i64, zips[1].version, 4));
    cr_assert(eq(sz, zips[1].snapshot.sst_count, 2));
    cr_assert(zips[1].error == NULL);
    close_it(&opened);
    run_in(path, "rm state/0/1/SSTs/*");
    problem = problem_of(&opened, path);
    cr_assert(strstr(problem, "it is missing; 4.zip needs it") != NULL, "%s", problem);
    close_it(&opened);
    run_in(path, "echo >state/0/1/4.zip");
    problem = problem_of(&opened, path);
    cr_assert(strstr(problem, "/state/0/1/4.zip is damaged: it is no zip") != NULL, "%s", problem);
    cr_assert(eq(sz, state_view_zips(&opened.state, &opened.state.stores[1], &zips), 2));
    cr_assert(zips[1].error != NULL);
    close_it(&opened);
}

/* ---- a small one of our own */

static void put(const char *name, const char *content)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "wb");
    cr_assert(ne(ptr, file, NULL));
    (void)fputs(content, file);
    (void)fclose(file);
}

static void put_offsets(int batch, const char *source)
{
    char name[32];
    char content[256];
    (void)snprintf(name, sizeof name, "offsets/%d", batch);
    (void)snprintf(content,
                   sizeof content,
                   "v1\n{\"batchWatermarkMs\":%d,\"batchTimestampMs\":5,\"conf\":{}}\n%s",
                   batch * 1000,
                   source);
    put(name, content);
}

static void make_checkpoint(void)
{
    static const char *const folders[] = {"offsets", "commits"};
    for (size_t i = 0; i < 2; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        cr_assert(eq(int, mkdir(path, 0777), 0));
    }
    put("metadata", "{\"id\":\"49a7b079-fb81-4bfa-85a9-34b32c5187e4\"}");
    put_offsets(0, "{\"t\":{\"0\":5,\"1\":0}}");
    put_offsets(1, "{\"t\":{\"1\":9,\"0\":7}}");
    put("commits/0", "v1\n{\"nextBatchWatermarkMs\":1000}");
}

/* How many files there are, and when the newest of them changed. */
static long files_now(void)
{
    char command[160];
    char line[64] = "";
    (void)snprintf(command,
                   sizeof command,
                   "find %s -printf '%%C@ %%p\\n' | sort | cksum | cut -d' ' -f1",
                   root);
    FILE *pipe = popen(command, "r");
    cr_assert(ne(ptr, fgets(line, sizeof line, pipe), NULL));
    (void)pclose(pipe);
    return strtol(line, NULL, 10);
}

Test(checkpoint_view, an_unfinished_batch_runs_again_and_nothing_is_touched)
{
    struct opened opened;
    make_checkpoint();
    long before = files_now();
    open_at(&opened, root);
    cr_assert(opened.restart.decided);
    cr_assert(eq(int, (int)opened.restart.decision.kind, RECOVERY_RERUN));
    cr_assert(opened.restart.starts, "%s", opened.restart.engine_refusal.text);
    cr_assert(eq(i64, opened.restart.watermark_ms, 1000));
    const struct batch_view *batch = checkpoint_view_batch(&opened.logs, 1);
    const struct batch_view *first = checkpoint_view_batch(&opened.logs, 0);
    cr_assert(eq(str,
                 checkpoint_offsets_text(&opened.logs.arena, batch->sources[0], first->sources[0]),
                 "t 0:7 (+2) 1:9 (+9)"));
    close_it(&opened);
    cr_assert(files_now() == before);
}

Test(checkpoint_view, damage_is_named_by_us_and_by_the_engine)
{
    struct opened opened;
    make_checkpoint();
    put("commits/1", "v1\n{\"nextBatch");
    put("offsets/.2.abc.tmp", "v1");
    open_at(&opened, root);
    cr_assert(eq(int, (int)opened.restart.decision.kind, RECOVERY_NEXT));
    cr_assert(not(opened.restart.starts));
    cr_assert(strstr(opened.restart.engine_refusal.file, "commits/1") != NULL);
    cr_assert(checkpoint_view_batch(&opened.logs, 1)->commit_error != NULL);
    cr_assert(eq(sz, opened.logs.leftover_count, 1));
    close_it(&opened);
    put("metadata", "");
    open_at(&opened, root);
    cr_assert(opened.logs.id_error != NULL);
    cr_assert(not(opened.restart.starts));
    close_it(&opened);
}

Test(checkpoint_view, what_is_no_checkpoint_is_said)
{
    struct checkpoint_view view;
    struct diag diag = {0};
    cr_assert(ne(int, checkpoint_view_open(&view, root, &diag), OK));
    cr_assert(strstr(diag.text, "it has no offsets") != NULL, "%s", diag.text);
    checkpoint_view_close(&view);
}
