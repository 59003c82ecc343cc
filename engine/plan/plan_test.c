#include "engine/plan/plan.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/process.h"
#include "engine/base/units.h"

static struct arena arena;
static struct diag diag;

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(plan, .fini = end);

static struct plan *compile(const char *json, const struct option_override *overrides)
{
    struct plan *plan = NULL;
    diag = (struct diag){0};
    enum status status =
        plan_compile(&arena, "p.json", bytes_of_text(json), overrides, &plan, &diag);
    cr_assert(eq(int, status == OK, plan != NULL));
    return plan;
}

/* A pipeline with parts put in; NULL: as usual. */
struct parts {
    const char *root;    /* more members of the root, with a comma behind them */
    const char *source;  /* more members of the source */
    const char *schema;  /* the columns */
    const char *options; /* of the source */
    const char *sink;    /* more members of the sink */
    const char *trigger;
    const char *query; /* the options of the query */
};

static const char *or_else(const char *text, const char *standard)
{
    return text == NULL ? standard : text;
}

static char *pipeline(const struct parts *parts)
{
    return arena_printf(&arena,
                        "{%s\n"
                        "\"name\": \"q\",\n"
                        "\"source\": {%s\"subscribe\": \"flights\",\n"
                        "\"schema\": {%s},\n"
                        "\"options\": {%s}},\n"
                        "\"sink\": {%s\"path\": \"/shared/t\"},\n"
                        "\"trigger\": {%s},\n"
                        "\"options\": {%s}}",
                        or_else(parts->root, ""),
                        or_else(parts->source, ""),
                        or_else(parts->schema, "\"a\": \"int\", \"b\": \"string\""),
                        or_else(parts->options, ""),
                        or_else(parts->sink, ""),
                        or_else(parts->trigger, "\"processingTime\": \"10s\""),
                        or_else(parts->query, "\"checkpointLocation\": \"/shared/c\""));
}

static void expect_message(const char *expected)
{
    char message[1400];
    diag_format(&diag, message, sizeof message);
    cr_assert(eq(str, message, (char *)(uintptr_t)expected));
}

static void expect_refused(struct parts parts, const char *message)
{
    cr_assert(zero(ptr, compile(pipeline(&parts), NULL)), "%s", message);
    expect_message(message);
}

static struct bytes read_file(const char *name, struct buf *out)
{
    FILE *stream = fopen(name, "rb");
    cr_assert(ne(ptr, stream, NULL), "%s: run from the project's root", name);
    char part[4096];
    size_t size = 0;
    while ((size = fread(part, 1, sizeof part, stream)) > 0) {
        buf_append(out, part, size);
    }
    (void)fclose(stream);
    return buf_bytes(out);
}

Test(plan, the_pipeline_of_the_scenarios)
{
    const char *file = "scenarios/pipelines/flight_delays.json";
    struct buf text = {0};
    struct plan *plan = NULL;
    enum status status = plan_compile(&arena, file, read_file(file, &text), NULL, &plan, &diag);
    buf_free(&text);
    cr_assert(eq(int, status, OK), "%s", diag.text);
    cr_assert(eq(str, plan->name, "flight_delays"));
    cr_assert(eq(str, plan->topic, "flights"));
    cr_assert(eq(int, plan->mode, DECODE_PERMISSIVE));
    cr_assert(eq(sz, plan->source.count, 6));
    cr_assert(eq(str, plan->source.fields[0].name, "reported_at"));
    cr_assert(eq(int, plan->source.fields[0].type, TYPE_TIMESTAMP));
    cr_assert(eq(int, plan->source.fields[5].type, TYPE_INT));
    cr_assert(eq(int, expression_type(plan->filter), TYPE_BOOLEAN));
    cr_assert(eq(sz, plan->output.count, 6));
    cr_assert(eq(str, plan->output.fields[5].name, "late_by"));
    cr_assert(eq(int, plan->output.fields[5].type, TYPE_INT));
    cr_assert(eq(str, plan->projections[5].name, "late_by"));
    cr_assert(eq(str, plan->table, "/shared/tables/flight_delays"));
    cr_assert(eq(str, plan->options.checkpoint_location, "/shared/checkpoints/flight_delays"));
    cr_assert(eq(str, plan->options.starting_offsets, "earliest"));
    cr_assert(eq(i64, plan->options.max_offsets_per_trigger, 20));
    cr_assert(eq(i64, plan->options.trigger_interval_us, 10 * US_PER_SECOND));
}

