#include "engine/plan/expression.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/base/units.h"

static const struct field fields[] = {{"i", TYPE_INT},
                                      {"j", TYPE_INT},
                                      {"z", TYPE_INT},
                                      {"l", TYPE_LONG},
                                      {"d", TYPE_DOUBLE},
                                      {"s", TYPE_STRING},
                                      {"b", TYPE_BOOLEAN},
                                      {"t", TYPE_TIMESTAMP},
                                      {"n", TYPE_INT},
                                      {"m", TYPE_BOOLEAN},
                                      {"odd `name", TYPE_INT},
                                      {"timestamp", TYPE_LONG}};
enum { FIELDS = sizeof fields / sizeof fields[0] };
static const struct schema schema = {fields, FIELDS};

static struct arena arena;
static struct columns *columns;

/* One row: i=7 j=-3 z=0 l=5000000000 d=1.5 s='abc' b=true t=2001-01-01 n=null m=null
 * `odd ``name`=11 timestamp=1. */
static void begin(void)
{
    columns = columns_new(&arena, &schema, 1);
    columns->rows = 1;
    struct column *column = columns->columns;
    for (size_t i = 0; i < FIELDS; i++) {
        column[i].present[0] = 1;
    }
    column[0].values.ints[0] = 7;
    column[1].values.ints[0] = -3;
    column[3].values.longs[0] = 5000000000;
    column[4].values.doubles[0] = 1.5;
    column[5].values.strings[0] = bytes_of_text("abc");
    column[6].values.booleans[0] = true;
    column[7].values.longs[0] = 978307200 * US_PER_SECOND;
    column[8].present[0] = 0;
    column[9].present[0] = 0;
    column[10].values.ints[0] = 11;
    column[11].values.longs[0] = 1;
}

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(expression, .init = begin, .fini = end);

static struct column result_new(enum type type, size_t rows)
{
    struct column result = {.type = type};
    result.present = arena_alloc(&arena, rows);
    result.values.longs = arena_alloc(&arena, rows * column_value_size(type));
    return result;
}

/* "int 7", "null", or the class of the error. */
static char *value_of(const char *text)
{
    struct diag diag = {0};
    struct expression *expression = NULL;
    if (expression_compile(&arena, bytes_of_text(text), &schema, &expression, &diag) != OK) {
        return arena_printf(&arena, "%d: %s [%s]", diag.column, diag.text, diag.error_class);
    }
    struct column result = result_new(expression_type(expression), 1);
    if (expression_evaluate(expression, &arena, columns, &result, &diag) != OK) {
        return arena_strdup(&arena, diag.error_class);
    }
    if (!result.present[0]) {
        cr_assert(eq(int, result.values.booleans[0], 0), "zero where null: %s", text);
        return arena_printf(&arena, "%s null", type_name(result.type));
    }
    char time[40];
    switch (result.type) {
    case TYPE_BOOLEAN:
        return arena_strdup(&arena, result.values.booleans[0] ? "true" : "false");
    case TYPE_INT:
        return arena_printf(&arena, "int %d", result.values.ints[0]);
    case TYPE_LONG:
        return arena_printf(&arena, "long %lld", (long long)result.values.longs[0]);
    case TYPE_DOUBLE:
        return arena_printf(&arena, "double %.17g", result.values.doubles[0]);
    case TYPE_STRING:
        return arena_printf(&arena,
                            "'%.*s'",
                            (int)result.values.strings[0].size,
                            (const char *)result.values.strings[0].data);
    case TYPE_TIMESTAMP:
        timestamp_format(result.values.longs[0], 3, time);
        return arena_strdup(&arena, time);
    case TYPE_COUNT:
        break;
    }
    return NULL;
}

struct pair {
    const char *text;
    const char *value;
};

