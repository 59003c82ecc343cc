#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/process.h"
#include "sim/check/oracle_expression.h"

static const struct field fields[] = {{"i", TYPE_INT},
                                      {"l", TYPE_LONG},
                                      {"d", TYPE_DOUBLE},
                                      {"s", TYPE_STRING},
                                      {"b", TYPE_BOOLEAN},
                                      {"t", TYPE_TIMESTAMP},
                                      {"n", TYPE_INT},
                                      {"nb", TYPE_BOOLEAN}};
static const struct schema schema = {fields, sizeof fields / sizeof fields[0]};

/* The one row: i 7, l 10^12, d 2.5, s "ab", b true, t 2001-01-01; n and nb are null. */
static const char *value_of(const char *text, char *out, size_t size)
{
    struct value cells[8];
    for (size_t c = 0; c < 8; c++) {
        cells[c] = (struct value){.type = fields[c].type, .present = c < 6};
    }
    cells[0].as.number = 7;
    cells[1].as.number = 1000000000000;
    cells[2].as.real = 2.5;
    cells[3].as.text = bytes_of_text("ab");
    cells[4].as.boolean = true;
    cells[5].as.number = 978307200000000;
    struct arena arena = {0};
    const char *error = NULL;
    struct oracle_expression *e =
        oracle_expression_parse(&arena, bytes_of_text(text), &schema, &error);
    struct value value;
    if (e == NULL) {
        snprintf(out, size, "refused: %s", error);
    } else if ((error = oracle_expression_value(e, cells, &value)) != NULL) {
        snprintf(out, size, "%s", error);
    } else {
        struct buf described = {0};
        value_describe(&value, &described);
        enum type type = oracle_expression_result(e);
        snprintf(out,
                 size,
                 "%.*s%s",
                 (int)described.size,
                 (const char *)described.data,
                 type == TYPE_LONG     ? " long"
                 : type == TYPE_DOUBLE ? " double"
                                       : "");
        buf_free(&described);
    }
    arena_free(&arena);
    return out;
}

Test(oracle_expression, values)
{
    static const struct {
        const char *text;
        const char *value;
    } cases[] = {
        {"i", "7"},
        {"I", "7"},
        {"`i`", "7"},
        {"1 + 2 * 3", "7"},
        {"(1 + 2) * 3", "9"},
        {"10 - 4 - 3", "3"},
        {"-i", "-7"},
        {"- -5", "5"},
        {"2 * -3", "-6"},
        {"7 / 2", "3.5 double"},
        {"-7 % 3", "-1"},
        {"7 % -3", "1"},
        {"-2147483648 % -1", "0"},
        {"5.5 % 2", "1.5 double"},
        {"-5.5 % 2.0", "-1.5 double"},
        {"i + l", "1000000000007 long"},
        {"i + d", "9.5 double"},
        {"3000000000", "3000000000 long"},
        {"-2147483648", "-2147483648"},
        {"7L", "7 long"},
        {"1e2", "100 double"},
        {"7d", "7 double"},
        {"007", "7"},
        {"-null", "null double"},
        {"null + null", "null double"},
        {"t = '2001-01-01T00:00:00Z'", "true"},
        {"'2001-01-02' > t", "true"},
        /* int and long overflow are errors (ANSI) */
        {"2147483647 + 1", "ARITHMETIC_OVERFLOW"},
        {"-2147483648 - 1", "ARITHMETIC_OVERFLOW"},
        {"65536 * 65536", "ARITHMETIC_OVERFLOW"},
        {"65536L * 65536", "4294967296 long"},
        {"9223372036854775807 + 1", "ARITHMETIC_OVERFLOW"},
        {"-(-2147483648)", "ARITHMETIC_OVERFLOW"},
        {"i / 0", "DIVIDE_BY_ZERO"},
        {"i % 0", "DIVIDE_BY_ZERO"},
        {"d / 0.0", "DIVIDE_BY_ZERO"},
        {"n / 0", "null double"},
        {"0 / n", "null double"},
        /* comparison */
        {"i > 6", "true"},
        {"i = 7.0", "true"},
        {"i == 7", "true"},
        {"i <> 7", "false"},
        {"i != 8", "true"},
        {"i >= 8", "false"},
        {"i <= 7", "true"},
        {"i < 7", "false"},
        {"s = 'ab'", "true"},
        {"s < 'b'", "true"},
        {"s < 'aa'", "false"},
        {"'it''s' = 'it\\'s'", "true"},
        {"t = timestamp '2001-01-01T00:00:00Z'", "true"},
        {"t > timestamp '2001-01-01 00:00:01'", "false"},
        {"0.0 = -0.0", "true"},
        {"1 + 1 = 2", "true"},
        {"1 < 2 = true", "true"},
        /* three values */
        {"n = 1", "null"},
        {"n <=> 1", "false"},
        {"n <=> null", "true"},
        {"null <=> null", "true"},
        {"i <=> 7", "true"},
        {"n is null", "true"},
        {"n is not null", "false"},
        {"i is null", "false"},
        {"n = 1 is null", "true"},
        {"not b", "false"},
        {"not nb", "null"},
        {"not i > 8", "true"},
        {"not n is null", "false"},
        {"nb and false", "false"},
        {"false and nb", "false"},
        {"nb and true", "null"},
        {"true and nb", "null"},
        {"nb and nb", "null"},
        {"nb or true", "true"},
        {"true or nb", "true"},
        {"nb or false", "null"},
        {"false or nb", "null"},
        {"true or false and false", "true"},
        {"not false and false", "false"},
        {"NOT b OR B", "true"},
        /* what is not evaluated raises nothing */
        {"i = 0 and 1 / 0 > 1", "false"},
        {"i = 7 or 1 / 0 > 1", "true"},
        {"nb and 1 / 0 > 1", "DIVIDE_BY_ZERO"},
        {"n > 1 / 0", "null"},
        /* refused */
        {"", "refused: nothing to evaluate"},
        {"i +", "refused: nothing to evaluate"},
        {"x", "refused: no such column"},
        {"i + s", "refused: two types that have nothing in common"},
        {"s + s", "refused: arithmetic of something that is no number"},
        {"i and b", "refused: two types that have nothing in common"},
        {"(i", "refused: no ')'"},
        {"i i", "refused: something behind the expression"},
        {"'open", "refused: a quote without end"},
        {"99999999999999999999", "refused: a whole number beyond long"},
    };
    char out[128];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *found = value_of(cases[i].text, out, sizeof out);
        cr_expect(eq(str, found, cases[i].value), "%s", cases[i].text);
    }
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

Test(oracle_expression, depth_is_bounded)
{
    char text[4001];
    memset(text, '(', 4000);
    text[4000] = 0;
    char out[128];
    cr_assert(eq(str, value_of(text, out, sizeof out), "refused: nested too deep"));
}
