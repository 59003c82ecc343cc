/* One process of the real world: its doors, what a broken invariant does, what a failure point that
 * fired does. The kernel's ports of the simulator (sim/kernel/kernel_ports.c) are its counterpart.
 */
#include "engine/real/real_process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/native.h"
#include "engine/real/real_ports.h"

/* ---- clock and fibers: the loop's */

static int64_t clock_now(void *self)
{
    (void)self;
    return real_wall_us();
}

static void clock_sleep(void *self, int64_t time_us)
{
    static const bool never = false;
    struct real_process *process = self;
    while (real_wall_us() < time_us) {
        bool over = loop_wait(process->loop, &never, time_us);
        require(!over);
    }
}

/* What was computed has been paid for in real time already: the others get their turn. */
static void clock_spend_time(void *self, int64_t rows, int64_t bytes)
{
    struct real_process *process = self;
    maybe(rows > 0);
    maybe(bytes > 0);
    loop_turn(process->loop);
}

static struct fiber *fibers_spawn_one(void *self, fiber_entry entry, void *argument)
{
    struct real_process *process = self;
    return loop_spawn(process->loop, entry, argument);
}

static bool fibers_park_one(void *self, int64_t deadline_us)
{
    struct real_process *process = self;
    return loop_park(process->loop, deadline_us);
}

static void fibers_wake_one(void *self, struct fiber *fiber)
{
    struct real_process *process = self;
    loop_wake(process->loop, fiber);
}

/* ---- what the engine's process can do */

static void
panic(struct process *self, const char *file, int line, const char *function, const char *text)
{
    (void)fprintf(stderr,
                  "aftershock: %s:%d: %s: require(%s) failed in %s; this is a bug of the engine\n",
                  file,
                  line,
                  function,
                  text,
                  self->name);
    abort();
}

/* A crash at a failure point is what a crash is: nothing of this process runs any more. */
static void failpoint_fired(struct process *self)
{
    maybe(self->failpoint_batch >= 0);
    (void)kill(getpid(), SIGKILL);
    abort();
}

/* ---- birth and death */

static void open_doors(struct real_process *process)
{
    static const struct clock_ops clock = {
        .now_us = clock_now, .sleep_until = clock_sleep, .spend = clock_spend_time};
    static const struct fibers_ops fibers = {
        .spawn = fibers_spawn_one, .park = fibers_park_one, .wake = fibers_wake_one};
    const struct real_config *config = &process->config;
    process->loop = loop_new();
    process->disk = real_disk_new(config->root);
    process->network = real_network_new(process->loop);
    process->broker = real_broker_new(process->loop);
    process->random = real_random_new();
    process->ports.clock = (struct clock_port){.ops = &clock, .self = process};
    process->ports.fibers = (struct fibers_port){.ops = &fibers, .self = process};
    process->ports.disk = real_disk_port(process->disk);
    process->ports.network = real_network_port(process->network);
    process->ports.broker = real_broker_port(process->broker);
    process->ports.random = real_random_port(process->random);
    if (config->objects != NULL) {
        process->objects = real_objects_new(config->objects, &process->ports.random);
        process->ports.objects = real_objects_port(process->objects);
    }
}

enum status
real_process_new(const struct real_config *config, struct real_process **made, struct diag *diag)
{
    require(config->role != ROLE_HOST);
    require(current_process == &process_host);
    /* A file at its limit, a reader that is gone: errors of the call, not the end of the process.
     */
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    struct real_process *process = heap_alloc(sizeof *process);
    process->config = *config;
    process->process = (struct process){
        .role = config->role,
        .id = 1,
        .incarnation = config->incarnation,
        .name = config->name,
        .ports = &process->ports,
        .panic = panic,
        .failpoint_fired = failpoint_fired,
        .failpoint_id = -1,
        .failpoint_batch = -1,
        .world = process,
    };
    current_process = &process->process;
    enum status status = real_trace_new(&process->config, &process->trace, diag);
    if (status != OK) {
        current_process = &process_host;
        heap_free(process);
        return status;
    }
    process->ports.trace = real_trace_port(process->trace);
    open_doors(process);
    *made = process;
    return OK;
}

void real_process_run(struct real_process *process, fiber_entry entry, void *argument)
{
    const struct fiber *main = loop_spawn(process->loop, entry, argument);
    loop_run(process->loop, main);
}

void real_process_free(struct real_process *process)
{
    require(current_process == &process->process);
    real_broker_free(process->broker);
    real_network_free(process->network);
    loop_free(process->loop);
    if (process->objects != NULL) {
        real_objects_free(process->objects);
    }
    real_disk_free(process->disk);
    real_random_free(process->random);
    real_trace_free(process->trace);
    native_drop(&process->process);
    heap_drop(&process->process.heap); /* of fibers that never came to their end */
    current_process = &process_host;
    heap_free(process);
    fiber_pool_free();
}
