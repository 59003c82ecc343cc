/* Where a driver start goes on, from what the checkpoint says (spark-checkpoint 2.3). Let O be the
 * highest id in offsets/, C the highest in commits/:
 *
 *   no offsets, no commits   batch 0, a new query
 *   C == O                   batch O is done: O+1 comes next, from the ends of offsets/O
 *   C == O-1                 batch O was planned and not finished: it runs again, with exactly the
 *                            ends, watermark and timestamp of offsets/O
 *
 * Watermarks: the next batch evicts up to the later of what offsets/O and commits/O say, and what
 * is behind offsets/O's is late in it; a batch that runs again takes the former from offsets/O and
 * the latter from offsets/(O-1). The number of shuffle partitions is the recorded one.
 *
 * Everything else is refused by name. Spark is silent or merely warns about most of it, and goes on
 * to lose or repeat rows: commits without offsets, C < O-1 (batches C+1..O-1 may never have reached
 * the table), C > O, holes in either log (SPARK-38033), offsets/(O-1) missing.
 *
 * A hole is judged from id O - minBatchesToRetain on, which no purge takes. Below it, an entry that
 * stands alone is no damage: an object store may carry out a put whose answer was lost long after,
 * when the entry has been purged already. */
#ifndef ENGINE_DRIVER_RECOVERY_H
#define ENGINE_DRIVER_RECOVERY_H

#include "engine/driver/query.h"

enum recovery_kind { /* the values stand in the trace (query-resumed) */
                     RECOVERY_NEW = 0,
                     RECOVERY_NEXT = 1,
                     RECOVERY_RERUN = 2
};

struct recovery_decision {
    enum recovery_kind kind;
    int64_t batch; /* to run */
};

/* Ids found in a log, ascending. */
struct log_ids {
    const int64_t *ids;
    size_t count;
};

struct recovery_logs {
    const char *checkpoint; /* its path, for messages */
    int64_t retained;       /* minBatchesToRetain, at least 1 */
    struct log_ids offsets;
    struct log_ids commits;
};

/* Decide. Pure. Errors: ERR_FAILED with `diag`, class CHECKPOINT_INCONSISTENT, naming the file and
 * the remedy. */
MUST_CHECK enum status recovery_decide(const struct recovery_logs *logs,
                                       struct recovery_decision *decision,
                                       struct diag *diag);

/* May `watermark_ms`, of the file `path`, follow on `before_ms`, of the batch before? Below 0, gone
 * back, or beyond what a timestamp in microseconds can say, none ever is: then a file was damaged
 * or exchanged. Pure. Errors: ERR_FAILED with `diag`, class CHECKPOINT_INCONSISTENT. */
MUST_CHECK enum status recovery_check_watermarks(const char *path,
                                                 int64_t before_ms,
                                                 int64_t watermark_ms,
                                                 struct diag *diag);

/* Read metadata, offsets, commits, in this order; decide; set the query's position. What was read
 * is made durable before anything depends on it (store_sync_directory): its writer may have died
 * before that. Logs that are refused are listed once more: when they have changed meanwhile, the
 * error is CONCURRENT_STREAM_LOG_UPDATE. Reads only, but for `metadata` of a new query. May
 * suspend. Errors: ERR_FAILED. */
MUST_CHECK enum status recovery_run(struct query *query, struct diag *diag);

#endif
