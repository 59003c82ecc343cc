/* A growable byte buffer over the heap, and the writers that every format here is made of:
 * little-endian and big-endian integers, LEB128, zigzag, formatted text, JSON strings. */
#ifndef ENGINE_BUF_H
#define ENGINE_BUF_H

#include "engine/base/bytes.h"

struct buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

/* A zeroed struct buf is a valid empty buffer. buf_free gives the memory back; buf_clear keeps it.
 */
void buf_free(struct buf *buf);
void buf_clear(struct buf *buf);
struct bytes buf_bytes(const struct buf *buf);

/* Make room for `size` more bytes and return their address; the caller writes them all. */
uint8_t *buf_extend(struct buf *buf, size_t size);

void buf_append(struct buf *buf, const void *data, size_t size);
void buf_text(struct buf *buf, const char *text);
void buf_byte(struct buf *buf, uint8_t byte);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

void buf_le32(struct buf *buf, uint32_t value);
void buf_le64(struct buf *buf, uint64_t value);
void buf_be32(struct buf *buf, uint32_t value);
void buf_be64(struct buf *buf, uint64_t value);
void buf_varint(struct buf *buf, uint64_t value); /* unsigned LEB128 */
void buf_zigzag(struct buf *buf, int64_t value);  /* zigzag, then LEB128 */
void buf_double(struct buf *buf, double value);   /* IEEE bits, little-endian */

/* A JSON string with its quotes; control characters, quotes and backslashes escaped, UTF-8 kept. */
void buf_json_string(struct buf *buf, struct bytes text);

/* A cursor over bytes that never reads past their end: one failed read sets `failed`, and every
 * later read yields 0. Check `failed` once, at the end. */
struct cursor {
    const uint8_t *data;
    size_t size;
    size_t at;
    bool failed;
};

struct cursor cursor_of(struct bytes bytes);
size_t cursor_left(const struct cursor *cursor);
uint8_t cursor_byte(struct cursor *cursor);
uint32_t cursor_le32(struct cursor *cursor);
uint64_t cursor_le64(struct cursor *cursor);
uint32_t cursor_be32(struct cursor *cursor);
uint64_t cursor_be64(struct cursor *cursor);
uint64_t cursor_varint(struct cursor *cursor);
int64_t cursor_zigzag(struct cursor *cursor);
double cursor_double(struct cursor *cursor);
/* The next `size` bytes, borrowed; empty and failed when there are fewer. */
struct bytes cursor_take(struct cursor *cursor, uint64_t size);

#endif
