/* Each rule is silent about a good checkpoint, and alone in telling what was broken. */
#include "engine/state/state_audit.h"

#include "engine/base/heap.h"
#include "engine/state/rocksdb_test_world.h"

#define CHECKPOINT "/shared/c"
#define DIRECTORY  "/shared/c/state/0/0"

static struct rocksdb_world world;
static struct rocksdb_snapshot newest; /* of the zip of 4 */
static struct state_audit audit;
static struct state_findings findings;

static void begin(void)
{
    rocksdb_world_new(&world, DIRECTORY);
    audit = (struct state_audit){.store = world.store,
                                 .checkpoint = CHECKPOINT,
                                 .provider = STATE_PROVIDER_ROCKSDB,
                                 .partitions = 1,
                                 .oldest = 1,
                                 .newest = 5,
                                 .key = &world_key,
                                 .value = &world_value,
                                 .hashed = 1};
}

static void begin_rocksdb(void)
{
    begin();
    newest = world_fill(&world);
}

static void end(void)
{
    rocksdb_world_free(&world);
}

static void look(void)
{
    findings = (struct state_findings){.arena = &world.arena};
    state_audit_partition(&audit, 0, &findings);
}

static void cr_silent(void)
{
    look();
    cr_assert(eq(sz, findings.count, 0), "%s %s", findings.items->file, findings.items->text);
}

static void
cr_finds(enum state_rule rule, enum state_severity severity, const char *file, const char *text)
{
    look();
    cr_assert(ge(sz, findings.count, 1));
    for (size_t i = 0; i < findings.count; i++) {
        const struct state_finding *finding = &findings.items[i];
        cr_assert(eq(str, state_rule_name(finding->rule), state_rule_name(rule)),
                  "%s: %s",
                  finding->file,
                  finding->text);
        cr_assert(eq(int, finding->severity, severity), "%s", finding->text);
    }
    cr_assert(eq(str, findings.items[0].file, file), "%s", findings.items[0].text);
    cr_assert(ne(ptr, strstr(findings.items[0].text, text), NULL), "%s", findings.items[0].text);
}

static const char *path_of(int64_t version, const char *ending)
{
    return arena_printf(&world.arena, DIRECTORY "/%d%s", (int)version, ending);
}

static void remove_file(const char *path)
{
    cr_assert(eq(int, disk_unlink(disk_memory_port(world.disk), path), OK), "%s", path);
}

static void break_file(const char *path)
{
    struct bytes content = world_read(&world, world.disk, path);
    disk_memory_put(world.disk, path, bytes_of(content.data, content.size / 2));
}

/* ---- RocksDB --------------------------------------------------------------------------------- */

TestSuite(state_audit_rocksdb, .init = begin_rocksdb, .fini = end);

Test(state_audit_rocksdb, a_good_checkpoint_is_silent_about)
{
    cr_silent();
    cr_assert(eq(i64, findings.versions, 5));
    cr_assert(eq(i64, findings.files, 7));
    cr_assert(eq(i64, findings.compared, 2));
    cr_assert(eq(i64, findings.rows, 20 + 38 + 47));
}

/* As with changelogs off. */
Test(state_audit_rocksdb, zips_alone_are_enough)
{
    for (int version = 1; version <= 5; version++) {
        remove_file(path_of(version, ".changelog"));
    }
    audit.oldest = 4;
    audit.newest = 4;
    cr_silent();
    cr_assert(eq(i64, findings.versions, 1));
    cr_assert(eq(i64, findings.compared, 0));
}

/* As after a cleanup. */
Test(state_audit_rocksdb, what_a_snapshot_stands_for_may_be_gone)
{
    for (int version = 1; version <= 3; version++) {
        remove_file(path_of(version, ".changelog"));
    }
    remove_file(path_of(2, ".zip"));
    audit.oldest = 4;
    cr_silent();
    cr_assert(eq(i64, findings.versions, 2));
}

