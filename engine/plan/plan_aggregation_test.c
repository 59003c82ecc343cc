#include "engine/plan/plan.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/process.h"
#include "engine/base/units.h"

static struct arena arena;
static struct diag diag;

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(plan_aggregation, .fini = end);

/* The members of the root between source and sink start line 2. */
static struct plan *compile(const char *root, const char *mode)
{
    const char *json = arena_printf(
        &arena,
        "{\"name\": \"q\", \"source\": {\"subscribe\": \"f\", \"schema\": {\"t\": \"timestamp\", "
        "\"u\": \"timestamp\", \"origin\": \"string\", \"delay\": \"int\", \"far\": \"long\", "
        "\"x\": \"double\", \"late\": \"boolean\"}},\n%s,\n\"sink\": {\"path\": \"/t\", "
        "\"outputMode\": \"%s\"}, \"options\": {\"checkpointLocation\": \"/c\"}}",
        root,
        mode);
    struct plan *plan = NULL;
    diag = (struct diag){0};
    enum status status = plan_compile(&arena, "p", bytes_of_text(json), NULL, &plan, &diag);
    cr_assert(eq(int, status == OK, plan != NULL));
    return plan;
}

#define WATERMARK "\"withWatermark\": {\"eventTime\": \"t\", \"delayThreshold\": \"10 minutes\"}"
#define WINDOW    "{\"window\": {\"timeColumn\": \"t\", \"windowDuration\": \"5 minutes\"}}"
#define COUNT     "\"agg\": [{\"as\": \"n\", \"is\": \"count(*)\"}]"

static struct plan *good(const char *root, const char *mode)
{
    struct plan *plan = compile(root, mode);
    cr_assert(ne(ptr, plan, NULL), "%s: %s", diag.path, diag.text);
    return plan;
}

static void expect_refused(const char *root, const char *mode, const char *message)
{
    char found[1400];
    cr_assert(zero(ptr, compile(root, mode)), "%s", message);
    diag_format(&diag, found, sizeof found);
    cr_assert(eq(str, found, (char *)(uintptr_t)message));
}

static void expect_field(const struct schema *schema, size_t at, const char *name, enum type type)
{
    cr_assert(lt(sz, at, schema->count));
    cr_assert(eq(str, (char *)(uintptr_t)schema->fields[at].name, (char *)(uintptr_t)name));
    cr_assert(eq(int, schema->fields[at].type, type), "%s", name);
}

Test(plan_aggregation, windows_and_columns_make_the_key)
{
    struct plan *plan =
        good(WATERMARK
             ", \"groupBy\": [\"Origin\", {\"window\": {\"timeColumn\": \"t\", "
             "\"windowDuration\": \"5 minutes\", \"slideDuration\": \"1 minute\", "
             "\"startTime\": \"-15 seconds\"}}, {\"as\": \"is_far\", \"is\": \"far > 1000\"}], "
             "\"agg\": [{\"as\": \"n\", \"is\": \"count(*)\"}]",
             "append");
    cr_assert(eq(sz, plan->watermark->column, 0));
    cr_assert(eq(i64, plan->watermark->delay_ms, 600000));
    const struct aggregation *aggregation = plan->aggregation;
    cr_assert(aggregation->windowed);
    cr_assert(eq(sz, aggregation->window_key, 1));
    cr_assert(eq(sz, aggregation->window.column, 0));
    cr_assert(eq(i64, aggregation->window.length_us, 5 * US_PER_MINUTE));
    cr_assert(eq(i64, aggregation->window.slide_us, US_PER_MINUTE));
    cr_assert(eq(i64, aggregation->window.start_us, -15 * US_PER_SECOND));
    cr_assert(eq(sz, aggregation->key.count, 4));
    expect_field(&aggregation->key, 0, "Origin", TYPE_STRING);
    expect_field(&aggregation->key, 1, "window.start", TYPE_TIMESTAMP);
    expect_field(&aggregation->key, 2, "window.end", TYPE_TIMESTAMP);
    expect_field(&aggregation->key, 3, "is_far", TYPE_BOOLEAN);
    cr_assert(eq(str, (char *)(uintptr_t)aggregation->key.fields[2].parent, "window"));
    cr_assert(zero(ptr, (void *)(uintptr_t)aggregation->key.fields[3].parent));
    cr_assert(eq(sz, aggregation->grouping_count, 2));
    cr_assert(eq(sz, aggregation->groupings[0].key, 0));
    cr_assert(eq(sz, aggregation->groupings[1].key, 3));
    cr_assert(eq(int, aggregation->event_time_key, 2));
    /* Without select: all of it, the struct as a struct. */
    cr_assert(eq(sz, plan->output.count, 5));
    expect_field(&plan->output, 1, "window.start", TYPE_TIMESTAMP);
    expect_field(&plan->output, 4, "n", TYPE_LONG);
    cr_assert(eq(str, (char *)(uintptr_t)plan->output.fields[1].parent, "window"));
}

