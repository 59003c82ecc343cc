/* scenario_load: file -> document -> key tables -> sections -> struct scenario. */
#include "scenarios/loader/loader.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"

#define START_TIME "2001-01-01T00:00:00Z"

static const char *name_of(struct arena *arena, const char *base)
{
    size_t length = strlen(base);
    if (length > 5 && strcmp(base + length - 5, ".json") == 0) {
        length -= 5;
    }
    return arena_copy(arena, base, length);
}

/* The same scenario is the same text, however its file was laid out. */
static const char *canonical(struct arena *arena, const json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    require(text != NULL);
    const char *copy = arena_strdup(arena, text);
    heap_free(text);
    return copy;
}

static enum status load_sections(struct loader *loader)
{
    static enum status (*const sections[])(struct loader *) = {
        load_cluster,
        load_topics,
        load_pipeline,
        load_state_stores,
        load_workload,
        load_script,
        load_expect,
        load_vary,
    };
    struct scenario *scenario = loader->scenario;
    json_t *root = loader->document.root;
    scenario->story = arena_strdup(loader->arena, value_text(root, "story", ""));
    const char *start = value_text(root, "start_time", START_TIME);
    bool fits = timestamp_parse(bytes_of_text(start), &scenario->start_us);
    require(fits);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        TRY(sections[i](loader));
    }
    scenario->resolved = canonical(loader->arena, root);
    return OK;
}

static enum status load_document(struct loader *loader, const char *file, struct bytes text)
{
    TRY(document_parse(loader->arena, file, text, SCENARIO_ERROR, &loader->document, loader->diag));
    enum status status = keys_check(&loader->document, loader->arena, loader->diag);
    if (status == OK) {
        status = load_sections(loader);
    }
    document_free(&loader->document);
    return status;
}

enum status scenario_load_text(struct arena *arena,
                               const char *file,
                               struct bytes text,
                               const char *root,
                               struct scenario **scenario,
                               struct diag *diag)
{
    struct loader loader = {
        .arena = arena,
        .diag = diag,
        .scenario = arena_alloc(arena, sizeof *loader.scenario),
    };
    TRY(paths_find(arena, file, root, &loader.paths, diag));
    loader.scenario->file = arena_strdup(arena, file);
    loader.scenario->name = name_of(arena, loader.paths.base);
    TRY(load_document(&loader, loader.scenario->file, text));
    *scenario = loader.scenario;
    return OK;
}

enum status scenario_load_drawn(struct arena *arena,
                                const struct scenario *base,
                                struct bytes text,
                                struct scenario **scenario,
                                struct diag *diag)
{
    struct loader loader = {
        .arena = arena,
        .diag = diag,
        .base = base,
        .scenario = arena_alloc(arena, sizeof *loader.scenario),
    };
    loader.scenario->file = base->file;
    loader.scenario->name = base->name;
    TRY(load_document(&loader, base->file, text));
    *scenario = loader.scenario;
    return OK;
}

enum status scenario_load(struct arena *arena,
                          const char *file,
                          const char *root,
                          struct scenario **scenario,
                          struct diag *diag)
{
    struct paths paths;
    TRY(paths_find(arena, file, root, &paths, diag));
    struct bytes text;
    const char *why = paths_read(&paths, arena, paths.base, &text);
    if (why != NULL) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", file);
        return diag_fail(diag, SCENARIO_ERROR, "%s", why);
    }
    return scenario_load_text(arena, file, text, root, scenario, diag);
}
