/* The state store over the fake storages: versions, memory and files, what is refused, what is kept
 * and removed. */
#include "engine/state/lz4_block.h"
#include "engine/state/state_order.h"
#include "sim/fakes/state_world.h"

static struct storage_world world;

static void begin(void)
{
    storage_world_new(&world, 1, false);
}

static void end(void)
{
    storage_world_free(&world);
}
TestSuite(state_store, .init = begin, .fini = end);

static struct state_life
run(const struct plan *plan, int64_t from, int64_t until, int64_t maintained_every)
{
    struct state_life life = {
        .plan = plan, .from = from, .until = until, .maintained_every = maintained_every};
    return state_run(&world, life);
}

Test(state_store, every_version_is_the_one_before_and_its_batch)
{
    static const enum store_kind kinds[] = {STORE_DISK, STORE_OBJECTS};
    const struct plan *plan = state_plan(10, 100);
    for (size_t i = 0; i < 2; i++) {
        struct state_life life = {.kind = kinds[i], .plan = plan, .until = 30};
        life = state_run(&world, life);
        cr_assert(eq(i64, life.reached, 30));
        cr_assert(eq(i64, life.metrics.memory_hits, 29));
        cr_assert(eq(i64, life.metrics.memory_misses, 1)); /* version 0 */
        for (int64_t version = 0; version <= 30; version += 5) {
            life = state_look(&world, plan, kinds[i], version);
            cr_assert(eq(int, life.status, OK));
            cr_assert(eq(i64, life.metrics.loaded_deltas, version));
        }
    }
}

struct steps {
    const struct plan *plan;
    void (*steps)(struct state_provider *provider);
};

static void with_provider(void *argument, const struct ports *ports)
{
    const struct steps *steps = argument;
    struct state_provider *provider =
        state_provider_new(ports, store_new(ports, STORE_DISK), steps->plan, STATE_LOCAL);
    steps->steps(provider);
    state_provider_free(provider);
}

static void do_steps(const struct plan *plan, void (*function)(struct state_provider *provider))
{
    struct steps steps = {.plan = plan, .steps = function};
    storage_world_run(&world, with_provider, &steps);
}

