/* The running query: what the driver's parts share, and the one step of its event loop. The driver
 * is one fiber; while it waits (for tasks, for the next trigger) it takes one network event after
 * another here. Calls to Kafka and storage block it, and heartbeats wait unread meanwhile: that is
 * why silence is judged only when nothing is unread (executors.h). */
#ifndef ENGINE_DRIVER_QUERY_H
#define ENGINE_DRIVER_QUERY_H

#include "engine/driver/commit_coordinator.h"
#include "engine/driver/driver.h"
#include "engine/driver/executors.h"
#include "engine/driver/job.h"
#include "engine/driver/progress.h"
#include "engine/driver/reader_homes.h"
#include "engine/source/fingerprint.h"
#include "engine/source/offsets.h"

struct query {
    const struct driver_config *config;
    const struct ports *ports;
    struct store *store;
    struct arena arena; /* lives as long as the query */
    struct plan *plan;
    const struct option_override *overrides; /* what executors compile the plan under */
    uint64_t session; /* drawn at each driver start: what older sessions left behind is refused */
    char id[UUID_TEXT_SIZE]; /* the checkpoint's, for its life */
    const char *offsets_log; /* directories */
    const char *commits_log;
    struct delta_table *table;

    /* Where the query is: set by recovery, moved on by each batch. */
    int64_t next_batch;
    bool rerun;              /* offsets/<next_batch> exists: its ends are `planned`, for ever */
    struct offsets planned;  /* rerun only */
    struct offsets position; /* where next_batch begins; no topic yet: a new query */
    struct last_records last_records; /* below `position`, as far as they are known */
    struct arena position_arena;      /* of both */
    bool table_seen;                  /* in this run: `last_records` are those of the table */
    int64_t watermark_ms;             /* Wm(next_batch): what it evicts up to */
    int64_t late_ms;                  /* Wm(next_batch - 1), 0 before batch 0: what is late in it */
    int64_t timestamp_ms;             /* rerun: of offsets/<next_batch> */
    const char *conf;                 /* as the checkpoint says; NULL: a new query */
    int64_t partitions; /* of the shuffle and the state, as `conf` says; 0: a stateless plan */
    bool state_checked; /* in this run, against what the checkpoint says of its state */
    bool bounded;       /* availableNow: `bound` is known */
    struct offsets bound;

    /* The batch that runs. */
    struct arena batch_arena;
    struct job *job; /* NULL: no tasks are being run */
    struct commit_coordinator coordinator;
    struct progress progress;

    /* State locality: which executor ran a shuffle partition last, 0: none. It may still have the
     * partition's state in memory. Ids are of this session, and so is this knowledge. */
    int64_t *state_executors; /* `partitions` of them, or NULL */

    struct reader_homes readers; /* where a Kafka partition is read ahead */

    struct executors executors;
    bool ending; /* the goodbye is said: who hangs up now is not lost */
    struct arena message_arena;
    struct buf outgoing;
};

/* Has the owner asked this query to stop? */
bool query_stop_requested(const struct query *query);

/* Wait for one network event until `until_us` at the latest, and for a second at most (so that a
 * wish to stop is seen); handle it. May suspend. Errors: ERR_FAILED with `diag`: the network itself
 * fails. */
MUST_CHECK enum status query_step(struct query *query, int64_t until_us, struct diag *diag);

/* Send to an executor. A broken connection loses it: then its entry is gone. */
void query_send(struct query *query, connection_id connection, const struct message *message);

/* The executor behind `connection` is lost: its attempts are given up and their tasks wait again.
 * Nothing happens when nobody is registered there. */
void query_lose_executor(struct query *query, connection_id connection, const char *why);

#endif
