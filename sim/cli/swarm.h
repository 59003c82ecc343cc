/* Worker processes: each runs its share of numbered items (the swarm's seeds, the sweep's crash
 * points) one after the other and sends every result through a pipe. The parent hands results on in
 * the items' order, whatever the number of jobs. */
#ifndef SIM_CLI_SWARM_H
#define SIM_CLI_SWARM_H

#include "sim/cli/cli.h"

struct swarm_pool;

struct pool_work {
    /* In a worker: fills in `result`, wall_us too. */
    void (*run)(void *context, uint64_t item, struct run_result *result);
    void *context;        /* as it was when the pool was made */
    const char *scenario; /* for results; borrowed */
};

/* Fork `jobs` workers over the items first..last. */
struct swarm_pool *
swarm_pool_new(const struct pool_work *work, uint64_t first, uint64_t last, unsigned jobs);

/* "Check" of an item whose worker died; no run can be compared with it. */
#define SWARM_WORKER_DIED "worker-died"

/* The result of the next item in order; waits for it. False behind the last. `*died`: the worker of
 * this item died; the result only names it (as seed) and, as evidence, the signal or exit code. */
bool swarm_pool_next(struct swarm_pool *pool, struct run_result *result, bool *died);

/* Also before the last item: what still works is killed. */
void swarm_pool_free(struct swarm_pool *pool);

/* As many as --jobs says, or as there are cores. */
unsigned cli_jobs(const struct cli *cli);

#endif
