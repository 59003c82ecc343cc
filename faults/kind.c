#include "faults/kind.h"

#include "engine/base/check.h"

const struct fault_kind_info *fault_kind_info(enum fault_kind kind)
{
    static const struct fault_kind_info infos[FAULT_KIND_COUNT] = {
#define X(id, kind_name, kind_verb, kind_target)                                                   \
    [id] = {.name = (kind_name), .verb = (kind_verb), .target = (kind_target)},
        FAULT_KIND_TABLE(X)
#undef X
    };
    require(kind < FAULT_KIND_COUNT);
    return &infos[kind];
}

bool fault_kind_fits(enum fault_kind kind, const struct fault_surroundings *surroundings)
{
    const struct fault_kind_info *info = fault_kind_info(kind);
    if (info->target == TARGET_BROKER) {
        return surroundings->replicated;
    }
    if (info->verb == FAULT_THROTTLE || info->verb == FAULT_LOST_REPLY) {
        return surroundings->objects;
    }
    return info->verb != FAULT_DISK_FULL || !surroundings->objects;
}
