/* recovery.png and recovery.svg: two panels by gnuplot. Above: recovery time by fault, a point a
 * recovery (light: to the first commit, dark: to caught up). Below: lag over virtual time, each
 * fault a shaded band until its recovery (Jepsen's visual grammar). gnuplot is started directly,
 * without a shell; its commands hold our own words and numbers only. */
#include "reports/report_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults/fault.h"

static int fault_index(const char *name)
{
    for (int verb = 0; verb < (int)FAULT_COUNT; verb++) {
        if (strcmp(fault_info((enum fault_verb)verb)->name, name) == 0) {
            return verb;
        }
    }
    return -1;
}

static void put_seconds(struct buf *out, int64_t time_us)
{
    if (time_us < 0) {
        buf_text(out, " NaN");
    } else {
        buf_printf(out, " %" PRId64 ".%03" PRId64, time_us / 1000000, time_us / 1000 % 1000);
    }
}

void plot_add_recovery(struct report *report, const struct recovery *recovery)
{
    int fault = fault_index(recovery->fault);
    if (fault < 0) {
        return;
    }
    report->faults_seen |= 1U << (unsigned)fault;
    buf_printf(&report->points, "%d", fault);
    put_seconds(&report->points,
                recovery->first_commit_us < 0 ? -1 : recovery->first_commit_us - recovery->at_us);
    put_seconds(&report->points,
                recovery->caught_up_us < 0 ? -1 : recovery->caught_up_us - recovery->at_us);
    buf_byte(&report->points, '\n');
}

void plot_keep_lag(struct report *report, const struct run_result *result)
{
    if (result->lag_count == 0) {
        return;
    }
    buf_clear(&report->lag);
    buf_clear(&report->bands);
    report->lag_count = result->lag_count;
    report->lag_of_failure = !result->pass;
    report->lag_max = 1;
    for (size_t i = 0; i < result->lag_count; i++) {
        put_seconds(&report->lag, result->lag[i].at_us);
        buf_printf(&report->lag, " %" PRId64 "\n", result->lag[i].records);
        if (result->lag[i].records > report->lag_max) {
            report->lag_max = result->lag[i].records;
        }
    }
    for (size_t i = 0; i < result->recovery_count; i++) {
        const struct recovery *recovery = &result->recoveries[i];
        int64_t end_us = recovery->caught_up_us < 0 ? result->virtual_us : recovery->caught_up_us;
        buf_text(&report->bands, "set object rectangle from");
        put_seconds(&report->bands, recovery->at_us);
        buf_text(&report->bands, ", graph 0 to");
        put_seconds(&report->bands, end_us);
        buf_text(&report->bands,
                 ", graph 1 fillcolor rgb '#d62728' fillstyle solid 0.15 noborder behind\n");
        int fault = fault_index(recovery->fault);
        if (fault >= 0) {
            buf_printf(
                &report->bands, "set label '%s' at", fault_info((enum fault_verb)fault)->name);
            put_seconds(&report->bands, recovery->at_us);
            buf_text(&report->bands, ", graph 0.94 offset 0.4,0 textcolor rgb '#d62728'\n");
        }
    }
}

static void put_inline_data(struct buf *out, const char *name, const struct buf *data)
{
    buf_printf(out, "$%s << EOD\n", name);
    buf_append(out, data->data, data->size);
    buf_text(out, "EOD\n");
}

/* Ticks for the fault kinds that occurred, evenly spaced. */
static void put_tics(const struct report *report, struct buf *out)
{
    buf_text(out, "set xtics (");
    int shown = 0;
    for (int verb = 0; verb < (int)FAULT_COUNT; verb++) {
        if ((report->faults_seen >> (unsigned)verb & 1U) != 0) {
            buf_printf(out,
                       "%s'%s' %d",
                       shown == 0 ? "" : ", ",
                       fault_info((enum fault_verb)verb)->name,
                       verb);
            shown++;
        }
    }
    buf_text(out, ")\n");
    int low = 0;
    int high = (int)FAULT_COUNT - 1;
    while (low < high && (report->faults_seen >> (unsigned)low & 1U) == 0) {
        low++;
    }
    while (high > low && (report->faults_seen >> (unsigned)high & 1U) == 0) {
        high--;
    }
    buf_printf(out, "set xrange [%d.5:%d.5]\n", low - 1, high);
    if (low == 0) {
        buf_printf(out, "set xrange [-0.5:%d.5]\n", high);
    }
}