Test(plan, without_select_every_column_without_filter_every_row)
{
    struct parts parts = {.root = "\"$schema\": \"x\", \"note\": [\"anything\"],",
                          .schema = "\"odd `name\": \"int\", \"b\": \"string\"",
                          .source = "\"mode\": \"failfast\", \"note\": 1,",
                          .sink = "\"outputMode\": \"Append\", \"format\": \"DELTA\","};
    cr_assert(zero(ptr, compile(pipeline(&parts), NULL)));
    expect_message("p.json:4:25: source.schema[\"odd `name\"]: Delta takes no column named \"odd "
                   "`name\": none of \" ,;{}()=\", tab and newline; give another name by {\"as\": "
                   "..., \"is\": ...} [INVALID_PIPELINE]");
    parts.schema = "\"odd`name\": \"int\", \"b\": \"string\"";
    struct plan *plan = compile(pipeline(&parts), NULL);
    cr_assert(ne(ptr, plan, NULL), "%s", diag.text);
    cr_assert(zero(ptr, plan->filter));
    cr_assert(eq(int, plan->mode, DECODE_FAILFAST));
    cr_assert(eq(sz, plan->output.count, 2));
    cr_assert(eq(str, plan->output.fields[0].name, "odd`name"));
    cr_assert(eq(int, plan->output.fields[1].type, TYPE_STRING));
}

Test(plan, keys)
{
    expect_refused((struct parts){.root = "\"filtre\": \"a > 1\","},
                   "p.json:1:2: filtre: unknown key \"filtre\"; did you mean \"filter\"? "
                   "[INVALID_PIPELINE]");
    expect_refused((struct parts){.root = "\"zzzzzz\": 1,"},
                   "p.json:1:2: zzzzzz: unknown key \"zzzzzz\"; there are name, source, filter, "
                   "withWatermark, groupBy, agg, select, sink, trigger, options, note, $schema "
                   "[INVALID_PIPELINE]");
    expect_refused((struct parts){.root = "\"dropDuplicates\": [\"a\"],"},
                   "p.json:1:2: dropDuplicates: key \"dropDuplicates\" cannot stand here: "
                   "deduplication is not built yet [INVALID_PIPELINE]");
    expect_refused((struct parts){.root = "\"window\": {},"},
                   "p.json:1:2: window: key \"window\" cannot stand here: a window stands in "
                   "groupBy: {\"window\": {...}} [INVALID_PIPELINE]");
    expect_refused((struct parts){.source = "\"topic\": \"flights\","},
                   "p.json:3:12: source.topic: unknown key \"topic\"; there are format, subscribe, "
                   "schema, mode, options, note [INVALID_PIPELINE]");
    expect_refused((struct parts){.sink = "\"outputMode\": \"complete\","},
                   "p.json:6:24: sink.outputMode: outputMode complete needs a streaming "
                   "aggregation (groupBy, agg); without one every batch would be the whole stream: "
                   "use append [STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION]");
    expect_refused((struct parts){.sink = "\"outputMode\": \"update\","},
                   "p.json:6:24: sink.outputMode: outputMode \"update\" is refused by Delta as a "
                   "stream's sink; expected \"append\" or \"complete\" [INVALID_PIPELINE]");
    expect_refused((struct parts){.source = "\"format\": \"kafak\","},
                   "p.json:3:22: source.format: format \"kafak\" is not known; expected \"kafka\" "
                   "[INVALID_PIPELINE]");
    expect_refused((struct parts){.source = "\"mode\": \"DROPMALFORMED\","},
                   "p.json:3:20: source.mode: mode \"DROPMALFORMED\" is refused by Spark's "
                   "from_json too; expected \"PERMISSIVE\" or \"FAILFAST\" [INVALID_PIPELINE]");
    cr_assert(zero(ptr, compile("{\"name\": \"q\", \"source\": 5}", NULL)));
    expect_message("p.json:1:25: source: \"source\" must be an object [INVALID_PIPELINE]");
    cr_assert(zero(ptr, compile("{\"name\": \"q\"}", NULL)));
    expect_message("p.json:1:1: source: \"source\" is missing: expected an object "
                   "[INVALID_PIPELINE]");
    cr_assert(zero(ptr, compile("{\"name\": \"\"}", NULL)));
    expect_message("p.json:1:10: name: \"name\" must be a text that is not empty "
                   "[INVALID_PIPELINE]");
    cr_assert(zero(ptr, compile("[]", NULL)));
    expect_message("p.json:1:1: the pipeline must be an object [INVALID_PIPELINE]");
    cr_assert(zero(ptr, compile("{\"name\": \"q\", \"name\": \"r\"}", NULL)));
    cr_assert(eq(int, diag.column, 15));
    cr_assert(zero(ptr, compile("{\"name\": ", NULL)));
    cr_assert(eq(str, diag.error_class, "INVALID_PIPELINE"));
}

