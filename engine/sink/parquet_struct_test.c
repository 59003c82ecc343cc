/* A struct column in Parquet: a group of two leaves, levels of 2 bits, a path of two parts. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/sink/parquet_format.h"

static const struct field fields[] = {
    {"window.start", TYPE_TIMESTAMP, "window"},
    {"window.end", TYPE_TIMESTAMP, "window"},
    {"origin", TYPE_STRING, NULL},
};
static const struct schema schema = {.fields = fields, .count = 3};

static struct columns *windows(struct arena *arena, size_t rows)
{
    struct columns *columns = columns_new(arena, &schema, rows);
    columns->rows = rows;
    for (size_t row = 0; row < rows; row++) {
        columns->columns[0].present[row] = 1;
        columns->columns[1].present[row] = row % 2 == 0;
        columns->columns[2].present[row] = row % 3 != 0;
        columns->columns[0].values.longs[row] = (int64_t)row * 300000000;
        columns->columns[1].values.longs[row] = row % 2 == 0 ? (int64_t)(row + 1) * 300000000 : 0;
        columns->columns[2].values.strings[row] = bytes_of_text(row % 3 != 0 ? "ATL" : "");
    }
    return columns;
}

static struct bytes find(const struct buf *file, const void *what, size_t size)
{
    for (size_t at = 0; at + size <= file->size; at++) {
        if (memcmp(file->data + at, what, size) == 0) {
            return bytes_of(file->data + at, file->size - at);
        }
    }
    return bytes_of(NULL, 0);
}

/* The definition levels of the n-th chunk: behind a page header of `header` bytes. */
static struct cursor levels_of(const struct parquet_chunk *chunk, const struct buf *page)
{
    /* uncompressed: the body is what is behind the header, and ends the chunk */
    struct cursor at = cursor_of(bytes_of(page->data, chunk->uncompressed_size));
    static const uint8_t header_end[] = {0x15, 0x00, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00};
    struct bytes end = find(page, header_end, sizeof header_end);
    cr_assert(end.data != NULL);
    (void)cursor_take(&at, (uint64_t)(end.data - page->data) + sizeof header_end);
    uint32_t size = cursor_le32(&at);
    return cursor_of(cursor_take(&at, size));
}

static void expect_levels(const struct column *column, size_t rows, unsigned depth)
{
    struct buf page = {0};
    struct parquet_chunk chunk = {0};
    parquet_write_chunk(column, rows, depth, PARQUET_UNCOMPRESSED, &page, &chunk);
    struct cursor levels = levels_of(&chunk, &page);
    size_t row = 0;
    while (row < rows) {
        uint64_t run = cursor_varint(&levels);
        cr_assert(gt(u64, run >> 1, 0));
        if ((run & 1) == 0) {
            uint8_t level = cursor_byte(&levels);
            for (uint64_t i = 0; i < run >> 1; i++, row++) {
                cr_assert(eq(uint, level, depth - 1 + column->present[row]), "row %zu", row);
            }
            continue;
        }
        struct bytes packed = cursor_take(&levels, (run >> 1) * depth);
        for (uint64_t i = 0; i < (run >> 1) * 8; i++) {
            unsigned level = 0;
            for (unsigned bit = 0; bit < depth; bit++) {
                uint64_t at = i * depth + bit;
                level |= ((unsigned)packed.data[at / 8] >> (at % 8) & 1) << bit;
            }
            unsigned expected = row < rows ? depth - 1 + column->present[row] : 0;
            cr_assert(eq(uint, level, expected), "row %zu", row);
            row++;
        }
    }
    cr_assert(not(levels.failed));
    cr_assert(eq(sz, cursor_left(&levels), 0));
    buf_free(&page);
}

Test(parquet_struct, levels_of_members_are_2_and_1)
{
    static const size_t rows[] = {1, 7, 63, 64, 65, 1001};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena = {0};
        struct columns *columns = windows(&arena, rows[i]);
        for (size_t c = 0; c < 3; c++) {
            expect_levels(&columns->columns[c], rows[i], 1);
            expect_levels(&columns->columns[c], rows[i], 2);
        }
        arena_free(&arena);
    }
}

/* Five SchemaElements: root, group, two leaves, one leaf; the group is optional, without a type. */
Test(parquet_struct, the_schema_has_a_group)
{
    struct arena arena = {0};
    struct buf out = {0};
    parquet_write(windows(&arena, 3), PARQUET_UNCOMPRESSED, &out);
    static const char root[] = "\x19\x5c\x48\x0cspark_schema\x15\x04\x00";
    static const char group[] = "\x35\x02\x18\x06window\x15\x04\x00\x15\x04\x25\x02\x18\x05start";
    static const char path[] = "\x19\x28\x06window\x03"
                               "end";
    cr_assert(find(&out, root, sizeof root - 1).data != NULL);
    cr_assert(find(&out, group, sizeof group - 1).data != NULL);
    cr_assert(find(&out, path, sizeof path - 1).data != NULL);
    static const char flat[] = "\x19\x18\x06origin";
    cr_assert(find(&out, flat, sizeof flat - 1).data != NULL);
    buf_free(&out);
    arena_free(&arena);
}
