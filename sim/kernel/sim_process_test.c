/* Death and pause in every state a process can be in. */
#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/heap.h"
#include "sim/kernel/kernel.h"

struct world {
    struct kernel *kernel;
    struct sim_process *process;
    struct sim_process *other;
    char log[512];
    int gone;
    int ended;
    int machines_gone;
    int steps; /* how far the victim came */
    enum { ACT_NOTHING, ACT_KILL, ACT_PAUSE, ACT_MACHINE } act;
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
}

static void gone(void *self, struct sim_process *process)
{
    struct world *world = self;
    world->gone++;
    cr_assert(process->state == SIM_DEAD || process->state == SIM_ENDED);
}

static void
machine_gone(void *self, uint32_t machine, enum machine_fate fate, enum unsynced unsynced)
{
    struct world *world = self;
    cr_assert(eq(int, machine, 0));
    cr_assert(eq(int, fate, MACHINE_LOST));
    cr_assert(eq(int, unsynced, UNSYNCED_CUT));
    world->machines_gone++;
    say(world, "machine-gone");
}

static void world_new(struct world *world)
{
    struct kernel_config config = {.seed = 7, .start_us = 1000000};
    *world = (struct world){.kernel = kernel_new(&config)};
    (void)kernel_machine_add(world->kernel, "machine a");
    (void)kernel_machine_add(world->kernel, "machine b");
    kernel_add_fake(
        world->kernel,
        &(struct kernel_fake){.self = world, .process_gone = gone, .machine_gone = machine_gone});
}

static struct sim_process *
spawn(struct world *world, const char *name, uint32_t machine, fiber_entry entry)
{
    struct sim_process_config config = {.role = ROLE_EXECUTOR,
                                        .name = name,
                                        .machine = machine,
                                        .entry = entry,
                                        .argument = world,
                                        .owner = world,
                                        .ended = ended};
    return kernel_spawn(world->kernel, &config);
}

static void run_and_free(struct world *world)
{
    cr_assert(eq(int, kernel_run(world->kernel, NULL, NULL, INT64_MAX), KERNEL_IDLE));
    cr_assert(not(kernel_violation(world->kernel)->set));
    kernel_free(world->kernel);
    cr_assert(eq(sz, fiber_live_count(), 0));
    cr_assert(eq(sz, process_host.heap.blocks, 0));
    cr_assert(eq(sz, process_host.heap.bytes, 0));
}

static void at(struct world *world, int64_t after_us, kernel_callback callback)
{
    kernel_at(world->kernel, kernel_start_us(world->kernel) + after_us, callback, world, 0);
}

static void kill_it(void *context, uint64_t argument)
{
    (void)argument;
    struct world *world = context;
    kernel_kill(world->kernel, world->process);
    cr_assert(kernel_process_clean(world->process));
    say(world, "killed");
}

static void pause_it(void *context, uint64_t argument)
{
    (void)argument;
    kernel_pause(((struct world *)context)->kernel, ((struct world *)context)->process);
    say(context, "paused");
}

static void resume_it(void *context, uint64_t argument)
{
    (void)argument;
    say(context, "resumed");
    kernel_resume(((struct world *)context)->kernel, ((struct world *)context)->process);
}

/* ---- victims ---- */

static void other_fiber(void *argument)
{
    struct world *world = argument;
    (void)heap_alloc(77);
    kernel_wait(world->kernel, 1000);
    world->steps = 99;
}

static void lives_in_memory(struct world *world)
{
    (void)heap_alloc(1000);
    (void)heap_alloc(10);
    struct ports *ports = current_process->ports;
    fibers_spawn(&ports->fibers, other_fiber, world);
}

static void holder(void *argument)
{
    struct world *world = argument;
    lives_in_memory(world);
    kernel_wait(world->kernel, 1);
    kernel_hold(world->kernel, 1000);
    world->steps = 99;
}

static void waiter(void *argument)
{
    struct world *world = argument;
    lives_in_memory(world);
    kernel_wait(world->kernel, 1000);
    world->steps = 99;
}

static void parker(void *argument)
{
    struct world *world = argument;
    lives_in_memory(world);
    (void)kernel_park(world->kernel, INT64_MAX);
    world->steps = 99;
}

static void suicide(void *argument)
{
    struct world *world = argument;
    lives_in_memory(world);
    kernel_wait(world->kernel, 50);
    kernel_kill(world->kernel, kernel_current(world->kernel));
    world->steps = 99;
}

