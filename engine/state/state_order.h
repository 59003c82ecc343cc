/* Keys of a state in the order of their bytes: what makes snapshots and scans the same everywhere.
 */
#ifndef ENGINE_STATE_STATE_ORDER_H
#define ENGINE_STATE_STATE_ORDER_H

#include "engine/state/state_map.h"

/* Sort pairs by key (bytes_compare); keys are different from each other. O(n log n), with memory of
 * its own for the time of the call. */
void state_order(struct state_pair *pairs, size_t count);

#endif
