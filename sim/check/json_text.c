#include "sim/check/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/units.h"
#include "sim/check/json_pull.h"

/* How many bytes the UTF-8 character at the start of `text` has; 0: it is none. */
static size_t character(struct bytes text)
{
    for (size_t size = 1; size <= 4 && size <= text.size; size++) {
        if (utf8_valid(bytes_of(text.data, size))) {
            return size;
        }
    }
    return 0;
}

void json_put_text(struct buf *out, struct bytes text)
{
    buf_byte(out, '"');
    for (size_t at = 0; at < text.size;) {
        uint8_t c = text.data[at];
        if (c == '"' || c == '\\') {
            buf_byte(out, '\\');
            buf_byte(out, c);
            at++;
        } else if (c < 0x20 || c == 0x7f) {
            buf_printf(out, "\\u%04x", c);
            at++;
        } else if (c < 0x7f) {
            buf_byte(out, c);
            at++;
        } else {
            size_t size = character(bytes_of(text.data + at, text.size - at));
            if (size == 0) {
                buf_text(out, "\xef\xbf\xbd");
            } else if (c == 0xc2 && text.data[at + 1] < 0xa0) {
                buf_printf(out, "\\u%04x", text.data[at + 1]);
            } else {
                buf_append(out, text.data + at, size);
            }
            at += size == 0 ? 1 : size;
        }
    }
    buf_byte(out, '"');
}

static bool reads_back(const char *text, double value, bool is_float)
{
    double again = is_float ? (double)strtof(text, NULL) : strtod(text, NULL);
    return !(again < value) && !(again > value);
}

void json_put_double(struct buf *out, double value, bool is_float)
{
    if (!(value <= 0) && !(value >= 0)) {
        buf_text(out, "\"NaN\"");
        return;
    }
    if (!(value - value <= 0)) { /* infinite: NaN again */
        buf_text(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    char text[40];
    for (int digits = is_float ? 6 : 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (reads_back(text, value, is_float)) {
            break;
        }
    }
    buf_text(out, text);
    if (strpbrk(text, ".e") == NULL) {
        buf_text(out, ".0"); /* still a double to whoever reads it */
    }
}

void json_put_timestamp(struct buf *out, int64_t time_us, bool utc)
{
    char text[40];
    timestamp_format(time_us, time_us % US_PER_MS == 0 ? 3 : 6, text);
    size_t size = strlen(text);
    buf_printf(out, "\"%.*s\"", (int)(utc ? size : size - 1), text);
}

void json_put_date(struct buf *out, int64_t days)
{
    enum { DAYS_MAX = 100 * 1000 * 1000 };
    if (days < -DAYS_MAX || days > DAYS_MAX) {
        buf_printf(out, "\"%" PRId64 " days after 1970-01-01\"", days);
        return;
    }
    char text[40];
    timestamp_format(days * US_PER_DAY, 3, text);
    buf_printf(out, "\"%.*s\"", (int)(strchr(text, 'T') - text), text);
}

void json_put_binary(struct buf *out, struct bytes bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    buf_byte(out, '"');
    for (size_t at = 0; at < bytes.size; at += 3) {
        size_t left = bytes.size - at;
        uint32_t word = (uint32_t)bytes.data[at] << 16;
        word |= left > 1 ? (uint32_t)bytes.data[at + 1] << 8 : 0;
        word |= left > 2 ? (uint32_t)bytes.data[at + 2] : 0;
        buf_byte(out, (uint8_t)digits[word >> 18]);
        buf_byte(out, (uint8_t)digits[word >> 12 & 63]);
        buf_byte(out, left > 1 ? (uint8_t)digits[word >> 6 & 63] : '=');
        buf_byte(out, left > 2 ? (uint8_t)digits[word & 63] : '=');
    }
    buf_byte(out, '"');
}

/* Divide the big-endian number by ten in place; its remainder. */
static unsigned divide_by_ten(uint8_t *number, size_t size)
{
    unsigned rest = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned value = rest << 8 | number[i];
        number[i] = (uint8_t)(value / 10);
        rest = value % 10;
    }
    return rest;
}

void json_put_decimal(struct buf *out, struct bytes unscaled, int64_t scale)
{
    enum { BYTES_MAX = 16, DIGITS_MAX = 40 };
    if (unscaled.size == 0 || unscaled.size > BYTES_MAX || scale < 0 || scale >= DIGITS_MAX) {
        json_put_binary(out, unscaled);
        return;
    }
    uint8_t number[BYTES_MAX];
    bool negative = (unscaled.data[0] & 0x80) != 0;
    unsigned carry = negative ? 1 : 0;
    for (size_t i = unscaled.size; i-- > 0;) {
        unsigned byte = (negative ? (uint8_t)~unscaled.data[i] : unscaled.data[i]) + carry;
        number[i] = (uint8_t)byte;
        carry = byte >> 8;
    }
    uint8_t digits[DIGITS_MAX + 1]; /* the last one first; 2^128 has 39 */
    int64_t count = 0;
    bool left = true;
    while (left || count <= scale) {
        digits[count++] = (uint8_t)('0' + divide_by_ten(number, unscaled.size));
        left = false;
        for (size_t i = 0; i < unscaled.size; i++) {
            left = left || number[i] != 0;
        }
    }
    if (negative) {
        buf_byte(out, '-');
    }
    for (int64_t i = count; i-- > 0;) {
        buf_byte(out, digits[i]);
        if (i == scale && scale > 0) {
            buf_byte(out, '.');
        }
    }
}

void json_put_decimal64(struct buf *out, int64_t unscaled, int64_t scale)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)((uint64_t)unscaled >> (56 - 8 * i));
    }
    json_put_decimal(out, bytes_of(bytes, sizeof bytes), scale);
}
