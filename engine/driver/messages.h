/* What driver and executors say to each other, as bytes. Connections keep order and duplicate
 * nothing, but a sender whose connection broke says it again on the next one: every message about
 * an attempt carries the attempt's whole identity, so that a repetition is recognised and a message
 * of a dead session, batch or attempt cannot be mistaken for a living one.
 *
 *   executor -> driver    REGISTER, HEARTBEAT, ASK_COMMIT, TASK_DONE, TASK_FAILED
 *   driver -> executor    REGISTERED, HEARTBEAT (the echo), RUN_TASK, COMMIT_ANSWER, UNLOAD_STATE,
 *                         GOODBYE
 *   executor -> executor  FETCH_BLOCK, BLOCK
 *
 * Bytes: 'A' 0x01, kind (1 byte), then the kind's fields: integers as zigzag or LEB128, texts and
 * bytes behind their length. What depends on a compression library (a file's size and hash, what a
 * state provider counts) or on the clock has a fixed width: no length, hence no cost on the wire,
 * depends on it. Nothing may follow. Pure. */
#ifndef ENGINE_DRIVER_MESSAGES_H
#define ENGINE_DRIVER_MESSAGES_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/plan/plan.h"
#include "engine/sink/delta_sink.h"
#include "engine/source/fingerprint.h"
#include "engine/state/state_metrics.h"

enum message_kind {
    MESSAGE_REGISTER = 1,
    MESSAGE_REGISTERED,
    MESSAGE_HEARTBEAT,
    MESSAGE_RUN_TASK,
    MESSAGE_ASK_COMMIT,
    MESSAGE_COMMIT_ANSWER,
    MESSAGE_TASK_DONE,
    MESSAGE_TASK_FAILED,
    MESSAGE_GOODBYE,
    MESSAGE_UNLOAD_STATE,
    MESSAGE_FETCH_BLOCK,
    MESSAGE_BLOCK
};

/* Spark's two kinds of stage. A stateless plan has a result stage alone, whose tasks read Kafka; a
 * stateful one has a map stage that reads Kafka and writes shuffle blocks, and a result stage whose
 * tasks read those. */
enum stage { STAGE_MAP = 0, STAGE_RESULT = 1 };

/* One attempt, named so that no other attempt of any driver start has the same name: the session is
 * drawn at each driver start, and attempt numbers of a task are never used twice in a session
 * (SPARK-24552: an attempt number used again made one attempt delete the other's output). */
struct attempt_id {
    uint64_t session;
    int64_t batch;
    int64_t stage; /* enum stage */
    int64_t task;
    int64_t attempt; /* never used twice in a batch, whatever the stage's attempt (SPARK-24552) */
};

bool attempt_id_equal(const struct attempt_id *a, const struct attempt_id *b);

struct message_registered {
    uint64_t session;
    int64_t executor;                        /* id in this session */
    const char *pipeline_file;               /* for messages */
    struct bytes pipeline;                   /* JSON text: the executor compiles its own plan */
    const struct option_override *overrides; /* ends with a NULL name */
};

/* Where the output of a map task is: the attempt whose result the driver took. */
struct map_output {
    int64_t attempt;
    const char *address; /* its executor's, for FETCH_BLOCK */
};

struct message_run_task {
    int64_t partitions; /* of the shuffle, as the checkpoint says; 0: a stateless plan */
    /* A task that reads Kafka (STAGE_MAP, or STAGE_RESULT of a stateless plan). */
    int32_t partition;
    int64_t from;
    int64_t until;
    struct fingerprint before; /* kafka_range.before */
    /* STAGE_RESULT of a stateful plan: reduce partition `id.task`, state version `id.batch`. */
    int64_t late_ms;               /* Wm(N-1) */
    int64_t evict_ms;              /* Wm(N) */
    const struct map_output *maps; /* in map-task order */
    size_t map_count;
};

/* What an attempt reports. */
struct message_task_done {
    int64_t rows_read;         /* records read from Kafka */
    struct fingerprint last;   /* of a task that reads Kafka: kafka_reading.last */
    int64_t event_time_max_ms; /* INT64_MIN: no row had one, or there is no watermark */
    int64_t event_time_min_ms; /* INT64_MAX: none */
    int64_t event_time_sum_ms; /* for lastProgress' avg, over `event_times` rows */
    int64_t event_times;
    struct delta_file file; /* STAGE_RESULT */
    int64_t state_rows;     /* STAGE_RESULT of a stateful plan, and the rest too */
    int64_t state_bytes;
    int64_t rows_updated;
    int64_t rows_removed;
    int64_t rows_dropped_by_watermark;
    int64_t updates_us;
    int64_t removals_us;
    int64_t commit_us;
    int64_t custom[STATE_CUSTOM_METRICS_MAX]; /* as state_custom_names of the provider */
};

/* One executor asks another for the block of (session, batch, map task, attempt) and a reduce
 * partition. */
struct message_fetch_block {
    uint64_t request; /* counted by the asker, repeated in the answer */
    uint64_t session;
    int64_t batch;
    int64_t map_task;
    int64_t map_attempt;
    int64_t partition;
    int64_t from; /* byte in the block: blocks travel in pieces below the port's 16 MiB */
};

struct message_block {
    uint64_t request;
    bool found;    /* false: it is not here, or does not read */
    int64_t size;  /* of the whole block */
    uint64_t hash; /* XXH64 of the whole block */
    struct bytes piece;
};

struct message_failure {
    const char *error_class;
    const char *text;
    int64_t map_task; /* CLASS_FETCH_FAILED: whose output could not be fetched; else -1 */
    int64_t map_attempt;
};

/* Records are gone, and failOnDataLoss=true: it ends the query under its own class. */
#define CLASS_DATA_LOSS "DATA_LOSS"

/* A block could not be fetched: not counted against the task; its map output is taken for lost and
 * made again (Spark: FetchFailed). */
#define CLASS_FETCH_FAILED "FETCH_FAILED"

/* An attempt that the driver denied its commit reports this class: it is not counted as a failure
 * of its task (Spark: TaskCommitDenied). */
#define CLASS_COMMIT_DENIED "COMMIT_DENIED"

/* `kind` says which of the fields below it mean something. */
struct message {
    enum message_kind kind;
    const char *name;                     /* REGISTER: of the executor */
    const char *address;                  /* REGISTER: where it serves shuffle blocks */
    bool first;                           /* REGISTER: its process was never registered before */
    struct message_registered registered; /* REGISTERED */
    struct attempt_id id;                 /* RUN_TASK to TASK_FAILED */
    struct message_run_task task;         /* RUN_TASK */
    bool granted;                         /* COMMIT_ANSWER */
    struct message_task_done done;        /* TASK_DONE */
    struct message_failure failure;       /* TASK_FAILED */
    int64_t partition;                    /* UNLOAD_STATE */
    struct message_fetch_block fetch;     /* FETCH_BLOCK */
    struct message_block block;           /* BLOCK; `piece` borrows from the bytes decoded */
};

/* Append the bytes of `message`. */
void message_encode(const struct message *message, struct buf *out);

/* Texts are copied into `arena`; `registered.pipeline` borrows from `bytes`. Errors: ERR_CORRUPT:
 * not a message of this version, cut short, or with something behind its end. */
MUST_CHECK enum status
message_decode(struct arena *arena, struct bytes bytes, struct message *message);

#endif
