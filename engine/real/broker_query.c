/* Questions about a topic. librdkafka answers them in calls that block: each is cut into slices of
 * at most a second, between which the other fibers have their turn, and none goes past its
 * deadline. */
#include "engine/real/broker_internal.h"

#include "engine/base/check.h"
#include "engine/base/units.h"

#define SLICE_US US_PER_SECOND

/* Milliseconds of the next slice; 0: the deadline has passed. Rounded up: a call that is a
 * millisecond late is better than a loop that spins through the last one. */
static int slice_ms(int64_t deadline_us)
{
    int64_t left_us = deadline_us - real_wall_us();
    if (left_us <= 0) {
        return 0;
    }
    left_us = left_us < SLICE_US ? left_us : SLICE_US;
    return (int)((left_us + US_PER_MS - 1) / US_PER_MS);
}

/* ---- metadata ---- */

struct metadata_call {
    struct broker_handle *handle;
    const char *topic;
    int timeout_ms;
    const struct rd_kafka_metadata *found;
    rd_kafka_resp_err_t error;
};

static void ask_metadata(void *argument)
{
    struct metadata_call *call = argument;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(call->handle->rk, call->topic, NULL);
    if (topic == NULL) { /* a name that Kafka does not allow */
        call->error = rd_kafka_last_error();
        return;
    }
    call->error = rd_kafka_metadata(call->handle->rk, 0, topic, &call->found, call->timeout_ms);
    rd_kafka_topic_destroy(topic);
}

static enum broker_error copy_metadata(struct broker_handle *handle,
                                       const struct rd_kafka_metadata *found,
                                       struct arena *arena,
                                       struct broker_partition **partitions,
                                       size_t *count)
{
    if (found->topic_cnt != 1) {
        return BROKER_UNKNOWN_TOPIC_OR_PARTITION;
    }
    const struct rd_kafka_metadata_topic *topic = &found->topics[0];
    enum broker_error error = broker_handle_error(handle, topic->err);
    if (error != BROKER_NONE) {
        return error;
    }
    *count = (size_t)topic->partition_cnt;
    *partitions = arena_alloc(arena, (*count + 1) * sizeof **partitions);
    for (size_t i = 0; i < *count; i++) {
        (*partitions)[i] = (struct broker_partition){
            .id = topic->partitions[i].id,
            .leader = topic->partitions[i].leader,
            .error = broker_handle_error(handle, topic->partitions[i].err),
        };
    }
    return BROKER_NONE;
}

enum broker_error broker_query_metadata(struct broker_handle *handle,
                                        const char *topic,
                                        int64_t deadline_us,
                                        struct arena *arena,
                                        struct broker_partition **partitions,
                                        size_t *count)
{
    struct metadata_call call = {.handle = handle, .topic = topic};
    *partitions = NULL;
    *count = 0;
    while ((call.timeout_ms = slice_ms(deadline_us)) > 0) {
        fiber_on_thread_stack(ask_metadata, &call);
        broker_handle_hear(handle);
        loop_turn(handle->broker->loop);
        if (call.found != NULL) {
            broker_handle_heard_from(handle);
            enum broker_error error = copy_metadata(handle, call.found, arena, partitions, count);
            rd_kafka_metadata_destroy(call.found);
            return error;
        }
        enum broker_error error = broker_handle_error(handle, call.error);
        require(error != BROKER_NONE);
        if (error != BROKER_TIMED_OUT) {
            return error;
        }
    }
    return BROKER_TIMED_OUT;
}

/* ---- offsets ---- */

struct offsets_call {
    struct broker_handle *handle;
    rd_kafka_topic_partition_list_t *list;
    int timeout_ms;
    rd_kafka_resp_err_t error;
};

static void ask_offsets(void *argument)
{
    struct offsets_call *call = argument;
    call->error = rd_kafka_offsets_for_times(call->handle->rk, call->list, call->timeout_ms);
}

/* The entries that are asked for in one call: librdkafka wants each partition once. An entry is
 * open while its error is BROKER_TIMED_OUT. */
