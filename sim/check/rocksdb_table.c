/* A block-based table: data blocks, an index over them, a footer. Each block is followed by its
 * compression and a checksum over both; keys share prefixes with the one before them, and end in
 * eight bytes that say when they were written, and what (table/format.h, block_builder.cc). */
#include "sim/check/rocksdb_files.h"

#include <lz4.h>
#include <xxhash.h>

#include "engine/base/buf.h"

enum {
    FOOTER_SIZE = 53,
    FORMAT_MIN = 3, /* below: sizes in front of compressed blocks are other ones */
    FORMAT_MAX = 5,
    TRAILER_SIZE = 5,
    COMPRESSED_NOT = 0,
    COMPRESSED_LZ4 = 4,
    CHECKSUM_CRC32C = 1,
    CHECKSUM_XXHASH64 = 3,
    CHECKSUM_XXH3 = 4,
    KIND_DELETION = 0,
    KIND_VALUE = 1,
    KIND_SINGLE_DELETION = 7,
    SEQUENCE_SIZE = 8,
    BLOCK_MAX = 1 << 26
};
static const uint64_t magic = UINT64_C(0x88e241b785f4cff7);
static const uint32_t last_byte_factor = 0x6b9083d9;

struct handle {
    uint64_t offset;
    uint64_t size;
};

struct table {
    struct bytes file;
    uint8_t checksum;
    bool deltas; /* of the index' values */
    struct arena *arena;
};

static struct handle take_handle(struct cursor *cursor)
{
    struct handle handle = {.offset = cursor_varint(cursor)};
    handle.size = cursor_varint(cursor);
    return handle;
}

/* ---- one block */

static bool checksum_is(const struct table *table, struct bytes block, uint8_t last, uint32_t found)
{
    uint32_t sum = 0;
    switch (table->checksum) {
    case CHECKSUM_XXH3:
        sum = (uint32_t)XXH3_64bits(block.data, block.size) ^ (last * last_byte_factor);
        return sum == found;
    case CHECKSUM_XXHASH64: /* the byte that says the compression stands right behind */
        return (uint32_t)XXH64(block.data, block.size + 1, 0) == found;
    default:
        return true; /* CRC-32C: older files than any of this world; the rows are compared anyway */
    }
}

static const char *expand(struct table *table, struct bytes stored, uint8_t how, struct bytes *out)
{
    *out = stored;
    if (how == COMPRESSED_NOT) {
        return NULL;
    }
    struct cursor cursor = cursor_of(stored);
    uint64_t size = cursor_varint(&cursor);
    struct bytes packed = cursor_take(&cursor, cursor_left(&cursor));
    if (how != COMPRESSED_LZ4 || cursor.failed || size > BLOCK_MAX) {
        return "a block is compressed in an unknown way";
    }
    uint8_t *content = arena_alloc(table->arena, (size_t)size + 1);
    int got = LZ4_decompress_safe(
        (const char *)packed.data, (char *)content, (int)packed.size, (int)size);
    *out = bytes_of(content, (size_t)size);
    return got == (int)size ? NULL : "a block does not decompress to its size";
}

/* The entries of a block, without the restart points behind them. */
static const char *read_block(struct table *table, struct handle handle, struct bytes *entries)
{
    struct bytes file = table->file;
    if (handle.size > BLOCK_MAX || handle.offset > file.size ||
        file.size - handle.offset < handle.size + TRAILER_SIZE) {
        return "a block lies outside of the file";
    }
    struct bytes stored = bytes_of(file.data + handle.offset, handle.size);
    struct cursor trailer = cursor_of(bytes_of(stored.data + stored.size, TRAILER_SIZE));
    uint8_t how = cursor_byte(&trailer);
    if (!checksum_is(table, stored, how, cursor_le32(&trailer))) {
        return "a block's checksum is wrong";
    }
    struct bytes block;
    const char *error = expand(table, stored, how, &block);
    if (error != NULL) {
        return error;
    }
    if (block.size < sizeof(uint32_t)) {
        return "a block is too short";
    }
    struct cursor tail = cursor_of(bytes_of(block.data + block.size - 4, 4));
    uint64_t restarts = cursor_le32(&tail);
    uint64_t tail_size = (restarts + 1) * sizeof(uint32_t);
    if (restarts == 0 || tail_size > block.size) { /* a hash index would be counted there too */
        return "a block's restart points do not fit it";
    }
    *entries = bytes_of(block.data, block.size - tail_size);
    return NULL;
}

/* ---- keys that share prefixes */

struct walk {
    struct cursor cursor;
    struct bytes key; /* the current one */
    uint64_t shared;
};

