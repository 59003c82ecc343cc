#include "faults/fates.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"

/* Of 16 drawn writes: 6 kept, 5 dropped, 3 cut, 2 garbled. Names: half and half. */
static enum fate_kind drawn_kind(bool bytes, uint64_t drawn)
{
    unsigned pick = (unsigned)(drawn & 15);
    if (!bytes) {
        return pick < 8 ? FATE_KEPT : FATE_DROPPED;
    }
    if (pick < 6) {
        return FATE_KEPT;
    }
    if (pick < 11) {
        return FATE_DROPPED;
    }
    return pick < 14 ? FATE_CUT : FATE_GARBLED;
}

static enum fate_kind kind_of(enum unsynced unsynced, bool bytes, uint64_t drawn)
{
    switch (unsynced) {
    case UNSYNCED_DRAWN:
        return drawn_kind(bytes, drawn);
    case UNSYNCED_KEPT:
        return FATE_KEPT;
    case UNSYNCED_DROPPED:
        return FATE_DROPPED;
    case UNSYNCED_CUT:
        return bytes ? FATE_CUT : FATE_KEPT;
    case UNSYNCED_GARBLED:
        return bytes ? FATE_GARBLED : FATE_KEPT;
    }
    require(unsynced <= UNSYNCED_GARBLED);
    return FATE_KEPT;
}

struct fate fate_decide(enum unsynced unsynced, bool bytes, uint64_t drawn)
{
    struct fate fate = {.kind = kind_of(unsynced, bytes, drawn)};
    if (fate.kind == FATE_CUT || fate.kind == FATE_GARBLED) {
        fate.fraction = (uint32_t)((drawn >> 16) % FATE_FRACTION);
        fate.word = hash_mix64(drawn);
    }
    return fate;
}

size_t fate_good_size(const struct fate *fate, size_t size)
{
    switch (fate->kind) {
    case FATE_KEPT:
        return size;
    case FATE_DROPPED:
        return 0;
    case FATE_CUT:
    case FATE_GARBLED:
        require(fate->fraction < FATE_FRACTION);
        /* In two parts, so that no size overflows. */
        return size / FATE_FRACTION * fate->fraction +
               size % FATE_FRACTION * fate->fraction / FATE_FRACTION;
    }
    require(fate->kind <= FATE_GARBLED);
    return 0;
}

void fate_garble(const struct fate *fate, uint8_t *bytes, size_t size)
{
    if (fate->kind != FATE_GARBLED) {
        return;
    }
    for (size_t i = fate_good_size(fate, size); i < size; i++) {
        /* Never 0, so every bad byte differs from what was written. */
        uint8_t bad = (uint8_t)(hash_chain(fate->word, i) | 1);
        bytes[i] ^= bad;
    }
}

const char *fate_name(enum fate_kind kind)
{
    static const char *const names[] = {
        [FATE_KEPT] = "kept",
        [FATE_DROPPED] = "dropped",
        [FATE_CUT] = "cut",
        [FATE_GARBLED] = "garbled",
    };
    require(kind <= FATE_GARBLED);
    return names[kind];
}
