/* No luck involved: a run of three batches with a crash at every single port call, of the driver,
 * then of each executor; of the process alone, then of its machine. Each must recover, with every
 * check and the oracle satisfied; the denominator is printed. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/document.h"
#include "sim/search/run.h"

static struct scenario *load(struct arena *arena, const char *file)
{
    struct scenario *scenario = NULL;
    struct diag diag = {0};
    document_setup();
    enum status loaded = scenario_load(arena, file, NULL, &scenario, &diag);
    cr_assert(loaded == OK, "%s", diag.text);
    return scenario;
}

struct sweep {
    const char *file;
    struct kernel_sweep crash; /* its call is counted up */
    uint64_t stride;           /* every so many calls */
};

static void sweep(const struct sweep *sweep)
{
    struct arena arena = {0};
    struct scenario *scenario = load(&arena, sweep->file);
    struct oracle *oracle = oracle_new(scenario);
    struct run_result *result = heap_alloc(sizeof *result);
    struct run_options options = {.checks = true, .oracle = oracle, .sweep = sweep->crash};
    run_scenario(scenario, 0, &options, result);
    cr_assert(result->pass, "without a crash: %s: %s", result->failed_check, result->evidence);
    uint64_t calls = result->port_calls;
    uint64_t recovered = 0;
    uint64_t tried = 0;
    uint64_t starts = result->driver_starts + result->executor_losses;
    cr_assert(gt(u64, calls, 20));
    for (uint64_t nth = 1; nth <= calls; nth += sweep->stride) {
        options.sweep.call = nth;
        run_scenario(scenario, 0, &options, result);
        tried++;
        recovered += result->pass;
        cr_expect(result->pass,
                  "%s killed at port call %llu of %llu: %s: %s",
                  sweep->crash.process,
                  (unsigned long long)nth,
                  (unsigned long long)calls,
                  result->failed_check,
                  result->evidence);
        cr_expect(result->driver_starts + result->executor_losses > starts,
                  "nothing died at port call %llu",
                  (unsigned long long)nth);
    }
    (void)fprintf(stderr,
                  "%s%s: recovered from a crash at %llu of %llu port calls (of %llu)\n",
                  sweep->crash.process,
                  sweep->crash.machine ? "'s machine" : "",
                  (unsigned long long)recovered,
                  (unsigned long long)tried,
                  (unsigned long long)calls);
    heap_free(result);
    oracle_free(oracle);
    arena_free(&arena);
}

static const char on_disk[] = "scenarios/sweep/three-batches.json";
static const char on_objects[] = "scenarios/sweep/three-batches-objects.json";

static void process_sweep(const char *file, const char *process)
{
    sweep(&(struct sweep){.file = file, .crash = {.process = process}, .stride = 1});
}

static void machine_sweep(const char *process, enum unsynced unsynced, uint64_t stride)
{
    sweep(&(struct sweep){.file = on_disk,
                          .crash = {.process = process, .machine = true, .unsynced = unsynced},
                          .stride = stride});
}

Test(crash_sweep, driver_at_every_port_call, .timeout = 600)
{
    process_sweep(on_disk, "driver");
}

Test(crash_sweep, executor_1_at_every_port_call, .timeout = 600)
{
    process_sweep(on_disk, "executor 1");
}

Test(crash_sweep, executor_2_at_every_port_call, .timeout = 600)
{
    process_sweep(on_disk, "executor 2");
}

Test(crash_sweep, driver_at_every_port_call_over_objects, .timeout = 600)
{
    process_sweep(on_objects, "driver");
}

Test(crash_sweep, executor_1_at_every_port_call_over_objects, .timeout = 600)
{
    process_sweep(on_objects, "executor 1");
}

/* All that was not synced is gone: what a missing fsync shows. */
Test(crash_sweep, machine_of_the_driver_at_every_port_call, .timeout = 600)
{
    machine_sweep("driver", UNSYNCED_DROPPED, 1);
}

Test(crash_sweep, machine_of_executor_1_at_every_port_call, .timeout = 600)
{
    machine_sweep("executor 1", UNSYNCED_DROPPED, 1);
}

/* Each unsynced operation with a fate of its own, torn ones among them. */
Test(crash_sweep, machine_of_the_driver_with_torn_writes, .timeout = 600)
{
    machine_sweep("driver", UNSYNCED_DRAWN, 2);
    machine_sweep("driver", UNSYNCED_CUT, 3);
    machine_sweep("driver", UNSYNCED_GARBLED, 3);
}

Test(crash_sweep, machine_of_executor_1_with_torn_writes, .timeout = 600)
{
    machine_sweep("executor 1", UNSYNCED_GARBLED, 2);
}
