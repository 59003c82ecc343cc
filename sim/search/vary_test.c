/* What seeds draw, counted: a fault that is never alone, never absent or never there is a hole. */
#include "sim/search/vary.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/document.h"
#include "sim/search/run.h"

enum { SEEDS = 6000 };

static struct arena arena;

static const struct scenario *load(const char *file)
{
    struct scenario *scenario = NULL;
    struct diag diag = {0};
    document_setup();
    cr_assert(scenario_load(&arena, file, NULL, &scenario, &diag) == OK, "%s", diag.text);
    return scenario;
}

static enum fault_kind kind_of(const struct fault_event *event)
{
    for (int i = 0; i < FAULT_KIND_COUNT; i++) {
        const struct fault_kind_info *kind = fault_kind_info((enum fault_kind)i);
        if (kind->verb == event->verb && kind->target == event->target.kind) {
            return (enum fault_kind)i;
        }
    }
    cr_assert(false, "an event of no kind was drawn");
    return FAULT_KIND_COUNT;
}

struct shares {
    int without_faults;
    int without_crash;
    int alone[FAULT_KIND_COUNT];
    int together[FAULT_KIND_COUNT][FAULT_KIND_COUNT];
};

static void count_seed(struct shares *shares, const struct scenario *drawn)
{
    bool there[FAULT_KIND_COUNT] = {false};
    int kinds = 0;
    bool crash = false;
    cr_assert(le(sz, drawn->script.count, 3));
    for (size_t i = 0; i < drawn->script.count; i++) {
        enum fault_kind kind = kind_of(&drawn->script.events[i]);
        cr_assert(drawn->script.events[i].optional);
        kinds += !there[kind];
        there[kind] = true;
        crash = crash || drawn->script.events[i].verb == FAULT_CRASH;
    }
    shares->without_faults += kinds == 0;
    shares->without_crash += !crash;
    for (int a = 0; a < FAULT_KIND_COUNT; a++) {
        shares->alone[a] += there[a] && kinds == 1;
        for (int b = 0; b < a; b++) {
            shares->together[a][b] += there[a] && there[b];
        }
    }
}

static void expect_kinds(const char *file)
{
    const struct scenario *base = load(file);
    struct shares shares = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct arena drawn = {0};
        count_seed(&shares, vary_scenario(&drawn, base, seed));
        arena_free(&drawn);
    }
    /* One seed of eight has no kind at all; with many kinds hardly any other has none. */
    cr_expect(shares.without_faults > SEEDS / 10 && shares.without_faults < SEEDS / 5,
              "%s: %d seeds without a fault",
              file,
              shares.without_faults);
    cr_expect(shares.without_crash > SEEDS / 4, "%d seeds without a crash", shares.without_crash);
    for (int a = 0; a < FAULT_KIND_COUNT; a++) {
        const char *name = fault_kind_info((enum fault_kind)a)->name;
        if (!base->vary.kinds[a]) {
            cr_expect(eq(int, shares.alone[a], 0), "%s: %s is not allowed", file, name);
            continue;
        }
        cr_expect(shares.alone[a] > SEEDS / 200, "%s: %s alone %d", file, name, shares.alone[a]);
        for (int b = 0; b < a; b++) {
            bool enough = !base->vary.kinds[b] || shares.together[a][b] > SEEDS / 1000;
            cr_expect(enough,
                      "%s: %s with %s only %d times",
                      file,
                      name,
                      fault_kind_info((enum fault_kind)b)->name,
                      shares.together[a][b]);
        }
    }
    arena_free(&arena);
}

Test(vary, each_kind_comes_alone_with_each_other_and_not_at_all, .timeout = 120)
{
    expect_kinds("scenarios/vary-faults.json");
}

Test(vary, brokers_too, .timeout = 120)
{
    expect_kinds("scenarios/vary-world.json");
}

