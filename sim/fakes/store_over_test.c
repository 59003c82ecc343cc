/* A put over what is there (state files), over both stores: crash it at every operation, let the
 * machine crash, too, and look: old or new, whole, never a mix and never nothing; new after OK. */
#include "engine/checkpoint/store.h"

#include "sim/fakes/storage_world.h"

#define DIRECTORY "/shared/ck/state/0/0"
#define PATH      DIRECTORY "/3.delta"
#define OLD       "the delta of the attempt that was lost"
#define NEW       "another delta, a good deal longer than the one before it was: 0123456789"

struct put {
    enum store_kind kind;
    const char *content;
    enum status status; /* ERR_INVALID: it never came back */
};

static void put_over(void *argument, const struct ports *ports)
{
    struct put *put = argument;
    struct store *store = store_new(ports, put->kind);
    put->status = store_put_over(store, PATH, bytes_of_text(put->content));
}

static enum status
run_put(struct storage_world *world, enum store_kind kind, const char *content, uint32_t machine)
{
    struct put put = {.kind = kind, .content = content, .status = ERR_INVALID};
    world->machine = machine;
    storage_world_run(world, put_over, &put);
    return put.status;
}

struct crash_point {
    uint32_t operation; /* 1-based */
    bool after;
    bool process_only; /* the machine goes on, with what the process left unsynced */
    enum unsynced unsynced;
};

/* The old file is durable; an attempt that writes the new one is killed; perhaps its machine
 * crashes. Then an attempt on another machine writes it, and everything unsynced is dropped. */
static bool check_point(const struct crash_point *point)
{
    struct storage_world world;
    storage_world_new(&world, 17 + point->operation, false);
    cr_assert(eq(int, run_put(&world, STORE_DISK, OLD, 0), OK));
    world.trigger = (struct storage_trigger){
        .nth = point->operation, .times = 1, .after = point->after, .kill = true};
    enum status status = run_put(&world, STORE_DISK, NEW, 0);
    bool fired = world.trigger.fired == 1;
    world.trigger = (struct storage_trigger){0};
    if (!point->process_only) {
        kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, point->unsynced);
    }
    const char *left = storage_world_look(&world, 1, PATH);
    bool is_new = strcmp(left, NEW) == 0;
    cr_assert(is_new || strcmp(left, OLD) == 0, "operation %u left %s", point->operation, left);
    cr_assert(is_new || status != OK, "lost after OK at operation %u", point->operation);
    cr_assert(eq(int, run_put(&world, STORE_DISK, NEW, 1), OK));
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    kernel_machine_down(world.kernel, 1, MACHINE_CRASHED, UNSYNCED_DROPPED);
    cr_assert(eq(str, storage_world_look(&world, 1, PATH), NEW));
    storage_world_free(&world);
    return fired;
}

static uint32_t count_operations(void)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    cr_assert(eq(int, run_put(&world, STORE_DISK, OLD, 0), OK));
    uint32_t before = world.operations;
    cr_assert(eq(int, run_put(&world, STORE_DISK, NEW, 0), OK));
    uint32_t operations = world.operations - before;
    storage_world_free(&world);
    return operations;
}

Test(store_over, at_every_operation_a_crash_leaves_the_old_file_or_the_new_one)
{
    static const enum unsynced fates[] = {
        UNSYNCED_KEPT, UNSYNCED_DROPPED, UNSYNCED_CUT, UNSYNCED_GARBLED, UNSYNCED_DRAWN};
    const size_t fate_count = sizeof fates / sizeof fates[0];
    uint32_t operations = count_operations();
    cr_assert(ge(u32, operations, 5)); /* open, write, fsync, close, rename, the directory's */
    for (uint32_t operation = 1; operation <= operations; operation++) {
        for (size_t i = 0; i < 2 * (fate_count + 1); i++) {
            struct crash_point point = {
                .operation = operation, .after = i % 2 == 1, .process_only = i / 2 == fate_count};
            if (!point.process_only) {
                point.unsynced = fates[i / 2];
            }
            cr_assert(check_point(&point), "operation %u was not reached", operation);
        }
    }
}

