/* Everything that judges a run, while it runs and at its end. Each check has a name, a one-line
 * promise, a source, and counts its evaluations. Checks read the trace and look into the fakes'
 * storage; they draw nothing and change nothing. */
#ifndef SIM_CHECK_CHECKS_H
#define SIM_CHECK_CHECKS_H

#include "scenarios/loader/scenario.h"
#include "sim/check/oracle.h"
#include "sim/fakes/broker.h"
#include "sim/fakes/storage.h"
#include "sim/kernel/kernel.h"

/*    enum                      name                    promise */
#define CHECK_TABLE(X)                                                                             \
    X(CHECK_OFFSETS_DENSE, "offsets-dense", "the offset log has no hole above the purge floor")    \
    X(CHECK_OFFSETS_ONCE,                                                                          \
      "offsets-once",                                                                              \
      "offsets/N never changes while any effect of batch N is durable")                            \
    X(CHECK_COMMITS_FOLLOW,                                                                        \
      "commits-follow",                                                                            \
      "commits/N exists only after offsets/N and the sink's txn N")                                \
    X(CHECK_BATCH_TILES, "batch-tiles", "batch N starts where batch N-1 ended, per partition")     \
    X(CHECK_ONE_WINNER,                                                                            \
      "one-winner",                                                                                \
      "one writer wins each offsets/N, commits/N and Delta version")                               \
    X(CHECK_SINK_ONCE, "sink-once", "one Delta commit for each (appId, batch)")                    \
    X(CHECK_DELTA_DENSE, "delta-dense", "the Delta log has no gap")                                \
    X(CHECK_FILES_WHOLE,                                                                           \
      "files-whole",                                                                               \
      "every added file exists, whole, with its stated size, rows and hash")                       \
    X(CHECK_READER_WHOLE, "reader-whole", "a concurrent reader sees whole batches only")           \
    X(CHECK_PURGE_SAFE, "purge-safe", "purge never removes what recovery needs")                   \
    X(CHECK_DELIVERED_ONCE,                                                                        \
      "delivered-once",                                                                            \
      "each row of each batch is delivered to the table once")                                     \
    X(CHECK_ACKED_DURABLE,                                                                         \
      "acked-durable",                                                                             \
      "what was reported done survives any crash of the world's making")                           \
    X(CHECK_ORACLE_RANGES,                                                                         \
      "oracle-ranges",                                                                             \
      "batch ends tile the topic exactly, from the initial offsets to the readable end")           \
    X(CHECK_ORACLE_ROWS,                                                                           \
      "oracle-rows",                                                                               \
      "the table equals the oracle's rows, as multisets, bit for bit")                             \
    X(CHECK_WATERMARK, "watermark", "offsets/N and commits/N carry the oracle's watermark")        \
    X(CHECK_STATE_BEFORE_COMMIT,                                                                   \
      "state-before-commit",                                                                       \
      "version N+1 of every partition is whole and durable before batch N is in the table")        \
    X(CHECK_STATE_ROWS,                                                                            \
      "state-rows",                                                                                \
      "state version N+1 is the oracle's state after batch N, keys and buffers, bit for bit")      \
    X(CHECK_SNAPSHOT_REPLAY, "snapshot-replay", "a snapshot is what its deltas add up to")         \
    X(CHECK_STATE_PARTITION,                                                                       \
      "state-partition",                                                                           \
      "each key of the state is in the partition that Spark's Murmur3 gives")                      \
    X(CHECK_STATE_RETAINED,                                                                        \
      "state-retained",                                                                            \
      "cleanup never removes what the last minBatchesToRetain versions need")                      \
    X(CHECK_DAMAGE_DUTY,                                                                           \
      "damage-duty",                                                                               \
      "after damage a run goes on from what is left, or ends with an error that names the file")   \
    X(CHECK_CLEAN_DEATH, "clean-death", "a dead process leaves no memory, stack or handle behind") \
    X(CHECK_LIVENESS, "liveness", "after the last fault the engine catches up within its budget")

