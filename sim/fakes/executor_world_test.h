/* For tests of executors: a kernel, every fake, executors that run executor_run, and a driver that
 * does what the test's script says, with the messages of a real one. */
#ifndef SIM_FAKES_EXECUTOR_WORLD_TEST_H
#define SIM_FAKES_EXECUTOR_WORLD_TEST_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/driver/messages.h"
#include "engine/executor/executor.h"
#include "sim/fakes/broker.h"
#include "sim/fakes/network.h"
#include "sim/fakes/storage.h"

enum { WORLD_EXECUTORS = 2, WORLD_SESSION = 77 };

struct executor_world;

struct world_node {
    struct executor_world *world; /* first: connect_process finds it here */
    const char *name;
    const char *local;
    uint32_t machine;
    uint32_t incarnation;
    struct sim_process *process;
    connection_id connection; /* as the driver knows it */
    const char *address;      /* as it registered */
};

struct executor_world {
    struct kernel *kernel;
    struct fake_network *network;
    struct fake_storage *storage;
    struct fake_broker *broker;
    struct topic_config topic;
    struct world_node executors[WORLD_EXECUTORS];
    struct world_node driver;
    const char *pipeline;
    void (*script)(struct executor_world *world); /* the driver's; it says goodbye afterwards */
    bool done;
    struct arena arena; /* the driver's: what was heard */
};

static inline const struct ports *world_ports(void)
{
    return current_process->ports;
}

/* ---- processes ---- */

static inline void world_executor_entry(void *argument)
{
    struct world_node *node = argument;
    struct executor_config config = {.ports = current_process->ports,
                                     .name = node->name,
                                     .address = node->name,
                                     .local = node->local,
                                     .driver_address = "driver",
                                     .storage = STORE_DISK};
    executor_run(&config);
}

static inline void world_connect(void *owner, struct sim_process *process)
{
    struct executor_world *world = ((struct world_node *)owner)->world;
    fake_network_connect(world->network, process);
    fake_storage_connect(world->storage, process);
    fake_broker_connect(world->broker, process);
}

static inline void world_gone(void *owner, struct sim_process *process)
{
    struct world_node *node = owner;
    cr_assert(kernel_process_clean(process));
    if (node->process == process) {
        node->process = NULL;
    }
}

static inline void world_start(struct world_node *node, enum process_role role, fiber_entry entry)
{
    node->process = kernel_spawn(node->world->kernel,
                                 &(struct sim_process_config){.role = role,
                                                              .name = node->name,
                                                              .machine = node->machine,
                                                              .incarnation = node->incarnation++,
                                                              .entry = entry,
                                                              .argument = node,
                                                              .owner = node,
                                                              .ended = world_gone,
                                                              .connect = world_connect});
}

static inline void world_start_executor(struct executor_world *world, size_t index)
{
    world_start(&world->executors[index], ROLE_EXECUTOR, world_executor_entry);
}

/* ---- the driver's side ---- */

static inline struct world_node *world_node_of(struct executor_world *world, connection_id id)
{
    for (size_t i = 0; i < WORLD_EXECUTORS; i++) {
        if (world->executors[i].connection == id) {
            return &world->executors[i];
        }
    }
    return NULL;
}

static inline void world_send(connection_id connection, const struct message *message)
{
    struct buf out = {0};
    message_encode(message, &out);
    cr_assert(eq(int, network_send(&world_ports()->network, connection, buf_bytes(&out)), OK));
    buf_free(&out);
}

static inline void world_register(struct executor_world *world,
                                  connection_id connection,
                                  const struct message *request)
{
    for (size_t i = 0; i < WORLD_EXECUTORS; i++) {
        if (strcmp(world->executors[i].name, request->name) == 0) {
            world->executors[i].connection = connection;
            world->executors[i].address = request->address;
        }
    }
    struct message answer = {.kind = MESSAGE_REGISTERED};
    answer.registered = (struct message_registered){.session = WORLD_SESSION,
                                                    .executor = connection,
                                                    .pipeline_file = "p.json",
                                                    .pipeline = bytes_of_text(world->pipeline)};
    world_send(connection, &answer);
}

/* The next message that is no heartbeat, or until `deadline_us`: then false. Executors that
 * register are answered on the way, and handed out too. Texts are in world->arena. */
static inline bool world_hear(struct executor_world *world,
                              int64_t deadline_us,
                              struct message *message,
                              connection_id *from)
{
    for (;;) {
        struct network_event event = {0};
        if (network_next(&world_ports()->network, deadline_us, &event) != OK) {
            return false;
        }
        if (event.kind != NETWORK_MESSAGE) {
            continue;
        }
        struct bytes copy = event.message;
        copy.data = arena_copy(&world->arena, copy.data, copy.size);
        cr_assert(eq(int, message_decode(&world->arena, copy, message), OK));
        *from = event.connection;
        if (message->kind == MESSAGE_HEARTBEAT) {
            world_send(event.connection, &(struct message){.kind = MESSAGE_HEARTBEAT});
            continue;
        }
        if (message->kind == MESSAGE_REGISTER) {
            world_register(world, event.connection, message);
        }
        return true;
    }
}