static rd_kafka_topic_partition_list_t *
open_entries(const char *topic, const struct broker_offset *offsets, size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        if (offsets[i].error == BROKER_TIMED_OUT &&
            rd_kafka_topic_partition_list_find(list, topic, offsets[i].partition) == NULL) {
            rd_kafka_topic_partition_t *asked =
                rd_kafka_topic_partition_list_add(list, topic, offsets[i].partition);
            asked->offset = offsets[i].timestamp;
            /* Stays when nobody answers for it, whatever the call as a whole says. */
            asked->err = RD_KAFKA_RESP_ERR__TIMED_OUT;
        }
    }
    return list;
}

/* Note the answers; the first open entry of each partition of the list is the one that was asked.
 * False: somebody did not answer. */
static bool
note_answers(const struct offsets_call *call, struct broker_offset *offsets, size_t count)
{
    bool all = true;
    for (int k = 0; k < call->list->cnt; k++) {
        const rd_kafka_topic_partition_t *answered = &call->list->elems[k];
        bool silent = answered->err == RD_KAFKA_RESP_ERR__TIMED_OUT;
        size_t i = 0;
        while (offsets[i].error != BROKER_TIMED_OUT ||
               offsets[i].partition != answered->partition) {
            i++;
            require(i < count);
        }
        offsets[i].error = broker_handle_error(
            call->handle, silent && call->error != 0 ? call->error : answered->err);
        /* RD_KAFKA_OFFSET_END: no record is that new. */
        bool found = offsets[i].error == BROKER_NONE && answered->offset >= 0;
        offsets[i].offset = found ? answered->offset : -1;
        all = all && offsets[i].error != BROKER_TIMED_OUT;
    }
    return all;
}

/* Open entries that no leader can be asked about get their error now. Fresh
 * metadata is asked for each time: librdkafka 2.0.2 goes on asking a former leader until somebody
 * does (kafka-semantics D2, D9). */
static enum broker_error find_leaders(struct broker_handle *handle,
                                      const char *topic,
                                      int64_t deadline_us,
                                      struct broker_offset *offsets,
                                      size_t count)
{
    struct arena scratch = {0};
    struct broker_partition *partitions = NULL;
    size_t partition_count = 0;
    enum broker_error error =
        broker_query_metadata(handle, topic, deadline_us, &scratch, &partitions, &partition_count);
    bool unknown = error == BROKER_UNKNOWN_TOPIC_OR_PARTITION;
    for (size_t i = 0; i < count && (error == BROKER_NONE || unknown); i++) {
        if (offsets[i].error != BROKER_TIMED_OUT) {
            continue;
        }
        offsets[i].error = BROKER_UNKNOWN_TOPIC_OR_PARTITION;
        for (size_t p = 0; p < partition_count; p++) {
            if (partitions[p].id == offsets[i].partition) {
                offsets[i].error =
                    partitions[p].leader < 0 ? BROKER_LEADER_NOT_AVAILABLE : BROKER_TIMED_OUT;
            }
        }
    }
    arena_free(&scratch);
    return unknown ? BROKER_NONE : error;
}

enum broker_error broker_query_offsets(struct broker_handle *handle,
                                       const char *topic,
                                       int64_t deadline_us,
                                       struct broker_offset *offsets,
                                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        offsets[i].offset = -1;
        offsets[i].error = BROKER_TIMED_OUT;
    }
    bool answered = false;
    struct offsets_call call = {.handle = handle};
    do {
        enum broker_error error =
            answered ? BROKER_NONE : find_leaders(handle, topic, deadline_us, offsets, count);
        if (error != BROKER_NONE) {
            return error;
        }
        call.list = open_entries(topic, offsets, count);
        call.timeout_ms = slice_ms(deadline_us);
        bool asked = call.list->cnt > 0 && call.timeout_ms > 0;
        if (asked) {
            fiber_on_thread_stack(ask_offsets, &call);
            broker_handle_hear(handle);
            answered = note_answers(&call, offsets, count);
            loop_turn(handle->broker->loop);
        }
        rd_kafka_topic_partition_list_destroy(call.list);
        if (!asked) {
            break;
        }
    } while (true);
    return BROKER_NONE;
}
