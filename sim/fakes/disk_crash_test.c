/* What a crash leaves: one row a rule of the model in disk.c. */
#include "sim/fakes/disk_steps_test.h"

/* ---- steps that a process takes before the crash ----------------------------------------------
 */

static void just_write(void *argument, const struct ports *ports)
{
    disk_fd fd = open_new(ports, "/shared/x");
    write_to(ports, fd, "0123456789");
    must(disk_close(&ports->disk, fd)); /* close syncs nothing */
}

static void sync_file(void *argument, const struct ports *ports)
{
    disk_fd fd = open_new(ports, "/shared/x");
    write_to(ports, fd, "0123456789");
    must(disk_fsync(&ports->disk, fd));
}

static void sync_name(void *argument, const struct ports *ports)
{
    just_write(argument, ports);
    must(disk_fsync_dir(&ports->disk, "/shared"));
}

static void sync_both(void *argument, const struct ports *ports)
{
    sync_file(argument, ports);
    must(disk_fsync_dir(&ports->disk, "/shared"));
}

static void rename_synced(void *argument, const struct ports *ports)
{
    sync_both(argument, ports);
    must(disk_rename(&ports->disk, "/shared/x", "/shared/y", true));
}

static void rename_and_sync(void *argument, const struct ports *ports)
{
    rename_synced(argument, ports);
    must(disk_fsync_dir(&ports->disk, "/shared"));
}

/* The classical mistake: the bytes are not synced, the name is. */
static void rename_without_bytes(void *argument, const struct ports *ports)
{
    just_write(argument, ports);
    must(disk_rename(&ports->disk, "/shared/x", "/shared/y", true));
    must(disk_fsync_dir(&ports->disk, "/shared"));
}

static void unlink_synced(void *argument, const struct ports *ports)
{
    sync_both(argument, ports);
    must(disk_unlink(&ports->disk, "/shared/x"));
}

static void link_synced(void *argument, const struct ports *ports)
{
    sync_both(argument, ports);
    must(disk_link(&ports->disk, "/shared/x", "/shared/y"));
}

static void in_unsynced_directory(void *argument, const struct ports *ports)
{
    must(disk_mkdir(&ports->disk, "/shared/d"));
    disk_fd fd = open_new(ports, "/shared/d/x");
    write_to(ports, fd, "0123456789");
    must(disk_fsync(&ports->disk, fd));
    must(disk_fsync_dir(&ports->disk, "/shared/d")); /* but not the name "d" in /shared */
}

static void truncate_synced(void *argument, const struct ports *ports)
{
    disk_fd fd = -1;
    sync_both(argument, ports);
    must(disk_open(&ports->disk, "/shared/x", DISK_TRUNCATE, &fd));
    write_to(ports, fd, "new");
}

static void append_after_sync(void *argument, const struct ports *ports)
{
    disk_fd fd = open_new(ports, "/shared/x");
    write_to(ports, fd, "0123456789");
    must(disk_fsync(&ports->disk, fd));
    must(disk_fsync_dir(&ports->disk, "/shared"));
    write_to(ports, fd, "abcdefghij");
}

/* The first fsync fails (see the trigger): the second one says OK and proves nothing. */
static void sync_again(void *argument, const struct ports *ports)
{
    disk_fd fd = open_new(ports, "/shared/x");
    write_to(ports, fd, "0123456789");
    require(disk_fsync(&ports->disk, fd) == ERR_IO);
    must(disk_fsync(&ports->disk, fd));
    must(disk_fsync_dir(&ports->disk, "/shared"));
}

/* ---- the table --------------------------------------------------------------------------------
 */

/* Besides texts: "<none>" nothing is there; "<cut>" a true beginning of 0123456789; "<bad>" ten
 * bytes that are not those. */
struct crash_row {
    const char *rule;
    contract_body steps;
    enum unsynced unsynced;
    const char *x;
    const char *y;
};

