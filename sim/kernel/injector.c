/* An event of the script is waiting, then scheduled (its time is known), then fired. Points and
 * operations are counted once a passing, for every event that has not fired yet; a storage fault
 * then stays in force for its `times`. libfiu asks point_due for each passing of a point; the
 * answer is yes whenever some event has to count it, so asking changes nothing. */
#include "sim/kernel/injector.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"

struct armed {
    struct injector *injector;
    size_t index; /* in the plan */
    bool fired;
    bool scheduled;
    int64_t fired_us;
    uint32_t passed; /* matching passings so far */
    uint32_t left;   /* storage faults: operations still to be hit */
};

struct injector {
    struct kernel *kernel;
    const struct fault_plan *plan;
    struct injector_actions actions;
    struct armed *armed; /* one an event of the plan */
};

/* ---- who and where */

bool injector_path_matches(const char *pattern, const char *path)
{
    if (pattern == NULL) {
        return true;
    }
    /* On a mismatch the newest star swallows one more character. */
    const char *star = NULL;
    const char *resume = NULL;
    while (*path != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = path;
        } else if (*pattern == *path) {
            pattern++;
            path++;
        } else if (star != NULL) {
            pattern = star + 1;
            path = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

static bool is_executor(const struct sim_process *process, uint32_t index)
{
    char name[32];
    (void)snprintf(name, sizeof name, "executor %u", (unsigned)index);
    return process->process.role == ROLE_EXECUTOR &&
           (index == 0 || strcmp(process->process.name, name) == 0);
}

/* Does `process` meet the anchors of an event with this target? See injector.h. */
static bool meets(const struct sim_process *process, struct target target, bool drivers_point)
{
    bool second = strcmp(process->process.name, "second driver") == 0;
    switch (target.kind) {
    case TARGET_DRIVER:
        return process->process.role != ROLE_DRIVER || !second;
    case TARGET_EXECUTOR:
        return (drivers_point && target.index > 0) || is_executor(process, target.index);
    case TARGET_SECOND_DRIVER: /* it can only be started, and by nobody's passing but others' */
    case TARGET_EXECUTORS:
    case TARGET_DRIVER_MACHINE:
    case TARGET_EXECUTOR_MACHINE:
    case TARGET_BROKER:
    case TARGET_BROKER_MACHINE:
    case TARGET_STORAGE:
    case TARGET_TOPIC:
        return true;
    }
    return true;
}

static bool point_matches(const struct fault_event *event,
                          const struct sim_process *process,
                          enum failpoint point,
                          int64_t batch)
{
    const struct anchor *at = &event->at;
    return at->kind == ANCHOR_POINT && at->point == point &&
           (at->batch < 0 || at->batch == batch) &&
           meets(process, event->target, failpoint_info(point)->role == ROLE_DRIVER);
}

/* Faults of the one kind of storage never meet the other. */
static bool verb_fits_port(enum fault_verb verb, const char *port)
{
    bool objects = strcmp(port, "objects") == 0;
    if (verb == FAULT_THROTTLE || verb == FAULT_LOST_REPLY) {
        return objects;
    }
    return verb != FAULT_DISK_FULL || !objects;
}

static bool is_storage_verb(enum fault_verb verb)
{
    return verb == FAULT_IO_ERROR || verb == FAULT_DISK_FULL || verb == FAULT_THROTTLE ||
           verb == FAULT_LOST_REPLY || verb == FAULT_SLOW;
}

enum { PATH_KEPT = 1024 };

struct operation {
    const char *port;
    const char *name;
    const char *path;
    bool after;
};

static bool operation_matches(const struct fault_event *event,
                              const struct sim_process *process,
                              const struct operation *operation)
{
    const struct anchor *at = &event->at;
    if (at->kind != ANCHOR_OPERATION) {
        /* A storage fault that hangs on something else hits whatever comes then. */
        return !operation->after && verb_fits_port(event->verb, operation->port);
    }
    bool any = at->operation == NULL || strcmp(at->operation, "any") == 0;
    /* What a storage fault does to an operation is decided before it happens. */
    bool after = at->after && !is_storage_verb(event->verb);
    return after == operation->after && (any || strcmp(at->operation, operation->name) == 0) &&
           verb_fits_port(event->verb, operation->port) &&
           injector_path_matches(at->path, operation->path) && meets(process, event->target, false);
}

/* ---- firing */

static void fire(struct injector *injector, size_t index, struct sim_process *at);

static void due(void *context, uint64_t argument)
{
    const struct armed *armed = context;
    maybe(argument == 0);
    fire(armed->injector, armed->index, NULL);
}

/* What an event is, without its place in the script: that shifts when another one is removed. */
static uint64_t event_key(const struct fault_event *event)
{
    uint64_t key = hash_chain((uint64_t)event->verb, (uint64_t)event->target.kind);
    key = hash_chain(key, event->target.index);
    key = hash_chain(key, (uint64_t)event->at.kind);
    key = hash_chain(key, (uint64_t)event->at.time_us);
    return hash_chain(key, (uint64_t)event->for_us);
}

static void schedule(struct injector *injector, size_t index, int64_t time_us)
{
    struct armed *armed = &injector->armed[index];
    if (armed->fired || armed->scheduled) {
        return;
    }
    armed->scheduled = true;
    int64_t now_us = kernel_now_us(injector->kernel);
    kernel_at_keyed(injector->kernel,
                    time_us > now_us ? time_us : now_us,
                    event_key(&injector->plan->events[index]),
                    due,
                    armed);
}

static int64_t later(int64_t time_us, int64_t plus_us)
{
    return plus_us > INT64_MAX - time_us ? INT64_MAX : time_us + plus_us;
}

static void fire(struct injector *injector, size_t index, struct sim_process *at)
{
    const struct fault_plan *plan = injector->plan;
    const struct fault_event *event = &plan->events[index];
    struct armed *armed = &injector->armed[index];
    if (armed->fired) {
        return;
    }
    armed->scheduled = false; /* should it prove impossible, it waits for nothing any more */
    const struct injector_actions *actions = &injector->actions;
    if (actions->possible != NULL && !actions->possible(actions->self, event)) {
        return;
    }
    int64_t now_us = kernel_now_us(injector->kernel);
    armed->fired = true;
    armed->fired_us = now_us;
    char target[TARGET_TEXT_SIZE];
    char text[64];
    target_format(event->target, target);
    int written = snprintf(text, sizeof text, "%s %s", fault_info(event->verb)->name, target);
    require(written > 0);
    kernel_trace(
        injector->kernel,
        at,
        &(struct trace_entry){.kind = WORLD_FAULT, .batch = -1, .a = (int64_t)index, .text = text});
    for (size_t i = 0; i < plan->count; i++) {
        const struct anchor *anchor = &plan->events[i].at;
        if (anchor->kind == ANCHOR_EVENT && anchor->event == (int)index) {
            schedule(injector, i, later(now_us, anchor->time_us));
        }
    }
    if (is_storage_verb(event->verb)) {
        armed->left = event->times > 0 ? event->times : 1;
    } else {
        actions->act(actions->self, event, index, at);
    }
}

/* ---- the kernel's questions */

static bool
point_due(void *self, const struct sim_process *process, enum failpoint point, int64_t batch)
{
    const struct injector *injector = self;
    for (size_t i = 0; i < injector->plan->count; i++) {
        if (!injector->armed[i].fired &&
            point_matches(&injector->plan->events[i], process, point, batch)) {
            return true;
        }
    }
    return false;
}

static bool count_passing(struct armed *armed, uint32_t nth)
{
    armed->passed++;
    return armed->passed == (nth > 0 ? nth : 1);
}

static void
point_fired(void *self, struct sim_process *process, enum failpoint point, int64_t batch)
{
    struct injector *injector = self;
    bool traced = false;
    for (size_t i = 0; i < injector->plan->count; i++) {
        const struct fault_event *event = &injector->plan->events[i];
        if (injector->armed[i].fired || !point_matches(event, process, point, batch) ||
            !count_passing(&injector->armed[i], event->at.nth)) {
            continue;
        }
        if (!traced) {
            traced = true;
            kernel_trace(injector->kernel,
                         process,
                         &(struct trace_entry){.kind = WORLD_POINT,
                                               .batch = batch,
                                               .a = (int64_t)point,
                                               .text = failpoint_info(point)->name});
        }
        fire(injector, i, process);
    }
}

/* Two faults on one operation: the first of the script that decides its outcome does; delays add
 * up. */
static void apply(const struct fault_event *event, struct operation_fault *fault)
{
    if (event->verb == FAULT_SLOW) {
        fault->delay_us += event->for_us;
        return;
    }
    if (fault->effect != OPERATION_OK) {
        return;
    }
    if (event->verb == FAULT_LOST_REPLY) {
        fault->effect = OPERATION_LOSES_REPLY;
        fault->status = ERR_UNKNOWN;
        fault->applied = event->applied;
        fault->late_us = event->late_us;
        return;
    }
    fault->effect = OPERATION_FAILS;
    fault->status = ERR_IO;
    if (event->verb == FAULT_DISK_FULL) {
        fault->status = ERR_NO_SPACE;
    } else if (event->verb == FAULT_THROTTLE) {
        fault->status = ERR_THROTTLED;
    }
}

/* An event may kill the process whose operation this is, and with it the descriptor that has the
 * path; the events behind it are still asked. */
static void keep_path(struct operation *passing, char kept[PATH_KEPT])
{
    if (passing->path != kept) {
        size_t size = strlen(passing->path) + 1;
        require(size <= PATH_KEPT);
        memcpy(kept, passing->path, size);
        passing->path = kept;
    }
}

static struct operation_fault operation(void *self,
                                        struct sim_process *process,
                                        const char *port,
                                        const char *name,
                                        const char *path,
                                        bool after)
{
    struct injector *injector = self;
    struct operation passing = {.port = port, .name = name, .path = path, .after = after};
    struct operation_fault fault = {.effect = OPERATION_OK};
    char kept[PATH_KEPT];
    for (size_t i = 0; i < injector->plan->count; i++) {
        const struct fault_event *event = &injector->plan->events[i];
        struct armed *armed = &injector->armed[i];
        bool waits = !armed->fired && event->at.kind == ANCHOR_OPERATION;
        if ((!waits && armed->left == 0) || !operation_matches(event, process, &passing)) {
            continue;
        }
        if (waits && count_passing(armed, event->at.nth)) {
            keep_path(&passing, kept);
            fire(injector, i, process);
        }
        if (armed->left > 0) {
            armed->left--;
            apply(event, &fault);
        }
    }
    return fault;
}

/* ---- the supervisor's */

struct injector *injector_new(struct kernel *kernel,
                              const struct fault_plan *plan,
                              const struct injector_actions *actions)
{
    require(actions->act != NULL);
    struct process *previous = kernel_enter(kernel);
    struct injector *injector = heap_alloc(sizeof *injector);
    injector->kernel = kernel;
    injector->plan = plan;
    injector->actions = *actions;
    injector->armed = heap_alloc((plan->count + 1) * sizeof *injector->armed);
    kernel_set_injector(kernel,
                        &(struct kernel_injector){.self = injector,
                                                  .point_due = point_due,
                                                  .point_fired = point_fired,
                                                  .operation = operation});
    for (size_t i = 0; i < plan->count; i++) {
        const struct anchor *anchor = &plan->events[i].at;
        injector->armed[i] = (struct armed){.injector = injector, .index = i};
        require(anchor->kind != ANCHOR_EVENT || (size_t)anchor->event < plan->count);
        if (anchor->kind == ANCHOR_TIME) {
            schedule(injector, i, later(kernel_start_us(kernel), anchor->time_us));
        }
    }
    kernel_leave(kernel, previous);
    return injector;
}

void injector_run_ended(struct injector *injector, uint32_t run, enum run_end end)
{
    for (size_t i = 0; i < injector->plan->count; i++) {
        const struct anchor *anchor = &injector->plan->events[i].at;
        if (anchor->kind == ANCHOR_RUN_END && (anchor->run == 0 || anchor->run == run) &&
            anchor->ends == end) {
            schedule(injector, i, later(kernel_now_us(injector->kernel), anchor->time_us));
        }
    }
}

bool injector_all_fired(const struct injector *injector)
{
    for (size_t i = 0; i < injector->plan->count; i++) {
        if (!injector->armed[i].fired) {
            return false;
        }
    }
    return true;
}

bool injector_fired(const struct injector *injector, size_t index, int64_t *at_us)
{
    require(index < injector->plan->count);
    const struct armed *armed = &injector->armed[index];
    if (armed->fired) {
        *at_us = armed->fired_us;
    }
    return armed->fired;
}

bool injector_pending(const struct injector *injector)
{
    const struct fault_plan *plan = injector->plan;
    for (size_t i = 0; i < plan->count; i++) {
        /* Follow "after event X" down to something that is on the clock already; a chain is no
         * longer than the script. */
        size_t at = i;
        for (size_t steps = 0; steps <= plan->count && !injector->armed[at].fired; steps++) {
            if (injector->armed[at].scheduled) {
                return true;
            }
            if (plan->events[at].at.kind != ANCHOR_EVENT) {
                break;
            }
            at = (size_t)plan->events[at].at.event;
        }
    }
    return false;
}
