/* What counts as new data. Asking Kafka meets a broker, and so a world: sim/. */
#include "engine/driver/batch_plan.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct partition_offset ten_and_five[] = {{0, 10}, {3, 5}};
static struct partition_offset ten_and_six[] = {{0, 10}, {3, 6}};
static struct partition_offset ten_and_four[] = {{0, 10}, {3, 4}};
static struct partition_offset other_partition[] = {{0, 10}, {2, 5}};
static struct partition_offset one_more[] = {{0, 12}, {3, 4}, {7, 100}};

static struct offsets of(struct partition_offset *entries, size_t count)
{
    return (struct offsets){.topic = "flights", .entries = entries, .count = count};
}

Test(batch_plan, any_difference_is_something_new)
{
    struct offsets base = of(ten_and_five, 2);
    struct partition_offset same_entries[] = {{0, 10}, {3, 5}};
    struct offsets same = of(same_entries, 2);
    struct offsets further = of(ten_and_six, 2);
    struct offsets back = of(ten_and_four, 2);
    struct offsets other = of(other_partition, 2);
    struct offsets fewer = of(ten_and_five, 1);
    struct offsets more = of(one_more, 3);
    cr_assert_not(offsets_differ(&base, &same));
    cr_assert(offsets_differ(&base, &further));
    cr_assert(offsets_differ(&base, &back));
    cr_assert(offsets_differ(&base, &other));
    cr_assert(offsets_differ(&base, &fewer));
    cr_assert(offsets_differ(&fewer, &base));
    cr_assert(offsets_differ(&base, &more));
}

Test(batch_plan, counts_offsets_and_never_below_zero)
{
    struct offsets base = of(ten_and_five, 2);
    struct offsets further = of(ten_and_six, 2);
    struct offsets more = of(one_more, 3);
    cr_assert(eq(i64, offsets_between(&base, &base), 0));
    cr_assert(eq(i64, offsets_between(&base, &further), 1));
    cr_assert(eq(i64, offsets_between(&further, &base), 0));
    cr_assert(eq(i64, offsets_between(&base, &more), 102));
}

Test(batch_plan, kafka_away_is_a_failed_stream_with_its_cause_and_a_refusal_stays_itself)
{
    struct plan plan = {.topic = "flights"};
    struct diag diag = {0};
    (void)diag_fail(&diag, "KAFKA_TIMEOUT", "no answer within 60000 ms");
    cr_assert(eq(int, batch_plan_failed(&plan, ERR_TIMEOUT, &diag), ERR_FAILED));
    cr_assert_str_eq(diag.error_class, "STREAM_FAILED");
    cr_assert_not_null(strstr(diag.text, "no answer within 60000 ms [KAFKA_TIMEOUT]"));

    diag = (struct diag){0};
    cr_assert(eq(int, batch_plan_failed(&plan, ERR_TIMEOUT, &diag), ERR_FAILED));
    cr_assert_str_eq(diag.error_class, "STREAM_FAILED");

    diag = (struct diag){0};
    (void)diag_fail(&diag, "DATA_LOSS", "offsets 3 to 7 have expired");
    cr_assert(eq(int, batch_plan_failed(&plan, ERR_FAILED, &diag), ERR_FAILED));
    cr_assert_str_eq(diag.error_class, "DATA_LOSS");
    cr_assert_str_eq(diag.text, "offsets 3 to 7 have expired");
}

Test(batch_plan, copy_shares_nothing)
{
    struct arena arena = {0};
    char topic[] = "flights";
    struct partition_offset entries[] = {{1, 2}};
    struct offsets from = {.topic = topic, .entries = entries, .count = 1};
    struct offsets to = {0};
    offsets_copy(&arena, &from, &to);
    topic[0] = 'X';
    entries[0].offset = 99;
    cr_assert_str_eq(to.topic, "flights");
    cr_assert(eq(i64, offsets_get(&to, 1), 2));
    arena_free(&arena);
}
