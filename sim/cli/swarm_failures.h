/* The failures of a swarm, told apart by check and site, so that one bug that a thousand seeds find
 * is one line. */
#ifndef SIM_CLI_SWARM_FAILURES_H
#define SIM_CLI_SWARM_FAILURES_H

#include "sim/search/run.h"

enum { FAILURE_SITE_SIZE = 120, FAILURE_GROUPS_MAX = 64, FAILURE_SEEDS_KEPT = 5 };

struct failure_group {
    char check[48];
    char site[FAILURE_SITE_SIZE];
    uint64_t count;
    uint64_t seeds[FAILURE_SEEDS_KEPT]; /* the first ones */
};

struct failures {
    struct failure_group groups[FAILURE_GROUPS_MAX];
    size_t group_count;
    uint64_t other; /* of groups that found no room */
};

/* Where it was found: the evidence without what differs from seed to seed (numbers, ids). */
void failure_site(const char *evidence, char out[FAILURE_SITE_SIZE]);

/* Count one. Returns how many of its check and site there are now; 0 when there is no room to tell.
 */
uint64_t failures_add(struct failures *failures, const struct run_result *result);

/* "  12 x CHECK: SITE (seeds 3, 9, ...)", a line each, into `out`. */
void failures_print(const struct failures *failures, struct buf *out);

#endif
