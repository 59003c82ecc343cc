/* Same seed, same trace; keyed draws do not shift; costs; the event heap; the trace itself. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"
#include "sim/kernel/costs.h"
#include "sim/kernel/event_heap.h"
#include "sim/kernel/kernel.h"

/* ---- event heap ---- */

Test(event_heap, pops_in_the_total_order)
{
    struct event_heap heap = {0};
    for (uint64_t i = 0; i < 3000; i++) {
        event_heap_push(&heap,
                        &(struct event){.time_us = (int64_t)(hash_mix64(i) % 50),
                                        .tie = hash_mix64(i + 9) % 3,
                                        .sequence = i});
        if (i % 5 == 4) {
            (void)event_heap_pop(&heap);
        }
    }
    struct event last = event_heap_pop(&heap);
    for (size_t left = heap.count; left > 0; left--) {
        struct event next = event_heap_pop(&heap);
        bool ordered =
            last.time_us < next.time_us ||
            (last.time_us == next.time_us &&
             (last.tie < next.tie || (last.tie == next.tie && last.sequence < next.sequence)));
        cr_assert(ordered);
        last = next;
    }
    cr_assert(eq(ptr, (void *)(uintptr_t)event_heap_top(&heap), NULL));
    event_heap_free(&heap);
}

/* ---- trace ---- */

static struct trace_record record_at(uint64_t index)
{
    return (struct trace_record){.index = index,
                                 .time_us = (int64_t)index * 10,
                                 .process = 1,
                                 .kind = EVENT_BATCH_PLANNED,
                                 .batch = 3,
                                 .process_name = "driver",
                                 .text = ""};
}

static uint64_t hash_of(size_t count, size_t changed, struct trace **kept)
{
    struct trace *trace = trace_new();
    for (size_t i = 0; i < count; i++) {
        struct trace_record record = record_at(i);
        char text[32];
        (void)snprintf(text, sizeof text, "%s%zu", i == changed ? "changed" : "text", i);
        record.text = text;
        trace_append(trace, &record);
    }
    uint64_t hash = trace_hash(trace);
    if (kept != NULL) {
        *kept = trace;
    } else {
        trace_free(trace);
    }
    return hash;
}

