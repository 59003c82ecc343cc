/* Windows against their definition, event times and lateness. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/base/units.h"
#include "engine/exec/aggregate.h"

static struct arena arena;
static uint64_t state;

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(event_time, .fini = end);

static int64_t draw(int64_t below)
{
    state = hash_mix64(state);
    return (int64_t)(state % (uint64_t)below);
}

Test(event_time, tumbling_windows_are_half_open)
{
    const struct window window = {.length_us = 10, .slide_us = 10};
    int64_t starts[1];
    static const int64_t cases[][2] = {
        {0, 0}, {9, 0}, {10, 10}, {-1, -10}, {-10, -10}, {-11, -20}, {25, 20}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert(eq(sz, windows_of(&window, cases[i][0], starts), 1));
        cr_assert(eq(i64, starts[0], cases[i][1]), "%lld", (long long)cases[i][0]);
    }
}

/* Every start on the grid start_us + k * slide_us with start <= time < start + length, and no
 * other: found by trying all of them. */
Test(event_time, windows_are_those_of_the_definition)
{
    enum { ROUNDS = 20000, ROOM = 64 };
    state = 21;
    size_t more_than_one = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct window window = {.slide_us = 1 + draw(20)};
        window.length_us = window.slide_us + draw(60);
        window.start_us = draw(2 * window.slide_us - 1) - (window.slide_us - 1);
        int64_t time_us = draw(400) - 200;
        int64_t starts[ROOM * 2];
        size_t count = windows_of(&window, time_us, starts);
        size_t expected = 0;
        for (int64_t k = -500; k <= 500; k++) {
            int64_t start = window.start_us + k * window.slide_us;
            if (start <= time_us && time_us < start + window.length_us) {
                cr_assert(lt(sz, expected, count));
                cr_assert(eq(i64, starts[expected], start));
                expected++;
            }
        }
        cr_assert(eq(sz, count, expected));
        cr_assert(ge(sz, count, 1));
        cr_assert(le(sz, count, windows_max(&window)));
        more_than_one += count > 1;
    }
    cr_assert(gt(sz, more_than_one, ROUNDS / 4));
}

Test(event_time, a_window_beyond_int64_is_none)
{
    const struct window window = {.length_us = 5 * US_PER_MINUTE, .slide_us = US_PER_MINUTE};
    int64_t starts[5];
    cr_assert(eq(sz, windows_of(&window, INT64_MAX, starts), 0));
    cr_assert(eq(sz, windows_of(&window, INT64_MIN, starts), 0));
    cr_assert(eq(sz, windows_of(&window, INT64_MAX - window.length_us, starts), 5));
    cr_assert(eq(sz, windows_of(&window, INT64_MIN + window.length_us, starts), 5));
}

static struct columns *times(const struct schema *schema, const int64_t *values, size_t count)
{
    struct columns *columns = columns_new(&arena, schema, count);
    columns->rows = count;
    for (size_t i = 0; i < count; i++) {
        columns->columns[0].present[i] = values[i] != 0;
        columns->columns[0].values.longs[i] = values[i];
    }
    return columns;
}

Test(event_time, the_greatest_is_floored_to_milliseconds)
{
    static const struct field field = {"t", TYPE_TIMESTAMP, NULL};
    const struct schema schema = {&field, 1};
    const struct watermark watermark = {.column = 0};
    static const int64_t some[] = {5999, 0, 2000};
    static const int64_t before[] = {-5999, 0, -2001};
    static const int64_t none[] = {0, 0};
    cr_assert(eq(i64, event_time_max_ms(&watermark, times(&schema, some, 3)), 5));
    cr_assert(eq(i64, event_time_max_ms(&watermark, times(&schema, before, 3)), -3));
    cr_assert(eq(i64, event_time_max_ms(&watermark, times(&schema, none, 2)), INT64_MIN));
    cr_assert(eq(i64, event_time_max_ms(&watermark, times(&schema, none, 0)), INT64_MIN));
}

Test(event_time, equal_to_the_watermark_is_late)
{
    struct aggregation aggregation = {.event_time_key = 1};
    struct cell key[2] = {{.present = true}, {.present = true, .as.number = 15000000}};
    cr_assert(group_is_late(&aggregation, key, 15000));
    cr_assert(group_is_late(&aggregation, key, 15001));
    cr_assert(not(group_is_late(&aggregation, key, 14999)));
    cr_assert(group_is_late(&aggregation, key, INT64_MAX));
    cr_assert(not(group_is_late(&aggregation, key, INT64_MIN)));
    key[1] = (struct cell){.present = false};
    cr_assert(not(group_is_late(&aggregation, key, INT64_MAX)));
    aggregation.event_time_key = -1;
    cr_assert(not(group_is_late(&aggregation, key, INT64_MAX)));
}
