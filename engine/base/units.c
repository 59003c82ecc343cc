/* Durations, sizes and instants as text. All by integer arithmetic: no locale, no time zone data,
 * no doubles. The calendar is the proleptic Gregorian one; days are counted by eras of 400 years
 * (146,097 days) that begin on March 1st, so that the leap day ends a year. */
#include "engine/base/units.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"

enum { UNIT_SIZE_MAX = 16, FRACTION_DIGITS_MAX = 9, DAYS_PER_ERA = 146097, EPOCH_DAYS = 719468 };

struct unit {
    const char *name;
    int64_t factor;
};

/* Short forms as Spark's conf writes them, long forms as its triggers and intervals do. */
static const struct unit duration_units[] = {{"us", 1},
                                             {"microsecond", 1},
                                             {"microseconds", 1},
                                             {"ms", US_PER_MS},
                                             {"millisecond", US_PER_MS},
                                             {"milliseconds", US_PER_MS},
                                             {"s", US_PER_SECOND},
                                             {"sec", US_PER_SECOND},
                                             {"second", US_PER_SECOND},
                                             {"seconds", US_PER_SECOND},
                                             {"m", US_PER_MINUTE},
                                             {"min", US_PER_MINUTE},
                                             {"minute", US_PER_MINUTE},
                                             {"minutes", US_PER_MINUTE},
                                             {"h", US_PER_HOUR},
                                             {"hour", US_PER_HOUR},
                                             {"hours", US_PER_HOUR},
                                             {"d", US_PER_DAY},
                                             {"day", US_PER_DAY},
                                             {"days", US_PER_DAY},
                                             {"week", 7 * US_PER_DAY},
                                             {"weeks", 7 * US_PER_DAY},
                                             {NULL, 0}};

/* Spark's byte strings: k and kb are 1,024 bytes too. */
static const struct unit size_units[] = {{"b", 1},
                                         {"k", INT64_C(1) << 10},
                                         {"kb", INT64_C(1) << 10},
                                         {"kib", INT64_C(1) << 10},
                                         {"m", INT64_C(1) << 20},
                                         {"mb", INT64_C(1) << 20},
                                         {"mib", INT64_C(1) << 20},
                                         {"g", INT64_C(1) << 30},
                                         {"gb", INT64_C(1) << 30},
                                         {"gib", INT64_C(1) << 30},
                                         {"t", INT64_C(1) << 40},
                                         {"tb", INT64_C(1) << 40},
                                         {"tib", INT64_C(1) << 40},
                                         {NULL, 0}};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static const char *skip_spaces(const char *at)
{
    while (*at == ' ') {
        at++;
    }
    return at;
}

/* Digits into a number that must fit; at least one. */
static bool take_number(const char **at, int64_t *number)
{
    if (!is_digit(**at)) {
        return false;
    }
    *number = 0;
    for (; is_digit(**at); (*at)++) {
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, **at - '0', number)) {
            return false;
        }
    }
    return true;
}

static bool take_unit(const char **at, const struct unit *units, int64_t *factor)
{
    char name[UNIT_SIZE_MAX] = {0};
    size_t size = 0;
    while (lower(**at) >= 'a' && lower(**at) <= 'z') {
        if (size == UNIT_SIZE_MAX - 1) {
            return false;
        }
        name[size++] = lower(*(*at)++);
    }
    for (; units->name != NULL; units++) {
        if (strcmp(units->name, name) == 0) {
            *factor = units->factor;
            return true;
        }
    }
    return false;
}

/* ".5": digits behind the point as `numerator` of `denominator`. */
static bool take_fraction(const char **at, int64_t *numerator, int64_t *denominator)
{
    *numerator = 0;
    *denominator = 1;
    if (**at != '.') {
        return true;
    }
    (*at)++;
    if (!is_digit(**at)) {
        return false;
    }
    for (int digits = 0; is_digit(**at); (*at)++, digits++) {
        if (digits == FRACTION_DIGITS_MAX) {
            return false;
        }
        *numerator = *numerator * 10 + (**at - '0');
        *denominator *= 10;
    }
    return true;
}

/* One "1.5 h". What is no whole number of microseconds is refused, not rounded. */
static bool take_duration(const char **at, int64_t *part_us)
{
    int64_t whole = 0;
    int64_t numerator = 0;
    int64_t denominator = 1;
    int64_t factor = 0;
    if (!take_number(at, &whole) || !take_fraction(at, &numerator, &denominator)) {
        return false;
    }
    *at = skip_spaces(*at);
    if (!take_unit(at, duration_units, &factor)) {
        return false;
    }
    int64_t fraction = 0;
    if (__builtin_mul_overflow(whole, factor, part_us) ||
        __builtin_mul_overflow(numerator, factor, &fraction) || fraction % denominator != 0) {
        return false;
    }
    return !__builtin_add_overflow(*part_us, fraction / denominator, part_us);
}

