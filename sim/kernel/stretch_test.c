/* Stretches on the thread's own stack (fiber.h), where a library is called: what a process does
 * there takes hold behind it, but for its death, which the world sees at once. */
#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/heap.h"
#include "engine/base/native.h"
#include "sim/kernel/kernel.h"

struct world {
    struct kernel *kernel;
    struct sim_process *process;
    struct sim_process *other;
    char log[512];
    int seen;   /* operations that the world saw */
    int calls;  /* that the victim made */
    int act_at; /* at this operation, counted from 1, on its way in; 0: never */
    void (*act)(struct world *world);
    int abandoned;
    bool was_in_stretch;
    struct native native;
};

static void say(struct world *world, const char *word)
{
    size_t used = strlen(world->log);
    int64_t at = kernel_now_us(world->kernel) - kernel_start_us(world->kernel);
    (void)snprintf(world->log + used, sizeof world->log - used, "%s@%lld ", word, (long long)at);
}

static bool never_due(void *self, const struct sim_process *process, enum failpoint p, int64_t b)
{
    return false;
}

static void never_fired(void *self, struct sim_process *process, enum failpoint p, int64_t b)
{
    cr_fail("no failure point was enabled");
}

static struct operation_fault operation(void *self,
                                        struct sim_process *process,
                                        const char *port,
                                        const char *name,
                                        const char *path,
                                        bool after)
{
    struct world *world = self;
    world->seen += !after;
    if (!after && world->seen == world->act_at) {
        world->act(world);
    }
    return (struct operation_fault){.effect = OPERATION_OK};
}

static void world_new(struct world *world, int act_at, void (*act)(struct world *world))
{
    struct kernel_config config = {.seed = 7, .start_us = 1000000};
    *world = (struct world){.kernel = kernel_new(&config), .act_at = act_at, .act = act};
    (void)kernel_machine_add(world->kernel, "machine a");
    (void)kernel_machine_add(world->kernel, "machine b");
    kernel_set_injector(world->kernel,
                        &(struct kernel_injector){.self = world,
                                                  .point_due = never_due,
                                                  .point_fired = never_fired,
                                                  .operation = operation});
}

static struct sim_process *
spawn(struct world *world, const char *name, uint32_t machine, fiber_entry entry)
{
    struct sim_process_config config = {
        .role = ROLE_EXECUTOR, .name = name, .machine = machine, .entry = entry, .argument = world};
    return kernel_spawn(world->kernel, &config);
}

/* The hash of what happened. */
static uint64_t run_and_free(struct world *world)
{
    cr_assert(eq(int, kernel_run(world->kernel, NULL, NULL, INT64_MAX), KERNEL_IDLE));
    cr_assert(not(kernel_violation(world->kernel)->set));
    uint64_t hash = trace_hash(kernel_trace_log(world->kernel));
    kernel_free(world->kernel);
    cr_assert(eq(sz, fiber_live_count(), 0));
    cr_assert(eq(sz, process_host.heap.blocks, 0));
    return hash;
}

/* ---- inside -----------------------------------------------------------------------------------
 */

enum { CALLS = 5, COST_US = 100 };

/* As a fake does it: the injector, the cost, the effect, the injector again. */
static void call_port(struct world *world)
{
    world->calls++;
    if (!kernel_caller_gone(world->kernel)) {
        (void)kernel_operation_before(world->kernel, "disk", "write", "/local/a");
    }
    if (!kernel_caller_gone(world->kernel)) {
        kernel_hold(world->kernel, COST_US);
    }
    if (!kernel_caller_gone(world->kernel)) {
        say(world, "write");
        kernel_operation_after(world->kernel, "disk", "write", "/local/a");
    }
}

static void library(void *argument)
{
    struct world *world = argument;
    world->was_in_stretch = kernel_in_stretch(world->kernel);
    for (int i = 0; i < CALLS; i++) {
        call_port(world);
    }
    if (kernel_caller_gone(world->kernel)) { /* one that does not ask */
        kernel_hold(world->kernel, COST_US);
    }
}

