#include "engine/exec/operators.h"

#include "engine/base/check.h"

/* Keep the rows for which the condition is true: false and null both go, as in SQL. */
static enum status run_filter(const struct expression *filter,
                              struct arena *arena,
                              struct columns *input,
                              struct diag *diag)
{
    struct column condition = {.type = TYPE_BOOLEAN};
    condition.present = arena_alloc(arena, input->rows);
    condition.values.booleans = arena_alloc(arena, input->rows * sizeof(bool));
    TRY(expression_evaluate(filter, arena, input, &condition, diag));
    for (size_t i = 0; i < input->rows; i++) {
        condition.present[i] &= condition.values.booleans[i];
    }
    columns_compact(input, condition.present);
    return OK;
}

enum status operators_filter(const struct plan *plan,
                             struct arena *arena,
                             struct columns *input,
                             struct diag *diag)
{
    require(input->schema->count == plan->source.count);
    return plan->filter == NULL ? OK : run_filter(plan->filter, arena, input, diag);
}

enum status operators_select(const struct plan *plan,
                             struct arena *arena,
                             const struct columns *input,
                             struct columns **output,
                             struct diag *diag)
{
    struct columns *selected = columns_new(arena, &plan->output, input->rows);
    for (size_t i = 0; i < plan->output.count; i++) {
        const struct expression *expression = plan->projections[i].expression;
        TRY(expression_evaluate(expression, arena, input, &selected->columns[i], diag));
    }
    selected->rows = input->rows;
    *output = selected;
    return OK;
}

enum status operators_run(const struct plan *plan,
                          struct arena *arena,
                          struct columns *input,
                          struct columns **output,
                          struct diag *diag)
{
    require(plan->aggregation == NULL);
    TRY(operators_filter(plan, arena, input, diag));
    return operators_select(plan, arena, input, output, diag);
}
