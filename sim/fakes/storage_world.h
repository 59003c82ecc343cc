/* A small world for the tests of the storage fakes: two machines, a storage, processes that run one
 * piece of code, and one scripted fault on a storage operation. */
#ifndef SIM_FAKES_STORAGE_WORLD_H
#define SIM_FAKES_STORAGE_WORLD_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/ports/contract.h"
#include "sim/fakes/disk.h"
#include "sim/fakes/objects.h"
#include "sim/fakes/storage.h"

struct storage_world;

/* What happens to the `nth` to (`nth` + `times` - 1)th operation that matches. */
struct storage_trigger {
    const char *operation;                                    /* NULL: any */
    const char *path;                                         /* a part of it; NULL: any */
    bool (*matches)(const char *operation, const char *path); /* NULL: any */
    uint32_t nth;                                             /* 1-based; 0: never */
    uint32_t times;
    bool after;
    bool kill;                                /* the process; else `act`, then `fault` */
    void (*act)(struct storage_world *world); /* as the world; NULL: nothing */
    struct operation_fault fault;
    uint32_t seen;
    uint32_t fired;
};

struct storage_world {
    struct kernel *kernel;
    struct fake_storage *storage;
    struct storage_trigger trigger;
    struct sim_process *held;
    struct sim_process *last; /* the process that was run last */
    contract_body body;
    void *argument;
    bool stays;
    uint32_t spawned;
    uint32_t machine;    /* of the processes that storage_world_run starts */
    uint32_t operations; /* that began, in all */
};

static inline struct operation_fault storage_world_operation(void *self,
                                                             struct sim_process *process,
                                                             const char *port,
                                                             const char *operation,
                                                             const char *path,
                                                             bool after)
{
    struct storage_world *world = self;
    struct storage_trigger *trigger = &world->trigger;
    struct operation_fault fault = {.effect = OPERATION_OK};
    (void)port;
    world->operations += !after;
    bool matches = after == trigger->after &&
                   (trigger->operation == NULL || strcmp(trigger->operation, operation) == 0) &&
                   (trigger->path == NULL || strstr(path, trigger->path) != NULL) &&
                   (trigger->matches == NULL || trigger->matches(operation, path));
    if (!matches || trigger->nth == 0) {
        return fault;
    }
    trigger->seen++;
    if (trigger->seen >= trigger->nth && trigger->seen < trigger->nth + trigger->times) {
        trigger->fired++;
        if (trigger->kill) {
            kernel_kill(world->kernel, process);
        } else {
            fault = trigger->fault;
            if (trigger->act != NULL) {
                trigger->act(world);
            }
        }
    }
    return fault;
}

static inline bool storage_world_point_due(void *self,
                                           const struct sim_process *process,
                                           enum failpoint point,
                                           int64_t batch)
{
    (void)self;
    (void)process;
    (void)point;
    (void)batch;
    return false;
}

static inline void storage_world_point_fired(void *self,
                                             struct sim_process *process,
                                             enum failpoint point,
                                             int64_t batch)
{
    (void)self;
    (void)process;
    (void)batch;
    require(point == FAILPOINT_COUNT); /* none is ever due */
}

static inline void storage_world_new(struct storage_world *world, uint64_t seed, bool noise)
{
    struct kernel_config config = {.seed = seed, .noise = noise, .start_us = 978307200000000};
    *world = (struct storage_world){.kernel = kernel_new(&config)};
    (void)kernel_machine_add(world->kernel, "a");
    (void)kernel_machine_add(world->kernel, "b");
    world->storage = fake_storage_new(world->kernel);
    struct kernel_injector injector = {.self = world,
                                       .point_due = storage_world_point_due,
                                       .point_fired = storage_world_point_fired,
                                       .operation = storage_world_operation};
    kernel_set_injector(world->kernel, &injector);
}

static inline void storage_world_free(struct storage_world *world)
{
    kernel_free(world->kernel);
    fiber_pool_free();
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

static inline void storage_world_entry(void *argument)
{
    struct storage_world *world = argument;
    struct sim_process *self = kernel_current(world->kernel);
    contract_body body = world->body;
    body(world->argument, &self->ports);
    if (world->stays) {
        (void)fibers_park(&self->ports.fibers, INT64_MAX);
    }
}

static inline void storage_world_connect(void *owner, struct sim_process *process)
{
    struct storage_world *world = owner;
    fake_storage_connect(world->storage, process);
}

static inline void storage_world_settle(struct storage_world *world)
{
    enum kernel_stop stop = kernel_run(world->kernel, NULL, NULL, INT64_MAX);
    cr_assert(eq(int, stop, KERNEL_IDLE), "%s", kernel_violation(world->kernel)->evidence);
    cr_assert(
        not(kernel_violation(world->kernel)->set), "%s", kernel_violation(world->kernel)->evidence);
}

static inline struct sim_process *
storage_world_spawn(struct storage_world *world, contract_body body, void *argument)
{
    world->body = body;
    world->argument = argument;
    struct sim_process_config config = {.role = ROLE_EXECUTOR,
                                        .name = "process",
                                        .machine = world->machine,
                                        .incarnation = world->spawned++,
                                        .entry = storage_world_entry,
                                        .argument = world,
                                        .owner = world,
                                        .connect = storage_world_connect};
    world->last = kernel_spawn(world->kernel, &config);
    return world->last;
}

/* Run `body` in a fresh process on world->machine until nothing happens any more. */
static inline void storage_world_run(void *self, contract_body body, void *argument)
{
    struct storage_world *world = self;
    struct sim_process *process = storage_world_spawn(world, body, argument);
    storage_world_settle(world);
    cr_assert(eq(sz, fake_storage_handles(world->storage, process), 0));
}

static inline void storage_world_hold(void *self, contract_body body, void *argument)
{
    struct storage_world *world = self;
    world->stays = true;
    world->held = storage_world_spawn(world, body, argument);
    storage_world_settle(world);
    world->stays = false;
}

static inline void storage_world_kill_held(void *self)
{
    struct storage_world *world = self;
    kernel_kill(world->kernel, world->held);
    cr_assert(kernel_process_clean(world->held));
    cr_assert(eq(sz, fake_storage_handles(world->storage, world->held), 0));
}

/* What `machine` sees at `path`: "<none>" when nothing. Borrowed until the next look. */
static inline const char *
storage_world_look(const struct storage_world *world, uint32_t machine, const char *path)
{
    static char text[256];
    struct bytes content;
    if (!fake_storage_look(world->storage, machine, path, &content)) {
        return "<none>";
    }
    cr_assert(lt(sz, content.size, sizeof text));
    if (content.size > 0) {
        memcpy(text, content.data, content.size);
    }
    text[content.size] = '\0';
    return text;
}

#endif
