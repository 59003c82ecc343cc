/* The named failure points: where a scenario can break a process. Compiled into every build, inert
 * unless enabled (libfiu, 22 to 46 ns). The libfiu name is "<role>/<point>"; a scenario writes the
 * point. */
#ifndef ENGINE_FAILPOINT_H
#define ENGINE_FAILPOINT_H

#include <stdint.h>

#include "engine/base/process.h"

/*    enum                 name               role           where */
#define FAILPOINT_TABLE(X)                                                                         \
    X(FP_RECOVERY_BEGIN, "recovery.begin", ROLE_DRIVER, "before anything is read")                 \
    X(FP_RECOVERY_METADATA, "recovery.metadata", ROLE_DRIVER, "the query id is known")             \
    X(FP_RECOVERY_OFFSETS, "recovery.offsets", ROLE_DRIVER, "the newest offsets are read")         \
    X(FP_RECOVERY_COMMITS, "recovery.commits", ROLE_DRIVER, "the newest commit is read")           \
    X(FP_RECOVERY_END, "recovery.end", ROLE_DRIVER, "the batch to resume is decided")              \
    X(FP_PLAN_BEFORE, "plan.before", ROLE_DRIVER, "A: before Kafka is asked for offsets")          \
    X(FP_PLAN_AFTER, "plan.after", ROLE_DRIVER, "A: the batch's ends are decided")                 \
    X(FP_OFFSETS_BEFORE, "offsets.before", ROLE_DRIVER, "B: before offsets/N is written")          \
    X(FP_OFFSETS_AFTER, "offsets.after", ROLE_DRIVER, "B: offsets/N is durable")                   \
    X(FP_TASKS_BEFORE, "tasks.before", ROLE_DRIVER, "C: before the first task is sent")            \
    X(FP_STAGE_MAPPED, "stage.mapped", ROLE_DRIVER, "C: every map task has ended, no reduce yet")  \
    X(FP_TASKS_AFTER, "tasks.after", ROLE_DRIVER, "C: every task has ended")                       \
    X(FP_SINK_BEFORE, "sink.before", ROLE_DRIVER, "E: before the Delta commit")                    \
    X(FP_SINK_AFTER, "sink.after", ROLE_DRIVER, "E: the Delta commit is durable")                  \
    X(FP_COMMITS_BEFORE, "commits.before", ROLE_DRIVER, "F: before commits/N is written")          \
    X(FP_COMMITS_AFTER, "commits.after", ROLE_DRIVER, "F: commits/N is durable")                   \
    X(FP_PURGE_BEFORE, "purge.before", ROLE_DRIVER, "G: before old log entries are deleted")       \
    X(FP_PURGE_AFTER, "purge.after", ROLE_DRIVER, "G: old log entries are deleted")                \
    X(FP_TASK_START, "task.start", ROLE_EXECUTOR, "C: a task attempt begins")                      \
    X(FP_TASK_FETCHED, "task.fetched", ROLE_EXECUTOR, "C: records have come from Kafka")           \
    X(FP_SHUFFLE_BEFORE, "shuffle.before", ROLE_EXECUTOR, "C: before the map output is written")   \
    X(FP_SHUFFLE_AFTER, "shuffle.after", ROLE_EXECUTOR, "C: the map output is on the local disk")  \
    X(FP_FETCH_BEFORE, "fetch.before", ROLE_EXECUTOR, "D: before blocks are fetched")              \
    X(FP_FETCH_AFTER, "fetch.after", ROLE_EXECUTOR, "D: all blocks of the partition are here")     \
    X(FP_STATE_LOADED, "state.loaded", ROLE_EXECUTOR, "D: state version N is open")                \
    X(FP_STATE_BEFORE, "state.before", ROLE_EXECUTOR, "D: before state version N+1 is written")    \
    X(FP_STATE_UPLOADED,                                                                           \
      "state.uploaded",                                                                            \
      ROLE_EXECUTOR,                                                                               \
      "a RocksDB snapshot's SST files are up, its zip is not")                                     \
    X(FP_STATE_AFTER, "state.after", ROLE_EXECUTOR, "D: state version N+1 is durable")             \
    X(FP_MAINTENANCE_SNAPSHOT,                                                                     \
      "maintenance.snapshot",                                                                      \
      ROLE_EXECUTOR,                                                                               \
      "a snapshot was written, nothing is cleaned up yet")                                         \
    X(FP_MAINTENANCE_CLEANUP,                                                                      \
      "maintenance.cleanup",                                                                       \
      ROLE_EXECUTOR,                                                                               \
      "before each old state file is removed")                                                     \
    X(FP_OUTPUT_BEFORE, "output.before", ROLE_EXECUTOR, "D: before the Parquet file is written")   \
    X(FP_OUTPUT_AFTER, "output.after", ROLE_EXECUTOR, "D: the Parquet file is durable")            \
    X(FP_TASK_GRANTED,                                                                             \
      "task.granted",                                                                              \
      ROLE_EXECUTOR,                                                                               \
      "D: the driver allowed this attempt's commit")                                               \
    X(FP_TASK_END, "task.end", ROLE_EXECUTOR, "D: the attempt's result is reported")

enum failpoint {
#define X(id, name, role, where) id,
    FAILPOINT_TABLE(X)
#undef X
        FAILPOINT_COUNT
};

struct failpoint_info {
    const char *name;       /* as scenarios write it */
    const char *fiu_name;   /* "driver/sink.after" */
    enum process_role role; /* whose code passes it */
    const char *where;      /* one line for people */
};

/* Everything known about a point; `point` must be below FAILPOINT_COUNT. */
const struct failpoint_info *failpoint_info(enum failpoint point);

/* Mark this place. `batch` is the batch being worked on, or -1.
 * When a fault is due here, the current process' `failpoint_fired` acts: a crash does not return,
 * a pause suspends. Otherwise nothing happens. May suspend. */
void failpoint(enum failpoint point, int64_t batch);

#endif
