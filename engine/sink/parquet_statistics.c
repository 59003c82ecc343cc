/* Statistics of a column chunk (delta-parquet-storage 4.6). Readers prune with them, so a bound
 * that is not a bound is silently lost rows: where the rules leave a doubt, there is no bound. */
#include <math.h>

#include "engine/base/check.h"
#include "engine/sink/parquet_format.h"

static void set_bound(struct parquet_bound *bound, const void *data, size_t size)
{
    require(size <= PARQUET_BOUND_SIZE_MAX);
    memcpy(bound->data, data, size);
    bound->size = size;
    bound->present = true;
    bound->exact = true;
}

static void set_integer_bound(struct parquet_bound *bound, uint64_t value, size_t width)
{
    uint8_t data[8];
    for (size_t i = 0; i < width; i++) {
        data[i] = (uint8_t)(value >> (8 * i));
    }
    set_bound(bound, data, width);
}

static int64_t integer_at(const struct column *column, size_t row)
{
    switch (column->type) {
    case TYPE_BOOLEAN:
        return column->values.booleans[row];
    case TYPE_INT:
        return column->values.ints[row];
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        return column->values.longs[row];
    case TYPE_DOUBLE:
    case TYPE_STRING:
    case TYPE_COUNT:
        break;
    }
    require(column->type == TYPE_LONG);
    return 0;
}

static void
integer_bounds(const struct column *column, size_t rows, struct parquet_statistics *statistics)
{
    bool any = false;
    int64_t min = INT64_MAX;
    int64_t max = INT64_MIN;
    for (size_t row = 0; row < rows; row++) {
        if (column->present[row]) {
            int64_t value = integer_at(column, row);
            min = value < min ? value : min;
            max = value > max ? value : max;
            any = true;
        }
    }
    size_t width = column->type == TYPE_BOOLEAN ? 1 : column->type == TYPE_INT ? 4 : 8;
    if (any) {
        set_integer_bound(&statistics->min, (uint64_t)min, width);
        set_integer_bound(&statistics->max, (uint64_t)max, width);
    }
}

/* No bounds when there is a NaN; a zero is -0.0 as min and +0.0 as max, since readers disagree on
 * their order. */
static void
double_bounds(const struct column *column, size_t rows, struct parquet_statistics *statistics)
{
    bool any = false;
    double min = 0;
    double max = 0;
    for (size_t row = 0; row < rows; row++) {
        if (!column->present[row]) {
            continue;
        }
        double value = column->values.doubles[row];
        if (isnan(value)) {
            return;
        }
        min = !any || value < min ? value : min;
        max = !any || value > max ? value : max;
        any = true;
    }
    if (!any) {
        return;
    }
    min = fpclassify(min) == FP_ZERO ? -0.0 : min;
    max = fpclassify(max) == FP_ZERO ? 0.0 : max;
    uint64_t bits = 0;
    memcpy(&bits, &min, sizeof bits);
    set_integer_bound(&statistics->min, bits, 8);
    memcpy(&bits, &max, sizeof bits);
    set_integer_bound(&statistics->max, bits, 8);
}

/* The longest whole-character prefix of `text` that fits a bound; a prefix never sorts above the
 * text. */
static size_t prefix_size(struct bytes text)
{
    if (text.size <= PARQUET_BOUND_SIZE_MAX) {
        return text.size;
    }
    size_t size = PARQUET_BOUND_SIZE_MAX;
    while (size > 0 && (text.data[size] & 0xc0) == 0x80) {
        size--;
    }
    return size;
}

/* An upper bound of a text that was cut: its prefix up to some ASCII character, and that character
 * raised by one. Raising a longer character could leave UTF-8; without one there is no bound. */
static void set_raised_bound(struct parquet_bound *bound, struct bytes text)
{
    size_t size = prefix_size(text);
    while (size > 0 && text.data[size - 1] >= 0x7f) {
        size--;
    }
    if (size > 0) {
        set_bound(bound, text.data, size);
        bound->data[size - 1]++;
        bound->exact = false;
    }
}

static void
string_bounds(const struct column *column, size_t rows, struct parquet_statistics *statistics)
{
    bool any = false;
    struct bytes min = {0};
    struct bytes max = {0};
    for (size_t row = 0; row < rows; row++) {
        if (!column->present[row]) {
            continue;
        }
        struct bytes value = column->values.strings[row];
        min = !any || bytes_compare(value, min) < 0 ? value : min;
        max = !any || bytes_compare(value, max) > 0 ? value : max;
        any = true;
    }
    if (!any) {
        return;
    }
    size_t min_size = prefix_size(min);
    set_bound(&statistics->min, min.size == 0 ? (const uint8_t *)"" : min.data, min_size);
    statistics->min.exact = min_size == min.size;
    if (max.size <= PARQUET_BOUND_SIZE_MAX) {
        set_bound(&statistics->max, max.size == 0 ? (const uint8_t *)"" : max.data, max.size);
    } else {
        set_raised_bound(&statistics->max, max);
    }
}

void parquet_statistics_of(const struct column *column,
                           size_t rows,
                           struct parquet_statistics *statistics)
{
    *statistics = (struct parquet_statistics){0};
    for (size_t row = 0; row < rows; row++) {
        statistics->null_count += column->present[row] == 0;
    }
    switch (column->type) {
    case TYPE_BOOLEAN:
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        integer_bounds(column, rows, statistics);
        break;
    case TYPE_DOUBLE:
        double_bounds(column, rows, statistics);
        break;
    case TYPE_STRING:
        string_bounds(column, rows, statistics);
        break;
    case TYPE_COUNT:
        require(column->type < TYPE_COUNT);
    }
}
