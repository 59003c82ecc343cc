/* What the checks know about a run, by path and table and never by process: two drivers may write
 * one checkpoint, and a process that died may have written what the next one finds. */
#ifndef SIM_CHECK_CHECKS_INTERNAL_H
#define SIM_CHECK_CHECKS_INTERNAL_H

#include "sim/check/checkpoint_reader.h"
#include "sim/check/checks.h"
#include "sim/check/oracle_stream.h"
#include "sim/check/state_reader.h"
#include "sim/check/table_cache.h"

enum { CHECK_QUERY_NONE = -1, CHECK_ID_SIZE = 64 };

/* Offsets of a batch that were reported as gone (failOnDataLoss=false). */
struct skipped_range {
    int32_t partition;
    int64_t from;
    int64_t until;
};

struct check_batch {
    bool known; /* offsets/N was published: `ends` are its first content, or the one that replaced
                   it when no effect of the batch was left */
    bool offsets_present;
    uint64_t offsets_hash;
    int64_t *begins; /* one a partition; -1: it is not in the batch yet */
    int64_t *ends;
    uint32_t offsets_by;
    bool commit_present;
    uint32_t commit_by;
    struct skipped_range *skipped;
    size_t skipped_count;
    bool streamed; /* the oracle has run it: the watermark behind it is known */
    int64_t next_watermark_ms;
    int64_t delivered_us; /* when it came into the table (last); 0: not yet */
};

/* One state file, as it was published last. */
struct check_state_file {
    bool present;
    bool judged;
    bool broken;                 /* a zip: its SST files are bad or gone, by nobody's violation */
    uint64_t hash;               /* of its bytes */
    struct oracle_digest digest; /* of a snapshot's rows */
    const char **ssts;           /* a zip: paths of its SST files, in `kept` */
    size_t sst_count;
};

/* The files of one partition, by version. */
struct check_state {
    struct check_state_file *deltas;    /* or changelogs */
    struct check_state_file *snapshots; /* or zips */
    size_t delta_capacity;
    size_t snapshot_capacity;
    size_t version_count; /* of both */
};

/* One life of the checkpoint: one id in its `metadata`. */
struct check_query {
    char id[CHECK_ID_SIZE];
    bool lost; /* the machine that held its checkpoint is gone, /local too */
    bool initial_known;
    int64_t *initial; /* -1: a partition that was not known then; it begins at its earliest */
    struct check_batch *batches;
    size_t batch_count;
    size_t batch_capacity;
    int64_t floor;                /* the first batch that was not purged */
    int64_t partitions;           /* of the shuffle, as its first offsets say; 0: not known */
    bool rocksdb;                 /* the provider of its state, likewise */
    struct check_state *states;   /* one a partition */
    struct oracle_stream *stream; /* NULL: no batch of it is in the table yet */
    bool unstreamed;              /* a batch of it could not be computed: nothing behind it can */
};

/* One version of the Delta log. */
struct check_version {
    bool present;
    uint32_t by; /* process id of its writer; 0: the world (a late request of a dead process) */
    uint64_t hash;
    int query;     /* index, or CHECK_QUERY_NONE */
    int64_t batch; /* -1: none */
    size_t files;
    size_t rows;
};

/* One of the two driver slots of the supervisor. */
struct check_driver {
    uint32_t process; /* id of the newest start; 0: none yet */
    bool alive;
    const struct option_override
        *overrides;           /* of the last operator's start; NULL: the scenario's */
    int64_t *ends_at_start;   /* readable ends, one a partition */
    int64_t *begins_at_start; /* log starts */
    int64_t planned_batch;
    int64_t planned_offsets;
    bool alone;     /* nobody else has written the checkpoint since its start */
    bool disturbed; /* something else than damage has happened since its start */
};

struct check_damage {
    const char *path;
    bool of_run; /* the run of a driver began with it: its duty is */
    enum damage_duty duty;
};

enum { CHECK_DRIVERS = 2 };

struct liveness {
    int64_t progress_us;    /* of the last progress */
    int64_t progress_batch; /* and what it was, for people */
    int progress_kind;
    bool excused; /* something was broken, or nothing to do, since then */
};

struct checks {
    struct kernel *kernel;
    const struct scenario *scenario;
    struct fake_storage *storage;
    struct fake_broker *broker;
    const struct oracle *oracle;
    uint64_t evaluations[CHECK_COUNT];
    struct arena scratch; /* of one callback */
    struct arena kept;    /* of the run: records that are no workload's, and what `cache` has */
    struct table_cache cache;

    const char *checkpoint;
    const char *table;
    size_t topic;
    size_t partition_count;

    uint32_t machine; /* where the checkpoint's files are seen from: its writer's */
    bool machine_known;
    struct check_query *queries;
    size_t query_count;
    int current; /* the query whose metadata is there now */
    bool metadata_present;
    bool sources_present;

