/* The kernel's own ports of a process: clock, fibers, random, trace. The rest is the fakes'. */
#include "engine/base/check.h"
#include "sim/kernel/kernel_private.h"

static int64_t clock_now(void *self)
{
    return kernel_clock_us(self);
}

static void clock_sleep(void *self, int64_t time_us)
{
    struct sim_process *process = self;
    struct kernel *kernel = process->kernel;
    int64_t until_us = kernel_time_of(process, time_us);
    if (until_us > kernel->now_us) {
        /* No duration reaches from here to INT64_MAX unless the sleep is for ever. */
        kernel_wait(kernel, until_us == INT64_MAX ? INT64_MAX : until_us - kernel->now_us);
    }
}

static void clock_spend_time(void *self, int64_t rows, int64_t bytes)
{
    struct sim_process *process = self;
    kernel_hold(process->kernel, kernel_spend_us(process, rows, bytes));
    running_give_way(process->kernel);
}

static struct fiber *fibers_spawn_one(void *self, fiber_entry entry, void *argument)
{
    return process_fiber_new(self, entry, argument, false)->fiber;
}

static bool fibers_park_one(void *self, int64_t deadline_us)
{
    struct sim_process *process = self;
    return kernel_park(process->kernel, kernel_time_of(process, deadline_us));
}

static void fibers_wake_one(void *self, struct fiber *fiber)
{
    struct sim_process *process = self;
    kernel_wake(process->kernel, fiber, process);
}

static uint64_t random_draw_one(void *self, const char *label, uint64_t key1, uint64_t key2)
{
    struct sim_process *process = self;
    return kernel_draw(process->kernel, label, process->private->actor, key1, key2);
}

static void trace_one(void *self, const struct trace_entry *entry)
{
    struct sim_process *process = self;
    kernel_trace(process->kernel, process, entry);
}

void process_ports(struct sim_process *process)
{
    static const struct clock_ops clock = {
        .now_us = clock_now, .sleep_until = clock_sleep, .spend = clock_spend_time};
    static const struct fibers_ops fibers = {
        .spawn = fibers_spawn_one, .park = fibers_park_one, .wake = fibers_wake_one};
    static const struct random_ops random = {.draw = random_draw_one};
    static const struct trace_ops trace = {.event = trace_one};
    process->ports.clock = (struct clock_port){.ops = &clock, .self = process};
    process->ports.fibers = (struct fibers_port){.ops = &fibers, .self = process};
    process->ports.random = (struct random_port){.ops = &random, .self = process};
    process->ports.trace = (struct trace_port){.ops = &trace, .self = process};
}
