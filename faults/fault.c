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

const char *damage_name(enum damage damage)
{
    static const char *const names[DAMAGE_COUNT] = {
#define X(id, name) [id] = (name),
        DAMAGE_TABLE(X)
#undef X
    };
    require(damage < DAMAGE_COUNT);
    return names[damage];
}

/* Garbled: up to 16 bytes around the middle, as a sector that went bad. */
size_t damage_bytes(enum damage damage, uint8_t *bytes, size_t size)
{
    enum { BAD_BYTES = 16 };
    size_t bad = size < BAD_BYTES ? size : BAD_BYTES;
    switch (damage) {
    case DAMAGE_TRUNCATED:
        return size / 2;
    case DAMAGE_GARBLED:
        for (size_t i = 0; i < bad; i++) {
            bytes[(size - bad) / 2 + i] ^= 0xA5;
        }
        return size;
    case DAMAGE_EMPTIED:
    case DAMAGE_REMOVED:
    case DAMAGE_COUNT:
        break;
    }
    return 0;
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
