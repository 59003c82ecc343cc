#include "scenarios/loader/values.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/base/units.h"

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
