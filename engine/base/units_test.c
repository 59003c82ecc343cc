#include "engine/base/units.h"

#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"

Test(units, durations_as_people_write_them)
{
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {{"250us", 250},
                {"5ms", 5000},
                {"20s", 20000000},
                {"1h55m", 115 * US_PER_MINUTE},
                {"10 minutes", 10 * US_PER_MINUTE},
                {"7d", 7 * US_PER_DAY},
                {"1 hour 30 seconds", US_PER_HOUR + 30 * US_PER_SECOND},
                {"1.5s", 1500000},
                {"0.25 ms", 250},
                {" 2 WEEKS ", 14 * US_PER_DAY},
                {"0s", 0},
                {"9223372036854775807us", INT64_MAX}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t us = -1;
        cr_assert(duration_parse(good[i].text, &us), "%s", good[i].text);
        cr_assert(eq(i64, us, good[i].us), "%s", good[i].text);
    }
    static const char *const bad[] = {"",
                                      " ",
                                      "5",
                                      "5 ",
                                      "s",
                                      "-5s",
                                      "5 parsecs",
                                      "1h5",
                                      "1.s",
                                      ".5s",
                                      "0.5us",
                                      "1.0000000001s",
                                      "1h,5m",
                                      "9223372036854775808us",
                                      "9999999999999d",
                                      "9223372036854775807us1us",
                                      "5sabcdefghijklmnopqrstuvwxyz"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t us = 77;
        cr_assert(not(duration_parse(bad[i], &us)), "%s", bad[i]);
        cr_assert(eq(i64, us, 77), "an error leaves the result alone");
    }
}

Test(units, sizes_as_people_write_them)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"64KiB", 65536},
                {"1MiB", 1048576},
                {"512B", 512},
                {"1g", INT64_C(1) << 30},
                {"2 k", 2048},
                {"3mb", 3 << 20},
                {"0b", 0}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t bytes = -1;
        cr_assert(size_parse(good[i].text, &bytes), "%s", good[i].text);
        cr_assert(eq(i64, bytes, good[i].bytes), "%s", good[i].text);
    }
    static const char *const bad[] = {
        "", "64", "KiB", "-1k", "1.5k", "1kk", "1 k x", "9223372036854775807k", "10s"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t bytes = 0;
        cr_assert(not(size_parse(bad[i], &bytes)), "%s", bad[i]);
    }
}

Test(units, durations_are_written_short_and_exact)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {{0, "0s"},
                 {1, "1us"},
                 {250000, "250ms"},
                 {1500, "1.5ms"},
                 {1500000, "1.5s"},
                 {20 * US_PER_SECOND, "20s"},
                 {115 * US_PER_MINUTE, "1h55m"},
                 {26 * US_PER_HOUR, "1d2h"},
                 {US_PER_DAY + 1, "1d0.000001s"},
                 {-1500000, "-1.5s"},
                 {INT64_MAX, "106751991d4h54.775807s"},
                 {INT64_MIN, "-106751991d4h54.775808s"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[48];
        duration_format(cases[i].us, out);
        cr_assert(eq(int, strcmp(out, cases[i].text), 0), "%s, not %s", out, cases[i].text);
    }
    for (uint64_t i = 0; i < 2000; i++) {
        int64_t us = (int64_t)(hash_mix64(i) >> (1 + i % 60));
        int64_t back = -1;
        char out[48];
        duration_format(us, out);
        cr_assert(duration_parse(out, &back), "%s", out);
        cr_assert(eq(i64, back, us), "%s", out);
    }
}

