#include "engine/plan/schema.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const struct field fields[] = {
    {"delayed", TYPE_BOOLEAN},
    {"Number", TYPE_INT},
    {"distance", TYPE_LONG},
    {"ratio", TYPE_DOUBLE},
    {"origin", TYPE_STRING},
    {"date", TYPE_TIMESTAMP},
};
static const struct schema schema = {.fields = fields, .count = 6};

Test(schema, type_names_parse_back)
{
    for (int i = 0; i < TYPE_COUNT; i++) {
        enum type type = TYPE_COUNT;
        cr_assert(type_parse(type_name((enum type)i), &type));
        cr_assert(eq(int, (int)type, i));
    }
}

Test(schema, sql_synonyms_and_case)
{
    enum type type = TYPE_COUNT;
    cr_assert(type_parse("BIGINT", &type));
    cr_assert(eq(int, (int)type, TYPE_LONG));
    cr_assert(type_parse("int", &type));
    cr_assert(eq(int, (int)type, TYPE_INT));
}

Test(schema, unknown_types_are_refused)
{
    static const char *const names[] = {"", "float", "in", "integers", "decimal(10,2)"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        enum type type = TYPE_COUNT;
        cr_assert(not(type_parse(names[i], &type)), "%s", names[i]);
        cr_assert(eq(int, (int)type, TYPE_COUNT));
    }
}

Test(schema, find_ignores_case_and_compares_whole_names)
{
    cr_assert(eq(int, schema_find(&schema, bytes_of_text("number")), 1));
    cr_assert(eq(int, schema_find(&schema, bytes_of_text("DATE")), 5));
    cr_assert(eq(int, schema_find(&schema, bytes_of_text("dat")), -1));
    cr_assert(eq(int, schema_find(&schema, bytes_of_text("dates")), -1));
    cr_assert(eq(int, schema_find(&schema, bytes_of(NULL, 0)), -1));
}

Test(schema, json_is_deltas_schema_string)
{
    struct buf out = {0};
    schema_json(&(struct schema){.fields = fields, .count = 2}, &out);
    cr_assert(bytes_equal_text(
        buf_bytes(&out),
        "{\"type\":\"struct\",\"fields\":["
        "{\"name\":\"delayed\",\"type\":\"boolean\",\"nullable\":true,\"metadata\":{}},"
        "{\"name\":\"Number\",\"type\":\"integer\",\"nullable\":true,\"metadata\":{}}]}"));
    buf_free(&out);
}
