/* The report's plain files, as results come in; plot.c draws at the end. */
#include "reports/report_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"

static enum status
open_file(struct report *report, const char *name, FILE **file, struct diag *diag)
{
    char path[512];
    int length = snprintf(path, sizeof path, "%s/%s", report->directory, name);
    if (length < 0 || (size_t)length >= sizeof path) {
        return diag_fail(diag, "REPORT_FAILED", "the path of %s is too long", name);
    }
    *file = fopen(path, "w");
    if (*file == NULL) {
        return diag_fail(diag, "REPORT_FAILED", "%s cannot be written: %s", path, strerror(errno));
    }
    return OK;
}

enum status report_open(const char *directory, struct report **out, struct diag *diag)
{
    if (mkdir(directory, 0777) != 0 && errno != EEXIST) {
        return diag_fail(
            diag, "REPORT_FAILED", "the folder %s cannot be made: %s", directory, strerror(errno));
    }
    struct report *report = heap_alloc(sizeof *report);
    (void)snprintf(report->directory, sizeof report->directory, "%s", directory);
    *out = report;
    TRY(open_file(report, "recovery.csv", &report->csv, diag));
    TRY(open_file(report, "result.json", &report->json, diag));
    TRY(open_file(report, "junit.xml", &report->junit, diag));
    (void)fprintf(report->csv,
                  "scenario,seed,fault,target,point,at_s,first_commit_s,caught_up_s,"
                  "to_first_commit_s,to_caught_up_s,rows_replayed\n");
    return OK;
}

/* XML text: the five entities; control characters become '?'. */
static void put_xml(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            buf_text(out, "&amp;");
            break;
        case '<':
            buf_text(out, "&lt;");
            break;
        case '>':
            buf_text(out, "&gt;");
            break;
        case '"':
            buf_text(out, "&quot;");
            break;
        case '\'':
            buf_text(out, "&apos;");
            break;
        default:
            buf_byte(out, (unsigned char)*text < 0x20 ? '?' : (uint8_t)*text);
        }
    }
}

static void put_time(FILE *file, int64_t time_us)
{
    if (time_us >= 0) {
        (void)fprintf(file, "%" PRId64 ".%03" PRId64, time_us / 1000000, time_us / 1000 % 1000);
    }
}

static void add_csv(struct report *report, const struct run_result *result)
{
    for (size_t i = 0; i < result->recovery_count; i++) {
        const struct recovery *recovery = &result->recoveries[i];
        int64_t first_us = recovery->first_commit_us;
        int64_t caught_up_us = recovery->caught_up_us;
        (void)fprintf(report->csv,
                      "%s,%" PRIu64 ",%s,%s,%s,",
                      result->scenario,
                      result->seed,
                      recovery->fault,
                      recovery->target,
                      recovery->point);
        put_time(report->csv, recovery->at_us);
        (void)fputc(',', report->csv);
        put_time(report->csv, first_us);
        (void)fputc(',', report->csv);
        put_time(report->csv, caught_up_us);
        (void)fputc(',', report->csv);
        put_time(report->csv, first_us < 0 ? -1 : first_us - recovery->at_us);
        (void)fputc(',', report->csv);
        put_time(report->csv, caught_up_us < 0 ? -1 : caught_up_us - recovery->at_us);
        (void)fprintf(report->csv, ",%" PRId64 "\n", recovery->rows_replayed);
        plot_add_recovery(report, recovery);
    }
}

static void add_case(struct report *report, const struct run_result *result)
{
    struct buf *out = &report->cases;
    buf_text(out, "  <testcase classname=\"aftershock\" name=\"");
    put_xml(out, result->scenario);
    buf_printf(out,
               " seed %" PRIu64 "\" time=\"%" PRId64 ".%06" PRId64 "\"",
               result->seed,
               result->wall_us / 1000000,
               result->wall_us % 1000000);
    if (result->pass) {
        buf_text(out, "/>\n");
        return;
    }
    report->failures++;
    buf_text(out, ">\n    <failure type=\"");
    put_xml(out, result->failed_check);
    buf_text(out, "\">");
    put_xml(out, result->evidence);
    buf_text(out, "</failure>\n  </testcase>\n");
}

void report_add(struct report *report, const struct run_result *result)
{
    struct buf line = {0};
    run_result_json(result, &line);
    (void)fwrite(line.data, 1, line.size, report->json);
    (void)fputc('\n', report->json);
    buf_free(&line);
    add_csv(report, result);
    add_case(report, result);
    report->count++;
    bool better = !result->pass && !report->lag_of_failure;
    if (report->lag_count == 0 || better) {
        plot_keep_lag(report, result);
    }
}

static enum status close_file(FILE *file, const char *name, struct diag *diag)
{
    bool bad = ferror(file) != 0;
    if (fclose(file) != 0 || bad) {
        return diag_fail(diag, "REPORT_FAILED", "%s could not be written whole", name);
    }
    return OK;
}

enum status report_close(struct report *report, struct diag *diag)
{
    require(report != NULL);
    (void)fprintf(report->junit,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                  "<testsuite name=\"aftershock\" tests=\"%zu\" failures=\"%zu\">\n",
                  report->count,
                  report->failures);
    (void)fwrite(report->cases.data, 1, report->cases.size, report->junit);
    (void)fputs("</testsuite>\n", report->junit);
    enum status csv = close_file(report->csv, "recovery.csv", diag);
    enum status json = close_file(report->json, "result.json", diag);
    enum status junit = close_file(report->junit, "junit.xml", diag);
    enum status plots = plot_draw(report, diag);
    buf_free(&report->cases);
    buf_free(&report->points);
    buf_free(&report->lag);
    buf_free(&report->bands);
    heap_free(report);
    return csv == OK && json == OK && junit == OK && plots == OK ? OK : ERR_FAILED;
}
