/* "state_stores": the same story under each of them. The first is the file as it is loaded; the
 * others are asked for by their number (scenario_under). */
#include "scenarios/loader/loader.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"

#define PROVIDER  "spark.sql.streaming.stateStore.providerClass"
#define CHANGELOG "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled"
#define PACKAGE   "org.apache.spark.sql.execution.streaming.state."

/* In the order of names_state_stores; NULL: left at its default. */
static const struct {
    const char *provider;
    const char *changelog;
} stores[] = {
    {PACKAGE "HDFSBackedStateStoreProvider", NULL},
    {PACKAGE "RocksDBStateStoreProvider", "false"},
    {PACKAGE "RocksDBStateStoreProvider", "true"},
};
static const char *const chosen_options[] = {PROVIDER, CHANGELOG};

static const struct option_override *overrides_of(struct loader *loader, size_t store)
{
    const struct option_override *set = loader->scenario->set;
    size_t count = 0;
    while (set[count].name != NULL) {
        count++;
    }
    struct option_override *all = arena_alloc(loader->arena, (count + 3) * sizeof *all);
    memcpy(all, set, count * sizeof *all);
    all[count++] = (struct option_override){PROVIDER, stores[store].provider};
    if (stores[store].changelog != NULL) {
        all[count++] = (struct option_override){CHANGELOG, stores[store].changelog};
    }
    all[count] = (struct option_override){NULL, NULL};
    return all;
}

/* What the list decides may not be decided elsewhere too. */
static enum status check_alone(struct loader *loader, json_t *set, const char *path)
{
    for (size_t i = 0; i < sizeof chosen_options / sizeof *chosen_options; i++) {
        if (json_object_get(set, chosen_options[i]) == NULL) {
            continue;
        }
        char place[DOCUMENT_PATH_SIZE] = "";
        memcpy(place, path, strlen(path) + 1);
        document_path_member(place, chosen_options[i]);
        return loader_fail(loader, true, place, "contradicts \"state_stores\", which chooses it");
    }
    return OK;
}

static enum status read_list(struct loader *loader, const json_t *list)
{
    struct scenario *scenario = loader->scenario;
    size_t count = json_array_size(list);
    size_t *numbers = arena_alloc(loader->arena, (count + 1) * sizeof *numbers);
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        numbers[i] = name_index(names_state_stores, name);
        for (size_t before = 0; before < i; before++) {
            if (numbers[before] == numbers[i]) {
                return loader_fail(loader,
                                   false,
                                   arena_printf(loader->arena, "state_stores[%zu]", i),
                                   "\"%s\" stands there already",
                                   name);
            }
        }
    }
    scenario->state_stores = numbers;
    scenario->state_store_count = count;
    return OK;
}

/* The options of one store in "set"; the list itself is done with. */
static void choose(json_t *root, size_t store)
{
    json_t *set = json_object_get(root, "set");
    if (set == NULL) {
        set = json_object();
        int made = json_object_set_new(root, "set", set);
        require(made == 0);
    }
    const char *const values[] = {stores[store].provider, stores[store].changelog};
    for (size_t i = 0; i < sizeof chosen_options / sizeof *chosen_options; i++) {
        (void)json_object_del(set, chosen_options[i]);
        if (values[i] != NULL) {
            int done = json_object_set_new(set, chosen_options[i], json_string(values[i]));
            require(done == 0);
        }
    }
    (void)json_object_del(root, "state_stores");
}

/* ---- the files of the state, by what they are -------------------------------------------------
 */

/* How each is named in a pattern, and how the file ends under each of the stores. */
static const struct {
    const char *name;
    const char *ending[3];
} state_files[] = {
    {"{delta}", {"delta", "zip", "changelog"}},
    {"{snapshot}", {"snapshot", "zip", "zip"}},
};

static size_t store_of(const struct options *options)
{
    return options->state_provider != STATE_PROVIDER_ROCKSDB ? 0
           : options->rocksdb_changelog                      ? 2
                                                             : 1;
}

const char *state_file_pattern(const struct loader *loader, const char *pattern)
{
    const struct plan *plan = loader->scenario->plan;
    for (size_t i = 0; plan->aggregation != NULL && i < sizeof state_files / sizeof *state_files;
         i++) {
        const char *name = state_files[i].name;
        const char *at = strstr(pattern, name);
        while (at != NULL) {
            pattern = arena_printf(loader->arena,
                                   "%.*s%s%s",
                                   (int)(at - pattern),
                                   pattern,
                                   state_files[i].ending[store_of(&plan->options)],
                                   at + strlen(name));
            at = strstr(pattern, name);
        }
    }
    return arena_strdup(loader->arena, pattern);
}

enum status state_file_check(struct loader *loader, const char *pattern, const char *path)
{
    if (pattern == NULL || strchr(pattern, '{') == NULL) {
        return OK;
    }
    return loader_fail(loader,
                       false,
                       path,
                       "\"%.200s\": what stands in braces is a file of the state, \"{delta}\" or "
                       "\"{snapshot}\"%s",
                       pattern,
                       loader->scenario->plan->aggregation == NULL
                           ? ", and the pipeline has no groupBy, so it has no state"
                           : "");
}

/* ---- the list ---------------------------------------------------------------------------------
 */

enum status load_state_stores(struct loader *loader)
{
    json_t *root = loader->document.root;
    const json_t *list = json_object_get(root, "state_stores");
    struct scenario *scenario = loader->scenario;
    if (list == NULL) {
        return OK;
    }
    TRY(read_list(loader, list));
    TRY(check_alone(loader, json_object_get(root, "set"), "set"));
    TRY(check_alone(loader, json_object_get(json_object_get(root, "vary"), "set"), "vary.set"));
    if (scenario->plan->aggregation == NULL) {
        return loader_fail(
            loader, true, "state_stores", "the pipeline has no groupBy, so it has no state");
    }
    struct plan *plan = NULL;
    for (size_t i = scenario->state_store_count; i > 0; i--) { /* the first is the last: it stays */
        const struct option_override *set = overrides_of(loader, scenario->state_stores[i - 1]);
        TRY(compile_pipeline(loader, set, "state_stores", &plan));
        scenario->set = i == 1 ? set : scenario->set;
    }
    scenario->plan = plan;
    scenario->state_store = names_state_stores[scenario->state_stores[0]];
    choose(root, scenario->state_stores[0]);
    return OK;
}

size_t scenario_state_store(const struct scenario *base, const char *name)
{
    size_t i = 0;
    while (i < base->state_store_count &&
           strcmp(names_state_stores[base->state_stores[i]], name) != 0) {
        i++;
    }
    return i;
}

const struct scenario *
scenario_under(struct arena *arena, const struct scenario *base, size_t index)
{
    if (index == 0) {
        return base;
    }
    require(index < base->state_store_count);
    const char *name = names_state_stores[base->state_stores[index]];
    json_t *root = json_loads(base->resolved, 0, NULL);
    require(root != NULL);
    choose(root, base->state_stores[index]);
    char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    require(text != NULL);
    json_decref(root);
    struct scenario *scenario = NULL;
    struct diag diag = {0};
    enum status status = scenario_load_drawn(arena, base, bytes_of_text(text), &scenario, &diag);
    require(status == OK); /* each was compiled when the file was loaded */
    heap_free(text);
    scenario->name = arena_printf(arena, "%s@%s", base->name, name);
    scenario->state_store = name;
    return scenario;
}
