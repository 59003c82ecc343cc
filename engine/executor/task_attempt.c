#include "engine/executor/task_attempt.h"

#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/failpoint.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/exec/operators.h"

/* ---- records -> rows ------------------------------------------------------------------------ */

/* Put a full (or last) batch through the operators and keep its output. Spending comes first: it is
 * where the process is busy, and where it may die. */
static enum status finish_batch(struct task_attempt *attempt, struct diag *diag)
{
    if (attempt->input == NULL) {
        return OK;
    }
    struct columns *output = NULL;
    clock_spend(
        &attempt->executor->ports->clock, (int64_t)attempt->input->rows, attempt->input_bytes);
    TRY(operators_run(
        attempt->session->plan, &attempt->batch_arena, attempt->input, &output, diag));
    output_rows_append(&attempt->output, output);
    attempt->input = NULL;
    attempt->input_bytes = 0;
    arena_reset(&attempt->batch_arena);
    return OK;
}

static size_t batch_capacity(const struct kafka_range *range)
{
    int64_t left = range->until - range->from;
    return left < SPEND_ROWS_MAX ? (size_t)left : SPEND_ROWS_MAX;
}

/* The decoder knows the value only; people need its place. */
static enum status name_record(const struct task_attempt *attempt,
                               const struct broker_record *record,
                               struct diag *diag)
{
    char text[sizeof diag->text];
    (void)snprintf(text, sizeof text, "%s", diag->text);
    int length = snprintf(diag->text,
                          sizeof diag->text,
                          "topic %.200s, partition %d, offset %lld: ",
                          attempt->session->plan->topic,
                          (int)attempt->range.partition,
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
    struct task_attempt *attempt = context;
    if (attempt->input == NULL) {
        attempt->input = columns_new(&attempt->batch_arena,
                                     &attempt->session->plan->source,
                                     batch_capacity(&attempt->range));
    }
    struct bytes value = record->value;
    if (value.data != NULL) {
        value.data = arena_copy(&attempt->batch_arena, value.data, value.size);
    }
    enum status status =
        decoder_row(attempt->decoder, &attempt->batch_arena, value, attempt->input, diag);
    if (status != OK) {
        return status == ERR_FAILED ? name_record(attempt, record, diag) : status;
    }
    attempt->input_bytes += (int64_t)value.size;
    if (attempt->input->rows == attempt->input->capacity) {
        return finish_batch(attempt, diag);
    }
    return OK;
}

static enum status read_rows(struct task_attempt *attempt)
{
    const struct plan *plan = attempt->session->plan;
    attempt->decoder = decoder_new(&attempt->arena, &plan->source, plan->mode);
    output_rows_init(&attempt->output, &attempt->arena, &plan->output);
    TRY(kafka_read_range(attempt->executor->ports,
                         plan,
                         &attempt->range,
                         &attempt->fetch_arena,
                         on_record,
                         attempt,
                         &attempt->diag));
    return finish_batch(attempt, &attempt->diag);
}

/* ---- talking -------------------------------------------------------------------------------- */

void task_attempt_ask(struct task_attempt *attempt)
{
    require(attempt->asking);
    executor_send(attempt->executor,
                  &(struct message){.kind = MESSAGE_ASK_COMMIT, .id = attempt->id});
}

void task_attempt_answer(struct task_attempt *attempt, bool granted)
{
    require(attempt->asking);
    attempt->answered = true;
    attempt->granted = granted;
    fibers_wake(&attempt->executor->ports->fibers, attempt->fiber);
}

/* Suspended until the driver, this one or a later one, has answered. */
static bool may_commit(struct task_attempt *attempt)
{
    attempt->asking = true;
    task_attempt_ask(attempt);
    while (!attempt->answered) {
        (void)fibers_park(&attempt->executor->ports->fibers, INT64_MAX);
    }
    attempt->asking = false;
    return attempt->granted;
}

static void report_failure(struct task_attempt *attempt, enum status status)
{
    const struct diag *diag = &attempt->diag;
    struct message message = {.kind = MESSAGE_TASK_FAILED, .id = attempt->id};
    message.failure.error_class = diag->set ? diag->error_class : "TASK_FAILED";
    message.failure.text = diag->set ? diag->text : status_text(status);
    executor_send(attempt->executor, &message);
}

static void
trace(struct task_attempt *attempt, enum engine_event event, int64_t c, const char *text)
{
    trace_event(&attempt->executor->ports->trace,
                &(struct trace_entry){.kind = (int)event,
                                      .batch = attempt->id.batch,
                                      .a = attempt->id.task,
                                      .b = attempt->id.attempt,
                                      .c = c,
                                      .text = text});
}

/* ---- the attempt ---------------------------------------------------------------------------- */

/* The file's random name is drawn from the session too: this executor may run attempt 0 of the same
 * task for two drivers, and the first one's file, removed when its commit is denied, must not be
 * the second one's. */
static enum status write_file(struct task_attempt *attempt, struct delta_file *file)
{
    const struct attempt_id *id = &attempt->id;
    const struct delta_output output = {
        .ports = attempt->executor->ports,
        .store = attempt->executor->store,
        .table = attempt->session->plan->table,
        .task = id->task,
        .name_keys = {hash_chain(id->session, (uint64_t)id->batch),
                      hash_chain((uint64_t)id->task, (uint64_t)id->attempt)},
        .rows = attempt->output.columns,
    };
    TRY(delta_write_file(&output, &attempt->arena, file, &attempt->diag));
    if (file->path != NULL) {
        trace(attempt, EVENT_OUTPUT_WRITTEN, file->rows, file->path);
    }
    return OK;
}

/* No commit will name the file: it is an orphan. To remove it is a courtesy; whoever reads the
 * table's log never sees it. */
static void remove_file(struct task_attempt *attempt, const struct delta_file *file)
{
    if (file->path != NULL) {
        const char *path = store_path(&attempt->arena, attempt->session->plan->table, file->path);
        enum status ignored = store_remove(attempt->executor->store, path);
        maybe(ignored == OK);
    }
}

static enum status run(struct task_attempt *attempt)
{
    int64_t batch = attempt->id.batch;
    struct message done = {.kind = MESSAGE_TASK_DONE, .id = attempt->id};
    failpoint(FP_TASK_START, batch);
    trace(attempt, EVENT_TASK_STARTED, 0, NULL);
    TRY(read_rows(attempt));
    failpoint(FP_TASK_FETCHED, batch);
    failpoint(FP_OUTPUT_BEFORE, batch);
    TRY(write_file(attempt, &done.done.file));
    failpoint(FP_OUTPUT_AFTER, batch);
    if (!may_commit(attempt)) {
        remove_file(attempt, &done.done.file);
        return diag_fail(&attempt->diag, CLASS_COMMIT_DENIED, "the driver denied the commit");
    }
    failpoint(FP_TASK_GRANTED, batch);
    executor_send(attempt->executor, &done);
    failpoint(FP_TASK_END, batch);
    return OK;
}

static void unlink_attempt(struct task_attempt *attempt)
{
    struct task_attempt **link = &attempt->executor->attempts;
    while (*link != attempt) {
        require(*link != NULL);
        link = &(*link)->next;
    }
    *link = attempt->next;
}

static void attempt_entry(void *argument)
{
    struct task_attempt *attempt = argument;
    enum status status = run(attempt);
    if (status != OK) {
        report_failure(attempt, status);
    }
    unlink_attempt(attempt);
    executor_session_release(attempt->session);
    arena_free(&attempt->fetch_arena);
    arena_free(&attempt->batch_arena);
    arena_free(&attempt->arena);
    heap_free(attempt);
}

void task_attempt_begin(struct executor *executor,
                        const struct attempt_id *id,
                        const struct message_run_task *task)
{
    require(executor->session != NULL);
    require(executor->session->id == id->session);
    struct task_attempt *attempt = heap_alloc(sizeof *attempt);
    attempt->executor = executor;
    attempt->session = executor->session;
    attempt->session->users++;
    attempt->id = *id;
    attempt->range = (struct kafka_range){
        .partition = task->partition, .from = task->from, .until = task->until};
    attempt->next = executor->attempts;
    executor->attempts = attempt;
    attempt->fiber = fibers_spawn(&executor->ports->fibers, attempt_entry, attempt);
}
