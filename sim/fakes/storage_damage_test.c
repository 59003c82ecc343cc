/* Damage of durable files: which one is hit, what readers and crashes see then, who is told. */
#include "engine/checkpoint/store.h"

#include "sim/fakes/storage_world.h"

#define CONTENT "0123456789abcdef0123456789abcdef"

struct kept {
    enum store_kind kind;
    int damaged;
    char path[128];
};

static void fill(void *argument, const struct ports *ports)
{
    const struct kept *kept = argument;
    struct store *store = store_new(ports, kept->kind);
    static const char *const paths[] = {
        "/shared/ck/commits/3", "/shared/ck/commits/4", "/shared/ck/offsets/3"};
    for (size_t i = 0; i < 3; i++) {
        enum status status = store_put_new(store, paths[i], bytes_of_text(CONTENT));
        require(status == OK);
    }
}

static void heard(void *context, const char *path)
{
    struct kept *kept = context;
    kept->damaged++;
    (void)snprintf(kept->path, sizeof kept->path, "%s", path);
}

static void
never_published(void *context, const struct sim_process *by, const char *path, struct bytes content)
{
    (void)context;
    (void)content;
    cr_assert(by != NULL, "the damage of %s was told as if it had been written", path);
}

static void never_removed(void *context, const struct sim_process *by, const char *path)
{
    (void)context;
    cr_assert(by != NULL, "the damage of %s was told as a crash", path);
}

static void begin(struct storage_world *world, struct kept *kept)
{
    storage_world_new(world, 1, false);
    const struct fake_storage_watch watch = {
        .context = kept,
        .published = never_published,
        .removed = never_removed,
        .damaged = heard,
    };
    fake_storage_observe(world->storage, &watch);
    storage_world_run(world, fill, kept);
}

static const enum store_kind kinds[] = {STORE_DISK, STORE_OBJECTS};

Test(storage_damage, the_newest_match_goes_bad_and_nothing_else)
{
    static const char *const left[DAMAGE_COUNT] = {[DAMAGE_TRUNCATED] = "0123456789abcdef",
                                                   [DAMAGE_EMPTIED] = "",
                                                   [DAMAGE_REMOVED] = "<none>"};
    for (int how = 0; how < (int)DAMAGE_COUNT; how++) {
        for (size_t i = 0; i < 2; i++) {
            struct storage_world world;
            struct kept kept = {.kind = kinds[i]};
            begin(&world, &kept);
            fake_storage_damage(world.storage, "*/commits/*", (enum damage)how);
            cr_assert(eq(int, kept.damaged, 1));
            cr_assert(eq(str, kept.path, "/shared/ck/commits/4"));
            const char *now = storage_world_look(&world, 1, "/shared/ck/commits/4");
            if (left[how] != NULL) {
                cr_assert(eq(str, now, left[how]));
            } else {
                cr_assert(ne(str, now, CONTENT));
                cr_assert(eq(sz, strlen(now), strlen(CONTENT)));
            }
            cr_assert(eq(str, storage_world_look(&world, 1, "/shared/ck/commits/3"), CONTENT));
            cr_assert(eq(str, storage_world_look(&world, 1, "/shared/ck/offsets/3"), CONTENT));
            storage_world_free(&world);
        }
    }
}

Test(storage_damage, no_crash_undoes_it)
{
    for (int how = 0; how < (int)DAMAGE_COUNT; how++) {
        struct storage_world world;
        struct kept kept = {.kind = STORE_DISK};
        char before[256];
        begin(&world, &kept);
        fake_storage_damage(world.storage, "*/offsets/3", (enum damage)how);
        (void)snprintf(
            before, sizeof before, "%s", storage_world_look(&world, 0, "/shared/ck/offsets/3"));
        cr_assert(ne(str, before, CONTENT));
        kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
        kernel_machine_down(world.kernel, 1, MACHINE_LOST, UNSYNCED_DROPPED);
        cr_assert(eq(str, storage_world_look(&world, 1, "/shared/ck/offsets/3"), before));
        storage_world_free(&world);
    }
}

Test(storage_damage, what_matches_nothing_damages_nothing)
{
    struct storage_world world;
    struct kept kept = {.kind = STORE_OBJECTS};
    begin(&world, &kept);
    cr_assert(fake_storage_can_damage(world.storage, "*/commits/4"));
    cr_assert(not(fake_storage_can_damage(world.storage, "*/commits/5")));
    fake_storage_damage(world.storage, "*/commits/5", DAMAGE_REMOVED);
    cr_assert(eq(int, kept.damaged, 0));
    storage_world_free(&world);
}

static void write_unsynced(void *argument, const struct ports *ports)
{
    disk_fd fd = 0;
    size_t written = 0;
    const char *path = argument;
    enum status status = disk_open(&ports->disk, path, DISK_TRUNCATE, &fd);
    require(status == OK);
    status = disk_write(&ports->disk, fd, CONTENT, strlen(CONTENT), &written);
    require(status == OK);
    status = disk_close(&ports->disk, fd);
    require(status == OK);
}

/* A crash decides about those: they are not final. */
Test(storage_damage, unsynced_files_that_all_share_are_left_alone)
{
    struct storage_world world;
    char path[] = "/shared/loose";
    storage_world_new(&world, 1, false);
    storage_world_run(&world, write_unsynced, path);
    cr_assert(eq(str, storage_world_look(&world, 0, "/shared/loose"), CONTENT));
    cr_assert(not(fake_storage_can_damage(world.storage, "*loose")));
    storage_world_free(&world);
}

/* Shuffle files live there, which nobody ever syncs. */
Test(storage_damage, a_machine_s_own_files_go_bad_synced_or_not)
{
    struct storage_world world;
    char path[] = "/local/loose";
    storage_world_new(&world, 1, false);
    storage_world_run(&world, write_unsynced, path);
    cr_assert(eq(str, storage_world_look(&world, 0, path), CONTENT));
    fake_storage_damage(world.storage, "*loose", DAMAGE_TRUNCATED);
    cr_assert(eq(str, storage_world_look(&world, 0, path), "0123456789abcdef"));
    kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    cr_assert(ne(str, storage_world_look(&world, 0, path), CONTENT));
    storage_world_free(&world);
}
