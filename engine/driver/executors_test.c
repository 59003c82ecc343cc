#include "engine/driver/executors.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

static struct executors executors;

static void teardown(void)
{
    executors_free(&executors);
}

TestSuite(executors, .fini = teardown);

static struct executor_entry *
enter(connection_id connection, const char *name, int64_t slots, bool *known)
{
    const struct executor_identity identity = {name, "host:7077"};
    return executors_register(&executors, connection, &identity, slots, known);
}

static struct executor_entry *add(connection_id connection, int64_t slots)
{
    bool known = true;
    struct executor_entry *entry = enter(connection, "executor", slots, &known);
    cr_assert_not(known);
    return entry;
}

Test(executors, ids_are_never_used_again)
{
    cr_assert(eq(i64, add(11, 1)->id, 1));
    cr_assert(eq(i64, add(12, 1)->id, 2));
    executors_remove(&executors, 12);
    executors_remove(&executors, 12);
    cr_assert_null(executors_find(&executors, 12));
    cr_assert(eq(i64, add(13, 1)->id, 3));
}

Test(executors, are_found_by_name_also_by_one_that_was_cut)
{
    bool known = false;
    char name[2 * EXECUTOR_NAME_SIZE];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    cr_assert_null(executors_named(&executors, "executor 1"));
    (void)enter(11, "executor 1", 1, &known);
    (void)enter(12, name, 1, &known);
    cr_assert(eq(u32, executors_named(&executors, "executor 1")->connection, 11));
    cr_assert_null(executors_named(&executors, "executor"));
    cr_assert_null(executors_named(&executors, "executor 10"));
    cr_assert(eq(u32, executors_named(&executors, name)->connection, 12));
}

Test(executors, registering_twice_on_a_connection_is_once)
{
    (void)add(11, 1);
    bool known = false;
    struct executor_entry *again = enter(11, "other", 1, &known);
    cr_assert(known);
    cr_assert(eq(i64, again->id, 1));
    cr_assert(eq(sz, executors.count, 1));
}

Test(executors, tasks_spread_over_free_slots)
{
    cr_assert_null(executors_free_slot(&executors));
    (void)add(11, 2);
    (void)add(12, 3);
    (void)add(13, 3);
    int64_t expected[] = {2, 3, 1, 2, 3, 1, 2, 3};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct executor_entry *entry = executors_free_slot(&executors);
        cr_assert(eq(i64, entry->id, expected[i]));
        entry->running++;
    }
    cr_assert_null(executors_free_slot(&executors));
}

Test(executors, silence_is_judged_by_the_last_word)
{
    cr_assert(eq(i64, executors_deadline(&executors, 100), INT64_MAX));
    add(11, 1)->heard_us = 1000;
    add(12, 1)->heard_us = 1050;
    cr_assert(eq(i64, executors_deadline(&executors, 100), 1100));
    cr_assert_null(executors_silent(&executors, 1099, 100));
    cr_assert(eq(i64, executors_silent(&executors, 1100, 100)->id, 1));
    executors_find(&executors, 11)->heard_us = 1090;
    cr_assert_null(executors_silent(&executors, 1100, 100));
    cr_assert(eq(i64, executors_silent(&executors, 1150, 100)->id, 2));
}

Test(executors, many_and_too_many)
{
    for (connection_id connection = 1; connection <= EXECUTORS_MAX; connection++) {
        (void)add(connection, 1);
    }
    bool known = true;
    cr_assert_null(enter(5000, "one more", 1, &known));
    executors_remove(&executors, 1);
    cr_assert(eq(u32, executors.entries[0].connection, 2));
    cr_assert_not_null(enter(5000, "one more", 1, &known));
}

Test(executors, are_found_by_id_while_they_live)
{
    for (connection_id connection = 11; connection < 16; connection++) {
        (void)add(connection, 1);
    }
    executors_remove(&executors, 13);
    for (int64_t id = 0; id < 7; id++) {
        struct executor_entry *entry = executors_with_id(&executors, id);
        cr_assert(eq(int, entry != NULL, id >= 1 && id <= 5 && id != 3));
        cr_assert(entry == NULL || entry->id == id);
    }
}

Test(executors, address_that_does_not_fit_is_not_cut_but_refused)
{
    char address[EXECUTOR_ADDRESS_SIZE + 1] = {0};
    bool known = false;
    memset(address, 'a', EXECUTOR_ADDRESS_SIZE);
    struct executor_identity identity = {"executor", address};
    cr_assert_null(executors_register(&executors, 11, &identity, 1, &known));
    address[EXECUTOR_ADDRESS_SIZE - 1] = '\0';
    cr_assert_str_eq(executors_register(&executors, 11, &identity, 1, &known)->address, address);
}
