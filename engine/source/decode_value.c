#include "engine/source/decode_value.h"

#include <math.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

void value_set_null(struct column *column, size_t row)
{
    column->present[row] = 0;
    switch (column->type) {
    case TYPE_BOOLEAN:
        column->values.booleans[row] = false;
        break;
    case TYPE_INT:
        column->values.ints[row] = 0;
        break;
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        column->values.longs[row] = 0;
        break;
    case TYPE_DOUBLE:
        column->values.doubles[row] = 0;
        break;
    case TYPE_STRING:
        column->values.strings[row] = (struct bytes){0};
        break;
    case TYPE_COUNT:
        require(column->type < TYPE_COUNT);
    }
}

static enum value_fit set_string(struct column *column, size_t row, struct bytes text)
{
    column->values.strings[row] = text;
    column->present[row] = 1;
    return VALUE_FITS;
}

static enum value_fit set_long(struct column *column, size_t row, int64_t value)
{
    column->values.longs[row] = value;
    column->present[row] = 1;
    return VALUE_FITS;
}

static enum value_fit set_double(struct column *column, size_t row, double value)
{
    column->values.doubles[row] = value;
    column->present[row] = 1;
    return VALUE_FITS;
}

/* Two digits as a number, or a value of 100 or more. */
static uint32_t digits2(const uint8_t *at)
{
    uint32_t tens = (uint32_t)at[0] - '0';
    uint32_t ones = (uint32_t)at[1] - '0';
    return tens <= 9 && ones <= 9 ? tens * 10 + ones : 100;
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar, year 0 to 9999: years from
 * March on, so that the leap day is the last of its year. */
static int64_t days_of(uint32_t year, uint32_t month, uint32_t day)
{
    uint32_t shifted = year + 399 + (month > 2); /* year - 1 or year, moved by 400 years */
    uint32_t months = (month + 9) % 12;
    uint32_t days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 +
                    (153 * months + 2) / 5 + day - 1;
    return (int64_t)days - 719468 - 146097;
}

/* "2001-01-01T01:24:00Z", the one form that producers mostly write. False: another form, or no
 * valid instant; then timestamp_parse decides. */
static bool plain_timestamp(struct bytes text, int64_t *time_us)
{
    static const uint8_t days_max[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const uint8_t *at = text.data;
    if (text.size != 20 || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' ||
        at[16] != ':' || at[19] != 'Z') {
        return false;
    }
    uint32_t century = digits2(at);
    uint32_t year = digits2(at + 2);
    uint32_t month = digits2(at + 5);
    uint32_t day = digits2(at + 8);
    uint32_t hour = digits2(at + 11);
    uint32_t minute = digits2(at + 14);
    uint32_t second = digits2(at + 17);
    /* A year of 0 is left to the general parser. */
    if (century > 99 || century == 0 || year > 99 || month - 1 > 11 || day - 1 > 30 || hour > 23 ||
        minute > 59 || second > 59) {
        return false;
    }
    year += century * 100;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day > days_max[month - 1] + (uint32_t)(leap && month == 2)) {
        return false;
    }
    uint32_t seconds = hour * 3600 + minute * 60 + second;
    *time_us = days_of(year, month, day) * US_PER_DAY + (int64_t)seconds * US_PER_SECOND;
    return true;
}

/* JacksonParser's names of what is no number, when allowNonNumericNumbers is true (its default). */
static bool special_double(struct bytes text, double *value)
{
    static const struct {
        const char *name;
        double value;
    } names[] = {{"NaN", (double)NAN},
                 {"Infinity", (double)INFINITY},
                 {"+Infinity", (double)INFINITY},
                 {"+INF", (double)INFINITY},
                 {"-Infinity", -(double)INFINITY},
                 {"-INF", -(double)INFINITY}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (bytes_equal_text(text, names[i].name)) {
            *value = names[i].value;
            return true;
        }
    }
    return false;
}

static enum value_fit
read_string(struct scan *scan, struct arena *arena, struct column *column, size_t row)
{
    struct bytes text;
    bool escaped = false;
    if (!scan_string(scan, &text, &escaped)) {
        return VALUE_MALFORMED;
    }
    if (escaped) {
        text = scan_unescape(arena, text);
    }
    int64_t time_us = 0;
    double value = 0;
    if (column->type == TYPE_STRING) {
        return set_string(column, row, text);
    }
    if (column->type == TYPE_TIMESTAMP &&
        (plain_timestamp(text, &time_us) || timestamp_parse(text, &time_us))) {
        return set_long(column, row, time_us);
    }
    if (column->type == TYPE_DOUBLE && special_double(text, &value)) {
        return set_double(column, row, value);
    }
    return VALUE_MISFIT;
}

static enum value_fit read_number(struct scan *scan, struct column *column, size_t row)
{
    struct decimal number;
    int64_t value = 0;
    if (!scan_number(scan, &number)) {
        return VALUE_MALFORMED;
    }
    switch (column->type) {
    case TYPE_DOUBLE:
        return set_double(column, row, decimal_double(&number));
    case TYPE_STRING:
        return set_string(column, row, number.text);
    case TYPE_LONG:
        return decimal_int64(&number, &value) ? set_long(column, row, value) : VALUE_MISFIT;
    case TYPE_TIMESTAMP:
        if (!decimal_int64(&number, &value) ||
            __builtin_mul_overflow(value, US_PER_SECOND, &value)) {
            return VALUE_MISFIT; /* Spark lets the product wrap around */
        }
        return set_long(column, row, value);
    case TYPE_INT:
        if (!decimal_int64(&number, &value) || value < INT32_MIN || value > INT32_MAX) {
            return VALUE_MISFIT;
        }
        column->values.ints[row] = (int32_t)value;
        column->present[row] = 1;
        return VALUE_FITS;
    case TYPE_BOOLEAN:
    case TYPE_COUNT:
        break;
    }
    return VALUE_MISFIT;
}

/* A list, an object or a word: JSON text for a string column, else of another type. */
static enum value_fit read_other(struct scan *scan, struct column *column, size_t row)
{
    const uint8_t *start = scan->at;
    uint8_t first = scan_peek(scan);
    if (!scan_skip(scan, 1)) {
        return VALUE_MALFORMED;
    }
    if (first == 'n') {
        value_set_null(column, row);
        return VALUE_FITS;
    }
    if (column->type == TYPE_STRING) {
        return set_string(column, row, bytes_of(start, (size_t)(scan->at - start)));
    }
    if (column->type == TYPE_BOOLEAN && (first == 't' || first == 'f')) {
        column->values.booleans[row] = first == 't';
        column->present[row] = 1;
        return VALUE_FITS;
    }
    return VALUE_MISFIT;
}

enum value_fit value_read(struct scan *scan, struct arena *arena, struct column *column, size_t row)
{
    uint8_t first = scan_peek(scan);
    if (first == '"') {
        return read_string(scan, arena, column, row);
    }
    if (first == '-' || (first >= '0' && first <= '9')) {
        return read_number(scan, column, row);
    }
    return read_other(scan, column, row);
}
