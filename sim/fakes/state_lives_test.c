/* Random lives of the state providers, one after the other on the same checkpoint: batches that
 * advance, run again with other records, are given up; maintenance, beside them where that can be;
 * options that change; errors, lost answers, deaths and machines that crash. Whatever comes, a
 * version that was committed has the rows that were committed, and the audit finds no harm. */
#include "engine/base/poison.h"
#include "sim/fakes/rocksdb_world.h"

enum { KEYS = 40, LIVES = 8, RETAIN = 2, KEPT_VERSIONS = 8, ROW_SIZE_MAX = 2048 };

static uint32_t drawn;

static uint32_t draw(uint32_t below)
{
    drawn = drawn * 1664525 + 1013904223;
    return (drawn >> 8) % below;
}

/* What is known of the checkpoint. */
static struct {
    int64_t rows[KEPT_VERSIONS][KEYS]; /* by version modulo their number; 0: no such key */
    int64_t committed;
    int64_t newest; /* that was ever committed: cleanups go by it */
    int64_t values; /* handed out so far */
    struct plan plan;
    enum state_provider_kind provider;
    enum store_kind kind;
} known;

static int64_t *rows_of(int64_t version)
{
    return known.rows[version % KEPT_VERSIONS];
}

/* Mostly small; some do not compress and are large, so that SST files are. */
static struct bytes row_of(int64_t value, char text[ROW_SIZE_MAX])
{
    size_t size = value % 7 == 0 ? 1600 : 16;
    uint32_t noise = (uint32_t)value;
    (void)snprintf(text, ROW_SIZE_MAX, "%015lld", (long long)value);
    for (size_t i = 16; i < size; i++) {
        noise = noise * 1664525 + 1013904223;
        text[i] = (char)(noise >> 24);
    }
    return bytes_of(text, size);
}

/* ---- an attempt -------------------------------------------------------------------------------
 */

/* Did something go wrong that may explain an error? */
static void was_disturbed(const struct diag *diag)
{
    cr_assert(gt(u32, world.trigger.fired, 0), "%s", diag->text);
}

static void check_rows(struct state_store *state, int64_t version)
{
    int64_t count = 0;
    for (int64_t key = 0; key < KEYS; key++) {
        char text[32];
        char row[ROW_SIZE_MAX];
        struct diag diag = {0};
        struct bytes found = {0};
        int64_t value = rows_of(version)[key];
        enum status status = state_store_get(state, state_key(key, text), &found, &diag);
        if (status != OK && status != ERR_NOT_FOUND) {
            was_disturbed(&diag);
            return;
        }
        cr_assert(eq(int, status == OK, value != 0), "version %d %s", (int)version, text);
        bool same = value == 0 || bytes_equal(found, row_of(value, row));
        cr_assert(same, "version %d %s", (int)version, text);
        count += value != 0;
    }
    bool uncounted =
        known.provider == STATE_PROVIDER_ROCKSDB && !known.plan.options.rocksdb_track_rows;
    int64_t counted = uncounted ? 0 : count;
    cr_assert(eq(i64, state_store_count(state), counted));
}

static enum status
change_row(struct state_store *state, int64_t key, int64_t value, struct diag *diag)
{
    char text[32];
    char row[ROW_SIZE_MAX];
    return value == 0 ? state_store_remove(state, state_key(key, text), diag)
                      : state_store_put(state, state_key(key, text), row_of(value, row), diag);
}

/* False: the local disk failed. */
static bool change_rows(struct state_store *state, int64_t rows[KEYS])
{
    uint32_t count = draw(5) == 0 ? KEYS : draw(8);
    for (uint32_t i = 0; i < count; i++) {
        struct diag diag = {0};
        int64_t key = draw(KEYS);
        int64_t value = draw(3) == 0 ? 0 : ++known.values;
        if (change_row(state, key, value, &diag) != OK) {
            was_disturbed(&diag);
            return false;
        }
        rows[key] = value;
    }
    return true;
}

static void attempt(struct state_provider *provider, int64_t version, bool commits)
{
    struct diag diag = {0};
    struct state_store *state = NULL;
    int64_t rows[KEYS];
    if (state_store_open(provider, 0, version, &state, &diag) != OK) {
        was_disturbed(&diag);
        return;
    }
    check_rows(state, version);
    memcpy(rows, rows_of(version), sizeof rows);
    if (!change_rows(state, rows) || !commits) {
        state_store_abort(state);
        return;
    }
    known.committed = version; /* what was there above it does not count any more */
    if (state_store_commit(state, &diag) != OK) {
        was_disturbed(&diag);
        return;
    }
    known.committed = version + 1;
    known.newest = known.committed > known.newest ? known.committed : known.newest;
    memcpy(rows_of(known.committed), rows, sizeof rows);
}

/* ---- a life -----------------------------------------------------------------------------------
 */

struct maintaining {
    struct state_provider *provider;
    bool running;
};

static void maintain(void *argument)
{
    struct maintaining *maintaining = argument;
    state_provider_maintain(maintaining->provider);
    maintaining->running = false;
}

