/* The parts of one Parquet file, shared by parquet*.c only: enum values of the format
 * (delta-parquet-storage 4.3), a column chunk as written, and its statistics.
 *
 *   PAR1 | chunk of column 0 | chunk of column 1 | ... | FileMetaData | its length, LE 4 | PAR1
 *   chunk = PageHeader | page body, compressed as one block
 *   body  = LE 4 length of levels | levels, RLE hybrid | PLAIN values of what is present
 *
 * The definition level of a value is how many optional parts of its path are there. A column has
 * one: 1 present, 0 null, in 1 bit. A member of a struct has two, in 2 bits: 2 present, 1 null in a
 * struct that is there; 0, a null struct, does not occur, since no struct here is null. */
#ifndef ENGINE_SINK_PARQUET_FORMAT_H
#define ENGINE_SINK_PARQUET_FORMAT_H

#include "engine/sink/parquet.h"

enum { PARQUET_BOUND_SIZE_MAX = 32 };
enum parquet_type {
    PARQUET_BOOLEAN = 0,
    PARQUET_INT32 = 1,
    PARQUET_INT64 = 2,
    PARQUET_DOUBLE = 5,
    PARQUET_BYTE_ARRAY = 6
};
enum { PARQUET_PLAIN = 0, PARQUET_RLE = 3 };
enum { PARQUET_PAGE_DATA = 0 };
enum { PARQUET_REPETITION_OPTIONAL = 1 };
enum { PARQUET_CONVERTED_UTF8 = 0, PARQUET_CONVERTED_TIMESTAMP_MICROS = 10 };

struct parquet_bound {
    uint8_t data[PARQUET_BOUND_SIZE_MAX]; /* PLAIN, without a length */
    size_t size;
    bool present;
    bool exact; /* false: a truncated string, still a bound */
};

struct parquet_statistics {
    int64_t null_count;
    struct parquet_bound min;
    struct parquet_bound max;
};

struct parquet_chunk {
    uint64_t offset;            /* of its page header in the file */
    uint64_t uncompressed_size; /* both with the page header */
    uint64_t compressed_size;
    struct parquet_statistics statistics;
};

struct parquet_options {
    enum parquet_codec codec;
    const char *created_by; /* "<app> version <semver> (build <hash>)": parquet-java's parser wants
                               exactly that, or it ignores statistics (4.7) */
};

/* As parquet_write, with the choices that tests of exact bytes make. */
void parquet_write_as(const struct columns *columns,
                      const struct parquet_options *options,
                      struct buf *out);

enum parquet_type parquet_type_of(enum type type);

/* Null count and bounds of rows 0..rows-1, by the rules of 4.6. Pure. */
void parquet_statistics_of(const struct column *column,
                           size_t rows,
                           struct parquet_statistics *statistics);

/* Append one data page of the whole column; fills `chunk` but its statistics.
 * * depth  optional parts of the path: 1 for a column, 2 for a member of a struct */
void parquet_write_chunk(const struct column *column,
                         size_t rows,
                         unsigned depth,
                         enum parquet_codec codec,
                         struct buf *out,
                         struct parquet_chunk *chunk);

/* Append FileMetaData, its length and the closing magic. `chunks`: one a column; no row group is
 * written when there are no rows. */
void parquet_write_footer(const struct columns *columns,
                          const struct parquet_options *options,
                          const struct parquet_chunk *chunks,
                          struct buf *out);

#endif
