/* Two programs by two hands read the same pipelines and records: the engine's compiled, vectorised
 * one and the oracle's. Generated expressions and records, many of them wrong; whatever the engine
 * accepts must mean the same to both, bit for bit, errors included. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/exec/operators.h"
#include "engine/source/decode.h"
#include "sim/check/oracle.h"

struct generator {
    uint64_t seed;
    uint64_t count;
    struct buf *out;
};

static uint64_t draw(struct generator *g, uint64_t below)
{
    return hash_chain(g->seed, g->count++) % below;
}

static void pick(struct generator *g, const char *const *words, size_t count)
{
    buf_text(g->out, words[draw(g, count)]);
}

#define PICK(g, ...)                                                                               \
    do {                                                                                           \
        static const char *const words[] = {__VA_ARGS__};                                          \
        pick(g, words, sizeof words / sizeof words[0]);                                            \
    } while (0)

static void boolean(struct generator *g, int depth);

static void number(struct generator *g, int depth)
{
    uint64_t kind = draw(g, depth > 3 ? 3 : 7);
    if (kind < 2) {
        PICK(g, "i", "l", "d", "i", "l", "nope", "s");
    } else if (kind == 2) {
        PICK(g,
             "0",
             "1",
             "-1",
             "7",
             "2147483647",
             "-2147483648",
             "2147483648",
             "1.5",
             "0.0",
             "1e3",
             "9223372036854775807",
             "-9223372036854775808",
             "5L",
             "2.5D",
             "007",
             "null");
    } else if (kind == 3) {
        buf_text(g->out, "-");
        number(g, depth + 1);
    } else if (kind == 4) {
        buf_text(g->out, "(");
        number(g, depth + 1);
        buf_text(g->out, ")");
    } else {
        number(g, depth + 1);
        PICK(g, " + ", " - ", " * ", " / ", " % ");
        number(g, depth + 1);
    }
}

static void comparison(struct generator *g, int depth)
{
    uint64_t kind = draw(g, 5);
    if (kind < 3) {
        number(g, depth + 1);
    } else if (kind == 3) {
        PICK(g, "s", "'ab'", "'it''s'", "''", "null", "upper");
    } else {
        PICK(g, "t", "timestamp '2001-01-01T00:00:00Z'", "timestamp '2001-01-01 01:02:03.5'");
    }
    PICK(g, " = ", " == ", " != ", " <> ", " < ", " <= ", " > ", " >= ", " <=> ");
    if (kind < 3) {
        number(g, depth + 1);
    } else if (kind == 3) {
        PICK(g, "s", "'ab'", "'b'", "null", "i");
    } else {
        PICK(g, "t", "timestamp '2001-01-01T00:00:00+01:00'", "null", "'2001-01-01'");
    }
}

static void boolean(struct generator *g, int depth)
{
    uint64_t kind = draw(g, depth > 3 ? 4 : 9);
    if (kind == 0) {
        PICK(g, "b", "B", "true", "false", "null", "`b`");
    } else if (kind < 3) {
        comparison(g, depth);
    } else if (kind == 3) {
        PICK(g, "i", "s", "t", "b", "d", "(i + 1)", "i = 1");
        PICK(g, " is null", " is not null", " IS NOT NULL");
    } else if (kind == 4) {
        PICK(g, "not ", "NOT ", "not not ");
        boolean(g, depth + 1);
    } else if (kind == 5) {
        buf_text(g->out, "(");
        boolean(g, depth + 1);
        buf_text(g->out, ")");
    } else {
        boolean(g, depth + 1);
        PICK(g, " and ", " or ", " AND ");
        boolean(g, depth + 1);
    }
}

static void cell(struct generator *g)
{
    PICK(g,
         "0",
         "1",
         "-1",
         "7",
         "1.5",
         "-0.0",
         "1e2",
         "2147483647",
         "-2147483648",
         "2147483648",
         "9223372036854775807",
         "9223372036854775808",
         "1e400",
         "0.1",
         "123456789.123456789",
         "null",
         "true",
         "false",
         "\"\"",
         "\"ab\"",
         "\"it's\"",
         "\"\\u00e9\\n\"",
         "\"\xc3\xa9\"",
         "\"2001-01-01T00:00:00Z\"",
         "\"2001-01-01\"",
         "\"NaN\"",
         "\"-INF\"",
         "\"\\ud800\"",
         "\"\xff\"",
         "[1,{\"a\":[]}]",
         "{ \"i\" : 5 }",
         "978307200",
         "nul",
         "01",
         "+1",
         "\"x");
}

static void record(struct generator *g)
{
    if (draw(g, 20) == 0) {
        PICK(g, "", " ", "[]", "5", "null", "{", "}", "{}x", "{\"i\":1}{", "{\"i\":1,}", "\xff");
        return;
    }
    buf_text(g->out, "{");
    for (uint64_t i = 0, count = draw(g, 8); i < count; i++) {
        buf_text(g->out, i == 0 ? "" : ", ");
        PICK(g,
             "\"i\":",
             "\"l\":",
             "\"d\":",
             "\"s\" :",
             "\"b\":",
             "\"t\":",
             "\"other\":",
             "\"I\":",
             "\"\\u0069\":");
        uint64_t fits = draw(g, 3);
        if (fits > 0) {
            const uint8_t *name = g->out->data + g->out->size;
            char column = name[-3] == '"' ? name[-4] : name[-3];
            if (column == 's') {
                PICK(g, "\"ab\"", "\"b\"", "\"\"", "\"it's\"");
                continue;
            }
            if (column == 'd') {
                PICK(g, "2.5", "-7", "1e10", "0.0");
                continue;
            }
            PICK(g, "1", "7", "-3", "0");
            continue;
        }
        cell(g);
    }
    buf_text(g->out, "}");
}

static struct bytes
generated(struct arena *arena, uint64_t seed, void (*rule)(struct generator *g, int depth))
{
    struct buf out = {0};
    struct generator g = {.seed = hash_mix64(seed), .out = &out};
    rule(&g, 0);
    struct bytes text = bytes_of(arena_copy(arena, out.data, out.size), out.size);
    buf_free(&out);
    return text;
}

static void any_expression(struct generator *g, int depth)
{
    if (draw(g, 2) == 0) {
        number(g, depth);
    } else {
        boolean(g, depth);
    }
}

static void any_record(struct generator *g, int depth)
{
    record(g);
}

static void append_engine_cell(const struct column *column, size_t row, struct buf *form)
{
    struct value value = {.type = column->type, .present = column->present[row]};
    switch (column->type) {
    case TYPE_BOOLEAN:
        value.as.boolean = column->values.booleans[row];
        break;
    case TYPE_INT:
        value.as.number = column->values.ints[row];
        break;
    case TYPE_DOUBLE:
        value.as.real = column->values.doubles[row];
        break;
    case TYPE_STRING:
        value.as.text = column->values.strings[row];
        break;
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
    case TYPE_COUNT:
        value.as.number = column->values.longs[row];
    }
    value_encode(&value, form);
}

/* "dropped", an error's class, or the row. */
static void engine_says(const struct plan *plan, struct bytes value, struct buf *out)
{
    struct arena arena = {0};
    struct diag diag = {0};
    struct columns *input = columns_new(&arena, &plan->source, 1);
    struct columns *output = NULL;
    struct decoder *decoder = decoder_new(&arena, &plan->source, plan->mode);
    buf_clear(out);
    if (decoder_row(decoder, &arena, value, input, &diag) != OK ||
        operators_run(plan, &arena, input, &output, &diag) != OK) {
        buf_text(out, diag.error_class);
    } else if (output->rows == 0) {
        buf_text(out, "dropped");
    } else {
        struct buf form = {0};
        for (size_t c = 0; c < output->schema->count; c++) {
            append_engine_cell(&output->columns[c], 0, &form);
        }
        struct row row = row_of(buf_bytes(&form));
        row_describe(&row, out);
        buf_append(out, form.data, form.size);
        buf_free(&form);
    }
    arena_free(&arena);
}

