/* A snapshot's database, put together in memory and read through. */
#include <inttypes.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/state/disk_memory.h"
#include "engine/state/rocksdb_db.h"
#include "engine/state/rocksdb_diagnosis.h"
#include "engine/state/rocksdb_read.h"

#define DATABASE "/local/db"

enum { SLICE = 1024, CACHE_BYTES = 8 << 20, BLOCK_SIZE = 4096 };

struct reading {
    const struct rocksdb_reader *reader;
    struct rocksdb_named at;
    const struct rocksdb_snapshot *snapshot;
    struct disk_memory *disk;
    uint32_t *checksums; /* of the SST files, in the snapshot's order */
    struct rocksdb_fault *fault;
};

static const char *sst_path(const struct reading *reading, size_t i)
{
    return arena_printf(reading->reader->arena,
                        "%s/" ROCKSDB_SST_DIRECTORY "/%s",
                        reading->reader->directory,
                        reading->snapshot->ssts[i].dfs_name);
}

static enum status
fail(const struct reading *reading, enum status status, const char *path, const char *what)
{
    *reading->fault = (struct rocksdb_fault){.status = status, .path = path, .what = what};
    return status;
}

/* ---- files ---------------------------------------------------------------------------------- */

static void put(const struct reading *reading, const char *name, struct bytes content)
{
    disk_memory_put(
        reading->disk, arena_printf(reading->reader->arena, DATABASE "/%s", name), content);
}

static enum status fetch_sst(const struct reading *reading, size_t i, struct arena *scratch)
{
    const struct rocksdb_sst *sst = &reading->snapshot->ssts[i];
    const char *path = sst_path(reading, i);
    struct bytes content = {0};
    enum status status = store_get(reading->reader->store, path, scratch, &content);
    if (status != OK) {
        return fail(reading,
                    status,
                    path,
                    status == ERR_NOT_FOUND
                        ? arena_printf(reading->reader->arena,
                                       "it is missing; %" PRId64 ".zip needs it",
                                       reading->at.version)
                        : status_text(status));
    }
    if ((int64_t)content.size != sst->size) {
        return fail(reading,
                    ERR_CORRUPT,
                    path,
                    arena_printf(reading->reader->arena,
                                 "it has %zu bytes where %" PRId64 ".zip says %" PRId64,
                                 content.size,
                                 reading->at.version,
                                 sst->size));
    }
    reading->checksums[i] = rocksdb_crc32c(content);
    put(reading, sst->local_name, content);
    return OK;
}

static enum status assemble(const struct reading *reading)
{
    struct arena scratch = {0};
    enum status status = OK;
    for (size_t i = 0; i < reading->snapshot->file_count; i++) {
        put(reading, reading->snapshot->files[i].name, reading->snapshot->files[i].content);
    }
    for (size_t i = 0; i < reading->snapshot->sst_count && status == OK; i++) {
        status = fetch_sst(reading, i, &scratch);
        arena_reset(&scratch);
    }
    arena_free(&scratch);
    return status;
}

/* ---- what the library says ------------------------------------------------------------------ */

static const char *archive_path(const struct reading *reading)
{
    return rocksdb_named_path(
        reading->reader->arena, reading->reader->directory, reading->at, STATE_ZIP);
}

/* SPARK-43404: the name is right, the file is not. */
static enum status fail_other(const struct reading *reading, const char *path)
{
    return fail(reading,
                ERR_CORRUPT,
                path,
                arena_printf(reading->reader->arena,
                             "its content is not what %" PRId64
                             ".zip was made with; another attempt wrote it, or it is damaged",
                             reading->at.version));
}

