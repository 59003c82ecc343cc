/* Golden transcripts: the story of ten scenarios, seed 0, noise off, line by line as in
 * scenarios/golden/NAME.txt. `ci/golden` shows why one differs, `ci/golden --update` accepts what
 * is seen. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdio.h>

#include "engine/base/document.h"
#include "reports/transcript.h"
#include "sim/search/run.h"

enum { LINES_MAX = 120, NAME_SIZE = 64, GOLDEN_SIZE_MAX = 16384 };

struct story {
    struct buf text;
    int64_t start_us;
    size_t lines;
};

static void tell(void *context, const struct trace_record *record)
{
    struct story *story = context;
    story->lines += transcript_line(record, story->start_us, &story->text);
}

static size_t read_golden(const char *name, char *out)
{
    char path[160];
    (void)snprintf(path, sizeof path, "scenarios/golden/%s.txt", name);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "%s is missing: ci/golden --update makes it", path);
    size_t size = fread(out, 1, GOLDEN_SIZE_MAX, file);
    (void)fclose(file);
    return size;
}

ParameterizedTestParameters(golden, transcripts)
{
    static char names[][NAME_SIZE] = {
#include "scenarios/golden/names.inc"
    };
    return cr_make_param_array(char[NAME_SIZE], names, sizeof names / sizeof *names);
}

ParameterizedTest(char (*name)[NAME_SIZE], golden, transcripts)
{
    document_setup();
    struct arena arena = {0};
    struct scenario *scenario = NULL;
    struct diag diag = {0};
    char path[160];
    (void)snprintf(path, sizeof path, "scenarios/%s.json", *name);
    cr_assert(scenario_load(&arena, path, NULL, &scenario, &diag) == OK, "%s", diag.text);
    struct story story = {.start_us = scenario->start_us};
    struct run_options options = {.checks = true, .observer = tell, .observer_context = &story};
    struct run_result *result = heap_alloc(sizeof *result);
    run_scenario(scenario, 0, &options, result);
    static char expected[GOLDEN_SIZE_MAX];
    size_t size = read_golden(*name, expected);
    bool same = bytes_equal(bytes_of(expected, size), buf_bytes(&story.text));
    cr_expect(same, "the story of %s changed: ci/golden %s shows how", *name, *name);
    cr_expect(le(sz, story.lines, LINES_MAX));
    heap_free(result);
    buf_free(&story.text);
    arena_free(&arena);
}
