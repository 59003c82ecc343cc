/* No luck involved: a run of three batches with a crash at every single port call, of the driver,
 * then of each executor. Each must recover, with every check and the oracle satisfied; the
 * denominator is printed. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/document.h"
#include "sim/search/run.h"

static struct scenario *load(struct arena *arena)
{
    struct scenario *scenario = NULL;
    struct diag diag = {0};
    document_setup();
    enum status loaded =
        scenario_load(arena, "scenarios/sweep/three-batches.json", NULL, &scenario, &diag);
    cr_assert(loaded == OK, "%s", diag.text);
    return scenario;
}

static void sweep(const char *process)
{
    struct arena arena = {0};
    struct scenario *scenario = load(&arena);
    struct oracle *oracle = oracle_new(scenario);
    struct run_result *result = heap_alloc(sizeof *result);
    struct run_options options = {.checks = true, .oracle = oracle, .sweep_process = process};
    run_scenario(scenario, 0, &options, result);
    cr_assert(result->pass, "without a crash: %s: %s", result->failed_check, result->evidence);
    uint64_t calls = result->port_calls;
    uint64_t recovered = 0;
    uint64_t tried = 0;
    cr_assert(gt(u64, calls, 20));
    for (uint64_t nth = 1; nth <= calls; nth++) {
        options.sweep_call = nth;
        run_scenario(scenario, 0, &options, result);
        tried++;
        recovered += result->pass;
        cr_expect(result->pass,
                  "%s killed at port call %llu of %llu: %s: %s",
                  process,
                  (unsigned long long)nth,
                  (unsigned long long)calls,
                  result->failed_check,
                  result->evidence);
    }
    (void)fprintf(stderr,
                  "%s: %llu of %llu port calls recovered\n",
                  process,
                  (unsigned long long)recovered,
                  (unsigned long long)tried);
    heap_free(result);
    oracle_free(oracle);
    arena_free(&arena);
}

Test(crash_sweep, driver_at_every_port_call, .timeout = 600)
{
    sweep("driver");
}

Test(crash_sweep, executor_1_at_every_port_call, .timeout = 600)
{
    sweep("executor 1");
}

Test(crash_sweep, executor_2_at_every_port_call, .timeout = 600)
{
    sweep("executor 2");
}
