#include "faults/fault.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

Test(target, targets_read_back_as_written)
{
    static const struct {
        const char *text;
        struct target target;
    } cases[] = {
        {"driver", {TARGET_DRIVER, 0}},
        {"second driver", {TARGET_SECOND_DRIVER, 0}},
        {"executor", {TARGET_EXECUTOR, 0}},
        {"executor 1", {TARGET_EXECUTOR, 1}},
        {"executor 9999", {TARGET_EXECUTOR, 9999}},
        {"executors", {TARGET_EXECUTORS, 0}},
        {"driver machine", {TARGET_DRIVER_MACHINE, 0}},
        {"executor 12 machine", {TARGET_EXECUTOR_MACHINE, 12}},
        {"broker 3", {TARGET_BROKER, 3}},
        {"broker 3 machine", {TARGET_BROKER_MACHINE, 3}},
        {"topic flights", {TARGET_TOPIC, 0}},
        {"storage", {TARGET_STORAGE, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct target target = {0};
        cr_assert(target_parse(cases[i].text, &target), "%s", cases[i].text);
        cr_assert(eq(int, target.kind, cases[i].target.kind), "%s", cases[i].text);
        cr_assert(eq(u32, target.index, cases[i].target.index), "%s", cases[i].text);
        char text[TARGET_TEXT_SIZE];
        target_format(target, text);
        cr_assert(eq(str, text, cases[i].text));
    }
}

Test(target, what_is_no_target_is_refused)
{
    static const char *const texts[] = {"",
                                        "drivers",
                                        "executor 0",
                                        "executor ",
                                        "executor 01",
                                        "executor 1 ",
                                        "executor1",
                                        "executor -1",
                                        "executor machine",
                                        "broker",
                                        "broker machine",
                                        "topic",
                                        "topic ",
                                        "executor 99999",
                                        "Driver",
                                        "driver 1",
                                        "executor 1machine",
                                        "executors 2"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct target target = {0};
        cr_assert(not(target_parse(texts[i], &target)), "\"%s\"", texts[i]);
    }
}

Test(target, names_are_unique_and_every_verb_has_a_target)
{
    for (int a = 0; a < FAULT_COUNT; a++) {
        cr_assert(ne(u32, fault_info(a)->targets, 0));
        cr_assert(gt(sz, strlen(fault_info(a)->help), 10));
        for (int b = 0; b < a; b++) {
            cr_assert(ne(str, fault_info(a)->name, fault_info(b)->name));
        }
    }
    cr_assert(eq(str, fault_info(FAULT_LOST_REPLY)->name, "lost_reply"));
    cr_assert(eq(str, run_end_name(RUN_LOSER), "refused"));
}
