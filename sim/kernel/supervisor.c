/* Starting, watching, restarting. The faults that it carries out stand in supervisor_faults.c. */
#include "sim/kernel/supervisor_internal.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/executor/executor.h"

enum { SECOND_EXECUTORS = 1 };

/* ---- entries: the first fiber of each process
 * ----------------------------------------------------------- */

static void driver_entry(void *argument)
{
    struct driver_slot *slot = argument;
    struct supervisor *supervisor = slot->supervisor;
    const struct scenario *scenario = supervisor->world.scenario;
    struct driver_config config = {
        .ports = current_process->ports,
        .pipeline_file = scenario->pipeline_file,
        .pipeline = scenario->pipeline,
        .overrides = slot->overrides,
        .storage = scenario->cluster.storage,
        .address = slot->address,
        .progress = supervisor->world.progress,
        .progress_context = supervisor->world.progress_context,
        .stop_requested = &slot->stop_requested,
    };
    struct diag *diag = &slot->diag;
    *diag = (struct diag){0};
    slot->end = driver_run(&config, diag);
}

static void executor_entry(void *argument)
{
    struct executor_slot *slot = argument;
    struct executor_config config = {
        .ports = current_process->ports,
        .name = slot->name,
        .address = slot->name,
        .local = slot->local,
        .driver_address = slot->driver->address,
        .storage = slot->supervisor->world.scenario->cluster.storage,
    };
    executor_run(&config);
}

static void connect_process(void *owner, struct sim_process *process)
{
    struct supervisor *supervisor = *(struct supervisor **)owner; /* first member of each slot */
    fake_storage_connect(supervisor->world.storage, process);
    fake_broker_connect(supervisor->world.broker, process);
    fake_network_connect(supervisor->world.network, process);
}

/* ---- executors
 * ------------------------------------------------------------------------------------------- */

static void executor_ended(void *owner, struct sim_process *process);

static void executor_start(struct executor_slot *slot)
{
    require(slot->process == NULL);
    slot->process = kernel_spawn(slot->supervisor->world.kernel,
                                 &(struct sim_process_config){.role = ROLE_EXECUTOR,
                                                              .name = slot->name,
                                                              .machine = slot->machine,
                                                              .incarnation = slot->incarnation,
                                                              .entry = executor_entry,
                                                              .argument = slot,
                                                              .owner = slot,
                                                              .ended = executor_ended,
                                                              .connect = connect_process});
    slot->incarnation++;
}

static void executor_restart_due(void *context, uint64_t number)
{
    struct executor_slot *slot = context;
    if (number != slot->restart_number) {
        return; /* started meanwhile by somebody else */
    }
    slot->restart_pending = false;
    if (slot->process == NULL && slot->driver->process != NULL) {
        executor_start(slot);
    }
}

static void executor_ended(void *owner, struct sim_process *process)
{
    struct executor_slot *slot = owner;
    require(slot->process == process);
    bool died = process->state == SIM_DEAD;
    slot->process = NULL;
    if (!died) {
        return; /* its driver said goodbye: the next driver start brings a new one */
    }
    struct supervisor *supervisor = slot->supervisor;
    supervisor->executor_losses++;
    slot->restart_pending = true;
    slot->restart_number++;
    struct kernel *kernel = supervisor->world.kernel;
    int64_t delay_us = supervisor->world.scenario->cluster.supervisor.executor_restart_us;
    kernel_at(
        kernel, kernel_now_us(kernel) + delay_us, executor_restart_due, slot, slot->restart_number);
}

/* ---- drivers
 * --------------------------------------------------------------------------------------------- */

static void driver_ended(void *owner, struct sim_process *process);

void supervisor_driver_start(struct driver_slot *slot)
{
    struct supervisor *supervisor = slot->supervisor;
    require(slot->process == NULL);
    if (supervisor->run_count == SUPERVISED_RUNS_MAX) {
        supervisor->gave_up = true; /* no script asks for that many: a crash loop without give_up */
        return;
    }
    struct kernel *kernel = supervisor->world.kernel;
    struct supervised_run *run = &supervisor->runs[supervisor->run_count];
    supervisor->run_count++;
    *run = (struct supervised_run){.number = (uint32_t)supervisor->run_count,
                                   .second = slot == &supervisor->drivers[1],
                                   .started_us = kernel_now_us(kernel),
                                   .ends = RUN_STUCK};
    slot->run = run;
    slot->stop_requested = false;
    slot->restart_pending = false;
    for (size_t i = 0; i < supervisor->executor_count; i++) {
        struct executor_slot *executor = &supervisor->executors[i];
        if (executor->driver == slot && executor->process == NULL && !executor->restart_pending) {
            executor_start(executor);
        }
    }
    slot->process = kernel_spawn(kernel,
                                 &(struct sim_process_config){.role = ROLE_DRIVER,
                                                              .name = slot->name,
                                                              .machine = slot->machine,
                                                              .incarnation = slot->incarnation,
                                                              .entry = driver_entry,
                                                              .argument = slot,
                                                              .owner = slot,
                                                              .ended = driver_ended,
                                                              .connect = connect_process});
    slot->incarnation++;
    run->process = slot->process->process.id;
}

static void driver_restart_due(void *context, uint64_t number)
{
    struct driver_slot *slot = context;
    if (slot->restart_pending && number == slot->incarnation && slot->process == NULL) {
        supervisor_driver_start(slot);
    }
}

static enum run_end run_end_of(const struct driver_slot *slot, bool died)
{
    if (died) {
        return RUN_CRASHED;
    }
    switch (slot->end) {
    case DRIVER_CAUGHT_UP:
        return RUN_CAUGHT_UP;
    case DRIVER_STOPPED:
        return RUN_STOPPED;
    case DRIVER_ERROR:
        break;
    }
    bool loser = strcmp(slot->diag.error_class, "CONCURRENT_STREAM_LOG_UPDATE") == 0 ||
                 strcmp(slot->diag.error_class, "DELTA_CONCURRENT_TRANSACTION") == 0;
    return loser ? RUN_LOSER : RUN_ERROR;
}

