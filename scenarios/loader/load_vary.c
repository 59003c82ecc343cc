/* "vary": ranges and kinds. What is drawn must be survivable, so what a draw could never survive is
 * refused here, before any seed. */
#include "scenarios/loader/loader.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

static enum status
load_range(struct loader *loader, const json_t *object, const char *key, struct vary_range *range)
{
    const json_t *list = json_object_get(object, key);
    if (list == NULL) {
        return OK;
    }
    *range = (struct vary_range){.min = json_integer_value(json_array_get(list, 0)),
                                 .max = json_integer_value(json_array_get(list, 1))};
    if (range->min <= range->max) {
        return OK;
    }
    const char *section = strcmp(key, "partitions") == 0                          ? "topics"
                          : strcmp(key, "burst") == 0 || strcmp(key, "late") == 0 ? "workload"
                                                                                  : "cluster";
    return loader_fail(loader,
                       false,
                       arena_printf(loader->arena, "vary.%s.%s", section, key),
                       "from %lld to %lld, expected the smaller number first",
                       (long long)range->min,
                       (long long)range->max);
}

/* Does some drawn cluster let this kind happen and be survived? */
static bool may_fit(const struct scenario *scenario, enum fault_kind kind)
{
    const struct fault_surroundings best = {
        .objects = scenario->cluster.storage == STORE_OBJECTS,
        .replicated = scenario_replicated(scenario),
    };
    return fault_kind_fits(kind, &best);
}

static enum status load_kinds(struct loader *loader, const json_t *kinds, struct vary_config *vary)
{
    const struct scenario *scenario = loader->scenario;
    for (int kind = 0; kinds == NULL && kind < FAULT_KIND_COUNT; kind++) {
        vary->kinds[kind] = may_fit(scenario, (enum fault_kind)kind);
    }
    for (size_t i = 0; i < json_array_size(kinds); i++) {
        const char *name = json_string_value(json_array_get(kinds, i));
        size_t kind = name_index(names_kinds, name);
        require(kind < FAULT_KIND_COUNT);
        if (!may_fit(scenario, (enum fault_kind)kind)) {
            return loader_fail(loader,
                               false,
                               arena_printf(loader->arena, "vary.faults.kinds[%zu]", i),
                               "\"%s\" cannot happen here, or not be survived: the storage is "
                               "\"%s\", and %s",
                               name,
                               names_storages[scenario->cluster.storage],
                               scenario_replicated(scenario)
                                   ? "every topic is replicated"
                                   : "a topic stalls without one of its brokers");
        }
        vary->kinds[kind] = true;
    }
    return OK;
}

/* Each drawn fault may fail the same task, or be a crash of the driver in a row with the others. */
static enum status check_budget(struct loader *loader, const struct vary_config *vary)
{
    const struct scenario *scenario = loader->scenario;
    const struct supervisor_config *supervisor = &scenario->cluster.supervisor;
    int64_t failures_max = scenario->plan->options.task_max_failures;
    if (supervisor->restart_us < 0) {
        return loader_fail(loader,
                           false,
                           "vary.faults",
                           "contradicts supervisor.restart \"never\": a drawn crash would end it "
                           "all");
    }
    if (vary->faults_max >= failures_max ||
        (supervisor->give_up > 0 && vary->faults_max >= supervisor->give_up)) {
        return loader_fail(loader,
                           false,
                           "vary.faults.at_most",
                           "%u faults may end the query: spark.task.maxFailures is %lld, "
                           "supervisor.give_up %u; expected fewer than both",
                           (unsigned)vary->faults_max,
                           (long long)failures_max,
                           (unsigned)supervisor->give_up);
    }
    if (strncmp(scenario->plan->options.checkpoint_location, "/local/", 7) == 0) {
        return loader_fail(loader,
                           false,
                           "vary.faults",
                           "contradicts a checkpointLocation below /local, which a drawn crash "
                           "may take away");
    }
    return OK;
}

static enum status load_faults(struct loader *loader, const json_t *faults)
{
    struct vary_config *vary = &loader->scenario->vary;
    if (faults == NULL) {
        return OK;
    }
    vary->faults_max = (uint32_t)value_int(faults, "at_most", 3);
    vary->until_us = value_duration_us(faults, "until", US_PER_MINUTE);
    vary->batches = value_int(faults, "batches", 10);
    TRY(load_kinds(loader, json_object_get(faults, "kinds"), vary));
    TRY(check_budget(loader, vary));
    if (loader->scenario->script.count + vary->faults_max > SCRIPT_EVENTS_MAX) {
        return loader_fail(loader,
                           false,
                           "vary.faults",
                           "%zu events of the script and %u drawn ones, expected at most %d",
                           loader->scenario->script.count,
                           (unsigned)vary->faults_max,
                           SCRIPT_EVENTS_MAX);
    }
    return OK;
}

