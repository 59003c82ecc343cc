/* What can go wrong, when, and to whom: one record, written by a person in a scenario's script or
 * drawn by the swarm. The list of verbs is closed and grows by one file each. Pure data: sim/ acts.
 */
#ifndef FAULTS_FAULT_H
#define FAULTS_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/failpoint.h"
#include "engine/plan/plan.h"

/* Bits: which targets a verb can have. */
enum target_kind {
    TARGET_DRIVER = 1 << 0,         /* "driver" */
    TARGET_SECOND_DRIVER = 1 << 1,  /* "second driver": another driver on the same checkpoint */
    TARGET_EXECUTOR = 1 << 2,       /* "executor 1"; "executor" alone: whoever reaches the point */
    TARGET_EXECUTORS = 1 << 3,      /* "executors": all of them */
    TARGET_DRIVER_MACHINE = 1 << 4, /* "driver machine" */
    TARGET_EXECUTOR_MACHINE = 1 << 5, /* "executor 1 machine" */
    TARGET_BROKER = 1 << 6,           /* "broker 1" */
    TARGET_STORAGE = 1 << 7, /* "storage": the operation that the anchor names, or a file there */
    TARGET_BROKER_MACHINE = 1 << 8, /* "broker 1 machine" */
    TARGET_TOPIC = 1 << 9           /* "topic flights" */
};

struct target {
    enum target_kind kind;
    uint32_t index; /* 1-based; 0: not indexed, or whoever reaches the point; of a topic: its place
                       in the scenario's list, filled in by the loader */
    const char *topic; /* TARGET_TOPIC: its name, borrowed */
};

enum { TARGET_TEXT_SIZE = 32 };

/* "executor 2 machine" -> target; false when it is none. A topic's name points into `text`. */
bool target_parse(const char *text, struct target *target);
/* The text that target_parse reads; a long topic name is cut. */
void target_format(struct target target, char out[TARGET_TEXT_SIZE]);

/*    enum             name           targets (bits)            what happens */
#define FAULT_TABLE(X)                                                                             \
    X(FAULT_CRASH,                                                                                 \
      "crash",                                                                                     \
      TARGET_DRIVER | TARGET_EXECUTOR | TARGET_EXECUTORS | TARGET_DRIVER_MACHINE |                 \
          TARGET_EXECUTOR_MACHINE | TARGET_BROKER | TARGET_BROKER_MACHINE,                         \
      "a process dies at once; a machine crash also decides the fate of its unsynced writes; the " \
      "crash of a broker's machine loses the tail of its log that was not flushed")                \
    X(FAULT_LOSE,                                                                                  \
      "lose",                                                                                      \
      TARGET_DRIVER_MACHINE | TARGET_EXECUTOR_MACHINE,                                             \
      "the machine is gone for ever, its /local too; a new one takes its place")                   \
    X(FAULT_PAUSE,                                                                                 \
      "pause",                                                                                     \
      TARGET_DRIVER | TARGET_EXECUTOR | TARGET_BROKER,                                             \
      "the process stands still (\"for\"), then goes on as if nothing had happened")               \
    X(FAULT_PARTITION,                                                                             \
      "partition",                                                                                 \
      TARGET_DRIVER | TARGET_EXECUTOR,                                                             \
      "the process can neither send nor receive (\"for\"); its connections break")                 \
    X(FAULT_STOP,                                                                                  \
      "stop",                                                                                      \
      TARGET_DRIVER,                                                                               \
      "an operator stops the query: the batch is finished first")                                  \
    X(FAULT_START,                                                                                 \
      "start",                                                                                     \
      TARGET_DRIVER | TARGET_SECOND_DRIVER,                                                        \
      "an operator starts the query, perhaps with other options (\"set\")")                        \
    X(FAULT_IO_ERROR, "io_error", TARGET_STORAGE, "the operation fails (EIO); \"times\" in a row") \
    X(FAULT_DISK_FULL, "disk_full", TARGET_STORAGE, "the operation finds no space (ENOSPC)")       \
    X(FAULT_THROTTLE, "throttle", TARGET_STORAGE, "the object store answers 503 (\"times\")")      \
    X(FAULT_LOST_REPLY,                                                                            \
      "lost_reply",                                                                                \
      TARGET_STORAGE,                                                                              \
      "the object store's answer never comes; the request was applied (\"applied\": true) or not") \
    X(FAULT_SLOW, "slow", TARGET_STORAGE, "the operation takes longer (\"for\")")                  \
    X(FAULT_DAMAGE,                                                                                \
      "damage",                                                                                    \
      TARGET_STORAGE,                                                                              \
      "a file that is there and durable goes bad (\"how\"): the newest one that \"path\" matches") \
    X(FAULT_ALTER,                                                                                 \
      "alter",                                                                                     \
      TARGET_TOPIC,                                                                                \
      "an operator changes settings of the topic (\"config\"), as kafka-configs --alter does")     \
    X(FAULT_DELETE_RECORDS,                                                                        \
      "delete_records",                                                                            \
      TARGET_TOPIC,                                                                                \
      "an operator deletes the records of a \"partition\" below the offset \"before\"")            \
    X(FAULT_MOVE_LEADER,                                                                           \
      "move_leader",                                                                               \
      TARGET_TOPIC,                                                                                \
      "another replica in sync takes over a \"partition\", as in a controlled shutdown")           \
    X(FAULT_RECREATE,                                                                              \
      "recreate",                                                                                  \
      TARGET_TOPIC,                                                                                \
      "an operator deletes the topic and makes it anew under its name, at the same moment: its "   \
      "records are gone, offsets begin at 0 again")