static void oracle_says(const struct oracle *oracle, struct bytes value, struct buf *out)
{
    struct arena arena = {0};
    struct oracle_line line;
    oracle_record(oracle, value, &arena, &line);
    buf_clear(out);
    if (line.verdict == ORACLE_ROW) {
        row_describe(&line.row, out);
        buf_append(out, line.row.form.data, line.row.form.size);
    } else {
        buf_text(out, line.verdict == ORACLE_DROPPED ? "dropped" : line.error);
    }
    arena_free(&arena);
}

struct tally {
    size_t pipelines;
    size_t refused;
    size_t rows;
    size_t dropped;
    size_t errors;
};

static void compare_records(const struct plan *plan,
                            const struct oracle *oracle,
                            struct bytes pipeline,
                            uint64_t seed,
                            struct tally *tally)
{
    struct arena arena = {0};
    struct buf engine = {0};
    struct buf own = {0};
    for (uint64_t r = 0; r < 40; r++) {
        struct bytes value = generated(&arena, hash_chain(seed, r), any_record);
        engine_says(plan, value, &engine);
        oracle_says(oracle, value, &own);
        cr_assert(bytes_equal(buf_bytes(&engine), buf_bytes(&own)),
                  "pipeline %.*s\nrecord %.*s\nengine %.*s\noracle %.*s",
                  (int)pipeline.size,
                  (const char *)pipeline.data,
                  (int)value.size,
                  (const char *)value.data,
                  (int)engine.size,
                  (const char *)engine.data,
                  (int)own.size,
                  (const char *)own.data);
        struct bytes said = buf_bytes(&own);
        bool dropped = bytes_equal_text(said, "dropped");
        tally->rows += said.data[0] == '(';
        tally->dropped += dropped;
        tally->errors += said.data[0] != '(' && !dropped;
    }
    buf_free(&engine);
    buf_free(&own);
    arena_free(&arena);
}

