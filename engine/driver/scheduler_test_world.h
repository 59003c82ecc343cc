/* For tests of the scheduler and the event loop: a scripted network, on which executors are
 * functions that answer what they are sent. Time moves only when nobody has anything to say. */
#ifndef ENGINE_DRIVER_SCHEDULER_TEST_WORLD_H
#define ENGINE_DRIVER_SCHEDULER_TEST_WORLD_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/units.h"
#include "engine/driver/task_scheduler.h"

enum { EVENTS_MAX = 512, CONNECTIONS_MAX = 64 };

struct event {
    enum network_event_kind kind;
    connection_id connection;
    struct buf bytes;
};

static struct world {
    struct event events[EVENTS_MAX]; /* to be heard, in order */
    size_t event_count;
    size_t event_next;
    int64_t now_us;
    connection_id broken; /* sending there fails */
    int events_traced[ENGINE_EVENT_COUNT];
    int tasks_sent[CONNECTIONS_MAX];   /* by connection */
    int64_t unloaded[CONNECTIONS_MAX]; /* the last partition, by connection; -1: none */
    int unloads;
    bool stop;
    void (*on_sent)(connection_id connection, const struct message *message);
    bool (*on_idle)(void); /* somebody speaks up after all */
    struct arena arena;
} world;

static struct query query;
static struct ports ports;
static struct plan plan;
static struct driver_config config;

/* ---- ports ---- */

static int64_t clock_now(void *self)
{
    return world.now_us;
}

static void trace_count_event(void *self, const struct trace_entry *entry)
{
    world.events_traced[entry->kind]++;
}

static enum status scripted_send(void *self, connection_id id, struct bytes bytes)
{
    struct message message;
    if (id == world.broken) {
        return ERR_BROKEN;
    }
    cr_assert(eq(int, message_decode(&world.arena, bytes, &message), OK));
    if (message.kind == MESSAGE_RUN_TASK) {
        world.tasks_sent[id]++;
    }
    if (message.kind == MESSAGE_UNLOAD_STATE) {
        world.unloaded[id] = message.partition;
        world.unloads++;
    }
    if (world.on_sent != NULL) {
        world.on_sent(id, &message);
    }
    return OK;
}

static enum status scripted_next(void *self, int64_t deadline_us, struct network_event *event)
{
    if (world.event_next == world.event_count && (world.on_idle == NULL || !world.on_idle())) {
        world.now_us = deadline_us > world.now_us ? deadline_us : world.now_us;
        return ERR_TIMEOUT;
    }
    struct event *next = &world.events[world.event_next++];
    *event = (struct network_event){
        .kind = next->kind, .connection = next->connection, .message = buf_bytes(&next->bytes)};
    return OK;
}

static void scripted_close(void *self, connection_id id)
{
}

static const struct clock_ops clock_ops = {.now_us = clock_now};
static const struct trace_ops trace_ops = {.event = trace_count_event};
static const struct network_ops network_ops = {
    .send = scripted_send, .next = scripted_next, .close = scripted_close};

/* ---- what executors say ---- */

static void hear(connection_id connection, const struct message *message)
{
    cr_assert(world.event_count < EVENTS_MAX);
    struct event *event = &world.events[world.event_count++];
    event->kind = NETWORK_MESSAGE;
    event->connection = connection;
    message_encode(message, &event->bytes);
}

static void hear_broken(connection_id connection)
{
    world.events[world.event_count++] =
        (struct event){.kind = NETWORK_BROKEN, .connection = connection};
}

static void registers(connection_id connection, const char *name)
{
    hear(connection,
         &(struct message){.kind = MESSAGE_REGISTER, .name = name, .address = name, .first = true});
}

static void asks(connection_id connection, struct attempt_id id)
{
    hear(connection, &(struct message){.kind = MESSAGE_ASK_COMMIT, .id = id});
}

static void is_done(connection_id connection, struct attempt_id id)
{
    struct message message = {.kind = MESSAGE_TASK_DONE, .id = id};
    message.done.file.path =
        arena_printf(&world.arena, "part-%d-%d", (int)id.task, (int)id.attempt);
    message.done.file.rows = 1;
    hear(connection, &message);
}

static void fails(connection_id connection, struct attempt_id id)
{
    struct message message = {.kind = MESSAGE_TASK_FAILED, .id = id};
    message.failure = (struct message_failure){"DATA_LOSS", "offsets 1 to 3 are gone", -1, -1};
    hear(connection, &message);
}

/* Does as it should: a map task works and reports, any other works, asks, and reports when it is
 * granted. */
static void good(connection_id connection, const struct message *message)
{
    if (message->kind == MESSAGE_RUN_TASK && message->id.stage == STAGE_MAP) {
        is_done(connection, message->id);
    } else if (message->kind == MESSAGE_RUN_TASK) {
        asks(connection, message->id);
    } else if (message->kind == MESSAGE_COMMIT_ANSWER && message->granted) {
        is_done(connection, message->id);
    }
}

/* ---- the query ---- */

static const struct kafka_range ranges[] = {{0, 0, 4}, {1, 0, 4}, {2, 0, 4}};
static const struct job_plan stateless = {.session = 77,
                                          .batch = 3,
                                          .task_max_failures = 4,
                                          .stage_max_attempts = 4,
                                          .ranges = ranges,
                                          .range_count = 3};

static void begin_world(void)
{
    ports = (struct ports){
        .clock = {&clock_ops, NULL}, .trace = {&trace_ops, NULL}, .network = {&network_ops, NULL}};
    options_defaults(&plan.options);
    plan.options.network_timeout_us = 120 * US_PER_SECOND;
    config = (struct driver_config){.ports = &ports,
                                    .pipeline_file = "p.json",
                                    .pipeline = bytes_of_text("{}"),
                                    .address = "driver",
                                    .stop_requested = &world.stop};
    query = (struct query){
        .config = &config, .ports = &ports, .plan = &plan, .session = 77, .next_batch = 3};
    world.now_us = US_PER_DAY;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        world.unloaded[i] = -1;
    }
}

static void end_world(void)
{
    for (size_t i = 0; i < world.event_count; i++) {
        buf_free(&world.events[i].bytes);
    }
    arena_free(&world.arena);
    arena_free(&query.batch_arena);
    arena_free(&query.message_arena);
    buf_free(&query.outgoing);
    executors_free(&query.executors);
    reader_homes_free(&query.readers);
}

/* Run a job that must end well. */
static struct job *run_job(const struct job_plan *job_plan)
{
    struct job *job = NULL;
    struct diag diag = {0};
    bool done = false;
    enum status status = task_scheduler_run(&query, job_plan, &job, &done, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
    cr_assert(done);
    return job;
}

#endif
