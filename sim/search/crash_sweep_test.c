/* A run of three batches with a crash at every single port call of driver and executors; each must
 * recover, with every check and the oracle satisfied. What is told: the denominator. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/document.h"
#include "engine/base/heap.h"
#include "sim/search/sweep.h"

static struct arena arena;
static struct oracle *oracle;
static struct run_result *result;
static struct sweep_plan plan;

/* * store  one of its state_stores; NULL: the first, or it lists none */
static void record_under(const char *file, const char *store)
{
    struct scenario *base = NULL;
    struct diag diag = {0};
    document_setup();
    enum status loaded = scenario_load(&arena, file, NULL, &base, &diag);
    cr_assert(loaded == OK, "%s", diag.text);
    size_t index = store == NULL ? 0 : scenario_state_store(base, store);
    cr_assert(store == NULL || index < base->state_store_count);
    const struct scenario *scenario = scenario_under(&arena, base, index);
    oracle = oracle_new(scenario);
    result = heap_alloc(sizeof *result);
    bool recorded = sweep_record(&plan, scenario, oracle, result);
    cr_assert(recorded, "without a crash: %s: %s", result->failed_check, result->evidence);
}

static void record(const char *file)
{
    record_under(file, NULL);
}

static void forget(void)
{
    heap_free(result);
    oracle_free(oracle);
    arena_free(&arena);
}

static void must_recover(const struct sweep_point *point)
{
    char spec[SWEEP_SPEC_SIZE];
    sweep_run(&plan, point, oracle, result);
    sweep_format(&plan, point, spec);
    cr_expect(result->pass, "%s: %s: %s", spec, result->failed_check, result->evidence);
}

/* One in `stride` of the victim's points of this mode. */
static void sweep(size_t victim, size_t mode, uint64_t stride)
{
    uint64_t recovered = 0;
    uint64_t tried = 0;
    uint64_t calls = plan.victims[victim].calls;
    cr_assert(gt(u64, calls, 20));
    for (uint64_t call = 1; call <= calls; call += stride) {
        must_recover(&(struct sweep_point){.victim = victim, .mode = mode, .call = call});
        tried++;
        recovered += result->pass;
    }
    (void)fprintf(stderr,
                  "%s%s: recovered from a crash at %llu of %llu port calls (of %llu)\n",
                  plan.victims[victim].name,
                  sweep_mode(mode)->name,
                  (unsigned long long)recovered,
                  (unsigned long long)tried,
                  (unsigned long long)calls);
}

static const char on_disk[] = "scenarios/sweep/three-batches.json";
static const char on_objects[] = "scenarios/sweep/three-batches-objects.json";
static const char with_state[] = "scenarios/sweep/three-batches-stateful.json";

/* Modes as sweep_mode counts them. */
enum { ALONE, KEPT, DROPPED, CUT, GARBLED };

static void sweep_file(const char *file, size_t victim, size_t mode, uint64_t stride)
{
    record(file);
    sweep(victim, mode, stride);
    forget();
}

Test(crash_sweep, driver_at_every_port_call, .timeout = 600)
{
    sweep_file(on_disk, 0, ALONE, 1);
}

Test(crash_sweep, executor_1_at_every_port_call, .timeout = 600)
{
    sweep_file(on_disk, 1, ALONE, 1);
}

Test(crash_sweep, executor_2_at_every_port_call, .timeout = 600)
{
    sweep_file(on_disk, 2, ALONE, 1);
}

Test(crash_sweep, driver_at_every_port_call_over_objects, .timeout = 600)
{
    sweep_file(on_objects, 0, ALONE, 1);
}

Test(crash_sweep, executor_1_at_every_port_call_over_objects, .timeout = 600)
{
    sweep_file(on_objects, 1, ALONE, 1);
}

/* All that was not synced is gone: what a missing fsync shows. */
Test(crash_sweep, machine_of_the_driver_at_every_port_call, .timeout = 600)
{
    sweep_file(on_disk, 0, DROPPED, 1);
}

Test(crash_sweep, machine_of_executor_1_at_every_port_call, .timeout = 600)
{
    sweep_file(on_disk, 1, DROPPED, 1);
}

/* What was not synced is torn; `aftershock sweep` does all of them. */
Test(crash_sweep, machine_of_the_driver_with_torn_writes, .timeout = 600)
{
    record(on_disk);
    sweep(0, KEPT, 4);
    sweep(0, CUT, 3);
    sweep(0, GARBLED, 3);
    forget();
}

Test(crash_sweep, machine_of_executor_1_with_torn_writes, .timeout = 600)
{
    sweep_file(on_disk, 1, GARBLED, 2);
}

/* Blocks, state, snapshots, cleanup: more calls a run, so one in a few of them. */
Test(crash_sweep, driver_with_state, .timeout = 600)
{
    sweep_file(with_state, 0, ALONE, 1);
}

Test(crash_sweep, executor_1_with_state, .timeout = 600)
{
    sweep_file(with_state, 1, ALONE, 2);
}

Test(crash_sweep, executor_2_with_state, .timeout = 600)
{
    sweep_file(with_state, 2, ALONE, 3);
}

