/* A writer of Thrift's compact protocol: as much of it as Parquet's page headers and footer need
 * (delta-parquet-storage 4.2). Fields are written in ascending order of their ids. It never reads
 * and never allocates but in the buffer. */
#ifndef ENGINE_SINK_THRIFT_H
#define ENGINE_SINK_THRIFT_H

#include "engine/base/buf.h"

enum { THRIFT_DEPTH_MAX = 12 };

/* Element types of lists, and the low half of a field's header. */
enum thrift_type {
    THRIFT_TRUE = 1,
    THRIFT_FALSE = 2,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_STRUCT = 12
};

struct thrift {
    struct buf *out;
    int depth;                         /* open structs */
    int16_t last_id[THRIFT_DEPTH_MAX]; /* of each open struct: ids are written as differences */
};

/* Begin the outermost struct, to be ended by thrift_end as any other. */
struct thrift thrift_begin(struct buf *out);

/* Close the innermost struct. */
void thrift_end(struct thrift *thrift);

/* Fields of the innermost struct. */
void thrift_bool(struct thrift *thrift, int16_t id, bool value);
void thrift_i32(struct thrift *thrift, int16_t id, int32_t value);
void thrift_i64(struct thrift *thrift, int16_t id, int64_t value);
void thrift_binary(struct thrift *thrift, int16_t id, struct bytes value);
void thrift_text(struct thrift *thrift, int16_t id, const char *value);
void thrift_struct(struct thrift *thrift, int16_t id); /* until thrift_end */
void thrift_empty_struct(struct thrift *thrift, int16_t id);

/* A list of `count` elements: exactly so many element calls follow. A struct element is a struct
 * that ends with thrift_end. */
void thrift_list(struct thrift *thrift, int16_t id, enum thrift_type element, size_t count);
void thrift_element_struct(struct thrift *thrift);
void thrift_element_i32(struct thrift *thrift, int32_t value);
void thrift_element_text(struct thrift *thrift, const char *value);

#endif