static enum status
fail_library(const struct reading *reading, enum status status, struct rocksdb_what *what)
{
    bool newer = false;
    const struct rocksdb_sst *sst =
        rocksdb_sst_at_fault(disk_memory_port(reading->disk), DATABASE, reading->snapshot, what);
    const char *path = sst == NULL ? archive_path(reading)
                                   : sst_path(reading, (size_t)(sst - reading->snapshot->ssts));
    const char *text = rocksdb_explain(reading->reader->arena, status, what, &newer);
    return fail(reading, newer ? ERR_UNSUPPORTED : status, path, text);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* An SST of another attempt may open well, and hold other rows. */
static enum status check_checksums(const struct reading *reading, struct rocksdb_db *db)
{
    struct rocksdb_file *files = NULL;
    size_t count = 0;
    struct rocksdb_what what = {0};
    enum status status = rocksdb_db_files(db, reading->reader->arena, &files, &count, &what);
    if (status != OK) {
        return fail_library(reading, status, &what);
    }
    for (size_t at = 0; at < count; at++) {
        size_t i = 0;
        while (i < reading->snapshot->sst_count &&
               strcmp(reading->snapshot->ssts[i].local_name, files[at].name) != 0) {
            i++;
        }
        if (i == reading->snapshot->sst_count) {
            return fail(reading,
                        ERR_CORRUPT,
                        archive_path(reading),
                        arena_printf(reading->reader->arena,
                                     "its MANIFEST has %s, which its metadata does not name",
                                     files[at].name));
        }
        if (files[at].has_checksum && files[at].crc32c != reading->checksums[i]) {
            return fail_other(reading, sst_path(reading, i));
        }
    }
    return OK;
}

static enum status put_rows(const struct reading *reading,
                            struct rocksdb_change *rows,
                            size_t count,
                            struct state_map *map)
{
    bool families = reading->snapshot->column_family_max > 0;
    for (size_t i = 0; i < count; i++) {
        struct rocksdb_change row = rows[i];
        if (!families && (!rocksdb_row(&row.key) || !rocksdb_row(&row.value))) {
            return fail(reading,
                        ERR_CORRUPT,
                        archive_path(reading),
                        "a row of its database does not begin with the byte 00");
        }
        state_map_put(map, row.key, row.value);
    }
    return OK;
}

static enum status
scan_rows(const struct reading *reading, struct rocksdb_db *db, struct state_map *map)
{
    struct arena slice = {0};
    struct rocksdb_scan *scan = rocksdb_scan_new(db);
    struct rocksdb_change *rows = NULL;
    struct rocksdb_what what = {0};
    size_t count = 1;
    enum status status = OK;
    while (status == OK && count > 0) {
        arena_reset(&slice);
        status = rocksdb_scan_next(scan, SLICE, &slice, &rows, &count, &what);
        status = status == OK ? put_rows(reading, rows, count, map)
                              : fail_library(reading, status, &what);
    }
    rocksdb_scan_free(scan);
    arena_free(&slice);
    return status;
}

static enum status open_and_scan(const struct reading *reading, struct state_map *map)
{
    static const struct rocksdb_options options = {
        .block_size = BLOCK_SIZE, .max_open_files = -1, .format_version = ROCKSDB_SST_FORMAT};
    struct rocksdb_cache *cache = rocksdb_cache_new(CACHE_BYTES);
    struct rocksdb_db *db = NULL;
    struct rocksdb_what what = {0};
    enum status status =
        rocksdb_db_open(disk_memory_port(reading->disk), DATABASE, &options, cache, &db, &what);
    if (status != OK) {
        status = fail_library(reading, status, &what);
    } else {
        status = check_checksums(reading, db);
    }
    if (status == OK) {
        status = scan_rows(reading, db, map);
    }
    rocksdb_db_close(db);
    rocksdb_cache_free(cache);
    return status;
}

enum status rocksdb_read_database(const struct rocksdb_reader *reader,
                                  struct rocksdb_named at,
                                  const struct rocksdb_snapshot *snapshot,
                                  struct state_map *map,
                                  struct rocksdb_fault *fault)
{
    struct reading reading = {
        .reader = reader,
        .at = at,
        .snapshot = snapshot,
        .disk = disk_memory_new(),
        .checksums = arena_alloc(reader->arena, snapshot->sst_count * sizeof(uint32_t)),
        .fault = fault};
    enum status status = OK;
    require(state_map_count(map) == 0);
    if (snapshot->has_logs) {
        status = fail(&reading,
                      ERR_UNSUPPORTED,
                      archive_path(&reading),
                      "its rows are partly in write-ahead logs (logFiles), which are not read");
    }
    status = status == OK ? assemble(&reading) : status;
    status = status == OK ? open_and_scan(&reading, map) : status;
    disk_memory_free(reading.disk);
    return status;
}
