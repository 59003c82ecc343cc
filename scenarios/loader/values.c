#include "scenarios/loader/values.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

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

bool milliseconds_parse(const json_t *value, int64_t *milliseconds)
{
    int64_t us = 0;
    if (json_is_integer(value)) {
        *milliseconds = json_integer_value(value);
        return true;
    }
    if (!json_is_string(value) || !duration_parse(json_string_value(value), &us)) {
        return false;
    }
    *milliseconds = us / US_PER_MS;
    return us % US_PER_MS == 0;
}

bool bytes_parse(const json_t *value, int64_t *bytes)
{
    if (json_is_integer(value)) {
        *bytes = json_integer_value(value);
        return true;
    }
    return json_is_string(value) && size_parse(json_string_value(value), bytes);
}

const char *value_text(const json_t *object, const char *key, const char *standard)
{
    const json_t *value = json_object_get(object, key);
    return value == NULL ? standard : json_string_value(value);
}

int64_t value_int(const json_t *object, const char *key, int64_t standard)
{
    const json_t *value = json_object_get(object, key);
    return value == NULL ? standard : json_integer_value(value);
}

bool value_bool(const json_t *object, const char *key, bool standard)
{
    const json_t *value = json_object_get(object, key);
    return value == NULL ? standard : json_is_true(value);
}

int64_t value_milliseconds(const json_t *object, const char *key, int64_t standard)
{
    const json_t *value = json_object_get(object, key);
    int64_t milliseconds = standard;
    require(value == NULL || milliseconds_parse(value, &milliseconds));
    return milliseconds;
}

int64_t value_bytes(const json_t *object, const char *key, int64_t standard)
{
    const json_t *value = json_object_get(object, key);
    int64_t bytes = standard;
    require(value == NULL || bytes_parse(value, &bytes));
    return bytes;
}

int64_t value_duration_us(const json_t *object, const char *key, int64_t standard_us)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL) {
        return standard_us;
    }
    int64_t us = -1;
    return duration_parse(json_string_value(value), &us) ? us : -1;
}
