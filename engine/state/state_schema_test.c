#include "engine/state/state_schema.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/document.h"
#include "engine/base/process.h"
#include "engine/plan/expression.h"
#include "engine/state/state_metadata.h"

static struct arena arena;

static void begin(void)
{
    document_setup();
}

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(state_schema, .init = begin, .fini = end);

/* groupBy(window(ts, ...), device).agg(sum(x), count(*)) with a watermark of 10 s. */
static const struct field key_fields[] = {{"window.start", TYPE_TIMESTAMP, "window"},
                                          {"window.end", TYPE_TIMESTAMP, "window"},
                                          {"device", TYPE_STRING, NULL}};
static const struct field buffer_fields[] = {{"sum", TYPE_DOUBLE, NULL},
                                             {"count", TYPE_LONG, NULL}};

static struct aggregate aggregates[] = {{.function = AGGREGATE_SUM, .buffer = 0},
                                        {.function = AGGREGATE_COUNT_ALL, .buffer = 1}};
static struct watermark watermark = {.delay_ms = 10000};
static struct aggregation windowed = {.windowed = true,
                                      .aggregates = aggregates,
                                      .aggregate_count = 2,
                                      .key = {key_fields, 3},
                                      .buffer = {buffer_fields, 2},
                                      .event_time_key = 1};
static const struct plan window_plan = {.watermark = &watermark, .aggregation = &windowed};

static const char *text_of(struct buf *buf)
{
    const char *text = arena_copy(&arena, buf->data, buf->size);
    buf_free(buf);
    return text;
}

Test(state_schema, a_window_is_a_struct_that_carries_the_watermark)
{
    struct buf key = {0};
    struct buf value = {0};
    state_key_schema_json(&window_plan, &key);
    state_value_schema_json(&window_plan, &value);
    cr_assert(eq(
        str,
        text_of(&key),
        "{\"type\":\"struct\",\"fields\":[{\"name\":\"window\",\"type\":{\"type\":\"struct\","
        "\"fields\":[{\"name\":\"start\",\"type\":\"timestamp\",\"nullable\":true,\"metadata\":{}},"
        "{\"name\":\"end\",\"type\":\"timestamp\",\"nullable\":true,\"metadata\":{}}]},"
        "\"nullable\":false,\"metadata\":{\"spark.timeWindow\":true,"
        "\"spark.watermarkDelayMs\":10000}},"
        "{\"name\":\"device\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}]}"));
    cr_assert(eq(str,
                 text_of(&value),
                 "{\"type\":\"struct\",\"fields\":[{\"name\":\"sum\",\"type\":\"double\","
                 "\"nullable\":true,\"metadata\":{}},{\"name\":\"count\",\"type\":\"long\","
                 "\"nullable\":false,\"metadata\":{}}]}"));
}

/* What Spark 4.0.0 says of an Expand's window; it refuses a checkpoint whose key says otherwise. */
Test(state_schema, a_window_that_overlaps_others_is_nullable)
{
    struct aggregation sliding = windowed;
    sliding.window = (struct window){.length_us = 3600000000, .slide_us = 900000000};
    const struct plan plan = {.watermark = &watermark, .aggregation = &sliding};
    struct buf key = {0};
    state_key_schema_json(&plan, &key);
    cr_assert_not_null(
        strstr(text_of(&key), "]},\"nullable\":true,\"metadata\":{\"spark.timeWindow\""));
}

