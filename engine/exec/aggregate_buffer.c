#include "engine/exec/aggregate_buffer.h"

#include "engine/base/check.h"

static double one_nan(double value)
{
    static const uint64_t bits = 0x7ff8000000000000ULL; /* Java's */
    if (__builtin_isnan(value)) {
        memcpy(&value, &bits, sizeof value);
    }
    return value;
}

struct cell cell_of(const struct column *column, size_t row, bool key)
{
    struct cell cell = {.present = column->present[row] != 0};
    if (!cell.present) {
        return cell;
    }
    switch (column->type) {
    case TYPE_BOOLEAN:
        cell.as.boolean = column->values.booleans[row];
        break;
    case TYPE_INT:
        cell.as.number = column->values.ints[row];
        break;
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        cell.as.number = column->values.longs[row];
        break;
    case TYPE_DOUBLE:
        cell.as.real = one_nan(column->values.doubles[row]) + (key ? 0.0 : -0.0);
        break;
    case TYPE_STRING:
        cell.as.text = column->values.strings[row];
        break;
    case TYPE_COUNT:
        require(column->type < TYPE_COUNT);
    }
    return cell;
}

void cell_put(struct column *column, size_t row, const struct cell *cell)
{
    column->present[row] = cell->present;
    if (!cell->present) {
        return;
    }
    switch (column->type) {
    case TYPE_BOOLEAN:
        column->values.booleans[row] = cell->as.boolean;
        break;
    case TYPE_INT:
        column->values.ints[row] = (int32_t)cell->as.number;
        break;
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        column->values.longs[row] = cell->as.number;
        break;
    case TYPE_DOUBLE:
        column->values.doubles[row] = cell->as.real;
        break;
    case TYPE_STRING:
        column->values.strings[row] = cell->as.text;
        break;
    case TYPE_COUNT:
        require(column->type < TYPE_COUNT);
    }
}

void buffer_begin(const struct aggregation *aggregation, struct cell *buffer)
{
    memset(buffer, 0, aggregation->buffer.count * sizeof *buffer);
    for (size_t i = 0; i < aggregation->aggregate_count; i++) {
        const struct aggregate *aggregate = &aggregation->aggregates[i];
        struct cell *cells = &buffer[aggregate->buffer];
        if (aggregate->function == AGGREGATE_COUNT_ALL || aggregate->function == AGGREGATE_COUNT) {
            cells[0].present = true;
        } else if (aggregate->function == AGGREGATE_AVG) {
            cells[0].present = true;
            cells[1].present = true;
        }
    }
}

static enum status
add_long(const struct aggregate *aggregate, struct cell *sum, int64_t value, struct diag *diag)
{
    sum->present = true;
    if (!__builtin_add_overflow(sum->as.number, value, &sum->as.number)) {
        return OK;
    }
    return diag_fail(diag,
                     "ARITHMETIC_OVERFLOW",
                     "long overflow in the aggregate \"%.200s\"; aggregate doubles instead, such "
                     "as sum(x * 1D)",
                     aggregate->name);
}

/* A null sum counts as 0.0: then -0.0 alone sums to 0.0, as in Spark. */
static void add_double(struct cell *sum, double value)
{
    sum->as.real = one_nan((sum->present ? sum->as.real : 0.0) + value);
    sum->present = true;
}

static int compare_cells(enum type type, const struct cell *a, const struct cell *b)
{
    if (type == TYPE_STRING) {
        return bytes_compare(a->as.text, b->as.text);
    }
    if (type == TYPE_BOOLEAN) {
        return a->as.boolean - b->as.boolean;
    }
    if (type != TYPE_DOUBLE) {
        return (a->as.number > b->as.number) - (a->as.number < b->as.number);
    }
    /* Spark's order: NaN is above all else, the zeros are equal. */
    if (a->as.real < b->as.real || a->as.real > b->as.real) {
        return a->as.real < b->as.real ? -1 : 1;
    }
    return (__builtin_isnan(a->as.real) != 0) - (__builtin_isnan(b->as.real) != 0);
}

/* Of equals the one that was first stays. */
static void keep_extreme(const struct aggregate *aggregate,
                         struct arena *arena,
                         struct cell *kept,
                         const struct cell *value)
{
    if (!value->present) {
        return;
    }
    int order = kept->present ? compare_cells(aggregate->type, value, kept) : 0;
    bool better = aggregate->function == AGGREGATE_MIN ? order < 0 : order > 0;
    if (kept->present && !better) {
        return;
    }
    *kept = *value;
    if (aggregate->type == TYPE_STRING) {
        struct bytes text = value->as.text;
        kept->as.text = bytes_of(arena_copy(arena, text.data, text.size), text.size);
    }
}

