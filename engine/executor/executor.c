/* executor_run: the main fiber. Connects, registers, hears the driver, sends heartbeats; one fiber
 * more for each attempt (task_attempt.h). It alone reads the network: what other executors say goes
 * to the block transfer. It decides nothing about tasks: how many run here is the driver's affair.
 */
#include "engine/executor/executor.h"

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"
#include "engine/executor/task_attempt.h"

#define BACKOFF_MIN_US (100 * US_PER_MS)
#define BACKOFF_MAX_US (2 * US_PER_SECOND)
#define CONNECT_US     (10 * US_PER_SECOND)
/* Before it has a plan, hence options: Spark's default of spark.network.timeout. */
#define REGISTRATION_US (120 * US_PER_SECOND)

void executor_send(struct executor *executor, const struct message *message)
{
    if (executor->connection == 0) {
        return;
    }
    buf_clear(&executor->outgoing);
    message_encode(message, &executor->outgoing);
    /* Known broken: the event of it is on its way to the main fiber. */
    enum status ignored = network_send(
        &executor->ports->network, executor->connection, buf_bytes(&executor->outgoing));
    maybe(ignored == OK);
}

static struct task_attempt *find_attempt(struct executor *executor, const struct attempt_id *id)
{
    struct task_attempt *attempt = executor->attempts;
    while (attempt != NULL && !attempt_id_equal(&attempt->id, id)) {
        attempt = attempt->next;
    }
    return attempt;
}

/* A new session: compile its plan. Attempts that wait for an answer ask again: those of the old
 * session, or of this one before the connection broke, will be refused, and must hear it. */
static enum status on_registered(struct executor *executor,
                                 const struct message_registered *registered)
{
    if (executor->session != NULL) {
        return OK; /* said twice */
    }
    struct executor_session *session =
        executor_session_new(executor->ports, executor->store, executor->config->local, registered);
    if (session == NULL) { /* a driver of another version: perhaps the next one is ours */
        return ERR_INVALID;
    }
    executor->session = session;
    executor->registered_before = true;
    if (session->provider != NULL && !executor->local_cleared &&
        session->plan->options.state_provider == STATE_PROVIDER_ROCKSDB) {
        executor->local_cleared = true; /* before the first task: this fiber hears of it */
        state_local_clear(executor->ports, executor->config->local);
    }
    for (struct task_attempt *attempt = executor->attempts; attempt != NULL;
         attempt = attempt->next) {
        if (attempt->asking && !attempt->answered) {
            task_attempt_ask(attempt);
        }
    }
    return OK;
}

/* Errors: ERR_INVALID: hang up. */
static enum status
on_message(struct executor *executor, const struct message *message, bool *goodbye)
{
    struct task_attempt *attempt = NULL;
    switch (message->kind) {
    case MESSAGE_REGISTERED:
        return on_registered(executor, &message->registered);
    case MESSAGE_RUN_TASK:
        if (executor->session == NULL || executor->session->id != message->id.session) {
            return ERR_INVALID;
        }
        if (find_attempt(executor, &message->id) == NULL) {
            task_attempt_begin(executor, &message->id, &message->task);
        }
        return OK;
    case MESSAGE_COMMIT_ANSWER:
        attempt = find_attempt(executor, &message->id);
        if (attempt != NULL && attempt->asking && !attempt->answered) {
            task_attempt_answer(attempt, message->granted);
        }
        return OK;
    case MESSAGE_UNLOAD_STATE:
        if (executor->session == NULL || executor->session->provider == NULL) {
            return ERR_INVALID;
        }
        state_provider_unload(executor->session->provider, message->partition);
        return OK;
    case MESSAGE_HEARTBEAT:
        return OK;
    case MESSAGE_GOODBYE:
        *goodbye = true;
        return OK;
    case MESSAGE_REGISTER:
    case MESSAGE_ASK_COMMIT:
    case MESSAGE_TASK_DONE:
    case MESSAGE_TASK_FAILED:
    case MESSAGE_FETCH_BLOCK:
    case MESSAGE_BLOCK:
        break;
    }
    return ERR_INVALID;
}

static int64_t silence_max_us(const struct executor *executor)
{
    return executor->session == NULL ? REGISTRATION_US
                                     : executor->session->plan->options.network_timeout_us;
}

/* Send a heartbeat if one is due; when the next one is. */
static int64_t beat(struct executor *executor, int64_t last_us, int64_t now_us)
{
    if (executor->session == NULL) {
        return now_us;
    }
    if (now_us < last_us + executor->session->plan->options.executor_heartbeat_us) {
        return last_us;
    }
    executor_send(executor, &(struct message){.kind = MESSAGE_HEARTBEAT});
    return now_us;
}

