#define _XOPEN_SOURCE 700 /* nftw */
/* The checks' reader of RocksDB snapshots: those that a real Spark 4.0 wrote (RocksDB 8 and 9),
 * when the fixtures stand beside the project, and the same bytes damaged everywhere. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/hash.h"
#include "engine/base/process.h"
#include "engine/state/golden_test_world.h"
#include "sim/check/rocksdb_files.h"
#include "sim/check/state_zip.h"
#include "sim/check/zip_reader.h"

enum { PATH_SIZE = 512, ZIPS_MAX = 256 };

static char zips[ZIPS_MAX][PATH_SIZE];
static size_t zip_count;
static struct arena arena; /* of one file */

static int find(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    size_t size = strlen(path);
    if (type == FTW_F && size > 4 && strcmp(path + size - 4, ".zip") == 0 && zip_count < ZIPS_MAX) {
        (void)snprintf(zips[zip_count++], PATH_SIZE, "%s", path);
    }
    return 0;
}

static void unpack(void)
{
    if (!golden_unpack()) {
        cr_skip("no " GOLDEN_TARBALL);
    }
    (void)nftw(golden_root, find, 16, FTW_PHYS);
}

static bool look(void *context, const char *name, struct bytes *content)
{
    const char *zip = context;
    char path[2 * PATH_SIZE];
    (void)snprintf(path, sizeof path, "%.*s/SSTs/%s", (int)(strrchr(zip, '/') - zip), zip, name);
    *content = golden_file(&arena, path);
    return content->data != NULL;
}

static void clean(void)
{
    arena_free(&arena);
    if (golden_root[0] != '\0') {
        golden_remove();
    }
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(state_zip, .fini = clean);

/* Each holds as many rows as its own metadata counts, from SST files of the sizes it names. Those
 * of transformWithState have a column family before each key: known, and refused. */
Test(state_zip, what_spark_wrote, .timeout = 120)
{
    unpack();
    size_t whole = 0;
    size_t families = 0;
    size_t rows_total = 0;
    for (size_t i = 0; i < zip_count; i++) {
        struct state_zip zip;
        struct state_records rows = {.count = 0};
        const char *error = state_zip_read(golden_file(&arena, zips[i]), &arena, &zip);
        cr_assert(error == NULL, "%s: %s", zips[i], error);
        error = state_zip_rows(&zip, look, zips[i], &arena, &rows);
        bool family = error != NULL && strcmp(error, "a row does not begin with the byte 0") == 0;
        cr_assert(error == NULL || family, "%s: %s", zips[i], error);
        whole += error == NULL;
        families += family;
        rows_total += error == NULL ? rows.count : 0;
        arena_reset(&arena);
    }
    cr_log_info("%zu snapshots, %zu rows; %zu with column families", whole, rows_total, families);
    cr_assert(gt(sz, whole, 50));
    cr_assert(gt(sz, rows_total, 50));
}

/* One byte of an archive or an SST file is another one: an error, or the same rows; never a crash,
 * never other rows. */
static bool damaged;
static size_t damaged_at;
static size_t sst_size;

static bool look_damaged(void *context, const char *name, struct bytes *content)
{
    if (!look(context, name, content)) {
        return false;
    }
    sst_size = content->size;
    if (damaged) {
        ((uint8_t *)(uintptr_t)content->data)[damaged_at % content->size] ^= 0x55;
    }
    return true;
}

static uint64_t digest(const struct state_records *rows)
{
    uint64_t hash = rows->count;
    for (size_t i = 0; i < rows->count; i++) {
        hash = hash_chain(hash, hash_bytes(rows->records[i].key.data, rows->records[i].key.size));
        hash =
            hash_chain(hash, hash_bytes(rows->records[i].value.data, rows->records[i].value.size));
    }
    return hash;
}

static uint64_t read_one(char *path, size_t flip, const char **error)
{
    struct bytes file = golden_file(&arena, path);
    if (flip < file.size) {
        ((uint8_t *)(uintptr_t)file.data)[flip] ^= 0x55;
    }
    struct state_zip zip;
    struct state_records rows = {.count = 0};
    *error = state_zip_read(file, &arena, &zip);
    if (*error == NULL) {
        *error = state_zip_rows(&zip, look_damaged, path, &arena, &rows);
    }
    uint64_t hash = *error == NULL ? digest(&rows) : 0;
    arena_reset(&arena);
    return hash;
}

Test(state_zip, every_byte_damaged, .timeout = 300)
{
    unpack();
    const char *error = NULL;
    size_t which = 0;
    uint64_t right = 0;
    do {
        sst_size = 0;
        right = read_one(zips[which++], SIZE_MAX, &error);
    } while (error != NULL || sst_size == 0);
    char *zip = zips[which - 1];
    size_t zip_size = golden_file(&arena, zip).size;
    size_t noticed = 0;
    for (size_t i = 0; i < zip_size; i++) {
        uint64_t hash = read_one(zip, i, &error);
        noticed += error != NULL;
        cr_expect(error != NULL || hash == right, "%s, byte %zu of the archive", zip, i);
    }
    damaged = true;
    for (damaged_at = 0; damaged_at < sst_size; damaged_at++) {
        uint64_t hash = read_one(zip, SIZE_MAX, &error);
        noticed += error != NULL;
        cr_expect(error != NULL || hash == right, "%s, byte %zu of an SST file", zip, damaged_at);
    }
    damaged = false;
    cr_assert(gt(sz, noticed, zip_size / 2));
}

Test(state_zip, cut_anywhere, .timeout = 300)
{
    unpack();
    struct bytes file = golden_file(&arena, zips[0]);
    for (size_t size = 0; size < file.size; size++) {
        struct state_zip zip;
        cr_expect(state_zip_read(bytes_of(file.data, size), &arena, &zip) != NULL, "%zu", size);
    }
}

/* Bytes that nobody wrote. */
Test(state_zip, noise)
{
    uint8_t noise[4096];
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        size_t size = hash_mix64(seed) % sizeof noise;
        for (size_t i = 0; i < size; i++) {
            noise[i] = (uint8_t)hash_mix64(seed * 4096 + i);
        }
        struct bytes file = bytes_of(noise, size);
        struct zip_entry *entries = NULL;
        struct manifest_file *files = NULL;
        struct table_entries all = {.count = 0};
        size_t count = 0;
        cr_expect(zip_read(file, &arena, &entries, &count) != NULL);
        cr_expect(manifest_read(file, &arena, &files, &count) != NULL);
        cr_expect(table_read(file, &arena, &all) != NULL);
        arena_reset(&arena);
    }
}
