/* What a process of the engine sees of Kafka: the broker port, rule by rule of the table of fetch
 * errors. A client asks whom it believes to be the leader; after an error it learns of the new one
 * a moment later, or by asking for metadata. Requests to a broker that stands still, and requests
 * of a process that is cut off, hang until their deadline; a dead broker refuses the connection.
 *
 * A request takes half of its latency to get there, is answered with what holds at that moment, and
 * the answer takes the other half. So what a caller gets may be out of date.
 *
 * With noise, metadata is now and then what Kafka's is (R23): a topic that is not known yet, a
 * partition without a leader, or fewer partitions than there are. */
#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"
#include "sim/fakes/broker_internal.h"
#include "sim/kernel/costs.h"

#define REFRESH_US   (100 * US_PER_MS) /* retry.backoff.ms until metadata is asked for again */
#define LONG_POLL_US (20 * US_PER_MS)  /* a long poll looks this often */
#define CUT_OFF_US   (200 * US_PER_MS) /* retransmissions of a process that is cut off */

struct broker_client {
    struct fake_broker *broker;
    struct sim_process *process;
    struct broker_client *next;
    int32_t *nodes;     /* by partition of the cluster: whom it believes to lead; -1: nobody */
    int64_t refresh_us; /* when it learns the truth again; INT64_MAX: it sees no reason to ask */
    uint64_t requests;
};

/* ---- what the client believes ---------------------------------------------------------------- */

static int32_t leading_node(const struct partition *partition)
{
    const struct replica *leader = partition_leader(partition);
    return leader == NULL ? -1 : (int32_t)leader->node;
}

static void learn(struct broker_client *client)
{
    for (size_t i = 0; i < client->broker->partition_count; i++) {
        client->nodes[i] = leading_node(&client->broker->partitions[i]);
    }
    client->refresh_us = INT64_MAX;
}

static int32_t believed_node(struct broker_client *client, const struct partition *partition)
{
    if (kernel_now_us(client->broker->kernel) >= client->refresh_us) {
        learn(client);
    }
    return client->nodes[partition - client->broker->partitions];
}

static enum broker_error doubt(struct broker_client *client, enum broker_error error)
{
    if (client->refresh_us == INT64_MAX) {
        client->refresh_us = kernel_now_us(client->broker->kernel) + REFRESH_US;
    }
    return error;
}

static const struct topic *find_topic(const struct fake_broker *broker, const char *name)
{
    for (size_t t = 0; t < broker->topic_count; t++) {
        if (strcmp(broker->topics[t].config->name, name) == 0) {
            return &broker->topics[t];
        }
    }
    return NULL;
}

static struct partition *
find_partition(const struct fake_broker *broker, const char *name, int32_t id)
{
    const struct topic *topic = find_topic(broker, name);
    bool known = topic != NULL && id >= 0 && id < topic->config->partitions;
    return known ? &topic->partitions[id] : NULL;
}

/* ---- getting there -------------------------------------------------------------------------- */

/* Wait, but not beyond the deadline. False when that has passed. */
static bool wait_until(struct broker_client *client, int64_t time_us, int64_t deadline_us)
{
    struct kernel *kernel = client->broker->kernel;
    int64_t until_us = time_us < deadline_us ? time_us : deadline_us;
    if (until_us > kernel_now_us(kernel)) {
        kernel_wait(kernel, until_us - kernel_now_us(kernel));
    }
    return kernel_now_us(kernel) < deadline_us;
}

static bool wait_for(struct broker_client *client, int64_t cost_us, int64_t deadline_us)
{
    return wait_until(client, kernel_now_us(client->broker->kernel) + cost_us, deadline_us);
}

/* A request for `node` waits here while it cannot get through. */
static enum broker_error reach(struct broker_client *client, int32_t node, int64_t deadline_us)
{
    const struct fake_broker *broker = client->broker;
    for (;;) {
        if (client->process->partitioned) {
            if (!wait_for(client, CUT_OFF_US, deadline_us)) {
                return BROKER_TIMED_OUT;
            }
            continue;
        }
        if (!broker->nodes[node].alive) {
            return BROKER_TRANSPORT;
        }
        if (node_serves(broker, (uint32_t)node)) {
            return BROKER_NONE;
        }
        if (!wait_until(client, broker->nodes[node].paused_until_us, deadline_us)) {
            return BROKER_TIMED_OUT;
        }
    }
}

