/* A report folder: recovery.csv, result.json (one result a line), junit.xml, and by gnuplot
 * recovery.png and recovery.svg (recovery time by fault; lag over time with fault bands). Texts
 * from files are escaped; none reaches gnuplot or a shell. */
#ifndef REPORTS_REPORT_H
#define REPORTS_REPORT_H

#include <stdio.h>

#include "engine/base/diag.h"
#include "sim/search/run.h"

struct report; /* collects while runs go by */

/* Make `directory`, and those above it, and begin. Errors: ERR_FAILED with `diag`
 * (REPORT_FAILED). */
MUST_CHECK enum status
report_open(const char *directory, struct report **report, struct diag *diag);

/* Add a result. Lag is plotted for the first result that has it, or for the first that failed. */
void report_add(struct report *report, const struct run_result *result);

/* A file that could not even be loaded: an error in junit.xml, `text` says why. */
void report_add_error(struct report *report, const char *file, const char *text);

/* The lag of a run whose result was added without (the swarm's workers do not send it). */
void report_add_lag(struct report *report, const struct run_result *result);
bool report_wants_lag(const struct report *report);

/* Write junit.xml and the plots; frees `report`. ERR_FAILED: gnuplot is missing or failed; the data
 * files are there all the same. */
MUST_CHECK enum status report_close(struct report *report, struct diag *diag);

#endif
