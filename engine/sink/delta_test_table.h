/* For tests of the sink's driver side: one table in a scripted world, a rival who commits to it,
 * and what a commit must come to. */
#ifndef ENGINE_SINK_DELTA_TEST_TABLE_H
#define ENGINE_SINK_DELTA_TEST_TABLE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/sink/delta_actions.h"
#include "engine/sink/delta_log.h"
#include "engine/sink/delta_test_world.h"

static const char table_path[] = "/shared/tables/delays";
static const char query[] = "6c2b4dd6-5a1a-4e0e-a9de-0d3c1b0e1f22";

static const struct field fields[] = {{"origin", TYPE_STRING}, {"delay", TYPE_INT}};
static const struct schema schema = {.fields = fields, .count = 2};

static const struct delta_file two_files[] = {
    {.path = "part-a.parquet", .size = 10, .rows = 1, .stats = "{}"},
    {.path = "part-b.parquet", .size = 20, .rows = 2, .stats = "{}"},
};

static inline struct delta_commit commit_of(int64_t batch)
{
    return (struct delta_commit){.batch = batch,
                                 .schema = &schema,
                                 .next_watermark_ms = DELTA_NO_WATERMARK,
                                 .files = two_files,
                                 .file_count = 2};
}

static inline void log_path(int64_t version, char path[192])
{
    (void)snprintf(path, 192, "%s/_delta_log/%020lld.json", table_path, (long long)version);
}

static inline bool version_exists(struct world *world, int64_t version)
{
    char path[192];
    log_path(version, path);
    return world_find(world, path) != NULL;
}

static inline void put_text(struct world *world, int64_t version, const char *text)
{
    char path[192];
    log_path(version, path);
    world_put(world, path, bytes_of_text(text));
}

/* A commit of somebody: their own txnId, at the next free version. */
static inline void rival_commit(struct world *world, const char *query_id, int64_t batch)
{
    int64_t version = 0;
    while (version_exists(world, version)) {
        version++;
    }
    static const struct delta_file file = {
        .path = "part-rival.parquet", .size = 5, .rows = 1, .stats = "{}"};
    const struct delta_commit commit = {.batch = batch,
                                        .schema = &schema,
                                        .next_watermark_ms = DELTA_NO_WATERMARK,
                                        .files = &file,
                                        .file_count = 1};
    const struct delta_transaction transaction = {
        .version = version,
        .txn_id = "rival",
        .query_id = query_id,
        .table_id = "rival-table",
        .commit = &commit,
    };
    struct buf out = {0};
    char path[192];
    log_path(version, path);
    delta_actions_write(&transaction, &out);
    world_put(world, path, buf_bytes(&out));
    buf_free(&out);
}

/* A world whose table has versions 0 and 1: batches 1 and 2 of the query. */
static inline struct world *world_with_two_versions(enum store_kind kind)
{
    struct world *world = world_new(kind);
    rival_commit(world, query, 1);
    rival_commit(world, query, 2);
    world_put(world, "/shared/tables/delays/part-a.parquet", bytes_of_text("a"));
    world_put(world, "/shared/tables/delays/part-b.parquet", bytes_of_text("b"));
    return world;
}

static inline void expect_committed(struct world *world, int64_t batch, int64_t version)
{
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    const struct delta_commit commit = commit_of(batch);
    struct delta_commit_result result;
    struct diag diag = {0};
    enum status status = delta_commit_batch(table, &commit, &result, &diag);
    cr_assert(eq(int, status, OK), "%s: %s", diag.error_class, diag.text);
    cr_assert(not(result.skipped));
    cr_assert(eq(i64, result.version, version));
    char path[192];
    log_path(version, path);
    struct world_file *file = world_find(world, path);
    cr_assert(file != NULL);
    struct arena arena = {0};
    struct delta_log_facts facts;
    char problem[DELTA_LOG_PROBLEM_SIZE];
    status = delta_log_read(buf_bytes(&file->content), query, &arena, &facts, problem);
    cr_assert(eq(int, status, OK));
    cr_assert(eq(i64, facts.txn_version, batch));
    cr_assert(eq(sz, facts.added_count, 2));
    cr_assert(eq(str, facts.added[0].path, "part-a.parquet"));
    arena_free(&arena);
    struct delta_found found;
    cr_assert(eq(int, delta_find_batch(table, batch, &found, &diag), OK));
    cr_assert(found.found);
    cr_assert(eq(int, delta_find_batch(table, batch + 1, &found, &diag), OK));
    cr_assert(not(found.found));
    delta_table_close(table);
}

static inline void expect_error(struct world *world, int64_t batch, const char *error_class)
{
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    const struct delta_commit commit = commit_of(batch);
    struct delta_commit_result result;
    struct diag diag = {0};
    cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, error_class), "%s", diag.text);
    cr_assert(strstr(diag.file, "/shared/tables/delays/_delta_log") != NULL);
    delta_table_close(table);
}

static inline void expect_skipped(struct world *world, int64_t batch, int64_t txn_version)
{
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    const struct delta_commit commit = commit_of(batch);
    struct delta_commit_result result;
    struct diag diag = {0};
    cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), OK), "%s", diag.text);
    cr_assert(result.skipped);
    cr_assert(eq(i64, result.version, txn_version));
    delta_table_close(table);
}

#endif