bool duration_parse(const char *text, int64_t *duration_us)
{
    const char *at = skip_spaces(text);
    int64_t total = 0;
    if (*at == '\0') {
        return false;
    }
    while (*at != '\0') {
        int64_t part = 0;
        if (!take_duration(&at, &part) || __builtin_add_overflow(total, part, &total)) {
            return false;
        }
        at = skip_spaces(at);
    }
    *duration_us = total;
    return true;
}

bool size_parse(const char *text, int64_t *bytes)
{
    const char *at = skip_spaces(text);
    int64_t number = 0;
    int64_t factor = 0;
    int64_t total = 0;
    if (!take_number(&at, &number)) {
        return false;
    }
    at = skip_spaces(at);
    if (!take_unit(&at, size_units, &factor) || *skip_spaces(at) != '\0') {
        return false;
    }
    if (__builtin_mul_overflow(number, factor, &total)) {
        return false;
    }
    *bytes = total;
    return true;
}

/* "1.5s": `value` in 1/`scale` of the unit, without trailing zeros. */
static size_t
format_scaled(char *out, size_t size, uint64_t value, uint64_t scale, const char *unit)
{
    char fraction[8] = "";
    uint64_t rest = value % scale;
    size_t digits = 0;
    for (uint64_t place = scale / 10; rest != 0; place /= 10) {
        fraction[digits++] = (char)('0' + rest / place);
        rest %= place;
    }
    fraction[digits] = '\0';
    int written = snprintf(
        out, size, "%" PRIu64 "%s%s%s", value / scale, digits > 0 ? "." : "", fraction, unit);
    require(written > 0);
    require((size_t)written < size);
    return (size_t)written;
}

void duration_format(int64_t duration_us, char out[48])
{
    size_t at = 0;
    uint64_t left = (uint64_t)duration_us;
    if (duration_us < 0) {
        out[at++] = '-';
        left = 0 - left;
    }
    if (left > 0 && left < (uint64_t)US_PER_MS) {
        (void)format_scaled(out + at, 48 - at, left, 1, "us");
        return;
    }
    if (left > 0 && left < (uint64_t)US_PER_SECOND) {
        (void)format_scaled(out + at, 48 - at, left, (uint64_t)US_PER_MS, "ms");
        return;
    }
    static const struct unit large[] = {
        {"d", US_PER_DAY}, {"h", US_PER_HOUR}, {"m", US_PER_MINUTE}};
    bool any = false;
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        uint64_t factor = (uint64_t)large[i].factor;
        if (left >= factor) {
            at += format_scaled(out + at, 48 - at, left / factor, 1, large[i].name);
            left %= factor;
            any = true;
        }
    }
    if (left > 0 || !any) {
        (void)format_scaled(out + at, 48 - at, left, (uint64_t)US_PER_SECOND, "s");
    }
}

/* ---- instants */

static int64_t floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

struct date {
    int64_t year;
    int month;
    int day;
};