Test(plan_aggregation, aggregates_have_sparks_types_and_buffers)
{
    struct plan *plan = good(
        "\"groupBy\": [\"late\"], \"agg\": [{\"as\": \"a\", \"is\": \" COUNT ( * ) \"}, "
        "{\"as\": \"b\", \"is\": \"count(origin)\"}, {\"as\": \"c\", \"is\": \"sum(delay)\"}, "
        "{\"as\": \"d\", \"is\": \"sum(x * (1 - x))\"}, {\"as\": \"e\", \"is\": \"min(origin)\"}, "
        "{\"as\": \"f\", \"is\": \"max(t)\"}, {\"as\": \"g\", \"is\": \"avg(far)\"}, "
        "{\"as\": \"h\", \"is\": \"max(late)\"}, {\"as\": \"i\", \"is\": \"min(delay)\"}, "
        "{\"as\": \"j\", \"is\": \"count(origin <> ')')\"}]",
        "complete");
    const struct aggregation *aggregation = plan->aggregation;
    static const enum type types[] = {TYPE_LONG,
                                      TYPE_LONG,
                                      TYPE_LONG,
                                      TYPE_DOUBLE,
                                      TYPE_STRING,
                                      TYPE_TIMESTAMP,
                                      TYPE_DOUBLE,
                                      TYPE_BOOLEAN,
                                      TYPE_INT,
                                      TYPE_LONG};
    static const size_t buffers[] = {0, 1, 2, 3, 4, 5, 6, 8, 9, 10};
    cr_assert(eq(int, plan->output_mode, OUTPUT_COMPLETE));
    cr_assert(eq(int, aggregation->event_time_key, -1));
    cr_assert(eq(sz, aggregation->aggregate_count, 10));
    for (size_t i = 0; i < 10; i++) {
        cr_assert(eq(int, aggregation->aggregates[i].type, types[i]), "%zu", i);
        cr_assert(eq(sz, aggregation->aggregates[i].buffer, buffers[i]), "%zu", i);
        cr_assert(eq(int, aggregation->groups.fields[1 + i].type, types[i]));
    }
    cr_assert(eq(int, aggregation->aggregates[0].function, AGGREGATE_COUNT_ALL));
    cr_assert(zero(ptr, aggregation->aggregates[0].argument));
    expect_field(&aggregation->buffer, 6, "sum", TYPE_DOUBLE);
    expect_field(&aggregation->buffer, 7, "count", TYPE_LONG);
    cr_assert(eq(sz, aggregation->buffer.count, 11));
}

Test(plan_aggregation, select_reads_the_groups)
{
    struct plan *plan = good(
        WATERMARK ", \"groupBy\": [" WINDOW ", \"origin\"], \"agg\": [{\"as\": \"total\", \"is\": "
                  "\"sum(delay)\"}, {\"as\": \"n\", \"is\": \"count(*)\"}], "
                  "\"select\": [\"window\", \"origin\", \"window.start\", {\"as\": \"mean\", "
                  "\"is\": \"total / n\"}, {\"as\": \"until\", \"is\": \"window.end\"}, "
                  "{\"as\": \"w\", \"is\": \"window\"}, {\"as\": \"old\", \"is\": \"WINDOW.END < "
                  "'2001-01-01'\"}]",
        "append");
    cr_assert(eq(sz, plan->output.count, 9));
    expect_field(&plan->output, 0, "window.start", TYPE_TIMESTAMP);
    expect_field(&plan->output, 1, "window.end", TYPE_TIMESTAMP);
    expect_field(&plan->output, 2, "origin", TYPE_STRING);
    expect_field(&plan->output, 3, "start", TYPE_TIMESTAMP);
    expect_field(&plan->output, 4, "mean", TYPE_DOUBLE);
    expect_field(&plan->output, 5, "until", TYPE_TIMESTAMP);
    expect_field(&plan->output, 6, "w.start", TYPE_TIMESTAMP);
    expect_field(&plan->output, 7, "w.end", TYPE_TIMESTAMP);
    expect_field(&plan->output, 8, "old", TYPE_BOOLEAN);
    cr_assert(zero(ptr, (void *)(uintptr_t)plan->output.fields[3].parent));
    cr_assert(eq(str, (char *)(uintptr_t)plan->output.fields[7].parent, "w"));
    cr_assert(eq(str, (char *)(uintptr_t)field_member_name(&plan->output.fields[7]), "end"));
}

