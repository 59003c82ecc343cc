/* For tests of the broker port: a Kafka to ask, which is librdkafka's mock cluster in the test's
 * own process or, where AFTERSHOCK_KAFKA=host:port says so, a real one; a producer; and a process
 * of ours whose broker port is told where it is. */
#ifndef ENGINE_REAL_BROKER_WORLD_TEST_H
#define ENGINE_REAL_BROKER_WORLD_TEST_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/units.h"
#include "engine/real/broker_internal.h"
#include "engine/real/real_process.h"

enum { WORLD_WAIT_MS = 20000 };

struct broker_world {
    rd_kafka_t *producer;
    rd_kafka_t *mock_owner;
    rd_kafka_mock_cluster_t *mock; /* NULL: a real Kafka */
    char servers[128];
    char topic[128];
    struct real_process *process;
    void (*body)(struct broker_world *world);
};

static inline void world_discard_log(const rd_kafka_t *rk, int level, const char *f, const char *t)
{
}

static inline rd_kafka_t *world_producer(const char *servers)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, world_discard_log);
    (void)rd_kafka_conf_set(conf, "linger.ms", "20", text, sizeof text); /* one batch an append */
    (void)rd_kafka_conf_set(conf, "queue.buffering.max.messages", "1000000", text, sizeof text);
    (void)rd_kafka_conf_set(conf, "batch.num.messages", "1000", text, sizeof text);
    if (servers != NULL) {
        cr_assert(eq(int,
                     rd_kafka_conf_set(conf, "bootstrap.servers", servers, text, sizeof text),
                     RD_KAFKA_CONF_OK));
    }
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    cr_assert(rk != NULL, "%s", text);
    return rk;
}

/* `brokers` of the mock cluster; 0: the real Kafka at `servers`. */
static inline void world_open(struct broker_world *world, int brokers, const char *servers)
{
    *world = (struct broker_world){0};
    if (brokers > 0) {
        world->mock_owner = world_producer(NULL);
        world->mock = rd_kafka_mock_cluster_new(world->mock_owner, brokers);
        servers = rd_kafka_mock_cluster_bootstraps(world->mock);
    }
    world->producer = world_producer(servers);
    (void)snprintf(world->servers, sizeof world->servers, "%s", servers);
    struct diag diag = {0};
    const struct real_config config = {.role = ROLE_DRIVER, .name = "test"};
    cr_assert(eq(int, real_process_new(&config, &world->process, &diag), OK), "%s", diag.text);
}

static inline void world_close(struct broker_world *world)
{
    real_process_free(world->process);
    rd_kafka_destroy(world->producer);
    if (world->mock != NULL) {
        rd_kafka_mock_cluster_destroy(world->mock);
        rd_kafka_destroy(world->mock_owner);
    }
}

static inline enum status world_configure(struct broker_world *world, struct diag *diag)
{
    const struct broker_option options[] = {{"bootstrap.servers", world->servers}, {NULL, NULL}};
    return broker_configure(&world->process->ports.broker, options, diag);
}

static inline void world_enter(void *argument)
{
    struct broker_world *world = argument;
    struct diag diag = {0};
    enum status status = world_configure(world, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
    world->body(world);
}

/* Run `body` on the first fiber of the process, its broker port configured. */
static inline void world_run(struct broker_world *world, void (*body)(struct broker_world *world))
{
    world->body = body;
    real_process_run(world->process, world_enter, world);
}

/* ---- topics ---- */

static inline void world_wait_result(rd_kafka_queue_t *queue, rd_kafka_event_type_t type)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WORLD_WAIT_MS);
    cr_assert(event != NULL, "Kafka did not answer an administrator's request");
    cr_assert(eq(int, rd_kafka_event_type(event), type));
    cr_assert(eq(int, rd_kafka_event_error(event), 0), "%s", rd_kafka_event_error_string(event));
    if (type == RD_KAFKA_EVENT_CREATETOPICS_RESULT) {
        size_t count = 0;
        const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
        const rd_kafka_topic_result_t **topics =
            rd_kafka_CreateTopics_result_topics(result, &count);
        cr_assert(eq(int, rd_kafka_topic_result_error(topics[0]), 0));
    } else {
        const rd_kafka_DeleteRecords_result_t *result = rd_kafka_event_DeleteRecords_result(event);
        cr_assert(eq(int, rd_kafka_DeleteRecords_result_offsets(result)->elems[0].err, 0));
    }
    rd_kafka_event_destroy(event);
}

