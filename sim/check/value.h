/* Typed cells and rows in one canonical form, so that two readers of a row agree bit for bit or not
 * at all: a row is bytes, compared as bytes. -0.0 is not 0.0, NaNs are their bits, an int is not a
 * long. */
#ifndef SIM_CHECK_VALUE_H
#define SIM_CHECK_VALUE_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/plan/schema.h"

struct value {
    enum type type;
    bool present; /* false: null */
    union {
        bool boolean;
        int64_t number; /* int, long, timestamp */
        double real;
        struct bytes text;
    } as;
};

/* Append the canonical form: type, present, payload (little-endian; text with its length). */
void value_encode(const struct value *value, struct buf *out);
/* For people: null, 5, 1.5 as its bits, "text", a timestamp. */
void value_describe(const struct value *value, struct buf *out);

struct row {
    uint64_t hash; /* of form: order and first comparison */
    struct bytes form;
};

struct row row_of(struct bytes form);
/* (2001-01-01T01:53:00.000000Z, "DTW", 51): decodes the form. */
void row_describe(const struct row *row, struct buf *out);
int row_compare(const struct row *a, const struct row *b);

/* A multiset of rows; a zeroed one is empty. Its array is the current process', the forms are
 * somebody else's. */
struct row_set {
    struct row *rows;
    size_t count;
    size_t capacity;
    bool sorted;
};

void row_set_add(struct row_set *set, const struct row *row);
void row_set_clear(struct row_set *set);
void row_set_free(struct row_set *set);
void row_set_sort(struct row_set *set);

/* The first difference of two multisets, in their sorted order; both are sorted by this. */
struct row_difference {
    struct row row;
    size_t expected; /* copies */
    size_t found;
};
bool row_set_difference(struct row_set *expected,
                        struct row_set *found,
                        struct row_difference *difference);
/* The first row of which there are more in `found` than in `expected`; both are sorted by this. */
bool row_set_excess(struct row_set *expected,
                    struct row_set *found,
                    struct row_difference *difference);

#endif
