/* The scanner against jansson: random documents, and flights with bytes changed. Both must agree on
 * what is JSON and on every value. jansson is asked to read as the scanner does (duplicates: the
 * last; \u0000 allowed), and these differences stay, each sorted out below:
 *   - jansson refuses a number beyond double ("1e999") and an integer beyond int64; the scanner
 *     takes both as JSON (infinity; a misfit for long), as Jackson does;
 *   - jansson refuses \u0000 in a member's name;
 *   - jansson counts its own depth (2048), Jackson's limit is 1000: documents here stay below;
 *   - of a member twice, the last value that fits counts, not the last one.
 * Bounded and seeded: the same documents on every run. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/base/units.h"
#include "engine/source/decode.h"

enum { FLIGHTS = 500, DOCUMENTS = 30000, MUTATIONS = 60000 };

static const struct field fields[] = {{"reported_at", TYPE_TIMESTAMP},
                                      {"event_time", TYPE_TIMESTAMP},
                                      {"origin", TYPE_STRING},
                                      {"destination", TYPE_STRING},
                                      {"distance", TYPE_INT},
                                      {"delay", TYPE_LONG},
                                      {"late", TYPE_BOOLEAN},
                                      {"ratio", TYPE_DOUBLE}};
enum { FIELDS = sizeof fields / sizeof fields[0] };
static const struct schema schema = {fields, FIELDS};

static uint64_t state;

static uint64_t draw(uint64_t below)
{
    state = hash_mix64(state);
    return state % below;
}

/* ---- documents ------------------------------------------------------------------------------ */

static void put_string(struct buf *out)
{
    static const char *const parts[] = {"a",
                                        "ORD",
                                        "\\n",
                                        "\\\"",
                                        "\\u00e4",
                                        "\\ud83d\\ude00",
                                        "\xc3\xa4",
                                        "\xf0\x9f\x98\x80",
                                        "2001-01-01T00:00:00Z",
                                        " ",
                                        "plain text of some length",
                                        "\\u0000",
                                        "\\/",
                                        "NaN"};
    buf_byte(out, '"');
    for (uint64_t left = draw(4); left > 0; left--) {
        buf_text(out, parts[draw(sizeof parts / sizeof parts[0])]);
    }
    buf_byte(out, '"');
}

static void put_scalar(struct buf *out)
{
    static const char *const texts[] = {"true",
                                        "false",
                                        "null",
                                        "0",
                                        "-0",
                                        "1",
                                        "-17",
                                        "2147483647",
                                        "2147483648",
                                        "-2147483648",
                                        "9223372036854775807",
                                        "-9223372036854775808",
                                        "9223372036854775808",
                                        "1.5",
                                        "1e2",
                                        "-0.125E-3",
                                        "0.1",
                                        "123456789.987654321",
                                        "1e308",
                                        "1e999",
                                        "4.9e-324",
                                        "\"2001-01-01T01:24:00Z\"",
                                        "\"2001-13-01T01:24:00Z\"",
                                        "\"1999-12-31 23:59:59.25\""};
    if (draw(3) == 0) {
        put_string(out);
    } else {
        buf_text(out, texts[draw(sizeof texts / sizeof texts[0])]);
    }
}

static void put_space(struct buf *out)
{
    if (draw(8) == 0) {
        buf_text(out, " ");
    }
}

/* A list or object of one level more, by counting what is open: no recursion here either. */
static void put_nested(struct buf *out)
{
    uint64_t depth = 1 + draw(5);
    uint64_t objects = draw(32);
    for (uint64_t i = 0; i < depth; i++) {
        buf_text(out, (objects >> i & 1) != 0 ? "{\"k\":" : "[");
        put_space(out);
    }
    put_scalar(out);
    for (uint64_t i = depth; i-- > 0;) {
        put_space(out);
        buf_text(out, (objects >> i & 1) != 0 ? "}" : "]");
    }
}

static void put_document(struct buf *out)
{
    buf_clear(out);
    buf_byte(out, '{');
    uint64_t members = draw(9);
    for (uint64_t i = 0; i < members; i++) {
        buf_text(out, i == 0 ? "" : ",");
        put_space(out);
        if (draw(4) == 0) {
            put_string(out);
        } else {
            buf_printf(out, "\"%s\"", fields[draw(FIELDS)].name);
        }
        put_space(out);
        buf_byte(out, ':');
        put_space(out);
        if (draw(6) == 0) {
            put_nested(out);
        } else {
            put_scalar(out);
        }
    }
    buf_byte(out, '}');
}

