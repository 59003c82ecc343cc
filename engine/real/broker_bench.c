/* Records a CPU second through the broker port (records copied into the caller's memory), beside
 * librdkafka alone (polled in batches and thrown away), on the same topic with the same settings.
 * Values of 100 bytes, no compression. The Kafka is librdkafka's mock cluster in another process,
 * or AFTERSHOCK_KAFKA=host:port; CPU is that of the reading process, librdkafka's threads included.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/real/broker_internal.h"
#include "engine/real/real_process.h"

enum { VALUE_SIZE = 100, MOCK_PARTITIONS = 64, MOCK_RECORDS = 40000, KAFKA_RECORDS = 3000000 };

static char servers[128];
static char topic[64];
static int32_t partitions = MOCK_PARTITIONS;
static int64_t records = MOCK_RECORDS; /* a partition */

static rd_kafka_t *new_producer(const char *where)
{
    char text[256] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)rd_kafka_conf_set(conf, "bootstrap.servers", where, text, sizeof text);
    (void)rd_kafka_conf_set(conf, "batch.num.messages", "2000", text, sizeof text);
    (void)rd_kafka_conf_set(conf, "linger.ms", "50", text, sizeof text);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    require(rk != NULL);
    return rk;
}

static void produce(rd_kafka_t *producer)
{
    char value[VALUE_SIZE];
    memset(value, 'x', sizeof value);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(producer, topic, NULL);
    for (int32_t p = 0; p < partitions; p++) {
        for (int64_t i = 0; i < records; i++) {
            (void)snprintf(value, sizeof value, "%lld", (long long)i);
            while (rd_kafka_produce(
                       handle, p, RD_KAFKA_MSG_F_COPY, value, sizeof value, NULL, 0, NULL) != 0) {
                (void)rd_kafka_poll(producer, 10);
            }
        }
    }
    require(rd_kafka_flush(producer, 60000) == 0);
    rd_kafka_topic_destroy(handle);
}

/* The mock cluster, filled, in a child; its address comes through a pipe. */
static pid_t start_mock(void)
{
    int fds[2];
    require(pipe(fds) == 0);
    pid_t child = fork();
    if (child == 0) {
        rd_kafka_t *owner = new_producer("");
        rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(owner, 1);
        (void)rd_kafka_mock_topic_create(mock, topic, partitions, 1);
        (void)snprintf(servers, sizeof servers, "%s", rd_kafka_mock_cluster_bootstraps(mock));
        produce(new_producer(servers));
        require(write(fds[1], servers, sizeof servers) == (ssize_t)sizeof servers);
        for (;;) {
            (void)pause();
        }
    }
    require(read(fds[0], servers, sizeof servers) == (ssize_t)sizeof servers);
    return child;
}

static void fill_kafka(const char *where)
{
    (void)snprintf(servers, sizeof servers, "%s", where);
    partitions = 1;
    records = KAFKA_RECORDS;
    rd_kafka_t *producer = new_producer(servers);
    char text[256];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(producer);
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(topic, partitions, 1, text, sizeof text);
    rd_kafka_CreateTopics(producer, &made, 1, NULL, queue);
    rd_kafka_event_destroy(rd_kafka_queue_poll(queue, 20000));
    rd_kafka_NewTopic_destroy(made);
    rd_kafka_queue_destroy(queue);
    produce(producer);
    rd_kafka_destroy(producer);
}

/* ---- the two ways to read ---- */

struct figures {
    int64_t cpu_us;
    int64_t wall_us;
};

static int64_t cpu_us(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * US_PER_SECOND +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void read_by_port(void *argument)
{
    struct figures *figures = argument;
    const struct broker_port *port = &current_process->ports->broker;
    const struct broker_option options[] = {{"bootstrap.servers", servers}, {NULL, NULL}};
    struct diag diag = {0};
    require(broker_configure(port, options, &diag) == OK);
    struct arena arena = {0};
    figures->wall_us = -real_monotonic_us();
    figures->cpu_us = -cpu_us();
    for (int32_t p = 0; p < partitions; p++) {
        for (int64_t next = 0; next < records;) {
            const struct broker_fetch fetch = {
                .topic = topic,
                .partition = p,
                .offset = next,
                .bytes_max = 1 << 20,
                .wait_us = 500 * US_PER_MS,
                .deadline_us = real_wall_us() + 30 * US_PER_SECOND,
            };
            struct broker_answer answer = {0};
            arena_reset(&arena);
            broker_fetch(port, &fetch, &arena, &answer);
            require(answer.error == BROKER_NONE);
            next = answer.next_offset;
        }
    }
    figures->cpu_us += cpu_us();
    figures->wall_us += real_monotonic_us();
    arena_free(&arena);
}

static struct figures measure_port(void)
{
    struct figures figures = {0};
    struct real_process *process = NULL;
    struct diag diag = {0};
    const struct real_config config = {.role = ROLE_EXECUTOR, .name = "bench"};
    require(real_process_new(&config, &process, &diag) == OK);
    real_process_run(process, read_by_port, &figures);
    real_process_free(process);
    return figures;
}

static struct figures measure_plain(void)
{
    static rd_kafka_message_t *messages[BROKER_STASH_MAX];
    struct real_broker nobody = {0};
    struct broker_handle handle;
    struct diag diag = {0};
    const struct broker_option options[] = {{"bootstrap.servers", servers}, {NULL, NULL}};
    require(broker_handle_open(&handle, &nobody, options, &diag) == OK);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(handle.rk);
    struct figures figures = {.cpu_us = -cpu_us(), .wall_us = -real_monotonic_us()};
    for (int32_t p = 0; p < partitions; p++) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = 0;
        require(rd_kafka_assign(handle.rk, list) == 0);
        rd_kafka_topic_partition_list_destroy(list);
        for (int64_t seen = 0; seen < records;) {
            ssize_t count = rd_kafka_consume_batch_queue(queue, 10, messages, BROKER_STASH_MAX);
            for (ssize_t i = 0; i < count; i++) {
                seen += messages[i]->err == 0;
                rd_kafka_message_destroy(messages[i]);
            }
        }
    }
    figures.cpu_us += cpu_us();
    figures.wall_us += real_monotonic_us();
    rd_kafka_queue_destroy(queue);
    broker_handle_close(&handle);
    return figures;
}

static void print(const char *name, struct figures figures)
{
    double total = (double)(partitions * records);
    printf("%-28s %5.2f M records/CPU s  %5.2f M records/s\n",
           name,
           total / (double)figures.cpu_us,
           total / (double)figures.wall_us);
}

int main(void)
{
    const char *kafka = getenv("AFTERSHOCK_KAFKA");
    pid_t mock = 0;
    (void)snprintf(topic, sizeof topic, "bench-%d", (int)getpid());
    if (kafka == NULL) {
        mock = start_mock();
    } else {
        fill_kafka(kafka);
    }
    for (int round = 0; round < 3; round++) {
        print("librdkafka alone", measure_plain());
        print("broker port", measure_port());
    }
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("peak memory %ld MiB\n", usage.ru_maxrss / 1024);
    if (mock != 0) {
        (void)kill(mock, SIGKILL);
        (void)waitpid(mock, NULL, 0);
    }
    return 0;
}
