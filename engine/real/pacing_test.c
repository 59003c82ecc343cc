#include "engine/real/pacing.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

/* Feed records of `size` bytes until one is held back; how many were let through. */
static int64_t feed_to_bound(struct pacing *pacing, int32_t partition, size_t size)
{
    int64_t count = 0;
    while (pacing_admits(pacing, partition, size)) {
        pacing_fed(pacing, partition, size);
        count++;
    }
    return count;
}

Test(pacing, holds_back_at_the_bound_and_goes_on_as_it_is_consumed)
{
    struct pacing pacing;
    pacing_init(&pacing, 2);
    int64_t bound = PACING_UNREAD_MAX / (136 + PACING_OVERHEAD);
    cr_assert(eq(i64, feed_to_bound(&pacing, 0, 136), bound));
    cr_assert(eq(i64, feed_to_bound(&pacing, 1, 136), bound), "partitions count by themselves");
    pacing_consumed(&pacing, 0, 1000);
    cr_assert(eq(i64, feed_to_bound(&pacing, 0, 136), 1000));
    cr_assert(eq(i64, feed_to_bound(&pacing, 1, 136), 0));
    pacing_consumed(&pacing, 0, 400); /* an older report */
    cr_assert(eq(i64, feed_to_bound(&pacing, 0, 136), 0));
    pacing_consumed(&pacing, 0, bound + 1000);
    cr_assert(eq(sz, pacing.partitions[0].unread, 0));
    cr_assert(eq(i64, feed_to_bound(&pacing, 0, 136), bound));
    pacing_free(&pacing);
}

Test(pacing, what_is_consumed_already_is_let_through)
{
    struct pacing pacing;
    pacing_init(&pacing, 1);
    pacing_consumed(&pacing, 0, 100000);
    int64_t bound = PACING_UNREAD_MAX / (1000 + PACING_OVERHEAD);
    cr_assert(eq(i64, feed_to_bound(&pacing, 0, 1000), 100000 + bound));
    /* ... and the report may overtake the feeder. */
    pacing_consumed(&pacing, 0, 200000);
    cr_assert(eq(sz, pacing.partitions[0].unread, 0));
    cr_assert(eq(i64, feed_to_bound(&pacing, 0, 1000), 100000));
    pacing_free(&pacing);
}

/* The smallest and the largest records: neither the ring nor the mock's limits overflow. */
Test(pacing, sizes)
{
    struct pacing pacing;
    pacing_init(&pacing, 1);
    cr_assert(eq(i64, feed_to_bound(&pacing, 0, 0), PACING_RECORDS_MAX));
    cr_assert(lt(int, PACING_RECORDS_MAX, 100000));
    pacing_consumed(&pacing, 0, PACING_RECORDS_MAX);
    int64_t large = feed_to_bound(&pacing, 0, PACING_VALUE_MAX);
    cr_assert(eq(i64, large, 3));
    cr_assert(pacing_admits(&pacing, 0, 100));
    /* Mixed sizes are given back as what they were counted. */
    pacing_fed(&pacing, 0, 100);
    pacing_consumed(&pacing, 0, PACING_RECORDS_MAX + large);
    cr_assert(eq(sz, pacing.partitions[0].unread, 100 + PACING_OVERHEAD));
    pacing_free(&pacing);
}
