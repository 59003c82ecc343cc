#include "faults/kind.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

Test(fault_kind, each_verb_can_befall_its_target)
{
    for (int i = 0; i < FAULT_KIND_COUNT; i++) {
        const struct fault_kind_info *kind = fault_kind_info((enum fault_kind)i);
        const struct fault_info *verb = fault_info(kind->verb);
        cr_expect(ne(uint, verb->targets & (unsigned)kind->target, 0), "%s", kind->name);
        cr_expect(strncmp(kind->name, verb->name, strlen(verb->name)) == 0, "%s", kind->name);
    }
}

Test(fault_kind, storage_decides_who_can_be_throttled_and_who_can_be_full)
{
    const struct fault_surroundings disk = {.objects = false};
    const struct fault_surroundings objects = {.objects = true};
    cr_expect(not(fault_kind_fits(KIND_THROTTLE, &disk)));
    cr_expect(not(fault_kind_fits(KIND_LOST_REPLY, &disk)));
    cr_expect(fault_kind_fits(KIND_DISK_FULL, &disk));
    cr_expect(fault_kind_fits(KIND_THROTTLE, &objects));
    cr_expect(fault_kind_fits(KIND_LOST_REPLY, &objects));
    cr_expect(not(fault_kind_fits(KIND_DISK_FULL, &objects)));
    cr_expect(fault_kind_fits(KIND_CRASH_DRIVER, &disk));
}

Test(fault_kind, a_broker_without_replicas_is_left_alone)
{
    const struct fault_surroundings alone = {.replicated = false};
    const struct fault_surroundings replicated = {.replicated = true};
    cr_expect(not(fault_kind_fits(KIND_CRASH_BROKER, &alone)));
    cr_expect(not(fault_kind_fits(KIND_PAUSE_BROKER, &alone)));
    cr_expect(fault_kind_fits(KIND_CRASH_BROKER, &replicated));
}
