#include "sim/check/parquet_records.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"
#include "engine/exec/columns.h"
#include "engine/sink/parquet.h"
#include "sim/check/parquet_encoding.h"
#include "sim/check/parquet_golden_test.h"

/* All records, a line each; the error instead of the rest. */
static const char *
read_all(struct bytes file, const struct record_column *columns, size_t count, struct arena *arena)
{
    struct parquet_records *records = NULL;
    struct buf text = {0};
    const char *error = parquet_records_open(file, columns, count, &records);
    if (error != NULL) {
        return arena_printf(arena, "error: %s", error);
    }
    for (bool more = true; more;) {
        error = parquet_records_next(records, &text, &more);
        buf_text(&text, more ? "\n" : "");
    }
    if (error != NULL) {
        buf_printf(&text, "error: %s", error);
    }
    const char *all = arena_copy(arena, text.data, text.size);
    buf_free(&text);
    parquet_records_close(records);
    return all;
}

Test(parquet_records, every_shape_that_arrow_writes)
{
    struct arena arena = {0};
    const char *text = read_all(bytes_of(golden_nested, sizeof golden_nested), NULL, 0, &arena);
    cr_assert(eq(str,
                 text,
                 "{\"s\":\"LAS\",\"l\":[1,null,3],\"m\":{\"a\":1},\"st\":{\"x\":1,\"y\":\"p\"},"
                 "\"t\":\"2001-01-01T01:53:00.000005Z\",\"d\":-1.05,\"b\":true}\n"
                 "{\"s\":null,\"l\":[],\"m\":{},\"st\":null,\"t\":null,\"d\":null,\"b\":null}\n"
                 "{\"s\":\"LAS\",\"l\":null,\"m\":null,\"st\":{\"x\":null,\"y\":null},"
                 "\"t\":\"1969-12-31T23:59:59.000Z\",\"d\":12.00,\"b\":false}\n"));
    arena_free(&arena);
}

Test(parquet_records, int96_and_gzip)
{
    struct arena arena = {0};
    const char *text = read_all(bytes_of(golden_int96, sizeof golden_int96), NULL, 0, &arena);
    cr_assert(eq(str,
                 text,
                 "{\"t\":\"2001-01-01T01:53:00.000005Z\"}\n{\"t\":null}\n"
                 "{\"t\":\"1969-12-31T23:59:59.000Z\"}\n"));
    arena_free(&arena);
}

Test(parquet_records, chosen_columns_in_their_order_missing_ones_null_constants_given)
{
    struct arena arena = {0};
    const struct record_column columns[] = {{bytes_of_text("b"), NULL},
                                            {bytes_of_text("new"), NULL},
                                            {bytes_of_text("p"), "\"x\""},
                                            {bytes_of_text("s"), NULL}};
    const char *text = read_all(bytes_of(golden_nested, sizeof golden_nested), columns, 4, &arena);
    cr_assert(eq(str,
                 text,
                 "{\"b\":true,\"new\":null,\"p\":\"x\",\"s\":\"LAS\"}\n"
                 "{\"b\":null,\"new\":null,\"p\":\"x\",\"s\":null}\n"
                 "{\"b\":false,\"new\":null,\"p\":\"x\",\"s\":\"LAS\"}\n"));
    arena_free(&arena);
}

/* What the sink writes, over several pages' worth of rows. */
Test(parquet_records, reads_what_the_sink_writes)
{
    static const struct field fields[] = {{"n", TYPE_LONG, NULL},
                                          {"window.start", TYPE_TIMESTAMP, "window"},
                                          {"window.end", TYPE_TIMESTAMP, "window"}};
    static const struct schema schema = {fields, 3};
    enum { ROWS = 3000 };
    struct arena arena = {0};
    struct buf file = {0};
    struct buf expected = {0};
    struct columns *columns = columns_new(&arena, &schema, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t c = 0; c < 3; c++) {
            columns->columns[c].present[i] = c > 0 || i % 5 != 0;
            columns->columns[c].values.longs[i] = (int64_t)(c == 0 ? i : 0);
        }
        buf_printf(&expected, i % 5 == 0 ? "{\"n\":null," : "{\"n\":%zu,", i);
        buf_text(&expected,
                 "\"window\":{\"start\":\"1970-01-01T00:00:00.000Z\","
                 "\"end\":\"1970-01-01T00:00:00.000Z\"}}\n");
    }
    columns->rows = ROWS;
    parquet_write(columns, PARQUET_SNAPPY, &file);
    const char *text = read_all(buf_bytes(&file), NULL, 0, &arena);
    cr_assert(bytes_equal_text(buf_bytes(&expected), text));
    buf_free(&file);
    buf_free(&expected);
    arena_free(&arena);
}

static void change_and_read(const uint8_t *golden, size_t size, uint64_t rounds)
{
    struct arena arena = {0};
    uint8_t *file = arena_copy(&arena, golden, size);
    for (uint64_t round = 0; round < rounds; round++) {
        struct arena scratch = {0};
        uint64_t draw = hash_mix64(round);
        uint8_t before = file[draw % size];
        file[draw % size] = (uint8_t)(draw >> 40);
        (void)read_all(bytes_of(file, size), NULL, 0, &scratch);
        file[draw % size] = before;
        arena_free(&scratch);
    }
    for (size_t cut = 0; cut < size; cut++) {
        struct arena scratch = {0};
        cr_assert(strncmp(read_all(bytes_of(file, cut), NULL, 0, &scratch), "error:", 6) == 0);
        arena_free(&scratch);
    }
    arena_free(&arena);
}

Test(parquet_records, what_is_cut_or_changed_is_refused_or_read_but_never_crashes)
{
    change_and_read(golden_nested, sizeof golden_nested, 20000);
    change_and_read(golden_int96, sizeof golden_int96, 5000);
    change_and_read(golden_checkpoint, sizeof golden_checkpoint, 5000);
}

Test(parquet_records, an_unknown_codec_is_named)
{
    struct arena arena = {0};
    struct bytes body;
    enum { ZSTD = 6 };
    const char *error = parquet_expand(ZSTD, bytes_of("x", 1), 1, &arena, &body);
    cr_assert(strstr(error, "ZSTD") != NULL, "%s", error);
    arena_free(&arena);
}

Test(parquet_records, runs_and_packed_groups_of_every_width)
{
    for (unsigned width = 1; width <= 32; width++) {
        struct buf packed = {0};
        uint32_t expected[24];
        uint32_t found[24];
        uint64_t mask = (UINT64_C(1) << width) - 1;
        uint8_t bits[2 * 32] = {0};
        buf_varint(&packed, 8 << 1); /* a run of eight */
        uint32_t run = (uint32_t)(hash_mix64(width) & mask);
        for (unsigned i = 0; i < (width + 7) / 8; i++) {
            buf_byte(&packed, (uint8_t)(run >> (8 * i)));
        }
        for (size_t i = 0; i < 24; i++) {
            expected[i] = i < 8 ? run : (uint32_t)(hash_mix64(i) & mask);
        }
        for (size_t i = 0; i < (size_t)16 * width; i++) {
            bits[i / 8] |= (uint8_t)((expected[8 + i / width] >> (i % width) & 1) << (i % 8));
        }
        buf_varint(&packed, 2 << 1 | 1); /* two groups of eight */
        buf_append(&packed, bits, (size_t)2 * width);
        struct cursor cursor = cursor_of(buf_bytes(&packed));
        cr_assert(parquet_hybrid(&cursor, width, found, 24));
        cr_assert(eq(int, memcmp(found, expected, sizeof found), 0), "width %u", width);
        buf_free(&packed);
    }
}
