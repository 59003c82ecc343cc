#include "engine/driver/reader_homes.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct reader_homes homes;

static void note(int32_t partition, int64_t from, int64_t until, int64_t executor)
{
    const struct kafka_range range = {.partition = partition, .from = from, .until = until};
    reader_homes_note(&homes, &range, executor);
}

static int64_t home_of(int32_t partition, int64_t from)
{
    const struct kafka_range range = {.partition = partition, .from = from, .until = from + 10};
    return reader_homes_find(&homes, &range);
}

static void end(void)
{
    reader_homes_free(&homes);
}

TestSuite(reader_homes, .fini = end);

Test(reader_homes, who_read_up_to_there_goes_on)
{
    cr_assert(eq(i64, home_of(0, 0), 0));
    for (int32_t partition = 0; partition < 20; partition++) {
        note(partition, 0, 10 + partition, 1 + partition % 3);
    }
    for (int32_t partition = 0; partition < 20; partition++) {
        cr_assert(eq(i64, home_of(partition, 10 + partition), 1 + partition % 3));
        cr_assert(eq(i64, home_of(partition, 9 + partition), 0));
    }
}

Test(reader_homes, the_last_piece_counts_whoever_is_launched_first)
{
    note(4, 10, 20, 2);
    note(4, 0, 10, 1);
    cr_assert(eq(i64, home_of(4, 20), 2));
    cr_assert(eq(i64, home_of(4, 10), 0));
}

Test(reader_homes, another_attempt_takes_over)
{
    note(4, 10, 20, 2);
    note(4, 10, 20, 3);
    cr_assert(eq(i64, home_of(4, 20), 3));
}
