/* The kinds of fault that a swarm may draw: a verb and whom it befalls. All of them are survivable:
 * whatever is drawn, every record must arrive exactly once and the query must catch up. So no kind
 * ends the query by an error that an operator must answer (an I/O error of the checkpoint,
 * retention that overtakes it, a damaged file): those are for people to script. Pure data. */
#ifndef FAULTS_KIND_H
#define FAULTS_KIND_H

#include "faults/fault.h"

/*    enum                         name                      verb             target */
#define FAULT_KIND_TABLE(X)                                                                        \
    X(KIND_CRASH_DRIVER, "crash driver", FAULT_CRASH, TARGET_DRIVER)                               \
    X(KIND_CRASH_DRIVER_MACHINE, "crash driver machine", FAULT_CRASH, TARGET_DRIVER_MACHINE)       \
    X(KIND_CRASH_EXECUTOR, "crash executor", FAULT_CRASH, TARGET_EXECUTOR)                         \
    X(KIND_CRASH_EXECUTOR_MACHINE, "crash executor machine", FAULT_CRASH, TARGET_EXECUTOR_MACHINE) \
    X(KIND_CRASH_EXECUTORS, "crash executors", FAULT_CRASH, TARGET_EXECUTORS)                      \
    X(KIND_CRASH_BROKER, "crash broker", FAULT_CRASH, TARGET_BROKER)                               \
    X(KIND_LOSE_DRIVER_MACHINE, "lose driver machine", FAULT_LOSE, TARGET_DRIVER_MACHINE)          \
    X(KIND_LOSE_EXECUTOR_MACHINE, "lose executor machine", FAULT_LOSE, TARGET_EXECUTOR_MACHINE)    \
    X(KIND_PAUSE_DRIVER, "pause driver", FAULT_PAUSE, TARGET_DRIVER)                               \
    X(KIND_PAUSE_EXECUTOR, "pause executor", FAULT_PAUSE, TARGET_EXECUTOR)                         \
    X(KIND_PAUSE_BROKER, "pause broker", FAULT_PAUSE, TARGET_BROKER)                               \
    X(KIND_PARTITION_DRIVER, "partition driver", FAULT_PARTITION, TARGET_DRIVER)                   \
    X(KIND_PARTITION_EXECUTOR, "partition executor", FAULT_PARTITION, TARGET_EXECUTOR)             \
    X(KIND_IO_ERROR, "io_error", FAULT_IO_ERROR, TARGET_STORAGE)                                   \
    X(KIND_DISK_FULL, "disk_full", FAULT_DISK_FULL, TARGET_STORAGE)                                \
    X(KIND_THROTTLE, "throttle", FAULT_THROTTLE, TARGET_STORAGE)                                   \
    X(KIND_LOST_REPLY, "lost_reply", FAULT_LOST_REPLY, TARGET_STORAGE)                             \
    X(KIND_SLOW, "slow", FAULT_SLOW, TARGET_STORAGE)

enum fault_kind {
#define X(id, name, verb, target) id,
    FAULT_KIND_TABLE(X)
#undef X
        FAULT_KIND_COUNT
};

struct fault_kind_info {
    const char *name;
    enum fault_verb verb;
    enum target_kind target;
};
const struct fault_kind_info *fault_kind_info(enum fault_kind kind);

/* What decides whether a kind can be drawn, and survived, at all. */
struct fault_surroundings {
    bool objects;    /* checkpoint and table are in an object store */
    bool replicated; /* every partition survives the absence of one broker without stalling */
};
bool fault_kind_fits(enum fault_kind kind, const struct fault_surroundings *surroundings);

#endif
