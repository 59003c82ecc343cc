/* The trace: (time, process, kind, batch, a, b, c, text), chained into a 64-bit hash, with a ladder
 * (a rung per 4,096 events) so that a divergence names its first event. The last events are kept
 * for failure records; all of them go to a sink when asked. */
#ifndef SIM_KERNEL_TRACE_H
#define SIM_KERNEL_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/ports/trace.h"

/* The world's own events, behind the engine's. */
#define WORLD_EVENT_TABLE(X)                                                                       \
    X(WORLD_PROCESS_STARTED, "process-started", "a: incarnation; b: machine; text: name")          \
    X(WORLD_PROCESS_ENDED, "process-ended", "text: name")                                          \
    X(WORLD_PROCESS_KILLED, "process-killed", "text: name")                                        \
    X(WORLD_PROCESS_PAUSED, "process-paused", "text: name")                                        \
    X(WORLD_PROCESS_RESUMED, "process-resumed", "text: name")                                      \
    X(WORLD_MACHINE_DOWN, "machine-down", "a: machine; b: 0 crashed, 1 lost; text: name")          \
    X(WORLD_FAULT, "fault", "a: index in the script; text: verb and target")                       \
    X(WORLD_POINT, "point", "a: failure point; text: its name")                                    \
    X(WORLD_OPERATION, "operation", "a: 0 disk, 1 objects; text: operation and path")              \
    X(WORLD_PUBLISHED,                                                                             \
      "published",                                                                                 \
      "a: logical digest; text: path of a file that became visible whole")                         \
    X(WORLD_UNSYNCED_LOST, "unsynced-lost", "a: fate; text: path")                                 \
    X(WORLD_PRODUCED, "produced", "a: partition; b: first offset; c: records; text: topic")        \
    X(WORLD_LEADER, "leader", "a: partition; b: broker; c: epoch; text: topic")                    \
    X(WORLD_EXPIRED, "expired", "a: partition; b: new log start; text: topic")                     \
    X(WORLD_RUN_ENDED, "run-ended", "a: run (1-based); text: how")                                 \
    X(WORLD_GAVE_UP, "gave-up", "a: crashes in a row")                                             \
    X(WORLD_DAMAGED, "damaged", "a: how; text: path of a durable file that went bad")

enum world_event {
    WORLD_EVENT_BASE = 1000,
#define X(id, name, fields) id,
    WORLD_EVENT_TABLE(X)
#undef X
        WORLD_EVENT_END
};

struct trace_record {
    uint64_t index;
    int64_t time_us;
    uint32_t process; /* id; 0: the world */
    uint32_t incarnation;
    int kind;
    int64_t batch;
    int64_t a;
    int64_t b;
    int64_t c;
    const char *process_name; /* "" for the world */
    const char *text;         /* "" when none; borrowed */
};

enum { TRACE_RUNG = 4096, TRACE_KEPT = 200 };

struct trace;

struct trace *trace_new(void);        /* memory of the current owner */
void trace_free(struct trace *trace); /* a kernel frees its own with everything else */
void trace_append(struct trace *trace, const struct trace_record *record);
uint64_t trace_hash(const struct trace *trace);
uint64_t trace_count(const struct trace *trace);
/* Rungs so far: hash after each 4,096 events. */
const uint64_t *trace_ladder(const struct trace *trace, size_t *count);
/* The i-th of the last kept events, oldest first; i < trace_kept. */
size_t trace_kept(const struct trace *trace);
const struct trace_record *trace_last(const struct trace *trace, size_t i);

const char *trace_kind_name(int kind);
/* One JSON object on one line, with a newline. */
void trace_json(const struct trace_record *record, struct buf *out);

#endif
