#include "engine/base/decimal.h"

#include <float.h>
#include <stdlib.h>

#include "engine/base/check.h"

_Static_assert(FLT_EVAL_METHOD == 0, "a product of two doubles is rounded once, to double");

static bool is_digit(const uint8_t *at, const uint8_t *end)
{
    return at < end && (uint8_t)(*at - '0') <= 9;
}

/* Take one digit into the significant ones; leading zeros count for nothing. */
static void take_digit(struct decimal *number, uint8_t digit, bool fraction)
{
    if (number->digit_count == 19) {
        number->cut = true;
        return;
    }
    if (number->digits != 0 || digit != 0) {
        number->digits = number->digits * 10 + digit;
        number->digit_count++;
    }
    number->exponent -= fraction;
}

/* The exponent's digits; its value is bounded, since nothing beyond 10^4 changes a result. */
static const uint8_t *scan_exponent(const uint8_t *at, const uint8_t *end, struct decimal *number)
{
    const uint8_t *digits = at + 1;
    bool negative = digits < end && *digits == '-';
    if (digits < end && (*digits == '-' || *digits == '+')) {
        digits++;
    }
    if (!is_digit(digits, end)) {
        return at; /* no exponent: the number ends before the letter */
    }
    int32_t value = 0;
    for (; is_digit(digits, end); digits++) {
        value = value < 10000 ? value * 10 + (*digits - '0') : value;
    }
    number->exponent += negative ? -value : value;
    number->whole = false;
    return digits;
}

bool decimal_scan(struct bytes text, struct decimal *number)
{
    const uint8_t *at = text.data;
    const uint8_t *end = text.data + text.size;
    *number = (struct decimal){.whole = true};
    if (at < end && *at == '-') {
        number->negative = true;
        at++;
    }
    if (!is_digit(at, end)) {
        return false;
    }
    if (*at == '0') {
        at++;
    } else {
        for (; is_digit(at, end); at++) {
            take_digit(number, (uint8_t)(*at - '0'), false);
        }
    }
    if (at < end && *at == '.' && is_digit(at + 1, end)) {
        number->whole = false;
        for (at++; is_digit(at, end); at++) {
            take_digit(number, (uint8_t)(*at - '0'), true);
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at = scan_exponent(at, end, number);
    }
    number->text = bytes_of(text.data, (size_t)(at - text.data));
    return number->text.size <= DECIMAL_DIGITS_MAX + 4; /* minus, point, e, its sign */
}

bool decimal_int64(const struct decimal *number, int64_t *value)
{
    uint64_t limit = (uint64_t)INT64_MAX + number->negative;
    if (!number->whole || number->cut || number->digits > limit) {
        return false;
    }
    *value = (int64_t)(number->negative ? 0 - number->digits : number->digits);
    return true;
}

/* strtod reads the decimal point of the process' locale. No process here calls setlocale, so that
 * is "C"; should a library ever do it, this stops the program before a value is wrong. */
static double convert(const char *text)
{
    require(strtod("0.5", NULL) > 0.25);
    return strtod(text, NULL);
}

double decimal_double(const struct decimal *number)
{
    /* Powers of ten that a double holds exactly. */
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    /* Clinger 1990: both operands are exact, so the one rounding is the correct one. */
    if (!number->cut && number->digit_count <= 15 && number->exponent >= -22 &&
        number->exponent <= 22) {
        double digits = (double)number->digits;
        double value = number->exponent < 0 ? digits / powers[-number->exponent]
                                            : digits * powers[number->exponent];
        return number->negative ? -value : value;
    }
    char text[DECIMAL_DIGITS_MAX + 8];
    require(number->text.size < sizeof text);
    memcpy(text, number->text.data, number->text.size);
    text[number->text.size] = '\0';
    return convert(text);
}
