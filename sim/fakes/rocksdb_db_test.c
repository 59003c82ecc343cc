/* The local database in the simulator: its contract, and what is left when its process dies, or the
 * disk fails, at any call of the disk inside any call of the library. */
#include "engine/state/rocksdb_db_contract.h"

#include "engine/base/native.h"
#include "engine/base/poison.h"
#include "engine/state/state_store.h"
#include "sim/fakes/storage_world.h"

#define FOLDER "/local/executor 1"
#define ROOT   FOLDER "/state"
#define HOME   ROOT "/db"
#define COPY   ROOT "/copy"
enum { FOLDERS = 2 }; /* that are made before a database */

#ifdef ENGINE_ASAN
enum { STRIDE = 3 };
#else
enum { STRIDE = 1 };
#endif

static struct storage_world world;

static void begin(void)
{
    storage_world_new(&world, 1, false);
}

static void end(void)
{
    storage_world_free(&world);
    cr_assert(eq(i64, rocksdb_db_live(), 0));
}
TestSuite(rocksdb_db_sim, .init = begin, .fini = end);

static void make_folders(const struct disk_port *disk)
{
    enum status status = disk_mkdir(disk, FOLDER);
    cr_assert(status == OK || status == ERR_EXISTS);
    db_make_directory(disk, ROOT);
}

static void run_contract(void *argument, const struct ports *ports)
{
    make_folders(&ports->disk);
    for (size_t i = 0; i < DB_CASES; i++) {
        db_cases[i].run(&ports->disk, ROOT);
    }
}

Test(rocksdb_db_sim, keeps_its_promises)
{
    storage_world_run(&world, run_contract, NULL);
}

/* ---- a life with a database -------------------------------------------------------------------
 */

enum { SMALL = 40, LARGE = 100, LARGE_SIZE = 1000 };

struct life {
    struct rocksdb_cache *cache;
    struct rocksdb_db *db;
    struct rocksdb_scan *scan;
    struct rocksdb_what what;
    uint8_t large[LARGE][LARGE_SIZE]; /* values that do not compress: an SST that is not kept */
};

static enum status open_database(struct life *life, const struct disk_port *disk)
{
    return rocksdb_db_open(disk, HOME, &db_options, life->cache, &life->db, &life->what);
}

static enum status make_database(struct life *life, const struct disk_port *disk)
{
    enum status status = disk_mkdir(disk, HOME);
    return status == OK ? open_database(life, disk) : status;
}

static enum status write_small(struct life *life, const struct disk_port *disk)
{
    return db_put_range(life->db, 0, SMALL, 1, 1, false, &life->what);
}

static enum status write_over(struct life *life, const struct disk_port *disk)
{
    return db_put_range(life->db, 0, SMALL, 2, 2, true, &life->what);
}

static enum status write_large(struct life *life, const struct disk_port *disk)
{
    static char keys[LARGE][16];
    struct rocksdb_change changes[LARGE];
    struct rocksdb_work work = {0};
    uint64_t number = 1;
    for (size_t i = 0; i < LARGE; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "large %03d", (int)i);
        for (size_t j = 0; j < LARGE_SIZE; j++) {
            number = hash_chain(number, i + j);
            life->large[i][j] = (uint8_t)number;
        }
        changes[i] = (struct rocksdb_change){.key = bytes_of_text(keys[i]),
                                             .value = bytes_of(life->large[i], LARGE_SIZE)};
    }
    return rocksdb_db_write(life->db, changes, LARGE, &work, &life->what);
}

static enum status get(struct life *life, const struct disk_port *disk)
{
    struct bytes value = {0};
    enum status status = rocksdb_db_get(life->db, bytes_of_text("large 042"), &value, &life->what);
    if (status == OK) {
        cr_assert(bytes_equal(value, bytes_of(life->large[42], LARGE_SIZE)));
    }
    return status;
}

static enum status merge_some(struct life *life, const struct disk_port *disk)
{
    struct rocksdb_work work = {0};
    return rocksdb_db_compact(life->db, false, &work, &life->what);
}

static enum status merge_all(struct life *life, const struct disk_port *disk)
{
    struct rocksdb_work work = {0};
    return rocksdb_db_compact(life->db, true, &work, &life->what);
}

static enum status copy(struct life *life, const struct disk_port *disk)
{
    return rocksdb_db_checkpoint(life->db, COPY, &life->what);
}

