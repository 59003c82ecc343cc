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

/* ---- a disk that takes nothing ----------------------------------------------------------------
 */

static enum status
write_nothing(void *self, disk_fd fd, const void *data, size_t size, size_t *written)
{
    (void)self;
    (void)fd;
    (void)data;
    (void)size;
    *written = 0;
    return OK;
}

Test(rocksdb_db, a_write_without_progress_is_an_error, .timeout = 20)
{
    struct rocksdb_what what = {0};
    struct rocksdb_db *db = NULL;
    struct disk_ops ops = *disk->ops;
    const struct disk_port stuck = {.ops = &ops, .self = disk->self};
    ops.write = write_nothing;
    db_make_directory(disk, ROOT "/stuck");
    /* What a new database writes stays in memory until its first rows come. */
    db_must(rocksdb_db_open(&stuck, ROOT "/stuck", &db_options, NULL, &db, &what), &what);
    cr_assert(eq(int, db_put_range(db, 0, 300, 1, 1, false, &what), ERR_IO));
    rocksdb_db_close(db);
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

/* ---- damaged files ----------------------------------------------------------------------------
 */

enum { STATES = 5, ROWS = 300, FILES_MAX = 16, CASES = 60 };

#define GOOD   ROOT "/good"
#define BROKEN ROOT "/broken"

struct file {
    const char *name;
    struct bytes content;
};

/* A database of which every state is known, and its files. */
struct sample {
    struct arena arena;
    struct buf states[STATES]; /* rows after each step, as text */
    struct file files[FILES_MAX];
    size_t count;
};

static bool ends_with(const char *text, const char *end_of_text)
{
    size_t size = strlen(text);
    size_t end_size = strlen(end_of_text);
    return size >= end_size && strcmp(text + size - end_size, end_of_text) == 0;
}

static void read_files(struct sample *sample)
{
    struct disk_entry *entries = NULL;
    size_t count = 0;
    cr_assert(eq(int, disk_list(disk, GOOD, &sample->arena, &entries, &count), OK));
    for (size_t i = 0; i < count; i++) {
        struct buf content = {0};
        db_read_file(disk, arena_printf(&sample->arena, GOOD "/%s", entries[i].name), &content);
        cr_assert(lt(sz, sample->count, FILES_MAX));
        sample->files[sample->count++] = (struct file){
            .name = entries[i].name,
            .content =
                bytes_of(arena_copy(&sample->arena, content.data, content.size), content.size)};
        buf_free(&content);
    }
}

static void make_sample(struct sample *sample)
{
    struct rocksdb_what what;
    struct rocksdb_work work = {0};
    *sample = (struct sample){0};
    db_make_directory(disk, GOOD);
    struct rocksdb_db *db = db_open(disk, GOOD, NULL);
    for (int state = 0; state < STATES; state++) {
        if (state == 3) {
            db_must(rocksdb_db_compact(db, true, &work, &what), &what);
        } else if (state > 0) { /* first it is empty */
            db_must(db_put_range(db, state * 40 - 40, ROWS, state, state, state > 1, &what), &what);
        }
        db_must(db_dump(db, 100, &sample->states[state], &what), &what);
        buf_byte(&sample->states[state], '\0');
    }
    rocksdb_db_close(db);
    read_files(sample);
}

static void free_sample(struct sample *sample)
{
    for (int state = 0; state < STATES; state++) {
        buf_free(&sample->states[state]);
    }
    arena_free(&sample->arena);
}

/* One file is another one, the rest is as it was. */
static void put_files(const struct sample *sample, size_t broken, struct bytes content)
{
    for (size_t i = 0; i < sample->count; i++) {
        char path[DB_PATH];
        (void)snprintf(path, sizeof path, BROKEN "/%s", sample->files[i].name);
        disk_memory_put(memory, path, i == broken ? content : sample->files[i].content);
    }
}

static void remove_files(void)
{
    struct arena arena = {0};
    struct disk_entry *entries = NULL;
    size_t count = 0;
    cr_assert(eq(int, disk_list(disk, BROKEN, &arena, &entries, &count), OK));
    for (size_t i = 0; i < count; i++) {
        const char *path = arena_printf(&arena, BROKEN "/%s", entries[i].name);
        cr_assert(eq(int, disk_unlink(disk, path), OK));
    }
    arena_free(&arena);
}

/* A key is found as the rows have it, or an error is named. */
static void check_get(const struct sample *sample, struct rocksdb_db *db, int i, const char *name)
{
    struct rocksdb_what what = {0};
    struct bytes value = {0};
    struct db_row row = db_row(i, 0);
    char line[DB_ROW_SIZE * 2];
    enum status status = rocksdb_db_get(db, bytes_of_text(row.key), &value, &what);
    if (status != OK && status != ERR_NOT_FOUND) {
        cr_assert(what.text[0] != '\0', "%s", name);
        return;
    }
    bool found = status == OK;
    (void)snprintf(line,
                   sizeof line,
                   "%s=%.*s%s",
                   row.key,
                   found ? (int)value.size : 0,
                   found ? (const char *)value.data : "",
                   found ? "\n" : "");
    const char *rows = (const char *)sample->states[STATES - 1].data;
    cr_assert(eq(int, strstr(rows, line) != NULL, found), "%s: %s", name, row.key);
}

/* Rows are those of the database, or of an earlier state of it if it is the MANIFEST that is short
 * (its records have checksums, and a zip has one over all of it). How many states they are not;
 * STATES: there was an error. */
static int judge(const struct sample *sample, size_t broken)
{
    struct rocksdb_what what = {0};
    struct rocksdb_db *db = NULL;
    struct buf rows = {0};
    int back = STATES;
    const char *name = sample->files[broken].name;
    enum status status = rocksdb_db_open(disk, BROKEN, &db_options, NULL, &db, &what);
    if (status == OK) {
        status = db_dump(db, 100, &rows, &what);
        buf_byte(&rows, '\0');
    }
    cr_assert(status == OK || status == ERR_CORRUPT, "%s: %s", name, status_text(status));
    cr_assert(status == OK || what.text[0] != '\0', "%s", name);
    for (int state = 0; status == OK && state < STATES; state++) {
        if (bytes_equal(buf_bytes(&rows), buf_bytes(&sample->states[state]))) {
            back = STATES - 1 - state;
        }
    }
    cr_assert(status != OK || back < STATES, "%s gives rows that never were", name);
    if (db != NULL && ends_with(name, ".sst")) {
        for (int i = 0; i < ROWS; i += 7) {
            check_get(sample, db, i, name);
        }
    }
    rocksdb_db_close(db);
    buf_free(&rows);
    return back;
}

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* A bit flips, a part is zero, the end is gone, something is behind it. */
static struct bytes break_content(struct bytes good, int kind, struct arena *arena, uint32_t *seed)
{
    size_t at = draw(seed) % good.size;
    uint8_t *copy = arena_alloc(arena, good.size + 64);
    memcpy(copy, good.data, good.size);
    switch (kind) {
    case 0:
        copy[at] ^= (uint8_t)(1U << draw(seed) % 8);
        return bytes_of(copy, good.size);
    case 1: {
        size_t size = 1 + draw(seed) % 64;
        memset(copy + at, 0, at + size <= good.size ? size : good.size - at);
        return bytes_of(copy, good.size);
    }
    case 2:
        return bytes_of(copy, at);
    default:
        memset(copy + good.size, (int)(draw(seed) % 256), 64);
        return bytes_of(copy, good.size + 1 + draw(seed) % 64);
    }
}

Test(rocksdb_db, damaged_files_give_no_wrong_row)
{
    struct sample sample;
    uint32_t seed = 7;
    int errors = 0;
    make_sample(&sample);
    db_make_directory(disk, BROKEN);
    for (size_t i = 0; i < sample.count; i++) {
        for (int k = 0; k < CASES; k++) {
            struct arena scratch = {0};
            struct bytes good = sample.files[i].content;
            struct bytes bad = break_content(good, k % 4, &scratch, &seed);
            put_files(&sample, i, bad);
            int back = judge(&sample, i);
            bool short_manifest = strncmp(sample.files[i].name, "MANIFEST", 8) == 0;
            cr_assert(back == 0 || back == STATES || short_manifest, "%s", sample.files[i].name);
            errors += back == STATES;
            remove_files();
            arena_free(&scratch);
        }
    }
    cr_assert(gt(int, errors, (int)sample.count *CASES / 3));
    free_sample(&sample);
}