Test(vary, a_store_of_objects_has_faults_of_its_own, .timeout = 120)
{
    expect_kinds("scenarios/vary-objects.json");
}

/* Half of SEEDS, but for chance: six standard deviations are 232. */
static void expect_half(int count, const char *what)
{
    cr_expect(count > SEEDS / 2 - 232 && count < SEEDS / 2 + 232, "%s in %d seeds", what, count);
}

static bool is_late(const struct workload_config *workload)
{
    for (size_t i = 0; i < workload->line_count; i++) {
        if (workload->lines[i].data != workload->file_lines[i].data) {
            return true;
        }
    }
    return false;
}

/* Does some partition get nothing; does one get more than another? */
static void look_at_partitions(const struct scenario *drawn, bool *idle, bool *skewed)
{
    const struct workload_config *workload = &drawn->workloads[0];
    int places[256] = {0};
    int most = 1;
    for (size_t i = 0; i < workload->partition_count; i++) {
        places[workload->partitions[i]]++;
        most = places[workload->partitions[i]] > most ? places[workload->partitions[i]] : most;
    }
    *skewed = most > 1;
    *idle = false;
    for (int p = 0; p < drawn->topics[0].partitions; p++) {
        *idle = *idle || (workload->partitions != NULL && places[p] == 0);
    }
    cr_assert(workload->partitions == NULL || workload->partition_count > 0);
}

Test(vary, each_feature_of_the_workload_is_absent_in_every_other_seed, .timeout = 120)
{
    const struct scenario *base = load("scenarios/vary-world.json");
    int late = 0;
    int burst = 0;
    int idle = 0;
    int skewed = 0;
    int several = 0;
    int plain = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct arena memory = {0};
        const struct scenario *drawn = vary_scenario(&memory, base, seed);
        const struct workload_config *workload = &drawn->workloads[0];
        bool silent = false;
        bool uneven = false;
        look_at_partitions(drawn, &silent, &uneven);
        bool delayed = is_late(workload);
        late += delayed;
        burst += workload->burst > 1;
        plain += !delayed && workload->burst == 1 && !silent && !uneven;
        if (drawn->topics[0].partitions > 1) {
            several++;
            idle += silent;
            skewed += uneven;
        }
        arena_free(&memory);
    }
    expect_half(late, "late records");
    expect_half(burst, "bursts");
    expect_half(idle * SEEDS / several, "idle partitions");
    expect_half(skewed * SEEDS / several, "skew");
    cr_expect(plain > SEEDS / 32 && plain < SEEDS / 8, "%d plain seeds", plain);
    arena_free(&arena);
}

Test(vary, each_size_of_cluster_and_topic_is_as_likely, .timeout = 120)
{
    const struct scenario *base = load("scenarios/vary-world.json");
    int brokers[6] = {0};
    int executors[5] = {0};
    int partitions[9] = {0};
    int triggers[3] = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct arena memory = {0};
        const struct scenario *drawn = vary_scenario(&memory, base, seed);
        brokers[drawn->cluster.brokers]++;
        executors[drawn->cluster.executors]++;
        partitions[drawn->topics[0].partitions]++;
        int64_t max = drawn->plan->options.max_offsets_per_trigger;
        triggers[max == 15 ? 0 : max == 40 ? 1 : 2]++;
        arena_free(&memory);
    }
    for (int i = 3; i <= 5; i++) {
        cr_expect(brokers[i] > SEEDS / 4, "%d brokers: %d", i, brokers[i]);
        cr_expect(triggers[i - 3] > SEEDS / 4, "choice %d: %d", i - 3, triggers[i - 3]);
    }
    for (int i = 1; i <= 4; i++) {
        cr_expect(executors[i] > SEEDS / 5, "%d executors: %d", i, executors[i]);
    }
    for (int i = 1; i <= 8; i++) {
        cr_expect(partitions[i] > SEEDS / 10, "%d partitions: %d", i, partitions[i]);
    }
    arena_free(&arena);
}