static void returns(void *argument)
{
    struct world *world = argument;
    lives_in_memory(world);
    world->steps = 1;
}

static void murderer(void *argument)
{
    struct world *world = argument;
    kernel_wait(world->kernel, 50);
    struct process *self = current_process;
    kernel_kill(world->kernel, world->process);
    cr_assert(eq(ptr, current_process, self));
    cr_assert(kernel_process_clean(world->process));
    say(world, "murdered");
    kernel_wait(world->kernel, 5);
    say(world, "lives-on");
}

Test(sim_process, killed_while_it_holds_waits_or_parks)
{
    static const fiber_entry entries[] = {holder, waiter, parker};
    for (int i = 0; i < 3; i++) {
        struct world world;
        world_new(&world);
        world.process = spawn(&world, "a", 0, entries[i]);
        at(&world, 50, kill_it);
        at(&world, 60, kill_it); /* a second time: nothing */
        run_and_free(&world);
        cr_assert(eq(str, world.log, "killed@50 killed@60 "));
        cr_assert(eq(int, world.steps, 0));
        cr_assert(eq(int, world.gone, 1));
        cr_assert(eq(int, world.ended, 1));
    }
}

Test(sim_process, killed_before_its_first_step)
{
    struct world world;
    world_new(&world);
    world.process = spawn(&world, "a", 0, returns);
    kernel_kill(world.kernel, world.process);
    run_and_free(&world);
    cr_assert(eq(int, world.steps, 0));
    cr_assert(eq(int, world.ended, 1));
}

Test(sim_process, kills_itself_and_nothing_of_it_runs_again)
{
    struct world world;
    world_new(&world);
    world.process = spawn(&world, "a", 0, suicide);
    run_and_free(&world);
    cr_assert(eq(int, world.steps, 0));
    cr_assert(eq(int, world.gone, 1));
    cr_assert(eq(int, world.ended, 1));
}

Test(sim_process, is_killed_by_another_one_that_lives_on)
{
    struct world world;
    world_new(&world);
    world.process = spawn(&world, "a", 0, holder);
    world.other = spawn(&world, "b", 1, murderer);
    run_and_free(&world);
    cr_assert(eq(str, world.log, "murdered@50 lives-on@55 "));
    cr_assert(eq(int, world.ended, 2));
}

Test(sim_process, ends_when_its_entry_returns)
{
    struct world world;
    world_new(&world);
    world.process = spawn(&world, "a", 0, returns);
    cr_assert(eq(ptr, kernel_process(world.kernel, world.process->process.id), world.process));
    cr_assert(eq(int, kernel_run(world.kernel, NULL, NULL, INT64_MAX), KERNEL_IDLE));
    cr_assert(eq(int, world.process->state, SIM_ENDED));
    cr_assert(eq(ptr, kernel_process(world.kernel, world.process->process.id), NULL));
    cr_assert(kernel_process_clean(world.process));
    run_and_free(&world);
    cr_assert(eq(int, world.ended, 1));
}

Test(sim_process, a_thousand_deaths_leave_nothing)
{
    struct world world;
    world_new(&world);
    for (int i = 0; i < 1000; i++) {
        world.process = spawn(&world, "a", 0, i % 2 == 0 ? holder : suicide);
        int64_t now = kernel_now_us(world.kernel);
        (void)kernel_run(world.kernel, NULL, NULL, now + i % 60);
        kernel_kill(world.kernel, world.process);
        cr_assert(eq(sz, fiber_live_count(), 0));
    }
    run_and_free(&world);
    cr_assert(eq(int, world.ended, 1000));
}

/* ---- pause ---- */

static void ticker(void *argument)
{
    struct world *world = argument;
    for (;;) {
        kernel_wait(world->kernel, 10);
        say(world, "tick");
        kernel_hold(world->kernel, 10);
        say(world, "tock");
        if (kernel_now_us(world->kernel) > kernel_start_us(world->kernel) + 100) {
            return;
        }
    }
}

Test(sim_process, a_pause_delivers_what_was_due_at_the_resumption)
{
    for (int hold = 0; hold < 2; hold++) {
        struct world world;
        world_new(&world);
        world.process = spawn(&world, "a", 0, ticker);
        at(&world, hold == 0 ? 5 : 15, pause_it);
        at(&world, 100, resume_it);
        run_and_free(&world);
        cr_assert(eq(str,
                     world.log,
                     hold == 0 ? "paused@5 resumed@100 tick@100 tock@110 "
                               : "tick@10 paused@15 resumed@100 tock@100 tick@110 tock@120 "));
    }
}

