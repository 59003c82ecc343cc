/* A small world for the contract suites of what lives between processes: a network, two machines,
 * processes that run one piece of a case each, alternately on either machine. */
#ifndef SIM_FAKES_CONTRACT_WORLD_H
#define SIM_FAKES_CONTRACT_WORLD_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/check.h"
#include "engine/ports/contract.h"
#include "sim/fakes/network.h"

struct contract_world {
    struct kernel *kernel;
    struct fake_network *network;
    struct sim_process *held;
    contract_body bodies[4]; /* of the processes that were spawned last */
    void *argument;
    bool stays; /* after its body */
    uint32_t spawned;
};

/* The incarnation says which body is whose. */
static inline void contract_world_entry(void *argument)
{
    struct contract_world *world = argument;
    struct sim_process *self = kernel_current(world->kernel);
    bool stays = world->stays;
    world->bodies[self->process.incarnation % 4](world->argument, &self->ports);
    if (stays) {
        (void)fibers_park(&self->ports.fibers, INT64_MAX);
    }
}

static inline void contract_world_connect(void *owner, struct sim_process *process)
{
    fake_network_connect(((struct contract_world *)owner)->network, process);
}

static inline struct sim_process *
contract_world_spawn(struct contract_world *world, contract_body body, void *argument)
{
    uint32_t number = world->spawned++;
    world->bodies[number % 4] = body;
    world->argument = argument;
    struct sim_process_config config = {.role = ROLE_EXECUTOR,
                                        .name = "process",
                                        .machine = number % 2,
                                        .incarnation = number,
                                        .entry = contract_world_entry,
                                        .argument = world,
                                        .owner = world,
                                        .connect = contract_world_connect};
    return kernel_spawn(world->kernel, &config);
}

/* Until nothing happens any more. */
static inline void contract_world_settle(struct contract_world *world)
{
    enum kernel_stop stop = kernel_run(world->kernel, NULL, NULL, INT64_MAX);
    cr_assert(
        not(kernel_violation(world->kernel)->set), "%s", kernel_violation(world->kernel)->evidence);
    cr_assert(eq(int, stop, KERNEL_IDLE));
}

static inline void contract_world_gone(const struct contract_world *world,
                                       const struct sim_process *process)
{
    cr_assert(process->state == SIM_ENDED || process->state == SIM_DEAD, "it waits for ever");
    cr_assert(kernel_process_clean(process));
    cr_assert(eq(sz, fake_network_handles(world->network, process), 0));
}

static inline void
contract_world_together(void *self, const contract_body *bodies, size_t count, void *argument)
{
    struct contract_world *world = self;
    struct sim_process *processes[4];
    cr_assert(le(sz, count, 4));
    for (size_t i = 0; i < count; i++) {
        processes[i] = contract_world_spawn(world, bodies[i], argument);
    }
    contract_world_settle(world);
    for (size_t i = 0; i < count; i++) {
        contract_world_gone(world, processes[i]);
    }
}

static inline void contract_world_run(void *self, contract_body body, void *argument)
{
    contract_world_together(self, &body, 1, argument);
}

static inline void contract_world_hold(void *self, contract_body body, void *argument)
{
    struct contract_world *world = self;
    world->stays = true;
    world->held = contract_world_spawn(world, body, argument);
    contract_world_settle(world);
    world->stays = false;
}

static inline void contract_world_kill_held(void *self)
{
    struct contract_world *world = self;
    kernel_kill(world->kernel, world->held);
    contract_world_gone(world, world->held);
}

static inline void contract_world_die(void *self)
{
    struct contract_world *world = self;
    kernel_kill(world->kernel, kernel_current(world->kernel));
}

/* Every case of a suite, each in a world of its own. */
static inline void
contract_world_check(const struct contract_case *cases, size_t count, uint64_t seed, bool noise)
{
    for (size_t i = 0; i < count; i++) {
        struct kernel_config config = {.seed = seed, .noise = noise, .start_us = 978307200000000};
        struct contract_world world = {.kernel = kernel_new(&config)};
        (void)kernel_machine_add(world.kernel, "a");
        (void)kernel_machine_add(world.kernel, "b");
        world.network = fake_network_new(world.kernel);
        struct contract contract = {.address = {"first", "second"},
                                    .self = &world,
                                    .run = contract_world_run,
                                    .run_and_hold = contract_world_hold,
                                    .kill_held = contract_world_kill_held,
                                    .run_together = contract_world_together,
                                    .die = contract_world_die};
        cases[i].check(&contract);
        cr_assert(eq(str, contract.broken, ""), "%s, seed %d", cases[i].name, (int)seed);
        kernel_free(world.kernel);
        fiber_pool_free();
        cr_assert(eq(sz, process_host.heap.blocks, 0));
    }
}

#endif
