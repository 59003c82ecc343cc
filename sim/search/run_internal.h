/* What the files of one run share: the assembled world and what was observed of it. */
#ifndef SIM_SEARCH_RUN_INTERNAL_H
#define SIM_SEARCH_RUN_INTERNAL_H

#include "sim/check/checks.h"
#include "sim/fakes/broker.h"
#include "sim/fakes/network.h"
#include "sim/fakes/storage.h"
#include "sim/kernel/injector.h"
#include "sim/kernel/supervisor.h"
#include "sim/search/run.h"

enum { RUN_COUNTED_EVENTS = ENGINE_EVENT_COUNT };

struct run {
    const struct scenario *scenario;
    const struct run_options *options;
    struct run_result *result;
    struct kernel *kernel;
    struct fake_storage *storage;
    struct fake_broker *broker;
    struct fake_network *network;
    struct injector *injector;
    struct supervisor *supervisor;
    struct checks *checks; /* NULL when checks are off */

    int64_t start_us;
    int64_t progress_us;   /* kernel time of the last progress: a commit, a fault, a start */
    int64_t caught_up_us;  /* since when everything readable is committed; -1: it is not */
    int64_t idle_us;       /* since when nothing can happen any more; -1 */
    int64_t planned_batch; /* of the newest plan */
    int64_t planned_lag;   /* records readable and not committed when it was planned */
    int64_t planned_offsets;
    int64_t lag_distance_us; /* between two lag samples, at least */
    int64_t log_batch;       /* newest committed batch of the query that runs; -1: none */
    uint64_t log_changes;    /* of the above, so far */
    bool compared;           /* run_caught_up's last comparison, and what it was made of */
    bool compared_value;
    uint64_t compared_ends;
    uint64_t compared_changes;
    uint32_t log_machine; /* where its checkpoint is seen from */
    int64_t counts[RUN_COUNTED_EVENTS];
};

/* run_progress.c: fills result->recoveries, lag, runs, counters, from trace events as they happen.
 */
void run_observe(void *context, const struct trace_record *record);
/* How far the table is behind, now; at semantic events and once a virtual second. */
void run_sample_lag(struct run *run, int64_t time_us);
void run_progress_end(struct run *run);

/* run_caught_up.c: is everything readable in committed batches, and nothing more will come? */
bool run_caught_up(struct run *run);
void run_saw_log(struct run *run, const struct trace_record *record);

/* run_verdict.c: expectations and unfired events, after the run. First failure wins. */
void run_judge(struct run *run);

#endif