static void compare_pipeline(uint64_t seed, struct tally *tally)
{
    struct arena arena = {0};
    struct buf text = {0};
    struct bytes filter = generated(&arena, hash_chain(seed, 1), boolean);
    struct bytes column = generated(&arena, hash_chain(seed, 2), any_expression);
    buf_printf(&text,
               "{\"name\":\"p\",\"source\":{\"format\":\"kafka\",\"subscribe\":\"x\",\"mode\":"
               "\"%s\",\"schema\":{\"i\":\"int\",\"l\":\"long\",\"d\":\"double\",\"s\":\"string\","
               "\"b\":\"boolean\",\"t\":\"timestamp\"}},",
               seed % 5 == 0 ? "FAILFAST" : "PERMISSIVE");
    if (seed % 3 != 0) {
        buf_text(&text, "\"filter\":");
        buf_json_string(&text, filter);
        buf_text(&text, ",");
    }
    buf_text(&text, "\"select\":[\"i\",\"l\",\"d\",\"s\",\"b\",\"t\",{\"as\":\"e\",\"is\":");
    buf_json_string(&text, column);
    buf_text(&text,
             "}],\"sink\":{\"format\":\"delta\",\"path\":\"/shared/t\"},"
             "\"options\":{\"checkpointLocation\":\"/shared/c\"}}");
    struct plan *plan = NULL;
    struct diag diag = {0};
    tally->pipelines++;
    if (plan_compile(&arena, "p.json", buf_bytes(&text), NULL, &plan, &diag) != OK) {
        tally->refused++;
    } else {
        struct scenario scenario = {.pipeline = buf_bytes(&text)};
        struct oracle *oracle = oracle_new(&scenario);
        const char *error = oracle_error(oracle);
        cr_assert(error == NULL, "%s", error);
        cr_assert(eq(sz, oracle_column_count(oracle), plan->output.count));
        cr_assert(eq(int, oracle_column_type(oracle, 6), plan->output.fields[6].type),
                  "%.*s",
                  (int)column.size,
                  (const char *)column.data);
        compare_records(plan, oracle, scenario.pipeline, seed, tally);
        oracle_free(oracle);
    }
    buf_free(&text);
    arena_free(&arena);
}

Test(oracle_differential, engine_and_oracle_agree_on_whatever_the_engine_accepts)
{
    struct tally tally = {0};
    for (uint64_t seed = 0; seed < 4000; seed++) {
        compare_pipeline(seed, &tally);
    }
    /* The test tells something only while every kind of answer is frequent. */
    cr_assert(tally.refused < tally.pipelines * 4 / 5, "%zu refused", tally.refused);
    cr_assert(tally.rows > 5000, "%zu rows", tally.rows);
    cr_assert(tally.dropped > 5000, "%zu dropped", tally.dropped);
    cr_assert(tally.errors > 1000, "%zu errors", tally.errors);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
