/* A scenario file, loaded and checked: everything that one run needs but its seed. Read once,
 * immutable, shared by all seeds. All paths are resolved, all texts read; nothing later touches a
 * file system. */
#ifndef SCENARIOS_LOADER_SCENARIO_H
#define SCENARIOS_LOADER_SCENARIO_H

#include "engine/base/arena.h"
#include "engine/base/diag.h"
#include "engine/checkpoint/store.h"
#include "faults/kind.h"

struct supervisor_config {
    int64_t restart_us;          /* delay before a crashed driver is started again; -1: never */
    int64_t executor_restart_us; /* delay before a lost executor is replaced; default 5s */
    uint32_t give_up; /* crashes in a row without a commit after which it stops trying; 0: never */
};

struct cluster_config {
    uint32_t brokers;   /* >= 1 */
    uint32_t executors; /* >= 1 */
    enum store_kind storage;
    struct supervisor_config supervisor;
};

struct topic_config {
    const char *name;
    int32_t partitions;
    int32_t replication_factor;  /* "replication.factor", default 1 */
    int32_t min_insync_replicas; /* "min.insync.replicas", default 1 */
    int64_t retention_ms;        /* "retention.ms", default 7d; -1: off */
    int64_t retention_bytes;     /* "retention.bytes", default -1 */
    int64_t segment_ms;          /* "segment.ms", default 7d */
    int64_t segment_bytes;       /* "segment.bytes", default 1 GiB */
    bool unclean_election;       /* "unclean.leader.election.enable", default false */
};

/* Records that flow into a topic: line i goes to the i-th of `partitions` (in turn) at its time. */
struct workload_config {
    size_t topic;              /* index in topics */
    const int32_t *partitions; /* NULL: each of the topic's, once */
    size_t partition_count;
    int64_t burst;                  /* so many are sent at once; at least 1, 0 is 1 */
    const struct bytes *file_lines; /* as the file has them; "late" moves some */
    struct bytes *lines;            /* record values, without the newline */
    size_t line_count;   /* of the file, at most "records" (the file is repeated when "until" needs
                            more) */
    int64_t interval_us; /* between two records, from "rate" ("4/s", "1/min") */
    int64_t start_us;    /* when the first one is sent, since the scenario's start */
    int64_t until_us;    /* since start; -1: when "records" have been sent */
    int64_t records;     /* how many; -1: as many as fit before "until" */
};

enum lost_cause { LOST_NOTHING, LOST_LOCAL_DISK, LOST_EXPIRED, LOST_LOG_CHANGED };

/* What an error must name: "names". */
struct expected_names {
    const char *file;          /* a pattern for the file it is about; NULL: not checked */
    const char *remedy;        /* its text holds this; NULL: not checked */
    const char *topic;         /* NULL: not checked */
    const int32_t *partitions; /* each with the topic */
    size_t partition_count;
};

/* Records that are lost lie in here, by the time they were sent, since the start: guards the file's
 * own arithmetic, never widens what the ledger allows. */
struct expected_span {
    size_t topic; /* index in topics */
    int64_t from_us;
    int64_t to_us;
};

struct expected_run {
    enum run_end ends;
    bool has_resumes;
    int64_t resumes_batch;
    int resumes_as;    /* as EVENT_QUERY_RESUMED: 0 "new", 1 "next", 2 "re-run" */
    const char *error; /* error class; matches whole, or a prefix before '.'; NULL: not checked */
    int64_t commits;   /* commits/N written in this run; -1: not checked */
    struct expected_names names;
    bool reports_skipped; /* "reports": "skipped-ranges": at least one EVENT_RANGE_SKIPPED */
};

struct expected_recovery {
    const char *from;  /* a verb of the script: "crash", "lose", "pause", "stop" */
    bool to_caught_up; /* "caught-up"; else "first-commit" */
    int64_t within_us;
};

/* How often an event of the trace must have happened: {"executor-lost": 1, "result-refused":
 * {"min": 1}}. */
