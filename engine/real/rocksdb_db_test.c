/* The local database over real files. */
#include "engine/state/rocksdb_db_contract.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <stdlib.h>
#include <time.h>

#include "engine/base/native.h"
#include "engine/base/poison.h"
#include "engine/base/process.h"
#include "engine/real/real_ports.h"

static char root[64];
static struct real_disk *real;
static struct disk_port disk;

static void begin(void)
{
    strcpy(root, "/tmp/rocksdb_db_test.XXXXXX");
    cr_assert(ne(ptr, mkdtemp(root), NULL));
    real = real_disk_new(NULL);
    disk = real_disk_port(real);
}

static void end(void)
{
    char command[128];
    real_disk_free(real);
    (void)snprintf(command, sizeof command, "rm -rf %s", root);
    cr_assert(eq(int, system(command), 0));
    cr_assert(eq(i64, rocksdb_db_live(), 0));
    cr_assert(eq(sz, native_count(&process_host), 0));
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(rocksdb_db, .init = begin, .fini = end);

Test(rocksdb_db, keeps_its_promises)
{
    for (size_t i = 0; i < DB_CASES; i++) {
        db_cases[i].run(&disk, root);
    }
}

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int count = -2;
    while (readdir(tasks) != NULL) {
        count++;
    }
    (void)closedir(tasks);
    return count;
}

static long resident_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "VmRSS: %ld", &kib);
    }
    (void)fclose(file);
    return kib;
}

/* Opens and closes leave nothing behind. */
Test(rocksdb_db, memory_stays_flat, .timeout = 300)
{
    enum { ROUNDS = 600 };
    char path[DB_PATH];
    struct rocksdb_what what;
    (void)snprintf(path, sizeof path, "%s/flat", root);
    db_make_directory(&disk, path);
    struct rocksdb_db *db = db_open(&disk, path, NULL);
    db_must(db_put_range(db, 0, 100, 1, 1, false, &what), &what);
    rocksdb_db_close(db);
    long before = 0;
    int64_t open_us = 0;
    int64_t close_us = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t start = now_us();
        db = db_open(&disk, path, NULL);
        int64_t opened = now_us();
        db_get_is(db, "key 000007", db_row(7, 1).value);
        int64_t got = now_us();
        rocksdb_db_close(db);
        open_us += opened - start;
        close_us += now_us() - got;
        if (i == ROUNDS / 4) {
            before = resident_kib();
        }
    }
    printf("rocksdb_db: open %lld us, close %lld us; %ld KiB after %d rounds, %ld KiB after %d; %d "
           "threads\n",
           (long long)open_us / ROUNDS,
           (long long)close_us / ROUNDS,
           before,
           ROUNDS / 4,
           resident_kib(),
           ROUNDS,
           threads());
#ifndef ENGINE_ASAN /* it keeps what was freed; leaks it finds by itself */
    cr_assert(lt(long, resident_kib(), before + 1024));
#endif
}