Test(trace, the_ladder_names_the_first_rung_that_differs)
{
    struct trace *a = NULL;
    struct trace *b = NULL;
    size_t rungs_a = 0;
    size_t rungs_b = 0;
    cr_assert(ne(u64, hash_of(5 * TRACE_RUNG, SIZE_MAX, &a), hash_of(5 * TRACE_RUNG, 9000, &b)));
    const uint64_t *ladder_a = trace_ladder(a, &rungs_a);
    const uint64_t *ladder_b = trace_ladder(b, &rungs_b);
    cr_assert(eq(sz, rungs_a, 5));
    cr_assert(eq(sz, rungs_b, 5));
    for (size_t i = 0; i < 5; i++) {
        cr_assert(eq(int, ladder_a[i] == ladder_b[i], i < 9000 / TRACE_RUNG));
    }
    cr_assert(eq(u64, trace_count(a), 5 * TRACE_RUNG));
    trace_free(a);
    trace_free(b);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

Test(trace, the_last_events_are_kept_with_their_texts)
{
    struct trace *trace = NULL;
    (void)hash_of(1000, SIZE_MAX, &trace);
    cr_assert(eq(sz, trace_kept(trace), TRACE_KEPT));
    for (size_t i = 0; i < TRACE_KEPT; i++) {
        const struct trace_record *record = trace_last(trace, i);
        char text[32];
        (void)snprintf(text, sizeof text, "text%zu", 800 + i);
        cr_assert(eq(u64, record->index, 800 + i));
        cr_assert(eq(int, strcmp(record->text, text), 0));
    }
    trace_free(trace);
}

Test(trace, every_field_counts_in_the_hash)
{
    uint64_t seen[9] = {0};
    for (int field = 0; field < 9; field++) {
        struct trace_record record = record_at(0);
        record.time_us += field == 1;
        record.process += field == 2;
        record.kind += field == 3;
        record.batch += field == 4;
        record.a += field == 5;
        record.b += field == 6;
        record.c += field == 7;
        record.text = field == 8 ? "x" : "";
        struct trace *trace = trace_new();
        trace_append(trace, &record);
        seen[field] = trace_hash(trace);
        trace_free(trace);
        for (int other = 0; other < field; other++) {
            cr_assert(ne(u64, seen[field], seen[other]), "fields %d and %d", field, other);
        }
    }
}

Test(trace, an_event_is_one_line_of_json)
{
    struct trace_record record = record_at(12);
    record.time_us = 978307200000000;
    record.text = "a \"quoted\"\npath";
    record.a = -5;
    struct buf out = {0};
    trace_json(&record, &out);
    buf_byte(&out, '\0');
    cr_assert(eq(str,
                 (char *)out.data,
                 "{\"index\":12,\"time\":\"2001-01-01T00:00:00.000000Z\",\"process\":\"driver\","
                 "\"incarnation\":0,\"event\":\"batch-planned\",\"batch\":3,\"a\":-5,\"b\":0,"
                 "\"c\":0,\"text\":\"a \\\"quoted\\\"\\npath\"}\n"));
    buf_free(&out);
    cr_assert(eq(int, strcmp(trace_kind_name(WORLD_GAVE_UP), "gave-up"), 0));
}

/* ---- draws and costs ---- */

static struct kernel *kernel_with(uint64_t seed, bool noise)
{
    struct kernel_config config = {.seed = seed, .noise = noise, .start_us = 0};
    struct kernel *kernel = kernel_new(&config);
    (void)kernel_machine_add(kernel, "machine 1");
    return kernel;
}

Test(draws, depend_on_every_key_and_on_nothing_else)
{
    struct kernel *kernel = kernel_with(5, true);
    struct kernel *other = kernel_with(6, true);
    uint64_t drawn = kernel_draw(kernel, "label", 1, 2, 3);
    cr_assert(ne(u64, kernel_draw(other, "label", 1, 2, 3), drawn));
    cr_assert(ne(u64, kernel_draw(kernel, "lable", 1, 2, 3), drawn));
    cr_assert(ne(u64, kernel_draw(kernel, "label", 2, 2, 3), drawn));
    cr_assert(ne(u64, kernel_draw(kernel, "label", 1, 3, 2), drawn));
    cr_assert(ne(u64, kernel_draw(kernel, "label", 1, 2, 4), drawn));
    cr_assert(eq(u64, kernel_draw(kernel, "label", 1, 2, 3), drawn), "there is no stream");
    /* The same on every machine and in every build, for ever. */
    cr_assert(eq(u64, drawn, UINT64_C(4925007297580866651)));
    kernel_free(kernel);
    kernel_free(other);
}

Test(draws, a_chance_is_its_ratio)
{
    struct kernel *kernel = kernel_with(5, true);
    int hits = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        hits += kernel_chance(kernel, "c", 0, i, 0, 3, 10);
        cr_assert(not(kernel_chance(kernel, "c", 0, i, 0, 0, 10)));
        cr_assert(kernel_chance(kernel, "c", 0, i, 0, 10, 10));
    }
    cr_assert(gt(int, hits, 2800));
    cr_assert(lt(int, hits, 3200));
    kernel_free(kernel);
}

Test(costs, are_the_table_without_noise_and_vary_with_it)
{
    struct kernel *quiet = kernel_with(5, false);
    struct kernel *noisy = kernel_with(5, true);
    int64_t base = cost_base_us(COST_OBJECT_PUT, 100000);
    cr_assert(eq(i64, base, 31000));
    int spikes = 0;
    int64_t sum = 0;
    for (int i = 0; i < 4096; i++) {
        cr_assert(eq(i64, kernel_cost_us(quiet, NULL, COST_OBJECT_PUT, 100000), base));
        int64_t cost = kernel_cost_us(noisy, NULL, COST_OBJECT_PUT, 100000);
        bool spike = cost >= 8 * base && cost < 24 * base;
        bool usual = cost >= base / 2 && cost <= base * 3 / 2;
        cr_assert(spike || usual);
        spikes += spike;
        sum += usual ? cost : 0;
    }
    cr_assert(gt(int, spikes, 10));
    cr_assert(lt(int, spikes, 64));
    cr_assert(gt(i64, sum / 4096, base * 9 / 10));
    cr_assert(lt(i64, sum / 4096, base * 11 / 10));
    cr_assert(eq(i64, cost_base_us(COST_NETWORK_MESSAGE, INT64_MAX) > 0, 1));
    kernel_free(quiet);
    kernel_free(noisy);
}

struct spending {
    struct kernel *kernel;
    int64_t took_us;
};

static void spend_rows(void *argument)
{
    struct spending *spending = argument;
    const struct clock_port *clock = &current_process->ports->clock;
    int64_t began_us = clock_now_us(clock);
    for (int i = 0; i < 1000; i++) {
        clock_spend(clock, 3, 7);
    }
    spending->took_us = clock_now_us(clock) - began_us;
}

