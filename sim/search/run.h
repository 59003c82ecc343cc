/* One run: scenario + seed -> everything that happens -> verdict. Builds the world (kernel, fakes,
 * supervisor, workload, checks), runs it, compares with the expectations. run F --seed N and
 * swarm's line for N are identical. */
#ifndef SIM_SEARCH_RUN_H
#define SIM_SEARCH_RUN_H

#include "scenarios/loader/scenario.h"
#include "sim/check/oracle.h"
#include "sim/fakes/storage.h"
#include "sim/kernel/kernel.h"

enum outcome { /* what happened */
               OUTCOME_CAUGHT_UP,
               OUTCOME_STOPPED, /* stopped by the operator, or ended by an error or the supervisor's
                                   giving up, nothing pending */
               OUTCOME_ERROR,
               OUTCOME_GAVE_UP,
               OUTCOME_STUCK,    /* no progress within the liveness budget */
               OUTCOME_VIOLATION /* a check or an assertion failed */
};
const char *outcome_name(enum outcome outcome);

enum {
    RUN_EVENTS_MAX = SCRIPT_EVENTS_MAX,
    RUN_RECOVERIES_MAX = SCRIPT_EVENTS_MAX,
    RUN_RUNS_MAX = 64,
    RUN_CHECKS_MAX = 48,
    RUN_SAMPLES_MAX = 4096
};

struct fired_event {
    size_t index;  /* in the script */
    int64_t at_us; /* since start */
    bool fired;
};

struct recovery {
    char fault[32]; /* verb: "crash", "lose", ... */
    char target[32];
    char point[32];          /* anchor's point, or "" */
    int64_t at_us;           /* since start */
    int64_t first_commit_us; /* -1: never; since start */
    int64_t caught_up_us;    /* -1: never */
    int64_t rows_replayed;
};

struct driver_run {
    enum run_end ends;
    bool ended;
    int64_t started_us;
    int64_t ended_us;
    int64_t resumes_batch; /* -1: never decided */
    int resumes_as;
    int64_t commits;
    int64_t ranges_skipped;
    struct diag error;
};

struct check_count {
    const char *name;
    bool applies; /* to this pipeline: in a suite it must have been evaluated somewhere */
    uint64_t evaluations;
};

/* Lag over time, for the plot. */
struct lag_sample {
    int64_t at_us;
    int64_t records; /* produced and readable, not yet in the table */
};

struct run_result {
    const char *scenario;
    uint64_t seed;
    bool pass; /* verdict */
    enum outcome outcome;
    uint64_t trace_hash;
    uint64_t trace_events;
    int64_t virtual_us;
    int64_t wall_us; /* filled in by the caller, who may look at a clock */
    int64_t batches;
    uint32_t driver_starts;
    uint32_t executor_losses;
    struct fired_event events[RUN_EVENTS_MAX];
    size_t event_count;
    struct recovery recoveries[RUN_RECOVERIES_MAX];
    size_t recovery_count;
    struct driver_run runs[RUN_RUNS_MAX];
    size_t run_count;
    struct check_count checks[RUN_CHECKS_MAX];
    size_t check_count;
    uint64_t port_calls;     /* of run_options.sweep */
    uint64_t recovery_calls; /* those behind its crash, until the next commit or the end */
    int64_t rows_in;
    int64_t rows_out;
    const char *lost;      /* by the damage ledger: "nothing", or the cause */
    char failed_check[48]; /* first violated check, "expectation" or "unfired"; "" when pass */
    char evidence[1024];
    size_t lag_count;
    struct lag_sample lag[RUN_SAMPLES_MAX]; /* last: the swarm's workers do not send it */
};

struct run_options {
    const struct oracle *oracle; /* of this scenario, shared by its runs (sim/check/oracle.h); NULL:
                                    each run makes its own */
    bool checks;                 /* off: nothing is checked; the hash stays the same */
    bool noise;                  /* swarm: on; scripted run: off */
    kernel_observer observer;    /* every trace event; NULL: none (golden transcripts, --trace, the
                                    terminal's timeline) */
    void *observer_context;
    /* NULL, or called with each lastProgress object of each driver: one line of JSON without its
     * newline, borrowed. Called as the driver: allocates nothing. Changes no trace. */
    void (*progress)(void *context, struct bytes line);
    void *progress_context;
    struct buf *last_events;   /* NULL or: the last 200 trace events as JSON lines */
    struct kernel_sweep sweep; /* kill a process at its n-th port call */
    /* NULL or: called at the end for each file of the table, and of the checkpoint, its path
     * relative to that folder. */
    fake_storage_file_fn table_file;
    void *table_context;
    fake_storage_file_fn checkpoint_file;
    void *checkpoint_context;
};

/* Run once. `result` is large: the caller's heap. Exit code of a result: run_exit_code. Never
 * fails: an error of the tool is an assertion. */
void run_scenario(const struct scenario *scenario,
                  uint64_t seed,
                  const struct run_options *options,
                  struct run_result *result);

/* 0 as expected; 1 a check or an expectation failed, an event never fired; 3 stuck. */
int run_exit_code(const struct run_result *result);
/* Over many runs: the most severe, in the order 5, 4, 1, 3, 2, 0. */
int run_exit_code_worse(int a, int b);

/* "nothing", "local-disk", ...: result->lost. */
const char *run_cause_name(enum lost_cause cause);

/* Name of the i-th of result->checks. */
const char *run_check_name(size_t i);

/* One line, no newline: the --json object of the command line. */
void run_result_json(const struct run_result *result, struct buf *out);

#endif
