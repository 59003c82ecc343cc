#include "sim/kernel/kernel.h"

#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/check.h"
#include "engine/base/failpoint.h"

/* One world with a log of what happened, in order. */
struct world {
    struct kernel *kernel;
    struct sim_process *process; /* the one under test */
    struct sim_process *other;
    char log[512];
    int gone;
    int ended;
    struct fiber *fiber;
};

static void say(struct world *world, const char *word)
{
    size_t used = strlen(world->log);
    int64_t at = kernel_now_us(world->kernel) - kernel_start_us(world->kernel);
    (void)snprintf(world->log + used, sizeof world->log - used, "%s@%lld ", word, (long long)at);
}

static void ended(void *owner, struct sim_process *process)
{
    struct world *world = owner;
    world->ended++;
    cr_assert(kernel_process_clean(process));
    cr_assert(eq(ptr, kernel_process(world->kernel, process->process.id), NULL));
}

static void gone(void *self, struct sim_process *process)
{
    (void)process;
    ((struct world *)self)->gone++;
}

static void world_new(struct world *world, bool noise)
{
    struct kernel_config config = {.seed = 7, .noise = noise, .start_us = 1000000};
    *world = (struct world){.kernel = kernel_new(&config)};
    (void)kernel_machine_add(world->kernel, "machine a");
    (void)kernel_machine_add(world->kernel, "machine b");
    kernel_add_fake(world->kernel, &(struct kernel_fake){.self = world, .process_gone = gone});
}

static struct sim_process *spawn(struct world *world, const char *name, fiber_entry entry)
{
    struct sim_process_config config = {
        .role = ROLE_DRIVER,
        .name = name,
        .machine = strcmp(name, "b") == 0 ? 1 : 0,
        .entry = entry,
        .argument = world,
        .owner = world,
        .ended = ended,
    };
    return kernel_spawn(world->kernel, &config);
}

static void world_free(struct world *world)
{
    kernel_free(world->kernel);
    cr_assert(eq(sz, fiber_live_count(), 0));
    cr_assert(eq(sz, process_host.heap.blocks, 0));
    cr_assert(eq(ptr, current_process, &process_host));
}

static enum kernel_stop run(struct world *world)
{
    return kernel_run(world->kernel, NULL, NULL, INT64_MAX);
}

/* ---- events ---- */

static void say_number(void *context, uint64_t argument)
{
    char word[8];
    (void)snprintf(word, sizeof word, "%d", (int)argument);
    say(context, word);
}

static bool stop_at_three(void *context)
{
    return strstr(((struct world *)context)->log, "3") != NULL;
}

Test(kernel, events_run_by_time_then_first_come)
{
    struct world world;
    world_new(&world, false);
    int64_t start = kernel_start_us(world.kernel);
    kernel_at(world.kernel, start + 50, say_number, &world, 3);
    kernel_at(world.kernel, start + 10, say_number, &world, 1);
    kernel_at(world.kernel, start + 50, say_number, &world, 4);
    kernel_at(world.kernel, start + 10, say_number, &world, 2);
    kernel_at(world.kernel, start + 500, say_number, &world, 5);
    enum kernel_stop stop = kernel_run(world.kernel, stop_at_three, &world, INT64_MAX);
    cr_assert(eq(int, stop, KERNEL_STOPPED));
    cr_assert(eq(str, world.log, "1@10 2@10 3@50 "));
    cr_assert(eq(int, kernel_run(world.kernel, NULL, NULL, start + 499), KERNEL_OUT_OF_TIME));
    cr_assert(eq(i64, kernel_now_us(world.kernel), start + 50));
    cr_assert(eq(int, run(&world), KERNEL_IDLE));
    cr_assert(eq(str, world.log, "1@10 2@10 3@50 4@50 5@500 "));
    cr_assert(eq(u64, kernel_event_count(world.kernel), 5));
    world_free(&world);
}

/* ---- hold, wait, park ---- */

static void second_fiber(void *argument)
{
    struct world *world = argument;
    say(world, "second");
    kernel_wait(world->kernel, 10);
    say(world, "second-waited");
}

static void hold_while_second_waits(void *argument)
{
    struct world *world = argument;
    struct sim_process *self = kernel_current(world->kernel);
    fibers_spawn(&self->ports.fibers, second_fiber, world);
    say(world, "first");
    kernel_wait(world->kernel, 5); /* the second starts its wait of 10 now */
    kernel_hold(world->kernel, 100);
    say(world, "first-held");
}

Test(kernel, a_hold_keeps_the_process_a_wait_only_the_fiber)
{
    struct world world;
    world_new(&world, false);
    spawn(&world, "a", hold_while_second_waits);
    cr_assert(eq(int, run(&world), KERNEL_IDLE));
    /* The main fiber ends at 105; with it the process, and the second fiber, whose wait was over
     * at 10 but who had no CPU, never runs again. */
    cr_assert(eq(str, world.log, "first@0 second@0 first-held@105 "));
    cr_assert(eq(int, world.ended, 1));
    cr_assert(eq(int, world.gone, 1));
    world_free(&world);
}