/* The broker that the client asks for metadata: the first that lives, beginning with the one it
 * asked last time plus one; they take turns. */
static int32_t any_node(const struct broker_client *client)
{
    const struct fake_broker *broker = client->broker;
    for (uint32_t i = 0; i < broker->node_count; i++) {
        uint32_t node = (uint32_t)((client->requests + i) % broker->node_count);
        if (broker->nodes[node].alive) {
            return (int32_t)node;
        }
    }
    return -1;
}

/* Half a latency on the way there. */
static bool travel(struct broker_client *client, int64_t latency_us, int64_t deadline_us)
{
    return wait_for(client, latency_us / 2, deadline_us);
}

/* ---- metadata ------------------------------------------------------------------------------- */

enum staleness { FRESH, TOPIC_UNKNOWN, PARTITION_LEADERLESS, PARTITIONS_FEWER };

static enum staleness draw_staleness(const struct broker_client *client)
{
    struct kernel *kernel = client->broker->kernel;
    if (!kernel_noise(kernel)) {
        return FRESH;
    }
    uint64_t draw =
        kernel_draw(kernel, "metadata", kernel_actor(client->process), client->requests, 0);
    return draw % 24 < 3 ? (enum staleness)(1 + draw % 24) : FRESH;
}

static enum broker_error fill_partitions(struct broker_client *client,
                                         const struct topic *topic,
                                         struct arena *arena,
                                         struct broker_partition **partitions,
                                         size_t *count)
{
    enum staleness staleness = draw_staleness(client);
    if (topic == NULL || staleness == TOPIC_UNKNOWN) {
        return BROKER_UNKNOWN_TOPIC_OR_PARTITION;
    }
    *count = (size_t)topic->config->partitions - (staleness == PARTITIONS_FEWER ? 1 : 0);
    *partitions = arena_alloc(arena, (*count + 1) * sizeof **partitions);
    for (size_t i = 0; i < *count; i++) {
        int32_t node = leading_node(&topic->partitions[i]);
        bool hidden = staleness == PARTITION_LEADERLESS && i == client->requests % *count;
        bool led = node >= 0 && !hidden;
        (*partitions)[i] = (struct broker_partition){
            .id = (int32_t)i,
            .leader = led ? node + 1 : -1,
            .error = led ? BROKER_NONE : BROKER_LEADER_NOT_AVAILABLE,
        };
    }
    if (staleness == FRESH) {
        learn(client);
    }
    return BROKER_NONE;
}

static enum broker_error port_metadata(void *self,
                                       const char *topic,
                                       int64_t deadline_us,
                                       struct arena *arena,
                                       struct broker_partition **partitions,
                                       size_t *count)
{
    struct broker_client *client = self;
    struct kernel *kernel = client->broker->kernel;
    int64_t until_us = kernel_time_of(client->process, deadline_us);
    int64_t latency_us = kernel_cost_us(kernel, client->process, COST_BROKER_REQUEST, 0);
    *partitions = NULL;
    *count = 0;
    client->requests++;
    if (!travel(client, latency_us, until_us)) {
        return BROKER_TIMED_OUT;
    }
    int32_t node = any_node(client);
    enum broker_error error = node < 0 ? BROKER_TRANSPORT : reach(client, node, until_us);
    if (error != BROKER_NONE) {
        return error;
    }
    error = fill_partitions(client, find_topic(client->broker, topic), arena, partitions, count);
    return wait_for(client, latency_us - latency_us / 2, until_us) ? error : BROKER_TIMED_OUT;
}

/* ---- offsets -------------------------------------------------------------------------------- */

/* What the leader answers for one partition (ListOffsets). */
static void answer_offset(const struct partition *partition, struct broker_offset *entry)
{
    const struct replica *leader = partition_leader(partition);
    const struct broker_log *log = &leader->log;
    entry->error = BROKER_NONE;
    if (entry->timestamp == BROKER_EARLIEST) {
        entry->offset = log->start_offset;
        return;
    }
    if (leader->high_watermark < partition->epoch_start) {
        /* A new leader does not know yet what was readable: `latest` never goes back (KIP-207). */
        entry->error = BROKER_OFFSET_NOT_AVAILABLE;
        entry->offset = -1;
        return;
    }
    if (entry->timestamp == BROKER_LATEST) {
        entry->offset = leader->high_watermark;
        return;
    }
    int64_t offset = log_offset_for_time(log, entry->timestamp);
    entry->offset = offset < leader->high_watermark ? offset : -1;
}