/* Change, insert, drop or double a few bytes. */
static void mutate(struct buf *text)
{
    static const char bytes[] = "{}[]\",:\\0123456789.-+eEtfn u\x80\xff\x1f\n";
    for (uint64_t left = 1 + draw(3); left > 0 && text->size > 0; left--) {
        size_t at = (size_t)draw(text->size);
        uint8_t byte = (uint8_t)bytes[draw(sizeof bytes - 1)];
        uint64_t kind = draw(4);
        if (kind == 0) {
            text->data[at] = byte;
        } else if (kind == 1) {
            memmove(text->data + at, text->data + at + 1, text->size - at - 1);
            text->size--;
        } else if (kind == 2) {
            (void)buf_extend(text, 1);
            memmove(text->data + at + 1, text->data + at, text->size - at - 1);
            text->data[at] = byte;
        } else {
            text->size = at; /* cut off */
        }
    }
}

/* ---- the reference -------------------------------------------------------------------------- */

/* What the scanner takes and jansson does not. */
static bool jansson_limit(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
}

static bool same_string(json_t *value, struct bytes text)
{
    return bytes_equal(bytes_of(json_string_value(value), json_string_length(value)), text);
}

static bool special_name(struct bytes text)
{
    static const char *const names[] = {
        "NaN", "Infinity", "+Infinity", "+INF", "-Infinity", "-INF"};
    for (size_t i = 0; i < 6; i++) {
        if (bytes_equal_text(text, names[i])) {
            return true;
        }
    }
    return false;
}

/* Whether cell `column` holds what `value` means for its type; `value` NULL: no such member. */
static bool agrees(const struct column *column, json_t *value)
{
    bool present = column->present[0] != 0;
    int64_t time_us = 0;
    if (value == NULL || json_is_null(value)) {
        return !present;
    }
    switch (column->type) {
    case TYPE_BOOLEAN:
        return present == json_is_boolean(value) &&
               (!present || column->values.booleans[0] == json_is_true(value));
    case TYPE_INT:
        if (!json_is_integer(value) ||
            json_integer_value(value) != (int32_t)json_integer_value(value)) {
            return !present;
        }
        return present && column->values.ints[0] == json_integer_value(value);
    case TYPE_LONG:
        return present == json_is_integer(value) &&
               (!present || column->values.longs[0] == json_integer_value(value));
    case TYPE_DOUBLE:
        if (json_is_string(value)) {
            return present ==
                   special_name(bytes_of(json_string_value(value), json_string_length(value)));
        }
        return present == json_is_number(value) &&
               (!present || column->values.doubles[0] == json_number_value(value));
    case TYPE_STRING:
        return present && (!json_is_string(value) || same_string(value, column->values.strings[0]));
    case TYPE_TIMESTAMP:
        if (json_is_string(value)) {
            bool known = timestamp_parse(
                bytes_of(json_string_value(value), json_string_length(value)), &time_us);
            return present == known && (!known || column->values.longs[0] == time_us);
        }
        if (!json_is_integer(value) ||
            __builtin_mul_overflow(json_integer_value(value), US_PER_SECOND, &time_us)) {
            return !present;
        }
        return present && column->values.longs[0] == time_us;
    case TYPE_COUNT:
        break;
    }
    return false;
}

/* ---- the comparison ------------------------------------------------------------------------- */

static struct arena fixed;   /* decoders and columns */
static struct arena scratch; /* of one document */
static struct decoder *decoders[2];
static struct columns *columns;
static size_t accepted;
static size_t refused;
static size_t compared;

static enum status decode(enum decode_mode mode, struct bytes text, struct diag *diag)
{
    columns->rows = 0;
    return decoder_row(decoders[mode], &scratch, text, columns, diag);
}

static bool malformed(struct bytes text)
{
    struct diag diag = {0};
    return decode(DECODE_FAILFAST, text, &diag) == ERR_FAILED &&
           strncmp(diag.text, "malformed", strlen("malformed")) == 0;
}

static bool blank(struct bytes text)
{
    size_t at = 0;
    while (at < text.size && memchr(" \t\r\n", text.data[at], 4) != NULL) {
        at++;
    }
    return at == text.size;
}

