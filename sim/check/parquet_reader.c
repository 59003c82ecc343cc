#include "sim/check/parquet_reader.h"

#include <snappy-c.h>
#include <zlib.h>

#include "sim/check/parquet_footer.h"
#include "sim/check/thrift_reader.h"

enum { PAGE_DATA = 0, ENCODING_PLAIN = 0, ENCODING_RLE = 3 };

struct page {
    int64_t type;
    int64_t size; /* of the body as it was before compression */
    int64_t stored_size;
    bool has_crc;
    uint32_t crc;
    int64_t values; /* nulls included */
    int64_t encoding;
    int64_t levels_encoding;
};

/* Where the values of one column go. */
struct target {
    const struct parquet_column *column;
    struct value *cells; /* of the row group's first row, this column */
    size_t stride;
    size_t rows; /* of the row group */
    size_t filled;
};

static void read_data_header(struct cursor *cursor, struct page *page)
{
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        if (fields.id == 1) {
            page->values = compact_integer(&fields);
        } else if (fields.id == 2) {
            page->encoding = compact_integer(&fields);
        } else if (fields.id == 3) {
            page->levels_encoding = compact_integer(&fields);
        } else {
            compact_skip(cursor, fields.type);
        }
    }
}

static const char *read_page_header(struct cursor *cursor, struct page *page)
{
    *page = (struct page){.type = -1, .size = -1, .stored_size = -1, .values = -1};
    struct compact_fields fields = {.cursor = cursor};
    while (compact_next(&fields)) {
        if (fields.id == 1) {
            page->type = compact_integer(&fields);
        } else if (fields.id == 2) {
            page->size = compact_integer(&fields);
        } else if (fields.id == 3) {
            page->stored_size = compact_integer(&fields);
        } else if (fields.id == 4) {
            page->has_crc = true;
            page->crc = (uint32_t)compact_integer(&fields);
        } else if (fields.id == 5 && fields.type == COMPACT_STRUCT) {
            read_data_header(cursor, page);
        } else {
            compact_skip(cursor, fields.type);
        }
    }
    if (cursor->failed || page->size < 0 || page->size > PARQUET_PAGE_SIZE_MAX ||
        page->stored_size < 0) {
        return "a page header is cut or has a bad size";
    }
    if (page->type != PAGE_DATA || page->encoding != ENCODING_PLAIN ||
        page->levels_encoding != ENCODING_RLE) {
        return "a page is no data page v1 with PLAIN values and RLE levels";
    }
    return page->has_crc ? NULL : "a page without a checksum";
}

/* One level a value, in as many bits as `most` needs: runs, or groups of eight values
 * (delta-parquet-storage 4.5). Leaves 1 where a value is present, 0 where it is null. A null struct
 * is no row of this project: with two levels the outer one is always there. */
static bool read_levels(struct cursor *cursor, uint8_t *present, size_t count, uint8_t most)
{
    struct bytes levels = cursor_take(cursor, cursor_le32(cursor));
    struct cursor runs = cursor_of(levels);
    unsigned width = most > 1 ? 2 : 1;
    size_t at = 0;
    while (at < count && !runs.failed) {
        uint64_t head = cursor_varint(&runs);
        uint64_t length = head >> 1;
        if (length == 0) {
            return false;
        }
        if ((head & 1) == 0) {
            uint8_t level = cursor_byte(&runs);
            if (length > count - at) {
                return false;
            }
            memset(present + at, level, (size_t)length);
            at += (size_t)length;
            continue;
        }
        struct bytes packed = cursor_take(&runs, length > count ? UINT64_MAX : length * width);
        for (size_t bit = 0; bit < packed.size * 8 && at < count; bit += width) {
            present[at++] = (uint8_t)(packed.data[bit / 8] >> (bit % 8) & ((1u << width) - 1));
        }
    }
    bool fine = at == count && !runs.failed && !cursor->failed;
    for (size_t i = 0; i < count && fine; i++) {
        fine = present[i] <= most && present[i] + 1 >= most;
        present[i] = present[i] == most ? 1 : 0;
    }
    return fine;
}

static bool
read_booleans(struct cursor *cursor, struct target *target, const uint8_t *present, size_t count)
{
    size_t bit = 0;
    uint8_t byte = 0;
    for (size_t i = 0; i < count; i++) {
        if (present[i]) {
            byte = bit % 8 == 0 ? cursor_byte(cursor) : byte;
            target->cells[(target->filled + i) * target->stride].as.boolean =
                (byte >> (bit % 8) & 1) != 0;
            bit++;
        }
    }
    return !cursor->failed;
}

