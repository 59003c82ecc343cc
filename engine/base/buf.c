#include "engine/base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"

enum { PRINTF_GUESS = 96 };

void buf_free(struct buf *buf)
{
    heap_free(buf->data);
    *buf = (struct buf){0};
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
}

struct bytes buf_bytes(const struct buf *buf)
{
    return bytes_of(buf->data, buf->size);
}

uint8_t *buf_extend(struct buf *buf, size_t size)
{
    require(size <= SIZE_MAX / 4);
    if (buf->capacity - buf->size < size) {
        size_t capacity = buf->capacity == 0 ? 256 : buf->capacity;
        while (capacity - buf->size < size) {
            capacity *= 2;
        }
        buf->data = heap_realloc(buf->data, capacity);
        buf->capacity = capacity;
    }
    uint8_t *address = buf->data + buf->size;
    buf->size += size;
    return address;
}

void buf_append(struct buf *buf, const void *data, size_t size)
{
    if (size > 0) {
        memcpy(buf_extend(buf, size), data, size);
    }
}

void buf_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_byte(struct buf *buf, uint8_t byte)
{
    *buf_extend(buf, 1) = byte;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    char *address = (char *)buf_extend(buf, PRINTF_GUESS); /* mostly enough: formatted once */
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(address, PRINTF_GUESS, format, arguments);
    va_end(arguments);
    require(length >= 0);
    buf->size -= PRINTF_GUESS;
    if (length >= PRINTF_GUESS) {
        address = (char *)buf_extend(buf, (size_t)length + 1);
        va_start(arguments, format);
        int written = vsnprintf(address, (size_t)length + 1, format, arguments);
        va_end(arguments);
        require(written == length);
        buf->size -= (size_t)length + 1;
    }
    buf->size += (size_t)length; /* the terminating zero is not part of the text */
}

void buf_le32(struct buf *buf, uint32_t value)
{
    uint8_t *out = buf_extend(buf, 4);
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

void buf_le64(struct buf *buf, uint64_t value)
{
    uint8_t *out = buf_extend(buf, 8);
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

void buf_be32(struct buf *buf, uint32_t value)
{
    buf_le32(buf, __builtin_bswap32(value));
}

void buf_be64(struct buf *buf, uint64_t value)
{
    buf_le64(buf, __builtin_bswap64(value));
}

void buf_varint(struct buf *buf, uint64_t value)
{
    while (value >= 0x80) {
        buf_byte(buf, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    buf_byte(buf, (uint8_t)value);
}

void buf_zigzag(struct buf *buf, int64_t value)
{
    uint64_t sign = value < 0 ? UINT64_MAX : 0;
    buf_varint(buf, ((uint64_t)value << 1) ^ sign);
}

void buf_double(struct buf *buf, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    buf_le64(buf, bits);
}

void buf_json_string(struct buf *buf, struct bytes text)
{
    buf_byte(buf, '"');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        switch (c) {
        case '"':
            buf_text(buf, "\\\"");
            break;
        case '\\':
            buf_text(buf, "\\\\");
            break;
        case '\n':
            buf_text(buf, "\\n");
            break;
        case '\r':
            buf_text(buf, "\\r");
            break;
        case '\t':
            buf_text(buf, "\\t");
            break;
        default:
            if (c < 0x20) {
                buf_printf(buf, "\\u%04x", c);
            } else {
                buf_byte(buf, c);
            }
        }
    }
    buf_byte(buf, '"');
}

struct cursor cursor_of(struct bytes bytes)
{
    return (struct cursor){.data = bytes.data, .size = bytes.size};
}

size_t cursor_left(const struct cursor *cursor)
{
    return cursor->size - cursor->at;
}

struct bytes cursor_take(struct cursor *cursor, uint64_t size)
{
    if (cursor->failed || size > cursor_left(cursor)) {
        cursor->failed = true;
        return (struct bytes){0};
    }
    if (cursor->data == NULL) {
        return (struct bytes){0};
    }
    struct bytes taken = bytes_of(cursor->data + cursor->at, size);
    cursor->at += size;
    return taken;
}

uint8_t cursor_byte(struct cursor *cursor)
{
    struct bytes one = cursor_take(cursor, 1);
    return one.size == 1 ? one.data[0] : 0;
}

static uint64_t take_le(struct cursor *cursor, unsigned width)
{
    struct bytes word = cursor_take(cursor, width);
    uint64_t value = 0;
    for (size_t i = 0; i < word.size; i++) {
        value |= (uint64_t)word.data[i] << (8 * i);
    }
    return value;
}

uint32_t cursor_le32(struct cursor *cursor)
{
    return (uint32_t)take_le(cursor, 4);
}

uint64_t cursor_le64(struct cursor *cursor)
{
    return take_le(cursor, 8);
}

uint32_t cursor_be32(struct cursor *cursor)
{
    return __builtin_bswap32(cursor_le32(cursor));
}

uint64_t cursor_be64(struct cursor *cursor)
{
    return __builtin_bswap64(cursor_le64(cursor));
}

uint64_t cursor_varint(struct cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = cursor_byte(cursor);
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << (shift < 64 ? shift : 63);
        if ((byte & 0x80) == 0) {
            return cursor->failed ? 0 : value;
        }
    }
    cursor->failed = true;
    return 0;
}

int64_t cursor_zigzag(struct cursor *cursor)
{
    uint64_t raw = cursor_varint(cursor);
    return (int64_t)((raw >> 1) ^ (0 - (raw & 1)));
}

double cursor_double(struct cursor *cursor)
{
    uint64_t bits = cursor_le64(cursor);
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}
