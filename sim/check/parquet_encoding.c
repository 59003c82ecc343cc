#define ZLIB_CONST
#include "sim/check/parquet_encoding.h"

#include <snappy-c.h>
#include <zlib.h>

#include "sim/check/parquet_footer.h"

/* ---- bodies --------------------------------------------------------------------------------- */

static const char *unsnap(struct bytes stored, size_t size, uint8_t *out)
{
    const char *in = (const char *)stored.data;
    size_t found = 0;
    if (snappy_uncompressed_length(in, stored.size, &found) != SNAPPY_OK || found != size) {
        return "a snappy page has not its stated size";
    }
    bool fine =
        snappy_uncompress(in, stored.size, (char *)out, &found) == SNAPPY_OK && found == size;
    return fine ? NULL : "a snappy page is broken";
}

static const char *gunzip(struct bytes stored, size_t size, uint8_t *out)
{
    enum { WITH_GZIP_HEADER = 16 };
    z_stream stream = {.next_in = stored.data,
                       .avail_in = (uInt)stored.size,
                       .next_out = out,
                       .avail_out = (uInt)size};
    if (inflateInit2(&stream, MAX_WBITS + WITH_GZIP_HEADER) != Z_OK) {
        return "zlib does not start";
    }
    int ended = inflate(&stream, Z_FINISH);
    bool fine = ended == Z_STREAM_END && stream.total_out == size;
    (void)inflateEnd(&stream);
    return fine ? NULL : "a gzip page is broken";
}

const char *parquet_expand(
    int64_t codec, struct bytes stored, size_t size, struct arena *arena, struct bytes *body)
{
    static const char *const names[] = {
        NULL, NULL, NULL, "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"};
    if (codec == PARQUET_CODEC_NONE) {
        *body = stored;
        return stored.size == size ? NULL : "an uncompressed page has two sizes";
    }
    if (codec != PARQUET_CODEC_SNAPPY && codec != PARQUET_CODEC_GZIP) {
        bool named = codec > 0 && codec < (int64_t)(sizeof names / sizeof names[0]);
        return arena_printf(arena,
                            "its pages are compressed with %s; this reader knows snappy and gzip",
                            named ? names[codec] : "an unknown codec");
    }
    uint8_t *out = arena_alloc(arena, size + 1);
    *body = bytes_of(out, size);
    return codec == PARQUET_CODEC_SNAPPY ? unsnap(stored, size, out) : gunzip(stored, size, out);
}

/* ---- levels and indices ---------------------------------------------------------------------- */

static uint32_t take_bits(struct bytes packed, size_t bit, unsigned width)
{
    enum { BYTES = 5 }; /* 32 bits, from any bit of a byte on */
    uint64_t value = 0;
    for (size_t i = 0; i < BYTES && bit / 8 + i < packed.size; i++) {
        value |= (uint64_t)packed.data[bit / 8 + i] << (8 * i);
    }
    return (uint32_t)(value >> (bit % 8) & ((UINT64_C(1) << width) - 1));
}

bool parquet_hybrid(struct cursor *runs, unsigned width, uint32_t *out, size_t count)
{
    size_t at = 0;
    while (at < count && !runs->failed) {
        uint64_t head = cursor_varint(runs);
        uint64_t length = head >> 1;
        if (length == 0) {
            return false;
        }
        if ((head & 1) == 0) {
            uint32_t value = 0;
            for (unsigned i = 0; i < width; i += 8) {
                value |= (uint32_t)cursor_byte(runs) << i;
            }
            if (length > count - at) {
                return false;
            }
            for (uint64_t i = 0; i < length; i++) {
                out[at++] = value;
            }
            continue;
        }
        struct bytes packed = cursor_take(runs, length > count ? UINT64_MAX : length * width);
        for (size_t i = 0; i < length * 8 && at < count && !runs->failed; i++) {
            out[at++] = take_bits(packed, i * width, width);
        }
    }
    return at == count && !runs->failed;
}