Test(state_audit_rocksdb, a10_a_missing_changelog)
{
    remove_file(path_of(5, ".changelog"));
    cr_finds(STATE_A10, STATE_FATAL, path_of(5, ".changelog"), "version 5 cannot be put together");
    cr_assert(eq(sz, findings.count, 1));
    cr_assert(eq(i64, findings.versions, 4));
    audit.newest = 4; /* it was not committed */
    cr_silent();
}

Test(state_audit_rocksdb, a10_one_gap_is_told_of_once)
{
    remove_file(path_of(2, ".zip"));
    remove_file(path_of(1, ".changelog"));
    cr_finds(STATE_A10, STATE_FATAL, path_of(1, ".changelog"), "version 1 cannot be put together");
    cr_assert(eq(sz, findings.count, 1));
    cr_assert(eq(i64, findings.versions, 2)); /* 4 and 5 */
}

Test(state_audit_rocksdb, a10_no_file_at_all)
{
    audit.checkpoint = "/shared/c"; /* another operator */
    audit.operator_id = 1;
    look();
    cr_assert(eq(sz, findings.count, 1));
    cr_assert(eq(int, findings.items[0].rule, STATE_A10));
    cr_assert(eq(str, findings.items[0].file, "/shared/c/state/1/0/1.changelog"));
}

Test(state_audit_rocksdb, a11_a_changelog_that_does_not_decode)
{
    break_file(path_of(5, ".changelog"));
    cr_finds(STATE_A11, STATE_FATAL, path_of(5, ".changelog"), "an LZ4 block is cut short");
}

Test(state_audit_rocksdb, a11_a_zip_that_changelogs_stand_in_for)
{
    break_file(path_of(4, ".zip"));
    cr_finds(STATE_A11, STATE_WARNING, path_of(4, ".zip"), "it is no zip archive");
    cr_assert(eq(i64, findings.versions, 5));
}

Test(state_audit_rocksdb, a11_a_zip_that_nothing_stands_in_for)
{
    break_file(path_of(4, ".zip"));
    remove_file(path_of(4, ".changelog"));
    cr_finds(STATE_A11, STATE_FATAL, path_of(4, ".zip"), "it is no zip archive");
    cr_assert(eq(i64, findings.versions, 3));
}

/* A machine that crashes in a cleanup may bring an old zip back whose SST files stay gone. */
Test(state_audit_rocksdb, what_a_newer_snapshot_stands_for_may_be_damaged)
{
    remove_file(path_of(1, ".changelog"));
    break_file(path_of(2, ".zip"));
    audit.oldest = 4;
    cr_finds(STATE_A11, STATE_WARNING, path_of(2, ".zip"), "it is no zip archive");
    audit.oldest = 3;
    cr_finds(STATE_A11, STATE_FATAL, path_of(2, ".zip"), "it is no zip archive");
}

/* An attempt died between the files of the version that it wrote over. */
Test(state_audit_rocksdb, what_is_not_committed_may_be_anything)
{
    break_file(path_of(5, ".changelog"));
    audit.newest = 4;
    cr_finds(STATE_A11, STATE_WARNING, path_of(5, ".changelog"), "an LZ4 block is cut short");
    cr_assert(eq(i64, findings.versions, 4));
}

Test(state_audit_rocksdb, a12_a_snapshot_that_is_not_the_replay)
{
    world_put(&world, 7, 7);
    world_flush(&world);
    struct rocksdb_snapshot other = world_snapshot(&world);
    world_put_zip(&world, (struct rocksdb_named){.version = 4}, &other);
    cr_finds(STATE_A12,
             STATE_FATAL,
             path_of(4, ".zip"),
             "it has 48 rows and what was changed up to it gives 38");
}

static const char *sst_path(size_t i)
{
    return arena_printf(&world.arena, DIRECTORY "/SSTs/%s", newest.ssts[i].dfs_name);
}

static size_t last_sst(void)
{
    return newest.sst_count - 1; /* that of 4 alone */
}