Test(plan, columns)
{
    expect_refused((struct parts){.schema = ""},
                   "p.json:4:11: source.schema: expected 1 to 1000 columns, found 0 "
                   "[INVALID_PIPELINE]");
    expect_refused((struct parts){.schema = "\"a\": \"int\", \"A\": \"int\""},
                   "p.json:4:24: source.schema.A: column \"A\" is there already (names ignore "
                   "case) [INVALID_PIPELINE]");
    expect_refused((struct parts){.schema = "\"a\": \"strng\""},
                   "p.json:4:17: source.schema.a: unknown type \"strng\"; did you mean string? "
                   "There are boolean, int, long, double, string, timestamp [INVALID_PIPELINE]");
    expect_refused((struct parts){.schema = "\"a\": \"decimal(10,2)\""},
                   "p.json:4:17: source.schema.a: the type \"decimal(10,2)\" is not built yet; "
                   "there are boolean, int, long, double, string, timestamp [INVALID_PIPELINE]");
    expect_refused((struct parts){.schema = "\"a\": 5"},
                   "p.json:4:17: source.schema.a: expected a type: boolean, int, long, double, "
                   "string or timestamp [INVALID_PIPELINE]");
    expect_refused((struct parts){.root = "\"filter\": \"a + 1\","},
                   "p.json:1:12: filter: expected a condition (boolean), found integer "
                   "[INVALID_PIPELINE]");
    expect_refused((struct parts){.root = "\"filter\": \"aa > 1\","},
                   "p.json:1:12: filter: at byte 1 of the expression: no column \"aa\"; did you "
                   "mean \"a\"? (UNRESOLVED_COLUMN) [INVALID_PIPELINE]");
    expect_refused((struct parts){.root = "\"filter\": true,"},
                   "p.json:1:12: filter: expected a condition as text, such as \"delay > 15\" "
                   "[INVALID_PIPELINE]");
}

Test(plan, select)
{
    struct parts good = {.root = "\"select\": [\"B\", {\"as\": \"x\", \"is\": \"a / 2\"}],"};
    struct plan *plan = compile(pipeline(&good), NULL);
    cr_assert(ne(ptr, plan, NULL));
    cr_assert(eq(str, plan->output.fields[0].name, "B")); /* as it is written, as in Spark */
    cr_assert(eq(int, plan->output.fields[1].type, TYPE_DOUBLE));
    expect_refused((struct parts){.root = "\"select\": [],"},
                   "p.json:1:12: select: expected a list of 1 to 1000 columns [INVALID_PIPELINE]");
    expect_refused((struct parts){.root = "\"select\": [\"a\", 5],"},
                   "p.json:1:18: select[1]: expected a column's name or {\"as\": name, \"is\": "
                   "expression} [INVALID_PIPELINE]");
    expect_refused((struct parts){.root = "\"select\": [\"a\", {\"as\": \"A\", \"is\": \"1\"}],"},
                   "p.json:1:25: select[1].as: column \"A\" is there already (names ignore case) "
                   "[INVALID_PIPELINE]");
    expect_refused((struct parts){.root = "\"select\": [{\"as\": \"x\"}],"},
                   "p.json:1:13: select[0].is: \"is\" is missing: expected a text "
                   "[INVALID_PIPELINE]");
    expect_refused(
        (struct parts){.root = "\"select\": [{\"as\": \"x\", \"is\": \"1 +\"}],"},
        "p.json:1:31: select[0].is: at byte 4 of the expression: expected a value, found "
        "the end (PARSE_SYNTAX_ERROR) [INVALID_PIPELINE]");
    expect_refused((struct parts){.root = "\"select\": [\"cccc\"],"},
                   "p.json:1:13: select[0]: at byte 1 of the expression: no column \"cccc\"; the "
                   "first one is \"a\" (UNRESOLVED_COLUMN) [INVALID_PIPELINE]");
    expect_refused((struct parts){.root = "\"select\": [\"\"],"},
                   "p.json:1:13: select[0]: a column must have a name [INVALID_PIPELINE]");
}