static bool looks(const char *found, const char *expected)
{
    if (strcmp(expected, "<cut>") == 0) {
        return strlen(found) < 10 && strncmp(found, "0123456789", strlen(found)) == 0;
    }
    if (strcmp(expected, "<bad>") == 0) {
        return strcmp(found, "<none>") != 0 && strcmp(found, "0123456789") != 0;
    }
    return strcmp(found, expected) == 0;
}

#define ALL "0123456789"

static const struct crash_row rows[] = {
    {"unsynced, all kept", just_write, UNSYNCED_KEPT, ALL, "<none>"},
    {"unsynced, all dropped", just_write, UNSYNCED_DROPPED, "<none>", "<none>"},
    {"unsynced, cut", just_write, UNSYNCED_CUT, "<cut>", "<none>"},
    {"unsynced, garbled", just_write, UNSYNCED_GARBLED, "<bad>", "<none>"},
    {"fsync of the file is not of its name", sync_file, UNSYNCED_DROPPED, "<none>", "<none>"},
    {"fsync of the file saves its bytes", sync_file, UNSYNCED_GARBLED, ALL, "<none>"},
    {"fsync of the name is not of the bytes", sync_name, UNSYNCED_DROPPED, "", "<none>"},
    {"fsync of the name: torn bytes", sync_name, UNSYNCED_CUT, "<cut>", "<none>"},
    {"fsync of both", sync_both, UNSYNCED_DROPPED, ALL, "<none>"},
    {"fsync of both, garbled", sync_both, UNSYNCED_GARBLED, ALL, "<none>"},
    {"a rename may vanish", rename_synced, UNSYNCED_DROPPED, ALL, "<none>"},
    {"a rename may stay", rename_synced, UNSYNCED_KEPT, "<none>", ALL},
    {"a rename with fsync stays", rename_and_sync, UNSYNCED_DROPPED, "<none>", ALL},
    {"an empty file under its final name", rename_without_bytes, UNSYNCED_DROPPED, "<none>", ""},
    {"garbage under its final name", rename_without_bytes, UNSYNCED_GARBLED, "<none>", "<bad>"},
    {"an unlinked file comes back", unlink_synced, UNSYNCED_DROPPED, ALL, "<none>"},
    {"an unlink may stay", unlink_synced, UNSYNCED_KEPT, "<none>", "<none>"},
    {"a link may vanish", link_synced, UNSYNCED_DROPPED, ALL, "<none>"},
    {"a link may stay", link_synced, UNSYNCED_KEPT, ALL, ALL},
    {"truncation may vanish", truncate_synced, UNSYNCED_DROPPED, ALL, "<none>"},
    {"truncation may stay", truncate_synced, UNSYNCED_KEPT, "new", "<none>"},
    {"what was appended may vanish", append_after_sync, UNSYNCED_DROPPED, ALL, "<none>"},
    {"what was appended may stay", append_after_sync, UNSYNCED_KEPT, ALL "abcdefghij", "<none>"},
};

Test(disk_crash, each_rule_of_the_model)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct storage_world world;
        storage_world_new(&world, 1 + i, false);
        storage_world_run(&world, rows[i].steps, NULL);
        kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, rows[i].unsynced);
        const char *x = storage_world_look(&world, 1, "/shared/x");
        cr_assert(looks(x, rows[i].x), "%s: x is %s", rows[i].rule, x);
        const char *y = storage_world_look(&world, 1, "/shared/y");
        cr_assert(looks(y, rows[i].y), "%s: y is %s", rows[i].rule, y);
        storage_world_free(&world);
    }
}

Test(disk_crash, a_directory_that_vanishes_takes_what_was_synced_in_it)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    storage_world_run(&world, in_unsynced_directory, NULL);
    cr_assert(eq(str, storage_world_look(&world, 1, "/shared/d/x"), ALL));
    cr_assert(not(fake_storage_durable(world.storage, 1, "/shared/d/x")));
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    cr_assert(eq(str, storage_world_look(&world, 1, "/shared/d/x"), "<none>"));
    storage_world_free(&world);
}

