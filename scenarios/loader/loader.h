/* What the sections of the loader share. Private to scenarios/loader. Each section reads one part
 * of a document that keys_check has accepted and checks what ties keys together. */
#ifndef SCENARIOS_LOADER_LOADER_H
#define SCENARIOS_LOADER_LOADER_H

#include "engine/base/document.h"
#include "scenarios/loader/keys.h"
#include "scenarios/loader/names.h"
#include "scenarios/loader/paths.h"
#include "scenarios/loader/scenario.h"
#include "scenarios/loader/values.h"

struct loader {
    struct arena *arena;
    struct diag *diag;
    struct document document;
    struct paths paths;          /* unused with a base: nothing is read */
    const struct scenario *base; /* NULL, or whose files' contents are taken */
    struct scenario *scenario;
};

/* Complain about the value at `path` (or, at_key, about its key). */
#define loader_fail(loader, at_key, path, ...)                                                     \
    document_fail(&(loader)->document, (loader)->diag, SCENARIO_ERROR, path, at_key, __VA_ARGS__)

/* In this order: each may use what those before it have filled in. */
MUST_CHECK enum status load_cluster(struct loader *loader);
MUST_CHECK enum status load_topics(struct loader *loader);
MUST_CHECK enum status load_pipeline(struct loader *loader);
MUST_CHECK enum status load_state_stores(struct loader *loader);
MUST_CHECK enum status load_workload(struct loader *loader);
MUST_CHECK enum status load_script(struct loader *loader);
MUST_CHECK enum status load_expect(struct loader *loader);
MUST_CHECK enum status load_vary(struct loader *loader);

/* A "set" object as overrides behind `before` (may be NULL); each option is checked by itself, so
 * that a mistake is found at its place. */
MUST_CHECK enum status load_set(struct loader *loader,
                                json_t *set,
                                const char *path,
                                const struct option_override *before,
                                const struct option_override **overrides);

/* Compile the pipeline under `overrides`; what is wrong with them together is found at `path`. */
MUST_CHECK enum status compile_pipeline(struct loader *loader,
                                        const struct option_override *overrides,
                                        const char *path,
                                        struct plan **plan);

/* A pattern for a file's path, in the arena: "{delta}" in it becomes how the file ends that a batch
 * writes for its version of the state (delta, changelog or zip), "{snapshot}" how the one ends that
 * has all of a version (snapshot or zip), under the provider of the scenario. */
const char *state_file_pattern(const struct loader *loader, const char *pattern);
/* What it left in braces is neither: complain at `path`. `pattern` may be NULL. */
MUST_CHECK enum status
state_file_check(struct loader *loader, const char *pattern, const char *path);

/* Index of a topic by name, or topic_count. */
size_t topic_index(const struct scenario *scenario, const char *name);

/* Topic names for suggestions, NULL-terminated. */
const char *const *topic_names(const struct loader *loader);

#endif
