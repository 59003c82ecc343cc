/* One registration with a driver: what it sent with it, and what belongs to the executor's part in
 * its query: the compiled plan, the state stores, their maintenance. Lives until the executor has
 * hung up and no attempt of it runs any more. */
#ifndef ENGINE_EXECUTOR_SESSION_H
#define ENGINE_EXECUTOR_SESSION_H

#include "engine/checkpoint/store.h"
#include "engine/driver/messages.h"
#include "engine/state/state_store.h"

struct executor_session {
    const struct ports *ports;
    uint64_t id;
    size_t users; /* running attempts, the maintenance fiber, and 1 while it is the current one */
    struct arena arena;
    struct plan *plan;
    struct state_provider *provider; /* NULL: a stateless plan */
    int64_t blocks_batch;            /* shuffle blocks of earlier batches were removed; -1: none */
    struct fiber *maintenance;       /* parked until it is time; NULL: busy, or there is none */
    bool over;                       /* the executor has hung up */
};

/* Compile the plan that the driver sent; the caller is its first user. `local` is the executor's
 * folder on its machine's own disk; the session's databases stand in <local>/state/<session>. A
 * stateful plan's session also maintains its state every
 * spark.sql.streaming.stateStore.maintenanceInterval. Never suspends. NULL: the plan does not
 * compile here, or the broker port does not take its options (a driver of another version). */
struct executor_session *executor_session_new(const struct ports *ports,
                                              struct store *store,
                                              const char *local,
                                              const struct message_registered *registered);

/* The executor has hung up: no attempt begins any more, the maintenance stops, one user less. */
void executor_session_end(struct executor_session *session);

/* One user less; the last one frees it. */
void executor_session_release(struct executor_session *session);

#endif