static void expect(const struct pair *pairs)
{
    for (; pairs->text != NULL; pairs++) {
        cr_assert(
            eq(str, value_of(pairs->text), (char *)(uintptr_t)pairs->value), "%s", pairs->text);
    }
}

Test(expression, literals_and_columns)
{
    expect((const struct pair[]){{"1", "int 1"},
                                 {"007", "int 7"},
                                 {"2147483647", "int 2147483647"},
                                 {"2147483648", "long 2147483648"},
                                 {"-2147483648", "int -2147483648"},
                                 {"- 9223372036854775808", "long -9223372036854775808"},
                                 {"1L", "long 1"},
                                 {"1.5", "double 1.5"},
                                 {"1e3", "double 1000"},
                                 {"2D", "double 2"},
                                 {"-0.1", "double -0.10000000000000001"},
                                 {"'it''s'", "'it's'"},
                                 {"'a\\n\\'b'", "'a\n'b'"},
                                 {"\"quoted\"", "'quoted'"},
                                 {"TRUE", "true"},
                                 {"timestamp '2001-02-03T04:05:06Z'", "2001-02-03T04:05:06.000Z"},
                                 {"i", "int 7"},
                                 {"  I\t", "int 7"},
                                 {"n", "integer null"},
                                 {"`odd ``name`", "int 11"},
                                 {"timestamp", "long 1"},
                                 {"Timestamp + 1", "long 2"},
                                 {"s", "'abc'"},
                                 {"t", "2001-01-01T00:00:00.000Z"},
                                 {NULL, NULL}});
}

Test(expression, precedence_is_sparks)
{
    expect((const struct pair[]){{"1 + 2 * 3", "int 7"},
                                 {"(1 + 2) * 3", "int 9"},
                                 {"10 - 4 - 3", "int 3"},
                                 {"100 % 30 * 2", "int 20"},
                                 {"2 * 100 % 30", "int 20"},
                                 {"- i * 2", "int -14"},
                                 {"-i - -i", "int 0"},
                                 {"- - 5", "int 5"},
                                 {"i - 5", "int 2"},
                                 {"i -5", "int 2"},
                                 {"1 + 1 = 2", "true"},
                                 {"1 < 2 = true", "true"},
                                 {"not 1 = 2", "true"},
                                 {"not true = false", "true"},
                                 {"! true or true", "true"},
                                 {"not false and false", "false"},
                                 {"true or true and false", "true"},
                                 {"(true or true) and false", "false"},
                                 {"not not true", "true"},
                                 {"n is null", "true"},
                                 {"not n is null", "false"},
                                 {"n + 1 is null", "true"},
                                 {"n = 1 is null", "true"},
                                 {"-n is not null", "false"},
                                 {"i is not null and n is null", "true"},
                                 {"(n is null) = true", "true"},
                                 {"(((i)))", "int 7"},
                                 {NULL, NULL}});
}

Test(expression, comparisons)
{
    expect((const struct pair[]){{"i = 7", "true"},
                                 {"i == 7", "true"},
                                 {"i != 7", "false"},
                                 {"i <> 8", "true"},
                                 {"i < 7", "false"},
                                 {"i <= 7", "true"},
                                 {"i > -8", "true"},
                                 {"i >= 8", "false"},
                                 {"i < l", "true"},
                                 {"i < 7.5", "true"},
                                 {"l > 1e9", "true"},
                                 {"1.5 = d", "true"},
                                 {"s = 'abc'", "true"},
                                 {"s < 'abd'", "true"},
                                 {"s > 'ab'", "true"},
                                 {"'Z' < 'a'", "true"},
                                 {"'\xc3\xa4' > 'z'", "true"},
                                 {"s = ''", "false"},
                                 {"b = true", "true"},
                                 {"false < b", "true"},
                                 {"t = '2001-01-01'", "true"},
                                 {"'2000-12-31T23:59:59Z' < t", "true"},
                                 {"t >= timestamp '2001-01-01T01:00:00+01:00'", "true"},
                                 {"n = 1", "boolean null"},
                                 {"null = null", "boolean null"},
                                 {"null <> 1", "boolean null"},
                                 {"n <=> null", "true"},
                                 {"i <=> null", "false"},
                                 {"i <=> 7", "true"},
                                 {"n <=> 7", "false"},
                                 {"null <=> null", "true"},
                                 {NULL, NULL}});
}

