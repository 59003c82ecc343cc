/* The rules of the watermark, and Spark's own example of it batch by batch. */
#include "engine/driver/watermark.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const struct watermark ten_seconds = {.delay_ms = 10000};

Test(watermark, never_goes_back_and_never_below_zero)
{
    cr_assert(eq(i64, watermark_next_ms(&ten_seconds, 0, 25000), 15000));
    cr_assert(eq(i64, watermark_next_ms(&ten_seconds, 15000, 20000), 15000));
    cr_assert(eq(i64, watermark_next_ms(&ten_seconds, 15000, 25000), 15000));
    cr_assert(eq(i64, watermark_next_ms(&ten_seconds, 15000, 25001), 15001));
    cr_assert(eq(i64, watermark_next_ms(&ten_seconds, 0, 9999), 0));
    cr_assert(eq(i64, watermark_next_ms(&ten_seconds, 0, -5000), 0));
    cr_assert(eq(i64, watermark_next_ms(&ten_seconds, 7, INT64_MIN), 7));
    cr_assert(eq(i64, watermark_next_ms(&ten_seconds, 7, INT64_MIN + 1), 7));
    cr_assert(eq(i64, watermark_next_ms(&ten_seconds, 0, INT64_MAX), INT64_MAX - 10000));
    cr_assert(eq(i64, watermark_next_ms(NULL, 7, INT64_MAX), 7));
}

Test(watermark, observes_the_latest_of_all_tasks)
{
    struct task tasks[3] = {{.reported = true, .done.event_time_max_ms = INT64_MIN},
                            {.reported = true, .done.event_time_max_ms = -3},
                            {.reported = true, .done.event_time_max_ms = -8}};
    struct task_set set = {.tasks = tasks, .count = 3};
    cr_assert(eq(i64, watermark_observed_ms(&set), -3));
    set.count = 1;
    cr_assert(eq(i64, watermark_observed_ms(&set), INT64_MIN));
    set.count = 0;
    cr_assert(eq(i64, watermark_observed_ms(&set), INT64_MIN));
}

static struct aggregation by_window = {.event_time_key = 1};

static struct plan append_plan(void)
{
    struct plan plan = {.aggregation = &by_window, .output_mode = OUTPUT_APPEND};
    plan.options.no_data_batches = true;
    return plan;
}

Test(watermark, only_what_evicts_runs_without_data)
{
    struct plan plan = append_plan();
    cr_assert(watermark_closes_groups(&plan, 5000, 5001));
    cr_assert_not(watermark_closes_groups(&plan, 5000, 5000));
    plan.output_mode = OUTPUT_COMPLETE;
    cr_assert_not(watermark_closes_groups(&plan, 0, 5000));
    plan = append_plan();
    plan.options.no_data_batches = false;
    cr_assert_not(watermark_closes_groups(&plan, 0, 5000));
    plan = append_plan();
    plan.aggregation = NULL;
    cr_assert_not(watermark_closes_groups(&plan, 0, 5000));
    struct aggregation timeless = {.event_time_key = -1};
    plan = append_plan();
    plan.aggregation = &timeless;
    cr_assert_not(watermark_closes_groups(&plan, 0, 5000));
}

/* EventTimeWatermarkSuite, "append mode" (spark-checkpoint 3, golden vectors): which batches run,
 * and between which thresholds. Each row is what Kafka offers before a batch may be planned. */
Test(watermark, batches_of_sparks_example)
{
    static const struct {
        int64_t seen_ms; /* INT64_MIN: no new data */
        bool runs;
        int64_t late_ms;
        int64_t evict_ms;
    } rows[] = {{15000, true, 0, 0},
                {INT64_MIN, true, 0, 5000},
                {INT64_MIN, false, 5000, 5000},
                {25000, true, 5000, 5000},
                {INT64_MIN, true, 5000, 15000},
                {INT64_MIN, false, 15000, 15000},
                {10000, true, 15000, 15000},
                {INT64_MIN, false, 15000, 15000}};
    struct plan plan = append_plan();
    int64_t late_ms = 0;
    int64_t watermark_ms = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool has_data = rows[i].seen_ms != INT64_MIN;
        bool runs = has_data || watermark_closes_groups(&plan, late_ms, watermark_ms);
        cr_assert(eq(int, runs, rows[i].runs), "row %zu", i);
        cr_assert(eq(i64, late_ms, rows[i].late_ms), "row %zu", i);
        cr_assert(eq(i64, watermark_ms, rows[i].evict_ms), "row %zu", i);
        if (runs) {
            late_ms = watermark_ms;
            watermark_ms = watermark_next_ms(&ten_seconds, watermark_ms, rows[i].seen_ms);
        }
    }
}
