/* What scenario files can say, for `aftershock list`: lines for people, made from the same tables
 * that the loader refuses by. Each appends lines, every one with a newline. */
#ifndef SCENARIOS_LOADER_EXPLAIN_H
#define SCENARIOS_LOADER_EXPLAIN_H

#include "engine/base/buf.h"

/* Verbs, whom they can befall, what happens. */
void explain_faults(struct buf *out);
/* Failure points, who passes them, where they are. */
void explain_points(struct buf *out);
/* The engine's options: kind, default, help. */
void explain_options(struct buf *out);
/* Every key of a scenario file, by object. */
void explain_keys(struct buf *out);

#endif