/* Hear the driver until the connection is of no use any more, or it says goodbye. A driver that
 * does not even echo heartbeats for spark.network.timeout is gone without anybody saying so (its
 * machine crashed); as with the driver, that is judged only when nothing is unread. */
static void serve(struct executor *executor, bool *goodbye)
{
    const struct ports *ports = executor->ports;
    int64_t heard_us = clock_now_us(&ports->clock);
    int64_t beat_us = heard_us;
    executor_send(executor,
                  &(struct message){.kind = MESSAGE_REGISTER,
                                    .address = executor->config->address,
                                    .name = executor->config->name,
                                    .first = !executor->registered_before});
    while (!*goodbye) {
        beat_us = beat(executor, beat_us, clock_now_us(&ports->clock));
        int64_t deadline_us = heard_us + silence_max_us(executor);
        if (executor->session != NULL) {
            int64_t next_us = beat_us + executor->session->plan->options.executor_heartbeat_us;
            deadline_us = next_us < deadline_us ? next_us : deadline_us;
        }
        struct network_event event = {.kind = NETWORK_BROKEN};
        enum status status = network_next(&ports->network, deadline_us, &event);
        int64_t now_us = clock_now_us(&ports->clock);
        if (status == ERR_TIMEOUT) {
            if (now_us >= heard_us + silence_max_us(executor)) {
                return;
            }
            continue;
        }
        if (status != OK) {
            return;
        }
        if (event.connection != executor->connection) {
            block_transfer_event(executor->transfer, &event);
            continue;
        }
        if (event.kind == NETWORK_BROKEN) {
            return;
        }
        struct message message;
        heard_us = now_us;
        arena_reset(&executor->message_arena);
        if (message_decode(&executor->message_arena, event.message, &message) != OK ||
            on_message(executor, &message, goodbye) != OK) {
            return;
        }
    }
}

/* The session is over for this executor. Its attempts run on, unheard. */
static void hang_up(struct executor *executor)
{
    network_close(&executor->ports->network, executor->connection);
    executor->connection = 0;
    struct executor_session *session = executor->session;
    executor->session = NULL;
    if (session != NULL) {
        executor_session_end(session); /* may suspend */
    }
}

/* Without a driver there may still be peers: what was shuffled here is wanted until the driver says
 * otherwise. */
static void hear_peers(struct executor *executor, int64_t until_us)
{
    const struct ports *ports = executor->ports;
    struct network_event event = {.kind = NETWORK_BROKEN};
    while (network_next(&ports->network, until_us, &event) == OK) {
        block_transfer_event(executor->transfer, &event);
    }
    clock_sleep_until(&ports->clock, until_us);
}

/* The address that REGISTER carries must be ours before anybody is told of it. Who has it already
 * is a former process of this name that is not quite gone. */
static enum status open_connections(struct executor *executor)
{
    const struct network_port *network = &executor->ports->network;
    if (!executor->listening) {
        TRY(network_listen(network, executor->config->address));
        executor->listening = true;
    }
    int64_t deadline_us = clock_now_us(&executor->ports->clock) + CONNECT_US;
    return network_connect(
        network, executor->config->driver_address, deadline_us, &executor->connection);
}

static void executor_free(struct executor *executor)
{
    block_transfer_free(executor->transfer);
    arena_free(&executor->message_arena);
    buf_free(&executor->outgoing);
    heap_free(executor);
}

void executor_run(const struct executor_config *config)
{
    struct executor *executor = heap_alloc(sizeof *executor);
    const struct clock_port *clock = &config->ports->clock;
    int64_t backoff_us = BACKOFF_MIN_US;
    bool goodbye = false;
    executor->config = config;
    executor->ports = config->ports;
    executor->store = store_new(config->ports, config->storage);
    executor->transfer = block_transfer_new(config->ports, config->address, config->local);
    for (;;) {
        if (open_connections(executor) == OK) {
            serve(executor, &goodbye);
            backoff_us = executor->session != NULL ? BACKOFF_MIN_US : backoff_us;
            hang_up(executor);
        } else {
            executor->connection = 0;
        }
        if (goodbye) {
            break;
        }
        hear_peers(executor, clock_now_us(clock) + backoff_us);
        backoff_us = 2 * backoff_us < BACKOFF_MAX_US ? 2 * backoff_us : BACKOFF_MAX_US;
    }
    /* What still runs dies with the process, and it alone knows where it stands. */
    if (executor->attempts == NULL) {
        executor_free(executor);
    }
}
