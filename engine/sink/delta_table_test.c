#include "engine/sink/delta_test_table.h"

/* Somebody else's commit, just before ours. */
static void other_query_commits(struct world *world)
{
    rival_commit(world, "other", 0);
}

/* ---- a log that cannot be trusted ------------------------------------------------------------ */

Test(delta_table, a_stale_list_is_asked_again)
{
    struct world *world = world_new(STORE_OBJECTS);
    rival_commit(world, "other", 0);
    world->steps[0].before = other_query_commits;
    world->stale_lists = 0;
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    struct delta_found found;
    struct diag diag = {0};
    cr_assert(eq(int, delta_find_batch(table, 0, &found, &diag), OK));
    world->stale_lists = 2; /* older than what was seen */
    cr_assert(eq(int, delta_find_batch(table, 0, &found, &diag), OK), "%s", diag.text);
    cr_assert(eq(uint, world->stale_lists, 0));
    delta_table_close(table);
    world->stale_lists = 0;
    expect_committed(world, 0, 2);
}

Test(delta_table, a_gap_is_refused_by_name)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    rival_commit(world, query, 3);
    char path[192];
    log_path(1, path);
    world_remove(world, path);
    expect_error(world, 4, "DELTA_VERSIONS_NOT_CONTIGUOUS");
    cr_assert(eq(sz, world->puts, 0));
}

Test(delta_table, a_version_that_vanished_is_refused)
{
    struct world *world = world_with_two_versions(STORE_OBJECTS);
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    struct delta_found found;
    struct diag diag = {0};
    cr_assert(eq(int, delta_find_batch(table, 2, &found, &diag), OK));
    char path[192];
    log_path(1, path);
    world_remove(world, path);
    cr_assert(eq(int, delta_find_batch(table, 2, &found, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "DELTA_VERSIONS_NOT_CONTIGUOUS"));
    delta_table_close(table);
}

Test(delta_table, damaged_commits_are_refused_with_their_file)
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

Test(delta_table, version_0_has_protocol_and_metadata)
{
    struct world *world = world_new(STORE_OBJECTS);
    put_text(world, 0, "{\"txn\":{\"appId\":\"x\",\"version\":0}}\n");
    expect_error(world, 0, "DELTA_LOG_CORRUPT");
}

Test(delta_table, other_files_in_the_log_are_ignored)
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
