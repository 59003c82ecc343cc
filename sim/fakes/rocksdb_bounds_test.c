/* What the RocksDB provider needs does not grow with the state, nor with its age; and it works
 * without counting keys. */
#include "sim/fakes/rocksdb_world.h"

TestSuite(rocksdb_bounds, .init = begin, .fini = end);

/* ---- memory for changes -----------------------------------------------------------------------
 */

enum { ROW_BYTES = 6 + 1 + 16 + 1, MANY = 400, LIMIT = 2048 };

static int64_t most; /* bytes of changes in memory, at any time */

static void note_memory(struct state_provider *provider, int64_t partition)
{
    int64_t bytes = state_provider_metrics(provider, partition).memory_bytes;
    most = bytes > most ? bytes : most;
}

static struct state_store *
open_partition(struct state_provider *provider, int64_t partition, int64_t version)
{
    struct state_store *state = NULL;
    struct diag diag = {0};
    enum status status = state_store_open(provider, partition, version, &state, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
    return state;
}

static void put_key(struct state_store *state, int64_t key, int64_t value)
{
    char text[2][32];
    struct diag diag = {0};
    enum status status =
        state_store_put(state, state_key(key, text[0]), state_text(value, text[1]), &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
}

static void commit(struct state_store *state)
{
    struct diag diag = {0};
    cr_assert(eq(int, state_store_commit(state, &diag), OK), "%s", diag.text);
}

static void one_large_batch(struct state_provider *provider)
{
    struct state_store *state = open_partition(provider, 0, 0);
    most = 0;
    for (int64_t key = 0; key < MANY; key++) {
        put_key(state, key, 1);
        note_memory(provider, 0);
    }
    commit(state);
    state = open_partition(provider, 0, 1);
    cr_assert(eq(i64, state_store_count(state), MANY));
    state_store_abort(state);
}

Test(rocksdb_bounds, a_batch_in_memory_is_no_larger_than_the_write_buffer)
{
    for (int changelog = 0; changelog < 2; changelog++) {
        struct plan plan = *rocksdb_plan(changelog == 1, 3, 100);
        plan.options.rocksdb_write_buffer_bytes = LIMIT;
        do_steps(&plan, one_large_batch);
        cr_assert(le(i64, most, LIMIT + ROW_BYTES));
        cr_assert(gt(i64, most, LIMIT / 2)); /* and it is used */
        begin_anew();
    }
}

/* Two partitions share what one had for itself. */
static void two_partitions(struct state_provider *provider)
{
    struct state_store *first = open_partition(provider, 0, 0);
    most = 0;
    for (int64_t key = 0; key < MANY; key++) {
        put_key(first, key, 1);
        note_memory(provider, 0);
    }
    cr_assert(le(i64, most, LIMIT + ROW_BYTES));
    cr_assert(gt(i64, most, LIMIT / 2 + ROW_BYTES));
    commit(first);
    first = open_partition(provider, 0, 1);
    struct state_store *second = open_partition(provider, 1, 0);
    most = 0;
    for (int64_t key = 0; key < MANY; key++) {
        put_key(first, key, 2);
        put_key(second, key, 2);
        note_memory(provider, 0);
        note_memory(provider, 1);
    }
    cr_assert(le(i64, most, LIMIT / 2 + ROW_BYTES));
    commit(first);
    commit(second);
}

Test(rocksdb_bounds, bounded_memory_is_shared_by_the_partitions)
{
    struct plan plan = *rocksdb_plan(true, 3, 100);
    plan.options.rocksdb_bounded_memory = true;
    plan.options.rocksdb_max_memory_bytes = 2 * LIMIT; /* half of it is for blocks */
    do_steps(&plan, two_partitions);
}

/* What is no changelog later is not kept: each row here comes many times. */
static void the_same_rows_again(struct state_provider *provider)
{
    struct state_store *state = open_partition(provider, 0, 0);
    size_t before = 0;
    for (int64_t i = 0; i < 40 * MANY; i++) {
        put_key(state, i % MANY, i);
        before = i + 1 == MANY ? current_process->heap.bytes : before;
    }
    cr_assert(le(sz, current_process->heap.bytes, before + 8 * LIMIT));
    commit(state);
}

Test(rocksdb_bounds, a_batch_without_a_changelog_keeps_no_records_of_it)
{
    struct plan plan = *rocksdb_plan(false, 3, 100);
    plan.options.rocksdb_write_buffer_bytes = LIMIT;
    do_steps(&plan, the_same_rows_again);
}

/* ---- figures ----------------------------------------------------------------------------------
 */

static void two_attempts(struct state_provider *provider)
{
    struct state_store *first = open_partition(provider, 0, 0);
    struct state_store *other = open_partition(provider, 0, 0);
    put_key(other, 1, 1);
    for (int64_t key = 0; key < 5; key++) {
        put_key(first, key, 1);
    }
    int64_t bytes = state_provider_metrics(provider, 0).memory_bytes;
    commit(first);
    struct state_metrics metrics = state_provider_metrics(provider, 0);
    cr_assert(eq(i64, metrics.rows, 1));
    cr_assert(eq(i64, metrics.committed_rows, 5));
    cr_assert(gt(i64, metrics.committed_bytes, bytes)); /* the other one's is smaller */
    state_store_abort(other);
    cr_assert(eq(i64, state_provider_metrics(provider, 0).committed_rows, 5));
}

Test(rocksdb_bounds, what_a_commit_says_is_of_its_own_version)
{
    for (int changelog = 0; changelog < 2; changelog++) {
        begin_anew();
        do_steps(rocksdb_plan(changelog == 1, 3, 100), two_attempts);
    }
    begin_anew();
    do_steps(state_plan(3, 100), two_attempts);
}

/* ---- age --------------------------------------------------------------------------------------
 */

enum { YOUNG = 70, OLD = 150, KEYS = 20 };

static void grow_old(struct state_provider *provider)
{
    size_t largest[2] = {0};
    for (int64_t version = 0; version < OLD; version++) {
        char path[128];
        struct bytes content = {0};
        put_many(provider, version, KEYS);
        (void)snprintf(path, sizeof path, STATE "/%d.zip", (int)version + 1);
        cr_assert(fake_storage_look(world.storage, 0, path, &content));
        size_t *most_of = &largest[version >= YOUNG];
        *most_of = content.size > *most_of ? content.size : *most_of;
    }
    cr_assert(le(sz, largest[1], largest[0] + largest[0] / 8));
    struct state_store *state = open_at(provider, OLD);
    cr_assert(eq(i64, state_store_count(state), KEYS));
    state_store_abort(state);
}

/* A MANIFEST has every change of its database, and each zip has the MANIFEST. */
Test(rocksdb_bounds, a_snapshot_is_no_larger_for_the_age_of_its_database)
{
    const struct plan *plan = rocksdb_plan(false, 3, 2);
    do_steps(plan, grow_old);
    audit(plan, STORE_DISK, OLD);
}

/* ---- keys that nobody counts ------------------------------------------------------------------
 */

static int64_t counted; /* what is to be said of the number of keys; -1: nothing */

static void live_on(struct state_provider *provider, int64_t from, int64_t until)
{
    for (int64_t version = from; version < until; version++) {
        struct state_store *state = open_at(provider, version);
        if (counted >= 0) {
            state_expect(state, version); /* the number, too */
        }
        cr_assert(eq(i64,
                     state_provider_metrics(provider, 0).rows,
                     counted < 0 ? -1 : state_store_count(state)));
        state_apply(state, version + 1);
        cr_assert(counted >= 0 || state_store_count(state) == 0); /* as Spark says it */
        commit(state);
        state_provider_maintain(provider);
    }
}

static void first_life(struct state_provider *provider)
{
    live_on(provider, 0, 7);
}

static void second_life(struct state_provider *provider)
{
    live_on(provider, 7, 14);
}

static int64_t keys_of(const char *zip)
{
    struct arena arena = {0};
    int64_t count = snapshot_of(&arena, zip).key_count;
    arena_free(&arena);
    return count;
}

/* Off, then on: the load counts them; then the other way round. */
Test(rocksdb_bounds, keys_are_counted_when_that_is_wanted)
{
    for (int changelog = 0; changelog < 2; changelog++) {
        for (int on = 0; on < 2; on++) {
            struct plan plan = *rocksdb_plan(changelog == 1, 3, 100);
            begin_anew();
            plan.options.rocksdb_track_rows = on == 1;
            counted = on - 1;
            do_steps(&plan, first_life);
            cr_assert(eq(int, keys_of(STATE "/6.zip") == -1, on == 0));
            plan.options.rocksdb_track_rows = on == 0;
            counted = -on;
            do_steps(&plan, second_life);
            cr_assert(eq(int, keys_of(STATE "/12.zip") == -1, on == 1));
            look(rocksdb_plan(changelog == 1, 3, 100), 0, 14);
            audit(&plan, STORE_DISK, 14);
        }
    }
}