Test(sim_process, a_pause_shorter_than_the_hold_changes_nothing)
{
    struct world world;
    world_new(&world);
    world.process = spawn(&world, "a", 0, ticker);
    at(&world, 12, pause_it);
    at(&world, 14, resume_it);
    at(&world, 31, kill_it);
    run_and_free(&world);
    cr_assert(eq(str, world.log, "tick@10 paused@12 resumed@14 tock@20 tick@30 killed@31 "));
}

Test(sim_process, is_killed_while_paused)
{
    struct world world;
    world_new(&world);
    world.process = spawn(&world, "a", 0, ticker);
    at(&world, 15, pause_it);
    at(&world, 50, kill_it);
    at(&world, 60, resume_it);
    run_and_free(&world);
    cr_assert(eq(str, world.log, "tick@10 paused@15 killed@50 resumed@60 "));
}

static void pauses_itself(void *argument)
{
    struct world *world = argument;
    kernel_pause(world->kernel, kernel_current(world->kernel));
    say(world, "went-on");
}

Test(sim_process, who_pauses_itself_stands_still_there)
{
    struct world world;
    world_new(&world);
    world.process = spawn(&world, "a", 0, pauses_itself);
    at(&world, 40, resume_it);
    run_and_free(&world);
    cr_assert(eq(str, world.log, "resumed@40 went-on@40 "));
}

/* ---- actions inside an operation ---- */

static bool never_due(void *self, const struct sim_process *process, enum failpoint p, int64_t b)
{
    return false;
}

static void never_fired(void *self, struct sim_process *process, enum failpoint p, int64_t b)
{
    cr_fail("no failure point was enabled");
}

static struct operation_fault act(void *self,
                                  struct sim_process *process,
                                  const char *port,
                                  const char *operation,
                                  const char *path,
                                  bool after)
{
    struct world *world = self;
    if (!after && world->act == ACT_KILL) {
        kernel_kill(world->kernel, process);
        say(world, "action-goes-on");
        kernel_kill(world->kernel, world->other);
    } else if (!after && world->act == ACT_PAUSE) {
        kernel_pause(world->kernel, process);
        kernel_at(world->kernel, kernel_now_us(world->kernel) + 500, resume_it, world, 0);
    } else if (after && world->act == ACT_MACHINE) {
        kernel_machine_down(world->kernel, process->machine, MACHINE_LOST, UNSYNCED_CUT);
        say(world, "action-goes-on");
    }
    return (struct operation_fault){.effect = OPERATION_FAILS, .status = ERR_IO, .delay_us = 3};
}

static void operates(void *argument)
{
    struct world *world = argument;
    (void)heap_alloc(10);
    kernel_wait(world->kernel, 10);
    struct operation_fault fault =
        kernel_operation_before(world->kernel, "disk", "rename", "/shared/a");
    cr_assert(eq(int, fault.status, ERR_IO));
    cr_assert(eq(i64, fault.delay_us, 3));
    say(world, "between");
    kernel_operation_after(world->kernel, "disk", "rename", "/shared/a");
    say(world, "behind");
}

static void act_world(struct world *world, int action)
{
    world_new(world);
    world->act = action;
    kernel_set_injector(
        world->kernel,
        &(struct kernel_injector){
            .self = world, .point_due = never_due, .point_fired = never_fired, .operation = act});
    world->process = spawn(world, "a", 0, operates);
    world->other = spawn(world, "b", 0, waiter);
}

Test(sim_process, an_action_may_kill_the_caller_and_others)
{
    struct world world;
    act_world(&world, ACT_KILL);
    run_and_free(&world);
    cr_assert(eq(str, world.log, "action-goes-on@10 "));
    cr_assert(eq(int, world.ended, 2));
}

Test(sim_process, an_action_may_pause_the_caller)
{
    struct world world;
    act_world(&world, ACT_PAUSE);
    run_and_free(&world);
    cr_assert(eq(str, world.log, "resumed@510 between@510 behind@510 "));
}

Test(sim_process, an_action_may_lose_the_machine_with_all_that_is_on_it)
{
    struct world world;
    act_world(&world, ACT_MACHINE);
    run_and_free(&world);
    cr_assert(eq(str, world.log, "between@10 machine-gone@10 action-goes-on@10 "));
    cr_assert(eq(int, world.ended, 2));
    cr_assert(eq(int, world.machines_gone, 1));
}
