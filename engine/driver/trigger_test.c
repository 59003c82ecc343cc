#include "engine/driver/trigger.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(trigger, fires_on_multiples_of_the_interval)
{
    cr_assert(eq(i64, trigger_next_us(0, 10), 10));
    cr_assert(eq(i64, trigger_next_us(1, 10), 10));
    cr_assert(eq(i64, trigger_next_us(9, 10), 10));
    cr_assert(eq(i64, trigger_next_us(10, 10), 20));
    cr_assert(eq(i64, trigger_next_us(978307200000001, 10000000), 978307210000000));
}

Test(trigger, without_an_interval_at_once)
{
    cr_assert(eq(i64, trigger_next_us(12345, 0), 12345));
}

Test(trigger, far_away_does_not_overflow)
{
    cr_assert(eq(i64, trigger_next_us(INT64_MAX - 1, INT64_MAX), INT64_MAX));
    cr_assert(eq(i64, trigger_next_us(INT64_MAX, 1000), INT64_MAX));
}
