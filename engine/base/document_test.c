#include "engine/base/document.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/buf.h"
#include "engine/base/fiber.h"
#include "engine/base/process.h"

static struct arena arena;
static struct diag diag;
static struct document document;

static void clean(void)
{
    if (document.root != NULL) {
        document_free(&document);
    }
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(document, .fini = clean);

static enum status parse(const char *text)
{
    diag = (struct diag){0};
    return document_parse(&arena, "f.json", bytes_of_text(text), "BAD", &document, &diag);
}

static void expect_refused(const char *text, const char *message)
{
    cr_assert(eq(int, parse(text), ERR_FAILED));
    char formatted[1400];
    diag_format(&diag, formatted, sizeof formatted);
    cr_assert(eq(str, formatted, message));
    cr_assert(zero(ptr, document.root));
}

static void expect_place(const char *path, bool at_key, int line, int column)
{
    diag = (struct diag){0};
    enum status status = document_fail(&document, &diag, "BAD", path, at_key, "found %d", 7);
    cr_assert(eq(int, status, ERR_FAILED));
    cr_assert(eq(str, diag.file, "f.json"));
    cr_assert(eq(str, diag.text, "found 7"));
    cr_assert(eq(str, diag.path, path));
    cr_assert(eq(int, diag.line, line), "%s", path);
    cr_assert(eq(int, diag.column, column), "%s", path);
}

Test(document, places_of_keys_and_values)
{
    cr_assert(eq(int,
                 parse("{\n"
                       "  \"topics\": {\"flights\": {\n"
                       "      \"replication.factor\" : 3}},\n"
                       "  \"script\": [ 1, {\"a\":\"x\\\"]}\"},\n"
                       "    [true, null, -1.5e3]]\n"
                       "}\n"),
                 OK));
    expect_place("", false, 1, 1);
    expect_place("topics", true, 2, 3);
    expect_place("topics", false, 2, 13);
    expect_place("topics.flights[\"replication.factor\"]", true, 3, 7);
    expect_place("topics.flights[\"replication.factor\"]", false, 3, 30);
    expect_place("script[0]", false, 4, 15);
    expect_place("script[0]", true, 4, 15);
    expect_place("script[1].a", true, 4, 19);
    expect_place("script[1].a", false, 4, 23);
    expect_place("script[2]", false, 5, 5);
    expect_place("script[2][2]", false, 5, 18);
    cr_assert(eq(int, document_line(&document, "script[2][1]"), 5));
}

Test(document, missing_places_are_at_the_nearest_ancestor)
{
    cr_assert(eq(int, parse("{\"a\":\n {\"b\": [\n 1]}}"), OK));
    expect_place("a.c", true, 2, 2);
    expect_place("a.b[7].x", false, 2, 8);
    expect_place("z.a", false, 1, 1);
    expect_place("a[", false, 2, 2);
    expect_place("a[\"b", false, 2, 2);
    expect_place("a[\"\\u00", false, 2, 2);
}

Test(document, the_first_complaint_wins)
{
    cr_assert(eq(int, parse("{\"a\": 1,\n\"b\": 2}"), OK));
    (void)document_fail(&document, &diag, "BAD", "a", false, "first");
    (void)document_fail(&document, &diag, "BAD", "b", false, "second");
    cr_assert(eq(str, diag.text, "first"));
    cr_assert(eq(int, diag.line, 1));
}

Test(document, columns_count_characters)
{
    cr_assert(eq(int, parse("{\"\xC3\xA9\xE2\x82\xAC\": \"\xF0\x9F\x9B\xA9\", \"b\": 1}"), OK));
    expect_place("b", true, 1, 13);
}

Test(document, paths_written_are_paths_understood)
{
    const char *keys[] = {"plain", "$schema", "re-run", "a.b", "", "q\"\\", "9", "\n", "\xC3\xA9"};
    cr_assert(eq(int,
                 parse("{\"plain\":1,\n\"$schema\":1,\n\"re-run\":1,\n\"a.b\":1,\n\"\":1,\n"
                       "\"q\\\"\\\\\":1,\n\"9\":1,\n\"\\n\":1,\n\"\xC3\xA9\":[0]}"),
                 OK));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char path[DOCUMENT_PATH_SIZE] = "";
        document_path_member(path, keys[i]);
        expect_place(path, true, (int)i + 1, i == 0 ? 2 : 1);
    }
    char path[DOCUMENT_PATH_SIZE] = "";
    document_path_member(path, "\xC3\xA9");
    document_path_item(path, 0);
    cr_assert(eq(str, path, "[\"\xC3\xA9\"][0]"));
    expect_place(path, false, 9, 6);
}

Test(document, duplicate_keys_are_refused_at_the_later)
{
    expect_refused("{\"a\": 1,\n \"b\": {\"x\": 1, \"y\": [{\"k\": 1,\n\n  \"k\": 2}]}}",
                   "f.json:4:3: b.y[0].k: duplicate key \"k\": it stands in line 2 already; remove "
                   "one [BAD]");
    expect_refused("{\"a\": 1,\n \"\\u0061\": 2, \"a\": 3}",
                   "f.json:2:2: a: duplicate key \"a\": it stands in line 1 already; remove one "
                   "[BAD]");
    cr_assert(eq(int, parse("{\"a\": {\"a\": [{\"a\": 1}, {\"a\": 1}]}}"), OK));
}

