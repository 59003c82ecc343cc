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

static struct delta_commit commit_of(int64_t batch)
{
    return (struct delta_commit){
        .batch = batch, .schema = &schema, .files = two_files, .file_count = 2};
}

static void log_path(int64_t version, char path[192])
{
    (void)snprintf(path, 192, "%s/_delta_log/%020lld.json", table_path, (long long)version);
}

static bool version_exists(struct world *world, int64_t version)
{
    char path[192];
    log_path(version, path);
    return world_find(world, path) != NULL;
}

static void put_text(struct world *world, int64_t version, const char *text)
{
    char path[192];
    log_path(version, path);
    world_put(world, path, bytes_of_text(text));
}

/* A commit of somebody: their own txnId, at the next free version. */
static void rival_commit(struct world *world, const char *query_id, int64_t batch)
{
    int64_t version = 0;
    while (version_exists(world, version)) {
        version++;
    }
    static const struct delta_file file = {
        .path = "part-rival.parquet", .size = 5, .rows = 1, .stats = "{}"};
    const struct delta_commit commit = {
        .batch = batch, .schema = &schema, .files = &file, .file_count = 1};
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

static void other_query_commits(struct world *world)
{
    rival_commit(world, "other", 0);
}

static void twin_commits_batch_3(struct world *world)
{
    rival_commit(world, query, 3);
}

static void twin_commits_batch_2(struct world *world)
{
    rival_commit(world, query, 2);
}

static void table_is_replaced(struct world *world)
{
    put_text(world,
             2,
             "{\"metaData\":{\"id\":\"another\",\"format\":{},\"schemaString\":"
             "\"{\\\"fields\\\":[]}\",\"partitionColumns\":[]}}\n");
}

/* A world whose table has versions 0 and 1: batches 1 and 2 of the query. */
static struct world *world_with_two_versions(enum store_kind kind)
{
    struct world *world = world_new(kind);
    rival_commit(world, query, 1);
    rival_commit(world, query, 2);
    world_put(world, "/shared/tables/delays/part-a.parquet", bytes_of_text("a"));
    world_put(world, "/shared/tables/delays/part-b.parquet", bytes_of_text("b"));
    return world;
}

static bool files_exist(struct world *world)
{
    return world_find(world, "/shared/tables/delays/part-a.parquet") != NULL &&
           world_find(world, "/shared/tables/delays/part-b.parquet") != NULL;
}

static void expect_committed(struct world *world, int64_t batch, int64_t version)
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
    cr_assert(eq(str, facts.added[0], "part-a.parquet"));
    arena_free(&arena);
    bool has = false;
    cr_assert(eq(int, delta_has_batch(table, batch, &has, &diag), OK));
    cr_assert(has);
    cr_assert(eq(int, delta_has_batch(table, batch + 1, &has, &diag), OK));
    cr_assert(not(has));
    delta_table_close(table);
}

static void expect_error(struct world *world, int64_t batch, const char *error_class)
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

static void expect_skipped(struct world *world, int64_t batch, int64_t txn_version)
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

/* ---- the plain way -------------------------------------------------------------------------- */

Test(delta_commit, first_batch_creates_the_table)
{
    struct world *world = world_new(STORE_OBJECTS);
    expect_committed(world, 0, 0);
    cr_assert(eq(sz, world->puts, 1));
    expect_committed(world, 1, 1);
}

Test(delta_commit, over_files_too)
{
    struct world *world = world_new(STORE_DISK);
    expect_committed(world, 0, 0);
    expect_committed(world, 1, 1);
    cr_assert(eq(sz, world->file_count, 2)); /* no temporary file is left */
}

Test(delta_commit, one_handle_reads_each_version_once)
{
    struct world *world = world_new(STORE_OBJECTS);
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    for (int64_t batch = 0; batch < 20; batch++) {
        bool has = true;
        struct diag diag = {0};
        cr_assert(eq(int, delta_has_batch(table, batch, &has, &diag), OK));
        cr_assert(not(has));
        const struct delta_commit commit = {.batch = batch, .schema = &schema};
        struct delta_commit_result result;
        cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), OK));
        cr_assert(eq(i64, result.version, batch));
    }
    cr_assert(eq(uint, world->reads, 19)); /* each but the newest */
    delta_table_close(table);
}

Test(delta_commit, a_batch_that_is_there_is_skipped)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    expect_skipped(world, 2, 2);
    expect_skipped(world, 1, 2);
    cr_assert(eq(sz, world->puts, 0));
    cr_assert(not(version_exists(world, 2)));
}

/* ---- conflicts ------------------------------------------------------------------------------ */

