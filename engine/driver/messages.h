/* What driver and executors say to each other, as bytes. Connections keep order and duplicate
 * nothing, but a sender whose connection broke says it again on the next one: every message about
 * an attempt carries the attempt's whole identity, so that a repetition is recognised and a message
 * of a dead session, batch or attempt cannot be mistaken for a living one.
 *
 *   executor -> driver   REGISTER, HEARTBEAT, ASK_COMMIT, TASK_DONE, TASK_FAILED
 *   driver -> executor   REGISTERED, HEARTBEAT (the echo), RUN_TASK, COMMIT_ANSWER, GOODBYE
 *
 * Bytes: 'A' 0x01, kind (1 byte), then the kind's fields: integers as zigzag or LEB128, texts and
 * bytes behind their length. What depends on a compression library (a file's size and hash) has a
 * fixed width: no length, hence no cost on the wire, depends on it. Nothing may follow. Pure. */
#ifndef ENGINE_DRIVER_MESSAGES_H
#define ENGINE_DRIVER_MESSAGES_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/plan/plan.h"
#include "engine/sink/delta_sink.h"

enum message_kind {
    MESSAGE_REGISTER = 1,
    MESSAGE_REGISTERED,
    MESSAGE_HEARTBEAT,
    MESSAGE_RUN_TASK,
    MESSAGE_ASK_COMMIT,
    MESSAGE_COMMIT_ANSWER,
    MESSAGE_TASK_DONE,
    MESSAGE_TASK_FAILED,
    MESSAGE_GOODBYE
};

/* One attempt, named so that no other attempt of any driver start has the same name: the session is
 * drawn at each driver start, and attempt numbers of a task are never used twice in a session
 * (SPARK-24552: an attempt number used again made one attempt delete the other's output). */
struct attempt_id {
    uint64_t session;
    int64_t batch;
    int64_t task;
    int64_t attempt;
};

bool attempt_id_equal(const struct attempt_id *a, const struct attempt_id *b);

struct message_registered {
    uint64_t session;
    int64_t executor;                        /* id in this session */
    const char *pipeline_file;               /* for messages */
    struct bytes pipeline;                   /* JSON text: the executor compiles its own plan */
    const struct option_override *overrides; /* ends with a NULL name */
};

struct message_run_task {
    int32_t partition;
    int64_t from;
    int64_t until;
};

struct message_failure {
    const char *error_class;
    const char *text;
};

/* An attempt that the driver denied its commit reports this class: it is not counted as a failure
 * of its task (Spark: TaskCommitDenied). */
#define CLASS_COMMIT_DENIED "COMMIT_DENIED"

/* `kind` says which of the fields below it mean something. */
struct message {
    enum message_kind kind;
    const char *name;                     /* REGISTER: of the executor */
    bool first;                           /* REGISTER: its process was never registered before */
    struct message_registered registered; /* REGISTERED */
    struct attempt_id id;                 /* RUN_TASK to TASK_FAILED */
    struct message_run_task task;         /* RUN_TASK */
    bool granted;                         /* COMMIT_ANSWER */
    struct delta_file file;               /* TASK_DONE */
    struct message_failure failure;       /* TASK_FAILED */
};

/* Append the bytes of `message`. */
void message_encode(const struct message *message, struct buf *out);

/* Texts are copied into `arena`; `registered.pipeline` borrows from `bytes`. Errors: ERR_CORRUPT:
 * not a message of this version, cut short, or with something behind its end. */
MUST_CHECK enum status
message_decode(struct arena *arena, struct bytes bytes, struct message *message);

#endif
