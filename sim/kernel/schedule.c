/* Who runs: the fibers of one process share its CPU. A process has a queue of fibers that could run
 * and at most one holder, whose disk call or computation keeps all others waiting. Events on the
 * heap either end a wait (wait_over) or let a process run its next fiber (run_next); a fiber runs
 * until it suspends, then the world goes on. */
#include "sim/kernel/kernel_private.h"

#include "engine/base/check.h"

static void run_next(void *context, uint64_t argument);
static void wait_over(void *context, uint64_t serial);

static void ready_append(struct sim_fiber *fiber)
{
    struct sim_process_private *private = fiber->process->private;
    fiber->waiting = WAIT_READY;
    fiber->serial = 0;
    fiber->next_ready = NULL;
    if (private->ready_last == NULL) {
        private->ready_first = fiber;
    } else {
        private->ready_last->next_ready = fiber;
    }
    private->ready_last = fiber;
}

static struct sim_fiber *ready_take(struct sim_process_private *private)
{
    struct sim_fiber *fiber = private->ready_first;
    require(fiber != NULL);
    private->ready_first = fiber->next_ready;
    if (private->ready_first == NULL) {
        private->ready_last = NULL;
    }
    fiber->next_ready = NULL;
    return fiber;
}

void process_schedule(struct sim_process *process)
{
    struct sim_process_private *private = process->private;
    struct kernel *kernel = process->kernel;
    bool could = private->holder != NULL ? private->hold_over : private->ready_first != NULL;
    if (could && process->state == SIM_ALIVE && !private->scheduled && kernel->running != process) {
        private->scheduled = true;
        kernel_push(kernel, process, kernel->now_us, run_next, process, 0);
    }
}

static void fiber_start(void *argument)
{
    struct sim_fiber *fiber = argument;
    fiber->entry(fiber->argument);
}

struct sim_fiber *
process_fiber_new(struct sim_process *process, fiber_entry entry, void *argument, bool is_main)
{
    struct kernel *kernel = process->kernel;
    struct sim_fiber *fiber = kernel->spare_fibers;
    if (fiber != NULL) {
        kernel->spare_fibers = fiber->next;
    } else {
        struct process *previous = kernel_enter(kernel);
        fiber = heap_alloc(sizeof *fiber);
        kernel_leave(kernel, previous);
    }
    *fiber = (struct sim_fiber){
        .process = process, .entry = entry, .argument = argument, .main = is_main};
    fiber->fiber = fiber_new(fiber_start, fiber);
    fiber->next = process->private->fibers;
    process->private->fibers = fiber;
    process->private->fiber_count++;
    ready_append(fiber);
    process_schedule(process);
    return fiber;
}

static void retire(struct sim_fiber *fiber)
{
    struct kernel *kernel = fiber->process->kernel;
    fiber_drop(fiber->fiber);
    fiber->fiber = NULL;
    fiber->serial = 0;
    fiber->next = kernel->spare_fibers;
    kernel->spare_fibers = fiber;
}

static void process_fiber_drop(struct sim_fiber *fiber)
{
    struct sim_process_private *private = fiber->process->private;
    struct sim_fiber **link = &private->fibers;
    while (*link != fiber) {
        require(*link != NULL);
        link = &(*link)->next;
    }
    *link = fiber->next;
    private->fiber_count--;
    retire(fiber);
}

void process_fibers_drop(struct sim_process *process)
{
    struct sim_process_private *private = process->private;
    require(process->kernel->running != process);
    while (private->fibers != NULL) {
        struct sim_fiber *fiber = private->fibers;
        private->fibers = fiber->next;
        private->fiber_count--;
        retire(fiber);
    }
    private->ready_first = NULL;
    private->ready_last = NULL;
    private->holder = NULL;
    private->hold_over = false;
}

static void run_fiber(struct sim_fiber *fiber)
{
    struct sim_process *process = fiber->process;
    struct kernel *kernel = process->kernel;
    require(kernel->running == NULL);
    require(process->state == SIM_ALIVE);
    fiber->waiting = WAIT_NONE;
    fiber->serial = 0;
    kernel->running = process;
    kernel->running_fiber = fiber;
    current_process = &process->process;
    fiber_resume(fiber->fiber);
    current_process = &kernel->world;
    kernel->running = NULL;
    kernel->running_fiber = NULL;
    kernel->hook_depth = 0;
    if (process->state == SIM_DEAD) {
        process_bury(process);
    } else if (fiber_ended(fiber->fiber)) {
        if (fiber->main) {
            process_main_ended(process);
            return;
        }
        process_fiber_drop(fiber);
        process_schedule(process);
    } else {
        process_schedule(process);
    }
}

static void run_next(void *context, uint64_t argument)
{
    (void)argument;
    struct sim_process *process = context;
    struct sim_process_private *private = process->private;
    private->scheduled = false;
    if (process->state != SIM_ALIVE) {
        return;
    }
    struct sim_fiber *fiber = private->holder;
    if (fiber != NULL) {
        if (private->hold_over) {
            private->holder = NULL;
            private->hold_over = false;
            run_fiber(fiber);
        }
    } else if (private->ready_first != NULL) {
        run_fiber(ready_take(private));
    }
}

