/* The verdict: did what happened agree with the file's expectations? Three ways to fail, the first
 * wins: a check (recorded by the kernel), an event of the script that never fired, an expectation.
 */
#include "sim/search/run_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

static void fail(struct run_result *result, const char *check, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fail(struct run_result *result, const char *check, const char *format, ...)
{
    if (result->failed_check[0] != '\0') {
        return;
    }
    (void)snprintf(result->failed_check, sizeof result->failed_check, "%s", check);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(result->evidence, sizeof result->evidence, format, arguments);
    va_end(arguments);
}

static const char *resumes_name(int as)
{
    static const char *const names[] = {"new", "next", "re-run"};
    return as >= 0 && as < 3 ? names[as] : "nothing";
}

/* "DATA_LOSS" expects that class, or one below it ("DATA_LOSS.X"). */
static bool class_matches(const char *expected, const char *found)
{
    size_t length = strlen(expected);
    return strncmp(expected, found, length) == 0 && (found[length] == '\0' || found[length] == '.');
}

/* "partition 1" is not named by "partition 10". */
static bool names_number(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        if (at[length] < '0' || at[length] > '9') {
            return true;
        }
    }
    return false;
}

static void judge_file(struct run_result *result, size_t i, const struct expected_names *expected)
{
    const struct diag *error = &result->runs[i].error;
    if (expected->file != NULL && !injector_path_matches(expected->file, error->file)) {
        fail(result,
             "expectation",
             "expect.runs[%zu].names.file: expected %s, the error is about \"%s\": %s",
             i,
             expected->file,
             error->file,
             error->text);
    }
    if (expected->remedy != NULL && strstr(error->text, expected->remedy) == NULL) {
        fail(result,
             "expectation",
             "expect.runs[%zu].names.remedy: \"%s\" is not in: %s",
             i,
             expected->remedy,
             error->text);
    }
}

/* The error must name the topic and each partition that the file says. */
static void judge_names(struct run_result *result, size_t i, const struct expected_names *expected)
{
    const char *text = result->runs[i].error.text;
    if (expected->topic != NULL && strstr(text, expected->topic) == NULL) {
        fail(result,
             "expectation",
             "expect.runs[%zu].names: topic %s is not named by: %s",
             i,
             expected->topic,
             text);
    }
    for (size_t p = 0; p < expected->partition_count; p++) {
        char word[32];
        (void)snprintf(word, sizeof word, "partition %ld", (long)expected->partitions[p]);
        if (!names_number(text, word)) {
            fail(result,
                 "expectation",
                 "expect.runs[%zu].names: %s is not named by: %s",
                 i,
                 word,
                 text);
        }
    }
}

static void judge_one_run(struct run_result *result, size_t i, const struct expected_run *expected)
{
    const struct driver_run *run = &result->runs[i];
    if (run->ends != expected->ends) {
        fail(result,
             "expectation",
             "expect.runs[%zu].ends: expected \"%s\", found \"%s\"%s%s",
             i,
             run_end_name(expected->ends),
             run_end_name(run->ends),
             run->error.set ? ": " : "",
             run->error.text);
        return;
    }
    if (expected->has_resumes && (run->resumes_batch != expected->resumes_batch ||
                                  run->resumes_as != expected->resumes_as)) {
        fail(result,
             "expectation",
             "expect.runs[%zu].resumes: expected batch %lld as \"%s\", found batch %lld as \"%s\"",
             i,
             (long long)expected->resumes_batch,
             resumes_name(expected->resumes_as),
             (long long)run->resumes_batch,
             resumes_name(run->resumes_as));
    }
    if (expected->error != NULL && !class_matches(expected->error, run->error.error_class)) {
        fail(result,
             "expectation",
             "expect.runs[%zu].error: expected %s, found %s: %s",
             i,
             expected->error,
             run->error.set ? run->error.error_class : "no error",
             run->error.text);
    }
    judge_file(result, i, &expected->names);
    judge_names(result, i, &expected->names);
    if (expected->reports_skipped && run->ranges_skipped == 0) {
        fail(result,
             "expectation",
             "expect.runs[%zu].reports: expected \"skipped-ranges\", none was reported",
             i);
    }
    if (expected->commits >= 0 && run->commits != expected->commits) {
        fail(result,
             "expectation",
             "expect.runs[%zu].commits: expected %lld, found %lld",
             i,
             (long long)expected->commits,
             (long long)run->commits);
    }
}