static void hold_then_wait(void *argument)
{
    struct world *world = argument;
    struct sim_process *self = kernel_current(world->kernel);
    fibers_spawn(&self->ports.fibers, second_fiber, world);
    kernel_wait(world->kernel, 5);
    kernel_hold(world->kernel, 100);
    kernel_hold(world->kernel, 100);
    kernel_wait(world->kernel, 1);
    say(world, "first");
}

Test(kernel, who_queued_behind_a_hold_runs_when_the_holder_waits)
{
    struct world world;
    world_new(&world, false);
    spawn(&world, "a", hold_then_wait);
    cr_assert(eq(int, run(&world), KERNEL_IDLE));
    cr_assert(eq(str, world.log, "second@0 second-waited@205 first@206 "));
    world_free(&world);
}

static void holds_alone(void *argument)
{
    struct world *world = argument;
    kernel_hold(world->kernel, 100);
    say(world, "held");
}

Test(kernel, a_hold_does_not_stop_other_processes)
{
    struct world world;
    world_new(&world, false);
    spawn(&world, "a", holds_alone);
    spawn(&world, "b", second_fiber);
    cr_assert(eq(int, run(&world), KERNEL_IDLE));
    cr_assert(eq(str, world.log, "second@0 second-waited@10 held@100 "));
    world_free(&world);
}

static void parker(void *argument)
{
    struct world *world = argument;
    struct sim_process *self = kernel_current(world->kernel);
    world->fiber = fiber_current();
    int64_t start = kernel_start_us(world->kernel);
    say(world, fibers_park(&self->ports.fibers, start + 50) ? "woken" : "late");
    say(world, fibers_park(&self->ports.fibers, start + 50) ? "woken" : "late");
    kernel_wait(world->kernel, 100); /* a wake comes meanwhile and is not lost */
    say(world, fibers_park(&self->ports.fibers, INT64_MAX) ? "woken" : "late");
    say(world, fibers_park(&self->ports.fibers, start) ? "woken" : "late");
}

static void wake_it(void *context, uint64_t argument)
{
    (void)argument;
    struct world *world = context;
    kernel_wake(world->kernel, world->fiber, world->process);
}

Test(kernel, parking_ends_by_a_wake_or_in_time)
{
    struct world world;
    world_new(&world, false);
    world.process = spawn(&world, "a", parker);
    int64_t start = kernel_start_us(world.kernel);
    kernel_at(world.kernel, start + 20, wake_it, &world, 0);
    kernel_at(world.kernel, start + 70, wake_it, &world, 0);
    cr_assert(eq(int, run(&world), KERNEL_IDLE));
    cr_assert(eq(str, world.log, "woken@20 late@50 woken@150 late@150 "));
    world_free(&world);
}

static void woken_long_before(void *argument)
{
    struct world *world = argument;
    world->fiber = fiber_current();
    (void)kernel_park(world->kernel, kernel_start_us(world->kernel) + 1000000);
}

Test(kernel, a_timer_that_is_no_longer_waited_for_moves_no_time)
{
    struct world world;
    world_new(&world, false);
    world.process = spawn(&world, "a", woken_long_before);
    kernel_at(world.kernel, kernel_start_us(world.kernel) + 20, wake_it, &world, 0);
    cr_assert(eq(int, run(&world), KERNEL_IDLE));
    cr_assert(eq(i64, kernel_now_us(world.kernel), kernel_start_us(world.kernel) + 20));
    world_free(&world);
}

static void clock_user(void *argument)
{
    struct world *world = argument;
    const struct ports *ports = current_process->ports;
    int64_t start = clock_now_us(&ports->clock);
    clock_sleep_until(&ports->clock, start + 30);
    say(world, "slept");
    clock_sleep_until(&ports->clock, start + 10);
    say(world, "past");
    clock_spend(&ports->clock, 4096, 0); /* 500 ns a row */
    say(world, "spent");
}

Test(kernel, the_clock_port_sleeps_and_charges)
{
    struct world world;
    world_new(&world, false);
    spawn(&world, "a", clock_user);
    cr_assert(eq(int, run(&world), KERNEL_IDLE));
    cr_assert(eq(str, world.log, "slept@30 past@30 spent@2078 "));
    world_free(&world);
}

static void loops_for_ever(void *argument)
{
    struct world *world = argument;
    for (;;) {
        (void)kernel_park(world->kernel, kernel_now_us(world->kernel));
    }
}

Test(kernel, an_endless_loop_is_a_violation)
{
    struct world world;
    world_new(&world, false);
    spawn(&world, "a", loops_for_ever);
    cr_assert(eq(int, run(&world), KERNEL_VIOLATION));
    cr_assert(eq(int, strcmp(kernel_violation(world.kernel)->check, "endless-loop"), 0));
    world_free(&world);
}