/* The next message must be of this kind; who it came from. */
static inline struct world_node *
world_expect(struct executor_world *world, enum message_kind kind, struct message *message)
{
    connection_id from = 0;
    cr_assert(world_hear(world, INT64_MAX, message, &from));
    cr_assert(eq(int, message->kind, kind),
              "%s: %s",
              message->kind == MESSAGE_TASK_FAILED ? message->failure.error_class : "",
              message->kind == MESSAGE_TASK_FAILED ? message->failure.text : "");
    struct world_node *node = world_node_of(world, from);
    require(node != NULL);
    return node;
}

static inline void
world_run_task(struct world_node *node, struct attempt_id id, struct message_run_task task)
{
    id.session = WORLD_SESSION;
    struct message message = {.kind = MESSAGE_RUN_TASK, .id = id, .task = task};
    world_send(node->connection, &message);
}

static inline void world_answer(struct world_node *node, const struct message *asked, bool granted)
{
    struct message answer = {.kind = MESSAGE_COMMIT_ANSWER, .id = asked->id, .granted = granted};
    world_send(node->connection, &answer);
}

static inline void world_sleep(int64_t duration_us)
{
    clock_sleep_until(&world_ports()->clock, clock_now_us(&world_ports()->clock) + duration_us);
}

static inline void world_driver_entry(void *argument)
{
    struct executor_world *world = ((struct world_node *)argument)->world;
    struct message message;
    cr_assert(eq(int, network_listen(&world_ports()->network, "driver"), OK));
    for (size_t i = 0; i < WORLD_EXECUTORS; i++) {
        (void)world_expect(world, MESSAGE_REGISTER, &message);
    }
    world->script(world);
    for (size_t i = 0; i < WORLD_EXECUTORS; i++) {
        if (world->executors[i].process != NULL) {
            world_send(world->executors[i].connection, &(struct message){.kind = MESSAGE_GOODBYE});
        }
    }
    world_sleep(US_PER_SECOND);
    arena_free(&world->arena);
    world->done = true;
}

/* ---- the world ---- */

static inline void world_new(struct executor_world *world, const char *pipeline)
{
    struct kernel_config config = {.seed = 3, .start_us = 978307200000000};
    *world = (struct executor_world){.kernel = kernel_new(&config), .pipeline = pipeline};
    world->network = fake_network_new(world->kernel);
    world->storage = fake_storage_new(world->kernel);
    world->topic = (struct topic_config){.name = "readings",
                                         .partitions = 2,
                                         .replication_factor = 1,
                                         .min_insync_replicas = 1,
                                         .retention_ms = 7 * 24 * INT64_C(3600000),
                                         .retention_bytes = -1,
                                         .segment_ms = 7 * 24 * INT64_C(3600000),
                                         .segment_bytes = INT64_C(1) << 30};
    static const char *const names[WORLD_EXECUTORS] = {"executor 1", "executor 2"};
    static const char *const locals[WORLD_EXECUTORS] = {"/local/executor 1", "/local/executor 2"};
    for (size_t i = 0; i < WORLD_EXECUTORS; i++) {
        world->executors[i] =
            (struct world_node){.world = world,
                                .name = names[i],
                                .local = locals[i],
                                .machine = kernel_machine_add(world->kernel, names[i])};
    }
    world->driver = (struct world_node){
        .world = world, .name = "driver", .machine = kernel_machine_add(world->kernel, "driver")};
    struct cluster_config cluster = {.brokers = 1};
    world->broker = fake_broker_new(world->kernel, &cluster, &world->topic, 1);
}

static inline void
world_append(struct executor_world *world, int32_t partition, const char *const *values)
{
    for (; *values != NULL; values++) {
        const struct bytes bytes = bytes_of_text(*values);
        const struct fake_broker_batch batch = {
            .partition = partition, .values = &bytes, .count = 1, .stride = 1};
        cr_assert(eq(int, fake_broker_append(world->broker, &batch), BROKER_NONE));
    }
}

static inline bool world_over(void *context)
{
    struct executor_world *world = context;
    return world->done && world->executors[0].process == NULL &&
           world->executors[1].process == NULL;
}

/* Run the script to its end, and until the executors have gone home. */
static inline void world_run(struct executor_world *world,
                             void (*script)(struct executor_world *world))
{
    world->script = script;
    world_start(&world->driver, ROLE_DRIVER, world_driver_entry);
    for (size_t i = 0; i < WORLD_EXECUTORS; i++) {
        world_start_executor(world, i);
    }
    int64_t until_us = kernel_start_us(world->kernel) + 30 * US_PER_MINUTE;
    enum kernel_stop stop = kernel_run(world->kernel, world_over, world, until_us);
    cr_assert(
        not(kernel_violation(world->kernel)->set), "%s", kernel_violation(world->kernel)->evidence);
    cr_assert(eq(int, stop, KERNEL_STOPPED), "the script or an executor never ended");
    kernel_free(world->kernel);
    cr_assert(eq(sz, fiber_live_count(), 0));
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

#endif