static const char *next_key(struct table *table, struct walk *walk, uint64_t rest)
{
    struct bytes tail = cursor_take(&walk->cursor, rest);
    if (walk->cursor.failed || walk->shared > walk->key.size) {
        return "a block's entry is cut, or shares more than there is";
    }
    size_t size = (size_t)walk->shared + tail.size;
    uint8_t *key = arena_alloc(table->arena, size + 1);
    if (walk->shared > 0) {
        memcpy(key, walk->key.data, (size_t)walk->shared);
    }
    if (tail.size > 0) {
        memcpy(key + walk->shared, tail.data, tail.size);
    }
    walk->key = bytes_of(key, size);
    return NULL;
}

static const char *
add_entry(struct table *table, struct table_entries *entries, struct bytes key, struct bytes value)
{
    if (key.size < SEQUENCE_SIZE) {
        return "a key has no sequence number";
    }
    size_t size = key.size - SEQUENCE_SIZE;
    struct cursor footer = cursor_of(bytes_of(key.data + size, SEQUENCE_SIZE));
    uint64_t packed = cursor_le64(&footer);
    uint8_t kind = packed & 0xff;
    if (kind != KIND_VALUE && kind != KIND_DELETION && kind != KIND_SINGLE_DELETION) {
        return "an entry is neither a value nor a deletion";
    }
    if (entries->count == entries->room) {
        entries->room = entries->room == 0 ? 64 : entries->room * 2;
        struct table_entry *more = arena_alloc(table->arena, entries->room * sizeof *more);
        if (entries->count > 0) {
            memcpy(more, entries->entries, entries->count * sizeof *more);
        }
        entries->entries = more;
    }
    entries->entries[entries->count++] = (struct table_entry){.key = bytes_of(key.data, size),
                                                              .value = value,
                                                              .sequence = packed >> 8,
                                                              .removes = kind != KIND_VALUE};
    return NULL;
}

static const char *
read_data(struct table *table, struct handle handle, struct table_entries *entries)
{
    struct bytes block = {0};
    const char *error = read_block(table, handle, &block);
    struct walk walk = {.cursor = cursor_of(block)};
    while (error == NULL && cursor_left(&walk.cursor) > 0) {
        walk.shared = cursor_varint(&walk.cursor);
        uint64_t rest = cursor_varint(&walk.cursor);
        uint64_t value_size = cursor_varint(&walk.cursor);
        error = next_key(table, &walk, rest);
        struct bytes value = cursor_take(&walk.cursor, value_size);
        if (error == NULL && walk.cursor.failed) {
            error = "a block's entry is cut";
        }
        if (error == NULL) {
            error = add_entry(table, entries, walk.key, value);
        }
    }
    return error;
}

/* ---- the index and the footer */

/* A handle, or how much larger than the block before it this one is, which follows it at once. */
static struct handle take_index_value(struct table *table, struct walk *walk, struct handle before)
{
    if (!table->deltas || walk->shared == 0) {
        return take_handle(&walk->cursor);
    }
    int64_t more = cursor_zigzag(&walk->cursor);
    return (struct handle){.offset = before.offset + before.size + TRAILER_SIZE,
                           .size = before.size + (uint64_t)more};
}

static const char *
read_index(struct table *table, struct handle handle, struct table_entries *entries)
{
    struct bytes block = {0};
    const char *error = read_block(table, handle, &block);
    struct walk walk = {.cursor = cursor_of(block)};
    struct handle data = {.offset = 0};
    while (error == NULL && cursor_left(&walk.cursor) > 0) {
        walk.shared = cursor_varint(&walk.cursor);
        uint64_t rest = cursor_varint(&walk.cursor);
        if (!table->deltas) {
            (void)cursor_varint(&walk.cursor); /* the handle's size */
        }
        error = next_key(table, &walk, rest);
        data = take_index_value(table, &walk, data);
        if (error == NULL && walk.cursor.failed) {
            error = "the index is cut";
        }
        if (error == NULL) {
            error = read_data(table, data, entries);
        }
    }
    return error;
}

const char *table_read(struct bytes file, struct arena *arena, struct table_entries *entries)
{
    struct table table = {.file = file, .arena = arena};
    if (file.size < FOOTER_SIZE) {
        return "it is too short for an SST file";
    }
    struct cursor footer = cursor_of(bytes_of(file.data + file.size - FOOTER_SIZE, FOOTER_SIZE));
    struct cursor end = cursor_of(bytes_of(file.data + file.size - 12, 12));
    uint32_t format = cursor_le32(&end);
    if (cursor_le64(&end) != magic || format < FORMAT_MIN || format > FORMAT_MAX) {
        return "it does not end like an SST file of a format from 3 to 5";
    }
    table.checksum = cursor_byte(&footer);
    table.deltas = format >= 4;
    (void)take_handle(&footer); /* meta blocks: filters and statistics */
    struct handle index = take_handle(&footer);
    return footer.failed ? "its footer is damaged" : read_index(&table, index, entries);
}
