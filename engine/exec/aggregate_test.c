#include "engine/exec/aggregate.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/base/units.h"
#include "engine/exec/aggregate_buffer.h"
#include "engine/source/decode.h"

static struct arena arena;
static struct diag diag;
static uint64_t state;

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(aggregate, .fini = end);

static uint64_t draw(uint64_t below)
{
    state = hash_mix64(state);
    return state % below;
}

static struct plan *plan_of(const char *group_by, const char *agg)
{
    const char *json = arena_printf(
        &arena,
        "{\"name\": \"q\", \"source\": {\"subscribe\": \"f\", \"schema\": {\"t\": \"timestamp\", "
        "\"s\": \"string\", \"i\": \"int\", \"l\": \"long\", \"d\": \"double\"}}, "
        "\"groupBy\": [%s], \"agg\": [%s], \"sink\": {\"path\": \"/t\", \"outputMode\": "
        "\"complete\"}, \"options\": {\"checkpointLocation\": \"/c\"}}",
        group_by,
        agg);
    struct plan *plan = NULL;
    enum status status = plan_compile(&arena, "p", bytes_of_text(json), NULL, &plan, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
    return plan;
}

static struct columns *rows_of(const struct plan *plan, const char *const *records)
{
    struct decoder *decoder = decoder_new(&arena, &plan->source, plan->mode);
    size_t count = 0;
    while (records[count] != NULL) {
        count++;
    }
    struct columns *columns = columns_new(&arena, &plan->source, count);
    for (size_t i = 0; i < count; i++) {
        enum status status =
            decoder_row(decoder, &arena, bytes_of_text(records[i]), columns, &diag);
        cr_assert(eq(int, status, OK));
    }
    return columns;
}

static enum status aggregate(struct groups *groups, const struct columns *input)
{
    struct arena scratch = {0};
    enum status status = groups_add(groups, &scratch, input, &diag);
    arena_free(&scratch); /* nothing of it may be kept */
    return status;
}

static struct cell result(const struct plan *plan, const struct groups *groups, size_t i, size_t a)
{
    return buffer_result(&plan->aggregation->aggregates[a], groups_at(groups, i).buffer);
}

#define ALL                                                                                        \
    "{\"as\": \"a\", \"is\": \"count(*)\"}, {\"as\": \"b\", \"is\": \"count(i)\"}, "               \
    "{\"as\": \"c\", \"is\": \"sum(i)\"}, {\"as\": \"e\", \"is\": \"sum(d)\"}, "                   \
    "{\"as\": \"f\", \"is\": \"avg(l)\"}, {\"as\": \"g\", \"is\": \"min(s)\"}, "                   \
    "{\"as\": \"h\", \"is\": \"max(d)\"}, {\"as\": \"j\", \"is\": \"min(i)\"}, "                   \
    "{\"as\": \"k\", \"is\": \"max(t)\"}"

Test(aggregate, every_function_ignores_nulls_but_count_all)
{
    static const char *const records[] = {
        "{\"s\": \"b\", \"i\": 3, \"l\": 10, \"d\": 0.5, \"t\": 7}",
        "{\"s\": \"a\", \"i\": -4, \"d\": \"NaN\"}",
        "{\"s\": null, \"l\": 5, \"t\": 9}",
        NULL};
    struct plan *plan = plan_of("", ALL);
    struct groups *groups = groups_new(&arena, plan->aggregation);
    cr_assert(eq(int, aggregate(groups, rows_of(plan, records)), OK));
    cr_assert(eq(sz, groups_count(groups), 1));
    cr_assert(eq(i64, result(plan, groups, 0, 0).as.number, 3));
    cr_assert(eq(i64, result(plan, groups, 0, 1).as.number, 2));
    cr_assert(eq(i64, result(plan, groups, 0, 2).as.number, -1));
    cr_assert(__builtin_isnan(result(plan, groups, 0, 3).as.real));
    cr_assert(eq(dbl, result(plan, groups, 0, 4).as.real, 7.5));
    cr_assert(bytes_equal_text(result(plan, groups, 0, 5).as.text, "a"));
    cr_assert(__builtin_isnan(result(plan, groups, 0, 6).as.real)); /* above all else */
    cr_assert(eq(i64, result(plan, groups, 0, 7).as.number, -4));
    cr_assert(eq(i64, result(plan, groups, 0, 8).as.number, 9 * US_PER_SECOND));
}

Test(aggregate, of_nothing_are_counts_zero_and_nulls)
{
    static const char *const none[] = {NULL};
    struct plan *plan = plan_of("", ALL);
    struct groups *groups = groups_new(&arena, plan->aggregation);
    cr_assert(eq(int, aggregate(groups, rows_of(plan, none)), OK));
    cr_assert(eq(sz, groups_count(groups), 1));
    for (size_t a = 0; a < 9; a++) {
        struct cell cell = result(plan, groups, 0, a);
        cr_assert(eq(int, cell.present, a < 2), "%zu", a);
        cr_assert(eq(i64, cell.as.number, 0));
    }
    plan = plan_of("\"s\"", ALL);
    groups = groups_new(&arena, plan->aggregation);
    cr_assert(eq(int, aggregate(groups, rows_of(plan, none)), OK));
    cr_assert(eq(sz, groups_count(groups), 0));
}

Test(aggregate, a_row_is_in_each_of_its_windows_and_no_time_in_none)
{
    static const char *const records[] = {"{\"t\": 65, \"s\": \"x\", \"i\": 1}",
                                          "{\"s\": \"x\", \"i\": 0}",
                                          "{\"t\": 59, \"s\": \"x\", \"i\": 2}",
                                          "{\"t\": 65, \"i\": 4}",
                                          NULL};
    /* The second row would divide by zero. */
    struct plan *plan = plan_of("\"s\", {\"window\": {\"timeColumn\": \"t\", \"windowDuration\": "
                                "\"1 minute\", \"slideDuration\": \"30 seconds\"}}",
                                "{\"as\": \"a\", \"is\": \"sum(1 / i)\"}");
    struct groups *groups = groups_new(&arena, plan->aggregation);
    cr_assert(eq(int, aggregate(groups, rows_of(plan, records)), OK), "%s", diag.text);
    static const struct {
        int64_t start;
        double sum;
        bool named;
    } expected[] = {{30, 1.5, true}, {60, 1, true}, {0, 0.5, true}, {30, 0.25, 0}, {60, 0.25, 0}};
    cr_assert(eq(sz, groups_count(groups), 5));
    for (size_t i = 0; i < 5; i++) {
        struct group group = groups_at(groups, i);
        cr_assert(eq(int, group.cells[0].present, expected[i].named));
        cr_assert(eq(i64, group.cells[1].as.number, expected[i].start * US_PER_SECOND));
        cr_assert(eq(i64, group.cells[2].as.number, (expected[i].start + 60) * US_PER_SECOND));
        cr_assert(eq(dbl, group.buffer[0].as.real, expected[i].sum));
    }
}

Test(aggregate, zeros_are_one_group_and_nans_are_one)
{
    static const char *const records[] = {"{\"d\": 0.0}",
                                          "{\"d\": -0.0}",
                                          "{\"d\": \"NaN\", \"l\": 1}",
                                          "{\"d\": \"NaN\", \"l\": 2}",
                                          "{\"d\": null}",
                                          NULL};
    struct plan *plan =
        plan_of("{\"as\": \"k\", \"is\": \"- d\"}", "{\"as\": \"n\", \"is\": \"count(*)\"}");
    struct groups *groups = groups_new(&arena, plan->aggregation);
    cr_assert(eq(int, aggregate(groups, rows_of(plan, records)), OK));
    cr_assert(eq(sz, groups_count(groups), 3));
    cr_assert(eq(i64, groups_at(groups, 0).buffer[0].as.number, 2));
    cr_assert(eq(i64, groups_at(groups, 0).cells[0].as.number, 0)); /* the bits */
    cr_assert(eq(i64, groups_at(groups, 1).cells[0].as.number, 0x7ff8000000000000));
    cr_assert(eq(i64, groups_at(groups, 1).buffer[0].as.number, 2));
}

Test(aggregate, long_sums_overflow_as_ansi_says)
{
    static const char *const records[] = {
        "{\"l\": 9223372036854775807}", "{\"l\": 1}", "{\"t\": 9223372036854}", NULL};
    struct plan *plan = plan_of("", "{\"as\": \"total\", \"is\": \"sum(l)\"}");
    struct groups *groups = groups_new(&arena, plan->aggregation);
    cr_assert(eq(int, aggregate(groups, rows_of(plan, records)), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "ARITHMETIC_OVERFLOW"));
    cr_assert(eq(str,
                 diag.text,
                 "long overflow in the aggregate \"total\"; aggregate doubles instead, such as "
                 "sum(x * 1D)"));
    diag = (struct diag){0};
    plan = plan_of("{\"window\": {\"timeColumn\": \"t\", \"windowDuration\": \"36500 days\"}}",
                   "{\"as\": \"n\", \"is\": \"count(*)\"}");
    groups = groups_new(&arena, plan->aggregation);
    cr_assert(eq(int, aggregate(groups, rows_of(plan, records)), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "ARITHMETIC_OVERFLOW"));
}

/* ---- merging ------------------------------------------------------------------------------ */

static struct columns *drawn_rows(const struct plan *plan, size_t count)
{
    static const char *const words[] = {"", "a", "ab", "a rather long word", "z"};
    struct columns *columns = columns_new(&arena, &plan->source, count);
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < 5; c++) {
            columns->columns[c].present[i] = draw(6) != 0;
        }
        columns->columns[0].values.longs[i] = (int64_t)draw(600) * US_PER_SECOND - 300000000;
        columns->columns[1].values.strings[i] = bytes_of_text(words[draw(5)]);
        columns->columns[2].values.ints[i] = (int32_t)draw(100) - 50;
        columns->columns[3].values.longs[i] = (int64_t)draw(1000);
        columns->columns[4].values.doubles[i] = (double)draw(4096) / 64;
    }
    columns->rows = count;
    return columns;
}