static double number_of(enum type type, const struct cell *value)
{
    return type == TYPE_DOUBLE ? value->as.real : (double)value->as.number;
}

static enum status update_one(const struct aggregate *aggregate,
                              struct arena *arena,
                              struct cell *cells,
                              const struct column *argument,
                              size_t row,
                              struct diag *diag)
{
    if (aggregate->function == AGGREGATE_COUNT_ALL) {
        return add_long(aggregate, cells, 1, diag);
    }
    struct cell value = cell_of(argument, row, false);
    if (!value.present) {
        return OK;
    }
    switch (aggregate->function) {
    case AGGREGATE_COUNT_ALL:
    case AGGREGATE_COUNT:
        return add_long(aggregate, cells, 1, diag);
    case AGGREGATE_SUM:
        if (aggregate->type == TYPE_LONG) {
            return add_long(aggregate, cells, value.as.number, diag);
        }
        add_double(cells, value.as.real);
        break;
    case AGGREGATE_MIN:
    case AGGREGATE_MAX:
        keep_extreme(aggregate, arena, cells, &value);
        break;
    case AGGREGATE_AVG:
        add_double(cells, number_of(argument->type, &value));
        return add_long(aggregate, cells + 1, 1, diag);
    }
    return OK;
}

enum status buffer_update(const struct aggregation *aggregation,
                          struct arena *arena,
                          struct cell *buffer,
                          const struct column *arguments,
                          size_t row,
                          struct diag *diag)
{
    for (size_t i = 0; i < aggregation->aggregate_count; i++) {
        const struct aggregate *aggregate = &aggregation->aggregates[i];
        TRY(update_one(aggregate, arena, &buffer[aggregate->buffer], &arguments[i], row, diag));
    }
    return OK;
}

static enum status merge_one(const struct aggregate *aggregate,
                             struct arena *arena,
                             struct cell *cells,
                             const struct cell *other,
                             struct diag *diag)
{
    switch (aggregate->function) {
    case AGGREGATE_COUNT_ALL:
    case AGGREGATE_COUNT:
        return add_long(aggregate, cells, other->as.number, diag);
    case AGGREGATE_SUM:
        if (!other->present) {
            return OK;
        }
        if (aggregate->type == TYPE_LONG) {
            return add_long(aggregate, cells, other->as.number, diag);
        }
        add_double(cells, other->as.real);
        return OK;
    case AGGREGATE_MIN:
    case AGGREGATE_MAX:
        keep_extreme(aggregate, arena, cells, other);
        return OK;
    case AGGREGATE_AVG:
        add_double(cells, other[0].as.real);
        return add_long(aggregate, cells + 1, other[1].as.number, diag);
    }
    require(aggregate->function <= AGGREGATE_AVG);
    return ERR_FAILED;
}

enum status buffer_merge(const struct aggregation *aggregation,
                         struct arena *arena,
                         struct cell *buffer,
                         const struct cell *other,
                         struct diag *diag)
{
    for (size_t i = 0; i < aggregation->aggregate_count; i++) {
        const struct aggregate *aggregate = &aggregation->aggregates[i];
        TRY(merge_one(
            aggregate, arena, &buffer[aggregate->buffer], &other[aggregate->buffer], diag));
    }
    return OK;
}

bool buffer_valid(const struct aggregation *aggregation, const struct cell *buffer)
{
    for (size_t i = 0; i < aggregation->aggregate_count; i++) {
        const struct aggregate *aggregate = &aggregation->aggregates[i];
        const struct cell *cells = &buffer[aggregate->buffer];
        bool counts =
            aggregate->function == AGGREGATE_COUNT_ALL || aggregate->function == AGGREGATE_COUNT;
        if (counts && (!cells[0].present || cells[0].as.number < 0)) {
            return false;
        }
        if (aggregate->function == AGGREGATE_AVG &&
            (!cells[0].present || !cells[1].present || cells[1].as.number < 0)) {
            return false;
        }
    }
    return true;
}

struct cell buffer_result(const struct aggregate *aggregate, const struct cell *buffer)
{
    const struct cell *cells = &buffer[aggregate->buffer];
    if (aggregate->function != AGGREGATE_AVG) {
        return cells[0];
    }
    struct cell result = {.present = cells[1].as.number > 0};
    if (result.present) {
        result.as.real = one_nan(cells[0].as.real / (double)cells[1].as.number);
    }
    return result;
}
