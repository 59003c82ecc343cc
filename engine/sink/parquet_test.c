#include "engine/sink/parquet.h"

#include <math.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <zlib.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/sink/parquet_format.h"

static const char *const golden_hex =
    "5041523115001530153015ddf7f1da081c1506150015061506000004000000040102000100000000000000020000"
    "000000000015001528152815b7f3f8c3061c15061500150615060000060000000201020002010100000061010000"
    "00621502193c480c737061726b5f736368656d61150400150425021802696400150c250218046e616d6525004c1c"
    "0000001606191c192c26001c150419250006191802696415001606165e165e26083c360228080200000000000000"
    "1808010000000000000000000026001c150c192500061918046e616d65150016061656165626663c360228016218"
    "016100000016b4011606260816b40100281b7373742076657273696f6e20302e312e3020286275696c6420302919"
    "2c1c00001c000000be00000050415231";

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return size;
}

/* ---- one page, read back ------------------------------------------------------------------- */

struct page {
    uint64_t rows;
    struct bytes body; /* uncompressed, in `storage` */
    struct bytes stored;
    uint8_t storage[1 << 16];
};

static void expect_i32_field(struct cursor *file, uint8_t header, int64_t *value)
{
    cr_assert(eq(int, cursor_byte(file), header));
    *value = cursor_zigzag(file);
}

/* Header fields as 4.10 draws them; the CRC is over the page as stored. */
static void read_page(struct cursor *file, bool compressed, struct page *page)
{
    int64_t type = 0;
    int64_t uncompressed_size = 0;
    int64_t stored_size = 0;
    int64_t crc = 0;
    int64_t rows = 0;
    int64_t encoding[3] = {0};
    expect_i32_field(file, 0x15, &type);
    expect_i32_field(file, 0x15, &uncompressed_size);
    expect_i32_field(file, 0x15, &stored_size);
    expect_i32_field(file, 0x15, &crc);
    cr_assert(eq(int, cursor_byte(file), 0x1c));
    expect_i32_field(file, 0x15, &rows);
    for (int i = 0; i < 3; i++) {
        expect_i32_field(file, 0x15, &encoding[i]);
    }
    cr_assert(eq(int, cursor_byte(file), 0));
    cr_assert(eq(int, cursor_byte(file), 0));
    cr_assert(eq(i64, type, 0));
    cr_assert(eq(i64, encoding[0], 0));
    cr_assert(eq(i64, encoding[1], 3));
    page->rows = (uint64_t)rows;
    page->stored = cursor_take(file, (uint64_t)stored_size);
    cr_assert(not(file->failed));
    cr_assert(eq(u32, (uint32_t)crc, (uint32_t)crc32(0, page->stored.data, (uInt)stored_size)));
    page->body = page->stored;
    if (compressed) {
        size_t size = sizeof page->storage;
        cr_assert(eq(
            int,
            snappy_uncompress(
                (const char *)page->stored.data, page->stored.size, (char *)page->storage, &size),
            SNAPPY_OK));
        page->body = bytes_of(page->storage, size);
    }
    cr_assert(eq(sz, page->body.size, (size_t)uncompressed_size));
}

/* The definition levels of a page, decoded from runs and bit-packed groups; leaves the values. */
static struct cursor read_levels(const struct page *page, uint8_t *present)
{
    struct cursor body = cursor_of(page->body);
    uint32_t length = cursor_le32(&body);
    struct cursor levels = cursor_of(cursor_take(&body, length));
    uint64_t row = 0;
    while (row < page->rows) {
        uint64_t run = cursor_varint(&levels);
        cr_assert(not(levels.failed));
        cr_assert(gt(u64, run >> 1, 0));
        if ((run & 1) == 0) {
            uint8_t level = cursor_byte(&levels);
            for (uint64_t i = 0; i < run >> 1; i++) {
                present[row++] = level;
            }
        } else {
            for (uint64_t i = 0; i < (run >> 1) * 8; i += 8) {
                uint8_t bits = cursor_byte(&levels);
                for (int bit = 0; bit < 8 && row < page->rows; bit++) {
                    present[row++] = (bits >> bit) & 1;
                }
            }
        }
    }
    cr_assert(eq(sz, cursor_left(&levels), 0));
    return body;
}

/* ---- columns to write ---------------------------------------------------------------------- */

static struct columns *golden_columns(struct arena *arena)
{
    static const struct field fields[] = {{"id", TYPE_LONG}, {"name", TYPE_STRING}};
    static const struct schema schema = {.fields = fields, .count = 2};
    struct columns *columns = columns_new(arena, &schema, 3);
    columns->rows = 3;
    memcpy(columns->columns[0].present, "\1\1\0", 3);
    memcpy(columns->columns[1].present, "\1\0\1", 3);
    columns->columns[0].values.longs[0] = 1;
    columns->columns[0].values.longs[1] = 2;
    columns->columns[1].values.strings[0] = bytes_of_text("a");
    columns->columns[1].values.strings[2] = bytes_of_text("b");
    return columns;
}