Test(state_audit_rocksdb, a13_an_sst_is_missing)
{
    remove_file(sst_path(last_sst()));
    cr_finds(STATE_A13, STATE_WARNING, sst_path(last_sst()), "it is missing; 4.zip needs it");
    remove_file(path_of(4, ".changelog"));
    cr_finds(STATE_A13, STATE_FATAL, sst_path(last_sst()), "it is missing; 4.zip needs it");
}

Test(state_audit_rocksdb, a13_an_sst_of_another_size)
{
    break_file(sst_path(last_sst()));
    cr_finds(STATE_A13, STATE_WARNING, sst_path(last_sst()), "where 4.zip says");
}

Test(state_audit_rocksdb, a13_an_sst_of_another_content)
{
    struct bytes content = world_read(&world, world.disk, sst_path(last_sst()));
    uint8_t *copy = arena_copy(&world.arena, content.data, content.size);
    copy[20] ^= 1;
    disk_memory_put(world.disk, sst_path(last_sst()), bytes_of(copy, content.size));
    cr_finds(STATE_A13, STATE_WARNING, sst_path(last_sst()), "not what 4.zip was made with");
}

Test(state_audit_rocksdb, a13_another_number_of_keys)
{
    newest.key_count++;
    world_put_zip(&world, (struct rocksdb_named){.version = 4}, &newest);
    cr_finds(STATE_A13, STATE_WARNING, path_of(4, ".zip"), "numKeys in its metadata is 39");
}

Test(state_audit_rocksdb, a13_no_current)
{
    size_t kept = 0;
    for (size_t i = 0; i < newest.file_count; i++) {
        if (strcmp(newest.files[i].name, "CURRENT") != 0) {
            newest.files[kept++] = newest.files[i];
        }
    }
    newest.file_count = kept;
    world_put_zip(&world, (struct rocksdb_named){.version = 4}, &newest);
    cr_finds(STATE_A13, STATE_WARNING, path_of(4, ".zip"), "it has no CURRENT");
}

Test(state_audit_rocksdb, a15_a_key_of_another_partition)
{
    audit.partitions = 5;
    cr_finds(STATE_A15, STATE_FATAL, path_of(2, ".zip"), "belongs to partition ");
    audit.hashed = 0; /* not by its hash */
    cr_silent();
}

Test(state_audit_rocksdb, a16_a_row_that_is_none)
{
    static const struct field two[] = {{"a", TYPE_LONG, NULL}, {"b", TYPE_LONG, NULL}};
    static const struct schema wider = {two, 2};
    audit.value = &wider;
    cr_finds(STATE_A16, STATE_FATAL, path_of(2, ".zip"), "the value of key 0x");
    audit.value = &world_value;
    audit.key = &wider;
    audit.hashed = 0;
    cr_finds(STATE_A16, STATE_FATAL, path_of(2, ".zip"), "is no row of its schema");
    audit.key = NULL; /* not known */
    cr_silent();
}

/* ---- RocksDB, format 2 of the names ---------------------------------------------------------- */

#define IDS                   "0000000-0000-0000-0000-000000000000"
#define ENTRY(version, first) "{\"version\":" #version ",\"checkpointUniqueId\":\"" first IDS "\"}"

static const char *const ids[] = {"3" IDS, "4" IDS, "5" IDS}; /* of what is committed still */

static struct rocksdb_named numbered(int64_t version)
{
    return (struct rocksdb_named){.version = version,
                                  .id = arena_printf(&world.arena, "%d" IDS, (int)version)};
}

static const char *numbered_path(int64_t version, enum state_file_kind kind)
{
    return world_path(&world, numbered(version), kind);
}

