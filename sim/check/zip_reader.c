#include "sim/check/zip_reader.h"

#include <zlib.h>

#include "engine/base/buf.h"

enum {
    END_MAGIC = 0x06054b50,
    END_SIZE = 22,
    CENTRAL_MAGIC = 0x02014b50,
    LOCAL_MAGIC = 0x04034b50,
    STORED = 0,
    DEFLATED = 8,
    CONTENT_MAX = 1 << 26, /* an entry that inflates beyond this is no file of a database's log */
    ENTRIES_MAX = 1024
};

/* What the central directory says of an entry; sizes in the local header may stand behind it. */
struct listed {
    uint32_t method;
    uint32_t crc;
    uint32_t stored;
    uint32_t size;
    uint32_t at; /* of its local header */
    struct bytes name;
};

static uint32_t le16(struct cursor *cursor)
{
    uint32_t low = cursor_byte(cursor);
    return low | (uint32_t)cursor_byte(cursor) << 8;
}

static struct cursor cursor_at(struct bytes file, size_t at)
{
    size_t from = at < file.size ? at : file.size;
    return cursor_of(bytes_of(file.size == 0 ? NULL : file.data + from, file.size - from));
}

/* The end record is the last thing in the file: nobody here writes a comment behind it. */
static const char *find_directory(struct bytes file, size_t *at, size_t *count)
{
    if (file.size < END_SIZE) {
        return "it is too short for a zip archive";
    }
    struct cursor end = cursor_at(file, file.size - END_SIZE);
    if (cursor_le32(&end) != END_MAGIC) {
        return "it does not end like a zip archive";
    }
    uint32_t disk = le16(&end);
    uint32_t first_disk = le16(&end);
    uint32_t here = le16(&end);
    uint32_t all = le16(&end);
    uint32_t size = cursor_le32(&end);
    uint32_t offset = cursor_le32(&end);
    if (disk != 0 || first_disk != 0 || here != all || all > ENTRIES_MAX || le16(&end) != 0 ||
        (uint64_t)offset + size != file.size - END_SIZE) {
        return "its end record does not fit it";
    }
    *at = offset;
    *count = all;
    return NULL;
}

static bool take_listed(struct cursor *cursor, struct listed *listed)
{
    bool magic = cursor_le32(cursor) == CENTRAL_MAGIC;
    (void)le16(cursor); /* made by */
    (void)le16(cursor); /* needs */
    uint32_t flags = le16(cursor);
    listed->method = le16(cursor);
    (void)cursor_le32(cursor); /* time and date */
    listed->crc = cursor_le32(cursor);
    listed->stored = cursor_le32(cursor);
    listed->size = cursor_le32(cursor);
    uint32_t name = le16(cursor);
    uint32_t extra = le16(cursor);
    uint32_t comment = le16(cursor);
    (void)le16(cursor);        /* disk */
    (void)le16(cursor);        /* attributes */
    (void)cursor_le32(cursor); /* more of them */
    listed->at = cursor_le32(cursor);
    listed->name = cursor_take(cursor, name);
    (void)cursor_take(cursor, (uint64_t)extra + comment);
    return magic && !cursor->failed && (flags & 1) == 0;
}

static bool inflate_whole(struct bytes stored, uint8_t *out, size_t size)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)stored.data,
                       .avail_in = (uInt)stored.size,
                       .next_out = out,
                       .avail_out = (uInt)size};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
        return false;
    }
    int result = inflate(&stream, Z_FINISH);
    bool whole = result == Z_STREAM_END && stream.avail_out == 0 && stream.avail_in == 0;
    (void)inflateEnd(&stream);
    return whole;
}

static const char *
read_content(struct bytes file, const struct listed *listed, struct arena *arena, struct bytes *out)
{
    struct cursor local = cursor_at(file, listed->at);
    bool magic = cursor_le32(&local) == LOCAL_MAGIC;
    (void)cursor_take(&local, 22);
    uint32_t name = le16(&local);
    uint32_t extra = le16(&local);
    struct bytes again = cursor_take(&local, name);
    (void)cursor_take(&local, extra);
    struct bytes stored = cursor_take(&local, listed->stored);
    if (local.failed || !magic || !bytes_equal(again, listed->name)) {
        return "an entry is not where its directory says";
    }
    if (listed->size > CONTENT_MAX) {
        return "an entry is larger than anything that belongs there";
    }
    uint8_t *content = arena_alloc(arena, (size_t)listed->size + 1);
    bool whole = false;
    if (listed->method == STORED && stored.size == listed->size) {
        memcpy(content, stored.data, stored.size);
        whole = true;
    } else if (listed->method == DEFLATED) {
        whole = inflate_whole(stored, content, listed->size);
    }
    if (!whole) {
        return "an entry does not inflate to its size";
    }
    *out = bytes_of(content, listed->size);
    return crc32(crc32(0, NULL, 0), content, listed->size) == listed->crc
               ? NULL
               : "an entry's checksum is wrong";
}

const char *
zip_read(struct bytes file, struct arena *arena, struct zip_entry **entries, size_t *count)
{
    size_t at = 0;
    const char *error = find_directory(file, &at, count);
    if (error != NULL) {
        return error;
    }
    struct cursor directory = cursor_at(file, at);
    *entries = arena_alloc(arena, (*count + 1) * sizeof **entries);
    for (size_t i = 0; i < *count; i++) {
        struct listed listed;
        if (!take_listed(&directory, &listed) || listed.name.size == 0 ||
            memchr(listed.name.data, 0, listed.name.size) != NULL) {
            return "its directory is damaged";
        }
        struct zip_entry *entry = &(*entries)[i];
        entry->name = arena_copy(arena, listed.name.data, listed.name.size);
        error = read_content(file, &listed, arena, &entry->content);
        if (error != NULL) {
            return error;
        }
    }
    return cursor_left(&directory) == END_SIZE ? NULL : "its directory is damaged";
}
