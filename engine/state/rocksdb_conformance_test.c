#define _XOPEN_SOURCE 700 /* nftw */
/* RocksDB state that a real Spark wrote: the golden checkpoints of Spark's own tests, when the
 * fixtures stand beside the project. Each is copied into a disk in memory and audited: rules A10 to
 * A16 find nothing. What was looked at is counted, so that nothing is silent by being skipped. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <ftw.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/document.h"
#include "engine/state/disk_memory.h"
#include "engine/state/golden_test_world.h"
#include "engine/state/rocksdb_read.h"
#include "engine/state/state_audit.h"
#include "engine/state/state_schema.h"

enum { CHECKPOINTS_MAX = 64, VERSIONS_MAX = 16 };

static struct arena arena;
static struct disk_memory *disk;
static char *checkpoints[CHECKPOINTS_MAX];
static size_t checkpoint_count;
static struct {
    size_t zips;
    size_t ssts;
    size_t changelogs[5]; /* by format */
    size_t lineages;
    size_t databases; /* with rows */
    int64_t keys;     /* counted in them */
    size_t stores;    /* of partitions */
    int64_t versions;
    int64_t compared;
    int64_t newest_rows;
    int64_t rows; /* against their schema, and their partition where it follows from the key */
} seen;

/* ---- files ---- */

static int note_checkpoint(const char *path, const struct stat *status, int type, struct FTW *at)
{
    const char *end = strrchr(path, '/');
    bool zip = type == FTW_F && strlen(path) > 4 && strcmp(path + strlen(path) - 4, ".zip") == 0;
    const char *state = zip ? strstr(path, "/state/") : NULL;
    if (state == NULL) {
        return end == NULL;
    }
    char *checkpoint = arena_copy(&arena, path, (size_t)(state - path));
    for (size_t i = 0; i < checkpoint_count; i++) {
        if (strcmp(checkpoints[i], checkpoint) == 0) {
            return 0;
        }
    }
    cr_assert(lt(sz, checkpoint_count, CHECKPOINTS_MAX));
    checkpoints[checkpoint_count++] = checkpoint;
    return status == NULL;
}

static int copy_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
    if (type == FTW_F) {
        disk_memory_put(disk, path, golden_file(&arena, path));
    }
    return status == NULL;
}

static json_t *json_behind_version_line(const char *path)
{
    struct bytes file = golden_file(&arena, path);
    const char *line = file.data == NULL ? NULL : memchr(file.data, '\n', file.size);
    if (line == NULL) {
        return NULL;
    }
    size_t skip = (size_t)((const uint8_t *)line - file.data) + 1;
    return json_loadb((const char *)file.data + skip, file.size - skip, 0, NULL);
}

/* ---- one store of one partition ---- */

static enum status count_record(void *context, const struct changelog_record *record)
{
    return context == NULL ? OK : ERR_FAILED;
}

/* Every file of the directory on its own. */
static void count_files(struct store *store, const char *directory)
{
    struct store_entry *entries = NULL;
    size_t count = 0;
    const struct rocksdb_reader reader = {.store = store, .directory = directory, .arena = &arena};
    cr_assert(eq(int, store_list(store, directory, &arena, &entries, &count), OK));
    for (size_t i = 0; i < count; i++) {
        struct rocksdb_named at;
        enum state_file_kind kind;
        struct rocksdb_fault fault = {0};
        struct rocksdb_snapshot snapshot;
        struct changelog changelog;
        struct bytes file;
        const char *what = NULL;
        if (!rocksdb_named_of(&arena, entries[i].name, &at, &kind)) {
            continue;
        }
        if (kind == STATE_CHANGELOG) {
            const char *path = store_path(&arena, directory, entries[i].name);
            cr_assert(eq(int, store_get(store, path, &arena, &file), OK));
            enum status status =
                changelog_read(file, &arena, &changelog, count_record, NULL, &what);
            cr_assert(eq(int, status, OK), "%s: %s", path, what);
            seen.changelogs[changelog.format]++;
            seen.lineages += changelog.lineage_count > 0;
            continue;
        }
        struct state_map *map = state_map_new();
        enum status status = rocksdb_read_archive(&reader, at, &snapshot, &fault);
        if (status == OK) {
            status = rocksdb_read_database(&reader, at, &snapshot, map, &fault);
        }
        cr_assert(eq(int, status, OK), "%s: %s", fault.path, fault.what);
        cr_assert(eq(i64, snapshot.key_count, state_map_count(map)), "%s", entries[i].name);
        seen.zips++;
        seen.ssts += snapshot.sst_count;
        seen.databases += snapshot.key_count > 0;
        seen.keys += snapshot.key_count;
        state_map_free(map);
    }
}

