/* What rocksdb_db.h promises, as steps that run over any disk port: over POSIX from
 * engine/real/rocksdb_db_test.c, over the fake from sim/fakes/rocksdb_db_test.c. A broken promise
 * is a failed `require`. For tests only. */
#ifndef ENGINE_STATE_ROCKSDB_DB_CONTRACT_H
#define ENGINE_STATE_ROCKSDB_DB_CONTRACT_H

#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/check.h"
#include "engine/state/rocksdb_db.h"

static const struct rocksdb_options db_options = {.block_size = 4096,
                                                  .max_open_files = -1,
                                                  .format_version = 5,
                                                  .compress = true,
                                                  .manifest_edits = 4};

enum { DB_PATH = 512, DB_ROW_SIZE = 64 };

struct db_row {
    char key[DB_ROW_SIZE];
    char value[DB_ROW_SIZE];
};

/* Row `i` of version `version`; versions differ in their values only. */
static inline struct db_row db_row(int i, int version)
{
    struct db_row row = {0};
    (void)snprintf(row.key, sizeof row.key, "key %06d", i);
    (void)snprintf(row.value, sizeof row.value, "value %d of version %d", i * 7919 % 1000, version);
    return row;
}

/* Rows first, first + step, ... below `end`; every tenth is removed when `removes`. */
static inline enum status db_put_range(struct rocksdb_db *db,
                                       int first,
                                       int end,
                                       int step,
                                       int version,
                                       bool removes,
                                       struct rocksdb_what *what)
{
    struct arena arena = {0};
    size_t count = 0;
    size_t capacity = (size_t)(end - first) + 1;
    struct rocksdb_change *changes = arena_alloc(&arena, capacity * sizeof *changes);
    for (int i = first; i < end; i += step) {
        struct db_row row = db_row(i, version);
        const char *key = arena_strdup(&arena, row.key);
        const char *value = arena_strdup(&arena, row.value);
        bool gone = removes && i % 10 == 0;
        changes[count].key = bytes_of_text(key);
        changes[count++].value = gone ? bytes_of(NULL, 0) : bytes_of_text(value);
    }
    struct rocksdb_work work = {0};
    enum status status = rocksdb_db_write(db, changes, count, &work, what);
    require(status != OK || work.rows == (int64_t)count);
    require(status != OK || count == 0 || work.bytes > (int64_t)count);
    arena_free(&arena);
    return status;
}

/* All rows as "key=value\n", ascending, `slice` at a time. */
static inline enum status
db_dump(struct rocksdb_db *db, size_t slice, struct buf *out, struct rocksdb_what *what)
{
    struct rocksdb_scan *scan = rocksdb_scan_new(db);
    struct arena arena = {0};
    enum status status = OK;
    size_t count = slice;
    while (status == OK && count > 0) {
        struct rocksdb_change *rows = NULL;
        arena_reset(&arena);
        status = rocksdb_scan_next(scan, slice, &arena, &rows, &count, what);
        for (size_t i = 0; status == OK && i < count; i++) {
            buf_append(out, rows[i].key.data, rows[i].key.size);
            buf_byte(out, '=');
            buf_append(out, rows[i].value.data, rows[i].value.size);
            buf_byte(out, '\n');
        }
    }
    arena_free(&arena);
    rocksdb_scan_free(scan);
    return status;
}

static inline void db_must(enum status status, const struct rocksdb_what *what)
{
    if (status != OK) {
        require_failed(__FILE__, __LINE__, status_text(status), what->text);
    }
}

static inline struct rocksdb_db *
db_open(const struct disk_port *disk, const char *directory, struct rocksdb_cache *cache)
{
    struct rocksdb_what what;
    struct rocksdb_db *db = NULL;
    db_must(rocksdb_db_open(disk, directory, &db_options, cache, &db, &what), &what);
    return db;
}

static inline void db_make_directory(const struct disk_port *disk, const char *path)
{
    enum status status = disk_mkdir(disk, path);
    require(status == OK);
}

static inline void db_is(struct rocksdb_db *db, const struct buf *expected)
{
    struct buf found = {0};
    struct rocksdb_what what;
    db_must(db_dump(db, 7, &found, &what), &what);
    require(bytes_equal(buf_bytes(&found), buf_bytes(expected)));
    buf_free(&found);
}

static inline void db_get_is(struct rocksdb_db *db, const char *key, const char *expected)
{
    struct rocksdb_what what;
    struct bytes value;
    enum status status = rocksdb_db_get(db, bytes_of_text(key), &value, &what);
    if (expected == NULL) {
        require(status == ERR_NOT_FOUND);
        require(value.data == NULL);
        return;
    }
    db_must(status, &what);
    require(bytes_equal_text(value, expected));
}

/* ---- the cases ------------------------------------------------------------------------------ */