Test(store_over, a_first_put_makes_the_file_and_the_next_one_replaces_it)
{
    static const enum store_kind kinds[] = {STORE_DISK, STORE_OBJECTS};
    for (size_t i = 0; i < 2; i++) {
        struct storage_world world;
        storage_world_new(&world, 1, false);
        cr_assert(eq(int, run_put(&world, kinds[i], OLD, 0), OK));
        cr_assert(eq(str, storage_world_look(&world, 1, PATH), OLD));
        cr_assert(eq(int, run_put(&world, kinds[i], NEW, 1), OK));
        cr_assert(eq(str, storage_world_look(&world, 0, PATH), NEW));
        storage_world_free(&world);
    }
}

static size_t file_count;

static void count_file(void *context, const char *path, struct bytes content)
{
    file_count += content.size > 0 || path != NULL;
}

Test(store_over, an_operation_that_fails_leaves_the_old_file_and_no_temporary_one)
{
    static const char *const operations[] = {"open", "write", "fsync", "close", "rename"};
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        struct storage_world world;
        storage_world_new(&world, 1, false);
        cr_assert(eq(int, run_put(&world, STORE_DISK, OLD, 0), OK));
        world.trigger =
            (struct storage_trigger){.operation = operations[i],
                                     .nth = 1,
                                     .times = 1,
                                     .fault = {.effect = OPERATION_FAILS, .status = ERR_NO_SPACE}};
        cr_assert(eq(int, run_put(&world, STORE_DISK, NEW, 0), ERR_NO_SPACE));
        cr_assert(eq(str, storage_world_look(&world, 0, PATH), OLD));
        file_count = 0;
        fake_storage_each(world.storage, 0, "/shared", count_file, NULL);
        cr_assert(eq(sz, file_count, 1), "%s left its temporary file", operations[i]);
        storage_world_free(&world);
    }
}

Test(store_over, a_directory_that_cannot_be_synced_is_no_success)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    cr_assert(eq(int, run_put(&world, STORE_DISK, OLD, 0), OK));
    world.trigger =
        (struct storage_trigger){.operation = "fsync_dir",
                                 .path = DIRECTORY,
                                 .nth = 1,
                                 .times = 1,
                                 .fault = {.effect = OPERATION_FAILS, .status = ERR_IO}};
    cr_assert(eq(int, run_put(&world, STORE_DISK, NEW, 0), ERR_NOT_DURABLE));
    storage_world_free(&world);
}

Test(store_over, over_objects_an_unknown_outcome_is_resolved_by_putting_again)
{
    for (uint64_t seed = 1; seed <= 20; seed++) { /* under noise a lost request may arrive late */
        for (int applied = 0; applied < 2; applied++) {
            struct storage_world world;
            storage_world_new(&world, seed, true);
            cr_assert(eq(int, run_put(&world, STORE_OBJECTS, OLD, 0), OK));
            world.trigger = (struct storage_trigger){
                .operation = "put",
                .nth = 1,
                .times = 2,
                .fault = {.effect = OPERATION_LOSES_REPLY, .applied = applied}};
            cr_assert(eq(int, run_put(&world, STORE_OBJECTS, NEW, 0), OK));
            cr_assert(eq(u32, world.trigger.seen, 3));
            cr_assert(eq(str, storage_world_look(&world, 1, PATH), NEW));
            storage_world_free(&world);
        }
    }
}

Test(store_over, over_objects_throttling_and_silence_have_an_end)
{
    static const struct operation_fault faults[] = {
        {.effect = OPERATION_FAILS, .status = ERR_THROTTLED}, {.effect = OPERATION_LOSES_REPLY}};
    static const enum status expected[] = {ERR_THROTTLED, ERR_UNKNOWN};
    for (size_t i = 0; i < 2; i++) {
        struct storage_world world;
        storage_world_new(&world, 1, false);
        world.trigger = (struct storage_trigger){
            .operation = "put", .nth = 1, .times = 1000, .fault = faults[i]};
        cr_assert(eq(int, run_put(&world, STORE_OBJECTS, NEW, 0), expected[i]));
        cr_assert(eq(u32, world.trigger.seen, 10));
        storage_world_free(&world);
    }
}
