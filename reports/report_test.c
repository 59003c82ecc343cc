/* A report folder, from results made up here: what stands in its files, whatever the names are. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/heap.h"
#include "reports/record.h"
#include "reports/report.h"
#include "reports/report_internal.h"

#define HOSTILE "a,\"b\" <&>'; system('x') \x1b[2J"

enum { CONTENT_SIZE_MAX = 65536 };

static char folder[] = "/tmp/report_test.XXXXXX";

static void make_folder(void)
{
    cr_assert(mkdtemp(folder) != NULL);
}

static void remove_folder(void)
{
    static const char *const names[] = {
        "recovery.csv",
        "result.json",
        "junit.xml",
        "recovery.gp",
        "recovery.log",
        "recovery.png",
        "recovery.svg",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
}

static const char *content(const char *name)
{
    static char text[CONTENT_SIZE_MAX];
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    cr_assert(file != NULL, "%s is missing", path);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

static void holds(const char *name, const char *words)
{
    const char *text = content(name);
    cr_expect(strstr(text, words) != NULL, "%s does not hold %s:\n%s", name, words, text);
}

static struct run_result *result_new(const char *scenario, uint64_t seed, bool pass)
{
    struct run_result *result = heap_alloc(sizeof *result);
    result->scenario = scenario;
    result->seed = seed;
    result->pass = pass;
    result->outcome = pass ? OUTCOME_CAUGHT_UP : OUTCOME_VIOLATION;
    result->virtual_us = 90000000;
    result->wall_us = 2500;
    result->recovery_count = 1;
    result->recoveries[0] = (struct recovery){.fault = "crash",
                                              .target = "driver",
                                              .point = "sink.after",
                                              .at_us = 30000000,
                                              .first_commit_us = 50020000,
                                              .caught_up_us = pass ? 70000000 : -1,
                                              .rows_replayed = 40};
    result->lag_count = 2;
    result->lag[0] = (struct lag_sample){.at_us = 0, .records = 0};
    result->lag[1] = (struct lag_sample){.at_us = 60000000, .records = 12};
    if (!pass) {
        (void)snprintf(result->failed_check, sizeof result->failed_check, "sink-once");
        (void)snprintf(result->evidence, sizeof result->evidence, "batch <3> & \"twice\"\x01");
    }
    return result;
}

static struct report *opened(void)
{
    struct report *report = NULL;
    struct diag diag = {0};
    cr_assert(report_open(folder, &report, &diag) == OK, "%s", diag.text);
    return report;
}

static void add(struct report *report, const char *scenario, uint64_t seed, bool pass)
{
    struct run_result *result = result_new(scenario, seed, pass);
    report_add(report, result);
    heap_free(result);
}

static void closed(struct report *report)
{
    struct diag diag = {0};
    cr_assert(report_close(report, &diag) == OK, "%s", diag.text);
}

TestSuite(report, .init = make_folder, .fini = remove_folder);

Test(report, every_file_is_there)
{
    struct report *report = opened();
    add(report, "good", 1, true);
    add(report, "bad", 2, false);
    closed(report);
    holds("recovery.csv",
          "\ngood,1,crash,driver,sink.after,30.000,50.020,70.000,20.020,40.000,40\n");
    holds("recovery.csv", "\nbad,2,crash,driver,sink.after,30.000,50.020,,20.020,,40\n");
    holds("result.json", "{\"scenario\":\"good\",\"seed\":1,\"verdict\":\"pass\"");
    holds("junit.xml", "<testsuite name=\"aftershock\" tests=\"2\" failures=\"1\" errors=\"0\"");
    holds("junit.xml",
          "<testcase classname=\"aftershock\" name=\"good seed 1\" time=\"0.002500\"/>");
    holds("recovery.svg", "crash driver");
    holds("recovery.svg", "bad, seed 2 (failed)"); /* the lag of the one that failed */
    cr_assert(memcmp(content("recovery.png"), "\x89PNG", 4) == 0);
    cr_assert(eq(str, content("recovery.log"), "")); /* gnuplot had nothing to say */
}

