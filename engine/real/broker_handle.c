/* One instance of librdkafka: how it is set, and what it says. librdkafka runs threads of its own;
 * what they have to tell is heard on ours, in broker_handle_hear. */
#include "engine/real/broker_internal.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/fiber.h"
#include "engine/real/broker_conf.h"

/* ---- what it says ---- */

/* From librdkafka's threads: errors come as events, the rest is for its developers. */
static void discard_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    maybe(rk != NULL);
    maybe(level > 0);
    maybe(facility != NULL);
    maybe(text != NULL);
}

static void complain(struct broker_handle *handle, const char *text)
{
    struct real_broker *broker = handle->broker;
    (void)snprintf(broker->complaint, sizeof broker->complaint, "%s", text);
}

static void on_error(rd_kafka_t *rk, int error, const char *reason, void *opaque)
{
    struct broker_handle *handle = opaque;
    maybe(rk != NULL);
    handle->down = true;
    handle->broke = true;
    /* "1/1 brokers are down" follows what says why. */
    if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || *handle->broker->complaint == '\0') {
        complain(handle, reason);
    }
}

static void poll_events(void *argument)
{
    struct broker_handle *handle = argument;
    int served = rd_kafka_poll(handle->rk, 0);
    maybe(served > 0);
}

void broker_handle_hear(struct broker_handle *handle)
{
    fiber_on_thread_stack(poll_events, handle);
}

bool broker_handle_broke(struct broker_handle *handle)
{
    bool broke = handle->broke;
    handle->broke = false;
    return broke;
}

void broker_handle_heard_from(struct broker_handle *handle)
{
    handle->down = false;
    handle->broker->complaint[0] = '\0';
}

enum broker_error broker_handle_error(struct broker_handle *handle, rd_kafka_resp_err_t error)
{
    static const struct {
        rd_kafka_resp_err_t theirs;
        enum broker_error ours;
    } known[] = {
        {RD_KAFKA_RESP_ERR_NO_ERROR, BROKER_NONE},
        {RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, BROKER_OFFSET_OUT_OF_RANGE},
        {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, BROKER_OFFSET_OUT_OF_RANGE},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, BROKER_UNKNOWN_TOPIC_OR_PARTITION},
        {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, BROKER_UNKNOWN_TOPIC_OR_PARTITION},
        {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, BROKER_UNKNOWN_TOPIC_OR_PARTITION},
        {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, BROKER_LEADER_NOT_AVAILABLE},
        {RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, BROKER_LEADER_NOT_AVAILABLE},
        {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, BROKER_NOT_LEADER_OR_FOLLOWER},
        {RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, BROKER_OFFSET_NOT_AVAILABLE},
        {RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, BROKER_FENCED_LEADER_EPOCH},
        {RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH, BROKER_FENCED_LEADER_EPOCH},
        {RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, BROKER_STORAGE_ERROR},
        {RD_KAFKA_RESP_ERR__TIMED_OUT, BROKER_TIMED_OUT},
        {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, BROKER_TIMED_OUT},
        {RD_KAFKA_RESP_ERR__TRANSPORT, BROKER_TRANSPORT},
        {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, BROKER_TRANSPORT},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].theirs == error) {
            return known[i].ours;
        }
    }
    complain(handle, rd_kafka_err2str(error));
    return BROKER_TRANSPORT;
}

/* ---- made and unmade ---- */

/* Not a user's business: broker_consumer.c goes by these. */
static void bound_read_ahead(rd_kafka_conf_t *conf)
{
    const struct {
        const char *name;
        int value;
    } bounds[] = {
        {"queued.max.messages.kbytes", BROKER_AHEAD_KBYTES},
        {"queued.min.messages", BROKER_AHEAD_RECORDS},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        char value[16];
        (void)snprintf(value, sizeof value, "%d", bounds[i].value);
        rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, bounds[i].name, value, NULL, 0);
        require(result == RD_KAFKA_CONF_OK);
    }
}

struct opening {
    struct broker_handle *handle;
    const struct broker_option *options;
    struct diag *diag;
    enum status status;
};

static void open_instance(void *argument)
{
    struct opening *opening = argument;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    opening->status = broker_conf_fill(conf, opening->options, opening->diag);
    if (opening->status != OK) {
        rd_kafka_conf_destroy(conf);
        return;
    }
    bound_read_ahead(conf);
    rd_kafka_conf_set_log_cb(conf, discard_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_opaque(conf, opening->handle);
    char text[256] = "";
    opening->handle->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (opening->handle->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        opening->status = diag_fail(
            opening->diag, "INVALID_OPTION", "librdkafka refuses the kafka.* options: %s", text);
    }
}

enum status broker_handle_open(struct broker_handle *handle,
                               struct real_broker *broker,
                               const struct broker_option *options,
                               struct diag *diag)
{
    *handle = (struct broker_handle){.broker = broker};
    struct opening opening = {.handle = handle, .options = options, .diag = diag};
    fiber_on_thread_stack(open_instance, &opening);
    return opening.status;
}

static void close_instance(void *argument)
{
    rd_kafka_destroy_flags(argument, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void broker_handle_close(struct broker_handle *handle)
{
    fiber_on_thread_stack(close_instance, handle->rk);
    handle->rk = NULL;
}