Test(plan_aggregation, event_time_is_the_first_key_that_carries_it)
{
    struct plan *plan = good(WATERMARK ", \"groupBy\": [\"origin\", {\"as\": \"at\", \"is\": "
                                       "\"t\"}, " WINDOW "], " COUNT,
                             "append");
    cr_assert(eq(int, plan->aggregation->event_time_key, 1));
    plan = good(WATERMARK ", \"groupBy\": [" WINDOW ", \"u\"], " COUNT, "append");
    cr_assert(eq(int, plan->aggregation->event_time_key, 1));
    plan = good("\"groupBy\": [" WINDOW "], " COUNT, "complete");
    cr_assert(eq(int, plan->aggregation->event_time_key, -1));
}

Test(plan_aggregation, a_watermark_alone_observes)
{
    struct plan *plan =
        good("\"withWatermark\": {\"eventTime\": \"U\", \"delayThreshold\": \"1500us\"}", "append");
    cr_assert(eq(sz, plan->watermark->column, 1));
    cr_assert(eq(i64, plan->watermark->delay_ms, 1));
    cr_assert(zero(ptr, plan->aggregation));
}

Test(plan_aggregation, one_group_of_everything_in_complete_mode_only)
{
    struct plan *plan = good("\"groupBy\": [], " COUNT, "complete");
    cr_assert(eq(sz, plan->aggregation->key.count, 0));
    cr_assert(eq(sz, good(COUNT, "complete")->output.count, 1));
    expect_refused(
        "\"groupBy\": [], " COUNT,
        "append",
        "p:2:1: groupBy: outputMode append is not supported for a streaming aggregation "
        "without watermark on a grouping column: no group would ever be final; add "
        "withWatermark and group by a window over its column, or use outputMode complete "
        "[STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION]");
}

Test(plan_aggregation, append_needs_a_watermark_on_a_grouping_column)
{
    expect_refused(
        WATERMARK ", \"groupBy\": [\"origin\"], " COUNT,
        "append",
        "p:2:70: groupBy: outputMode append is not supported for a streaming aggregation "
        "without watermark on a grouping column: no group would ever be final; group by a "
        "window over the watermark's column, or by that column itself, or use outputMode "
        "complete [STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION]");
    /* Over another column than the watermark's; and what is computed from it is no event time. */
    cr_assert(zero(ptr,
                   compile("\"withWatermark\": {\"eventTime\": \"u\", \"delayThreshold\": \"1s\"}, "
                           "\"groupBy\": [" WINDOW "], " COUNT,
                           "append")));
    cr_assert(eq(str, diag.error_class, "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"));
    cr_assert(zero(ptr,
                   compile(WATERMARK
                           ", \"groupBy\": [{\"as\": \"k\", \"is\": \"t > '2001-01-01'\"}], " COUNT,
                           "append")));
    cr_assert(eq(str, diag.error_class, "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"));
}

