#include "engine/state/rocksdb_read.h"

#include "engine/base/heap.h"
#include "engine/state/rocksdb_test_world.h"

#define DIRECTORY "/shared/c/state/0/3"
#define IDS       "0000000-0000-0000-0000-000000000000"

static struct rocksdb_world world;
static struct rocksdb_snapshot newest; /* of the zip of 4 */

static void begin(void)
{
    rocksdb_world_new(&world, DIRECTORY);
    newest = world_fill(&world);
}

static void end(void)
{
    rocksdb_world_free(&world);
}
TestSuite(rocksdb_read, .init = begin, .fini = end);

static struct rocksdb_reader reader(void)
{
    return (struct rocksdb_reader){
        .store = world.store, .directory = DIRECTORY, .arena = &world.arena};
}

static struct rocksdb_content content;
static struct rocksdb_fault fault;

/* Row for row, or a fault. */
static bool read_is(struct rocksdb_named at, const struct state_map *expected)
{
    const struct rocksdb_reader from = reader();
    struct state_map *map = state_map_new();
    enum status status = rocksdb_read(&from, at, map, &content, &fault);
    cr_assert(eq(int, status, fault.status));
    cr_assert(status == OK || (fault.path != NULL && fault.what != NULL));
    bool same = status == OK && state_map_count(map) == state_map_count(expected);
    const struct state_pair *a = state_map_sorted(map, &world.arena);
    const struct state_pair *b = state_map_sorted(expected, &world.arena);
    for (int64_t i = 0; same && i < state_map_count(map); i++) {
        same = bytes_equal(a[i].key, b[i].key) && bytes_equal(a[i].value, b[i].value);
    }
    cr_assert(status != OK || same, "a wrong row");
    state_map_free(map);
    return same;
}

static bool read_newest(void)
{
    return read_is((struct rocksdb_named){.version = 5}, world.expected);
}

static void remove_file(const char *path)
{
    cr_assert(eq(int, disk_unlink(disk_memory_port(world.disk), path), OK), "%s", path);
}

static const char *zip_path(int64_t version)
{
    return world_path(&world, (struct rocksdb_named){.version = version}, STATE_ZIP);
}

static const char *changelog_path(int64_t version)
{
    return world_path(&world, (struct rocksdb_named){.version = version}, STATE_CHANGELOG);
}

static const char *sst_path(size_t i)
{
    return arena_printf(&world.arena, DIRECTORY "/SSTs/%s", newest.ssts[i].dfs_name);
}

/* ---- what is there -------------------------------------------------------------------------- */

Test(rocksdb_read, the_newest_zip_and_the_changelogs_behind_it)
{
    cr_assert(read_newest());
    cr_assert(eq(i64, content.snapshot, 4));
    cr_assert(eq(i64, content.changelogs, 1));
    cr_assert(eq(int, content.passed_over.status, OK));
    cr_assert(not(content.families));
    remove_file(changelog_path(4)); /* not needed */
    remove_file(zip_path(2));
    cr_assert(read_newest());
}

Test(rocksdb_read, without_a_zip_from_nothing)
{
    remove_file(zip_path(2));
    remove_file(zip_path(4));
    cr_assert(read_newest());
    cr_assert(eq(i64, content.snapshot, 0));
    cr_assert(eq(i64, content.changelogs, 5));
}

Test(rocksdb_read, an_older_version)
{
    struct rocksdb_world older;
    remove_file(changelog_path(3)); /* only what is needed */
    rocksdb_world_free(&world);
    rocksdb_world_new(&world, DIRECTORY);
    rocksdb_world_new(&older, DIRECTORY);
    newest = world_fill(&world);
    for (int64_t version = 1; version <= 3; version++) {
        for (int64_t i = 0; i < 10; i++) {
            world_put(&older, version * 10 + i, version);
        }
        world_put(&older, 0, version);
        world_remove(&older, (version - 1) * 10);
        if (version == 1) {
            world_put(&older, 0, version);
        }
        cr_assert(read_is((struct rocksdb_named){.version = version}, older.expected));
        cr_assert(eq(i64, content.snapshot, version / 2 * 2));
    }
    struct state_map *empty = state_map_new();
    cr_assert(read_is((struct rocksdb_named){.version = 0}, empty));
    state_map_free(empty);
    rocksdb_world_close(&older);
}

