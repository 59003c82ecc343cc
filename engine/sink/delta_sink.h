/* The Delta sink. Tasks write data files; the driver makes them visible with one commit that
 * carries txn {appId: query id, version: batch}, so that a batch that runs again is recognised
 * (delta-parquet-storage 1.5 to 1.7). */
#ifndef ENGINE_SINK_DELTA_SINK_H
#define ENGINE_SINK_DELTA_SINK_H

#include "engine/base/diag.h"
#include "engine/checkpoint/store.h"
#include "engine/exec/columns.h"
#include "engine/plan/plan.h"

/* A data file that a task wrote: the message its attempt reports, and later an `add` action. */
struct delta_file {
    const char *path; /* relative to the table */
    uint64_t size;
    int64_t rows;
    int64_t modified_ms;
    const char *stats;     /* JSON text */
    uint64_t content_hash; /* XXH64 of the file, in add.tags as "aftershock.xxh64" */
    uint64_t rows_hash; /* order-free digest of the logical rows: goes into the trace, unlike bytes
                           and sizes */
};

/* Write the rows of one task attempt as one uniquely named file (none when there are no rows:
 * `file->path` is NULL).
 * * name_key1, name_key2  what makes this attempt's random name its own (batch and task, attempt)
 * May suspend. The file is durable on OK and invisible until a commit names it. Errors: ERR_IO,
 * ERR_NO_SPACE, ... */
MUST_CHECK enum status delta_write_file(const struct ports *ports,
                                        struct store *store,
                                        const char *table,
                                        int64_t task,
                                        const struct columns *rows,
                                        uint64_t name_key1,
                                        uint64_t name_key2,
                                        struct arena *arena,
                                        struct delta_file *file,
                                        struct diag *diag);

struct delta_commit {
    const char *table;
    const char *query_id;        /* appId */
    int64_t batch;               /* txn version */
    const struct schema *schema; /* of the rows; checked against the table's */
    const struct delta_file *files;
    size_t file_count;
};

struct delta_commit_result {
    bool skipped;    /* the table has this batch already */
    int64_t version; /* the commit's version, or the txn version found */
};

/* Has the table recorded `batch` (or a later one) of this query? Reads the log. May suspend.
 * Errors: ERR_FAILED. */
MUST_CHECK enum status delta_has_batch(const struct ports *ports,
                                       struct store *store,
                                       const char *table,
                                       const char *query_id,
                                       int64_t batch,
                                       bool *has,
                                       struct diag *diag);

/* Commit a batch, creating the table if needed; an empty batch still records its txn. Loops over
 * conflicts; an unknown outcome is resolved by txnId and never retried at another version. May
 * suspend. Durable on OK. Errors: ERR_FAILED with `diag` (DELTA_CONCURRENT_TRANSACTION,
 * DELTA_SCHEMA_CHANGED, DELTA_LOG_CORRUPT, ...). */
MUST_CHECK enum status delta_commit_batch(const struct ports *ports,
                                          struct store *store,
                                          const struct delta_commit *commit,
                                          struct arena *arena,
                                          struct delta_commit_result *result,
                                          struct diag *diag);

#endif
