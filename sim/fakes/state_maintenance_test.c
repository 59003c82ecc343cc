/* Snapshots, cleanup, and what a damaged snapshot means. */
#include "sim/fakes/state_world.h"

static struct storage_world world;

static void begin(void)
{
    storage_world_new(&world, 1, false);
}

static void end(void)
{
    storage_world_free(&world);
}
TestSuite(state_maintenance, .init = begin, .fini = end);

static struct state_life run(const struct plan *plan, int64_t from, int64_t until, int64_t every)
{
    struct state_life life = {
        .plan = plan, .from = from, .until = until, .maintained_every = every};
    life = state_run(&world, life);
    cr_assert(eq(i64, life.reached, until), "%s", life.diag.text);
    return life;
}

static size_t file_count;
static bool snapshots_only;

static void count_file(void *context, const char *path, struct bytes content)
{
    file_count += !snapshots_only || strstr(path, ".snapshot") != NULL;
}

static size_t files(bool only_snapshots)
{
    file_count = 0;
    snapshots_only = only_snapshots;
    fake_storage_each(world.storage, 0, "/shared/ck/state", count_file, NULL);
    return file_count;
}

Test(state_maintenance, a_snapshot_is_due_when_the_chain_is_longer_than_the_option_says)
{
    const struct plan *plan = state_plan(3, 100);
    run(plan, 0, 3, 1);
    cr_assert(eq(sz, files(true), 0));
    run(plan, 3, 4, 1);
    cr_assert(state_there(&world, "4.snapshot"));
    run(plan, 4, 8, 1);
    cr_assert(state_there(&world, "8.snapshot"));
    cr_assert(eq(sz, files(true), 2));
    cr_assert(eq(sz, files(false), 10)); /* nothing is old enough to go */
    for (int64_t version = 0; version <= 8; version++) {
        cr_assert(eq(int, state_look(&world, plan, STORE_DISK, version).status, OK));
    }
    struct state_life life = state_look(&world, plan, STORE_DISK, 7);
    cr_assert(eq(i64, life.metrics.loaded_from_snapshot, 1));
    cr_assert(eq(i64, life.metrics.loaded_deltas, 3));
}

Test(state_maintenance, what_the_retained_versions_do_not_need_goes)
{
    const struct plan *plan = state_plan(3, 2);
    run(plan, 0, 9, 1);
    /* Snapshots 4 and 8; version 7 is the oldest that may be asked for: 4.snapshot serves it. */
    cr_assert(not(state_there(&world, "3.delta")));
    cr_assert(state_there(&world, "4.delta"));
    cr_assert(state_there(&world, "4.snapshot"));
    cr_assert(eq(sz, files(false), 8));
    run(plan, 9, 10, 1);
    cr_assert(not(state_there(&world, "4.snapshot")));
    cr_assert(not(state_there(&world, "7.delta")));
    cr_assert(state_there(&world, "8.snapshot"));
    for (int64_t version = 8; version <= 10; version++) {
        cr_assert(eq(int, state_look(&world, plan, STORE_DISK, version).status, OK));
    }
}

Test(state_maintenance, files_stay_bounded_over_many_batches)
{
    const struct plan *plan = state_plan(3, 2);
    run(plan, 0, 300, 2);
    cr_assert(le(sz, files(false), 14));
}

Test(state_maintenance, temporary_files_of_the_dead_go_when_their_version_is_old)
{
    const struct plan *plan = state_plan(3, 2);
    run(plan, 0, 1, 0);
    state_damage(&world, STATE "/.2.delta.0123.tmp", bytes_of_text("torn"));
    state_damage(&world, STATE "/.99.delta.0123.tmp", bytes_of_text("of an attempt that runs"));
    state_damage(&world, STATE "/.2.zip", bytes_of_text("not ours"));
    run(plan, 1, 5, 1);
    cr_assert(state_there(&world, ".2.delta.0123.tmp"));
    run(plan, 5, 10, 1);
    cr_assert(not(state_there(&world, ".2.delta.0123.tmp")));
    cr_assert(state_there(&world, ".99.delta.0123.tmp"));
    cr_assert(state_there(&world, ".2.zip"));
}

Test(state_maintenance, a_damaged_snapshot_gives_way_to_an_older_one_and_is_replaced)
{
    const struct plan *plan = state_plan(3, 100);
    run(plan, 0, 10, 1); /* snapshots 4 and 8 */
    state_damage(&world, STATE "/8.snapshot", bytes_of_text("LZ4Block torn"));
    struct state_life life = state_look(&world, plan, STORE_DISK, 10);
    cr_assert(eq(int, life.status, OK), "%s", life.diag.text);
    cr_assert(eq(i64, life.metrics.loaded_deltas, 6));
    state_damage(&world, STATE "/4.snapshot", bytes_of_text(""));
    life = state_look(&world, plan, STORE_DISK, 10);
    cr_assert(eq(int, life.status, OK), "%s", life.diag.text);
    cr_assert(eq(i64, life.metrics.loaded_deltas, 10));
    run(plan, 10, 11, 1); /* a new one at once, though the chain is short */
    cr_assert(state_there(&world, "11.snapshot"));
}