static bool writes_state(const struct fault_event *event)
{
    return event->at.kind == ANCHOR_OPERATION &&
           (strstr(event->at.path, "state/") != NULL || strstr(event->at.path, "SSTs/") != NULL);
}

static bool is_at(const struct fault_event *event, enum failpoint point)
{
    return event->at.kind == ANCHOR_POINT && event->at.point == point;
}

/* Each store in one seed of three; each has failing writes, and RocksDB alone uploads. */
Test(vary, the_state_is_in_each_store_with_the_faults_of_that_store, .timeout = 120)
{
    enum { MEMORY, ROCKSDB, CHANGELOG, STORES, FEW = 1500 };
    const struct scenario *base = load("scenarios/vary-stateful.json");
    int seeds[STORES] = {0};
    int failing[STORES] = {0};
    int uploaded[STORES] = {0};
    int snapshots[STORES] = {0};
    for (uint64_t seed = 1; seed <= FEW; seed++) {
        struct arena memory = {0};
        const struct scenario *drawn = vary_scenario(&memory, base, seed);
        const struct options *options = &drawn->plan->options;
        int store = options->state_provider == STATE_PROVIDER_HDFS ? MEMORY
                    : options->rocksdb_changelog                   ? CHANGELOG
                                                                   : ROCKSDB;
        seeds[store]++;
        for (size_t i = 0; i < drawn->script.count; i++) {
            failing[store] += writes_state(&drawn->script.events[i]);
            uploaded[store] += is_at(&drawn->script.events[i], FP_STATE_UPLOADED);
            snapshots[store] += is_at(&drawn->script.events[i], FP_MAINTENANCE_SNAPSHOT);
        }
        arena_free(&memory);
    }
    for (int store = 0; store < STORES; store++) {
        cr_expect(seeds[store] > FEW / 4, "store %d: %d seeds", store, seeds[store]);
        cr_expect(failing[store] > FEW / 60, "store %d: %d writes fail", store, failing[store]);
        cr_expect(snapshots[store] > FEW / 300, "store %d: %d", store, snapshots[store]);
    }
    cr_expect(uploaded[ROCKSDB] > FEW / 300 && uploaded[CHANGELOG] > FEW / 300);
    cr_expect(zero(int, uploaded[MEMORY]));
    arena_free(&arena);
}

Test(vary, without_a_seed_or_without_vary_nothing_is_drawn)
{
    const struct scenario *varied = load("scenarios/vary-world.json");
    const struct scenario *plain = load("scenarios/baseline.json");
    cr_assert(vary_scenario(&arena, varied, 0) == varied);
    cr_assert(vary_scenario(&arena, plain, 7) == plain);
    arena_free(&arena);
}

/* What a record holds (the drawn scenario's text, the seed) is the same run again. */
Test(vary, a_drawn_world_is_a_scenario_file_that_runs_to_the_same_trace)
{
    const struct scenario *base = load("scenarios/vary-world.json");
    struct run_result *result = heap_alloc(sizeof *result);
    struct run_options options = {.checks = true, .noise = true};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct arena memory = {0};
        struct buf text = {0};
        struct scenario *again = NULL;
        struct diag diag = {0};
        run_scenario(vary_scenario(&memory, base, seed), seed, &options, result);
        uint64_t hash = result->trace_hash;
        cr_expect(result->pass, "seed %d: %s", (int)seed, result->evidence);
        vary_text(base, seed, &text);
        cr_assert(scenario_load_text(&memory, base->file, buf_bytes(&text), NULL, &again, &diag) ==
                      OK,
                  "%s",
                  diag.text);
        cr_assert(not(again->vary.present));
        run_scenario(again, seed, &options, result);
        cr_assert(eq(u64, result->trace_hash, hash), "seed %d", (int)seed);
        buf_free(&text);
        arena_free(&memory);
    }
    heap_free(result);
    arena_free(&arena);
}
