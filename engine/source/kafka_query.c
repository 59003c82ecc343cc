#include "engine/source/kafka_query.h"

#include "engine/base/check.h"
#include "engine/base/units.h"

#define BACKOFF_US (100 * US_PER_MS) /* Kafka's retry.backoff.ms */

struct kafka_query kafka_query_begin(const struct ports *ports, const struct plan *plan)
{
    return (struct kafka_query){
        .ports = ports,
        .plan = plan,
        .deadline_us = clock_now_us(&ports->clock) + plan->options.api_timeout_us,
        .backoff_us = BACKOFF_US,
    };
}

/* One request may take request.timeout.ms, never longer than the whole query. */
static int64_t request_deadline(const struct kafka_query *query)
{
    int64_t deadline_us =
        clock_now_us(&query->ports->clock) + query->plan->options.request_timeout_us;
    return deadline_us < query->deadline_us ? deadline_us : query->deadline_us;
}

/* Pause before the next try. False when there is no time for one. */
static bool pause_before_retry(struct kafka_query *query)
{
    int64_t until_us = clock_now_us(&query->ports->clock) + query->backoff_us;
    int64_t longest_us = query->plan->options.fetch_retry_interval_us;
    query->backoff_us = query->backoff_us * 2 < longest_us ? query->backoff_us * 2 : longest_us;
    if (until_us >= query->deadline_us) {
        return false;
    }
    clock_sleep_until(&query->ports->clock, until_us);
    return true;
}

static enum status give_up(const struct kafka_query *query,
                           const char *what,
                           enum broker_error error,
                           struct diag *diag)
{
    const char *complaint = broker_last_error(&query->ports->broker);
    (void)diag_fail(diag,
                    "KAFKA_TIMEOUT",
                    "Kafka gave no %s of topic %s within %lld ms; its last answer was %s%s%s. "
                    "Check that the topic exists and that the brokers can be reached.",
                    what,
                    query->plan->topic,
                    (long long)(query->plan->options.api_timeout_us / US_PER_MS),
                    error == BROKER_NONE ? "an incomplete list of partitions"
                                         : broker_error_text(error),
                    *complaint == '\0' ? "" : "; the client says: ",
                    complaint);
    return ERR_TIMEOUT;
}

/* The ids of `found` in ascending order into `partitions`; false when Kafka cannot have such
 * partitions (they are always 0..n-1) or one of them has no leader now. */
static bool whole_answer(const struct broker_partition *found,
                         size_t count,
                         struct offsets *partitions,
                         enum broker_error *error)
{
    bool led = true;
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && partitions->entries[at - 1].partition > found[i].id; at--) {
            partitions->entries[at] = partitions->entries[at - 1];
        }
        partitions->entries[at] = (struct partition_offset){.partition = found[i].id, .offset = 0};
        if (found[i].error != BROKER_NONE || found[i].leader < 0) {
            *error = found[i].error == BROKER_NONE ? BROKER_LEADER_NOT_AVAILABLE : found[i].error;
            led = false;
        }
    }
    partitions->count = count;
    return led && count > 0;
}

static bool dense(const struct offsets *partitions)
{
    for (size_t i = 0; i < partitions->count; i++) {
        if (partitions->entries[i].partition != (int32_t)i) {
            return false;
        }
    }
    return true;
}

static bool covers(const struct offsets *partitions, const struct offsets *known)
{
    for (size_t i = 0; known != NULL && i < known->count; i++) {
        if (offsets_get(partitions, known->entries[i].partition) < 0) {
            return false;
        }
    }
    return true;
}

enum status kafka_query_partitions(struct kafka_query *query,
                                   const struct offsets *known,
                                   struct arena *arena,
                                   struct offsets *partitions,
                                   struct diag *diag)
{
    int64_t patience = query->plan->options.fetch_retries;
    enum broker_error error = BROKER_NONE;
    do {
        struct broker_partition *found = NULL;
        size_t count = 0;
        error = broker_metadata(&query->ports->broker,
                                query->plan->topic,
                                request_deadline(query),
                                arena,
                                &found,
                                &count);
        if (error != BROKER_NONE) {
            continue;
        }
        *partitions = (struct offsets){
            .topic = query->plan->topic,
            .entries = arena_alloc(arena, (count + 1) * sizeof *partitions->entries),
        };
        if (!whole_answer(found, count, partitions, &error)) {
            continue;
        }
        if (dense(partitions) && covers(partitions, known)) {
            return OK;
        }
        if (known != NULL && patience-- <= 0) {
            return OK;
        }
    } while (pause_before_retry(query));
    return give_up(query, "partitions", error, diag);
}

/* The first entry that needs another try, or `count`. */
static size_t first_failed(const struct broker_offset *entries, size_t count, bool unknown_is_final)
{
    size_t i = 0;
    while (i < count &&
           (entries[i].error == BROKER_NONE ||
            (unknown_is_final && entries[i].error == BROKER_UNKNOWN_TOPIC_OR_PARTITION))) {
        i++;
    }
    return i;
}

enum status kafka_query_offsets(struct kafka_query *query,
                                struct broker_offset *entries,
                                size_t count,
                                bool may_miss,
                                struct diag *diag)
{
    int64_t patience = query->plan->options.fetch_retries;
    enum broker_error error = BROKER_NONE;
    struct arena scratch = {0};
    enum status status = ERR_TIMEOUT;
    do {
        error = broker_list_offsets(
            &query->ports->broker, query->plan->topic, request_deadline(query), entries, count);
        bool unknown_is_final = may_miss && patience-- <= 0;
        size_t failed = first_failed(entries, count, unknown_is_final);
        if (error == BROKER_NONE && failed == count) {
            status = OK;
            break;
        }
        error = error == BROKER_NONE ? entries[failed].error : error;
        /* A client that asks a former leader goes on asking it until somebody wants metadata. */
        struct broker_partition *ignored = NULL;
        size_t ignored_count = 0;
        arena_reset(&scratch);
        (void)broker_metadata(&query->ports->broker,
                              query->plan->topic,
                              request_deadline(query),
                              &scratch,
                              &ignored,
                              &ignored_count);
    } while (pause_before_retry(query));
    arena_free(&scratch);
    for (size_t i = 0; i < count; i++) {
        entries[i].offset = entries[i].error == BROKER_NONE ? entries[i].offset : -1;
    }
    return status == OK ? OK : give_up(query, "offsets", error, diag);
}
