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

static const struct field windowed_fields[] = {
    {"window.start", TYPE_TIMESTAMP, "window"},
    {"window.end", TYPE_TIMESTAMP, "window"},
    {"origin", TYPE_STRING, NULL},
    {"other.x", TYPE_INT, "other"},
    {"a.b", TYPE_LONG, NULL}, /* a dot alone makes no struct */
};
static const struct schema windowed = {.fields = windowed_fields, .count = 5};

Test(schema, members_of_a_struct_are_one_column)
{
    static const size_t fields_of_column[] = {2, 1, 1, 1};
    size_t column = 0;
    for (size_t i = 0; i < windowed.count; i += schema_column_fields(&windowed, i)) {
        cr_assert(eq(sz, schema_column_fields(&windowed, i), fields_of_column[column++]));
    }
    cr_assert(eq(sz, column, 4));
    cr_assert(eq(sz, schema_column_count(&windowed), 4));
    cr_assert(eq(str, field_column_name(&windowed_fields[1]), "window"));
    cr_assert(eq(str, field_member_name(&windowed_fields[1]), "end"));
    cr_assert(eq(str, field_column_name(&windowed_fields[4]), "a.b"));
    cr_assert(eq(str, field_member_name(&windowed_fields[4]), "a.b"));
}

Test(schema, json_of_a_struct_column_is_nested)
{
    struct buf out = {0};
    schema_json(&windowed, &out);
    buf_byte(&out, 0);
    cr_assert(eq(str,
                 (char *)out.data,
                 "{\"type\":\"struct\",\"fields\":["
                 "{\"name\":\"window\",\"type\":{\"type\":\"struct\",\"fields\":["
                 "{\"name\":\"start\",\"type\":\"timestamp\",\"nullable\":true,\"metadata\":{}},"
                 "{\"name\":\"end\",\"type\":\"timestamp\",\"nullable\":true,\"metadata\":{}}]},"
                 "\"nullable\":true,\"metadata\":{}},"
                 "{\"name\":\"origin\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}},"
                 "{\"name\":\"other\",\"type\":{\"type\":\"struct\",\"fields\":["
                 "{\"name\":\"x\",\"type\":\"integer\",\"nullable\":true,\"metadata\":{}}]},"
                 "\"nullable\":true,\"metadata\":{}},"
                 "{\"name\":\"a.b\",\"type\":\"long\",\"nullable\":true,\"metadata\":{}}]}"));
    buf_free(&out);
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
