/* The driver's memory of one table's log, shared by delta_table.c (replay), delta_check.c and
 * delta_commit.c (the commit loop): what the log said up to `version`, and nothing else. Replay
 * refuses a gap, a commit that vanished and a file that delta_log_read refuses; it never guesses.
 */
#ifndef ENGINE_SINK_DELTA_TABLE_H
#define ENGINE_SINK_DELTA_TABLE_H

#include "engine/sink/delta_log.h"
#include "engine/sink/delta_sink.h"
#include "engine/sink/live_files.h"

struct delta_table {
    const struct ports *ports;
    struct store *store;
    const char *path;
    const char *log_path;
    const char *query_id;
    struct arena names;   /* the texts above */
    struct arena scratch; /* of one replay */

    int64_t version;           /* newest replayed, -1: no table */
    int64_t txn_version;       /* newest of query_id, -1: none */
    int64_t next_watermark_ms; /* that the commit of txn_version says, or DELTA_NO_WATERMARK */
    const char *last_records;  /* that it says; NULL: nothing */
    struct arena record_texts; /* that text */
    int64_t durable_version;   /* commits up to here cannot vanish in a crash; -1: nothing known */
    struct delta_log_facts table; /* protocol and metadata in force; no other member is used */
    struct arena table_texts[2];  /* of the protocol's and the metadata's facts */

    bool keeps_files; /* output mode complete: `files` follows the log. Append mode has no use for
                         them, and its tables grow for ever */
    struct live_files files;

    int64_t last_batch;          /* of the newest transaction that this process began */
    uint64_t transactions_begun; /* for that batch */
    bool busy;
};

/* What a commit looks for in the versions that replay comes across. */
struct delta_scan {
    const struct delta_commit *commit;
    const char *txn_id;
    int64_t own_version; /* where txn_id was found, -1: nowhere */
    bool query_seen;     /* some version carried a txn of our query */
    bool files_named;    /* some version adds one of the commit's files */
};

/* Read every commit newer than table->version; each is looked at for `scan` (may be NULL). May
 * suspend. Errors: ERR_FAILED. */
MUST_CHECK enum status
delta_table_refresh(struct delta_table *table, struct delta_scan *scan, struct diag *diag);

/* From now on know the live files. What was replayed without them is read once more. May suspend.
 * Errors: ERR_FAILED. */
MUST_CHECK enum status delta_table_keep_files(struct delta_table *table, struct diag *diag);

/* Make what was replayed durable before anything durable depends on it: its writer may have died
 * between publishing a commit and the fsync of the directory. May suspend. Errors: ERR_FAILED. */
MUST_CHECK enum status delta_table_secure(struct delta_table *table, struct diag *diag);

/* May the commit's rows be added to the table as last replayed, and its files be removed in
 * complete mode (or, when there is no table, may one of these columns be made)? Errors: ERR_FAILED.
 */
MUST_CHECK enum status
delta_table_check(struct delta_table *table, const struct delta_commit *commit, struct diag *diag);

/* Path of a commit file, in the arena. */
const char *
delta_commit_path(const struct delta_table *table, int64_t version, struct arena *arena);

/* Record an error whose file is commit `version`, or the log directory when it is -1; always
 * ERR_FAILED. */
enum status delta_table_fail(struct delta_table *table,
                             struct diag *diag,
                             int64_t version,
                             const char *error_class,
                             const char *format,
                             ...) __attribute__((format(printf, 5, 6)));

/* Wait before the n-th further attempt (from 0): longer each time, up to a bound, with a drawn
 * jitter. May suspend. */
void delta_table_backoff(struct delta_table *table, int64_t batch, unsigned attempt);

#endif
