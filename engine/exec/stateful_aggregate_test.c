/* The golden vectors of Spark's EventTimeWatermarkSuite and the rules of spark-checkpoint 3, over a
 * map that stands for a state store. */
#include "engine/exec/stateful_aggregate.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/process.h"
#include "engine/base/units.h"
#include "engine/source/decode.h"
#include "engine/state/state_order.h"

/* ---- the map: key -> value in the order of the keys' bytes --------------------------------- */

enum { ROWS_MAX = 10000 };

struct state_store {
    struct pair {
        struct bytes key;
        struct bytes value;
    } pairs[ROWS_MAX];
    size_t count;
};

static struct arena arena; /* lives as long as a test, as state outlives batches */
static struct state_store store;

static size_t place(const struct state_store *state, struct bytes key)
{
    size_t at = 0;
    while (at < state->count && bytes_compare(state->pairs[at].key, key) < 0) {
        at++;
    }
    return at;
}

static bool found(const struct state_store *state, size_t at, struct bytes key)
{
    return at < state->count && bytes_equal(state->pairs[at].key, key);
}

enum status
state_store_get(struct state_store *state, struct bytes key, struct bytes *value, struct diag *into)
{
    size_t at = place(state, key);
    (void)into;
    if (!found(state, at, key)) {
        return ERR_NOT_FOUND;
    }
    *value = state->pairs[at].value;
    return OK;
}

static struct bytes kept(struct bytes bytes)
{
    return bytes_of(arena_copy(&arena, bytes.data, bytes.size), bytes.size);
}

enum status
state_store_put(struct state_store *state, struct bytes key, struct bytes value, struct diag *into)
{
    size_t at = place(state, key);
    (void)into;
    if (!found(state, at, key)) {
        cr_assert(lt(sz, state->count, ROWS_MAX));
        memmove(
            &state->pairs[at + 1], &state->pairs[at], (state->count - at) * sizeof *state->pairs);
        state->count++;
        state->pairs[at].key = kept(key);
    }
    state->pairs[at].value = kept(value);
    return OK;
}

enum status state_store_remove(struct state_store *state, struct bytes key, struct diag *into)
{
    size_t at = place(state, key);
    (void)into;
    cr_assert(found(state, at, key));
    memset((void *)(uintptr_t)state->pairs[at].value.data, 0xee, state->pairs[at].value.size);
    state->count--;
    memmove(&state->pairs[at], &state->pairs[at + 1], (state->count - at) * sizeof *state->pairs);
    return OK;
}

/* Backwards: the order is the operator's own affair. What it was shown is gone afterwards. */
enum status
state_store_each(struct state_store *state, state_pair_fn pair, void *context, struct diag *into)
{
    (void)into;
    for (size_t i = state->count; i-- > 0;) {
        struct arena shown = {0};
        struct pair at = state->pairs[i];
        struct bytes key = bytes_of(arena_copy(&shown, at.key.data, at.key.size), at.key.size);
        struct bytes value =
            bytes_of(arena_copy(&shown, at.value.data, at.value.size), at.value.size);
        enum status status = pair(context, key, value);
        memset((void *)(uintptr_t)key.data, 0xee, key.size);
        memset((void *)(uintptr_t)value.data, 0xee, value.size);
        arena_free(&shown);
        TRY(status);
    }
    return OK;
}

/* ---- batches ------------------------------------------------------------------------------ */

static struct diag diag;
static struct plan *plan;
static int64_t spent;
static int64_t largest_spend;

static void count_rows(void *self, int64_t rows, int64_t bytes)
{
    spent += rows;
    largest_spend = rows > largest_spend ? rows : largest_spend;
    cr_assert(ge(i64, bytes, 0));
}

static void begin(void)
{
    store.count = 0;
}

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(stateful_aggregate, .init = begin, .fini = end);

