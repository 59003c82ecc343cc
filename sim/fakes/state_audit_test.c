/* What the providers leave behind, in the middle of a life with maintenance, is sound by the audit
 * rules; the audit runs in a process of the simulator, over files and over objects. */
#include "engine/state/state_audit.h"

#include "engine/state/rocksdb_test_world.h"
#include "sim/fakes/state_world.h"

enum { RETAINED = 4, MIN_DELTAS = 3, VERSIONS = 23 };

struct auditing {
    struct state_audit audit;
    enum store_kind kind;
    struct state_findings findings; /* its lists are gone with the process */
    char first[512];
};

static void run_audit(void *argument, const struct ports *ports)
{
    struct auditing *auditing = argument;
    struct arena arena = {0};
    auditing->audit.store = store_new(ports, auditing->kind);
    auditing->findings = (struct state_findings){.arena = &arena};
    state_audit_partition(&auditing->audit, 0, &auditing->findings);
    if (auditing->findings.count > 0) {
        const struct state_finding *finding = &auditing->findings.items[0];
        (void)snprintf(auditing->first,
                       sizeof auditing->first,
                       "%s %s: %s",
                       state_rule_name(finding->rule),
                       finding->file,
                       finding->text);
    }
    arena_free(&arena);
}

static void check(const struct plan *plan, enum store_kind kind, int64_t maintained_every)
{
    for (int64_t until = 1; until <= VERSIONS; until++) {
        struct storage_world world;
        storage_world_new(&world, 1, false);
        struct state_life life = state_run(
            &world,
            (struct state_life){
                .kind = kind, .plan = plan, .until = until, .maintained_every = maintained_every});
        cr_assert(eq(i64, life.reached, until), "%s", life.diag.text);
        int64_t oldest = until > RETAINED ? until - RETAINED : 1;
        struct auditing auditing = {.audit = {.checkpoint = CHECKPOINT,
                                              .provider = plan->options.state_provider,
                                              .partitions = 1,
                                              .oldest = oldest,
                                              .newest = until},
                                    .kind = kind};
        storage_world_run(&world, run_audit, &auditing);
        cr_assert(eq(sz, auditing.findings.count, 0), "%s", auditing.first);
        cr_assert(eq(i64, auditing.findings.versions, until - oldest + 1));
        cr_assert(ge(i64, auditing.findings.files, auditing.findings.versions));
        storage_world_free(&world);
    }
}

Test(state_audit, the_memory_provider)
{
    const struct plan *plan = state_plan(MIN_DELTAS, RETAINED);
    check(plan, STORE_DISK, 1);
    check(plan, STORE_DISK, 5);
    check(plan, STORE_OBJECTS, 2);
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
        cr_assert(eq(sz, auditing.findings.count, 0), "%s", auditing.first);
        cr_assert(eq(i64, auditing.findings.versions, 5));
        cr_assert(eq(i64, auditing.findings.compared, 2));
        storage_world_free(&world);
    }
}
