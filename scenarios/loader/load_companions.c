/* What goes with a verb: each companion key by itself, and that it is there when it is needed. */
#include "scenarios/loader/load_script.h"

#include <string.h>

const char *script_place(const struct script *script, const char *rest)
{
    return arena_printf(script->loader->arena, "%s%s", script->path, rest);
}

#define VERB(id) (1U << (id))

static const struct {
    const char *key;
    unsigned needed;  /* verbs that need it */
    unsigned fits;    /* verbs that may have it */
    unsigned targets; /* 0: any */
} companions[] = {
    {"for",
     VERB(FAULT_PAUSE) | VERB(FAULT_PARTITION) | VERB(FAULT_SLOW),
     VERB(FAULT_PAUSE) | VERB(FAULT_PARTITION) | VERB(FAULT_SLOW),
     0},
    {"for", 0, VERB(FAULT_CRASH), TARGET_BROKER | TARGET_BROKER_MACHINE},
    {"times", 0, VERB(FAULT_IO_ERROR) | VERB(FAULT_DISK_FULL) | VERB(FAULT_THROTTLE), 0},
    {"applied", VERB(FAULT_LOST_REPLY), VERB(FAULT_LOST_REPLY), 0},
    {"late", 0, VERB(FAULT_LOST_REPLY), 0},
    {"unsynced", 0, VERB(FAULT_CRASH), TARGET_DRIVER_MACHINE | TARGET_EXECUTOR_MACHINE},
    {"set", 0, VERB(FAULT_START), 0},
    {"path", VERB(FAULT_DAMAGE), VERB(FAULT_DAMAGE), 0},
    {"how", VERB(FAULT_DAMAGE), VERB(FAULT_DAMAGE), 0},
    {"config", VERB(FAULT_ALTER), VERB(FAULT_ALTER), 0},
    {"partition",
     VERB(FAULT_DELETE_RECORDS) | VERB(FAULT_MOVE_LEADER),
     VERB(FAULT_DELETE_RECORDS) | VERB(FAULT_MOVE_LEADER),
     0},
    {"before", VERB(FAULT_DELETE_RECORDS), VERB(FAULT_DELETE_RECORDS), 0},
};

static enum status check_companion(const struct script *script, const char *key)
{
    const struct fault_event *event = script->event;
    bool present = json_object_get(script->value, key) != NULL;
    bool fits = false;
    bool needed = false;
    for (size_t i = 0; i < sizeof companions / sizeof companions[0]; i++) {
        bool target = companions[i].targets == 0 ||
                      (companions[i].targets & (unsigned)event->target.kind) != 0;
        if (strcmp(companions[i].key, key) == 0 && target) {
            fits = fits || (companions[i].fits & VERB(event->verb)) != 0;
            needed = needed || (companions[i].needed & VERB(event->verb)) != 0;
        }
    }
    char target[TARGET_TEXT_SIZE];
    target_format(event->target, target);
    if (present && !fits) {
        return loader_fail(script->loader,
                           true,
                           arena_printf(script->loader->arena, "%s.%s", script->path, key),
                           "\"%s\" does not go with \"%s\" of \"%s\"",
                           key,
                           fault_info(event->verb)->name,
                           target);
    }
    if (needed && !present) {
        return loader_fail(script->loader,
                           true,
                           arena_printf(script->loader->arena, "%s.%s", script->path, key),
                           "missing \"%s\", which \"%s\" needs: %s",
                           key,
                           fault_info(event->verb)->name,
                           fault_info(event->verb)->help);
    }
    return OK;
}

static enum status check_partition(const struct script *script)
{
    const struct fault_event *event = script->event;
    if (event->target.kind != TARGET_TOPIC) {
        return OK;
    }
    const struct topic_config *topic = &script->loader->scenario->topics[event->target.index - 1];
    if (event->partition >= topic->partitions) {
        return loader_fail(script->loader,
                           false,
                           script_place(script, ".partition"),
                           "partition %d, but \"%.100s\" has %d, counted from 0",
                           event->partition,
                           topic->name,
                           topic->partitions);
    }
    const json_t *config = json_object_get(script->value, "config");
    if (config != NULL && json_object_size(config) == 0) {
        return loader_fail(script->loader,
                           false,
                           script_place(script, ".config"),
                           "nothing changes, expected one of: retention.ms, retention.bytes, "
                           "segment.ms, segment.bytes");
    }
    return OK;
}

enum status companions_check(const struct script *script)
{
    static const char *const keys[] = {"for",
                                       "times",
                                       "applied",
                                       "late",
                                       "unsynced",
                                       "set",
                                       "path",
                                       "how",
                                       "config",
                                       "partition",
                                       "before"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        TRY(check_companion(script, keys[i]));
    }
    if (json_object_get(script->value, "late") != NULL &&
        !value_bool(script->value, "applied", false)) {
        return loader_fail(script->loader,
                           false,
                           script_place(script, ".late"),
                           "contradicts \"applied\": false: what never happens is not late");
    }
    return check_partition(script);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static struct topic_change read_config(const json_t *config)
{
    return (struct topic_change){
        .retention_ms = value_milliseconds(config, "retention.ms", TOPIC_UNCHANGED),
        .retention_bytes = value_bytes(config, "retention.bytes", TOPIC_UNCHANGED),
        .segment_ms = value_milliseconds(config, "segment.ms", TOPIC_UNCHANGED),
        .segment_bytes = value_bytes(config, "segment.bytes", TOPIC_UNCHANGED),
    };
}

void companions_read(const struct script *script)
{
    struct fault_event *event = script->event;
    const json_t *value = script->value;
    event->for_us = value_duration_us(value, "for", 0);
    event->times = (uint32_t)value_int(value, "times", 1);
    event->applied = value_bool(value, "applied", false);
    event->late_us = value_duration_us(value, "late", 0);
    event->unsynced =
        (enum unsynced)name_index(names_unsynced, value_text(value, "unsynced", "drawn"));
    const char *path = value_text(value, "path", NULL);
    event->path = path == NULL ? NULL : state_file_pattern(script->loader, path);
    event->damage = (enum damage)name_index(names_damages, value_text(value, "how", "truncate"));
    event->partition = (int32_t)value_int(value, "partition", 0);
    bool end = json_is_string(json_object_get(value, "before"));
    event->before = end ? DELETE_TO_END : value_int(value, "before", DELETE_TO_END);
    event->change = read_config(json_object_get(value, "config"));
}
