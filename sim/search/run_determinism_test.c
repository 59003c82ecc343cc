/* Two promises about a run's trace: it does not hang on what ran before in the same process, and a
 * fault that is taken out of the script leaves everything before it as it was (draws are keyed, no
 * stream shifts). Both with noise on. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "engine/base/document.h"
#include "engine/base/hash.h"
#include "engine/base/units.h"
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

/* ---- whatever ran before */

static uint64_t hash_of(const char *file, uint64_t seed, bool checks)
{
    struct arena arena = {0};
    struct run_result *result = heap_alloc(sizeof *result);
    struct run_options options = {.checks = checks, .noise = true};
    run_scenario(load(&arena, file), seed, &options, result);
    uint64_t hash = result->trace_hash;
    heap_free(result);
    arena_free(&arena);
    return hash;
}

Test(run_determinism, a_run_does_not_hang_on_what_ran_before, .timeout = 300)
{
    static const char *const files[] = {
        "scenarios/determinism.json",
        "scenarios/objects-throttled.json",
        "scenarios/two-drivers-on-one-checkpoint.json",
        "scenarios/machine-crash-with-torn-writes.json",
        "scenarios/driver-crash-loop.json",
        "scenarios/rocksdb-changelogs-off-and-on.json",
    };
    enum { FILES = sizeof files / sizeof files[0], SEEDS = 3 };
    uint64_t first[FILES][SEEDS];
    for (size_t f = 0; f < FILES; f++) {
        for (size_t seed = 0; seed < SEEDS; seed++) {
            first[f][seed] = hash_of(files[f], seed + 1, true);
        }
    }
    /* Backwards, in pieces of memory that others have used, without checks in between. */
    void *hole = heap_alloc(12345);
    for (size_t f = FILES; f > 0; f--) {
        for (size_t seed = SEEDS; seed > 0; seed--) {
            uint64_t again = hash_of(files[f - 1], seed, seed % 2 == 0);
            cr_expect(eq(u64, again, first[f - 1][seed - 1]), "%s, seed %zu", files[f - 1], seed);
        }
    }
    heap_free(hole);
    cr_assert(ne(u64, first[0][0], first[0][1]), "noise is on");
}

/* ---- wherever it lies */

/* Messages cost by their length: none may hold the path of a folder. */
Test(run_determinism, a_run_does_not_hang_on_where_its_folder_lies)
{
    struct arena arena = {0};
    struct run_result *result = heap_alloc(sizeof *result);
    struct run_options options = {.noise = true};
    struct scenario *scenario = load(&arena, "scenarios/stateful-baseline.json");
    run_scenario(scenario, 1, &options, result);
    uint64_t hash = result->trace_hash;
    char deep[5000];
    memset(deep, 'd', sizeof deep);
    for (size_t i = 0; i < sizeof deep; i += 100) {
        deep[i] = '/';
    }
    scenario->pipeline_file =
        arena_printf(&arena, "%.*s/flight_counts.json", (int)sizeof deep, deep);
    run_scenario(scenario, 1, &options, result);
    cr_assert(eq(u64, result->trace_hash, hash));
    heap_free(result);
    arena_free(&arena);
}

/* ---- one fault removed */

enum { EVENTS_MAX = 8, RECORDS_MAX = 1 << 16 };

/* A digest an event; a fault's place in the script is not of the world. */
struct recording {
    uint64_t digests[RECORDS_MAX];
    size_t count;
    size_t fired_at[EVENTS_MAX]; /* where the first trace of each fault stands */
    bool point_before;           /* the passing of a point is traced since a fault hangs on it */
};

static void record_event(void *context, const struct trace_record *record)
{
    struct recording *recording = context;
    bool fault = record->kind == (int)WORLD_FAULT;
    uint64_t hash = hash_chain((uint64_t)record->time_us, record->process);
    hash = hash_chain(hash, record->incarnation);
    hash = hash_chain(hash, (uint64_t)record->kind);
    hash = hash_chain(hash, (uint64_t)record->batch);
    hash = hash_chain(hash, fault ? 0 : (uint64_t)record->a);
    hash = hash_chain(hash, (uint64_t)record->b);
    hash = hash_chain(hash, (uint64_t)record->c);
    hash = hash_chain(hash, hash_text(record->text));
    if (fault) {
        recording->fired_at[record->a] = recording->count - (recording->point_before ? 1 : 0);
    }
    recording->point_before = record->kind == (int)WORLD_POINT;
    cr_assert(lt(sz, recording->count, RECORDS_MAX));
    recording->digests[recording->count++] = hash;
}

