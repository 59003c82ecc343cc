#include "engine/sink/delta_stats.h"

#include <inttypes.h>
#include <math.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"

enum {
    DOUBLE_MANTISSA_BITS = 52,
    DOUBLE_EXPONENT_BIAS = 1023,
    FRACTION_BITS_MAX = 60,
    STRING_SIZE_MAX = 32
};

bool delta_exact_double(double value, struct buf *out)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    uint64_t mantissa = bits & ((UINT64_C(1) << DOUBLE_MANTISSA_BITS) - 1);
    int biased = (int)(bits >> DOUBLE_MANTISSA_BITS) & 0x7ff;
    if (biased == 0 && mantissa == 0) {
        buf_text(out, "0.0");
        return true;
    }
    /* value = mantissa * 2^exponent; a subnormal lacks the hidden bit, but is refused as too small
     * and so needs no case of its own */
    mantissa |= UINT64_C(1) << DOUBLE_MANTISSA_BITS;
    int exponent = biased - DOUBLE_EXPONENT_BIAS - DOUBLE_MANTISSA_BITS;
    int zeros = __builtin_ctzll(mantissa);
    mantissa >>= zeros;
    exponent += zeros;
    if (exponent < -FRACTION_BITS_MAX || exponent > 63 ||
        (exponent > 0 && mantissa > UINT64_MAX >> exponent)) {
        return false;
    }
    unsigned shift = exponent < 0 ? (unsigned)-exponent : 0;
    uint64_t whole = exponent < 0 ? mantissa >> shift : mantissa << exponent;
    uint64_t rest = exponent < 0 ? mantissa & ((UINT64_C(1) << shift) - 1) : 0;
    buf_printf(out, "%s%" PRIu64 ".", value < 0 ? "-" : "", whole);
    do {
        rest *= 10; /* below 2^60 * 10: no overflow; at most `shift` digits, then it is 0 */
        buf_byte(out, (uint8_t)('0' + (rest >> shift)));
        rest &= (UINT64_C(1) << shift) - 1;
    } while (rest != 0);
    return true;
}

/* ---- bounds ------------------------------------------------------------------------------- */

/* Rows that hold the smallest and the largest value of a column. */
struct extremes {
    bool found;
    size_t min_row;
    size_t max_row;
};

static int compare_rows(const struct column *column, size_t a, size_t b)
{
    switch (column->type) {
    case TYPE_INT:
        return (column->values.ints[a] > column->values.ints[b]) -
               (column->values.ints[a] < column->values.ints[b]);
    case TYPE_LONG:
        return (column->values.longs[a] > column->values.longs[b]) -
               (column->values.longs[a] < column->values.longs[b]);
    case TYPE_DOUBLE:
        return (column->values.doubles[a] > column->values.doubles[b]) -
               (column->values.doubles[a] < column->values.doubles[b]);
    case TYPE_STRING:
        return bytes_compare(column->values.strings[a], column->values.strings[b]);
    case TYPE_BOOLEAN:
    case TYPE_TIMESTAMP:
    case TYPE_COUNT:
        break;
    }
    return 0;
}

static struct extremes find_extremes(const struct column *column, size_t rows)
{
    struct extremes extremes = {0};
    if (column->type == TYPE_BOOLEAN || column->type == TYPE_TIMESTAMP) {
        return extremes;
    }
    for (size_t row = 0; row < rows; row++) {
        if (!column->present[row]) {
            continue;
        }
        if (column->type == TYPE_DOUBLE && !isfinite(column->values.doubles[row])) {
            return (struct extremes){0};
        }
        if (!extremes.found) {
            extremes = (struct extremes){.found = true, .min_row = row, .max_row = row};
        } else if (compare_rows(column, row, extremes.min_row) < 0) {
            extremes.min_row = row;
        } else if (compare_rows(column, row, extremes.max_row) > 0) {
            extremes.max_row = row;
        }
    }
    return extremes;
}

static bool is_short_ascii(struct bytes text)
{
    if (text.size > STRING_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] >= 0x80 || text.data[i] == 0) {
            return false;
        }
    }
    return true;
}

/* False, and nothing appended, when the value has no form that readers agree on. */
static bool append_value(const struct column *column, size_t row, struct buf *out)
{
    switch (column->type) {
    case TYPE_INT:
        buf_printf(out, "%" PRId32, column->values.ints[row]);
        return true;
    case TYPE_LONG:
        buf_printf(out, "%" PRId64, column->values.longs[row]);
        return true;
    case TYPE_DOUBLE:
        return delta_exact_double(column->values.doubles[row], out);
    case TYPE_STRING:
        if (!is_short_ascii(column->values.strings[row])) {
            return false;
        }
        buf_json_string(out, column->values.strings[row]);
        return true;
    case TYPE_BOOLEAN:
    case TYPE_TIMESTAMP:
    case TYPE_COUNT:
        break;
    }
    return false;
}

/* What stands behind a field's name in minValues, maxValues or nullCount. False, and nothing
 * appended: the field is left out. */
