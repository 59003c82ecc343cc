/* What whoever runs a query wants to know at once, out of the trace: lost executors, failed
 * attempts, skipped ranges, a log that changed, a snapshot that did not read. Driver and executors
 * say it where they see it. */
#ifndef ENGINE_REAL_OPERATOR_WORDS_H
#define ENGINE_REAL_OPERATOR_WORDS_H

#include "engine/base/buf.h"
#include "engine/ports/trace.h"

/* Append a sentence and a zero byte. False: this event is no such news, and nothing is appended. */
bool operator_words(const struct trace_entry *entry, struct buf *line);

#endif
