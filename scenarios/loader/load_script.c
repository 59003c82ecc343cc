/* "script": what happens, when, to whom. Each event by itself first (anchor, verb, target, what
 * goes with the verb: load_companions.c), then what it needs of the cluster, then the references
 * between events. */
#include "scenarios/loader/load_script.h"

#include <string.h>

#include "engine/base/check.h"

/* ---- anchors ----------------------------------------------------------------------------------
 */

static void read_anchor(const struct script *script, const json_t *at, struct anchor *anchor)
{
    struct arena *arena = script->loader->arena;
    *anchor = (struct anchor){.batch = -1, .nth = 1, .event = -1};
    anchor->time_us = value_duration_us(at, "plus", 0);
    if (json_object_get(at, "time") != NULL) {
        anchor->kind = ANCHOR_TIME;
        anchor->time_us = value_duration_us(at, "time", 0);
    } else if (json_object_get(at, "point") != NULL) {
        anchor->kind = ANCHOR_POINT;
        anchor->batch = value_int(at, "batch", -1);
        anchor->point = (enum failpoint)name_index(names_points, value_text(at, "point", ""));
    } else if (json_object_get(at, "operation") != NULL) {
        anchor->kind = ANCHOR_OPERATION;
        anchor->operation = arena_strdup(arena, value_text(at, "operation", ""));
        anchor->path = state_file_pattern(script->loader, value_text(at, "path", ""));
        anchor->after = strcmp(value_text(at, "when", "before"), "after") == 0;
    } else if (json_object_get(at, "event") != NULL) {
        anchor->kind = ANCHOR_EVENT;
    } else {
        anchor->kind = ANCHOR_RUN_END;
        anchor->run = (uint32_t)value_int(at, "run", 0);
        anchor->ends = (enum run_end)name_index(names_run_ends, value_text(at, "ends", ""));
    }
    anchor->nth = (uint32_t)value_int(at, "nth", 1);
}

/* An anchor that the target can never meet would be a fault that silently never happens. */
static enum status check_point(const struct script *script)
{
    const struct fault_event *event = script->event;
    const struct failpoint_info *point = failpoint_info(event->at.point);
    if (event->target.kind != TARGET_EXECUTOR || point->role == ROLE_EXECUTOR) {
        return OK;
    }
    char target[TARGET_TEXT_SIZE];
    target_format(event->target, target);
    return loader_fail(script->loader,
                       false,
                       script_place(script, ".at.point"),
                       "\"%s\" is a point of the driver, which \"%s\" never reaches; expected a "
                       "point of executors (task.*, output.*), or another target",
                       point->name,
                       target);
}

static bool of_object_store(const char *operation)
{
    static const char *const names[] = {"get", "put", "put_if_absent", "remove", NULL};
    return names[name_index(names, operation)] != NULL;
}

static bool of_disk(const char *operation)
{
    return strcmp(operation, "any") != 0 && strcmp(operation, "list") != 0 &&
           !of_object_store(operation);
}

static enum status check_operation(const struct script *script)
{
    const struct fault_event *event = script->event;
    const char *operation = event->at.operation;
    bool objects = script->loader->scenario->cluster.storage == STORE_OBJECTS;
    if (of_object_store(operation) && !objects) {
        return loader_fail(script->loader,
                           false,
                           script_place(script, ".at.operation"),
                           "\"%s\" is an operation of an object store, but cluster.storage is "
                           "\"disk\"",
                           operation);
    }
    bool object_fault = event->verb == FAULT_THROTTLE || event->verb == FAULT_LOST_REPLY;
    if (object_fault && (!objects || of_disk(operation))) {
        return loader_fail(script->loader,
                           false,
                           script_place(script, objects ? ".at.operation" : ".do"),
                           "\"%s\" befalls requests to an object store only%s",
                           fault_info(event->verb)->name,
                           objects ? ", and this is an operation of the disk"
                                   : ", but cluster.storage is \"disk\"");
    }
    if (event->target.kind == TARGET_STORAGE && event->at.after) {
        return loader_fail(script->loader,
                           false,
                           script_place(script, ".at.when"),
                           "\"%s\" befalls the operation itself, neither before nor after it; "
                           "remove \"when\"",
                           fault_info(event->verb)->name);
    }
    return OK;
}