static enum status begin_scan(struct life *life, const struct disk_port *disk)
{
    struct arena arena = {0};
    struct rocksdb_change *rows = NULL;
    size_t count = 0;
    life->scan = rocksdb_scan_new(life->db);
    enum status status = rocksdb_scan_next(life->scan, 10, &arena, &rows, &count, &life->what);
    arena_free(&arena);
    return status;
}

static enum status end_scan(struct life *life, const struct disk_port *disk)
{
    struct arena arena = {0};
    struct rocksdb_change *rows = NULL;
    size_t count = 0;
    enum status status = rocksdb_scan_next(life->scan, 1000, &arena, &rows, &count, &life->what);
    rocksdb_scan_free(life->scan);
    life->scan = NULL;
    arena_free(&arena);
    return status;
}

/* What cannot be written there is noticed when it is opened again. */
static enum status close_database(struct life *life, const struct disk_port *disk)
{
    rocksdb_db_close(life->db);
    life->db = NULL;
    return OK;
}

static const struct step {
    enum status (*take)(struct life *life, const struct disk_port *disk);
    bool in_memory; /* no call of the disk */
} steps[] = {
    {make_database, false},
    {write_small, false},
    {write_over, false},
    {merge_some, false},
    {write_large, false},
    {get, false},
    {write_small, false},
    {copy, false},
    {begin_scan, true},
    {end_scan, false},
    {merge_all, false},
    {close_database, false},
    {open_database, false},
    {get, false},
    {write_over, false},
};
enum { STEPS = sizeof steps / sizeof *steps };

static size_t step; /* the one that is being taken; STEPS: all were */

static void live(void *argument, const struct ports *ports)
{
    struct life *life = heap_alloc(sizeof *life);
    make_folders(&ports->disk);
    life->cache = rocksdb_cache_new(16 * 1024);
    for (step = 0; step < STEPS; step++) {
        enum status status = steps[step].take(life, &ports->disk);
        cr_assert(eq(int, status, OK), "step %d: %s", (int)step, life->what.text);
    }
    rocksdb_db_close(life->db);
    rocksdb_cache_free(life->cache);
    heap_free(life);
}

/* Somebody after it on the same machine. */
static void start_anew(void *argument, const struct ports *ports)
{
    struct rocksdb_what what;
    struct buf expected = {0};
    state_local_clear(ports, FOLDER);
    make_folders(&ports->disk);
    db_make_directory(&ports->disk, HOME);
    struct rocksdb_db *db = db_open(&ports->disk, HOME, NULL);
    db_is(db, &expected); /* nothing of the dead one */
    db_must(db_put_range(db, 0, 5, 1, 7, false, &what), &what);
    db_get_is(db, "key 000003", db_row(3, 7).value);
    rocksdb_db_close(db);
    buf_free(&expected);
}

/* ---- death ------------------------------------------------------------------------------------
 */

enum { OPERATIONS_MAX = 400 };

static uint64_t digests[OPERATIONS_MAX]; /* of what is on the disk before each operation: names and
                                            sizes, since an SST has a random number in it */
static size_t steps_of[OPERATIONS_MAX];
static uint32_t operations;

static void add_file(void *context, const char *path, struct bytes content)
{
    uint64_t *digest = context;
    *digest = hash_chain(hash_chain(*digest, hash_text(path)), content.size);
}

static uint64_t digest_now(void)
{
    uint64_t digest = 1;
    fake_storage_each(world.storage, 0, FOLDER, add_file, &digest);
    return digest;
}

static bool record(const char *operation, const char *path)
{
    cr_assert(lt(u32, operations, OPERATIONS_MAX - 1));
    steps_of[operations] = step;
    digests[operations++] = digest_now();
    return false;
}

static void record_a_life(void)
{
    operations = 0;
    step = 0;
    world.trigger = (struct storage_trigger){.matches = record, .nth = UINT32_MAX};
    storage_world_run(&world, live, NULL);
    digests[operations] = digest_now();
    steps_of[operations] = STEPS;
    cr_assert(eq(sz, step, STEPS));
}

static void check_death(uint32_t operation, bool after)
{
    end();
    begin();
    world.trigger =
        (struct storage_trigger){.nth = operation + 1, .times = 1, .after = after, .kill = true};
    step = 0;
    storage_world_run(&world, live, NULL);
    cr_assert(eq(u32, world.trigger.fired, 1));
    world.trigger = (struct storage_trigger){0};
    cr_assert(eq(sz, step, steps_of[operation])); /* nothing of its own ran */
    cr_assert(eq(u64, digest_now(), digests[after ? operation + 1 : operation]),
              "operation %u",
              operation);
    cr_assert(kernel_process_clean(world.last));
    cr_assert(eq(sz, native_count(&world.last->process), 0));
    cr_assert(eq(i64, rocksdb_db_live(), 0));
    storage_world_run(&world, start_anew, NULL);
}

