/* The port: which configuration, which consumer, and the waiting. */
#include "engine/real/broker_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"

/* An end of the partition that was seen in an earlier call may have moved: librdkafka's long poll
 * (fetch.wait.max.ms) gets this long to say so. */
#define FRESH_US (100 * US_PER_MS)
/* librdkafka says nothing about a topic that is gone or a partition without a leader: after this
 * long without a word somebody asks. */
#define SILENCE_US US_PER_SECOND

/* ---- waiting ---- */

struct broker_waiter {
    struct broker_waiter *next;
    struct fiber *fiber;
};

static void wake_all(const struct real_broker *broker)
{
    for (const struct broker_waiter *waiter = broker->waiters; waiter != NULL;
         waiter = waiter->next) {
        loop_wake(broker->loop, waiter->fiber);
    }
}

static void on_event(void *context, short happened)
{
    struct real_broker *broker = context;
    maybe(happened != 0);
    char ignored[256];
    while (read(broker->event_fds[0], ignored, sizeof ignored) > 0) {
    }
    wake_all(broker);
}

/* Until something arrived for anybody, a consumer was given back, or the time has come. */
static void wait_until(struct real_broker *broker, int64_t time_us)
{
    struct broker_waiter self = {.next = broker->waiters, .fiber = fiber_current()};
    broker->waiters = &self;
    bool woken = loop_park(broker->loop, time_us);
    maybe(woken);
    struct broker_waiter **link = &broker->waiters;
    while (*link != &self) {
        link = &(*link)->next;
    }
    *link = self.next;
}

/* ---- configurations ---- */

static bool same_options(const struct broker_option *a, const struct broker_option *b)
{
    size_t i = 0;
    while (a[i].name != NULL && b[i].name != NULL && strcmp(a[i].name, b[i].name) == 0 &&
           strcmp(a[i].value, b[i].value) == 0) {
        i++;
    }
    return a[i].name == NULL && b[i].name == NULL;
}

static const struct broker_option *copy_options(struct arena *arena,
                                                const struct broker_option *options)
{
    size_t count = 0;
    while (options[count].name != NULL) {
        count++;
    }
    struct broker_option *copies = arena_alloc(arena, (count + 1) * sizeof *copies);
    for (size_t i = 0; i < count; i++) {
        copies[i].name = arena_strdup(arena, options[i].name);
        copies[i].value = arena_strdup(arena, options[i].value);
    }
    return copies;
}

static void client_free(struct broker_client *client)
{
    for (size_t i = 0; i < client->consumer_count; i++) {
        broker_consumer_free(client->consumers[i]);
    }
    broker_handle_close(&client->control);
    arena_free(&client->arena);
    heap_free(client);
}

/* Those that were replaced, and that no call uses any more. */
static void free_replaced(struct real_broker *broker)
{
    struct broker_client **link = broker->clients == NULL ? NULL : &broker->clients->next;
    while (link != NULL && *link != NULL) {
        struct broker_client *client = *link;
        if (client->users > 0) {
            link = &client->next;
            continue;
        }
        *link = client->next;
        client_free(client);
    }
}

static enum status
port_configure(void *self, const struct broker_option *options, struct diag *diag)
{
    static const struct broker_option none[] = {{NULL, NULL}};
    struct real_broker *broker = self;
    options = options == NULL ? none : options;
    if (broker->clients != NULL && same_options(broker->clients->options, options)) {
        return OK;
    }
    struct broker_client *client = heap_alloc(sizeof *client);
    client->broker = broker;
    client->options = copy_options(&client->arena, options);
    enum status status = broker_handle_open(&client->control, broker, client->options, diag);
    if (status != OK) {
        arena_free(&client->arena);
        heap_free(client);
        return status;
    }
    client->next = broker->clients;
    broker->clients = client;
    broker->complaint[0] = '\0';
    free_replaced(broker);
    return OK;
}

static struct broker_client *enter(struct real_broker *broker)
{
    struct broker_client *client = broker->clients;
    require(client != NULL); /* configured before any other call */
    client->users++;
    client->turns++;
    return client;
}

static void leave(struct broker_client *client)
{
    client->users--;
    free_replaced(client->broker);
}

/* ---- questions ---- */

static const char *port_last_error(void *self)
{
    const struct real_broker *broker = self;
    return broker->complaint;
}

