/* Where faults meet a running process: its storage operations and its failure points. An action may
 * kill or pause the caller; that takes hold here, after the injector has returned. */
#include <fiu-control.h>
#include <fiu.h>

#include "engine/base/check.h"
#include "sim/kernel/kernel_private.h"

enum { CALLS_MAX = 1000000 };

void running_check(struct kernel *kernel)
{
    struct sim_process *process = kernel->running;
    if (process == NULL || kernel->hook_depth > 0) {
        return;
    }
    if (kernel_in_stretch(kernel)) {
        /* A library's frames are below us: they come to their end, the victim does not go on. */
        if (process->state == SIM_DEAD) {
            fiber_abandon_after_stretch();
        }
        process->private->freezes = process->state == SIM_PAUSED;
        return;
    }
    if (process->state == SIM_DEAD) {
        fiber_abandon(); /* buried from the scheduler's stack */
    }
    /* As the world (between kernel_enter and kernel_leave) nothing suspends: then the next
     * suspension point of the process is the one where it stays. */
    if (process->state == SIM_PAUSED && current_process == &process->process) {
        running_freeze(kernel);
    }
}

void kernel_sweep(struct kernel *kernel, const struct kernel_sweep *sweep)
{
    kernel->sweep = *sweep;
    kernel->sweep_count = 0;
}

uint64_t kernel_sweep_count(const struct kernel *kernel)
{
    return kernel->sweep_count;
}

bool kernel_in_stretch(const struct kernel *kernel)
{
    return kernel->running != NULL && fiber_current() == NULL;
}

bool kernel_caller_gone(const struct kernel *kernel)
{
    return kernel->running->state == SIM_DEAD;
}

void kernel_port_call(struct kernel *kernel)
{
    struct sim_process *process = kernel_current(kernel);
    if (kernel_caller_gone(kernel)) {
        return;
    }
    kernel->same_time_calls++;
    if (kernel->same_time_calls > CALLS_MAX) { /* it spins on calls that cost nothing */
        kernel_violate(kernel,
                       "endless-loop",
                       "%s makes a million port calls without virtual time moving",
                       process->process.name);
        kernel_kill(kernel, process);
        return; /* in a stretch */
    }
    const struct kernel_sweep *sweep = &kernel->sweep;
    if (sweep->process == NULL || strcmp(sweep->process, process->process.name) != 0) {
        return;
    }
    kernel->sweep_count++;
    bool again = sweep->second > 0 && kernel->sweep_count == sweep->call + sweep->second;
    if (kernel->sweep_count != sweep->call && !again) {
        return;
    }
    if (sweep->machine) { /* neither of them returns, but in a stretch */
        kernel_machine_down(kernel, process->machine, MACHINE_CRASHED, sweep->unsynced);
    } else {
        kernel_kill(kernel, process);
    }
}

static struct process *hook_enter(struct kernel *kernel)
{
    kernel->hook_depth++;
    return kernel_enter(kernel);
}

static void hook_leave(struct kernel *kernel, struct process *previous)
{
    kernel_leave(kernel, previous);
    require(kernel->hook_depth > 0);
    kernel->hook_depth--;
    running_check(kernel);
}

static struct operation_fault ask_injector(
    struct kernel *kernel, const char *port, const char *operation, const char *path, bool after)
{
    kernel_port_call(kernel);
    struct sim_process *process = kernel_current(kernel);
    struct operation_fault fault = {.effect = OPERATION_OK};
    if (kernel->has_injector && !kernel_caller_gone(kernel)) {
        struct process *previous = hook_enter(kernel);
        fault = kernel->injector.operation(
            kernel->injector.self, process, port, operation, path, after);
        hook_leave(kernel, previous);
    }
    return fault;
}

struct operation_fault kernel_operation_before(struct kernel *kernel,
                                               const char *port,
                                               const char *operation,
                                               const char *path)
{
    kernel->running_fiber->operation = operation;
    kernel->running_fiber->path = path;
    return ask_injector(kernel, port, operation, path, false);
}

/* Does the operation change what a reader may find after a crash? */
static bool changes_storage(const char *operation)
{
    static const char *const changing[] = {"write",
                                           "fsync",
                                           "rename",
                                           "link",
                                           "unlink",
                                           "rmdir",
                                           "fsync_dir",
                                           "mkdir",
                                           "put",
                                           "put_if_absent",
                                           "remove"};
    for (size_t i = 0; i < sizeof changing / sizeof changing[0]; i++) {
        if (strcmp(changing[i], operation) == 0) {
            return true;
        }
    }
    return false;
}

void kernel_operation_after(struct kernel *kernel,
                            const char *port,
                            const char *operation,
                            const char *path)
{
    if (changes_storage(operation)) {
        struct process *previous = kernel_enter(kernel);
        buf_clear(&kernel->scratch);
        buf_text(&kernel->scratch, operation);
        buf_byte(&kernel->scratch, ' ');
        buf_text(&kernel->scratch, path);
        buf_byte(&kernel->scratch, '\0');
        kernel_trace(kernel,
                     kernel_current(kernel),
                     &(struct trace_entry){.kind = WORLD_OPERATION,
                                           .batch = -1,
                                           .a = strcmp(port, "objects") == 0,
                                           .text = (const char *)kernel->scratch.data});
        kernel_leave(kernel, previous);
    }
    kernel->running_fiber->operation = NULL;
    (void)ask_injector(kernel, port, operation, path, true);
}

/* ---- failure points */

/* libfiu's callback: yes or no and nothing else. */
static int ask_point(const char *name, int *failnum, void **failinfo, unsigned int *flags)
{
    (void)name;
    (void)failnum;
    (void)failinfo;
    (void)flags;
    const struct process *process = current_process;
    if (process->role == ROLE_HOST || process->failpoint_id < 0 || process->world == NULL) {
        return 0;
    }
    const struct sim_process *sim = (const struct sim_process *)process;
    const struct kernel *kernel = sim->kernel;
    return kernel->has_injector && kernel->injector.point_due(kernel->injector.self,
                                                              sim,
                                                              (enum failpoint)process->failpoint_id,
                                                              process->failpoint_batch);
}

void process_point_fired(struct process *self)
{
    struct sim_process *process = (struct sim_process *)self;
    struct kernel *kernel = process->kernel;
    struct process *previous = hook_enter(kernel);
    kernel->injector.point_fired(
        kernel->injector.self, process, (enum failpoint)self->failpoint_id, self->failpoint_batch);
    hook_leave(kernel, previous);
}

void kernel_enable_failpoints(void)
{
    static bool enabled; /* libfiu's own state is the program's too */
    if (enabled) {
        return;
    }
    enabled = true;
    int status = fiu_init(0);
    require(status == 0);
    status = fiu_enable_external("driver/*", 1, NULL, 0, ask_point);
    require(status == 0);
    status = fiu_enable_external("executor/*", 1, NULL, 0, ask_point);
    require(status == 0);
}