Test(rocksdb_read, a_zip_that_does_not_read_gives_way_to_an_older_one)
{
    disk_memory_put(world.disk, zip_path(4), bytes_of_text("garbage"));
    cr_assert(read_newest());
    cr_assert(eq(i64, content.snapshot, 2));
    cr_assert(eq(i64, content.changelogs, 3));
    cr_assert(eq(str, content.passed_over.path, zip_path(4)));
    cr_assert(eq(int, content.passed_over.status, ERR_CORRUPT));
    remove_file(changelog_path(4));
    cr_assert(not(read_newest()));
    cr_assert(eq(str, fault.path, zip_path(4)));
    cr_assert(eq(str,
                 fault.what,
                 "it is no zip archive, or its end is missing; no older snapshot stands in for it, "
                 "since 4.changelog: it is missing"));
}

/* ---- what is wrong -------------------------------------------------------------------------- */

/* Versions 1 to 3 cannot stand in. */
static void only_the_newest(void)
{
    remove_file(zip_path(2));
    remove_file(changelog_path(1));
}

static void cr_fault(enum status status, const char *path, const char *text)
{
    cr_assert(not(read_newest()));
    cr_assert(eq(int, fault.status, status), "%s", fault.what);
    cr_assert(eq(str, fault.path, path), "%s", fault.what);
    cr_assert(ne(ptr, strstr(fault.what, text), NULL), "%s", fault.what);
}

Test(rocksdb_read, a_missing_changelog_is_named)
{
    remove_file(changelog_path(5));
    cr_fault(ERR_NOT_FOUND, changelog_path(5), "it is missing");
}

Test(rocksdb_read, a_missing_sst_is_named)
{
    only_the_newest();
    remove_file(sst_path(0));
    cr_fault(ERR_NOT_FOUND, sst_path(0), "it is missing; 4.zip needs it");
}

Test(rocksdb_read, an_sst_of_another_size_is_named)
{
    only_the_newest();
    struct bytes content_of = world_read(&world, world.disk, sst_path(0));
    disk_memory_put(world.disk, sst_path(0), bytes_of(content_of.data, content_of.size - 1));
    cr_fault(ERR_CORRUPT, sst_path(0), "where 4.zip says");
}

/* SPARK-43404: same name, same size, sound in itself, other rows. */
Test(rocksdb_read, an_sst_of_another_attempt_is_named)
{
    struct rocksdb_world other;
    only_the_newest();
    const char *path = sst_path(newest.sst_count - 1);
    struct bytes ours = world_read(&world, world.disk, path);
    rocksdb_world_new(&other, DIRECTORY);
    for (int64_t version = 1; version <= 4; version++) {
        for (int64_t i = 0; i < 10; i++) {
            world_put(&other, version * 10 + i, version + 1);
        }
        world_put(&other, 0, version + 1);
        if (version > 1) {
            world_remove(&other, (version - 1) * 10);
        }
        world_flush(&other);
    }
    struct rocksdb_snapshot theirs = world_snapshot(&other);
    cr_assert(eq(sz, theirs.sst_count, newest.sst_count));
    const char *same = theirs.ssts[theirs.sst_count - 1].dfs_name;
    cr_assert(eq(str, strrchr(path, '/') + 1, same));
    struct bytes content_of = world_read(&other, other.disk, path);
    cr_assert(eq(sz, content_of.size, ours.size));
    disk_memory_put(world.disk, path, content_of);
    cr_fault(ERR_CORRUPT, path, "another attempt wrote it");
    rocksdb_world_close(&other);
}

Test(rocksdb_read, another_number_of_keys_than_the_metadata_says)
{
    only_the_newest();
    newest.key_count++;
    world_put_zip(&world, (struct rocksdb_named){.version = 4}, &newest);
    cr_fault(ERR_CORRUPT, zip_path(4), "numKeys in its metadata is 39, its database has 38");
    newest.key_count = -1; /* not counted */
    world_put_zip(&world, (struct rocksdb_named){.version = 4}, &newest);
    cr_assert(read_newest());
}

Test(rocksdb_read, archived_logs_are_refused)
{
    struct rocksdb_snapshot decoded;
    const struct rocksdb_reader from = reader();
    struct state_map *map = state_map_new();
    cr_assert(
        eq(int,
           rocksdb_read_archive(&from, (struct rocksdb_named){.version = 4}, &decoded, &fault),
           OK));
    decoded.has_logs = true;
    cr_assert(eq(
        int,
        rocksdb_read_database(&from, (struct rocksdb_named){.version = 4}, &decoded, map, &fault),
        ERR_UNSUPPORTED));
    cr_assert(eq(str, fault.path, zip_path(4)));
    state_map_free(map);
}

