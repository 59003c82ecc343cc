#include "engine/state/rocksdb_snapshot.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <time.h>
#include <zip.h>

#include "engine/base/document.h"
#include "engine/base/process.h"

static struct arena arena;

static void begin(void)
{
    document_setup();
}

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(rocksdb_snapshot, .init = begin, .fini = end);

#define METADATA_HEAD "v1\n{\"sstFiles\":["
#define METADATA_SST                                                                               \
    "{\"localFileName\":\"000008.sst\",\"dfsSstFileName\":\"000008-ab.sst\",\"sizeBytes\":1216}"
#define METADATA_TAIL "],\"numKeys\":2}"

static struct rocksdb_sst ssts[] = {{"000008.sst", "000008-ab.sst", 1216},
                                    {"000009.sst", "000009-cd.sst", 12345678901234}};
static struct rocksdb_small_file files[3];

static struct rocksdb_snapshot sample(void)
{
    static char options[30000]; /* deflates well, as a real one does */
    static char manifest[300];  /* does not */
    uint32_t state = 3;
    for (size_t i = 0; i < sizeof options; i++) {
        options[i] = "max_background_flushes=-1\n"[i % 26];
    }
    for (size_t i = 0; i < sizeof manifest; i++) {
        state = state * 1664525 + 1013904223;
        manifest[i] = (char)(state >> 24);
    }
    files[0] = (struct rocksdb_small_file){"CURRENT", bytes_of_text("MANIFEST-000005\n")};
    files[1] = (struct rocksdb_small_file){"MANIFEST-000005", bytes_of(manifest, sizeof manifest)};
    files[2] = (struct rocksdb_small_file){"OPTIONS-000007", bytes_of(options, sizeof options)};
    return (struct rocksdb_snapshot){
        .ssts = ssts, .sst_count = 2, .files = files, .file_count = 3, .key_count = 77};
}

static void cr_same(const struct rocksdb_snapshot *a, const struct rocksdb_snapshot *b)
{
    cr_assert(eq(i64, a->key_count, b->key_count));
    cr_assert(eq(i64, a->column_family_max, b->column_family_max));
    cr_assert(eq(sz, a->sst_count, b->sst_count));
    cr_assert(eq(sz, a->file_count, b->file_count));
    for (size_t i = 0; i < a->sst_count; i++) {
        cr_assert(eq(str, a->ssts[i].local_name, b->ssts[i].local_name));
        cr_assert(eq(str, a->ssts[i].dfs_name, b->ssts[i].dfs_name));
        cr_assert(eq(i64, a->ssts[i].size, b->ssts[i].size));
    }
    for (size_t i = 0; i < a->file_count; i++) {
        cr_assert(eq(str, a->files[i].name, b->files[i].name));
        cr_assert(bytes_equal(a->files[i].content, b->files[i].content));
    }
}

static const char *decode(struct bytes file, struct rocksdb_snapshot *snapshot)
{
    const char *what = NULL;
    enum status status = rocksdb_snapshot_decode(file, &arena, snapshot, &what);
    cr_assert(status == OK ? what == NULL : status == ERR_CORRUPT && what != NULL);
    return what;
}

static void decode_well(struct bytes file, struct rocksdb_snapshot *snapshot)
{
    const char *what = decode(file, snapshot);
    cr_assert(what == NULL, "%s", what);
}

Test(rocksdb_snapshot, what_is_written_is_read)
{
    struct rocksdb_snapshot snapshot = sample();
    struct rocksdb_snapshot again;
    struct buf out = {0};
    rocksdb_snapshot_encode(&snapshot, &out);
    decode_well(buf_bytes(&out), &again);
    cr_same(&snapshot, &again);
    cr_assert(not(again.has_logs));
    cr_assert(lt(sz, out.size, 3000)); /* it is compressed */
    buf_free(&out);
}

Test(rocksdb_snapshot, an_empty_database_and_uncounted_keys)
{
    struct rocksdb_snapshot snapshot = sample();
    struct rocksdb_snapshot again;
    struct buf out = {0};
    files[2].content = (struct bytes){0};
    snapshot.sst_count = 0;
    snapshot.key_count = -1;
    snapshot.column_family_max = 3;
    rocksdb_snapshot_encode(&snapshot, &out);
    decode_well(buf_bytes(&out), &again);
    cr_same(&snapshot, &again);
    buf_free(&out);
}