Test(plan, options)
{
    struct parts good = {.options = "\"maxOffsetsPerTrigger\": 7, \"failOnDataLoss\": false",
                         .trigger = "\"note\": \"x\", \"availableNow\": true"};
    struct plan *plan = compile(pipeline(&good), NULL);
    cr_assert(ne(ptr, plan, NULL));
    cr_assert(eq(i64, plan->options.max_offsets_per_trigger, 7));
    cr_assert(not(plan->options.fail_on_data_loss));
    cr_assert(eq(int, plan->options.trigger, TRIGGER_AVAILABLE_NOW));
    expect_refused((struct parts){.options = "\"maxOffsetPerTrigger\": 7"},
                   "p.json:5:13: source.options.maxOffsetPerTrigger: unknown option "
                   "\"maxOffsetPerTrigger\"; did you mean \"maxOffsetsPerTrigger\"? "
                   "[INVALID_OPTION]");
    expect_refused((struct parts){.options = "\"maxOffsetsPerTrigger\": 0"},
                   "p.json:5:37: source.options.maxOffsetsPerTrigger: option "
                   "\"maxOffsetsPerTrigger\" is \"0\"; expected 1 to 9223372036854775807 "
                   "[INVALID_OPTION]");
    expect_refused((struct parts){.options = "\"minPartitions\": 1.5"},
                   "p.json:5:30: source.options.minPartitions: option \"minPartitions\": expected "
                   "a text, a whole number, true or false [INVALID_OPTION]");
    expect_refused((struct parts){.options = "\"minPartitions\": 2, \"MINpartitions\": 3"},
                   "p.json:5:33: source.options.MINpartitions: option \"minPartitions\" is there "
                   "already (its name ignores case) [INVALID_OPTION]");
    expect_refused((struct parts){.options = "\"checkpointLocation\": \"/shared/c\""},
                   "p.json:5:13: source.options.checkpointLocation: option \"checkpointLocation\" "
                   "stands in options [INVALID_OPTION]");
    expect_refused((struct parts){.query = ""},
                   "p.json:8:12: options: option \"checkpointLocation\" is missing: without it a "
                   "restart knows nothing; give the absolute path of a directory [INVALID_OPTION]");
    expect_refused((struct parts){.query = "\"checkpointLocation\": \"/shared/t\""},
                   "p.json:6:18: sink.path: table and checkpoint are the same directory, "
                   "/shared/t [INVALID_PIPELINE]");
    expect_refused((struct parts){.trigger = ""},
                   "p.json:7:12: trigger: expected {\"processingTime\": \"10s\"} or "
                   "{\"availableNow\": true} [INVALID_OPTION]");
    expect_refused((struct parts){.trigger = "\"processingTime\": \"1s\", \"availableNow\": true"},
                   "p.json:7:12: trigger: processingTime and availableNow contradict each other: "
                   "name one [INVALID_OPTION]");
    expect_refused((struct parts){.trigger = "\"once\": true"},
                   "p.json:7:13: trigger.once: option \"once\" cannot apply: deprecated in Spark: "
                   "use availableNow [INVALID_OPTION]");
}

