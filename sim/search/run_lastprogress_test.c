/* lastProgress of whole runs: the fields of Spark's StreamingQueryProgress.json, what a stateful
 * operator says of itself, and that listening changes nothing. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/document.h"
#include "sim/search/run.h"

enum { LINES_MAX = 64, TEXT_SIZE = 65536 };

static struct arena arena;
static struct run_result *result;

/* Called as the driver: nothing may be allocated. */
static struct {
    char text[TEXT_SIZE];
    size_t size;
    struct bytes lines[LINES_MAX];
    size_t count;
} told;

static void keep(void *context, struct bytes line)
{
    require(context == &told);
    require(told.count < LINES_MAX);
    require(line.size <= sizeof told.text - told.size);
    memcpy(told.text + told.size, line.data, line.size);
    told.lines[told.count] = bytes_of(told.text + told.size, line.size);
    told.count++;
    told.size += line.size;
}

static uint64_t run(const char *file, uint64_t seed, bool listens)
{
    struct scenario *scenario = NULL;
    struct diag diag = {0};
    char path[128];
    document_setup();
    (void)snprintf(path, sizeof path, "scenarios/%s.json", file);
    cr_assert(scenario_load(&arena, path, NULL, &scenario, &diag) == OK, "%s", diag.text);
    result = result == NULL ? heap_alloc(sizeof *result) : result;
    told.size = 0;
    told.count = 0;
    struct run_options options = {.checks = true,
                                  .noise = seed > 0,
                                  .progress = listens ? keep : NULL,
                                  .progress_context = &told};
    run_scenario(scenario, seed, &options, result);
    cr_assert(result->pass, "%s: %s", result->failed_check, result->evidence);
    return result->trace_hash;
}

static void drop(void)
{
    heap_free(result);
    arena_free(&arena);
}

static json_t *parse(size_t i)
{
    json_error_t error;
    json_t *line = json_loadb((const char *)told.lines[i].data, told.lines[i].size, 0, &error);
    cr_assert(line != NULL, "line %zu: %s", i, error.text);
    return line;
}

static void same(const char *found, const char *expected)
{
    cr_assert(strcmp(found, expected) == 0, "found %s, expected %s", found, expected);
}

/* The keys of an object are these, in this order. */
static void has_keys(json_t *object, const char *expected)
{
    char keys[512] = "";
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        size_t used = strlen(keys);
        (void)snprintf(keys + used, sizeof keys - used, "%s%s", used == 0 ? "" : " ", key);
    }
    same(keys, expected);
}

static int64_t number(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    bool whole = json_is_integer(value);
    cr_assert(whole, "%s is no whole number", key);
    return json_integer_value(value);
}

static const char *text(json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    cr_assert(value != NULL, "%s is no text", key);
    return value;
}

Test(lastprogress, its_fields_are_those_of_spark, .fini = drop, .timeout = 60)
{
    run("stateful-baseline", 0, true);
    cr_assert(gt(sz, told.count, 5));
    json_t *line = parse(2);
    has_keys(line,
             "id runId name timestamp batchId batchDuration numInputRows inputRowsPerSecond "
             "processedRowsPerSecond durationMs eventTime stateOperators sources sink");
    has_keys(json_object_get(line, "durationMs"),
             "addBatch commitOffsets getBatch latestOffset queryPlanning triggerExecution "
             "walCommit");
    has_keys(json_object_get(line, "eventTime"), "avg max min watermark");
    has_keys(json_array_get(json_object_get(line, "stateOperators"), 0),
             "operatorName numRowsTotal numRowsUpdated allUpdatesTimeMs numRowsRemoved "
             "allRemovalsTimeMs commitTimeMs memoryUsedBytes numRowsDroppedByWatermark "
             "numShufflePartitions numStateStoreInstances customMetrics");
    json_t *state = json_array_get(json_object_get(line, "stateOperators"), 0);
    json_t *custom = json_object_get(state, "customMetrics");
    has_keys(custom,
             "loadedMapCacheHitCount loadedMapCacheMissCount stateOnCurrentVersionSizeBytes");
    /* Batch 2 of 2 partitions: version 0 of each was no hit. */
    cr_assert(eq(i64, number(custom, "loadedMapCacheMissCount"), 2));
    cr_assert(eq(i64, number(custom, "loadedMapCacheHitCount"), 4));
    cr_assert(eq(
        i64, number(custom, "stateOnCurrentVersionSizeBytes"), number(state, "memoryUsedBytes")));
    cr_assert(gt(i64, number(state, "commitTimeMs"), 0));
    has_keys(json_array_get(json_object_get(line, "sources"), 0),
             "description startOffset endOffset latestOffset numInputRows inputRowsPerSecond "
             "processedRowsPerSecond metrics");
    has_keys(json_object_get(line, "sink"), "description numOutputRows");
    same(text(line, "timestamp"), "2001-01-01T00:00:10.000Z");
    json_decref(line);
}

