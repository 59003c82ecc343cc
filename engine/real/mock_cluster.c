#include "engine/real/mock_cluster.h"

#include <assert.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

static void no_log(const rd_kafka_t *producer, int level, const char *facility, const char *text)
{
    (void)producer;
    (void)level;
    (void)facility;
    (void)text;
}

static void no_error(rd_kafka_t *producer, int error, const char *reason, void *opaque)
{
    (void)producer;
    (void)error;
    (void)reason;
    (void)opaque; /* what fails a record is told with the record */
}

/* Each record must stand where the layout says; nothing is retried, so nothing moves. */
static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    struct mock_cluster *cluster = opaque;
    int64_t record = cluster->acked;
    memcpy(&record, &message->_private, sizeof record);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)diag_fail(cluster->diag,
                        "EMBEDDED_KAFKA",
                        "record %lld could not be produced: %s",
                        (long long)record,
                        rd_kafka_err2str(message->err));
        return;
    }
    if (message->partition != feed_partition(cluster->feed, record) ||
        message->offset != feed_offset(cluster->feed, record)) {
        (void)diag_fail(cluster->diag,
                        "EMBEDDED_KAFKA",
                        "record %lld came to offset %lld of partition %d",
                        (long long)record,
                        (long long)message->offset,
                        message->partition);
        return;
    }
    cluster->acked++;
}

static bool
set(struct mock_cluster *cluster, rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK) {
        return true;
    }
    (void)diag_fail(cluster->diag, "EMBEDDED_KAFKA", "%s=%s: %s", name, value, why);
    return false;
}

/* Batches of 64 KiB, so that the mock, which finds a batch by walking over all of them, has few to
 * walk over; with a rate, what comes in 100 ms is one batch. */
static enum status start_producer(struct mock_cluster *cluster)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, no_log);
    rd_kafka_conf_set_error_cb(conf, no_error);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_opaque(conf, cluster);
    char why[256] = "";
    bool good = set(cluster, conf, "client.id", "aftershock-feeder") &&
                set(cluster, conf, "message.send.max.retries", "0") &&
                set(cluster, conf, "batch.size", "65536") &&
                set(cluster, conf, "linger.ms", cluster->feed->interval_us > 0 ? "100" : "5") &&
                set(cluster, conf, "socket.nagle.disable", "true");
    if (good) {
        cluster->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    }
    if (cluster->producer == NULL) {
        rd_kafka_conf_destroy(conf);
        return diag_fail(cluster->diag, "EMBEDDED_KAFKA", "no Kafka client: %s", why);
    }
    return OK;
}

enum status mock_cluster_start(struct mock_cluster *cluster,
                               const struct feed *feed,
                               int brokers,
                               struct diag *diag)
{
    *cluster = (struct mock_cluster){.feed = feed, .diag = diag};
    TRY(start_producer(cluster));
    cluster->cluster = rd_kafka_mock_cluster_new(cluster->producer, brokers);
    if (cluster->cluster == NULL) {
        return diag_fail(cluster->diag, "EMBEDDED_KAFKA", "no mock cluster could be made");
    }
    rd_kafka_resp_err_t error = rd_kafka_mock_topic_create(
        cluster->cluster, cluster->feed->topic, cluster->feed->partitions, brokers);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return diag_fail(cluster->diag,
                         "EMBEDDED_KAFKA",
                         "topic %s could not be made: %s",
                         cluster->feed->topic,
                         rd_kafka_err2str(error));
    }
    if (rd_kafka_brokers_add(cluster->producer,
                             rd_kafka_mock_cluster_bootstraps(cluster->cluster)) < 1) {
        return diag_fail(cluster->diag, "EMBEDDED_KAFKA", "the mock cluster has no broker");
    }
    cluster->topic = rd_kafka_topic_new(cluster->producer, cluster->feed->topic, NULL);
    return cluster->topic != NULL
               ? OK
               : diag_fail(cluster->diag, "EMBEDDED_KAFKA", "no handle of the topic");
}

const char *mock_cluster_bootstrap(const struct mock_cluster *cluster)
{
    return rd_kafka_mock_cluster_bootstraps(cluster->cluster);
}

enum status mock_cluster_produce(struct mock_cluster *cluster,
                                 int64_t record,
                                 struct bytes value,
                                 int64_t timestamp_ms)
{
    void *opaque = NULL;
    static_assert(sizeof opaque == sizeof record, "a record's number travels as its opaque");
    memcpy(&opaque, &record, sizeof opaque);
    void *data = NULL;
    memcpy(&data, &value.data, sizeof data); /* copied by librdkafka, not changed */
    rd_kafka_vu_t with[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = cluster->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = feed_partition(cluster->feed, record)},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {.ptr = data, .size = value.size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = opaque},
    };
    rd_kafka_error_t *error =
        rd_kafka_produceva(cluster->producer, with, sizeof with / sizeof *with);
    if (error == NULL) {
        return OK;
    }
    bool full = rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__QUEUE_FULL;
    if (!full) {
        (void)diag_fail(cluster->diag,
                        "EMBEDDED_KAFKA",
                        "record %lld could not be produced: %s",
                        (long long)record,
                        rd_kafka_error_string(error));
    }
    rd_kafka_error_destroy(error);
    return full ? ERR_THROTTLED : ERR_FAILED;
}

bool mock_cluster_poll(struct mock_cluster *cluster, int wait_ms)
{
    return rd_kafka_poll(cluster->producer, wait_ms) > 0;
}