static void expect_nulls(struct bytes text)
{
    struct diag diag = {0};
    cr_assert(eq(int, decode(DECODE_PERMISSIVE, text, &diag), OK));
    for (size_t i = 0; i < FIELDS; i++) {
        cr_assert(eq(int, columns->columns[i].present[0], 0));
    }
}

static void expect_values(json_t *root, struct bytes text)
{
    struct diag diag = {0};
    cr_assert(eq(int, decode(DECODE_PERMISSIVE, text, &diag), OK));
    for (size_t i = 0; i < FIELDS; i++) {
        cr_assert(agrees(&columns->columns[i], json_object_get(root, fields[i].name)),
                  "column %s of %.*s",
                  fields[i].name,
                  (int)text.size,
                  (const char *)text.data);
    }
    compared++;
}

static void compare_text(struct bytes text)
{
    json_error_t error = {0};
    const char *data = (const char *)text.data;
    size_t flags = JSON_ALLOW_NUL;
    json_t *root = json_loadb(data, text.size, flags | JSON_REJECT_DUPLICATES, &error);
    bool twice = root == NULL && json_error_code(&error) == json_error_duplicate_key;
    if (twice) {
        root = json_loadb(data, text.size, flags, &error);
    }
    bool good = root != NULL && json_is_object(root);
    if (!good && (blank(text) || (root == NULL && jansson_limit(&error)))) {
        (void)malformed(text); /* no reference, but no crash either */
    } else {
        cr_assert(eq(int, malformed(text), !good), "%.*s", (int)text.size, data);
        accepted += good;
        refused += !good;
        if (!good) {
            expect_nulls(text);
        } else if (!twice) {
            expect_values(root, text);
        }
    }
    json_decref(root);
}

/* The document in a block of its own size, so that a sanitizer sees a read behind it. */
static void compare(const struct buf *document)
{
    uint8_t *alone = heap_alloc(document->size == 0 ? 1 : document->size);
    if (document->size > 0) {
        memcpy(alone, document->data, document->size);
    }
    compare_text(bytes_of(alone, document->size));
    heap_free(alone);
    arena_reset(&scratch);
}

static void begin(void)
{
    decoders[DECODE_PERMISSIVE] = decoder_new(&fixed, &schema, DECODE_PERMISSIVE);
    decoders[DECODE_FAILFAST] = decoder_new(&fixed, &schema, DECODE_FAILFAST);
    columns = columns_new(&fixed, &schema, 1);
}

static void end(void)
{
    arena_free(&fixed);
    arena_free(&scratch);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(decode_fuzz, .init = begin, .fini = end);

Test(decode_fuzz, random_documents)
{
    struct buf text = {0};
    state = 1;
    for (size_t i = 0; i < DOCUMENTS; i++) {
        put_document(&text);
        compare(&text);
    }
    cr_assert(gt(sz, accepted, DOCUMENTS / 2));
    cr_assert(gt(sz, compared, DOCUMENTS / 4));
    for (size_t i = 0; i < DOCUMENTS; i++) {
        put_document(&text);
        mutate(&text);
        compare(&text);
    }
    cr_assert(gt(sz, refused, DOCUMENTS / 3));
    buf_free(&text);
}

static size_t load_flights(char lines[FLIGHTS][256])
{
    FILE *stream = fopen("scenarios/data/flights.ndjson", "rb");
    cr_assert(ne(ptr, stream, NULL), "run from the project's root");
    size_t count = 0;
    while (count < FLIGHTS && fgets(lines[count], 256, stream) != NULL) {
        lines[count][strcspn(lines[count], "\n")] = '\0';
        count++;
    }
    (void)fclose(stream);
    return count;
}

Test(decode_fuzz, flights_with_bytes_changed)
{
    static char lines[FLIGHTS][256];
    size_t count = load_flights(lines);
    struct buf text = {0};
    state = 2;
    cr_assert(eq(sz, count, FLIGHTS));
    for (size_t i = 0; i < FLIGHTS; i++) {
        buf_clear(&text);
        buf_text(&text, lines[i]);
        compare(&text);
    }
    cr_assert(eq(sz, compared, FLIGHTS));
    for (size_t i = 0; i < MUTATIONS; i++) {
        buf_clear(&text);
        buf_text(&text, lines[i % FLIGHTS]);
        mutate(&text);
        compare(&text);
    }
    cr_assert(gt(sz, accepted, MUTATIONS / 10));
    cr_assert(gt(sz, refused, MUTATIONS / 10));
    buf_free(&text);
}
