/* The fake disk keeps the port's contract. */
#include "engine/ports/disk_contract.h"

#include "sim/fakes/storage_world.h"

static const char *root;

static void make_root(void *argument, const struct ports *ports)
{
    enum status status = disk_mkdir(&ports->disk, root);
    require(status == OK);
}

static void check_all(const char *where, uint64_t seed, bool noise, bool without_no_replace)
{
    for (size_t i = 0; i < disk_contract_count; i++) {
        struct storage_world world;
        storage_world_new(&world, seed, noise);
        world.storage->disk->without_no_replace = without_no_replace;
        root = where;
        storage_world_run(&world, make_root, NULL);
        struct contract contract = {.root = where,
                                    .self = &world,
                                    .run = storage_world_run,
                                    .run_and_hold = storage_world_hold,
                                    .kill_held = storage_world_kill_held};
        disk_contract[i].check(&contract);
        cr_assert(eq(str, contract.broken, ""), "%s", disk_contract[i].name);
        storage_world_free(&world);
    }
}

Test(disk_fake, keeps_the_contract_on_the_shared_file_system)
{
    check_all("/shared/contract", 1, false, false);
}

Test(disk_fake, keeps_the_contract_on_the_local_disk)
{
    check_all("/local/contract", 1, false, false);
}

Test(disk_fake, keeps_the_contract_where_rename_always_replaces)
{
    check_all("/shared/contract", 1, false, true);
}

Test(disk_fake, keeps_the_contract_under_noise_with_short_reads_and_writes)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        check_all("/shared/contract", seed, true, false);
    }
}

/* ---- short reads and writes do happen ---- */

static size_t short_count;

static void write_and_read(void *argument, const struct ports *ports)
{
    disk_fd fd = -1;
    size_t done = 0;
    char text[16];
    enum status status = disk_open(&ports->disk, "/shared/x", DISK_TRUNCATE, &fd);
    require(status == OK);
    status = disk_write(&ports->disk, fd, "0123456789", 10, &done);
    require(status == OK);
    short_count += done < 10;
    size_t written = done;
    status = disk_read(&ports->disk, fd, 0, text, written, &done);
    require(status == OK);
    require(done > 0);
}

Test(disk_fake, some_writes_are_short_under_noise)
{
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct storage_world world;
        storage_world_new(&world, seed, true);
        storage_world_run(&world, write_and_read, NULL);
        storage_world_free(&world);
    }
    cr_assert(gt(sz, short_count, 0));
    cr_assert(lt(sz, short_count, 50));
}

/* ---- a local disk is its machine's own ---- */

static void make_local(void *argument, const struct ports *ports)
{
    disk_fd fd = -1;
    enum status status = disk_open(&ports->disk, "/local/x", DISK_CREATE_NEW, &fd);
    require(status == OK);
    status = disk_close(&ports->disk, fd);
    require(status == OK);
}

Test(disk_fake, a_local_disk_is_the_machines_own)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    storage_world_run(&world, make_local, NULL);
    cr_assert(eq(str, storage_world_look(&world, 0, "/local/x"), ""));
    cr_assert(eq(str, storage_world_look(&world, 1, "/local/x"), "<none>"));
    world.machine = 1;
    storage_world_run(&world, make_local, NULL); /* ERR_EXISTS if it were one disk */
    storage_world_free(&world);
}
