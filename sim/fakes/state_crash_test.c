/* The state store under crashes: at every operation of a life with commits, snapshots and cleanup,
 * the process is killed, perhaps its machine crashes; every version that recovery may need must
 * still be there, on another machine, and stay. */
#include "sim/fakes/state_world.h"

enum { UNTIL = 9, RETAIN = 2, MIN_DELTAS = 2 };

struct crash_point {
    uint32_t operation;
    bool after;
    bool process_only;
    enum unsynced unsynced;
};

static struct state_life life_of(enum store_kind kind)
{
    return (struct state_life){.kind = kind,
                               .plan = state_plan(MIN_DELTAS, RETAIN),
                               .until = UNTIL,
                               .maintained_every = 1};
}

/* What recovery may ask for: the newest version that was reported done, and RETAIN before it. */
static void check_versions(struct storage_world *world, enum store_kind kind, int64_t reached)
{
    for (int64_t version = reached - RETAIN; version <= reached; version++) {
        if (version > 0) {
            struct state_life life =
                state_look(world, state_plan(MIN_DELTAS, RETAIN), kind, version);
            cr_assert(eq(int, life.status, OK), "version %d: %s", (int)version, life.diag.text);
        }
    }
}

static bool check_point(const struct crash_point *point)
{
    struct storage_world world;
    storage_world_new(&world, 3 + point->operation, false);
    world.trigger = (struct storage_trigger){
        .nth = point->operation, .times = 1, .after = point->after, .kill = true};
    struct state_life life = state_run(&world, life_of(STORE_DISK));
    bool fired = world.trigger.fired == 1;
    int64_t reached = life.reached;
    world.trigger = (struct storage_trigger){0};
    if (!point->process_only) {
        kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, point->unsynced);
    }
    world.machine = 1;
    check_versions(&world, STORE_DISK, reached);
    life = life_of(STORE_DISK); /* the batch that was lost runs again, and the next ones */
    life.from = reached;
    life = state_run(&world, life);
    cr_assert(eq(i64, life.reached, reached < UNTIL ? UNTIL : 0), "%s", life.diag.text);
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    kernel_machine_down(world.kernel, 1, MACHINE_CRASHED, UNSYNCED_DROPPED);
    check_versions(&world, STORE_DISK, UNTIL);
    storage_world_free(&world);
    return fired;
}

static uint32_t count_operations(void)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    struct state_life life = state_run(&world, life_of(STORE_DISK));
    cr_assert(eq(i64, life.reached, UNTIL));
    uint32_t operations = world.operations;
    storage_world_free(&world);
    return operations;
}

static void sweep(bool process_only, enum unsynced unsynced)
{
    uint32_t operations = count_operations();
    cr_assert(gt(u32, operations, 60));
    for (uint32_t operation = 1; operation <= operations; operation++) {
        for (int after = 0; after < 2; after++) {
            struct crash_point point = {.operation = operation,
                                        .after = after,
                                        .process_only = process_only,
                                        .unsynced = unsynced};
            cr_assert(check_point(&point), "operation %u was not reached", operation);
        }
    }
}

Test(state_crash, killed_at_every_operation)
{
    sweep(true, UNSYNCED_KEPT);
}

Test(state_crash, the_machine_crashes_and_drops_what_was_unsynced)
{
    sweep(false, UNSYNCED_DROPPED);
}

Test(state_crash, the_machine_crashes_and_cuts_what_was_unsynced)
{
    sweep(false, UNSYNCED_CUT);
}

Test(state_crash, the_machine_crashes_and_garbles_what_was_unsynced)
{
    sweep(false, UNSYNCED_GARBLED);
}

Test(state_crash, the_machine_crashes_and_each_operation_has_a_fate_of_its_own)
{
    sweep(false, UNSYNCED_DRAWN);
}

/* The writer dies between rename and fsync of the directory; a reader on another machine relies on
 * what it saw; then the writer's machine crashes. */
