/* A failure record: everything that reproduces one failed run, in one JSON file. Written next to
 * where the tool was called. */
#ifndef REPORTS_RECORD_H
#define REPORTS_RECORD_H

#include "sim/search/run.h"

struct failure_record {
    const char *commit;    /* of the build */
    const char *arguments; /* the command line, one string */
    const struct scenario *scenario;
    const struct run_result *result;
    struct bytes last_events; /* JSON lines, may be empty */
};

/* The record as JSON text (several lines). Pure. */
void record_json(const struct failure_record *record, struct buf *out);

#endif