static int64_t spent_us(struct kernel *kernel)
{
    struct spending spending = {.kernel = kernel};
    (void)kernel_spawn(
        kernel,
        &(struct sim_process_config){
            .role = ROLE_EXECUTOR, .name = "executor", .entry = spend_rows, .argument = &spending});
    cr_assert(eq(int, kernel_run(kernel, NULL, NULL, INT64_MAX), KERNEL_IDLE));
    return spending.took_us;
}

Test(costs, of_a_machine_that_is_as_quick_as_a_given_one)
{
    struct kernel_config quick = {.fsync_us = 300, .row_ns = 125};
    struct kernel *table = kernel_with(5, false);
    struct kernel *kernel = kernel_new(&quick);
    (void)kernel_machine_add(kernel, "machine 1");
    cr_assert(eq(i64, kernel_cost_us(table, NULL, COST_DISK_FSYNC, 1000000), 7000));
    cr_assert(eq(i64, kernel_cost_us(kernel, NULL, COST_DISK_FSYNC, 1000000), 700));
    cr_assert(eq(i64, kernel_cost_us(kernel, NULL, COST_DISK_FSYNC_DIR, 0), 200));
    cr_assert(eq(i64, kernel_cost_us(kernel, NULL, COST_DISK_FSYNC, INT64_MAX) > 0, 1));
    cr_assert(eq(i64,
                 kernel_cost_us(kernel, NULL, COST_OBJECT_PUT, 100000),
                 cost_base_us(COST_OBJECT_PUT, 100000)));
    /* 3 rows of 500 ns and 7 bytes of 2 ns, a thousand times; a quarter of it, rounded down each
     * time. */
    cr_assert(eq(i64, spent_us(table), 1514));
    cr_assert(eq(i64, spent_us(kernel), 378));
    kernel_free(table);
    kernel_free(kernel);
}

/* ---- whole runs ---- */

struct actor {
    struct kernel *kernel;
    int steps;
};

static void side_fiber(void *argument)
{
    struct actor *actor = argument;
    const struct ports *ports = current_process->ports;
    for (int i = 0; i < actor->steps; i++) {
        clock_sleep_until(&ports->clock, clock_now_us(&ports->clock) + 100);
        trace_event(&ports->trace, &(struct trace_entry){.kind = EVENT_TASK_SENT, .batch = i});
    }
}

static void live(void *argument)
{
    struct actor *actor = argument;
    const struct ports *ports = current_process->ports;
    fibers_spawn(&ports->fibers, side_fiber, actor);
    for (int i = 0; i < actor->steps; i++) {
        struct sim_process *self = kernel_current(actor->kernel);
        kernel_wait(actor->kernel, kernel_cost_us(actor->kernel, self, COST_BROKER_REQUEST, 0));
        clock_spend(&ports->clock, 300, 100);
        uint64_t drawn = random_draw(&ports->random, "step", (uint64_t)i, 0);
        trace_event(&ports->trace,
                    &(struct trace_entry){.kind = EVENT_TASK_STARTED,
                                          .batch = i,
                                          .a = (int64_t)(drawn % 1000),
                                          .text = current_process->name});
        kernel_wait(actor->kernel, 100);
    }
}

static uint64_t run_hash(uint64_t seed, bool noise, int processes)
{
    struct kernel *kernel = kernel_with(seed, noise);
    struct actor actor = {.kernel = kernel, .steps = 40};
    for (int i = 0; i < processes; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "executor %d", i + 1);
        struct sim_process_config config = {
            .role = ROLE_EXECUTOR, .name = name, .entry = live, .argument = &actor};
        (void)kernel_spawn(kernel, &config);
    }
    cr_assert(eq(int, kernel_run(kernel, NULL, NULL, INT64_MAX), KERNEL_IDLE));
    uint64_t hash = trace_hash(kernel_trace_log(kernel));
    kernel_free(kernel);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
    return hash;
}

Test(kernel, same_seed_same_trace_whatever_ran_before)
{
    uint64_t first = run_hash(11, true, 4);
    uint64_t quiet = run_hash(11, false, 4);
    uint64_t other = run_hash(12, true, 4);
    (void)run_hash(11, true, 3);
    cr_assert(eq(u64, run_hash(11, true, 4), first));
    cr_assert(ne(u64, other, first));
    cr_assert(ne(u64, quiet, first));
    cr_assert(eq(u64, run_hash(11, false, 4), quiet));
}

Test(kernel, the_trace_of_a_run_is_the_same_in_every_build)
{
    cr_assert(eq(u64, run_hash(11, true, 4), UINT64_C(1568744409385227390)));
}
