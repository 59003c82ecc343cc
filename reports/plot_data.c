/* What the plots show, collected while runs go by: recovery times by kind of fault, and the lag of
 * one run. */
#include "reports/report_internal.h"

#include <inttypes.h>
#include <string.h>

#include "reports/text.h"

enum { LABELED_MAX = 20, LABEL_ROWS = 5 }; /* more labels than this are soup */

void plot_put_seconds(struct buf *out, int64_t time_us)
{
    buf_printf(out, "%" PRId64 ".%03" PRId64, time_us / 1000000, time_us / 1000 % 1000);
}

static void put_name(struct buf *out, const struct recovery *recovery)
{
    text_plot(out, recovery->fault);
    buf_byte(out, ' ');
    text_plot(out, recovery->target);
    if (recovery->point[0] != '\0') {
        buf_text(out, " at ");
        text_plot(out, recovery->point);
    }
}

static struct plot_category *category_of(struct report *report, const struct recovery *recovery)
{
    struct buf text = {0};
    char name[sizeof report->categories->name];
    put_name(&text, recovery);
    (void)snprintf(name, sizeof name, "%.*s", (int)text.size, (const char *)text.data);
    buf_free(&text);
    for (size_t i = 0; i < report->category_count; i++) {
        if (strcmp(report->categories[i].name, name) == 0) {
            return &report->categories[i];
        }
    }
    if (report->category_count == PLOT_CATEGORIES_MAX) {
        return &report->categories[PLOT_CATEGORIES_MAX - 1];
    }
    struct plot_category *category = &report->categories[report->category_count];
    report->category_count++;
    bool last = report->category_count == PLOT_CATEGORIES_MAX;
    (void)snprintf(category->name, sizeof category->name, "%s", last ? "other faults" : name);
    return category;
}

void plot_add_recovery(struct report *report, const struct recovery *recovery)
{
    struct plot_category *category = category_of(report, recovery);
    category->count++;
    if (recovery->first_commit_us < 0) {
        category->no_commit++;
    } else {
        int64_t took_us = recovery->first_commit_us - recovery->at_us;
        buf_append(&category->first_commit_us, &took_us, sizeof took_us);
    }
    if (recovery->caught_up_us < 0) {
        category->no_catch_up++;
    } else {
        int64_t took_us = recovery->caught_up_us - recovery->at_us;
        buf_append(&category->caught_up_us, &took_us, sizeof took_us);
    }
}

static void put_band(struct buf *out, int64_t from_us, int64_t to_us, const char *opacity)
{
    if (to_us <= from_us) {
        return;
    }
    buf_text(out, "set object rectangle from ");
    plot_put_seconds(out, from_us);
    buf_text(out, ", graph 0 to ");
    plot_put_seconds(out, to_us);
    buf_printf(out,
               ", graph 1 fillcolor rgb '#d62728' fillstyle transparent solid %s noborder behind\n",
               opacity);
}

/* A line at the fault, dark until the next commit, light until all is caught up. */
static void
put_fault(struct plot_lag *lag, const struct recovery *recovery, size_t index, int64_t end_us)
{
    struct buf *out = &lag->bands;
    int64_t first_us = recovery->first_commit_us < 0 ? end_us : recovery->first_commit_us;
    int64_t caught_up_us = recovery->caught_up_us < 0 ? end_us : recovery->caught_up_us;
    put_band(out, recovery->at_us, first_us, "0.30");
    put_band(out, first_us, caught_up_us, "0.12");
    buf_text(out, "set arrow from ");
    plot_put_seconds(out, recovery->at_us);
    buf_text(out, ", graph 0 to ");
    plot_put_seconds(out, recovery->at_us);
    buf_text(out, ", graph 1 nohead lw 1 dt 2 lc rgb '#d62728'\n");
    if (index < LABELED_MAX) {
        bool right = recovery->at_us > end_us / 3 * 2;
        buf_text(out, "set label '");
        put_name(out, recovery);
        buf_text(out, "' at ");
        plot_put_seconds(out, recovery->at_us);
        buf_printf(out,
                   ", graph 0.%zu offset %s,0 %s font ',10' textcolor rgb '#a01010' front\n",
                   95 - index % LABEL_ROWS * 6,
                   right ? "-0.5" : "0.5",
                   right ? "right" : "left");
    }
}

void plot_keep_lag(struct report *report, const struct run_result *result)
{
    struct plot_lag *lag = &report->lag;
    bool better = !result->pass && !lag->of_failure;
    if (result->lag_count == 0 || (lag->there && !better)) {
        return;
    }
    buf_clear(&lag->data);
    buf_clear(&lag->bands);
    lag->there = true;
    lag->of_failure = !result->pass;
    lag->records_max = 1;
    lag->faults = result->recovery_count;
    struct buf title = {0};
    text_plot(&title, result->scenario);
    (void)snprintf(lag->title,
                   sizeof lag->title,
                   "%.*s, seed %" PRIu64 "%s",
                   (int)title.size,
                   (const char *)title.data,
                   result->seed,
                   result->pass ? "" : " (failed)");
    buf_free(&title);
    for (size_t i = 0; i < result->lag_count; i++) {
        plot_put_seconds(&lag->data, result->lag[i].at_us);
        buf_printf(&lag->data, " %" PRId64 "\n", result->lag[i].records);
        if (result->lag[i].records > lag->records_max) {
            lag->records_max = result->lag[i].records;
        }
    }
    lag->end_us = result->lag[result->lag_count - 1].at_us;
    for (size_t i = 0; i < result->recovery_count; i++) {
        const struct recovery *recovery = &result->recoveries[i];
        bool open = recovery->first_commit_us < 0 || recovery->caught_up_us < 0;
        int64_t end_us = open ? result->virtual_us : recovery->caught_up_us;
        lag->end_us = end_us > lag->end_us ? end_us : lag->end_us;
    }
    for (size_t i = 0; i < result->recovery_count; i++) {
        put_fault(lag, &result->recoveries[i], i, lag->end_us);
    }
}

void plot_free(struct report *report)
{
    for (size_t i = 0; i < report->category_count; i++) {
        buf_free(&report->categories[i].first_commit_us);
        buf_free(&report->categories[i].caught_up_us);
    }
    buf_free(&report->lag.data);
    buf_free(&report->lag.bands);
}
