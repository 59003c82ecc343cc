/* The footer of a Parquet file, decoded: the schema as a tree, and where the column chunks are. Any
 * schema that Parquet has; what reads the values decides what it takes. Between the parquet_*.c of
 * this folder only. Safe on hostile bytes. Source: delta-parquet-storage 4.1 to 4.5. */
#ifndef SIM_CHECK_PARQUET_FOOTER_H
#define SIM_CHECK_PARQUET_FOOTER_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"

enum { /* parquet.thrift: CompressionCodec */
       PARQUET_CODEC_NONE = 0,
       PARQUET_CODEC_SNAPPY = 1,
       PARQUET_CODEC_GZIP = 2
};
enum { /* Type */
       PHYSICAL_BOOLEAN = 0,
       PHYSICAL_INT32 = 1,
       PHYSICAL_INT64 = 2,
       PHYSICAL_INT96 = 3,
       PHYSICAL_FLOAT = 4,
       PHYSICAL_DOUBLE = 5,
       PHYSICAL_BYTE_ARRAY = 6,
       PHYSICAL_FIXED = 7
};
enum { REPETITION_REQUIRED = 0, REPETITION_OPTIONAL = 1, REPETITION_REPEATED = 2 };
enum { /* ConvertedType */
       CONVERTED_NONE = -1,
       CONVERTED_UTF8 = 0,
       CONVERTED_MAP = 1,
       CONVERTED_MAP_KEY_VALUE = 2,
       CONVERTED_LIST = 3,
       CONVERTED_ENUM = 4,
       CONVERTED_DECIMAL = 5,
       CONVERTED_DATE = 6,
       CONVERTED_TIMESTAMP_MILLIS = 9,
       CONVERTED_TIMESTAMP_MICROS = 10,
       CONVERTED_JSON = 19
};
enum { /* LogicalType: the field of the union; 0: none */
       LOGICAL_NONE = 0,
       LOGICAL_STRING = 1,
       LOGICAL_MAP = 2,
       LOGICAL_LIST = 3,
       LOGICAL_ENUM = 4,
       LOGICAL_DECIMAL = 5,
       LOGICAL_DATE = 6,
       LOGICAL_TIMESTAMP = 8,
       LOGICAL_JSON = 12
};
enum { UNIT_MILLIS = 1, UNIT_MICROS = 2, UNIT_NANOS = 3 };

enum { PARQUET_ELEMENTS_MAX = 4096, PARQUET_DEPTH_MAX = 32 };

struct parquet_element {
    struct bytes name;
    int64_t physical; /* of a leaf */
    int64_t size;     /* PHYSICAL_FIXED: bytes of a value */
    int64_t repetition;
    int64_t children; /* 0: a leaf */
    int64_t converted;
    int64_t logical;
    bool utc;     /* LOGICAL_TIMESTAMP */
    int64_t unit; /* of a timestamp, whichever annotation says so; 0: none does */
    int64_t scale;
    size_t parent;   /* index; of the root itself */
    uint8_t def;     /* definition level of a value that is there, down to here */
    uint8_t rep;     /* repetition level down to here */
    size_t leaf;     /* its first leaf */
    size_t leaf_end; /* behind its last leaf */
    size_t end;      /* index behind its last descendant */
};

struct parquet_chunk {
    int64_t codec;
    int64_t values; /* nulls included */
    int64_t offset; /* of the first page, a dictionary's if there is one */
    int64_t size;   /* compressed, page headers included */
    bool dictionary;
};

struct parquet_group {
    int64_t rows;
    struct parquet_chunk *chunks; /* one a leaf, in order */
};

struct parquet_footer {
    struct parquet_element *elements; /* in the order of the file: parents before children */
    size_t element_count;
    size_t *leaves; /* indices of elements */
    size_t leaf_count;
    int64_t rows;
    struct parquet_group *groups;
    size_t group_count;
};

/* NULL, or what is wrong. Everything lives in `arena` or borrows from `file`. */
const char *
parquet_footer_read(struct bytes file, struct arena *arena, struct parquet_footer *footer);

#endif
