#include "engine/base/decimal.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/hash.h"

static uint64_t bits_of(double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void expect_scan(const char *text, size_t size)
{
    struct decimal number;
    bool known = decimal_scan(bytes_of_text(text), &number);
    cr_assert(eq(int, known, size > 0), "%s", text);
    if (known) {
        cr_assert(eq(sz, number.text.size, size), "%s", text);
    }
}

Test(decimal, scans_the_longest_number)
{
    expect_scan("0", 1);
    expect_scan("-0", 2);
    expect_scan("12x", 2);
    expect_scan("01", 1); /* a leading zero is a number by itself */
    expect_scan("1.50,", 4);
    expect_scan("1.", 1);
    expect_scan("1.e5", 1);
    expect_scan("1e5", 3);
    expect_scan("1e", 1);
    expect_scan("1e+", 1);
    expect_scan("-1.25E-07 ", 9);
    expect_scan("", 0);
    expect_scan("-", 0);
    expect_scan("+1", 0);
    expect_scan(".5", 0);
    expect_scan("NaN", 0);
}

Test(decimal, refuses_too_many_digits)
{
    char text[2 * DECIMAL_DIGITS_MAX];
    memset(text, '7', sizeof text);
    struct decimal number;
    cr_assert(decimal_scan(bytes_of(text, DECIMAL_DIGITS_MAX), &number));
    cr_assert(not(decimal_scan(bytes_of(text, sizeof text), &number)));
}

static void expect_int64(const char *text, bool fits, int64_t expected)
{
    struct decimal number;
    int64_t value = 0;
    cr_assert(decimal_scan(bytes_of_text(text), &number));
    cr_assert(eq(int, decimal_int64(&number, &value), fits), "%s", text);
    cr_assert(eq(i64, value, expected), "%s", text);
}

Test(decimal, whole_numbers)
{
    expect_int64("0", true, 0);
    expect_int64("-17", true, -17);
    expect_int64("9223372036854775807", true, INT64_MAX);
    expect_int64("9223372036854775808", false, 0);
    expect_int64("-9223372036854775808", true, INT64_MIN);
    expect_int64("-9223372036854775809", false, 0);
    expect_int64("99999999999999999999999", false, 0);
    expect_int64("1.0", false, 0);
    expect_int64("1e2", false, 0);
}

static void expect_double(const char *text)
{
    struct decimal number;
    cr_assert(decimal_scan(bytes_of_text(text), &number));
    cr_assert(eq(sz, number.text.size, strlen(text)), "%s", text);
    double expected = strtod(text, NULL); /* glibc's: correctly rounded */
    cr_assert(eq(u64, bits_of(decimal_double(&number)), bits_of(expected)), "%s", text);
}

Test(decimal, doubles_at_the_edges)
{
    const char *const texts[] = {"0",
                                 "-0",
                                 "0.0",
                                 "-0.000",
                                 "0e999",
                                 "1",
                                 "0.1",
                                 "0.3",
                                 "123456789012345",
                                 "1234567890123456",
                                 "9007199254740993",
                                 "1e22",
                                 "1e23",
                                 "123456789012345e22",
                                 "1e-22",
                                 "1e-23",
                                 "4.9406564584124654e-324",
                                 "2.4703282292062327e-324",
                                 "2.4703282292062328e-324",
                                 "2.2250738585072011e-308",
                                 "1.7976931348623157e308",
                                 "1.7976931348623159e308",
                                 "1e400",
                                 "-1e400",
                                 "1e-400",
                                 "1e99999999999",
                                 "0.000000000000000000001",
                                 "6.0221408570000001e+23",
                                 "8.5",
                                 "33554432.000000003725290298"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        expect_double(texts[i]);
    }
}

/* Any double, printed with 1 to 17 digits, comes back as strtod reads it. */
Test(decimal, doubles_at_random)
{
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t bits = hash_mix64(i);
        if (i % 2 == 0) { /* half of them near what records hold */
            bits = (bits & ~(0x7ffULL << 52)) | (0x3e0 + bits % 0x40) << 52;
        }
        double value = 0;
        memcpy(&value, &bits, sizeof value);
        if (!(value <= DBL_MAX && value >= -DBL_MAX)) {
            continue;
        }
        char text[64];
        (void)snprintf(text, sizeof text, "%.*g", (int)(i % 17) + 1, value);
        expect_double(text);
    }
}
