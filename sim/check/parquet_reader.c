#include "sim/check/parquet_reader.h"

#include "sim/check/parquet_pages.h"

/* Both kinds of annotation must be there and agree: DuckDB reads a string without converted_type as
 * bytes, and a timestamp without logicalType as local time (4.4). */
static bool type_of(const struct parquet_element *leaf, enum type *type)
{
    static const struct {
        enum type type;
        int64_t physical;
        int64_t converted;
        int64_t logical;
    } types[] = {
        {TYPE_BOOLEAN, PHYSICAL_BOOLEAN, CONVERTED_NONE, LOGICAL_NONE},
        {TYPE_INT, PHYSICAL_INT32, CONVERTED_NONE, LOGICAL_NONE},
        {TYPE_LONG, PHYSICAL_INT64, CONVERTED_NONE, LOGICAL_NONE},
        {TYPE_DOUBLE, PHYSICAL_DOUBLE, CONVERTED_NONE, LOGICAL_NONE},
        {TYPE_STRING, PHYSICAL_BYTE_ARRAY, CONVERTED_UTF8, LOGICAL_STRING},
        {TYPE_TIMESTAMP, PHYSICAL_INT64, CONVERTED_TIMESTAMP_MICROS, LOGICAL_TIMESTAMP},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (leaf->physical == types[i].physical && leaf->converted == types[i].converted &&
            leaf->logical == types[i].logical) {
            *type = types[i].type;
            return *type != TYPE_TIMESTAMP || (leaf->utc && leaf->unit == UNIT_MICROS);
        }
    }
    return false;
}

/* A leaf at the root, or below a struct that stands there. */
static const char *read_column(const struct parquet_footer *footer,
                               size_t leaf,
                               struct arena *arena,
                               struct parquet_column *column)
{
    const struct parquet_element *element = &footer->elements[footer->leaves[leaf]];
    const struct parquet_element *group = &footer->elements[element->parent];
    bool nested = element->parent != 0;
    if (element->rep > 0 || (nested && group->parent != 0)) {
        return "a column of the schema is no flat column";
    }
    if (!type_of(element, &column->type)) {
        return "a column of the schema has another type than the six";
    }
    column->levels = element->def;
    column->name = element->name;
    if (nested) {
        column->name = bytes_of_text(arena_printf(arena,
                                                  "%.*s.%.*s",
                                                  (int)group->name.size,
                                                  (const char *)group->name.data,
                                                  (int)element->name.size,
                                                  (const char *)element->name.data));
    }
    return NULL;
}

static const char *read_columns(const struct parquet_footer *footer,
                                struct arena *arena,
                                struct parquet_content *content)
{
    if (footer->leaf_count == 0 || footer->leaf_count > PARQUET_COLUMNS_MAX) {
        return "no columns, or more than this reader takes";
    }
    const char *error = NULL;
    for (size_t i = 0; i < footer->leaf_count && error == NULL; i++) {
        error = read_column(footer, i, arena, &content->columns[i]);
    }
    content->column_count = footer->leaf_count;
    if (error == NULL && footer->rows > PARQUET_CELLS_MAX / (int64_t)footer->leaf_count) {
        error = "the row groups have more rows than this reader takes";
    }
    return error;
}

/* Where the values of one column of a row group go. */
struct target {
    const struct parquet_column *column;
    struct value *cells; /* of the group's first row, this column */
    size_t stride;
    size_t rows;
};

/* A null struct is no row of this project: with two levels the outer one is always there. */
static const char *
place_page(const struct parquet_pages *pages, const struct target *target, size_t filled)
{
    for (size_t i = 0; i < pages->count; i++) {
        struct value *cell = &target->cells[(filled + i) * target->stride];
        uint32_t level = pages->defs[i];
        if (level + 1 < target->column->levels) {
            return "the levels of a page are broken";
        }
        *cell = pages->values[i];
        cell->type = target->column->type;
        cell->present = level == target->column->levels;
    }
    return NULL;
}

static const char *read_chunk(struct bytes file,
                              const struct parquet_element *leaf,
                              const struct parquet_chunk *chunk,
                              struct arena *arena,
                              const struct target *target)
{
    struct parquet_pages pages = {.strict = true, .arena = arena};
    if (chunk->dictionary) {
        return "a column chunk has a dictionary";
    }
    if (chunk->codec != PARQUET_CODEC_NONE && chunk->codec != PARQUET_CODEC_SNAPPY) {
        return "a column chunk has another codec than snappy";
    }
    if (chunk->values != (int64_t)target->rows) {
        return "a column has not its row group's number of values";
    }
    const char *error = parquet_pages_open(&pages, file, leaf, chunk);
    size_t filled = 0;
    do {
        error = error == NULL ? parquet_pages_next(&pages, arena) : error;
        error = error == NULL ? place_page(&pages, target, filled) : error;
        filled += pages.count;
    } while (error == NULL && pages.count > 0);
    return error;
}

const char *parquet_read(struct bytes file, struct arena *arena, struct parquet_content *content)
{
    *content = (struct parquet_content){.column_count = 0};
    struct parquet_footer footer;
    const char *error = parquet_footer_read(file, arena, &footer);
    if (error == NULL) {
        error = read_columns(&footer, arena, content);
    }
    if (error != NULL) {
        return error;
    }
    size_t stride = content->column_count;
    content->cells =
        arena_alloc(arena, ((size_t)footer.rows * stride + 1) * sizeof *content->cells);
    size_t first = 0;
    for (size_t g = 0; g < footer.group_count; g++) {
        const struct parquet_group *group = &footer.groups[g];
        for (size_t c = 0; c < stride; c++) {
            struct target target = {
                .column = &content->columns[c],
                .cells = content->cells + first * stride + c,
                .stride = stride,
                .rows = (size_t)group->rows,
            };
            const struct parquet_element *leaf = &footer.elements[footer.leaves[c]];
            error = read_chunk(file, leaf, &group->chunks[c], arena, &target);
            if (error != NULL) {
                return error;
            }
        }
        first += (size_t)group->rows;
    }
    content->row_count = first;
    return NULL;
}