static struct columns *one_column(struct arena *arena, enum type type, size_t rows)
{
    struct field *field = arena_alloc(arena, sizeof *field);
    *field = (struct field){"c", type};
    struct schema *schema = arena_alloc(arena, sizeof *schema);
    *schema = (struct schema){.fields = field, .count = 1};
    struct columns *columns = columns_new(arena, schema, rows);
    columns->rows = rows;
    memset(columns->columns[0].present, 1, rows);
    return columns;
}

static struct parquet_statistics string_statistics(const char *text)
{
    struct arena arena = {0};
    struct columns *columns = one_column(&arena, TYPE_STRING, 1);
    columns->columns[0].values.strings[0] = bytes_of_text(text);
    struct parquet_statistics statistics;
    parquet_statistics_of(&columns->columns[0], 1, &statistics);
    arena_free(&arena);
    return statistics;
}

static void expect_bound(const struct parquet_bound *bound, const char *text, bool exact)
{
    cr_assert(bound->present);
    cr_assert(bytes_equal_text(bytes_of(bound->data, bound->size), text),
              "%.*s",
              (int)bound->size,
              (const char *)bound->data);
    cr_assert(eq(int, bound->exact, exact));
}

/* ---- tests --------------------------------------------------------------------------------- */

Test(parquet, golden_vector_that_four_readers_read)
{
    uint8_t golden[292];
    cr_assert(eq(sz, from_hex(golden_hex, golden), sizeof golden));
    struct arena arena = {0};
    struct buf out = {0};
    const struct parquet_options options = {PARQUET_UNCOMPRESSED, "sst version 0.1.0 (build 0)"};
    parquet_write_as(golden_columns(&arena), &options, &out);
    cr_assert(eq(sz, out.size, sizeof golden));
    for (size_t i = 0; i < sizeof golden; i++) {
        cr_assert(eq(u8, out.data[i], golden[i]), "byte %zu", i);
    }
    buf_free(&out);
    arena_free(&arena);
}

Test(parquet, a_file_is_appended_with_offsets_of_its_own)
{
    struct arena arena = {0};
    struct buf alone = {0};
    struct buf behind = {0};
    parquet_write(golden_columns(&arena), PARQUET_UNCOMPRESSED, &alone);
    buf_text(&behind, "something before");
    size_t start = behind.size;
    parquet_write(golden_columns(&arena), PARQUET_UNCOMPRESSED, &behind);
    struct bytes file = bytes_of(behind.data + start, behind.size - start);
    cr_assert(bytes_equal(file, buf_bytes(&alone)));
    buf_free(&alone);
    buf_free(&behind);
    arena_free(&arena);
}

static void expect_snappy_page(bool literals)
{
    enum { ROWS = 9000 };
    struct arena arena = {0};
    struct columns *columns = one_column(&arena, TYPE_INT, ROWS);
    for (int row = 0; row < ROWS; row++) {
        columns->columns[0].values.ints[row] = row % 10;
    }
    struct buf out = {0};
    parquet_set_snappy_literals(literals);
    parquet_write(columns, PARQUET_SNAPPY, &out);
    parquet_set_snappy_literals(false);
    static struct page page;
    static uint8_t present[ROWS];
    struct cursor file = cursor_of(bytes_of(out.data + 4, out.size - 4));
    read_page(&file, true, &page);
    cr_assert(eq(u64, page.rows, ROWS));
    struct cursor values = read_levels(&page, present);
    for (int row = 0; row < ROWS; row++) {
        cr_assert(eq(u8, present[row], 1));
        cr_assert(eq(u32, cursor_le32(&values), (uint32_t)(row % 10)));
    }
    cr_assert(eq(sz, cursor_left(&values), 0));
    if (literals) {
        cr_assert(gt(sz, page.stored.size, page.body.size));
    } else {
        cr_assert(lt(sz, page.stored.size, page.body.size / 4));
    }
    buf_free(&out);
    arena_free(&arena);
}

Test(parquet, snappy_pages_read_back)
{
    expect_snappy_page(false);
}

Test(parquet, literal_snappy_pages_read_back_and_are_not_smaller)
{
    expect_snappy_page(true);
}

