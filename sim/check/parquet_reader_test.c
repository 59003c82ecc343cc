#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/hash.h"
#include "engine/exec/columns.h"
#include "engine/sink/parquet.h"
#include "sim/check/parquet_reader.h"

/* delta-parquet-storage 4.10: (1,'a'), (2,NULL), (NULL,'b'); no codec, page CRC. */
static const char golden_hex[] =
    "5041523115001530153015ddf7f1da081c15061500150615060000040000000401020001000000000000000200"
    "00000000000015001528152815b7f3f8c3061c1506150015061506000006000000020102000201010000006101"
    "000000621502193c480c737061726b5f736368656d61150400150425021802696400150c250218046e616d6525"
    "004c1c0000001606191c192c26001c150419250006191802696415001606165e165e26083c3602280802000000"
    "000000001808010000000000000000000026001c150c192500061918046e616d65150016061656165626663c36"
    "0228016218016100000016b4011606260816b40100281b7373742076657273696f6e20302e312e302028627569"
    "6c64203029192c1c00001c000000be00000050415231";

static struct bytes golden(uint8_t out[292])
{
    for (size_t i = 0; i < 292; i++) {
        unsigned byte = 0;
        sscanf(golden_hex + 2 * i, "%2x", &byte);
        out[i] = byte;
    }
    return bytes_of(out, 292);
}

static const char *rows_of(struct parquet_content *content, char *out, size_t size)
{
    struct buf text = {0};
    for (size_t i = 0; i < content->row_count * content->column_count; i++) {
        value_describe(&content->cells[i], &text);
        buf_text(&text, (i + 1) % content->column_count == 0 ? ";" : ",");
    }
    snprintf(out, size, "%.*s", (int)text.size, (const char *)text.data);
    buf_free(&text);
    return out;
}

Test(parquet_reader, golden_file)
{
    uint8_t file[292];
    char text[256];
    struct arena arena = {0};
    struct parquet_content content;
    cr_assert(parquet_read(golden(file), &arena, &content) == NULL);
    cr_assert(eq(sz, content.column_count, 2));
    cr_assert(bytes_equal_text(content.columns[0].name, "id"));
    cr_assert(eq(int, content.columns[0].type, TYPE_LONG));
    cr_assert(bytes_equal_text(content.columns[1].name, "name"));
    cr_assert(eq(int, content.columns[1].type, TYPE_STRING));
    cr_assert(eq(str, rows_of(&content, text, sizeof text), "1,\"a\";2,null;null,\"b\";"));
    arena_free(&arena);
}

/* The data region (before the footer at 0x5e) is covered by checksums and header rules. */
Test(parquet_reader, every_flipped_bit_of_a_page_body_is_seen)
{
    uint8_t file[292];
    struct parquet_content content;
    struct arena arena = {0};
    static const struct {
        size_t begin;
        size_t end;
    } bodies[] = {{0x1b, 0x33}, {0x4a, 0x5e}};
    size_t flipped = 0;
    for (size_t b = 0; b < 2; b++) {
        for (size_t bit = bodies[b].begin * 8; bit < bodies[b].end * 8; bit++) {
            golden(file);
            file[bit / 8] ^= 1u << (bit % 8);
            const char *error = parquet_read(bytes_of(file, 292), &arena, &content);
            cr_assert(error != NULL, "bit %zu", bit);
            cr_assert(eq(str, error, "a page's checksum is wrong"));
            arena_reset(&arena);
            flipped++;
        }
    }
    cr_assert(eq(sz, flipped, 352));
    arena_free(&arena);
}

Test(parquet_reader, what_is_cut_or_changed_is_refused_or_read_but_never_crashes)
{
    uint8_t file[292];
    struct parquet_content content;
    struct arena arena = {0};
    golden(file);
    for (size_t size = 0; size < 292; size++) {
        cr_assert(parquet_read(bytes_of(file, size), &arena, &content) != NULL);
        arena_reset(&arena);
    }
    for (uint64_t round = 0; round < 60000; round++) {
        golden(file);
        uint64_t draw = hash_mix64(round);
        for (uint64_t n = 0; n <= draw % 3; n++) {
            uint64_t at = hash_chain(draw, n);
            file[at % 292] = at >> 32;
        }
        (void)parquet_read(bytes_of(file, 292), &arena, &content);
        arena_reset(&arena);
    }
    arena_free(&arena);
}

static const struct field fields[] = {{"b", TYPE_BOOLEAN},
                                      {"i", TYPE_INT},
                                      {"l", TYPE_LONG},
                                      {"d", TYPE_DOUBLE},
                                      {"s", TYPE_STRING},
                                      {"t", TYPE_TIMESTAMP}};
static const struct schema schema = {fields, 6};

static bool is_null(size_t row, size_t column)
{
    return hash_chain(row, column) % 5 == 0 || (row / 40) % 3 == 1; /* singles and long runs */
}

static struct value cell_of(size_t row, size_t column)
{
    struct value value = {.type = fields[column].type, .present = !is_null(row, column)};
    uint64_t draw = hash_chain(row + 1000, column);
    static const char *const texts[] = {"", "LAS", "\xc3\xa9t\xc3\xa9", "a longer text of bytes"};
    switch (fields[column].type) {
    case TYPE_BOOLEAN:
        value.as.boolean = draw & 1;
        break;
    case TYPE_INT:
        value.as.number = (int32_t)draw;
        break;
    case TYPE_DOUBLE:
        value.as.real = row % 7 == 0 ? -0.0 : (double)(int64_t)draw / 64;
        break;
    case TYPE_STRING:
        value.as.text = bytes_of_text(texts[draw % 4]);
        break;
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
    case TYPE_COUNT:
        value.as.number = draw;
    }
    return value;
}