/* Windows of 5 seconds, a watermark 10 seconds behind. */
static void compile(const char *group_by, const char *rest, const char *mode)
{
    const char *json = arena_printf(
        &arena,
        "{\"name\": \"q\", \"source\": {\"subscribe\": \"f\", \"schema\": {\"t\": \"timestamp\", "
        "\"s\": \"string\", \"l\": \"long\"}}, \"withWatermark\": {\"eventTime\": \"t\", "
        "\"delayThreshold\": \"10 seconds\"}, \"groupBy\": [%s], %s, \"sink\": {\"path\": \"/t\", "
        "\"outputMode\": \"%s\"}, \"options\": {\"checkpointLocation\": \"/c\"}}",
        group_by,
        rest,
        mode);
    enum status status = plan_compile(&arena, "p", bytes_of_text(json), NULL, &plan, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
}

#define WINDOW "{\"window\": {\"timeColumn\": \"t\", \"windowDuration\": \"5 seconds\"}}"
#define COUNT                                                                                      \
    "\"agg\": [{\"as\": \"n\", \"is\": \"count(*)\"}], \"select\": [{\"as\": \"s\", \"is\": "      \
    "\"window.start\"}, \"n\"]"

/* A clock that moves by `step_us` with each look at it. */
static int64_t step_us = 7;

static int64_t look(void *self)
{
    static int64_t now_us = INT64_C(1000000);
    return now_us += step_us;
}

struct outcome {
    enum status status;
    struct columns *rows;
    struct stateful_metrics metrics;
};

/* A batch of records by the late and the eviction threshold, in seconds. */
static struct outcome batch(const char *const *records, int64_t late, int64_t evict)
{
    static const struct clock_ops ops = {.now_us = look, .spend = count_rows};
    const struct clock_port clock = {.ops = &ops};
    struct decoder *decoder = decoder_new(&arena, &plan->source, plan->mode);
    struct groups *groups = groups_new(&arena, plan->aggregation);
    for (; *records != NULL; records++) {
        struct columns *row = columns_new(&arena, &plan->source, 1);
        enum status status = decoder_row(decoder, &arena, bytes_of_text(*records), row, &diag);
        cr_assert(eq(int, status, OK));
        cr_assert(eq(int, groups_add(groups, &arena, row, &diag), OK));
    }
    struct stateful_aggregate operator= {.plan = plan,
                                         .clock = &clock,
                                         .store = &store,
                                         .late_ms = late * 1000,
                                         .evict_ms = evict * 1000};
    struct outcome outcome = {0};
    outcome.status =
        stateful_aggregate_run(&operator, & arena, groups, &outcome.rows, &outcome.metrics, &diag);
    return outcome;
}

/* The same of seconds alone; -1 ends them. */
static struct outcome seconds(const int *times, int64_t late, int64_t evict)
{
    const char *records[16] = {NULL};
    for (size_t i = 0; times[i] >= 0; i++) {
        records[i] = arena_printf(&arena, "{\"t\": %d}", times[i]);
    }
    return batch(records, late, evict);
}
#define SECONDS(...) ((const int[]){__VA_ARGS__, -1})

/* Windows by their start, with their counts; a start of -1 ends them. */
static void expect_rows(struct outcome outcome, const int64_t (*rows)[2])
{
    size_t count = 0;
    cr_assert(eq(int, outcome.status, OK), "%s", diag.text);
    for (; rows[count][0] >= 0; count++) {
        cr_assert(lt(sz, count, outcome.rows->rows));
        cr_assert(
            eq(i64, outcome.rows->columns[0].values.longs[count], rows[count][0] * US_PER_SECOND));
        cr_assert(eq(i64, outcome.rows->columns[1].values.longs[count], rows[count][1]));
    }
    cr_assert(eq(sz, outcome.rows->rows, count));
}
#define EXPECT_ROWS(outcome, ...) expect_rows(outcome, (const int64_t[][2]){__VA_ARGS__, {-1, 0}})
#define NOTHING                                                                                    \
    {                                                                                              \
        -1, 0                                                                                      \
    }

static void expect_metrics(struct outcome outcome, int64_t updated, int64_t removed, int64_t late)
{
    cr_assert(eq(i64, outcome.metrics.rows_updated, updated));
    cr_assert(eq(i64, outcome.metrics.rows_removed, removed));
    cr_assert(eq(i64, outcome.metrics.rows_dropped_by_watermark, late));
}

Test(stateful_aggregate, its_two_halves_are_timed)
{
    compile(WINDOW, COUNT, "append");
    struct outcome outcome = seconds(SECONDS(10, 11), 0, 0);
    cr_assert(eq(i64, outcome.metrics.updates_us, 7));
    cr_assert(eq(i64, outcome.metrics.removals_us, 7));
    step_us = -7; /* somebody sets the clock back */
    outcome = seconds(SECONDS(10, 11), 0, 0);
    cr_assert(eq(i64, outcome.metrics.updates_us, 0));
    cr_assert(eq(i64, outcome.metrics.removals_us, 0));
}

Test(stateful_aggregate, append_as_sparks_suite_has_it)
{
    compile(WINDOW, COUNT, "append");
    struct outcome b0 = seconds(SECONDS(10, 11, 12, 13, 14, 15), 0, 0);
    EXPECT_ROWS(b0, NOTHING);
    expect_metrics(b0, 2, 0, 0);
    EXPECT_ROWS(seconds(SECONDS(-1), 0, 5), NOTHING); /* no data, Wm 5 */
    EXPECT_ROWS(seconds(SECONDS(25), 5, 5), NOTHING);
    struct outcome b3 = seconds(SECONDS(-1), 5, 15);
    EXPECT_ROWS(b3, {10, 5});
    expect_metrics(b3, 0, 1, 0);
    cr_assert(eq(sz, store.count, 2));
    struct outcome b4 = seconds(SECONDS(10), 15, 15);
    EXPECT_ROWS(b4, NOTHING);
    expect_metrics(b4, 0, 0, 1);
    cr_assert(eq(sz, store.count, 2));
}

/* The part of the suite that restarts: thresholds come from the logs. */
Test(stateful_aggregate, append_goes_on_after_a_restart)
{
    compile(WINDOW, COUNT, "append");
    (void)seconds(SECONDS(10, 11, 12, 13, 14, 15), 0, 0);
    (void)seconds(SECONDS(25), 5, 5);
    EXPECT_ROWS(seconds(SECONDS(-1), 5, 15), {10, 5});
    EXPECT_ROWS(seconds(SECONDS(10, 27, 30), 15, 15), NOTHING);
    EXPECT_ROWS(seconds(SECONDS(-1), 15, 20), {15, 1});
    EXPECT_ROWS(seconds(SECONDS(17), 20, 20), NOTHING);
    EXPECT_ROWS(seconds(SECONDS(40), 20, 20), NOTHING);
    EXPECT_ROWS(seconds(SECONDS(-1), 20, 30), {25, 2});
}

/* Behind the eviction threshold but not behind the late one: counted, emitted and gone at once. */
Test(stateful_aggregate, a_group_may_begin_and_end_in_one_batch)
{
    compile(WINDOW, COUNT, "append");
    struct outcome outcome = seconds(SECONDS(12, 13, 21), 10, 15);
    EXPECT_ROWS(outcome, {10, 2});
    expect_metrics(outcome, 2, 1, 0);
    cr_assert(eq(sz, store.count, 1));
}

Test(stateful_aggregate, late_groups_are_counted_not_late_rows)
{
    compile(WINDOW, COUNT, "append");
    struct outcome outcome = seconds(SECONDS(1, 2, 3, 7, 15), 10, 10);
    EXPECT_ROWS(outcome, NOTHING);
    expect_metrics(outcome, 1, 0, 2); /* [0, 5) and [5, 10): equality is late */
}

Test(stateful_aggregate, complete_keeps_and_emits_everything)
{
    compile(WINDOW, COUNT, "complete");
    EXPECT_ROWS(seconds(SECONDS(10, 11, 15), 0, 0), {10, 2}, {15, 1});
    struct outcome outcome = seconds(SECONDS(10, 25), 20, 30);
    EXPECT_ROWS(outcome, {25, 1}, {10, 3}, {15, 1}); /* the bytes of a time are little-endian */
    expect_metrics(outcome, 2, 0, 0);
    cr_assert(eq(sz, store.count, 3));
    EXPECT_ROWS(seconds(SECONDS(-1), 30, 30), {25, 1}, {10, 3}, {15, 1});
}

/* Rows come out in the order of the keys' bytes, with texts that outlive the state's rows. */
Test(stateful_aggregate, texts_and_nulls_come_out_whole)
{
    static const char *const records[] = {"{\"t\": 1, \"s\": \"b\", \"l\": 1}",
                                          "{\"t\": 2, \"l\": 5}",
                                          "{\"t\": 1, \"s\": \"a much longer name\", \"l\": 3}",
                                          "{\"t\": 2, \"s\": \"b\"}",
                                          NULL};
    static const char *const none[] = {NULL};
    compile(WINDOW ", \"s\"",
            "\"agg\": [{\"as\": \"least\", \"is\": \"min(s)\"}, {\"as\": \"mean\", \"is\": "
            "\"avg(l)\"}]",
            "append");
    cr_assert(eq(int, batch(records, 0, 0).status, OK));
    struct outcome outcome = batch(none, 0, 5);
    cr_assert(eq(int, outcome.status, OK));
    cr_assert(eq(sz, outcome.rows->rows, 3));
    cr_assert(eq(sz, store.count, 0));
    const struct column *columns = outcome.rows->columns;
    size_t named = 0;
    for (size_t i = 0; i < 3; i++) {
        cr_assert(eq(i64, columns[1].values.longs[i], 5 * US_PER_SECOND));
        cr_assert(eq(int, columns[2].present[i], columns[3].present[i]));
        cr_assert(bytes_equal(columns[2].values.strings[i], columns[3].values.strings[i]));
        double mean = columns[2].present[i] == 0                            ? 5
                      : bytes_equal_text(columns[2].values.strings[i], "b") ? 1
                                                                            : 3;
        cr_assert(eq(dbl, columns[4].values.doubles[i], mean));
        named += columns[2].present[i];
    }
    cr_assert(eq(sz, named, 2));
}

Test(stateful_aggregate, computing_is_charged_in_small_pieces)
{
    compile("\"l\", " WINDOW, "\"agg\": [{\"as\": \"n\", \"is\": \"count(*)\"}]", "append");
    static const char *records[9001];
    for (int i = 0; i < 9000; i++) {
        records[i] = arena_printf(&arena, "{\"t\": 1, \"l\": %d}", i);
    }
    spent = 0;
    largest_spend = 0;
    struct outcome outcome = batch(records, 0, 5);
    cr_assert(eq(int, outcome.status, OK));
    cr_assert(eq(sz, outcome.rows->rows, 9000));
    cr_assert(eq(i64, spent, 3 * 9000)); /* put, looked at, emitted */
    cr_assert(le(i64, largest_spend, SPEND_ROWS_MAX));
    struct bytes before = bytes_of(NULL, 0);
    for (size_t i = 1; i < 9000; i++) {
        struct buf key = {0};
        const struct column *columns = outcome.rows->columns;
        struct cell cells[3] = {{true, {.number = columns[0].values.longs[i]}},
                                {true, {.number = columns[1].values.longs[i]}},
                                {true, {.number = columns[2].values.longs[i]}}};
        unsafe_row_encode(&plan->aggregation->key, cells, &key);
        cr_assert(lt(int, bytes_compare(before, buf_bytes(&key)), 0));
        before = kept(buf_bytes(&key));
        buf_free(&key);
    }
}

Test(stateful_aggregate, errors_name_what_is_wrong)
{
    static const char *const one[] = {"{\"t\": 1, \"l\": 1}", NULL};
    static const char *const most[] = {"{\"t\": 1, \"l\": 9223372036854775807}", NULL};
    static const char *const none[] = {NULL};
    compile(WINDOW, "\"agg\": [{\"as\": \"total\", \"is\": \"sum(l)\"}]", "append");
    cr_assert(eq(int, batch(most, 0, 0).status, OK));
    cr_assert(eq(int, batch(one, 0, 0).status, ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "ARITHMETIC_OVERFLOW"));
    diag = (struct diag){0};
    store.pairs[0].value.size -= 8;
    cr_assert(eq(int, batch(one, 0, 0).status, ERR_CORRUPT));
    cr_assert(eq(str, diag.error_class, "STATE_STORE_VALUE_ROW_FORMAT_VALIDATION_FAILURE"));
    diag = (struct diag){0};
    store.pairs[0].key.size -= 8;
    cr_assert(eq(int, batch(none, 0, 0).status, ERR_CORRUPT));
    cr_assert(eq(str, diag.error_class, "STATE_STORE_KEY_ROW_FORMAT_VALIDATION_FAILURE"));
}
