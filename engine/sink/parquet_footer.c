/* FileMetaData: schema, one row group, statistics, and who wrote it. Field numbers are those of
 * parquet.thrift (delta-parquet-storage 4.3). */
#include "engine/base/check.h"
#include "engine/sink/parquet_format.h"
#include "engine/sink/thrift.h"

enum parquet_type parquet_type_of(enum type type)
{
    switch (type) {
    case TYPE_BOOLEAN:
        return PARQUET_BOOLEAN;
    case TYPE_INT:
        return PARQUET_INT32;
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        return PARQUET_INT64;
    case TYPE_DOUBLE:
        return PARQUET_DOUBLE;
    case TYPE_STRING:
        return PARQUET_BYTE_ARRAY;
    case TYPE_COUNT:
        break;
    }
    require(type < TYPE_COUNT);
    return PARQUET_BOOLEAN;
}

/* Both the old converted type and the logical type: DuckDB takes a string without the first for a
 * BLOB, and a timestamp without the second for one without a time zone (4.4). */
static void write_annotations(struct thrift *footer, enum type type)
{
    if (type == TYPE_STRING) {
        thrift_i32(footer, 6, PARQUET_CONVERTED_UTF8);
        thrift_struct(footer, 10);
        thrift_empty_struct(footer, 1); /* STRING */
        thrift_end(footer);
    } else if (type == TYPE_TIMESTAMP) {
        thrift_i32(footer, 6, PARQUET_CONVERTED_TIMESTAMP_MICROS);
        thrift_struct(footer, 10);
        thrift_struct(footer, 8);       /* TIMESTAMP */
        thrift_bool(footer, 1, true);   /* isAdjustedToUTC */
        thrift_struct(footer, 2);       /* unit */
        thrift_empty_struct(footer, 2); /* MICROS */
        thrift_end(footer);
        thrift_end(footer);
        thrift_end(footer);
    }
}

static void write_leaf(struct thrift *footer, const struct field *field)
{
    thrift_element_struct(footer);
    thrift_i32(footer, 1, (int32_t)parquet_type_of(field->type));
    thrift_i32(footer, 3, PARQUET_REPETITION_OPTIONAL);
    thrift_text(footer, 4, field_member_name(field));
    write_annotations(footer, field->type);
    thrift_end(footer);
}

/* Depth first: the root, and for each column its leaf, or its group and the group's leaves. */
static void write_schema(struct thrift *footer, const struct schema *schema)
{
    size_t groups = 0;
    for (size_t i = 0; i < schema->count; i += schema_column_fields(schema, i)) {
        groups += schema->fields[i].parent != NULL;
    }
    thrift_list(footer, 2, THRIFT_STRUCT, 1 + groups + schema->count);
    thrift_element_struct(footer);
    thrift_text(footer, 4, "spark_schema");
    thrift_i32(footer, 5, (int32_t)schema_column_count(schema));
    thrift_end(footer);
    for (size_t i = 0; i < schema->count;) {
        size_t end = i + schema_column_fields(schema, i);
        if (schema->fields[i].parent != NULL) {
            thrift_element_struct(footer);
            thrift_i32(footer, 3, PARQUET_REPETITION_OPTIONAL);
            thrift_text(footer, 4, schema->fields[i].parent);
            thrift_i32(footer, 5, (int32_t)(end - i));
            thrift_end(footer);
        }
        for (; i < end; i++) {
            write_leaf(footer, &schema->fields[i]);
        }
    }
}

/* The flags that say "exact" are left out where it is: that is what a missing flag is taken for,
 * and what older readers know. */
static void write_statistics(struct thrift *footer, const struct parquet_statistics *statistics)
{
    const struct parquet_bound *min = &statistics->min;
    const struct parquet_bound *max = &statistics->max;
    thrift_struct(footer, 12);
    thrift_i64(footer, 3, statistics->null_count);
    if (max->present) {
        thrift_binary(footer, 5, bytes_of(max->data, max->size));
    }
    if (min->present) {
        thrift_binary(footer, 6, bytes_of(min->data, min->size));
    }
    if (max->present && !max->exact) {
        thrift_bool(footer, 7, false);
    }
    if (min->present && !min->exact) {
        thrift_bool(footer, 8, false);
    }
    thrift_end(footer);
}

