/* Broken invariants: they end the run, name their place, and leave the program alive. */
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "sim/kernel/kernel.h"

struct world {
    struct kernel *kernel;
    int steps;
    bool deep;
    bool went_on;
};

static void world_new(struct world *world)
{
    struct kernel_config config = {.seed = 7, .start_us = 1000000};
    *world = (struct world){.kernel = kernel_new(&config)};
    (void)kernel_machine_add(world->kernel, "machine a");
}

static void spawn(struct world *world, fiber_entry entry)
{
    struct sim_process_config config = {
        .role = ROLE_EXECUTOR, .name = "a", .entry = entry, .argument = world};
    (void)kernel_spawn(world->kernel, &config);
}

static void breaks_deep(void *argument)
{
    struct world *world = argument;
    require(world->steps == 12345);
}

static void breaks(void *argument)
{
    struct world *world = argument;
    (void)heap_alloc(10);
    kernel_wait(world->kernel, 25);
    if (world->deep) {
        fiber_on_thread_stack(breaks_deep, world);
    } else {
        breaks_deep(world);
    }
    world->went_on = true;
}

static void check_violation(struct world *world, const char *who)
{
    enum kernel_stop stop = kernel_run(world->kernel, NULL, NULL, INT64_MAX);
    cr_assert(eq(int, stop, KERNEL_VIOLATION));
    const struct violation *violation = kernel_violation(world->kernel);
    cr_assert(violation->set);
    cr_assert(eq(int, strcmp(violation->check, "assertion"), 0));
    cr_assert(eq(i64, violation->time_us, kernel_start_us(world->kernel) + 25));
    cr_assert(ne(ptr, strstr(violation->evidence, "panic_test.c:"), NULL));
    cr_assert(ne(ptr, strstr(violation->evidence, "require(world->steps == 12345)"), NULL));
    cr_assert(ne(ptr, strstr(violation->evidence, who), NULL), "%s", violation->evidence);
    cr_assert(ne(ptr, strstr(violation->evidence, " <- "), NULL), "%s", violation->evidence);
    kernel_free(world->kernel);
    cr_assert(eq(sz, fiber_live_count(), 0));
    cr_assert(eq(sz, process_host.heap.blocks, 0));
    cr_assert(not(world->went_on));
}

Test(panic, a_broken_invariant_is_a_violation_of_the_run_not_of_the_program)
{
    for (int deep = 0; deep < 2; deep++) {
        struct world world;
        world_new(&world);
        world.deep = deep == 1;
        spawn(&world, breaks);
        check_violation(&world, "failed in a at 25 us");
    }
}

static void holds(void *argument)
{
    struct world *world = argument;
    (void)heap_alloc(10);
    kernel_hold(world->kernel, 1000);
    world->went_on = true;
}

static void world_breaks(void *context, uint64_t argument)
{
    (void)argument;
    breaks_deep(context);
}

Test(panic, a_broken_invariant_of_the_world_too)
{
    struct world world;
    world_new(&world);
    spawn(&world, holds);
    kernel_at(world.kernel, kernel_start_us(world.kernel) + 25, world_breaks, &world, 0);
    check_violation(&world, "failed in the world at 25 us");
}

static void breaks_as_world(void *argument)
{
    struct world *world = argument;
    kernel_wait(world->kernel, 25);
    (void)kernel_enter(world->kernel);
    breaks_deep(world);
}

Test(panic, a_broken_invariant_inside_a_fake_too)
{
    struct world world;
    world_new(&world);
    spawn(&world, breaks_as_world);
    check_violation(&world, "failed in the world at 25 us");
}

static void violates_twice(void *context, uint64_t argument)
{
    (void)argument;
    struct world *world = context;
    kernel_violate(world->kernel, "sink-once", "batch %d twice", 3);
    kernel_violate(world->kernel, "other", "later");
}

Test(panic, a_violated_check_ends_the_run_and_the_first_one_wins)
{
    struct world world;
    world_new(&world);
    spawn(&world, holds);
    kernel_at(world.kernel, kernel_start_us(world.kernel) + 25, violates_twice, &world, 0);
    cr_assert(eq(int, kernel_run(world.kernel, NULL, NULL, INT64_MAX), KERNEL_VIOLATION));
    cr_assert(eq(int, kernel_run(world.kernel, NULL, NULL, INT64_MAX), KERNEL_VIOLATION));
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(eq(int, strcmp(violation->check, "sink-once"), 0));
    cr_assert(eq(int, strcmp(violation->evidence, "batch 3 twice"), 0));
    cr_assert(eq(i64, violation->time_us, kernel_start_us(world.kernel) + 25));
    cr_assert(not(world.went_on));
    kernel_free(world.kernel);
}