/* An empty database; rows, overwritten rows, removed rows; each found by get and by scan. */
static inline void db_case_rows(const struct disk_port *disk, const char *root)
{
    char path[DB_PATH];
    struct rocksdb_what what;
    struct buf expected = {0};
    (void)snprintf(path, sizeof path, "%s/rows", root);
    db_make_directory(disk, path);
    struct rocksdb_cache *cache = rocksdb_cache_new(1 << 20);
    struct rocksdb_db *db = db_open(disk, path, cache);
    db_is(db, &expected);
    db_get_is(db, "key 000001", NULL);
    db_must(rocksdb_db_write(db, NULL, 0, &(struct rocksdb_work){0}, &what), &what);
    db_must(db_put_range(db, 0, 300, 1, 1, false, &what), &what);
    db_must(db_put_range(db, 0, 300, 3, 2, false, &what), &what);
    db_must(db_put_range(db, 0, 300, 2, 3, true, &what), &what);
    for (int i = 0; i < 300; i++) {
        struct db_row row = db_row(i, i % 2 == 0 ? 3 : i % 3 == 0 ? 2 : 1);
        bool gone = i % 10 == 0;
        db_get_is(db, row.key, gone ? NULL : row.value);
        if (!gone) {
            buf_text(&expected, row.key);
            buf_byte(&expected, '=');
            buf_text(&expected, row.value);
            buf_byte(&expected, '\n');
        }
    }
    db_is(db, &expected);
    rocksdb_db_close(db);
    db = db_open(disk, path, cache);
    db_is(db, &expected);
    rocksdb_db_close(db);
    rocksdb_cache_free(cache);
    buf_free(&expected);
}

/* Keys and values of any bytes and sizes: empty, zeros, 70,000 bytes. */
static inline void db_case_bytes(const struct disk_port *disk, const char *root)
{
    char path[DB_PATH];
    struct rocksdb_what what;
    struct rocksdb_work work = {0};
    struct bytes value;
    (void)snprintf(path, sizeof path, "%s/bytes", root);
    db_make_directory(disk, path);
    struct buf big = {0};
    for (int i = 0; i < 70000; i++) {
        buf_byte(&big, (uint8_t)(i * 31 + i / 251));
    }
    struct rocksdb_cache *cache = rocksdb_cache_new(1 << 20);
    struct rocksdb_db *db = db_open(disk, path, cache);
    struct rocksdb_change changes[] = {{bytes_of("", 0), bytes_of("", 0)},
                                       {bytes_of("\0", 1), buf_bytes(&big)},
                                       {bytes_of("\0\0", 2), bytes_of("\0", 1)},
                                       {bytes_of("\xff", 1), bytes_of("x", 1)}};
    db_must(rocksdb_db_write(db, changes, 4, &work, &what), &what);
    for (size_t i = 0; i < 4; i++) {
        db_must(rocksdb_db_get(db, changes[i].key, &value, &what), &what);
        require(value.data != NULL);
        require(bytes_equal(value, changes[i].value));
    }
    rocksdb_db_close(db);
    rocksdb_cache_free(cache);
    buf_free(&big);
}

/* A checkpoint keeps its rows whatever happens to the database; it opens on its own. */
static inline void db_case_checkpoint(const struct disk_port *disk, const char *root)
{
    char path[DB_PATH];
    char copy[DB_PATH];
    struct rocksdb_what what;
    struct rocksdb_work work = {0};
    struct buf before = {0};
    (void)snprintf(path, sizeof path, "%s/source", root);
    (void)snprintf(copy, sizeof copy, "%s/copy", root);
    db_make_directory(disk, path);
    struct rocksdb_db *db = db_open(disk, path, NULL);
    for (int version = 0; version < 4; version++) {
        db_must(db_put_range(db, version * 50, version * 50 + 100, 1, version, true, &what), &what);
    }
    db_must(db_dump(db, 100, &before, &what), &what);
    db_must(rocksdb_db_checkpoint(db, copy, &what), &what);
    require(rocksdb_db_checkpoint(db, copy, &what) == ERR_EXISTS);
    db_must(db_put_range(db, 0, 400, 1, 9, false, &what), &what);
    db_must(rocksdb_db_compact(db, true, &work, &what), &what);
    struct rocksdb_db *second = db_open(disk, copy, NULL);
    db_is(second, &before);
    db_must(db_put_range(second, 0, 10, 1, 5, false, &what), &what);
    rocksdb_db_close(db);
    db = db_open(disk, path, NULL);
    struct db_row row = db_row(5, 9);
    db_get_is(db, row.key, row.value);
    rocksdb_db_close(second);
    rocksdb_db_close(db);
    buf_free(&before);
}

