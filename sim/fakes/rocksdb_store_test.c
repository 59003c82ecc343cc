/* The RocksDB provider over a storage world: lives, loads on another machine, batches that run
 * again, damage, cleanup; each with snapshots only and with changelogs. */
#include "sim/fakes/rocksdb_world.h"

TestSuite(rocksdb_store, .init = begin, .fini = end);

Test(rocksdb_store, each_version_is_there_on_another_machine)
{
    for (int changelog = 0; changelog < 2; changelog++) {
        const struct plan *plan = rocksdb_plan(changelog == 1, 3, 100);
        end();
        begin();
        run(plan, 0, 14, 1);
        world.machine = 1;
        look(plan, 0, 14);
        cr_assert(eq(sz, files(".changelog"), changelog == 1 ? 14 : 0));
        cr_assert(eq(sz, files(".zip"), changelog == 1 ? 4 : 14));
    }
}

Test(rocksdb_store, files_stay_bounded_and_the_retained_versions_load)
{
    for (int changelog = 0; changelog < 2; changelog++) {
        const struct plan *plan = rocksdb_plan(changelog == 1, 3, 2);
        end();
        begin();
        run(plan, 0, 60, 1);
        cr_assert(le(sz, files("/state/"), 30));
        world.machine = 1;
        look(plan, 58, 60);
    }
}

static void run_again(struct state_provider *provider)
{
    for (int64_t version = 0; version < 6; version++) {
        advance(provider, version);
        advance(provider, version);
        struct state_store *state = open_at(provider, version + 1);
        state_apply(state, version + 2);
        state_store_abort(state);
    }
    int64_t misses = state_provider_metrics(provider, 0).memory_misses;
    advance(provider, 5);
    cr_assert(le(i64, state_provider_metrics(provider, 0).memory_misses, misses + 1));
    state_provider_maintain(provider);
    advance(provider, 6);
}

Test(rocksdb_store, a_batch_that_runs_again_finds_its_version)
{
    do_steps(rocksdb_plan(true, 3, 100), run_again);
    look(rocksdb_plan(true, 3, 100), 0, 7);
    end();
    begin();
    do_steps(rocksdb_plan(false, 3, 100), run_again);
    look(rocksdb_plan(false, 3, 100), 0, 7);
}

/* Memory for less than one batch: what is changed goes into the database in between. */
static void spill_and_abort(struct state_provider *provider)
{
    for (int64_t version = 0; version < 8; version++) {
        struct state_store *state = open_at(provider, version);
        state_apply(state, version + 1);
        state_store_abort(state);
        advance(provider, version);
    }
    state_provider_maintain(provider);
}

Test(rocksdb_store, an_abort_undoes_what_went_into_the_database)
{
    for (int changelog = 0; changelog < 2; changelog++) {
        struct plan plan = *rocksdb_plan(changelog == 1, 3, 100);
        plan.options.rocksdb_write_buffer_bytes = 60;
        end();
        begin();
        do_steps(&plan, spill_and_abort);
        look(&plan, 0, 8);
    }
}

/* ---- compactOnCommit ------------------------------------------------------------------------ */

/* A large version and a small one upon it: two files, unless all are merged at each commit. */
static void large_and_small(struct state_provider *provider)
{
    put_many(provider, 0, 80);
    put_many(provider, 1, 2);
}

Test(rocksdb_store, compact_on_commit_leaves_one_file)
{
    for (int everything = 0; everything < 2; everything++) {
        struct plan plan = *rocksdb_plan(false, 3, 100);
        plan.options.rocksdb_compact_on_commit = everything == 1;
        end();
        begin();
        do_steps(&plan, large_and_small);
        struct bytes zip = {0};
        struct arena arena = {0};
        struct rocksdb_snapshot snapshot = {0};
        const char *what = NULL;
        cr_assert(fake_storage_look(world.storage, 0, STATE "/2.zip", &zip));
        cr_assert(eq(int, rocksdb_snapshot_decode(zip, &arena, &snapshot, &what), OK));
        cr_assert(eq(sz, snapshot.sst_count, everything == 1 ? 1 : 2));
        cr_assert(eq(i64, snapshot.key_count, 80));
        arena_free(&arena);
    }
}

static int64_t shown;
static int64_t shown_bytes;

static enum status show(void *context, struct bytes key, struct bytes value)
{
    shown++;
    shown_bytes += (int64_t)(key.size + value.size);
    return OK;
}

static void scan(struct state_provider *provider)
{
    struct diag diag = {0};
    for (int64_t version = 0; version < 12; version++) {
        advance(provider, version);
        struct state_store *state = open_at(provider, version + 1);
        shown = 0;
        shown_bytes = 0;
        cr_assert(eq(int, state_store_each(state, show, NULL, &diag), OK), "%s", diag.text);
        cr_assert(eq(i64, shown, state_store_count(state)));
        cr_assert(eq(i64, shown_bytes, shown * (6 + 16)));
        state_store_abort(state);
    }
}

