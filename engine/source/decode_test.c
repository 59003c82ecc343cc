#include "engine/source/decode.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/process.h"
#include "engine/base/units.h"

static const struct field fields[] = {{"b", TYPE_BOOLEAN},
                                      {"i", TYPE_INT},
                                      {"l", TYPE_LONG},
                                      {"d", TYPE_DOUBLE},
                                      {"s", TYPE_STRING},
                                      {"t", TYPE_TIMESTAMP}};
static const struct schema schema = {fields, 6};

static struct arena arena;
static struct decoder *decoders[2];
static struct columns *columns;
static struct diag diag;

static void begin(void)
{
    decoders[0] = decoder_new(&arena, &schema, DECODE_PERMISSIVE);
    decoders[1] = decoder_new(&arena, &schema, DECODE_FAILFAST);
    columns = columns_new(&arena, &schema, 1);
}

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(decode, .init = begin, .fini = end);

static void print_cell(struct buf *out, const struct column *column)
{
    char time[40];
    switch (column->type) {
    case TYPE_BOOLEAN:
        buf_text(out, column->values.booleans[0] ? "true" : "false");
        break;
    case TYPE_INT:
        buf_printf(out, "%d", column->values.ints[0]);
        break;
    case TYPE_LONG:
        buf_printf(out, "%lld", (long long)column->values.longs[0]);
        break;
    case TYPE_DOUBLE:
        buf_printf(out, "%g", column->values.doubles[0]);
        break;
    case TYPE_STRING:
        buf_json_string(out, column->values.strings[0]);
        break;
    case TYPE_TIMESTAMP:
        timestamp_format(column->values.longs[0], 6, time);
        buf_text(out, time);
        break;
    case TYPE_COUNT:
        break;
    }
}

/* The row of a value as text, "-" for null; the bytes stand alone so that sanitizers see one read
 * too many. */
static char *row_of(struct bytes value)
{
    uint8_t *alone = value.data == NULL ? NULL : heap_alloc(value.size == 0 ? 1 : value.size);
    if (value.size > 0) {
        memcpy(alone, value.data, value.size);
    }
    columns->rows = 0;
    enum status status =
        decoder_row(decoders[0], &arena, bytes_of(alone, value.size), columns, &diag);
    cr_assert(eq(int, status, OK));
    cr_assert(eq(sz, columns->rows, 1));
    struct buf out = {0};
    for (size_t i = 0; i < schema.count; i++) {
        buf_text(&out, i == 0 ? "" : " ");
        if (columns->columns[i].present[0]) {
            print_cell(&out, &columns->columns[i]);
        } else {
            buf_text(&out, "-");
            /* "zero where null" */
            cr_assert(eq(i64, i == 2 ? columns->columns[i].values.longs[0] : 0, 0));
        }
    }
    char *text = arena_copy(&arena, out.data, out.size);
    buf_free(&out);
    heap_free(alone);
    return text;
}

static void expect(const char *value, const char *row)
{
    cr_assert(eq(str, row_of(bytes_of_text(value)), (char *)(uintptr_t)row), "%s", value);
}

#define NULLS "- - - - - -"

Test(decode, a_whole_record)
{
    expect("{\"b\":true,\"i\":-7,\"l\":9223372036854775807,\"d\":1.5,\"s\":\"abc\","
           "\"t\":\"2001-01-01T01:24:00Z\"}",
           "true -7 9223372036854775807 1.5 \"abc\" 2001-01-01T01:24:00.000000Z");
    expect(" \t\r\n{ \"t\" : \"2001-01-01\" , \"x\":0, \"s\" :\"\" , \"i\":\n1 } \n",
           "- 1 - - \"\" 2001-01-01T00:00:00.000000Z");
    expect("{}", NULLS);
}

Test(decode, nothing_is_a_row_of_nulls)
{
    expect("", NULLS);
    expect("  \n", NULLS);
    expect("null", NULLS);
    cr_assert(eq(str, row_of((struct bytes){0}), NULLS));
}