Test(expression, doubles_compare_as_in_spark)
{
    expect(
        (const struct pair[]){{"0.0 = -0.0", "true"},
                              {"0.0 > -0.0", "false"},
                              {"0.0 <=> -0.0", "true"},
                              {"1e308 * 10 > 1e308", "true"},
                              {"d * 1e308 * 10 - d * 1e308 * 10 = d * 1e308 * 10 - d * 1e308 * 10",
                               "true"}, /* NaN = NaN */
                              {"d * 1e308 * 10 - d * 1e308 * 10 > d * 1e308 * 10", "true"},
                              {"d * 1e308 * 10 - d * 1e308 * 10 < 1", "false"},
                              {NULL, NULL}});
}

Test(expression, three_valued_logic)
{
    expect((const struct pair[]){{"b and m", "boolean null"},
                                 {"m and b", "boolean null"},
                                 {"false and m", "false"},
                                 {"m and false", "false"},
                                 {"true or m", "true"},
                                 {"m or true", "true"},
                                 {"m or false", "boolean null"},
                                 {"not m", "boolean null"},
                                 {"m and m", "boolean null"},
                                 {"null and true", "boolean null"},
                                 {"null or true", "true"},
                                 {"not null", "boolean null"},
                                 {"null is null", "true"},
                                 {NULL, NULL}});
}

Test(expression, arithmetic)
{
    expect((const struct pair[]){{"i + 1L", "long 8"},
                                 {"i * d", "double 10.5"},
                                 {"l * 2", "long 10000000000"},
                                 {"7 / 2", "double 3.5"},
                                 {"-7 / 2", "double -3.5"},
                                 {"i % 4", "int 3"},
                                 {"-7 % 4", "int -3"},
                                 {"7 % -4", "int 3"},
                                 {"-7 % -4", "int -3"},
                                 {"l % j", "long 2"},
                                 {"i + n", "integer null"},
                                 {"n * 1.5", "double null"},
                                 {"i + null", "integer null"},
                                 {"null / 1", "double null"},
                                 {"-(-2147483648L)", "long 2147483648"},
                                 {NULL, NULL}});
}

Test(expression, remainders_of_doubles_are_exact)
{
    expect((const struct pair[]){{"5.5 % 2", "double 1.5"},
                                 {"-5.5 % 2", "double -1.5"},
                                 {"5.5 % -2", "double 1.5"},
                                 {"-4.0 % 2", "double -0"},
                                 {"1e300 % 7", "double 1"},
                                 {"1e308 % 7e-10", "double 4.020960826830451e-10"},
                                 {"1e-310 % 3e-320", "double 4.1254481427744086e-321"},
                                 {"9007199254740994.0 % 3", "double 1"},
                                 {"1.7976931348623157e308 % 5e-324", "double 0"},
                                 {"2e-308 % 1e-300", "double 1.9999999999999998e-308"},
                                 {"2 % (1e308 * 10)", "double 2"},
                                 {NULL, NULL}});
}

