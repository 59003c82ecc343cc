#include "faults/fates.h"

#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"

Test(fates, a_scripted_word_is_obeyed)
{
    for (uint64_t i = 0; i < 100; i++) {
        uint64_t drawn = hash_mix64(i);
        cr_assert(eq(int, fate_decide(UNSYNCED_KEPT, true, drawn).kind, FATE_KEPT));
        cr_assert(eq(int, fate_decide(UNSYNCED_DROPPED, true, drawn).kind, FATE_DROPPED));
        cr_assert(eq(int, fate_decide(UNSYNCED_CUT, true, drawn).kind, FATE_CUT));
        cr_assert(eq(int, fate_decide(UNSYNCED_GARBLED, true, drawn).kind, FATE_GARBLED));
        cr_assert(eq(int, fate_decide(UNSYNCED_CUT, false, drawn).kind, FATE_KEPT));
        cr_assert(eq(int, fate_decide(UNSYNCED_GARBLED, false, drawn).kind, FATE_KEPT));
        cr_assert(eq(int, fate_decide(UNSYNCED_DROPPED, false, drawn).kind, FATE_DROPPED));
    }
}

Test(fates, drawn_ones_meet_every_fate_and_names_only_two)
{
    int bytes[4] = {0};
    int names[4] = {0};
    for (uint64_t i = 0; i < 4096; i++) {
        bytes[fate_decide(UNSYNCED_DRAWN, true, hash_mix64(i)).kind]++;
        names[fate_decide(UNSYNCED_DRAWN, false, hash_mix64(i)).kind]++;
    }
    for (int kind = 0; kind < 4; kind++) {
        cr_assert(gt(int, bytes[kind], 300), "%s", fate_name((enum fate_kind)kind));
    }
    cr_assert(gt(int, names[FATE_KEPT], 1800));
    cr_assert(gt(int, names[FATE_DROPPED], 1800));
    cr_assert(eq(int, names[FATE_CUT] + names[FATE_GARBLED], 0));
}

Test(fates, a_cut_keeps_less_than_all)
{
    for (uint64_t i = 0; i < 1000; i++) {
        struct fate fate = fate_decide(UNSYNCED_CUT, true, hash_mix64(i));
        cr_assert(eq(sz, fate_good_size(&fate, 0), 0));
        cr_assert(eq(sz, fate_good_size(&fate, 1), 0));
        cr_assert(lt(sz, fate_good_size(&fate, 5000), 5000));
        cr_assert(lt(sz, fate_good_size(&fate, SIZE_MAX), SIZE_MAX));
    }
    struct fate half = {.kind = FATE_CUT, .fraction = FATE_FRACTION / 2};
    cr_assert(eq(sz, fate_good_size(&half, 5000), 2500));
    cr_assert(eq(sz, fate_good_size(&half, SIZE_MAX), SIZE_MAX / 2));
    struct fate kept = {.kind = FATE_KEPT};
    cr_assert(eq(sz, fate_good_size(&kept, 77), 77));
}

Test(fates, garbled_bytes_differ_and_good_ones_stay)
{
    for (uint64_t i = 0; i < 200; i++) {
        uint8_t bytes[301];
        memset(bytes, 0x5a, sizeof bytes);
        struct fate fate = fate_decide(UNSYNCED_GARBLED, true, hash_mix64(i));
        size_t good = fate_good_size(&fate, 300);
        fate_garble(&fate, bytes, 300);
        for (size_t at = 0; at < 301; at++) {
            bool same = bytes[at] == 0x5a;
            cr_assert(eq(int, same, at < good || at == 300));
        }
    }
}

Test(faults, verbs_and_ends_have_names)
{
    for (int verb = 0; verb < FAULT_COUNT; verb++) {
        const struct fault_info *info = fault_info((enum fault_verb)verb);
        cr_assert(ne(uint, info->targets, 0));
        for (int other = 0; other < verb; other++) {
            const char *name = fault_info((enum fault_verb)other)->name;
            cr_assert(ne(int, strcmp(info->name, name), 0));
        }
    }
    cr_assert(eq(int, strcmp(fault_info(FAULT_LOST_REPLY)->name, "lost_reply"), 0));
    cr_assert(eq(int, strcmp(run_end_name(RUN_CAUGHT_UP), "caught-up"), 0));
}
