/* RocksDB snapshots of checks_files_test_world.h's history: SST files first, the zip last; for
 * tests. */
#ifndef SIM_CHECK_CHECKS_ZIPS_TEST_WORLD_H
#define SIM_CHECK_CHECKS_ZIPS_TEST_WORLD_H

#include "engine/state/disk_memory.h"
#include "engine/state/rocksdb_db.h"
#include "engine/state/rocksdb_snapshot.h"
#include "sim/check/checks_files_test_world.h"

static struct bytes versioned(struct life *life, struct bytes row)
{
    uint8_t *copy = arena_alloc(&life->arena, row.size + 1);
    memcpy(copy + 1, row.data, row.size);
    return bytes_of(copy, row.size + 1);
}

static int by_key(const void *a, const void *b)
{
    return bytes_compare(((const struct rocksdb_change *)a)->key,
                         ((const struct rocksdb_change *)b)->key);
}

static void add_row(struct life *life,
                    struct rocksdb_change *rows,
                    size_t *count,
                    int start,
                    int64_t partition,
                    int64_t n)
{
    struct bytes key;
    uint8_t value[16] = {[8] = (uint8_t)n};
    if (here(life, start, partition, false, &key)) {
        rows[(*count)++] = (struct rocksdb_change){versioned(life, key),
                                                   versioned(life, bytes_of(value, sizeof value))};
    }
}

/* The rows of a partition after `batch`, but for what is wrong in it. */
static size_t
rows_after(struct life *life, int64_t batch, int64_t partition, struct rocksdb_change *rows)
{
    size_t count = 0;
    for (int i = 0; facts[batch].state[i] >= 0; i++) {
        int start = facts[batch].state[i];
        if (!is_wrong(wrong.not_put, start, batch)) {
            add_row(life,
                    rows,
                    &count,
                    start,
                    partition,
                    is_wrong(wrong.other_count, start, batch) ? 6 : 5);
        }
    }
    if (wrong.batch == batch && wrong.not_removed > 0) {
        add_row(life, rows, &count, wrong.not_removed - 1, partition, 5);
    }
    if (wrong.batch == batch && wrong.extra > 0) {
        add_row(life, rows, &count, wrong.extra - 1, partition, 5);
    }
    qsort(rows, count, sizeof *rows, by_key);
    return count;
}

static struct bytes read_whole(struct life *life, const struct disk_port *port, const char *path)
{
    disk_fd fd;
    uint64_t size = 0;
    size_t got = 0;
    cr_assert(eq(int, disk_open(port, path, DISK_READ, &fd), OK));
    cr_assert(eq(int, disk_size(port, fd, &size), OK));
    uint8_t *data = arena_alloc(&life->arena, size + 1);
    for (size_t at = 0; at < size; at += got) {
        cr_assert(eq(int, disk_read(port, fd, at, data + at, size - at, &got), OK));
    }
    cr_assert(eq(int, disk_close(port, fd), OK));
    return bytes_of(data, size);
}

/* A database of these rows, made and checkpointed on a disk in memory. */
static void make_database(struct disk_memory *disk, const struct rocksdb_change *rows, size_t count)
{
    static const struct rocksdb_options options = {
        .block_size = 4096, .max_open_files = -1, .format_version = 5, .compress = true};
    struct rocksdb_cache *cache = rocksdb_cache_new(1 << 20);
    struct rocksdb_db *db = NULL;
    struct rocksdb_what what = {""};
    struct rocksdb_work work = {0};
    const struct disk_port *port = disk_memory_port(disk);
    cr_assert(eq(int, disk_mkdir(port, "/db"), OK));
    enum status status = rocksdb_db_open(port, "/db", &options, cache, &db, &what);
    cr_assert(eq(int, status, OK), "%s", what.text);
    status = rocksdb_db_write(db, rows, count, &work, &what);
    cr_assert(eq(int, status, OK), "%s", what.text);
    status = rocksdb_db_checkpoint(db, "/checkpoint", &what);
    cr_assert(eq(int, status, OK), "%s", what.text);
    rocksdb_db_close(db);
    rocksdb_cache_free(cache);
}

