/* One attempt of one task, a fiber of the executor. What all kinds have in common stands here: the
 * beginning, asking the driver, reporting, the end. What they do in between:
 *
 *   map_task.c     a range of Kafka -> groups, partially aggregated -> shuffle blocks
 *   result_task.c  a range of Kafka -> file (stateless), or shuffle blocks -> state -> file; asks
 *                  before it reports
 *
 * An attempt never learns from anybody but the driver's answer whether it still counts. When the
 * connection breaks the driver gives it up, but it runs on: a zombie. Its ask goes to whatever
 * session the executor is registered with by then, is refused there, and its file is removed. */
#ifndef ENGINE_EXECUTOR_TASK_ATTEMPT_H
#define ENGINE_EXECUTOR_TASK_ATTEMPT_H

#include "engine/executor/executor.h"
#include "engine/executor/session.h"
#include "engine/shuffle/block_transfer.h"

struct task_attempt {
    struct executor *executor;
    struct executor_session *session;
    struct task_attempt *next;
    struct attempt_id id;
    struct message_run_task task; /* what the driver said; its texts are in `arena` */
    struct fiber *fiber;
    bool asking; /* parked until an answer comes */
    bool answered;
    bool granted;
    struct arena arena;             /* the attempt's */
    struct message_task_done done;  /* what it will report */
    struct message_failure failure; /* the map task to blame (CLASS_FETCH_FAILED), or -1 */
    struct diag diag;
};

/* The executor process; the main fiber owns it. */
struct executor {
    const struct executor_config *config;
    const struct ports *ports;
    struct store *store;
    struct block_transfer *transfer;
    bool listening;
    connection_id connection;         /* to the driver; 0: none */
    bool registered_before;           /* with any driver, since this process began */
    bool local_cleared;               /* of databases of an earlier process of this name */
    struct executor_session *session; /* NULL: not registered on `connection` */
    struct task_attempt *attempts;
    struct arena message_arena;
    struct buf outgoing;
};

/* Begin an attempt: its fiber runs when the caller suspends. Adds it to executor->attempts, from
 * which it takes itself when it ends. Copies what it keeps of `task`. Never suspends. */
void task_attempt_begin(struct executor *executor,
                        const struct attempt_id *id,
                        const struct message_run_task *task);

/* The driver's answer to an attempt's ask. */
void task_attempt_answer(struct task_attempt *attempt, bool granted);

/* Ask (again) whether `attempt` may commit; it is `asking`. */
void task_attempt_ask(struct task_attempt *attempt);

/* Ask, and wait until the driver, this one or a later one, has answered. */
bool task_attempt_may_commit(struct task_attempt *attempt);

void task_attempt_trace(const struct task_attempt *attempt,
                        enum engine_event event,
                        int64_t c,
                        const char *text);

/* Send to the driver if there is a connection; what cannot be sent goes nowhere: the driver gives
 * up what ran on a broken connection. Never suspends. */
void executor_send(struct executor *executor, const struct message *message);

/* ---- what the kinds do, until they report: fills attempt->done, or attempt->diag on an error ----
 */

MUST_CHECK enum status map_task_run(struct task_attempt *attempt);
MUST_CHECK enum status result_task_run(struct task_attempt *attempt);

#endif