static struct columns *columns_of(struct arena *arena, size_t rows)
{
    struct columns *columns = columns_new(arena, &schema, rows == 0 ? 1 : rows);
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < 6; c++) {
            struct value value = cell_of(r, c);
            struct column *column = &columns->columns[c];
            column->present[r] = value.present;
            if (!value.present) {
                continue;
            }
            switch (fields[c].type) {
            case TYPE_BOOLEAN:
                column->values.booleans[r] = value.as.boolean;
                break;
            case TYPE_INT:
                column->values.ints[r] = value.as.number;
                break;
            case TYPE_DOUBLE:
                column->values.doubles[r] = value.as.real;
                break;
            case TYPE_STRING:
                column->values.strings[r] = value.as.text;
                break;
            case TYPE_LONG:
            case TYPE_TIMESTAMP:
            case TYPE_COUNT:
                column->values.longs[r] = value.as.number;
            }
        }
    }
    columns->rows = rows;
    return columns;
}

static void assert_same_cells(const struct parquet_content *content, size_t rows)
{
    cr_assert(eq(sz, content->row_count, rows));
    cr_assert(eq(sz, content->column_count, 6));
    struct buf found = {0};
    struct buf expected = {0};
    for (size_t i = 0; i < rows * 6; i++) {
        struct value value = cell_of(i / 6, i % 6);
        buf_clear(&found);
        buf_clear(&expected);
        value_encode(&value, &expected);
        value_encode(&content->cells[i], &found);
        cr_assert(bytes_equal(buf_bytes(&expected), buf_bytes(&found)), "cell %zu", i);
    }
    buf_free(&found);
    buf_free(&expected);
}

/* Two programs by two hands: what the sink writes is what this reads, bit for bit. */
Test(parquet_reader, reads_what_the_sink_writes)
{
    static const size_t sizes[] = {0, 1, 7, 8, 9, 100, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int codec = PARQUET_UNCOMPRESSED; codec <= PARQUET_SNAPPY; codec++) {
            struct arena arena = {0};
            struct buf file = {0};
            struct parquet_content content;
            parquet_write(columns_of(&arena, sizes[i]), codec, &file);
            const char *error = parquet_read(buf_bytes(&file), &arena, &content);
            cr_assert(error == NULL, "%s", error);
            assert_same_cells(&content, sizes[i]);
            buf_free(&file);
            arena_free(&arena);
        }
    }
}

Test(parquet_reader, changed_snappy_files_never_crash)
{
    struct arena arena = {0};
    struct arena scratch = {0};
    struct buf file = {0};
    struct parquet_content content;
    parquet_write(columns_of(&arena, 100), PARQUET_SNAPPY, &file);
    for (uint64_t round = 0; round < 20000; round++) {
        uint64_t draw = hash_mix64(round);
        uint8_t *byte = &file.data[draw % file.size];
        uint8_t before = *byte;
        *byte = draw >> 40;
        (void)parquet_read(buf_bytes(&file), &scratch, &content);
        *byte = before;
        arena_reset(&scratch);
    }
    cr_assert(parquet_read(buf_bytes(&file), &scratch, &content) == NULL);
    assert_same_cells(&content, 100);
    buf_free(&file);
    arena_free(&scratch);
    arena_free(&arena);
}

/* A struct column: its members are columns here, nulls among them are the members' own. */
Test(parquet_reader, reads_the_members_of_a_struct)
{
    static const struct field members[] = {{"id", TYPE_LONG, NULL},
                                           {"window.start", TYPE_TIMESTAMP, "window"},
                                           {"window.end", TYPE_TIMESTAMP, "window"}};
    static const struct schema nested = {members, 3};
    for (size_t rows = 0; rows < 40; rows++) {
        struct arena arena = {0};
        struct buf file = {0};
        struct parquet_content content;
        struct columns *columns = columns_new(&arena, &nested, 64);
        for (size_t i = 0; i < rows * 3; i++) {
            columns->columns[i % 3].present[i / 3] = i % 7 != 5 || rows < 20;
            columns->columns[i % 3].values.longs[i / 3] = i * 1000;
        }
        columns->rows = rows;
        parquet_write(columns, PARQUET_SNAPPY, &file);
        const char *error = parquet_read(buf_bytes(&file), &arena, &content);
        cr_assert(error == NULL, "%s", error);
        cr_assert(eq(sz, content.column_count, 3));
        cr_assert(eq(sz, content.row_count, rows));
        cr_assert(bytes_equal_text(content.columns[1].name, "window.start"));
        cr_assert(bytes_equal_text(content.columns[2].name, "window.end"));
        cr_assert(eq(int, content.columns[2].type, TYPE_TIMESTAMP));
        for (size_t i = 0; i < rows * 3; i++) {
            bool present = i % 7 != 5 || rows < 20;
            cr_assert(eq(int, content.cells[i].present, present), "cell %zu of %zu", i, rows * 3);
            int64_t expected = present ? (int64_t)i * 1000 : content.cells[i].as.number;
            cr_assert(eq(i64, content.cells[i].as.number, expected));
        }
        buf_free(&file);
        arena_free(&arena);
    }
}