Test(delta_commit, another_querys_commit_only_takes_the_version)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    world->steps[0].before = other_query_commits;
    world->steps[1].before = other_query_commits;
    expect_committed(world, 3, 4);
    cr_assert(eq(sz, world->puts, 3));
    cr_assert(files_exist(world));
}

Test(delta_commit, losing_the_race_for_version_0_goes_on_at_1)
{
    struct world *world = world_new(STORE_OBJECTS);
    world->steps[0].before = other_query_commits;
    expect_committed(world, 0, 1);
    char path[192];
    log_path(1, path);
    struct arena arena = {0};
    struct bytes content = {0};
    cr_assert(eq(int, store_get(world->store, path, &arena, &content), OK)); /* ends with a zero */
    cr_assert(strstr((const char *)content.data, "metaData") == NULL);
    cr_assert(strstr((const char *)content.data, "\"readVersion\":0") != NULL);
    arena_free(&arena);
}

Test(delta_commit, a_twin_that_was_first_has_the_batch)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    world->steps[0].before = twin_commits_batch_3;
    expect_skipped(world, 3, 3);
    cr_assert(eq(sz, world->puts, 1));
    cr_assert(not(files_exist(world))); /* the twin's files are the batch */
}

Test(delta_commit, files_that_the_twins_commit_names_are_kept)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    world->steps[0].before = twin_commits_batch_3;
    const struct delta_file file = {.path = "part-rival.parquet", .size = 5, .stats = "{}"};
    world_put(world, "/shared/tables/delays/part-rival.parquet", bytes_of_text("r"));
    const struct delta_commit commit = {
        .batch = 3, .schema = &schema, .files = &file, .file_count = 1};
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    struct delta_commit_result result;
    struct diag diag = {0};
    cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), OK));
    cr_assert(result.skipped);
    cr_assert(world_find(world, "/shared/tables/delays/part-rival.parquet") != NULL);
    delta_table_close(table);
}

Test(delta_commit, a_twin_that_is_behind_stops_the_query)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    world->steps[0].before = twin_commits_batch_2;
    expect_error(world, 3, "DELTA_CONCURRENT_TRANSACTION");
    cr_assert(eq(sz, world->puts, 1));
    cr_assert(files_exist(world));
}

Test(delta_commit, a_replaced_table_stops_the_query)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    world->steps[0].before = table_is_replaced;
    expect_error(world, 3, "DELTA_METADATA_CHANGED");
}

/* ---- unknown outcomes ----------------------------------------------------------------------- */

static void expect_same_request(const struct world *world, size_t puts)
{
    cr_assert(eq(sz, world->puts, puts));
    for (size_t i = 1; i < puts; i++) {
        cr_assert(eq(u64, world->put_hashes[i], world->put_hashes[0]));
    }
}

Test(delta_commit, a_lost_answer_is_recognised_by_txn_id)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    world->steps[0].effect = PUT_UNKNOWN_APPLIED;
    expect_committed(world, 3, 2);
    cr_assert(eq(sz, world->puts, 1));
    cr_assert(not(version_exists(world, 3)));
    cr_assert(files_exist(world));
}

Test(delta_commit, a_lost_request_is_sent_again_the_same)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    world->steps[0].effect = PUT_UNKNOWN_LOST;
    world->steps[1].effect = PUT_UNKNOWN_LOST;
    expect_committed(world, 3, 2);
    expect_same_request(world, 3);
}

Test(delta_commit, a_late_request_lands_under_the_second_one)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    world->steps[0].effect = PUT_UNKNOWN_LATE;
    expect_committed(world, 3, 2);
    expect_same_request(world, 2);
    cr_assert(not(version_exists(world, 3)));
}

Test(delta_commit, unknown_then_somebody_elses_version)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    world->steps[0].effect = PUT_UNKNOWN_LOST;
    world->steps[0].before = other_query_commits;
    expect_committed(world, 3, 3);
    cr_assert(eq(sz, world->puts, 2));
}

Test(delta_commit, a_lost_answer_is_found_below_newer_versions)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    world->steps[0].effect = PUT_UNKNOWN_LATE;
    world->steps[1].effect = PUT_UNKNOWN_APPLIED;
    world->steps[1].before = other_query_commits; /* lands behind the late one: version 3 */
    expect_committed(world, 3, 2);
    cr_assert(version_exists(world, 3));
    cr_assert(not(version_exists(world, 4)));
}

Test(delta_commit, unknown_for_ever_stops_and_keeps_the_files)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    for (size_t i = 0; i < WORLD_STEPS_MAX; i++) {
        world->steps[i].effect = PUT_UNKNOWN_LOST;
    }
    expect_error(world, 3, "DELTA_COMMIT_OUTCOME_UNKNOWN");
    expect_same_request(world, world->puts);
    cr_assert(files_exist(world));
}

