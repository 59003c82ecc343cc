/* The engine's range reader over the fake Kafka: retention that overtakes it, leaders that move,
 * brokers that go away. Expectations come from what was appended, never from the reader. */
#include "engine/source/kafka_source.h"

#include <stdio.h>

#include "engine/base/heap.h"
#include "sim/fakes/broker_world_test.h"

#define SECOND US_PER_SECOND

enum { SEEN_MAX = 4096 };

static struct plan plan;
static struct diag diag;
static struct kafka_range range;
static enum status status;
static int64_t seen[SEEN_MAX];
static size_t seen_count;
static int64_t slow_at; /* the reader dawdles after this offset ... */
static int64_t slow_us; /* ... so long */

static enum status see(void *context, const struct broker_record *record, struct diag *ignored)
{
    (void)context;
    (void)ignored;
    char expected[24];
    (void)snprintf(expected, sizeof expected, "v%lld", (long long)record->offset);
    cr_assert(bytes_equal_text(record->value, expected));
    seen[seen_count++] = record->offset;
    if (record->offset == slow_at) {
        const struct clock_port *clock = &current_process->ports->clock;
        clock_sleep_until(clock, clock_now_us(clock) + slow_us);
    }
    return OK;
}

static void reads(void *context)
{
    (void)context;
    struct arena scratch = {0};
    seen_count = 0;
    diag = (struct diag){0};
    struct kafka_reading reading = {.ports = current_process->ports,
                                    .plan = &plan,
                                    .range = &range,
                                    .scratch = &scratch,
                                    .record = see};
    status = kafka_read_range(&reading, &diag);
    arena_free(&scratch);
}

/* `count` records, "v<offset>", one a batch, with timestamps `step_ms` apart from now on. */
static void fill(struct world *world, int64_t count, int64_t step_ms)
{
    int64_t begin_ms = world_now_ms(world);
    struct process *previous = kernel_enter(world->kernel);
    for (int64_t i = 0; i < count; i++) {
        char *text = heap_alloc(24);
        (void)snprintf(text, 24, "v%lld", (long long)i);
        cr_assert(eq(int, world_append(world, 0, begin_ms + i * step_ms, text), BROKER_NONE));
    }
    kernel_leave(world->kernel, previous);
    world_pass(world, SECOND);
}

static void setup(struct world *world, uint32_t brokers)
{
    world_new(world, brokers, 1, false);
    slow_at = -1;
    range = (struct kafka_range){.from = 0, .until = 100};
    plan = (struct plan){.topic = "flights",
                         .options = {.fail_on_data_loss = true,
                                     .request_timeout_us = 30 * SECOND,
                                     .api_timeout_us = 60 * SECOND,
                                     .poll_timeout_us = 120 * SECOND,
                                     .fetch_retries = 3,
                                     .fetch_retry_interval_us = SECOND,
                                     .fetch_bytes_max = 1000}};
}

static void expect_seen(int64_t from, int64_t until)
{
    cr_assert(eq(sz, seen_count, (size_t)(until - from)));
    for (size_t i = 0; i < seen_count; i++) {
        cr_assert(eq(i64, seen[i], from + (int64_t)i));
    }
}

Test(kafka_range_fake, reads_every_record_of_the_range_once)
{
    struct world world;
    setup(&world, 1);
    world_begin(&world);
    fill(&world, 200, 1);
    range = (struct kafka_range){.from = 17, .until = 133};
    world_run(&world, reads);
    cr_assert(eq(int, status, OK));
    expect_seen(17, 133);
    world_free(&world);
}

/* Batches with gaps: the range ends in one, and is complete all the same. */
Test(kafka_range_fake, a_range_that_ends_in_a_gap)
{
    struct world world;
    setup(&world, 1);
    world_begin(&world);
    const struct bytes values[] = {bytes_of_text("v0"), bytes_of_text("v5")};
    const struct fake_broker_batch batch = {.values = values, .count = 2, .stride = 5};
    cr_assert(eq(int, fake_broker_append(world.broker, &batch), BROKER_NONE));
    range = (struct kafka_range){.from = 0, .until = 10};
    world_run(&world, reads);
    cr_assert(eq(int, status, OK));
    cr_assert(eq(sz, seen_count, 2));
    range = (struct kafka_range){.from = 1, .until = 4}; /* nothing but gap */
    world_run(&world, reads);
    cr_assert(eq(int, status, OK));
    cr_assert(eq(sz, seen_count, 0));
    world_free(&world);
}

