/* The Delta sink. Tasks write data files; the driver makes them visible with one commit that
 * carries txn {appId: query id, version: batch}, so that a batch that runs again is recognised
 * (delta-parquet-storage 1.5 to 1.7). Output mode append only adds files. Complete also removes, in
 * the same commit, every file that is live then; no data file is ever overwritten or deleted.
 *
 * The driver reads the log and never a data file, so it cannot notice that a committed one is
 * missing or damaged: readers of the table do. A damaged log is refused by name before anything is
 * written. */
#ifndef ENGINE_SINK_DELTA_SINK_H
#define ENGINE_SINK_DELTA_SINK_H

#include "engine/base/diag.h"
#include "engine/checkpoint/store.h"
#include "engine/exec/columns.h"
#include "engine/plan/schema.h"

/* A data file that a task wrote: the message its attempt reports, and later an `add` action.
 * `size` and `content_hash` depend on the compression library: they may stand in files, never in
 * the trace, and messages carry them at a fixed width so that no length depends on them. */
struct delta_file {
    const char *path; /* relative to the table; NULL: no file, because there were no rows */
    uint64_t size;
    int64_t rows;
    int64_t modified_ms;
    const char *stats; /* JSON text */
    uint64_t
        content_hash;   /* XXH64 of the file, in add.tags as "aftershock.xxh64" (16 hex digits) */
    uint64_t rows_hash; /* order-free digest of the logical rows, in add.tags as "aftershock.rows"
                           (16 hex digits): may go into the trace, unlike bytes and sizes */
};

/* What one task attempt writes, and where. */
struct delta_output {
    const struct ports *ports;
    struct store *store;
    const char *table; /* path, such as "/shared/tables/delays" */
    int64_t task;
    /* What makes this attempt's random name its own among all attempts that this process will ever
     * run: session and batch; task and attempt. */
    uint64_t name_keys[2];
    const struct columns *rows;
};

/* Write the rows of one task attempt as one uniquely named file (none when there are no rows:
 * `file->path` is NULL). The texts of `file` are in `arena`. Spends per row and logical byte. May
 * suspend. The file is durable on OK and invisible until a commit names it. Errors: ERR_IO,
 * ERR_NO_SPACE, ... as store_put_unique; `diag` says which file. */
MUST_CHECK enum status delta_write_file(const struct delta_output *output,
                                        struct arena *arena,
                                        struct delta_file *file,
                                        struct diag *diag);

/* A table as one query's driver sees it. Remembers the last replayed version, so that a batch reads
 * only what is new in the log. One fiber at a time. */
struct delta_table;

/* A view of the table at `path` for the query `query_id` (the appId of its commits). Reads nothing
 * yet; the table need not exist. Copies the texts, keeps ports and store. Lives in the current
 * process' heap. */
struct delta_table *delta_table_open(const struct ports *ports,
                                     struct store *store,
                                     const char *path,
                                     const char *query_id);
void delta_table_close(struct delta_table *table);

struct delta_commit {
    int64_t batch;                  /* txn version */
    bool fresh;                     /* this run planned the batch: the table cannot have it yet */
    const struct schema *schema;    /* of the rows; checked against the table's */
    const struct delta_file *files; /* entries without a path are left out */
    size_t file_count;
    bool complete; /* output mode complete: these files replace all rows of the table */
    /* The watermark of the batch after this one, kept in commitInfo.userMetadata: a batch that is
     * found in the table is not computed again, and its commits/N must still say it. At least 0;
     * DELTA_NO_WATERMARK: the plan has none. */
    int64_t next_watermark_ms;
    /* What the source remembers of where the batch ends, kept there too: opaque to the sink, a text
     * without '"', '\\' or control characters (fingerprint.h). NULL: nothing. Without either no
     * userMetadata is written. */
    const char *last_records;
};

#define DELTA_NO_WATERMARK INT64_C(-1)

struct delta_commit_result {
    bool skipped;    /* the table has this batch already */
    int64_t version; /* the commit's version; when skipped, the txn version found */
};

struct delta_found {
    bool found; /* the table has recorded the batch, or a later one of this query */
    /* The commit of exactly this batch says next_watermark_ms: one that Spark wrote, or of a plan
     * without a watermark, does not, and a later batch's watermark is not this one's. */
    bool has_watermark;
    int64_t next_watermark_ms; /* DELTA_NO_WATERMARK without has_watermark */
    /* The newest batch of this query in the table, whichever it is (-1: none), and what its commit
     * says of the source: NULL when it says nothing. Borrowed until the table is used again. */
    int64_t newest_batch;
    const char *last_records;
};

/* Has the table recorded `batch` (or a later one) of this query? Reads what is new in the log. May
 * suspend. Errors: ERR_FAILED. */
MUST_CHECK enum status delta_find_batch(struct delta_table *table,
                                        int64_t batch,
                                        struct delta_found *found,
                                        struct diag *diag);

/* Commit a batch, creating the table if needed; an empty batch still records its txn. Loops over
 * conflicts; an unknown outcome is resolved by txnId and never retried at another version.
 *
 * In complete mode somebody else's commit in between makes the removes be planned anew, so that
 * their rows go too. Delta stops the query instead (ConcurrentAppendException, since its
 * transaction has read the whole table: OptimisticTransaction.scala, ConflictChecker.scala), and
 * its restart removes them. Both come to the same table: these rows follow from the query's state
 * and from nothing in the table, so that theirs, then ours, is an order in which all is as if one
 * ran after the other. May suspend. Durable on OK. Errors: ERR_FAILED with `diag`:
 * DELTA_CONCURRENT_TRANSACTION (another run of this query is alive, or the checkpoint is older than
 * the table), DELTA_TABLE_BEHIND_CHECKPOINT (the table lacks the batch before this one),
 * DELTA_SCHEMA_CHANGED, DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES, DELTA_LOG_CORRUPT,
 * DELTA_VERSIONS_NOT_CONTIGUOUS, DELTA_COMMIT_NOT_DURABLE, DELTA_COMMIT_OUTCOME_UNKNOWN,
 * DELTA_COMMIT_FAILED, DELTA_CANNOT_MODIFY_APPEND_ONLY (complete mode),
 * ... After any of
 * them the query stops without writing its commit log; the restart decides by reading the table's
 * log again. */
MUST_CHECK enum status delta_commit_batch(struct delta_table *table,
                                          const struct delta_commit *commit,
                                          struct delta_commit_result *result,
                                          struct diag *diag);

#endif
