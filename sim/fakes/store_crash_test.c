/* The engine's store over the fake disk: crash it at every operation, let the machine crash, too,
 * and look: a file is whole or absent, what was reported done stays, and nothing that was relied
 * upon vanishes. */
#include "engine/checkpoint/store.h"

#include "engine/checkpoint/metadata_log.h"
#include "sim/fakes/storage_world.h"

#define PATH    "/shared/ck/offsets/3"
#define CONTENT "v1\n{\"batchWatermarkMs\":0}\n{\"flights\":{\"0\":100}}"

enum { OPERATIONS_MAX = 64 };

struct put {
    enum status status; /* ERR_INVALID: it never came back */
};

static void put_once(void *argument, const struct ports *ports)
{
    struct put *put = argument;
    struct store *store = store_new(ports, STORE_DISK);
    put->status = store_put_new(store, PATH, bytes_of_text(CONTENT));
}

/* What recovery does: read, make durable what was read, rely on it; or write it. */
static void recover(void *argument, const struct ports *ports)
{
    struct put *put = argument;
    struct arena arena = {0};
    struct bytes found = {0};
    struct store *store = store_new(ports, STORE_DISK);
    enum status status = store_get(store, PATH, &arena, &found);
    if (status == OK) {
        require(bytes_equal_text(found, CONTENT));
        put->status = store_sync_directory(store, "/shared/ck/offsets");
    } else {
        require(status == ERR_NOT_FOUND);
        put->status = store_put_new(store, PATH, bytes_of_text(CONTENT));
    }
    arena_free(&arena);
}

static uint32_t count_operations(contract_body body)
{
    struct storage_world world;
    struct put put = {.status = ERR_INVALID};
    storage_world_new(&world, 1, false);
    storage_world_run(&world, body, &put);
    cr_assert(eq(int, put.status, OK));
    uint32_t operations = world.operations;
    storage_world_free(&world);
    return operations;
}

struct crash_point {
    uint32_t operation; /* 1-based */
    bool after;
    enum unsynced unsynced;
    bool process_only; /* the machine goes on, with what the process left unsynced */
    bool without_no_replace;
};

/* Crash the process at the point, then perhaps its machine; recover on another machine; then let
 * both crash with everything unsynced dropped. */
static bool check_point(const struct crash_point *point)
{
    struct storage_world world;
    struct put put = {.status = ERR_INVALID};
    storage_world_new(&world, 17 + point->operation, false);
    world.storage->disk->without_no_replace = point->without_no_replace;
    world.trigger = (struct storage_trigger){
        .nth = point->operation, .times = 1, .after = point->after, .kill = true};
    storage_world_run(&world, put_once, &put);
    bool fired = world.trigger.fired == 1;
    world.trigger = (struct storage_trigger){0};
    if (!point->process_only) {
        kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, point->unsynced);
    }
    const char *left = storage_world_look(&world, 1, PATH);
    bool whole = strcmp(left, CONTENT) == 0;
    cr_assert(
        whole || strcmp(left, "<none>") == 0, "torn at operation %u: %s", point->operation, left);
    cr_assert(whole || put.status != OK, "lost after OK at operation %u", point->operation);
    world.machine = 1;
    storage_world_run(&world, recover, &put);
    cr_assert(eq(int, put.status, OK));
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    kernel_machine_down(world.kernel, 1, MACHINE_CRASHED, UNSYNCED_DROPPED);
    cr_assert(eq(str, storage_world_look(&world, 1, PATH), CONTENT));
    storage_world_free(&world);
    return fired;
}

static void check_every_point(bool without_no_replace)
{
    static const enum unsynced fates[] = {
        UNSYNCED_KEPT, UNSYNCED_DROPPED, UNSYNCED_CUT, UNSYNCED_GARBLED, UNSYNCED_DRAWN};
    const size_t fate_count = sizeof fates / sizeof fates[0];
    uint32_t operations = count_operations(put_once);
    cr_assert(gt(u32, operations, 8));
    for (uint32_t operation = 1; operation <= operations; operation++) {
        for (size_t i = 0; i < 2 * (fate_count + 1); i++) {
            struct crash_point point = {.operation = operation,
                                        .after = i % 2 == 1,
                                        .process_only = i / 2 == fate_count,
                                        .without_no_replace = without_no_replace};
            if (!point.process_only) {
                point.unsynced = fates[i / 2];
            }
            cr_assert(check_point(&point), "operation %u was not reached", operation);
        }
    }
}