Test(delta_commit, an_unknown_outcome_before_a_known_failure_stays_unknown)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    world->steps[0].effect = PUT_UNKNOWN_LATE;
    world->steps[1].effect = PUT_NO_SPACE;
    expect_error(world, 3, "DELTA_COMMIT_OUTCOME_UNKNOWN");
    cr_assert(version_exists(world, 2)); /* it did land */
    cr_assert(files_exist(world));
}

Test(delta_commit, throttling_is_waited_out)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    for (size_t i = 0; i < 15; i++) {
        world->steps[i].effect = PUT_THROTTLED;
    }
    int64_t before_us = world->now_us;
    expect_committed(world, 3, 2);
    expect_same_request(world, 16);
    cr_assert(gt(i64, world->now_us - before_us, 1000000));
}

/* ---- failures that are known ----------------------------------------------------------------- */

Test(delta_commit, visible_but_not_durable_stops_the_query)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    world->steps[0].effect = PUT_NOT_DURABLE;
    expect_error(world, 3, "DELTA_COMMIT_NOT_DURABLE");
    cr_assert(eq(sz, world->puts, 1));
    cr_assert(files_exist(world));
}

Test(delta_commit, no_space_stops_the_query)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    world->steps[0].effect = PUT_NO_SPACE;
    expect_error(world, 3, "DELTA_COMMIT_FAILED");
    cr_assert(not(version_exists(world, 2)));
}

/* The predecessor died between rename and fsync: skipping its batch makes its commit durable. */
Test(delta_commit, skipping_relies_on_a_durable_commit_only)
{
    struct world *world = world_with_two_versions(STORE_DISK);
    expect_skipped(world, 2, 2);
    cr_assert(eq(uint, world->directory_syncs, 1));
    world->directory_sync_fails = true;
    expect_error(world, 2, "DELTA_COMMIT_NOT_DURABLE");
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    bool has = false;
    struct diag diag = {0};
    cr_assert(eq(int, delta_has_batch(table, 2, &has, &diag), ERR_FAILED));
    cr_assert(not(has));
    delta_table_close(table);
}

Test(delta_commit, committing_on_top_makes_what_is_below_durable_first)
{
    struct world *world = world_with_two_versions(STORE_DISK);
    world->directory_sync_fails = true;
    expect_error(world, 3, "DELTA_COMMIT_NOT_DURABLE");
    cr_assert(not(version_exists(world, 2)));
}

/* ---- a log that cannot be trusted ------------------------------------------------------------ */

Test(delta_commit, a_stale_list_is_asked_again)
{
    struct world *world = world_new(STORE_OBJECTS);
    rival_commit(world, "other", 0);
    world->steps[0].before = other_query_commits;
    world->stale_lists = 0;
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    bool has = true;
    struct diag diag = {0};
    cr_assert(eq(int, delta_has_batch(table, 0, &has, &diag), OK));
    world->stale_lists = 2; /* older than what was seen */
    cr_assert(eq(int, delta_has_batch(table, 0, &has, &diag), OK), "%s", diag.text);
    cr_assert(eq(uint, world->stale_lists, 0));
    delta_table_close(table);
    world->stale_lists = 0;
    expect_committed(world, 0, 2);
}

Test(delta_commit, a_gap_is_refused_by_name)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    rival_commit(world, query, 3);
    char path[192];
    log_path(1, path);
    world_remove(world, path);
    expect_error(world, 4, "DELTA_VERSIONS_NOT_CONTIGUOUS");
    cr_assert(eq(sz, world->puts, 0));
}

Test(delta_commit, a_version_that_vanished_is_refused)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    bool has = false;
    struct diag diag = {0};
    cr_assert(eq(int, delta_has_batch(table, 2, &has, &diag), OK));
    char path[192];
    log_path(1, path);
    world_remove(world, path);
    cr_assert(eq(int, delta_has_batch(table, 2, &has, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "DELTA_VERSIONS_NOT_CONTIGUOUS"));
    delta_table_close(table);
}

Test(delta_commit, damaged_commits_are_refused_with_their_file)
{
    static const char *const contents[] = {"", "{\"txn\":{\"appId\":\"x\",\"ver", "\0\0"};
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        struct world *world = world_with_two_versions(STORE_OBJECTS);
        put_text(world, 2, contents[i]);
        struct delta_table *table =
            delta_table_open(&world->ports, world->store, table_path, query);
        const struct delta_commit commit = commit_of(3);
        struct delta_commit_result result;
        struct diag diag = {0};
        cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), ERR_FAILED));
        cr_assert(eq(str, diag.error_class, "DELTA_LOG_CORRUPT"));
        char path[192];
        log_path(2, path);
        cr_assert(eq(str, diag.file, path));
        cr_assert(eq(sz, world->puts, 0));
        delta_table_close(table);
    }
}

