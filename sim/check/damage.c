/* Files that the world itself has damaged: the part of the damage ledger that a script's `damage`
 * writes. What the engine owes for them: damage_duty.c. */
#include "engine/base/check.h"
#include "sim/check/checkpoint_reader.h"
#include "sim/check/checks_internal.h"

/* Recovery goes by what stands in the logs: what the world took stands there no more. */
static void forget(struct checks *checks, const char *path)
{
    int64_t batch = -1;
    struct bytes content;
    if (checks_look(checks, path, &content)) {
        return;
    }
    int64_t version = table_version_of(checks->table, path);
    if (version >= 0 && (size_t)version < checks->version_count) {
        checks->versions[version].present = false;
    }
    enum checkpoint_kind kind = checkpoint_path(checks->checkpoint, path, &batch);
    struct check_batch *record = query_batch(checks_current(checks), batch);
    if (record == NULL) {
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
    bool local = damage_is_local(path);
    checks->damaged[checks->damaged_count++] =
        (struct check_damage){.path = arena_strdup(&checks->kept, path),
                              .of_run = local,
                              .duty = local ? DAMAGE_RECOVER : DAMAGE_EITHER};
    forget(checks, path);
    kernel_leave(checks->kernel, previous);
}

void damage_healed(struct checks *checks, const char *path)
{
    size_t kept = 0;
    for (size_t i = 0; i < checks->damaged_count; i++) {
        if (strcmp(checks->damaged[i].path, path) != 0) {
            checks->damaged[kept++] = checks->damaged[i];
        } else if (checks->damaged[i].of_run) {
            checks_count(checks, CHECK_DAMAGE_DUTY);
        }
    }
    checks->damaged_count = kept;
}

bool checks_is_damaged(const struct checks *checks, const char *path)
{
    for (size_t i = 0; i < checks->damaged_count; i++) {
        if (strcmp(checks->damaged[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

bool checks_damaged_below(const struct checks *checks, const char *directory)
{
    size_t size = strlen(directory);
    for (size_t i = 0; i < checks->damaged_count; i++) {
        const char *path = checks->damaged[i].path;
        if (strncmp(path, directory, size) == 0 && path[size] == '/') {
            return true;
        }
    }
    return false;
}
