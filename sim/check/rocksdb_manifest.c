/* A MANIFEST: blocks of 32 KiB, in them records, each whole or in pieces; a record is a version
 * edit, a list of tagged fields (db/log_format.h, db/version_edit.h). */
#include "sim/check/rocksdb_files.h"

#include "engine/base/buf.h"

enum { BLOCK_SIZE = 32768, HEADER_SIZE = 7 };
enum piece { PIECE_NONE = 0, PIECE_FULL = 1, PIECE_FIRST = 2, PIECE_MIDDLE = 3, PIECE_LAST = 4 };

enum tag {
    TAG_COMPARATOR = 1,
    TAG_LOG_NUMBER = 2,
    TAG_NEXT_FILE = 3,
    TAG_LAST_SEQUENCE = 4,
    TAG_DELETED_FILE = 6,
    TAG_PREVIOUS_LOG = 9,
    TAG_MIN_LOG = 10,
    TAG_NEW_FILE_2 = 100,
    TAG_NEW_FILE_4 = 103,
    TAG_COLUMN_FAMILY = 200,
    TAG_MAX_COLUMN_FAMILY = 203,
    TAG_ATOMIC_GROUP = 300,
    TAG_IGNORABLE = 1 << 13
};
enum { FIELD_END = 1, FIELD_CHECKSUM = 7, FIELD_CHECKSUM_NAME = 8 };

/* ---- CRC-32C, as log_format masks it */

static uint32_t crc32c(uint32_t crc, struct bytes content)
{
    crc = ~crc;
    for (size_t i = 0; i < content.size; i++) {
        crc ^= content.data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
        }
    }
    return ~crc;
}

