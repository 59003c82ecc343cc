#include "faults/fault.h"

#include "engine/base/check.h"

const struct fault_info *fault_info(enum fault_verb verb)
{
    static const struct fault_info infos[FAULT_COUNT] = {
#define X(id, verb_name, verb_targets, verb_help)                                                  \
    [id] = {.name = (verb_name), .targets = (verb_targets), .help = (verb_help)},
        FAULT_TABLE(X)
#undef X
    };
    require(verb < FAULT_COUNT);
    return &infos[verb];
}

const char *run_end_name(enum run_end end)
{
    static const char *const names[RUN_END_COUNT] = {
#define X(id, name) [id] = (name),
        RUN_END_TABLE(X)
#undef X
    };
    require(end < RUN_END_COUNT);
    return names[end];
}