Test(plan, starting_offsets)
{
    struct parts good = {
        .options = "\"startingOffsets\": \"{\\\"flights\\\": {\\\"0\\\": 5, \\\"10\\\": -2}}\""};
    cr_assert(ne(ptr, compile(pipeline(&good), NULL), NULL), "%s", diag.text);
    expect_refused(
        (struct parts){.options = "\"startingOffsets\": \"{\\\"other\\\":{\\\"0\\\":1}}\""},
        "p.json:5:32: source.options.startingOffsets: startingOffsets must name the "
        "topic \"flights\" and no other; expected {\"topic\": {\"0\": 23, \"1\": -2}} "
        "[INVALID_OPTION]");
    expect_refused(
        (struct parts){.options = "\"startingOffsets\": \"{\\\"flights\\\":{\\\"0\\\":-3}}\""},
        "p.json:5:32: source.options.startingOffsets: startingOffsets of partition \"0\": expected "
        "a partition's number and an offset (or -2 earliest, -1 latest); expected {\"topic\": "
        "{\"0\": 23, \"1\": -2}} [INVALID_OPTION]");
    expect_refused((struct parts){.options = "\"startingOffsets\": \"{\\\"flights\\\":{}}\""},
                   "p.json:5:32: source.options.startingOffsets: startingOffsets names no "
                   "partition; expected {\"topic\": {\"0\": 23, \"1\": -2}} [INVALID_OPTION]");
    struct parts broken = {.options = "\"startingOffsets\": \"{\""};
    cr_assert(zero(ptr, compile(pipeline(&broken), NULL)));
    cr_assert(eq(str, diag.error_class, "INVALID_OPTION"));
    cr_assert(eq(int, diag.line, 5));
}

Test(plan, overrides_come_last_and_are_named)
{
    struct parts parts = {.options = "\"failOnDataLoss\": true"};
    char *json = pipeline(&parts);
    struct option_override set[] = {
        {"failOnDataLoss", "false"}, {"availableNow", "true"}, {NULL, NULL}};
    struct plan *plan = compile(json, set);
    cr_assert(ne(ptr, plan, NULL), "%s", diag.text);
    cr_assert(not(plan->options.fail_on_data_loss));
    cr_assert(eq(int, plan->options.trigger, TRIGGER_AVAILABLE_NOW));

    struct option_override unknown[] = {{"failOnDataLos", "false"}, {NULL, NULL}};
    cr_assert(zero(ptr, compile(json, unknown)));
    expect_message("set.failOnDataLos: unknown option \"failOnDataLos\"; did you mean "
                   "\"failOnDataLoss\"? [INVALID_OPTION]");
    struct option_override both[] = {
        {"availableNow", "true"}, {"processingTime", "1s"}, {NULL, NULL}};
    cr_assert(zero(ptr, compile(json, both)));
    expect_message("set.processingTime: processingTime and availableNow contradict each other: "
                   "name one [INVALID_OPTION]");
    struct option_override offsets[] = {{"startingOffsets", "{\"x\":{}}"}, {NULL, NULL}};
    cr_assert(zero(ptr, compile(json, offsets)));
    expect_message("set.startingOffsets: startingOffsets must name the topic \"flights\" and no "
                   "other; expected {\"topic\": {\"0\": 23, \"1\": -2}} [INVALID_OPTION]");
    struct option_override spark[] = {{"spark.network.timeout", "120"}, {NULL, NULL}};
    cr_assert(zero(ptr, compile(json, spark)));
    cr_assert(eq(str, diag.path, "set[\"spark.network.timeout\"]"));
    /* What only all options together show is the override's fault, too. */
    struct option_override shorter[] = {{"spark.network.timeout", "10s"}, {NULL, NULL}};
    cr_assert(zero(ptr, compile(json, shorter)));
    expect_message("set[\"spark.network.timeout\"]: spark.executor.heartbeatInterval (10s) must be "
                   "less than spark.network.timeout (10s), or every executor is lost "
                   "[INVALID_OPTION]");
    struct option_override relative[] = {{"checkpointLocation", "c"}, {NULL, NULL}};
    cr_assert(zero(ptr, compile(json, relative)));
    cr_assert(eq(str, diag.path, "set.checkpointLocation"));
    struct option_override placed[] = {{"source.options.maxOffsetsPerTrigger", "1"}, {NULL, NULL}};
    cr_assert(zero(ptr, compile(json, placed)));
    expect_message("set[\"source.options.maxOffsetsPerTrigger\"]: unknown option "
                   "\"source.options.maxOffsetsPerTrigger\"; did you mean "
                   "\"maxOffsetsPerTrigger\"? [INVALID_OPTION]");
}