static void begin_ids(void)
{
    static const char *const lineages[] = {"[]",
                                           "[" ENTRY(1, "1") "]",
                                           "[" ENTRY(2, "2") "]",
                                           "[" ENTRY(2, "2") "," ENTRY(3, "3") "]",
                                           "[" ENTRY(4, "4") "]"};
    begin();
    for (int64_t version = 1; version <= 5; version++) {
        world_put(&world, version, version);
        world_put(&world, 0, version);
        world_changelog(&world, numbered(version), lineages[version - 1]);
        world_flush(&world);
        if (version % 2 == 0) {
            newest = world_snapshot(&world);
            world_put_zip(&world, numbered(version), &newest);
        }
    }
    audit.oldest = 3;
    audit.ids = ids;
}

TestSuite(state_audit_ids, .init = begin_ids, .fini = end);

Test(state_audit_ids, a_good_checkpoint_is_silent_about)
{
    cr_silent();
    cr_assert(eq(i64, findings.versions, 3));
    cr_assert(eq(i64, findings.compared, 1)); /* 4; what 2 stands on is not known */
    /* An attempt that did not count leaves files that nobody looks at. */
    world_changelog(
        &world,
        (struct rocksdb_named){.version = 5, .id = "ffffffff-0000-0000-0000-000000000000"},
        "[]");
    cr_silent();
}

Test(state_audit_ids, a10_names_the_file_with_its_id)
{
    remove_file(numbered_path(2, STATE_ZIP));
    look();
    cr_assert(eq(sz, findings.count, 1));
    cr_assert(eq(int, findings.items[0].rule, STATE_A10));
    cr_assert(eq(i64, findings.versions, 2)); /* 4 and 5 */
}

Test(state_audit_ids, a14_the_id_of_a_commit_has_no_file)
{
    remove_file(numbered_path(4, STATE_CHANGELOG));
    cr_silent(); /* the zip has it */
    remove_file(numbered_path(4, STATE_ZIP));
    look();
    cr_assert(eq(sz, findings.count, 2)); /* and A10: it cannot be put together */
    cr_assert(eq(int, findings.items[0].rule, STATE_A14));
    cr_assert(eq(str, findings.items[0].file, numbered_path(4, STATE_CHANGELOG)));
    cr_assert(eq(int, findings.items[1].rule, STATE_A10));
    cr_assert(eq(str, findings.items[1].file, numbered_path(4, STATE_CHANGELOG)));
}

Test(state_audit_ids, a14_it_stands_on_an_attempt_that_did_not_count)
{
    world_put(&world, 5, 5);
    world_put(&world, 0, 5);
    world_changelog(&world, numbered(5), "[" ENTRY(4, "f") "]");
    cr_finds(STATE_A14,
             STATE_FATAL,
             numbered_path(5, STATE_CHANGELOG),
             "it stands on version 4 of id f" IDS "; commits/3 gives 4" IDS);
}

Test(state_audit_ids, a14_the_lineage_ends_elsewhere)
{
    world_put(&world, 5, 5);
    world_put(&world, 0, 5);
    world_changelog(&world, numbered(5), "[" ENTRY(2, "2") "," ENTRY(3, "3") "]");
    cr_finds(STATE_A14,
             STATE_FATAL,
             numbered_path(5, STATE_CHANGELOG),
             "its lineage does not end with version 4");
}

/* ---- the memory provider --------------------------------------------------------------------- */

static struct bytes row_of(int64_t number)
{
    struct bytes row = world_row(&world, number);
    return bytes_of(row.data + 1, row.size - 1);
}

static void put_rows(const char *path, const int64_t (*rows)[2], size_t count)
{
    struct buf records = {0};
    struct buf file = {0};
    for (size_t i = 0; i < count; i++) {
        state_file_record(
            &records, row_of(rows[i][0]), rows[i][1] < 0 ? (struct bytes){0} : row_of(rows[i][1]));
    }
    state_file_finish(&records, &file);
    disk_memory_put(world.disk, path, buf_bytes(&file));
    buf_free(&records);
    buf_free(&file);
}

