#include "sim/check/parquet_footer.h"

#include "sim/check/thrift_reader.h"

enum { /* parquet.thrift: Type, FieldRepetitionType, ConvertedType */
       PHYSICAL_BOOLEAN = 0,
       PHYSICAL_INT32 = 1,
       PHYSICAL_INT64 = 2,
       PHYSICAL_DOUBLE = 5,
       PHYSICAL_BYTE_ARRAY = 6,
       REPETITION_OPTIONAL = 1,
       REPETITION_REPEATED = 2,
       CONVERTED_UTF8 = 0,
       CONVERTED_TIMESTAMP_MICROS = 10,
       LOGICAL_STRING = 1,
       LOGICAL_TIMESTAMP = 8
};

struct element {
    int64_t physical;
    int64_t repetition;
    int64_t children;
    int64_t converted; /* -1: none */
    int logical;       /* field id in the union; 0: none */
    bool utc;
    bool micros;
    struct bytes name;
};

static void read_timestamp(struct cursor *cursor, struct element *element)
{
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        if (fields.id == 1) {
            element->utc = fields.type == COMPACT_TRUE;
        } else if (fields.id == 2 && fields.type == COMPACT_STRUCT) {
            struct compact_fields unit = {.cursor = cursor};
            while (compact_next(&unit)) {
                element->micros = unit.id == 2;
                compact_skip(cursor, unit.type);
            }
        } else {
            compact_skip(cursor, fields.type);
        }
    }
}

static void read_logical(struct cursor *cursor, struct element *element)
{
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        element->logical = fields.id;
        if (fields.id == LOGICAL_TIMESTAMP && fields.type == COMPACT_STRUCT) {
            read_timestamp(cursor, element);
        } else {
            compact_skip(cursor, fields.type);
        }
    }
}

static void read_element(struct cursor *cursor, struct element *element)
{
    *element = (struct element){.physical = -1, .converted = -1};
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        if (fields.id == 1) {
            element->physical = compact_integer(&fields);
        } else if (fields.id == 3) {
            element->repetition = compact_integer(&fields);
        } else if (fields.id == 4) {
            element->name = compact_binary(&fields);
        } else if (fields.id == 5) {
            element->children = compact_integer(&fields);
        } else if (fields.id == 6) {
            element->converted = compact_integer(&fields);
        } else if (fields.id == 10 && fields.type == COMPACT_STRUCT) {
            read_logical(cursor, element);
        } else {
            compact_skip(cursor, fields.type);
        }
    }
}

/* Both kinds of annotation must be there and agree: DuckDB reads a string without converted_type as
 * bytes, and a timestamp without logicalType as local time (4.4). */
static bool type_of(const struct element *element, enum type *type)
{
    bool plain = element->converted == -1 && element->logical == 0;
    if (element->physical == PHYSICAL_BOOLEAN && plain) {
        *type = TYPE_BOOLEAN;
    } else if (element->physical == PHYSICAL_INT32 && plain) {
        *type = TYPE_INT;
    } else if (element->physical == PHYSICAL_INT64 && plain) {
        *type = TYPE_LONG;
    } else if (element->physical == PHYSICAL_DOUBLE && plain) {
        *type = TYPE_DOUBLE;
    } else if (element->physical == PHYSICAL_BYTE_ARRAY && element->converted == CONVERTED_UTF8 &&
               element->logical == LOGICAL_STRING) {
        *type = TYPE_STRING;
    } else if (element->physical == PHYSICAL_INT64 &&
               element->converted == CONVERTED_TIMESTAMP_MICROS &&
               element->logical == LOGICAL_TIMESTAMP && element->utc && element->micros) {
        *type = TYPE_TIMESTAMP;
    } else {
        return false;
    }
    return true;
}