Test(expression, ansi_errors)
{
    expect((const struct pair[]){{"2147483647 + 1", "ARITHMETIC_OVERFLOW"},
                                 {"-2147483648 - 1", "ARITHMETIC_OVERFLOW"},
                                 {"i * 1000000000", "ARITHMETIC_OVERFLOW"},
                                 {"-(-2147483648)", "ARITHMETIC_OVERFLOW"},
                                 {"9223372036854775807 + 1", "ARITHMETIC_OVERFLOW"},
                                 {"l * l", "ARITHMETIC_OVERFLOW"},
                                 {"-(-9223372036854775808)", "ARITHMETIC_OVERFLOW"},
                                 {"2147483647 + 1L", "long 2147483648"},
                                 {"1 / 0", "DIVIDE_BY_ZERO"},
                                 {"1.5 / 0.0", "DIVIDE_BY_ZERO"},
                                 {"1 / -0.0", "DIVIDE_BY_ZERO"},
                                 {"i % z", "DIVIDE_BY_ZERO"},
                                 {"l % 0", "DIVIDE_BY_ZERO"},
                                 {"d % 0", "DIVIDE_BY_ZERO"},
                                 {"0 / 0", "DIVIDE_BY_ZERO"},
                                 {"-2147483648 % -1", "int 0"},
                                 {"-9223372036854775808 % -1", "long 0"},
                                 {NULL, NULL}});
}

Test(expression, an_operand_that_is_not_reached_cannot_fail)
{
    expect((const struct pair[]){{"z <> 0 and 10 / z > 1", "false"},
                                 {"10 / z > 1 and z <> 0", "DIVIDE_BY_ZERO"},
                                 {"z = 0 or 10 / z > 1", "true"},
                                 {"m and 10 / z > 1", "DIVIDE_BY_ZERO"}, /* null decides nothing */
                                 {"m or 10 / z > 1", "DIVIDE_BY_ZERO"},
                                 {"n + 1 / z", "double null"},
                                 {"1 / z + n", "DIVIDE_BY_ZERO"},
                                 {"n = i * 1000000000", "boolean null"},
                                 {"i * 1000000000 = n", "ARITHMETIC_OVERFLOW"},
                                 {"1 / z / n", "double null"}, /* the divisor is looked at first */
                                 {"n / z", "double null"},
                                 {"n % z", "integer null"},
                                 {"n <=> i % z", "DIVIDE_BY_ZERO"},
                                 {"(i % z) is null", "DIVIDE_BY_ZERO"},
                                 {"not (z = 0 or i % z = 1)", "false"},
                                 {NULL, NULL}});
}

Test(expression, refused_texts)
{
    expect((const struct pair[]){
        {"", "1: expected a value, found the end [PARSE_SYNTAX_ERROR]"},
        {"i +", "4: expected a value, found the end [PARSE_SYNTAX_ERROR]"},
        {"i 7", "3: expected an operator or the end, found 7 [PARSE_SYNTAX_ERROR]"},
        {"(i", "1: the ( that opens here is never closed [PARSE_SYNTAX_ERROR]"},
        {"i)", "2: expected an operator or the end: no ( is open, found ) [PARSE_SYNTAX_ERROR]"},
        {"()", "2: expected a value, found ) [PARSE_SYNTAX_ERROR]"},
        {"* 2", "1: expected a value, found * [PARSE_SYNTAX_ERROR]"},
        {"i = not b",
         "5: expected a value (put `not ...` into parentheses), found not [PARSE_SYNTAX_ERROR]"},
        {"i is 7", "6: expected null or not null behind is, found 7 [PARSE_SYNTAX_ERROR]"},
        {"i is null = true",
         "11: expected and, or, ) or the end behind is null (use parentheses), found = "
         "[PARSE_SYNTAX_ERROR]"},
        {"i is null is null",
         "11: expected and, or, ) or the end behind is null (use parentheses), found is "
         "[PARSE_SYNTAX_ERROR]"},
        {"'abc", "1: the quote ' that opens here is never closed [PARSE_SYNTAX_ERROR]"},
        {"'a\\q'", "3: expected an escape: \\n \\r \\t \\b \\0 \\\\ \\' \\\" [PARSE_SYNTAX_ERROR]"},
        {"1 & 2", "3: unexpected character & [PARSE_SYNTAX_ERROR]"},
        {"1 \xc3\xa4", "3: unexpected byte 0xc3 [PARSE_SYNTAX_ERROR]"},
        {"1x", "2: expected the number to end, such as 1, 1L, 1.5 or 1.5D [PARSE_SYNTAX_ERROR]"},
        {"1.5.2", "4: expected the number to end, such as 1, 1L, 1.5 or 1.5D [PARSE_SYNTAX_ERROR]"},
        {"5 --2", "3: -- begins a comment in SQL; write - - [PARSE_SYNTAX_ERROR]"},
        {"9223372036854775808",
         "1: beyond the range of long, and decimals are not built; for a double append D "
         "[PARSE_SYNTAX_ERROR]"},
        {"1e999", "1: beyond the range of double [PARSE_SYNTAX_ERROR]"},
        {"upper(s) = 'A'", "1: functions are not built yet (found upper) [PARSE_SYNTAX_ERROR]"},
        {"s in ('a')",
         "3: \"in\" is not built yet; a column of that name needs `in` [PARSE_SYNTAX_ERROR]"},
        {"s like 'a'",
         "3: \"like\" is not built yet; a column of that name needs `like` [PARSE_SYNTAX_ERROR]"},
        {"timestamp 'noon'",
         "11: 'noon' is no timestamp; expected such as 2001-01-01T00:00:00Z "
         "[INVALID_TYPED_LITERAL]"},
        {"timestmap > 1",
         "1: no column \"timestmap\"; did you mean \"timestamp\"? "
         "[UNRESOLVED_COLUMN]"},
        {"i > qqqqqqqq", "5: no column \"qqqqqqqq\"; the first one is \"i\" [UNRESOLVED_COLUMN]"},
        {NULL, NULL}});
}

