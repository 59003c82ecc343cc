/* What the world calls durable is what the crash of every machine would leave. */
#include "sim/fakes/disk_steps_test.h"

static void put_durable(const struct ports *ports, const char *path)
{
    disk_fd fd = open_new(ports, path);
    write_to(ports, fd, "0123456789");
    must(disk_fsync(&ports->disk, fd));
    must(disk_fsync_dir(&ports->disk, "/shared"));
}

/* An attempt that runs again: a durable file gets its own bytes once more, and the new name is not
 * synced yet. */
static void rename_over_the_same_bytes(void *argument, const struct ports *ports)
{
    maybe(argument == NULL);
    put_durable(ports, "/shared/y");
    put_durable(ports, "/shared/x");
    must(disk_rename(&ports->disk, "/shared/x", "/shared/y", false));
}

Test(disk_durable, the_same_bytes_over_a_durable_file_stay_durable)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    storage_world_run(&world, rename_over_the_same_bytes, NULL);
    cr_assert(fake_storage_durable(world.storage, 0, "/shared/y"));
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    cr_assert(eq(str, storage_world_look(&world, 1, "/shared/y"), "0123456789"));
    storage_world_free(&world);
}

static const char *const paths[] = {
    "/shared/a", "/shared/b", "/shared/c", "/shared/d/a", "/shared/d/b", "/shared/d/c"};
enum { PATH_COUNT = sizeof paths / sizeof paths[0], STEPS = 60 };

struct random_walk {
    uint64_t seed;
    uint64_t step;
};

static uint64_t draw(struct random_walk *walk)
{
    return hash_mix64(walk->seed * 1000003 + walk->step++);
}

/* Any operation on any path; most may fail, which is fine. */
static void step_once(struct random_walk *walk, const struct ports *ports)
{
    const struct disk_port *disk = &ports->disk;
    const char *path = paths[draw(walk) % PATH_COUNT];
    const char *other = paths[draw(walk) % PATH_COUNT];
    uint64_t choice = draw(walk) % 9;
    enum status status = OK;
    disk_fd fd = -1;
    if (choice < 3) {
        status = disk_open(disk, path, choice == 0 ? DISK_TRUNCATE : DISK_CREATE_NEW, &fd);
        if (status == OK) {
            write_to(ports, fd, other);
            status = choice == 1 ? OK : disk_fsync(disk, fd);
            must(disk_close(disk, fd));
        }
    } else if (choice == 3) {
        status = disk_rename(disk, path, other, draw(walk) % 2 == 0);
    } else if (choice == 4) {
        status = disk_link(disk, path, other);
    } else if (choice == 5) {
        status = disk_unlink(disk, path);
    } else if (choice == 6) {
        status = disk_fsync_dir(disk, "/shared");
    } else if (choice == 7) {
        status = disk_fsync_dir(disk, "/shared/d");
    } else {
        status = disk_mkdir(disk, "/shared/d");
    }
    maybe(status == OK);
}

static void walk_steps(void *argument, const struct ports *ports)
{
    struct random_walk *walk = argument;
    for (int i = 0; i < STEPS; i++) {
        step_once(walk, ports);
    }
}

Test(disk_durable, it_is_what_survives_the_crash_of_every_machine)
{
    size_t durable_count = 0;
    size_t lost_count = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct storage_world world;
        struct random_walk walk = {.seed = seed};
        char before[PATH_COUNT][64];
        bool durable[PATH_COUNT];
        storage_world_new(&world, seed, false);
        for (uint32_t round = 0; round < 3; round++) {
            world.machine = round % 2;
            storage_world_run(&world, walk_steps, &walk);
        }
        for (size_t i = 0; i < PATH_COUNT; i++) {
            (void)snprintf(
                before[i], sizeof before[i], "%.63s", storage_world_look(&world, 0, paths[i]));
            durable[i] = strcmp(before[i], "<none>") != 0 &&
                         fake_storage_durable(world.storage, 0, paths[i]);
        }
        kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
        kernel_machine_down(world.kernel, 1, MACHINE_CRASHED, UNSYNCED_DROPPED);
        for (size_t i = 0; i < PATH_COUNT; i++) {
            const char *after = storage_world_look(&world, 0, paths[i]);
            if (durable[i]) {
                cr_assert(eq(str, after, before[i]), "seed %d: %s", (int)seed, paths[i]);
            }
            if (strcmp(after, "<none>") != 0) {
                cr_assert(fake_storage_durable(world.storage, 0, paths[i])); /* nothing unsynced */
            }
            durable_count += durable[i];
            lost_count += strcmp(before[i], "<none>") != 0 && strcmp(after, before[i]) != 0;
        }
        storage_world_free(&world);
    }
    cr_assert(gt(sz, durable_count, 100));
    cr_assert(gt(sz, lost_count, 100));
}
