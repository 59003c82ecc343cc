/* Letters without their case, ASCII only and by no locale: names of options, types and words of a
 * grammar. */
#ifndef ENGINE_FOLD_H
#define ENGINE_FOLD_H

#include <stdbool.h>
#include <stdint.h>

static inline uint8_t fold_byte(uint8_t c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static inline bool fold_equal(const char *a, const char *b)
{
    while (*a != '\0' && fold_byte((uint8_t)*a) == fold_byte((uint8_t)*b)) {
        a++;
        b++;
    }
    return fold_byte((uint8_t)*a) == fold_byte((uint8_t)*b);
}

#endif
