/* No luck involved: a crash at every single point of a recorded run, and again at points of the
 * recovery from each.
 *
 * A crash point is a port call of one process, before it has any effect; a storage operation is two
 * of them, before and after it happened. Between two port calls a process touches nothing that
 * outlives it, so these are all the moments there are: durable operations, failure points, `spend`.
 * At each the process dies alone; or its machine crashes, with what was not synced kept, dropped,
 * cut (torn) or garbled.
 *
 * A point of the recovery is a port call of the same process' successors, until the next commit:
 * the same crash happens there once more. Pure bookkeeping around run_scenario; without noise. */
#ifndef SIM_SEARCH_SWEEP_H
#define SIM_SEARCH_SWEEP_H

#include "sim/search/run.h"

enum { SWEEP_VICTIMS_MAX = 65, SWEEP_MODES = 5, SWEEP_SPEC_SIZE = 96 };

/* How it dies: alone, or with its machine and this fate of the unsynced. */
struct sweep_mode {
    bool machine;
    enum unsynced unsynced;
    const char *name; /* "", " machine kept", ... */
};
const struct sweep_mode *sweep_mode(size_t index); /* below SWEEP_MODES */

struct sweep_victim {
    char name[32];  /* "driver", "executor 1", ... */
    uint64_t calls; /* port calls of the recorded run: its crash points, for each mode */
};

struct sweep_plan {
    const struct scenario *scenario;
    struct sweep_victim victims[SWEEP_VICTIMS_MAX];
    size_t victim_count;
    uint64_t point_count; /* calls x modes, of all victims */
    uint64_t starts;      /* driver starts and executor losses of the recorded run */
    uint64_t trace_hash;  /* of the recorded run */
};

struct sweep_point {
    size_t victim;
    size_t mode;
    uint64_t call;   /* 1-based */
    uint64_t second; /* a call of the recovery, 1-based; 0: no second crash */
};

/* Record the run without a crash. False when it fails by itself: `result` says how. */
bool sweep_record(struct sweep_plan *plan,
                  const struct scenario *scenario,
                  const struct oracle *oracle,
                  struct run_result *result);

/* The crash points are numbered from 0 to point_count - 1. */
struct sweep_point sweep_point(const struct sweep_plan *plan, uint64_t index);

/* Run one. It has failed as well when nothing died ("no-crash"). result->recovery_calls: how many
 * points the recovery has. */
void sweep_run(const struct sweep_plan *plan,
               const struct sweep_point *point,
               const struct oracle *oracle,
               struct run_result *result);

/* "driver@123", "driver machine dropped@123+45": what --at takes. */
void sweep_format(const struct sweep_plan *plan,
                  const struct sweep_point *point,
                  char out[SWEEP_SPEC_SIZE]);
/* False when it is no point of this run. */
bool sweep_parse(const struct sweep_plan *plan, const char *text, struct sweep_point *point);

/* Which of the pairs (point, call of its recovery) are tried: one in `stride`, spread evenly over
 * all, so that at most `budget` are.
 * * calls  of each point's recovery */
struct sweep_pairs {
    uint64_t total;
    uint64_t stride;
    uint64_t count; /* tried */
};
struct sweep_pairs sweep_pairs(const uint32_t *calls, uint64_t point_count, uint64_t budget);
/* The n-th that is tried. */
struct sweep_point sweep_pair(const struct sweep_plan *plan,
                              const uint32_t *calls,
                              const struct sweep_pairs *pairs,
                              uint64_t n);

#endif
