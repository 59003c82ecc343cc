/* Has the table recorded a batch, and which watermark did its commit leave? */
#include "engine/base/check.h"
#include "engine/sink/delta_test_table.h"

static void commit_with_watermark(struct world *world, int64_t batch, int64_t watermark_ms)
{
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    struct delta_commit commit = commit_of(batch);
    commit.next_watermark_ms = watermark_ms;
    struct delta_commit_result result;
    struct diag diag = {0};
    cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), OK), "%s", diag.text);
    delta_table_close(table);
}

static struct delta_found find(struct world *world, int64_t batch)
{
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    struct delta_found found;
    struct diag diag = {0};
    cr_assert(eq(int, delta_find_batch(table, batch, &found, &diag), OK), "%s", diag.text);
    delta_table_close(table);
    cr_assert(eq(int, found.has_watermark, found.next_watermark_ms != DELTA_NO_WATERMARK));
    return found;
}

static void expect_watermark(struct world *world, int64_t batch, int64_t watermark_ms)
{
    struct delta_found found = find(world, batch);
    cr_assert(found.found);
    cr_assert(eq(i64, found.next_watermark_ms, watermark_ms));
}

Test(delta_find, the_watermark_of_exactly_this_batch)
{
    struct world *world = world_new(STORE_OBJECTS);
    cr_assert(not(find(world, 0).found));
    commit_with_watermark(world, 0, 0); /* no event yet */
    expect_watermark(world, 0, 0);
    commit_with_watermark(world, 1, 978307200123);
    expect_watermark(world, 1, 978307200123);
    expect_watermark(world, 0, DELTA_NO_WATERMARK); /* there, but its watermark is another */
    cr_assert(not(find(world, 2).found));
    rival_commit(world, "other", 9); /* somebody else's commit says nothing of this query */
    expect_watermark(world, 1, 978307200123);
    commit_with_watermark(world, 2, INT64_MAX / 1000);
    expect_watermark(world, 2, INT64_MAX / 1000);
}

Test(delta_find, a_plan_without_a_watermark_writes_none)
{
    struct world *world = world_new(STORE_OBJECTS);
    commit_with_watermark(world, 0, 5);
    commit_with_watermark(world, 1, DELTA_NO_WATERMARK);
    expect_watermark(world, 1, DELTA_NO_WATERMARK);
    char path[192];
    log_path(1, path);
    struct world_file *file = world_find(world, path);
    require(file != NULL);
    struct buf *content = &file->content;
    buf_byte(content, 0);
    require(content->data != NULL);
    cr_assert(strstr((char *)content->data, "userMetadata") == NULL);
}

static void commit_with_records(struct world *world, int64_t batch, const char *last_records)
{
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    struct delta_commit commit = commit_of(batch);
    commit.last_records = last_records;
    commit.next_watermark_ms = batch == 1 ? 7 : DELTA_NO_WATERMARK;
    struct delta_commit_result result;
    struct diag diag = {0};
    cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), OK), "%s", diag.text);
    delta_table_close(table);
}

/* The newest of this query, also when another batch is asked for. */
Test(delta_find, the_last_records_of_the_newest_batch)
{
    struct world *world = world_new(STORE_OBJECTS);
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    struct delta_found found;
    struct diag diag = {0};
    cr_assert(eq(i64, find(world, 0).newest_batch, -1));
    static const char *const texts[] = {"0:41:5:0123456789abcdef", "0:43:5:0123456789abcdef", NULL};
    for (int64_t batch = 0; batch < 3; batch++) {
        commit_with_records(world, batch, texts[batch]);
        rival_commit(world, "other", batch);
        cr_assert(eq(int, delta_find_batch(table, batch + 1, &found, &diag), OK));
        cr_assert(not(found.found));
        cr_assert(eq(i64, found.newest_batch, batch));
        if (texts[batch] == NULL) {
            cr_assert(found.last_records == NULL); /* those of the batch before are too old */
        } else {
            cr_assert_str_eq(found.last_records, texts[batch]);
        }
    }
    expect_watermark(world, 1, DELTA_NO_WATERMARK);
    delta_table_close(table);
}

/* A byte that went bad there would else pass for a change of Kafka's log. */
Test(delta_find, damaged_last_records_are_a_damaged_log)
{
    static const char text[] = "0:41:5:0123456789abcdef";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        struct world *world = world_new(STORE_OBJECTS);
        char path[192];
        struct diag diag = {0};
        struct delta_found found;
        commit_with_records(world, 0, text);
        log_path(0, path);
        struct world_file *file = world_find(world, path);
        require(file != NULL);
        buf_byte(&file->content, 0);
        char *at = strstr((char *)file->content.data, text);
        require(at != NULL);
        file->content.size--;
        at[i] = (char)(at[i] ^ 1);
        struct delta_table *table =
            delta_table_open(&world->ports, world->store, table_path, query);
        cr_assert(eq(int, delta_find_batch(table, 0, &found, &diag), ERR_FAILED), "byte %zu", i);
        cr_assert(eq(str, diag.error_class, "DELTA_LOG_CORRUPT"));
        delta_table_close(table);
    }
}

static void expect_user_metadata(const char *user_metadata, int64_t watermark_ms)
{
    struct world *world = world_new(STORE_OBJECTS);
    rival_commit(world, "other", 0);
    char text[512];
    (void)snprintf(text,
                   sizeof text,
                   "{\"commitInfo\":{\"engineInfo\":\"Apache-Spark/4.0.0 Delta-Lake/4.0.0\","
                   "\"userMetadata\":%s}}\n{\"txn\":{\"appId\":\"%s\",\"version\":3}}\n",
                   user_metadata,
                   query);
    put_text(world, 1, text);
    expect_watermark(world, 3, watermark_ms);
}

/* Spark writes what its user asked for, or nothing. */
Test(delta_find, other_texts_are_no_watermark)
{
    expect_user_metadata("\"{\\\"nextBatchWatermarkMs\\\":7}\"", 7);
    expect_user_metadata("\"\"", DELTA_NO_WATERMARK);
    expect_user_metadata("\"nightly run\"", DELTA_NO_WATERMARK);
    expect_user_metadata("null", DELTA_NO_WATERMARK);
    expect_user_metadata("{\"nextBatchWatermarkMs\":7}", DELTA_NO_WATERMARK);
    expect_user_metadata("\"{\\\"nextBatchWatermarkMs\\\":-1}\"", DELTA_NO_WATERMARK);
    expect_user_metadata("\"{\\\"nextBatchWatermarkMs\\\":\\\"7\\\"}\"", DELTA_NO_WATERMARK);
    expect_user_metadata("\"{\\\"nextBatchWatermarkMs\\\":7,\\\"x\\\":1}\"", DELTA_NO_WATERMARK);
    expect_user_metadata("\"{\\\"nextBatchWatermarkMs\\\":7\"", DELTA_NO_WATERMARK);
    expect_user_metadata("\"{\\\"nextBatchWatermarkMs\\\":9223372036854776}\"", DELTA_NO_WATERMARK);
    expect_user_metadata("\"{\\\"nextBatchWatermarkMs\\\":99999999999999999999}\"",
                         DELTA_NO_WATERMARK);
}
