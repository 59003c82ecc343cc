/* A stream is blocks, each behind a header of 21 bytes, little-endian:
 *
 *     "LZ4Block"   token   compressed size   original size   xxh32 & 0x0fffffff   payload
 *      8            1       4                 4               4
 *
 * token: method (0x10 raw, 0x20 LZ4) | level, where a block holds at most 1 << (10 + level)
 * original bytes. The end is a raw block of nothing. Streams may follow each other (Spark reads on
 * behind an end block). */
#include "engine/state/lz4_block.h"

#include <lz4.h>
#include <xxhash.h>

#include "engine/base/check.h"
#include "engine/base/fiber.h"

#define MAGIC    "LZ4Block"
#define SEED     UINT32_C(0x9747b28c)
#define SUM_MASK UINT32_C(0x0fffffff)

enum {
    MAGIC_SIZE = 8,
    HEADER_SIZE = 21,
    BLOCK_SIZE = 32 * 1024, /* spark.io.compression.lz4.blockSize */
    BLOCK_LEVEL = 5,        /* 1 << (10 + 5) */
    METHOD_RAW = 0x10,
    METHOD_LZ4 = 0x20,
    EXPANSION_MAX = 255 /* of LZ4: a byte of a length stands for at most so many */
};

static bool raw_only;

void lz4_block_set_raw(bool on)
{
    raw_only = on;
}

static uint32_t checksum(struct bytes original)
{
    return (uint32_t)XXH32(original.data, original.size, SEED) & SUM_MASK;
}

/* ---- writing -------------------------------------------------------------------------------- */

struct encoding {
    struct bytes content;
    struct buf *out;
};

static void
put_header(struct buf *out, uint8_t method, uint32_t size, uint32_t original, uint32_t sum)
{
    buf_append(out, MAGIC, MAGIC_SIZE);
    buf_byte(out, (uint8_t)(method | BLOCK_LEVEL));
    buf_le32(out, size);
    buf_le32(out, original);
    buf_le32(out, sum);
}

static void encode_block(struct bytes block, char *scratch, struct buf *out)
{
    int size = 0;
    if (!raw_only) {
        size = LZ4_compress_default(
            (const char *)block.data, scratch, (int)block.size, LZ4_COMPRESSBOUND(BLOCK_SIZE));
        require(size > 0);
    }
    bool raw = size == 0 || (size_t)size >= block.size;
    struct bytes payload = raw ? block : bytes_of(scratch, (size_t)size);
    put_header(out,
               raw ? METHOD_RAW : METHOD_LZ4,
               (uint32_t)payload.size,
               (uint32_t)block.size,
               checksum(block));
    buf_append(out, payload.data, payload.size);
}

static void encode_on_thread_stack(void *argument)
{
    struct encoding *encoding = argument;
    static char scratch[LZ4_COMPRESSBOUND(BLOCK_SIZE)]; /* of one call: nothing suspends here */
    for (size_t at = 0; at < encoding->content.size; at += BLOCK_SIZE) {
        size_t left = encoding->content.size - at;
        size_t size = left < BLOCK_SIZE ? left : BLOCK_SIZE;
        encode_block(bytes_of(encoding->content.data + at, size), scratch, encoding->out);
    }
    put_header(encoding->out, METHOD_RAW, 0, 0, 0);
}

void lz4_block_encode(struct bytes content, struct buf *out)
{
    struct encoding encoding = {.content = content, .out = out};
    fiber_on_thread_stack(encode_on_thread_stack, &encoding);
}

/* ---- reading -------------------------------------------------------------------------------- */

struct decoding {
    struct bytes file;
    struct buf out;
    enum status status;
};

struct header {
    uint8_t method;
    uint32_t size_max; /* of the original */
    uint32_t size;
    uint32_t original;
    uint32_t sum;
};

static enum status take_header(struct cursor *cursor, struct header *header)
{
    struct bytes magic = cursor_take(cursor, MAGIC_SIZE);
    uint8_t token = cursor_byte(cursor);
    header->method = token & 0xf0;
    header->size_max = UINT32_C(1) << (10 + (token & 0x0f));
    header->size = cursor_le32(cursor);
    header->original = cursor_le32(cursor);
    header->sum = cursor_le32(cursor);
    bool known = header->method == METHOD_RAW || header->method == METHOD_LZ4;
    if (cursor->failed || !bytes_equal(magic, bytes_of(MAGIC, MAGIC_SIZE)) || !known) {
        return ERR_CORRUPT;
    }
    return header->original <= header->size_max ? OK : ERR_CORRUPT;
}

/* The size is only believed as far as the payload could hold it. */
static enum status decode_lz4(struct bytes payload, uint32_t original, uint8_t *out)
{
    int got = LZ4_decompress_safe(
        (const char *)payload.data, (char *)out, (int)payload.size, (int)original);
    return got >= 0 && (uint32_t)got == original ? OK : ERR_CORRUPT;
}

static enum status decode_block(const struct header *header, struct bytes payload, struct buf *out)
{
    bool raw = header->method == METHOD_RAW;
    if (raw ? header->size != header->original
            : header->original / EXPANSION_MAX > header->size ||
                  header->size > LZ4_MAX_INPUT_SIZE) {
        return ERR_CORRUPT;
    }
    uint8_t *target = buf_extend(out, header->original);
    if (raw) {
        memcpy(target, payload.data, payload.size);
    } else {
        TRY(decode_lz4(payload, header->original, target));
    }
    return checksum(bytes_of(target, header->original)) == header->sum ? OK : ERR_CORRUPT;
}

static enum status decode_all(struct bytes file, struct buf *out)
{
    struct cursor cursor = cursor_of(file);
    bool ended = false;
    while (cursor_left(&cursor) > 0) {
        struct header header;
        TRY(take_header(&cursor, &header));
        struct bytes payload = cursor_take(&cursor, header.size);
        if (cursor.failed) {
            return ERR_CORRUPT;
        }
        ended = header.original == 0;
        if (!ended) {
            TRY(decode_block(&header, payload, out));
        } else if (header.size != 0 || header.sum != 0) {
            return ERR_CORRUPT;
        }
    }
    return ended ? OK : ERR_CORRUPT;
}

static void decode_on_thread_stack(void *argument)
{
    struct decoding *decoding = argument;
    decoding->status = decode_all(decoding->file, &decoding->out);
}

enum status lz4_block_decode(struct bytes file, struct arena *arena, struct bytes *content)
{
    struct decoding decoding = {.file = file};
    *content = (struct bytes){0};
    fiber_on_thread_stack(decode_on_thread_stack, &decoding);
    if (decoding.status == OK) {
        *content =
            bytes_of(arena_copy(arena, decoding.out.data, decoding.out.size), decoding.out.size);
    }
    buf_free(&decoding.out);
    return decoding.status;
}
