#include "engine/real/feed.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(feed, what_a_person_writes)
{
    static const struct {
        const char *text;
        const char *topic;
        const char *file;
        int64_t interval_us;
        int32_t partitions;
        const char *timestamp; /* "": none */
    } cases[] = {
        {"flights=flights.ndjson", "flights", "flights.ndjson", 0, 2, ""},
        {"flights=a/b.ndjson@2000/s", "flights", "a/b.ndjson", 500, 2, ""},
        {"flights=a.ndjson@30/min,partitions=8", "flights", "a.ndjson", 2000000, 8, ""},
        {"f=a.ndjson,partitions=1", "f", "a.ndjson", 0, 1, ""},
        {"f=a,timestamp=reported_at,partitions=256", "f", "a", 0, 256, "reported_at"},
        {"f=a@b/c.ndjson", "f", "a@b/c.ndjson", 0, 2, ""},
        {"f=me@home.ndjson@4/s", "f", "me@home.ndjson", 250000, 2, ""},
        {"f=a,b.ndjson", "f", "a,b.ndjson", 0, 2, ""},
        {"f=k=v.ndjson", "f", "k=v.ndjson", 0, 2, ""},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct feed feed;
        struct diag diag = {0};
        enum status status = feed_parse(&arena, cases[i].text, &feed, &diag);
        cr_assert(eq(int, status, OK), "%s: %s", cases[i].text, diag.text);
        cr_assert(eq(str, feed.text, cases[i].text));
        cr_assert(eq(str, feed.topic, cases[i].topic));
        cr_assert(eq(str, feed.file, cases[i].file));
        cr_assert(eq(i64, feed.interval_us, cases[i].interval_us), "%s", cases[i].text);
        cr_assert(eq(int, feed.partitions, cases[i].partitions), "%s", cases[i].text);
        const char *timestamp = feed.timestamp == NULL ? "" : feed.timestamp;
        cr_assert(eq(str, timestamp, cases[i].timestamp));
    }
    arena_free(&arena);
}

Test(feed, what_is_refused_says_why)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"flights.ndjson", "has no '='"},
        {"=a.ndjson", "is no name for a topic"},
        {"fl ights=a.ndjson", "is no name for a topic"},
        {"..=a.ndjson", "is no name for a topic"},
        {"f=", "no file is named"},
        {"f=@4/s", "no file is named"},
        {"f=a@2000", "\"2000\" is no rate"},
        {"f=a@fast", "\"fast\" is no rate"},
        {"f=a@0/s", "\"0/s\" is no rate"},
        {"f=a@2000000/s", "at most 1000000/s"},
        {"f=a,partitions=0", "partitions=0, expected a number from 1 to 256"},
        {"f=a,partitions=257", "partitions=257"},
        {"f=a,partitions=", "partitions=, expected"},
        {"f=a,partitions=3@4/s", "partitions=3@4/s"},
        {"f=a,partition=3", "did you mean \"partitions\"?"},
        {"f=a,colour=3", "\"colour\" is no option of a feed"},
        {"f=a,timestamp=", "names no field"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct feed feed;
        struct diag diag = {0};
        enum status status = feed_parse(&arena, cases[i].text, &feed, &diag);
        cr_assert(eq(int, status, ERR_FAILED), "%s", cases[i].text);
        cr_assert(eq(str, diag.error_class, "USAGE"));
        cr_assert(
            ne(ptr, strstr(diag.text, cases[i].says), NULL), "%s: %s", cases[i].text, diag.text);
    }
    arena_free(&arena);
}

Test(feed, every_record_has_one_place)
{
    for (int32_t partitions = 1; partitions <= 5; partitions++) {
        struct feed feed = {.partitions = partitions};
        int64_t ends[5] = {0};
        for (int64_t record = 0; record < 23; record++) {
            int32_t partition = feed_partition(&feed, record);
            cr_assert(eq(i64, feed_offset(&feed, record), ends[partition]));
            ends[partition]++;
            cr_assert(eq(i64, feed_records(&feed, partition, ends[partition]), record + 1));
            for (int32_t p = 0; p < partitions; p++) {
                cr_assert(eq(i64, feed_end(&feed, record + 1, p), ends[p]));
            }
        }
        cr_assert(eq(i64, feed_end(&feed, 0, partitions - 1), 0));
        cr_assert(eq(i64, feed_records(&feed, partitions - 1, 0), 0));
        cr_assert(gt(i64, feed_records(&feed, partitions - 1, INT64_MAX), 0));
    }
}

Test(feed, a_field_as_timestamp)
{
    static const struct {
        const char *value;
        int64_t timestamp_ms; /* -1: none */
    } cases[] = {
        {"{\"at\":\"2001-01-01T00:00:01.5Z\"}", 978307201500},
        {" { \"x\" : [1,{\"at\":7}] , \"at\" : 12345 } ", 12345},
        {"{\"\\u0061t\":5}", 5},
        {"{\"at\":\"2001-01-0\\u0031\"}", 978307200000},
        {"{\"at\":1.5}", -1},
        {"{\"at\":\"yesterday\"}", -1},
        {"{\"at\":null}", -1},
        {"{\"x\":{\"at\":5}}", -1},
        {"{\"x\":,\"at\":5}", -1},
        {"{\"x\" 1,\"at\":5}", -1},
        {"{}", -1},
        {"[5]", -1},
        {"{", -1},
        {"", -1},
    };
    struct arena arena = {0};
    struct feed feed = {.partitions = 1, .timestamp = "at"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t timestamp_ms = -7;
        bool has = feed_timestamp(&feed, &arena, bytes_of_text(cases[i].value), &timestamp_ms);
        cr_assert(eq(int, has, cases[i].timestamp_ms >= 0), "%s", cases[i].value);
        if (has) {
            cr_assert(eq(i64, timestamp_ms, cases[i].timestamp_ms), "%s", cases[i].value);
        }
    }
    arena_free(&arena);
}