Test(plan_aggregation, times_must_be_timestamps)
{
    expect_refused(
        "\"withWatermark\": {\"eventTime\": \"delay\", \"delayThreshold\": \"1s\"}",
        "append",
        "p:2:32: withWatermark.eventTime: the event time \"delay\" has the type integer; "
        "expected a timestamp: declare the column so in source.schema "
        "[EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE]");
    expect_refused(
        "\"groupBy\": [{\"window\": {\"timeColumn\": \"origin\", \"windowDuration\": "
        "\"1s\"}}], " COUNT,
        "complete",
        "p:2:39: groupBy[0].window.timeColumn: the time column of a window \"origin\" has "
        "the type string; expected a timestamp: declare the column so in source.schema "
        "[DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE]");
    expect_refused(
        "\"withWatermark\": {\"eventTime\": \"tt\", \"delayThreshold\": \"1s\"}",
        "append",
        "p:2:32: withWatermark.eventTime: at byte 1 of the expression: no column \"tt\"; "
        "did you mean \"t\"? (UNRESOLVED_COLUMN) [INVALID_PIPELINE]");
}

static void expect_window(const char *members, const char *message)
{
    expect_refused(arena_printf(&arena,
                                "\"groupBy\": [{\"window\": {\"timeColumn\": \"t\", %s}}], " COUNT,
                                members),
                   "complete",
                   message);
}

Test(plan_aggregation, windows_that_cannot_be)
{
    expect_window("\"windowDuration\": \"0s\"",
                  "p:2:62: groupBy[0].window.windowDuration: windowDuration must be greater than 0 "
                  "and at most 36500 days [DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE]");
    expect_window("\"windowDuration\": \"-5 minutes\"",
                  "p:2:62: groupBy[0].window.windowDuration: windowDuration must be greater than 0 "
                  "and at most 36500 days [DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE]");
    expect_window("\"windowDuration\": \"5m\", \"slideDuration\": \"0s\"",
                  "p:2:85: groupBy[0].window.slideDuration: slideDuration must be greater than 0 "
                  "[DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE]");
    expect_window("\"windowDuration\": \"5m\", \"slideDuration\": \"6m\"",
                  "p:2:85: groupBy[0].window.slideDuration: slideDuration must be at most "
                  "windowDuration: rows between two windows would be in none "
                  "[DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION]");
    expect_window("\"windowDuration\": \"5m\", \"startTime\": \"-5m\"",
                  "p:2:81: groupBy[0].window.startTime: startTime must be less than slideDuration "
                  "(without it: than windowDuration), whatever its sign "
                  "[DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION]");
    expect_window("\"windowDuration\": \"1 month\"",
                  "p:2:62: groupBy[0].window.windowDuration: \"1 month\" is no duration; expected "
                  "such as \"5 minutes\" or \"10s\" (no months: their length differs) "
                  "[INVALID_PIPELINE]");
    expect_window("\"windowDuration\": \"1d\", \"slideDuration\": \"1s\"",
                  "p:2:24: groupBy[0].window: a row would be in more than 1000 windows: lengthen "
                  "slideDuration or shorten windowDuration [INVALID_PIPELINE]");
    expect_window("\"gapDuration\": \"1d\"",
                  "p:2:44: groupBy[0].window.gapDuration: key \"gapDuration\" cannot stand here: "
                  "session windows are not built yet [INVALID_PIPELINE]");
    expect_refused("\"groupBy\": [" WINDOW ", " WINDOW "], " COUNT,
                   "complete",
                   "p:2:88: groupBy[1].window: there is a window already; as in Spark several "
                   "windows in one groupBy are not supported [INVALID_PIPELINE]");
    expect_refused("\"groupBy\": [{\"session_window\": {}}], " COUNT,
                   "complete",
                   "p:2:13: groupBy[0]: session windows are not built yet; use a window "
                   "[INVALID_PIPELINE]");
}

Test(plan_aggregation, names_are_there_once)
{
    expect_refused("\"groupBy\": [\"origin\", \"ORIGIN\"], " COUNT,
                   "complete",
                   "p:2:23: groupBy[1]: column \"ORIGIN\" is there already (names ignore case) "
                   "[INVALID_PIPELINE]");
    expect_refused("\"groupBy\": [" WINDOW ", {\"as\": \"Window\", \"is\": \"origin\"}], " COUNT,
                   "complete",
                   "p:2:84: groupBy[1].as: column \"Window\" is there already (names ignore case) "
                   "[INVALID_PIPELINE]");
    expect_refused("\"groupBy\": [{\"as\": \"window\", \"is\": \"origin\"}, " WINDOW "], " COUNT,
                   "complete",
                   "p:2:48: groupBy[1].window: column \"window\" is there already (names ignore "
                   "case) [INVALID_PIPELINE]");
    expect_refused("\"groupBy\": [\"origin\"], \"agg\": [{\"as\": \"origin\", \"is\": "
                   "\"count(*)\"}]",
                   "complete",
                   "p:2:39: agg[0].as: column \"origin\" is there already (names ignore case) "
                   "[INVALID_PIPELINE]");
}