Test(store_crash, a_put_is_whole_or_absent_at_every_operation)
{
    check_every_point(false);
}

Test(store_crash, also_where_rename_always_replaces)
{
    check_every_point(true);
}

/* The process lives on, only the machine of somebody else crashes: nothing may change. */
Test(store_crash, the_crash_of_another_machine_takes_nothing)
{
    struct storage_world world;
    struct put put = {.status = ERR_INVALID};
    storage_world_new(&world, 1, false);
    storage_world_run(&world, put_once, &put);
    kernel_machine_down(world.kernel, 1, MACHINE_LOST, UNSYNCED_DROPPED);
    cr_assert(eq(str, storage_world_look(&world, 0, PATH), CONTENT));
    storage_world_free(&world);
}

/* ---- purge ----------------------------------------------------------------------------------- */

enum { ENTRIES = 6, FIRST_KEPT = 4 };

static void fill_log(void *argument, const struct ports *ports)
{
    struct put *put = argument;
    struct diag diag = {0};
    struct store *store = store_new(ports, STORE_DISK);
    for (int64_t batch = 0; batch < ENTRIES; batch++) {
        put->status =
            metadata_log_put(store, "/shared/ck/offsets", batch, bytes_of_text("x"), &diag);
        require(put->status == OK);
    }
}

static void purge(void *argument, const struct ports *ports)
{
    struct put *put = argument;
    struct store *store = store_new(ports, STORE_DISK);
    put->status = metadata_log_purge(store, "/shared/ck/offsets", FIRST_KEPT);
}

/* Entries that are left: the first, and that none is missing behind it. */
static int64_t first_left(const struct storage_world *world)
{
    int64_t first = -1;
    for (int64_t batch = 0; batch < ENTRIES; batch++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/shared/ck/offsets/%lld", (long long)batch);
        bool there = strcmp(storage_world_look(world, 1, path), "<none>") != 0;
        if (there && first < 0) {
            first = batch;
        }
        cr_assert(there || first < 0, "a hole at %lld", (long long)batch);
    }
    return first;
}

Test(store_crash, a_purge_never_leaves_a_hole)
{
    uint32_t fired = 0;
    for (uint32_t operation = 1; operation <= OPERATIONS_MAX; operation++) {
        for (uint64_t seed = 1; seed <= 20; seed++) {
            struct storage_world world;
            struct put put = {.status = ERR_INVALID};
            storage_world_new(&world, seed, false);
            storage_world_run(&world, fill_log, &put);
            world.trigger =
                (struct storage_trigger){.nth = operation, .times = 1, .after = true, .kill = true};
            storage_world_run(&world, purge, &put);
            fired += world.trigger.fired;
            kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DRAWN);
            cr_assert(le(i64, first_left(&world), FIRST_KEPT));
            cr_assert(ge(i64, first_left(&world), 0));
            storage_world_free(&world);
        }
    }
    cr_assert(ge(u32, fired, 20 * (1 + 2 * FIRST_KEPT - 1))); /* list, unlinks, syncs between */
}

Test(store_crash, a_purge_removes_what_is_below_and_only_that)
{
    struct storage_world world;
    struct put put = {.status = ERR_INVALID};
    storage_world_new(&world, 1, false);
    storage_world_run(&world, fill_log, &put);
    storage_world_run(&world, purge, &put);
    cr_assert(eq(int, put.status, OK));
    cr_assert(eq(i64, first_left(&world), FIRST_KEPT));
    storage_world_run(&world, purge, &put);
    cr_assert(eq(i64, first_left(&world), FIRST_KEPT));
    storage_world_free(&world);
}
