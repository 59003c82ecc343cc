#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/base/units.h"
#include "sim/check/state_row.h"

static const struct field key_fields[] = {{"window.start", TYPE_TIMESTAMP, "window"},
                                          {"window.end", TYPE_TIMESTAMP, "window"},
                                          {"device", TYPE_STRING, NULL}};
static const struct schema key_schema = {key_fields, 3};

static struct value number(enum type type, int64_t value)
{
    return (struct value){.type = type, .present = true, .as = {.number = value}};
}

static struct value text(const char *value)
{
    return (struct value){
        .type = TYPE_STRING, .present = true, .as = {.text = bytes_of_text(value)}};
}

static void is_hex(const struct buf *row, const char *expected)
{
    struct buf hex = {0};
    for (size_t i = 0; i < row->size; i++) {
        buf_printf(&hex, "%02x", row->data[i]);
    }
    buf_byte(&hex, 0);
    cr_expect(eq(str, (char *)hex.data, expected));
    buf_free(&hex);
}

/* The example of spark-checkpoint 1.13. */
Test(state_row, golden_window_key_and_buffers)
{
    struct value key[] = {number(TYPE_TIMESTAMP, 40 * US_PER_SECOND),
                          number(TYPE_TIMESTAMP, 50 * US_PER_SECOND),
                          text("dev-1")};
    struct buf row = {0};
    state_row_encode(&key_schema, key, &row);
    is_hex(&row,
           "0000000000000000180000001800000005000000300000000000000000000000005a62020000000080f0fa"
           "02000000006465762d31000000");
    int32_t hash = state_row_hash(&key_schema, key);
    cr_assert(eq(i32, hash, 0x7ab5a2e7));
    cr_assert(eq(i64, state_row_partition(hash, 5), 1));
    cr_assert(eq(i64, state_row_partition(hash, 200), 71));
    struct value decoded[3];
    cr_assert(state_row_decode(&key_schema, buf_bytes(&row), decoded));
    cr_assert(eq(i64, decoded[1].as.number, 50 * US_PER_SECOND));
    cr_assert(bytes_equal_text(decoded[2].as.text, "dev-1"));
    static const struct field buffers[] = {{"sum", TYPE_DOUBLE}, {"count", TYPE_LONG}};
    struct value values[] = {{.type = TYPE_DOUBLE, .present = true, .as = {.real = 12.5}},
                             number(TYPE_LONG, 3)};
    buf_clear(&row);
    state_row_encode(&(struct schema){buffers, 2}, values, &row);
    is_hex(&row, "000000000000000000000000000029400300000000000000");
    buf_free(&row);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

Test(state_row, hashes_are_sparks)
{
    static const struct field field = {"c", TYPE_INT};
    const struct schema one = {&field, 1};
    struct value value = number(TYPE_INT, 1);
    cr_assert(eq(i32, state_row_hash(&one, &value), -559580957));
    value = number(TYPE_LONG, 1);
    cr_assert(eq(i32, state_row_hash(&one, &value), -1712319331));
    value = text("abc");
    cr_assert(eq(i32, state_row_hash(&one, &value), 1322437556));
    value.present = false;
    cr_assert(eq(i32, state_row_hash(&one, &value), 42));
    cr_assert(eq(i64, state_row_partition(-7, 5), 3));
}

Test(state_row, hostile_bytes_never_crash)
{
    struct value key[] = {number(TYPE_TIMESTAMP, 1), number(TYPE_TIMESTAMP, 2), text("dev-1")};
    struct buf row = {0};
    state_row_encode(&key_schema, key, &row);
    for (uint64_t round = 0; round < 50000; round++) {
        uint64_t draw = hash_mix64(round);
        size_t size = draw % 9 == 0 ? draw % (row.size + 1) : row.size;
        uint8_t *copy = heap_alloc(size + 1); /* to the byte, so that a read beyond it is seen */
        memcpy(copy, row.data, size);
        for (uint64_t n = 0; n < 3 && size > 0; n++) {
            uint64_t at = hash_chain(draw, n);
            copy[at % size] = at >> 32;
        }
        struct value cells[3];
        if (state_row_decode(&key_schema, bytes_of(copy, size), cells) && cells[2].present) {
            cr_assert(cells[2].as.text.data >= copy);
            cr_assert(le(sz, cells[2].as.text.data - copy + cells[2].as.text.size, size));
        }
        heap_free(copy);
    }
    buf_free(&row);
}
