#include "sim/check/parquet_footer.h"

#include "sim/check/thrift_reader.h"

/* ---- the schema ----------------------------------------------------------------------------- */

static void read_timestamp(struct cursor *cursor, struct parquet_element *element)
{
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        if (fields.id == 1) {
            element->utc = fields.type == COMPACT_TRUE;
        } else if (fields.id == 2 && fields.type == COMPACT_STRUCT) {
            struct compact_fields unit = {.cursor = cursor};
            while (compact_next(&unit)) {
                element->unit = unit.id;
                compact_skip(cursor, unit.type);
            }
        } else {
            compact_skip(cursor, fields.type);
        }
    }
}

static void read_decimal(struct cursor *cursor, struct parquet_element *element)
{
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        if (fields.id == 1) {
            element->scale = compact_integer(&fields);
        } else {
            compact_skip(cursor, fields.type);
        }
    }
}

static void read_logical(struct cursor *cursor, struct parquet_element *element)
{
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        element->logical = fields.id;
        if (fields.id == LOGICAL_TIMESTAMP && fields.type == COMPACT_STRUCT) {
            read_timestamp(cursor, element);
        } else if (fields.id == LOGICAL_DECIMAL && fields.type == COMPACT_STRUCT) {
            read_decimal(cursor, element);
        } else {
            compact_skip(cursor, fields.type);
        }
    }
}

static void read_element(struct cursor *cursor, struct parquet_element *element)
{
    *element = (struct parquet_element){.physical = -1, .converted = CONVERTED_NONE};
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        int64_t *const integers[] = {[1] = &element->physical,
                                     [2] = &element->size,
                                     [3] = &element->repetition,
                                     [5] = &element->children,
                                     [6] = &element->converted,
                                     [7] = &element->scale};
        bool integer =
            fields.id < (int)(sizeof integers / sizeof integers[0]) && integers[fields.id] != NULL;
        if (integer) {
            *integers[fields.id] = compact_integer(&fields);
        } else if (fields.id == 4) {
            element->name = compact_binary(&fields);
        } else if (fields.id == 10 && fields.type == COMPACT_STRUCT) {
            read_logical(cursor, element);
        } else {
            compact_skip(cursor, fields.type);
        }
    }
    if (element->unit == 0) {
        element->unit = element->converted == CONVERTED_TIMESTAMP_MILLIS   ? UNIT_MILLIS
                        : element->converted == CONVERTED_TIMESTAMP_MICROS ? UNIT_MICROS
                                                                           : 0;
    }
}

/* Levels and leaves of an element whose parent is known. */
static bool place(struct parquet_footer *footer, size_t index, size_t parent)
{
    struct parquet_element *element = &footer->elements[index];
    const struct parquet_element *above = &footer->elements[parent];
    bool root = index == 0;
    element->parent = parent;
    element->def = root ? 0 : above->def;
    element->rep = root ? 0 : above->rep;
    if (!root) {
        element->def = (uint8_t)(element->def + (element->repetition != REPETITION_REQUIRED));
        element->rep = (uint8_t)(element->rep + (element->repetition == REPETITION_REPEATED));
    }
    element->leaf = footer->leaf_count;
    bool leaf = element->children == 0;
    if (leaf) {
        footer->leaves[footer->leaf_count++] = index;
    }
    bool physical = element->physical >= PHYSICAL_BOOLEAN && element->physical <= PHYSICAL_FIXED;
    bool sized = element->physical != PHYSICAL_FIXED || element->size > 0;
    return element->children >= 0 && element->repetition >= REPETITION_REQUIRED &&
           element->repetition <= REPETITION_REPEATED && (!leaf || (physical && sized));
}

/* The tree, from the list of its elements: whose children are still to come stands on a stack. */
static const char *
read_schema(struct compact_fields *fields, struct arena *arena, struct parquet_footer *footer)
{
    struct {
        size_t element;
        int64_t left;
    } open[PARQUET_DEPTH_MAX];
    size_t depth = 0;
    size_t count = compact_list(fields, COMPACT_STRUCT);
    if (count < 2 || count > PARQUET_ELEMENTS_MAX || footer->elements != NULL) {
        return "the schema is not one root with columns";
    }
    footer->elements = arena_alloc(arena, count * sizeof *footer->elements);
    footer->leaves = arena_alloc(arena, count * sizeof *footer->leaves);
    for (size_t i = 0; i < count; i++) {
        struct parquet_element *element = &footer->elements[i];
        read_element(fields->cursor, element);
        if (fields->cursor->failed || (i > 0 && depth == 0) || (i == 0 && element->children == 0) ||
            !place(footer, i, i == 0 ? 0 : open[depth - 1].element)) {
            return "the schema is cut, or no tree of columns";
        }
        if (i > 0) {
            open[depth - 1].left--;
        }
        if (depth == PARQUET_DEPTH_MAX) {
            return "the schema is nested too deep";
        }
        open[depth].element = i;
        open[depth].left = element->children;
        depth++;
        while (depth > 0 && open[depth - 1].left == 0) {
            depth--;
            footer->elements[open[depth].element].leaf_end = footer->leaf_count;
            footer->elements[open[depth].element].end = i + 1;
        }
    }
    footer->element_count = count;
    return depth == 0 ? NULL : "the schema is cut, or no tree of columns";
}