struct expected_count {
    const char *event;
    int64_t min;
    int64_t max;
};

struct expectation {
    struct expected_run
        *runs; /* one a driver start, in order; count 0 with has_runs false: not checked */
    size_t run_count;
    bool has_runs;
    enum lost_cause lost;
    bool has_lost_span; /* LOST_EXPIRED */
    struct expected_span lost_span;
    bool gave_up; /* "supervisor": "gave-up" */
    struct expected_recovery *recoveries;
    size_t recovery_count;
    struct expected_count *counts;
    size_t count_count;
};

/* From `min` to `max`, each as likely; max 0: not varied. */
struct vary_range {
    int64_t min;
    int64_t max;
};

/* What a seed draws (sim/search/vary.h). */
struct vary_config {
    bool present;
    bool kinds[FAULT_KIND_COUNT]; /* may be drawn */
    uint32_t faults_max;          /* 0: no faults are drawn */
    int64_t until_us;             /* faults at a time: before this */
    int64_t batches;              /* faults at a point: of batches below this */
    struct vary_range brokers;
    struct vary_range executors;
    struct vary_range partitions; /* of each topic */
    struct vary_range burst;
    struct vary_range late; /* by how many records */
    bool skew;
    bool idle;
};

struct scenario {
    const char *file; /* as named */
    const char *name; /* base name without .json */
    const char *story;
    const char *pipeline_file;
    struct bytes pipeline;             /* its text */
    const struct plan *plan;           /* compiled, with `set` applied */
    const struct option_override *set; /* NULL-named end */
    const size_t *state_stores;        /* "state_stores"; this scenario is the first of them */
    size_t state_store_count;          /* 0: none are listed, or this is one of a list */
    const char *state_store;           /* its name; NULL: none are listed */
    struct cluster_config cluster;
    struct topic_config *topics;
    size_t topic_count;
    struct workload_config *workloads;
    size_t workload_count;
    int64_t start_us; /* virtual time zero; default 2001-01-01T00:00:00Z */
    struct fault_plan script;
    struct vary_config vary;
    struct expectation expect;
    const char *resolved; /* the whole as canonical JSON text, for failure records */
};

/* Load, check and resolve a scenario. Everything lives in `arena`.
 * * file  as the user named it; relative to the working directory
 * * root  the folder that no path may leave; NULL: the nearest one upwards that holds
 * aftershock.json Errors: ERR_FAILED with `diag` (class INVALID_SCENARIO or INVALID_PIPELINE ...):
 * file, line, column, JSON path, what was found and expected, the nearest valid name. */
MUST_CHECK enum status scenario_load(struct arena *arena,
                                     const char *file,
                                     const char *root,
                                     struct scenario **scenario,
                                     struct diag *diag);

/* As scenario_load, but the scenario's own text is given (`resolved` of a failure record); the
 * paths in it start from the folder of `file`, which itself need not exist. */
MUST_CHECK enum status scenario_load_text(struct arena *arena,
                                          const char *file,
                                          struct bytes text,
                                          const char *root,
                                          struct scenario **scenario,
                                          struct diag *diag);

/* As scenario_load_text, for a text that was drawn from `base`: pipeline, workloads and their files
 * are the same, so their contents are shared and `base` must outlive the result. */
MUST_CHECK enum status scenario_load_drawn(struct arena *arena,
                                           const struct scenario *base,
                                           struct bytes text,
                                           struct scenario **scenario,
                                           struct diag *diag);

/* The scenario under the `index`-th of its state_stores: below state_store_count, or 0, which is
 * `base` itself. Another one is named NAME@STORE and shares what `base` has read. Cannot fail: all
 * of them were compiled when `base` was loaded. */
const struct scenario *
scenario_under(struct arena *arena, const struct scenario *base, size_t index);
/* The index of the state store `name`; state_store_count when it is not listed. */
size_t scenario_state_store(const struct scenario *base, const char *name);

/* Does every topic go on when one broker is down? */
bool scenario_replicated(const struct scenario *scenario);

#endif
