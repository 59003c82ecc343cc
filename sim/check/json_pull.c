#include "sim/check/json_pull.h"

#include <stdlib.h>

#include "engine/base/check.h"

enum expects {
    EXPECT_VALUE,        /* at the top, behind ':' or ',' of an array */
    EXPECT_VALUE_OR_END, /* behind '[' */
    EXPECT_NAME,         /* behind ',' of an object */
    EXPECT_NAME_OR_END,  /* behind '{' */
    EXPECT_COMMA_OR_END, /* behind a value inside something */
    EXPECT_COLON,        /* behind a name */
    EXPECT_NOTHING       /* behind the top value */
};

void pull_open(struct json_pull *reader, struct bytes text)
{
    *reader = (struct json_pull){.text = text, .expects = EXPECT_VALUE, .token = PULL_END};
}

static enum pull_token fail(struct json_pull *reader, const char *error)
{
    if (reader->token != PULL_ERROR) {
        reader->error = error;
    }
    reader->token = PULL_ERROR;
    return PULL_ERROR;
}

static enum pull_token give(struct json_pull *reader, enum pull_token token)
{
    reader->token = token;
    return token;
}

static int peek(const struct json_pull *reader)
{
    return reader->at < reader->text.size ? reader->text.data[reader->at] : -1;
}

static void skip_space(struct json_pull *reader)
{
    for (int c = peek(reader); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(reader)) {
        reader->at++;
    }
}

static bool in_object(const struct json_pull *reader)
{
    uint32_t level = reader->depth - 1;
    return (reader->objects[level / 64] >> (level % 64) & 1) != 0;
}

static void after_value(struct json_pull *reader)
{
    reader->expects = reader->depth == 0 ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
}

