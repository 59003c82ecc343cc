/* For tests of the RocksDB provider: a storage world that is begun and ended with each test, lives
 * and looks in it, and steps that one process takes with its provider. */
#ifndef SIM_FAKES_ROCKSDB_WORLD_H
#define SIM_FAKES_ROCKSDB_WORLD_H

#include "engine/base/heap.h"
#include "engine/state/rocksdb_db.h"
#include "engine/state/rocksdb_snapshot.h"
#include "sim/fakes/state_audit_world.h"

#define SECOND_US 1000000LL

static struct storage_world world;

static inline void begin(void)
{
    storage_world_new(&world, 1, false);
}

static inline void end(void)
{
    storage_world_free(&world);
    cr_assert(eq(i64, rocksdb_db_live(), 0));
}

/* Until the next call. */
static inline const struct plan *rocksdb_plan(bool changelog, int64_t min_deltas, int64_t retain)
{
    static struct plan plan;
    plan = *state_plan(min_deltas, retain);
    plan.options.state_provider = STATE_PROVIDER_ROCKSDB;
    plan.options.rocksdb_changelog = changelog;
    return &plan;
}

static inline struct state_life
run(const struct plan *plan, int64_t from, int64_t until, int64_t every)
{
    struct state_life life = {
        .plan = plan, .from = from, .until = until, .maintained_every = every};
    life = state_run(&world, life);
    cr_assert(eq(i64, life.reached, until), "%s", life.diag.text);
    return life;
}

static inline void
look_over(const struct plan *plan, enum store_kind kind, int64_t from, int64_t until)
{
    for (int64_t version = from; version <= until; version++) {
        struct state_life life = state_look(&world, plan, kind, version);
        cr_assert(eq(int, life.status, OK), "version %d: %s", (int)version, life.diag.text);
    }
}

static inline void look(const struct plan *plan, int64_t from, int64_t until)
{
    look_over(plan, STORE_DISK, from, until);
}

struct file_counting {
    const char *part;
    size_t count;
};

static inline void count_file(void *context, const char *path, struct bytes content)
{
    struct file_counting *counting = context;
    counting->count += strstr(path, counting->part) != NULL;
}

/* Files of the state whose paths have this part. */
static inline size_t files(const char *part)
{
    struct file_counting counting = {.part = part};
    fake_storage_each(world.storage, 0, CHECKPOINT "/state", count_file, &counting);
    return counting.count;
}

/* ---- steps ---------------------------------------------------------------------------------- */

struct steps {
    const struct plan *plan;
    enum store_kind kind;
    void (*steps)(struct state_provider *provider);
};

static inline void take_steps(void *argument, const struct ports *ports)
{
    struct steps *steps = argument;
    struct state_provider *provider =
        state_provider_new(ports, store_new(ports, steps->kind), steps->plan, STATE_LOCAL);
    steps->steps(provider);
    state_provider_free(provider);
}

static inline void do_steps_over(const struct plan *plan,
                                 enum store_kind kind,
                                 void (*function)(struct state_provider *provider))
{
    struct steps steps = {.plan = plan, .kind = kind, .steps = function};
    storage_world_run(&world, take_steps, &steps);
}

static inline void do_steps(const struct plan *plan,
                            void (*function)(struct state_provider *provider))
{
    do_steps_over(plan, STORE_DISK, function);
}

