/* Hostile text in place of a pipeline, of an expression, of an option: never a crash, never a leak,
 * and each refusal says something. Bounded and seeded: the same texts on every run. */
#include "engine/plan/plan.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/hash.h"
#include "engine/base/process.h"

enum { PIPELINES = 6000, EXPRESSIONS = 40000, OPTIONS = 20000 };

static struct arena arena;
static uint64_t state;

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(plan_fuzz, .fini = end);

static uint64_t draw(uint64_t below)
{
    state = hash_mix64(state);
    return state % below;
}

/* One to three bytes changed, inserted, dropped, or everything behind cut off. */
static void mutate(struct buf *text, const char *bytes)
{
    for (uint64_t left = 1 + draw(3); left > 0 && text->size > 0; left--) {
        size_t at = (size_t)draw(text->size);
        uint8_t byte = draw(8) == 0 ? (uint8_t)draw(256) : (uint8_t)bytes[draw(strlen(bytes))];
        uint64_t kind = draw(8);
        if (kind < 3) {
            text->data[at] = byte;
        } else if (kind < 5) {
            memmove(text->data + at, text->data + at + 1, text->size - at - 1);
            text->size--;
        } else if (kind < 7) {
            (void)buf_extend(text, 1);
            memmove(text->data + at + 1, text->data + at, text->size - at - 1);
            text->data[at] = byte;
        } else {
            text->size = at;
        }
    }
}

/* The text in a block of its own size, so that a sanitizer sees a read behind it. */
static struct bytes alone(const struct buf *text)
{
    uint8_t *copy = heap_alloc(text->size == 0 ? 1 : text->size);
    memcpy(copy, text->data, text->size);
    return bytes_of(copy, text->size);
}

static void expect_told(enum status status, const struct diag *diag)
{
    cr_assert(eq(int, diag->set, status != OK));
    cr_assert(status == OK || (diag->text[0] != '\0' && diag->error_class[0] != '\0'));
}

static void mutate_pipelines(const char *original, size_t size, uint64_t seed)
{
    struct buf text = {0};
    size_t refused = 0;
    state = seed;
    for (size_t i = 0; i < PIPELINES; i++) {
        buf_clear(&text);
        buf_append(&text, original, size);
        mutate(&text, "{}[]\",:\\019.-truefalsn ");
        struct bytes json = alone(&text);
        struct plan *plan = NULL;
        struct diag diag = {0};
        enum status status = plan_compile(&arena, "p.json", json, NULL, &plan, &diag);
        expect_told(status, &diag);
        cr_assert(eq(int, status == OK, plan != NULL));
        cr_assert(status == OK || diag.line > 0, "%s", diag.text);
        refused += status != OK;
        heap_free((void *)(uintptr_t)json.data);
        arena_reset(&arena);
    }
    cr_assert(gt(sz, refused, PIPELINES / 2));
    cr_assert(lt(sz, refused, PIPELINES));
    buf_free(&text);
}

Test(plan_fuzz, pipelines)
{
    char original[4096];
    FILE *stream = fopen("scenarios/pipelines/flight_delays.json", "rb");
    cr_assert(ne(ptr, stream, NULL), "run from the project's root");
    size_t size = fread(original, 1, sizeof original, stream);
    (void)fclose(stream);
    mutate_pipelines(original, size, 3);
}

Test(plan_fuzz, windowed_pipelines)
{
    static const char original[] =
        "{\"name\": \"q\", \"source\": {\"subscribe\": \"f\", \"schema\": {\"t\": \"timestamp\", "
        "\"s\": \"string\", \"d\": \"int\"}}, \"withWatermark\": {\"eventTime\": \"t\", "
        "\"delayThreshold\": \"10 minutes\"}, \"groupBy\": [{\"window\": {\"timeColumn\": \"t\", "
        "\"windowDuration\": \"5 minutes\", \"slideDuration\": \"1m\", \"startTime\": \"-2s\"}}, "
        "\"s\", {\"as\": \"k\", \"is\": \"d % 3\"}], \"agg\": [{\"as\": \"n\", \"is\": "
        "\"count(*)\"}, {\"as\": \"m\", \"is\": \"avg((d - 15) * 2)\"}, {\"as\": \"o\", \"is\": "
        "\"min(s)\"}], \"select\": [\"window\", \"window.start\", {\"as\": \"w\", \"is\": "
        "\"window\"}, {\"as\": \"r\", \"is\": \"m / n\"}], \"sink\": {\"path\": \"/t\", "
        "\"outputMode\": \"append\"}, \"options\": {\"checkpointLocation\": \"/c\"}}";
    mutate_pipelines(original, sizeof original - 1, 6);
}

