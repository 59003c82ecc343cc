/* Output mode complete: each commit replaces every live file, whoever added it, in one version. */
#include "engine/sink/delta_test_table.h"

static struct delta_commit complete_of(int64_t batch, const char *path)
{
    static struct delta_file files[8];
    static size_t used;
    struct delta_file *file = &files[used++ % 8];
    *file = (struct delta_file){.path = path, .size = 10, .rows = 1, .stats = "{}"};
    return (struct delta_commit){
        .batch = batch,
        .schema = &schema,
        .files = file,
        .file_count = path != NULL,
        .complete = true,
        .next_watermark_ms = DELTA_NO_WATERMARK,
    };
}

static enum status commit_with(struct delta_table *table,
                               const struct delta_commit *commit,
                               struct delta_commit_result *result,
                               struct diag *diag)
{
    *diag = (struct diag){0};
    return delta_commit_batch(table, commit, result, diag);
}

static int64_t commit_file(struct delta_table *table, int64_t batch, const char *path)
{
    struct delta_commit commit = complete_of(batch, path);
    struct delta_commit_result result;
    struct diag diag;
    enum status status = commit_with(table, &commit, &result, &diag);
    cr_assert(eq(int, status, OK), "%s: %s", diag.error_class, diag.text);
    cr_assert(not(result.skipped));
    return result.version;
}

static struct delta_table *open_table(struct world *world)
{
    return delta_table_open(&world->ports, world->store, table_path, query);
}

static void append_names(char *text, const struct delta_log_file *files, size_t count, char sign)
{
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, 256 - used, "%s%c%s", used == 0 ? "" : " ", sign, files[i].uri);
    }
}

/* The adds and removes of one version, as "+new -old". */
static void expect_version(struct world *world, int64_t version, const char *expected)
{
    char path[192];
    log_path(version, path);
    struct world_file *file = world_find(world, path);
    cr_assert(file != NULL, "version %lld is missing", (long long)version);
    struct arena arena = {0};
    struct delta_log_facts facts;
    char problem[DELTA_LOG_PROBLEM_SIZE];
    enum status status = delta_log_read(buf_bytes(&file->content), query, &arena, &facts, problem);
    cr_assert(eq(int, status, OK), "%s", problem);
    char text[256] = "";
    append_names(text, facts.added, facts.added_count, '+');
    append_names(text, facts.removed, facts.removed_count, '-');
    cr_assert(eq(str, text, expected));
    arena_free(&arena);
}

static void other_query_commits(struct world *world)
{
    rival_commit(world, "other", 0);
}

Test(delta_complete, each_batch_replaces_the_files_of_the_one_before)
{
    struct world *world = world_new(STORE_OBJECTS);
    struct delta_table *table = open_table(world);
    cr_assert(eq(i64, commit_file(table, 0, "zero"), 0));
    cr_assert(eq(i64, commit_file(table, 1, "one"), 1));
    cr_assert(eq(i64, commit_file(table, 2, NULL), 2)); /* no group is left */
    cr_assert(eq(i64, commit_file(table, 3, "three"), 3));
    delta_table_close(table);
    expect_version(world, 0, "+zero");
    expect_version(world, 1, "+one -zero");
    expect_version(world, 2, "-one");
    expect_version(world, 3, "+three");
}

Test(delta_complete, a_restarted_driver_knows_the_files_of_its_predecessor)
{
    for (int looks_first = 0; looks_first < 2; looks_first++) {
        struct world *world = world_new(STORE_DISK);
        struct delta_table *table = open_table(world);
        (void)commit_file(table, 0, "zero");
        (void)commit_file(table, 1, "one");
        delta_table_close(table);
        table = open_table(world);
        if (looks_first != 0) { /* the log was read when nobody had asked for files */
            struct delta_found found;
            struct diag diag = {0};
            cr_assert(eq(int, delta_find_batch(table, 2, &found, &diag), OK));
            cr_assert(not(found.found));
        }
        cr_assert(eq(i64, commit_file(table, 2, "two"), 2));
        delta_table_close(table);
        expect_version(world, 2, "+two -one");
    }
}

