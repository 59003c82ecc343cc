/* The RocksDB provider under crashes: at every operation of a life with commits, uploads and
 * cleanup, the process is killed, perhaps its machine crashes; every version that recovery may need
 * must still be there, on another machine, and stay. */
#include "sim/fakes/state_world.h"

#include "engine/state/rocksdb_db.h"

enum { UNTIL = 6, RETAIN = 2, MIN_DELTAS = 2 };

static bool changelog;

static const struct plan *crash_plan(void)
{
    static struct plan plan;
    plan = *state_plan(MIN_DELTAS, RETAIN);
    plan.options.state_provider = STATE_PROVIDER_ROCKSDB;
    plan.options.rocksdb_changelog = changelog;
    return &plan;
}

static struct state_life life_of(void)
{
    return (struct state_life){.plan = crash_plan(), .until = UNTIL, .maintained_every = 1};
}

static void check_versions(struct storage_world *world, int64_t reached)
{
    for (int64_t version = reached - RETAIN; version <= reached; version++) {
        if (version > 0) {
            struct state_life life = state_look(world, crash_plan(), STORE_DISK, version);
            cr_assert(eq(int, life.status, OK), "version %d: %s", (int)version, life.diag.text);
        }
    }
}

static bool check_point(uint32_t operation, bool after, bool machine_crashes)
{
    struct storage_world world;
    storage_world_new(&world, 3 + operation, false);
    world.trigger =
        (struct storage_trigger){.nth = operation, .times = 1, .after = after, .kill = true};
    struct state_life life = state_run(&world, life_of());
    bool fired = world.trigger.fired == 1;
    int64_t reached = life.reached;
    world.trigger = (struct storage_trigger){0};
    if (machine_crashes) {
        kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DRAWN);
    }
    world.machine = 1;
    check_versions(&world, reached);
    life = life_of(); /* the batch that was lost runs again, and the next ones */
    life.from = reached;
    life = state_run(&world, life);
    cr_assert(eq(i64, life.reached, reached < UNTIL ? UNTIL : 0), "%s", life.diag.text);
    check_versions(&world, UNTIL);
    storage_world_free(&world);
    cr_assert(eq(i64, rocksdb_db_live(), 0));
    return fired;
}

static void sweep(bool with_changelog, bool machine_crashes)
{
    struct storage_world world;
    changelog = with_changelog;
    storage_world_new(&world, 1, false);
    struct state_life life = state_run(&world, life_of());
    cr_assert(eq(i64, life.reached, UNTIL), "%s", life.diag.text);
    uint32_t operations = world.operations;
    storage_world_free(&world);
    cr_assert(gt(u32, operations, 100));
    for (uint32_t operation = 1; operation <= operations; operation++) {
        bool fired = check_point(operation, operation % 2 == 0, machine_crashes);
        cr_assert(fired, "operation %u was not reached", operation);
    }
}

Test(rocksdb_crash, killed_at_every_operation_with_snapshots)
{
    sweep(false, false);
}

Test(rocksdb_crash, killed_at_every_operation_with_changelogs)
{
    sweep(true, false);
}

Test(rocksdb_crash, the_machine_crashes_with_snapshots)
{
    sweep(false, true);
}

Test(rocksdb_crash, the_machine_crashes_with_changelogs)
{
    sweep(true, true);
}