/* Both as rows of bytes: what blocks and state carry. */
static void row_of(const struct plan *plan, struct group group, struct buf *key, struct buf *buffer)
{
    buf_clear(key);
    buf_clear(buffer);
    unsafe_row_encode(&plan->aggregation->key, group.cells, key);
    unsafe_row_encode(&plan->aggregation->buffer, group.buffer, buffer);
    cr_assert(bytes_equal(buf_bytes(key), group.key));
}

static void merge_all(const struct plan *plan, struct groups *into, const struct groups *from)
{
    struct buf key = {0};
    struct buf buffer = {0};
    for (size_t i = 0; i < groups_count(from); i++) {
        row_of(plan, groups_at(from, i), &key, &buffer);
        enum status status = groups_merge(into, buf_bytes(&key), buf_bytes(&buffer), &diag);
        cr_assert(eq(int, status, OK));
    }
    buf_free(&key);
    buf_free(&buffer);
}

static void expect_same(const struct plan *plan, const struct groups *a, const struct groups *b)
{
    struct buf rows[4] = {0};
    cr_assert(eq(sz, groups_count(a), groups_count(b)));
    for (size_t i = 0; i < groups_count(a); i++) {
        row_of(plan, groups_at(a, i), &rows[0], &rows[1]);
        row_of(plan, groups_at(b, i), &rows[2], &rows[3]);
        cr_assert(bytes_equal(buf_bytes(&rows[0]), buf_bytes(&rows[2])));
        cr_assert(bytes_equal(buf_bytes(&rows[1]), buf_bytes(&rows[3])));
    }
    for (size_t i = 0; i < 4; i++) {
        buf_free(&rows[i]);
    }
}