/* A file that says nothing of its runs promises that every record arrives: a query that ended
 * before that has shown nothing. */
static void judge_end(struct run *run)
{
    struct run_result *result = run->result;
    if (result->outcome == OUTCOME_CAUGHT_UP || run->scenario->expect.gave_up) {
        return;
    }
    const struct driver_run *last = &result->runs[result->run_count - 1];
    fail(result,
         "expectation",
         "without \"expect.runs\" the query must catch up, found the outcome \"%s\" (the last run "
         "ended \"%s\" %s)",
         outcome_name(result->outcome),
         run_end_name(last->ends),
         last->error.text);
}

static void judge_runs(struct run *run)
{
    struct run_result *result = run->result;
    const struct expectation *expect = &run->scenario->expect;
    if (!expect->has_runs) {
        judge_end(run);
        return;
    }
    for (size_t i = 0; i < expect->run_count && i < result->run_count; i++) {
        judge_one_run(result, i, &expect->runs[i]);
    }
    if (expect->run_count != result->run_count) {
        const struct driver_run *last = &result->runs[result->run_count - 1];
        fail(result,
             "expectation",
             "expect.runs: expected %zu driver starts, found %zu (the last one ended \"%s\" %s)",
             expect->run_count,
             result->run_count,
             run_end_name(last->ends),
             last->error.text);
    }
}

static void
judge_recovery(struct run_result *result, const struct expected_recovery *expected, size_t index)
{
    bool seen = false;
    for (size_t i = 0; i < result->recovery_count; i++) {
        const struct recovery *recovery = &result->recoveries[i];
        if (strcmp(recovery->fault, expected->from) != 0) {
            continue;
        }
        seen = true;
        int64_t end_us =
            expected->to_caught_up ? recovery->caught_up_us : recovery->first_commit_us;
        char within[48];
        char took[48] = "never";
        duration_format(expected->within_us, within);
        if (end_us >= 0) {
            duration_format(end_us - recovery->at_us, took);
        }
        if (end_us < 0 || end_us - recovery->at_us > expected->within_us) {
            fail(result,
                 "expectation",
                 "expect.recovery[%zu]: from %s of %s to %s expected within %s, found %s",
                 index,
                 recovery->fault,
                 recovery->target,
                 expected->to_caught_up ? "caught-up" : "first-commit",
                 within,
                 took);
        }
    }
    if (!seen) {
        fail(result, "expectation", "expect.recovery[%zu]: no \"%s\" fired", index, expected->from);
    }
}

static void judge_counts(struct run *run)
{
    const struct expectation *expect = &run->scenario->expect;
    for (size_t i = 0; i < expect->count_count; i++) {
        const struct expected_count *expected = &expect->counts[i];
        int64_t found = 0;
        for (int kind = 0; kind < (int)ENGINE_EVENT_COUNT; kind++) {
            if (strcmp(engine_event_name((enum engine_event)kind), expected->event) == 0) {
                found = run->counts[kind];
            }
        }
        if (found < expected->min || found > expected->max) {
            fail(run->result,
                 "expectation",
                 "expect.counts: %s expected %lld to %lld times, found %lld",
                 expected->event,
                 (long long)expected->min,
                 (long long)expected->max,
                 (long long)found);
        }
    }
}

