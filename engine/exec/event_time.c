/* Event time: windows, the greatest time seen, and when a group is behind the watermark. */
#include "engine/base/check.h"
#include "engine/base/units.h"
#include "engine/exec/aggregate.h"

size_t windows_max(const struct window *window)
{
    return (size_t)((window->length_us + window->slide_us - 1) / window->slide_us);
}

/* In [0, divisor), also for what is negative: C's % would give windows that begin behind their rows
 * before 1970. */
static int64_t floor_modulo(int64_t value, int64_t divisor)
{
    int64_t rest = value % divisor;
    return rest < 0 ? rest + divisor : rest;
}

size_t windows_of(const struct window *window, int64_t time_us, int64_t *starts)
{
    if (time_us < INT64_MIN + window->length_us || time_us > INT64_MAX - window->length_us) {
        return 0;
    }
    int64_t behind = floor_modulo(time_us - window->start_us, window->slide_us);
    int64_t last = time_us - behind;
    int64_t count = (window->length_us - behind + window->slide_us - 1) / window->slide_us;
    require(count >= 1);
    for (int64_t i = 0; i < count; i++) {
        starts[i] = last - (count - 1 - i) * window->slide_us;
    }
    return (size_t)count;
}

int64_t event_time_max_ms(const struct watermark *watermark, const struct columns *input)
{
    const struct column *column = &input->columns[watermark->column];
    int64_t greatest = INT64_MIN;
    require(column->type == TYPE_TIMESTAMP);
    for (size_t i = 0; i < input->rows; i++) {
        int64_t time_us = column->values.longs[i];
        greatest = column->present[i] && time_us > greatest ? time_us : greatest;
    }
    if (greatest == INT64_MIN) {
        return INT64_MIN;
    }
    return greatest / US_PER_MS - (greatest % US_PER_MS < 0);
}

bool group_is_late(const struct aggregation *aggregation,
                   const struct cell *key,
                   int64_t threshold_ms)
{
    if (aggregation->event_time_key < 0 || !key[aggregation->event_time_key].present) {
        return false;
    }
    int64_t threshold_us = 0;
    if (__builtin_mul_overflow(threshold_ms, US_PER_MS, &threshold_us)) {
        return threshold_ms > 0;
    }
    return key[aggregation->event_time_key].as.number <= threshold_us;
}