static void maintain_somehow(struct maintaining *maintaining, const struct ports *ports)
{
    if (maintaining->running) {
        return;
    }
    maintaining->running = true;
    if (known.kind == STORE_OBJECTS && draw(2) == 0) {
        (void)fibers_spawn(&ports->fibers, maintain, maintaining);
    } else {
        maintain(maintaining);
    }
}

static void rest(struct state_provider *provider, const struct ports *ports)
{
    if (draw(3) == 0) {
        state_provider_unload(provider, 0);
    } else {
        pass(ports, 1 + draw(40));
    }
}

static void do_something(struct maintaining *maintaining, const struct ports *ports)
{
    bool may_go_back = known.committed > 0 && known.committed == known.newest;
    uint32_t what = draw(10);
    if (what < 5) {
        attempt(maintaining->provider, known.committed, what < 4);
    } else if (what < 7 && may_go_back) {
        attempt(maintaining->provider, known.committed - 1, what == 5);
    } else if (what < 9) {
        maintain_somehow(maintaining, ports);
    } else {
        rest(maintaining->provider, ports);
    }
}

static void live(void *argument, const struct ports *ports)
{
    uint32_t steps = 5 + draw(20);
    state_local_clear(ports, "/local/executor 1");
    struct maintaining maintaining = {
        .provider =
            state_provider_new(ports, store_new(ports, known.kind), &known.plan, STATE_LOCAL)};
    for (uint32_t i = 0; i < steps; i++) {
        do_something(&maintaining, ports);
    }
    while (maintaining.running) {
        pass(ports, 1);
    }
    state_provider_free(maintaining.provider);
}

/* ---- what comes in between --------------------------------------------------------------------
 */

static void draw_plan(void)
{
    struct options *options = &known.plan.options;
    known.plan = *rocksdb_plan(draw(2) == 0, 1 + draw(3), RETAIN);
    options->state_provider = known.provider;
    options->rocksdb_track_rows = draw(4) != 0;
    options->rocksdb_compact_on_commit = draw(4) == 0;
    if (draw(3) == 0) {
        options->rocksdb_write_buffer_bytes = 200 + draw(3000);
    }
}

static void draw_trigger(void)
{
    static const char *const places[] = {"/0/0", "sst", "zip", NULL};
    uint32_t kind = draw(5);
    world.trigger = (struct storage_trigger){0};
    if (kind < 2) {
        world.trigger = (struct storage_trigger){
            .nth = 1 + draw(400), .times = 1, .after = draw(2) == 0, .kill = true};
    } else if (kind == 2) {
        world.trigger =
            (struct storage_trigger){.path = places[draw(4)],
                                     .nth = 1 + draw(100),
                                     .times = 1 + draw(3),
                                     .fault = {.effect = OPERATION_FAILS, .status = ERR_IO}};
    } else if (kind ==
               3) { /* none comes late: it may undo what was written since (state_store.h) */
        world.trigger = (struct storage_trigger){
            .path = places[draw(4)],
            .nth = 1 + draw(20),
            .times = 1 + draw(3),
            .fault = {.effect = draw(2) == 0 ? OPERATION_LOSES_REPLY : OPERATION_OK,
                      .applied = draw(2) == 0,
                      .delay_us = draw(30) * SECOND_US}};
    }
}

static void check_audit(void)
{
    struct auditing auditing = auditing_new(&known.plan, known.kind, known.committed);
    int64_t oldest = known.newest - RETAIN;
    auditing.audit.oldest = known.committed == 0 ? 0 : oldest > 1 ? oldest : 1;
    storage_world_run(&world, run_audit, &auditing);
    cr_assert(eq(sz, auditing.fatal, 0), "%s", auditing.last);
}

static void one_after_the_other(enum state_provider_kind provider, uint32_t seed)
{
    drawn = seed * 7919;
    memset(&known, 0, sizeof known);
    known.provider = provider;
    known.kind = draw(2) == 0 ? STORE_DISK : STORE_OBJECTS;
    bool noise = draw(3) == 0 && known.kind == STORE_DISK; /* with it requests come late, too */
    storage_world_new(&world, seed, noise);
    for (int i = 0; i < LIVES; i++) {
        draw_plan();
        draw_trigger();
        storage_world_run(&world, live, NULL);
        bool killed = world.trigger.kill && world.trigger.fired > 0;
        world.trigger = (struct storage_trigger){0};
        if (killed && draw(2) == 0) {
            kernel_machine_down(world.kernel, world.machine, MACHINE_CRASHED, UNSYNCED_DRAWN);
        }
        world.machine = draw(2);
        check_audit();
    }
    end();
}

#ifdef ENGINE_ASAN
enum { STRIDE = 3 };
#else
enum { STRIDE = 1 };
#endif

/* Of the first ones, 6 in memory met a snapshot of another run, 8 in RocksDB a version of another
 * run. */
enum { SEEDS = 8 };

Test(state_lives, whatever_comes_the_rows_are_those_that_were_committed)
{
    for (int provider = STATE_PROVIDER_HDFS; provider <= STATE_PROVIDER_ROCKSDB; provider++) {
        for (uint32_t seed = 1; seed <= SEEDS; seed += STRIDE) {
            one_after_the_other((enum state_provider_kind)provider, seed);
            cr_assert(gt(i64, known.newest, LIVES));
        }
    }
}