/* Merging changes no row, and leaves one file; what the MANIFEST says of each file is true. */
static inline void
db_check_files(const struct disk_port *disk, struct rocksdb_db *db, const char *);
static inline void db_case_compact(const struct disk_port *disk, const char *root)
{
    char path[DB_PATH];
    struct rocksdb_what what;
    struct rocksdb_work work = {0};
    struct buf expected = {0};
    struct arena arena = {0};
    struct rocksdb_file *files = NULL;
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%s/compact", root);
    db_make_directory(disk, path);
    struct rocksdb_db *db = db_open(disk, path, NULL);
    db_must(rocksdb_db_compact(db, true, &work, &what), &what);
    db_must(rocksdb_db_compact(db, false, &work, &what), &what);
    for (int version = 0; version < 40; version++) {
        db_must(db_put_range(db, version % 7, 200, 1 + version % 5, version, true, &what), &what);
        buf_clear(&expected);
        db_must(db_dump(db, 50, &expected, &what), &what);
        db_must(rocksdb_db_compact(db, version % 10 == 9, &work, &what), &what);
        db_is(db, &expected);
        arena_reset(&arena);
        db_must(rocksdb_db_files(db, &arena, &files, &count, &what), &what);
        require(count <= 8);
        require(version % 10 != 9 || count == 1);
        db_check_files(disk, db, path);
    }
    rocksdb_db_close(db);
    db = db_open(disk, path, NULL);
    db_is(db, &expected);
    db_check_files(disk, db, path);
    rocksdb_db_close(db);
    buf_free(&expected);
    arena_free(&arena);
}

static inline void db_read_file(const struct disk_port *disk, const char *path, struct buf *out)
{
    disk_fd fd = -1;
    size_t got = 1;
    buf_clear(out);
    require(disk_open(disk, path, DISK_READ, &fd) == OK);
    while (got > 0) {
        char part[4096];
        require(disk_read(disk, fd, out->size, part, sizeof part, &got) == OK);
        buf_append(out, part, got);
    }
    require(disk_close(disk, fd) == OK);
}

static inline void
db_check_files(const struct disk_port *disk, struct rocksdb_db *db, const char *directory)
{
    struct rocksdb_what what;
    struct arena arena = {0};
    struct rocksdb_file *files = NULL;
    size_t count = 0;
    struct buf content = {0};
    db_must(rocksdb_db_files(db, &arena, &files, &count, &what), &what);
    for (size_t i = 0; i < count; i++) {
        char *path = arena_printf(&arena, "%s/%s", directory, files[i].name);
        db_read_file(disk, path, &content);
        require(content.size == (size_t)files[i].size);
        require(files[i].has_checksum);
        require(files[i].crc32c == rocksdb_crc32c(buf_bytes(&content)));
        require(i == 0 || strcmp(files[i - 1].name, files[i].name) < 0);
    }
    buf_free(&content);
    arena_free(&arena);
}

/* Files of several MiB, larger than what is written at once: rows that do not compress. */
static inline void db_case_large(const struct disk_port *disk, const char *root)
{
    enum { LARGE_ROWS = 3000, LARGE_VALUE = 1000, LARGE_KEY = 16 };
    char path[DB_PATH];
    struct rocksdb_what what;
    struct rocksdb_work work = {0};
    struct arena arena = {0};
    uint32_t number = 1;
    (void)snprintf(path, sizeof path, "%s/large", root);
    db_make_directory(disk, path);
    struct rocksdb_change *changes = arena_alloc(&arena, LARGE_ROWS * sizeof *changes);
    for (int i = 0; i < LARGE_ROWS; i++) {
        char *key = arena_alloc(&arena, LARGE_KEY);
        uint8_t *value = arena_alloc(&arena, LARGE_VALUE);
        (void)snprintf(key, LARGE_KEY, "key %06d", i);
        for (int j = 0; j < LARGE_VALUE; j++) {
            number = number * 1664525 + 1013904223;
            value[j] = (uint8_t)(number >> 24);
        }
        changes[i] = (struct rocksdb_change){bytes_of_text(key), bytes_of(value, LARGE_VALUE)};
    }
    struct rocksdb_db *db = db_open(disk, path, NULL);
    db_must(rocksdb_db_write(db, changes, LARGE_ROWS, &work, &what), &what);
    db_must(db_put_range(db, 0, LARGE_ROWS, 500, 1, false, &what), &what);
    for (int merged = 0; merged < 2; merged++) {
        for (int i = 1; i < LARGE_ROWS; i += 37) {
            struct bytes value;
            db_must(rocksdb_db_get(db, changes[i].key, &value, &what), &what);
            require(i % 500 == 0 || bytes_equal(value, changes[i].value));
        }
        db_check_files(disk, db, path);
        db_must(rocksdb_db_compact(db, true, &work, &what), &what);
    }
    rocksdb_db_close(db);
    arena_free(&arena);
}

static const struct {
    const char *name;
    void (*run)(const struct disk_port *disk, const char *root);
} db_cases[] = {
    {"rows", db_case_rows},
    {"bytes", db_case_bytes},
    {"checkpoint", db_case_checkpoint},
    {"compact", db_case_compact},
    {"large", db_case_large},
};
enum { DB_CASES = sizeof db_cases / sizeof db_cases[0] };

#endif