/* What the script and the topics name must be there in the smallest cluster too. */
static enum status check_smallest(struct loader *loader)
{
    const struct scenario *scenario = loader->scenario;
    const struct vary_config *vary = &scenario->vary;
    for (size_t i = 0; i < scenario->script.count; i++) {
        const struct target *target = &scenario->script.events[i].target;
        bool broker = target->kind == TARGET_BROKER;
        const struct vary_range *range = broker ? &vary->brokers : &vary->executors;
        if (range->max > 0 && target->index > range->min) {
            return loader_fail(loader,
                               false,
                               broker ? "vary.cluster.brokers" : "vary.cluster.executors",
                               "from %lld, but script[%zu] is about number %u",
                               (long long)range->min,
                               i,
                               (unsigned)target->index);
        }
    }
    for (size_t i = 0; i < scenario->topic_count; i++) {
        if (vary->brokers.max > 0 && scenario->topics[i].replication_factor > vary->brokers.min) {
            return loader_fail(loader,
                               false,
                               "vary.cluster.brokers",
                               "from %lld, but the topic \"%.100s\" has %d replicas",
                               (long long)vary->brokers.min,
                               scenario->topics[i].name,
                               scenario->topics[i].replication_factor);
        }
    }
    for (size_t i = 0; vary->partitions.max > 0 && i < scenario->workload_count; i++) {
        if (scenario->workloads[i].partitions != NULL) {
            return loader_fail(
                loader, false, "vary.topics.partitions", "contradicts workload[%zu].partitions", i);
        }
    }
    return OK;
}

/* Each value by itself, at its place. */
static enum status check_choices(struct loader *loader, const json_t *set)
{
    const char *name;
    json_t *choice;
    json_object_foreach((json_t *)(uintptr_t)set, name, choice)
    {
        const json_t *values = json_object_get(choice, "one_of");
        for (size_t i = 0; i < json_array_size(values); i++) {
            char path[DOCUMENT_PATH_SIZE] = "vary.set";
            document_path_member(path, name);
            struct plan *plan = NULL;
            const struct option_override *overrides = NULL;
            json_t *one = json_object();
            int done = json_object_set(one, name, json_array_get(values, i));
            require(done == 0);
            enum status status =
                load_set(loader, one, "vary.set", loader->scenario->set, &overrides);
            json_decref(one);
            TRY(status);
            TRY(compile_pipeline(loader, overrides, path, &plan));
        }
    }
    return OK;
}

/* A varied run is judged by what holds of every run: nothing lost, nothing repeated, it catches up.
 */
static enum status check_expectation(struct loader *loader)
{
    static const char *const keys[] = {"runs", "counts", "recovery", "supervisor"};
    const json_t *expect = json_object_get(loader->document.root, "expect");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (json_object_get(expect, keys[i]) != NULL) {
            return loader_fail(loader,
                               true,
                               arena_printf(loader->arena, "expect.%s", keys[i]),
                               "contradicts \"vary\": what is drawn differs from seed to seed; "
                               "expected \"table\" alone");
        }
    }
    if (loader->scenario->expect.lost != LOST_NOTHING) {
        return loader_fail(loader,
                           false,
                           "expect.table.lost",
                           "contradicts \"vary\": what is drawn may lose nothing");
    }
    return OK;
}

enum status load_vary(struct loader *loader)
{
    const json_t *section = json_object_get(loader->document.root, "vary");
    struct vary_config *vary = &loader->scenario->vary;
    if (section == NULL) {
        return OK;
    }
    vary->present = true;
    const json_t *cluster = json_object_get(section, "cluster");
    const json_t *workload = json_object_get(section, "workload");
    TRY(load_range(loader, cluster, "brokers", &vary->brokers));
    TRY(load_range(loader, cluster, "executors", &vary->executors));
    TRY(load_range(loader, json_object_get(section, "topics"), "partitions", &vary->partitions));
    TRY(load_range(loader, workload, "burst", &vary->burst));
    TRY(load_range(loader, workload, "late", &vary->late));
    vary->skew = value_bool(workload, "skew", false);
    vary->idle = value_bool(workload, "idle", false);
    TRY(load_faults(loader, json_object_get(section, "faults")));
    TRY(check_smallest(loader));
    TRY(check_choices(loader, json_object_get(section, "set")));
    return check_expectation(loader);
}

bool scenario_replicated(const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->topic_count; i++) {
        const struct topic_config *topic = &scenario->topics[i];
        if (topic->replication_factor < 2 ||
            topic->min_insync_replicas >= topic->replication_factor) {
            return false;
        }
    }
    return true;
}
