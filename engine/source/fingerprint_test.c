#include "engine/source/fingerprint.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct broker_record record(const char *key, const char *value)
{
    return (struct broker_record){
        .offset = 41,
        .timestamp_ms = 978307200000,
        .key = key == NULL ? (struct bytes){0} : bytes_of_text(key),
        .value = value == NULL ? (struct bytes){0} : bytes_of_text(value),
    };
}

/* Every part of a record makes another fingerprint; so does where key ends and value begins. */
Test(fingerprint, tells_records_apart)
{
    struct broker_record records[] = {record(NULL, "b"),
                                      record("", "b"),
                                      record("a", "b"),
                                      record("ab", ""),
                                      record("ab", NULL),
                                      record("b", NULL),
                                      record("a", "bc"),
                                      record("a", "b"),
                                      record("a", "b")};
    enum { COUNT = sizeof records / sizeof *records };
    records[COUNT - 2].timestamp_ms++;
    records[COUNT - 1].offset++;
    for (size_t i = 0; i < COUNT; i++) {
        struct fingerprint a = fingerprint_of(&records[i]);
        cr_assert(a.known);
        for (size_t j = 0; j < COUNT; j++) {
            struct fingerprint b = fingerprint_of(&records[j]);
            cr_assert(eq(int, fingerprint_equal(&a, &b), i == j), "records %zu, %zu", i, j);
        }
    }
}

Test(fingerprint, what_is_not_known_equals_nothing_known)
{
    struct broker_record one = record("a", "b");
    struct fingerprint known = fingerprint_of(&one);
    struct fingerprint none = {.offset = 41};
    cr_assert(not(fingerprint_equal(&known, &none)));
    cr_assert(not(fingerprint_equal(&none, &known)));
    cr_assert(fingerprint_equal(&none, &(struct fingerprint){.known = false}));
}

/* The text stands in tables that are there: it must not change. */
Test(fingerprint, text_and_back)
{
    struct last_record entries[] = {
        {.partition = 0, .record = {true, 41, 978307200000, 0x0123456789abcdef}},
        {.partition = 7, .record = {true, INT64_MAX, -1, UINT64_MAX}},
        {.partition = INT32_MAX, .record = {true, 0, 0, 0}},
    };
    static const char expected[] = "0:41:978307200000:0123456789abcdef,"
                                   "7:9223372036854775807:-1:ffffffffffffffff,"
                                   "2147483647:0:0:0000000000000000";
    struct last_records records = {.entries = entries, .count = 3};
    struct last_records back = {0};
    struct arena arena = {0};
    struct buf out = {0};
    last_records_text(&records, &out);
    buf_byte(&out, 0);
    cr_assert_str_eq((char *)out.data, expected);
    cr_assert(eq(int, last_records_parse(&arena, (char *)out.data, &back), OK));
    cr_assert(eq(sz, back.count, 3));
    for (size_t i = 0; i < 3; i++) {
        struct fingerprint found = last_records_get(&back, entries[i].partition);
        cr_assert(fingerprint_equal(&found, &entries[i].record));
    }
    cr_assert(not(last_records_get(&back, 1).known));
    cr_assert(eq(int, last_records_parse(&arena, "", &back), OK));
    cr_assert(eq(sz, back.count, 0));
    buf_free(&out);
    arena_free(&arena);
}

Test(fingerprint, other_texts_are_refused)
{
    static const char *const texts[] = {
        "0",
        "0:41",
        "0:41:5",
        "0:41:5:",
        "0:41:5:0123456789abcde",
        "0:41:5:0123456789ABCDEF",
        "0:41:5:0123456789abcdef0",
        "0:41:5:0123456789abcdef,",
        ",0:41:5:0123456789abcdef",
        "0:-1:5:0123456789abcdef",
        "0:41:--5:0123456789abcdef",
        ":41:5:0123456789abcdef",
        "2147483648:41:5:0123456789abcdef",
        "0:9223372036854775808:5:0123456789abcdef",
        "1:41:5:0123456789abcdef,1:42:5:0123456789abcdef",
        "1:41:5:0123456789abcdef,0:42:5:0123456789abcdef",
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct last_records records = {0};
        cr_assert(eq(int, last_records_parse(&arena, texts[i], &records), ERR_CORRUPT),
                  "text %zu: %s",
                  i,
                  texts[i]);
    }
    arena_free(&arena);
}