/* The newest version by its own files: an id is all that is known of where it stands. */
static void read_newest(struct store *store, const char *directory, struct rocksdb_named at)
{
    const struct rocksdb_reader reader = {.store = store, .directory = directory, .arena = &arena};
    struct state_map *map = state_map_new();
    struct rocksdb_content content;
    struct rocksdb_fault fault;
    enum status status = rocksdb_read(&reader, at, map, &content, &fault);
    cr_assert(eq(int, status, OK), "%s: %s", fault.path, fault.what);
    cr_assert(eq(int, content.passed_over.status, OK));
    cr_assert(eq(i64, content.snapshot + content.changelogs, at.version));
    seen.newest_rows += state_map_count(map);
    state_map_free(map);
}

static bool schema_of(struct store *store,
                      const char *directory, /* of partition 0 */
                      struct schema *key,
                      struct schema *value)
{
    struct bytes file;
    struct bytes texts[2];
    const char *types[2];
    const char *path = store_path(&arena, directory, "_metadata/schema");
    if (store_get(store, path, &arena, &file) != OK) {
        return false;
    }
    cr_assert(eq(int, state_schema_read(file, &arena, &texts[0], &texts[1]), OK));
    cr_assert(eq(int, state_schema_json_types(texts[0], &arena, &types[0]), OK));
    cr_assert(eq(int, state_schema_json_types(texts[1], &arena, &types[1]), OK));
    return state_schema_of_types(types[0], &arena, key) &&
           state_schema_of_types(types[1], &arena, value);
}

static void audit_store(struct state_audit *audit, const char *checkpoint, const char *name)
{
    struct schema key;
    struct schema value;
    bool plain = strcmp(name, "default") == 0;
    const char *zero =
        arena_printf(&arena, "%s/state/0/0%s%s", checkpoint, plain ? "" : "/", plain ? "" : name);
    audit->store_name = plain ? NULL : name;
    if (schema_of(audit->store, zero, &key, &value)) {
        audit->key = &key;
        audit->value = &value;
        /* A limit has one row in one partition; an index stands behind a join's keys. */
        audit->hashed = strstr(checkpoint, "/limit") != NULL          ? 0
                        : strstr(name, "keyWithIndexToValue") != NULL ? key.count - 1
                                                                      : key.count;
    }
    for (int64_t partition = 0; partition < audit->partitions; partition++) {
        struct state_findings findings = {.arena = &arena};
        state_audit_partition(audit, partition, &findings);
        for (size_t i = 0; i < findings.count; i++) {
            cr_assert(false,
                      "%s %s: %s",
                      state_rule_name(findings.items[i].rule),
                      findings.items[i].file,
                      findings.items[i].text);
        }
        const char *directory = arena_printf(&arena,
                                             "%s/state/0/%d%s%s",
                                             checkpoint,
                                             (int)partition,
                                             plain ? "" : "/",
                                             plain ? "" : name);
        count_files(audit->store, directory);
        int64_t last = (audit->newest - 1) * audit->partitions + partition;
        read_newest(audit->store,
                    directory,
                    (struct rocksdb_named){.version = audit->newest,
                                           .id = audit->ids == NULL ? NULL : audit->ids[last]});
        seen.stores++;
        seen.versions += findings.versions;
        seen.compared += findings.compared;
        seen.rows += findings.rows;
    }
    audit->key = NULL;
    audit->value = NULL;
}

/* ---- one checkpoint ---- */

static const char **ids_of(const char *checkpoint, int64_t newest, int64_t partitions, size_t store)
{
    const char **ids = arena_alloc(&arena, (size_t)(newest * partitions) * sizeof *ids);
    for (int64_t batch = 0; batch < newest; batch++) {
        json_t *commit =
            json_behind_version_line(arena_printf(&arena, "%s/commits/%d", checkpoint, (int)batch));
        const json_t *all = json_object_get(json_object_get(commit, "stateUniqueIds"), "0");
        for (int64_t partition = 0; partition < partitions; partition++) {
            const char *id =
                json_string_value(json_array_get(json_array_get(all, (size_t)partition), store));
            cr_assert(ne(ptr, (void *)(uintptr_t)id, NULL));
            ids[batch * partitions + partition] = arena_strdup(&arena, id);
        }
        json_decref(commit);
    }
    return ids;
}