Test(decode, malformed_records_are_null_whole)
{
    const char *const values[] = {"{\"i\":1",
                                  "{\"i\":1,}",
                                  "{\"i\":1 \"l\":2}",
                                  "{\"i\"}",
                                  "{\"i\":}",
                                  "{i:1}",
                                  "{,}",
                                  "{\"i\":1}}",
                                  "{\"i\":1} x",
                                  "[{\"i\":1}]",
                                  "1",
                                  "\"i\"",
                                  "true",
                                  "{\"i\":01}",
                                  "{\"i\":+1}",
                                  "{\"i\":1.}",
                                  "{\"i\":.5}",
                                  "{\"i\":1e}",
                                  "{\"i\":-}",
                                  "{\"i\":0x1}",
                                  "{\"i\":tru}",
                                  "{\"i\":1,\"x\":nul}",
                                  "{\"i\":1,\"x\":[1,]}",
                                  "{\"i\":1,\"x\":[1 2]}",
                                  "{\"i\":1,\"x\":{\"y\"}}",
                                  "{\"i\":1,\"x\":{\"y\":1,}}",
                                  "{\"i\":1,\"x\":[}",
                                  "{\"i\":1,\"x\":[{]}}",
                                  "{\"i\":1,\"x\":\"",
                                  "{\"i\":1,\"x\":\"\\",
                                  "{\"i\":1,\"x\":\"\\q\"}",
                                  "{\"i\":1,\"x\":\"\\u12g4\"}",
                                  "{\"i\":1,\"x\":\"\\ud800\"}",
                                  "{\"i\":1,\"x\":\"\\udc00\"}",
                                  "{\"i\":1,\"x\":\"\\ud800\\u0041\"}",
                                  "{\"i\":1,\"x\":\"\n\"}",
                                  "{\"i\":1,\"x\":\"\x7f\x01\"}",
                                  "{\"i\":1,\"s\":\"\xff\"}",
                                  "{\"i\":1,\"s\":\"\xc0\xaf\"}",
                                  "{\"i\":1,\"s\":\"\xed\xa0\x80\"}",
                                  "{\"i\":1,\"s\":\"\xf4\x90\x80\x80\"}",
                                  "{\"i\":1,\"s\":\"\xe2\x82\"}",
                                  "{\"i\":1,\"x\":'a'}",
                                  "{\"i\":1,\"d\":NaN}",
                                  "\xef\xbb\xbf{\"i\":1}",
                                  "{\"i\":1,\"\":}"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        expect(values[i], NULLS);
    }
    cr_assert(eq(str, row_of(bytes_of("{\"i\":1}\0", 8)), NULLS)); /* a zero byte behind it */
}

Test(decode, values_of_another_type_are_null_alone)
{
    expect("{\"b\":\"true\",\"s\":\"x\"}", "- - - - \"x\" -");
    expect("{\"b\":1,\"s\":\"x\"}", "- - - - \"x\" -");
    expect("{\"i\":\"123\",\"l\":\"4\",\"s\":\"x\"}", "- - - - \"x\" -");
    expect("{\"i\":1.0,\"l\":1e2,\"d\":1}", "- - - 1 - -");
    expect("{\"i\":2147483648,\"l\":9223372036854775808,\"d\":1}", "- - - 1 - -");
    expect("{\"i\":-2147483649,\"l\":-9223372036854775809,\"d\":1}", "- - - 1 - -");
    expect("{\"i\":-2147483648,\"l\":-9223372036854775808}",
           "- -2147483648 -9223372036854775808 - - -");
    expect("{\"i\":[1],\"l\":{\"a\":[]},\"d\":true,\"t\":false,\"b\":[true],\"s\":\"x\"}",
           "- - - - \"x\" -");
    expect("{\"t\":\"yesterday\",\"s\":\"x\"}", "- - - - \"x\" -");
    expect("{\"t\":\"2001-02-29T00:00:00Z\",\"s\":\"x\"}", "- - - - \"x\" -");
    expect("{\"t\":1.5,\"s\":\"x\"}", "- - - - \"x\" -");
    expect("{\"d\":\"1.5\",\"s\":\"x\"}", "- - - - \"x\" -");
}

Test(decode, doubles)
{
    expect("{\"d\":-0.25e1}", "- - - -2.5 - -");
    expect("{\"d\":\"NaN\"}", "- - - nan - -");
    expect("{\"d\":\"Infinity\"}", "- - - inf - -");
    expect("{\"d\":\"+INF\"}", "- - - inf - -");
    expect("{\"d\":\"-Infinity\"}", "- - - -inf - -");
    expect("{\"d\":\"nan\"}", NULLS);
    expect("{\"d\":1e999}", "- - - inf - -");
    expect("{\"d\":\"\"}", NULLS);
}