static enum broker_error port_metadata(void *self,
                                       const char *topic,
                                       int64_t deadline_us,
                                       struct arena *arena,
                                       struct broker_partition **partitions,
                                       size_t *count)
{
    struct broker_client *client = enter(self);
    enum broker_error error =
        broker_query_metadata(&client->control, topic, deadline_us, arena, partitions, count);
    leave(client);
    return error;
}

static enum broker_error port_list_offsets(
    void *self, const char *topic, int64_t deadline_us, struct broker_offset *offsets, size_t count)
{
    struct broker_client *client = enter(self);
    enum broker_error error =
        broker_query_offsets(&client->control, topic, deadline_us, offsets, count);
    leave(client);
    return error;
}

/* ---- which consumer ---- */

/* The idle one that fits best, of those the one that was used longest ago; NULL: none. */
static struct broker_consumer *best_idle(const struct broker_client *client,
                                         const struct broker_fetch *fetch)
{
    struct broker_consumer *best = NULL;
    for (size_t i = 0; i < client->consumer_count; i++) {
        struct broker_consumer *consumer = client->consumers[i];
        if (consumer->busy) {
            continue;
        }
        int more = best == NULL ? 1
                                : (int)broker_consumer_fit(consumer, fetch) -
                                      (int)broker_consumer_fit(best, fetch);
        if (more > 0 || (more == 0 && consumer->used < best->used)) {
            best = consumer;
        }
    }
    return best;
}

/* NULL: every consumer is busy, or there is none and none could be made. */
static struct broker_consumer *find_consumer(struct broker_client *client,
                                             const struct broker_fetch *fetch)
{
    struct broker_consumer *best = best_idle(client, fetch);
    bool room = client->consumer_count < BROKER_CONSUMERS_MAX;
    if (room && (best == NULL || broker_consumer_fit(best, fetch) == BROKER_FIT_NONE)) {
        struct broker_consumer *made = broker_consumer_new(client);
        if (made != NULL) {
            client->consumers[client->consumer_count++] = made;
            best = made;
        }
    }
    return best;
}

static struct broker_consumer *take_consumer(struct broker_client *client,
                                             const struct broker_fetch *fetch)
{
    struct broker_consumer *consumer = find_consumer(client, fetch);
    while (consumer == NULL && real_wall_us() < fetch->deadline_us) {
        wait_until(client->broker, fetch->deadline_us);
        consumer = find_consumer(client, fetch);
    }
    if (consumer != NULL) {
        consumer->busy = true;
        consumer->used = client->turns;
    }
    return consumer;
}

static void give_back(struct broker_client *client, struct broker_consumer *consumer)
{
    consumer->busy = false;
    wake_all(client->broker);
}

/* ---- fetch ---- */

/* What metadata says about a partition that is silent. BROKER_NONE: nothing is wrong with it. */
static enum broker_error ask_why(struct broker_client *client, const struct broker_fetch *fetch)
{
    struct broker_offset entry = {.partition = fetch->partition, .timestamp = BROKER_LATEST};
    int64_t until_us = real_wall_us() + SILENCE_US;
    until_us = until_us < fetch->deadline_us ? until_us : fetch->deadline_us;
    enum broker_error error =
        broker_query_offsets(&client->control, fetch->topic, until_us, &entry, 1);
    error = error == BROKER_NONE ? entry.error : error;
    return error == BROKER_UNKNOWN_TOPIC_OR_PARTITION || error == BROKER_LEADER_NOT_AVAILABLE
               ? error
               : BROKER_NONE;
}

/* A fetch that waits. */
struct waiting {
    int64_t poll_us; /* the end of the long poll */
    int64_t ask_us;  /* when silence gets strange; INT64_MAX: asked already */
};

/* Nothing arrived: what to do about it. True: that is the answer. */
static bool nothing_came(struct broker_client *client,
                         struct broker_consumer *consumer,
                         const struct broker_fetch *fetch,
                         struct waiting *waiting,
                         struct broker_answer *answer)
{
    int64_t now_us = real_wall_us();
    bool at_end = consumer->end == consumer->position;
    broker_handle_hear(&consumer->handle);
    if (now_us >= fetch->deadline_us) {
        answer->error = BROKER_TIMED_OUT;
        return true;
    }
    if (at_end && now_us >= waiting->poll_us) {
        broker_consumer_answer_empty(consumer, answer);
        answer->error = consumer->handle.down ? BROKER_TRANSPORT : BROKER_NONE;
        return true;
    }
    if (!at_end && now_us >= waiting->ask_us) {
        waiting->ask_us = INT64_MAX;
        answer->error = ask_why(client, fetch);
        /* What it would say later, when the partition is back, is not what was asked. */
        consumer->stopped = consumer->stopped || answer->error != BROKER_NONE;
        return answer->error != BROKER_NONE;
    }
    int64_t wake_us = at_end ? waiting->poll_us : waiting->ask_us;
    wait_until(client->broker, wake_us < fetch->deadline_us ? wake_us : fetch->deadline_us);
    return false;
}

