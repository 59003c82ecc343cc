#include "engine/shuffle/blocks.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"

static const char magic[8] = {'A', 'F', 'T', 'S', 'H', 'U', 'F', '1'};

enum {
    HEADER_SIZE = 48,
    ENTRY_SIZE = 16,
    HASH_SIZE = 8,
    SESSION_DIGITS = 16,
};

/* ---- rows ------------------------------------------------------------------------------------ */

static void add_bytes(struct buf *block, struct bytes bytes)
{
    buf_varint(block, bytes.size);
    buf_append(block, bytes.data, bytes.size);
}

void block_add(struct buf *block, struct bytes key, struct bytes buffer)
{
    add_bytes(block, key);
    add_bytes(block, buffer);
}

static struct bytes take_bytes(struct cursor *cursor)
{
    uint64_t size = cursor_varint(cursor);
    return cursor_take(cursor, size);
}

enum status block_each(struct bytes block, block_row_fn row, void *context)
{
    struct cursor cursor = cursor_of(block);
    while (cursor_left(&cursor) > 0) {
        struct bytes key = take_bytes(&cursor);
        struct bytes buffer = take_bytes(&cursor);
        if (cursor.failed) {
            return ERR_CORRUPT;
        }
        TRY(row(context, key, buffer));
    }
    return OK;
}