/* Every partition has a leader, and that one knows it. */
static inline bool world_topic_ready(struct broker_world *world, int partitions)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(world->producer, world->topic, NULL);
    const struct rd_kafka_metadata *found = NULL;
    bool ready = rd_kafka_metadata(world->producer, 0, topic, &found, 1000) == 0 &&
                 found->topic_cnt == 1 && found->topics[0].partition_cnt == partitions;
    for (int i = 0; ready && i < partitions; i++) {
        int64_t low = -1;
        int64_t high = -1;
        ready = found->topics[0].partitions[i].leader >= 0 &&
                rd_kafka_query_watermark_offsets(
                    world->producer, world->topic, i, &low, &high, 1000) == 0;
    }
    if (found != NULL) {
        rd_kafka_metadata_destroy(found);
    }
    rd_kafka_topic_destroy(topic);
    return ready;
}

static inline void world_create_real_topic(struct broker_world *world, int partitions)
{
    char text[256];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(world->producer);
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(world->topic, partitions, 1, text, sizeof text);
    /* The records of the tests are from 1970. */
    cr_assert(eq(int, rd_kafka_NewTopic_set_config(topic, "retention.ms", "-1"), 0));
    rd_kafka_CreateTopics(world->producer, &topic, 1, NULL, queue);
    world_wait_result(queue, RD_KAFKA_EVENT_CREATETOPICS_RESULT);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
}

/* A fresh topic, empty; its name is in world->topic. */
static inline void world_create_topic(struct broker_world *world, int partitions)
{
    static int made = 0;
    (void)snprintf(world->topic,
                   sizeof world->topic,
                   "aftershock-%lld-%d-%d",
                   (long long)real_wall_us(),
                   (int)getpid(),
                   made++);
    if (world->mock != NULL) {
        cr_assert(eq(int, rd_kafka_mock_topic_create(world->mock, world->topic, partitions, 1), 0));
    } else {
        world_create_real_topic(world, partitions);
    }
    /* Also so that the producer is connected, or its first records wait a second for that. */
    for (int tries = 0; !world_topic_ready(world, partitions); tries++) {
        cr_assert(lt(int, tries, 200));
        (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
}

/* ---- records ---- */

static inline void
world_send(struct broker_world *world, int32_t partition, int64_t timestamp_ms, struct bytes value)
{
    void *data = NULL;
    memcpy(&data, &value.data, sizeof data); /* librdkafka copies it, and forgot to say const */
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = world->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {.ptr = data, .size = value.size}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
    };
    rd_kafka_error_t *error =
        rd_kafka_produceva(world->producer, parts, sizeof parts / sizeof *parts);
    cr_assert(error == NULL, "%s", rd_kafka_error_string(error));
}

static inline void world_flush(struct broker_world *world)
{
    cr_assert(eq(int, rd_kafka_flush(world->producer, WORLD_WAIT_MS), 0));
}

static inline void world_append(void *context,
                                int32_t partition,
                                int64_t timestamp_ms,
                                const struct bytes *values,
                                size_t count)
{
    struct broker_world *world = context;
    for (size_t i = 0; i < count; i++) {
        world_send(world, partition, timestamp_ms, values[i]);
    }
    world_flush(world);
}

/* `count` records "0", "1", ... of `size` bytes each, filled up with dots. */
static inline void
world_append_numbers(struct broker_world *world, int32_t partition, int count, size_t size)
{
    char *value = malloc(size + 1);
    for (int i = 0; i < count; i++) {
        memset(value, '.', size);
        int length = snprintf(value, size + 1, "%d", i);
        value[length] = '.';
        world_send(world, partition, 1000 + i, bytes_of(value, size));
    }
    free(value);
    world_flush(world);
}

static inline void world_delete_records(void *context, int32_t partition, int64_t offset)
{
    struct broker_world *world = context;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(world->producer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, world->topic, partition)->offset = offset;
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_DeleteRecords(world->producer, &request, 1, NULL, queue);
    world_wait_result(queue, RD_KAFKA_EVENT_DELETERECORDS_RESULT);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
}

/* ---- fetches ---- */

static inline struct broker_answer world_fetch(struct broker_world *world,
                                               struct arena *arena,
                                               int32_t partition,
                                               int64_t offset,
                                               int64_t timeout_us)
{
    const struct broker_fetch fetch = {
        .topic = world->topic,
        .partition = partition,
        .offset = offset,
        .bytes_max = 1 << 20,
        .deadline_us = real_wall_us() + timeout_us,
    };
    struct broker_answer answer = {0};
    broker_fetch(&world->process->ports.broker, &fetch, arena, &answer);
    return answer;
}

#endif
