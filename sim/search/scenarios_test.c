/* Every scenario file, under each of its state stores: the verdict is as expected, twice the same
 * trace, and the same with all checks off. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/document.h"
#include "sim/search/run.h"

enum { FILES_MAX = 256, PATH_SIZE = 160 };

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* X.json, but for what is no scenario. */
static size_t list_folder(const char *name, char (*paths)[PATH_SIZE], size_t count)
{
    DIR *folder = opendir(name);
    if (folder == NULL) {
        return count;
    }
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const char *end = strrchr(entry->d_name, '.');
        bool json = end != NULL && strcmp(end, ".json") == 0;
        bool other = strcmp(entry->d_name, "aftershock.json") == 0 ||
                     strcmp(entry->d_name, "schema.json") == 0;
        if (json && !other && count < FILES_MAX) {
            (void)snprintf(paths[count], PATH_SIZE, "%s/%.120s", name, entry->d_name);
            count++;
        }
    }
    (void)closedir(folder);
    return count;
}

/* scenarios/, what once went wrong (regressions/), and what a guide for people says (guide/). */
static size_t list_scenarios(char (*paths)[PATH_SIZE])
{
    size_t count = list_folder("scenarios", paths, 0);
    size_t stories = count;
    count = list_folder("scenarios/regressions", paths, count);
    count = list_folder("scenarios/guide", paths, count);
    require(count > stories);
    qsort(paths, count, PATH_SIZE, by_name);
    return count;
}

static void run_twice(const struct scenario *scenario)
{
    struct run_result *result = heap_alloc(sizeof *result);
    uint64_t hashes[3];
    for (int i = 0; i < 3; i++) {
        struct run_options options = {.checks = i < 2};
        run_scenario(scenario, 0, &options, result);
        hashes[i] = result->trace_hash;
        if (i < 2) {
            cr_assert(
                result->pass, "%s: %s: %s", scenario->name, result->failed_check, result->evidence);
        }
    }
    cr_assert(eq(u64, hashes[0], hashes[1]), "the second run of %s differs", scenario->name);
    cr_assert(eq(u64, hashes[0], hashes[2]), "%s differs without checks", scenario->name);
    heap_free(result);
}

ParameterizedTestParameters(scenarios, as_expected)
{
    static char paths[FILES_MAX][PATH_SIZE];
    size_t count = list_scenarios(paths);
    return cr_make_param_array(char[PATH_SIZE], paths, count);
}

ParameterizedTest(char (*path)[PATH_SIZE], scenarios, as_expected, .timeout = 300)
{
    document_setup();
    struct arena arena = {0};
    struct scenario *scenario = NULL;
    struct diag diag = {0};
    enum status loaded = scenario_load(&arena, *path, NULL, &scenario, &diag);
    cr_assert(loaded == OK, "%s: %s", *path, diag.text);
    run_twice(scenario);
    for (size_t i = 1; i < scenario->state_store_count; i++) {
        run_twice(scenario_under(&arena, scenario, i));
    }
    arena_free(&arena);
}

/* In the whole suite each check must have compared something. */
Test(scenarios, every_check_ran, .timeout = 300)
{
    static char paths[FILES_MAX][PATH_SIZE];
    uint64_t evaluations[RUN_CHECKS_MAX] = {0};
    bool applies[RUN_CHECKS_MAX] = {false};
    size_t checks = 0;
    document_setup();
    size_t count = list_scenarios(paths);
    cr_assert(gt(sz, count, 20));
    for (size_t i = 0; i < count; i++) {
        struct arena arena = {0};
        struct scenario *scenario = NULL;
        struct diag diag = {0};
        cr_assert(scenario_load(&arena, paths[i], NULL, &scenario, &diag) == OK);
        struct run_result *result = heap_alloc(sizeof *result);
        struct run_options options = {.checks = true};
        run_scenario(scenario, 0, &options, result);
        checks = result->check_count;
        for (size_t c = 0; c < checks; c++) {
            evaluations[c] += result->checks[c].evaluations;
            applies[c] = applies[c] || result->checks[c].applies;
        }
        heap_free(result);
        arena_free(&arena);
    }
    for (size_t c = 0; c < checks; c++) {
        cr_expect(evaluations[c] > 0 || !applies[c], "the check %s never ran", run_check_name(c));
    }
}