/* A leaf, below the struct `group` or at the root. */
static const char *read_leaf(const struct element *element,
                             const struct element *group,
                             struct arena *arena,
                             struct parquet_content *content)
{
    if (element->children != 0 || content->column_count == PARQUET_COLUMNS_MAX) {
        return "a column of the schema is no flat column";
    }
    struct parquet_column *column = &content->columns[content->column_count++];
    if (!type_of(element, &column->type)) {
        return "a column of the schema has another type than the six";
    }
    column->levels = element->repetition == REPETITION_OPTIONAL ? 1 : 0;
    column->path_size = group == NULL ? 1 : 2;
    column->path[column->path_size - 1] = element->name;
    column->name = element->name;
    if (group != NULL) {
        column->path[0] = group->name;
        column->levels = group->repetition == REPETITION_OPTIONAL ? (uint8_t)(column->levels + 1)
                                                                  : column->levels;
        column->name = bytes_of_text(arena_printf(arena,
                                                  "%.*s.%.*s",
                                                  (int)group->name.size,
                                                  (const char *)group->name.data,
                                                  (int)element->name.size,
                                                  (const char *)element->name.data));
    }
    return NULL;
}

static bool next_element(struct compact_fields *fields, size_t *left, struct element *element)
{
    bool more = *left > 0;
    *left -= more ? 1 : 0;
    if (more) {
        read_element(fields->cursor, element);
    }
    return more && !fields->cursor->failed && element->repetition >= 0 &&
           element->repetition < REPETITION_REPEATED;
}

static const char *
read_schema(struct compact_fields *fields, struct arena *arena, struct parquet_content *content)
{
    size_t left = compact_list(fields, COMPACT_STRUCT);
    struct element root;
    bool fine = next_element(fields, &left, &root) && root.children > 0;
    const char *error = fine ? NULL : "the schema is not one root with columns";
    for (int64_t i = 0; error == NULL && i < root.children; i++) {
        struct element group;
        if (!next_element(fields, &left, &group)) {
            return "the schema is cut, or has a repeated column";
        }
        if (group.children == 0) {
            error = read_leaf(&group, NULL, arena, content);
        }
        for (int64_t k = 0; error == NULL && k < group.children; k++) {
            struct element leaf;
            error = next_element(fields, &left, &leaf) ? read_leaf(&leaf, &group, arena, content)
                                                       : "a struct of the schema is cut";
        }
    }
    return error == NULL && left > 0 ? "the schema has more columns than its root" : error;
}

/* path_in_schema: the column's names, from the root. */
static bool path_matches(struct compact_fields *fields, const struct parquet_column *column)
{
    size_t count = compact_list(fields, COMPACT_BINARY);
    bool matches = count == column->path_size;
    for (size_t i = 0; i < count && !fields->cursor->failed; i++) {
        struct bytes name = cursor_take(fields->cursor, cursor_varint(fields->cursor));
        matches = matches && bytes_equal(name, column->path[i]);
    }
    return matches;
}

static bool read_chunk_metadata(struct cursor *cursor,
                                const struct parquet_column *column,
                                struct parquet_chunk *chunk)
{
    bool dictionary = false;
    bool named = false;
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        if (fields.id == 3) {
            named = path_matches(&fields, column);
        } else if (fields.id == 4) {
            chunk->codec = compact_integer(&fields);
        } else if (fields.id == 5) {
            chunk->values = compact_integer(&fields);
        } else if (fields.id == 7) {
            chunk->size = compact_integer(&fields);
        } else if (fields.id == 9) {
            chunk->page_offset = compact_integer(&fields);
        } else {
            dictionary = dictionary || fields.id == 11;
            compact_skip(cursor, fields.type);
        }
    }
    return named && !dictionary;
}

