#include "engine/sink/delta_test_table.h"

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

static bool files_exist(struct world *world)
{
    return world_find(world, "/shared/tables/delays/part-a.parquet") != NULL &&
           world_find(world, "/shared/tables/delays/part-b.parquet") != NULL;
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
        struct delta_found found;
        struct diag diag = {0};
        cr_assert(eq(int, delta_find_batch(table, batch, &found, &diag), OK));
        cr_assert(not(found.found));
        const struct delta_commit commit = {
            .batch = batch, .schema = &schema, .next_watermark_ms = DELTA_NO_WATERMARK};
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

/* ---- table and checkpoint do not belong together ------------------------------------------- */

/* The table was dropped and made anew, or sink.path changed, while the checkpoint stayed. */
Test(delta_commit, a_table_that_lacks_committed_batches_is_refused)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    expect_error(world, 4, "DELTA_TABLE_BEHIND_CHECKPOINT");
    expect_committed(world, 3, 2);
    struct world *empty = world_new(STORE_OBJECTS);
    expect_error(empty, 1, "DELTA_TABLE_BEHIND_CHECKPOINT");
    rival_commit(empty, "other", 7); /* another query's batches prove nothing */
    expect_error(empty, 1, "DELTA_TABLE_BEHIND_CHECKPOINT");
    cr_assert(eq(sz, empty->puts, 0));
    expect_committed(empty, 0, 1);
}

/* An older copy of the checkpoint was put back: its next batches have other rows than those of the
 * same number in the table, and must not pass for them. */
Test(delta_commit, a_batch_planned_anew_is_never_taken_for_one_that_is_there)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    for (int64_t batch = 1; batch <= 2; batch++) {
        struct delta_table *table =
            delta_table_open(&world->ports, world->store, table_path, query);
        struct delta_commit commit = commit_of(batch);
        commit.fresh = true;
        struct delta_commit_result result;
        struct diag diag = {0};
        cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), ERR_FAILED));
        cr_assert(eq(str, diag.error_class, "DELTA_CONCURRENT_TRANSACTION"));
        cr_assert(not(result.skipped));
        delta_table_close(table);
    }
    cr_assert(eq(sz, world->puts, 0));
    cr_assert(files_exist(world));
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
    const struct delta_commit commit = {.batch = 3,
                                        .schema = &schema,
                                        .next_watermark_ms = DELTA_NO_WATERMARK,
                                        .files = &file,
                                        .file_count = 1};
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
    struct delta_found found;
    struct diag diag = {0};
    cr_assert(eq(int, delta_find_batch(table, 2, &found, &diag), ERR_FAILED));
    cr_assert(not(found.found));
    delta_table_close(table);
}

Test(delta_commit, committing_on_top_makes_what_is_below_durable_first)
{
    struct world *world = world_with_two_versions(STORE_DISK);
    world->directory_sync_fails = true;
    expect_error(world, 3, "DELTA_COMMIT_NOT_DURABLE");
    cr_assert(not(version_exists(world, 2)));
}
