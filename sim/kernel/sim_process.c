/* Machines and processes: birth, pause, death. A death has two parts: at once the process is dead
 * and the fakes know; its stacks and memory go as soon as none of its stacks runs (a victim that
 * runs leaves its stack first). */
#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/native.h"
#include "sim/kernel/kernel_private.h"

enum { SKEW_MAX_US = 50000, PROCESSES_FIRST = 16 };

static void trace_process(struct sim_process *process, enum world_event kind)
{
    kernel_trace(process->kernel,
                 process,
                 &(struct trace_entry){
                     .kind = (int)kind,
                     .batch = -1,
                     .text = process->process.name,
                 });
}

/* ---- machines */

uint32_t kernel_machine_add(struct kernel *kernel, const char *name)
{
    struct process *previous = kernel_enter(kernel);
    uint32_t id = kernel->machine_count++;
    kernel->machines =
        heap_realloc(kernel->machines, kernel->machine_count * sizeof *kernel->machines);
    size_t size = strlen(name) + 1;
    char *copy = heap_alloc(size);
    memcpy(copy, name, size);
    struct machine *machine = &kernel->machines[id];
    machine->name = copy;
    machine->skew_us = 0;
    if (kernel->config.noise) {
        uint64_t drawn = kernel_draw(kernel, "machine-skew", hash_text(name), 0, 0);
        machine->skew_us = (int64_t)(drawn % (2 * SKEW_MAX_US + 1)) - SKEW_MAX_US;
    }
    kernel_leave(kernel, previous);
    return id;
}

const char *kernel_machine_name(const struct kernel *kernel, uint32_t machine)
{
    require(machine < kernel->machine_count);
    return kernel->machines[machine].name;
}

int64_t kernel_clock_us(const struct sim_process *process)
{
    const struct kernel *kernel = process->kernel;
    return kernel->now_us + kernel->machines[process->machine].skew_us;
}

int64_t kernel_time_of(const struct sim_process *process, int64_t clock_us)
{
    if (clock_us == INT64_MAX) {
        return INT64_MAX;
    }
    return time_add(clock_us, -process->kernel->machines[process->machine].skew_us);
}

/* ---- birth */

static void add_process(struct kernel *kernel, struct sim_process *process)
{
    if (kernel->process_count == kernel->process_capacity) {
        kernel->process_capacity =
            kernel->process_capacity == 0 ? PROCESSES_FIRST : kernel->process_capacity * 2;
        kernel->processes = heap_realloc(kernel->processes,
                                         kernel->process_capacity * sizeof(struct sim_process *));
    }
    kernel->processes[kernel->process_count++] = process;
    process->process.id = kernel->process_count;
}

struct sim_process *kernel_spawn(struct kernel *kernel, const struct sim_process_config *config)
{
    require(config->machine < kernel->machine_count);
    require(config->role != ROLE_HOST);
    struct process *previous = kernel_enter(kernel);
    struct sim_process *process = heap_alloc(sizeof *process);
    size_t size = strlen(config->name) + 1;
    char *name = heap_alloc(size);
    memcpy(name, config->name, size);
    process->process = (struct process){
        .role = config->role,
        .incarnation = config->incarnation,
        .name = name,
        .ports = &process->ports,
        .panic = process_panic,
        .failpoint_fired = process_point_fired,
        .failpoint_id = -1,
        .failpoint_batch = -1,
        .world = kernel,
    };
    process->kernel = kernel;
    process->machine = config->machine;
    process->state = SIM_ALIVE;
    process->owner = config->owner;
    process->private = heap_alloc(sizeof *process->private);
    process->private->ended = config->ended;
    process->private->actor = hash_chain(hash_text(name), config->incarnation);
    add_process(kernel, process);
    process_ports(process);
    kernel_trace(kernel,
                 process,
                 &(struct trace_entry){.kind = WORLD_PROCESS_STARTED,
                                       .batch = -1,
                                       .a = config->incarnation,
                                       .b = config->machine,
                                       .text = name});
    if (config->connect != NULL) {
        config->connect(config->owner, process);
    }
    (void)process_fiber_new(process, config->entry, config->argument, true);
    kernel_leave(kernel, previous);
    return process;
}

struct sim_process *kernel_process(struct kernel *kernel, uint32_t id)
{
    if (id == 0 || id > kernel->process_count) {
        return NULL;
    }
    struct sim_process *process = kernel->processes[id - 1];
    bool gone = process->state == SIM_DEAD || process->state == SIM_ENDED;
    return gone ? NULL : process;
}

