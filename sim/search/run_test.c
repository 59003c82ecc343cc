/* What a run says of itself when all does not go well: stuck, over without having read everything,
 * over for another reason than the file expects. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/document.h"
#include "sim/search/run.h"

static struct arena arena;
static struct run_result *result;

static void run_text(const char *text)
{
    struct scenario *scenario = NULL;
    struct diag diag = {0};
    document_setup();
    enum status loaded = scenario_load_text(
        &arena, "scenarios/made.json", bytes_of_text(text), NULL, &scenario, &diag);
    cr_assert(loaded == OK, "%s", diag.text);
    result = heap_alloc(sizeof *result);
    struct run_options options = {.checks = true};
    run_scenario(scenario, 0, &options, result);
}

/* A scenario of two batches, with more members behind its workload. */
static void run(const char *storage, const char *set, const char *more)
{
    char text[3000];
    int size = snprintf(text,
                        sizeof text,
                        "{\"story\": \"s\", \"pipeline\": \"pipelines/flight_delays.json\","
                        "\"set\": {\"processingTime\": \"5s\", \"startingOffsets\": \"earliest\""
                        "%s}, \"cluster\": {\"storage\": \"%s\", \"supervisor\": {\"restart\": "
                        "\"never\"}},\"topics\": {\"flights\": {\"partitions\": 2}},"
                        "\"workload\": [{\"to\": \"flights\", \"from\": \"data/flights.ndjson\","
                        "\"records\": 40, \"rate\": \"10/s\"}]%s}",
                        set,
                        storage,
                        more);
    cr_assert(size > 0 && (size_t)size < sizeof text);
    run_text(text);
}

/* Records expire during an outage; `span` is when the lost ones were sent. */
static void run_outage(const char *span)
{
    char text[3000];
    int size = snprintf(
        text,
        sizeof text,
        "{\"story\": \"s\", \"pipeline\": \"pipelines/flight_delays.json\","
        "\"set\": {\"failOnDataLoss\": true, \"startingOffsets\": \"earliest\"},"
        "\"cluster\": {\"storage\": \"objects\", \"supervisor\": {\"restart\": \"never\"}},"
        "\"topics\": {\"flights\": {\"partitions\": 2, \"retention.ms\": \"24h\", "
        "\"segment.ms\": \"10m\"}}, \"workload\": [{\"to\": \"flights\", \"from\": "
        "\"data/flights.ndjson\", \"rate\": \"1/min\", \"until\": \"30h\"}], \"script\": ["
        "{\"id\": \"outage\", \"at\": {\"time\": \"2h\"}, \"do\": \"stop\", \"target\": "
        "\"driver\"}, {\"at\": {\"event\": \"outage\", \"plus\": \"26h\"}, \"do\": \"start\", "
        "\"target\": \"driver\"}, {\"at\": {\"run\": 2, \"ends\": \"error\", \"plus\": "
        "\"10m\"}, \"do\": \"start\", \"target\": \"driver\", \"set\": {\"failOnDataLoss\": "
        "false}}], \"expect\": {\"runs\": [{\"ends\": \"stopped\"}, {\"ends\": \"error\", "
        "\"names\": {\"topic\": \"flights\", \"partitions\": [0, 1]}, \"commits\": 0}, {\"ends\": "
        "\"caught-up\", \"reports\": \"skipped-ranges\"}], \"table\": {\"lost\": {\"cause\": "
        "\"expired\", \"span\": %s}}}}",
        span);
    cr_assert(size > 0 && (size_t)size < sizeof text);
    run_text(text);
}

static void drop(void)
{
    heap_free(result);
    arena_free(&arena);
}

/* A request to the store that hangs for ten hours, with nothing else going on: longer than any
 * timeout of the engine, and no fault is pending. */
Test(run, a_hanging_store_is_stuck_and_says_who_waits, .fini = drop, .timeout = 60)
{
    run("objects",
        "",
        ", \"script\": [{\"at\": {\"operation\": \"put_if_absent\", \"path\": \"*commits/0\"}, "
        "\"do\": \"slow\", \"target\": \"storage\", \"for\": \"10h\"}]");
    cr_assert(eq(int, result->outcome, OUTCOME_STUCK));
    cr_assert(not(result->pass));
    cr_assert(eq(int, run_exit_code(result), 3));
    cr_assert(eq(str, result->failed_check, "liveness"));
    cr_assert(strstr(result->evidence, "driver waits for put_if_absent of ") != NULL,
              "%s",
              result->evidence);
    cr_assert(strstr(result->evidence, "commits/0") != NULL, "%s", result->evidence);
    cr_assert(strstr(result->evidence, "executor 1 waits for") != NULL, "%s", result->evidence);
    cr_assert(eq(str, result->runs[0].error.error_class, ""), "it has not ended");
}

/* Nothing arrived at all, and the file says nothing of its runs: that is no success. */
Test(run, an_error_that_nobody_expects_fails_the_run, .fini = drop, .timeout = 60)
{
    run("disk",
        "",
        ", \"script\": [{\"at\": {\"operation\": \"write\", \"path\": \"*offsets*\"}, \"do\": "
        "\"io_error\", \"target\": \"storage\", \"times\": 1000}]");
    cr_assert(not(result->pass));
    cr_assert(eq(int, result->outcome, OUTCOME_ERROR));
    cr_assert(eq(str, result->failed_check, "expectation"));
    cr_assert(eq(int, run_exit_code(result), 1));
}

Test(run, a_crash_without_restart_that_nobody_expects_fails_the_run, .fini = drop, .timeout = 60)
{
    run("disk",
        "",
        ", \"script\": [{\"at\": {\"batch\": 0, \"point\": \"sink.before\"}, \"do\": \"crash\", "
        "\"target\": \"driver\"}]");
    cr_assert(not(result->pass));
    cr_assert(eq(int, result->outcome, OUTCOME_STOPPED));
    cr_assert(eq(str, result->failed_check, "expectation"));
}

Test(run, an_event_that_never_fires_fails_the_run, .fini = drop, .timeout = 60)
{
    run("disk",
        "",
        ", \"script\": [{\"at\": {\"batch\": 900, \"point\": \"sink.before\"}, \"do\": \"crash\", "
        "\"target\": \"driver\"}]");
    cr_assert(not(result->pass));
    cr_assert(eq(str, result->failed_check, "unfired"));
    cr_assert(eq(int, run_exit_code(result), 1));
}

Test(run, without_a_fault_it_passes, .fini = drop, .timeout = 60)
{
    run("disk", "", "");
    cr_assert(result->pass, "%s: %s", result->failed_check, result->evidence);
    cr_assert(eq(int, run_exit_code(result), 0));
}

Test(run, the_span_of_what_expired_is_judged, .fini = drop, .timeout = 60)
{
    run_outage("[\"1h55m\", \"4h15m\"]");
    cr_assert(result->pass, "%s: %s", result->failed_check, result->evidence);
    heap_free(result);
    run_outage("[\"1h55m\", \"3h\"]");
    cr_assert(not(result->pass));
    cr_assert(strstr(result->evidence, "lost.span") != NULL, "%s", result->evidence);
    heap_free(result);
    run_outage("[\"2h5m\", \"4h15m\"]");
    cr_assert(not(result->pass));
    cr_assert(strstr(result->evidence, "lost.span") != NULL, "%s", result->evidence);
}
