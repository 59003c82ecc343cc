#include "sim/check/value.h"

#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/base/units.h"

static uint64_t bits_of(double real)
{
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    return bits;
}

void value_encode(const struct value *value, struct buf *out)
{
    buf_byte(out, (uint8_t)value->type);
    buf_byte(out, value->present ? 1 : 0);
    if (!value->present) {
        return;
    }
    switch (value->type) {
    case TYPE_BOOLEAN:
        buf_byte(out, value->as.boolean ? 1 : 0);
        break;
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        buf_le64(out, (uint64_t)value->as.number);
        break;
    case TYPE_DOUBLE:
        buf_le64(out, bits_of(value->as.real));
        break;
    case TYPE_STRING:
        buf_le32(out, (uint32_t)value->as.text.size);
        buf_append(out, value->as.text.data, value->as.text.size);
        break;
    case TYPE_COUNT:
        require(value->type != TYPE_COUNT);
        break;
    }
}

void value_describe(const struct value *value, struct buf *out)
{
    if (!value->present) {
        buf_text(out, "null");
        return;
    }
    char text[40];
    switch (value->type) {
    case TYPE_BOOLEAN:
        buf_text(out, value->as.boolean ? "true" : "false");
        break;
    case TYPE_INT:
    case TYPE_LONG:
        buf_printf(out, "%lld", (long long)value->as.number);
        break;
    case TYPE_TIMESTAMP:
        timestamp_format(value->as.number, 6, text);
        buf_text(out, text);
        break;
    case TYPE_DOUBLE:
        (void)snprintf(text, sizeof text, "%.17g", value->as.real); /* for people only */
        buf_text(out, text);
        break;
    case TYPE_STRING:
        buf_json_string(out, value->as.text);
        break;
    case TYPE_COUNT:
        require(value->type != TYPE_COUNT);
        break;
    }
}

struct row row_of(struct bytes form)
{
    return (struct row){.hash = hash_bytes(form.data, form.size), .form = form};
}

/* One cell of a canonical form. */
static void take_value(struct cursor *cursor, struct value *value)
{
    *value = (struct value){.type = (enum type)cursor_byte(cursor)};
    value->present = cursor_byte(cursor) == 1;
    if (!value->present) {
        return;
    }
    if (value->type == TYPE_BOOLEAN) {
        value->as.boolean = cursor_byte(cursor) == 1;
    } else if (value->type == TYPE_DOUBLE) {
        value->as.real = cursor_double(cursor);
    } else if (value->type == TYPE_STRING) {
        value->as.text = cursor_take(cursor, cursor_le32(cursor));
    } else {
        value->as.number = (int64_t)cursor_le64(cursor);
    }
}

void row_describe(const struct row *row, struct buf *out)
{
    struct cursor cursor = cursor_of(row->form);
    buf_text(out, "(");
    for (bool first = true; cursor_left(&cursor) > 0 && !cursor.failed; first = false) {
        struct value value;
        take_value(&cursor, &value);
        buf_text(out, first ? "" : ", ");
        value_describe(&value, out);
    }
    buf_text(out, ")");
}

int row_compare(const struct row *a, const struct row *b)
{
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    return bytes_compare(a->form, b->form);
}

void row_set_add(struct row_set *set, const struct row *row)
{
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? 32 : set->capacity * 2;
        set->rows = heap_realloc(set->rows, set->capacity * sizeof *set->rows);
    }
    set->rows[set->count++] = *row;
    set->sorted = set->count == 1;
}

void row_set_clear(struct row_set *set)
{
    set->count = 0;
    set->sorted = true;
}

void row_set_free(struct row_set *set)
{
    heap_free(set->rows);
    *set = (struct row_set){.rows = NULL};
}

/* Bottom-up merge sort: no recursion, a total order, equal rows are equal in every bit. */
void row_set_sort(struct row_set *set)
{
    if (set->sorted || set->count < 2) {
        set->sorted = true;
        return;
    }
    struct row *from = set->rows;
    struct row *scratch = heap_alloc(set->count * sizeof *scratch);
    struct row *to = scratch;
    for (size_t width = 1; width < set->count; width *= 2) {
        for (size_t low = 0; low < set->count; low += 2 * width) {
            size_t middle = low + width < set->count ? low + width : set->count;
            size_t high = low + 2 * width < set->count ? low + 2 * width : set->count;
            size_t left = low;
            size_t right = middle;
            for (size_t at = low; at < high; at++) {
                bool take_left =
                    left < middle && (right >= high || row_compare(&from[left], &from[right]) <= 0);
                to[at] = take_left ? from[left++] : from[right++];
            }
        }
        struct row *swap = from;
        from = to;
        to = swap;
    }
    if (from != set->rows) {
        memcpy(set->rows, from, set->count * sizeof *from);
    }
    heap_free(scratch);
    set->sorted = true;
}

static size_t copies_at(const struct row_set *set, size_t at)
{
    size_t count = 0;
    while (at + count < set->count && row_compare(&set->rows[at], &set->rows[at + count]) == 0) {
        count++;
    }
    return count;
}

/* The next difference from (*i, *k) on, in the sorted order; behind it on return. */
static bool next_difference(const struct row_set *expected,
                            const struct row_set *found,
                            size_t *i,
                            size_t *k,
                            struct row_difference *difference)
{
    while (*i < expected->count || *k < found->count) {
        size_t copies_expected = copies_at(expected, *i);
        size_t copies_found = copies_at(found, *k);
        int order = copies_expected == 0 ? 1
                    : copies_found == 0  ? -1
                                         : row_compare(&expected->rows[*i], &found->rows[*k]);
        *difference = (struct row_difference){
            .row = order <= 0 ? expected->rows[*i] : found->rows[*k],
            .expected = order <= 0 ? copies_expected : 0,
            .found = order >= 0 ? copies_found : 0,
        };
        *i += difference->expected;
        *k += difference->found;
        if (difference->expected != difference->found) {
            return true;
        }
    }
    return false;
}

bool row_set_difference(struct row_set *expected,
                        struct row_set *found,
                        struct row_difference *difference)
{
    row_set_sort(expected);
    row_set_sort(found);
    size_t i = 0;
    size_t k = 0;
    return next_difference(expected, found, &i, &k, difference);
}

bool row_set_excess(struct row_set *expected,
                    struct row_set *found,
                    struct row_difference *difference)
{
    row_set_sort(expected);
    row_set_sort(found);
    size_t i = 0;
    size_t k = 0;
    while (next_difference(expected, found, &i, &k, difference)) {
        if (difference->found > difference->expected) {
            return true;
        }
    }
    return false;
}