/* Days since 1970-01-01. */
static int64_t days_of(struct date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = floor_divide(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t month_from_march = (date.month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - EPOCH_DAYS;
}

static struct date date_of(int64_t days)
{
    int64_t shifted = days + EPOCH_DAYS;
    int64_t era = floor_divide(shifted, DAYS_PER_ERA);
    int64_t day_of_era = shifted - era * DAYS_PER_ERA;
    /* Leap days before this one: one in 4 years, none in 100, one in 400. */
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    struct date date = {
        .month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9),
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
    };
    date.year = year_of_era + era * 400 + (date.month <= 2);
    return date;
}

void timestamp_format(int64_t time_us, int digits, char out[40])
{
    require(digits == 3 || digits == 6);
    int64_t days = floor_divide(time_us, US_PER_DAY);
    int64_t of_day = time_us % US_PER_DAY;
    of_day += of_day < 0 ? US_PER_DAY : 0;
    struct date date = date_of(days);
    int64_t second = of_day / US_PER_SECOND;
    int64_t fraction = of_day % US_PER_SECOND;
    int written = snprintf(out,
                           40,
                           "%04" PRId64 "-%02d-%02dT%02d:%02d:%02d.%0*" PRId64 "Z",
                           date.year,
                           date.month,
                           date.day,
                           (int)(second / 3600),
                           (int)(second / 60 % 60),
                           (int)(second % 60),
                           digits,
                           digits == 3 ? fraction / 1000 : fraction);
    require(written > 0);
    require(written < 40);
}

struct scan {
    struct bytes text;
    size_t at;
    bool failed;
};

static bool accept(struct scan *scan, char c)
{
    bool there = scan->at < scan->text.size && scan->text.data[scan->at] == (uint8_t)c;
    scan->at += there;
    return there;
}

static void expect(struct scan *scan, char c)
{
    if (!accept(scan, c)) {
        scan->failed = true;
    }
}

/* Exactly `digits` digits, at most `max`. */
static int64_t fixed(struct scan *scan, int digits, int64_t max)
{
    int64_t value = 0;
    for (int i = 0; i < digits; i++) {
        if (scan->at >= scan->text.size || !is_digit((char)scan->text.data[scan->at])) {
            scan->failed = true;
            return 0;
        }
        value = value * 10 + (scan->text.data[scan->at++] - '0');
    }
    if (value > max) {
        scan->failed = true;
        return 0;
    }
    return value;
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static int64_t scan_date_us(struct scan *scan)
{
    struct date date = {.year = fixed(scan, 4, 9999)};
    expect(scan, '-');
    date.month = (int)fixed(scan, 2, 12);
    expect(scan, '-');
    date.day = (int)fixed(scan, 2, 31);
    if (scan->failed || date.month == 0 || date.day == 0 ||
        date.day > days_in_month(date.year, date.month)) {
        scan->failed = true;
        return 0;
    }
    return days_of(date) * US_PER_DAY;
}

/* Up to 9 digits, of which 6 count. */
static int64_t scan_fraction_us(struct scan *scan)
{
    int64_t fraction = 0;
    int digits = 0;
    while (scan->at < scan->text.size && is_digit((char)scan->text.data[scan->at])) {
        if (digits < 6) {
            fraction = fraction * 10 + (scan->text.data[scan->at] - '0');
        }
        digits++;
        scan->at++;
    }
    if (digits == 0 || digits > FRACTION_DIGITS_MAX) {
        scan->failed = true;
    }
    for (; digits < 6; digits++) {
        fraction *= 10;
    }
    return fraction;
}

static int64_t scan_time_us(struct scan *scan)
{
    int64_t time_us = fixed(scan, 2, 23) * US_PER_HOUR;
    expect(scan, ':');
    time_us += fixed(scan, 2, 59) * US_PER_MINUTE;
    if (accept(scan, ':')) {
        time_us += fixed(scan, 2, 59) * US_PER_SECOND;
        if (accept(scan, '.')) {
            time_us += scan_fraction_us(scan);
        }
    }
    return time_us;
}

/* "Z", "+02:00", "+0200", "+02" or nothing. */
static int64_t scan_zone_us(struct scan *scan)
{
    if (accept(scan, 'Z') || scan->at == scan->text.size) {
        return 0;
    }
    int64_t sign = accept(scan, '-') ? -1 : 1;
    if (sign > 0) {
        expect(scan, '+');
    }
    int64_t zone_us = fixed(scan, 2, 18) * US_PER_HOUR; /* java.time's limit */
    if (scan->at < scan->text.size) {
        (void)accept(scan, ':');
        zone_us += fixed(scan, 2, 59) * US_PER_MINUTE;
    }
    return sign * zone_us;
}

bool timestamp_parse(struct bytes text, int64_t *time_us)
{
    struct scan scan = {.text = text};
    int64_t result = scan_date_us(&scan);
    if (!scan.failed && scan.at < text.size) {
        if (!accept(&scan, 'T')) {
            expect(&scan, ' ');
        }
        result += scan_time_us(&scan);
        result -= scan_zone_us(&scan);
    }
    if (scan.failed || scan.at != text.size) {
        return false;
    }
    *time_us = result;
    return true;
}

static const struct {
    const char *name;
    int64_t us;
} rate_units[] = {
    {"ms", US_PER_MS},
    {"s", US_PER_SECOND},
    {"sec", US_PER_SECOND},
    {"second", US_PER_SECOND},
    {"m", US_PER_MINUTE},
    {"min", US_PER_MINUTE},
    {"minute", US_PER_MINUTE},
    {"h", US_PER_HOUR},
    {"hour", US_PER_HOUR},
    {"d", US_PER_DAY},
    {"day", US_PER_DAY},
};

bool rate_parse(const char *text, int64_t *interval_us)
{
    enum { RATE_MAX = 1000000 };
    int64_t count = 0;
    const char *at = text;
    while (*at >= '0' && *at <= '9' && count <= RATE_MAX) {
        count = count * 10 + (*at++ - '0');
    }
    if (at == text || *at != '/' || count < 1 || count > RATE_MAX) {
        return false;
    }
    for (size_t i = 0; i < sizeof rate_units / sizeof rate_units[0]; i++) {
        if (strcmp(at + 1, rate_units[i].name) == 0) {
            *interval_us = rate_units[i].us / count;
            return *interval_us >= 1;
        }
    }
    return false;
}
