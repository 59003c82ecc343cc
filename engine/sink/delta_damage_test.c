/* A table's log that was damaged while no driver ran: each damage of each version is refused with
 * its file and a remedy, before anything is written, or what was lost is written again. */
#include "engine/base/hash.h"
#include "engine/sink/delta_test_table.h"

enum { VERSIONS = 4 }; /* batches 0 to 3 */

static struct world *world_with_batches(bool complete)
{
    struct world *world = world_new(STORE_OBJECTS);
    struct delta_table *table = delta_table_open(&world->ports, world->store, table_path, query);
    for (int64_t batch = 0; batch < VERSIONS; batch++) {
        struct delta_file files[2] = {two_files[0], two_files[1]};
        char names[2][32];
        for (int i = 0; i < 2; i++) {
            (void)snprintf(names[i], sizeof names[i], "part-%lld-%d", (long long)batch, i);
            files[i].path = names[i];
        }
        struct delta_commit commit = commit_of(batch);
        commit.files = files;
        commit.complete = complete;
        commit.next_watermark_ms = batch * 1000;
        struct delta_commit_result result;
        struct diag diag = {0};
        cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), OK), "%s", diag.text);
    }
    delta_table_close(table);
    return world;
}

static struct buf *content_of(struct world *world, int64_t version)
{
    char path[192];
    log_path(version, path);
    struct world_file *file = world_find(world, path);
    cr_assert(file != NULL);
    return &file->content;
}

/* What a restarted driver does: it looks for the batch that it runs again, and then for the next.
 */
static void expect_refused(struct world *world, const char *error_class, int64_t damaged)
{
    char path[192];
    log_path(damaged, path);
    size_t puts = world->puts;
    for (int64_t batch = VERSIONS - 1; batch <= VERSIONS; batch++) {
        struct delta_table *table =
            delta_table_open(&world->ports, world->store, table_path, query);
        struct delta_found found;
        struct diag diag = {0};
        cr_assert(eq(int, delta_find_batch(table, batch, &found, &diag), ERR_FAILED));
        cr_assert(not(found.found));
        cr_assert(eq(str, diag.error_class, error_class), "%s", diag.text);
        cr_assert(eq(str, diag.file, path));
        cr_assert(strstr(diag.text, "Restore") != NULL, "%s", diag.text);
        const struct delta_commit commit = commit_of(batch);
        struct delta_commit_result result;
        diag = (struct diag){0};
        cr_assert(eq(int, delta_commit_batch(table, &commit, &result, &diag), ERR_FAILED));
        cr_assert(eq(str, diag.error_class, error_class), "%s", diag.text);
        cr_assert(eq(str, diag.file, path));
        delta_table_close(table);
    }
    cr_assert(eq(sz, world->puts, puts)); /* nothing was written */
}

/* ---- what a crash, a bad disk or a person leaves ----------------------------------------------
 */

static void empty(struct buf *content)
{
    content->size = 0;
}

static void halve(struct buf *content)
{
    content->size /= 2;
}

static void lose_the_last_line(struct buf *content)
{
    do {
        content->size--;
    } while (content->size > 0 && content->data[content->size - 1] != '\n');
}

static void zero_the_tail(struct buf *content)
{
    memset(content->data + content->size / 2, 0, content->size - content->size / 2);
}

static void garble(struct buf *content)
{
    memset(content->data + content->size / 2, 0xa5, 16);
}

static void become_another_text(struct buf *content)
{
    buf_clear(content);
    buf_text(content, "<html>503 Slow Down</html>");
}

Test(delta_damage, a_damaged_version_is_refused_wherever_it_stands)
{
    static void (*const damages[])(struct buf *) = {
        empty, halve, lose_the_last_line, zero_the_tail, garble, become_another_text};
    for (size_t i = 0; i < 2 * sizeof damages / sizeof damages[0]; i++) {
        for (int64_t version = 0; version < VERSIONS; version++) {
            struct world *world = world_with_batches(i % 2 == 0);
            damages[i / 2](content_of(world, version));
            expect_refused(world, "DELTA_LOG_CORRUPT", version);
        }
    }
}

Test(delta_damage, a_version_missing_below_the_newest_is_refused)
{
    for (int64_t version = 0; version < VERSIONS - 1; version++) {
        struct world *world = world_with_batches(false);
        char path[192];
        log_path(version, path);
        world_remove(world, path);
        expect_refused(world, "DELTA_VERSIONS_NOT_CONTIGUOUS", version);
    }
}

/* The log of a shorter table is a good log: only the checkpoint tells what is missing. */
Test(delta_damage, a_missing_newest_version_is_written_again_or_refused)
{
    for (int64_t left = 0; left < VERSIONS; left++) {
        struct world *world = world_with_batches(false);
        for (int64_t version = left; version < VERSIONS; version++) {
            char path[192];
            log_path(version, path);
            world_remove(world, path);
        }
        /* commits/N says that batch `left` is done: refused */
        expect_error(world, left + 1, "DELTA_TABLE_BEHIND_CHECKPOINT");
        /* the checkpoint has no commits/N for it: the batch runs again, and is what was lost */
        expect_committed(world, left, left);
    }
}

/* Nobody but readers of the table opens data files. */
Test(delta_damage, a_missing_data_file_is_not_the_drivers_to_notice)
{
    struct world *world = world_with_batches(false); /* no data file was ever written here */
    expect_committed(world, VERSIONS, VERSIONS);
}

/* A wrong byte that leaves good JSON: what decides over batches and files is what it was, or the
 * version is refused. A path and a watermark may change unseen: nothing in the log repeats them. */
Test(delta_damage, one_wrong_bit_hides_no_batch_and_no_file)
{
    struct world *world = world_with_batches(true);
    const struct buf *content = content_of(world, 2);
    int refused = 0;
    int accepted = 0;
    for (size_t at = 0; at < content->size * 8; at++) {
        struct arena arena = {0};
        struct delta_log_facts facts;
        char problem[DELTA_LOG_PROBLEM_SIZE];
        content->data[at / 8] ^= (uint8_t)(1U << (at % 8));
        enum status status = delta_log_read(buf_bytes(content), query, &arena, &facts, problem);
        content->data[at / 8] ^= (uint8_t)(1U << (at % 8));
        if (status != OK) {
            refused++;
        } else {
            accepted++;
            cr_assert(facts.has_txn, "bit %zu", at);
            cr_assert(eq(i64, facts.txn_version, 2));
            cr_assert(eq(sz, facts.added_count, 2));
            cr_assert(eq(sz, facts.removed_count, 2));
            cr_assert(eq(u64, facts.added[0].size, 10));
            cr_assert(eq(u64, facts.added[1].size, 20));
        }
        arena_free(&arena);
    }
    cr_assert(gt(int, refused, accepted));
}
