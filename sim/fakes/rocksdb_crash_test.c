/* The RocksDB provider under crashes: at every change of what is shared in a life with commits,
 * uploads and cleanup, the process is killed, perhaps its machine crashes; every version that
 * recovery may need must still be there, on another machine, and stay; and the audit has nothing to
 * say. Between two changes the shared files are the same, so one kill stands for all kills there; a
 * kill at each other operation, of the local database for the most part, is another test: it leaves
 * nothing behind that the next life on the same machine could stumble over. */
#include "engine/base/poison.h"
#include "sim/fakes/state_audit_world.h"

#include "engine/state/rocksdb_db.h"

enum { UNTIL = 6, RETAIN = 2, MIN_DELTAS = 2, LOCAL_UNTIL = 3 };

#ifdef ENGINE_ASAN
enum { STRIDE = 3 }; /* memory errors hang on the place, not on the fate of each byte */
#else
enum { STRIDE = 1 };
#endif

static bool changelog;

static const struct plan *crash_plan(void)
{
    static struct plan plan;
    plan = *state_plan(MIN_DELTAS, RETAIN);
    plan.options.state_provider = STATE_PROVIDER_ROCKSDB;
    plan.options.rocksdb_changelog = changelog;
    return &plan;
}

static struct state_life life_of(int64_t until)
{
    return (struct state_life){.plan = crash_plan(), .until = until, .maintained_every = 1};
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

/* A zip that a crash brought back may lack the SST files that its cleanup had removed, too. */
static void check_audit(struct storage_world *world, int64_t reached, bool machine_crashed)
{
    struct auditing auditing = auditing_new(crash_plan(), STORE_DISK, reached);
    storage_world_run(world, run_audit, &auditing);
    if (machine_crashed) {
        audit_finds_no_harm(&auditing);
    } else {
        (void)audit_finds_nothing(&auditing);
    }
}

/* ---- what is shared ------------------------------------------------------------------------- */

static bool is_change(const char *operation, const char *path)
{
    static const char *const others[] = {"close", "list", "read", "size"};
    bool changes = strncmp(path, "/shared/", 8) == 0;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        changes = changes && strcmp(operation, others[i]) != 0;
    }
    return changes;
}

static void check_point(uint32_t operation, bool machine_crashes)
{
    struct storage_world world;
    storage_world_new(&world, 3 + operation, false);
    world.trigger =
        (struct storage_trigger){.matches = is_change, .nth = operation, .times = 1, .kill = true};
    struct state_life life = state_run(&world, life_of(UNTIL));
    cr_assert(eq(u32, world.trigger.fired, 1), "operation %u was not reached", operation);
    int64_t reached = life.reached;
    world.trigger = (struct storage_trigger){0};
    if (machine_crashes) {
        kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DRAWN);
    }
    world.machine = 1;
    check_audit(&world, reached, machine_crashes);
    check_versions(&world, reached);
    life = life_of(UNTIL); /* the batch that was lost runs again, and the next ones */
    life.from = reached;
    life = state_run(&world, life);
    cr_assert(eq(i64, life.reached, reached < UNTIL ? UNTIL : 0), "%s", life.diag.text);
    check_versions(&world, UNTIL);
    storage_world_free(&world);
    cr_assert(eq(i64, rocksdb_db_live(), 0));
}

/* How often something matches in a life that nobody kills. */
static uint32_t count_operations(bool (*matches)(const char *, const char *), int64_t until)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    world.trigger = (struct storage_trigger){.matches = matches, .nth = UINT32_MAX};
    struct state_life life = state_run(&world, life_of(until));
    cr_assert(eq(i64, life.reached, until), "%s", life.diag.text);
    uint32_t operations = world.trigger.seen;
    storage_world_free(&world);
    return operations;
}

static void sweep(bool with_changelog, bool machine_crashes)
{
    changelog = with_changelog;
    uint32_t operations = count_operations(is_change, UNTIL);
    cr_assert(gt(u32, operations, 70));
    for (uint32_t operation = 1; operation <= operations; operation += STRIDE) {
        check_point(operation, machine_crashes);
    }
}

Test(rocksdb_crash, killed_at_every_change_with_snapshots)
{
    sweep(false, false);
}

Test(rocksdb_crash, killed_at_every_change_with_changelogs)
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

/* ---- what is not ---------------------------------------------------------------------------- */

static bool is_no_change(const char *operation, const char *path)
{
    return !is_change(operation, path);
}

/* As an executor begins: what the one before it left on this machine goes. */
static void clear(void *argument, const struct ports *ports)
{
    state_local_clear(ports, "/local/executor 1");
}

static void check_local_point(uint32_t operation)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    world.trigger = (struct storage_trigger){.matches = is_no_change,
                                             .nth = operation,
                                             .times = 1,
                                             .after = operation % 2 == 0,
                                             .kill = true};
    struct state_life life = state_run(&world, life_of(LOCAL_UNTIL));
    cr_assert(eq(u32, world.trigger.fired, 1), "operation %u was not reached", operation);
    cr_assert(eq(i64, rocksdb_db_live(), 0));
    world.trigger = (struct storage_trigger){0};
    struct state_life next = life_of(life.reached + 1);
    next.from = life.reached;
    storage_world_run(&world, clear, NULL);
    next = state_run(&world, next);
    cr_assert(eq(i64, next.reached, life.reached + 1), "%s", next.diag.text);
    storage_world_free(&world);
}

Test(rocksdb_crash, killed_at_every_other_operation)
{
    for (int with = 0; with < 2; with++) {
        changelog = with == 1;
        uint32_t operations = count_operations(is_no_change, LOCAL_UNTIL);
        cr_assert(gt(u32, operations, 50));
        for (uint32_t operation = 1; operation <= operations; operation += STRIDE) {
            check_local_point(operation);
        }
    }
}