static void other_fiber(void *argument)
{
    say(argument, "other-fiber");
    kernel_wait(((struct world *)argument)->kernel, 1000);
    say(argument, "other-fiber");
}

static void lives(void *argument)
{
    struct world *world = argument;
    (void)heap_alloc(100);
    kernel_wait(world->kernel, 10);
    fibers_spawn(&current_process->ports->fibers, other_fiber, world);
    cr_assert(not(kernel_in_stretch(world->kernel)));
    fiber_on_thread_stack(library, world);
    cr_assert(not(kernel_in_stretch(world->kernel)));
    say(world, "behind");
    kernel_wait(world->kernel, 1);
    say(world, "later");
    kernel_wait(world->kernel, 2000);
}

static void bystander(void *argument)
{
    struct world *world = argument;
    kernel_wait(world->kernel, 100);
    say(world, "bystander");
}

/* ---- time -------------------------------------------------------------------------------------
 */

/* No time passes inside, for nobody; behind it the process is busy as long as it took, so that none
 * of its fibers runs, while another process does. */
Test(stretch, what_it_cost_is_charged_behind_it)
{
    struct world world;
    world_new(&world, 0, NULL);
    world.process = spawn(&world, "a", 0, lives);
    world.other = spawn(&world, "b", 1, bystander);
    run_and_free(&world);
    cr_assert(world.was_in_stretch);
    cr_assert(eq(str,
                 world.log,
                 "write@10 write@10 write@10 write@10 write@10 behind@10 bystander@100 "
                 "other-fiber@510 later@511 other-fiber@1510 "));
    cr_assert(eq(int, world.seen, CALLS));
}

/* ---- death ------------------------------------------------------------------------------------
 */

static void kill_it(struct world *world)
{
    kernel_kill(world->kernel, world->process);
    say(world, "killed");
    cr_assert(kernel_caller_gone(world->kernel));
}

static void kill_it_twice(struct world *world)
{
    kill_it(world);
    kill_it(world);
}

static void crash_machine(struct world *world)
{
    kernel_machine_down(world->kernel, 0, MACHINE_CRASHED, UNSYNCED_DROPPED);
    say(world, "killed");
}

static void kill_paused(struct world *world)
{
    kernel_pause(world->kernel, world->process);
    kill_it(world);
}

/* The library's code comes to its end, and none of its calls is one any more; the process' own code
 * does not go on. */
static uint64_t check_death(void (*act)(struct world *world), int at, const char *log)
{
    struct world world;
    world_new(&world, at, act);
    world.process = spawn(&world, "a", 0, lives);
    world.other = spawn(&world, "b", 1, bystander);
    cr_assert(eq(int, kernel_run(world.kernel, NULL, NULL, INT64_MAX), KERNEL_IDLE));
    cr_assert(eq(int, world.process->state, SIM_DEAD));
    cr_assert(kernel_process_clean(world.process));
    cr_assert(eq(str, world.log, log));
    cr_assert(eq(int, world.calls, CALLS));
    cr_assert(eq(int, world.seen, at));
    return run_and_free(&world);
}

Test(stretch, a_kill_inside_leaves_what_was_done_and_nothing_else)
{
    check_death(kill_it, 1, "killed@10 bystander@100 ");
    check_death(kill_it, 3, "write@10 write@10 killed@10 bystander@100 ");
    check_death(kill_it, 5, "write@10 write@10 write@10 write@10 killed@10 bystander@100 ");
    check_death(kill_it_twice, 2, "write@10 killed@10 killed@10 bystander@100 ");
    check_death(kill_paused, 2, "write@10 killed@10 bystander@100 ");
    check_death(crash_machine, 2, "write@10 killed@10 bystander@100 ");
}

