/* Numbers as JSON and SQL write them, read exactly: int64 or the nearest double. Never looks at a
 * locale. One scan finds the end, the digits and the exponent; the conversion is a second step that
 * only who wants the value pays for. */
#ifndef ENGINE_DECIMAL_H
#define ENGINE_DECIMAL_H

#include "engine/base/bytes.h"

/* More digits than this are refused, as Jackson's StreamReadConstraints does. */
enum { DECIMAL_DIGITS_MAX = 1000 };

struct decimal {
    struct bytes text;   /* the whole number, borrowed */
    bool negative;       /* a leading minus */
    bool whole;          /* neither fraction nor exponent */
    bool cut;            /* `digits` lacks some: more than 19 significant ones */
    uint64_t digits;     /* up to 19 significant digits, without the point */
    int32_t digit_count; /* how many of them */
    int32_t exponent;    /* value = digits * 10^exponent, unless cut */
};

/* Scan the longest number at the start of `text`: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
 * False: none stands there, or it has more than DECIMAL_DIGITS_MAX digits. */
bool decimal_scan(struct bytes text, struct decimal *number);

/* False when it is not whole or beyond int64. */
bool decimal_int64(const struct decimal *number, int64_t *value);

/* The nearest double, ties to even; infinity beyond the range, as Java's Double.parseDouble. */
double decimal_double(const struct decimal *number);

#endif
