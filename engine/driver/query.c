#include "engine/driver/query.h"

#include <string.h>

#include "engine/base/units.h"
#include "engine/driver/task_scheduler.h"

/* A wish to stop is looked at this often. */
#define STEP_US US_PER_SECOND

static void trace_executor(struct query *query,
                           enum engine_event event,
                           const struct executor_entry *executor,
                           const char *text)
{
    trace_event(
        &query->ports->trace,
        &(struct trace_entry){.kind = (int)event, .batch = -1, .a = executor->id, .text = text});
}

bool query_stop_requested(const struct query *query)
{
    return query->config->stop_requested != NULL && *query->config->stop_requested;
}

void query_lose_executor(struct query *query, connection_id connection, const char *why)
{
    struct executor_entry *executor = executors_find(&query->executors, connection);
    network_close(&query->ports->network, connection);
    if (executor == NULL) {
        return;
    }
    int64_t id = executor->id;
    if (!query->ending) {
        trace_executor(query, EVENT_EXECUTOR_LOST, executor, why);
    }
    executors_remove(&query->executors, connection);
    task_scheduler_executor_lost(query, id);
}

void query_send(struct query *query, connection_id connection, const struct message *message)
{
    buf_clear(&query->outgoing);
    message_encode(message, &query->outgoing);
    if (network_send(&query->ports->network, connection, buf_bytes(&query->outgoing)) != OK) {
        query_lose_executor(query, connection, "connection broken");
    }
}

static void
on_register(struct query *query, connection_id connection, const struct message *request)
{
    bool known = false;
    struct executor_entry *executor = executors_named(&query->executors, request->name);
    if (request->first && executor != NULL && executor->connection != connection) {
        query_lose_executor(query, executor->connection, "its name began anew");
    }
    const struct executor_identity identity = {request->name, request->address};
    executor = executors_register(
        &query->executors, connection, &identity, query->plan->options.executor_cores, &known);
    if (executor == NULL) {
        network_close(&query->ports->network, connection);
        return;
    }
    executor->heard_us = clock_now_us(&query->ports->clock);
    if (!known) {
        trace_executor(query, EVENT_EXECUTOR_REGISTERED, executor, executor->name);
    }
    /* Its name alone: how long a message is must not hang on where the folder lies. */
    const char *slash = strrchr(query->config->pipeline_file, '/');
    const char *file = slash == NULL ? query->config->pipeline_file : slash + 1;
    struct message message = {.kind = MESSAGE_REGISTERED};
    message.registered = (struct message_registered){.session = query->session,
                                                     .executor = executor->id,
                                                     .pipeline_file = file,
                                                     .pipeline = query->config->pipeline,
                                                     .overrides = query->overrides};
    query_send(query, connection, &message);
}

static void on_message(struct query *query, connection_id connection, struct bytes bytes)
{
    struct message message;
    arena_reset(&query->message_arena);
    if (message_decode(&query->message_arena, bytes, &message) != OK) {
        query_lose_executor(query, connection, "sent what is no message");
        return;
    }
    if (message.kind == MESSAGE_REGISTER) {
        on_register(query, connection, &message);
        return;
    }
    struct executor_entry *executor = executors_find(&query->executors, connection);
    if (executor == NULL) {
        network_close(&query->ports->network, connection); /* it must introduce itself first */
        return;
    }
    executor->heard_us = clock_now_us(&query->ports->clock);
    switch (message.kind) {
    case MESSAGE_HEARTBEAT: /* the echo tells it that somebody is there */
        query_send(query, connection, &(struct message){.kind = MESSAGE_HEARTBEAT});
        return;
    case MESSAGE_ASK_COMMIT:
    case MESSAGE_TASK_DONE:
    case MESSAGE_TASK_FAILED:
        task_scheduler_message(query, executor, &message);
        return;
    case MESSAGE_GOODBYE:
        query_lose_executor(query, connection, "said goodbye");
        return;
    case MESSAGE_REGISTER:
    case MESSAGE_REGISTERED:
    case MESSAGE_RUN_TASK:
    case MESSAGE_COMMIT_ANSWER:
    case MESSAGE_UNLOAD_STATE:
    case MESSAGE_FETCH_BLOCK:
    case MESSAGE_BLOCK:
        break;
    }
    query_lose_executor(query, connection, "sent a message that only a driver sends");
}

/* Nothing is unread: now silence means something. */
static void lose_silent(struct query *query)
{
    int64_t timeout_us = query->plan->options.network_timeout_us;
    int64_t now_us = clock_now_us(&query->ports->clock);
    struct executor_entry *silent = NULL;
    while ((silent = executors_silent(&query->executors, now_us, timeout_us)) != NULL) {
        query_lose_executor(query, silent->connection, "heartbeats timed out");
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

enum status query_step(struct query *query, int64_t until_us, struct diag *diag)
{
    int64_t timeout_us = query->plan->options.network_timeout_us;
    int64_t deadline_us = earlier(until_us, clock_now_us(&query->ports->clock) + STEP_US);
    deadline_us = earlier(deadline_us, executors_deadline(&query->executors, timeout_us));
    struct network_event event = {.kind = NETWORK_ACCEPTED};
    enum status status = network_next(&query->ports->network, deadline_us, &event);
    if (status == ERR_TIMEOUT) {
        lose_silent(query);
        return OK;
    }
    if (status != OK) {
        return diag_fail(diag,
                         "STREAM_FAILED",
                         "the driver's network fails at %s: %s",
                         query->config->address,
                         status_text(status));
    }
    switch (event.kind) {
    case NETWORK_ACCEPTED: /* it becomes an executor when it registers */
        break;
    case NETWORK_MESSAGE:
        on_message(query, event.connection, event.message);
        break;
    case NETWORK_BROKEN:
        query_lose_executor(query, event.connection, "connection broken");
        break;
    }
    return OK;
}
