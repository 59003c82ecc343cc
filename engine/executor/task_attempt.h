/* One attempt of one task, a fiber of the executor: read the range from Kafka, decode, filter,
 * select, write one file, ask the driver whether it may be committed, report.
 *
 * An attempt never learns from anybody but the driver's answer whether it still counts. When the
 * connection breaks the driver gives it up, but it runs on: a zombie. Its ask goes to whatever
 * session the executor is registered with by then, is refused there, and its file is removed. */
#ifndef ENGINE_EXECUTOR_TASK_ATTEMPT_H
#define ENGINE_EXECUTOR_TASK_ATTEMPT_H

#include "engine/driver/messages.h"
#include "engine/executor/executor.h"
#include "engine/executor/output_rows.h"
#include "engine/source/decode.h"
#include "engine/source/kafka_source.h"

/* One registration: what the driver sent with it. Lives until the executor has another one and no
 * attempt of it runs any more. */
struct executor_session {
    uint64_t id;
    size_t users; /* running attempts, and 1 while it is the current one */
    struct arena arena;
    struct plan *plan;
};

struct task_attempt {
    struct executor *executor;
    struct executor_session *session;
    struct task_attempt *next;
    struct attempt_id id;
    struct kafka_range range;
    struct fiber *fiber;
    bool asking; /* parked until an answer comes */
    bool answered;
    bool granted;
    struct arena arena;       /* the attempt's: rows and texts of its file */
    struct arena batch_arena; /* one batch of records */
    struct arena fetch_arena; /* one fetch answer */
    struct decoder *decoder;
    struct columns *input; /* the batch being filled; NULL: none begun */
    int64_t input_bytes;
    struct output_rows output;
    struct diag diag;
};

/* The executor process; the main fiber owns it. */
struct executor {
    const struct executor_config *config;
    const struct ports *ports;
    struct store *store;
    connection_id connection;         /* 0: none */
    bool registered_before;           /* with any driver, since this process began */
    struct executor_session *session; /* NULL: not registered on `connection` */
    struct task_attempt *attempts;
    struct arena message_arena;
    struct buf outgoing;
};

/* Begin an attempt: its fiber runs when the caller suspends. Adds it to executor->attempts, from
 * which it takes itself when it ends. Never suspends. */
void task_attempt_begin(struct executor *executor,
                        const struct attempt_id *id,
                        const struct message_run_task *task);

/* The driver's answer to an attempt's ask. */
void task_attempt_answer(struct task_attempt *attempt, bool granted);

/* Ask (again) whether `attempt` may commit; it is `asking`. */
void task_attempt_ask(struct task_attempt *attempt);

/* Send to the driver if there is a connection; what cannot be sent goes nowhere: the driver gives
 * up what ran on a broken connection. Never suspends. */
void executor_send(struct executor *executor, const struct message *message);

/* One user less; the last one frees it. */
void executor_session_release(struct executor_session *session);

#endif
