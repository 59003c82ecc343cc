/* Faults that hit processes, machines and brokers, carried out at once. One that is to pass ("for")
 * is counted as a condition until it does, so that the world does not end in the middle of it. A
 * fault whose victim is down already changes nothing. */
#include "sim/kernel/supervisor_internal.h"

#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

enum { BROKER_DOWN_DEFAULT_S = 30 };

/* ---- what passes again
 * -------------------------------------------------------------------------------------- */

static void resume_process(void *context, uint64_t process_id)
{
    struct supervisor *supervisor = context;
    supervisor->conditions--;
    struct sim_process *process = kernel_process(supervisor->world.kernel, (uint32_t)process_id);
    if (process != NULL && process->state == SIM_PAUSED) {
        kernel_resume(supervisor->world.kernel, process);
    }
}

static void heal_process(void *context, uint64_t process_id)
{
    struct supervisor *supervisor = context;
    supervisor->conditions--;
    struct sim_process *process = kernel_process(supervisor->world.kernel, (uint32_t)process_id);
    if (process != NULL && process->heals_us <= kernel_now_us(supervisor->world.kernel)) {
        fake_network_partition(supervisor->world.network, process, false);
    }
}

static void restart_broker(void *context, uint64_t index)
{
    struct supervisor *supervisor = context;
    supervisor->conditions--;
    fake_broker_restart(supervisor->world.broker, (uint32_t)index);
}

static void end_condition(void *context, uint64_t argument)
{
    (void)argument;
    ((struct supervisor *)context)->conditions--;
}

static void
after(struct supervisor *supervisor, int64_t delay_us, kernel_callback callback, uint64_t argument)
{
    struct kernel *kernel = supervisor->world.kernel;
    supervisor->conditions++;
    kernel_at(kernel, kernel_now_us(kernel) + delay_us, callback, supervisor, argument);
}

/* ---- finding the victim
 * --------------------------------------------------------------------------------------- */

static struct executor_slot *
executor_slot(struct supervisor *supervisor, uint32_t index, const struct sim_process *at)
{
    for (size_t i = 0; i < supervisor->executor_count; i++) {
        struct executor_slot *slot = &supervisor->executors[i];
        bool named = index > 0 && i == index - 1;
        bool passing = index == 0 && at != NULL && slot->process == at;
        if (named || passing) {
            return slot;
        }
    }
    return NULL;
}

/* Which driver: the passing one when two are alive and one of them met the anchor, else the first.
 */
static struct driver_slot *driver_slot(struct supervisor *supervisor, const struct sim_process *at)
{
    struct driver_slot *second = &supervisor->drivers[1];
    return at != NULL && second->process == at ? second : &supervisor->drivers[0];
}

static struct sim_process *
victim(struct supervisor *supervisor, const struct target *target, const struct sim_process *at)
{
    if (target->kind == TARGET_DRIVER) {
        return driver_slot(supervisor, at)->process;
    }
    if (target->kind == TARGET_EXECUTOR) {
        struct executor_slot *slot = executor_slot(supervisor, target->index, at);
        return slot == NULL ? NULL : slot->process;
    }
    return NULL;
}

/* ---- verbs
 * ---------------------------------------------------------------------------------------------------------
 */

/* The caller last: killing the running process does not return. */
static void kill_executors(struct supervisor *supervisor, const struct driver_slot *driver)
{
    struct kernel *kernel = supervisor->world.kernel;
    struct sim_process *self = NULL;
    for (size_t i = 0; i < supervisor->executor_count; i++) {
        struct executor_slot *slot = &supervisor->executors[i];
        if (slot->process == NULL || slot->driver != driver) {
            continue;
        }
        if (&slot->process->process == current_process) {
            self = slot->process;
        } else {
            kernel_kill(kernel, slot->process);
        }
    }
    if (self != NULL) {
        kernel_kill(kernel, self);
    }
}

static void crash_broker(struct supervisor *supervisor, const struct fault_event *event)
{
    int64_t down_us = event->for_us > 0 ? event->for_us : BROKER_DOWN_DEFAULT_S * US_PER_SECOND;
    after(supervisor, down_us, restart_broker, event->target.index);
    bool machine_crash = event->target.kind == TARGET_BROKER_MACHINE;
    fake_broker_crash(supervisor->world.broker, event->target.index, machine_crash);
}

static void crash(struct supervisor *supervisor,
                  const struct fault_event *event,
                  struct sim_process *at,
                  enum machine_fate fate)
{
    struct kernel *kernel = supervisor->world.kernel;
    const struct target *target = &event->target;
    switch (target->kind) {
    case TARGET_DRIVER:
    case TARGET_EXECUTOR: {
        struct sim_process *process = victim(supervisor, target, at);
        if (process != NULL) {
            kernel_kill(kernel, process);
        }
        return;
    }
    case TARGET_EXECUTORS:
        kill_executors(supervisor, &supervisor->drivers[0]);
        return;
    case TARGET_DRIVER_MACHINE:
        kernel_machine_down(kernel, driver_slot(supervisor, at)->machine, fate, event->unsynced);
        return;
    case TARGET_EXECUTOR_MACHINE: {
        struct executor_slot *slot = executor_slot(supervisor, target->index, at);
        if (slot != NULL) {
            kernel_machine_down(kernel, slot->machine, fate, event->unsynced);
        }
        return;
    }
    case TARGET_BROKER:
    case TARGET_BROKER_MACHINE:
        crash_broker(supervisor, event);
        return;
    case TARGET_SECOND_DRIVER:
    case TARGET_STORAGE:
    case TARGET_TOPIC:
        break;
    }
    require(false && "the loader lets no such target through");
}