Test(units, instants_are_written_in_utc)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00.000000Z"},
                 {-1, "1969-12-31T23:59:59.999999Z"},
                 {INT64_C(978307200000000), "2001-01-01T00:00:00.000000Z"},
                 {INT64_C(951782399123456), "2000-02-28T23:59:59.123456Z"},
                 {INT64_C(951868800000000), "2000-03-01T00:00:00.000000Z"},
                 {INT64_C(-2203891200000000), "1900-03-01T00:00:00.000000Z"},
                 {INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[40];
        timestamp_format(cases[i].us, 6, out);
        cr_assert(eq(int, strcmp(out, cases[i].text), 0), "%s, not %s", out, cases[i].text);
    }
    char out[40];
    timestamp_format(978307200123999, 3, out);
    cr_assert(eq(str, out, "2001-01-01T00:00:00.123Z"));
    timestamp_format(-1, 3, out);
    cr_assert(eq(str, out, "1969-12-31T23:59:59.999Z"));
    timestamp_format(INT64_MAX, 6, out);
    timestamp_format(INT64_MIN, 6, out);
}

Test(units, instants_are_read_in_iso_8601)
{
    int64_t base = INT64_C(978307200000000);
    struct {
        const char *text;
        int64_t us;
    } good[] = {{"2001-01-01T00:00:00.000000Z", base},
                {"2001-01-01", base},
                {"2001-01-01 00:00", base},
                {"2001-01-01T02:03:04", base + 7384 * US_PER_SECOND},
                {"2001-01-01T00:00:00.5Z", base + 500000},
                {"2001-01-01T00:00:00.123456789Z", base + 123456},
                {"2001-01-01T02:00:00+02:00", base},
                {"2001-01-01T02:30:00+0230", base},
                {"2000-12-31T19:00:00-05", base},
                {"2000-02-29T00:00:00Z", INT64_C(951782400000000)},
                {"1969-12-31T23:59:59.999999Z", -1}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t us = 0;
        cr_assert(timestamp_parse(bytes_of_text(good[i].text), &us), "%s", good[i].text);
        cr_assert(eq(i64, us, good[i].us), "%s", good[i].text);
    }
    static const char *const bad[] = {"",
                                      "2001",
                                      "2001-1-1",
                                      "2001-00-01",
                                      "2001-13-01",
                                      "2001-02-29",
                                      "1900-02-29",
                                      "2001-04-31",
                                      "2001-01-01T",
                                      "2001-01-01T24:00:00",
                                      "2001-01-01T00:60:00",
                                      "2001-01-01T00:00:60",
                                      "2001-01-01T00:00:00.",
                                      "2001-01-01T00:00:00.1234567890Z",
                                      "2001-01-01T00:00:00+19:00",
                                      "2001-01-01T00:00:00Zx",
                                      "2001-01-01T00:00:00 Z",
                                      "2001-01-01x00:00:00"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t us = 0;
        cr_assert(not(timestamp_parse(bytes_of_text(bad[i]), &us)), "%s", bad[i]);
    }
    for (uint64_t i = 0; i < 2000; i++) {
        int64_t us =
            (int64_t)(hash_mix64(i) % UINT64_C(315000000000000000)) - INT64_C(62000000000000000);
        int64_t back = 0;
        char out[40];
        timestamp_format(us, 6, out);
        cr_assert(timestamp_parse(bytes_of_text(out), &back), "%s", out);
        cr_assert(eq(i64, back, us), "%s", out);
    }
}

Test(units, rates)
{
    static const struct {
        const char *text;
        int64_t interval_us; /* 0: refused */
    } cases[] = {
        {"4/s", 250000},
        {"1/min", 60000000},
        {"100/s", 10000},
        {"250/h", 14400000},
        {"3/s", 333333},
        {"1/ms", 1000},
        {"2/day", 43200000000},
        {"1000000/s", 1},
        {"1000001/s", 0},
        {"1000000/ms", 0},
        {"0/s", 0},
        {"4", 0},
        {"4/", 0},
        {"/s", 0},
        {"", 0},
        {"4/S", 0},
        {"-4/s", 0},
        {"4 /s", 0},
        {"4/s ", 0},
        {"4.5/s", 0},
        {"99999999999999999999/s", 0},
        {"4/sx", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t interval_us = 0;
        bool fits = rate_parse(cases[i].text, &interval_us);
        cr_assert(eq(int, fits, cases[i].interval_us != 0), "%s", cases[i].text);
        if (fits) {
            cr_assert(eq(i64, interval_us, cases[i].interval_us), "%s", cases[i].text);
        }
    }
}