/* Another time zone, another day: nothing of either is in the archive. */
Test(rocksdb_snapshot, equal_snapshots_have_equal_bytes)
{
    static const char *const zones[] = {"UTC0", "XXX-14", "XXX+12", "Europe/Berlin"};
    struct rocksdb_snapshot snapshot = sample();
    struct buf first = {0};
    rocksdb_snapshot_encode(&snapshot, &first);
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        struct buf other = {0};
        (void)setenv("TZ", zones[i], 1);
        tzset();
        rocksdb_snapshot_encode(&snapshot, &other);
        cr_assert(bytes_equal(buf_bytes(&first), buf_bytes(&other)), "%s", zones[i]);
        buf_free(&other);
    }
    buf_free(&first);
}

/* java.util.zip.ZipInputStream reads from the front: a header with the sizes in it, the content,
 * the next header, nothing between. */
Test(rocksdb_snapshot, a_reader_of_local_headers_finds_every_entry)
{
    static const char *const expected[] = {
        "CURRENT", "MANIFEST-000005", "OPTIONS-000007", "metadata"};
    struct rocksdb_snapshot snapshot = sample();
    struct buf out = {0};
    rocksdb_snapshot_encode(&snapshot, &out);
    struct cursor cursor = cursor_of(buf_bytes(&out));
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        cr_assert(eq(u32, cursor_le32(&cursor), 0x04034b50));
        uint32_t version_flags = cursor_le32(&cursor);
        uint32_t method_time = cursor_le32(&cursor);
        (void)cursor_take(&cursor, 2 + 4); /* date, CRC */
        uint32_t size = cursor_le32(&cursor);
        (void)cursor_le32(&cursor);
        uint32_t lengths = cursor_le32(&cursor);
        cr_assert(eq(u32, version_flags >> 16 & 0x0009, 0), "encrypted, or with a descriptor");
        cr_assert(method_time % 65536 == 0 || method_time % 65536 == 8);
        struct bytes name = cursor_take(&cursor, lengths & 0xffff);
        cr_assert(bytes_equal_text(name, expected[i]));
        (void)cursor_take(&cursor, lengths >> 16);
        (void)cursor_take(&cursor, size);
        cr_assert(not(cursor.failed));
    }
    cr_assert(eq(u32, cursor_le32(&cursor), 0x02014b50)); /* the central directory */
    buf_free(&out);
}

/* ---- archives of another hand -----------------------------------------------------------------
 */

struct entry {
    const char *name;
    const char *text;
};

static struct bytes archive_of(const struct entry *entries)
{
    zip_stat_t stat;
    zip_source_t *target = zip_source_buffer_create(NULL, 0, 0, NULL);
    zip_source_keep(target);
    zip_t *archive = zip_open_from_source(target, ZIP_TRUNCATE, NULL);
    for (; entries->name != NULL; entries++) {
        zip_source_t *source = zip_source_buffer(archive, entries->text, strlen(entries->text), 0);
        (void)zip_file_add(archive, entries->name, source, 0);
    }
    cr_assert(eq(int, zip_close(archive), 0));
    cr_assert(eq(int, zip_source_stat(target, &stat), 0));
    uint8_t *bytes = arena_alloc(&arena, stat.size);
    (void)zip_source_open(target);
    cr_assert(eq(i64, zip_source_read(target, bytes, stat.size), (int64_t)stat.size));
    (void)zip_source_close(target);
    zip_source_free(target);
    return bytes_of(bytes, stat.size);
}

static const char *fault_of(const struct entry *entries)
{
    struct rocksdb_snapshot snapshot;
    const char *what = decode(archive_of(entries), &snapshot);
    return what == NULL ? "none" : what;
}

#define CURRENT_ENTRY                                                                              \
    {                                                                                              \
        "CURRENT", "MANIFEST-1\n"                                                                  \
    }
#define MANIFEST_ENTRY                                                                             \
    {                                                                                              \
        "MANIFEST-1", "m"                                                                          \
    }