bool block_whole(struct bytes block, const struct block_info *info)
{
    return block.size == info->size && hash_bytes(block.data, block.size) == info->hash;
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *directory_path(struct arena *arena, const char *local)
{
    return arena_printf(arena, "%s/shuffle", local);
}

static const char *file_path(struct arena *arena, const char *local, const struct block_id *id)
{
    return arena_printf(arena,
                        "%s/shuffle/%016" PRIx64 "-%" PRId64 "-%" PRId64 "-%" PRId64 ".data",
                        local,
                        id->session,
                        id->batch,
                        id->map_task,
                        id->map_attempt);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void
put_index(struct buf *out, const struct block_id *id, const struct buf *blocks, size_t partitions)
{
    buf_append(out, magic, sizeof magic);
    buf_le64(out, id->session);
    buf_le64(out, (uint64_t)id->batch);
    buf_le64(out, (uint64_t)id->map_task);
    buf_le64(out, (uint64_t)id->map_attempt);
    buf_le64(out, partitions);
    for (size_t i = 0; i < partitions; i++) {
        buf_le64(out, blocks[i].size);
        buf_le64(out, hash_bytes(blocks[i].data, blocks[i].size));
    }
    buf_le64(out, hash_bytes(out->data, out->size));
}

static enum status write_all(const struct disk_port *disk, disk_fd fd, struct bytes content)
{
    size_t at = 0;
    while (at < content.size) {
        size_t written = 0;
        TRY(disk_write(disk, fd, content.data + at, content.size - at, &written));
        require(written <= content.size - at);
        if (written == 0) {
            return ERR_IO;
        }
        at += written;
    }
    return OK;
}

static enum status make_directory(const struct disk_port *disk, const char *path)
{
    enum status status = disk_mkdir(disk, path);
    return status == ERR_EXISTS ? OK : status;
}

static enum status create(const struct disk_port *disk,
                          const char *local,
                          const char *path,
                          struct arena *scratch,
                          disk_fd *fd)
{
    enum status status = disk_open(disk, path, DISK_TRUNCATE, fd);
    if (status != ERR_NOT_FOUND) {
        return status;
    }
    TRY(make_directory(disk, local));
    TRY(make_directory(disk, directory_path(scratch, local)));
    return disk_open(disk, path, DISK_TRUNCATE, fd);
}

static enum status
write_file(const struct disk_port *disk, const char *path, disk_fd fd, struct bytes content)
{
    enum status status = write_all(disk, fd, content);
    enum status closed = disk_close(disk, fd);
    if (status == OK) {
        status = closed;
    }
    if (status != OK) {
        enum status ignored = disk_unlink(disk, path);
        maybe(ignored == OK);
    }
    return status;
}

enum status blocks_write(const struct disk_port *disk,
                         const char *local,
                         const struct block_id *id,
                         const struct buf *blocks,
                         size_t partitions)
{
    require(partitions > 0);
    require(partitions <= BLOCKS_PARTITIONS_MAX);
    struct arena scratch = {0};
    struct buf content = {0};
    put_index(&content, id, blocks, partitions);
    for (size_t i = 0; i < partitions; i++) {
        buf_append(&content, blocks[i].data, blocks[i].size);
    }
    const char *path = file_path(&scratch, local, id);
    disk_fd fd = -1;
    enum status status = create(disk, local, path, &scratch, &fd);
    if (status == OK) {
        status = write_file(disk, path, fd, buf_bytes(&content));
    }
    buf_free(&content);
    arena_free(&scratch);
    return status == ERR_NOT_FOUND ? ERR_IO : status;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Errors: ERR_CORRUPT: the file ends before. */
static enum status
read_at(const struct disk_port *disk, disk_fd fd, uint64_t at, size_t size, struct buf *out)
{
    size_t done = 0;
    size_t begin = out->size;
    /* One step at a time: what a damaged index promises is not allocated before it is there. */
    while (done < size) {
        enum { STEP_SIZE = 1 << 16 };
        size_t step = size - done < STEP_SIZE ? size - done : STEP_SIZE;
        size_t got = 0;
        enum status status = disk_read(disk, fd, at + done, buf_extend(out, step), step, &got);
        require(got <= step);
        done += status == OK ? got : 0;
        out->size = begin + done;
        TRY(status);
        if (got == 0) {
            return ERR_CORRUPT;
        }
    }
    return OK;
}

static enum status read_index(const struct disk_port *disk,
                              disk_fd fd,
                              const struct block_id *id,
                              struct buf *index,
                              uint64_t *partitions)
{
    TRY(read_at(disk, fd, 0, HEADER_SIZE, index));
    struct cursor cursor = cursor_of(buf_bytes(index));
    struct bytes found = cursor_take(&cursor, sizeof magic);
    bool ours = bytes_equal(found, bytes_of(magic, sizeof magic));
    ours = cursor_le64(&cursor) == id->session && ours;
    ours = cursor_le64(&cursor) == (uint64_t)id->batch && ours;
    ours = cursor_le64(&cursor) == (uint64_t)id->map_task && ours;
    ours = cursor_le64(&cursor) == (uint64_t)id->map_attempt && ours;
    *partitions = cursor_le64(&cursor);
    if (!ours || *partitions == 0 || *partitions > BLOCKS_PARTITIONS_MAX) {
        return ERR_CORRUPT;
    }
    TRY(read_at(disk, fd, HEADER_SIZE, *partitions * ENTRY_SIZE + HASH_SIZE, index));
    size_t covered = index->size - HASH_SIZE;
    struct cursor end = cursor_of(bytes_of(index->data + covered, HASH_SIZE));
    return cursor_le64(&end) == hash_bytes(index->data, covered) ? OK : ERR_CORRUPT;
}

/* Where the partition's block begins in the file. */
static uint64_t find_block(const struct buf *index, int64_t partition, struct block_info *info)
{
    struct cursor cursor = cursor_of(buf_bytes(index));
    (void)cursor_take(&cursor, HEADER_SIZE);
    uint64_t at = index->size;
    for (int64_t i = 0; i < partition; i++) {
        at += cursor_le64(&cursor);
        (void)cursor_le64(&cursor);
    }
    info->size = cursor_le64(&cursor);
    info->hash = cursor_le64(&cursor);
    require(!cursor.failed);
    return at;
}

static enum status read_piece(const struct disk_port *disk,
                              disk_fd fd,
                              const struct block_id *id,
                              int64_t partition,
                              uint64_t from,
                              size_t size_max,
                              struct buf *piece,
                              struct block_info *info)
{
    struct buf index = {0};
    uint64_t partitions = 0;
    uint64_t at = 0;
    enum status status = read_index(disk, fd, id, &index, &partitions);
    if (status == OK && (partition < 0 || (uint64_t)partition >= partitions)) {
        status = ERR_NOT_FOUND;
    }
    if (status == OK) {
        at = find_block(&index, partition, info);
        status = from <= info->size ? OK : ERR_CORRUPT;
    }
    buf_free(&index);
    TRY(status);
    uint64_t left = info->size - from;
    return read_at(disk, fd, at + from, left < size_max ? (size_t)left : size_max, piece);
}

enum status blocks_read(const struct disk_port *disk,
                        const char *local,
                        const struct block_id *id,
                        int64_t partition,
                        uint64_t from,
                        size_t size_max,
                        struct buf *piece,
                        struct block_info *info)
{
    struct arena scratch = {0};
    disk_fd fd = -1;
    *info = (struct block_info){0};
    enum status status = disk_open(disk, file_path(&scratch, local, id), DISK_READ, &fd);
    if (status == OK) {
        status = read_piece(disk, fd, id, partition, from, size_max, piece, info);
        enum status closed = disk_close(disk, fd);
        maybe(closed == OK); /* nothing was written through it */
    }
    arena_free(&scratch);
    return status;
}

/* ---- cleaning -------------------------------------------------------------------------------- */

/* A name of `session` and of `batch` or a later one. */
static bool wanted(const char *name, uint64_t session, int64_t batch)
{
    char prefix[SESSION_DIGITS + 2];
    int length = snprintf(prefix, sizeof prefix, "%016" PRIx64 "-", session);
    require(length == SESSION_DIGITS + 1);
    if (strncmp(name, prefix, SESSION_DIGITS + 1) != 0) {
        return false;
    }
    int64_t found = 0;
    for (const char *digit = name + SESSION_DIGITS + 1; *digit >= '0' && *digit <= '9'; digit++) {
        if (__builtin_mul_overflow(found, 10, &found) ||
            __builtin_add_overflow(found, *digit - '0', &found)) {
            return false; /* no batch of ours */
        }
    }
    return found >= batch;
}

void blocks_clean(const struct disk_port *disk, const char *local, uint64_t session, int64_t batch)
{
    struct arena scratch = {0};
    const char *directory = directory_path(&scratch, local);
    struct disk_entry *entries = NULL;
    size_t count = 0;
    enum status status = disk_list(disk, directory, &scratch, &entries, &count);
    for (size_t i = 0; status == OK && i < count; i++) {
        if (!entries[i].directory && !wanted(entries[i].name, session, batch)) {
            const char *path = arena_printf(&scratch, "%s/%s", directory, entries[i].name);
            enum status ignored = disk_unlink(disk, path);
            maybe(ignored == OK);
        }
    }
    arena_free(&scratch);
}