static void check_checkpoint(struct store *store, const char *checkpoint)
{
    int64_t newest = 0;
    while (access(arena_printf(&arena, "%s/commits/%d", checkpoint, (int)newest), R_OK) == 0) {
        newest++;
    }
    cr_assert(ge(i64, newest, 2), "%s", checkpoint);
    struct state_audit audit = {.store = store,
                                .checkpoint = checkpoint,
                                .provider = STATE_PROVIDER_ROCKSDB,
                                .partitions = strstr(checkpoint, "/limit") == NULL ? 5 : 1,
                                .oldest = 1,
                                .newest = newest};
    bool ids = strstr(checkpoint, "checkpoint-v2") != NULL;
    json_t *metadata =
        json_behind_version_line(arena_printf(&arena, "%s/state/0/_metadata/metadata", checkpoint));
    json_t *stores = json_object_get(metadata, "stateStoreInfo");
    size_t count = metadata == NULL ? 1 : json_array_size(stores);
    for (size_t i = 0; i < count; i++) {
        const char *name =
            json_string_value(json_object_get(json_array_get(stores, i), "storeName"));
        audit.ids = ids ? ids_of(checkpoint, newest, audit.partitions, i) : NULL;
        audit_store(&audit, checkpoint, name == NULL ? "default" : arena_strdup(&arena, name));
    }
    json_decref(metadata);
}

Test(rocksdb_conformance, what_spark_wrote)
{
    document_setup();
    if (!golden_unpack()) {
        cr_skip("no " GOLDEN_TARBALL);
    }
    cr_assert(eq(int, nftw(golden_root, note_checkpoint, 16, FTW_PHYS), 0));
    for (size_t i = 0; i < checkpoint_count; i++) {
        disk = disk_memory_new();
        struct ports ports = {.disk = *disk_memory_port(disk)};
        cr_assert(eq(int, nftw(checkpoints[i], copy_one, 16, FTW_PHYS), 0));
        check_checkpoint(store_new(&ports, STORE_DISK), checkpoints[i]);
        disk_memory_free(disk);
    }
    golden_remove();
    arena_free(&arena);
    (void)printf("%zu checkpoints, %zu stores of a partition: %zu zips with %zu SST files (%zu "
                 "databases with rows, %" PRId64 " keys), changelogs v1 %zu, v2 %zu, v3 %zu, v4 "
                 "%zu (%zu with a lineage); %" PRId64 " versions put together, %" PRId64
                 " snapshots equal their replay, %" PRId64
                 " rows sound and in their partition, %" PRId64 " in the newest versions\n",
                 checkpoint_count,
                 seen.stores,
                 seen.zips,
                 seen.ssts,
                 seen.databases,
                 seen.keys,
                 seen.changelogs[1],
                 seen.changelogs[2],
                 seen.changelogs[3],
                 seen.changelogs[4],
                 seen.lineages,
                 seen.versions,
                 seen.compared,
                 seen.rows,
                 seen.newest_rows);
    cr_assert(eq(sz, seen.zips, 189));
    cr_assert(eq(sz, seen.ssts, 164));
    cr_assert(eq(sz, seen.changelogs[1], 224));
    cr_assert(eq(sz, seen.changelogs[2], 10));
    cr_assert(eq(sz, seen.changelogs[3], 224));
    cr_assert(eq(i64, seen.keys, 201));
    cr_assert(eq(i64, seen.versions, 458));
    cr_assert(eq(i64, seen.compared, 189));
    cr_assert(eq(i64, seen.rows, 258));
}

/* ---- what somebody damaged ---- */

struct outcome {
    size_t tried;
    size_t named; /* the file, and what is wrong with it */
};