/* Sums are of multiples of 1/64, so that they are exact however they are split. */
Test(aggregate, partial_aggregates_merge_to_what_one_pass_gives)
{
    state = 31;
    for (int round = 0; round < 60; round++) {
        struct plan *plan =
            plan_of("\"s\", {\"window\": {\"timeColumn\": \"t\", \"windowDuration\": \"90s\", "
                    "\"slideDuration\": \"1m\"}}, {\"as\": \"third\", \"is\": \"i % 3\"}",
                    ALL);
        struct groups *whole = groups_new(&arena, plan->aggregation);
        struct groups *merged = groups_new(&arena, plan->aggregation);
        for (size_t map = 0; map < 1 + draw(4); map++) {
            struct columns *rows = drawn_rows(plan, draw(300));
            struct groups *part = groups_new(&arena, plan->aggregation);
            cr_assert(eq(int, aggregate(whole, rows), OK), "%s", diag.text);
            cr_assert(eq(int, aggregate(part, rows), OK), "%s", diag.text);
            merge_all(plan, merged, part);
        }
        expect_same(plan, whole, merged);
        arena_reset(&arena);
    }
}

Test(aggregate, many_groups_are_all_found_again)
{
    enum { KEYS = 50000 };
    struct plan *plan = plan_of("\"l\"", "{\"as\": \"n\", \"is\": \"count(*)\"}");
    struct groups *groups = groups_new(&arena, plan->aggregation);
    struct columns *rows = columns_new(&arena, &plan->source, KEYS);
    rows->rows = KEYS;
    memset(rows->columns[3].present, 1, KEYS);
    for (int64_t i = 0; i < KEYS; i++) {
        rows->columns[3].values.longs[i] = i;
    }
    cr_assert(eq(int, aggregate(groups, rows), OK));
    cr_assert(eq(int, aggregate(groups, rows), OK));
    cr_assert(eq(sz, groups_count(groups), KEYS));
    for (size_t i = 0; i < KEYS; i++) {
        cr_assert(eq(i64, groups_at(groups, i).cells[0].as.number, (int64_t)i));
        cr_assert(eq(i64, groups_at(groups, i).buffer[0].as.number, 2));
    }
}

