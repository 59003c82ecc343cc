/* Every file in scenarios/loader/bad is refused with exactly the line beside it in .expected. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/process.h"
#include "scenarios/loader/scenario.h"

#define FOLDER "scenarios/loader/bad"

enum { FILES_MAX = 256, NAME_SIZE = 96 };

struct bad_file {
    char name[NAME_SIZE]; /* without .json */
};

static struct bad_file files[FILES_MAX];

static size_t list_files(void)
{
    size_t count = 0;
    DIR *folder = opendir(FOLDER);
    if (folder == NULL) {
        return 0;
    }
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL && count < FILES_MAX) {
        size_t length = strlen(entry->d_name);
        if (length > 5 && length < NAME_SIZE && strcmp(entry->d_name + length - 5, ".json") == 0) {
            memcpy(files[count].name, entry->d_name, length - 5);
            files[count++].name[length - 5] = '\0';
        }
    }
    (void)closedir(folder);
    return count;
}

static void read_expected(const char *name, char *line, size_t size)
{
    char path[256];
    (void)snprintf(path, sizeof path, FOLDER "/%s.expected", name);
    FILE *file = fopen(path, "r");
    cr_assert(ne(ptr, file, NULL), "%s is missing", path);
    cr_assert(ne(ptr, fgets(line, (int)size, file), NULL), "%s is empty", path);
    (void)fclose(file);
    line[strcspn(line, "\n")] = '\0';
}

static void load(const char *name, char *message, size_t size)
{
    char path[256];
    (void)snprintf(path, sizeof path, FOLDER "/%s.json", name);
    struct arena arena = {0};
    struct diag diag = {0};
    struct scenario *scenario = NULL;
    enum status status = scenario_load(&arena, path, NULL, &scenario, &diag);
    cr_assert(eq(int, status, ERR_FAILED), "%s is accepted", path);
    cr_assert(zero(ptr, scenario));
    cr_assert(gt(int, diag.line, 0), "%s: no line", path);
    cr_assert(gt(int, diag.column, 0), "%s: no column", path);
    diag_format(&diag, message, size);
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0), "%s leaves memory behind", path);
}

ParameterizedTestParameters(bad, is_refused_with_its_message)
{
    return cr_make_param_array(struct bad_file, files, list_files());
}

ParameterizedTest(struct bad_file *file, bad, is_refused_with_its_message)
{
    char expected[1400] = "";
    char found[1400] = "";
    read_expected(file->name, expected, sizeof expected);
    load(file->name, found, sizeof found);
    cr_assert(eq(str, found, expected), "%s", file->name);
}

Test(bad, there_are_many)
{
    cr_assert(gt(sz, list_files(), 80));
    cr_assert(lt(sz, list_files(), FILES_MAX));
}
