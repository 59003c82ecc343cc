/* A checkpoint of RocksDB state in memory, made as the provider makes it, for tests that read one
 * and break one. */
#ifndef ENGINE_STATE_ROCKSDB_WORLD_TEST_H
#define ENGINE_STATE_ROCKSDB_WORLD_TEST_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <inttypes.h>

#include "engine/base/document.h"
#include "engine/base/process.h"
#include "engine/exec/unsafe_row.h"
#include "engine/shuffle/partition.h"
#include "engine/state/disk_memory.h"
#include "engine/state/rocksdb_db.h"
#include "engine/state/rocksdb_read.h"
#include "engine/state/state_file.h"

static const struct field world_key_fields[] = {{"id", TYPE_LONG, NULL}};
static const struct field world_value_fields[] = {{"count", TYPE_LONG, NULL}};
static const struct schema world_key = {world_key_fields, 1};
static const struct schema world_value = {world_value_fields, 1};

struct rocksdb_world {
    struct arena arena;
    struct disk_memory *disk; /* the shared store */
    struct ports ports;
    struct store *store;
    struct disk_memory *local;
    struct rocksdb_cache *cache;
    struct rocksdb_db *db;
    const char *directory;
    struct state_map *pending; /* a value of no bytes: a remove */
    struct state_map *expected;
    int checkpoints;
};

/* Key or value: the byte 00 and a row of one long. */
static inline struct bytes world_row(struct rocksdb_world *world, int64_t number)
{
    struct cell cell = {.present = true, .as.number = number};
    struct buf row = {0};
    buf_byte(&row, 0);
    unsafe_row_encode(&world_key, &cell, &row);
    struct bytes kept = bytes_of(arena_copy(&world->arena, row.data, row.size), row.size);
    buf_free(&row);
    return kept;
}

static inline void rocksdb_world_new(struct rocksdb_world *world, const char *directory)
{
    static const struct rocksdb_options options = {
        .block_size = 4096, .max_open_files = -1, .format_version = 5, .compress = true};
    struct rocksdb_what what = {0};
    document_setup();
    *world = (struct rocksdb_world){.disk = disk_memory_new(),
                                    .local = disk_memory_new(),
                                    .directory = directory,
                                    .cache = rocksdb_cache_new(1 << 20),
                                    .pending = state_map_new(),
                                    .expected = state_map_new()};
    world->ports = (struct ports){.disk = *disk_memory_port(world->disk)};
    world->store = store_new(&world->ports, STORE_DISK);
    cr_assert(eq(int, disk_mkdir(disk_memory_port(world->local), "/local"), OK));
    cr_assert(eq(int, disk_mkdir(disk_memory_port(world->local), "/local/db"), OK));
    enum status status = rocksdb_db_open(
        disk_memory_port(world->local), "/local/db", &options, world->cache, &world->db, &what);
    cr_assert(eq(int, status, OK), "%s", what.text);
}

static inline void rocksdb_world_close(struct rocksdb_world *world)
{
    rocksdb_db_close(world->db);
    rocksdb_cache_free(world->cache);
    state_map_free(world->pending);
    state_map_free(world->expected);
    disk_memory_free(world->disk);
    disk_memory_free(world->local);
    heap_free(world->store);
    arena_free(&world->arena);
}

