/* What the engine owes for damaged files, and whether it pays: damage-duty.
 *
 * The duties are drawn up when a driver starts, out of what is left beside each file then, and hold
 * for that run: over a file that must be refused nothing is written that depends on it, and the
 * error that ends the run names it; without such a file the damage is no reason to end. A local
 * database is a copy at any time: its files' duty is there as soon as they are damaged. */
#include "engine/base/check.h"
#include "sim/check/checkpoint_reader.h"
#include "sim/check/checks_internal.h"
#include "sim/check/state_reader.h"

/* The logs as recovery finds them, without what the world has taken. */
struct log_ends {
    int64_t offsets; /* -1: none */
    int64_t commits;
};

static struct log_ends log_ends(const struct check_query *query)
{
    struct log_ends ends = {.offsets = -1, .commits = -1};
    for (size_t i = 0; query != NULL && i < query->batch_count; i++) {
        ends.offsets = query->batches[i].offsets_present ? (int64_t)i : ends.offsets;
        ends.commits = query->batches[i].commit_present ? (int64_t)i : ends.commits;
    }
    return ends;
}

static bool in_table(const struct checks *checks, int64_t batch)
{
    return sink_version_of(checks, checks->current, batch, 0) >= 0;
}

/* Recovery reads the newest offsets; when their batch runs again, those before it too
 * (spark-checkpoint 2.3; Spark reads them always). A hole further back may be refused. */
static enum damage_duty
duty_of_offsets(const struct checks *checks, struct log_ends ends, int64_t batch, bool gone)
{
    bool again = ends.commits < ends.offsets;
    if (batch > ends.offsets) { /* it was the newest: as if the batch had not been planned */
        bool seen = batch <= ends.commits;
        return seen ? DAMAGE_REFUSE : in_table(checks, batch) ? DAMAGE_EITHER : DAMAGE_RECOVER;
    }
    if (batch == ends.offsets || (batch == ends.offsets - 1 && again)) {
        return DAMAGE_REFUSE;
    }
    return gone || batch == ends.offsets - 1 ? DAMAGE_EITHER : DAMAGE_RECOVER;
}

/* A commit that is gone is written again by the batch's second run, which the table's txn stops
 * from writing rows. With the batch behind it planned, it cannot be. */
static enum damage_duty
duty_of_commits(const struct checks *checks, struct log_ends ends, int64_t batch, bool gone)
{
    if (batch > ends.commits) {
        bool again = batch == ends.offsets && in_table(checks, batch);
        return again ? DAMAGE_RECOVER : DAMAGE_EITHER;
    }
    if (batch == ends.commits && ends.commits == ends.offsets) {
        return DAMAGE_REFUSE;
    }
    return gone || batch == ends.commits ? DAMAGE_EITHER : DAMAGE_RECOVER;
}

/* The whole log is read. The newest version alone may go, while its batch has no commits/N. */
static enum damage_duty duty_of_version(const struct checks *checks, int64_t version, bool gone)
{
    int64_t batch = (size_t)version < checks->version_count ? checks->versions[version].batch : -1;
    bool newest = version > sink_last_version(checks);
    struct log_ends ends = log_ends(checks_current(checks));
    return gone && newest && batch > ends.commits ? DAMAGE_RECOVER : DAMAGE_REFUSE;
}

/* The version that is loaded next is the one behind the newest batch in the table, or the one
 * before it when that batch runs again. Without the file, is there another way to it? */
static enum damage_duty duty_of_state(struct checks *checks, const char *path, int64_t partition)
{
    const struct check_query *query = checks_current(checks);
    if (query == NULL || query->stream == NULL || partition >= query->partitions) {
        return DAMAGE_RECOVER;
    }
    const char *hole =
        state_hole(checks, query, partition, oracle_stream_next(query->stream), path);
    return hole == NULL ? DAMAGE_RECOVER : DAMAGE_REFUSE;
}

/* Files that say what the query is. Those of the state are written by the first batch. */
static enum damage_duty duty_of_rest(const struct checks *checks, const char *path, bool gone)
{
    struct log_ends ends = log_ends(checks_current(checks));
    bool first = ends.offsets < 0 || (ends.offsets == 0 && ends.commits < 0);
    if (strstr(path, "/_metadata/") != NULL) {
        return gone && first ? DAMAGE_RECOVER : DAMAGE_REFUSE;
    }
    return DAMAGE_EITHER;
}

