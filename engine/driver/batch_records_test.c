#include "engine/driver/batch_records.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct arena arena;

static struct fingerprint at(int64_t offset)
{
    return (struct fingerprint){.known = true, .offset = offset, .hash = 7};
}

static void teardown(void)
{
    arena_free(&arena);
}

TestSuite(batch_records, .fini = teardown);

static struct last_record before_entries[] = {
    {0, {true, 9, 0, 7}}, {1, {true, 4, 0, 7}}, {2, {true, 8, 0, 7}}, {3, {true, 99, 0, 7}}};
static const struct last_records before = {.entries = before_entries, .count = 4};

/* Only what goes on where its partition was read up to. */
Test(batch_records, the_first_part_of_a_partition_has_it)
{
    struct partition_offset entries[] = {{0, 10}, {1, 5}, {2, 8}};
    const struct offsets begin = {.topic = "flights", .entries = entries, .count = 3};
    struct kafka_range ranges[] = {
        {.partition = 0, .from = 10, .until = 15},
        {.partition = 0, .from = 15, .until = 20},
        {.partition = 1, .from = 7, .until = 9}, /* begins elsewhere */
        {.partition = 2, .from = 8, .until = 9}, /* the record does not lie below it */
        {.partition = 3, .from = 0, .until = 9}, /* new: there is no begin */
        {.partition = 4, .from = 0, .until = 9},
    };
    batch_records_attach(&before, &begin, ranges, 6);
    cr_assert(ranges[0].before.known);
    cr_assert(eq(i64, ranges[0].before.offset, 9));
    for (size_t i = 1; i < 6; i++) {
        cr_assert(not(ranges[i].before.known), "range %zu", i);
    }
}

static void report(struct task_set *set, size_t index, struct fingerprint last)
{
    set->tasks[index].done.last = last;
}

Test(batch_records, what_tasks_report_stands_instead_of_what_was_known)
{
    static const struct kafka_range ranges[] = {
        {.partition = 0, .from = 10, .until = 15},
        {.partition = 0, .from = 15, .until = 20},
        {.partition = 1, .from = 5, .until = 9},
        {.partition = 5, .from = 0, .until = 3},
    };
    struct partition_offset entries[] = {{0, 20}, {1, 9}, {2, 9}, {3, 50}, {5, 3}, {6, 1}};
    const struct offsets end = {.topic = "flights", .entries = entries, .count = 6};
    struct last_records after;
    struct task_set *set =
        task_set_new(&arena, (struct attempt_id){.stage = STAGE_MAP}, 4, ranges, 4);
    report(set, 0, at(14));
    report(set, 1, (struct fingerprint){.known = false}); /* nothing but gaps */
    report(set, 2, (struct fingerprint){.known = false}); /* what was known is gone */
    report(set, 3, at(2));
    batch_records_merge(&arena, &before, &end, set, &after);
    cr_assert(eq(sz, after.count, 3));
    cr_assert(eq(i64, last_records_get(&after, 0).offset, 14));
    cr_assert(not(last_records_get(&after, 1).known));
    cr_assert(eq(i64, last_records_get(&after, 2).offset, 8)); /* was not read: carried on */
    cr_assert(not(last_records_get(&after, 3).known));         /* the log was cut below it */
    cr_assert(eq(i64, last_records_get(&after, 5).offset, 2));
}

Test(batch_records, text_and_back)
{
    struct last_records none = {.count = 0};
    struct last_records back;
    cr_assert(batch_records_text(&arena, &none) == NULL);
    const char *text = batch_records_text(&arena, &before);
    batch_records_parse(&arena, text, &back);
    cr_assert(eq(sz, back.count, before.count));
    cr_assert(eq(i64, last_records_get(&back, 3).offset, 99));
    batch_records_parse(&arena, NULL, &back);
    cr_assert(eq(sz, back.count, 0));
    batch_records_parse(&arena, "0:41", &back);
    cr_assert(eq(sz, back.count, 0));
}
