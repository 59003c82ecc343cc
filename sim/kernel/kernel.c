#include "sim/kernel/kernel.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "sim/kernel/kernel_private.h"

/* So many events without virtual time moving are an endless loop, not a busy moment. */
enum { SAME_TIME_MAX = 1000000 };

struct kernel *kernel_new(const struct kernel_config *config)
{
    struct kernel *kernel = heap_alloc(sizeof *kernel);
    kernel->world = (struct process){
        .role = ROLE_HOST,
        .name = "",
        .panic = world_panic,
        .failpoint_id = -1,
        .failpoint_batch = -1,
        .world = kernel,
    };
    kernel->config = *config;
    kernel->creator = current_process;
    kernel->now_us = config->start_us;
    struct process *previous = kernel_enter(kernel);
    kernel->trace = trace_new();
    kernel_leave(kernel, previous);
    return kernel;
}

void kernel_free(struct kernel *kernel)
{
    require(kernel->running == NULL);
    struct process *previous = kernel_enter(kernel);
    kernel->observer_count = 0;
    for (uint32_t i = 0; i < kernel->process_count; i++) {
        struct sim_process *process = kernel->processes[i];
        if (process->state == SIM_ALIVE || process->state == SIM_PAUSED) {
            process->state = SIM_DEAD;
            process->private->ended = NULL; /* its owner may be gone by now */
            process_bury(process);
        }
    }
    kernel_leave(kernel, previous);
    heap_drop(&kernel->world.heap);
    heap_free(kernel);
}

struct process *kernel_enter(struct kernel *kernel)
{
    struct process *previous = current_process;
    current_process = &kernel->world;
    return previous;
}

void kernel_leave(struct kernel *kernel, struct process *previous)
{
    require(current_process == &kernel->world);
    current_process = previous;
}

int64_t kernel_now_us(const struct kernel *kernel)
{
    return kernel->now_us;
}

int64_t kernel_start_us(const struct kernel *kernel)
{
    return kernel->config.start_us;
}

uint64_t kernel_seed(const struct kernel *kernel)
{
    return kernel->config.seed;
}

bool kernel_noise(const struct kernel *kernel)
{
    return kernel->config.noise;
}

uint64_t kernel_event_count(const struct kernel *kernel)
{
    return kernel->event_count;
}

int64_t time_add(int64_t time_us, int64_t duration_us)
{
    int64_t sum = 0;
    if (__builtin_add_overflow(time_us, duration_us, &sum)) {
        return duration_us > 0 ? INT64_MAX : INT64_MIN;
    }
    return sum;
}

/* With noise, who comes first at equal times is drawn; keyed by the process' own count, so that
 * another process' events shift nothing. */
static uint64_t next_tie(struct kernel *kernel, const struct sim_process *by)
{
    if (!kernel->config.noise) {
        return 0;
    }
    uint64_t *count = by == NULL ? &kernel->world_tie_count : &by->private->tie_count;
    return hash_chain(hash_chain(hash_mix64(kernel->config.seed), kernel_actor(by)), (*count)++);
}

static void push(struct kernel *kernel, struct event event)
{
    require(event.time_us >= kernel->now_us);
    event.sequence = ++kernel->event_sequence;
    struct process *previous = kernel_enter(kernel);
    event_heap_push(&kernel->events, &event);
    kernel_leave(kernel, previous);
}

void kernel_push(struct kernel *kernel,
                 const struct sim_process *by,
                 int64_t time_us,
                 kernel_callback callback,
                 void *context,
                 uint64_t argument)
{
    push(kernel,
         (struct event){.time_us = time_us,
                        .tie = next_tie(kernel, by),
                        .callback = callback,
                        .context = context,
                        .argument = argument});
}

void kernel_at(struct kernel *kernel,
               int64_t time_us,
               kernel_callback callback,
               void *context,
               uint64_t argument)
{
    kernel_push(kernel, kernel->running, time_us, callback, context, argument);
}

void kernel_at_keyed(
    struct kernel *kernel, int64_t time_us, uint64_t key, kernel_callback callback, void *context)
{
    uint64_t tie = kernel_draw(kernel, "tie", 0, key, (uint64_t)time_us);
    push(kernel,
         (struct event){.time_us = time_us,
                        .tie = kernel->config.noise ? tie : 0,
                        .callback = callback,
                        .context = context});
}

static void discard_stale(struct kernel *kernel)
{
    const struct event *top = event_heap_top(&kernel->events);
    while (top != NULL && event_stale(top)) {
        (void)event_heap_pop(&kernel->events);
        top = event_heap_top(&kernel->events);
    }
}

