/* Every scenario that people run loads, and stays valid when an item of its script is taken out. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/document.h"
#include "engine/base/heap.h"
#include "engine/base/process.h"
#include "scenarios/loader/scenario.h"

#define FOLDER "scenarios"

enum { FILES_MAX = 256, NAME_SIZE = 128 };

struct named_file {
    char path[NAME_SIZE];
};

static struct named_file files[FILES_MAX];

static size_t list_files(void)
{
    size_t count = 0;
    DIR *folder = opendir(FOLDER);
    if (folder == NULL) {
        return 0;
    }
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL && count < FILES_MAX) {
        const char *name = entry->d_name;
        size_t length = strlen(name);
        bool json = length > 5 && strcmp(name + length - 5, ".json") == 0;
        if (json && strcmp(name, "aftershock.json") != 0 && strcmp(name, "schema.json") != 0) {
            (void)snprintf(files[count++].path, NAME_SIZE, FOLDER "/%.100s", name);
        }
    }
    (void)closedir(folder);
    return count;
}

static void must_load(const char *path, struct bytes text, const char *what)
{
    struct arena arena = {0};
    struct diag diag = {0};
    struct scenario *scenario = NULL;
    char message[1400];
    enum status status = text.data == NULL
                             ? scenario_load(&arena, path, NULL, &scenario, &diag)
                             : scenario_load_text(&arena, path, text, NULL, &scenario, &diag);
    diag_format(&diag, message, sizeof message);
    cr_assert(eq(int, status, OK), "%s%s: %s", path, what, message);
    cr_assert(gt(sz, strlen(scenario->story), 40), "%s: a story tells what happens", path);
    arena_free(&arena);
}

ParameterizedTestParameters(files, load)
{
    return cr_make_param_array(struct named_file, files, list_files());
}

ParameterizedTest(struct named_file *file, files, load)
{
    must_load(file->path, bytes_of(NULL, 0), "");
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

static bool waits_for(json_t *event, const char *id)
{
    const char *awaited = json_string_value(json_object_get(json_object_get(event, "at"), "event"));
    return awaited != NULL && strcmp(awaited, id) == 0;
}

/* An event, and with it those that wait for it, and those that wait for them. */
static void remove_event(json_t *script, size_t index)
{
    char id[64] = "";
    const char *name = json_string_value(json_object_get(json_array_get(script, index), "id"));
    (void)snprintf(id, sizeof id, "%s", name == NULL ? "" : name);
    (void)json_array_remove(script, index);
    for (size_t i = 0; name != NULL && i < json_array_size(script); i++) {
        if (waits_for(json_array_get(script, i), id)) {
            remove_event(script, i);
            i = SIZE_MAX; /* from the beginning: indices have moved */
        }
    }
}

ParameterizedTestParameters(files, stay_valid_without_an_event)
{
    return cr_make_param_array(struct named_file, files, list_files());
}

ParameterizedTest(struct named_file *file, files, stay_valid_without_an_event)
{
    document_setup();
    json_error_t error;
    json_t *root = json_load_file(file->path, 0, &error);
    cr_assert(ne(ptr, root, NULL));
    cr_assert(eq(str, json_string_value(json_object_get(root, "$schema")), "schema.json"));
    size_t count = json_array_size(json_object_get(root, "script"));
    for (size_t i = 0; i < count; i++) {
        json_t *copy = json_deep_copy(root);
        remove_event(json_object_get(copy, "script"), i);
        char *text = json_dumps(copy, 0);
        must_load(file->path, bytes_of_text(text), " without an event of its script");
        heap_free(text);
        json_decref(copy);
    }
    json_decref(root);
}

Test(files, there_are_many)
{
    cr_assert(gt(sz, list_files(), 50));
    cr_assert(lt(sz, list_files(), FILES_MAX));
}
