/* The report's plain files, as results come in; plot.c draws at the end. */
#include "reports/report_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "reports/text.h"

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

/* Make the folder and those above it. */
static enum status make_folder(const char *directory, struct diag *diag)
{
    char path[384];
    size_t length = strlen(directory);
    if (length == 0 || length >= sizeof path) {
        return diag_fail(diag, "REPORT_FAILED", "--report needs a folder's path of 1 to 383 bytes");
    }
    memcpy(path, directory, length + 1);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0777); /* an error shows at the last one */
        *slash = '/';
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return diag_fail(
            diag, "REPORT_FAILED", "the folder %s cannot be made: %s", directory, strerror(errno));
    }
    return OK;
}

static enum status open_files(struct report *report, struct diag *diag)
{
    TRY(open_file(report, "recovery.csv", &report->csv, diag));
    TRY(open_file(report, "result.json", &report->json, diag));
    TRY(open_file(report, "junit.xml", &report->junit, diag));
    return OK;
}

enum status report_open(const char *directory, struct report **out, struct diag *diag)
{
    TRY(make_folder(directory, diag));
    struct report *report = heap_alloc(sizeof *report);
    (void)snprintf(report->directory, sizeof report->directory, "%s", directory);
    if (open_files(report, diag) != OK) {
        FILE *files[3] = {report->csv, report->json, report->junit};
        for (size_t i = 0; i < 3; i++) {
            if (files[i] != NULL) {
                (void)fclose(files[i]);
            }
        }
        heap_free(report);
        return ERR_FAILED;
    }
    *out = report;
    (void)fprintf(report->csv,
                  "scenario,seed,fault,target,point,at_s,first_commit_s,caught_up_s,"
                  "to_first_commit_s,to_caught_up_s,rows_replayed\n");
    return OK;
}

static void put_time(FILE *file, int64_t time_us)
{
    if (time_us >= 0) {
        (void)fprintf(file, "%" PRId64 ".%03" PRId64, time_us / 1000000, time_us / 1000 % 1000);
    }
}

static void add_csv(struct report *report, const struct run_result *result)
{
    struct buf name = {0};
    text_csv(&name, result->scenario);
    for (size_t i = 0; i < result->recovery_count; i++) {
        const struct recovery *recovery = &result->recoveries[i];
        int64_t first_us = recovery->first_commit_us;
        int64_t caught_up_us = recovery->caught_up_us;
        (void)fprintf(report->csv,
                      "%.*s,%" PRIu64 ",%s,%s,%s,",
                      (int)name.size,
                      (const char *)name.data,
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
    buf_free(&name);
}

static void add_case(struct report *report, const struct run_result *result)
{
    struct buf *out = &report->cases;
    buf_text(out, "  <testcase classname=\"aftershock\" name=\"");
    text_xml(out, result->scenario);
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
    text_xml(out, result->failed_check);
    buf_text(out, "\" message=\"");
    text_xml(out, result->evidence);
    buf_text(out, "\">");
    text_xml(out, result->evidence);
    buf_printf(out,
               "\nseed %" PRIu64 ", outcome %s, trace %016" PRIx64 "</failure>\n  </testcase>\n",
               result->seed,
               outcome_name(result->outcome),
               result->trace_hash);
}

void report_add_error(struct report *report, const char *file, const char *text)
{
    struct buf *out = &report->cases;
    report->count++;
    report->errors++;
    buf_text(out, "  <testcase classname=\"aftershock\" name=\"");
    text_xml(out, file);
    buf_text(out, "\" time=\"0\">\n    <error type=\"INVALID_SCENARIO\" message=\"");
    text_xml(out, text);
    buf_text(out, "\"/>\n  </testcase>\n");
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
    report->wall_us += result->wall_us;
    plot_keep_lag(report, result);
}

void report_add_lag(struct report *report, const struct run_result *result)
{
    plot_keep_lag(report, result);
}

bool report_wants_lag(const struct report *report)
{
    return !report->lag.there;
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
                  "<testsuite name=\"aftershock\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
                  "time=\"%" PRId64 ".%06" PRId64 "\">\n",
                  report->count,
                  report->failures,
                  report->errors,
                  report->wall_us / 1000000,
                  report->wall_us % 1000000);
    (void)fwrite(report->cases.data, 1, report->cases.size, report->junit);
    (void)fputs("</testsuite>\n", report->junit);
    enum status csv = close_file(report->csv, "recovery.csv", diag);
    enum status json = close_file(report->json, "result.json", diag);
    enum status junit = close_file(report->junit, "junit.xml", diag);
    enum status plots = plot_draw(report, diag);
    buf_free(&report->cases);
    plot_free(report);
    heap_free(report);
    return csv == OK && json == OK && junit == OK && plots == OK ? OK : ERR_FAILED;
}