/* What the lines say adds up to the run: every record read, every row written, the watermark only
 * forward and the one before used for it, late records counted. */
static void adds_up(int64_t *dropped)
{
    int64_t read = 0;
    int64_t written = 0;
    int64_t batch = -1;
    int moves = 0;
    char watermark[40] = "";
    char end[128] = "";
    for (size_t i = 0; i < told.count; i++) {
        json_t *line = parse(i);
        json_t *state = json_array_get(json_object_get(line, "stateOperators"), 0);
        json_t *source = json_array_get(json_object_get(line, "sources"), 0);
        const char *now = text(json_object_get(line, "eventTime"), "watermark");
        char *start = json_dumps(json_object_get(source, "startOffset"), JSON_ENCODE_ANY);
        cr_assert(number(line, "batchId") >= batch);
        if (number(line, "batchId") > batch) { /* an idle query says its last batch again */
            batch = number(line, "batchId");
            read += number(line, "numInputRows");
            written += number(json_object_get(line, "sink"), "numOutputRows");
            *dropped += number(state, "numRowsDroppedByWatermark");
            cr_assert(strcmp(now, watermark) >= 0, "the watermark went back to %s", now);
            moves += strcmp(now, watermark) != 0;
            (void)snprintf(watermark, sizeof watermark, "%s", now);
            same(start, batch == 0 ? "null" : end);
            char *ends = json_dumps(json_object_get(source, "endOffset"), 0);
            (void)snprintf(end, sizeof end, "%s", ends);
            heap_free(ends);
            int64_t took = number(json_object_get(line, "durationMs"), "triggerExecution");
            cr_assert(took > 0 && number(line, "batchDuration") == took);
        }
        heap_free(start);
        json_decref(line);
    }
    cr_assert(eq(i64, read, result->rows_in));
    cr_assert(eq(i64, written, result->rows_out));
    cr_assert(eq(i64, batch + 1, result->batches));
    cr_assert(gt(int, moves, 3));
}

Test(lastprogress, its_figures_add_up_to_the_run, .fini = drop, .timeout = 60)
{
    int64_t dropped = 0;
    run("stateful-baseline", 0, true);
    adds_up(&dropped);
    run("stateful-sliding-windows", 0, true);
    adds_up(&dropped);
    cr_assert(gt(i64, dropped, 0));
}

/* A batch that runs again is told by another run of the same query, and begins where it began. */
Test(lastprogress, a_restart_is_another_run_of_the_query, .fini = drop, .timeout = 60)
{
    char query[64] = "";
    char before[64] = "";
    int runs = 0;
    run("stateful-driver-crash-after-state", 0, true);
    for (size_t i = 0; i < told.count; i++) {
        json_t *line = parse(i);
        json_t *source = json_array_get(json_object_get(line, "sources"), 0);
        json_t *start = json_object_get(source, "startOffset");
        if (i == 0) {
            (void)snprintf(query, sizeof query, "%s", text(line, "id"));
        }
        same(query, text(line, "id"));
        runs += strcmp(before, text(line, "runId")) != 0;
        (void)snprintf(before, sizeof before, "%s", text(line, "runId"));
        bool begins = json_object_get(start, "flights") != NULL;
        cr_assert(eq(int, begins, i > 0));
        json_decref(line);
    }
    cr_assert(eq(int, runs, 2));
}

Test(lastprogress, listening_changes_nothing, .fini = drop, .timeout = 120)
{
    static const char *const files[] = {
        "stateful-baseline", "stateful-driver-crash-after-state", "driver-crash-after-sink-commit"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        for (uint64_t seed = 0; seed < 3; seed++) {
            uint64_t deaf = run(files[i], seed, false);
            cr_assert(eq(sz, told.count, 0));
            cr_assert(eq(u64, run(files[i], seed, true), deaf));
            cr_assert(gt(sz, told.count, 0));
        }
    }
}