/* ---- the row groups ------------------------------------------------------------------------- */

/* path_in_schema: the leaf's names, from below the root. */
static bool
path_matches(struct compact_fields *fields, const struct parquet_footer *footer, size_t leaf)
{
    size_t names[PARQUET_DEPTH_MAX];
    size_t depth = 0;
    for (size_t at = footer->leaves[leaf]; at != 0; at = footer->elements[at].parent) {
        names[depth++] = at;
    }
    size_t count = compact_list(fields, COMPACT_BINARY);
    bool matches = count == depth;
    for (size_t i = 0; i < count && !fields->cursor->failed; i++) {
        struct bytes name = cursor_take(fields->cursor, cursor_varint(fields->cursor));
        matches = matches && bytes_equal(name, footer->elements[names[depth - 1 - i]].name);
    }
    return matches;
}

static bool read_chunk_metadata(struct cursor *cursor,
                                const struct parquet_footer *footer,
                                size_t leaf,
                                struct parquet_chunk *chunk)
{
    bool named = false;
    int64_t data = -1;
    int64_t dictionary = -1;
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        int64_t *const integers[] = {[4] = &chunk->codec,
                                     [5] = &chunk->values,
                                     [7] = &chunk->size,
                                     [9] = &data,
                                     [11] = &dictionary};
        bool integer =
            fields.id < (int)(sizeof integers / sizeof integers[0]) && integers[fields.id] != NULL;
        if (fields.id == 3) {
            named = path_matches(&fields, footer, leaf);
        } else if (integer) {
            *integers[fields.id] = compact_integer(&fields);
        } else {
            compact_skip(cursor, fields.type);
        }
    }
    /* Some writers leave a 0 where there is no dictionary. */
    chunk->dictionary = dictionary > 0;
    chunk->offset = dictionary > 0 && dictionary < data ? dictionary : data;
    return named;
}

static const char *read_chunk(struct cursor *cursor,
                              const struct parquet_footer *footer,
                              size_t leaf,
                              struct parquet_chunk *chunk)
{
    bool found = false;
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        if (fields.id == 3 && fields.type == COMPACT_STRUCT) {
            found = read_chunk_metadata(cursor, footer, leaf, chunk);
        } else {
            compact_skip(cursor, fields.type);
        }
    }
    return cursor->failed || !found ? "a column chunk is not the schema's column" : NULL;
}

static const char *read_group(struct cursor *cursor,
                              struct arena *arena,
                              const struct parquet_footer *footer,
                              struct parquet_group *group)
{
    const char *error = "a row group without columns";
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        if (fields.id == 1) {
            size_t count = compact_list(&fields, COMPACT_STRUCT);
            if (count != footer->leaf_count) {
                return "a row group has not the schema's columns";
            }
            group->chunks = arena_alloc(arena, count * sizeof *group->chunks);
            error = NULL;
            for (size_t i = 0; i < count && error == NULL; i++) {
                error = read_chunk(cursor, footer, i, &group->chunks[i]);
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

static const char *
read_groups(struct compact_fields *fields, struct arena *arena, struct parquet_footer *footer)
{
    footer->group_count = compact_list(fields, COMPACT_STRUCT);
    footer->groups = arena_alloc(arena, (footer->group_count + 1) * sizeof *footer->groups);
    for (size_t i = 0; i < footer->group_count; i++) {
        const char *error = read_group(fields->cursor, arena, footer, &footer->groups[i]);
        if (error != NULL) {
            return error;
        }
    }
    return fields->cursor->failed ? "the row groups of the footer are cut" : NULL;
}

static const char *check_rows(const struct parquet_footer *footer)
{
    int64_t rows = 0;
    for (size_t i = 0; i < footer->group_count; i++) {
        int64_t more = footer->groups[i].rows;
        if (more < 0 || more > INT64_MAX - rows) {
            return "a row group has less rows than none";
        }
        rows += more;
    }
    return rows == footer->rows ? NULL : "the row groups have not the file's number of rows";
}

const char *
parquet_footer_read(struct bytes file, struct arena *arena, struct parquet_footer *footer)
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
            error = read_schema(&fields, arena, footer);
        } else if (fields.id == 3) {
            footer->rows = compact_integer(&fields);
        } else if (fields.id == 4 && footer->element_count > 0) {
            has_groups = true;
            error = read_groups(&fields, arena, footer);
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
    return check_rows(footer);
}