static const char *fault_of_metadata(const char *text)
{
    const struct entry entries[] = {
        CURRENT_ENTRY, MANIFEST_ENTRY, {"metadata", text}, {NULL, NULL}};
    return fault_of(entries);
}

Test(rocksdb_snapshot, what_spark_4_0_needs_is_enough_and_what_it_does_not_know_is_no_fault)
{
    static const char *const fine[] = {
        METADATA_HEAD METADATA_TAIL,
        METADATA_HEAD METADATA_SST METADATA_TAIL "\n",
        "v1\n{\"numKeys\":-1}",
        "v1\n{\"sstFiles\":[],\"numKeys\":0,\"columnFamilyMapping\":{\"a\":{\"b\":[]}},\"x\":1.5}",
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        cr_assert(eq(str, fault_of_metadata(fine[i]), "none"));
    }
}

Test(rocksdb_snapshot, archived_logs_are_seen)
{
    const struct entry entries[] = {
        CURRENT_ENTRY,
        MANIFEST_ENTRY,
        {"metadata",
         "v1\n{\"sstFiles\":[],\"logFiles\":[{\"localFileName\":\"1.log\","
         "\"dfsLogFileName\":\"1-a.log\",\"sizeBytes\":3}],\"numKeys\":0}"},
        {NULL, NULL}};
    struct rocksdb_snapshot snapshot;
    decode_well(archive_of(entries), &snapshot);
    cr_assert(snapshot.has_logs);
}

