#include "sim/check/oracle.h"

#include <strings.h>

#include "engine/base/check.h"
#include "engine/base/fiber.h"
#include "sim/check/oracle_decode.h"
#include "sim/check/oracle_pipeline.h"

struct oracle_workload {
    struct oracle_line *lines;
    size_t line_count;
};

struct oracle {
    struct arena arena;
    const struct scenario *scenario;
    struct oracle_pipeline pipeline;
    const char *error;
    struct oracle_workload *workloads;
};

static bool
keeps(const struct oracle_pipeline *pipeline, const struct value *cells, const char **error)
{
    struct value keep = {TYPE_BOOLEAN, true, .as = {.boolean = true}};
    *error =
        pipeline->filter == NULL ? NULL : oracle_expression_value(pipeline->filter, cells, &keep);
    return *error == NULL && keep.present && keep.as.boolean;
}

static const char *
project(const struct oracle_pipeline *pipeline, const struct value *cells, struct buf *form)
{
    for (size_t i = 0; i < pipeline->column_count; i++) {
        struct value value;
        const char *error = oracle_expression_value(pipeline->columns[i].is, cells, &value);
        if (error != NULL) {
            return error;
        }
        value.type = oracle_expression_result(pipeline->columns[i].is);
        value_encode(&value, form);
    }
    return NULL;
}

const char *oracle_select(const struct oracle *oracle,
                          const struct value *cells,
                          struct arena *arena,
                          struct row *row)
{
    struct buf form = {0};
    const char *error = project(&oracle->pipeline, cells, &form);
    if (error == NULL) {
        *row = row_of(bytes_of(arena_copy(arena, form.data, form.size), form.size));
    }
    buf_free(&form);
    return error;
}

/* Filter, then groups or select, as Spark: a row that is dropped can raise no error in what
 * follows. */
void oracle_record(const struct oracle *oracle,
                   struct bytes value,
                   struct arena *arena,
                   struct oracle_line *line)
{
    require(oracle->error == NULL);
    const struct oracle_pipeline *pipeline = &oracle->pipeline;
    struct arena scratch = {0};
    struct value *cells = arena_alloc(&scratch, (pipeline->source.count + 1) * sizeof *cells);
    *line = (struct oracle_line){.verdict = ORACLE_DROPPED};
    line->error =
        oracle_decode(&pipeline->source,
                      pipeline->failfast,
                      value,
                      pipeline->aggregation == NULL ? &scratch : arena /* groups keep texts */,
                      cells);
    if (line->error == NULL && keeps(pipeline, cells, &line->error)) {
        line->verdict = ORACLE_ROW;
        line->error = oracle_input_of(pipeline, cells, arena, &line->input);
        if (line->error == NULL && pipeline->aggregation == NULL) {
            line->error = oracle_select(oracle, cells, arena, &line->row);
        }
    }
    line->verdict = line->error == NULL ? line->verdict : ORACLE_FAILS;
    arena_free(&scratch);
}

static void evaluate_workloads(struct oracle *oracle)
{
    const struct scenario *scenario = oracle->scenario;
    size_t count = scenario->workload_count;
    oracle->workloads = arena_alloc(&oracle->arena, (count + 1) * sizeof *oracle->workloads);
    for (size_t w = 0; w < count; w++) {
        const struct workload_config *config = &scenario->workloads[w];
        struct oracle_workload *workload = &oracle->workloads[w];
        workload->line_count = config->line_count;
        workload->lines =
            arena_alloc(&oracle->arena, (config->line_count + 1) * sizeof *workload->lines);
        for (size_t i = 0; i < config->line_count; i++) {
            oracle_record(oracle, config->lines[i], &oracle->arena, &workload->lines[i]);
        }
    }
}

static void make_on_thread_stack(void *argument)
{
    struct oracle *oracle = argument;
    oracle->error =
        oracle_pipeline_read(oracle->scenario->pipeline, &oracle->arena, &oracle->pipeline);
    if (oracle->error == NULL) {
        evaluate_workloads(oracle);
    }
}

struct oracle *oracle_new(const struct scenario *scenario)
{
    struct oracle *oracle = heap_alloc(sizeof *oracle);
    oracle->scenario = scenario;
    fiber_on_thread_stack(make_on_thread_stack, oracle);
    return oracle;
}

void oracle_free(struct oracle *oracle)
{
    arena_free(&oracle->arena);
    heap_free(oracle);
}

const char *oracle_error(const struct oracle *oracle)
{
    return oracle->error;
}

const struct oracle_line *oracle_line(const struct oracle *oracle, size_t workload, size_t line)
{
    require(workload < oracle->scenario->workload_count);
    require(line < oracle->workloads[workload].line_count);
    return &oracle->workloads[workload].lines[line];
}

const struct oracle_pipeline *oracle_pipeline(const struct oracle *oracle)
{
    return &oracle->pipeline;
}

size_t oracle_column_count(const struct oracle *oracle)
{
    return oracle->pipeline.column_count;
}

const char *oracle_column_name(const struct oracle *oracle, size_t column)
{
    require(column < oracle->pipeline.column_count);
    return oracle->pipeline.columns[column].name;
}

enum type oracle_column_type(const struct oracle *oracle, size_t column)
{
    require(column < oracle->pipeline.column_count);
    return oracle_expression_result(oracle->pipeline.columns[column].is);
}

const char *oracle_topic(const struct oracle *oracle)
{
    return oracle->pipeline.topic;
}

const char *oracle_table(const struct oracle *oracle)
{
    return oracle->pipeline.table;
}

static const char *
last_of(const struct option_override *overrides, const char *name, const char *before)
{
    for (; overrides != NULL && overrides->name != NULL; overrides++) {
        if (strcasecmp(overrides->name, name) == 0) {
            before = overrides->value;
        }
    }
    return before;
}

const char *oracle_option(const struct oracle *oracle,
                          const struct option_override *overrides,
                          const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < oracle->pipeline.setting_count; i++) {
        if (strcasecmp(oracle->pipeline.settings[i].name, name) == 0) {
            value = oracle->pipeline.settings[i].value;
        }
    }
    /* As the supervisor starts drivers: an operator's own `set` stands instead of the scenario's.
     */
    return last_of(overrides == NULL ? oracle->scenario->set : overrides, name, value);
}