/* The sweep of port calls counts the calls inside as all others; behind the death none. */
Test(stretch, the_sweep_kills_inside)
{
    struct world world;
    world_new(&world, 0, NULL);
    kernel_sweep(world.kernel, &(struct kernel_sweep){.process = "a"});
    world.process = spawn(&world, "a", 0, lives);
    cr_assert(eq(int, kernel_run(world.kernel, NULL, NULL, INT64_MAX), KERNEL_IDLE));
    uint64_t count = kernel_sweep_count(world.kernel);
    cr_assert(ge(u64, count, 3 * CALLS));
    run_and_free(&world);
    for (uint64_t call = 1; call <= count; call++) {
        world_new(&world, 0, NULL);
        kernel_sweep(world.kernel, &(struct kernel_sweep){.process = "a", .call = call});
        world.process = spawn(&world, "a", 0, lives);
        cr_assert(eq(int, kernel_run(world.kernel, NULL, NULL, INT64_MAX), KERNEL_IDLE));
        cr_assert(eq(int, world.process->state, SIM_DEAD));
        cr_assert(kernel_process_clean(world.process));
        cr_assert(eq(u64, kernel_sweep_count(world.kernel), call));
        run_and_free(&world);
    }
}

/* ---- native handles ---------------------------------------------------------------------------
 */

static void abandon(struct native *native)
{
    struct world *world = (struct world *)(void *)((char *)native - offsetof(struct world, native));
    world->abandoned++;
    cr_assert(eq(int, world->calls, CALLS)); /* the library is through */
}

static void holds_a_handle(void *argument)
{
    struct world *world = argument;
    world->native.abandon = abandon;
    native_hold(&world->native);
    lives(argument);
    native_let_go(&world->native);
    say(world, "let-go");
}

/* Abandoned once, and never while the library's own code is still inside. */
Test(stretch, a_handle_is_abandoned_when_the_library_is_through)
{
    for (int at = 0; at <= CALLS; at++) {
        struct world world;
        world_new(&world, at, kill_it);
        world.process = spawn(&world, "a", 0, holds_a_handle);
        cr_assert(eq(int, kernel_run(world.kernel, NULL, NULL, INT64_MAX), KERNEL_IDLE));
        cr_assert(eq(int, world.abandoned, at > 0));
        cr_assert(eq(sz, native_count(&world.process->process), 0));
        run_and_free(&world);
    }
}

/* ---- pause ------------------------------------------------------------------------------------
 */

static void resume(void *context, uint64_t argument)
{
    struct world *world = context;
    say(world, "resumed");
    kernel_resume(world->kernel, world->process);
}

static void pause_it(struct world *world)
{
    kernel_pause(world->kernel, world->process);
    say(world, "paused");
    kernel_at(world->kernel, kernel_now_us(world->kernel) + 300, resume, world, 0);
}

/* The calls inside all happen; then the process stands still, and pays when it goes on. */
Test(stretch, a_pause_inside_takes_hold_behind_it)
{
    struct world world;
    world_new(&world, 2, pause_it);
    world.process = spawn(&world, "a", 0, lives);
    world.other = spawn(&world, "b", 1, bystander);
    run_and_free(&world);
    cr_assert(eq(str,
                 world.log,
                 "write@10 paused@10 write@10 write@10 write@10 write@10 behind@10 bystander@100 "
                 "resumed@310 other-fiber@810 later@811 other-fiber@1810 "));
}

/* ---- determinism ------------------------------------------------------------------------------
 */

Test(stretch, the_same_happens_twice)
{
    uint64_t hashes[3];
    for (int i = 0; i < 3; i++) {
        struct world world;
        world_new(&world, 0, NULL);
        world.process = spawn(&world, "a", 0, lives);
        hashes[i] = run_and_free(&world);
    }
    cr_assert(eq(u64, hashes[0], hashes[1]));
    uint64_t death = check_death(kill_it, 3, "write@10 write@10 killed@10 bystander@100 ");
    uint64_t earlier = check_death(kill_it, 2, "write@10 killed@10 bystander@100 ");
    cr_assert(
        eq(u64, check_death(kill_it, 3, "write@10 write@10 killed@10 bystander@100 "), death));
    cr_assert(ne(u64, death, earlier));
    cr_assert(ne(u64, death, hashes[0]));
}
