/* "pipeline" and "set": the plan, compiled by the engine itself, so that a pipeline that cannot run
 * is refused before anything runs. */
#include "scenarios/loader/loader.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"

static const char *scalar_text(struct arena *arena, const json_t *value)
{
    if (json_is_string(value)) {
        return arena_strdup(arena, json_string_value(value));
    }
    if (json_is_integer(value)) {
        return arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    }
    require(json_is_boolean(value));
    return json_is_true(value) ? "true" : "false";
}

static size_t count_overrides(const struct option_override *overrides)
{
    size_t count = 0;
    while (overrides != NULL && overrides[count].name != NULL) {
        count++;
    }
    return count;
}

enum status load_set(struct loader *loader,
                     json_t *set,
                     const char *path,
                     const struct option_override *before,
                     const struct option_override **overrides)
{
    size_t count = count_overrides(before);
    struct option_override *all =
        arena_alloc(loader->arena, (count + json_object_size(set) + 1) * sizeof *all);
    if (count > 0) {
        memcpy(all, before, count * sizeof *all);
    }
    const char *name;
    json_t *value;
    json_object_foreach(set, name, value)
    {
        if (key_is_remark(name)) {
            continue;
        }
        struct option_override *one = &all[count++];
        one->name = arena_strdup(loader->arena, name);
        one->value = scalar_text(loader->arena, value);
        struct options options;
        struct diag problem = {0};
        options_defaults(&options);
        if (options_set(&options, loader->arena, one->name, one->value, &problem) != OK ||
            options_check_simulated(one->name, one->value, &problem) != OK) {
            char place[DOCUMENT_PATH_SIZE] = "";
            memcpy(place, path, strlen(path) + 1);
            document_path_member(place, name);
            return loader_fail(loader, false, place, "%s", problem.text);
        }
    }
    *overrides = all;
    return OK;
}

enum status compile_pipeline(struct loader *loader,
                             const struct option_override *overrides,
                             const char *path,
                             struct plan **plan)
{
    const struct scenario *scenario = loader->scenario;
    struct diag problem = {0};
    if (plan_compile(loader->arena,
                     scenario->pipeline_file,
                     scenario->pipeline,
                     overrides,
                     plan,
                     &problem) == OK) {
        return OK;
    }
    if (problem.file[0] == '\0') {
        return loader_fail(loader, false, path, "%s", problem.text);
    }
    *loader->diag = problem;
    return ERR_FAILED;
}

/* Whether the scenario says something else of an option of the pipeline's file. */
static bool is_set(const struct loader *loader, const char *name)
{
    const struct option_override *set = loader->scenario->set;
    for (; set != NULL && set->name != NULL; set++) {
        if (options_find(set->name) == options_find(name)) {
            return true;
        }
    }
    return false;
}

/* The options of one object of the pipeline's file, all of which the engine takes. */
static enum status check_simulated(struct loader *loader,
                                   const struct document *document,
                                   json_t *options,
                                   const char *path)
{
    const char *name;
    json_t *value;
    json_object_foreach(options, name, value)
    {
        struct diag problem = {0};
        if (key_is_remark(name) || is_set(loader, name) ||
            options_check_simulated(name, scalar_text(loader->arena, value), &problem) == OK) {
            continue;
        }
        char place[DOCUMENT_PATH_SIZE] = "";
        memcpy(place, path, strlen(path) + 1);
        document_path_member(place, name);
        return document_fail(
            document, loader->diag, problem.error_class, place, false, "%s", problem.text);
    }
    return OK;
}

/* The pipeline is one for the real world too: refuse what the simulator has not, where it stands.
 */
static enum status check_pipeline_simulated(struct loader *loader)
{
    const struct scenario *scenario = loader->scenario;
    struct document document;
    TRY(document_parse(loader->arena,
                       scenario->pipeline_file,
                       scenario->pipeline,
                       SCENARIO_ERROR,
                       &document,
                       loader->diag));
    json_t *source = json_object_get(document.root, "source");
    enum status status =
        check_simulated(loader, &document, json_object_get(source, "options"), "source.options");
    if (status == OK) {
        status = check_simulated(
            loader, &document, json_object_get(document.root, "options"), "options");
    }
    document_free(&document);
    return status;
}

/* "x/y/scenario.json" and "../pipelines/p.json" -> "x/y/../pipelines/p.json", for messages. */
static const char *name_beside(struct arena *arena, const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    return arena_printf(arena, "%.*s%s", slash == NULL ? 0 : (int)(slash - file + 1), file, path);
}

enum status load_pipeline(struct loader *loader)
{
    struct scenario *scenario = loader->scenario;
    json_t *root = loader->document.root;
    const char *path = value_text(root, "pipeline", "");
    const char *why = NULL;
    if (loader->base != NULL) {
        scenario->pipeline = loader->base->pipeline;
    } else {
        why = paths_read(&loader->paths, loader->arena, path, &scenario->pipeline);
    }
    if (why != NULL) {
        return loader_fail(loader, false, "pipeline", "\"%.200s\": %s", path, why);
    }
    scenario->pipeline_file = name_beside(loader->arena, scenario->file, path);
    TRY(load_set(loader, json_object_get(root, "set"), "set", NULL, &scenario->set));
    struct plan *plan = NULL;
    TRY(compile_pipeline(loader, scenario->set, "set", &plan));
    TRY(check_pipeline_simulated(loader));
    scenario->plan = plan;
    if (topic_index(scenario, plan->topic) == scenario->topic_count) {
        const char *nearest = diag_nearest(plan->topic, topic_names(loader));
        return loader_fail(
            loader,
            false,
            "topics",
            "the pipeline subscribes to \"%.100s\", which is not among the topics%s%s%s",
            plan->topic,
            nearest == NULL ? "" : "; did you mean \"",
            nearest == NULL ? "" : nearest,
            nearest == NULL ? "" : "\"?");
    }
    if (scenario->cluster.storage == STORE_OBJECTS &&
        strncmp(plan->options.checkpoint_location, "/local/", 7) == 0) {
        return loader_fail(loader,
                           false,
                           "cluster.storage",
                           "\"objects\" contradicts the checkpointLocation \"%.100s\": /local is a "
                           "machine's own disk",
                           plan->options.checkpoint_location);
    }
    return OK;
}
