/* What load_script.c and load_companions.c share; nobody else includes it. */
#ifndef SCENARIOS_LOADER_LOAD_SCRIPT_H
#define SCENARIOS_LOADER_LOAD_SCRIPT_H

#include "scenarios/loader/loader.h"

struct script {
    struct loader *loader;
    struct fault_plan *plan;
    size_t index;     /* of the event being read */
    const char *path; /* "script[2]" */
    const json_t *value;
    struct fault_event *event;
};

/* "script[2]" and what stands behind it in a JSON path. */
const char *script_place(const struct script *script, const char *rest);

/* The keys that go with some verbs only: read them, and see that each stands where it belongs and
 * where it is needed. Verb and target of the event are known by then. */
void companions_read(const struct script *script);
MUST_CHECK enum status companions_check(const struct script *script);

#endif
