/* For tests of the fake Kafka: a kernel, brokers, one topic "flights", and one process that runs a
 * function of the test with the broker port connected. */
#ifndef SIM_FAKES_BROKER_WORLD_TEST_H
#define SIM_FAKES_BROKER_WORLD_TEST_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/units.h"
#include "sim/fakes/broker.h"

#define WORLD_START_US (INT64_C(978307200) * US_PER_SECOND)

struct world {
    struct kernel *kernel;
    struct fake_broker *broker;
    struct topic_config topic;
    struct sim_process *process;
    bool ended;
    int leader_changes;
    uint32_t last_leader;
    int64_t expired_to;
    struct trace_record skipped[8];
    size_t skipped_count;
};

static inline void world_observe(void *context, const struct trace_record *record)
{
    struct world *world = context;
    if (record->kind == WORLD_LEADER) {
        world->leader_changes++;
        world->last_leader = (uint32_t)record->b;
    } else if (record->kind == WORLD_EXPIRED) {
        world->expired_to = record->b;
    } else if (record->kind == EVENT_RANGE_SKIPPED) {
        world->skipped[world->skipped_count++ % 8] = *record;
    }
}

/* A topic with the given partitions on all brokers' replicas; defaults elsewhere. */
static inline void world_new(struct world *world, uint32_t brokers, int32_t partitions, bool noise)
{
    const struct kernel_config config = {.seed = 7, .noise = noise, .start_us = WORLD_START_US};
    *world = (struct world){.kernel = kernel_new(&config)};
    world->topic = (struct topic_config){
        .name = "flights",
        .partitions = partitions,
        .replication_factor = (int32_t)brokers,
        .min_insync_replicas = brokers > 1 ? 2 : 1,
        .retention_ms = 7 * 24 * INT64_C(3600000),
        .retention_bytes = -1,
        .segment_ms = 7 * 24 * INT64_C(3600000),
        .segment_bytes = INT64_C(1) << 30,
    };
    (void)kernel_machine_add(world->kernel, "machine");
    kernel_observe(world->kernel, world_observe, world);
}

/* After changes of world->topic. */
static inline void world_begin(struct world *world)
{
    const struct cluster_config cluster = {.brokers = (uint32_t)world->topic.replication_factor};
    world->broker = fake_broker_new(world->kernel, &cluster, &world->topic, 1);
}

static inline int64_t world_elapsed_us(const struct world *world)
{
    return kernel_now_us(world->kernel) - WORLD_START_US;
}

static inline void world_nothing(void *context, uint64_t argument)
{
    (void)context;
    (void)argument;
}

/* Run the world for so long; its time stands at the end of that then. */
static inline void world_pass(struct world *world, int64_t duration_us)
{
    int64_t until_us = kernel_now_us(world->kernel) + duration_us;
    kernel_at(world->kernel, until_us, world_nothing, NULL, 0);
    (void)kernel_run(world->kernel, NULL, NULL, until_us);
}

static inline bool world_ended(void *context)
{
    return ((struct world *)context)->ended;
}

static inline void world_process_ended(void *owner, struct sim_process *process)
{
    struct world *world = owner;
    cr_assert(kernel_process_clean(process));
    world->ended = true;
    world->process = NULL;
}

static inline void world_connect(void *owner, struct sim_process *process)
{
    fake_broker_connect(((struct world *)owner)->broker, process);
}

static inline void world_spawn(struct world *world, fiber_entry entry)
{
    const struct sim_process_config config = {
        .role = ROLE_EXECUTOR,
        .name = "executor 1",
        .entry = entry,
        .argument = world,
        .owner = world,
        .ended = world_process_ended,
        .connect = world_connect,
    };
    world->ended = false;
    world->process = kernel_spawn(world->kernel, &config);
}

/* Run `entry` as a process until it returns. */
static inline void world_run(struct world *world, fiber_entry entry)
{
    world_spawn(world, entry);
    enum kernel_stop stop = kernel_run(world->kernel, world_ended, world, INT64_MAX);
    cr_assert(
        not(kernel_violation(world->kernel)->set), "%s", kernel_violation(world->kernel)->evidence);
    cr_assert(eq(int, stop, KERNEL_STOPPED));
}

static inline enum broker_error
world_append(struct world *world, int32_t partition, int64_t timestamp_ms, const char *value)
{
    const struct bytes bytes = bytes_of_text(value);
    const struct fake_broker_batch batch = {
        .partition = partition,
        .timestamp_ms = timestamp_ms,
        .values = &bytes,
        .count = 1,
        .stride = 1,
    };
    return fake_broker_append(world->broker, &batch);
}

static inline int64_t world_now_ms(const struct world *world)
{
    return kernel_now_us(world->kernel) / US_PER_MS;
}

static inline void world_free(struct world *world)
{
    kernel_free(world->kernel);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

#endif
