#include "scenarios/loader/names.h"

#include <string.h>

#include "engine/ports/trace.h"
#include "faults/kind.h"

const char *const names_verbs[] = {
#define X(id, name, targets, help) name,
    FAULT_TABLE(X)
#undef X
        NULL};

const char *const names_kinds[] = {
#define X(id, name, verb, target) name,
    FAULT_KIND_TABLE(X)
#undef X
        NULL};

const char *const names_points[] = {
#define X(id, name, role, where) name,
    FAILPOINT_TABLE(X)
#undef X
        NULL};

const char *const names_targets[] = {"driver",
                                     "second driver",
                                     "executor 1",
                                     "executor",
                                     "executors",
                                     "driver machine",
                                     "executor 1 machine",
                                     "broker 1",
                                     "broker 1 machine",
                                     "topic flights",
                                     "storage",
                                     NULL};

const char *const names_run_ends[] = {
#define X(id, name) name,
    RUN_END_TABLE(X)
#undef X
        NULL};

const char *const names_events[] = {
#define X(id, name, fields) name,
    ENGINE_EVENT_TABLE(X)
#undef X
        NULL};

const char *const names_operations[] = {"any",
                                        "open",
                                        "write",
                                        "fsync",
                                        "rename",
                                        "link",
                                        "unlink",
                                        "fsync_dir",
                                        "mkdir",
                                        "rmdir",
                                        "get",
                                        "put",
                                        "put_if_absent",
                                        "list",
                                        "remove",
                                        NULL};
const char *const names_before_after[] = {"before", "after", NULL};
const char *const names_unsynced[] = {"drawn", "kept", "dropped", "cut", "garbled", NULL};
const char *const names_damages[] = {
#define X(id, name) name,
    DAMAGE_TABLE(X)
#undef X
        NULL};
const char *const names_end[] = {"end", NULL};
const char *const names_storages[] = {"disk", "objects", NULL};
const char *const names_state_stores[] = {"memory", "rocksdb", "rocksdb-changelog", NULL};
const char *const names_never[] = {"never", NULL};
const char *const names_nothing[] = {"nothing", NULL};
const char *const names_causes[] = {"local-disk", "expired", "log-changed", NULL};
const char *const names_resumes[] = {"new", "next", "re-run", NULL};
const char *const names_reports[] = {"skipped-ranges", NULL};
const char *const names_milestones[] = {"first-commit", "caught-up", NULL};
const char *const names_supervisor_ends[] = {"gave-up", NULL};

size_t name_index(const char *const *names, const char *text)
{
    size_t index = 0;
    while (names[index] != NULL && strcmp(names[index], text) != 0) {
        index++;
    }
    return index;
}
