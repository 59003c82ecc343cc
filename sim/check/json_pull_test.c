#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "sim/check/json_pull.h"

/* Every token of a text as one letter; 'E' at an error. */
static const char *tokens_of(const char *text, char *out)
{
    static const char letters[] = "$E{}[]nsirTFN";
    struct json_pull json;
    pull_open(&json, bytes_of_text(text));
    size_t count = 0;
    do {
        pull_next(&json);
        out[count++] = json.token == PULL_END          ? '$'
                       : json.token == PULL_ERROR      ? 'E'
                       : json.token == PULL_OBJECT     ? '{'
                       : json.token == PULL_OBJECT_END ? '}'
                       : json.token == PULL_ARRAY      ? '['
                       : json.token == PULL_ARRAY_END  ? ']'
                                                       : letters[json.token];
    } while (json.token != PULL_END && json.token != PULL_ERROR && count < 62);
    out[count] = 0;
    return out;
}

Test(json_pull, tokens)
{
    static const struct {
        const char *text;
        const char *tokens;
    } cases[] = {
        {"{}", "{}$"},
        {" [ ] ", "[]$"},
        {"{\"a\":1}", "{ni}$"},
        {"{\"a\":{\"b\":[1,2.5,null]},\"c\":\"x\"}", "{n{n[irN]}ns}$"},
        {"[true,false,-0,1e5,-1.0]", "[TFirr]$"},
        {"\"x\"", "s$"},
        {"", "E"},
        {" ", "E"},
        {"{\"a\"}", "{nE"},
        {"{\"a\":}", "{nE"},
        {"{\"a\":1,}", "{niE"},
        {"{,}", "{E"},
        {"[1,]", "[iE"},
        {"[1 2]", "[iE"},
        {"[}", "[E"},
        {"{]", "{E"},
        {"[1}", "[iE"},
        {"{\"a\":1", "{niE"},
        {"1 2", "iE"},
        {"01", "E"},
        {"-", "E"},
        {"1.", "E"},
        {"1e", "E"},
        {".5", "E"},
        {"+1", "E"},
        {"nul", "E"},
        {"NaN", "E"},
        {"'x'", "E"},
        {"\"\\x\"", "E"},
        {"\"\\u12\"", "E"},
        {"\"\\ud83d\\ude00\"", "s$"},
        {"\"\\ud83d\"", "E"},
        {"\"\\ude00\"", "E"},
        {"\"a\nb\"", "E"},
        {"\"\xc3\xa9\"", "s$"},
        {"\"\xc3\"", "E"},
        {"\"\xed\xa0\x80\"", "E"},
        {"\"\xf4\x90\x80\x80\"", "E"},
        {"\"open", "E"},
        {"\"open\\", "E"},
    };
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert(eq(str, tokens_of(cases[i].text, out), cases[i].tokens), "%s", cases[i].text);
    }
}

static struct json_pull at_value(const char *text)
{
    struct json_pull json;
    pull_open(&json, bytes_of_text(text));
    pull_next(&json);
    return json;
}

Test(json_pull, numbers)
{
    int64_t whole = 0;
    double real = 0;
    struct json_pull json = at_value("-9223372036854775808");
    cr_assert(pull_int64(&json, &whole));
    cr_assert(eq(i64, whole, INT64_MIN));
    json = at_value("9223372036854775807");
    cr_assert(pull_int64(&json, &whole));
    cr_assert(eq(i64, whole, INT64_MAX));
    json = at_value("9223372036854775808");
    cr_assert(not(pull_int64(&json, &whole)));
    cr_assert(pull_double(&json, &real));
    cr_assert(eq(dbl, real, 9223372036854775808.0));
    json = at_value("1.0");
    cr_assert(not(pull_int64(&json, &whole)));
    json = at_value("2.2250738585072011e-308");
    cr_assert(pull_double(&json, &real));
    cr_assert(eq(dbl, real, 2.2250738585072011e-308));
}

Test(json_pull, strings_and_skipping)
{
    struct arena arena = {0};
    struct json_pull json = at_value("{\"a\\u00e9\":[{\"x\":[]},1],\"b\":\"\\ud83d\\ude00\\n\"}");
    cr_assert(pull_member(&json));
    cr_assert(bytes_equal_text(pull_string(&json, &arena), "a\xc3\xa9"));
    cr_assert(pull_skip(&json));
    cr_assert(pull_member(&json));
    cr_assert(pull_name_is(&json, "b"));
    cr_assert(eq(int, pull_next(&json), PULL_STRING));
    cr_assert(bytes_equal_text(pull_string(&json, &arena), "\xf0\x9f\x98\x80\n"));
    cr_assert(not(pull_member(&json)));
    cr_assert(eq(int, json.token, PULL_OBJECT_END));
    cr_assert(eq(int, pull_next(&json), PULL_END));
    arena_free(&arena);
}

Test(json_pull, depth_is_bounded)
{
    char text[2002];
    struct json_pull json;
    memset(text, '[', sizeof text);
    pull_open(&json, bytes_of(text, PULL_DEPTH_MAX));
    for (size_t i = 0; i < PULL_DEPTH_MAX; i++) {
        cr_assert(eq(int, pull_next(&json), PULL_ARRAY));
    }
    cr_assert(eq(int, pull_next(&json), PULL_ERROR));
    pull_open(&json, bytes_of(text, sizeof text));
    pull_next(&json);
    cr_assert(not(pull_skip(&json)));
}
