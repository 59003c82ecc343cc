/* Port: Kafka as a client sees it. Real: librdkafka, manual assignment. Simulated:
 * sim/fakes/broker*, rules R1 to R22. Narrow on purpose: one call is one request or one fetch
 * answer. The exact range loop, retries, gap rules and deadlines are engine/source/. Every call has
 * a deadline, may suspend, lets other fibers run. */
#ifndef ENGINE_PORTS_BROKER_H
#define ENGINE_PORTS_BROKER_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/diag.h"
#include "engine/base/status.h"

/* Kafka's error codes that a client meets here, under Kafka's names. */
#define BROKER_ERROR_TABLE(X)                                                                      \
    X(BROKER_NONE, "NONE")                                                                         \
    X(BROKER_OFFSET_OUT_OF_RANGE, "OFFSET_OUT_OF_RANGE")                                           \
    X(BROKER_UNKNOWN_TOPIC_OR_PARTITION, "UNKNOWN_TOPIC_OR_PARTITION")                             \
    X(BROKER_LEADER_NOT_AVAILABLE, "LEADER_NOT_AVAILABLE")                                         \
    X(BROKER_NOT_LEADER_OR_FOLLOWER, "NOT_LEADER_OR_FOLLOWER")                                     \
    X(BROKER_OFFSET_NOT_AVAILABLE, "OFFSET_NOT_AVAILABLE")                                         \
    X(BROKER_FENCED_LEADER_EPOCH, "FENCED_LEADER_EPOCH")                                           \
    X(BROKER_STORAGE_ERROR, "KAFKA_STORAGE_ERROR")                                                 \
    X(BROKER_TRANSPORT, "TRANSPORT")                                                               \
    X(BROKER_TIMED_OUT, "TIMED_OUT")

enum broker_error {
#define X(name, text) name,
    BROKER_ERROR_TABLE(X)
#undef X
};

const char *broker_error_text(enum broker_error error);

/* One setting of the client, under the name that Kafka's consumer gives it: "bootstrap.servers",
 * without Spark's prefix "kafka.". A list ends with a NULL name. */
struct broker_option {
    const char *name;
    const char *value;
};

struct broker_partition {
    int32_t id;
    int32_t leader; /* -1: none now */
    enum broker_error error;
};

/* Special timestamps of list_offsets (Kafka's ListOffsets). */
#define BROKER_LATEST   INT64_C(-1) /* the readable end: high watermark, or last stable offset */
#define BROKER_EARLIEST INT64_C(-2) /* the log start offset */

struct broker_offset {
    int32_t partition;       /* in: which */
    int64_t timestamp;       /* in: BROKER_LATEST, BROKER_EARLIEST, or milliseconds */
    int64_t offset;          /* out: -1 when no record is that new */
    enum broker_error error; /* out */
};

struct broker_record {
    int64_t offset;
    int64_t timestamp_ms;
    struct bytes key;
    struct bytes value; /* data == NULL is a null value (tombstone) */
};

struct broker_fetch {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int32_t bytes_max;   /* the first record comes even when it is larger (R3) */
    int64_t wait_us;     /* long poll (R5) */
    int64_t deadline_us; /* wall clock; then BROKER_TIMED_OUT */
};

/* Records from `offset` on, without a hole but Kafka's own: at least one where there is one.
 * Whether whole batches come, so that records below `offset` come first (R3), or how many of what
 * is there come at once, is the client's business. */
struct broker_answer {
    enum broker_error error;
    /* At most the log start at the answer: a client that does not hear it says less, down to 0. A
     * fetch below the log start is out of range, so with records or without an error it is also at
     * most the offset that was asked for. */
    int64_t log_start_offset;
    int64_t readable_end;          /* high watermark or last stable offset at the answer */
    int64_t next_offset;           /* behind the last record slot of the answer, gaps counted */
    struct broker_record *records; /* in the caller's arena, offsets strictly increasing */
    size_t count;
};

struct broker_ops {
    enum status (*configure)(void *self, const struct broker_option *options, struct diag *diag);
    const char *(*last_error)(void *self);
    enum broker_error (*metadata)(void *self,
                                  const char *topic,
                                  int64_t deadline_us,
                                  struct arena *arena,
                                  struct broker_partition **partitions,
                                  size_t *count);
    enum broker_error (*list_offsets)(void *self,
                                      const char *topic,
                                      int64_t deadline_us,
                                      struct broker_offset *offsets,
                                      size_t count);
    void (*fetch)(void *self,
                  const struct broker_fetch *fetch,
                  struct arena *arena,
                  struct broker_answer *answer);
};

struct broker_port {
    const struct broker_ops *ops;
    void *self;
};

/* Whom to ask, and how: called with the options of each plan before any other call, and again when
 * another plan takes over; calls that are under way end with what they began with. `options` may be
 * NULL (none) and is copied. Reaches no broker, never suspends. Errors: ERR_FAILED with `diag`
 * (class INVALID_OPTION): an option that this client does not know or cannot follow. */
MUST_CHECK static inline enum status broker_configure(const struct broker_port *port,
                                                      const struct broker_option *options,
                                                      struct diag *diag)
{
    return port->ops->configure(port->self, options, diag);
}

/* What the client complained of last, for a message that a person reads: "127.0.0.1:9092: Connect
 * failed: Connection refused". Empty: nothing. Valid until the next call. Decides nothing. */
static inline const char *broker_last_error(const struct broker_port *port)
{
    return port->ops->last_error(port->self);
}

/* Partitions of a topic, by id. May be stale, partial, or without a leader for a while (R23). */
static inline enum broker_error broker_metadata(const struct broker_port *port,
                                                const char *topic,
                                                int64_t deadline_us,
                                                struct arena *arena,
                                                struct broker_partition **partitions,
                                                size_t *count)
{
    return port->ops->metadata(port->self, topic, deadline_us, arena, partitions, count);
}

/* Offsets of several partitions of one topic; each entry carries its own error, the return value is
 * that of the request as a whole (BROKER_NONE also when single entries failed). */
static inline enum broker_error broker_list_offsets(const struct broker_port *port,
                                                    const char *topic,
                                                    int64_t deadline_us,
                                                    struct broker_offset *offsets,
                                                    size_t count)
{
    return port->ops->list_offsets(port->self, topic, deadline_us, offsets, count);
}

/* One fetch answer. Never loops, never resets an offset, never retries. */
static inline void broker_fetch(const struct broker_port *port,
                                const struct broker_fetch *fetch,
                                struct arena *arena,
                                struct broker_answer *answer)
{
    port->ops->fetch(port->self, fetch, arena, answer);
}

#endif