static void write_chunk(struct thrift *footer,
                        const struct columns *columns,
                        size_t index,
                        enum parquet_codec codec,
                        const struct parquet_chunk *chunk)
{
    const struct field *field = &columns->schema->fields[index];
    thrift_element_struct(footer);
    thrift_i64(footer, 2, 0); /* file_offset: deprecated */
    thrift_struct(footer, 3);
    thrift_i32(footer, 1, (int32_t)parquet_type_of(field->type));
    thrift_list(footer, 2, THRIFT_I32, 2);
    thrift_element_i32(footer, PARQUET_PLAIN);
    thrift_element_i32(footer, PARQUET_RLE);
    thrift_list(footer, 3, THRIFT_BINARY, field->parent == NULL ? 1 : 2); /* path_in_schema */
    if (field->parent != NULL) {
        thrift_element_text(footer, field->parent);
    }
    thrift_element_text(footer, field_member_name(field));
    thrift_i32(footer, 4, codec == PARQUET_SNAPPY ? 1 : 0);
    thrift_i64(footer, 5, (int64_t)columns->rows);
    thrift_i64(footer, 6, (int64_t)chunk->uncompressed_size);
    thrift_i64(footer, 7, (int64_t)chunk->compressed_size);
    thrift_i64(footer, 9, (int64_t)chunk->offset);
    write_statistics(footer, &chunk->statistics);
    thrift_end(footer);
    thrift_end(footer);
}

static void write_row_group(struct thrift *footer,
                            const struct columns *columns,
                            enum parquet_codec codec,
                            const struct parquet_chunk *chunks)
{
    uint64_t uncompressed_size = 0;
    uint64_t compressed_size = 0;
    thrift_element_struct(footer);
    thrift_list(footer, 1, THRIFT_STRUCT, columns->schema->count);
    for (size_t i = 0; i < columns->schema->count; i++) {
        write_chunk(footer, columns, i, codec, &chunks[i]);
        uncompressed_size += chunks[i].uncompressed_size;
        compressed_size += chunks[i].compressed_size;
    }
    thrift_i64(footer, 2, (int64_t)uncompressed_size);
    thrift_i64(footer, 3, (int64_t)columns->rows);
    thrift_i64(footer, 5, (int64_t)chunks[0].offset);
    thrift_i64(footer, 6, (int64_t)compressed_size);
    thrift_end(footer);
}

void parquet_write_footer(const struct columns *columns,
                          const struct parquet_options *options,
                          const struct parquet_chunk *chunks,
                          struct buf *out)
{
    size_t start = out->size;
    struct thrift footer = thrift_begin(out);
    thrift_i32(&footer, 1, 1); /* version */
    write_schema(&footer, columns->schema);
    thrift_i64(&footer, 3, (int64_t)columns->rows);
    thrift_list(&footer, 4, THRIFT_STRUCT, columns->rows > 0 ? 1 : 0);
    if (columns->rows > 0) {
        write_row_group(&footer, columns, options->codec, chunks);
    }
    thrift_text(&footer, 6, options->created_by);
    /* Without an order for each column, bounds mean nothing to a reader. */
    thrift_list(&footer, 7, THRIFT_STRUCT, columns->schema->count);
    for (size_t i = 0; i < columns->schema->count; i++) {
        thrift_element_struct(&footer);
        thrift_empty_struct(&footer, 1); /* TYPE_ORDER */
        thrift_end(&footer);
    }
    thrift_end(&footer);
    require(footer.depth == 0);
    buf_le32(out, (uint32_t)(out->size - start));
    buf_text(out, "PAR1");
}
