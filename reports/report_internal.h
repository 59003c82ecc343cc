/* What report.c, plot_data.c and plot.c share; nobody else includes it. */
#ifndef REPORTS_REPORT_INTERNAL_H
#define REPORTS_REPORT_INTERNAL_H

#include "reports/report.h"

enum { PLOT_CATEGORIES_MAX = 20 }; /* the last one takes what finds no room, as "other faults" */

/* One row of the upper plot: the recoveries from one kind of fault. */
struct plot_category {
    char name[112]; /* "crash driver at sink.after"; harmless inside gnuplot's quotes */
    size_t count;
    size_t no_commit;           /* recoveries that never committed again, */
    size_t no_catch_up;         /* or never caught up: they have no point */
    struct buf first_commit_us; /* arrays of int64_t */
    struct buf caught_up_us;
};

/* The lower plot: lag over time of one run. */
struct plot_lag {
    char title[160];
    bool there;
    bool of_failure;
    struct buf data;     /* gnuplot data: seconds, records */
    struct buf bands;    /* gnuplot commands: a shaded band a fault, and its label */
    int64_t records_max; /* at least 1 */
    int64_t end_us;
    size_t faults;
};

struct report {
    char directory[384];
    FILE *csv;
    FILE *json;
    FILE *junit;
    struct buf cases; /* JUnit test cases so far */
    struct plot_category categories[PLOT_CATEGORIES_MAX];
    size_t category_count;
    struct plot_lag lag;
    size_t count;
    size_t failures;
    size_t errors;
    int64_t wall_us;
};

void plot_add_recovery(struct report *report, const struct recovery *recovery);
void plot_keep_lag(struct report *report, const struct run_result *result);
/* "12.345", seconds with three decimals, from integers (no locale). */
void plot_put_seconds(struct buf *out, int64_t time_us);
/* Draw, into the report's folder, by gnuplot. ERR_FAILED with `diag`. */
MUST_CHECK enum status plot_draw(struct report *report, struct diag *diag);
/* Only the commands for gnuplot. */
void plot_script(struct report *report, struct buf *out);
void plot_free(struct report *report);

#endif