/* Inside a call of the library its code goes on after the death: it opens, writes and removes, and
 * not a byte of that is seen. */
Test(rocksdb_db_sim, killed_inside_every_call_of_the_library)
{
    bool died_in[STEPS] = {0};
    record_a_life();
    cr_assert(gt(u32, operations, 60));
    for (uint32_t operation = 0; operation < operations; operation += STRIDE) {
        check_death(operation, operation % 2 == 1);
        if (steps_of[operation] < STEPS) {
            died_in[steps_of[operation]] = true;
        }
    }
    for (size_t i = 0; i < STEPS && STRIDE == 1; i++) {
        cr_assert(ne(int, died_in[i], steps[i].in_memory), "step %d", (int)i);
    }
}

/* ---- a disk that fails ------------------------------------------------------------------------
 */

struct stumble {
    bool stumbled;
    bool useless; /* the database, from then on */
};

static int useless_count;

static enum status see(struct life *life, struct buf *rows)
{
    buf_clear(rows);
    return life->db == NULL ? OK : db_dump(life->db, 50, rows, &life->what);
}

/* The disk's error is named as such; what a close could not write is missing when the database is
 * opened again. */
static void is_named(const struct life *life, enum status status)
{
    bool missing = steps[step].take == open_database && status == ERR_CORRUPT;
    cr_assert(status == ERR_IO || status == ERR_NO_SPACE || missing,
              "step %d: %s",
              (int)step,
              status_text(status));
    cr_assert(step == 0 || life->what.text[0] != '\0', "step %d", (int)step);
}

/* Until the first error, which leaves the rows as they were, if there is still a database. */
static void stumble(void *argument, const struct ports *ports)
{
    struct stumble *stumbling = argument;
    struct life *life = heap_alloc(sizeof *life);
    struct buf before = {0};
    struct buf after = {0};
    make_folders(&ports->disk);
    life->cache = rocksdb_cache_new(16 * 1024);
    for (step = 0; step < STEPS && !stumbling->stumbled; step++) {
        enum status status = see(life, &before);
        bool looked = status == OK;
        status = looked ? steps[step].take(life, &ports->disk) : status;
        if (status != OK) {
            stumbling->stumbled = true;
            is_named(life, status);
            enum status then = see(life, &after);
            bool same = then == OK && bytes_equal(buf_bytes(&before), buf_bytes(&after));
            /* Its MANIFEST was to begin anew before a write: then it is of no use any more. */
            stumbling->useless = then == ERR_IO && steps[step].take == write_small;
            cr_assert(same || stumbling->useless || !looked || life->db == NULL,
                      "step %d: %s",
                      (int)step,
                      life->what.text);
            cr_assert(then == OK || life->what.text[0] != '\0');
        }
    }
    rocksdb_db_close(life->db);
    rocksdb_cache_free(life->cache);
    buf_free(&before);
    buf_free(&after);
    heap_free(life);
}

static uint32_t run_until_it_stumbles(struct storage_trigger trigger)
{
    struct stumble stumbling = {0};
    end();
    begin();
    world.trigger = trigger;
    storage_world_run(&world, stumble, &stumbling);
    cr_assert(world.trigger.fired == 1 || !stumbling.stumbled);
    uint32_t seen = world.trigger.seen;
    useless_count += stumbling.useless;
    world.trigger = (struct storage_trigger){0};
    storage_world_run(&world, start_anew, NULL);
    return seen;
}

Test(rocksdb_db_sim, a_disk_that_fails_is_named_and_changes_no_row)
{
    uint32_t all = run_until_it_stumbles((struct storage_trigger){.nth = UINT32_MAX});
    cr_assert(gt(u32, all, 60));
    cr_assert(eq(sz, step, STEPS));
    for (uint32_t nth = FOLDERS + 1; nth <= all; nth += STRIDE) {
        run_until_it_stumbles((struct storage_trigger){
            .nth = nth,
            .times = 1,
            .fault = {.effect = OPERATION_FAILS, .status = nth % 2 == 0 ? ERR_IO : ERR_NO_SPACE}});
    }
    cr_assert(ge(int, useless_count, 1));
    cr_assert(lt(int, useless_count, all / 10));
}