Test(rocksdb_store, each_shows_database_and_overlay_as_one)
{
    do_steps(rocksdb_plan(true, 3, 100), scan);
    end();
    begin();
    do_steps(rocksdb_plan(false, 3, 100), scan);
}

/* ---- what is wrong is named ----------------------------------------------------------------- */

Test(rocksdb_store, a_torn_zip_gives_way_to_an_older_one_and_its_changelogs)
{
    const struct plan *plan = rocksdb_plan(true, 3, 100);
    run(plan, 0, 10, 1);
    cr_assert(state_there(&world, "9.zip"));
    state_damage(&world, STATE "/9.zip", bytes_of_text("PK torn"));
    world.machine = 1;
    look(plan, 9, 10);
    state_damage(&world, STATE "/8.changelog", (struct bytes){0});
    struct state_life life = state_look(&world, plan, STORE_DISK, 10);
    cr_assert(eq(int, life.status, ERR_FAILED));
    cr_assert(eq(str, life.diag.error_class, "CANNOT_LOAD_STATE_STORE.CANNOT_READ_CHECKPOINT"));
    cr_assert(eq(str, life.diag.file, STATE "/9.zip"));
    cr_assert(ne(ptr, strstr(life.diag.text, "8.changelog"), NULL), "%s", life.diag.text);
}

static char sst_path[256];

static void note_sst_path(void *context, const char *path, struct bytes content)
{
    if (strstr(path, ".sst") != NULL) {
        (void)snprintf(sst_path, sizeof sst_path, "%s", path);
    }
}

static bool of_sst(const char *operation, const char *path)
{
    return strstr(path, ".sst") != NULL;
}

Test(rocksdb_store, a_missing_or_foreign_sst_is_named)
{
    const struct plan *plan = rocksdb_plan(false, 3, 100);
    run(plan, 0, 1, 0);
    fake_storage_each(world.storage, 0, STATE, note_sst_path, NULL);
    struct bytes content = {0};
    cr_assert(fake_storage_look(world.storage, 0, sst_path, &content));
    uint8_t *other = heap_alloc(content.size);
    size_t size = content.size;
    memcpy(other, content.data, size);
    other[size / 3] ^= 1;
    state_damage(&world, sst_path, bytes_of(other, size));
    heap_free(other);
    struct state_life life = state_look(&world, plan, STORE_DISK, 1);
    cr_assert(eq(int, life.status, ERR_FAILED));
    cr_assert(eq(str, life.diag.file, sst_path), "%s", life.diag.text);
    state_damage(&world, sst_path, bytes_of_text("short"));
    life = state_look(&world, plan, STORE_DISK, 1);
    cr_assert(eq(str, life.diag.error_class, "CANNOT_LOAD_STATE_STORE.UNEXPECTED_FILE_SIZE"));
    state_damage(&world, sst_path, (struct bytes){0});
    life = state_look(&world, plan, STORE_DISK, 1);
    cr_assert(eq(
        str, life.diag.error_class, "CANNOT_LOAD_STATE_STORE.CANNOT_READ_MISSING_SNAPSHOT_FILE"));
    cr_assert(eq(str, life.diag.file, sst_path));
}

/* The file that the disk does not give back, not the folder of them all. */
Test(rocksdb_store, a_local_file_that_does_not_read_is_named)
{
    const struct plan *plan = rocksdb_plan(false, 3, 100);
    run(plan, 0, 1, 0);
    world.machine = 1;
    world.trigger =
        (struct storage_trigger){.operation = "read",
                                 .path = "/local/",
                                 .matches = of_sst,
                                 .nth = 1,
                                 .times = 100,
                                 .fault = {.effect = OPERATION_FAILS, .status = ERR_IO}};
    struct state_life life = state_look(&world, plan, STORE_DISK, 1);
    cr_assert(eq(int, life.status, ERR_FAILED));
    cr_assert(eq(str, life.diag.error_class, "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED"));
    cr_assert(eq(str, life.diag.file, STATE_LOCAL "/0/1/000007.sst"), "%s", life.diag.text);
}

Test(rocksdb_store, the_other_providers_state_is_never_an_empty_one)
{
    run(state_plan(3, 100), 0, 2, 0);
    struct state_life life = state_look(&world, rocksdb_plan(true, 3, 100), STORE_DISK, 2);
    cr_assert(eq(int, life.status, ERR_FAILED));
    cr_assert(ne(ptr, strstr(life.diag.text, "HDFSBackedStateStoreProvider"), NULL),
              "%s",
              life.diag.text);
    end();
    begin();
    run(rocksdb_plan(false, 3, 100), 0, 2, 0);
    life = state_look(&world, state_plan(3, 100), STORE_DISK, 2);
    cr_assert(eq(int, life.status, ERR_FAILED));
    cr_assert(
        ne(ptr, strstr(life.diag.text, "RocksDBStateStoreProvider"), NULL), "%s", life.diag.text);
}