Test(decode, strings_take_the_text_of_any_value)
{
    expect("{\"s\":1.50}", "- - - - \"1.50\" -");
    expect("{\"s\":true}", "- - - - \"true\" -");
    expect("{\"s\":{\"a\": [1, \"}\"]} }", "- - - - \"{\\\"a\\\": [1, \\\"}\\\"]}\" -");
    expect("{\"s\":[ ]}", "- - - - \"[ ]\" -");
    expect("{\"s\":null}", NULLS);
}

Test(decode, escapes)
{
    expect("{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
           "- - - - \"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\" -");
    expect("{\"s\":\"\\u0041\\u00e4\\u20AC\\uD83D\\uDe00\"}",
           "- - - - \"A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\" -");
    expect("{\"s\":\"\\u0000\"}", "- - - - \"\\u0000\" -");
    expect("{\"s\":\"\xc3\xa4 plain text that is longer than a word \xf0\x9f\x98\x80\"}",
           "- - - - \"\xc3\xa4 plain text that is longer than a word \xf0\x9f\x98\x80\" -");
    expect("{\"\\u0069\":5}", "- 5 - - - -");
    expect("{\"t\":\"2001-01-01T00:00:00\\u005a\"}", "- - - - - 2001-01-01T00:00:00.000000Z");
}

Test(decode, plain_strings_borrow)
{
    struct bytes value = bytes_of_text("{\"s\":\"borrowed\"}");
    columns->rows = 0;
    cr_assert(eq(int, decoder_row(decoders[0], &arena, value, columns, &diag), OK));
    struct bytes text = columns->columns[4].values.strings[0];
    cr_assert(eq(ptr, (void *)(uintptr_t)text.data, (void *)(uintptr_t)(value.data + 6)));
}

Test(decode, names_are_matched_whole_and_with_case)
{
    expect("{\"I\":1,\"ii\":2,\"\":3,\"l \":4,\"i\":5}", "- 5 - - - -");
    expect("{\"s\":\"in no order\",\"i\":2,\"b\":false}", "false 2 - - \"in no order\" -");
}

/* Spark's convertObject sets a column when its value fits, and leaves it otherwise. */
Test(decode, of_a_member_twice_the_last_that_fits)
{
    expect("{\"i\":1,\"i\":2}", "- 2 - - - -");
    expect("{\"i\":1,\"i\":\"x\"}", "- 1 - - - -");
    expect("{\"i\":1,\"i\":null}", NULLS);
}

Test(decode, timestamps)
{
    expect("{\"t\":\"1969-12-31T23:59:59.5Z\"}", "- - - - - 1969-12-31T23:59:59.500000Z");
    expect("{\"t\":\"2000-02-29T12:00:00+02:00\"}", "- - - - - 2000-02-29T10:00:00.000000Z");
    expect("{\"t\":\"0100-03-01T00:00:00Z\"}", "- - - - - 0100-03-01T00:00:00.000000Z");
    expect("{\"t\":\"9999-12-31T23:59:59Z\"}", "- - - - - 9999-12-31T23:59:59.000000Z");
    expect("{\"t\":978307200}", "- - - - - 2001-01-01T00:00:00.000000Z");
    expect("{\"t\":9223372036854775807}", NULLS);
}

/* The short cut for "2001-01-01T01:24:00Z" gives what the general parser gives, and nothing where
 * that gives nothing. */
Test(decode, the_plain_timestamp_is_no_other)
{
    for (int year = 100; year <= 9999; year += year % 400 == 0 ? 1 : 3) {
        for (int day = 0; day <= 33; day += 1 + day % 3) {
            int month = (year * 7 + day) % 14;
            char text[64];
            char value[96];
            (void)snprintf(text,
                           sizeof text,
                           "%04d-%02d-%02dT%02d:%02d:%02dZ",
                           year,
                           month,
                           day,
                           (year + day) % 25,
                           (year * 3 + day) % 61,
                           (year * 5 + day) % 61);
            (void)snprintf(value, sizeof value, "{\"t\":\"%s\"}", text);
            int64_t expected = 0;
            bool known = timestamp_parse(bytes_of_text(text), &expected);
            columns->rows = 0;
            enum status status =
                decoder_row(decoders[0], &arena, bytes_of_text(value), columns, &diag);
            cr_assert(eq(int, status, OK));
            cr_assert(eq(int, columns->columns[5].present[0], known), "%s", text);
            cr_assert(
                eq(i64, columns->columns[5].values.longs[0], known ? expected : 0), "%s", text);
        }
    }
}

