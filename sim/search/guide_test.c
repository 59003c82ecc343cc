/* scenarios/guide/README.md: every row of it is shown. A row names scenarios that pass and are
 * proven (faults/mutants/proven.txt, which ci/mutants verifies), inputs that are refused, or says
 * what is not built yet. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/document.h"
#include "sim/search/run.h"

enum { LINE_SIZE = 4096, PATH_SIZE = 256, TEXT_SIZE = 1 << 18, LINKS_MAX = 512 };

static const char guide[] = "scenarios/guide/README.md";

/* What may be missing, and nothing else. */
static const char *const not_built[] = {"joins, sessions", "Delta source", "shuffle service", NULL};

static char *read_text(const char *path)
{
    static char text[TEXT_SIZE];
    FILE *file = fopen(path, "r");
    size_t size = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    cr_assert(file != NULL && size > 0, "%s cannot be read", path);
    (void)fclose(file);
    text[size] = '\0';
    return text;
}

static bool
load(const char *path, struct arena *arena, struct scenario **scenario, struct diag *diag)
{
    document_setup();
    return scenario_load(arena, path, NULL, scenario, diag) == OK;
}

static void expect_proven(const char *path)
{
    char name[PATH_SIZE];
    const char *slash = strrchr(path, '/');
    (void)snprintf(name, sizeof name, "\n%s", slash == NULL ? path : slash + 1);
    size_t length = strlen(name);
    cr_assert(length > 5);
    (void)snprintf(name + length - 5, sizeof name - length + 5, " "); /* ".json" */
    static char text[TEXT_SIZE + 1] = "\n";
    (void)snprintf(text + 1, sizeof text - 1, "%s", read_text("faults/mutants/proven.txt"));
    cr_expect(strstr(text, name) != NULL, "%s is not proven by any mutant", path);
}

static void expect_passing(const char *path)
{
    struct arena arena = {0};
    struct scenario *scenario = NULL;
    struct diag diag = {0};
    bool loaded = load(path, &arena, &scenario, &diag);
    cr_assert(loaded, "%s: %s", path, diag.text);
    struct run_result *result = heap_alloc(sizeof *result);
    struct run_options options = {.checks = true};
    run_scenario(scenario, 0, &options, result);
    cr_expect(result->pass, "%s: %s: %s", path, result->failed_check, result->evidence);
    heap_free(result);
    arena_free(&arena);
}

static void expect_refused(const char *path)
{
    struct arena arena = {0};
    struct scenario *scenario = NULL;
    struct diag diag = {0};
    bool loaded = load(path, &arena, &scenario, &diag);
    cr_expect_not(loaded, "%s is not refused", path);
    char expected[PATH_SIZE + 16];
    (void)snprintf(expected, sizeof expected, "%.*s.expected", (int)strlen(path) - 5, path);
    cr_expect(strstr(read_text(expected), diag.error_class) != NULL,
              "%s is refused with %s: %s",
              path,
              diag.error_class,
              diag.text);
    arena_free(&arena);
}

/* "../X.json" as seen from the guide's folder. */
static void resolve(const char *link, size_t length, char path[PATH_SIZE])
{
    if (length > 3 && strncmp(link, "../", 3) == 0) {
        (void)snprintf(path, PATH_SIZE, "scenarios/%.*s", (int)length - 3, link + 3);
    } else {
        (void)snprintf(path, PATH_SIZE, "scenarios/guide/%.*s", (int)length, link);
    }
}

struct links {
    char paths[LINKS_MAX][PATH_SIZE];
    size_t count;
    size_t rows;
    size_t unbuilt;
};

static void add_link(struct links *links, const char *path)
{
    for (size_t i = 0; i < links->count; i++) {
        if (strcmp(links->paths[i], path) == 0) {
            return;
        }
    }
    cr_assert(links->count < LINKS_MAX);
    (void)snprintf(links->paths[links->count++], PATH_SIZE, "%s", path);
}

/* The links of one cell; how many there are. */
static size_t read_links(struct links *links, const char *cell)
{
    size_t count = 0;
    for (const char *open = strstr(cell, "]("); open != NULL; open = strstr(open + 1, "](")) {
        const char *close = strchr(open, ')');
        char path[PATH_SIZE];
        cr_assert(close != NULL);
        resolve(open + 2, (size_t)(close - open - 2), path);
        add_link(links, path);
        count++;
    }
    return count;
}

static bool is_unbuilt(const char *cell)
{
    const char *what = strstr(cell, "not built yet: ");
    for (size_t i = 0; what != NULL && not_built[i] != NULL; i++) {
        const char *name = what + strlen("not built yet: ");
        if (strncmp(name, not_built[i], strlen(not_built[i])) == 0 &&
            strncmp(name + strlen(not_built[i]), " |", 2) == 0) {
            return true;
        }
    }
    return false;
}

/* "| says | happens | shown by |"; headings and their rules are no rows. */
static void read_row(struct links *links, const char *line)
{
    if (line[0] != '|' || strncmp(line, "|---", 4) == 0 || strstr(line, "| shown by |") != NULL) {
        return;
    }
    size_t length = strlen(line);
    cr_assert(length > 2 && line[length - 1] == '|', "a row that does not end: %.80s", line);
    const char *cell = line + length - 2;
    while (cell > line && *cell != '|') {
        cell--;
    }
    cr_assert(gt(sz, cell - line, 0));
    links->rows++;
    if (is_unbuilt(cell)) {
        links->unbuilt++;
        return;
    }
    cr_expect(read_links(links, cell) > 0, "a row that nothing shows: %.120s", line);
}

static void read_guide(struct links *links)
{
    FILE *file = fopen(guide, "r");
    static char line[LINE_SIZE];
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        read_row(links, line);
    }
    (void)fclose(file);
}

Test(guide, every_row_has_a_passing_proven_scenario, .timeout = 600)
{
    static struct links links;
    read_guide(&links);
    cr_assert(gt(sz, links.rows, 60));
    cr_assert(gt(sz, links.count, 30));
    for (size_t i = 0; i < links.count; i++) {
        if (strstr(links.paths[i], "/loader/bad/") != NULL) {
            expect_refused(links.paths[i]);
        } else {
            expect_proven(links.paths[i]);
            expect_passing(links.paths[i]);
        }
    }
    (void)fprintf(stderr,
                  "%zu rows, %zu of them not built yet; %zu scenarios and refusals\n",
                  links.rows,
                  links.unbuilt,
                  links.count);
}
