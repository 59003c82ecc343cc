/* One data page (version 1) of one OPTIONAL column, flat or member of a struct: definition levels,
 * PLAIN values, snappy, page CRC. There are no repetition levels. */
#include <snappy-c.h>
#include <zlib.h>

#include "engine/base/check.h"
#include "engine/base/fiber.h"
#include "engine/sink/parquet_format.h"
#include "engine/sink/thrift.h"

/* A block may hold any mix of literals and copies (snappy's format_description.txt), so a block of
 * literals only is as good, whatever the library's version would choose. */
static bool snappy_literals_only;

void parquet_set_snappy_literals(bool on)
{
    snappy_literals_only = on;
}

/* ---- levels ------------------------------------------------------------------------------- */

/* A present value has the highest level, a null the one below: `depth` and `depth` - 1. */
static void levels_as_runs(const uint8_t *present, size_t rows, unsigned depth, struct buf *out)
{
    for (size_t row = 0; row < rows;) {
        size_t end = row + 1;
        while (end < rows && present[end] == present[row]) {
            end++;
        }
        buf_varint(out, (uint64_t)(end - row) << 1);
        buf_byte(out, (uint8_t)(depth - 1 + present[row]));
        row = end;
    }
}

/* Groups of 8 levels of `depth` bits, the lowest bits first; levels of the last group that stand
 * for no row are 0. */
static void levels_bit_packed(const uint8_t *present, size_t rows, unsigned depth, struct buf *out)
{
    size_t groups = (rows + 7) / 8;
    buf_varint(out, (uint64_t)groups << 1 | 1);
    uint8_t *packed = buf_extend(out, groups * depth);
    memset(packed, 0, groups * depth);
    for (size_t row = 0; row < rows; row++) {
        unsigned level = depth - 1 + present[row];
        size_t bit = row * depth; /* 1 or 2 bits never cross a byte */
        packed[bit / 8] |= (uint8_t)(level << (bit % 8));
    }
}

static void append_levels(const uint8_t *present, size_t rows, unsigned depth, struct buf *body)
{
    enum { ROWS_WORTH_PACKING = 64 };
    require(depth == 1 || depth == 2); /* levels up to 1 take 1 bit, up to 2 take 2 */
    size_t runs = 1;
    for (size_t row = 0; row < rows; row++) {
        require(present[row] <= 1);
        runs += row > 0 && present[row] != present[row - 1];
    }
    size_t length_at = body->size;
    buf_le32(body, 0);
    if (rows >= ROWS_WORTH_PACKING && runs > rows / 16) {
        levels_bit_packed(present, rows, depth, body);
    } else {
        levels_as_runs(present, rows, depth, body);
    }
    size_t length = body->size - length_at - 4;
    for (unsigned i = 0; i < 4; i++) {
        body->data[length_at + i] = (uint8_t)(length >> (8 * i));
    }
}

/* ---- values ------------------------------------------------------------------------------- */

static void append_booleans(const struct column *column, size_t rows, struct buf *body)
{
    uint8_t group = 0;
    unsigned filled = 0;
    for (size_t row = 0; row < rows; row++) {
        if (!column->present[row]) {
            continue;
        }
        group |= (uint8_t)((unsigned)column->values.booleans[row] << filled);
        if (++filled == 8) {
            buf_byte(body, group);
            group = 0;
            filled = 0;
        }
    }
    if (filled > 0) {
        buf_byte(body, group);
    }
}

static void append_value(const struct column *column, size_t row, struct buf *body)
{
    switch (column->type) {
    case TYPE_INT:
        buf_le32(body, (uint32_t)column->values.ints[row]);
        break;
    case TYPE_LONG:
    case TYPE_TIMESTAMP:
        buf_le64(body, (uint64_t)column->values.longs[row]);
        break;
    case TYPE_DOUBLE:
        buf_double(body, column->values.doubles[row]);
        break;
    case TYPE_STRING: {
        struct bytes text = column->values.strings[row];
        require(text.size <= INT32_MAX);
        buf_le32(body, (uint32_t)text.size);
        buf_append(body, text.data, text.size);
        break;
    }
    case TYPE_BOOLEAN:
    case TYPE_COUNT:
        require(column->type < TYPE_COUNT);
    }
}

