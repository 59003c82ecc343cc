/* recovery.png and recovery.svg by gnuplot. Above: recovery time by fault, a row a kind of fault,
 * a point a recovery, with median and quartiles. Below: lag over virtual time of one run, each
 * fault a shaded band until its recovery (Jepsen's visual grammar). gnuplot is started directly,
 * without a shell; its commands hold our own words and numbers, and names reduced to letters. */
#include "reports/report_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/hash.h"

#define FIRST_COMMIT_COLOR "#1f77b4"
#define CAUGHT_UP_COLOR    "#ff7f0e"

enum {
    WIDTH = 1100,
    TITLE_HEIGHT = 70,
    ROW_HEIGHT = 84,
    AXIS_HEIGHT = 60,
    LAG_HEIGHT = 330,
    DOTS_MAX = 1500 /* of one row and measure: more only grow the files; they keep the quantiles */
};

/* What of one row was measured: to the first commit, or to caught up. */
struct measure {
    const int64_t *took_us; /* sorted */
    size_t count;
    size_t never;
};

static int by_time(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static struct measure measure_of(struct buf *values, size_t never)
{
    size_t count = values->size / sizeof(int64_t);
    int64_t *took_us = (int64_t *)(void *)values->data;
    if (count > 1) {
        qsort(took_us, count, sizeof *took_us, by_time);
    }
    return (struct measure){.took_us = took_us, .count = count, .never = never};
}

/* The value below which `percent` of the sorted values lie (nearest rank). */
static int64_t quantile(const struct measure *measure, size_t percent)
{
    return measure->took_us[(measure->count - 1) * percent / 100];
}

/* As a person reads it: "18 ms", "2.51 s", "20.0 s". */
static void put_duration(struct buf *out, int64_t time_us)
{
    if (time_us < 1000000) {
        buf_printf(out, "%" PRId64 " ms", (time_us + 500) / 1000);
    } else if (time_us < 10000000) {
        int64_t hundredths = (time_us + 5000) / 10000;
        buf_printf(out, "%" PRId64 ".%02" PRId64 " s", hundredths / 100, hundredths % 100);
    } else {
        int64_t tenths = (time_us + 50000) / 100000;
        buf_printf(out, "%" PRId64 ".%" PRId64 " s", tenths / 10, tenths % 10);
    }
}

/* y of a row's measure in thousandths: rows downwards from 0, the first commit above. */
static int64_t row_y(size_t row, bool caught_up)
{
    return -1000 * (int64_t)row + (caught_up ? -210 : 210);
}

static void put_thousandths(struct buf *out, int64_t value)
{
    int64_t size = value < 0 ? -value : value;
    buf_printf(out, "%s%" PRId64 ".%03" PRId64, value < 0 ? "-" : "", size / 1000, size % 1000);
}

/* On a logarithmic axis nothing is faster than a millisecond. */
static int64_t plotted(int64_t took_us)
{
    return took_us < 1000 ? 1000 : took_us;
}

/* Dots of one measure, spread vertically by a fixed scatter so that equal times stay visible. */
static void put_dots(struct buf *out, const struct measure *measure, int64_t y)
{
    size_t shown = measure->count < DOTS_MAX ? measure->count : DOTS_MAX;
    for (size_t i = 0; i < shown; i++) {
        size_t at = shown == 1 ? 0 : i * (measure->count - 1) / (shown - 1);
        int64_t scatter = measure->count < 3 ? 0 : (int64_t)(hash_chain(i, 1) % 241) - 120;
        plot_put_seconds(out, plotted(measure->took_us[at]));
        buf_byte(out, ' ');
        put_thousandths(out, y + scatter);
        buf_byte(out, '\n');
    }
}

static void put_data(struct report *report, struct buf *out, bool caught_up)
{
    buf_printf(out, "$%s << EOD\n", caught_up ? "caught_up" : "first_commit");
    for (size_t i = 0; i < report->category_count; i++) {
        struct plot_category *category = &report->categories[i];
        struct measure measure = caught_up
                                     ? measure_of(&category->caught_up_us, category->no_catch_up)
                                     : measure_of(&category->first_commit_us, category->no_commit);
        put_dots(out, &measure, row_y(i, caught_up));
    }
    buf_text(out, "EOD\n");
}

/* Box between the quartiles, a bar at the median, and both in words behind the slowest. */
static void put_summary(struct buf *out, const struct measure *measure, int64_t y)
{
    if (measure->count >= 3) {
        buf_text(out, "set object rectangle from ");
        plot_put_seconds(out, plotted(quantile(measure, 25)));
        buf_byte(out, ',');
        put_thousandths(out, y - 150);
        buf_text(out, " to ");
        plot_put_seconds(out, plotted(quantile(measure, 75)));
        buf_byte(out, ',');
        put_thousandths(out, y + 150);
        buf_text(out, " fillstyle transparent solid 0.15 border lc rgb '#555555'\n");
        buf_text(out, "set arrow from ");
        plot_put_seconds(out, plotted(quantile(measure, 50)));
        buf_byte(out, ',');
        put_thousandths(out, y - 180);
        buf_text(out, " to ");
        plot_put_seconds(out, plotted(quantile(measure, 50)));
        buf_byte(out, ',');
        put_thousandths(out, y + 180);
        buf_text(out, " nohead lw 2.5 lc rgb 'black' front\n");
    }
    buf_text(out, "set label '");
    if (measure->count == 2) {
        put_duration(out, quantile(measure, 0));
        buf_text(out, " and ");
        put_duration(out, quantile(measure, 100));
    } else if (measure->count > 0) {
        put_duration(out, quantile(measure, 50));
    }
    if (measure->count >= 3) {
        buf_text(out, " median, ");
        put_duration(out, quantile(measure, 100));
        buf_text(out, " slowest");
    }
    if (measure->never > 0) {
        buf_printf(out, "%s%zu never", measure->count > 0 ? ", " : "", measure->never);
    }
    buf_text(out, "' at ");
    plot_put_seconds(out, measure->count > 0 ? plotted(quantile(measure, 100)) : 1000);
    buf_byte(out, ',');
    put_thousandths(out, y);
    buf_text(out, " left offset 1.2,0 font ',10' textcolor rgb '#333333' front\n");
}

static void put_rows(struct report *report, struct buf *out, int64_t *low_us, int64_t *high_us)
{
    for (size_t i = 0; i < report->category_count; i++) {
        struct plot_category *category = &report->categories[i];
        struct measure first = measure_of(&category->first_commit_us, category->no_commit);
        struct measure caught_up = measure_of(&category->caught_up_us, category->no_catch_up);
        put_summary(out, &first, row_y(i, false));
        put_summary(out, &caught_up, row_y(i, true));
        const struct measure *both[] = {&first, &caught_up};
        for (size_t k = 0; k < 2; k++) {
            if (both[k]->count > 0) {
                int64_t low = plotted(quantile(both[k], 0));
                int64_t high = plotted(quantile(both[k], 100));
                *low_us = *low_us == 0 || low < *low_us ? low : *low_us;
                *high_us = high > *high_us ? high : *high_us;
            }
        }
    }
}

/* Row names on two lines, with how many recoveries stand behind each. */
static void put_row_tics(const struct report *report, struct buf *out)
{
    buf_text(out, "set ytics scale 0 (");
    for (size_t i = 0; i < report->category_count; i++) {
        const struct plot_category *category = &report->categories[i];
        const char *point = strstr(category->name, " at ");
        size_t length = point == NULL ? strlen(category->name) : (size_t)(point - category->name);
        buf_printf(out, "%s\"%.*s", i == 0 ? "" : ", ", (int)length, category->name);
        buf_printf(out, "%s%s", point == NULL ? "" : "\\n", point == NULL ? "" : point + 1);
        if (category->count > 1) {
            buf_printf(out, "%s%zu times", point == NULL ? "\\n" : ", ", category->count);
        }
        buf_printf(out, "\" -%zu", i);
    }
    buf_text(out, ")\n");
}

/* Milliseconds and minutes in one plot need a logarithm; what is close together does not. The axis
 * leaves room for the words behind the slowest point. */
static void put_time_axis(struct buf *out, int64_t low_us, int64_t high_us)
{
    if (high_us == 0) {
        buf_text(out, "set xrange [0:1]\n");
    } else if (high_us / 50 > low_us) {
        int64_t floor_us = 1000;
        while (floor_us * 10 <= low_us) {
            floor_us *= 10;
        }
        buf_text(out,
                 "set logscale x 10\nset xtics ('1 ms' 0.001, '10 ms' 0.01, '100 ms' 0.1, '1 s' 1, "
                 "'10 s' 10, '100 s' 100, '1,000 s' 1000, '10,000 s' 10000)\nset xrange [");
        plot_put_seconds(out, floor_us / 2);
        buf_byte(out, ':');
        plot_put_seconds(out, high_us * 80);
        buf_text(out, "]\n");
    } else {
        buf_text(out, "set xtics format '%g s'\nset xrange [0:");
        plot_put_seconds(out, high_us * 3 / 2 + 1000);
        buf_text(out, "]\n");
    }
    buf_text(out, "set xlabel 'virtual time from the fault'\n");
}

/* The panel's place, in pixels from the top of a picture of `height`. */
static void put_place(struct buf *out, int top, int bottom, int height)
{
    buf_printf(out,
               "set lmargin at screen 290./%d\nset rmargin at screen %d./%d\n"
               "set tmargin at screen 1-%d./%d\nset bmargin at screen 1-%d./%d\n",
               (int)WIDTH,
               (int)WIDTH - 30,
               (int)WIDTH,
               top,
               height,
               bottom,
               height);
}

static void put_title(struct buf *out, const char *first, const char *second)
{
    buf_printf(out,
               "set label '%s%s' at graph 0, graph 1 offset 0,1.9 left font ',13'\n"
               "set key at graph 1, graph 1 right bottom horizontal samplen 1.5 font ',10'\n",
               first,
               second);
}

static void put_recovery_panel(struct report *report, struct buf *out, int height)
{
    int64_t low_us = 0;
    int64_t high_us = 0;
    put_place(out, TITLE_HEIGHT, TITLE_HEIGHT + ROW_HEIGHT * (int)report->category_count, height);
    put_title(out, "Recovery time by fault", "");
    put_rows(report, out, &low_us, &high_us);
    put_row_tics(report, out);
    put_time_axis(out, low_us, high_us);
    buf_printf(out, "set yrange [-%zu.5:0.5]\n", report->category_count - 1);
    buf_text(out, "set grid x lt 1 lw 0.5 lc rgb '#dddddd'\n");
    for (size_t i = 1; i < report->category_count; i++) {
        buf_printf(out,
                   "set arrow from graph 0, first -%zu.5 to graph 1, first -%zu.5 nohead lw 0.5 lc "
                   "rgb '#bbbbbb'\n",
                   i - 1,
                   i - 1);
    }
    buf_text(out,
             "plot 1/0 with points pt 7 ps 1 lc rgb '" FIRST_COMMIT_COLOR
             "' title 'to the first commit', 1/0 with points pt 5 ps 1 lc rgb '" CAUGHT_UP_COLOR
             "' title 'to caught up'");
    bool some[2] = {false, false};
    size_t dots = 9; /* point size in tenths */
    for (size_t i = 0; i < report->category_count; i++) {
        some[0] = some[0] || report->categories[i].first_commit_us.size > 0;
        some[1] = some[1] || report->categories[i].caught_up_us.size > 0;
        dots = report->categories[i].count > 50 ? 5 : dots;
    }
    if (some[0]) {
        buf_printf(out,
                   ", $first_commit using 1:2 with points pt 7 ps 0.%zu lc rgb '#60%s' notitle",
                   dots,
                   &FIRST_COMMIT_COLOR[1]);
    }
    if (some[1]) {
        buf_printf(out,
                   ", $caught_up using 1:2 with points pt 5 ps 0.%zu lc rgb '#60%s' notitle",
                   dots,
                   &CAUGHT_UP_COLOR[1]);
    }
    buf_text(out,
             "\nunset label\nunset arrow\nunset object\nunset logscale\nunset xtics\nunset ytics\n"
             "set xtics format '%g'\nset ytics format '%g'\n");
}

static void put_lag_panel(const struct report *report, struct buf *out, int top, int height)
{
    const struct plot_lag *lag = &report->lag;
    size_t rows = lag->faults < 5 ? lag->faults : 5; /* rows of labels above the curve */
    put_place(out, top, top + LAG_HEIGHT, height);
    put_title(out, "Lag of ", lag->title);
    buf_text(out, "set xrange [0:");
    plot_put_seconds(out, lag->end_us + lag->end_us / 32 + 1000);
    buf_printf(out,
               "]\nset yrange [0:%" PRId64 "]\n",
               lag->records_max + lag->records_max * (int64_t)(rows + 1) / 10 + 1);
    buf_text(out,
             "set xlabel 'virtual seconds'\nset ylabel 'records readable, not yet in the table' "
             "offset -1,0\nset grid x y lt 1 lw 0.5 lc rgb '#dddddd'\n");
    buf_append(out, lag->bands.data, lag->bands.size);
    buf_text(out, "plot $lag using 1:2 with steps lw 2 lc rgb '#2ca02c' title 'lag'");
    if (lag->faults > 0) {
        buf_text(out,
                 ", keyentry with boxes fillstyle transparent solid 0.30 noborder fillcolor rgb "
                 "'#d62728' title 'fault, until the next commit', keyentry with boxes fillstyle "
                 "transparent solid 0.12 noborder fillcolor rgb '#d62728' title 'until caught up'");
    }
    buf_text(out, "\nunset label\nunset arrow\nunset object\nunset ylabel\n");
}

static void put_panels(struct report *report, struct buf *out)
{
    bool recoveries = report->category_count > 0;
    int lag_top = recoveries
                      ? TITLE_HEIGHT * 2 + AXIS_HEIGHT + ROW_HEIGHT * (int)report->category_count
                      : TITLE_HEIGHT;
    int height = lag_top + (report->lag.there ? LAG_HEIGHT + AXIS_HEIGHT : 0);
    if (!report->lag.there) {
        height = recoveries ? height - TITLE_HEIGHT : 200;
    }
    buf_printf(out, "size %d,%d\n", (int)WIDTH, height);
    buf_text(out, "set multiplot\nset border lc rgb '#888888'\n");
    if (recoveries) {
        put_recovery_panel(report, out, height);
    }
    if (report->lag.there) {
        put_lag_panel(report, out, lag_top, height);
    }
    if (!recoveries && !report->lag.there) {
        buf_text(out,
                 "unset border\nunset tics\nset xrange [0:1]\nset yrange [0:1]\nset label 'No run "
                 "to draw' at 0.5,0.5 center\nplot 2 notitle\nunset label\nset border\n");
    }
    buf_text(out, "unset multiplot\nset output\nreset\n");
}

void plot_script(struct report *report, struct buf *out)
{
    put_data(report, out, false);
    put_data(report, out, true);
    buf_text(out, "$lag << EOD\n");
    buf_append(out, report->lag.data.data, report->lag.data.size);
    buf_text(out, "EOD\nset output 'recovery.png'\n");
    buf_text(out, "set terminal pngcairo noenhanced background 'white' font 'DejaVu Sans,11' ");
    put_panels(report, out);
    buf_text(out, "set output 'recovery.svg'\n");
    buf_text(out, "set terminal svg noenhanced background 'white' font 'DejaVu Sans,11' ");
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
    plot_script(report, &script);
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