Test(disk_crash, after_a_failed_fsync_a_good_one_proves_nothing)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    world.trigger =
        (struct storage_trigger){.operation = "fsync",
                                 .nth = 1,
                                 .times = 1,
                                 .fault = {.effect = OPERATION_FAILS, .status = ERR_IO}};
    storage_world_run(&world, sync_again, NULL);
    cr_assert(eq(str, storage_world_look(&world, 1, "/shared/x"), ALL));
    cr_assert(not(fake_storage_durable(world.storage, 1, "/shared/x")));
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    cr_assert(eq(str, storage_world_look(&world, 1, "/shared/x"), ""));
    storage_world_free(&world);
}

Test(disk_crash, the_death_of_a_process_loses_nothing_written)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    storage_world_hold(&world, just_write, NULL);
    storage_world_kill_held(&world);
    cr_assert(eq(str, storage_world_look(&world, 1, "/shared/x"), ALL));
    storage_world_free(&world);
}

/* ---- two machines -----------------------------------------------------------------------------
 */

static void write_b(void *argument, const struct ports *ports)
{
    disk_fd fd = open_new(ports, "/shared/b");
    write_to(ports, fd, "B");
}

static void link_x(void *argument, const struct ports *ports)
{
    must(disk_link(&ports->disk, "/shared/x", "/shared/z"));
}

static void sync_shared(void *argument, const struct ports *ports)
{
    must(disk_fsync_dir(&ports->disk, "/shared"));
}

Test(disk_crash, machines_keep_their_own_unsynced_operations)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    storage_world_run(&world, just_write, NULL);
    world.machine = 1;
    storage_world_run(&world, write_b, NULL);
    storage_world_run(&world, link_x, NULL);
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    cr_assert(eq(str, storage_world_look(&world, 1, "/shared/x"), "<none>"));
    cr_assert(eq(str, storage_world_look(&world, 1, "/shared/b"), "B"));
    /* The other machine's link to the same file stands; the bytes were the first one's. */
    cr_assert(eq(str, storage_world_look(&world, 1, "/shared/z"), ""));
    kernel_machine_down(world.kernel, 1, MACHINE_CRASHED, UNSYNCED_DROPPED);
    cr_assert(eq(str, storage_world_look(&world, 1, "/shared/b"), "<none>"));
    cr_assert(eq(str, storage_world_look(&world, 1, "/shared/z"), "<none>"));
    storage_world_free(&world);
}

Test(disk_crash, who_syncs_a_directory_syncs_the_names_of_all)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    storage_world_run(&world, rename_synced, NULL);
    cr_assert(not(fake_storage_durable(world.storage, 0, "/shared/y")));
    world.machine = 1;
    storage_world_run(&world, sync_shared, NULL);
    cr_assert(fake_storage_durable(world.storage, 0, "/shared/y"));
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    cr_assert(eq(str, storage_world_look(&world, 1, "/shared/y"), ALL));
    storage_world_free(&world);
}

/* ---- loss -------------------------------------------------------------------------------------
 */

static void write_local_and_shared(void *argument, const struct ports *ports)
{
    disk_fd fd = open_new(ports, "/local/x");
    write_to(ports, fd, ALL);
    must(disk_fsync(&ports->disk, fd));
    must(disk_fsync_dir(&ports->disk, "/local"));
    must(disk_lock(&ports->disk, "/local/lock"));
    sync_both(argument, ports);
}