enum statistic { STATISTIC_MIN, STATISTIC_MAX, STATISTIC_NULLS };

static bool append_statistic(const struct columns *columns,
                             size_t field,
                             enum statistic statistic,
                             struct buf *out)
{
    const struct column *column = &columns->columns[field];
    if (statistic == STATISTIC_NULLS) {
        size_t nulls = 0;
        for (size_t row = 0; row < columns->rows; row++) {
            nulls += column->present[row] == 0;
        }
        buf_printf(out, "%zu", nulls);
        return true;
    }
    struct extremes extremes = find_extremes(column, columns->rows);
    size_t row = statistic == STATISTIC_MAX ? extremes.max_row : extremes.min_row;
    return extremes.found && append_value(column, row, out);
}

/* Members `from` to `until` - 1 of an object that is being written; what has no value is left out.
 * False: nothing was appended. */
static bool append_members(const struct columns *columns,
                           size_t from,
                           size_t until,
                           enum statistic statistic,
                           struct buf *out)
{
    bool any = false;
    for (size_t i = from; i < until; i++) {
        size_t start = out->size;
        buf_text(out, any ? "," : "");
        buf_json_string(out, bytes_of_text(field_member_name(&columns->schema->fields[i])));
        buf_byte(out, ':');
        if (append_statistic(columns, i, statistic, out)) {
            any = true;
        } else {
            out->size = start;
        }
    }
    return any;
}

/* An object of all columns; that of a struct is nested in it. */
static void append_columns(const struct columns *columns, enum statistic statistic, struct buf *out)
{
    const struct schema *schema = columns->schema;
    bool any = false;
    buf_byte(out, '{');
    for (size_t i = 0; i < schema->count;) {
        size_t end = i + schema_column_fields(schema, i);
        const char *parent = schema->fields[i].parent;
        size_t start = out->size;
        buf_text(out, any ? "," : "");
        if (parent != NULL) {
            buf_json_string(out, bytes_of_text(parent));
            buf_text(out, ":{");
        }
        if (append_members(columns, i, end, statistic, out)) {
            buf_text(out, parent == NULL ? "" : "}");
            any = true;
        } else {
            out->size = start;
        }
        i = end;
    }
    buf_byte(out, '}');
}

void delta_stats_json(const struct columns *columns, struct buf *out)
{
    buf_printf(out, "{\"numRecords\":%zu,\"minValues\":", columns->rows);
    append_columns(columns, STATISTIC_MIN, out);
    buf_text(out, ",\"maxValues\":");
    append_columns(columns, STATISTIC_MAX, out);
    buf_text(out, ",\"nullCount\":");
    append_columns(columns, STATISTIC_NULLS, out);
    buf_byte(out, '}');
}

/* ---- digests ------------------------------------------------------------------------------ */

static uint64_t double_bits(double value)
{
    if (isnan(value)) {
        return UINT64_C(0x7ff8000000000000); /* compilers differ in the sign of a computed NaN */
    }
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t value_hash(const struct column *column, size_t row)
{
    switch (column->type) {
    case TYPE_BOOLEAN:
        return column->values.booleans[row];
    case TYPE_INT:
        return (uint64_t)column->values.ints[row];
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        return (uint64_t)column->values.longs[row];
    case TYPE_DOUBLE:
        return double_bits(column->values.doubles[row]);
    case TYPE_STRING: {
        struct bytes text = column->values.strings[row];
        return hash_bytes(text.size == 0 ? (const uint8_t *)"" : text.data, text.size);
    }
    case TYPE_COUNT:
        break;
    }
    require(column->type < TYPE_COUNT);
    return 0;
}

uint64_t delta_rows_hash(const struct columns *columns)
{
    uint64_t sum = 0;
    for (size_t row = 0; row < columns->rows; row++) {
        uint64_t hash = 0;
        for (size_t i = 0; i < columns->schema->count; i++) {
            const struct column *column = &columns->columns[i];
            hash = hash_chain(hash, column->present[row] ? (uint64_t)column->type + 1 : 0);
            hash = hash_chain(hash, column->present[row] ? value_hash(column, row) : 0);
        }
        sum += hash;
    }
    return sum;
}

int64_t delta_rows_bytes(const struct columns *columns, size_t from, size_t until)
{
    static const uint8_t width[TYPE_COUNT] = {[TYPE_BOOLEAN] = 1,
                                              [TYPE_INT] = 4,
                                              [TYPE_LONG] = 8,
                                              [TYPE_DOUBLE] = 8,
                                              [TYPE_STRING] = 4,
                                              [TYPE_TIMESTAMP] = 8};
    uint64_t bytes = 0;
    for (size_t i = 0; i < columns->schema->count; i++) {
        const struct column *column = &columns->columns[i];
        bytes += (uint64_t)(until - from) * width[column->type];
        for (size_t row = from; column->type == TYPE_STRING && row < until; row++) {
            bytes += column->present[row] ? column->values.strings[row].size : 0;
        }
    }
    return (int64_t)bytes;
}