static void begin_memory(void)
{
    begin();
    audit.provider = STATE_PROVIDER_HDFS;
    audit.newest = 4;
    put_rows(path_of(1, ".delta"), (const int64_t[][2]){{1, 1}, {2, 1}}, 2);
    put_rows(path_of(2, ".delta"), (const int64_t[][2]){{1, 2}, {3, 2}, {2, -1}}, 3);
    put_rows(path_of(3, ".delta"), (const int64_t[][2]){{4, 3}}, 1);
    put_rows(path_of(3, ".snapshot"), (const int64_t[][2]){{3, 2}, {4, 3}, {1, 2}}, 3);
    put_rows(path_of(4, ".delta"), NULL, 0);
}

TestSuite(state_audit_memory, .init = begin_memory, .fini = end);

Test(state_audit_memory, a_good_checkpoint_is_silent_about)
{
    cr_silent();
    cr_assert(eq(i64, findings.versions, 4));
    cr_assert(eq(i64, findings.files, 5));
    cr_assert(eq(i64, findings.compared, 1));
    cr_assert(eq(i64, findings.rows, 3 + 3));
}

Test(state_audit_memory, a10_a_missing_delta)
{
    remove_file(path_of(2, ".delta"));
    cr_finds(STATE_A10, STATE_FATAL, path_of(2, ".delta"), "version 2 cannot be put together");
    cr_assert(eq(sz, findings.count, 1));
    audit.oldest = 3;
    cr_silent();
}

Test(state_audit_memory, a10_state_of_the_other_provider)
{
    audit.provider = STATE_PROVIDER_ROCKSDB;
    look();
    cr_assert(eq(sz, findings.count, 1));
    cr_assert(eq(int, findings.items[0].rule, STATE_A10));
    cr_assert(eq(i64, findings.versions, 0));
}

Test(state_audit_memory, a11_a_delta_that_does_not_decode)
{
    break_file(path_of(4, ".delta"));
    cr_finds(STATE_A11, STATE_FATAL, path_of(4, ".delta"), "an LZ4 block is cut short");
}

Test(state_audit_memory, a11_a_snapshot_that_does_not_decode)
{
    break_file(path_of(3, ".snapshot"));
    cr_finds(STATE_A11, STATE_WARNING, path_of(3, ".snapshot"), "an LZ4 block is cut short");
    remove_file(path_of(1, ".delta"));
    audit.oldest = 3;
    cr_finds(STATE_A11, STATE_FATAL, path_of(3, ".snapshot"), "an LZ4 block is cut short");
}

Test(state_audit_memory, a12_a_snapshot_that_is_not_the_replay)
{
    put_rows(path_of(3, ".snapshot"), (const int64_t[][2]){{3, 2}, {4, 4}, {1, 2}}, 3);
    cr_finds(STATE_A12,
             STATE_FATAL,
             path_of(3, ".snapshot"),
             "it has 3 rows and what was changed up to it gives 3; they differ from row 3 by key");
    put_rows(path_of(3, ".snapshot"), (const int64_t[][2]){{3, 2}, {4, 3}}, 2);
    cr_finds(STATE_A12, STATE_FATAL, path_of(3, ".snapshot"), "it has 2 rows");
}

/* hash(long 1) = -1712319331 (spark-checkpoint 1.13): partition 4 of 5. */
Test(state_audit_memory, a15_a_key_of_another_partition)
{
    audit.partitions = 5;
    cr_finds(STATE_A15,
             STATE_FATAL,
             path_of(3, ".snapshot"),
             "the key 0x00000000000000000100000000000000 belongs to partition 4");
}

Test(state_audit_memory, a16_a_row_that_is_none)
{
    struct buf records = {0};
    struct buf file = {0};
    state_file_record(&records, row_of(9), bytes_of_text("longer than a row of one long is"));
    state_file_finish(&records, &file);
    disk_memory_put(world.disk, path_of(4, ".delta"), buf_bytes(&file));
    cr_finds(STATE_A16,
             STATE_FATAL,
             path_of(4, ".delta"),
             "the value of key 0x00000000000000000900000000000000 is no row of its schema");
    buf_free(&records);
    buf_free(&file);
}
