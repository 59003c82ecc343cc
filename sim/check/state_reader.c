#include "sim/check/state_reader.h"

#include <lz4.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "engine/base/buf.h"

enum {
    BLOCK_HEADER = 21,
    METHOD_RAW = 0x10,
    METHOD_LZ4 = 0x20,
    LEVEL_BASE = 10,
    CHECKSUM_MASK = 0x0fffffff
};
static const uint32_t checksum_seed = 0x9747b28c;

/* ---- names */

static const char *const endings[] = {[STATE_FILE_DELTA] = ".delta",
                                      [STATE_FILE_SNAPSHOT] = ".snapshot",
                                      [STATE_FILE_CHANGELOG] = ".changelog",
                                      [STATE_FILE_ZIP] = ".zip"};

static bool take_number(const char **text, int64_t *number)
{
    size_t digits = strspn(*text, "0123456789");
    *number = 0;
    for (size_t i = 0; i < digits && digits < 16; i++) {
        *number = *number * 10 + ((*text)[i] - '0');
    }
    bool plain = digits > 0 && digits < 16 && (digits == 1 || (*text)[0] != '0');
    *text += digits;
    return plain;
}

enum state_file
state_file_of(const char *location, const char *path, int64_t *partition, int64_t *version)
{
    static const char folder[] = "/state/0/";
    size_t size = strlen(location);
    if (strncmp(path, location, size) != 0 ||
        strncmp(path + size, folder, sizeof folder - 1) != 0) {
        return STATE_FILE_OTHER;
    }
    const char *at = path + size + sizeof folder - 1;
    *version = -1;
    if (!take_number(&at, partition) || *at++ != '/') {
        return STATE_FILE_OTHER;
    }
    if (strncmp(at, "SSTs/", 5) == 0) {
        const char *end = strrchr(at, '.');
        bool plain = strchr(at + 5, '/') == NULL && at[5] != '.';
        return plain && end != NULL && strcmp(end, ".sst") == 0 ? STATE_FILE_SST : STATE_FILE_OTHER;
    }
    if (!take_number(&at, version)) {
        return STATE_FILE_OTHER;
    }
    for (int kind = STATE_FILE_DELTA; kind <= STATE_FILE_ZIP; kind++) {
        if (strcmp(at, endings[kind]) == 0) {
            return (enum state_file)kind;
        }
    }
    return STATE_FILE_OTHER;
}

const char *state_file_name_of(struct arena *arena,
                               const char *location,
                               int64_t partition,
                               int64_t version,
                               enum state_file kind)
{
    return arena_printf(arena,
                        "%s/state/0/%lld/%lld%s",
                        location,
                        (long long)partition,
                        (long long)version,
                        endings[kind]);
}

const char *
state_sst_path(struct arena *arena, const char *location, int64_t partition, const char *name)
{
    return arena_printf(arena, "%s/state/0/%lld/SSTs/%s", location, (long long)partition, name);
}

/* ---- the container */

struct block {
    uint32_t method;
    uint32_t most; /* original bytes that a block of this level may hold */
    uint32_t stored;
    uint32_t size;
    uint32_t checksum;
};

static const char *read_header(struct cursor *cursor, struct block *block)
{
    struct bytes magic = cursor_take(cursor, 8);
    uint8_t token = cursor_byte(cursor);
    block->method = token & 0xf0;
    block->most = 1u << (LEVEL_BASE + (token & 0x0f));
    block->stored = cursor_le32(cursor);
    block->size = cursor_le32(cursor);
    block->checksum = cursor_le32(cursor);
    if (cursor->failed) {
        return "it ends in a block's header, or without an end block";
    }
    if (!bytes_equal_text(magic, "LZ4Block")) {
        return "a block does not begin with LZ4Block";
    }
    bool known = block->method == METHOD_RAW || block->method == METHOD_LZ4;
    bool sizes = block->size <= block->most && (block->size == 0) == (block->stored == 0) &&
                 (block->method != METHOD_RAW || block->size == block->stored);
    return known && sizes ? NULL : "a block has an unknown method or sizes that cannot be";
}

static const char *read_block(struct cursor *cursor, const struct block *block, struct buf *content)
{
    struct bytes stored = cursor_take(cursor, block->stored);
    if (cursor->failed) {
        return "a block is cut";
    }
    uint8_t *out = buf_extend(content, block->size);
    if (block->method == METHOD_RAW) {
        memcpy(out, stored.data, stored.size);
    } else if (LZ4_decompress_safe(
                   (const char *)stored.data, (char *)out, (int)stored.size, (int)block->size) !=
               (int)block->size) {
        return "a block does not decompress to its size";
    }
    return (XXH32(out, block->size, checksum_seed) & CHECKSUM_MASK) == block->checksum
               ? NULL
               : "a block's checksum is wrong";
}

/* One stream and nothing behind it: what appends a second one is no writer of this world. */
static const char *expand(struct bytes file, struct buf *content)
{
    struct cursor cursor = cursor_of(file);
    for (;;) {
        struct block block;
        const char *error = read_header(&cursor, &block);
        if (error != NULL) {
            return error;
        }
        if (block.size == 0) {
            return cursor_left(&cursor) == 0 ? NULL : "something follows its end block";
        }
        error = read_block(&cursor, &block, content);
        if (error != NULL) {
            return error;
        }
    }
}

/* ---- the records */

static void add_record(struct state_records *records,
                       size_t *room,
                       struct arena *arena,
                       const struct state_record *record)
{
    if (records->count == *room) {
        *room = *room == 0 ? 32 : *room * 2;
        struct state_record *more = arena_alloc(arena, *room * sizeof *more);
        if (records->count > 0) {
            memcpy(more, records->records, records->count * sizeof *more);
        }
        records->records = more;
    }
    records->records[records->count++] = *record;
}

static bool drop_row_version(struct bytes *row)
{
    bool there = row->size > 0 && row->data[0] == 0;
    row->data += there;
    row->size -= there;
    return there;
}

static const char *parse(enum state_file kind,
                         struct bytes content,
                         struct arena *arena,
                         struct state_records *records)
{
    struct cursor cursor = cursor_of(content);
    size_t room = 0;
    for (;;) {
        int32_t key_size = (int32_t)cursor_be32(&cursor);
        if (cursor.failed) {
            return "it has no end marker";
        }
        if (key_size == -1) {
            return cursor_left(&cursor) == 0 ? NULL : "something follows its end marker";
        }
        struct state_record record = {.value = {.data = NULL}};
        record.key = cursor_take(&cursor, key_size < 0 ? UINT64_MAX : (uint64_t)key_size);
        int32_t value_size = (int32_t)cursor_be32(&cursor);
        bool removes = value_size == -1 && !state_file_whole(kind);
        if (!removes) {
            record.value = cursor_take(&cursor, value_size < 0 ? UINT64_MAX : (uint64_t)value_size);
        }
        if (cursor.failed) {
            return "a record has a length that cannot be";
        }
        if (kind == STATE_FILE_CHANGELOG &&
            (!drop_row_version(&record.key) || (!removes && !drop_row_version(&record.value)))) {
            return "a row does not begin with the byte 0";
        }
        add_record(records, &room, arena, &record);
    }
}

const char *state_file_records(enum state_file kind,
                               struct bytes file,
                               struct arena *arena,
                               struct state_records *records)
{
    *records = (struct state_records){.count = 0};
    struct buf content = {0};
    const char *error = expand(file, &content);
    if (error == NULL) {
        struct bytes kept = bytes_of(arena_copy(arena, content.data, content.size), content.size);
        error = parse(kind, kept, arena, records);
    }
    buf_free(&content);
    return error;
}
