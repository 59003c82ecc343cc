/* What the providers leave behind, in the middle of a life with maintenance, is sound by the audit
 * rules; the audit runs in a process of the simulator, over files and over objects. */
#include "sim/fakes/state_audit_world.h"

#include "engine/state/rocksdb_test_world.h"

enum { RETAINED = 4, MIN_DELTAS = 3, VERSIONS = 23 };
enum { BREAK_US = 60000000 }; /* longer than any audit takes */

/* ---- beside a life --------------------------------------------------------------------------- */

struct slow_life {
    const struct plan *plan;
    enum store_kind kind;
    int64_t maintained_every;
    int64_t committed;
    int64_t breaks; /* that were begun */
    int64_t seen;
    bool over;
};

static void take_a_break(struct slow_life *life, const struct ports *ports)
{
    life->breaks++;
    clock_sleep_until(&ports->clock, clock_now_us(&ports->clock) + BREAK_US);
}

/* Each version, with a break before and behind the maintenance that follows it. */
static void live_slowly(void *argument, const struct ports *ports)
{
    struct slow_life *life = argument;
    struct state_provider *provider =
        state_provider_new(ports, store_new(ports, life->kind), life->plan, STATE_LOCAL);
    for (int64_t version = 0; version < VERSIONS; version++) {
        struct state_store *state = NULL;
        struct diag diag = {0};
        enum status status = state_store_open(provider, 0, version, &state, &diag);
        cr_assert(eq(int, status, OK), "%s", diag.text);
        state_apply(state, version + 1);
        status = state_store_commit(state, &diag);
        cr_assert(eq(int, status, OK), "%s", diag.text);
        life->committed = version + 1;
        take_a_break(life, ports);
        if ((version + 1) % life->maintained_every == 0) {
            state_provider_maintain(provider);
            take_a_break(life, ports);
        }
    }
    state_provider_free(provider);
    life->over = true;
}

static bool resting(void *context)
{
    const struct slow_life *life = context;
    return life->breaks > life->seen || life->over;
}

static bool audited(void *context)
{
    return ((const struct auditing *)context)->done;
}

/* An audit in each break, by a process of the other machine. How often a snapshot was held against
 * what the changes up to it give. */
static int64_t check(const struct plan *plan, enum store_kind kind, int64_t maintained_every)
{
    struct storage_world world;
    struct slow_life life = {.plan = plan, .kind = kind, .maintained_every = maintained_every};
    int64_t compared = 0;
    storage_world_new(&world, 1, false);
    (void)storage_world_spawn(&world, live_slowly, &life);
    world.machine = 1;
    (void)kernel_run(world.kernel, resting, &life, INT64_MAX);
    while (!life.over) {
        struct auditing auditing = auditing_new(plan, kind, life.committed);
        life.seen = life.breaks;
        (void)storage_world_spawn(&world, run_audit, &auditing);
        (void)kernel_run(world.kernel, audited, &auditing, INT64_MAX);
        cr_assert(eq(i64, life.breaks, life.seen)); /* nothing changed meanwhile */
        compared += audit_finds_nothing(&auditing);
        (void)kernel_run(world.kernel, resting, &life, INT64_MAX);
    }
    storage_world_free(&world);
    cr_assert(eq(i64, life.committed, VERSIONS));
    cr_assert(eq(i64, life.seen, VERSIONS + VERSIONS / maintained_every));
    return compared;
}

Test(state_audit, the_memory_provider)
{
    const struct plan *plan = state_plan(MIN_DELTAS, RETAINED);
    cr_assert(gt(i64, check(plan, STORE_DISK, 1), 0));
    cr_assert(gt(i64, check(plan, STORE_DISK, 5), 0));
    cr_assert(gt(i64, check(plan, STORE_OBJECTS, 2), 0));
}

static const struct plan *rocksdb_plan(bool changelog)
{
    static struct plan plan;
    plan = *state_plan(MIN_DELTAS, RETAINED);
    plan.options.state_provider = STATE_PROVIDER_ROCKSDB;
    plan.options.rocksdb_changelog = changelog;
    return &plan;
}

Test(state_audit, the_rocksdb_provider)
{
    for (int kind = STORE_DISK; kind <= STORE_OBJECTS; kind++) {
        int64_t every = kind == STORE_DISK ? 1 : 2;
        cr_assert(gt(i64, check(rocksdb_plan(true), (enum store_kind)kind, every), 0));
        cr_assert(eq(i64, check(rocksdb_plan(false), (enum store_kind)kind, every), 0));
    }
}

/* ---- RocksDB's files, as an executor would find them ---- */

static struct rocksdb_world made; /* in memory; its files are copied */

static void copy_files(void *argument, const struct ports *ports)
{
    const struct auditing *auditing = argument;
    struct store *store = store_new(ports, auditing->kind);
    static const char *const directories[] = {STATE, STATE "/SSTs"};
    struct arena arena = {0};
    for (size_t d = 0; d < 2; d++) {
        struct disk_entry *entries = NULL;
        size_t count = 0;
        const struct disk_port *disk = disk_memory_port(made.disk);
        cr_assert(eq(int, disk_list(disk, directories[d], &arena, &entries, &count), OK));
        for (size_t i = 0; i < count; i++) {
            const char *path = store_path(&arena, directories[d], entries[i].name);
            uint8_t *content = arena_alloc(&arena, entries[i].size + 1);
            disk_fd fd = -1;
            size_t got = 0;
            if (entries[i].directory) {
                continue;
            }
            cr_assert(eq(int, disk_open(disk, path, DISK_READ, &fd), OK));
            cr_assert(eq(int, disk_read(disk, fd, 0, content, entries[i].size, &got), OK));
            cr_assert(eq(int, disk_close(disk, fd), OK));
            cr_assert(eq(int, store_put_over(store, path, bytes_of(content, got)), OK));
        }
    }
    arena_free(&arena);
}

Test(state_audit, rocksdb_files)
{
    for (int kind = STORE_DISK; kind <= STORE_OBJECTS; kind++) {
        struct storage_world world;
        rocksdb_world_new(&made, STATE);
        (void)world_fill(&made);
        storage_world_new(&world, 1, false);
        struct auditing auditing = {.audit = {.checkpoint = CHECKPOINT,
                                              .provider = STATE_PROVIDER_ROCKSDB,
                                              .partitions = 1,
                                              .oldest = 1,
                                              .newest = 5,
                                              .key = &world_key,
                                              .value = &world_value,
                                              .hashed = 1},
                                    .kind = (enum store_kind)kind};
        storage_world_run(&world, copy_files, &auditing);
        rocksdb_world_close(&made);
        storage_world_run(&world, run_audit, &auditing);
        cr_assert(eq(sz, auditing.findings.count, 0), "%s", auditing.last);
        cr_assert(eq(i64, auditing.findings.versions, 5));
        cr_assert(eq(i64, auditing.findings.compared, 2));
        storage_world_free(&world);
    }
}