Test(state_maintenance, a_damaged_snapshot_without_its_deltas_is_named)
{
    const struct plan *plan = state_plan(3, 100);
    run(plan, 0, 10, 1);
    state_damage(&world, STATE "/8.snapshot", bytes_of_text("LZ4Block torn"));
    state_damage(&world, STATE "/6.delta", (struct bytes){0});
    struct state_life life = state_look(&world, plan, STORE_DISK, 10);
    cr_assert(eq(int, life.status, ERR_FAILED));
    cr_assert(eq(
        str, life.diag.error_class, "CANNOT_LOAD_STATE_STORE.CANNOT_READ_SNAPSHOT_FILE_KEY_SIZE"));
    cr_assert(eq(str, life.diag.file, STATE "/8.snapshot"));
    cr_assert(ne(ptr, strstr(life.diag.text, "6.delta"), NULL), "%s", life.diag.text);
}

/* A snapshot that does not read stands in for nothing: what it would replace stays. */
Test(state_maintenance, nothing_is_removed_in_favour_of_a_damaged_snapshot)
{
    run(state_plan(3, 100), 0, 12, 1); /* snapshots 4, 8 and 12, nothing removed */
    size_t before = files(false);
    state_damage(&world, STATE "/8.snapshot", bytes_of_text("LZ4Block torn"));
    struct state_life life = {
        .plan = state_plan(3, 2), .from = 12, .until = 13, .maintained_every = 1};
    cr_assert(eq(i64, state_run(&world, life).reached, 13)); /* 8.snapshot serves version 11 */
    cr_assert(eq(sz, files(false), before + 1));
    cr_assert(eq(int, state_look(&world, state_plan(3, 2), STORE_DISK, 11).status, OK));
}

Test(state_maintenance, what_goes_wrong_is_tried_again_and_fails_nobody)
{
    static const char *const operations[] = {"list", "write", "unlink", "fsync", "rename"};
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        end();
        begin();
        const struct plan *plan = state_plan(3, 2);
        run(plan, 0, 9, 9);
        world.trigger =
            (struct storage_trigger){.operation = operations[i],
                                     .path = ".snapshot",
                                     .nth = 1,
                                     .times = 1,
                                     .fault = {.effect = OPERATION_FAILS, .status = ERR_IO}};
        run(plan, 9, 20, 1);
        for (int64_t version = 18; version <= 20; version++) {
            cr_assert(eq(int, state_look(&world, plan, STORE_DISK, version).status, OK));
        }
        cr_assert(le(sz, files(false), 14), "%s", operations[i]);
    }
}

/* ---- a batch that runs again and finds other records ---- */

enum { OTHER = 77 };
static bool in_one_process;
static bool runs_thrice; /* the last two times in one process */

static void change_first_key(struct state_provider *provider, int64_t version, int64_t value)
{
    char text[2][32];
    struct state_store *state = NULL;
    struct diag diag = {0};
    cr_assert(eq(int, state_store_open(provider, 0, version, &state, &diag), OK));
    cr_assert(eq(
        int, state_store_put(state, state_key(0, text[0]), state_text(value, text[1]), &diag), OK));
    cr_assert(eq(int, state_store_commit(state, &diag), OK));
}

static void first_run(struct state_provider *provider)
{
    change_first_key(provider, 0, 1);
    change_first_key(provider, 1, 2);
    state_provider_maintain(provider);
}

static void snapshot_of_the_first_run(void *argument, const struct ports *ports)
{
    struct state_provider *provider =
        state_provider_new(ports, store_new(ports, STORE_DISK), argument, STATE_LOCAL);
    first_run(provider);
    if (in_one_process) {
        change_first_key(provider, 1, OTHER);
    }
    state_provider_free(provider);
}

static void second_run(void *argument, const struct ports *ports)
{
    struct state_provider *provider =
        state_provider_new(ports, store_new(ports, STORE_DISK), argument, STATE_LOCAL);
    if (runs_thrice) {
        change_first_key(provider, 1, OTHER + 1);
    }
    change_first_key(provider, 1, OTHER);
    state_provider_free(provider);
}

static void finds_the_second_run(void *argument, const struct ports *ports)
{
    char text[2][32];
    struct state_provider *provider =
        state_provider_new(ports, store_new(ports, STORE_DISK), argument, STATE_LOCAL);
    struct state_store *state = NULL;
    struct diag diag = {0};
    struct bytes found = {0};
    cr_assert(eq(int, state_store_open(provider, 0, 2, &state, &diag), OK));
    cr_assert(eq(int, state_store_get(state, state_key(0, text[0]), &found, &diag), OK));
    cr_assert(bytes_equal(found, state_text(OTHER, text[1])));
    state_store_abort(state);
    cr_assert(eq(i64, state_provider_metrics(provider, 0).loaded_from_snapshot, 1));
    state_provider_free(provider);
}

Test(state_maintenance, a_snapshot_of_a_run_that_did_not_count_is_written_over)
{
    for (int i = 0; i < 3; i++) {
        end();
        begin();
        struct plan plan = *state_plan(0, 100);
        in_one_process = i == 0;
        runs_thrice = i == 2;
        storage_world_run(&world, snapshot_of_the_first_run, &plan);
        cr_assert(state_there(&world, "2.snapshot"));
        if (!in_one_process) {
            storage_world_run(&world, second_run, &plan);
        }
        storage_world_run(&world, finds_the_second_run, &plan);
    }
}