static bool
read_values(struct cursor *cursor, struct target *target, const uint8_t *present, size_t count)
{
    enum type type = target->column->type;
    for (size_t i = 0; i < count; i++) {
        struct value *value = &target->cells[(target->filled + i) * target->stride];
        *value = (struct value){.type = type, .present = present[i] == 1};
        if (!value->present || type == TYPE_BOOLEAN) {
            continue;
        }
        if (type == TYPE_INT) {
            value->as.number = (int32_t)cursor_le32(cursor);
        } else if (type == TYPE_DOUBLE) {
            value->as.real = cursor_double(cursor);
        } else if (type == TYPE_STRING) {
            value->as.text = cursor_take(cursor, cursor_le32(cursor));
        } else {
            value->as.number = (int64_t)cursor_le64(cursor);
        }
    }
    if (type == TYPE_BOOLEAN && !read_booleans(cursor, target, present, count)) {
        return false;
    }
    return !cursor->failed && cursor_left(cursor) == 0;
}

/* The body as it was before compression, in `arena` or borrowed. */
static const char *expand(const struct page *page,
                          struct bytes stored,
                          int64_t codec,
                          struct arena *arena,
                          struct bytes *body)
{
    if (codec == PARQUET_CODEC_NONE) {
        *body = stored;
        return stored.size == (size_t)page->size ? NULL : "an uncompressed page has two sizes";
    }
    const char *in = (const char *)stored.data;
    size_t size = 0;
    if (snappy_uncompressed_length(in, stored.size, &size) != SNAPPY_OK ||
        size != (size_t)page->size) {
        return "a snappy page has not its stated size";
    }
    char *out = arena_alloc(arena, size + 1);
    if (snappy_uncompress(in, stored.size, out, &size) != SNAPPY_OK || size != (size_t)page->size) {
        return "a snappy page is broken";
    }
    *body = bytes_of(out, size);
    return NULL;
}

static const char *
read_page(struct cursor *pages, int64_t codec, struct arena *arena, struct target *target)
{
    struct page page;
    const char *error = read_page_header(pages, &page);
    if (error != NULL) {
        return error;
    }
    struct bytes stored = cursor_take(pages, (uint64_t)page.stored_size);
    if (pages->failed) {
        return "a page is cut";
    }
    if ((uint32_t)crc32(0, stored.data, (uInt)stored.size) != page.crc) {
        return "a page's checksum is wrong";
    }
    if (page.values < 0 || (uint64_t)page.values > target->rows - target->filled) {
        return "a column has more values than its row group rows";
    }
    struct bytes body;
    error = expand(&page, stored, codec, arena, &body);
    if (error != NULL) {
        return error;
    }
    size_t count = (size_t)page.values;
    uint8_t *present = arena_alloc(arena, count + 1);
    memset(present, 1, count);
    struct cursor cursor = cursor_of(body);
    if (target->column->levels > 0 &&
        !read_levels(&cursor, present, count, target->column->levels)) {
        return "the definition levels of a page are broken";
    }
    if (!read_values(&cursor, target, present, count)) {
        return "a page has fewer or more values than it says";
    }
    target->filled += count;
    return NULL;
}

static const char *read_chunk(struct bytes file,
                              const struct parquet_chunk *chunk,
                              struct arena *arena,
                              struct target *target)
{
    if (chunk->page_offset < 4 || chunk->size < 0 || (uint64_t)chunk->page_offset > file.size ||
        (uint64_t)chunk->size > file.size - (uint64_t)chunk->page_offset) {
        return "a column chunk lies outside the file";
    }
    struct cursor pages = cursor_of(bytes_of(file.data + chunk->page_offset, (size_t)chunk->size));
    while (cursor_left(&pages) > 0) {
        const char *error = read_page(&pages, chunk->codec, arena, target);
        if (error != NULL) {
            return error;
        }
    }
    bool whole = target->filled == target->rows && chunk->values == (int64_t)target->rows;
    return whole ? NULL : "a column has not its row group's number of values";
}

const char *parquet_read(struct bytes file, struct arena *arena, struct parquet_content *content)
{
    *content = (struct parquet_content){.column_count = 0};
    struct parquet_footer footer;
    const char *error = parquet_footer_read(file, arena, &footer, content);
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
            error = read_chunk(file, &group->chunks[c], arena, &target);
            if (error != NULL) {
                return error;
            }
        }
        first += (size_t)group->rows;
    }
    content->row_count = first;
    return NULL;
}