enum fault_verb {
#define X(id, name, targets, help) id,
    FAULT_TABLE(X)
#undef X
        FAULT_COUNT
};

struct fault_info {
    const char *name;
    unsigned targets;
    const char *help;
};
const struct fault_info *fault_info(enum fault_verb verb);

enum anchor_kind {
    ANCHOR_TIME,  /* {"time": "2h"}: since the scenario's start */
    ANCHOR_POINT, /* {"batch": 3, "point": "sink.after"}; "nth" passing (1-based), batch -1 = any */
    ANCHOR_OPERATION, /* {"operation": "rename", "path": "*commits/3", "nth": 1, "when":
                         "before"|"after"} */
    ANCHOR_EVENT, /* {"event": "outage", "plus": "26h"}: after another event of this script fired */
    ANCHOR_RUN_END /* {"run": 2, "ends": "error", "plus": "10m"} */
};

/* How the runs of a driver end; also in expect.runs. */
#define RUN_END_TABLE(X)                                                                           \
    X(RUN_CRASHED, "crashed")                                                                      \
    X(RUN_STOPPED, "stopped")                                                                      \
    X(RUN_ERROR, "error")                                                                          \
    X(RUN_CAUGHT_UP,                                                                               \
      "caught-up")          /* everything readable is committed and nothing more will come */      \
    X(RUN_LOSER, "refused") /* ended because another driver owns the checkpoint */                 \
    X(RUN_STUCK, "stuck")

enum run_end {
#define X(id, name) id,
    RUN_END_TABLE(X)
#undef X
        RUN_END_COUNT
};
const char *run_end_name(enum run_end end);

struct anchor {
    enum anchor_kind kind;
    int64_t time_us;      /* TIME: since start; EVENT and RUN_END: "plus" */
    int64_t batch;        /* POINT */
    enum failpoint point; /* POINT */
    const char
        *operation; /* OPERATION: "open", "write", "fsync", "rename", "link", "unlink", "fsync_dir",
                       "mkdir", "rmdir", "get", "put", "put_if_absent", "list", "remove"; "any" */
    const char *path;  /* OPERATION: a pattern where '*' stands for anything */
    uint32_t nth;      /* POINT and OPERATION: 1-based among the matches */
    bool after;        /* OPERATION: after it has happened, not before */
    int event;         /* EVENT: index in the script */
    uint32_t run;      /* RUN_END: 1-based driver start; 0 = any */
    enum run_end ends; /* RUN_END */
};

/* Fate of unsynced operations at a machine crash. */
enum unsynced { UNSYNCED_DRAWN, UNSYNCED_KEPT, UNSYNCED_DROPPED, UNSYNCED_CUT, UNSYNCED_GARBLED };

/* damage: what becomes of the file. */
#define DAMAGE_TABLE(X)                                                                            \
    X(DAMAGE_TRUNCATED, "truncate") /* its second half is gone */                                  \
    X(DAMAGE_EMPTIED, "empty")                                                                     \
    X(DAMAGE_GARBLED, "garble") /* bits flip in its middle; its length stays */                    \
    X(DAMAGE_REMOVED, "remove")

enum damage {
#define X(id, name) id,
    DAMAGE_TABLE(X)
#undef X
        DAMAGE_COUNT
};
const char *damage_name(enum damage damage);
/* Do it to the bytes of a file in place: the size that is left. Garbled bytes differ from before.
 */
size_t damage_bytes(enum damage damage, uint8_t *bytes, size_t size);

/* alter: settings of a topic; TOPIC_UNCHANGED: as before. */
#define TOPIC_UNCHANGED INT64_MIN
struct topic_change {
    int64_t retention_ms;
    int64_t retention_bytes;
    int64_t segment_ms;
    int64_t segment_bytes;
};

enum { DELETE_TO_END = -1 };

struct fault_event {
    const char *id; /* for other events to name; NULL if none */
    struct anchor at;
    enum fault_verb verb;
    struct target target;
    int64_t for_us;                    /* pause, partition, slow */
    uint32_t times;                    /* io_error, throttle, disk_full: in a row; at least 1 */
    bool applied;                      /* lost_reply */
    int64_t late_us;                   /* lost_reply: when, after it was sent; 0: at its time */
    enum unsynced unsynced;            /* crash of a machine */
    const struct option_override *set; /* start: the scenario's "set" and this
                                          event's on top, NULL-named end; NULL: as before */
    const char *path;                  /* damage: a pattern where '*' stands for anything */
    enum damage damage;                /* damage */
    int32_t partition;                 /* delete_records, move_leader */
    int64_t before;                    /* delete_records: an offset, or DELETE_TO_END */
    struct topic_change change;        /* alter */
    bool optional;                     /* it need not fire */
    int line;                          /* in the scenario file, for messages; 0 = drawn */
};

/* What a result has room for (sim/search/run.h): each event fires once, and is judged. */
enum { SCRIPT_EVENTS_MAX = 64 };

struct fault_plan {
    struct fault_event *events;
    size_t count;
};

#endif
