/* A directory as an object store keeps the port's contract. */
#include "engine/ports/objects_contract.h"

#include <dirent.h>

#include "engine/real/forked_world.h"

Test(objects_real, keeps_the_contract)
{
    struct forked_world world;
    char directory[FORKED_PATH + 16];
    forked_world_new(&world);
    for (size_t i = 0; i < objects_contract_count; i++) {
        forked_next_case(&world, directory);
        world.config.objects = directory;
        world.contract->root = "bucket";
        objects_contract[i].check(world.contract);
        forked_check(&world, objects_contract[i].name);
    }
    forked_world_free(&world);
}

/* ---- a race ---- */

enum { KEYS = 200 };

/* Everybody puts every key; who wins counts it. */
static void races(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    char key[32];
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof key, "race/%d", i);
        enum status status = objects_put_if_absent(&ports->objects, key, bytes_of_text(key));
        promise(c, status == OK || status == ERR_EXISTS);
        if (status == OK) {
            atomic_fetch_add(&c->left[0], 1);
        }
    }
}

Test(objects_real, of_several_processes_one_wins_each_key)
{
    struct forked_world world;
    char directory[FORKED_PATH + 16];
    forked_world_new(&world);
    forked_next_case(&world, directory);
    world.config.objects = directory;
    const contract_body bodies[] = {races, races, races};
    forked_together(&world, bodies, 3, world.contract);
    forked_check(&world, "");
    cr_assert(eq(int, (int)world.contract->left[0], KEYS));
    forked_world_free(&world);
}

/* ---- a death ---- */

enum { WHOLE_SIZE = 200000 };

static void puts_for_ever(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    uint8_t *data = heap_alloc(WHOLE_SIZE);
    for (int i = 0;; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "put/%d", i);
        memset(data, 'a' + i % 26, WHOLE_SIZE);
        promise(c, objects_put(&ports->objects, key, bytes_of(data, WHOLE_SIZE)) == OK);
        c->left[0] = i + 1; /* so many are promised */
    }
}

static bool is_whole(const struct ports *ports, int64_t number)
{
    struct arena arena = {0};
    struct bytes found = {0};
    char key[32];
    (void)snprintf(key, sizeof key, "put/%d", (int)number);
    enum status status = objects_get(&ports->objects, key, &arena, &found);
    bool whole = status == OK && found.size == WHOLE_SIZE;
    for (size_t i = 0; whole && i < WHOLE_SIZE; i++) {
        whole = found.data[i] == 'a' + number % 26;
    }
    arena_free(&arena);
    return whole;
}

static void finds_whole_objects(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct arena arena = {0};
    struct object_entry *entries = NULL;
    size_t count = 0;
    promise(c, objects_list(&ports->objects, "", &arena, &entries, &count) == OK);
    arena_free(&arena);
    /* Those whose put returned, maybe the one that was under way, and nothing of its workings. */
    promise(c, (int64_t)count == c->left[0] || (int64_t)count == c->left[0] + 1);
    for (int64_t i = 0; i < (int64_t)count; i++) {
        promise(c, is_whole(ports, i));
    }
}

Test(objects_real, a_put_that_was_killed_leaves_a_whole_object_or_none)
{
    struct forked_world world;
    char directory[FORKED_PATH + 16];
    forked_world_new(&world);
    for (int i = 0; i < 10; i++) {
        forked_next_case(&world, directory);
        world.config.objects = directory;
        world.held = forked_start(&world, puts_for_ever, world.contract, -1);
        for (int waited = 0; world.contract->left[0] < 2 && waited < 20000; waited++) {
            (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 300000 * i}, NULL);
        forked_kill_held(&world);
        forked_run(&world, finds_whole_objects, world.contract);
        forked_check(&world, "");
    }
    forked_world_free(&world);
}
