#include "engine/ports/fibers_contract.h"

#include "engine/base/units.h"

enum { STORY_SIZE = 64 };

/* What the fibers of a case share: each leaves its letter in the story. */
struct scene {
    const struct ports *ports;
    char story[STORY_SIZE];
    size_t length;
    struct fiber *first;
    struct fiber *second;
};

static void tell(struct scene *scene, char letter)
{
    if (scene->length + 1 < STORY_SIZE) {
        scene->story[scene->length++] = letter;
    }
}

static bool story_is(const struct scene *scene, const char *expected)
{
    return strcmp(scene->story, expected) == 0;
}

static int64_t in_us(const struct ports *ports, int64_t from_now_us)
{
    return clock_now_us(&ports->clock) + from_now_us;
}

/* Long enough for everybody who is ready. */
static void let_run(const struct ports *ports)
{
    clock_sleep_until(&ports->clock, in_us(ports, 10000));
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void tells_b(void *argument)
{
    tell(argument, 'b');
}

static void tells_c_spawns_b(void *argument)
{
    struct scene *scene = argument;
    tell(scene, 'c');
    (void)fibers_spawn(&scene->ports->fibers, tells_b, scene);
    tell(scene, 'd');
}

static void spawns(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct scene scene = {.ports = ports};
    (void)fibers_spawn(&ports->fibers, tells_b, &scene);
    (void)fibers_spawn(&ports->fibers, tells_c_spawns_b, &scene);
    tell(&scene, 'a');
    promise(c, story_is(&scene, "a")); /* nobody runs before this one suspends */
    let_run(ports);
    promise(c, story_is(&scene, "abcdb")); /* first come, first served */
}

static void check_spawn(struct contract *c)
{
    c->run(c->self, spawns, c);
}

static void parks_twice(void *argument)
{
    struct scene *scene = argument;
    for (int i = 0; i < 2; i++) {
        tell(scene, fibers_park(&scene->ports->fibers, INT64_MAX) ? 'w' : '-');
    }
}

static void wakes(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct scene scene = {.ports = ports};
    struct fiber *fiber = fibers_spawn(&ports->fibers, parks_twice, &scene);
    let_run(ports);
    promise(c, story_is(&scene, ""));
    fibers_wake(&ports->fibers, fiber);
    promise(c, story_is(&scene, "")); /* a wake does not run it */
    let_run(ports);
    promise(c, story_is(&scene, "w")); /* one wake, one park */
    fibers_wake(&ports->fibers, fiber);
    let_run(ports);
    promise(c, story_is(&scene, "ww"));
}

static void check_wake(struct contract *c)
{
    c->run(c->self, wakes, c);
}

static void wakes_itself(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    const struct fibers_port *fibers = &ports->fibers;
    fibers_wake(fibers, fiber_current());
    promise(c, fibers_park(fibers, INT64_MAX));
    fibers_wake(fibers, fiber_current());
    promise(c, fibers_park(fibers, in_us(ports, -5))); /* woken: no matter when */
    fibers_wake(fibers, fiber_current());
    fibers_wake(fibers, fiber_current());
    promise(c, fibers_park(fibers, INT64_MAX));
    promise(c, !fibers_park(fibers, in_us(ports, 1000))); /* two wakes before it were one */
}

static void check_early_wake(struct contract *c)
{
    c->run(c->self, wakes_itself, c);
}

static void wakes_before_it_began(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct scene scene = {.ports = ports};
    struct fiber *fiber = fibers_spawn(&ports->fibers, parks_twice, &scene);
    fibers_wake(&ports->fibers, fiber);
    let_run(ports);
    promise(c, story_is(&scene, "w"));
}

static void check_newborn(struct contract *c)
{
    c->run(c->self, wakes_before_it_began, c);
}

static void parks_in_vain(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    for (int64_t length_us = 1; length_us < 20000; length_us *= 3) {
        int64_t deadline_us = in_us(ports, length_us);
        promise(c, !fibers_park(&ports->fibers, deadline_us));
        promise(c, clock_now_us(&ports->clock) >= deadline_us);
    }
    int64_t now_us = clock_now_us(&ports->clock);
    promise(c, !fibers_park(&ports->fibers, now_us - 1));
    promise(c, !fibers_park(&ports->fibers, 0));
    promise(c, !fibers_park(&ports->fibers, INT64_MIN));
    promise(c, clock_now_us(&ports->clock) < now_us + US_PER_SECOND);
}

static void check_deadline(struct contract *c)
{
    c->run(c->self, parks_in_vain, c);
}

static void parks_and_tells_x(void *argument)
{
    struct scene *scene = argument;
    tell(scene, fibers_park(&scene->ports->fibers, INT64_MAX) ? 'x' : '-');
}

static void parks_and_tells_y(void *argument)
{
    struct scene *scene = argument;
    tell(scene, fibers_park(&scene->ports->fibers, INT64_MAX) ? 'y' : '-');
}

static void wakes_in_order(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    for (int turn = 0; turn < 2; turn++) {
        struct scene scene = {.ports = ports};
        scene.first = fibers_spawn(&ports->fibers, parks_and_tells_x, &scene);
        scene.second = fibers_spawn(&ports->fibers, parks_and_tells_y, &scene);
        let_run(ports);
        fibers_wake(&ports->fibers, turn == 0 ? scene.first : scene.second);
        fibers_wake(&ports->fibers, turn == 0 ? scene.second : scene.first);
        let_run(ports);
        promise(c, story_is(&scene, turn == 0 ? "xy" : "yx"));
    }
}

static void check_order(struct contract *c)
{
    c->run(c->self, wakes_in_order, c);
}

static void pings(void *argument)
{
    struct scene *scene = argument;
    for (int i = 0; i < 5; i++) {
        tell(scene, '.');
        fibers_wake(&scene->ports->fibers, scene->second);
        (void)fibers_park(&scene->ports->fibers, INT64_MAX);
    }
}

static void pongs(void *argument)
{
    struct scene *scene = argument;
    for (int i = 0; i < 5; i++) {
        (void)fibers_park(&scene->ports->fibers, INT64_MAX);
        tell(scene, 'o');
        fibers_wake(&scene->ports->fibers, scene->first);
    }
}

static void plays(void *argument, const struct ports *ports)
{
    struct contract *c = argument;
    struct scene scene = {.ports = ports};
    scene.first = fibers_spawn(&ports->fibers, pings, &scene);
    scene.second = fibers_spawn(&ports->fibers, pongs, &scene);
    let_run(ports);
    promise(c, story_is(&scene, ".o.o.o.o.o"));
}

static void check_to_and_fro(struct contract *c)
{
    c->run(c->self, plays, c);
}

static void is_forgotten(void *argument)
{
    const struct ports *ports = ((void **)argument)[0];
    struct contract *c = ((void **)argument)[1];
    c->left[0] = 1;
    clock_sleep_until(&ports->clock, in_us(ports, 20000));
    c->left[0] = 2;
}

static void ends_first(void *argument, const struct ports *ports)
{
    static void *both[2];
    both[0] = (void *)(uintptr_t)ports;
    both[1] = argument;
    (void)fibers_spawn(&ports->fibers, is_forgotten, both);
    (void)fibers_spawn(&ports->fibers, is_forgotten, both);
    let_run(ports);
}

static void check_end(struct contract *c)
{
    c->run(c->self, ends_first, c);
    promise(c, c->left[0] == 1);
}

const struct contract_case fibers_contract[] = {
    {"who is spawned runs later, first come, first served", check_spawn},
    {"a wake ends one park", check_wake},
    {"a wake before the park is not lost", check_early_wake},
    {"nor one before the fiber began", check_newborn},
    {"a park without a wake ends in time", check_deadline},
    {"who is woken first runs first", check_order},
    {"fibers wake each other", check_to_and_fro},
    {"fibers end with the first one", check_end},
};
const size_t fibers_contract_count = sizeof fibers_contract / sizeof fibers_contract[0];