Test(plan, the_client_gets_the_last_word)
{
    struct parts parts = {.options = "\"kafka.client.id\": \"file\", \"kafka.check.crcs\": false"};
    struct option_override set[] = {
        {"kafka.client.id", "set"}, {"kafka.bootstrap.servers", "b:1"}, {NULL, NULL}};
    struct plan *plan = compile(pipeline(&parts), set);
    cr_assert(ne(ptr, plan, NULL), "%s", diag.text);
    const struct broker_option *kafka = plan->options.kafka;
    cr_assert(eq(str, kafka[0].name, "bootstrap.servers"));
    cr_assert(eq(str, kafka[0].value, "b:1"));
    cr_assert(eq(str, kafka[1].name, "check.crcs"));
    cr_assert(eq(str, kafka[2].name, "client.id"));
    cr_assert(eq(str, kafka[2].value, "set"));
    cr_assert(zero(ptr, (void *)(uintptr_t)kafka[3].name));
}

/* Pipelines with a password in the right place and something wrong beside it, or in it. */
Test(plan, no_message_shows_a_secret)
{
    static const char *const wrong[] = {
        "\"kafka.sasl.password\": \"hunter2\", \"minPartitions\": 0",
        "\"kafka.sasl.password\": \"hunter2\", \"KAFKA.sasl.password\": \"hunter2\"",
        "\"kafka.sasl.pasword\": \"hunter2\"",
        "\"kafka.ssl.keystore.password\": \"hunter2\"",
        "\"kafka.sasl.password\": [\"hunter2\"]",
        "\"kafka.sasl.password\": \"hunter2\\u0000\"",
        "\"kafka.sasl.password\": hunter2",
        "\"kafka.sasl.password\" \"hunter2\"",
        "\"kafka.sasl.password\": \"hunter2\n\"",
        "\"kafka.sasl.password\": \"hunter2",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct parts parts = {.options = wrong[i]};
        cr_assert(zero(ptr, compile(pipeline(&parts), NULL)), "%s", wrong[i]);
        char message[1400];
        diag_format(&diag, message, sizeof message);
        cr_assert(zero(ptr, strstr(message, "hunter2")), "%s", message);
    }
    struct parts misplaced = {.query = "\"kafka.sasl.password\": \"hunter2\""};
    expect_refused(misplaced,
                   "p.json:8:13: options[\"kafka.sasl.password\"]: option "
                   "\"kafka.sasl.password\" stands in source.options [INVALID_OPTION]");
    struct parts good = {.options = "\"kafka.sasl.password\": \"hunter2\""};
    struct option_override set[] = {
        {"kafka.sasl.password", "hunter3"}, {"spark.network.timeout", "1s"}, {NULL, NULL}};
    cr_assert(zero(ptr, compile(pipeline(&good), set)));
    cr_assert(zero(ptr, strstr(diag.text, "hunter")));
}

Test(plan, names_of_places)
{
    struct parts parts = {0};
    char *json = pipeline(&parts);
    char *at = strstr(json, "\"flights\"");
    memcpy(at, "\"fl,ghts\"", 9);
    cr_assert(zero(ptr, compile(json, NULL)));
    expect_message("p.json:3:25: source.subscribe: \"fl,ghts\" is no topic name; several topics "
                   "are not built yet [INVALID_PIPELINE]");
    parts.sink = "\"format\": \"delta\",";
    json = pipeline(&parts);
    memcpy(strstr(json, "/shared/t"), "shared//t", 9);
    cr_assert(zero(ptr, compile(json, NULL)));
    expect_message("p.json:6:36: sink.path: \"shared//t\" is no absolute path without empty, "
                   "\".\" or \"..\" parts; expected such as /shared/tables/flights "
                   "[INVALID_PIPELINE]");
}