void kernel_describe_waits(struct kernel *kernel, struct buf *out)
{
    for (uint32_t id = 1; id <= kernel->process_count; id++) {
        const struct sim_process *process = kernel_process(kernel, id);
        if (process == NULL) {
            continue;
        }
        buf_printf(out, "; %s", process->process.name);
        bool named = process->state == SIM_PAUSED || process->partitioned;
        buf_text(out, process->state == SIM_PAUSED ? " is paused" : "");
        buf_text(out, process->partitioned ? " is cut off" : "");
        const struct sim_fiber *fiber = process->private->fibers;
        for (; fiber != NULL; fiber = fiber->next) {
            if (fiber->operation != NULL) {
                buf_printf(out, " waits for %s of %s", fiber->operation, fiber->path);
                named = true;
            }
        }
        buf_text(out, named ? "" : " waits for a message or a time");
    }
}

/* ---- death */

void process_bury(struct sim_process *process)
{
    struct kernel *kernel = process->kernel;
    require(process->state == SIM_DEAD || process->state == SIM_ENDED);
    require(kernel->running != process);
    kernel_tell_gone(kernel, process);
    process_fibers_drop(process);
    native_drop(&process->process);
    heap_drop(&process->process.heap);
    if (process->private->ended != NULL) {
        void (*ended)(void *owner, struct sim_process *process) = process->private->ended;
        process->private->ended = NULL;
        ended(process->owner, process);
    }
}

void process_main_ended(struct sim_process *process)
{
    process->state = SIM_ENDED;
    trace_process(process, WORLD_PROCESS_ENDED);
    process_bury(process);
}

/* All of a death but the victim's leaving its own stack. */
static void kill_process(struct sim_process *process)
{
    struct kernel *kernel = process->kernel;
    struct process *previous = kernel_enter(kernel);
    process->state = SIM_DEAD;
    trace_process(process, WORLD_PROCESS_KILLED);
    kernel_tell_gone(kernel, process);
    if (kernel->running != process) {
        process_bury(process);
    }
    kernel_leave(kernel, previous);
}

void kernel_kill(struct kernel *kernel, struct sim_process *process)
{
    require(process->kernel == kernel);
    if (process->state == SIM_DEAD || process->state == SIM_ENDED) {
        return;
    }
    kill_process(process);
    running_check(kernel);
}

void kernel_machine_down(struct kernel *kernel,
                         uint32_t machine,
                         enum machine_fate fate,
                         enum unsynced unsynced)
{
    require(machine < kernel->machine_count);
    struct process *previous = kernel_enter(kernel);
    kernel_trace(kernel,
                 NULL,
                 &(struct trace_entry){.kind = WORLD_MACHINE_DOWN,
                                       .batch = -1,
                                       .a = machine,
                                       .b = fate == MACHINE_LOST,
                                       .text = kernel->machines[machine].name});
    for (uint32_t id = 1; id <= kernel->process_count; id++) {
        struct sim_process *process = kernel_process(kernel, id);
        if (process != NULL && process->machine == machine) {
            kill_process(process);
        }
    }
    for (size_t i = 0; i < kernel->fake_count; i++) {
        if (kernel->fakes[i].machine_gone != NULL) {
            kernel->fakes[i].machine_gone(kernel->fakes[i].self, machine, fate, unsynced);
        }
    }
    kernel_leave(kernel, previous);
    running_check(kernel);
}

bool kernel_process_clean(const struct sim_process *process)
{
    const struct heap *heap = &process->process.heap;
    return heap->first == NULL && heap->bytes == 0 && heap->blocks == 0 &&
           process->private->fiber_count == 0 && process->private->fibers == NULL &&
           native_count(&process->process) == 0;
}

/* ---- pause */

void kernel_pause(struct kernel *kernel, struct sim_process *process)
{
    require(process->kernel == kernel);
    if (process->state != SIM_ALIVE) {
        return;
    }
    process->state = SIM_PAUSED;
    trace_process(process, WORLD_PROCESS_PAUSED);
    running_check(kernel);
}

void kernel_resume(struct kernel *kernel, struct sim_process *process)
{
    require(process->kernel == kernel);
    if (process->state != SIM_PAUSED) {
        return;
    }
    process->state = SIM_ALIVE;
    trace_process(process, WORLD_PROCESS_RESUMED);
    process_schedule(process);
}
