/* For tests of the Kafka source that need no world: a broker whose answers are written down
 * beforehand (the last one repeats), and a clock that moves when somebody sleeps. */
#ifndef ENGINE_SOURCE_KAFKA_SCRIPT_TEST_H
#define ENGINE_SOURCE_KAFKA_SCRIPT_TEST_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/units.h"
#include "engine/source/kafka_source.h"

enum { SCRIPT_PARTITIONS = 4, SCRIPT_STEPS = 8, SCRIPT_RECORDS = 16 };

struct script_metadata {
    enum broker_error error;
    int32_t count;      /* partitions 0..count-1 */
    int32_t leaderless; /* this one has no leader; -1: none (0 means partition 0) */
    int32_t absent;     /* this one is left out; -1: none */
};

struct script_offsets {
    enum broker_error error; /* of the request */
    enum broker_error errors[SCRIPT_PARTITIONS];
    int64_t earliest[SCRIPT_PARTITIONS];
    int64_t latest[SCRIPT_PARTITIONS];
};

struct script_fetch {
    struct broker_answer answer; /* records are made from `offsets` */
    int64_t offsets[SCRIPT_RECORDS];
    size_t count;
    int64_t timestamp_ms; /* of each: what tells one log from another */
};

struct script {
    struct script_metadata metadata[SCRIPT_STEPS];
    size_t metadata_count;
    struct script_offsets offsets[SCRIPT_STEPS];
    size_t offsets_count;
    struct script_fetch fetches[SCRIPT_STEPS];
    size_t fetch_count;

    size_t metadata_calls;
    size_t offsets_calls;
    size_t fetch_calls;
    int64_t asked[64];     /* offsets asked for by each fetch */
    const char *complaint; /* what broker_last_error says */
    int64_t now_us;
    int64_t rows_spent;
    int64_t most_rows_at_once;
    struct trace_entry skipped[8];
    size_t skipped_count;
    struct trace_entry changed; /* the last EVENT_LOG_CHANGED */
    size_t changed_count;
    struct ports ports;
    struct plan plan;
    struct diag diag;
    struct arena arena;
};

static size_t script_step(size_t calls, size_t count)
{
    cr_assert(count > 0, "a call that the script does not expect");
    return calls < count ? calls : count - 1;
}

static enum broker_error script_metadata_call(void *self,
                                              const char *topic,
                                              int64_t deadline_us,
                                              struct arena *arena,
                                              struct broker_partition **partitions,
                                              size_t *count)
{
    struct script *script = self;
    const struct script_metadata *step =
        &script->metadata[script_step(script->metadata_calls++, script->metadata_count)];
    cr_assert(eq(str, topic, "flights"));
    cr_assert(deadline_us >= script->now_us);
    script->now_us += 1000;
    *partitions = arena_alloc(arena, SCRIPT_PARTITIONS * sizeof **partitions);
    *count = 0;
    for (int32_t i = 0; i < step->count; i++) {
        if (i != step->absent) {
            (*partitions)[(*count)++] =
                (struct broker_partition){.id = i, .leader = i == step->leaderless ? -1 : 1};
        }
    }
    return step->error;
}

static enum broker_error script_offsets_call(
    void *self, const char *topic, int64_t deadline_us, struct broker_offset *offsets, size_t count)
{
    struct script *script = self;
    const struct script_offsets *step =
        &script->offsets[script_step(script->offsets_calls++, script->offsets_count)];
    cr_assert(eq(str, topic, "flights"));
    cr_assert(deadline_us >= script->now_us);
    script->now_us += 1000;
    for (size_t i = 0; i < count; i++) {
        int32_t p = offsets[i].partition;
        bool earliest = offsets[i].timestamp == BROKER_EARLIEST;
        offsets[i].offset = earliest ? step->earliest[p] : step->latest[p];
        offsets[i].error = step->errors[p];
    }
    return step->error;
}

static void script_fetch_call(void *self,
                              const struct broker_fetch *fetch,
                              struct arena *arena,
                              struct broker_answer *answer)
{
    struct script *script = self;
    script->asked[script->fetch_calls % 64] = fetch->offset;
    const struct script_fetch *step =
        &script->fetches[script_step(script->fetch_calls++, script->fetch_count)];
    cr_assert(fetch->deadline_us > script->now_us);
    script->now_us += 1000;
    *answer = step->answer;
    answer->count = step->count;
    answer->records = arena_alloc(arena, (step->count + 1) * sizeof *answer->records);
    for (size_t i = 0; i < step->count; i++) {
        answer->records[i].offset = step->offsets[i];
        answer->records[i].timestamp_ms = step->timestamp_ms;
        answer->records[i].value = bytes_of(arena_strdup(arena, "value"), 5);
    }
}

static int64_t script_now(void *self)
{
    return ((struct script *)self)->now_us;
}

static void script_sleep(void *self, int64_t time_us)
{
    struct script *script = self;
    script->now_us = time_us > script->now_us ? time_us : script->now_us;
}

static void script_spend(void *self, int64_t rows, int64_t bytes)
{
    struct script *script = self;
    script->rows_spent += rows;
    if (rows > script->most_rows_at_once) {
        script->most_rows_at_once = rows;
    }
}

static void script_trace(void *self, const struct trace_entry *entry)
{
    struct script *script = self;
    if (entry->kind == EVENT_LOG_CHANGED) {
        script->changed = *entry;
        script->changed_count++;
        return;
    }
    cr_assert(eq(int, entry->kind, EVENT_RANGE_SKIPPED));
    script->skipped[script->skipped_count++ % 8] = *entry;
}

static const char *script_last_error(void *self)
{
    return ((struct script *)self)->complaint;
}

static const struct broker_ops script_broker = {
    .last_error = script_last_error,
    .metadata = script_metadata_call,
    .list_offsets = script_offsets_call,
    .fetch = script_fetch_call,
};
static const struct clock_ops script_clock = {script_now, script_sleep, script_spend};
static const struct trace_ops script_tracer = {script_trace};

/* Ports and a plan over `script`, whose answers are filled in already. */
static void script_begin(struct script *script)
{
    script->now_us = INT64_C(978307200000000);
    script->complaint = script->complaint == NULL ? "" : script->complaint;
    script->ports.broker = (struct broker_port){&script_broker, script};
    script->ports.clock = (struct clock_port){&script_clock, script};
    script->ports.trace = (struct trace_port){&script_tracer, script};
    script->plan.topic = "flights";
    script->plan.options = (struct options){
        .starting_offsets = "earliest",
        .fail_on_data_loss = true,
        .request_timeout_us = 30 * US_PER_SECOND,
        .api_timeout_us = 60 * US_PER_SECOND,
        .poll_timeout_us = 120 * US_PER_SECOND,
        .fetch_retries = 3,
        .fetch_retry_interval_us = US_PER_SECOND,
        .fetch_bytes_max = 1 << 20,
    };
}

static void script_end(struct script *script)
{
    arena_free(&script->arena);
}

#endif
