/* Thrift's compact protocol, read only, over hostile bytes: every read is bounded by a struct
 * cursor, unknown fields are skipped iteratively (delta-parquet-storage 4.2). Nothing allocates. */
#ifndef SIM_CHECK_THRIFT_READER_H
#define SIM_CHECK_THRIFT_READER_H

#include "engine/base/buf.h"

enum compact_type {
    COMPACT_STOP = 0,
    COMPACT_TRUE = 1,
    COMPACT_FALSE = 2,
    COMPACT_I8 = 3,
    COMPACT_I16 = 4,
    COMPACT_I32 = 5,
    COMPACT_I64 = 6,
    COMPACT_DOUBLE = 7,
    COMPACT_BINARY = 8,
    COMPACT_LIST = 9,
    COMPACT_SET = 10,
    COMPACT_MAP = 11,
    COMPACT_STRUCT = 12
};

/* Walks the fields of one struct; zero it (with the cursor) to begin. */
struct compact_fields {
    struct cursor *cursor;
    int16_t id; /* of the current field */
    int type;   /* enum compact_type */
};

/* The next field; false at the struct's end or a failure (cursor->failed). The caller reads or
 * skips its value. */
bool compact_next(struct compact_fields *fields);
/* Skip a value of `type`, whatever it holds. */
void compact_skip(struct cursor *cursor, int type);
/* The value of an integer field (i8 to i64); fails when the field's type is another. */
int64_t compact_integer(struct compact_fields *fields);
struct bytes compact_binary(struct compact_fields *fields);
/* The head of a list whose elements must be of `element`: how many; 0 and failed when they are not,
 * or when there cannot be so many in what is left. */
size_t compact_list(struct compact_fields *fields, int element);

#endif