static const char *sst_path(struct life *life, int64_t partition, int64_t version)
{
    return arena_printf(&life->arena,
                        "%s/state/0/%lld/SSTs/000008-%lld.sst",
                        life->checkpoint,
                        (long long)partition,
                        (long long)version);
}

static void put_sst(struct life *life, int64_t partition, int64_t version, struct bytes content)
{
    const char *path = sst_path(life, partition, version);
    if (wrong.batch != version - 1 || wrong.sst == SST_GOOD) {
        put(life, path, content);
    } else if (wrong.sst == SST_UNSYNCED) {
        put(life, arena_printf(&life->arena, "%s.other", path), content);
        write_unsynced(life, path, content);
    } else if (wrong.sst == SST_GARBLED) {
        ((uint8_t *)(uintptr_t)content.data)[content.size / 8] ^= 1;
        put(life, path, content);
    } else if (wrong.sst == SST_GARBLED_ELSEWHERE) { /* where no row is */
        ((uint8_t *)(uintptr_t)content.data)[content.size / 2] ^= 1;
        put(life, path, content);
    }
}

static void write_without_close(struct life *life, const char *path, struct bytes content)
{
    const struct disk_port *disk = &life->ports->disk;
    disk_fd fd;
    size_t written = 0;
    cr_assert(eq(int, disk_open(disk, path, DISK_CREATE_NEW, &fd), OK));
    cr_assert(eq(int, disk_write(disk, fd, content.data, content.size, &written), OK));
    cr_assert(eq(int, disk_fsync(disk, fd), OK));
    put(life, arena_printf(&life->arena, "%s.beside", path), content); /* the name is synced */
}

static void write_zip(struct life *life, int64_t partition, int64_t version)
{
    struct rocksdb_change rows[8];
    size_t count = rows_after(life, version - 1, partition, rows);
    struct disk_memory *disk = disk_memory_new();
    make_database(disk, rows, count);
    struct rocksdb_snapshot snapshot = {.key_count = (int64_t)count};
    struct rocksdb_small_file files[8];
    struct rocksdb_sst ssts[1];
    snapshot.files = files;
    snapshot.ssts = ssts;
    struct disk_entry *entries = NULL;
    size_t entry_count = 0;
    const struct disk_port *port = disk_memory_port(disk);
    cr_assert(eq(int, disk_list(port, "/checkpoint", &life->arena, &entries, &entry_count), OK));
    for (size_t i = 0; i < entry_count; i++) {
        const char *name = entries[i].name;
        const char *path = arena_printf(&life->arena, "/checkpoint/%s", name);
        struct bytes content = read_whole(life, port, path);
        if (strstr(name, ".sst") != NULL) {
            const char *dfs = strrchr(sst_path(life, partition, version), '/') + 1;
            cr_assert(eq(sz, snapshot.sst_count, 0));
            ssts[snapshot.sst_count++] = (struct rocksdb_sst){name, dfs, (int64_t)content.size};
            put_sst(life, partition, version, content);
        } else {
            files[snapshot.file_count++] = (struct rocksdb_small_file){name, content};
        }
    }
    struct buf archive = {0};
    rocksdb_snapshot_encode(&snapshot, &archive);
    bool here_now = wrong.batch == version - 1;
    bool half = here_now && (wrong.torn || wrong.unclosed);
    struct bytes file = bytes_of(arena_copy(&life->arena, archive.data, archive.size),
                                 half ? archive.size / 2 : archive.size);
    const char *path = state_path(life, partition, version, "zip");
    if (here_now && wrong.unclosed) {
        write_without_close(life, path, file);
    } else {
        put(life, path, file);
    }
    buf_free(&archive);
    disk_memory_free(disk);
}

#endif
