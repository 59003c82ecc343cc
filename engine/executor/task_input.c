#include "engine/executor/task_input.h"

#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/exec/aggregate.h"
#include "engine/exec/operators.h"
#include "engine/source/decode.h"
#include "engine/source/kafka_source.h"

struct task_input {
    struct task_attempt *attempt;
    struct kafka_range range;
    task_input_batch batch;
    void *context;
    struct arena batch_arena; /* one batch of records */
    struct arena fetch_arena; /* one fetch answer */
    struct decoder *decoder;
    struct columns *input; /* the batch being filled; NULL: none begun */
    int64_t input_bytes;
};

/* ---- the watermark's observation --------------------------------------------------------------
 */

static int64_t floor_to_ms(int64_t time_us)
{
    return time_us / US_PER_MS - (time_us % US_PER_MS < 0);
}

/* A sum that nothing but an average for people depends on: it stays at the limit. */
static int64_t add_up(int64_t sum, int64_t more)
{
    int64_t result = 0;
    if (__builtin_add_overflow(sum, more, &result)) {
        return more < 0 ? INT64_MIN : INT64_MAX;
    }
    return result;
}

static void observe(struct task_attempt *attempt, const struct columns *input)
{
    const struct watermark *watermark = attempt->session->plan->watermark;
    if (watermark == NULL) {
        return;
    }
    struct message_task_done *done = &attempt->done;
    int64_t max_ms = event_time_max_ms(watermark, input);
    done->event_time_max_ms = max_ms > done->event_time_max_ms ? max_ms : done->event_time_max_ms;
    const struct column *times = &input->columns[watermark->column];
    for (size_t row = 0; row < input->rows; row++) {
        if (times->present[row]) {
            int64_t time_ms = floor_to_ms(times->values.longs[row]);
            done->event_time_min_ms =
                time_ms < done->event_time_min_ms ? time_ms : done->event_time_min_ms;
            done->event_time_sum_ms = add_up(done->event_time_sum_ms, time_ms);
            done->event_times++;
        }
    }
}

/* ---- records -> rows ------------------------------------------------------------------------ */

/* Put a full (or last) batch through the filter and hand it over. Spending comes first: it is where
 * the process is busy, and where it may die. */
static enum status finish_batch(struct task_input *input, struct diag *diag)
{
    if (input->input == NULL) {
        return OK;
    }
    struct task_attempt *attempt = input->attempt;
    clock_spend(&attempt->executor->ports->clock, (int64_t)input->input->rows, input->input_bytes);
    TRY(operators_filter(attempt->session->plan, &input->batch_arena, input->input, diag));
    observe(attempt, input->input);
    TRY(input->batch(input->context, &input->batch_arena, input->input, diag));
    input->input = NULL;
    input->input_bytes = 0;
    arena_reset(&input->batch_arena);
    return OK;
}

static size_t batch_capacity(const struct kafka_range *range)
{
    int64_t left = range->until - range->from;
    return left < SPEND_ROWS_MAX ? (size_t)left : SPEND_ROWS_MAX;
}

/* The decoder knows the value only; people need its place. */
static enum status
name_record(const struct task_input *input, const struct broker_record *record, struct diag *diag)
{
    char text[sizeof diag->text];
    (void)snprintf(text, sizeof text, "%s", diag->text);
    int length = snprintf(diag->text,
                          sizeof diag->text,
                          "topic %.200s, partition %d, offset %lld: ",
                          input->attempt->session->plan->topic,
                          (int)input->range.partition,
                          (long long)record->offset);
    require(length > 0);
    require((size_t)length < sizeof diag->text);
    size_t left = sizeof diag->text - (size_t)length - 1;
    size_t kept = strlen(text) < left ? strlen(text) : left;
    memcpy(diag->text + length, text, kept);
    diag->text[(size_t)length + kept] = '\0';
    return ERR_FAILED;
}

/* A record is valid only in here: the batch keeps a copy, from which its strings borrow. */
static enum status on_record(void *context, const struct broker_record *record, struct diag *diag)
{
    struct task_input *input = context;
    if (input->input == NULL) {
        input->input = columns_new(&input->batch_arena,
                                   &input->attempt->session->plan->source,
                                   batch_capacity(&input->range));
    }
    struct bytes value = record->value;
    if (value.data != NULL) {
        value.data = arena_copy(&input->batch_arena, value.data, value.size);
    }
    enum status status =
        decoder_row(input->decoder, &input->batch_arena, value, input->input, diag);
    if (status != OK) {
        return status == ERR_FAILED ? name_record(input, record, diag) : status;
    }
    input->attempt->done.rows_read++;
    input->input_bytes += (int64_t)value.size;
    if (input->input->rows == input->input->capacity) {
        return finish_batch(input, diag);
    }
    return OK;
}

enum status task_input_read(struct task_attempt *attempt, task_input_batch batch, void *context)
{
    const struct plan *plan = attempt->session->plan;
    struct task_input input = {.attempt = attempt, .batch = batch, .context = context};
    input.range = (struct kafka_range){.partition = attempt->task.partition,
                                       .from = attempt->task.from,
                                       .until = attempt->task.until,
                                       .before = attempt->task.before};
    input.decoder = decoder_new(&attempt->arena, &plan->source, plan->mode);
    struct kafka_reading reading = {
        .ports = attempt->executor->ports,
        .plan = plan,
        .range = &input.range,
        .scratch = &input.fetch_arena,
        .record = on_record,
        .context = &input,
    };
    enum status status = kafka_read_range(&reading, &attempt->diag);
    attempt->done.last = reading.last;
    if (status == OK) {
        status = finish_batch(&input, &attempt->diag);
    }
    arena_free(&input.fetch_arena);
    arena_free(&input.batch_arena);
    return status;
}
