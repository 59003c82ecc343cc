/* Time is int64 microseconds since 1970, UTC; sizes are bytes. Texts as people write them. */
#ifndef ENGINE_UNITS_H
#define ENGINE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/bytes.h"

#define US_PER_MS     INT64_C(1000)
#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define US_PER_HOUR   (60 * US_PER_MINUTE)
#define US_PER_DAY    (24 * US_PER_HOUR)

/* Parse "250us", "5ms", "20s", "1h55m", "10 minutes", "7d" (Spark's long names too) into
 * microseconds. A bare number has no unit and is refused, as are negative values and overflow. */
bool duration_parse(const char *text, int64_t *duration_us);

/* "4/s", "1/min", "250/h" -> microseconds between two, rounded down; false when it is no rate, 0 a
 * time, or above 1,000,000/s. */
bool rate_parse(const char *text, int64_t *interval_us);

/* Parse "64KiB", "1MiB", "512B", "1g" (Spark's k, m, g) into bytes. A bare number is refused. */
bool size_parse(const char *text, int64_t *bytes);

/* "1h55m", "20s", "1.5s", "250ms": the shortest exact form up to microseconds. `out` holds 48. */
void duration_format(int64_t duration_us, char out[48]);

/* "2001-01-01T00:00:00.000000Z"; milliseconds only when `digits` is 3. `out` holds 40. */
void timestamp_format(int64_t time_us, int digits, char out[40]);

/* ISO-8601 with 'T' or a space, optional fraction (up to 9 digits, cut to micros), 'Z', offset or
 * nothing (= UTC), a date alone too. False when it is no valid instant. No locale, no time zone
 * data. */
bool timestamp_parse(struct bytes text, int64_t *time_us);

#endif