static void expect_agg(const char *is, const char *message)
{
    expect_refused(
        arena_printf(
            &arena, "\"groupBy\": [\"origin\"], \"agg\": [{\"as\": \"n\", \"is\": \"%s\"}]", is),
        "complete",
        message);
}

Test(plan_aggregation, aggregates_that_cannot_be)
{
    expect_agg("summ(delay)",
               "p:2:50: agg[0].is: unknown function \"summ\"; did you mean sum? There are count, "
               "sum, min, max, avg (UNRESOLVED_ROUTINE) [INVALID_PIPELINE]");
    expect_agg("stddev(delay)",
               "p:2:50: agg[0].is: the function \"stddev\" is not built yet; there are count, sum, "
               "min, max, avg (UNRESOLVED_ROUTINE) [INVALID_PIPELINE]");
    expect_agg("sum(late)",
               "p:2:50: agg[0].is: sum needs a number, found boolean (DATATYPE_MISMATCH) "
               "[INVALID_PIPELINE]");
    expect_agg("avg(origin)",
               "p:2:50: agg[0].is: avg needs a number, found string (DATATYPE_MISMATCH) "
               "[INVALID_PIPELINE]");
    expect_agg("sum(delay) / count(*)",
               "p:2:50: agg[0].is: expected one aggregate, such as count(*) or sum(delay - 15); "
               "compute with its result in select [INVALID_PIPELINE]");
    expect_agg("delay",
               "p:2:50: agg[0].is: expected one aggregate, such as count(*) or sum(delay - 15); "
               "compute with its result in select [INVALID_PIPELINE]");
    expect_agg(
        "count(distinct origin)",
        "p:2:50: agg[0].is: distinct aggregations are refused by Spark on a stream; group by "
        "the column too [INVALID_PIPELINE]");
    expect_agg("sum( delai)",
               "p:2:50: agg[0].is: at byte 6 of the expression: no column \"delai\"; did you mean "
               "\"delay\"? (UNRESOLVED_COLUMN) [INVALID_PIPELINE]");
    expect_agg("sum(*)",
               "p:2:50: agg[0].is: at byte 5 of the expression: expected a value, found * "
               "(PARSE_SYNTAX_ERROR) [INVALID_PIPELINE]");
    expect_refused("\"groupBy\": [\"origin\"]",
                   "complete",
                   "p:1:1: agg: \"agg\" is missing: groupBy needs it, such as [{\"as\": \"n\", "
                   "\"is\": \"count(*)\"}] [INVALID_PIPELINE]");
}

Test(plan_aggregation, a_struct_is_no_value)
{
    expect_refused("\"groupBy\": [" WINDOW "], " COUNT
                   ", \"select\": [{\"as\": \"x\", \"is\": \"window = window\"}]",
                   "complete",
                   "p:2:147: select[0].is: at byte 1 of the expression: \"window\" is a struct, no "
                   "value; name a member such as window.start (UNRESOLVED_COLUMN) "
                   "[INVALID_PIPELINE]");
    expect_refused("\"groupBy\": [" WINDOW "], " COUNT
                   ", \"select\": [{\"as\": \"x\", \"is\": \"`window.end`\"}]",
                   "complete",
                   "p:2:147: select[0].is: at byte 1 of the expression: \"window.end\" is a member "
                   "of a struct: no backquotes (UNRESOLVED_COLUMN) [INVALID_PIPELINE]");
    expect_refused(
        "\"groupBy\": [" WINDOW "], " COUNT ", \"select\": [\"delay\"]",
        "complete",
        "p:2:129: select[0]: at byte 1 of the expression: no column \"delay\"; the first "
        "one is \"window.start\" (UNRESOLVED_COLUMN) [INVALID_PIPELINE]");
}