Test(plan_fuzz, expressions)
{
    static const char *const originals[] = {
        "delay > 15 and origin is not null",
        "not (a % 7 = -3 or b <=> null) and s <> 'it''s\\n' and t >= timestamp '2001-01-01'",
        "(((a + 1L) * 2.5e3) - - b) / `odd name` <= 9223372036854775807",
        "- (- (- (- (- a)))) != 1 or true == false or s = \"x\" and t < '2001-01-01T00:00:00Z'"};
    static const struct field fields[] = {{"a", TYPE_INT},
                                          {"b", TYPE_LONG},
                                          {"odd name", TYPE_DOUBLE},
                                          {"s", TYPE_STRING},
                                          {"t", TYPE_TIMESTAMP},
                                          {"delay", TYPE_INT},
                                          {"origin", TYPE_STRING}};
    static const struct schema schema = {fields, 7};
    struct buf text = {0};
    size_t compiled = 0;
    state = 4;
    for (size_t i = 0; i < EXPRESSIONS; i++) {
        buf_clear(&text);
        buf_text(&text, originals[i % 4]);
        mutate(&text, "abst()+-*/%<>=!'\"`\\.019eELD n");
        struct bytes source = alone(&text);
        struct expression *expression = NULL;
        struct diag diag = {0};
        enum status status = expression_compile(&arena, source, &schema, &expression, &diag);
        expect_told(status, &diag);
        cr_assert(status == OK || (diag.column >= 1 && diag.column <= (int)source.size + 1));
        heap_free((void *)(uintptr_t)source.data); /* nothing of the text is kept */
        if (status == OK) {
            struct columns *columns = columns_new(&arena, &schema, 3);
            struct column result = {.type = expression_type(expression)};
            columns->rows = 3;
            memset(columns->columns[0].present, 1, 2);
            memset(columns->columns[3].present, 1, 3);
            result.present = arena_alloc(&arena, 3);
            result.values.longs = arena_alloc(&arena, 3 * sizeof(struct bytes));
            expect_told(expression_evaluate(expression, &arena, columns, &result, &diag), &diag);
            compiled++;
        }
        arena_reset(&arena);
    }
    cr_assert(gt(sz, compiled, EXPRESSIONS / 20));
    buf_free(&text);
}

Test(plan_fuzz, options)
{
    static const char *const values[] = {"1",
                                         "-1",
                                         "10s",
                                         "1m30s",
                                         "true",
                                         "latest",
                                         "{\"flights\":{\"0\":1}}",
                                         "1MiB",
                                         "",
                                         "9e9",
                                         "9223372036854775807",
                                         "99999999999999999999"};
    struct buf name = {0};
    struct buf value = {0};
    struct options options;
    options_defaults(&options);
    state = 5;
    for (size_t i = 0; i < OPTIONS; i++) {
        struct option_description option;
        while (!options_describe((size_t)draw(64), &option)) {
        }
        buf_clear(&name);
        buf_clear(&value);
        buf_text(&name, option.name);
        buf_text(&value, draw(2) == 0 ? option.standard : values[draw(12)]);
        if (draw(3) == 0) {
            mutate(&name, "abcmsK.Z");
        }
        if (draw(3) == 0) {
            mutate(&value, "0123456789.smhdKMiB{-");
        }
        buf_byte(&name, 0);
        buf_byte(&value, 0);
        struct diag diag = {0};
        enum status status =
            options_set(&options, &arena, (const char *)name.data, (const char *)value.data, &diag);
        expect_told(status, &diag);
        cr_assert(ge(i64, options.min_batches_to_retain, 1));
        cr_assert(ge(i64, options.max_offsets_per_trigger, 0));
    }
    buf_free(&name);
    buf_free(&value);
}