Test(expression, refused_types)
{
    expect((const struct pair[]){
        {"i = '7'",
         "3: expected two values of one type, found integer and string; a number stands without "
         "quotes [DATATYPE_MISMATCH]"},
        {"i + s",
         "3: expected two numbers, found integer and string; a number stands without "
         "quotes [DATATYPE_MISMATCH]"},
        {"1 < 2 < 3",
         "7: expected two values of one type, found boolean and integer "
         "[DATATYPE_MISMATCH]"},
        {"b + 1", "3: expected two numbers, found boolean and integer [DATATYPE_MISMATCH]"},
        {"i and b",
         "3: expected two conditions (booleans), found integer and boolean "
         "[DATATYPE_MISMATCH]"},
        {"not i",
         "1: expected a condition (boolean) behind not, found integer "
         "[DATATYPE_MISMATCH]"},
        {"-s", "1: expected a number behind -, found string [DATATYPE_MISMATCH]"},
        {"t > 5",
         "3: expected two values of one type, found timestamp and integer; a timestamp "
         "meets a timestamp, or a literal such as '2001-01-01T00:00:00Z' "
         "[DATATYPE_MISMATCH]"},
        {"t = s",
         "3: expected two values of one type, found timestamp and string; a timestamp "
         "meets a timestamp, or a literal such as '2001-01-01T00:00:00Z' "
         "[DATATYPE_MISMATCH]"},
        {"t > 'noon'",
         "5: 'noon' is no timestamp; expected such as 2001-01-01T00:00:00Z "
         "[INVALID_TYPED_LITERAL]"},
        {"null", "1: null alone has no type: expected a value [DATATYPE_MISMATCH]"},
        {NULL, NULL}});
}

static char *repeated(const char *part, size_t times, const char *behind)
{
    char *text = arena_alloc(&arena, strlen(part) * times + strlen(behind) + 1);
    for (size_t i = 0; i < times; i++) {
        strcat(text, part);
    }
    return strcat(text, behind);
}