Test(disk_crash, a_lost_machine_loses_its_local_disk_and_nothing_shared)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    storage_world_hold(&world, write_local_and_shared, NULL);
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    cr_assert(eq(str, storage_world_look(&world, 0, "/local/x"), ALL));
    cr_assert(eq(sz, fake_storage_handles(world.storage, world.held), 0));
    kernel_machine_down(world.kernel, 0, MACHINE_LOST, UNSYNCED_DROPPED);
    cr_assert(eq(str, storage_world_look(&world, 0, "/local/x"), "<none>"));
    cr_assert(eq(str, storage_world_look(&world, 1, "/shared/x"), ALL));
    storage_world_free(&world);
}

/* ---- drawn fates -------------------------------------------------------------------------------
 */

static const char *drawn(uint64_t seed, uint64_t *hash)
{
    static char text[64];
    struct storage_world world;
    storage_world_new(&world, seed, false);
    storage_world_run(&world, just_write, NULL);
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DRAWN);
    (void)snprintf(text, sizeof text, "%.63s", storage_world_look(&world, 1, "/shared/x"));
    *hash = trace_hash(kernel_trace_log(world.kernel));
    storage_world_free(&world);
    return text;
}

Test(disk_crash, drawn_fates_are_all_met_and_repeat_with_the_seed)
{
    int whole = 0;
    int none = 0;
    int empty = 0;
    int cut = 0;
    int bad = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t hash = 0;
        uint64_t again = 0;
        char first[64];
        (void)snprintf(first, sizeof first, "%s", drawn(seed, &hash));
        cr_assert(eq(str, drawn(seed, &again), first));
        cr_assert(eq(u64, hash, again));
        none += strcmp(first, "<none>") == 0;
        whole += strcmp(first, ALL) == 0;
        empty += first[0] == '\0';
        cut += first[0] != '\0' && looks(first, "<cut>");
        bad += strlen(first) == 10 && strcmp(first, ALL) != 0;
    }
    cr_assert(gt(int, whole, 20));
    cr_assert(gt(int, none, 100)); /* half of the names */
    cr_assert(gt(int, empty, 20));
    cr_assert(gt(int, cut, 5));
    cr_assert(gt(int, bad, 5));
}

/* ---- those who watch
 * ----------------------------------------------------------------------------- */

static char heard[512];

static void hear(char sign, const struct sim_process *by, const char *path, struct bytes content)
{
    size_t used = strlen(heard);
    (void)snprintf(heard + used,
                   sizeof heard - used,
                   "%c%s%s=%.*s ",
                   sign,
                   by == NULL ? "!" : "",
                   path,
                   (int)content.size,
                   content.size == 0 ? "" : (const char *)content.data);
}

static void
hear_published(void *context, const struct sim_process *by, const char *path, struct bytes content)
{
    hear('+', by, path, content);
}

static void hear_removed(void *context, const struct sim_process *by, const char *path)
{
    hear('-', by, path, (struct bytes){0});
}

static void publish_and_remove(void *argument, const struct ports *ports)
{
    disk_fd fd = open_new(ports, "/shared/.x.tmp");
    write_to(ports, fd, "X");
    must(disk_fsync(&ports->disk, fd));
    must(disk_close(&ports->disk, fd));
    must(disk_rename(&ports->disk, "/shared/.x.tmp", "/shared/x", true));
    must(disk_link(&ports->disk, "/shared/x", "/shared/y"));
    must(disk_fsync_dir(&ports->disk, "/shared"));
    must(disk_unlink(&ports->disk, "/shared/y"));
    must(disk_link(&ports->disk, "/shared/x", "/shared/z"));
}

Test(disk_crash, watches_hear_what_appears_and_what_a_crash_takes_and_gives_back)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    struct fake_storage_watch watch = {.published = hear_published, .removed = hear_removed};
    fake_storage_observe(world.storage, &watch);
    storage_world_run(&world, publish_and_remove, NULL);
    cr_assert(eq(str, heard, "+/shared/x=X +/shared/y=X -/shared/y= +/shared/z=X "));
    heard[0] = '\0';
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    cr_assert(eq(str, heard, "-!/shared/z= +!/shared/y=X "));
    storage_world_free(&world);
}
