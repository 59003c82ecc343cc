/* A run as a story: the semantic events only (planned, tasks, faults, restarts, commits), one line
 * each, with virtual time. The timeline on a terminal, and the golden transcripts in
 * scenarios/golden/. */
#ifndef REPORTS_TRANSCRIPT_H
#define REPORTS_TRANSCRIPT_H

#include "sim/kernel/trace.h"

/* Append the line of `record` ("[   12.345] driver        batch 3 planned: 40 offsets\n") unless it
 * tells no story; says whether it did.
 * * start_us  virtual time zero */
bool transcript_line(const struct trace_record *record, int64_t start_us, struct buf *out);

#endif
