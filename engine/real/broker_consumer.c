/* One consumer: what librdkafka read ahead, turned into answers. Records are taken from its queue
 * in order; what an answer has no room for stays in the stash, and the next answer begins there. */
#include "engine/real/broker_internal.h"

#include <assert.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"

/* librdkafka looks about once a second whether a queue that was full has room again (D7). A request
 * to the leader makes its thread look at once: one each so many bytes, which is well before half of
 * what is read ahead has been taken, in bytes and in records. */
#define ANNOUNCE_BYTES ((int64_t)1 << 20)
#define RECORD_BYTES   128 /* counted for a record beside its own */
static_assert(ANNOUNCE_BYTES <= BROKER_AHEAD_KBYTES * 1024 / 2, "in bytes");
static_assert(ANNOUNCE_BYTES / RECORD_BYTES <= BROKER_AHEAD_RECORDS / 2, "in records");

/* ---- birth and death ---- */

struct consumer_setup {
    struct broker_consumer *consumer;
    int event_fd;
};

static void watch_queue(void *argument)
{
    struct consumer_setup *setup = argument;
    setup->consumer->queue = rd_kafka_queue_get_consumer(setup->consumer->handle.rk);
    rd_kafka_queue_io_event_enable(setup->consumer->queue, setup->event_fd, "", 1);
}

struct broker_consumer *broker_consumer_new(struct broker_client *client)
{
    struct diag ignored = {0};
    struct broker_consumer *consumer = heap_alloc(sizeof *consumer);
    enum status status =
        broker_handle_open(&consumer->handle, client->broker, client->options, &ignored);
    if (status != OK) { /* the same options were accepted before: threads or descriptors ran out */
        heap_free(consumer);
        return NULL;
    }
    struct consumer_setup setup = {consumer, client->broker->event_fds[1]};
    fiber_on_thread_stack(watch_queue, &setup);
    return consumer;
}

static void drop_stash(struct broker_consumer *consumer)
{
    for (size_t i = 0; i < consumer->stash_end; i++) {
        rd_kafka_message_destroy(consumer->stash[i]);
    }
    consumer->stash_at = 0;
    consumer->stash_end = 0;
}

static void close_queue(void *argument)
{
    struct broker_consumer *consumer = argument;
    drop_stash(consumer);
    rd_kafka_queue_io_event_enable(consumer->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(consumer->queue);
}

void broker_consumer_free(struct broker_consumer *consumer)
{
    fiber_on_thread_stack(close_queue, consumer);
    broker_handle_close(&consumer->handle);
    heap_free(consumer->topic);
    heap_free(consumer);
}

/* ---- position ---- */

enum broker_fit broker_consumer_fit(const struct broker_consumer *consumer,
                                    const struct broker_fetch *fetch)
{
    if (consumer->topic == NULL || consumer->stopped) {
        return BROKER_FIT_FREE;
    }
    if (consumer->partition != fetch->partition || strcmp(consumer->topic, fetch->topic) != 0) {
        return BROKER_FIT_NONE;
    }
    if (consumer->position == fetch->offset) {
        return BROKER_FIT_HERE;
    }
    bool kept = consumer->stash_at > 0 && fetch->offset >= consumer->stash_position &&
                fetch->offset < consumer->position;
    return kept ? BROKER_FIT_BACK : BROKER_FIT_PARTITION;
}

void broker_consumer_go_back(struct broker_consumer *consumer, int64_t offset)
{
    require(offset >= consumer->stash_position);
    require(offset < consumer->position);
    /* To the last record below `offset`, and one on: an end of the partition that stands between
     * is met again. */
    while (consumer->stash_at > 0) {
        const rd_kafka_message_t *message = consumer->stash[consumer->stash_at - 1];
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset < offset) {
            break;
        }
        consumer->stash_at--;
    }
    consumer->position = offset;
}

struct assign_call {
    struct broker_consumer *consumer;
    rd_kafka_resp_err_t error;
};

static void assign(void *argument)
{
    struct assign_call *call = argument;
    struct broker_consumer *consumer = call->consumer;
    drop_stash(consumer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, consumer->topic, consumer->partition)->offset =
        consumer->position;
    call->error = rd_kafka_assign(consumer->handle.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

enum broker_error broker_consumer_assign(struct broker_consumer *consumer,
                                         const struct broker_fetch *fetch)
{
    size_t length = strlen(fetch->topic);
    consumer->topic = heap_realloc(consumer->topic, length + 1);
    memcpy(consumer->topic, fetch->topic, length + 1);
    consumer->partition = fetch->partition;
    consumer->position = fetch->offset;
    consumer->end = -1;
    consumer->unannounced = 0;
    struct assign_call call = {.consumer = consumer};
    fiber_on_thread_stack(assign, &call);
    consumer->stopped = call.error != RD_KAFKA_RESP_ERR_NO_ERROR;
    consumer->handle.broker->assigns++;
    return broker_handle_error(&consumer->handle, call.error);
}

/* ---- what arrived ---- */

static void take(void *argument)
{
    struct broker_consumer *consumer = argument;
    drop_stash(consumer);
    consumer->stash_position = consumer->position;
    ssize_t taken =
        rd_kafka_consume_batch_queue(consumer->queue, 0, consumer->stash, BROKER_STASH_MAX);
    consumer->stash_end = taken > 0 ? (size_t)taken : 0;
}

static void announce(void *argument)
{
    struct broker_consumer *consumer = argument;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, consumer->topic, consumer->partition)->offset =
        BROKER_LATEST;
    /* Nobody waits for the answer. */
    rd_kafka_resp_err_t ignored = rd_kafka_offsets_for_times(consumer->handle.rk, list, 0);
    maybe(ignored == RD_KAFKA_RESP_ERR__TIMED_OUT);
    rd_kafka_topic_partition_list_destroy(list);
}

/* Records of the stash that make one answer: up to the limit, at least one, up to an event. */
static size_t
count_records(const struct broker_consumer *consumer, int64_t bytes_max, size_t *bytes)
{
    size_t count = 0;
    *bytes = 0;
    for (size_t at = consumer->stash_at; at < consumer->stash_end; at++) {
        const rd_kafka_message_t *message = consumer->stash[at];
        size_t size = message->key_len + message->len;
        bool full = count > 0 && *bytes + size > (size_t)bytes_max;
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR || full) {
            break;
        }
        *bytes += size;
        count++;
    }
    return count;
}