static void append_values(const struct column *column, size_t rows, struct buf *body)
{
    if (column->type == TYPE_BOOLEAN) {
        append_booleans(column, rows, body);
        return;
    }
    for (size_t row = 0; row < rows; row++) {
        if (column->present[row]) {
            append_value(column, row, body);
        }
    }
}

/* ---- compression -------------------------------------------------------------------------- */

static void append_literals(struct bytes body, struct buf *out)
{
    enum { LITERAL_SIZE_MAX = 65536, TAG_LENGTH_IN_2_BYTES = 61 << 2 };
    buf_varint(out, body.size);
    for (size_t at = 0; at < body.size;) {
        size_t left = body.size - at;
        size_t size = left < LITERAL_SIZE_MAX ? left : LITERAL_SIZE_MAX;
        buf_byte(out, TAG_LENGTH_IN_2_BYTES);
        buf_byte(out, (uint8_t)(size - 1));
        buf_byte(out, (uint8_t)((size - 1) >> 8));
        buf_append(out, body.data + at, size);
        at += size;
    }
}

struct snappy_call {
    struct bytes body;
    char *out;
    size_t size; /* in: room; out: written */
    snappy_status status;
};

static void call_snappy(void *argument)
{
    struct snappy_call *call = argument;
    call->status =
        snappy_compress((const char *)call->body.data, call->body.size, call->out, &call->size);
}

static void append_snappy(struct bytes body, struct buf *out)
{
    size_t start = out->size;
    size_t room = snappy_max_compressed_length(body.size);
    struct snappy_call call = {
        .body = body, .out = (char *)buf_extend(out, room), .size = room, .status = SNAPPY_OK};
    fiber_on_thread_stack(call_snappy, &call); /* the library's frames are larger than a fiber's */
    require(call.status == SNAPPY_OK);
    require(call.size <= room);
    out->size = start + call.size;
}

static void append_compressed(struct bytes body, enum parquet_codec codec, struct buf *out)
{
    if (codec == PARQUET_UNCOMPRESSED) {
        buf_append(out, body.data, body.size);
    } else if (snappy_literals_only) {
        append_literals(body, out);
    } else {
        append_snappy(body, out);
    }
}

/* ---- the page ----------------------------------------------------------------------------- */

static void
append_header(size_t rows, size_t uncompressed_size, struct bytes stored, struct buf *out)
{
    require(uncompressed_size <= INT32_MAX);
    require(stored.size <= INT32_MAX);
    uint32_t crc = (uint32_t)crc32(0, stored.data, (uInt)stored.size);
    struct thrift header = thrift_begin(out);
    thrift_i32(&header, 1, PARQUET_PAGE_DATA);
    thrift_i32(&header, 2, (int32_t)uncompressed_size);
    thrift_i32(&header, 3, (int32_t)stored.size);
    thrift_i32(&header, 4, (int32_t)crc);
    thrift_struct(&header, 5);
    thrift_i32(&header, 1, (int32_t)rows);
    thrift_i32(&header, 2, PARQUET_PLAIN);
    thrift_i32(&header, 3, PARQUET_RLE);
    thrift_i32(&header, 4, PARQUET_RLE);
    thrift_end(&header);
    thrift_end(&header);
}

void parquet_write_chunk(const struct column *column,
                         size_t rows,
                         unsigned depth,
                         enum parquet_codec codec,
                         struct buf *out,
                         struct parquet_chunk *chunk)
{
    require(rows > 0);
    struct buf body = {0};
    struct buf stored = {0};
    append_levels(column->present, rows, depth, &body);
    append_values(column, rows, &body);
    append_compressed(buf_bytes(&body), codec, &stored);

    chunk->offset = out->size;
    append_header(rows, body.size, buf_bytes(&stored), out);
    size_t header_size = out->size - chunk->offset;
    buf_append(out, stored.data, stored.size);
    chunk->uncompressed_size = header_size + body.size;
    chunk->compressed_size = header_size + stored.size;
    buf_free(&stored);
    buf_free(&body);
}