/* R14: retention takes the rest of the range while the reader is in it. Segments of 10 records, a
 * minute each; 10 minutes of retention; the reader stops for 9 minutes at offset 12. */
static void overtaken(struct world *world, bool fail_on_data_loss)
{
    setup(world, 1);
    world->topic.segment_ms = 9 * 60000;
    world->topic.retention_ms = 10 * 60000;
    world_begin(world);
    fill(world, 100, 60000);
    world_pass(world, 21 * US_PER_MINUTE); /* 0 to 9 have expired by now */
    cr_assert(eq(i64, fake_broker_log_start(world->broker, 0, 0), 10));
    range = (struct kafka_range){.from = 10, .until = 60};
    plan.options.fail_on_data_loss = fail_on_data_loss;
    slow_at = 12;
    slow_us = 25 * US_PER_MINUTE;
    world_run(world, reads);
}

Test(kafka_range_fake, r14_retention_overtakes_the_reader_and_is_refused)
{
    struct world world;
    overtaken(&world, true);
    int64_t log_start = fake_broker_log_start(world.broker, 0, 0);
    cr_assert(gt(i64, log_start, 20));
    cr_assert(eq(int, status, ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "DATA_LOSS"));
    /* What had been fetched already was delivered; nothing behind it. */
    cr_assert(ge(i64, seen[seen_count - 1], 12));
    cr_assert(lt(i64, seen[seen_count - 1], log_start));
    char expected[64];
    (void)snprintf(expected, sizeof expected, "earliest available %lld", (long long)log_start);
    cr_assert(strstr(diag.text, expected) != NULL, "%s", diag.text);
    cr_assert(eq(sz, world.skipped_count, 0));
    world_free(&world);
}

Test(kafka_range_fake, r14_retention_overtakes_the_reader_and_is_reported)
{
    struct world world;
    overtaken(&world, false);
    int64_t log_start = fake_broker_log_start(world.broker, 0, 0);
    cr_assert(eq(int, status, OK));
    cr_assert(eq(sz, world.skipped_count, 1));
    const struct trace_record *skipped = &world.skipped[0];
    cr_assert(eq(i64, skipped->c, log_start));
    /* Seen and skipped tile the range exactly. */
    int64_t next = 10;
    for (size_t i = 0; i < seen_count; i++) {
        if (next == skipped->b) {
            next = skipped->c;
        }
        cr_assert(eq(i64, seen[i], next));
        next++;
    }
    cr_assert(eq(i64, next, 60));
    world_free(&world);
}

/* All of the range has expired: skipped whole, and not one offset more. */
Test(kafka_range_fake, an_expired_range_is_skipped_whole)
{
    struct world world;
    setup(&world, 1);
    world_begin(&world);
    fill(&world, 100, 1);
    cr_assert(eq(int, fake_broker_delete_records(world.broker, 0, 0, 80), BROKER_NONE));
    plan.options.fail_on_data_loss = false;
    range = (struct kafka_range){.from = 20, .until = 50};
    world_run(&world, reads);
    cr_assert(eq(int, status, OK));
    cr_assert(eq(sz, seen_count, 0));
    cr_assert(eq(i64, world.skipped[0].b, 20));
    cr_assert(eq(i64, world.skipped[0].c, 50));
    world_free(&world);
}

/* DeleteRecords in the middle of a batch: its record below the log start never comes back. */
Test(kafka_range_fake, a_log_start_inside_a_batch)
{
    struct world world;
    setup(&world, 1);
    world_begin(&world);
    const struct bytes values[] = {
        bytes_of_text("v0"), bytes_of_text("v1"), bytes_of_text("v2"), bytes_of_text("v3")};
    const struct fake_broker_batch batch = {.values = values, .count = 4, .stride = 1};
    cr_assert(eq(int, fake_broker_append(world.broker, &batch), BROKER_NONE));
    cr_assert(eq(int, fake_broker_delete_records(world.broker, 0, 0, 2), BROKER_NONE));
    range = (struct kafka_range){.from = 0, .until = 4};
    plan.options.fail_on_data_loss = false;
    world_run(&world, reads);
    cr_assert(eq(int, status, OK));
    expect_seen(2, 4);
    cr_assert(eq(i64, world.skipped[0].c, 2));
    world_free(&world);
}