static void hold_over(struct sim_fiber *fiber)
{
    struct sim_process_private *private = fiber->process->private;
    require(private->holder == fiber);
    if (fiber->process->state == SIM_PAUSED) {
        private->hold_over = true;
        return;
    }
    private->holder = NULL;
    run_fiber(fiber);
}

/* A time has come for which a fiber waited. */
static void wait_over(void *context, uint64_t serial)
{
    struct sim_fiber *fiber = context;
    struct sim_process_private *private = fiber->process->private;
    require(fiber->serial == serial);
    fiber->serial = 0;
    if (fiber->waiting == WAIT_HOLD) {
        hold_over(fiber);
        return;
    }
    require(fiber->waiting == WAIT_TIME || fiber->waiting == WAIT_PARK);
    fiber->woken = false;
    bool free = private->holder == NULL && private->ready_first == NULL && !private->scheduled;
    if (free && fiber->process->state == SIM_ALIVE) {
        run_fiber(fiber);
        return;
    }
    ready_append(fiber);
    process_schedule(fiber->process);
}

bool event_stale(const struct event *event)
{
    if (event->callback == wait_over) {
        return ((const struct sim_fiber *)event->context)->serial != event->argument;
    }
    if (event->callback == run_next) {
        enum sim_process_state state = ((const struct sim_process *)event->context)->state;
        return state == SIM_DEAD || state == SIM_ENDED;
    }
    return false;
}

/* Leave the running fiber until its wait is over. `deadline_us` INT64_MAX sets no timer. */
static void suspend(struct kernel *kernel, enum wait_kind waiting, int64_t deadline_us)
{
    struct sim_fiber *fiber = kernel->running_fiber;
    require(kernel->hook_depth == 0);
    require(fiber_current() == fiber->fiber);
    fiber->waiting = waiting;
    fiber->serial = ++kernel->wait_serial;
    if (deadline_us != INT64_MAX) {
        kernel_push(kernel, kernel->running, deadline_us, wait_over, fiber, fiber->serial);
    }
    struct process *who = current_process;
    fiber_yield();
    current_process = who;
}

void running_give_way(struct kernel *kernel)
{
    struct sim_fiber *fiber = kernel->running_fiber;
    require(kernel->hook_depth == 0);
    require(fiber_current() == fiber->fiber);
    if (kernel->running->private->ready_first == NULL) {
        return;
    }
    ready_append(fiber);
    struct process *who = current_process;
    fiber_yield();
    current_process = who;
}

void running_freeze(struct kernel *kernel)
{
    struct sim_process *process = kernel->running;
    require(process->state == SIM_PAUSED);
    process->private->holder = kernel->running_fiber;
    process->private->hold_over = true;
    suspend(kernel, WAIT_HOLD, INT64_MAX);
}

struct sim_process *kernel_current(struct kernel *kernel)
{
    require(kernel->running != NULL);
    return kernel->running;
}

static void hold(struct kernel *kernel, int64_t cost_us)
{
    struct sim_process_private *private = kernel->running->private;
    require(private->holder == NULL);
    if (cost_us > 0) {
        private->holder = kernel->running_fiber;
        private->hold_over = false;
        suspend(kernel, WAIT_HOLD, time_add(kernel->now_us, cost_us));
    }
}

/* What happened in a stretch on the thread's stack takes hold: a pause, and what it cost. */
static void settle(struct kernel *kernel, int64_t more_us)
{
    struct sim_process *process = kernel->running;
    if (process->private->freezes) {
        process->private->freezes = false;
        if (process->state == SIM_PAUSED) {
            running_freeze(kernel);
        }
    }
    int64_t owed_us = process->private->owed_us;
    process->private->owed_us = 0;
    hold(kernel, time_add(owed_us, more_us));
}

void kernel_hold(struct kernel *kernel, int64_t cost_us)
{
    kernel_port_call(kernel);
    struct sim_process *process = kernel_current(kernel);
    if (kernel_in_stretch(kernel)) {
        process->private->owed_us = time_add(process->private->owed_us, cost_us);
        return;
    }
    settle(kernel, cost_us);
}

void kernel_wait(struct kernel *kernel, int64_t cost_us)
{
    kernel_port_call(kernel);
    (void)kernel_current(kernel);
    settle(kernel, 0);
    if (cost_us > 0) {
        suspend(kernel, WAIT_TIME, time_add(kernel->now_us, cost_us));
    }
}

bool kernel_park(struct kernel *kernel, int64_t deadline_us)
{
    kernel_port_call(kernel);
    (void)kernel_current(kernel);
    settle(kernel, 0);
    struct sim_fiber *fiber = kernel->running_fiber;
    if (fiber->token) {
        fiber->token = false;
        return true;
    }
    fiber->woken = false;
    suspend(kernel, WAIT_PARK, deadline_us > kernel->now_us ? deadline_us : kernel->now_us);
    return fiber->woken;
}

void kernel_wake(struct kernel *kernel, struct fiber *fiber, struct sim_process *process)
{
    require(process->kernel == kernel);
    struct sim_fiber *found = process->private->fibers;
    while (found != NULL && found->fiber != fiber) {
        found = found->next;
    }
    if (found == NULL) {
        return; /* it has ended, or its process has */
    }
    if (found->waiting != WAIT_PARK) {
        found->token = true;
        return;
    }
    found->woken = true;
    ready_append(found);
    process_schedule(process);
}