enum check_id {
#define X(id, name, promise) id,
    CHECK_TABLE(X)
#undef X
        CHECK_COUNT
};
const char *check_name(enum check_id check);
const char *check_promise(enum check_id check);

struct checks;

/* Observes the kernel and the storage from now on. Call it behind the making of kernel, storage and
 * broker and before the first process is spawned. All its memory belongs to the kernel (freed whole
 * by kernel_free). Violations go to kernel_violate.
 * * oracle  of this very scenario, shared by all its runs (oracle_new, by the host); NULL: made
 * here for this run alone, which costs one evaluation of every workload line */
struct checks *checks_new(struct kernel *kernel,
                          const struct scenario *scenario,
                          struct fake_storage *storage,
                          struct fake_broker *broker,
                          const struct oracle *oracle);

/* Does the pipeline of this run have what the check is about? A suite in which a check that applied
 * somewhere was never evaluated has proven nothing about it. */
bool checks_apply(const struct checks *checks, enum check_id check);

/* The world has damaged the final file `path`: it is truncated, garbled, emptied or gone by the
 * world's own hand. That the file is broken is nobody's violation from now on; a wrong row still
 * is. Called when the file has changed. */
void checks_damaged(struct checks *checks, const char *path);

/* What the engine owes after such damage, by what is left beside the file. */
enum damage_duty {
    DAMAGE_RECOVER,  /* a copy or a path to replay remains, or nothing reads it: it must go on */
    DAMAGE_REFUSE,   /* the next start must end with an error that names the file, before anything
                        is written that depends on it */
    DAMAGE_EITHER,   /* nobody needs it, and whoever looks at it may refuse it, too */
    DAMAGE_MAY_LOSE, /* a file of the table's rows: readers fail, the engine does not read it.
                        Exactly its rows are lost */
};
enum damage_duty checks_damage_duty(struct checks *checks, const char *path);

/* A driver's run is over; `error` of RUN_ERROR. Behind the trace event. */
void checks_run_ended(struct checks *checks,
                      uint32_t process,
                      enum run_end ends,
                      const struct diag *error);

/* The final comparison, once, behind the last event and before kernel_free: the whole table against
 * the oracle, loss and repetition against the ledger. What the scenario expects of them
 * (`expect.table`) the run compares with checks_lost_cause. */
void checks_end(struct checks *checks);

/* Before checks_end, of a run that is over since everything was read: the table has all that Kafka
 * can hand out, and every batch of it its commits/N. */
void checks_end_caught_up(struct checks *checks);

uint64_t checks_evaluations(const struct checks *checks, enum check_id check);

/* Is everything that Kafka can hand out now in the table? Cheap. Says nothing about workloads that
 * have not sent their last record (fake_broker_workloads_done), nor about commits/N: see
 * checks_settled. */
bool checks_caught_up(const struct checks *checks);
/* Caught up, and the last batch of the table has its commits/N: nothing of the batch protocol but
 * the purge is pending. */
bool checks_settled(const struct checks *checks);
/* Records readable, not yet committed to the table (nor lost for a reason in the ledger). */
int64_t checks_lag(const struct checks *checks);
/* Rows of all published commits of the table. */
int64_t checks_rows_out(const struct checks *checks);

/* What was lost and why, by the damage ledger: LOST_NOTHING unless records were lost or repeated
 * since a durable copy and every replay path was gone. */
enum lost_cause checks_lost_cause(const struct checks *checks);
/* Records that were promised to the table and will never be in it; and records in it more than
 * once. Each by a cause of the ledger; without a cause they are violations. */
int64_t checks_records_lost(const struct checks *checks);
int64_t checks_records_repeated(const struct checks *checks);

/* When the first and the last of the records that expired unread were sent; false: there are none.
 */
bool checks_lost_span(const struct checks *checks, int64_t *from_us, int64_t *to_us);

/* Of a run that stands still: who lives, what the last progress was, what is missing. One sentence
 * for its evidence. */
void checks_waiting_for(const struct checks *checks, char *out, size_t size);

#endif
