/* The RocksDB provider over a storage world: lives, loads on another machine, batches that run
 * again, damage, cleanup; each with snapshots only and with changelogs. */
#include "engine/base/heap.h"
#include "sim/fakes/state_world.h"

#include "engine/state/rocksdb_db.h"
#include "engine/state/rocksdb_snapshot.h"

static struct storage_world world;

static void begin(void)
{
    storage_world_new(&world, 1, false);
}

static void end(void)
{
    storage_world_free(&world);
    cr_assert(eq(i64, rocksdb_db_live(), 0));
}
TestSuite(rocksdb_store, .init = begin, .fini = end);

static const struct plan *rocksdb_plan(bool changelog, int64_t min_deltas, int64_t retain)
{
    static struct plan plan;
    plan = *state_plan(min_deltas, retain);
    plan.options.state_provider = STATE_PROVIDER_ROCKSDB;
    plan.options.rocksdb_changelog = changelog;
    return &plan;
}

static struct state_life run(const struct plan *plan, int64_t from, int64_t until, int64_t every)
{
    struct state_life life = {
        .plan = plan, .from = from, .until = until, .maintained_every = every};
    life = state_run(&world, life);
    cr_assert(eq(i64, life.reached, until), "%s", life.diag.text);
    return life;
}

static void look(const struct plan *plan, int64_t from, int64_t until)
{
    for (int64_t version = from; version <= until; version++) {
        struct state_life life = state_look(&world, plan, STORE_DISK, version);
        cr_assert(eq(int, life.status, OK), "version %d: %s", (int)version, life.diag.text);
    }
}

static size_t file_count;
static const char *file_part;

static void count_file(void *context, const char *path, struct bytes content)
{
    file_count += strstr(path, file_part) != NULL;
}

static size_t files(const char *part)
{
    file_count = 0;
    file_part = part;
    fake_storage_each(world.storage, 0, "/shared/ck/state", count_file, NULL);
    return file_count;
}

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
        cr_assert(le(sz, files("/state/"), 30), "%d files", (int)file_count);
        world.machine = 1;
        look(plan, 58, 60);
    }
}

/* ---- steps ---------------------------------------------------------------------------------- */

struct steps {
    const struct plan *plan;
    void (*steps)(struct state_provider *provider);
};

static void take_steps(void *argument, const struct ports *ports)
{
    struct steps *steps = argument;
    struct state_provider *provider =
        state_provider_new(ports, store_new(ports, STORE_DISK), steps->plan, STATE_LOCAL);
    steps->steps(provider);
    state_provider_free(provider);
}

static void do_steps(const struct plan *plan, void (*function)(struct state_provider *provider))
{
    struct steps steps = {.plan = plan, .steps = function};
    storage_world_run(&world, take_steps, &steps);
}

static struct state_store *open_at(struct state_provider *provider, int64_t version)
{
    struct state_store *state = NULL;
    struct diag diag = {0};
    enum status status = state_store_open(provider, 0, version, &state, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
    return state;
}

static void advance(struct state_provider *provider, int64_t version)
{
    struct diag diag = {0};
    struct state_store *state = open_at(provider, version);
    state_expect(state, version);
    state_apply(state, version + 1);
    enum status status = state_store_commit(state, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
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

static void put_many(struct state_provider *provider, int64_t version, int64_t count)
{
    struct diag diag = {0};
    struct state_store *state = open_at(provider, version);
    for (int64_t key = 0; key < count; key++) {
        char text[2][32];
        enum status status = state_store_put(
            state, state_key(key, text[0]), state_text(version + 1, text[1]), &diag);
        cr_assert(eq(int, status, OK), "%s", diag.text);
    }
    cr_assert(eq(int, state_store_commit(state, &diag), OK), "%s", diag.text);
}

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

static void note_sst(void *context, const char *path, struct bytes content)
{
    if (strstr(path, ".sst") != NULL) {
        (void)snprintf(sst_path, sizeof sst_path, "%s", path);
    }
}

Test(rocksdb_store, a_missing_or_foreign_sst_is_named)
{
    const struct plan *plan = rocksdb_plan(false, 3, 100);
    run(plan, 0, 1, 0);
    fake_storage_each(world.storage, 0, STATE, note_sst, NULL);
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
