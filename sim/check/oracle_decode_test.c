#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "sim/check/oracle_decode.h"

static const struct field fields[] = {{"b", TYPE_BOOLEAN},
                                      {"i", TYPE_INT},
                                      {"l", TYPE_LONG},
                                      {"d", TYPE_DOUBLE},
                                      {"s", TYPE_STRING},
                                      {"t", TYPE_TIMESTAMP}};
static const struct schema schema = {fields, sizeof fields / sizeof fields[0]};

static const char *decoded(struct bytes record, bool failfast, char *out)
{
    struct arena arena = {0};
    struct value cells[6];
    const char *error = oracle_decode(&schema, failfast, record, &arena, cells);
    struct buf text = {0};
    for (size_t i = 0; i < 6 && error == NULL; i++) {
        buf_text(&text, i == 0 ? "" : " ");
        value_describe(&cells[i], &text);
    }
    buf_byte(&text, 0);
    snprintf(out, 256, "%s", (const char *)text.data);
    if (error != NULL) {
        snprintf(out, 256, "%s", error);
    }
    buf_free(&text);
    arena_free(&arena);
    return out;
}

#define NULLS     "null null null null null null"
#define MALFORMED "MALFORMED_RECORD_IN_PARSING"

Test(oracle_decode, spark_rules)
{
    static const struct {
        const char *record;
        const char *permissive;
        const char *failfast; /* NULL: the same */
    } cases[] = {
        {"{\"b\":true,\"i\":1,\"l\":2,\"d\":1.5,\"s\":\"x\",\"t\":\"2001-01-01T00:00:00Z\"}",
         "true 1 2 1.5 \"x\" 2001-01-01T00:00:00.000000Z",
         NULL},
        {"{}", NULLS, NULL},
        {"", NULLS, NULL},
        {" \n\t", NULLS, NULL},
        {"{\"i\":null,\"x\":{\"y\":[1,{}]},\"l\":5}", "null null 5 null null null", NULL},
        {"{\"i\":1,\"i\":2}", "null 2 null null null null", NULL},
        {"{\"i\":1,\"i\":\"2\"}", "null 1 null null null null", MALFORMED},
        {"{\"i\":1,\"i\":null}", NULLS, NULL},
        {"{\"I\":1}", NULLS, NULL},
        {"{\"i\":1.0}", NULLS, MALFORMED},
        {"{\"i\":2147483648,\"l\":2147483648}", "null null 2147483648 null null null", MALFORMED},
        {"{\"l\":9223372036854775808,\"d\":7}", "null null null 7 null null", MALFORMED},
        {"{\"d\":\"NaN\"}", "null null null nan null null", NULL},
        {"{\"d\":\"-INF\"}", "null null null -inf null null", NULL},
        {"{\"d\":\"1.5\"}", NULLS, MALFORMED},
        {"{\"b\":1}", NULLS, MALFORMED},
        {"{\"b\":\"true\"}", NULLS, MALFORMED},
        {"{\"t\":978307200}", "null null null null null 2001-01-01T00:00:00.000000Z", NULL},
        {"{\"t\":\"yesterday\"}", NULLS, MALFORMED},
        {"{\"s\":5}", "null null null null \"5\" null", NULL},
        {"{\"s\":1.50}", "null null null null \"1.50\" null", NULL},
        {"{\"s\":{\"a\": [1]} }", "null null null null \"{\\\"a\\\": [1]}\" null", NULL},
        {"{\"s\":true,\"i\":3}", "null 3 null null \"true\" null", NULL},
        {"{\"i\":[1],\"l\":4}", "null null 4 null null null", MALFORMED},
        {"{\"i\":1", NULLS, MALFORMED},
        {"{\"i\":1} x", NULLS, MALFORMED},
        {"[{\"i\":1}]", NULLS, MALFORMED},
        {"5", NULLS, MALFORMED},
        {"null", NULLS, MALFORMED},
        {"no json", NULLS, MALFORMED},
    };
    char out[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes record = bytes_of_text(cases[i].record);
        cr_expect(eq(str, decoded(record, false, out), cases[i].permissive), "%s", cases[i].record);
        const char *failfast = cases[i].failfast == NULL ? cases[i].permissive : cases[i].failfast;
        cr_expect(eq(str, decoded(record, true, out), failfast), "%s", cases[i].record);
    }
}

Test(oracle_decode, two_thousand_arrays_are_a_row_of_nulls)
{
    char record[4100];
    memcpy(record, "{\"i\":1,\"x\":", 11);
    memset(record + 11, '[', 2000);
    memset(record + 2011, ']', 2000);
    record[4011] = '}';
    char out[256];
    cr_assert(eq(str, decoded(bytes_of(record, 4012), false, out), NULLS));
}