/* /local/<who>/state/...: the databases of a state store. */
bool damage_is_local(const char *path)
{
    static const char local[] = "/local/";
    static const char state[] = "/state/";
    const char *who = path + strlen(local);
    const char *rest = strncmp(path, local, strlen(local)) == 0 ? strchr(who, '/') : NULL;
    return rest != NULL && strncmp(rest, state, strlen(state)) == 0;
}

static enum damage_duty duty_of(struct checks *checks, const char *path)
{
    int64_t batch = -1;
    int64_t partition = -1;
    int64_t version = table_version_of(checks->table, path);
    struct bytes content;
    bool gone = !checks_look(checks, path, &content);
    struct log_ends ends = log_ends(checks_current(checks));
    switch (checkpoint_path(checks->checkpoint, path, &batch)) {
    case CHECKPOINT_METADATA:
        return gone && ends.offsets < 0 ? DAMAGE_EITHER : DAMAGE_REFUSE;
    case CHECKPOINT_SOURCES: /* says where batch 0 begins, and is read for that alone */
        return ends.offsets == 0 && ends.commits < 0 ? DAMAGE_REFUSE : DAMAGE_EITHER;
    case CHECKPOINT_OFFSETS:
        return duty_of_offsets(checks, ends, batch, gone);
    case CHECKPOINT_COMMITS:
        return duty_of_commits(checks, ends, batch, gone);
    case CHECKPOINT_OTHER:
        break;
    }
    if (version >= 0) {
        return duty_of_version(checks, version, gone);
    }
    size_t prefix = strlen(checks->checkpoint);
    if (strncmp(path, checks->checkpoint, prefix) != 0 || path[prefix] != '/') {
        return damage_is_local(path) ? DAMAGE_RECOVER : DAMAGE_MAY_LOSE;
    }
    return state_file_of(checks->checkpoint, path, &partition, &version) == STATE_FILE_OTHER
               ? duty_of_rest(checks, path, gone)
               : duty_of_state(checks, path, partition);
}

enum damage_duty checks_damage_duty(struct checks *checks, const char *path)
{
    struct process *previous = kernel_enter(checks->kernel);
    enum damage_duty duty = duty_of(checks, path);
    arena_reset(&checks->scratch);
    kernel_leave(checks->kernel, previous);
    return duty;
}

/* ---- the duties of one run */

void damage_driver_started(struct checks *checks)
{
    for (size_t i = 0; i < checks->damaged_count; i++) {
        checks->damaged[i].duty = duty_of(checks, checks->damaged[i].path);
        checks->damaged[i].of_run = true;
    }
}

/* Starts, stops and damage are no reason of their own to end with an error. */
void damage_fault(struct checks *checks, const struct fault_event *event)
{
    bool calm =
        event->verb == FAULT_START || event->verb == FAULT_STOP || event->verb == FAULT_DAMAGE;
    for (size_t i = 0; i < CHECK_DRIVERS; i++) {
        checks->drivers[i].disturbed = checks->drivers[i].disturbed || !calm;
    }
}

static const struct check_damage *with_duty(const struct checks *checks, enum damage_duty duty)
{
    for (size_t i = 0; i < checks->damaged_count; i++) {
        if (checks->damaged[i].of_run && checks->damaged[i].duty == duty) {
            return &checks->damaged[i];
        }
    }
    return NULL;
}

/* State, and the table's log, are read behind the offsets of the next batch: those are no wrong. */
static bool read_at_recovery(const struct checks *checks, const char *path)
{
    int64_t batch = -1;
    return checkpoint_path(checks->checkpoint, path, &batch) != CHECKPOINT_OTHER;
}

void damage_went_on(struct checks *checks, const char *path)
{
    int64_t batch = -1;
    bool offsets = checkpoint_path(checks->checkpoint, path, &batch) == CHECKPOINT_OFFSETS;
    const struct check_damage *refuse = with_duty(checks, DAMAGE_REFUSE);
    if (refuse == NULL || (!offsets && table_version_of(checks->table, path) < 0) ||
        (offsets && !read_at_recovery(checks, refuse->path))) {
        return;
    }
    checks_count(checks, CHECK_DAMAGE_DUTY);
    checks_fail(checks,
                CHECK_DAMAGE_DUTY,
                "%s is written, though %s is damaged, without which nobody can know what belongs "
                "there: the query must end with an error that names it",
                path,
                refuse->path);
}