Test(state_crash, what_a_reader_relied_on_stays)
{
    const struct plan *plan = state_plan(MIN_DELTAS, RETAIN);
    struct storage_world world;
    storage_world_new(&world, 1, false);
    struct state_life life = life_of(STORE_DISK);
    life.until = 2;
    life.maintained_every = 0;
    cr_assert(eq(i64, state_run(&world, life).reached, 2));
    world.trigger = (struct storage_trigger){
        .operation = "rename", .nth = 1, .times = 1, .after = true, .kill = true};
    life.from = 2;
    life.until = 3;
    (void)state_run(&world, life);
    cr_assert(eq(u32, world.trigger.fired, 1));
    world.machine = 1;
    cr_assert(eq(int, state_look(&world, plan, STORE_DISK, 3).status, OK));
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    cr_assert(eq(int, state_look(&world, plan, STORE_DISK, 3).status, OK));
    storage_world_free(&world);
}

static void snapshot_of_version_4(void *argument, const struct ports *ports)
{
    struct state_life life = {.plan = argument, .from = 4};
    struct store *store = store_new(ports, STORE_DISK);
    struct state_provider *provider = state_provider_new(ports, store, life.plan, STATE_LOCAL);
    struct state_store *state = NULL;
    clock_sleep_until(&ports->clock, clock_now_us(&ports->clock) + 5000000);
    life.status = state_store_open(provider, 0, 4, &state, &life.diag);
    require(life.status == OK);
    state_store_abort(state);
    state_provider_maintain(provider);
    state_provider_free(provider);
}

static void six_versions_and_a_late_cleanup(void *argument, const struct ports *ports)
{
    struct store *store = store_new(ports, STORE_DISK);
    struct state_provider *provider = state_provider_new(ports, store, argument, STATE_LOCAL);
    for (int64_t version = 0; version < 6; version++) {
        struct state_store *state = NULL;
        struct diag diag = {0};
        enum status status = state_store_open(provider, 0, version, &state, &diag);
        require(status == OK);
        state_apply(state, version + 1);
        status = state_store_commit(state, &diag);
        require(status == OK);
    }
    clock_sleep_until(&ports->clock, clock_now_us(&ports->clock) + 20000000);
    state_provider_maintain(provider);
    state_provider_free(provider);
}

/* Another executor's snapshot is visible, and its writer died before the fsync of the directory:
 * what it stands in for goes only once the name is durable. */
Test(state_crash, a_cleanup_relies_on_durable_names_only)
{
    static struct plan plan;
    struct storage_world world;
    plan = *state_plan(MIN_DELTAS, RETAIN);
    storage_world_new(&world, 1, false);
    world.trigger = (struct storage_trigger){.operation = "rename",
                                             .path = "4.snapshot",
                                             .nth = 1,
                                             .times = 1,
                                             .after = true,
                                             .kill = true};
    world.machine = 1;
    storage_world_spawn(&world, six_versions_and_a_late_cleanup, &plan);
    (void)kernel_run(world.kernel, NULL, NULL, kernel_now_us(world.kernel));
    world.machine = 0;
    storage_world_spawn(&world, snapshot_of_version_4, &plan);
    storage_world_settle(&world);
    cr_assert(eq(u32, world.trigger.fired, 1));
    world.machine = 1;
    cr_assert(not(state_there(&world, "3.delta"))); /* the cleanup has been */
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    check_versions(&world, STORE_DISK, 6);
    storage_world_free(&world);
}

Test(state_crash, over_objects_lost_replies_change_nothing)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct storage_world world;
        storage_world_new(&world, seed, true);
        world.trigger = (struct storage_trigger){
            .operation = "put",
            .nth = 1 + (uint32_t)seed % 10,
            .times = 3,
            .fault = {.effect = OPERATION_LOSES_REPLY, .applied = seed % 2 == 0}};
        struct state_life life = state_run(&world, life_of(STORE_OBJECTS));
        cr_assert(eq(i64, life.reached, UNTIL), "%s", life.diag.text);
        cr_assert(eq(u32, world.trigger.fired, 3));
        check_versions(&world, STORE_OBJECTS, UNTIL);
        storage_world_free(&world);
    }
}