/* What a block may hold when its bytes are not ours. */
Test(aggregate, bytes_that_are_no_partial_result_are_corrupt)
{
    struct plan *plan = plan_of("\"s\"", "{\"as\": \"n\", \"is\": \"count(*)\"}");
    struct groups *groups = groups_new(&arena, plan->aggregation);
    struct buf key = {0};
    struct buf count = {0};
    const struct cell text = {.present = true, .as.text = bytes_of_text("x")};
    unsafe_row_encode(&plan->aggregation->key, &text, &key);
    static const struct cell bad[] = {{.present = false}, {.present = true, .as.number = -1}};
    for (size_t i = 0; i < 2; i++) {
        buf_clear(&count);
        unsafe_row_encode(&plan->aggregation->buffer, &bad[i], &count);
        enum status status = groups_merge(groups, buf_bytes(&key), buf_bytes(&count), &diag);
        cr_assert(eq(int, status, ERR_CORRUPT));
    }
    const struct cell one = {.present = true, .as.number = 1};
    buf_clear(&count);
    unsafe_row_encode(&plan->aggregation->buffer, &one, &count);
    key.data[8] ^= 1;
    cr_assert(
        eq(int, groups_merge(groups, buf_bytes(&key), buf_bytes(&count), &diag), ERR_CORRUPT));
    cr_assert(eq(sz, groups_count(groups), 0));
    buf_free(&key);
    buf_free(&count);
}