/* "offsets/4" is not named by "offsets/42". */
static bool names_text(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        if (at[length] < '0' || at[length] > '9') {
            return true;
        }
    }
    return false;
}

/* By the whole path, or by its last two names; of what is gone the folder does. A local file has
 * more than one name: it is taken over from folder to folder. */
static bool names(struct checks *checks, const struct diag *error, const char *path)
{
    struct bytes content;
    const char *last = strrchr(path, '/');
    const char *two = last;
    while (two > path && two[-1] != '/') {
        two--;
    }
    if (damage_is_local(path) && names_text(error->text, last)) {
        return true;
    }
    size_t folder = (size_t)(last - path);
    bool gone = !checks_look(checks, path, &content);
    return strcmp(error->file, path) == 0 || names_text(error->text, two) ||
           (gone && strncmp(error->file, path, folder) == 0);
}

static const struct check_damage *named(struct checks *checks, const struct diag *error)
{
    for (size_t i = 0; i < checks->damaged_count; i++) {
        if (checks->damaged[i].of_run && names(checks, error, checks->damaged[i].path)) {
            return &checks->damaged[i];
        }
    }
    return NULL;
}

/* Was it started with another state store than the one whose files are there? Without offsets that
 * say which it was, that is refused. */
static bool other_state_store(const struct checks *checks, const struct check_driver *driver)
{
    const struct check_query *query = checks_current(checks);
    const char *provider = oracle_option(
        checks->oracle, driver->overrides, "spark.sql.streaming.stateStore.providerClass");
    bool rocksdb = provider != NULL && strstr(provider, "RocksDB") != NULL;
    return query != NULL && query->states != NULL && query->rocksdb != rocksdb;
}

/* Has the run another reason to end: a fault of its own, or records that Kafka has no more? */
static bool has_other_reason(const struct checks *checks, const struct check_driver *driver)
{
    bool other = driver->disturbed || !driver->alone || other_state_store(checks, driver);
    for (size_t i = 0; i < checks->partition_count && !other; i++) {
        int64_t end = checks_log_start(checks, i);
        other = ledger_committed_end(checks, i, &end) && checks_log_start(checks, i) > end;
    }
    return other;
}

static void
error_is_right(struct checks *checks, const struct check_driver *driver, const struct diag *error)
{
    const struct check_damage *refuse = with_duty(checks, DAMAGE_REFUSE);
    const struct check_damage *found = named(checks, error);
    bool either = with_duty(checks, DAMAGE_EITHER) != NULL;
    if (refuse != NULL) {
        if (found == NULL && !has_other_reason(checks, driver)) {
            checks_fail(checks,
                        CHECK_DAMAGE_DUTY,
                        "%s is damaged, and the error that ends the run does not name it: %s",
                        refuse->path,
                        error->text);
        }
    } else if ((found != NULL && found->duty != DAMAGE_EITHER) ||
               (found == NULL && !either && !has_other_reason(checks, driver))) {
        checks_fail(checks,
                    CHECK_DAMAGE_DUTY,
                    "the run ends with an error, though what is left beside %s suffices: %s",
                    found != NULL             ? found->path
                    : checks->damaged == NULL ? "nothing"
                                              : checks->damaged[0].path,
                    error->text);
    }
}

void checks_run_ended(struct checks *checks,
                      uint32_t process,
                      enum run_end ends,
                      const struct diag *error)
{
    const struct check_driver *driver = checks_driver_of(checks, process);
    bool of_run = checks->damaged_count > 0;
    for (size_t i = 0; i < checks->damaged_count; i++) {
        of_run = of_run && checks->damaged[i].of_run;
    }
    if (oracle_error(checks->oracle) != NULL || driver == NULL || !of_run) {
        return;
    }
    struct process *previous = kernel_enter(checks->kernel);
    checks_count(checks, CHECK_DAMAGE_DUTY);
    if (ends == RUN_ERROR) {
        error_is_right(checks, driver, error);
    }
    for (size_t i = 0; i < checks->damaged_count; i++) {
        checks->damaged[i].of_run = false;
    }
    arena_reset(&checks->scratch);
    kernel_leave(checks->kernel, previous);
}

/* Whoever still lives has paid: damage_went_on has seen all that it wrote. */
void damage_end(struct checks *checks)
{
    if (checks->damaged_count > 0 && checks->damaged[0].of_run) {
        checks_count(checks, CHECK_DAMAGE_DUTY);
    }
}