static enum broker_error
check_leader(struct broker_client *client, const struct partition *partition, int64_t deadline_us)
{
    int32_t node = believed_node(client, partition);
    if (node < 0) {
        return doubt(client, BROKER_LEADER_NOT_AVAILABLE);
    }
    enum broker_error error = reach(client, node, deadline_us);
    if (error != BROKER_NONE) {
        return doubt(client, error);
    }
    return leading_node(partition) == node ? BROKER_NONE
                                           : doubt(client, BROKER_NOT_LEADER_OR_FOLLOWER);
}

static void ask_leader(struct broker_client *client,
                       const char *topic,
                       struct broker_offset *entry,
                       int64_t deadline_us)
{
    const struct partition *partition = find_partition(client->broker, topic, entry->partition);
    entry->error = partition == NULL ? BROKER_UNKNOWN_TOPIC_OR_PARTITION
                                     : check_leader(client, partition, deadline_us);
    if (entry->error == BROKER_NONE) {
        answer_offset(partition, entry);
    }
}

/* Would a request about this partition get no answer now? */
static bool
hangs(struct broker_client *client, const char *topic, const struct broker_offset *entry)
{
    const struct partition *partition = find_partition(client->broker, topic, entry->partition);
    int32_t node = partition == NULL ? -1 : believed_node(client, partition);
    return client->process->partitioned || (node >= 0 && client->broker->nodes[node].alive &&
                                            !node_serves(client->broker, (uint32_t)node));
}

static enum broker_error port_list_offsets(
    void *self, const char *topic, int64_t deadline_us, struct broker_offset *offsets, size_t count)
{
    struct broker_client *client = self;
    struct kernel *kernel = client->broker->kernel;
    int64_t until_us = kernel_time_of(client->process, deadline_us);
    int64_t latency_us = kernel_cost_us(kernel, client->process, COST_BROKER_REQUEST, 0);
    client->requests++;
    for (size_t i = 0; i < count; i++) {
        offsets[i].offset = -1;
        offsets[i].error = BROKER_TIMED_OUT;
    }
    if (!travel(client, latency_us, until_us)) {
        return BROKER_TIMED_OUT;
    }
    /* One request for each leader, all at once: who hangs keeps only his own from being answered,
     * so those come last. */
    for (size_t i = 0; i < count; i++) {
        if (!hangs(client, topic, &offsets[i])) {
            ask_leader(client, topic, &offsets[i], until_us);
        }
    }
    bool answered = false;
    for (size_t i = 0; i < count; i++) {
        if (offsets[i].error == BROKER_TIMED_OUT) {
            ask_leader(client, topic, &offsets[i], until_us);
        }
        answered = answered || offsets[i].error != BROKER_TIMED_OUT;
    }
    (void)wait_for(client, latency_us - latency_us / 2, until_us);
    return answered ? BROKER_NONE : BROKER_TIMED_OUT;
}

/* ---- fetch ---------------------------------------------------------------------------------- */

/* Copy whole batches into the caller's arena; the fake's own memory is never handed out. Returns
 * their bytes. */
static int64_t copy_batches(const struct broker_log *log,
                            size_t first,
                            size_t batch_count,
                            struct arena *arena,
                            struct broker_answer *answer)
{
    size_t records = 0;
    size_t bytes = 0;
    for (size_t b = first; b < first + batch_count; b++) {
        records += log->batches[b]->count;
        for (size_t r = 0; r < log->batches[b]->count; r++) {
            bytes += log->batches[b]->records[r].value.size;
        }
    }
    answer->records = arena_alloc(arena, (records + 1) * sizeof *answer->records);
    uint8_t *values = arena_alloc(arena, bytes + 1);
    for (size_t b = first; b < first + batch_count; b++) {
        const struct record_batch *batch = log->batches[b];
        for (size_t r = 0; r < batch->count; r++) {
            struct bytes value = batch->records[r].value;
            if (value.size > 0) {
                memcpy(values, value.data, value.size);
            }
            answer->records[answer->count++] = (struct broker_record){
                .offset = batch->base_offset + batch->records[r].delta,
                .timestamp_ms = batch->records[r].timestamp_ms,
                .value = {.data = value.data == NULL ? NULL : values, .size = value.size},
            };
            values += value.size;
        }
        answer->next_offset = batch->next_offset;
    }
    return (int64_t)bytes;
}