static struct bytes copy_bytes(uint8_t **to, const void *bytes, size_t size)
{
    struct bytes copy = {.data = bytes == NULL ? NULL : *to, .size = size};
    if (bytes != NULL && size > 0) {
        memcpy(*to, bytes, size);
    }
    *to += size;
    return copy;
}

static void take_records(struct broker_consumer *consumer,
                         int64_t bytes_max,
                         struct arena *arena,
                         struct broker_answer *answer)
{
    size_t bytes = 0;
    size_t count = count_records(consumer, bytes_max, &bytes);
    if (count == 0) {
        return;
    }
    answer->records = arena_alloc(arena, count * sizeof *answer->records);
    uint8_t *copies = arena_alloc(arena, bytes + 1);
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_message_t *message = consumer->stash[consumer->stash_at++];
        if (message->offset >= consumer->position) {
            rd_kafka_timestamp_type_t type;
            struct broker_record *record = &answer->records[answer->count++];
            record->offset = message->offset;
            record->timestamp_ms = rd_kafka_message_timestamp(message, &type);
            record->key = copy_bytes(&copies, message->key, message->key_len);
            record->value = copy_bytes(&copies, message->payload, message->len);
            consumer->position = message->offset + 1;
        }
    }
    consumer->unannounced += (int64_t)(bytes + count * RECORD_BYTES);
}

static bool at_event(const struct broker_consumer *consumer)
{
    return consumer->stash_at < consumer->stash_end &&
           consumer->stash[consumer->stash_at]->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* What is no record: the end of the partition, or an error. */
static enum broker_error take_event(struct broker_consumer *consumer)
{
    const rd_kafka_message_t *message = consumer->stash[consumer->stash_at++];
    enum broker_error error = BROKER_NONE;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        /* Beyond the position when the last slots hold nothing that is shown. */
        if (message->offset > consumer->position) {
            consumer->position = message->offset;
        }
        consumer->end = message->offset;
    } else {
        error = broker_handle_error(&consumer->handle, message->err);
        /* After these librdkafka says nothing more about the partition; others pass by themselves.
         * To assign it anew is right after any of them. */
        consumer->stopped = true;
    }
    return error;
}

/* The readable end as the last fetch of librdkafka was told; never below what was read. */
static int64_t readable_end(const struct broker_consumer *consumer)
{
    int64_t low = -1;
    int64_t high = -1;
    rd_kafka_resp_err_t error = rd_kafka_get_watermark_offsets(
        consumer->handle.rk, consumer->topic, consumer->partition, &low, &high);
    int64_t end =
        error == RD_KAFKA_RESP_ERR_NO_ERROR && high > consumer->end ? high : consumer->end;
    return end > consumer->position ? end : consumer->position;
}

void broker_consumer_answer_empty(struct broker_consumer *consumer, struct broker_answer *answer)
{
    /* The log start that came with librdkafka's fetches is not passed on; 0 is below it. */
    *answer = (struct broker_answer){
        .next_offset = consumer->position,
        .readable_end = readable_end(consumer),
    };
}

bool broker_consumer_answer(struct broker_consumer *consumer,
                            const struct broker_fetch *fetch,
                            struct arena *arena,
                            struct broker_answer *answer)
{
    int64_t begin = consumer->position;
    enum broker_error error = BROKER_NONE;
    while (answer->count == 0 && error == BROKER_NONE) {
        if (consumer->stash_at == consumer->stash_end) {
            fiber_on_thread_stack(take, consumer);
            if (consumer->stash_end == 0) {
                break;
            }
            broker_handle_heard_from(&consumer->handle);
        }
        take_records(consumer, fetch->bytes_max, arena, answer);
        if (answer->count == 0 && at_event(consumer)) {
            error = take_event(consumer);
        }
    }
    answer->error = error;
    answer->next_offset = consumer->position;
    answer->readable_end = readable_end(consumer);
    if (consumer->unannounced >= ANNOUNCE_BYTES) {
        consumer->unannounced = 0;
        fiber_on_thread_stack(announce, consumer);
    }
    return error != BROKER_NONE || consumer->position > begin;
}