/* Did the connection break? The broker that is connected again may have another log than the one
 * that was read: who reads on must hear of it, and look back (engine/source/fingerprint.h). What is
 * read ahead is void then. */
static bool broke_meanwhile(struct broker_consumer *consumer)
{
    broker_handle_hear(&consumer->handle);
    bool broke = broker_handle_broke(&consumer->handle);
    consumer->stopped = consumer->stopped || broke;
    return broke;
}

static void fetch_with(struct broker_client *client,
                       struct broker_consumer *consumer,
                       const struct broker_fetch *fetch,
                       struct arena *arena,
                       struct broker_answer *answer)
{
    int64_t begin_us = real_wall_us();
    int64_t wait_us = fetch->wait_us;
    enum broker_fit fit = broker_consumer_fit(consumer, fetch);
    bool goes_on = fit == BROKER_FIT_HERE || fit == BROKER_FIT_BACK;
    bool broke = broke_meanwhile(consumer);
    if (goes_on && broke) {
        answer->error = BROKER_TRANSPORT;
        return;
    }
    if (fit == BROKER_FIT_BACK) {
        broker_consumer_go_back(consumer, fetch->offset);
    } else if (fit != BROKER_FIT_HERE) {
        answer->error = broker_consumer_assign(consumer, fetch);
        if (answer->error != BROKER_NONE) {
            return;
        }
    } else if (consumer->end == consumer->position && wait_us < FRESH_US) {
        wait_us = FRESH_US;
    }
    struct waiting waiting = {
        .poll_us = begin_us + wait_us,
        .ask_us = begin_us + SILENCE_US,
    };
    bool answered = false;
    bool over = false;
    while (!answered && !over) {
        answered = broker_consumer_answer(consumer, fetch, arena, answer);
        over = !answered && nothing_came(client, consumer, fetch, &waiting, answer);
    }
    /* Also while it waited: what came then came from the new connection. */
    if (goes_on && answered && broke_meanwhile(consumer)) {
        *answer = (struct broker_answer){.error = BROKER_TRANSPORT, .next_offset = fetch->offset};
    }
}

static void port_fetch(void *self,
                       const struct broker_fetch *fetch,
                       struct arena *arena,
                       struct broker_answer *answer)
{
    struct broker_client *client = enter(self);
    *answer = (struct broker_answer){.error = BROKER_TIMED_OUT, .next_offset = fetch->offset};
    struct broker_consumer *consumer = take_consumer(client, fetch);
    if (consumer != NULL) {
        fetch_with(client, consumer, fetch, arena, answer);
        give_back(client, consumer);
    }
    leave(client);
}

/* ---- birth and death ---- */

static int event_pipe(int fds[2])
{
    if (pipe(fds) != 0) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        if (fcntl(fds[i], F_SETFL, O_NONBLOCK) != 0 || fcntl(fds[i], F_SETFD, FD_CLOEXEC) != 0) {
            return -1;
        }
    }
    return 0;
}

struct real_broker *real_broker_new(struct loop *loop)
{
    struct real_broker *broker = heap_alloc(sizeof *broker);
    broker->loop = loop;
    int failed = event_pipe(broker->event_fds);
    require(failed == 0);
    broker->watch = (struct loop_watch){
        .fd = broker->event_fds[0], .events = POLLIN, .ready = on_event, .context = broker};
    loop_add_watch(loop, &broker->watch);
    return broker;
}

void real_broker_free(struct real_broker *broker)
{
    while (broker->clients != NULL) {
        struct broker_client *client = broker->clients;
        broker->clients = client->next;
        client_free(client);
    }
    loop_unwatch(broker->loop, &broker->watch);
    (void)close(broker->event_fds[0]);
    (void)close(broker->event_fds[1]);
    heap_free(broker);
}

struct broker_port real_broker_port(struct real_broker *broker)
{
    static const struct broker_ops ops = {
        .configure = port_configure,
        .last_error = port_last_error,
        .metadata = port_metadata,
        .list_offsets = port_list_offsets,
        .fetch = port_fetch,
    };
    return (struct broker_port){.ops = &ops, .self = broker};
}
