/* What report.c and plot.c share; nobody else includes it. */
#ifndef REPORTS_REPORT_INTERNAL_H
#define REPORTS_REPORT_INTERNAL_H

#include "reports/report.h"

struct report {
    char directory[384];
    FILE *csv;
    FILE *json;
    FILE *junit;
    struct buf cases;  /* JUnit test cases so far */
    struct buf points; /* gnuplot data: one recovery a line */
    struct buf lag;    /* gnuplot data: time, records */
    struct buf bands;  /* gnuplot commands: a shaded band a fault */
    size_t lag_count;
    int64_t lag_max;
    bool lag_of_failure;
    size_t count;
    size_t failures;
    unsigned faults_seen; /* bit a fault verb */
};

void plot_add_recovery(struct report *report, const struct recovery *recovery);
void plot_keep_lag(struct report *report, const struct run_result *result);
enum status plot_draw(struct report *report, struct diag *diag);

#endif