static char *nested(size_t depth, const char *before, const char *behind)
{
    char *text = arena_alloc(&arena, 2 * depth + 64);
    strcpy(text, before);
    size_t size = strlen(text);
    memset(text + size, '[', depth);
    memset(text + size + depth, ']', depth);
    strcpy(text + size + 2 * depth, behind);
    return text;
}

Test(decode, deep_nesting_is_skipped_up_to_jacksons_limit)
{
    expect(nested(2000, "", ""), NULLS);
    expect(nested(2000, "{\"i\":1,\"x\":", "}"), NULLS);
    expect(nested(1000, "{\"i\":1,\"x\":", "}"), NULLS); /* the record is a level itself */
    expect(nested(999, "{\"i\":1,\"x\":", "}"), "- 1 - - - -");
    expect(nested(500, "{\"x\":{\"y\":[", ",{\"z\":1}]},\"i\":1}"), "- 1 - - - -");
}

static void expect_refused(const char *value, const char *text)
{
    diag = (struct diag){0};
    columns->rows = 0;
    enum status status = decoder_row(decoders[1], &arena, bytes_of_text(value), columns, &diag);
    cr_assert(eq(int, status, ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "MALFORMED_RECORD_IN_PARSING"));
    cr_assert(eq(str, diag.text, (char *)(uintptr_t)text));
    cr_assert(eq(sz, columns->rows, 0));
}

Test(decode, failfast_names_the_place)
{
    expect_refused("{\"i\":1,}",
                   "malformed record at byte 7: expected a member's name; mode FAILFAST ends the "
                   "query, PERMISSIVE makes the row null");
    expect_refused("[1]",
                   "malformed record at byte 0: expected a JSON object; mode FAILFAST ends the "
                   "query, PERMISSIVE makes the row null");
    expect_refused("{\"s\":\"a\\qb\"}",
                   "malformed record at byte 7: expected a valid escape; mode FAILFAST ends the "
                   "query, PERMISSIVE makes the row null");
    expect_refused("{\"i\": \"1\",\"b\":0}",
                   "the value of \"i\" at byte 6 is no integer; mode FAILFAST ends the query, "
                   "PERMISSIVE makes the column null");
    columns->rows = 0;
    struct bytes good[] = {bytes_of_text("{\"i\":1}"), bytes_of_text("  "), {0}};
    for (size_t i = 0; i < 3; i++) {
        columns->rows = 0;
        cr_assert(eq(int, decoder_row(decoders[1], &arena, good[i], columns, &diag), OK));
    }
}

/* Many columns, of names that begin alike or need an escape. */
Test(decode, wide_schemas)
{
    enum { WIDE = 300 };
    struct field *wide = arena_alloc(&arena, WIDE * sizeof *wide);
    struct buf value = {0};
    for (size_t i = 0; i < WIDE; i++) {
        wide[i].name = arena_printf(&arena, "a column named %zu", i);
        wide[i].type = TYPE_INT;
    }
    wide[7].name = "quote\"slash\\";
    buf_text(&value, "{\"quote\\\"slash\\\\\":7");
    for (size_t i = WIDE; i-- > 0;) {
        buf_printf(&value, ",\"a column named %zu\":%zu", i, i);
    }
    buf_text(&value, "}");
    struct schema wide_schema = {wide, WIDE};
    struct decoder *decoder = decoder_new(&arena, &wide_schema, DECODE_FAILFAST);
    struct columns *rows = columns_new(&arena, &wide_schema, 1);
    cr_assert(eq(int, decoder_row(decoder, &arena, buf_bytes(&value), rows, &diag), OK));
    for (size_t i = 0; i < WIDE; i++) {
        cr_assert(eq(int, rows->columns[i].present[0], 1));
        cr_assert(eq(int, rows->columns[i].values.ints[0], (int)i));
    }
    buf_free(&value);
}
