#include "engine/source/json_scan.h"

#include "engine/base/check.h"

/* Skip bytes that need no look: neither quote, backslash, control character nor beyond ASCII. Eight
 * at a time; the lowest flagged byte of each test is exact (a borrow only spoils higher ones). */
static const uint8_t *skip_plain(const uint8_t *at, const uint8_t *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t ones = 0x0101010101010101ULL;
    const uint64_t highs = 0x8080808080808080ULL;
    while (end - at >= 8) {
        uint64_t word = 0;
        memcpy(&word, at, sizeof word);
        uint64_t quote = word ^ (ones * '"');
        uint64_t slash = word ^ (ones * '\\');
        uint64_t found = (((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
                          ((word - ones * 0x20) & ~word) | word) &
                         highs;
        if (found != 0) {
            return at + (unsigned)__builtin_ctzll(found) / 8;
        }
        at += 8;
    }
#endif
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') {
        at++;
    }
    return at;
}

/* Length of the UTF-8 sequence at `at`, or 0: overlong, a surrogate, beyond U+10FFFF or cut off. */
static size_t utf8_length(const uint8_t *at, const uint8_t *end)
{
    size_t length = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;
    if (*at < 0xc2 || *at > 0xf4 || (size_t)(end - at) < length) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool wrong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
                 (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f);
    return wrong ? 0 : length;
}

/* The four hex digits at `at`, or -1. */
static int32_t hex4(const uint8_t *at, const uint8_t *end)
{
    if (end - at < 4) {
        return -1;
    }
    int32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        uint8_t c = at[i];
        int32_t digit = 0;
        if (c >= '0' && c <= '9') {
            digit = c - '0';
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (c | 0x20) - 'a' + 10;
        } else {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* Length of the escape at `at` (a backslash), or 0 when it is none. A pair of surrogates is one. */
static size_t escape_length(const uint8_t *at, const uint8_t *end)
{
    if (end - at < 2) {
        return 0;
    }
    if (at[1] != 'u') {
        bool known = at[1] != '\0' && strchr("\"\\/bfnrt", at[1]) != NULL;
        return known ? 2 : 0;
    }
    int32_t unit = hex4(at + 2, end);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) {
        return 0;
    }
    if (unit < 0xd800 || unit > 0xdbff) {
        return 6;
    }
    if (end - at < 12 || at[6] != '\\' || at[7] != 'u') {
        return 0;
    }
    int32_t low = hex4(at + 8, end);
    return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

bool scan_string(struct scan *scan, struct bytes *raw, bool *escaped)
{
    require(scan_peek(scan) == '"');
    const uint8_t *start = scan->at + 1;
    const uint8_t *at = start;
    *escaped = false;
    for (;;) {
        at = skip_plain(at, scan->end);
        scan->at = at;
        if (at == scan->end) {
            return scan_fail(scan, "the closing quote of a string");
        }
        if (*at == '"') {
            *raw = bytes_of(start, (size_t)(at - start));
            scan->at = at + 1;
            return true;
        }
        if (*at < 0x20) {
            return scan_fail(scan, "an escape in place of the control character");
        }
        bool backslash = *at == '\\';
        size_t length = backslash ? escape_length(at, scan->end) : utf8_length(at, scan->end);
        if (length == 0) {
            return scan_fail(scan, backslash ? "a valid escape" : "valid UTF-8");
        }
        *escaped |= backslash;
        at += length;
    }
}

static uint8_t *put_utf8(uint8_t *to, uint32_t point)
{
    if (point < 0x80) {
        *to++ = (uint8_t)point;
        return to;
    }
    if (point < 0x800) {
        *to++ = (uint8_t)(0xc0 | point >> 6);
    } else {
        if (point < 0x10000) {
            *to++ = (uint8_t)(0xe0 | point >> 12);
        } else {
            *to++ = (uint8_t)(0xf0 | point >> 18);
            *to++ = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        }
        *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    }
    *to++ = (uint8_t)(0x80 | (point & 0x3f));
    return to;
}

/* The code point of a checked escape. */
static uint32_t escape_point(const uint8_t *at, const uint8_t *end, size_t length)
{
    static const char letters[] = "bfnrt";
    static const char points[] = "\b\f\n\r\t";
    if (length == 2) {
        const char *letter = strchr(letters, at[1]);
        return letter == NULL ? at[1] : (uint8_t)points[letter - letters];
    }
    uint32_t unit = (uint32_t)hex4(at + 2, end);
    if (length == 6) {
        return unit;
    }
    uint32_t low = (uint32_t)hex4(at + 8, end);
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

struct bytes scan_unescape(struct arena *arena, struct bytes raw)
{
    uint8_t *text = arena_alloc(arena, raw.size); /* no escape is shorter than what it means */
    uint8_t *to = text;
    const uint8_t *end = raw.data + raw.size;
    for (const uint8_t *at = raw.data; at < end;) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        size_t length = escape_length(at, end);
        require(length != 0);
        to = put_utf8(to, escape_point(at, end, length));
        at += length;
    }
    require((size_t)(to - text) <= raw.size);
    return bytes_of(text, (size_t)(to - text));
}

bool scan_number(struct scan *scan, struct decimal *number)
{
    if (!decimal_scan(bytes_of(scan->at, (size_t)(scan->end - scan->at)), number)) {
        return scan_fail(scan, "a number");
    }
    scan->at += number->text.size;
    return true;
}

bool scan_word(struct scan *scan, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0) {
        return scan_fail(scan, word);
    }
    scan->at += size;
    return true;
}

static bool skip_scalar(struct scan *scan)
{
    struct bytes raw;
    struct decimal number;
    bool escaped = false;
    switch (scan_peek(scan)) {
    case '"':
        return scan_string(scan, &raw, &escaped);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    default:
        return scan_number(scan, &number) || scan_fail(scan, "a value");
    }
}

/* A member's name and its colon; the cursor may stand before white space. */
static bool skip_name(struct scan *scan)
{
    struct bytes raw;
    bool escaped = false;
    scan_space(scan);
    if (scan_peek(scan) != '"') {
        return scan_fail(scan, "a member's name");
    }
    if (!scan_string(scan, &raw, &escaped)) {
        return false;
    }
    scan_space(scan);
    return scan_byte(scan, ':') || scan_fail(scan, "':'");
}

/* What encloses the cursor while a nested value is skipped: a bit a level, 1 for an object. */
struct nest {
    size_t base;
    size_t depth;
    uint8_t objects[JSON_DEPTH_MAX / 8 + 1];
};

static bool in_object(const struct nest *nest)
{
    return (nest->objects[nest->depth / 8] >> nest->depth % 8 & 1) != 0;
}

/* The opening bracket is at the cursor. False: too deep, or a first name that is none. */
static bool enter(struct scan *scan, struct nest *nest, bool *empty)
{
    bool object = *scan->at == '{';
    if (nest->depth == JSON_DEPTH_MAX) {
        return scan_fail(scan, "no more than 1000 levels");
    }
    nest->depth++;
    uint8_t bit = (uint8_t)(1U << nest->depth % 8);
    uint8_t *byte = &nest->objects[nest->depth / 8];
    *byte = (uint8_t)(object ? *byte | bit : *byte & ~bit);
    scan->at++;
    scan_space(scan);
    *empty = scan_peek(scan) == (object ? '}' : ']');
    return *empty || !object || skip_name(scan);
}

/* Behind a value: close what closes; stop where the next value of a list or object begins, or where
 * nothing encloses the cursor any more. */
static bool leave(struct scan *scan, struct nest *nest)
{
    while (nest->depth > nest->base) {
        bool object = in_object(nest);
        scan_space(scan);
        if (scan_byte(scan, ',')) {
            return !object || skip_name(scan);
        }
        if (!scan_byte(scan, object ? '}' : ']')) {
            return scan_fail(scan, object ? "',' or '}'" : "',' or ']'");
        }
        nest->depth--;
    }
    return true;
}

bool scan_skip(struct scan *scan, size_t depth)
{
    uint8_t first = scan_peek(scan);
    if (first != '{' && first != '[') {
        return skip_scalar(scan);
    }
    require(depth <= JSON_DEPTH_MAX);
    struct nest nest = {.base = depth, .depth = depth};
    do {
        bool empty = false;
        scan_space(scan);
        first = scan_peek(scan);
        bool good = first == '{' || first == '[' ? enter(scan, &nest, &empty) : skip_scalar(scan);
        if (!good) {
            return false;
        }
        bool opened = (first == '{' || first == '[') && !empty;
        if (!opened && !leave(scan, &nest)) {
            return false;
        }
    } while (nest.depth > depth);
    return true;
}