    struct check_version *versions; /* index = version */
    size_t version_count;
    struct table_commit schema; /* the newest metaData; columns are copies */

    int64_t *log_changed_us; /* one a partition: when the engine last reported it; -1: never */

    struct check_driver drivers[CHECK_DRIVERS];
    struct check_driver *ended; /* whose query ended last without an error */
    struct liveness liveness;
    struct sim_process **gone; /* dead or ended, not yet looked at */
    size_t gone_count;
    size_t gone_capacity;

    struct check_damage *damaged; /* files that the world itself has damaged */
    size_t damaged_count;
    size_t damaged_capacity;

    int64_t lost_machine; /* being lost now: its files vanish; -1 */
    bool crash_pending;   /* a crash took or changed files: compare when it is over */
};

/* ---- checks.c */

/* One comparison was made. */
void checks_count(struct checks *checks, enum check_id check);
/* minBatchesToRetain as `process` was started with. */
int64_t checks_retained(struct checks *checks, uint32_t process);
void checks_fail(struct checks *checks, enum check_id check, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool checks_look(const struct checks *checks, const char *path, struct bytes *content);
bool checks_durable(const struct checks *checks, const char *path);
const char *checkpoint_file(struct checks *checks, const char *folder, int64_t batch);
struct check_query *checks_current(const struct checks *checks);
struct table_source checks_source(struct checks *checks);
struct check_driver *checks_driver_of(struct checks *checks, uint32_t process);
int64_t checks_readable_end(const struct checks *checks, size_t partition);
int64_t checks_log_start(const struct checks *checks, size_t partition);
/* Room for `count` elements of `size` bytes: the array, moved when it had to grow. */
void *checks_room(void *items, size_t *capacity, size_t count, size_t size);

/* ---- log_checks.c, log_losses.c, plan_checks.c: the checkpoint */

void checkpoint_published(struct checks *checks,
                          const struct sim_process *by,
                          const char *path,
                          struct bytes content);
void checkpoint_removed(struct checks *checks, const struct sim_process *by, const char *path);
void checkpoint_event(struct checks *checks, const struct trace_record *record);
void checkpoint_after_crash(struct checks *checks);
void checkpoint_end(struct checks *checks);
void checkpoint_purged(struct checks *checks, const struct trace_record *record);
/* Is anything of this batch of the current query in the world that its offsets must explain? */
bool batch_has_effects(const struct checks *checks, int64_t batch);
struct check_batch *query_batch(const struct check_query *query, int64_t batch); /* NULL: unknown */
/* Where the batch before N ended, or the query began; NULL when that is not known. */
const int64_t *batch_before(const struct check_query *query, int64_t batch);
/* The ends of a batch that was just published, against the log it reads. */
void plan_ends(struct checks *checks, const struct check_query *query, int64_t batch);
void plan_initial(struct checks *checks,
                  const struct sim_process *by,
                  const struct check_query *query);
void plan_event(struct checks *checks, const struct trace_record *record);

/* ---- sink_checks.c: the table */

void sink_published(struct checks *checks,
                    const struct sim_process *by,
                    const char *path,
                    struct bytes content);
void sink_removed(struct checks *checks, const struct sim_process *by, const char *path);
void sink_event(struct checks *checks, const struct trace_record *record);
void sink_after_crash(struct checks *checks);
/* The version that holds (query, batch), or -1; the first one from `from` on. */
int64_t sink_version_of(const struct checks *checks, int query, int64_t batch, int64_t from);
int64_t sink_last_version(const struct checks *checks); /* -1: none */

/* ---- delivery_checks.c: rows */

/* The rows of a commit against the oracle's rows of its batch, with every other commit of it. */
void delivery_commit(struct checks *checks, int64_t version, struct row_set *found);
void delivery_end(struct checks *checks);
/* Append: nothing is ever removed. Complete: each commit replaces the table, so it removes every
 * file that was live, and nothing else. False: reader-whole was violated. */
bool delivery_removes(struct checks *checks, int64_t version, const struct table_commit *commit);

/* ---- ledger.c */

/* The newest batch of `query` in the table, or -1. */
int64_t ledger_last_batch(const struct checks *checks, int query);
/* What the table has of a partition up to where: the current query's. False: nothing is planned. */
bool ledger_committed_end(const struct checks *checks, size_t partition, int64_t *end);
/* A commit of one query, against what earlier ones have delivered. */
void ledger_commit(struct checks *checks, int query, int64_t batch);
void ledger_end(struct checks *checks);

/* ---- log_changes.c */

/* How many records took an offset where another had been read, and were passed over: no batch has
 * them, and none will. The engine says so, or those are the `unreported`, a violation. */
int64_t log_changes_lost(const struct checks *checks, int64_t *unreported);
void log_changes_event(struct checks *checks, const struct trace_record *record);
void log_changes_end(struct checks *checks);

/* ---- stream_checks.c: watermark, and the oracle's run over the batches */

/* What the record at this offset is to the batch; NULL when the batch has none there. A record with
 * which no batch can be committed is a violation. */
const struct oracle_line *checks_line(struct checks *checks,
                                      const struct check_batch *batch,
                                      size_t partition,
                                      int64_t offset);
/* The oracle's run of `query` up to and with `batch`, computed when the batch comes into the table;
 * NULL: it cannot be (and why is somebody's violation already). */
const struct oracle_stream *
stream_through(struct checks *checks, struct check_query *query, int64_t batch);
bool checks_stateful(const struct checks *checks);
/* offsets/N and commits/N as they appear. */
void watermark_of_offsets(struct checks *checks,
                          const struct check_query *query,
                          int64_t batch,
                          const struct checkpoint_intent *intent);
void watermark_of_commit(struct checks *checks,
                         const struct check_query *query,
                         int64_t batch,
                         int64_t next_watermark_ms);
/* Must a batch without data follow the last one of the current query? */
bool stream_owes_batch(const struct checks *checks);

/* ---- state_checks.c, state_snapshots.c, state_losses.c: state files */

/* What the query's provider writes: a file of what a batch changed, a file of the whole. */
enum state_file state_changes_kind(const struct check_query *query);
enum state_file state_whole_kind(const struct check_query *query);
/* A file of the whole appears; it is judged, when the oracle has come so far. `by` NULL: a dead
 * process, whose request is late. */
void state_snapshot_published(struct checks *checks,
                              const struct check_query *query,
                              const struct sim_process *by,
                              int64_t partition,
                              int64_t version,
                              struct bytes content);
void state_snapshot_judge(struct checks *checks,
                          const struct check_query *query,
                          int64_t partition,
                          int64_t version);
/* Would the zip and all its SST files outlive a crash of all machines? `*path` is the zip's, or of
 * the file that would not; `*there`: it can be seen. */
bool state_zip_durable(struct checks *checks,
                       const struct check_query *query,
                       int64_t partition,
                       int64_t version,
                       const char **path,
                       bool *there);
/* Is it still what it was? If not, it is broken. */
void state_zip_after_crash(struct checks *checks,
                           const struct check_query *query,
                           int64_t partition,
                           int64_t version);

/* NULL: no such file was ever published. */
struct check_state_file *state_file_known(const struct check_query *query,
                                          int64_t partition,
                                          int64_t version,
                                          enum state_file kind);

void state_published(struct checks *checks,
                     const struct sim_process *by,
                     const char *path,
                     struct bytes content);
void state_removed(struct checks *checks, const struct sim_process *by, const char *path);
/* The oldest version of a partition that must stay, by the options of `by` (NULL: those of the
 * scenario). */
int64_t state_oldest_retained(struct checks *checks,
                              const struct check_query *query,
                              const struct sim_process *by,
                              int64_t partition);
/* Can all versions that must stay be loaded (or has the world damaged the partition's files)? */
bool state_retained_whole(struct checks *checks,
                          const struct check_query *query,
                          const struct sim_process *by,
                          int64_t partition);
/* The sink has committed `batch`: what the state after it must be is known now. */
void state_judge(struct checks *checks, struct check_query *query, int64_t batch);
/* commits/N appears: version N + 1 is there and durable. */
void state_before_commit(struct checks *checks,
                         struct check_query *query,
                         int64_t batch,
                         const char *before);
void state_after_crash(struct checks *checks);
/* Can version `version` of a partition be loaded without the file `without` (NULL: with all)? Names
 * what is missing. */
const char *state_hole(struct checks *checks,
                       const struct check_query *query,
                       int64_t partition,
                       int64_t version,
                       const char *without);

/* ---- damage.c */

/* Did the world itself damage this file? Then its absence or its bytes are nobody's violation. */
bool checks_is_damaged(const struct checks *checks, const char *path);
bool checks_damaged_below(const struct checks *checks, const char *directory);
/* A process has written the file anew. */
void damage_healed(struct checks *checks, const char *path);

/* ---- damage_duty.c */

/* What is damaged now binds the run that begins. */
/* Is it a file of a state store's local database? */
bool damage_is_local(const char *path);
void damage_driver_started(struct checks *checks);
/* An event of the script has fired. */
void damage_fault(struct checks *checks, const struct fault_event *event);
/* A process has published `path`: not over a file that it must refuse. */
void damage_went_on(struct checks *checks, const char *path);
void damage_end(struct checks *checks);

/* ---- liveness.c */

void liveness_event(struct checks *checks, const struct trace_record *record);

#endif
