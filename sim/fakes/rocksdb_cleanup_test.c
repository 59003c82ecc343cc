/* Cleanups of the RocksDB provider beside other writers and over damage: what somebody may still
 * need stays, what nobody needs goes. */
#include "sim/fakes/rocksdb_world.h"

TestSuite(rocksdb_cleanup, .init = begin, .fini = end);

/* ---- beside another writer --------------------------------------------------------------------
 */

/* Version 4 is written slowly: its SST file is there, its zip is not. */
static void slow_writer(void *argument, const struct ports *ports)
{
    struct state_provider *provider =
        state_provider_new(ports, store_new(ports, STORE_OBJECTS), argument, STATE_LOCAL);
    for (int64_t version = 0; version < 4; version++) {
        advance(provider, version);
    }
    state_provider_free(provider);
}

static size_t seen_in_flight;

/* Meanwhile another one writes it, too, goes on and cleans up. */
static void cleans_up(void *argument, const struct ports *ports)
{
    struct state_provider *provider =
        state_provider_new(ports, store_new(ports, STORE_OBJECTS), argument, STATE_LOCAL);
    pass(ports, 10);
    seen_in_flight = orphans(false);
    advance(provider, 3);
    advance(provider, 4);
    state_provider_maintain(provider);
    cr_assert(not(there("2.zip"))); /* the cleanup has been */
    cr_assert(eq(sz, orphans(false), seen_in_flight));
    pass(ports, 60);
    cr_assert(eq(sz, orphans(false), seen_in_flight)); /* now those of the second one */
    for (int64_t version = 5; version < 9; version++) {
        advance(provider, version);
        state_provider_maintain(provider);
    }
    state_provider_free(provider);
}

Test(rocksdb_cleanup, what_is_in_flight_is_left_alone_and_goes_when_it_is_old)
{
    struct plan plan = *rocksdb_plan(false, 2, 2);
    slow("put", "4.zip");
    (void)storage_world_spawn(&world, slow_writer, &plan);
    (void)kernel_run(world.kernel, NULL, NULL, kernel_now_us(world.kernel));
    world.machine = 1;
    (void)storage_world_spawn(&world, cleans_up, &plan);
    storage_world_settle(&world);
    cr_assert(eq(u32, world.trigger.fired, 1));
    cr_assert(ge(sz, seen_in_flight, 1));
    cr_assert(eq(sz, orphans(false), 0));
    look_over(&plan, STORE_OBJECTS, 7, 9);
    audit(&plan, STORE_OBJECTS, 9);
}

/* Meanwhile another one writes it, too, and goes on. A third one, which had stood still longer,
 * writes 3.zip over; then comes the cleanup that keeps 4.zip. */
static void cleans_up_behind_a_late_zip(void *argument, const struct ports *ports)
{
    struct store *store = store_new(ports, STORE_OBJECTS);
    struct state_provider *provider = state_provider_new(ports, store, argument, STATE_LOCAL);
    struct arena arena = {0};
    struct bytes content = {0};
    pass(ports, 10);
    seen_in_flight = orphans(false);
    for (int64_t version = 3; version < 6; version++) {
        advance(provider, version);
    }
    pass(ports, 1);
    cr_assert(eq(int, store_get(store, STATE "/3.zip", &arena, &content), OK));
    cr_assert(eq(int, store_put_over(store, STATE "/3.zip", content), OK));
    arena_free(&arena);
    state_provider_maintain(provider);
    cr_assert(not(there("3.zip"))); /* the cleanup has been */
    cr_assert(ge(sz, orphans(false), seen_in_flight));
    state_provider_free(provider);
}

Test(rocksdb_cleanup, a_zip_that_was_written_over_late_does_not_say_what_is_old)
{
    struct plan plan = *rocksdb_plan(false, 2, 2);
    slow("put", "4.zip");
    (void)storage_world_spawn(&world, slow_writer, &plan);
    (void)kernel_run(world.kernel, NULL, NULL, kernel_now_us(world.kernel));
    world.machine = 1;
    (void)storage_world_spawn(&world, cleans_up_behind_a_late_zip, &plan);
    storage_world_settle(&world);
    cr_assert(eq(u32, world.trigger.fired, 1));
    cr_assert(ge(sz, seen_in_flight, 1));
    look_over(&plan, STORE_OBJECTS, 4, 6); /* 4.zip is now the slow one's */
    audit(&plan, STORE_OBJECTS, 6);
}

static void version_4_again(void *argument, const struct ports *ports)
{
    struct state_provider *provider =
        state_provider_new(ports, store_new(ports, STORE_DISK), argument, STATE_LOCAL);
    pass(ports, 5);
    advance(provider, 3);
    state_provider_maintain(provider); /* it dies in here */
}

static void seven_versions_and_a_late_cleanup(void *argument, const struct ports *ports)
{
    struct state_provider *provider =
        state_provider_new(ports, store_new(ports, STORE_DISK), argument, STATE_LOCAL);
    for (int64_t version = 0; version < 7; version++) {
        advance(provider, version);
    }
    pass(ports, 20);
    state_provider_maintain(provider);
    state_provider_free(provider);
}

