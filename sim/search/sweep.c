#include "sim/search/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"

const struct sweep_mode *sweep_mode(size_t index)
{
    static const struct sweep_mode modes[SWEEP_MODES] = {
        {.machine = false, .unsynced = UNSYNCED_KEPT, .name = ""},
        {.machine = true, .unsynced = UNSYNCED_KEPT, .name = " machine kept"},
        {.machine = true, .unsynced = UNSYNCED_DROPPED, .name = " machine dropped"},
        {.machine = true, .unsynced = UNSYNCED_CUT, .name = " machine cut"},
        {.machine = true, .unsynced = UNSYNCED_GARBLED, .name = " machine garbled"},
    };
    require(index < SWEEP_MODES);
    return &modes[index];
}

static uint64_t losses(const struct run_result *result)
{
    return (uint64_t)result->driver_starts + result->executor_losses;
}

bool sweep_record(struct sweep_plan *plan,
                  const struct scenario *scenario,
                  const struct oracle *oracle,
                  struct run_result *result)
{
    *plan = (struct sweep_plan){.scenario = scenario};
    plan->victim_count = 1 + (size_t)scenario->cluster.executors;
    require(plan->victim_count <= SWEEP_VICTIMS_MAX);
    for (size_t i = 0; i < plan->victim_count; i++) {
        struct sweep_victim *victim = &plan->victims[i];
        (void)snprintf(victim->name, sizeof victim->name, i == 0 ? "driver" : "executor %zu", i);
        struct run_options options = {
            .checks = true, .oracle = oracle, .sweep = {.process = victim->name}};
        run_scenario(scenario, 0, &options, result);
        if (!result->pass) {
            return false;
        }
        victim->calls = result->port_calls;
        plan->point_count += victim->calls * SWEEP_MODES;
        plan->starts = losses(result);
        plan->trace_hash = result->trace_hash;
    }
    return true;
}

struct sweep_point sweep_point(const struct sweep_plan *plan, uint64_t index)
{
    require(index < plan->point_count);
    size_t victim = 0;
    while (index >= plan->victims[victim].calls * SWEEP_MODES) {
        index -= plan->victims[victim].calls * SWEEP_MODES;
        victim++;
    }
    return (struct sweep_point){.victim = victim,
                                .mode = (size_t)(index / plan->victims[victim].calls),
                                .call = 1 + index % plan->victims[victim].calls};
}

void sweep_run(const struct sweep_plan *plan,
               const struct sweep_point *point,
               const struct oracle *oracle,
               struct run_result *result)
{
    const struct sweep_mode *mode = sweep_mode(point->mode);
    struct run_options options = {.checks = true,
                                  .oracle = oracle,
                                  .sweep = {.process = plan->victims[point->victim].name,
                                            .call = point->call,
                                            .second = point->second,
                                            .machine = mode->machine,
                                            .unsynced = mode->unsynced}};
    run_scenario(plan->scenario, 0, &options, result);
    uint64_t crashes = point->second > 0 ? 2 : 1;
    if (result->pass && losses(result) < plan->starts + crashes) {
        result->pass = false;
        (void)snprintf(result->failed_check, sizeof result->failed_check, "no-crash");
        (void)snprintf(result->evidence,
                       sizeof result->evidence,
                       "nothing died: the run has not come to this point");
    }
}

/* ---- texts ------------------------------------------------------------------------------------
 */

void sweep_format(const struct sweep_plan *plan,
                  const struct sweep_point *point,
                  char out[SWEEP_SPEC_SIZE])
{
    char second[32] = "";
    if (point->second > 0) {
        (void)snprintf(second, sizeof second, "+%llu", (unsigned long long)point->second);
    }
    (void)snprintf(out,
                   SWEEP_SPEC_SIZE,
                   "%s%s@%llu%s",
                   plan->victims[point->victim].name,
                   sweep_mode(point->mode)->name,
                   (unsigned long long)point->call,
                   second);
}

/* A number from 1, nothing else before `*end`'s new place. */
static bool read_number(const char *text, const char **end, uint64_t *number)
{
    char *stop = NULL;
    if (*text < '1' || *text > '9') {
        return false;
    }
    *number = strtoull(text, &stop, 10);
    *end = stop;
    return true;
}

bool sweep_parse(const struct sweep_plan *plan, const char *text, struct sweep_point *point)
{
    const char *at = strchr(text, '@');
    *point = (struct sweep_point){0};
    if (at == NULL || !read_number(at + 1, &at, &point->call)) {
        return false;
    }
    if (*at == '+' && !read_number(at + 1, &at, &point->second)) {
        return false;
    }
    if (*at != '\0') {
        return false;
    }
    size_t length = (size_t)(strchr(text, '@') - text);
    for (size_t victim = 0; victim < plan->victim_count; victim++) {
        for (size_t mode = 0; mode < SWEEP_MODES; mode++) {
            char name[SWEEP_SPEC_SIZE];
            (void)snprintf(
                name, sizeof name, "%s%s", plan->victims[victim].name, sweep_mode(mode)->name);
            if (strlen(name) == length && strncmp(name, text, length) == 0) {
                point->victim = victim;
                point->mode = mode;
                return point->call <= plan->victims[victim].calls;
            }
        }
    }
    return false;
}

/* ---- pairs ------------------------------------------------------------------------------------
 */

struct sweep_pairs sweep_pairs(const uint32_t *calls, uint64_t point_count, uint64_t budget)
{
    struct sweep_pairs pairs = {.stride = 1};
    for (uint64_t i = 0; i < point_count; i++) {
        pairs.total += calls[i];
    }
    require(budget > 0);
    if (pairs.total > budget) {
        pairs.stride = (pairs.total + budget - 1) / budget;
    }
    pairs.count = (pairs.total + pairs.stride - 1) / pairs.stride;
    return pairs;
}

struct sweep_point sweep_pair(const struct sweep_plan *plan,
                              const uint32_t *calls,
                              const struct sweep_pairs *pairs,
                              uint64_t n)
{
    uint64_t index = n * pairs->stride;
    require(index < pairs->total);
    uint64_t first = 0;
    while (index >= calls[first]) {
        index -= calls[first];
        first++;
    }
    struct sweep_point point = sweep_point(plan, first);
    point.second = 1 + index;
    return point;
}
