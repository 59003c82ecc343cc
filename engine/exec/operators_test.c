#include "engine/exec/operators.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/process.h"
#include "engine/base/units.h"
#include "engine/source/decode.h"

static struct arena arena;
static struct diag diag;

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(operators, .fini = end);

static struct plan *plan_of(const char *filter, const char *select)
{
    const char *json = arena_printf(
        &arena,
        "{\"name\": \"q\", \"source\": {\"subscribe\": \"f\", \"schema\": {\"event_time\": "
        "\"timestamp\", \"origin\": \"string\", \"delay\": \"int\"}}, \"filter\": \"%s\", "
        "\"select\": [%s], \"sink\": {\"path\": \"/t\"}, \"options\": "
        "{\"checkpointLocation\": \"/c\"}}",
        filter,
        select);
    struct plan *plan = NULL;
    enum status status = plan_compile(&arena, "p", bytes_of_text(json), NULL, &plan, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
    return plan;
}

static struct columns *decode(const struct plan *plan, const char *const *records, size_t count)
{
    struct decoder *decoder = decoder_new(&arena, &plan->source, plan->mode);
    struct columns *columns = columns_new(&arena, &plan->source, count);
    for (size_t i = 0; i < count; i++) {
        enum status status =
            decoder_row(decoder, &arena, bytes_of_text(records[i]), columns, &diag);
        cr_assert(eq(int, status, OK));
    }
    return columns;
}

static const char *const records[] = {
    "{\"event_time\":\"2001-01-01T00:00:00Z\",\"origin\":\"LAS\",\"delay\":20}",
    "{\"event_time\":\"2001-01-01T00:01:00Z\",\"origin\":\"PHX\",\"delay\":15}",
    "{\"event_time\":\"2001-01-01T00:02:00Z\",\"origin\":null,\"delay\":70}",
    "no record at all",
    "{\"event_time\":\"2001-01-01T00:03:00Z\",\"origin\":\"OAK\",\"delay\":16}",
    "{\"event_time\":\"2001-01-01T00:04:00Z\",\"origin\":\"SFO\"}"};

Test(operators, filter_keeps_what_is_true_and_select_computes)
{
    struct plan *plan = plan_of("delay > 15 and origin is not null",
                                "\"origin\", {\"as\": \"late_by\", \"is\": \"delay - 15\"}, "
                                "{\"as\": \"at\", \"is\": \"event_time\"}");
    struct columns *input = decode(plan, records, 6);
    struct columns *output = NULL;
    cr_assert(eq(int, operators_run(plan, &arena, input, &output, &diag), OK));
    cr_assert(eq(sz, input->rows, 2));
    cr_assert(eq(sz, output->rows, 2));
    cr_assert(eq(ptr, (void *)(uintptr_t)output->schema, (void *)&plan->output));
    cr_assert(bytes_equal_text(output->columns[0].values.strings[0], "LAS"));
    cr_assert(bytes_equal_text(output->columns[0].values.strings[1], "OAK"));
    cr_assert(eq(int, output->columns[1].values.ints[0], 5));
    cr_assert(eq(int, output->columns[1].values.ints[1], 1));
    cr_assert(eq(i64, output->columns[2].values.longs[1], 978307380 * US_PER_SECOND));
    input->columns[1].values.strings[0] = bytes_of_text("XXX"); /* the output is its own copy */
    cr_assert(bytes_equal_text(output->columns[0].values.strings[0], "LAS"));
}

Test(operators, nulls_pass_where_nothing_drops_them)
{
    struct plan *plan = plan_of("true", "{\"as\": \"d\", \"is\": \"delay * 2\"}, \"origin\"");
    struct columns *input = decode(plan, records, 6);
    struct columns *output = NULL;
    cr_assert(eq(int, operators_run(plan, &arena, input, &output, &diag), OK));
    cr_assert(eq(sz, output->rows, 6));
    static const int present[6][2] = {{1, 1}, {1, 1}, {1, 0}, {0, 0}, {1, 1}, {0, 1}};
    for (size_t row = 0; row < 6; row++) {
        cr_assert(eq(int, output->columns[0].present[row], present[row][0]));
        cr_assert(eq(int, output->columns[1].present[row], present[row][1]));
    }
}

Test(operators, no_rows_are_no_error)
{
    struct plan *plan = plan_of("1 / delay > 0", "\"delay\"");
    struct columns *input = decode(plan, records, 0);
    struct columns *output = NULL;
    cr_assert(eq(int, operators_run(plan, &arena, input, &output, &diag), OK));
    cr_assert(eq(sz, output->rows, 0));
}

Test(operators, ansi_errors_end_it)
{
    struct plan *plan = plan_of("delay <> 15", "{\"as\": \"x\", \"is\": \"1 / (delay - 16)\"}");
    struct columns *input = decode(plan, records, 6);
    struct columns *output = NULL;
    cr_assert(eq(int, operators_run(plan, &arena, input, &output, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "DIVIDE_BY_ZERO"));
    diag = (struct diag){0};
    /* The filter takes the row away that would fail. */
    plan = plan_of("delay <> 16", "{\"as\": \"x\", \"is\": \"1 / (delay - 16)\"}");
    input = decode(plan, records, 6);
    cr_assert(eq(int, operators_run(plan, &arena, input, &output, &diag), OK));
    cr_assert(eq(sz, output->rows, 3));
}
