#include "sim/check/json_text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

static struct buf out;

static char *taken(void)
{
    static char text[256];
    (void)snprintf(text, sizeof text, "%.*s", (int)out.size, (const char *)out.data);
    buf_free(&out);
    out = (struct buf){0};
    return text;
}

Test(json_text, steers_no_terminal_and_is_valid)
{
    json_put_text(&out, bytes_of_text("a\"\\\n\x1b[2J\x7f\xc2\x9b \xc3\xa9 \xff\xe2\x82"));
    cr_assert(eq(str,
                 taken(),
                 "\"a\\\"\\\\\\u000a\\u001b[2J\\u007f\\u009b \xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd"
                 "\xef\xbf\xbd\""));
}

Test(json_text, the_shortest_digits_that_read_back)
{
    static const struct {
        double value;
        bool is_float;
        const char *text;
    } rows[] = {{0.1, false, "0.1"},
                {1.0 / 3, false, "0.3333333333333333"},
                {5, false, "5.0"},
                {-0.0, false, "-0.0"},
                {1e300, false, "1e+300"},
                {(double)0.1f, true, "0.1"},
                {(double)0.1f, false, "0.10000000149011612"},
                {1.0 / 0.0, false, "\"Infinity\""},
                {-1.0 / 0.0, false, "\"-Infinity\""},
                {0.0 / 0.0, false, "\"NaN\""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_put_double(&out, rows[i].value, rows[i].is_float);
        cr_expect(eq(str, taken(), rows[i].text));
    }
}

Test(json_text, decimals)
{
    static const uint8_t most[16] = {0x80};
    json_put_decimal64(&out, -105, 2);
    cr_expect(eq(str, taken(), "-1.05"));
    json_put_decimal64(&out, 5, 3);
    cr_expect(eq(str, taken(), "0.005"));
    json_put_decimal64(&out, 0, 0);
    cr_expect(eq(str, taken(), "0"));
    json_put_decimal64(&out, INT64_MIN, 0);
    cr_expect(eq(str, taken(), "-9223372036854775808"));
    json_put_decimal(&out, bytes_of(most, sizeof most), 38);
    cr_expect(eq(str, taken(), "-1.70141183460469231731687303715884105728"));
}

Test(json_text, times_and_bytes)
{
    json_put_timestamp(&out, 1000, true);
    cr_expect(eq(str, taken(), "\"1970-01-01T00:00:00.001Z\""));
    json_put_timestamp(&out, -1, false);
    cr_expect(eq(str, taken(), "\"1969-12-31T23:59:59.999999\""));
    json_put_date(&out, -1);
    cr_expect(eq(str, taken(), "\"1969-12-31\""));
    json_put_binary(&out, bytes_of_text("any c"));
    cr_expect(eq(str, taken(), "\"YW55IGM=\""));
}
