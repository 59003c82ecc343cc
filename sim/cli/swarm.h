/* The swarm's worker processes: each runs its share of the seeds one after the other and sends
 * every result through a pipe. The parent hands results on in seed order, whatever the number of
 * jobs. */
#ifndef SIM_CLI_SWARM_H
#define SIM_CLI_SWARM_H

#include "sim/cli/cli.h"

struct swarm_pool;

/* Fork `jobs` workers over seeds first..last of `scenario`. */
struct swarm_pool *
swarm_pool_new(const struct scenario *scenario, uint64_t first, uint64_t last, unsigned jobs);

/* "Check" of a seed whose worker died; no run can be compared with it. */
#define SWARM_WORKER_DIED "worker-died"

/* The result of the next seed in order; waits for it. False behind the last. `*died`: the worker of
 * this seed died; the result only names the seed and, as evidence, the signal or exit code. */
bool swarm_pool_next(struct swarm_pool *pool, struct run_result *result, bool *died);

void swarm_pool_free(struct swarm_pool *pool);

#endif