Test(document, surrogate_pairs_are_one_key)
{
    expect_refused("{\"\xF0\x9F\x9B\xA9\": 1, \"\\ud83d\\udee9\": 2}",
                   "f.json:1:10: [\"\xF0\x9F\x9B\xA9\"]: duplicate key \"\xF0\x9F\x9B\xA9\": it "
                   "stands in line 1 already; remove one [BAD]");
}

Test(document, what_is_not_json_is_refused_with_its_place)
{
    expect_refused("{\"a\": 1,\n \"b\" 2}", "f.json:2:6: not JSON: ':' expected near '2' [BAD]");
    expect_refused("{\"a\": tru}", "f.json:1:7: not JSON: invalid token [BAD]");
    expect_refused("{\"a\": 1", "f.json:1:8: not JSON: '}' expected near end of file [BAD]");
    expect_refused("", "f.json:1:1: not JSON: '[' or '{' expected near end of file [BAD]");
    expect_refused("{} x", "f.json:1:4: not JSON: end of file expected near 'x' [BAD]");
    expect_refused("{\"a\": \"\xFF\"}",
                   "f.json:1:7: not JSON: unable to decode byte 0xff near '\"' [BAD]");
    /* What may be half of a password is not quoted. */
    expect_refused("{\"password\": hunter2}", "f.json:1:14: not JSON: invalid token [BAD]");
    expect_refused("{\"password\" \"hunter2\"}", "f.json:1:13: not JSON: ':' expected [BAD]");
    expect_refused("{\"password\": \"hunter2\n}",
                   "f.json:1:14: not JSON: unexpected newline [BAD]");
    expect_refused("7", "f.json:1:1: not JSON: '[' or '{' expected near '7' [BAD]");
}

static void nest(struct buf *text, size_t depth)
{
    for (size_t i = 0; i < depth; i++) {
        buf_text(text, "[\n");
    }
    for (size_t i = 0; i < depth; i++) {
        buf_text(text, "]");
    }
    buf_byte(text, 0);
}

Test(document, depth_has_a_limit)
{
    struct buf text = {0};
    nest(&text, DOCUMENT_DEPTH_MAX);
    cr_assert(eq(int, parse((const char *)text.data), OK));
    document_free(&document);
    buf_clear(&text);
    nest(&text, 100000);
    cr_assert(eq(int, parse((const char *)text.data), ERR_FAILED));
    cr_assert(eq(int, diag.line, 65));
    buf_free(&text);
}

Test(document, size_has_a_limit)
{
    diag = (struct diag){0};
    struct buf text = {0};
    memset(buf_extend(&text, DOCUMENT_SIZE_MAX + 1), ' ', DOCUMENT_SIZE_MAX + 1);
    cr_assert(eq(int,
                 document_parse(&arena, "f.json", buf_bytes(&text), "BAD", &document, &diag),
                 ERR_FAILED));
    buf_free(&text);
}

Test(document, many_keys_cost_no_square)
{
    struct buf text = {0};
    buf_text(&text, "{");
    for (int i = 0; i < 60000; i++) {
        buf_printf(&text, "%s\"k%d\":0", i == 0 ? "" : ",\n", i);
    }
    buf_text(&text, "}");
    buf_byte(&text, 0);
    cr_assert(eq(int, parse((const char *)text.data), OK));
    expect_place("k59999", true, 60000, 1);
    buf_free(&text);
}

static void parse_in_fiber(void *unused)
{
    (void)unused;
    (void)parse("{\"a\": [1, 2, {\"b\": \"c\"}]}");
}

Test(document, parses_inside_a_fiber)
{
    struct fiber *fiber = fiber_new(parse_in_fiber, NULL);
    fiber_resume(fiber);
    cr_assert(fiber_ended(fiber));
    fiber_drop(fiber);
    expect_place("a[2].b", false, 1, 20);
    fiber_pool_free();
}

/* Every cut and every changed byte of a good text parses or is refused with a place inside it. */
Test(document, damaged_texts_never_crash)
{
    const char good[] = "{\"a\\u00e9\": [1, -2.5e3, {\"b\": \"c\\\"\\ud83d\\udee9\"}, []],\n"
                        " \"d\": {\"e\": null, \"f\": true}}";
    const char changes[] = "\"\\{}[],:u0e\n\xC3\x7F";
    char text[sizeof good];
    size_t accepted = 0;
    for (size_t at = 0; at < sizeof good - 1; at++) {
        for (const char *change = changes; change < changes + sizeof changes; change++) {
            memcpy(text, good, sizeof good);
            text[at] = *change; /* the last one is the zero byte: a cut */
            if (parse(text) == OK) {
                accepted++;
                cr_assert(le(int, document_line(&document, "d.f"), 3));
                document_free(&document);
                continue;
            }
            cr_assert(ge(int, diag.line, 1));
            cr_assert(le(int, diag.line, 3));
            cr_assert(ge(int, diag.column, 1));
            cr_assert(ne(str, diag.text, ""));
        }
        arena_reset(&arena);
    }
    cr_assert(gt(sz, accepted, 20));
}