/* The last 12 bytes of an SST: the version of its format, and a magic number. */
Test(rocksdb_read, an_sst_of_a_newer_format_is_said)
{
    only_the_newest();
    struct bytes good = world_read(&world, world.disk, sst_path(0));
    uint8_t *copy = arena_copy(&world.arena, good.data, good.size);
    cr_assert(eq(int, copy[good.size - 12], 5));
    copy[good.size - 12] = 9;
    disk_memory_put(world.disk, sst_path(0), bytes_of(copy, good.size));
    cr_fault(ERR_UNSUPPORTED, sst_path(0), "a newer one may have written it: ");
}

/* A record more in the MANIFEST: crc32c masked as RocksDB does it, size, type (whole), and an edit
 * whose tag nobody knows. */
Test(rocksdb_read, a_manifest_with_a_tag_of_a_newer_version_is_said)
{
    static const uint8_t edit[] = {1 /* type */, 0xe7, 0x07 /* tag 999 */, 0x01};
    struct buf manifest = {0};
    size_t at = 0;
    while (strncmp(newest.files[at].name, "MANIFEST-", 9) != 0) {
        at++;
    }
    uint32_t sum = rocksdb_crc32c(bytes_of(edit, sizeof edit));
    buf_append(&manifest, newest.files[at].content.data, newest.files[at].content.size);
    buf_le32(&manifest, ((sum >> 15) | (sum << 17)) + UINT32_C(0xa282ead8));
    buf_byte(&manifest, sizeof edit - 1);
    buf_byte(&manifest, 0);
    buf_append(&manifest, edit, sizeof edit);
    newest.files[at].content = buf_bytes(&manifest);
    only_the_newest();
    world_put_zip(&world, (struct rocksdb_named){.version = 4}, &newest);
    cr_fault(ERR_UNSUPPORTED, zip_path(4), "a newer one may have written it: ");
    buf_free(&manifest);
}

/* ---- format 2 of the names ------------------------------------------------------------------ */

static struct rocksdb_named numbered(int64_t version)
{
    return (struct rocksdb_named){.version = version,
                                  .id = arena_printf(&world.arena, "%d" IDS, (int)version)};
}

#define ENTRY(version) "{\"version\":" #version ",\"checkpointUniqueId\":\"" #version IDS "\"}"

/* As world_fill: versions 1 to 5, a zip of 2. */
static void fill_with_ids(void)
{
    static const char *const lineages[] = {"[]",
                                           "[" ENTRY(1) "]",
                                           "[" ENTRY(2) "]",
                                           "[" ENTRY(2) "," ENTRY(3) "]",
                                           "[" ENTRY(2) "," ENTRY(3) "," ENTRY(4) "]"};
    rocksdb_world_free(&world);
    rocksdb_world_new(&world, DIRECTORY);
    for (int64_t version = 1; version <= 5; version++) {
        world_put(&world, version, version);
        world_put(&world, 0, version);
        world_changelog(&world, numbered(version), lineages[version - 1]);
        world_flush(&world);
        if (version == 2) {
            newest = world_snapshot(&world);
            world_put_zip(&world, numbered(version), &newest);
        }
    }
}

Test(rocksdb_read, a_lineage_leads_to_the_zip)
{
    fill_with_ids();
    cr_assert(read_is(numbered(5), world.expected));
    cr_assert(eq(i64, content.snapshot, 2));
    cr_assert(eq(i64, content.changelogs, 3));
}

Test(rocksdb_read, a_zip_of_an_attempt_that_did_not_count_is_not_looked_at)
{
    fill_with_ids();
    disk_memory_put(world.disk,
                    world_path(&world,
                               (struct rocksdb_named){.version = 4,
                                                      .id = "ffffffff-0000-0000-0000-000000000000"},
                               STATE_ZIP),
                    bytes_of_text("garbage"));
    cr_assert(read_is(numbered(5), world.expected));
    cr_assert(eq(i64, content.snapshot, 2));
    cr_assert(eq(int, content.passed_over.status, OK));
}

Test(rocksdb_read, behind_a_zip_that_does_not_read_the_lineage_goes_on)
{
    fill_with_ids();
    disk_memory_put(
        world.disk, world_path(&world, numbered(2), STATE_ZIP), bytes_of_text("garbage"));
    cr_assert(read_is(numbered(5), world.expected));
    cr_assert(eq(i64, content.snapshot, 0));
    cr_assert(eq(i64, content.changelogs, 5));
    cr_assert(eq(int, content.passed_over.status, ERR_CORRUPT));
}

Test(rocksdb_read, a_lineage_that_leads_nowhere_is_named)
{
    fill_with_ids();
    world_changelog(&world, numbered(5), "[" ENTRY(2) "," ENTRY(3) "]");
    cr_assert(not(read_is(numbered(5), world.expected)));
    cr_assert(eq(str, fault.path, world_path(&world, numbered(5), STATE_CHANGELOG)));
    cr_assert(eq(str, fault.what, "its lineage does not end with the version before it"));
}