static const char *
read_chunk(struct cursor *cursor, const struct parquet_column *column, struct parquet_chunk *chunk)
{
    bool found = false;
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        if (fields.id == 3 && fields.type == COMPACT_STRUCT) {
            found = read_chunk_metadata(cursor, column, chunk);
        } else {
            compact_skip(cursor, fields.type);
        }
    }
    if (cursor->failed || !found) {
        return "a column chunk is not the schema's column, or has a dictionary";
    }
    bool known = chunk->codec == PARQUET_CODEC_NONE || chunk->codec == PARQUET_CODEC_SNAPPY;
    return known ? NULL : "a column chunk has another codec than snappy";
}

static const char *read_group(struct cursor *cursor,
                              struct arena *arena,
                              const struct parquet_content *content,
                              struct parquet_group *group)
{
    const char *error = "a row group without columns";
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        if (fields.id == 1) {
            size_t count = compact_list(&fields, COMPACT_STRUCT);
            if (count != content->column_count) {
                return "a row group has not the schema's columns";
            }
            group->chunks = arena_alloc(arena, count * sizeof *group->chunks);
            error = NULL;
            for (size_t i = 0; i < count && error == NULL; i++) {
                error = read_chunk(cursor, &content->columns[i], &group->chunks[i]);
            }
            if (error != NULL) {
                return error;
            }
        } else if (fields.id == 3) {
            group->rows = compact_integer(&fields);
        } else {
            compact_skip(cursor, fields.type);
        }
    }
    return cursor->failed ? "a row group of the footer is cut" : error;
}

static const char *read_groups(struct compact_fields *fields,
                               struct arena *arena,
                               const struct parquet_content *content,
                               struct parquet_footer *footer)
{
    footer->group_count = compact_list(fields, COMPACT_STRUCT);
    footer->groups = arena_alloc(arena, (footer->group_count + 1) * sizeof *footer->groups);
    for (size_t i = 0; i < footer->group_count; i++) {
        const char *error = read_group(fields->cursor, arena, content, &footer->groups[i]);
        if (error != NULL) {
            return error;
        }
    }
    return fields->cursor->failed ? "the row groups of the footer are cut" : NULL;
}

static const char *check_rows(const struct parquet_footer *footer,
                              const struct parquet_content *content)
{
    int64_t rows = 0;
    int64_t most = PARQUET_CELLS_MAX / (int64_t)content->column_count;
    for (size_t i = 0; i < footer->group_count; i++) {
        int64_t more = footer->groups[i].rows;
        if (more < 0 || more > most - rows) {
            return "the row groups have more rows than this reader takes, or less than none";
        }
        rows += more;
    }
    return rows == footer->rows ? NULL : "the row groups have not the file's number of rows";
}

const char *parquet_footer_read(struct bytes file,
                                struct arena *arena,
                                struct parquet_footer *footer,
                                struct parquet_content *content)
{
    *footer = (struct parquet_footer){.rows = -1};
    if (file.size < 12 || memcmp(file.data, "PAR1", 4) != 0 ||
        memcmp(file.data + file.size - 4, "PAR1", 4) != 0) {
        return "no PAR1 at its begin and end";
    }
    struct cursor tail = cursor_of(bytes_of(file.data + file.size - 8, 4));
    size_t size = cursor_le32(&tail);
    if (size > file.size - 12) {
        return "a footer longer than the file";
    }
    struct cursor cursor = cursor_of(bytes_of(file.data + file.size - 8 - size, size));
    const char *error = "no schema in the footer";
    bool has_groups = false;
    struct compact_fields fields = {.cursor = &cursor};
    while (compact_next(&fields)) {
        if (fields.id == 2) {
            error = read_schema(&fields, arena, content);
        } else if (fields.id == 3) {
            footer->rows = compact_integer(&fields);
        } else if (fields.id == 4 && content->column_count > 0) {
            has_groups = true;
            error = read_groups(&fields, arena, content, footer);
        } else {
            compact_skip(&cursor, fields.type);
        }
        if (error != NULL && fields.id >= 2) {
            return error;
        }
    }
    if (cursor.failed || error != NULL || !has_groups) {
        return error != NULL ? error : "the footer is cut";
    }
    return check_rows(footer, content);
}
