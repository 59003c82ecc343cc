/* Port: one structured event a step. Real: JSON lines, off by default. Simulated: chained into the
 * trace hash, handed to the checks, kept for reports. Fixed fields; texts are logical (paths,
 * names), never compressed bytes or their sizes. The meaning of a, b, c stands in the table. */
#ifndef ENGINE_PORTS_TRACE_H
#define ENGINE_PORTS_TRACE_H

#include <stdint.h>

/*    enum                     name                 a, b, c, text */
#define ENGINE_EVENT_TABLE(X)                                                                      \
    X(EVENT_QUERY_STARTED, "query-started", "text: query id")                                      \
    X(EVENT_QUERY_RESUMED,                                                                         \
      "query-resumed",                                                                             \
      "batch to run; a: 0 new query, 1 next batch, 2 re-run")                                      \
    X(EVENT_BATCH_PLANNED, "batch-planned", "a: offsets in the batch; b: 1 when a re-run")         \
    X(EVENT_OFFSETS_WRITTEN, "offsets-written", "offsets/N is durable")                            \
    X(EVENT_TASK_SENT, "task-sent", "a: task; b: attempt; c: executor; text: map, or empty")       \
    X(EVENT_TASK_STARTED,                                                                          \
      "task-started",                                                                              \
      "a: task; b: attempt (by the executor); text: map, or empty")                                \
    X(EVENT_OUTPUT_WRITTEN, "output-written", "a: task; b: attempt; c: rows; text: file")          \
    X(EVENT_COMMIT_ASKED, "commit-asked", "a: task; b: attempt; c: 1 granted, 0 denied")           \
    X(EVENT_TASK_ENDED, "task-ended", "a: task; b: attempt; c: rows; text: map, or empty")         \
    X(EVENT_TASK_FAILED, "task-failed", "a: task; b: attempt; c: counted failures; text: why")     \
    X(EVENT_EXECUTOR_REGISTERED, "executor-registered", "a: executor id; text: name")              \
    X(EVENT_EXECUTOR_LOST, "executor-lost", "a: executor id; text: why")                           \
    X(EVENT_RESULT_REFUSED, "result-refused", "a: task; b: attempt; text: why (zombie)")           \
    X(EVENT_SINK_COMMITTED, "sink-committed", "a: Delta version; b: files; c: rows")               \
    X(EVENT_SINK_SKIPPED, "sink-skipped", "a: txn version found: this batch is in the table")      \
    X(EVENT_COMMIT_WRITTEN, "commit-written", "commits/N is durable")                              \
    X(EVENT_PURGED, "purged", "a: first batch kept")                                               \
    X(EVENT_RANGE_SKIPPED, "range-skipped", "a: partition; b: from; c: until; text: topic")        \
    X(EVENT_LOG_CHANGED,                                                                           \
      "log-changed",                                                                               \
      "another record stands where the last one was read, failOnDataLoss=false; a: partition; "    \
      "b: its offset; c: where the reading goes on; text: topic")                                  \
    X(EVENT_STAGE_ENDED, "stage-ended", "a: stage (0 map, 1 result); b: stage attempt")            \
    X(EVENT_MAP_OUTPUT_WRITTEN, "map-output-written", "a: map task; b: attempt; c: groups")        \
    X(EVENT_MAP_OUTPUT_LOST, "map-output-lost", "a: map task; b: attempt; c: executor id")         \
    X(EVENT_STATE_LOADED, "state-loaded", "a: partition; b: version; c: -1 memory, or snapshot")   \
    X(EVENT_STATE_REPAIRED,                                                                        \
      "state-repaired",                                                                            \
      "a snapshot did not read, an older one stands in; a: partition; b: version; c: the bad "     \
      "one; "                                                                                      \
      "text: why")                                                                                 \
    X(EVENT_STATE_COMMITTED, "state-committed", "a: partition; b: version; c: rows in it")         \
    X(EVENT_STATE_SNAPSHOT, "state-snapshot", "a: partition; b: version; c: rows in it")           \
    X(EVENT_STATE_CLEANED, "state-cleaned", "a: partition; b: first version kept; c: files")       \
    X(EVENT_MAINTENANCE_FAILED, "maintenance-failed", "a: partition; text: why")                   \
    X(EVENT_WATERMARK, "watermark", "when batch N is done; a: Wm(N+1), milliseconds; b: Wm(N)")    \
    X(EVENT_CONF_KEPT,                                                                             \
      "conf-kept",                                                                                 \
      "the checkpoint's value is used, another was asked for; text: name, both values")            \
    X(EVENT_QUERY_ENDED, "query-ended", "text: error class, or empty")                             \
    X(EVENT_STATE_FILES_LOADED,                                                                    \
      "state-files-loaded",                                                                        \
      "SST files of a snapshot; a: partition; b: copied from the checkpoint; c: taken over here")  \
    X(EVENT_STATE_FILES_SAVED,                                                                     \
      "state-files-saved",                                                                         \
      "SST files of a snapshot; a: partition; b: copied to the checkpoint; c: that were there")

enum engine_event {
#define X(id, name, fields) id,
    ENGINE_EVENT_TABLE(X)
#undef X
        ENGINE_EVENT_COUNT
};

struct trace_entry {
    int kind;      /* enum engine_event, or one of the world's own */
    int64_t batch; /* -1: none */
    int64_t a;
    int64_t b;
    int64_t c;
    const char *text; /* may be NULL; borrowed until return */
};

struct trace_ops {
    void (*event)(void *self, const struct trace_entry *entry);
};

struct trace_port {
    const struct trace_ops *ops;
    void *self;
};

/* Never suspends, never fails. */
static inline void trace_event(const struct trace_port *port, const struct trace_entry *entry)
{
    port->ops->event(port->self, entry);
}

/* Name of an engine event, as golden transcripts and --trace print it. */
const char *engine_event_name(enum engine_event event);

#endif