const char *run_cause_name(enum lost_cause cause)
{
    switch (cause) {
    case LOST_NOTHING:
        return "nothing";
    case LOST_LOCAL_DISK:
        return "local-disk";
    case LOST_EXPIRED:
        return "expired";
    case LOST_LOG_CHANGED:
        return "log-changed";
    }
    return "";
}

/* The span guards the file's own arithmetic: what is lost is the ledger's word. */
static void judge_span(struct run *run)
{
    const struct expected_span *span = &run->scenario->expect.lost_span;
    int64_t from_us = 0;
    int64_t to_us = 0;
    if (!checks_lost_span(run->checks, &from_us, &to_us)) {
        return;
    }
    from_us -= run->start_us;
    to_us -= run->start_us;
    if (from_us < span->from_us || to_us > span->to_us) {
        char texts[4][48];
        duration_format(span->from_us, texts[0]);
        duration_format(span->to_us, texts[1]);
        duration_format(from_us, texts[2]);
        duration_format(to_us, texts[3]);
        fail(run->result,
             "expectation",
             "expect.table.lost.span: expected records sent between %s and %s, the ledger says "
             "those between %s and %s",
             texts[0],
             texts[1],
             texts[2],
             texts[3]);
    }
}

static void judge_damage(struct run *run)
{
    const struct expectation *expect = &run->scenario->expect;
    if (run->checks == NULL) {
        return;
    }
    enum lost_cause found = checks_lost_cause(run->checks);
    run->result->lost = run_cause_name(found);
    if (found != expect->lost) {
        fail(run->result,
             "expectation",
             "expect.table.lost: expected %s, the damage ledger says %s",
             run_cause_name(expect->lost),
             run_cause_name(found));
    }
    if (expect->has_lost_span) {
        judge_span(run);
    }
    if (expect->gave_up != (run->result->outcome == OUTCOME_GAVE_UP)) {
        fail(run->result,
             "expectation",
             "expect.supervisor: expected %s, found %s",
             expect->gave_up ? "gave-up" : "no giving up",
             outcome_name(run->result->outcome));
    }
}

static void judge_unfired(struct run *run)
{
    struct run_result *result = run->result;
    for (size_t i = 0; i < result->event_count; i++) {
        const struct fault_event *event = &run->scenario->script.events[i];
        if (!result->events[i].fired && !event->optional) {
            fail(result,
                 "unfired",
                 "script[%zu] (%s:%d, \"%s\") never fired: nothing passed its anchor",
                 i,
                 run->scenario->file,
                 event->line,
                 fault_info(event->verb)->name);
            return;
        }
    }
}

void run_judge(struct run *run)
{
    struct run_result *result = run->result;
    const struct violation *violation = kernel_violation(run->kernel);
    if (violation->set) {
        fail(result, violation->check, "%s", violation->evidence);
    }
    if (result->outcome == OUTCOME_STUCK) {
        char who[800] = "the checks are off";
        if (run->checks != NULL) {
            checks_waiting_for(run->checks, who, sizeof who);
        }
        fail(result,
             "liveness",
             "no progress since %lld ms of virtual time: %s",
             (long long)((run->progress_us - run->start_us) / 1000),
             who);
    }
    if (run->options->checks) {
        judge_damage(run);
        judge_unfired(run);
        judge_runs(run);
        judge_counts(run);
        for (size_t i = 0; i < run->scenario->expect.recovery_count; i++) {
            judge_recovery(result, &run->scenario->expect.recoveries[i], i);
        }
    }
    result->pass = result->failed_check[0] == '\0';
}

int run_exit_code(const struct run_result *result)
{
    if (result->pass) {
        return 0;
    }
    return result->outcome == OUTCOME_STUCK ? 3 : 1;
}

int run_exit_code_worse(int a, int b)
{
    static const int severity[] = {5, 4, 1, 3, 2, 0};
    for (size_t i = 0; i < sizeof severity / sizeof *severity; i++) {
        if (a == severity[i] || b == severity[i]) {
            return severity[i];
        }
    }
    return 5;
}