static struct expression *compiled(const char *text, const struct schema *schema)
{
    struct expression *expression = NULL;
    struct diag diag = {0};
    enum status status =
        expression_compile(&arena, bytes_of_text(text), schema, &expression, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
    return expression;
}

/* As Spark 4.0.0 writes groupBy(device as d, distance > 700 as far). */
Test(state_schema, a_key_has_the_name_of_its_column_or_sparks_own)
{
    static const struct field source[] = {{"device", TYPE_STRING, NULL},
                                          {"distance", TYPE_INT, NULL}};
    static const struct field fields[] = {{"d", TYPE_STRING, NULL}, {"far", TYPE_BOOLEAN, NULL}};
    const struct schema columns = {source, 2};
    struct grouping groupings[] = {{compiled("device", &columns), 0},
                                   {compiled("distance > 700", &columns), 1}};
    struct aggregation aggregation = {
        .groupings = groupings, .grouping_count = 2, .key = {fields, 2}, .event_time_key = -1};
    const struct plan plan = {.source = columns, .aggregation = &aggregation};
    struct buf key = {0};
    state_key_schema_json(&plan, &key);
    cr_assert(eq(str,
                 text_of(&key),
                 "{\"type\":\"struct\",\"fields\":[{\"name\":\"device\",\"type\":\"string\","
                 "\"nullable\":true,\"metadata\":{}},{\"name\":\"_groupingexpression\","
                 "\"type\":\"boolean\",\"nullable\":true,\"metadata\":{}}]}"));
}

Test(state_schema, an_event_time_column_carries_the_watermark)
{
    static const struct field fields[] = {{"device", TYPE_STRING, NULL},
                                          {"ts", TYPE_TIMESTAMP, NULL}};
    struct aggregation aggregation = windowed;
    aggregation.key = (struct schema){fields, 2};
    aggregation.event_time_key = 1;
    const struct plan plan = {.watermark = &watermark, .aggregation = &aggregation};
    struct buf key = {0};
    state_key_schema_json(&plan, &key);
    cr_assert(eq(str,
                 text_of(&key),
                 "{\"type\":\"struct\",\"fields\":[{\"name\":\"device\",\"type\":\"string\","
                 "\"nullable\":true,\"metadata\":{}},{\"name\":\"ts\",\"type\":\"timestamp\","
                 "\"nullable\":true,\"metadata\":{\"spark.watermarkDelayMs\":10000}}]}"));
}

#define GOLDEN_KEY                                                                                 \
    "{\"type\":\"struct\",\"fields\":[{\"name\":\"_1\",\"type\":\"integer\",\"nullable\":false,"   \
    "\"metadata\":{}}]}"
#define GOLDEN_VALUE                                                                               \
    "{\"type\":\"struct\",\"fields\":[{\"name\":\"count\",\"type\":\"long\",\"nullable\":false,"   \
    "\"metadata\":{}}]}"

/* spark-checkpoint 1.11: int key, count value, as Spark 4.0.0 wrote it. */
static const char golden[] = "\0\002v2\0\0\0\001\0\x5a" GOLDEN_KEY "\0\0\0\001\0\x5a" GOLDEN_VALUE;
enum { GOLDEN_SIZE = sizeof golden - 1 };

Test(state_schema, the_file_is_sparks_to_the_byte)
{
    struct buf out = {0};
    struct bytes key;
    struct bytes value;
    const char *types = NULL;
    state_schema_write(bytes_of_text(GOLDEN_KEY), bytes_of_text(GOLDEN_VALUE), &out);
    cr_assert(eq(sz, GOLDEN_SIZE, 196));
    cr_assert(bytes_equal(buf_bytes(&out), bytes_of(golden, GOLDEN_SIZE)));
    cr_assert(eq(int, state_schema_read(buf_bytes(&out), &arena, &key, &value), OK));
    cr_assert(bytes_equal_text(key, GOLDEN_KEY));
    cr_assert(bytes_equal_text(value, GOLDEN_VALUE));
    cr_assert(eq(int, state_schema_json_types(key, &arena, &types), OK));
    cr_assert(eq(str, types, "integer"));
    buf_free(&out);
}

Test(state_schema, version_1_is_read_too)
{
    struct bytes key;
    struct bytes value;
    struct bytes file = bytes_of("\0\002v1\0\003key\0\005value", 16);
    cr_assert(eq(int, state_schema_read(file, &arena, &key, &value), OK));
    cr_assert(bytes_equal_text(key, "key"));
    cr_assert(bytes_equal_text(value, "value"));
    for (size_t size = 0; size < file.size; size++) {
        enum status status = state_schema_read(bytes_of(file.data, size), &arena, &key, &value);
        cr_assert(eq(int, status, ERR_CORRUPT), "cut at %zu", size);
    }
}

Test(state_schema, a_long_schema_is_cut_between_characters)
{
    struct buf text = {0};
    struct buf out = {0};
    struct bytes key;
    struct bytes value;
    for (int i = 0; i < 50000; i++) {
        buf_text(&text, "\xe2\x82\xac"); /* a euro sign: three bytes; 65,535 is 3 * 21,845 */
    }
    buf_text(&text, "x");
    state_schema_write(buf_bytes(&text), bytes_of_text("v"), &out);
    cr_assert(eq(int, out.data[7], 3)); /* chunks */
    cr_assert(eq(int, state_schema_read(buf_bytes(&out), &arena, &key, &value), OK));
    cr_assert(bytes_equal(key, buf_bytes(&text)));
    buf_free(&out);
    buf_clear(&text);
    buf_text(&text, "\xf0\x9f\x98\x80"); /* outside the basic plane: two surrogates in Java */
    state_schema_write(buf_bytes(&text), bytes_of_text("v"), &out);
    cr_assert(eq(int, state_schema_read(buf_bytes(&out), &arena, &key, &value), OK));
    cr_assert(bytes_equal_text(key, "\xed\xa0\xbd\xed\xb8\x80"));
    buf_free(&out);
    buf_free(&text);
}

Test(state_schema, types_are_compared_and_names_are_not)
{
    const char *types = NULL;
    struct buf json = {0};
    const char *ours = state_schema_types(&windowed.key, &arena);
    cr_assert(eq(str, ours, "struct<timestamp,timestamp>,string"));
    state_key_schema_json(&window_plan, &json);
    cr_assert(eq(int, state_schema_json_types(buf_bytes(&json), &arena, &types), OK));
    cr_assert(eq(str, types, ours));
    buf_free(&json);
    static const struct {
        const char *json;
        const char *types; /* NULL: damaged */
    } table[] = {
        {"{\"fields\":[{\"type\":\"decimal(10,2)\"},{\"type\":\"date\"}]}", "decimal(10,2),date"},
        {"{\"fields\":[{\"type\":{\"type\":\"array\",\"elementType\":\"long\"}}]}", "(nested)"},
        {"{\"fields\":[{\"type\":{\"type\":\"struct\",\"fields\":[{\"type\":{\"a\":1}}]}}]}",
         "struct<(nested)>"},
        {"{\"fields\":[]}", ""},
        {"{\"fields\":[{\"name\":\"a\"}]}", NULL},
        {"{\"fields\":3}", NULL},
        {"[]", NULL},
        {"{", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct bytes text = bytes_of_text(table[i].json);
        enum status status = state_schema_json_types(text, &arena, &types);
        cr_assert(eq(int, status, table[i].types == NULL ? ERR_CORRUPT : OK), "row %zu", i);
        if (status == OK) {
            cr_assert(eq(str, types, table[i].types));
        }
    }
}

Test(state_schema, types_become_columns_again)
{
    static const char *const fine[] = {"",
                                       "long",
                                       "integer,string",
                                       "struct<timestamp,timestamp>,string,long",
                                       "struct<long>,struct<double>,struct<string,boolean>"};
    static const char *const bad[] = {"long,",
                                      ",long",
                                      "struct<>",
                                      "struct<long",
                                      "long>",
                                      "struct<long>string",
                                      "struct<struct<long>>",
                                      "(nested)",
                                      "decimal(10,2)",
                                      "array"};
    struct schema schema;
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        cr_assert(state_schema_of_types(fine[i], &arena, &schema), "%s", fine[i]);
        cr_assert(eq(str, state_schema_types(&schema, &arena), fine[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert(not(state_schema_of_types(bad[i], &arena, &schema)), "%s", bad[i]);
    }
}

Test(state_schema, operator_metadata_is_sparks_to_the_byte)
{
    struct buf out = {0};
    state_operator_metadata_encode(5, &out);
    cr_assert(eq(str,
                 text_of(&out),
                 "v1\n{\"operatorInfo\":{\"operatorId\":0,\"operatorName\":\"stateStoreSave\"},"
                 "\"stateStoreInfo\":[{\"storeName\":\"default\",\"numColsPrefixKey\":0,"
                 "\"numPartitions\":5}]}"));
}

Test(state_schema, mutated_files_are_refused_or_read)
{
    uint32_t state = 5;
    for (int round = 0; round < 20000; round++) {
        struct arena scratch = {0};
        struct bytes key;
        struct bytes value;
        uint8_t *copy = arena_copy(&scratch, golden, GOLDEN_SIZE);
        for (int i = 0; i <= round % 3; i++) {
            state = state * 1664525 + 1013904223;
            copy[(state >> 8) % (round % 2 == 0 ? GOLDEN_SIZE : 12)] = (uint8_t)(state >> 24);
        }
        const char *types = NULL;
        if (state_schema_read(bytes_of(copy, GOLDEN_SIZE), &scratch, &key, &value) == OK &&
            state_schema_json_types(key, &scratch, &types) == OK) {
            cr_assert(ne(ptr, types, NULL));
        }
        arena_free(&scratch);
    }
}