static bool equal_maps(const struct state_map *a, const struct state_map *b)
{
    int64_t count = state_map_count(a);
    const struct state_pair *one = state_map_sorted(a, &arena);
    const struct state_pair *other = state_map_sorted(b, &arena);
    bool same = count == state_map_count(b);
    for (int64_t i = 0; same && i < count; i++) {
        same = bytes_equal(one[i].key, other[i].key) && bytes_equal(one[i].value, other[i].value);
    }
    return same;
}

/* One bit of each byte of a file in turn. */
static void damage(struct store *store,
                   const char *directory,
                   const char *path,
                   const struct state_map *expected,
                   struct outcome *outcome)
{
    struct arena kept = {0};
    struct bytes good;
    cr_assert(eq(int, store_get(store, path, &kept, &good), OK), "%s", path);
    for (size_t at = 0; at < good.size; at++) {
        const struct rocksdb_reader reader = {
            .store = store, .directory = directory, .arena = &arena};
        struct rocksdb_content content;
        struct rocksdb_fault fault;
        struct state_map *map = state_map_new();
        uint8_t *copy = arena_copy(&arena, good.data, good.size);
        copy[at] ^= (uint8_t)(1 << (at % 8));
        disk_memory_put(disk, path, bytes_of(copy, good.size));
        if (rocksdb_read(&reader, (struct rocksdb_named){.version = 4}, map, &content, &fault) ==
            OK) {
            cr_assert(equal_maps(map, expected), "a wrong row: %s, byte %zu", path, at);
        } else {
            cr_assert(eq(str, fault.path, path), "byte %zu: %s", at, fault.what);
            outcome->named++;
        }
        outcome->tried++;
        state_map_free(map);
        arena_reset(&arena);
    }
    disk_memory_put(disk, path, good);
    arena_free(&kept);
}

/* Spark's MANIFEST knows no checksum of its SST files: those of their blocks are all there is. */
Test(rocksdb_conformance, a_flipped_bit_never_gives_a_wrong_row)
{
    struct arena names = {0};
    struct outcome ssts = {0};
    struct outcome zips = {0};
    document_setup();
    if (!golden_unpack()) {
        cr_skip("no " GOLDEN_TARBALL);
    }
    const char *directory = arena_printf(&names,
                                         "%s/sql/core/src/test/resources/structured-streaming/"
                                         "checkpoint-version-4.0.0/rocksdb/agg/state/0/1",
                                         golden_root);
    disk = disk_memory_new();
    struct ports ports = {.disk = *disk_memory_port(disk)};
    struct store *store = store_new(&ports, STORE_DISK);
    cr_assert(eq(int, nftw(directory, copy_one, 16, FTW_PHYS), 0));
    const struct rocksdb_reader reader = {.store = store, .directory = directory, .arena = &names};
    const struct rocksdb_named four = {.version = 4};
    struct state_map *expected = state_map_new();
    struct rocksdb_content content;
    struct rocksdb_fault fault;
    struct rocksdb_snapshot snapshot;
    cr_assert(eq(int, rocksdb_read(&reader, four, expected, &content, &fault), OK));
    cr_assert(eq(i64, state_map_count(expected), 2));
    cr_assert(eq(i64, content.snapshot, 4));
    cr_assert(eq(int, rocksdb_read_archive(&reader, four, &snapshot, &fault), OK));
    cr_assert(eq(sz, snapshot.sst_count, 2));
    /* Nothing stands in for the zip of 4. */
    cr_assert(eq(int, store_remove(store, store_path(&names, directory, "1.changelog")), OK));
    cr_assert(eq(int, store_remove(store, store_path(&names, directory, "2.zip")), OK));
    for (size_t i = 0; i < snapshot.sst_count; i++) {
        const char *path = arena_printf(&names, "%s/SSTs/%s", directory, snapshot.ssts[i].dfs_name);
        damage(store, directory, path, expected, &ssts);
    }
    damage(store, directory, store_path(&names, directory, "4.zip"), expected, &zips);
    (void)printf("bits flipped in SST files: %zu, %zu noticed; in a zip: %zu, %zu noticed\n",
                 ssts.tried,
                 ssts.named,
                 zips.tried,
                 zips.named);
    cr_assert(ge(sz, ssts.named, ssts.tried * 9 / 10));
    cr_assert(ge(sz, zips.named, zips.tried * 9 / 10));
    state_map_free(expected);
    disk_memory_free(disk);
    golden_remove();
    arena_free(&names);
    arena_free(&arena);
}
