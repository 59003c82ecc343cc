#include "engine/exec/unsafe_row.h"

#include "engine/base/check.h"

static size_t padded(size_t size)
{
    return (size + 7) / 8 * 8;
}

/* Bytes of null bits and words. */
static size_t fixed_size(size_t columns)
{
    return (columns + 63) / 64 * 8 + columns * 8;
}

/* How many fields, from `field` on, make one column of the row. */
static size_t column_fields(const struct schema *schema, size_t field)
{
    const char *parent = schema->fields[field].parent;
    size_t end = field + 1;
    while (
        parent != NULL && end < schema->count && schema->fields[end].parent != NULL &&
        (schema->fields[end].parent == parent || strcmp(schema->fields[end].parent, parent) == 0)) {
        end++;
    }
    return end - field;
}

static size_t column_count(const struct schema *schema)
{
    size_t columns = 0;
    for (size_t i = 0; i < schema->count; i += column_fields(schema, i)) {
        columns++;
    }
    return columns;
}

static void store_le64(uint8_t *at, uint64_t word)
{
    for (size_t i = 0; i < 8; i++) {
        at[i] = (uint8_t)(word >> 8 * i);
    }
}

static uint64_t load_le64(const uint8_t *at)
{
    uint64_t word = 0;
    for (size_t i = 0; i < 8; i++) {
        word |= (uint64_t)at[i] << 8 * i;
    }
    return word;
}

static size_t text_size(enum type type, const struct cell *cell)
{
    return type == TYPE_STRING && cell->present ? padded(cell->as.text.size) : 0;
}

size_t unsafe_row_size(const struct schema *schema, const struct cell *cells)
{
    size_t columns = 0;
    size_t texts = 0;
    for (size_t i = 0; i < schema->count;) {
        size_t fields = column_fields(schema, i);
        texts += schema->fields[i].parent == NULL ? 0 : fixed_size(fields);
        for (size_t end = i + fields; i < end; i++) {
            texts += text_size(schema->fields[i].type, &cells[i]);
        }
        columns++;
    }
    return fixed_size(columns) + texts;
}

/* ---- writing ------------------------------------------------------------------------------ */

struct row_writer {
    uint8_t *row;
    uint8_t *word; /* of the next column */
    size_t column; /* its number */
    size_t end;    /* bytes of the row so far */
};

static struct row_writer writer_of(uint8_t *row, size_t columns)
{
    size_t fixed = fixed_size(columns);
    memset(row, 0, fixed);
    return (struct row_writer){.row = row, .word = row + (fixed - columns * 8), .end = fixed};
}

static void next_column(struct row_writer *writer, uint64_t word)
{
    store_le64(writer->word, word);
    writer->word += 8;
    writer->column++;
}

static uint64_t write_text(struct row_writer *writer, struct bytes text)
{
    require(text.size <= INT32_MAX);
    require(writer->end <= INT32_MAX);
    uint64_t word = (uint64_t)writer->end << 32 | text.size;
    uint8_t *at = writer->row + writer->end;
    size_t room = padded(text.size);
    if (text.size > 0) {
        memset(at + room - 8, 0, 8);
        memcpy(at, text.data, text.size);
    }
    writer->end += room;
    return word;
}

static void write_cell(struct row_writer *writer, enum type type, const struct cell *cell)
{
    uint64_t word = 0;
    if (!cell->present) {
        writer->row[writer->column / 8] |= (uint8_t)(1U << writer->column % 8);
    } else if (type == TYPE_STRING) {
        word = write_text(writer, cell->as.text);
    } else if (type == TYPE_BOOLEAN) {
        word = cell->as.boolean;
    } else if (type == TYPE_INT) {
        word = (uint32_t)cell->as.number;
    } else if (type == TYPE_DOUBLE) {
        memcpy(&word, &cell->as.real, sizeof word);
    } else {
        word = (uint64_t)cell->as.number;
    }
    next_column(writer, word);
}

void unsafe_row_write(const struct schema *schema, const struct cell *cells, uint8_t *row)
{
    struct row_writer writer = writer_of(row, column_count(schema));
    for (size_t i = 0; i < schema->count;) {
        size_t fields = column_fields(schema, i);
        size_t end = i + fields;
        if (schema->fields[i].parent == NULL) {
            write_cell(&writer, schema->fields[i].type, &cells[i]);
            i = end;
            continue;
        }
        struct row_writer nested = writer_of(row + writer.end, fields);
        for (; i < end; i++) {
            write_cell(&nested, schema->fields[i].type, &cells[i]);
        }
        require(writer.end <= INT32_MAX);
        next_column(&writer, (uint64_t)writer.end << 32 | nested.end);
        writer.end += nested.end;
    }
}