Test(parquet, literals_longer_than_one_element)
{
    struct arena arena = {0};
    struct columns *columns = one_column(&arena, TYPE_STRING, 1);
    size_t size = 200001;
    uint8_t *text = arena_alloc(&arena, size);
    memset(text, 'x', size);
    columns->columns[0].values.strings[0] = bytes_of(text, size);
    struct buf out = {0};
    parquet_set_snappy_literals(true);
    parquet_write(columns, PARQUET_SNAPPY, &out);
    parquet_set_snappy_literals(false);
    /* 15 00, 15 and three sizes of 3, 3 and up to 5 bytes, and the data page header of 11 bytes */
    struct cursor file = cursor_of(bytes_of(out.data + 4, out.size - 4));
    int64_t value = 0;
    int64_t stored_size = 0;
    expect_i32_field(&file, 0x15, &value);
    expect_i32_field(&file, 0x15, &value);
    expect_i32_field(&file, 0x15, &stored_size);
    expect_i32_field(&file, 0x15, &value);
    (void)cursor_take(&file, 11);
    struct bytes stored = cursor_take(&file, (uint64_t)stored_size);
    size_t body_size = 0;
    cr_assert(eq(int,
                 snappy_uncompressed_length((const char *)stored.data, stored.size, &body_size),
                 SNAPPY_OK));
    cr_assert(eq(sz, body_size, 4 + 2 + 4 + size));
    cr_assert(eq(
        int, snappy_validate_compressed_buffer((const char *)stored.data, stored.size), SNAPPY_OK));
    buf_free(&out);
    arena_free(&arena);
}

static void expect_levels(size_t rows, size_t stride, size_t levels_size_max)
{
    struct arena arena = {0};
    struct columns *columns = one_column(&arena, TYPE_BOOLEAN, rows);
    for (size_t row = 0; row < rows; row++) {
        columns->columns[0].present[row] = row % stride != 0;
        columns->columns[0].values.booleans[row] = row % stride != 0 && row % 3 == 0;
    }
    struct buf out = {0};
    parquet_write(columns, PARQUET_UNCOMPRESSED, &out);
    static struct page page;
    uint8_t present[1024];
    struct cursor file = cursor_of(bytes_of(out.data + 4, out.size - 4));
    read_page(&file, false, &page);
    struct cursor values = read_levels(&page, present);
    cr_assert(le(sz, values.at, 4 + levels_size_max));
    size_t bit = 8;
    uint8_t bits = 0;
    for (size_t row = 0; row < rows; row++) {
        cr_assert(eq(u8, present[row], columns->columns[0].present[row]));
        if (!present[row]) {
            continue;
        }
        if (bit == 8) {
            bits = cursor_byte(&values);
            bit = 0;
        }
        cr_assert(eq(int, (bits >> bit++) & 1, columns->columns[0].values.booleans[row]));
    }
    cr_assert(not(values.failed));
    cr_assert(eq(sz, cursor_left(&values), 0));
    buf_free(&out);
    arena_free(&arena);
}

Test(parquet, levels_and_booleans_read_back_from_runs_and_packed_groups)
{
    expect_levels(7, 2, 14);      /* a tiny page: runs */
    expect_levels(1000, 2, 128);  /* short runs: packed */
    expect_levels(1000, 500, 16); /* long runs */
    expect_levels(1001, 1, 3);    /* all null: one run */
    expect_levels(1003, 1024, 6); /* null, then all present */
}

Test(parquet, no_rows_is_a_whole_file_without_row_groups)
{
    struct arena arena = {0};
    struct columns *columns = one_column(&arena, TYPE_STRING, 0);
    struct buf out = {0};
    parquet_write(columns, PARQUET_SNAPPY, &out);
    cr_assert(eq(int, memcmp(out.data, "PAR1\x15\x02\x19\x2c", 8), 0));
    struct cursor tail = cursor_of(bytes_of(out.data + out.size - 8, 8));
    cr_assert(eq(sz, cursor_le32(&tail), out.size - 12));
    cr_assert(eq(int, memcmp(out.data + out.size - 4, "PAR1", 4), 0));
    buf_free(&out);
    arena_free(&arena);
}

Test(parquet_statistics, doubles_with_nan_have_no_bounds)
{
    struct arena arena = {0};
    struct columns *columns = one_column(&arena, TYPE_DOUBLE, 3);
    double *values = columns->columns[0].values.doubles;
    values[0] = 1;
    values[1] = (double)NAN;
    values[2] = -5;
    struct parquet_statistics statistics;
    parquet_statistics_of(&columns->columns[0], 3, &statistics);
    cr_assert(not(statistics.min.present));
    cr_assert(not(statistics.max.present));
    columns->columns[0].present[1] = 0; /* a NaN behind a null is no value */
    parquet_statistics_of(&columns->columns[0], 3, &statistics);
    cr_assert(statistics.min.present);
    cr_assert(eq(i64, statistics.null_count, 1));
    arena_free(&arena);
}

