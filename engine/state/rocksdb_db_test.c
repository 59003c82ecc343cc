/* The local database over a disk in memory: its contract, what it holds in memory, and files that
 * are damaged in every way. */
#include "engine/state/rocksdb_db_contract.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/native.h"
#include "engine/base/process.h"
#include "engine/state/disk_memory.h"

#define ROOT "/local"

static struct disk_memory *memory;
static const struct disk_port *disk;

static void begin(void)
{
    memory = disk_memory_new();
    disk = disk_memory_port(memory);
    db_make_directory(disk, ROOT);
}

static void end(void)
{
    disk_memory_free(memory);
    cr_assert(eq(i64, rocksdb_db_live(), 0));
    cr_assert(eq(sz, native_count(&process_host), 0));
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(rocksdb_db, .init = begin, .fini = end);

Test(rocksdb_db, keeps_its_promises)
{
    for (size_t i = 0; i < DB_CASES; i++) {
        db_cases[i].run(disk, ROOT);
    }
}

/* ---- memory -----------------------------------------------------------------------------------
 */

enum { FEW = 2000, MANY = 20000, CACHE_BYTES = 64 * 1024 };

/* Every row is looked up; what the tables hold beside the cache, and the most that the cache had.
 */
static int64_t table_bytes(int rows, bool bounded, int64_t *cached)
{
    struct rocksdb_what what;
    struct rocksdb_options options = db_options;
    struct rocksdb_cache *cache = rocksdb_cache_new(CACHE_BYTES);
    struct rocksdb_db *db = NULL;
    char path[DB_PATH];
    (void)snprintf(path, sizeof path, ROOT "/%d-%d", rows, (int)bounded);
    db_make_directory(disk, path);
    options.cache_tables = bounded;
    db_must(rocksdb_db_open(disk, path, &options, cache, &db, &what), &what);
    db_must(db_put_range(db, 0, rows, 1, 1, false, &what), &what);
    for (int i = 0; i < rows; i++) {
        struct db_row row = db_row(i, 1);
        db_get_is(db, row.key, row.value);
        int64_t used = rocksdb_cache_used(cache);
        *cached = used > *cached ? used : *cached;
    }
    int64_t bytes = rocksdb_db_table_bytes(db);
    rocksdb_db_close(db);
    rocksdb_cache_free(cache);
    return bytes;
}

Test(rocksdb_db, memory_does_not_grow_with_the_rows_when_it_is_bounded)
{
    int64_t cached = 0;
    int64_t few = table_bytes(FEW, true, &cached);
    cr_assert(le(i64, table_bytes(MANY, true, &cached), few + 1024));
    cr_assert(gt(i64, cached, CACHE_BYTES / 2)); /* it is used */
    cr_assert(le(i64, cached, CACHE_BYTES));
    few = table_bytes(FEW, false, &cached);
    cr_assert(gt(i64, table_bytes(MANY, false, &cached), few + (MANY - FEW))); /* 10 bits a row */
}