Test(rocksdb_read, names)
{
    static const struct {
        const char *name;
        int64_t version; /* 0: another file */
        enum state_file_kind kind;
        bool id;
    } table[] = {{"17.zip", 17, STATE_ZIP, false},
                 {"17.changelog", 17, STATE_CHANGELOG, false},
                 {"17_1" IDS ".zip", 17, STATE_ZIP, true},
                 {"17_1" IDS ".changelog", 17, STATE_CHANGELOG, true},
                 {"17_1" IDS ".delta", 0, STATE_DELTA, false},
                 {"17_x" IDS ".zip", 0, STATE_ZIP, false},
                 {"17_" IDS ".zip", 0, STATE_ZIP, false},
                 {"_1" IDS ".zip", 0, STATE_ZIP, false},
                 {"17.delta", 0, STATE_DELTA, false},
                 {"SSTs", 0, STATE_ZIP, false},
                 {".17.zip.crc", 0, STATE_ZIP, false}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct rocksdb_named at;
        enum state_file_kind kind;
        bool known = rocksdb_named_of(&world.arena, table[i].name, &at, &kind);
        cr_assert(eq(int, known, table[i].version > 0), "%s", table[i].name);
        if (known) {
            cr_assert(eq(i64, at.version, table[i].version));
            cr_assert(eq(int, kind, table[i].kind));
            cr_assert(eq(int, at.id != NULL, table[i].id));
            cr_assert(eq(str, rocksdb_named_path(&world.arena, "", at, kind) + 1, table[i].name));
        }
    }
}

/* ---- a corpus of damage ---------------------------------------------------------------------- */

/* Whatever happens to one file: the rows are right or the file is named, never a wrong row. */
static size_t damage(const char *path, bool flips, size_t step)
{
    struct bytes good = world_read(&world, world.disk, path);
    size_t named = 0;
    for (size_t at = 0; at < good.size; at += step) {
        struct arena scratch = {0};
        uint8_t *copy = arena_copy(&scratch, good.data, good.size);
        copy[at] ^= (uint8_t)(1 << (at / step % 8));
        disk_memory_put(world.disk, path, bytes_of(copy, flips ? good.size : at));
        if (!read_newest()) {
            cr_assert(eq(str, fault.path, path), "byte %zu: %s", at, fault.what);
            named++;
        }
        arena_free(&scratch);
    }
    disk_memory_put(world.disk, path, good);
    return named;
}

Test(rocksdb_read, whatever_happens_to_a_zip_is_noticed)
{
    only_the_newest();
    cr_assert(gt(sz, damage(zip_path(4), false, 7), 50));
    cr_assert(gt(sz, damage(zip_path(4), true, 7), 50));
    cr_assert(read_newest());
}

Test(rocksdb_read, whatever_happens_to_a_changelog_is_noticed)
{
    size_t size = world_read(&world, world.disk, changelog_path(5)).size;
    cr_assert(eq(sz, damage(changelog_path(5), false, 1), size));
    /* What is left reads the same: a level, a match that could lie elsewhere. */
    cr_assert(ge(sz, damage(changelog_path(5), true, 1), size * 9 / 10));
    cr_assert(read_newest());
}

Test(rocksdb_read, whatever_happens_to_an_sst_is_noticed)
{
    only_the_newest();
    for (size_t i = 0; i < newest.sst_count; i++) {
        size_t size = world_read(&world, world.disk, sst_path(i)).size;
        cr_assert(eq(sz, damage(sst_path(i), false, 37), (size + 36) / 37));
        cr_assert(eq(sz, damage(sst_path(i), true, 37), (size + 36) / 37));
    }
    cr_assert(read_newest());
}

Test(rocksdb_read, a_foreign_file_under_each_name_is_noticed)
{
    const char *const paths[] = {zip_path(4), changelog_path(5), sst_path(0)};
    static const char *const foreign[] = {"",
                                          "v1\n{}",
                                          "PAR1....PAR1",
                                          "PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                                          "\x28\xb5\x2f\xfd....",
                                          "\x1f\x8b\x08....."};
    only_the_newest();
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct bytes good = world_read(&world, world.disk, paths[i]);
        for (size_t k = 0; k < sizeof foreign / sizeof foreign[0]; k++) {
            disk_memory_put(world.disk, paths[i], bytes_of_text(foreign[k]));
            cr_assert(not(read_newest()));
            cr_assert(eq(str, fault.path, paths[i]), "%s", fault.what);
        }
        disk_memory_put(world.disk, paths[i], good);
    }
    cr_assert(read_newest());
}