Test(delta_commit, version_0_has_protocol_and_metadata)
{
    struct world *world = world_new(STORE_OBJECTS);
    put_text(world, 0, "{\"txn\":{\"appId\":\"x\",\"version\":0}}\n");
    expect_error(world, 0, "DELTA_LOG_CORRUPT");
}

Test(delta_commit, other_files_in_the_log_are_ignored)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    static const char *const names[] = {"_last_checkpoint",
                                        ".00000000000000000002.json.tmp",
                                        "00000000000000000002.crc",
                                        ".tmp/00000000000000000002.json"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[192];
        (void)snprintf(path, sizeof path, "%s/_delta_log/%s", table_path, names[i]);
        world_put(world, path, bytes_of_text("junk"));
    }
    expect_committed(world, 3, 2);
}

/* ---- a table that is not ours to write --------------------------------------------------------
 */

static void expect_table_error(const char *table, const char *error_class)
{
    struct world *world = world_new(STORE_OBJECTS);
    put_text(world, 0, table);
    expect_error(world, 0, error_class);
    cr_assert(eq(sz, world->puts, 0));
}

#define TABLE(protocol, columns, partitions)                                                       \
    "{\"protocol\":{" protocol "}}\n{\"metaData\":{\"id\":\"i\",\"schemaString\":"                 \
    "\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[" columns "]}\","                              \
    "\"partitionColumns\":[" partitions "]}}\n"
#define VERSIONS "\"minReaderVersion\":1,\"minWriterVersion\":2"
#define COLUMN(name, type)                                                                         \
    "{\\\"name\\\":\\\"" name "\\\",\\\"type\\\":\\\"" type "\\\",\\\"nullable\\\":true,"          \
    "\\\"metadata\\\":{}}"
#define REQUIRED(name, type)                                                                       \
    "{\\\"name\\\":\\\"" name "\\\",\\\"type\\\":\\\"" type "\\\",\\\"nullable\\\":false}"

Test(delta_commit, tables_that_cannot_be_appended_to)
{
    expect_table_error(TABLE(VERSIONS, COLUMN("origin", "string"), ""), "DELTA_SCHEMA_CHANGED");
    expect_table_error(TABLE(VERSIONS, COLUMN("origin", "string") "," COLUMN("delay", "long"), ""),
                       "DELTA_SCHEMA_CHANGED");
    expect_table_error(
        TABLE(VERSIONS, COLUMN("origin", "string") "," COLUMN("delay", "integer"), "\"origin\""),
        "DELTA_UNSUPPORTED_TABLE");
    expect_table_error(
        TABLE(VERSIONS, COLUMN("origin", "string") "," REQUIRED("delay", "integer"), ""),
        "DELTA_UNSUPPORTED_TABLE");
    expect_table_error(TABLE("\"minReaderVersion\":3,\"minWriterVersion\":7,\"readerFeatures\":["
                             "\"deletionVectors\"],\"writerFeatures\":[\"deletionVectors\"]",
                             COLUMN("origin", "string") "," COLUMN("delay", "integer"),
                             ""),
                       "DELTA_UNSUPPORTED_FEATURES_FOR_WRITE");
}

Test(delta_commit, a_table_with_more_columns_takes_ours)
{
    struct world *world = world_new(STORE_OBJECTS);
    put_text(world,
             0,
             TABLE(VERSIONS,
                   COLUMN("delay", "integer") "," COLUMN("more", "double") "," COLUMN("origin",
                                                                                      "string"),
                   ""));
    expect_committed(world, 0, 1);
}

static void expect_name_error(const char *name, const char *error_class)
{
    struct world *world = world_new(STORE_OBJECTS);
    const struct field named[] = {{"origin", TYPE_STRING}, {name, TYPE_INT}};
    const struct schema named_schema = {.fields = named, .count = 2};
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    const struct delta_commit commit = {.batch = 0, .schema = &named_schema};
    struct delta_commit_result result;
    struct diag diag = {0};
    cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, error_class));
    cr_assert(eq(sz, world->puts, 0));
    delta_table_close(table);
}

Test(delta_commit, column_names_of_a_new_table)
{
    expect_name_error("a b", "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES");
    expect_name_error("sum(x)", "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES");
    expect_name_error("a=b", "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES");
    expect_name_error("", "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES");
    expect_name_error("Origin", "DELTA_DUPLICATE_COLUMNS_FOUND");
}
