/* Files that the world itself has damaged, and what the engine owes for each: the part of the
 * damage ledger that a script's `damage` writes. */
#include "engine/base/check.h"
#include "sim/check/checkpoint_reader.h"
#include "sim/check/checks_internal.h"
#include "sim/check/state_reader.h"

/* Recovery goes by what stands in the logs: what the world took stands there no more. */
static void forget(struct checks *checks, const char *path)
{
    int64_t batch = -1;
    struct bytes content;
    enum checkpoint_kind kind = checkpoint_path(checks->checkpoint, path, &batch);
    struct check_batch *record = query_batch(checks_current(checks), batch);
    if (record == NULL || checks_look(checks, path, &content)) {
        return;
    }
    if (kind == CHECKPOINT_OFFSETS) {
        record->offsets_present = false;
    } else if (kind == CHECKPOINT_COMMITS) {
        record->commit_present = false;
    }
}

void checks_damaged(struct checks *checks, const char *path)
{
    if (oracle_error(checks->oracle) != NULL || checks_is_damaged(checks, path)) {
        return;
    }
    struct process *previous = kernel_enter(checks->kernel);
    checks->damaged = checks_room(checks->damaged,
                                  &checks->damaged_capacity,
                                  checks->damaged_count + 1,
                                  sizeof *checks->damaged);
    checks->damaged[checks->damaged_count++] = arena_strdup(&checks->kept, path);
    forget(checks, path);
    kernel_leave(checks->kernel, previous);
}

bool checks_is_damaged(const struct checks *checks, const char *path)
{
    for (size_t i = 0; i < checks->damaged_count; i++) {
        if (strcmp(checks->damaged[i], path) == 0) {
            return true;
        }
    }
    return false;
}

bool checks_damaged_below(const struct checks *checks, const char *directory)
{
    size_t size = strlen(directory);
    for (size_t i = 0; i < checks->damaged_count; i++) {
        if (strncmp(checks->damaged[i], directory, size) == 0 && checks->damaged[i][size] == '/') {
            return true;
        }
    }
    return false;
}

/* Recovery reads the newest offsets, those before them, and the newest commit
 * (spark-checkpoint 2.3). */
static enum damage_duty duty_of_log(const struct checks *checks, bool offsets, int64_t batch)
{
    const struct check_query *query = checks_current(checks);
    int64_t newest = -1;
    for (size_t i = 0; query != NULL && i < query->batch_count; i++) {
        const struct check_batch *record = &query->batches[i];
        newest = (offsets ? record->offsets_present : record->commit_present) ? (int64_t)i : newest;
    }
    int64_t needed = offsets ? newest - 1 : newest;
    return batch >= needed ? DAMAGE_REFUSE : DAMAGE_RECOVER;
}

/* The version that is loaded next is the one behind the newest batch in the table, or the one
 * before it when that batch runs again. Without the file, is there another way to it? */
static enum damage_duty duty_of_state(struct checks *checks, const char *path, int64_t partition)
{
    const struct check_query *query = checks_current(checks);
    if (query == NULL || query->stream == NULL) {
        return DAMAGE_RECOVER;
    }
    const char *hole =
        state_hole(checks, query, partition, oracle_stream_next(query->stream), path);
    return hole == NULL ? DAMAGE_RECOVER : DAMAGE_REFUSE;
}

enum damage_duty checks_damage_duty(struct checks *checks, const char *path)
{
    int64_t batch = -1;
    int64_t partition = -1;
    int64_t version = -1;
    switch (checkpoint_path(checks->checkpoint, path, &batch)) {
    case CHECKPOINT_METADATA:
    case CHECKPOINT_SOURCES:
        return DAMAGE_REFUSE;
    case CHECKPOINT_OFFSETS:
        return duty_of_log(checks, true, batch);
    case CHECKPOINT_COMMITS:
        return duty_of_log(checks, false, batch);
    case CHECKPOINT_OTHER:
        break;
    }
    if (state_file_of(checks->checkpoint, path, &partition, &version) != STATE_FILE_OTHER) {
        struct process *previous = kernel_enter(checks->kernel);
        enum damage_duty duty = duty_of_state(checks, path, partition);
        arena_reset(&checks->scratch);
        kernel_leave(checks->kernel, previous);
        return duty;
    }
    return table_version_of(checks->table, path) >= 0 ? DAMAGE_REFUSE : DAMAGE_MAY_LOSE;
}
