#include "scenarios/loader/schema.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/failpoint.h"
#include "engine/base/process.h"
#include "engine/plan/options.h"
#include "faults/fault.h"
#include "scenarios/loader/explain.h"
#include "scenarios/loader/keys.h"

static struct buf printed;

static void clean(void)
{
    buf_free(&printed);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(schema, .fini = clean);

Test(schema, the_file_is_what_the_tables_print)
{
    schema_print(&printed);
    FILE *file = fopen("scenarios/schema.json", "rb");
    cr_assert(ne(ptr, file, NULL));
    for (size_t i = 0; i < printed.size; i++) {
        cr_assert(eq(int, fgetc(file), printed.data[i]),
                  "scenarios/schema.json differs from the key tables at byte %zu: "
                  "aftershock schema >scenarios/schema.json",
                  i);
    }
    cr_assert(eq(int, fgetc(file), EOF));
    (void)fclose(file);
}

Test(schema, every_reference_has_its_definition)
{
    schema_print(&printed);
    json_t *schema = json_loadb((const char *)printed.data, printed.size, 0, NULL);
    cr_assert(ne(ptr, schema, NULL));
    const json_t *definitions = json_object_get(schema, "definitions");
    static const char mark[] = "\"$ref\": \"#/definitions/";
    size_t references = 0;
    buf_byte(&printed, 0);
    const char *at = (const char *)printed.data;
    while ((at = strstr(at, mark)) != NULL) {
        at += strlen(mark);
        char name[64] = "";
        memcpy(name, at, strcspn(at, "\""));
        cr_assert(ne(ptr, json_object_get(definitions, name), NULL), "%s", name);
        references++;
    }
    cr_assert(gt(sz, references, 15));
    cr_assert(eq(sz, json_object_size(definitions), 27));
    json_decref(schema);
}

Test(schema, every_object_is_closed_and_takes_notes)
{
    schema_print(&printed);
    json_t *schema = json_loadb((const char *)printed.data, printed.size, 0, NULL);
    const char *name;
    json_t *definition;
    json_object_foreach(json_object_get(schema, "definitions"), name, definition)
    {
        bool closed = json_is_false(json_object_get(definition, "additionalProperties"));
        cr_assert(closed, "%s", name);
        const json_t *properties = json_object_get(definition, "properties");
        cr_assert(ne(ptr, json_object_get(properties, "note"), NULL), "%s", name);
    }
    json_decref(schema);
}

static void expect_line(const char *text)
{
    cr_assert(ne(ptr, strstr((const char *)printed.data, text), NULL), "%s", text);
}

Test(schema, everything_is_explained)
{
    explain_faults(&printed);
    explain_points(&printed);
    explain_options(&printed);
    explain_keys(&printed);
    buf_byte(&printed, 0);
    for (int verb = 0; verb < FAULT_COUNT; verb++) {
        expect_line(fault_info(verb)->help);
    }
    for (int point = 0; point < FAILPOINT_COUNT; point++) {
        expect_line(failpoint_info(point)->where);
    }
    struct option_description option;
    for (size_t i = 0; options_describe(i, &option); i++) {
        expect_line(option.name);
    }
    for (const struct key *key = keys_scenario.keys; key->name != NULL; key++) {
        expect_line(key->help);
    }
    expect_line("  give_up                        crashes in a row");
    expect_line("  plus                           this much later (without it: 0s)");
}
