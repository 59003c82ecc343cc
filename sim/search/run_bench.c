/* What a run costs, on one core: seeds a second of one scenario with noise, with all checks and
 * without any (the trace is the same). The difference is what the checks cost.
 *
 *   sim.search.run_bench SCENARIO SEEDS [STORE]    STORE: one of its state_stores */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/base/document.h"
#include "engine/base/heap.h"
#include "engine/state/rocksdb_db.h"
#include "sim/search/run.h"

static double now_s(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

struct bench {
    const struct scenario *scenario;
    struct oracle *oracle;
    struct run_result *result;
    uint64_t hash;
    uint64_t failed;
};

static double run_seed(struct bench *bench, uint64_t seed, bool checks)
{
    struct run_options options = {.checks = checks, .noise = true, .oracle = bench->oracle};
    double began_s = now_s();
    run_scenario(bench->scenario, seed, &options, bench->result);
    double took_s = now_s() - began_s;
    bench->hash = bench->result->trace_hash;
    bench->failed += checks && !bench->result->pass;
    return took_s;
}

/* With and without in turn, so that a machine that slows down slows both. */
static int run_seeds(struct bench *bench, uint64_t seeds)
{
    double with_s = 0;
    double without_s = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        with_s += run_seed(bench, seed, true);
        uint64_t hash = bench->hash;
        without_s += run_seed(bench, seed, false);
        if (hash != bench->hash) {
            (void)fprintf(
                stderr, "seed %llu: another trace without checks\n", (unsigned long long)seed);
            return 4;
        }
    }
    (void)printf(
        "%s: %.0f seeds/s with all checks, %.0f without; checks: %.1f %% of a run; %llu failed\n",
        bench->scenario->name,
        (double)seeds / with_s,
        (double)seeds / without_s,
        100 * (with_s - without_s) / with_s,
        (unsigned long long)bench->failed);
    if (rocksdb_db_opened() > 0) {
        (void)printf("%s: %.1f databases opened a seed\n",
                     bench->scenario->name,
                     (double)rocksdb_db_opened() / (2 * (double)seeds));
    }
    return bench->failed > 0;
}

/* NULL, and said why, when there is none such. */
static const struct scenario *scenario_of(struct arena *arena, const char *file, const char *store)
{
    struct scenario *scenario = NULL;
    struct diag diag = {0};
    if (scenario_load(arena, file, NULL, &scenario, &diag) != OK) {
        (void)fprintf(stderr, "%s\n", diag.text);
        return NULL;
    }
    if (store == NULL) {
        return scenario;
    }
    size_t index = scenario_state_store(scenario, store);
    if (index == scenario->state_store_count) {
        (void)fprintf(stderr, "%s: no state store %s\n", file, store);
        return NULL;
    }
    return scenario_under(arena, scenario, index);
}

int main(int argc, char **argv)
{
    struct arena arena = {0};
    uint64_t seeds = argc == 3 || argc == 4 ? strtoull(argv[2], NULL, 10) : 0;
    if (seeds == 0) {
        (void)fprintf(stderr, "usage: sim.search.run_bench SCENARIO SEEDS [STORE]\n");
        return 2;
    }
    document_setup();
    const struct scenario *scenario = scenario_of(&arena, argv[1], argc == 4 ? argv[3] : NULL);
    if (scenario == NULL) {
        return 2;
    }
    struct bench bench = {.scenario = scenario, .oracle = oracle_new(scenario)};
    bench.result = heap_alloc(sizeof *bench.result);
    int code = run_seeds(&bench, seeds);
    heap_free(bench.result);
    oracle_free(bench.oracle);
    arena_free(&arena);
    return code;
}