Test(parquet_statistics, zeros_are_widened_to_both_signs)
{
    struct arena arena = {0};
    struct columns *columns = one_column(&arena, TYPE_DOUBLE, 1);
    static const uint8_t minus_zero[8] = {0, 0, 0, 0, 0, 0, 0, 0x80};
    static const uint8_t plus_zero[8] = {0};
    for (int sign = 0; sign < 2; sign++) {
        columns->columns[0].values.doubles[0] = sign == 0 ? 0.0 : -0.0;
        struct parquet_statistics statistics;
        parquet_statistics_of(&columns->columns[0], 1, &statistics);
        cr_assert(eq(int, memcmp(statistics.min.data, minus_zero, 8), 0));
        cr_assert(eq(int, memcmp(statistics.max.data, plus_zero, 8), 0));
    }
    arena_free(&arena);
}

Test(parquet_statistics, all_null_has_a_count_only)
{
    struct arena arena = {0};
    for (int type = 0; type < TYPE_COUNT; type++) {
        struct columns *columns = one_column(&arena, (enum type)type, 5);
        memset(columns->columns[0].present, 0, 5);
        struct parquet_statistics statistics;
        parquet_statistics_of(&columns->columns[0], 5, &statistics);
        cr_assert(eq(i64, statistics.null_count, 5));
        cr_assert(not(statistics.min.present));
        cr_assert(not(statistics.max.present));
    }
    arena_free(&arena);
}

Test(parquet_statistics, integers_and_booleans)
{
    struct arena arena = {0};
    struct columns *ints = one_column(&arena, TYPE_INT, 3);
    memcpy(ints->columns[0].values.ints, (int32_t[]){-2, INT32_MAX, 7}, 12);
    struct parquet_statistics statistics;
    parquet_statistics_of(&ints->columns[0], 3, &statistics);
    cr_assert(eq(sz, statistics.min.size, 4));
    cr_assert(eq(int, memcmp(statistics.min.data, "\xfe\xff\xff\xff", 4), 0));
    cr_assert(eq(int, memcmp(statistics.max.data, "\xff\xff\xff\x7f", 4), 0));
    struct columns *booleans = one_column(&arena, TYPE_BOOLEAN, 2);
    booleans->columns[0].values.booleans[1] = true;
    parquet_statistics_of(&booleans->columns[0], 2, &statistics);
    cr_assert(eq(sz, statistics.max.size, 1));
    cr_assert(eq(int, statistics.min.data[0], 0));
    cr_assert(eq(int, statistics.max.data[0], 1));
    arena_free(&arena);
}

Test(parquet_statistics, strings_of_up_to_32_bytes_are_exact)
{
    struct parquet_statistics statistics = string_statistics("abcdefghijklmnopqrstuvwxyz012345");
    expect_bound(&statistics.min, "abcdefghijklmnopqrstuvwxyz012345", true);
    expect_bound(&statistics.max, "abcdefghijklmnopqrstuvwxyz012345", true);
    statistics = string_statistics("");
    expect_bound(&statistics.min, "", true);
    expect_bound(&statistics.max, "", true);
}

Test(parquet_statistics, longer_strings_are_cut_down_and_raised)
{
    struct parquet_statistics statistics = string_statistics("abcdefghijklmnopqrstuvwxyz0123456");
    expect_bound(&statistics.min, "abcdefghijklmnopqrstuvwxyz012345", false);
    expect_bound(&statistics.max, "abcdefghijklmnopqrstuvwxyz012346", false);
    /* 30 letters, then two euro signs: cut before the one that does not fit, raise a letter */
    statistics = string_statistics("abcdefghijklmnopqrstuvwxyz0123\u20ac\u20ac");
    expect_bound(&statistics.min, "abcdefghijklmnopqrstuvwxyz0123", false);
    expect_bound(&statistics.max, "abcdefghijklmnopqrstuvwxyz0124", false);
    /* nothing to raise: no upper bound */
    statistics =
        string_statistics("\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac");
    expect_bound(
        &statistics.min, "\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac", false);
    cr_assert(not(statistics.max.present));
}

Test(parquet_statistics, strings_compare_as_unsigned_bytes)
{
    struct arena arena = {0};
    struct columns *columns = one_column(&arena, TYPE_STRING, 3);
    columns->columns[0].values.strings[0] = bytes_of_text("z");
    columns->columns[0].values.strings[1] = bytes_of_text("\u00e9");
    columns->columns[0].values.strings[2] = bytes_of_text("za");
    struct parquet_statistics statistics;
    parquet_statistics_of(&columns->columns[0], 3, &statistics);
    expect_bound(&statistics.min, "z", true);
    expect_bound(&statistics.max, "\u00e9", true);
    arena_free(&arena);
}