/* The leader's answer now (the table of fetch errors). True: data, or an error. */
static bool answer_fetch(const struct partition *partition,
                         const struct broker_fetch *fetch,
                         struct arena *arena,
                         struct broker_answer *answer,
                         int64_t *bytes)
{
    const struct replica *leader = partition_leader(partition);
    const struct broker_log *log = &leader->log;
    answer->log_start_offset = log->start_offset;
    answer->readable_end = leader->high_watermark;
    answer->next_offset = fetch->offset;
    if (fetch->offset < log->start_offset || fetch->offset > log_end(log)) {
        answer->error = BROKER_OFFSET_OUT_OF_RANGE;
        return true;
    }
    if (fetch->offset >= leader->high_watermark) {
        return false; /* also between high watermark and end: empty, no error */
    }
    size_t first = 0;
    size_t count =
        log_records(log, fetch->offset, leader->high_watermark, fetch->bytes_max, &first);
    *bytes = copy_batches(log, first, count, arena, answer);
    return count > 0;
}

static void port_fetch(void *self,
                       const struct broker_fetch *fetch,
                       struct arena *arena,
                       struct broker_answer *answer)
{
    struct broker_client *client = self;
    struct kernel *kernel = client->broker->kernel;
    int64_t until_us = kernel_time_of(client->process, fetch->deadline_us);
    int64_t latency_us = kernel_cost_us(kernel, client->process, COST_BROKER_FETCH, 0);
    const struct partition *partition =
        find_partition(client->broker, fetch->topic, fetch->partition);
    *answer = (struct broker_answer){.error = BROKER_TIMED_OUT, .next_offset = fetch->offset};
    client->requests++;
    if (!travel(client, latency_us, until_us)) {
        return;
    }
    int64_t poll_us = kernel_now_us(kernel) + fetch->wait_us;
    int64_t bytes = 0;
    for (;;) {
        answer->error = partition == NULL ? BROKER_UNKNOWN_TOPIC_OR_PARTITION
                                          : check_leader(client, partition, until_us);
        if (answer->error != BROKER_NONE || answer_fetch(partition, fetch, arena, answer, &bytes) ||
            kernel_now_us(kernel) >= poll_us) {
            break;
        }
        int64_t look_us = kernel_now_us(kernel) + LONG_POLL_US;
        if (!wait_until(client, look_us < poll_us ? look_us : poll_us, until_us)) {
            break;
        }
    }
    int64_t transfer_us =
        cost_base_us(COST_BROKER_FETCH, bytes) - cost_base_us(COST_BROKER_FETCH, 0);
    if (!wait_for(client, latency_us - latency_us / 2 + transfer_us, until_us)) {
        *answer = (struct broker_answer){.error = BROKER_TIMED_OUT, .next_offset = fetch->offset};
    }
}

/* The world has one cluster; every client is connected to it from birth. */
static enum status
port_configure(void *self, const struct broker_option *options, struct diag *diag)
{
    (void)self;
    (void)options;
    (void)diag;
    return OK;
}

/* Its error codes say everything. */
static const char *port_last_error(void *self)
{
    (void)self;
    return "";
}

/* ---- clients -------------------------------------------------------------------------------- */

void fake_broker_connect(struct fake_broker *broker, struct sim_process *process)
{
    static const struct broker_ops ops = {
        .configure = port_configure,
        .last_error = port_last_error,
        .metadata = port_metadata,
        .list_offsets = port_list_offsets,
        .fetch = port_fetch,
    };
    struct process *previous = kernel_enter(broker->kernel);
    struct broker_client *client = heap_alloc(sizeof *client);
    client->broker = broker;
    client->process = process;
    client->nodes = heap_alloc((broker->partition_count + 1) * sizeof *client->nodes);
    client->next = broker->clients;
    broker->clients = client;
    learn(client);
    process->ports.broker = (struct broker_port){.ops = &ops, .self = client};
    kernel_leave(broker->kernel, previous);
}

void client_process_gone(void *self, struct sim_process *process)
{
    struct fake_broker *broker = self;
    struct process *previous = kernel_enter(broker->kernel);
    for (struct broker_client **at = &broker->clients; *at != NULL;) {
        struct broker_client *client = *at;
        if (client->process != process) {
            at = &client->next;
            continue;
        }
        *at = client->next;
        heap_free(client->nodes);
        heap_free(client);
    }
    kernel_leave(broker->kernel, previous);
}