Test(crash_sweep, machine_of_the_driver_with_state, .timeout = 600)
{
    record(with_state);
    sweep(0, DROPPED, 5);
    sweep(0, CUT, 11);
    forget();
}

Test(crash_sweep, machine_of_executor_1_with_state, .timeout = 600)
{
    record(with_state);
    sweep(1, DROPPED, 3);
    sweep(1, GARBLED, 7);
    forget();
}

/* The state in RocksDB: twice the calls, at a dozen times the price, so a few of each kind; how the
 * database itself crashes is swept in sim/fakes/rocksdb_crash_test.c, the whole by `aftershock
 * sweep`. Strides without a common factor: every kind of call is met. */
static void sweep_rocksdb(const char *store)
{
    record_under(with_state, store);
    sweep(0, ALONE, 113);
    sweep(0, DROPPED, 127);
    sweep(1, ALONE, 67);
    sweep(1, DROPPED, 71);
    sweep(2, CUT, 103);
    sweep(2, GARBLED, 107);
    forget();
}

Test(crash_sweep, state_in_rocksdb, .timeout = 600)
{
    sweep_rocksdb("rocksdb");
}

Test(crash_sweep, state_in_rocksdb_with_changelogs, .timeout = 600)
{
    sweep_rocksdb("rocksdb-changelog");
}

/* Once more while it recovers: one in `first` points, and one in `second` of each recovery. */
static void sweep_again(const char *file, size_t victim, uint64_t first, uint64_t second)
{
    record(file);
    uint64_t pairs = 0;
    for (uint64_t call = 1; call <= plan.victims[victim].calls; call += first) {
        struct sweep_point point = {.victim = victim, .mode = call % SWEEP_MODES, .call = call};
        sweep_run(&plan, &point, oracle, result);
        uint64_t recovery = result->recovery_calls;
        for (point.second = 1; point.second <= recovery; point.second += second) {
            must_recover(&point);
            pairs++;
        }
    }
    cr_assert(gt(u64, pairs, 50));
    forget();
}

Test(crash_sweep, driver_again_in_the_recovery, .timeout = 600)
{
    sweep_again(on_disk, 0, 29, 41);
}

Test(crash_sweep, driver_again_in_the_recovery_with_state, .timeout = 600)
{
    sweep_again(with_state, 0, 41, 37);
}

Test(crash_sweep, executor_again_in_the_recovery_with_state, .timeout = 600)
{
    sweep_again(with_state, 1, 23, 29);
}

Test(crash_sweep, points_are_numbered_and_named)
{
    record(on_disk);
    cr_assert(eq(sz, plan.victim_count, 3));
    uint64_t stride = plan.point_count / 97;
    for (uint64_t i = 0; i < plan.point_count; i += stride) {
        char spec[SWEEP_SPEC_SIZE];
        struct sweep_point point = sweep_point(&plan, i);
        struct sweep_point read;
        point.second = i % 3;
        sweep_format(&plan, &point, spec);
        cr_assert(sweep_parse(&plan, spec, &read), "%s", spec);
        cr_assert(eq(sz, read.victim, point.victim));
        cr_assert(eq(sz, read.mode, point.mode));
        cr_assert(eq(u64, read.call, point.call));
        cr_assert(eq(u64, read.second, point.second));
    }
    static const char *const wrong[] = {"",
                                        "driver",
                                        "driver@0",
                                        "driver@1x",
                                        "driver@1+",
                                        "driver@1+0",
                                        "driver@999999",
                                        "driver machine@1",
                                        "executor 3@1",
                                        " driver@1",
                                        "driver@-1",
                                        "@1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct sweep_point read;
        cr_expect(not(sweep_parse(&plan, wrong[i], &read)), "\"%s\"", wrong[i]);
    }
    forget();
}

/* A point that the run never comes to is no recovery. */
Test(crash_sweep, a_crash_that_does_not_happen_is_a_failure)
{
    record(on_disk);
    sweep_run(&plan, &(struct sweep_point){.call = plan.victims[0].calls + 1}, oracle, result);
    cr_assert(not(result->pass));
    cr_assert(eq(str, result->failed_check, "no-crash"));
    forget();
}

Test(crash_sweep, pairs_are_sampled_evenly_within_the_budget)
{
    record(on_disk);
    uint32_t calls[] = {10, 0, 25, 5};
    struct sweep_pairs all = sweep_pairs(calls, 4, 100);
    cr_assert(eq(u64, all.total, 40));
    cr_assert(eq(u64, all.stride, 1));
    cr_assert(eq(u64, all.count, 40));
    struct sweep_pairs some = sweep_pairs(calls, 4, 12);
    cr_assert(eq(u64, some.stride, 4));
    cr_assert(eq(u64, some.count, 10));
    struct sweep_point third = sweep_pair(&plan, calls, &some, 3); /* the 13th of all */
    cr_assert(eq(u64, third.call, 3));
    cr_assert(eq(u64, third.second, 3));
    struct sweep_point last = sweep_pair(&plan, calls, &some, 9);
    cr_assert(eq(u64, last.call, 4));
    cr_assert(eq(u64, last.second, 2));
    forget();
}