static enum pull_token open_level(struct json_pull *reader, bool object)
{
    if (reader->depth == PULL_DEPTH_MAX) {
        return fail(reader, "nested too deep");
    }
    uint64_t bit = UINT64_C(1) << (reader->depth % 64);
    uint64_t *word = &reader->objects[reader->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    reader->depth++;
    reader->at++;
    reader->expects = object ? EXPECT_NAME_OR_END : EXPECT_VALUE_OR_END;
    return give(reader, object ? PULL_OBJECT : PULL_ARRAY);
}

static enum pull_token close_level(struct json_pull *reader, bool object)
{
    if (reader->depth == 0 || in_object(reader) != object) {
        return fail(reader, "an end of something that is not open");
    }
    reader->depth--;
    reader->at++;
    after_value(reader);
    return give(reader, object ? PULL_OBJECT_END : PULL_ARRAY_END);
}

static bool is_hex(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static uint32_t hex_of(const uint8_t *digits)
{
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        uint32_t c = digits[i];
        value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* uXXXX at `at`? Then its code. */
static bool unit_at(const uint8_t *at, size_t left, uint32_t *unit)
{
    if (left < 5 || at[0] != 'u' || !is_hex(at[1]) || !is_hex(at[2]) || !is_hex(at[3]) ||
        !is_hex(at[4])) {
        return false;
    }
    *unit = hex_of(at + 1);
    return true;
}

/* Behind a backslash: is what stands there an escape, and how long is it? 0: none. A surrogate
 * comes with its other half. */
static size_t escape_size(const uint8_t *at, size_t left)
{
    if (left == 0) {
        return 0;
    }
    if (at[0] != 0 && strchr("\"\\/bfnrt", at[0]) != NULL) {
        return 1;
    }
    uint32_t high;
    uint32_t low;
    if (!unit_at(at, left, &high) || (high >= 0xdc00 && high <= 0xdfff)) {
        return 0;
    }
    if (high < 0xd800 || high > 0xdbff) {
        return 5;
    }
    bool pair = left >= 11 && at[5] == '\\' && unit_at(at + 6, left - 6, &low) && low >= 0xdc00 &&
                low <= 0xdfff;
    return pair ? 11 : 0;
}

static enum pull_token take_string(struct json_pull *reader, enum pull_token token)
{
    size_t begin = reader->at + 1;
    size_t at = begin;
    reader->escaped = false;
    const uint8_t *text = reader->text.data;
    while (at < reader->text.size && text[at] != '"') {
        if (text[at] < 0x20) {
            return fail(reader, "a control character in a string");
        }
        if (text[at] == '\\') {
            reader->escaped = true;
            size_t size = escape_size(text + at + 1, reader->text.size - at - 1);
            if (size == 0) {
                return fail(reader, "no such escape");
            }
            at += size;
        }
        at++;
    }
    if (at >= reader->text.size) {
        return fail(reader, "a string without end");
    }
    reader->raw = bytes_of(text + begin, at - begin);
    if (!utf8_valid(reader->raw)) {
        return fail(reader, "no UTF-8");
    }
    reader->at = at + 1;
    return give(reader, token);
}

static size_t take_digits(struct json_pull *reader)
{
    size_t begin = reader->at;
    while (peek(reader) >= '0' && peek(reader) <= '9') {
        reader->at++;
    }
    return reader->at - begin;
}

static enum pull_token take_number(struct json_pull *reader)
{
    size_t begin = reader->at;
    bool real = false;
    if (peek(reader) == '-') {
        reader->at++;
    }
    bool zero = peek(reader) == '0';
    size_t digits = take_digits(reader);
    if (digits == 0 || (zero && digits > 1)) {
        return fail(reader, "no number");
    }
    if (peek(reader) == '.') {
        real = true;
        reader->at++;
        if (take_digits(reader) == 0) {
            return fail(reader, "a fraction without digits");
        }
    }
    if (peek(reader) == 'e' || peek(reader) == 'E') {
        real = true;
        reader->at++;
        if (peek(reader) == '+' || peek(reader) == '-') {
            reader->at++;
        }
        if (take_digits(reader) == 0) {
            return fail(reader, "an exponent without digits");
        }
    }
    reader->raw = bytes_of(reader->text.data + begin, reader->at - begin);
    after_value(reader);
    return give(reader, real ? PULL_REAL : PULL_INTEGER);
}

static enum pull_token take_word(struct json_pull *reader, const char *word, enum pull_token token)
{
    size_t size = strlen(word);
    if (reader->text.size - reader->at < size ||
        memcmp(reader->text.data + reader->at, word, size) != 0) {
        return fail(reader, "no such word");
    }
    reader->at += size;
    after_value(reader);
    return give(reader, token);
}

static enum pull_token take_value(struct json_pull *reader)
{
    switch (peek(reader)) {
    case '{':
        return open_level(reader, true);
    case '[':
        return open_level(reader, false);
    case '"':
        if (take_string(reader, PULL_STRING) == PULL_STRING) {
            after_value(reader);
        }
        return reader->token;
    case 't':
        return take_word(reader, "true", PULL_TRUE);
    case 'f':
        return take_word(reader, "false", PULL_FALSE);
    case 'n':
        return take_word(reader, "null", PULL_NULL);
    case -1:
        return fail(reader, "the text ends where a value is expected");
    default:
        return take_number(reader);
    }
}

static enum pull_token take_name(struct json_pull *reader)
{
    if (peek(reader) != '"') {
        return fail(reader, "no member name");
    }
    if (take_string(reader, PULL_NAME) == PULL_NAME) {
        reader->expects = EXPECT_COLON;
    }
    return reader->token;
}

enum pull_token pull_next(struct json_pull *reader)
{
    if (reader->token == PULL_ERROR) {
        return PULL_ERROR;
    }
    skip_space(reader);
    if (reader->expects == EXPECT_COLON) {
        if (peek(reader) != ':') {
            return fail(reader, "no ':' behind a name");
        }
        reader->at++;
        reader->expects = EXPECT_VALUE;
        skip_space(reader);
    } else if (reader->expects == EXPECT_COMMA_OR_END && peek(reader) == ',') {
        reader->at++;
        reader->expects = in_object(reader) ? EXPECT_NAME : EXPECT_VALUE;
        skip_space(reader);
    } else if (reader->expects == EXPECT_COMMA_OR_END) {
        int c = peek(reader);
        reader->token_at = reader->at;
        return c == '}' || c == ']' ? close_level(reader, c == '}')
                                    : fail(reader, "no ',' and no end");
    }
    reader->token_at = reader->at;
    if (reader->expects == EXPECT_NOTHING) {
        return reader->at == reader->text.size ? give(reader, PULL_END)
                                               : fail(reader, "something behind the value");
    }
    if (reader->expects == EXPECT_NAME_OR_END && peek(reader) == '}') {
        return close_level(reader, true);
    }
    if (reader->expects == EXPECT_VALUE_OR_END && peek(reader) == ']') {
        return close_level(reader, false);
    }
    if (reader->expects == EXPECT_NAME || reader->expects == EXPECT_NAME_OR_END) {
        return take_name(reader);
    }
    return take_value(reader);
}

bool pull_skip(struct json_pull *reader)
{
    if (reader->token == PULL_NAME) {
        pull_next(reader);
    }
    if (reader->token == PULL_OBJECT || reader->token == PULL_ARRAY) {
        uint32_t outer = reader->depth - 1;
        while (reader->token != PULL_ERROR && reader->depth > outer) {
            pull_next(reader);
        }
    }
    return reader->token != PULL_ERROR;
}

bool pull_member(struct json_pull *reader)
{
    return pull_next(reader) == PULL_NAME;
}

static size_t put_utf8(uint8_t *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xc0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xe0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

/* uXXXX at `at`, or a pair of them: `escape_size` has seen it. */
static uint32_t escaped_code(const uint8_t *at)
{
    uint32_t code = hex_of(at + 1);
    return code < 0xd800 || code > 0xdbff
               ? code
               : 0x10000 + ((code - 0xd800) << 10) + (hex_of(at + 7) - 0xdc00);
}

struct bytes pull_string(const struct json_pull *reader, struct arena *arena)
{
    require(reader->token == PULL_NAME || reader->token == PULL_STRING);
    struct bytes raw = reader->raw;
    if (!reader->escaped) {
        return raw;
    }
    static const char letters[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    uint8_t *out = arena_alloc(arena, raw.size + 1); /* an escape is never shorter than its bytes */
    size_t size = 0;
    for (size_t at = 0; at < raw.size; at++) {
        if (raw.data[at] != '\\') {
            out[size++] = raw.data[at];
            continue;
        }
        at++;
        if (raw.data[at] == 'u') {
            uint32_t code = escaped_code(raw.data + at);
            size += put_utf8(out + size, code);
            at += code >= 0x10000 ? 10 : 4;
        } else {
            out[size++] = (uint8_t)meant[strchr(letters, raw.data[at]) - letters];
        }
    }
    return bytes_of(out, size);
}

bool pull_name_is(const struct json_pull *reader, const char *name)
{
    return reader->token == PULL_NAME && !reader->escaped && bytes_equal_text(reader->raw, name);
}

bool pull_int64(const struct json_pull *reader, int64_t *value)
{
    if (reader->token != PULL_INTEGER) {
        return false;
    }
    bool negative = reader->raw.data[0] == '-';
    int64_t result = 0;
    for (size_t i = negative ? 1 : 0; i < reader->raw.size; i++) {
        int64_t digit = reader->raw.data[i] - '0';
        if (__builtin_mul_overflow(result, 10, &result) ||
            __builtin_sub_overflow(result, digit, &result)) { /* downwards: the minimum fits */
            return false;
        }
    }
    if (!negative && __builtin_sub_overflow((int64_t)0, result, &result)) {
        return false;
    }
    *value = result;
    return true;
}

bool pull_double(const struct json_pull *reader, double *value)
{
    if (reader->token != PULL_INTEGER && reader->token != PULL_REAL) {
        return false;
    }
    /* strtod wants a zero behind the digits; 1,100 of them decide any double (IEEE 754: 767). */
    char digits[1200];
    if (reader->raw.size >= sizeof digits) {
        return false;
    }
    memcpy(digits, reader->raw.data, reader->raw.size);
    digits[reader->raw.size] = 0;
    *value = strtod(digits, NULL);
    return true;
}

bool utf8_valid(struct bytes text)
{
    for (size_t at = 0; at < text.size;) {
        uint32_t first = text.data[at++];
        if (first < 0x80) {
            continue;
        }
        uint32_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || text.size - at < more) {
            return false;
        }
        uint32_t code = first & (0x3fu >> more);
        for (uint32_t i = 0; i < more; i++) {
            if ((text.data[at] & 0xc0) != 0x80) {
                return false;
            }
            code = code << 6 | (text.data[at++] & 0x3fu);
        }
        static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
        if (code < smallest[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            return false;
        }
    }
    return true;
}