/* A crash is followed by a restart unless the supervisor was told never to, or has seen enough
 * without a commit. */
static void plan_restart(struct driver_slot *slot)
{
    struct supervisor *supervisor = slot->supervisor;
    const struct supervisor_config *config = &supervisor->world.scenario->cluster.supervisor;
    struct kernel *kernel = supervisor->world.kernel;
    slot->crashes_in_row++;
    if (config->restart_us < 0) {
        return;
    }
    if (config->give_up > 0 && slot->crashes_in_row >= config->give_up) {
        supervisor->gave_up = true;
        kernel_trace(
            kernel,
            NULL,
            &(struct trace_entry){.kind = WORLD_GAVE_UP, .batch = -1, .a = slot->crashes_in_row});
        return;
    }
    slot->restart_pending = true;
    kernel_at(kernel,
              kernel_now_us(kernel) + config->restart_us,
              driver_restart_due,
              slot,
              slot->incarnation);
}

static void driver_ended(void *owner, struct sim_process *process)
{
    struct driver_slot *slot = owner;
    struct supervisor *supervisor = slot->supervisor;
    struct kernel *kernel = supervisor->world.kernel;
    require(slot->process == process);
    slot->process = NULL;
    struct supervised_run *run = slot->run;
    run->ended = true;
    run->ended_us = kernel_now_us(kernel);
    run->ends = run_end_of(slot, process->state == SIM_DEAD);
    if (run->ends == RUN_ERROR || run->ends == RUN_LOSER) {
        run->error = slot->diag;
    }
    kernel_trace(kernel,
                 NULL,
                 &(struct trace_entry){.kind = WORLD_RUN_ENDED,
                                       .batch = -1,
                                       .a = run->number,
                                       .text = run_end_name(run->ends)});
    if (run->ends == RUN_CRASHED) {
        plan_restart(slot);
    }
    if (supervisor->world.run_ended != NULL) {
        supervisor->world.run_ended(supervisor->world.context, run);
    }
    injector_run_ended(supervisor->injector, run->number, run->ends);
}

/* A commit proves progress: the crash loop counter starts anew. */
static void observe(void *context, const struct trace_record *record)
{
    struct supervisor *supervisor = context;
    if (record->kind == (int)EVENT_COMMIT_WRITTEN) {
        supervisor->drivers[0].crashes_in_row = 0;
        supervisor->drivers[1].crashes_in_row = 0;
    }
}

/* ---- construction and questions
 * --------------------------------------------------------------------------- */

static void add_driver(struct supervisor *supervisor, size_t index, const char *name)
{
    struct driver_slot *slot = &supervisor->drivers[index];
    *slot = (struct driver_slot){.supervisor = supervisor,
                                 .name = name,
                                 .address = name,
                                 .overrides = supervisor->world.scenario->set,
                                 .machine = kernel_machine_add(supervisor->world.kernel, name)};
}

static void
add_executor(struct supervisor *supervisor, size_t driver, const char *format, unsigned n)
{
    struct executor_slot *slot = &supervisor->executors[supervisor->executor_count];
    supervisor->executor_count++;
    *slot =
        (struct executor_slot){.supervisor = supervisor, .driver = &supervisor->drivers[driver]};
    /* Two known formats, each with one number. */
    (void)snprintf(slot->name, sizeof slot->name, "%s %u", format, n);
    (void)snprintf(slot->local, sizeof slot->local, "/local/%s", slot->name);
    slot->machine = kernel_machine_add(supervisor->world.kernel, slot->name);
}

struct supervisor *supervisor_new(const struct supervisor_world *world)
{
    struct process *previous = kernel_enter(world->kernel);
    struct supervisor *supervisor = heap_alloc(sizeof *supervisor);
    supervisor->world = *world;
    supervisor->executors = heap_alloc((world->scenario->cluster.executors + SECOND_EXECUTORS) *
                                       sizeof *supervisor->executors);
    add_driver(supervisor, 0, "driver");
    for (unsigned n = 1; n <= world->scenario->cluster.executors; n++) {
        add_executor(supervisor, 0, "executor", n);
    }
    add_driver(supervisor, 1, "second driver");
    for (unsigned n = 1; n <= SECOND_EXECUTORS; n++) {
        add_executor(supervisor, 1, "second executor", n);
    }
    kernel_leave(world->kernel, previous);
    kernel_observe(world->kernel, observe, supervisor);
    return supervisor;
}

void supervisor_set_injector(struct supervisor *supervisor, struct injector *injector)
{
    supervisor->injector = injector;
}

void supervisor_start(struct supervisor *supervisor)
{
    require(supervisor->injector != NULL);
    supervisor_driver_start(&supervisor->drivers[0]);
}

const struct supervised_run *supervisor_runs(const struct supervisor *supervisor, size_t *count)
{
    *count = supervisor->run_count;
    return supervisor->runs;
}

bool supervisor_driver_alive(const struct supervisor *supervisor)
{
    return supervisor->drivers[0].process != NULL || supervisor->drivers[1].process != NULL;
}

bool supervisor_pending(const struct supervisor *supervisor)
{
    return supervisor->drivers[0].restart_pending || supervisor->drivers[1].restart_pending ||
           supervisor->conditions > 0;
}

bool supervisor_gave_up(const struct supervisor *supervisor)
{
    return supervisor->gave_up;
}

uint32_t supervisor_executor_losses(const struct supervisor *supervisor)
{
    return supervisor->executor_losses;
}