static void record_run(const struct scenario *scenario, uint64_t seed, struct recording *recording)
{
    struct run_result *result = heap_alloc(sizeof *result);
    *recording = (struct recording){.count = 0};
    memset(recording->fired_at, 0xff, sizeof recording->fired_at);
    struct run_options options = {
        .noise = true, .observer = record_event, .observer_context = recording};
    run_scenario(scenario, seed, &options, result);
    heap_free(result);
}

/* The file's own script hangs on points; times are what goes on the event heap long before. */
static void add_times(struct arena *arena, struct scenario *scenario)
{
    struct fault_plan *script = &scenario->script;
    struct fault_event *events = arena_alloc(arena, (script->count + 3) * sizeof *events);
    events[0] = (struct fault_event){.at = {.kind = ANCHOR_TIME, .time_us = 30 * US_PER_SECOND},
                                     .verb = FAULT_CRASH,
                                     .target = {.kind = TARGET_EXECUTOR, .index = 1}};
    memcpy(events + 1, script->events, script->count * sizeof *events);
    events[script->count + 1] =
        (struct fault_event){.at = {.kind = ANCHOR_TIME, .time_us = 12 * US_PER_SECOND},
                             .verb = FAULT_PAUSE,
                             .target = {.kind = TARGET_EXECUTOR, .index = 2},
                             .for_us = 2 * US_PER_SECOND};
    events[script->count + 2] =
        (struct fault_event){.at = {.kind = ANCHOR_EVENT, .event = 0, .time_us = US_PER_SECOND},
                             .verb = FAULT_PARTITION,
                             .target = {.kind = TARGET_EXECUTOR, .index = 2},
                             .for_us = 1 * US_PER_SECOND};
    script->events = events;
    script->count += 3;
}

/* Two producers at the same moments, for different partitions: who comes first is a draw. */
static void send_twice(struct arena *arena, struct scenario *scenario)
{
    struct workload_config *workloads = arena_alloc(arena, 2 * sizeof *workloads);
    workloads[0] = scenario->workloads[0];
    workloads[1] = scenario->workloads[0];
    workloads[1].interval_us = workloads[0].interval_us / 2;
    scenario->workloads = workloads;
    scenario->workload_count = 2;
}

/* NULL: another event hangs on it. */
static struct scenario *
without(struct arena *arena, const struct scenario *scenario, size_t removed)
{
    struct scenario *copy = arena_alloc(arena, sizeof *copy);
    *copy = *scenario;
    copy->script.events = arena_alloc(arena, scenario->script.count * sizeof *copy->script.events);
    copy->script.count = 0;
    for (size_t i = 0; i < scenario->script.count; i++) {
        struct fault_event event = scenario->script.events[i];
        if (i == removed) {
            continue;
        }
        if (event.at.kind == ANCHOR_EVENT && event.at.event == (int)removed) {
            return NULL;
        }
        event.at.event -= event.at.kind == ANCHOR_EVENT && event.at.event > (int)removed;
        copy->script.events[copy->script.count++] = event;
    }
    return copy;
}

Test(run_determinism, a_removed_fault_leaves_what_was_before, .timeout = 300)
{
    struct arena arena = {0};
    struct scenario *scenario = load(&arena, "scenarios/determinism.json");
    add_times(&arena, scenario);
    send_twice(&arena, scenario);
    cr_assert(le(sz, scenario->script.count, EVENTS_MAX));
    struct recording *whole = heap_alloc(sizeof *whole);
    struct recording *less = heap_alloc(sizeof *less);
    size_t compared = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        record_run(scenario, seed, whole);
        for (size_t i = 0; i < scenario->script.count; i++) {
            const struct scenario *other = without(&arena, scenario, i);
            if (other == NULL || whole->fired_at[i] == SIZE_MAX) {
                continue;
            }
            record_run(other, seed, less);
            size_t end = whole->fired_at[i];
            cr_assert(ge(sz, less->count, end), "seed %u, event %zu", (unsigned)seed, i);
            for (size_t e = 0; e < end; e++) {
                cr_assert(whole->digests[e] == less->digests[e],
                          "seed %u: without event %zu of the script, which fires at trace event "
                          "%zu, trace event %zu is another one",
                          (unsigned)seed,
                          i,
                          end,
                          e);
            }
            bool differs = less->count != whole->count ||
                           memcmp(less->digests, whole->digests, whole->count * 8) != 0;
            cr_expect(differs, "seed %u: event %zu changes nothing", (unsigned)seed, i);
            compared++;
        }
    }
    cr_assert(gt(sz, compared, 60));
    heap_free(whole);
    heap_free(less);
    arena_free(&arena);
}
