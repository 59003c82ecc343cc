/* The checks' reader of RocksDB files against the library itself: databases of random changes, with
 * and without compaction and compression, are read row by row as they were written. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/buf.h"
#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/state/disk_memory.h"
#include "engine/state/rocksdb_db.h"
#include "engine/state/rocksdb_snapshot.h"
#include "sim/check/state_zip.h"

enum { KEYS = 300, VALUE_MAX = 400, ROUNDS = 12 };

static struct arena arena;
static struct disk_memory *disk;
static struct rocksdb_what what;
static uint64_t values[KEYS]; /* 0: not there */
static uint64_t seed;

static uint64_t draw(uint64_t n, uint64_t count)
{
    return hash_mix64(seed * 1000003 + n) % count;
}

/* Spark's rows: the byte 0, then the row. */
static struct bytes row(uint64_t content, size_t size)
{
    uint8_t *data = arena_alloc(&arena, size + 17);
    int used = snprintf((char *)data + 1, 16, "%010llu", (unsigned long long)(content % 10000000));
    for (size_t i = 1 + (size_t)used; i < size + 11; i++) {
        data[i] = (uint8_t)(content >> (i % 8)); /* compresses, but not to nothing */
    }
    return bytes_of(data, size + 11);
}

static struct bytes value_row(uint64_t content)
{
    return row(content, content % VALUE_MAX);
}

static void change(struct rocksdb_db *db, uint64_t round)
{
    struct rocksdb_change *changes = arena_alloc(&arena, KEYS * sizeof *changes);
    struct rocksdb_work work = {0};
    size_t count = 0;
    for (uint64_t key = 0; key < KEYS; key++) {
        uint64_t n = round * KEYS + key;
        if (draw(n, 4) != 0) {
            continue;
        }
        values[key] = draw(n + 7, 5) == 0 ? 0 : hash_mix64(n + seed) | 1;
        changes[count++] = (struct rocksdb_change){
            .key = row(key, 0),
            .value = values[key] == 0 ? bytes_of(NULL, 0) : value_row(values[key])};
    }
    enum status status = rocksdb_db_write(db, changes, count, &work, &what);
    cr_assert(eq(int, status, OK), "%s", what.text);
}

static struct bytes content_of(const char *directory, const char *name)
{
    const struct disk_port *port = disk_memory_port(disk);
    const char *path = arena_printf(&arena, "%s/%s", directory, name);
    disk_fd fd;
    uint64_t size = 0;
    size_t got = 0;
    if (disk_open(port, path, DISK_READ, &fd) != OK) {
        return bytes_of(NULL, 0);
    }
    cr_assert(eq(int, disk_size(port, fd, &size), OK));
    uint8_t *data = arena_alloc(&arena, size + 1);
    for (size_t at = 0; at < size; at += got) {
        cr_assert(eq(int, disk_read(port, fd, at, data + at, size - at, &got), OK));
    }
    cr_assert(eq(int, disk_close(port, fd), OK));
    return bytes_of(data, size);
}

/* The checkpoint in `directory` as the engine archives it; SST files keep their names. */
static void archive(const char *directory, int64_t keys, struct buf *out)
{
    struct rocksdb_snapshot snapshot = {.key_count = keys};
    struct disk_entry *entries = NULL;
    size_t count = 0;
    enum status status = disk_list(disk_memory_port(disk), directory, &arena, &entries, &count);
    cr_assert(eq(int, status, OK));
    snapshot.ssts = arena_alloc(&arena, (count + 1) * sizeof *snapshot.ssts);
    snapshot.files = arena_alloc(&arena, (count + 1) * sizeof *snapshot.files);
    for (size_t i = 0; i < count; i++) {
        const char *name = entries[i].name;
        struct bytes content = content_of(directory, name);
        if (strstr(name, ".sst") != NULL) {
            snapshot.ssts[snapshot.sst_count++] =
                (struct rocksdb_sst){name, name, (int64_t)content.size};
        } else {
            snapshot.files[snapshot.file_count++] = (struct rocksdb_small_file){name, content};
        }
    }
    rocksdb_snapshot_encode(&snapshot, out);
}

static bool look(void *context, const char *name, struct bytes *content)
{
    *content = content_of(context, name);
    return content->data != NULL;
}

static void compare(char *directory)
{
    int64_t expected = 0;
    for (uint64_t key = 0; key < KEYS; key++) {
        expected += values[key] != 0;
    }
    struct buf file = {0};
    struct state_zip zip;
    struct state_records rows = {.count = 0};
    archive(directory, expected, &file);
    const char *error = state_zip_read(buf_bytes(&file), &arena, &zip);
    cr_assert(error == NULL, "%s", error);
    error = state_zip_rows(&zip, look, directory, &arena, &rows);
    cr_assert(error == NULL, "%s: %s", directory, error);
    cr_assert(eq(sz, rows.count, (size_t)expected));
    size_t at = 0;
    for (uint64_t key = 0; key < KEYS; key++) {
        if (values[key] != 0) {
            struct bytes key_row = row(key, 0);
            struct bytes expected_row = value_row(values[key]);
            struct state_record *found = &rows.records[at++];
            cr_assert(bytes_equal(found->key, bytes_of(key_row.data + 1, key_row.size - 1)));
            cr_assert(
                bytes_equal(found->value, bytes_of(expected_row.data + 1, expected_row.size - 1)));
        }
    }
    buf_free(&file);
}

static void one_database(bool compress)
{
    const struct rocksdb_options options = {
        .block_size = 512, .max_open_files = -1, .format_version = 5, .compress = compress};
    struct rocksdb_cache *cache = rocksdb_cache_new(1 << 20);
    struct rocksdb_db *db = NULL;
    struct rocksdb_work work = {0};
    disk = disk_memory_new();
    memset(values, 0, sizeof values);
    cr_assert(eq(int, disk_mkdir(disk_memory_port(disk), "/db"), OK));
    enum status status =
        rocksdb_db_open(disk_memory_port(disk), "/db", &options, cache, &db, &what);
    cr_assert(eq(int, status, OK), "%s", what.text);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        change(db, round);
        if (draw(round + 77777, 3) == 0) {
            status = rocksdb_db_compact(db, draw(round + 88888, 2) == 0, &work, &what);
            cr_assert(eq(int, status, OK), "%s", what.text);
        }
        char *directory = arena_printf(&arena, "/checkpoint-%llu", (unsigned long long)round);
        status = rocksdb_db_checkpoint(db, directory, &what);
        cr_assert(eq(int, status, OK), "%s", what.text);
        compare(directory);
    }
    rocksdb_db_close(db);
    rocksdb_cache_free(cache);
    disk_memory_free(disk);
    arena_free(&arena);
}

Test(state_zip_engine, reads_what_rocksdb_writes, .timeout = 120)
{
    for (seed = 1; seed <= 20; seed++) {
        one_database(seed % 2 == 0);
    }
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