Test(report, hostile_texts_break_nothing)
{
    struct report *report = opened();
    add(report, HOSTILE, 3, false);
    report_add_error(report, "x\".json", "no <such> file");
    closed(report);
    holds("junit.xml",
          "name=\"a,&quot;b&quot; &lt;&amp;&gt;&apos;; system(&apos;x&apos;) ?[2J seed 3\"");
    holds("junit.xml",
          "<failure type=\"sink-once\" message=\"batch &lt;3&gt; &amp; &quot;twice&quot;?\">");
    holds("junit.xml", "<error type=\"INVALID_SCENARIO\" message=\"no &lt;such&gt; file\"/>");
    holds("junit.xml", "tests=\"2\" failures=\"1\" errors=\"1\"");
    holds("recovery.csv", "\n\"a,\"\"b\"\" <&>'; system('x') \x1b[2J\",3,crash");
    holds("recovery.gp", "Lag of a??b? ????? system??x?? ??2J, seed 3");
    cr_assert(strstr(content("recovery.gp"), "system('x')") == NULL);
    json_t *json = json_loads(content("result.json"), 0, NULL);
    cr_assert(json != NULL);
    cr_assert(eq(str, json_string_value(json_object_get(json, "scenario")), HOSTILE));
    json_decref(json);
}

Test(report, nothing_ran_and_nothing_fired)
{
    closed(opened());
    holds("junit.xml", "tests=\"0\" failures=\"0\" errors=\"0\"");
    holds("recovery.svg", "No run to draw");
}

Test(report, more_kinds_of_fault_than_rows)
{
    struct report *report = opened();
    struct run_result *result = result_new("many", 1, true);
    for (size_t i = 0; i < 40; i++) {
        result->recoveries[0].at_us += 100000;
        (void)snprintf(
            result->recoveries[0].point, sizeof result->recoveries->point, "point.%zu", i);
        report_add(report, result);
    }
    cr_assert(eq(sz, report->category_count, PLOT_CATEGORIES_MAX));
    cr_assert(eq(str, report->categories[PLOT_CATEGORIES_MAX - 1].name, "other faults"));
    cr_assert(
        eq(sz, report->categories[PLOT_CATEGORIES_MAX - 1].count, 40 - (PLOT_CATEGORIES_MAX - 1)));
    heap_free(result);
    closed(report);
}

Test(report, a_folder_that_cannot_be)
{
    struct report *report = NULL;
    struct diag diag = {0};
    cr_assert(report_open("/dev/null/report", &report, &diag) != OK);
    cr_assert(eq(str, diag.error_class, "REPORT_FAILED"));
    cr_assert(strstr(diag.text, "/dev/null/report") != NULL);
}

Test(record, is_json_and_holds_what_replay_needs)
{
    struct run_result *result = result_new("bad", 7, false);
    struct scenario scenario = {.file = "s/" HOSTILE ".json", .resolved = "{\"story\":\"x\"}"};
    struct failure_record record = {.commit = "0123456789ab",
                                    .arguments = "aftershock run s",
                                    .scenario = &scenario,
                                    .result = result,
                                    .last_events = bytes_of_text("{\"a\":1}\n{\"a\":2}\n")};
    struct buf text = {0};
    record_json(&record, &text);
    json_t *json = json_loadb((const char *)text.data, text.size, 0, NULL);
    cr_assert(json != NULL);
    cr_assert(eq(str, json_string_value(json_object_get(json, "scenario")), "s/" HOSTILE ".json"));
    cr_assert(eq(i64, json_integer_value(json_object_get(json, "seed")), 7));
    cr_assert(eq(str, json_string_value(json_object_get(json, "failed_check")), "sink-once"));
    bool resolved = json_is_object(json_object_get(json, "resolved"));
    cr_assert(resolved);
    cr_assert(eq(sz, json_array_size(json_object_get(json, "last_events")), 2));
    json_decref(json);
    buf_free(&text);
    heap_free(result);
}