Test(expression, size_and_depth_are_bounded)
{
    cr_assert(eq(str, value_of(repeated("not ", 128, "b")), "true"));
    cr_assert(eq(str,
                 value_of(repeated("(", 129, "i")),
                 "129: nested deeper than 128 operators and parentheses [PARSE_SYNTAX_ERROR]"));
    cr_assert(eq(str, value_of(repeated("1+", 255, "1")), "int 256"));
    cr_assert(eq(str,
                 value_of(repeated("1+", 256, "1")),
                 "512: more than 512 values and operators [PARSE_SYNTAX_ERROR]"));
    cr_assert(eq(str,
                 value_of(repeated(" ", 8192, "1")),
                 "8192: longer than 8192 bytes [PARSE_SYNTAX_ERROR]"));
    cr_assert(eq(str, value_of(repeated(" ", 8191, "1")), "int 1"));
}

/* More rows than a block, and the first failing one named by its kind. */
Test(expression, blocks_of_rows)
{
    enum { ROWS = 2500 };
    struct columns *many = columns_new(&arena, &schema, ROWS);
    many->rows = ROWS;
    for (int r = 0; r < ROWS; r++) {
        many->columns[0].present[r] = r % 3 != 0;
        many->columns[0].values.ints[r] = r % 3 == 0 ? 0 : r;
    }
    struct diag diag = {0};
    struct expression *expression = NULL;
    cr_assert(
        eq(int,
           expression_compile(&arena, bytes_of_text("i * 2 - 1"), &schema, &expression, &diag),
           OK));
    struct column result = result_new(TYPE_INT, ROWS);
    cr_assert(eq(int, expression_evaluate(expression, &arena, many, &result, &diag), OK));
    for (int r = 0; r < ROWS; r++) {
        cr_assert(eq(int, result.present[r], r % 3 != 0));
        cr_assert(eq(int, result.values.ints[r], r % 3 == 0 ? 0 : 2 * r - 1));
    }
    const char *text = "10 / (i - 2000) > 0 and i * 1000000 >= 0";
    cr_assert(
        eq(int, expression_compile(&arena, bytes_of_text(text), &schema, &expression, &diag), OK));
    struct column condition = result_new(TYPE_BOOLEAN, ROWS);
    cr_assert(
        eq(int, expression_evaluate(expression, &arena, many, &condition, &diag), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "DIVIDE_BY_ZERO")); /* row 2000; row 2149 would overflow */
}

__extension__ typedef unsigned __int128 wide;

/* Remainders of random doubles whose exponents are near enough for 128-bit arithmetic. */
Test(expression, remainders_of_random_doubles)
{
    struct diag diag = {0};
    struct field pair[] = {{"a", TYPE_DOUBLE}, {"b", TYPE_DOUBLE}};
    struct schema pair_schema = {pair, 2};
    struct expression *expression = NULL;
    cr_assert(
        eq(int,
           expression_compile(&arena, bytes_of_text("a % b"), &pair_schema, &expression, &diag),
           OK));
    struct columns *row = columns_new(&arena, &pair_schema, 1);
    struct column result = result_new(TYPE_DOUBLE, 1);
    struct arena scratch = {0};
    row->rows = 1;
    row->columns[0].present[0] = row->columns[1].present[0] = 1;
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t a = hash_mix64(2 * i) >> (11 + i % 53);
        uint64_t b = (hash_mix64(2 * i + 1) >> (11 + i % 47)) + 1;
        unsigned shift = (unsigned)(hash_mix64(i) % 70);
        double left = (double)a; /* below 2^53: exact */
        for (unsigned s = 0; s < shift; s++) {
            left *= 2;
        }
        row->columns[0].values.doubles[0] = left;
        row->columns[1].values.doubles[0] = (double)b;
        cr_assert(eq(int, expression_evaluate(expression, &scratch, row, &result, &diag), OK));
        double expected = (double)(uint64_t)(((wide)a << shift) % b);
        cr_assert(eq(dbl, result.values.doubles[0], expected));
        arena_reset(&scratch);
    }
    arena_free(&scratch);
}