static enum status check_anchor(const struct script *script)
{
    const struct fault_event *event = script->event;
    bool operation = event->at.kind == ANCHOR_OPERATION;
    bool damage = event->verb == FAULT_DAMAGE;
    if (damage && operation) {
        return loader_fail(script->loader,
                           false,
                           script_place(script, ".at"),
                           "\"damage\" befalls a file that lies there, not an operation; expected "
                           "a time, a point, an event or the end of a run");
    }
    if (event->target.kind == TARGET_STORAGE && !operation && !damage) {
        return loader_fail(
            script->loader,
            false,
            script_place(script, ".at"),
            "the target \"storage\" is the operation that the anchor names, expected "
            "{\"operation\": ..., \"path\": ...}");
    }
    if (event->target.kind == TARGET_EXECUTOR && event->target.index == 0 && !operation &&
        event->at.kind != ANCHOR_POINT) {
        return loader_fail(script->loader,
                           false,
                           script_place(script, ".target"),
                           "\"executor\" is whoever reaches a point or does an operation, which "
                           "this anchor has not; expected \"executor 1\" or another number");
    }
    if (event->at.kind == ANCHOR_POINT) {
        return check_point(script);
    }
    return operation ? check_operation(script) : OK;
}

/* ---- targets ----------------------------------------------------------------------------------
 */

/* The targets that a verb can have, for a message. */
static const char *target_forms(struct arena *arena, unsigned targets)
{
    const char *text = "";
    for (size_t i = 0; names_targets[i] != NULL; i++) {
        struct target target;
        bool fits = target_parse(names_targets[i], &target) && (target.kind & targets) != 0;
        if (fits) {
            text = arena_printf(
                arena, "%s%s\"%s\"", text, text[0] == '\0' ? "" : ", ", names_targets[i]);
        }
    }
    return text;
}

static enum status find_topic(const struct script *script)
{
    struct target *target = &script->event->target;
    size_t index = topic_index(script->loader->scenario, target->topic);
    if (index == script->loader->scenario->topic_count) {
        const char *nearest = diag_nearest(target->topic, topic_names(script->loader));
        return loader_fail(script->loader,
                           false,
                           script_place(script, ".target"),
                           "no such topic: \"%.100s\", expected one of \"topics\"%s%s%s",
                           target->topic,
                           nearest == NULL ? "" : "; did you mean \"topic ",
                           nearest == NULL ? "" : nearest,
                           nearest == NULL ? "" : "\"?");
    }
    target->index = (uint32_t)index + 1;
    return OK;
}

static enum status check_target(const struct script *script)
{
    struct fault_event *event = script->event;
    const struct cluster_config *cluster = &script->loader->scenario->cluster;
    char target[TARGET_TEXT_SIZE];
    target_format(event->target, target);
    const struct fault_info *verb = fault_info(event->verb);
    if ((event->target.kind & verb->targets) == 0) {
        return loader_fail(script->loader,
                           false,
                           script_place(script, ".target"),
                           "\"%s\" cannot befall \"%s\", expected one of: %s",
                           verb->name,
                           target,
                           target_forms(script->loader->arena, verb->targets));
    }
    if (event->target.kind == TARGET_TOPIC) {
        return find_topic(script);
    }
    bool executor =
        event->target.kind == TARGET_EXECUTOR || event->target.kind == TARGET_EXECUTOR_MACHINE;
    bool broker =
        event->target.kind == TARGET_BROKER || event->target.kind == TARGET_BROKER_MACHINE;
    uint32_t count = broker ? cluster->brokers : cluster->executors;
    if ((executor || broker) && event->target.index > count) {
        return loader_fail(script->loader,
                           false,
                           script_place(script, ".target"),
                           "\"%s\", but the cluster has %u %s%s",
                           target,
                           count,
                           broker ? "broker" : "executor",
                           count == 1 ? "" : "s");
    }
    return OK;
}

static void read_event(const struct script *script)
{
    struct loader *loader = script->loader;
    struct fault_event *event = script->event;
    const json_t *value = script->value;
    const char *target = arena_strdup(loader->arena, value_text(value, "target", ""));
    bool fits = target_parse(target, &event->target);
    require(fits);
    const char *id = value_text(value, "id", NULL);
    event->id = id == NULL ? NULL : arena_strdup(loader->arena, id);
    event->verb = (enum fault_verb)name_index(names_verbs, value_text(value, "do", ""));
    require(event->verb < FAULT_COUNT);
    companions_read(script);
    event->optional = value_bool(value, "optional", false);
    event->line = document_line(&loader->document, script->path);
    read_anchor(script, json_object_get(value, "at"), &event->at);
}