static inline void rocksdb_world_free(struct rocksdb_world *world)
{
    rocksdb_world_close(world);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

static inline void world_put(struct rocksdb_world *world, int64_t key, int64_t value)
{
    struct bytes row = world_row(world, key);
    struct bytes content = world_row(world, value);
    state_map_put(world->pending, row, content);
    state_map_put(world->expected,
                  bytes_of(row.data + 1, row.size - 1),
                  bytes_of(content.data + 1, content.size - 1));
}

static inline void world_remove(struct rocksdb_world *world, int64_t key)
{
    struct bytes row = world_row(world, key);
    state_map_put(world->pending, row, bytes_of("", 0));
    (void)state_map_remove(world->expected, bytes_of(row.data + 1, row.size - 1));
}

static inline const char *
world_path(struct rocksdb_world *world, struct rocksdb_named at, enum state_file_kind kind)
{
    return rocksdb_named_path(&world->arena, world->directory, at, kind);
}

/* What is pending as <version>.changelog; with an id, in format 3 behind this lineage. */
static inline void
world_changelog(struct rocksdb_world *world, struct rocksdb_named at, const char *lineage)
{
    const struct state_pair *pairs = state_map_sorted(world->pending, &world->arena);
    struct buf records = {0};
    struct buf file = {0};
    if (at.id != NULL) {
        size_t size = strlen(lineage);
        buf_append(&records, "\0\2v3", 4);
        buf_byte(&records, (uint8_t)(size >> 8));
        buf_byte(&records, (uint8_t)size);
        buf_text(&records, lineage);
    }
    for (int64_t i = 0; i < state_map_count(world->pending); i++) {
        bool removed = pairs[i].value.size == 0;
        state_file_record(&records, pairs[i].key, removed ? (struct bytes){0} : pairs[i].value);
    }
    state_file_finish(&records, &file);
    disk_memory_put(world->disk, world_path(world, at, STATE_CHANGELOG), buf_bytes(&file));
    buf_free(&records);
    buf_free(&file);
}

/* What is pending goes into the database. */
static inline void world_flush(struct rocksdb_world *world)
{
    const struct state_pair *pairs = state_map_sorted(world->pending, &world->arena);
    size_t count = (size_t)state_map_count(world->pending);
    struct rocksdb_change *changes = arena_alloc(&world->arena, count * sizeof *changes);
    struct rocksdb_work work = {0};
    struct rocksdb_what what = {0};
    for (size_t i = 0; i < count; i++) {
        changes[i] = (struct rocksdb_change){.key = pairs[i].key};
        if (pairs[i].value.size > 0) {
            changes[i].value = pairs[i].value;
        }
    }
    enum status status = rocksdb_db_write(world->db, changes, count, &work, &what);
    cr_assert(eq(int, status, OK), "%s", what.text);
    state_map_free(world->pending);
    world->pending = state_map_new();
}

static inline struct bytes
world_read(struct rocksdb_world *world, struct disk_memory *disk, const char *path)
{
    const struct disk_port *port = disk_memory_port(disk);
    disk_fd fd = -1;
    uint64_t size = 0;
    size_t got = 0;
    cr_assert(eq(int, disk_open(port, path, DISK_READ, &fd), OK), "%s", path);
    cr_assert(eq(int, disk_size(port, fd, &size), OK));
    uint8_t *content = arena_alloc(&world->arena, size + 1);
    cr_assert(eq(int, disk_read(port, fd, 0, content, size, &got), OK));
    cr_assert(eq(int, disk_close(port, fd), OK));
    return bytes_of(content, size);
}

/* The database as it is now, ready to be changed by a test before world_put_zip. */
static inline struct rocksdb_snapshot world_snapshot(struct rocksdb_world *world)
{
    struct arena *arena = &world->arena;
    struct rocksdb_what what = {0};
    struct rocksdb_file *files = NULL;
    struct disk_entry *entries = NULL;
    size_t count = 0;
    struct rocksdb_snapshot snapshot = {.key_count = state_map_count(world->expected)};
    const char *copy = arena_printf(arena, "/local/%d", ++world->checkpoints);
    cr_assert(eq(int, rocksdb_db_checkpoint(world->db, copy, &what), OK), "%s", what.text);
    cr_assert(eq(int, rocksdb_db_files(world->db, arena, &files, &count, &what), OK));
    snapshot.ssts = arena_alloc(arena, count * sizeof *snapshot.ssts);
    for (size_t i = 0; i < count; i++) {
        const char *name = arena_printf(arena,
                                        "%.*s-76d123c4-8ad7-4365-9c6a-632d352f04a3.sst",
                                        (int)(strlen(files[i].name) - 4),
                                        files[i].name);
        const char *path = arena_printf(arena, "%s/SSTs/%s", world->directory, name);
        struct bytes content =
            world_read(world, world->local, arena_printf(arena, "%s/%s", copy, files[i].name));
        cr_assert(eq(u64, content.size, (uint64_t)files[i].size));
        cr_assert(files[i].has_checksum);
        disk_memory_put(world->disk, path, content);
        snapshot.ssts[snapshot.sst_count++] =
            (struct rocksdb_sst){.local_name = files[i].name, .dfs_name = name, files[i].size};
    }
    cr_assert(
        eq(int, disk_list(disk_memory_port(world->local), copy, arena, &entries, &count), OK));
    snapshot.files = arena_alloc(arena, count * sizeof *snapshot.files);
    for (size_t i = 0; i < count; i++) {
        if (strstr(entries[i].name, ".sst") == NULL) {
            snapshot.files[snapshot.file_count++] = (struct rocksdb_small_file){
                .name = entries[i].name,
                .content = world_read(
                    world, world->local, arena_printf(arena, "%s/%s", copy, entries[i].name))};
        }
    }
    return snapshot;
}

static inline void world_put_zip(struct rocksdb_world *world,
                                 struct rocksdb_named at,
                                 const struct rocksdb_snapshot *snapshot)
{
    struct buf file = {0};
    rocksdb_snapshot_encode(snapshot, &file);
    disk_memory_put(world->disk, world_path(world, at, STATE_ZIP), buf_bytes(&file));
    buf_free(&file);
}

/* Five versions, numbers in format 1: zips of 2 and 4, changelogs of all. Version v puts the keys
 * 10 v to 10 v + 9 and the key 0, and removes the key 10 (v - 1). Returns the zip of 4. */
static inline struct rocksdb_snapshot world_fill(struct rocksdb_world *world)
{
    struct rocksdb_snapshot snapshot = {0};
    for (int64_t version = 1; version <= 5; version++) {
        const struct rocksdb_named at = {.version = version};
        for (int64_t i = 0; i < 10; i++) {
            world_put(world, version * 10 + i, version);
        }
        world_put(world, 0, version);
        if (version > 1) {
            world_remove(world, (version - 1) * 10);
        }
        world_changelog(world, at, "");
        world_flush(world);
        if (version % 2 == 0) {
            snapshot = world_snapshot(world);
            world_put_zip(world, at, &snapshot);
        }
    }
    return snapshot;
}

#endif
