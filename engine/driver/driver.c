/* driver_run: start-up, then one batch after another as the trigger says, then the end. */
#include "engine/driver/driver.h"

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"
#include "engine/driver/micro_batch.h"
#include "engine/driver/recovery.h"
#include "engine/driver/trigger.h"

/* How long a driver that ends waits for its executors to hang up after its goodbye. */
#define GOODBYE_US US_PER_SECOND

static void tell_resumption(const struct query *query)
{
    const struct driver_config *config = query->config;
    if (config->resumed == NULL) {
        return;
    }
    bool fresh = query->next_batch == 0 && !query->rerun;
    const struct driver_resumption resumption = {
        .query_id = query->id,
        .batch = query->next_batch,
        .fresh = fresh,
        .rerun = query->rerun,
        .begin = &query->position,
        .end = &query->planned,
        .watermark_ms = query->watermark_ms,
    };
    config->resumed(config->resumed_context, &resumption);
}

static enum status start(struct query *query, struct diag *diag)
{
    const struct driver_config *config = query->config;
    query->overrides = config->overrides;
    TRY(plan_compile(&query->arena,
                     config->pipeline_file,
                     config->pipeline,
                     config->overrides,
                     &query->plan,
                     diag));
    TRY(broker_configure(&query->ports->broker, query->plan->options.kafka, diag));
    enum status status = network_listen(&query->ports->network, config->address);
    if (status != OK) {
        return diag_fail(diag,
                         "DRIVER_ADDRESS_IN_USE",
                         "cannot listen at %s for executors: %s. Another driver may be running "
                         "there; stop it, or give this one an address of its own",
                         config->address,
                         status_text(status));
    }
    const char *checkpoint = query->plan->options.checkpoint_location;
    query->offsets_log = store_path(&query->arena, checkpoint, "offsets");
    query->commits_log = store_path(&query->arena, checkpoint, "commits");
    query->session = random_draw(&query->ports->random, "driver-session", 0, 0);
    TRY(recovery_run(query, diag));
    tell_resumption(query);
    query->table = delta_table_open(query->ports, query->store, query->plan->table, query->id);
    return OK;
}

/* Hear the network until `until_us`, or until somebody asks to stop. */
static enum status pause_until(struct query *query, int64_t until_us, struct diag *diag)
{
    while (clock_now_us(&query->ports->clock) < until_us && !query_stop_requested(query)) {
        TRY(query_step(query, until_us, diag));
    }
    return OK;
}

/* Take what has arrived, without waiting: a query that always has data never pauses. */
static enum status drain(struct query *query, struct diag *diag)
{
    return query_step(query, clock_now_us(&query->ports->clock), diag);
}

static int64_t next_trigger_us(const struct query *query, int64_t began_us, enum batch_outcome last)
{
    int64_t interval_us = query->plan->options.trigger_interval_us;
    if (interval_us > 0) {
        return trigger_next_us(began_us, interval_us);
    }
    return last == BATCH_NO_DATA ? began_us + TRIGGER_POLLING_DELAY_US : began_us;
}

static enum status run_batches(struct query *query, enum driver_end *end, struct diag *diag)
{
    bool available_now = query->plan->options.trigger == TRIGGER_AVAILABLE_NOW;
    while (!query_stop_requested(query)) {
        enum batch_outcome outcome = BATCH_NO_DATA;
        int64_t began_us = clock_now_us(&query->ports->clock);
        TRY(micro_batch_run(query, &outcome, diag));
        if (outcome == BATCH_ABANDONED) {
            break;
        }
        if (available_now && outcome == BATCH_NO_DATA) {
            *end = DRIVER_CAUGHT_UP;
            return OK;
        }
        TRY(drain(query, diag));
        if (!available_now) {
            TRY(pause_until(query, next_trigger_us(query, began_us, outcome), diag));
        }
    }
    *end = DRIVER_STOPPED;
    return OK;
}

/* The session ends, also when the query failed: executors exit. They are heard until they have
 * hung up, so that a goodbye is not lost with this process. */
static void say_goodbye(struct query *query)
{
    struct diag ignored = {0};
    query->ending = true;
    int64_t until_us = clock_now_us(&query->ports->clock) + GOODBYE_US;
    for (size_t i = query->executors.count; i > 0; i--) {
        query_send(query,
                   query->executors.entries[i - 1].connection,
                   &(struct message){.kind = MESSAGE_GOODBYE});
    }
    while (query->executors.count > 0 && clock_now_us(&query->ports->clock) < until_us) {
        if (query_step(query, until_us, &ignored) != OK) {
            return;
        }
    }
}

static void free_query(struct query *query)
{
    if (query->table != NULL) {
        delta_table_close(query->table);
    }
    executors_free(&query->executors);
    reader_homes_free(&query->readers);
    buf_free(&query->outgoing);
    buf_free(&query->progress.line);
    arena_free(&query->message_arena);
    arena_free(&query->batch_arena);
    arena_free(&query->position_arena);
    arena_free(&query->arena);
    heap_free(query);
}

enum driver_end driver_run(const struct driver_config *config, struct diag *diag)
{
    struct query *query = heap_alloc(sizeof *query);
    query->config = config;
    query->ports = config->ports;
    query->store = store_new(config->ports, config->storage);
    enum driver_end end = DRIVER_ERROR;
    enum status status = start(query, diag);
    if (status == OK) {
        status = run_batches(query, &end, diag);
    }
    if (status != OK) {
        require(diag->set);
        end = DRIVER_ERROR;
    }
    const char *error_class = end == DRIVER_ERROR ? diag->error_class : "";
    trace_event(&config->ports->trace,
                &(struct trace_entry){.kind = EVENT_QUERY_ENDED, .batch = -1, .text = error_class});
    if (query->plan != NULL) {
        say_goodbye(query);
    }
    free_query(query);
    return end;
}