static void put_panels(const struct report *report, struct buf *out)
{
    buf_text(out, "set multiplot layout 2,1\n");
    if (report->points.size > 0) {
        buf_text(out, "set title 'Recovery time by fault (virtual seconds)'\nset ylabel 's'\n");
        buf_text(
            out,
            "set yrange [0:*]\nset grid y\nset key outside right top\nset jitter spread 0.4\n");
        put_tics(report, out);
        buf_text(
            out,
            "plot $points using 1:2 with points pt 7 ps 0.8 lc rgb '#1f77b4' title 'to first "
            "commit', $points using ($1+0.18):3 with points pt 5 ps 0.8 lc rgb '#ff7f0e' title "
            "'to caught up'\nunset jitter\n");
    } else {
        buf_text(
            out,
            "set title 'No fault fired'\nset xrange [0:1]\nset yrange [0:1]\nplot 2 notitle\n");
    }
    buf_text(out, "unset xtics\nset xtics auto\nset xrange [0:*]\nset yrange [0:*]\n");
    buf_text(out, "set title 'Lag over time (records readable, not yet in the table)'\n");
    buf_text(out, "set xlabel 'virtual seconds'\nset ylabel 'records'\n");
    buf_append(out, report->bands.data, report->bands.size);
    if (report->lag.size > 0) {
        buf_text(out, "plot $lag using 1:2 with steps lw 2 lc rgb '#2ca02c' title 'lag'\n");
    } else {
        buf_text(out, "plot 0 notitle\n");
    }
    buf_text(out, "unset multiplot\nunset object\nunset label\nset output\n");
    buf_text(out, "unset xlabel\nunset title\n");
}

static void put_script(const struct report *report, struct buf *out)
{
    put_inline_data(out, "points", &report->points);
    put_inline_data(out, "lag", &report->lag);
    buf_text(out, "set terminal pngcairo size 1000,800 font 'DejaVu Sans,11'\n");
    buf_text(out, "set output 'recovery.png'\n");
    put_panels(report, out);
    buf_text(out, "set terminal svg size 1000,800 font 'DejaVu Sans,11'\n");
    buf_text(out, "set output 'recovery.svg'\n");
    put_panels(report, out);
}

/* Run gnuplot in the report's folder on recovery.gp, its own complaints in recovery.log. */
static enum status run_gnuplot(const struct report *report, struct diag *diag)
{
    pid_t child = fork();
    if (child == 0) {
        char name[] = "gnuplot";
        char script[] = "recovery.gp";
        char *arguments[] = {name, script, NULL};
        if (chdir(report->directory) == 0 && freopen("recovery.log", "w", stderr) != NULL) {
            (void)execvp(name, arguments);
        }
        _exit(127);
    }
    int state = 0;
    if (child < 0 || waitpid(child, &state, 0) != child) {
        return diag_fail(
            diag, "REPORT_FAILED", "gnuplot could not be started: %s", strerror(errno));
    }
    if (!WIFEXITED(state) || WEXITSTATUS(state) != 0) {
        return diag_fail(diag,
                         "REPORT_FAILED",
                         "gnuplot failed (is gnuplot-nox installed? ci/setup does it); see "
                         "%s/recovery.log",
                         report->directory);
    }
    return OK;
}

enum status plot_draw(struct report *report, struct diag *diag)
{
    struct buf script = {0};
    put_script(report, &script);
    char path[512];
    (void)snprintf(path, sizeof path, "%s/recovery.gp", report->directory);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        buf_free(&script);
        return diag_fail(diag, "REPORT_FAILED", "%s cannot be written: %s", path, strerror(errno));
    }
    size_t written = fwrite(script.data, 1, script.size, file);
    bool bad = written != script.size;
    bad = fclose(file) != 0 || bad;
    buf_free(&script);
    if (bad) {
        return diag_fail(diag, "REPORT_FAILED", "%s could not be written whole", path);
    }
    return run_gnuplot(report, diag);
}