/* Another executor's zip is visible, and its writer died before the fsync of the directory: what it
 * stands in for goes only once the name is durable. */
Test(rocksdb_cleanup, a_cleanup_relies_on_durable_names_only)
{
    struct plan plan = *rocksdb_plan(true, 3, 2);
    struct plan no_snapshots = *rocksdb_plan(true, 100, 2); /* no fsync of its own zip's name */
    world.trigger = (struct storage_trigger){
        .operation = "rename", .path = "4.zip", .nth = 1, .times = 1, .after = true, .kill = true};
    world.machine = 1;
    (void)storage_world_spawn(&world, seven_versions_and_a_late_cleanup, &no_snapshots);
    (void)kernel_run(world.kernel, NULL, NULL, kernel_now_us(world.kernel));
    world.machine = 0;
    (void)storage_world_spawn(&world, version_4_again, &plan);
    storage_world_settle(&world);
    cr_assert(eq(u32, world.trigger.fired, 1));
    cr_assert(not(there("3.changelog"))); /* the cleanup has been */
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    world.machine = 1;
    look_over(&plan, STORE_DISK, 5, 7);
    audit(&plan, STORE_DISK, 7);
}

/* ---- beside a load ----------------------------------------------------------------------------
 */

static void maintain(void *argument)
{
    state_provider_maintain(argument);
}

/* Version 9 is loaded by 4.zip, which is the newest when the directory is listed; by the time that
 * 5.changelog is asked for, 8.zip has come and a cleanup of this executor has taken it. */
static void load_beside_a_cleanup(void *argument, const struct ports *ports)
{
    struct state_provider *provider =
        state_provider_new(ports, store_new(ports, STORE_OBJECTS), argument, STATE_LOCAL);
    for (int64_t version = 0; version < 10; version++) {
        advance(provider, version);
        if (version + 1 == 4) {
            state_provider_maintain(provider);
        }
    }
    (void)fibers_spawn(&ports->fibers, maintain, provider);
    slow("get", "5.changelog");
    struct state_store *state = open_at(provider, 9);
    cr_assert(eq(u32, world.trigger.fired, 1));
    cr_assert(not(there("5.changelog")));
    state_expect(state, 9);
    state_store_abort(state);
    state_provider_free(provider);
}

Test(rocksdb_cleanup, what_it_takes_from_a_load_has_something_in_its_place)
{
    struct plan plan = *rocksdb_plan(true, 4, 2);
    plan.options.rocksdb_write_buffer_bytes = 60; /* no batch is undone in memory */
    storage_world_run(&world, load_beside_a_cleanup, &plan);
}

/* ---- how often --------------------------------------------------------------------------------
 */

enum { RETAIN = 10 };

static int64_t cleaned_at; /* the version behind which version 1 went */

static void live_until_it_goes(struct state_provider *provider)
{
    cleaned_at = 0;
    while (cleaned_at < 1 || there("1.zip")) {
        advance(provider, cleaned_at++);
        state_provider_maintain(provider);
    }
}

/* The version that serves the last ten, and as many below it as that share of ten, at least one. */
Test(rocksdb_cleanup, waits_until_old_versions_are_a_share_of_those_that_stay)
{
    static const struct {
        int64_t millionths;
        int64_t behind;
    } table[] = {{0, 1}, {100000, 1}, {300000, 3}, {310000, 4}, {1000000, 10}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct plan plan = *rocksdb_plan(false, 3, RETAIN);
        plan.options.rocksdb_extra_space_millionths = table[i].millionths;
        begin_anew();
        do_steps(&plan, live_until_it_goes);
        cr_assert(eq(i64, cleaned_at, RETAIN + 1 + table[i].behind), "%zu", i);
    }
}

/* ---- over damage ------------------------------------------------------------------------------
 */

struct harm {
    const char *pattern;
    enum damage damage;
};

static const struct harm *done;

/* Version 4 is what the cleanup of version 6 is to keep. */
static void cleanup_meets_harm(struct state_provider *provider)
{
    for (int64_t version = 0; version < 6; version++) {
        advance(provider, version);
        if (version == 3) {
            fake_storage_damage(world.storage, done->pattern, done->damage);
        }
    }
    state_provider_maintain(provider);
}

Test(rocksdb_cleanup, nothing_goes_in_favour_of_a_snapshot_that_does_not_read)
{
    static const struct harm harms[] = {
        {STATE "/4.zip", DAMAGE_GARBLED},
        {STATE "/SSTs/*.sst", DAMAGE_REMOVED},
        {STATE "/SSTs/*.sst", DAMAGE_TRUNCATED},
        {STATE "/SSTs/*.sst", DAMAGE_GARBLED},
    };
    const struct plan *plan = rocksdb_plan(false, 2, 2);
    for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
        begin_anew();
        done = &harms[i];
        do_steps(plan, cleanup_meets_harm);
        cr_assert(there("1.zip"), "%s", done->pattern);
        cr_assert(there("3.zip"));
        look(plan, 3, 3);
    }
}
