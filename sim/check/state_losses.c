/* What leaves the state's files: by cleanup (state-retained), by a crash (state-before-commit); and
 * which versions can be loaded from what is left (spark-checkpoint 1.8). */
#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "sim/check/checks_internal.h"
#include "sim/check/state_reader.h"

static const char *
path_of(struct checks *checks, int64_t partition, int64_t version, enum state_file kind)
{
    return state_file_name_of(&checks->scratch, checks->checkpoint, partition, version, kind);
}

/* The partition's files as they are, but for one: `without` counts as gone, `with` as there. */
struct one_off {
    const char *without; /* NULL: none */
    const char *with;
};

static bool is_there(struct checks *checks, const char *path, const struct one_off *one_off)
{
    struct bytes content;
    if (one_off->without != NULL && strcmp(path, one_off->without) == 0) {
        return false;
    }
    bool with = one_off->with != NULL && strcmp(path, one_off->with) == 0;
    return !checks_is_damaged(checks, path) && (with || checks_look(checks, path, &content));
}

/* What keeps a file of the whole from being loaded; NULL: nothing. */
static const char *unwhole(struct checks *checks,
                           const struct check_query *query,
                           int64_t partition,
                           int64_t version,
                           const struct one_off *one_off)
{
    const char *path = path_of(checks, partition, version, state_whole_kind(query));
    const struct check_state_file *file =
        state_file_known(query, partition, version, state_whole_kind(query));
    if (!is_there(checks, path, one_off) || (file != NULL && file->broken)) {
        return path;
    }
    for (size_t i = 0; file != NULL && i < file->sst_count; i++) {
        if (!is_there(checks, file->ssts[i], one_off)) {
            return file->ssts[i];
        }
    }
    return NULL;
}

static const char *hole(struct checks *checks,
                        const struct check_query *query,
                        int64_t partition,
                        int64_t version,
                        const struct one_off *one_off)
{
    for (int64_t v = version; v > 0; v--) {
        const char *whole = unwhole(checks, query, partition, v, one_off);
        if (whole == NULL) {
            return NULL;
        }
        const char *changes = path_of(checks, partition, v, state_changes_kind(query));
        if (!is_there(checks, changes, one_off)) {
            const struct check_state_file *file =
                state_file_known(query, partition, v, state_changes_kind(query));
            bool ever = !query->rocksdb || (file != NULL && file->hash != 0);
            return ever ? changes : whole; /* without changelogs the zip is what is missed */
        }
    }
    return NULL;
}

const char *state_hole(struct checks *checks,
                       const struct check_query *query,
                       int64_t partition,
                       int64_t version,
                       const char *without)
{
    maybe(query->states == NULL);
    return hole(checks, query, partition, version, &(struct one_off){.without = without});
}

static bool any_damaged(struct checks *checks, int64_t partition)
{
    return checks_damaged_below(
        checks,
        arena_printf(
            &checks->scratch, "%s/state/0/%lld", checks->checkpoint, (long long)partition));
}

/* The newest version that a batch in the table, or one that runs, has written. */
static int64_t newest_version(const struct check_query *query, int64_t partition)
{
    const struct check_state *state = &query->states[partition];
    for (size_t v = state->version_count; v > 0; v--) {
        if (state->deltas[v - 1].present || state->snapshots[v - 1].present) {
            return (int64_t)v - 1;
        }
    }
    return 0;
}

int64_t state_oldest_retained(struct checks *checks,
                              const struct check_query *query,
                              const struct sim_process *by,
                              int64_t partition)
{
    enum { RECOVERY_NEEDS = 2 };
    int64_t retained = checks_retained(checks, by == NULL ? 0 : by->process.id);
    retained = retained > RECOVERY_NEEDS ? retained : RECOVERY_NEEDS;
    return newest_version(query, partition) - retained + 1;
}

bool state_retained_whole(struct checks *checks,
                          const struct check_query *query,
                          const struct sim_process *by,
                          int64_t partition)
{
    int64_t newest = newest_version(query, partition);
    int64_t oldest = state_oldest_retained(checks, query, by, partition);
    for (int64_t v = oldest > 1 ? oldest : 1; v <= newest; v++) {
        if (state_hole(checks, query, partition, v, NULL) != NULL &&
            !any_damaged(checks, partition)) {
            return false;
        }
    }
    return true;
}

void state_removed(struct checks *checks, const struct sim_process *by, const char *path)
{
    int64_t partition = -1;
    int64_t version = -1;
    enum state_file kind = state_file_of(checks->checkpoint, path, &partition, &version);
    struct check_query *query = checks_current(checks);
    bool known = kind != STATE_FILE_OTHER && query != NULL && query->states != NULL &&
                 partition < query->partitions;
    struct check_state_file *file =
        known ? state_file_known(query, partition, version, kind) : NULL;
    if (!known || (kind != STATE_FILE_SST && file == NULL)) {
        return;
    }
    if (file != NULL) {
        struct bytes content;
        file->present = by == NULL && checks_look(checks, path, &content);
    }
    if (by == NULL) {
        return;
    }
    int64_t newest = newest_version(query, partition);
    int64_t oldest = state_oldest_retained(checks, query, by, partition);
    int64_t retained = newest - oldest + 1;
    checks_count(checks, CHECK_STATE_RETAINED);
    for (int64_t v = oldest > 1 ? oldest : 1; v <= newest; v++) {
        const char *missing = state_hole(checks, query, partition, v, path);
        bool before = missing == NULL ||
                      hole(checks, query, partition, v, &(struct one_off){.with = path}) == NULL;
        if (missing != NULL && (before || !any_damaged(checks, partition))) {
            checks_fail(checks,
                        CHECK_STATE_RETAINED,
                        "%s removed %s, but version %lld, one of the last %lld up to %lld, cannot "
                        "be loaded without %s",
                        by->process.name,
                        path,
                        (long long)v,
                        (long long)retained,
                        (long long)newest,
                        missing);
            return;
        }
    }
}

/* What holds the version that the table's newest batch left: its bytes are as they were? */
static bool is_same(struct checks *checks,
                    const struct check_query *query,
                    int64_t partition,
                    int64_t version,
                    const char **path)
{
    const struct check_state_file *file =
        state_file_known(query, partition, version, state_changes_kind(query));
    struct bytes content = {.data = NULL};
    *path = path_of(checks, partition, version, state_changes_kind(query));
    return !checks_look(checks, *path, &content) || file == NULL ||
           hash_bytes(content.data, content.size) == file->hash;
}

/* What the table's newest batch left must still load. */
void state_after_crash(struct checks *checks)
{
    const struct check_query *query = checks_current(checks);
    if (query == NULL || query->lost || query->stream == NULL || query->states == NULL ||
        query->unstreamed) {
        return;
    }
    int64_t version = oracle_stream_next(query->stream);
    for (int64_t p = 0; p < query->partitions; p++) {
        for (int64_t v = version; query->rocksdb && v > 0; v--) {
            state_zip_after_crash(checks, query, p, v);
        }
        if (any_damaged(checks, p)) {
            continue;
        }
        const char *path = NULL;
        const char *missing = state_hole(checks, query, p, version, NULL);
        bool same = is_same(checks, query, p, version, &path);
        checks_count(checks, CHECK_STATE_BEFORE_COMMIT);
        if (missing != NULL || !same) {
            checks_fail(checks,
                        CHECK_STATE_BEFORE_COMMIT,
                        "a crash %s %s, but batch %lld is in the table",
                        missing != NULL ? "took" : "changed",
                        missing != NULL ? missing : path,
                        (long long)version - 1);
            return;
        }
    }
}