static void move_leader(void *context, uint64_t to)
{
    struct world *world = context;
    cr_assert(fake_broker_move_leader(world->broker, 0, 0, (uint32_t)to));
}

static void crash(void *context, uint64_t index)
{
    fake_broker_crash(((struct world *)context)->broker, (uint32_t)index, false);
}

static void restart(void *context, uint64_t index)
{
    fake_broker_restart(((struct world *)context)->broker, (uint32_t)index);
}

Test(kafka_range_fake, leaders_move_under_the_reader)
{
    struct world world;
    setup(&world, 3);
    world_begin(&world);
    fill(&world, 100, 1);
    for (uint64_t i = 0; i < 6; i++) {
        int64_t at_us = kernel_now_us(world.kernel) + 3000 + (int64_t)i * 150000;
        kernel_at(world.kernel, at_us, move_leader, &world, 2 - i % 2);
    }
    world_run(&world, reads);
    cr_assert(eq(int, status, OK));
    expect_seen(0, 100);
    cr_assert(gt(int, world.leader_changes, 1));
    world_free(&world);
}

Test(kafka_range_fake, the_leader_dies_under_the_reader)
{
    struct world world;
    setup(&world, 3);
    world_begin(&world);
    fill(&world, 100, 1);
    kernel_at(world.kernel, kernel_now_us(world.kernel) + 5000, crash, &world, 1);
    int64_t begin_us = kernel_now_us(world.kernel);
    world_run(&world, reads);
    cr_assert(eq(int, status, OK));
    expect_seen(0, 100);
    int64_t took_us = kernel_now_us(world.kernel) - begin_us;
    cr_assert(gt(i64, took_us, 9 * SECOND));
    cr_assert(lt(i64, took_us, 12 * SECOND));
    world_free(&world);
}

Test(kafka_range_fake, the_only_broker_is_down_for_a_while)
{
    struct world world;
    setup(&world, 1);
    world_begin(&world);
    fill(&world, 100, 1);
    kernel_at(world.kernel, kernel_now_us(world.kernel) + 5000, crash, &world, 1);
    kernel_at(world.kernel, kernel_now_us(world.kernel) + 60 * SECOND, restart, &world, 1);
    world_run(&world, reads);
    cr_assert(eq(int, status, OK));
    expect_seen(0, 100);
    world_free(&world);
}

/* Down for good: a failure after the poll timeout that says what is missing; never "done". */
Test(kafka_range_fake, a_broker_that_stays_away_is_a_timeout)
{
    struct world world;
    setup(&world, 1);
    world_begin(&world);
    fill(&world, 100, 1);
    kernel_at(world.kernel, kernel_now_us(world.kernel) + 5000, crash, &world, 1);
    int64_t begin_us = kernel_now_us(world.kernel);
    world_run(&world, reads);
    cr_assert(eq(int, status, ERR_TIMEOUT));
    cr_assert(lt(sz, seen_count, 100));
    char expected[64];
    (void)snprintf(expected, sizeof expected, "offsets %zu to 99 did not come", seen_count);
    cr_assert(strstr(diag.text, expected) != NULL, "%s", diag.text);
    int64_t took_us = kernel_now_us(world.kernel) - begin_us;
    cr_assert(ge(i64, took_us, 120 * SECOND));
    cr_assert(lt(i64, took_us, 125 * SECOND));
    world_free(&world);
}

/* R21: the tail that was planned is lost with the machine; the cause is named. */
Test(kafka_range_fake, a_truncated_log)
{
    struct world world;
    setup(&world, 1);
    world_begin(&world);
    fill(&world, 100, 1);
    fake_broker_crash(world.broker, 1, true);
    fake_broker_restart(world.broker, 1);
    cr_assert(eq(i64, fake_broker_readable_end(world.broker, 0, 0), 0));
    range = (struct kafka_range){.from = 40, .until = 100};
    world_run(&world, reads);
    cr_assert(eq(int, status, ERR_FAILED));
    cr_assert(strstr(diag.text, "the log is shorter") != NULL, "%s", diag.text);
    plan.options.fail_on_data_loss = false;
    world_run(&world, reads);
    cr_assert(eq(int, status, OK));
    cr_assert(eq(i64, world.skipped[0].b, 40));
    cr_assert(eq(i64, world.skipped[0].c, 100));
    world_free(&world);
}