static struct state_store *open_at(struct state_provider *provider, int64_t version)
{
    struct state_store *state = NULL;
    struct diag diag = {0};
    enum status status = state_store_open(provider, 0, version, &state, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
    state_expect(state, version);
    return state;
}

static void commit(struct state_store *state)
{
    struct diag diag = {0};
    enum status status = state_store_commit(state, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
}

static void advance(struct state_provider *provider, int64_t version)
{
    struct state_store *state = open_at(provider, version);
    state_apply(state, version + 1);
    commit(state);
}

static void commit_nothing(struct state_provider *provider)
{
    struct state_store *state = NULL;
    struct diag diag = {0};
    cr_assert(eq(int, state_store_open(provider, 3, 0, &state, &diag), OK));
    cr_assert(eq(int, state_store_remove(state, bytes_of_text("never put"), &diag), OK));
    commit(state);
}

Test(state_store, a_partition_without_rows_gets_its_file_too)
{
    struct bytes file;
    do_steps(state_plan(10, 100), commit_nothing);
    cr_assert(fake_storage_look(world.storage, 0, CHECKPOINT "/state/0/3/1.delta", &file));
    cr_assert(eq(sz, file.size, 46));
}

static void run_again(struct state_provider *provider)
{
    for (int64_t version = 0; version < 5; version++) {
        advance(provider, version);
    }
    int64_t misses = state_provider_metrics(provider, 0).memory_misses;
    advance(provider, 4); /* version 5 was committed here: undone, not loaded */
    cr_assert(eq(i64, state_provider_metrics(provider, 0).memory_misses, misses));
    advance(provider, 3); /* two back: from the files */
    cr_assert(eq(i64, state_provider_metrics(provider, 0).memory_misses, misses + 1));
    advance(provider, 5);
}

Test(state_store, a_batch_that_runs_again_undoes_its_own_commit)
{
    do_steps(state_plan(10, 100), run_again);
}

static void two_attempts(struct state_provider *provider)
{
    advance(provider, 0);
    struct state_store *first = open_at(provider, 1);
    struct state_store *second = open_at(provider, 1); /* none in the cache: loads its own */
    state_apply(first, 2);
    state_expect(second, 1);
    commit(first);
    state_expect(second, 1);
    state_apply(second, 2);
    commit(second); /* over the first one's file */
    advance(provider, 2);
    struct state_store *late = open_at(provider, 1); /* a zombie's: must not harm the newest */
    state_store_abort(late);
    int64_t misses = state_provider_metrics(provider, 0).memory_misses;
    advance(provider, 3);
    cr_assert(eq(i64, state_provider_metrics(provider, 0).memory_misses, misses));
}

Test(state_store, two_attempts_never_share_a_store)
{
    do_steps(state_plan(10, 100), two_attempts);
}

static void put_text(struct state_store *state, const char *key)
{
    struct diag diag = {0};
    enum status status =
        state_store_put(state, bytes_of_text(key), bytes_of_text("12345678"), &diag);
    cr_assert(eq(int, status, OK));
}

static void abort_and_go_on(struct state_provider *provider)
{
    advance(provider, 0);
    struct state_store *state = open_at(provider, 1);
    state_apply(state, 2);
    put_text(state, "what nobody shall see");
    state_store_abort(state);
    advance(provider, 1);
    state_provider_unload(provider, 0);
    cr_assert(eq(i64, state_provider_metrics(provider, 0).rows, 0));
    state = open_at(provider, 2);
    state_provider_unload(provider, 0); /* the open one is not touched, and not kept */
    state_expect(state, 2);
    state_store_abort(state);
    cr_assert(eq(i64, state_provider_metrics(provider, 0).rows, 0));
}

Test(state_store, an_abort_undoes_everything_and_an_unload_forgets)
{
    do_steps(state_plan(10, 100), abort_and_go_on);
}

struct scanning {
    struct arena arena;
    struct state_pair pairs[STATE_KEYS];
    size_t count;
};

static enum status keep_pair(void *context, struct bytes key, struct bytes value)
{
    struct scanning *scanning = context;
    cr_assert(lt(sz, scanning->count, STATE_KEYS));
    scanning->pairs[scanning->count++] = (struct state_pair){
        .key = bytes_of(arena_copy(&scanning->arena, key.data, key.size), key.size),
        .value = bytes_of(arena_copy(&scanning->arena, value.data, value.size), value.size)};
    return OK;
}

static enum status stop_at_the_second(void *context, struct bytes key, struct bytes value)
{
    size_t *count = context;
    cr_assert(gt(sz, key.size + value.size, 0));
    return ++*count == 2 ? ERR_CORRUPT : OK;
}

static void scan(struct state_provider *provider)
{
    struct scanning scanning = {0};
    struct diag diag = {0};
    size_t stopped = 0;
    for (int64_t version = 0; version < 12; version++) {
        advance(provider, version);
    }
    struct state_store *state = open_at(provider, 12);
    cr_assert(eq(int, state_store_each(state, keep_pair, &scanning, &diag), OK));
    cr_assert(eq(i64, (int64_t)scanning.count, state_store_count(state)));
    cr_assert(eq(int, state_store_each(state, stop_at_the_second, &stopped, &diag), ERR_CORRUPT));
    cr_assert(eq(sz, stopped, 2));
    for (size_t i = 0; i < scanning.count; i++) {
        struct bytes found = {0};
        struct state_pair pair = scanning.pairs[i];
        cr_assert(eq(int, state_store_get(state, pair.key, &found, &diag), OK));
        cr_assert(bytes_equal(found, pair.value));
        cr_assert(eq(int, state_store_remove(state, pair.key, &diag), OK));
    }
    state_order(scanning.pairs, scanning.count);
    for (size_t i = 1; i < scanning.count; i++) {
        cr_assert(lt(int, bytes_compare(scanning.pairs[i - 1].key, scanning.pairs[i].key), 0));
    }
    cr_assert(eq(i64, state_store_count(state), 0));
    state_store_abort(state);
    arena_free(&scanning.arena);
}

Test(state_store, each_shows_all_keys_with_their_values)
{
    do_steps(state_plan(10, 100), scan);
}

static uint64_t hash_of_a_life(enum store_kind kind, bool raw)
{
    end();
    storage_world_new(&world, 5, true);
    lz4_block_set_raw(raw);
    struct state_life life = {
        .kind = kind, .plan = state_plan(2, 2), .until = 12, .maintained_every = 1};
    cr_assert(eq(i64, state_run(&world, life).reached, 12));
    cr_assert(eq(int, state_look(&world, state_plan(2, 2), kind, 11).status, OK));
    lz4_block_set_raw(false);
    return trace_hash(kernel_trace_log(world.kernel));
}

Test(state_store, another_compression_changes_no_hash)
{
    static const enum store_kind kinds[] = {STORE_DISK, STORE_OBJECTS};
    for (size_t i = 0; i < 2; i++) {
        uint64_t hash = hash_of_a_life(kinds[i], false);
        cr_assert(eq(u64, hash, hash_of_a_life(kinds[i], true)));
    }
}

/* ---- what is refused --------------------------------------------------------------------------
 */

static void check_refused(int64_t version, const char *error_class, const char *file)
{
    struct state_life life = state_look(&world, state_plan(10, 100), STORE_DISK, version);
    cr_assert(eq(int, life.status, ERR_FAILED));
    cr_assert(eq(str, life.diag.error_class, error_class));
    cr_assert(eq(str, life.diag.file, file));
    cr_assert(ne(ptr, strstr(life.diag.text, file), NULL));
    cr_assert(ne(ptr, strstr(life.diag.text, "Restore the file"), NULL));
}

#define LOAD "CANNOT_LOAD_STATE_STORE."

Test(state_store, a_missing_delta_is_named)
{
    cr_assert(eq(i64, run(state_plan(10, 100), 0, 6, 0).reached, 6));
    state_damage(&world, STATE "/4.delta", (struct bytes){0});
    check_refused(6, LOAD "CANNOT_READ_MISSING_DELTA_FILE", STATE "/4.delta");
    check_refused(9, LOAD "CANNOT_READ_MISSING_DELTA_FILE", STATE "/4.delta");
    cr_assert(eq(int, state_look(&world, state_plan(10, 100), STORE_DISK, 3).status, OK));
}

Test(state_store, a_damaged_delta_is_named)
{
    cr_assert(eq(i64, run(state_plan(10, 100), 0, 6, 0).reached, 6));
    state_damage(&world, STATE "/4.delta", bytes_of_text("LZ4Block, not really"));
    check_refused(6, LOAD "CANNOT_READ_DELTA_FILE_KEY_SIZE", STATE "/4.delta");
    state_damage(&world, STATE "/4.delta", bytes_of_text("\x28\xb5\x2f\xfd a zstd frame"));
    struct state_life life = state_look(&world, state_plan(10, 100), STORE_DISK, 6);
    cr_assert(ne(ptr, strstr(life.diag.text, "zstd"), NULL));
}

Test(state_store, a_disk_that_refuses_is_not_blamed_on_the_file)
{
    static const char *const operations[] = {"list", "fsync_dir", "read"};
    cr_assert(eq(i64, run(state_plan(10, 100), 0, 6, 0).reached, 6));
    for (size_t i = 0; i < 3; i++) {
        world.trigger =
            (struct storage_trigger){.operation = operations[i],
                                     .nth = 1,
                                     .times = 1,
                                     .fault = {.effect = OPERATION_FAILS, .status = ERR_IO}};
        struct state_life life = state_look(&world, state_plan(10, 100), STORE_DISK, 6);
        cr_assert(eq(int, life.status, ERR_FAILED), "%s", operations[i]);
        cr_assert(eq(str, life.diag.error_class, LOAD "UNCATEGORIZED"));
        cr_assert(eq(int, state_look(&world, state_plan(10, 100), STORE_DISK, 6).status, OK));
    }
}

Test(state_store, a_commit_that_fails_leaves_the_version_before)
{
    const struct plan *plan = state_plan(10, 100);
    cr_assert(eq(i64, run(plan, 0, 3, 0).reached, 3));
    world.trigger =
        (struct storage_trigger){.operation = "write",
                                 .nth = 1,
                                 .times = 1,
                                 .fault = {.effect = OPERATION_FAILS, .status = ERR_NO_SPACE}};
    struct state_life life = run(plan, 3, 4, 0);
    cr_assert(eq(int, life.status, ERR_FAILED));
    cr_assert(eq(str, life.diag.error_class, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT"));
    cr_assert(eq(str, life.diag.file, STATE "/4.delta"));
    cr_assert(not(state_there(&world, "4.delta")));
    cr_assert(eq(i64, run(plan, 3, 4, 0).reached, 4));
}