Test(rocksdb_snapshot, each_fault_of_the_metadata_is_said)
{
    static const struct {
        const char *text;
        const char *what;
    } table[] = {
        {"", "line 1: it is not \"v1\""},
        {"v2\n{\"sstFiles\":[],\"numKeys\":0}", "line 1: it is not \"v1\""},
        {"v1\n", "line 2: it is not a JSON object"},
        {"v1\n[]", "line 2: it is not a JSON object"},
        {"v1\n{\"sstFiles\":[],\"numKeys\":0}x", "line 2: it is not a JSON object"},
        {"v1\n{\"sstFiles\":[]}", "line 2: numKeys"},
        {"v1\n{\"sstFiles\":[],\"numKeys\":-2}", "line 2: numKeys"},
        {"v1\n{\"sstFiles\":[],\"numKeys\":1.5}", "line 2: numKeys"},
        {"v1\n{\"sstFiles\":{},\"numKeys\":0}", "line 2: sstFiles is not an array"},
        {"v1\n{\"sstFiles\":[],\"numKeys\":0,\"maxColumnFamilyId\":\"a\"}", "line 2: maxColumn"},
        {METADATA_HEAD "{}" METADATA_TAIL, "line 2: an entry of sstFiles lacks"},
        {METADATA_HEAD "7" METADATA_TAIL, "line 2: an entry of sstFiles lacks"},
        {METADATA_HEAD METADATA_SST "," METADATA_SST METADATA_TAIL, "stands twice"},
        {METADATA_HEAD "{\"localFileName\":\"8.sst\",\"dfsSstFileName\":\"8-a.sst\",\"sizeBytes\":-"
                       "1}" METADATA_TAIL,
         "is negative"},
        {METADATA_HEAD "{\"localFileName\":\"CURRENT\",\"dfsSstFileName\":\"8-a.sst\","
                       "\"sizeBytes\":1}" METADATA_TAIL,
         "does not name an .sst file"},
        {METADATA_HEAD "{\"localFileName\":\"../"
                       "8.sst\",\"dfsSstFileName\":\"8-a.sst\",\"sizeBytes\":1}" METADATA_TAIL,
         "does not name an .sst file"},
        {METADATA_HEAD "{\"localFileName\":\"8.sst\",\"dfsSstFileName\":\"a/"
                       "8.sst\",\"sizeBytes\":1}" METADATA_TAIL,
         "does not name an .sst file"},
        {METADATA_HEAD "{\"localFileName\":\".sst\",\"dfsSstFileName\":\"8-a.sst\",\"sizeBytes\":"
                       "1}" METADATA_TAIL,
         "does not name an .sst file"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *what = fault_of_metadata(table[i].text);
        cr_assert(eq(int, strncmp(what, "metadata line ", 14), 0), "%s", what);
        cr_assert(ne(ptr, strstr(what, table[i].what), NULL), "%s: %s", table[i].text, what);
    }
}

static const char *decode_ssts(struct rocksdb_sst *many, size_t count)
{
    struct rocksdb_snapshot snapshot = sample();
    struct rocksdb_snapshot again;
    struct buf out = {0};
    snapshot.ssts = many;
    snapshot.sst_count = count;
    rocksdb_snapshot_encode(&snapshot, &out);
    const char *what = decode(buf_bytes(&out), &again);
    cr_assert(what != NULL || again.sst_count == count);
    buf_free(&out);
    return what;
}

/* No time to compare each with each. */
Test(rocksdb_snapshot, one_of_many_files_that_stands_twice_is_found, .timeout = 20)
{
    enum { FILES = 50000 };
    static struct rocksdb_sst many[FILES];
    for (size_t i = 0; i < FILES; i++) {
        size_t number = i * 7919 % FILES; /* in no order */
        many[i] = (struct rocksdb_sst){arena_printf(&arena, "%06zu.sst", number),
                                       arena_printf(&arena, "%06zu-ab.sst", number),
                                       1};
    }
    const char *what = decode_ssts(many, FILES);
    cr_assert(what == NULL, "%s", what);
    many[0].local_name = many[FILES - 1].local_name;
    cr_assert(ne(ptr, strstr(decode_ssts(many, FILES), "stands twice"), NULL));
    many[0].local_name = "999999.sst";
    many[1].dfs_name = many[FILES - 2].dfs_name;
    cr_assert(ne(ptr, strstr(decode_ssts(many, FILES), "stands twice"), NULL));
}

Test(rocksdb_snapshot, each_fault_of_the_archive_is_said)
{
#define METADATA_ENTRY                                                                             \
    {                                                                                              \
        "metadata", METADATA_HEAD METADATA_TAIL                                                    \
    }
    static const struct {
        struct entry entries[6];
        const char *what;
    } table[] = {
        {{CURRENT_ENTRY, MANIFEST_ENTRY}, "it has no entry metadata"},
        {{MANIFEST_ENTRY, METADATA_ENTRY}, "it has no CURRENT"},
        {{CURRENT_ENTRY, METADATA_ENTRY}, "it has no MANIFEST of the name that CURRENT says"},
        {{CURRENT_ENTRY, {"MANIFEST-2", "m"}, METADATA_ENTRY}, "it has no MANIFEST of the name"},
        {{{"CURRENT", "MANIFEST-1"}, MANIFEST_ENTRY, METADATA_ENTRY}, "does not name a MANIFEST"},
        {{{"CURRENT", ""}, MANIFEST_ENTRY, METADATA_ENTRY}, "does not name a MANIFEST"},
        {{CURRENT_ENTRY, MANIFEST_ENTRY, METADATA_ENTRY, {"../evil", "x"}},
         "the name of an entry is not that of a file"},
        {{CURRENT_ENTRY, MANIFEST_ENTRY, METADATA_ENTRY, {"a/b", "x"}},
         "the name of an entry is not that of a file"},
        {{CURRENT_ENTRY, MANIFEST_ENTRY, METADATA_ENTRY, {"a/", ""}},
         "the name of an entry is not that of a file"},
        {{CURRENT_ENTRY, MANIFEST_ENTRY, METADATA_ENTRY, {"a\nb", "x"}},
         "the name of an entry is not that of a file"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *what = fault_of(table[i].entries);
        cr_assert(ne(ptr, strstr(what, table[i].what), NULL), "%zu: %s", i, what);
    }
}

Test(rocksdb_snapshot, what_is_no_archive)
{
    struct rocksdb_snapshot snapshot;
    static const char *const texts[] = {
        "", "PK", "PK\x03\x04", "v1\n{}", "LZ4Block....", "\x1f\x8b"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cr_assert(eq(str,
                     decode(bytes_of_text(texts[i]), &snapshot),
                     "it is no zip archive, or its end is missing"));
    }
}

/* libzip finds an archive behind other bytes; Spark, which reads from the front, does not. */
Test(rocksdb_snapshot, bytes_before_the_archive_are_refused)
{
    struct rocksdb_snapshot snapshot = sample();
    struct rocksdb_snapshot again;
    struct buf out = {0};
    buf_text(&out, "#!/bin/sh\n");
    rocksdb_snapshot_encode(&snapshot, &out);
    cr_assert(
        eq(str, decode(buf_bytes(&out), &again), "it is no zip archive, or its end is missing"));
    buf_free(&out);
}

Test(rocksdb_snapshot, every_cut_is_seen)
{
    struct rocksdb_snapshot snapshot = sample();
    struct rocksdb_snapshot again;
    struct buf out = {0};
    rocksdb_snapshot_encode(&snapshot, &out);
    for (size_t size = 0; size < out.size; size++) {
        cr_assert(eq(str,
                     decode(bytes_of(out.data, size), &again),
                     "it is no zip archive, or its end is missing"));
    }
    buf_free(&out);
}

Test(rocksdb_snapshot, a_wrong_checksum_names_the_entry)
{
    static char noise[4000]; /* stored or deflated, a flipped bit of it stays a valid stream */
    struct rocksdb_snapshot snapshot = sample();
    struct rocksdb_snapshot again;
    struct buf out = {0};
    size_t seen = 0;
    uint32_t state = 5;
    for (size_t i = 0; i < sizeof noise; i++) {
        state = state * 1664525 + 1013904223;
        noise[i] = (char)(state >> 24);
    }
    files[1].content = bytes_of(noise, sizeof noise);
    rocksdb_snapshot_encode(&snapshot, &out);
    for (size_t at = 1000; at < 3000; at += 100) {
        out.data[at] ^= 0x10;
        seen += strcmp(decode(buf_bytes(&out), &again),
                       "entry MANIFEST-000005: its checksum differs") == 0;
        out.data[at] ^= 0x10;
    }
    cr_assert(ge(sz, seen, 15));
    buf_free(&out);
}

Test(rocksdb_snapshot, an_entry_that_inflates_beyond_bounds_is_refused)
{
    const size_t size = 65 << 20; /* deflates to some 64 KiB */
    char *zeroes = arena_alloc(&arena, size + 1);
    memset(zeroes, 'a', size);
    const struct entry entries[] = {CURRENT_ENTRY, MANIFEST_ENTRY, {"bomb", zeroes}, {NULL, NULL}};
    struct bytes file = archive_of(entries);
    size_t before = arena.bytes;
    struct rocksdb_snapshot snapshot;
    cr_assert(lt(sz, file.size, 1 << 20));
    cr_assert(eq(str, decode(file, &snapshot), "entry bomb: it inflates beyond 64 MiB"));
    cr_assert(lt(sz, arena.bytes - before, 10000));
}

Test(rocksdb_snapshot, mutated_archives_are_refused_or_read_and_memory_stays_bounded)
{
    struct rocksdb_snapshot snapshot = sample();
    struct buf out = {0};
    uint32_t state = 7;
    size_t outcomes[2] = {0};
    rocksdb_snapshot_encode(&snapshot, &out);
    for (size_t round = 0; round < 20000; round++) {
        struct arena scratch = {0};
        struct rocksdb_snapshot again;
        const char *what = NULL;
        uint8_t *copy = arena_copy(&scratch, out.data, out.size);
        size_t used = scratch.bytes;
        for (size_t i = 0; i <= round % 4; i++) {
            state = state * 1664525 + 1013904223;
            copy[(state >> 8) % out.size] = (uint8_t)(state >> 24);
        }
        enum status status =
            rocksdb_snapshot_decode(bytes_of(copy, out.size), &scratch, &again, &what);
        cr_assert(status == OK ? what == NULL : status == ERR_CORRUPT && what != NULL);
        outcomes[status == OK]++;
        cr_assert(le(sz, scratch.bytes - used, 40000));
        if (status == OK) {
            /* What the checksums guard is what was written: times and attributes are not. */
            cr_same(&snapshot, &again);
        }
        arena_free(&scratch);
    }
    cr_assert(gt(sz, outcomes[0], 1000));
    cr_assert(gt(sz, outcomes[1], 10));
    buf_free(&out);
}
