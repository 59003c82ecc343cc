/* A sweep's state, between two calls of the program: what was tried and what came of it. A text
 * file, replaced whole; a sweep of another commit, scenario or budget does not go on from it. */
#ifndef SIM_CLI_SWEEP_STATE_H
#define SIM_CLI_SWEEP_STATE_H

#include "sim/search/sweep.h"

struct sweep_state {
    uint64_t points_done; /* in the order of sweep_spread */
    uint64_t points_recovered;
    uint64_t pairs_done;
    uint64_t pairs_recovered;
    uint32_t *calls;   /* of each point's recovery; plan->point_count of them, 0: not tried yet */
    struct buf failed; /* "--at" texts of what did not recover, each with a newline */
};

/* What must be the same for a state to be gone on from. */
struct sweep_identity {
    const char *commit;
    uint64_t trace_hash; /* of the recorded run */
    uint64_t point_count;
    uint64_t budget;
};

/* Read `file` into `state` (calls allocated). A file that is not there is an empty state.
 * Errors: ERR_FAILED with `diag` (INVALID_STATE): not readable, cut short, of another sweep. */
MUST_CHECK enum status sweep_state_read(const char *file,
                                        const struct sweep_identity *identity,
                                        struct sweep_state *state,
                                        struct diag *diag);

/* Replace `file`. False: it could not be written. */
bool sweep_state_write(const char *file,
                       const struct sweep_identity *identity,
                       const struct sweep_state *state);

/* The n-th of `total` in an order that spreads: any beginning of it covers all evenly. */
uint64_t sweep_spread(uint64_t total, uint64_t n);

#endif