/* An appending query of the past, and files whose names are escaped: the remove names the add. */
Test(delta_complete, files_of_others_go_under_the_name_that_their_add_has)
{
    struct world *world = world_new(STORE_OBJECTS);
    rival_commit(world, "other", 0);
    put_text(world,
             1,
             "{\"add\":{\"path\":\"s3%3A/a~b c\",\"size\":3}}\n"
             "{\"add\":{\"path\":\"gone%20soon\",\"size\":4}}\n");
    put_text(world, 2, "{\"remove\":{\"path\":\"gone soon\",\"dataChange\":false}}\n");
    struct delta_table *table = open_table(world);
    cr_assert(eq(i64, commit_file(table, 0, "zero"), 3));
    delta_table_close(table);
    expect_version(world, 3, "+zero -part-rival.parquet -s3%3A/a~b c");
}

Test(delta_complete, a_rivals_append_in_between_is_removed_too)
{
    struct world *world = world_new(STORE_OBJECTS);
    struct delta_table *table = open_table(world);
    (void)commit_file(table, 0, "zero");
    world->steps[1].before = other_query_commits;
    cr_assert(eq(i64, commit_file(table, 1, "one"), 2));
    delta_table_close(table);
    expect_version(world, 1, "+part-rival.parquet");
    expect_version(world, 2, "+one -zero -part-rival.parquet");
}

Test(delta_complete, a_lost_answer_leaves_one_version)
{
    static const enum put_effect effects[] = {
        PUT_UNKNOWN_APPLIED, PUT_UNKNOWN_LOST, PUT_UNKNOWN_LATE};
    for (size_t i = 0; i < sizeof effects / sizeof effects[0]; i++) {
        struct world *world = world_new(STORE_OBJECTS);
        struct delta_table *table = open_table(world);
        (void)commit_file(table, 0, "zero");
        world->steps[1].effect = effects[i];
        cr_assert(eq(i64, commit_file(table, 1, "one"), 1));
        cr_assert(eq(i64, commit_file(table, 2, "two"), 2));
        delta_table_close(table);
        expect_version(world, 1, "+one -zero");
        expect_version(world, 2, "+two -one");
    }
}

Test(delta_complete, a_batch_that_is_there_is_skipped)
{
    struct world *world = world_new(STORE_OBJECTS);
    struct delta_table *table = open_table(world);
    (void)commit_file(table, 0, "zero");
    (void)commit_file(table, 1, "one");
    struct delta_commit again = complete_of(1, "one-again");
    struct delta_commit_result result;
    struct diag diag;
    cr_assert(eq(int, commit_with(table, &again, &result, &diag), OK));
    cr_assert(result.skipped);
    cr_assert(not(version_exists(world, 2)));
    delta_table_close(table);
}

Test(delta_complete, a_table_for_appends_only_is_refused)
{
    struct world *world = world_new(STORE_OBJECTS);
    put_text(world,
             0,
             "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
             "{\"metaData\":{\"id\":\"i\",\"schemaString\":\"{\\\"type\\\":\\\"struct\\\","
             "\\\"fields\\\":[{\\\"name\\\":\\\"origin\\\",\\\"type\\\":\\\"string\\\"},"
             "{\\\"name\\\":\\\"delay\\\",\\\"type\\\":\\\"integer\\\"}]}\","
             "\"partitionColumns\":[],\"configuration\":{\"delta.appendOnly\":\"true\"}}}\n");
    struct delta_table *table = open_table(world);
    struct delta_commit commit = complete_of(0, "zero");
    struct delta_commit_result result;
    struct diag diag;
    cr_assert(eq(int, commit_with(table, &commit, &result, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "DELTA_CANNOT_MODIFY_APPEND_ONLY"));
    cr_assert(eq(sz, world->puts, 0));
    delta_table_close(table);
    expect_committed(world, 0, 1); /* appends it does take */
}

/* A damaged version below the newest: append mode has read it once and goes on, complete mode must
 * not guess which files live. */
Test(delta_complete, files_are_never_learned_from_a_damaged_log)
{
    struct world *world = world_new(STORE_OBJECTS);
    struct delta_table *table = open_table(world);
    (void)commit_file(table, 0, "zero");
    (void)commit_file(table, 1, "one");
    delta_table_close(table);
    table = open_table(world);
    struct delta_found found;
    struct diag diag = {0};
    cr_assert(eq(int, delta_find_batch(table, 1, &found, &diag), OK));
    put_text(world, 0, "");
    struct delta_commit commit = complete_of(2, "two");
    struct delta_commit_result result;
    cr_assert(eq(int, commit_with(table, &commit, &result, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "DELTA_LOG_CORRUPT"));
    cr_assert(strstr(diag.file, "00000000000000000000.json") != NULL);
    cr_assert(not(version_exists(world, 2)));
    delta_table_close(table);
}