static enum status check_paths(const struct script *script)
{
    const struct fault_event *event = script->event;
    TRY(state_file_check(script->loader, event->at.path, script_place(script, ".at.path")));
    return state_file_check(script->loader, event->path, script_place(script, ".path"));
}

static enum status load_event(const struct script *script)
{
    struct loader *loader = script->loader;
    struct fault_event *event = script->event;
    read_event(script);
    TRY(check_paths(script));
    TRY(check_target(script));
    TRY(companions_check(script));
    TRY(check_anchor(script));
    json_t *set = json_object_get(script->value, "set");
    if (set != NULL) {
        struct plan *plan = NULL;
        const char *path = script_place(script, ".set");
        TRY(load_set(loader, set, path, loader->scenario->set, &event->set));
        TRY(compile_pipeline(loader, event->set, path, &plan));
    }
    return OK;
}

/* ---- references between events ----------------------------------------------------------------
 */

static int event_index(const struct fault_plan *plan, const char *id)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->events[i].id != NULL && strcmp(plan->events[i].id, id) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static const char *nearest_id(const struct script *script, const char *id)
{
    const char **ids = arena_alloc(script->loader->arena, (script->plan->count + 1) * sizeof *ids);
    size_t count = 0;
    for (size_t i = 0; i < script->plan->count; i++) {
        if (script->plan->events[i].id != NULL) {
            ids[count++] = script->plan->events[i].id;
        }
    }
    return diag_nearest(id, ids);
}

static enum status resolve(const struct script *script)
{
    struct fault_event *event = script->event;
    if (event->id != NULL && event_index(script->plan, event->id) != (int)script->index) {
        return loader_fail(script->loader,
                           false,
                           script_place(script, ".id"),
                           "the id \"%.64s\" stands in script[%d] already",
                           event->id,
                           event_index(script->plan, event->id));
    }
    if (event->at.kind != ANCHOR_EVENT) {
        return OK;
    }
    const char *id = value_text(json_object_get(script->value, "at"), "event", "");
    event->at.event = event_index(script->plan, id);
    if (event->at.event < 0) {
        const char *nearest = nearest_id(script, id);
        return loader_fail(script->loader,
                           false,
                           script_place(script, ".at.event"),
                           "no event of the script has the id \"%.64s\"%s%s%s",
                           id,
                           nearest == NULL ? "" : "; did you mean \"",
                           nearest == NULL ? "" : nearest,
                           nearest == NULL ? "" : "\"?");
    }
    return OK;
}

/* Events that wait for each other in a ring never fire. */
static enum status check_rings(const struct script *script)
{
    size_t steps = 0;
    int next = (int)script->index;
    while (next >= 0 && script->plan->events[next].at.kind == ANCHOR_EVENT) {
        next = script->plan->events[next].at.event;
        if (++steps > script->plan->count) {
            return loader_fail(script->loader,
                               false,
                               script_place(script, ".at.event"),
                               "this event waits for itself, in a ring of events: none would fire");
        }
    }
    return OK;
}

static enum status each_event(struct script *script, enum status (*visit)(const struct script *))
{
    const json_t *list = json_object_get(script->loader->document.root, "script");
    for (size_t i = 0; i < script->plan->count; i++) {
        script->index = i;
        script->path = arena_printf(script->loader->arena, "script[%zu]", i);
        script->value = json_array_get(list, i);
        script->event = &script->plan->events[i];
        TRY(visit(script));
    }
    return OK;
}

enum status load_script(struct loader *loader)
{
    const json_t *list = json_object_get(loader->document.root, "script");
    struct fault_plan *plan = &loader->scenario->script;
    plan->count = json_array_size(list);
    plan->events = arena_alloc(loader->arena, plan->count * sizeof *plan->events);
    struct script script = {.loader = loader, .plan = plan};
    TRY(each_event(&script, load_event));
    TRY(each_event(&script, resolve));
    return each_event(&script, check_rings);
}
