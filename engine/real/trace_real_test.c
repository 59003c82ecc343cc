/* The trace file: one JSON object a line, whatever was traced, and lines of several processes do
 * not mix. */
#include "engine/ports/trace_contract.h"

#include <jansson.h>

#include "engine/real/forked_world.h"

static void check_file(const char *path, size_t lines_expected)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0;
    size_t lines = 0;
    cr_assert(ne(ptr, file, NULL));
    while (getline(&line, &capacity, file) > 0) {
        json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        cr_assert(ne(ptr, event, NULL), "line %zu is no JSON: %.200s", lines, line);
        const char *process = json_string_value(json_object_get(event, "process"));
        bool whole = json_is_string(json_object_get(event, "time")) &&
                     json_is_string(json_object_get(event, "event")) &&
                     json_is_integer(json_object_get(event, "a")) &&
                     json_is_string(json_object_get(event, "text"));
        cr_assert(whole, "line %zu lacks a field: %.200s", lines, line);
        cr_assert(eq(str, process, "process"));
        json_decref(event);
        lines++;
    }
    free(line);
    (void)fclose(file);
    cr_assert(eq(sz, lines, lines_expected));
}

Test(trace_real, keeps_the_contract_with_a_file_and_without)
{
    struct forked_world world;
    char directory[FORKED_PATH + 16];
    char path[FORKED_PATH + 32];
    forked_world_new(&world);
    for (int with = 0; with < 2; with++) {
        forked_next_case(&world, directory);
        (void)snprintf(path, sizeof path, "%s/trace", directory);
        world.config.trace_file = with == 1 ? path : NULL;
        trace_contract[0].check(world.contract);
        forked_check(&world, trace_contract[0].name);
    }
    check_file(path, 3 * (size_t)ENGINE_EVENT_COUNT);
    forked_world_free(&world);
}

static void traces_a_lot(void *argument, const struct ports *ports)
{
    (void)argument;
    char text[300];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int64_t i = 0; i < 2000; i++) {
        trace_event(&ports->trace, &(struct trace_entry){.kind = 0, .batch = i, .text = text});
    }
}

Test(trace_real, several_processes_append_to_one_file)
{
    struct forked_world world;
    char directory[FORKED_PATH + 16];
    char path[FORKED_PATH + 32];
    forked_world_new(&world);
    forked_next_case(&world, directory);
    (void)snprintf(path, sizeof path, "%s/trace", directory);
    world.config.trace_file = path;
    const contract_body bodies[] = {traces_a_lot, traces_a_lot, traces_a_lot};
    forked_together(&world, bodies, 3, world.contract);
    forked_check(&world, "");
    check_file(path, 6000);
    forked_world_free(&world);
}