void unsafe_row_encode(const struct schema *schema, const struct cell *cells, struct buf *out)
{
    size_t size = unsafe_row_size(schema, cells);
    if (size > 0) {
        unsafe_row_write(schema, cells, buf_extend(out, size));
    }
}

/* ---- reading ------------------------------------------------------------------------------ */

struct row_reader {
    struct bytes row;
    const uint8_t *word;
    size_t column;
    size_t end; /* where the next text or nested row must begin: there are no gaps */
};

/* The null bits behind the last column are zero. */
static bool reader_of(struct row_reader *reader, struct bytes row, size_t columns)
{
    size_t fixed = fixed_size(columns);
    if (row.size < fixed) {
        return false;
    }
    size_t bits = fixed - columns * 8;
    for (size_t i = columns; i < bits * 8; i++) {
        if ((row.data[i / 8] >> i % 8 & 1) != 0) {
            return false;
        }
    }
    *reader = (struct row_reader){.row = row, .end = fixed};
    reader->word = columns == 0 ? row.data : row.data + bits;
    return true;
}

static bool read_null(const struct row_reader *reader)
{
    return (reader->row.data[reader->column / 8] >> reader->column % 8 & 1) != 0;
}

static uint64_t read_word(struct row_reader *reader)
{
    uint64_t word = load_le64(reader->word);
    reader->word += 8;
    reader->column++;
    return word;
}

static bool read_text(struct row_reader *reader, uint64_t word, struct bytes *text)
{
    size_t size = (uint32_t)word;
    size_t left = reader->row.size - reader->end;
    if (word >> 32 != reader->end || size > left || padded(size) > left) {
        return false;
    }
    const uint8_t *at = reader->row.data + reader->end;
    for (size_t i = size; i < padded(size); i++) {
        if (at[i] != 0) {
            return false;
        }
    }
    *text = bytes_of(at, size);
    reader->end += padded(size);
    return true;
}

static bool read_cell(struct row_reader *reader, enum type type, struct cell *cell)
{
    bool null = read_null(reader);
    uint64_t word = read_word(reader);
    *cell = (struct cell){.present = !null};
    if (null) {
        return word == 0;
    }
    if (type == TYPE_STRING) {
        return read_text(reader, word, &cell->as.text);
    }
    if (type == TYPE_BOOLEAN) {
        cell->as.boolean = word == 1;
        return word <= 1;
    }
    if (type == TYPE_INT) {
        cell->as.number = (int32_t)(uint32_t)word;
        return word <= UINT32_MAX;
    }
    if (type == TYPE_DOUBLE) {
        memcpy(&cell->as.real, &word, sizeof cell->as.real);
    } else {
        cell->as.number = (int64_t)word;
    }
    return true;
}

/* A struct of `fields` plain members; its own size says where it ends. */
static bool
read_struct(struct row_reader *reader, const struct field *fields, size_t count, struct cell *cells)
{
    bool null = read_null(reader);
    uint64_t word = read_word(reader);
    struct bytes inside = {0};
    struct row_reader nested;
    if (null || word % 8 != 0 || !read_text(reader, word, &inside) ||
        !reader_of(&nested, inside, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_cell(&nested, fields[i].type, &cells[i])) {
            return false;
        }
    }
    return nested.end == inside.size;
}

enum status unsafe_row_decode(const struct schema *schema, struct bytes row, struct cell *cells)
{
    struct row_reader reader;
    if (row.size > INT32_MAX || !reader_of(&reader, row, column_count(schema))) {
        return ERR_CORRUPT;
    }
    for (size_t i = 0; i < schema->count;) {
        const struct field *field = &schema->fields[i];
        size_t fields = column_fields(schema, i);
        bool known = field->parent == NULL ? read_cell(&reader, field->type, &cells[i])
                                           : read_struct(&reader, field, fields, &cells[i]);
        if (!known) {
            return ERR_CORRUPT;
        }
        i += fields;
    }
    return reader.end == row.size ? OK : ERR_CORRUPT;
}