static void run_one(struct kernel *kernel)
{
    struct event event = event_heap_pop(&kernel->events);
    require(event.time_us >= kernel->now_us);
    if (event.time_us > kernel->now_us) {
        kernel->same_time_count = 0;
        kernel->same_time_calls = 0;
    }
    kernel->same_time_count++;
    kernel->now_us = event.time_us;
    kernel->event_count++;
    event.callback(event.context, event.argument);
    require(kernel->running == NULL);
    require(current_process == &kernel->world);
    if (kernel->same_time_count > SAME_TIME_MAX) {
        kernel_violate(kernel, "endless-loop", "a million events without virtual time moving");
    }
}

static enum kernel_stop
run_events(struct kernel *kernel, bool (*stop)(void *context), void *context, int64_t until_us)
{
    for (;;) {
        if (kernel->violation.set) {
            return KERNEL_VIOLATION;
        }
        discard_stale(kernel);
        const struct event *top = event_heap_top(&kernel->events);
        if (top == NULL) {
            return KERNEL_IDLE;
        }
        if (top->time_us > until_us) {
            return KERNEL_OUT_OF_TIME;
        }
        run_one(kernel);
        if (!kernel->violation.set && stop != NULL && stop(context)) {
            return KERNEL_STOPPED;
        }
    }
}

enum kernel_stop
kernel_run(struct kernel *kernel, bool (*stop)(void *context), void *context, int64_t until_us)
{
    require(!kernel->in_run);
    require(kernel->running == NULL);
    struct process *previous = kernel_enter(kernel);
    kernel->in_run = true;
    enum kernel_stop result = KERNEL_VIOLATION;
    /* An assertion of the world itself, on this stack, comes back here. */
    if (setjmp(kernel->escape) == 0) {
        result = run_events(kernel, stop, context, until_us);
    } else {
        result = KERNEL_VIOLATION;
    }
    kernel->in_run = false;
    current_process = &kernel->world;
    kernel_leave(kernel, previous);
    return result;
}

void kernel_add_fake(struct kernel *kernel, const struct kernel_fake *fake)
{
    require(kernel->fake_count < FAKES_MAX);
    kernel->fakes[kernel->fake_count++] = *fake;
}

void kernel_tell_gone(struct kernel *kernel, struct sim_process *process)
{
    if (process->private->fakes_told) {
        return;
    }
    process->private->fakes_told = true;
    for (size_t i = 0; i < kernel->fake_count; i++) {
        if (kernel->fakes[i].process_gone != NULL) {
            kernel->fakes[i].process_gone(kernel->fakes[i].self, process);
        }
    }
}

static void
add_observer(struct kernel *kernel, kernel_observer observer, void *context, bool outside)
{
    require(kernel->observer_count < OBSERVERS_MAX);
    size_t i = kernel->observer_count++;
    kernel->observers[i].observer = observer;
    kernel->observers[i].context = context;
    kernel->observers[i].outside = outside;
}

void kernel_observe(struct kernel *kernel, kernel_observer observer, void *context)
{
    add_observer(kernel, observer, context, false);
}

void kernel_observe_outside(struct kernel *kernel, kernel_observer observer, void *context)
{
    add_observer(kernel, observer, context, true);
}

void kernel_set_injector(struct kernel *kernel, const struct kernel_injector *injector)
{
    require(injector->point_due != NULL);
    require(injector->point_fired != NULL);
    require(injector->operation != NULL);
    kernel->injector = *injector;
    kernel->has_injector = true;
}

struct observed {
    struct kernel *kernel;
    const struct trace_record *record;
};

static void call_observers(void *argument)
{
    struct observed *observed = argument;
    struct kernel *kernel = observed->kernel;
    for (size_t i = 0; i < kernel->observer_count; i++) {
        current_process = kernel->observers[i].outside ? kernel->creator : &kernel->world;
        kernel->observers[i].observer(kernel->observers[i].context, observed->record);
        current_process = &kernel->world;
    }
}

void kernel_trace(struct kernel *kernel,
                  const struct sim_process *process,
                  const struct trace_entry *entry)
{
    struct trace_record record = {
        .index = trace_count(kernel->trace),
        .time_us = kernel->now_us,
        .process = process == NULL ? 0 : process->process.id,
        .incarnation = process == NULL ? 0 : process->process.incarnation,
        .kind = entry->kind,
        .batch = entry->batch,
        .a = entry->a,
        .b = entry->b,
        .c = entry->c,
        .process_name = process == NULL ? "" : process->process.name,
        .text = entry->text == NULL ? "" : entry->text,
    };
    struct process *previous = kernel_enter(kernel);
    trace_append(kernel->trace, &record);
    if (kernel->observer_count > 0) {
        /* Checks may go deep; a fiber's stack is small. */
        struct observed observed = {.kernel = kernel, .record = &record};
        fiber_on_thread_stack(call_observers, &observed);
    }
    kernel_leave(kernel, previous);
}

struct trace *kernel_trace_log(struct kernel *kernel)
{
    return kernel->trace;
}