static void
pause(struct supervisor *supervisor, const struct fault_event *event, struct sim_process *at)
{
    if (event->target.kind == TARGET_BROKER) {
        after(supervisor, event->for_us, end_condition, 0);
        fake_broker_pause(supervisor->world.broker, event->target.index, event->for_us);
        return;
    }
    struct sim_process *process = victim(supervisor, &event->target, at);
    if (process != NULL && process->state == SIM_ALIVE) {
        after(supervisor, event->for_us, resume_process, process->process.id);
        kernel_pause(supervisor->world.kernel, process);
    }
}

static void
partition(struct supervisor *supervisor, const struct fault_event *event, struct sim_process *at)
{
    struct sim_process *process = victim(supervisor, &event->target, at);
    if (process != NULL) {
        int64_t heals_us = kernel_now_us(supervisor->world.kernel) + event->for_us;
        process->heals_us = heals_us > process->heals_us ? heals_us : process->heals_us;
        after(supervisor, event->for_us, heal_process, process->process.id);
        fake_network_partition(supervisor->world.network, process, true);
    }
}

static void start(struct supervisor *supervisor, const struct fault_event *event)
{
    struct driver_slot *slot =
        &supervisor->drivers[event->target.kind == TARGET_SECOND_DRIVER ? 1 : 0];
    if (slot->process != NULL) {
        return; /* it runs */
    }
    if (event->set != NULL) {
        slot->overrides = event->set;
    }
    slot->crashes_in_row = 0;
    supervisor_driver_start(slot);
}

/* The topic's place in the scenario's list. */
static size_t topic_of(const struct fault_event *event)
{
    require(event->target.kind == TARGET_TOPIC);
    require(event->target.index > 0);
    return event->target.index - 1;
}

static bool can_delete(const struct fake_broker *broker, const struct fault_event *event)
{
    int64_t end = fake_broker_readable_end(broker, topic_of(event), event->partition);
    return event->before == DELETE_TO_END || event->before <= end;
}

static bool possible(void *self, const struct fault_event *event)
{
    const struct supervisor_world *world = &((struct supervisor *)self)->world;
    switch ((int)event->verb) {
    case FAULT_DAMAGE:
        return fake_storage_can_damage(world->storage, event->path);
    case FAULT_DELETE_RECORDS:
        return can_delete(world->broker, event);
    case FAULT_MOVE_LEADER:
        return fake_broker_next_leader(world->broker, topic_of(event), event->partition) > 0;
    default:
        return true;
    }
}

static void delete_records(struct supervisor *supervisor, const struct fault_event *event)
{
    enum broker_error error = fake_broker_delete_records(
        supervisor->world.broker, topic_of(event), event->partition, event->before);
    maybe(error != BROKER_NONE); /* a partition without a leader refuses, as Kafka does */
}

static void move_leader(struct supervisor *supervisor, const struct fault_event *event)
{
    struct fake_broker *broker = supervisor->world.broker;
    size_t topic = topic_of(event);
    uint32_t next = fake_broker_next_leader(broker, topic, event->partition);
    bool moved = fake_broker_move_leader(broker, topic, event->partition, next);
    require(moved);
}

static void act(void *self, const struct fault_event *event, size_t index, struct sim_process *at)
{
    struct supervisor *supervisor = self;
    maybe(index == 0);
    switch (event->verb) {
    case FAULT_CRASH:
        crash(supervisor, event, at, MACHINE_CRASHED);
        return;
    case FAULT_LOSE:
        crash(supervisor, event, at, MACHINE_LOST);
        return;
    case FAULT_PAUSE:
        pause(supervisor, event, at);
        return;
    case FAULT_PARTITION:
        partition(supervisor, event, at);
        return;
    case FAULT_STOP:
        driver_slot(supervisor, at)->stop_requested = true;
        return;
    case FAULT_START:
        start(supervisor, event);
        return;
    case FAULT_DAMAGE:
        fake_storage_damage(supervisor->world.storage, event->path, event->damage);
        return;
    case FAULT_ALTER:
        fake_broker_alter(supervisor->world.broker, topic_of(event), &event->change);
        return;
    case FAULT_DELETE_RECORDS:
        delete_records(supervisor, event);
        return;
    case FAULT_MOVE_LEADER:
        move_leader(supervisor, event);
        return;
    case FAULT_RECREATE:
        fake_broker_recreate(supervisor->world.broker, topic_of(event));
        return;
    case FAULT_IO_ERROR:
    case FAULT_DISK_FULL:
    case FAULT_THROTTLE:
    case FAULT_LOST_REPLY:
    case FAULT_SLOW:
    case FAULT_COUNT:
        break; /* storage verbs are answered in the operation itself */
    }
    require(false && "the injector keeps storage verbs to itself");
}

struct injector_actions supervisor_actions(struct supervisor *supervisor)
{
    return (struct injector_actions){.self = supervisor, .possible = possible, .act = act};
}