static inline struct state_store *open_at(struct state_provider *provider, int64_t version)
{
    struct state_store *state = NULL;
    struct diag diag = {0};
    enum status status = state_store_open(provider, 0, version, &state, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
    return state;
}

static inline void advance(struct state_provider *provider, int64_t version)
{
    struct diag diag = {0};
    struct state_store *state = open_at(provider, version);
    state_expect(state, version);
    state_apply(state, version + 1);
    enum status status = state_store_commit(state, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
}

/* Keys 0 to `count` - 1 get the number of the version that is made. */
static inline void put_keys(struct state_store *state, int64_t version, int64_t count)
{
    struct diag diag = {0};
    for (int64_t key = 0; key < count; key++) {
        char text[2][32];
        enum status status =
            state_store_put(state, state_key(key, text[0]), state_text(version, text[1]), &diag);
        cr_assert(eq(int, status, OK), "%s", diag.text);
    }
}

static inline void put_many(struct state_provider *provider, int64_t version, int64_t count)
{
    struct diag diag = {0};
    struct state_store *state = open_at(provider, version);
    put_keys(state, version + 1, count);
    cr_assert(eq(int, state_store_commit(state, &diag), OK), "%s", diag.text);
}

/* ---- what is there, what goes wrong -----------------------------------------------------------
 */

static inline void audit(const struct plan *plan, enum store_kind kind, int64_t newest)
{
    struct auditing auditing = auditing_new(plan, kind, newest);
    storage_world_run(&world, run_audit, &auditing);
    (void)audit_finds_nothing(&auditing);
}

static inline void begin_anew(void)
{
    end();
    begin();
}

static inline bool there(const char *name)
{
    char path[128];
    struct bytes content;
    (void)snprintf(path, sizeof path, STATE "/%s", name);
    return fake_storage_look(world.storage, 0, path, &content);
}

static inline void slow(const char *operation, const char *path)
{
    world.trigger = (struct storage_trigger){.operation = operation,
                                             .path = path,
                                             .nth = 1,
                                             .times = 1,
                                             .fault = {.delay_us = 20 * SECOND_US}};
}

static inline void pass(const struct ports *ports, int64_t seconds)
{
    clock_sleep_until(&ports->clock, clock_now_us(&ports->clock) + seconds * SECOND_US);
}

/* ---- SST files that no zip names ------------------------------------------------------------- */

enum { SSTS_MAX = 64 };

struct ssts {
    struct arena arena;
    const char *names[SSTS_MAX];
    bool named[SSTS_MAX];
    size_t count;
};

static inline void note_sst(void *context, const char *path, struct bytes content)
{
    struct ssts *ssts = context;
    const char *name = strstr(path, "/SSTs/");
    if (name != NULL && strstr(name, ".tmp") == NULL) {
        cr_assert(lt(sz, ssts->count, SSTS_MAX));
        ssts->names[ssts->count++] = arena_strdup(&ssts->arena, name + strlen("/SSTs/"));
    }
}

static inline void mark_named(void *context, const char *path, struct bytes content)
{
    struct ssts *ssts = context;
    struct rocksdb_snapshot snapshot = {0};
    const char *what = NULL;
    const char *end_of_name = strstr(path, ".zip");
    if (end_of_name == NULL || end_of_name[4] != '\0') {
        return;
    }
    cr_assert(eq(int, rocksdb_snapshot_decode(content, &ssts->arena, &snapshot, &what), OK));
    for (size_t i = 0; i < snapshot.sst_count; i++) {
        for (size_t j = 0; j < ssts->count; j++) {
            bool same = strcmp(snapshot.ssts[i].dfs_name, ssts->names[j]) == 0;
            ssts->named[j] = ssts->named[j] || same;
        }
    }
}

/* What a zip in the checkpoint says. */
static inline struct rocksdb_snapshot snapshot_of(struct arena *arena, const char *zip)
{
    struct bytes content = {0};
    struct rocksdb_snapshot snapshot = {0};
    const char *what = NULL;
    cr_assert(fake_storage_look(world.storage, 0, zip, &content));
    cr_assert(eq(int, rocksdb_snapshot_decode(content, arena, &snapshot, &what), OK));
    return snapshot;
}

/* How many there are; they are removed if `removes`. */
static inline size_t orphans(bool removes)
{
    struct ssts ssts = {0};
    size_t count = 0;
    fake_storage_each(world.storage, 0, CHECKPOINT, note_sst, &ssts);
    fake_storage_each(world.storage, 0, CHECKPOINT, mark_named, &ssts);
    for (size_t i = 0; i < ssts.count; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, STATE "/SSTs/%s", ssts.names[i]);
        count += !ssts.named[i];
        if (!ssts.named[i] && removes) {
            fake_storage_damage(world.storage, path, DAMAGE_REMOVED);
        }
    }
    arena_free(&ssts.arena);
    return count;
}

#endif