static uint32_t masked(uint32_t crc)
{
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

/* ---- records */

struct log_reader {
    struct bytes file;
    size_t at;
    struct buf record;
};

/* The next piece of a record; PIECE_NONE at the end. */
static const char *next_piece(struct log_reader *log, enum piece *piece, struct bytes *content)
{
    size_t in_block = log->at % BLOCK_SIZE;
    if (BLOCK_SIZE - in_block < HEADER_SIZE) {
        log->at += BLOCK_SIZE - in_block; /* zeros */
    }
    *piece = PIECE_NONE;
    if (log->at >= log->file.size) {
        return NULL;
    }
    struct cursor cursor = cursor_of(bytes_of(log->file.data + log->at, log->file.size - log->at));
    uint32_t expected = cursor_le32(&cursor);
    uint32_t size = cursor_byte(&cursor);
    size |= (uint32_t)cursor_byte(&cursor) << 8;
    struct bytes typed = bytes_of(log->file.data + log->at + HEADER_SIZE - 1, size + 1u);
    uint8_t type = cursor_byte(&cursor);
    *content = cursor_take(&cursor, size);
    if (cursor.failed || type < PIECE_FULL || type > PIECE_LAST) {
        return "the MANIFEST ends in a record, or has one of an unknown type";
    }
    if (masked(crc32c(0, typed)) != expected) {
        return "a record of the MANIFEST has a wrong checksum";
    }
    *piece = (enum piece)type;
    log->at += HEADER_SIZE + size;
    return NULL;
}

/* The next record into log->record; `*there` false at the end. */
static const char *next_record(struct log_reader *log, bool *there)
{
    enum piece piece = PIECE_NONE;
    struct bytes content = {0};
    bool inside = false;
    buf_clear(&log->record);
    do {
        const char *error = next_piece(log, &piece, &content);
        if (error != NULL) {
            return error;
        }
        bool begins = piece == PIECE_FULL || piece == PIECE_FIRST;
        if (begins == inside || (piece == PIECE_NONE && inside)) {
            *there = false;
            return piece == PIECE_NONE && !inside ? NULL : "a record of the MANIFEST is not whole";
        }
        buf_append(&log->record, content.data, content.size);
        inside = piece == PIECE_FIRST || piece == PIECE_MIDDLE;
    } while (inside);
    *there = true;
    return NULL;
}

/* ---- version edits */

struct live_files {
    struct arena *arena;
    struct manifest_file *files;
    size_t count;
    size_t room;
};

static void add_file(struct live_files *live, const struct manifest_file *file)
{
    if (live->count == live->room) {
        live->room = live->room == 0 ? 16 : live->room * 2;
        struct manifest_file *more = arena_alloc(live->arena, live->room * sizeof *more);
        if (live->count > 0) {
            memcpy(more, live->files, live->count * sizeof *more);
        }
        live->files = more;
    }
    live->files[live->count++] = *file;
}

static bool delete_file(struct live_files *live, uint64_t number)
{
    for (size_t i = 0; i < live->count; i++) {
        if (live->files[i].number == number) {
            live->files[i] = live->files[--live->count];
            return true;
        }
    }
    return false;
}

static struct bytes take_prefixed(struct cursor *cursor)
{
    return cursor_take(cursor, cursor_varint(cursor));
}

static struct manifest_file take_new_file(struct cursor *cursor, bool fields)
{
    struct manifest_file file = {.level = cursor_varint(cursor)};
    file.number = cursor_varint(cursor);
    file.size = cursor_varint(cursor);
    (void)take_prefixed(cursor); /* smallest key */
    (void)take_prefixed(cursor); /* largest key */
    file.sequence_min = cursor_varint(cursor);
    file.sequence_max = cursor_varint(cursor);
    uint64_t field = fields ? cursor_varint(cursor) : FIELD_END;
    struct bytes checksum = {0};
    while (field != FIELD_END && !cursor->failed) {
        struct bytes value = take_prefixed(cursor);
        checksum = field == FIELD_CHECKSUM ? value : checksum;
        file.has_checksum = field == FIELD_CHECKSUM_NAME
                                ? bytes_equal_text(value, "FileChecksumCrc32c")
                                : file.has_checksum;
        field = cursor_varint(cursor);
    }
    file.has_checksum = file.has_checksum && checksum.size == sizeof file.crc32c;
    for (size_t i = 0; file.has_checksum && i < checksum.size; i++) {
        file.crc32c = file.crc32c << 8 | checksum.data[i];
    }
    return file;
}

bool manifest_file_is(const struct manifest_file *file, struct bytes content)
{
    return !file->has_checksum || crc32c(0, content) == file->crc32c;
}

static const char *take_field(struct cursor *cursor, struct live_files *live)
{
    uint64_t tag = cursor_varint(cursor);
    if ((tag & TAG_IGNORABLE) != 0) {
        (void)take_prefixed(cursor);
        return NULL;
    }
    struct manifest_file file;
    switch (tag) {
    case TAG_COMPARATOR:
        return bytes_equal_text(take_prefixed(cursor), "leveldb.BytewiseComparator")
                   ? NULL
                   : "the MANIFEST names another order of keys";
    case TAG_LOG_NUMBER:
    case TAG_NEXT_FILE:
    case TAG_LAST_SEQUENCE:
    case TAG_PREVIOUS_LOG:
    case TAG_MIN_LOG:
    case TAG_MAX_COLUMN_FAMILY:
    case TAG_ATOMIC_GROUP:
        (void)cursor_varint(cursor);
        return NULL;
    case TAG_COLUMN_FAMILY:
        return cursor_varint(cursor) == 0 ? NULL : "the MANIFEST has a second column family";
    case TAG_DELETED_FILE:
        (void)cursor_varint(cursor); /* level */
        return delete_file(live, cursor_varint(cursor)) ? NULL
                                                        : "the MANIFEST deletes a file twice";
    case TAG_NEW_FILE_2:
    case TAG_NEW_FILE_4:
        file = take_new_file(cursor, tag == TAG_NEW_FILE_4);
        add_file(live, &file);
        return NULL;
    default:
        return "the MANIFEST has a field of an unknown kind";
    }
}

static const char *take_edit(struct bytes record, struct live_files *live)
{
    struct cursor cursor = cursor_of(record);
    while (cursor_left(&cursor) > 0) {
        const char *error = take_field(&cursor, live);
        if (error != NULL || cursor.failed) {
            return error != NULL ? error : "a version edit of the MANIFEST is cut";
        }
    }
    return NULL;
}

const char *
manifest_read(struct bytes file, struct arena *arena, struct manifest_file **files, size_t *count)
{
    struct log_reader log = {.file = file};
    struct live_files live = {.arena = arena};
    bool there = true;
    const char *error = file.size == 0 ? "the MANIFEST is empty" : NULL;
    while (error == NULL && there) {
        error = next_record(&log, &there);
        if (error == NULL && there) {
            error = take_edit(buf_bytes(&log.record), &live);
        }
    }
    buf_free(&log.record);
    *files = live.files;
    *count = live.count;
    return error;
}
