#include "engine/exec/unsafe_row.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/arena.h"
#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/base/units.h"

static uint64_t state;

static void end(void)
{
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(unsafe_row, .fini = end);

static uint64_t draw(uint64_t below)
{
    state = hash_mix64(state);
    return state % below;
}

static struct cell number(int64_t value)
{
    return (struct cell){.present = true, .as.number = value};
}

static struct cell text(const char *value)
{
    return (struct cell){.present = true, .as.text = bytes_of_text(value)};
}

static struct cell real(double value)
{
    return (struct cell){.present = true, .as.real = value};
}

static void expect_hex(const struct schema *schema, const struct cell *cells, const char *hex)
{
    struct buf row = {0};
    char found[1024] = "";
    unsafe_row_encode(schema, cells, &row);
    for (size_t i = 0; i < row.size; i++) {
        (void)snprintf(found + 2 * i, 3, "%02x", row.data[i]);
    }
    cr_assert(eq(str, found, (char *)(uintptr_t)hex));
    cr_assert(eq(sz, row.size, unsafe_row_size(schema, cells)));
    struct cell again[8];
    struct buf same = {0};
    cr_assert(eq(int, unsafe_row_decode(schema, buf_bytes(&row), again), OK));
    unsafe_row_encode(schema, again, &same);
    cr_assert(bytes_equal(buf_bytes(&row), buf_bytes(&same)));
    buf_free(&row);
    buf_free(&same);
}

/* The vectors of spark-checkpoint 1.13. */
Test(unsafe_row, the_key_of_a_window_and_a_device)
{
    static const struct field fields[] = {{"window.start", TYPE_TIMESTAMP, "window"},
                                          {"window.end", TYPE_TIMESTAMP, "window"},
                                          {"device", TYPE_STRING, NULL}};
    const struct schema schema = {fields, 3};
    struct cell cells[] = {number(40 * US_PER_SECOND), number(50 * US_PER_SECOND), text("dev-1")};
    expect_hex(&schema,
               cells,
               "000000000000000018000000180000000500000030000000"
               "0000000000000000005a62020000000080f0fa0200000000"
               "6465762d31000000");
}

Test(unsafe_row, the_buffer_of_a_sum_and_a_count)
{
    static const struct field fields[] = {{"sum", TYPE_DOUBLE, NULL}, {"count", TYPE_LONG, NULL}};
    const struct schema schema = {fields, 2};
    struct cell cells[] = {real(12.5), number(3)};
    expect_hex(&schema, cells, "000000000000000000000000000029400300000000000000");
}

Test(unsafe_row, the_row_of_a_session_window_that_spark_wrote)
{
    static const struct field fields[] = {{"sessionId", TYPE_STRING, NULL},
                                          {"userId", TYPE_STRING, NULL},
                                          {"sessionStartTime", TYPE_TIMESTAMP, NULL}};
    const struct schema schema = {fields, 3};
    struct cell cells[] = {text("hello"), text("key1"), number(40 * US_PER_SECOND)};
    expect_hex(&schema,
               cells,
               "000000000000000005000000200000000400000028000000"
               "005a62020000000068656c6c6f0000006b65793100000000");
}

Test(unsafe_row, nulls_leave_a_bit_and_a_zero_word)
{
    static const struct field fields[] = {{"b", TYPE_BOOLEAN, NULL},
                                          {"i", TYPE_INT, NULL},
                                          {"s", TYPE_STRING, NULL},
                                          {"t", TYPE_STRING, NULL}};
    const struct schema schema = {fields, 4};
    struct cell cells[] = {
        {.present = true, .as.boolean = true}, number(-2), {.present = false}, text("")};
    expect_hex(&schema,
               cells,
               "0400000000000000"
               "0100000000000000feffffff0000000000000000000000000000000028000000");
}

Test(unsafe_row, no_columns_are_no_bytes)
{
    const struct schema schema = {NULL, 0};
    struct cell cell = {0};
    expect_hex(&schema, &cell, "");
    cr_assert(eq(int, unsafe_row_decode(&schema, bytes_of("12345678", 8), &cell), ERR_CORRUPT));
}

/* A schema and cells drawn: up to 140 fields (three words of null bits), structs among them. */
enum { FIELDS_MAX = 140 };

static struct schema draw_schema(struct arena *arena)
{
    size_t count = draw(4) == 0 ? draw(FIELDS_MAX) : draw(8);
    struct field *fields = arena_alloc(arena, (count + 1) * sizeof *fields);
    const char *parent = NULL;
    for (size_t i = 0; i < count; i++) {
        if (draw(3) == 0) {
            parent = draw(2) == 0 ? NULL : arena_printf(arena, "p%zu", i);
        }
        fields[i] = (struct field){"f", (enum type)draw(TYPE_COUNT), parent};
    }
    return (struct schema){fields, count};
}

static void draw_cells(struct arena *arena, const struct schema *schema, struct cell *cells)
{
    for (size_t i = 0; i < schema->count; i++) {
        struct cell *cell = &cells[i];
        *cell = (struct cell){.present = draw(4) != 0};
        if (!cell->present) {
            continue;
        }
        switch (schema->fields[i].type) {
        case TYPE_BOOLEAN:
            cell->as.boolean = draw(2) == 0;
            break;
        case TYPE_INT:
            cell->as.number = (int32_t)draw(UINT32_MAX);
            break;
        case TYPE_DOUBLE:
            cell->as.real = (double)(int64_t)draw(UINT64_MAX) / 64;
            break;
        case TYPE_STRING:
            cell->as.text = bytes_of(arena_alloc(arena, 64), draw(30));
            memset((void *)(uintptr_t)cell->as.text.data, 'x', cell->as.text.size);
            break;
        case TYPE_LONG:
        case TYPE_TIMESTAMP:
        case TYPE_COUNT:
            cell->as.number = (int64_t)draw(UINT64_MAX);
        }
    }
}

static bool cells_equal(enum type type, const struct cell *a, const struct cell *b)
{
    if (a->present != b->present) {
        return false;
    }
    return type == TYPE_STRING ? bytes_equal(a->as.text, b->as.text)
                               : memcmp(&a->as.number, &b->as.number, sizeof a->as.number) == 0;
}

Test(unsafe_row, what_was_encoded_decodes_to_the_same_cells)
{
    struct arena arena = {0};
    struct buf row = {0};
    struct cell cells[FIELDS_MAX];
    struct cell again[FIELDS_MAX];
    state = 7;
    for (int i = 0; i < 4000; i++) {
        struct schema schema = draw_schema(&arena);
        draw_cells(&arena, &schema, cells);
        buf_clear(&row);
        unsafe_row_encode(&schema, cells, &row);
        cr_assert(eq(sz, row.size, unsafe_row_size(&schema, cells)));
        cr_assert(eq(sz, row.size % 8, 0));
        cr_assert(eq(int, unsafe_row_decode(&schema, buf_bytes(&row), again), OK));
        for (size_t c = 0; c < schema.count; c++) {
            cr_assert(cells_equal(schema.fields[c].type, &cells[c], &again[c]));
        }
        arena_reset(&arena);
    }
    buf_free(&row);
    arena_free(&arena);
}

/* Bytes changed, cut or appended: refused, or the same bytes come out again. The row lies in a
 * block of its own size, so that a sanitizer sees a read behind it. */
Test(unsafe_row, hostile_bytes_are_refused_or_are_a_row)
{
    struct arena arena = {0};
    struct buf row = {0};
    struct buf same = {0};
    struct cell cells[FIELDS_MAX];
    size_t refused = 0;
    state = 11;
    enum { ROUNDS = 60000 };
    for (int i = 0; i < ROUNDS; i++) {
        struct schema schema = draw_schema(&arena);
        draw_cells(&arena, &schema, cells);
        buf_clear(&row);
        buf_clear(&same);
        unsafe_row_encode(&schema, cells, &row);
        for (uint64_t left = 1 + draw(2); left > 0 && row.size > 0; left--) {
            row.data[draw(row.size)] ^= (uint8_t)(1U << draw(8));
        }
        size_t size = draw(4) == 0 ? draw(row.size + 1) : row.size;
        uint8_t *alone = heap_alloc(size == 0 ? 1 : size);
        memcpy(alone, row.data == NULL ? alone : row.data, size);
        if (unsafe_row_decode(&schema, bytes_of(alone, size), cells) == OK) {
            unsafe_row_encode(&schema, cells, &same);
            cr_assert(bytes_equal(buf_bytes(&same), bytes_of(alone, size)));
        } else {
            refused++;
        }
        heap_free(alone);
        arena_reset(&arena);
    }
    cr_assert(gt(sz, refused, ROUNDS / 4));
    cr_assert(lt(sz, refused, ROUNDS));
    buf_free(&row);
    buf_free(&same);
    arena_free(&arena);
}
