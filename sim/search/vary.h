/* From a scenario with "vary" and a seed to the scenario of that seed. What is drawn is spelled out
 * in the words of scenario files (more events in the script, another cluster, other keys of the
 * workload), and that text is loaded like any other: so a drawn world is one that a person could
 * have written, a failure record that holds it replays, and shrinking it is editing it.
 *
 * True zeros: a seed first decides how many kinds of fault it has at all (none in one of eight
 * seeds; one in two of eight; two in two of eight; else each with even chances), and each feature
 * of the workload is absent in one of two seeds. A fault that is always a little there hides
 * others. Failure points, and writes that fail, are drawn for where the drawn state is.
 *
 * Keyed draws, as in sim/kernel: hash(seed, label, index), integers only. The n-th fault does not
 * depend on the others. */
#ifndef SIM_SEARCH_VARY_H
#define SIM_SEARCH_VARY_H

#include "scenarios/loader/scenario.h"

/* The scenario of `seed`, in `arena`; `base` itself when it has no "vary" or there is no seed (0).
 * A drawn one shares the contents of base's files; base must outlive it. Never fails: what "vary"
 * allows loads, or it is an assertion that says why not. */
const struct scenario *
vary_scenario(struct arena *arena, const struct scenario *base, uint64_t seed);

/* What seed draws, as the text of a scenario file, indented, with its newline. */
void vary_text(const struct scenario *base, uint64_t seed, struct buf *out);

#endif
