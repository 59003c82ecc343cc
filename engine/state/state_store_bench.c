/* What state costs: put and commit, and load from deltas and from a snapshot, at 10^4, 10^5 and
 * 10^6 keys, over files in memory; a sorted scan of the keys. Rows are a window, a text and two
 * numbers. Prints rows a second. */
#include <stdio.h>
#include <time.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/base/process.h"
#include "engine/state/state_file.h"
#include "engine/state/state_order.h"
#include "engine/state/state_store.h"

/* ---- ports over memory --------------------------------------------------------------------------
 */

enum { FILES_MAX = 64 };

struct memory {
    struct {
        char key[96];
        struct buf content;
    } files[FILES_MAX];
    size_t count;
};

static enum status get(void *self, const char *key, struct arena *arena, struct bytes *object)
{
    const struct memory *memory = self;
    for (size_t i = 0; i < memory->count; i++) {
        if (strcmp(memory->files[i].key, key) == 0) {
            const struct buf *content = &memory->files[i].content;
            *object = bytes_of(arena_copy(arena, content->data, content->size), content->size);
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}

static enum status put(void *self, const char *key, struct bytes object)
{
    struct memory *memory = self;
    require(memory->count < FILES_MAX);
    (void)snprintf(memory->files[memory->count].key, sizeof memory->files[0].key, "%s", key);
    buf_append(&memory->files[memory->count++].content, object.data, object.size);
    return OK;
}

static enum status list(void *self,
                        const char *prefix,
                        struct arena *arena,
                        struct object_entry **entries,
                        size_t *count)
{
    struct memory *memory = self;
    *entries = arena_alloc(arena, memory->count * sizeof **entries);
    *count = 0;
    for (size_t i = 0; i < memory->count; i++) {
        if (strncmp(memory->files[i].key, prefix, strlen(prefix)) == 0) {
            (*entries)[(*count)++] = (struct object_entry){.key = memory->files[i].key};
        }
    }
    return OK;
}

static enum status drop(void *self, const char *key)
{
    (void)self;
    (void)key;
    return OK;
}

static int64_t no_time(void *self)
{
    (void)self;
    return 0;
}

static void no_sleep(void *self, int64_t time_us)
{
    (void)self;
    (void)time_us;
}

static void no_spend(void *self, int64_t rows, int64_t bytes)
{
    (void)self;
    (void)rows;
    (void)bytes;
}

static void no_trace(void *self, const struct trace_entry *entry)
{
    (void)self;
    (void)entry;
}

static const struct objects_ops objects_ops = {
    .get = get, .put_if_absent = put, .put = put, .list = list, .remove = drop};
static const struct clock_ops clock_ops = {
    .now_us = no_time, .sleep_until = no_sleep, .spend = no_spend};
static const struct trace_ops trace_ops = {.event = no_trace};

/* ---- rows ---------------------------------------------------------------------------------------
 */

enum { KEY_SIZE = 56, VALUE_SIZE = 24 };

static struct bytes key_of(uint64_t row, uint8_t out[KEY_SIZE])
{
    uint64_t mixed = hash_mix64(row);
    memset(out, 0, KEY_SIZE);
    memcpy(out + 24, &mixed, sizeof mixed);
    memcpy(out + 48, &row, sizeof row);
    return bytes_of(out, KEY_SIZE);
}

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(enum status status, const struct diag *diag)
{
    if (status != OK) {
        (void)fprintf(stderr, "%s\n", diag->text);
    }
    require(status == OK);
}

/* ---- measuring ----------------------------------------------------------------------------------
 */

struct bench {
    struct ports ports;
    struct memory memory;
    struct plan plan;
    struct store *store;
};

static double fill(struct bench *bench, struct state_provider *provider, uint64_t rows)
{
    struct diag diag = {0};
    struct state_store *state = NULL;
    uint8_t key[KEY_SIZE];
    uint8_t value[VALUE_SIZE] = {0};
    (void)bench;
    double start = seconds();
    must(state_store_open(provider, 0, 0, &state, &diag), &diag);
    for (uint64_t row = 0; row < rows; row++) {
        memcpy(value + 8, &row, sizeof row);
        must(state_store_put(state, key_of(row, key), bytes_of(value, sizeof value), &diag), &diag);
    }
    must(state_store_commit(state, &diag), &diag);
    return seconds() - start;
}

static double load(struct bench *bench, int64_t version, uint64_t rows)
{
    struct diag diag = {0};
    struct state_store *state = NULL;
    struct state_provider *provider =
        state_provider_new(&bench->ports, bench->store, &bench->plan, "/local");
    double start = seconds();
    must(state_store_open(provider, 0, version, &state, &diag), &diag);
    double spent = seconds() - start;
    require(state_store_count(state) == (int64_t)rows);
    state_store_abort(state);
    state_provider_free(provider);
    return spent;
}

struct scanning {
    struct arena arena;
    struct state_pair *pairs;
    size_t count;
};

static enum status keep_pair(void *context, struct bytes key, struct bytes value)
{
    struct scanning *scanning = context;
    struct arena *arena = &scanning->arena;
    scanning->pairs[scanning->count++] = (struct state_pair){
        .key = bytes_of(arena_copy(arena, key.data, key.size), key.size),
        .value = bytes_of(arena_copy(arena, value.data, value.size), value.size)};
    return OK;
}

static double scan(struct state_provider *provider, uint64_t rows)
{
    struct diag diag = {0};
    struct scanning scanning = {0};
    struct state_store *state = NULL;
    must(state_store_open(provider, 0, 1, &state, &diag), &diag);
    double start = seconds();
    scanning.pairs = arena_alloc(&scanning.arena, rows * sizeof *scanning.pairs);
    must(state_store_each(state, keep_pair, &scanning, &diag), &diag);
    state_order(scanning.pairs, scanning.count);
    double spent = seconds() - start;
    require(scanning.count == rows);
    require(scanning.pairs[0].key.size == KEY_SIZE);
    state_store_abort(state);
    arena_free(&scanning.arena);
    return spent;
}

static void measure(uint64_t rows)
{
    struct bench *bench = heap_alloc(sizeof *bench);
    bench->ports.clock = (struct clock_port){.ops = &clock_ops};
    bench->ports.trace = (struct trace_port){.ops = &trace_ops};
    bench->ports.objects = (struct objects_port){.ops = &objects_ops, .self = &bench->memory};
    options_defaults(&bench->plan.options);
    bench->plan.options.checkpoint_location = "/ck";
    bench->plan.options.state_min_deltas_for_snapshot = 0;
    bench->store = store_new(&bench->ports, STORE_OBJECTS);
    struct state_provider *provider =
        state_provider_new(&bench->ports, bench->store, &bench->plan, "/local");
    double put_s = fill(bench, provider, rows);
    double delta_s = load(bench, 1, rows);
    double scan_s = scan(provider, rows);
    double start = seconds();
    state_provider_maintain(provider);
    double snapshot_s = seconds() - start;
    require(bench->memory.count == 2); /* 1.delta, 1.snapshot */
    double load_s = load(bench, 1, rows);
    double mib = (double)process_host.heap.bytes / (1 << 20);
    double n = (double)rows / 1000;
    (void)printf(
        "%8llu keys: put and commit %.0f, load delta %.0f, load snapshot %.0f, sorted scan "
        "%.0f, snapshot %.0f thousand rows/s; %.0f MiB with both files\n",
        (unsigned long long)rows,
        n / put_s,
        n / delta_s,
        n / load_s,
        n / scan_s,
        n / snapshot_s,
        mib);
    state_provider_free(provider);
    heap_free(bench->store);
    for (size_t i = 0; i < bench->memory.count; i++) {
        buf_free(&bench->memory.files[i].content);
    }
    heap_free(bench);
    require(process_host.heap.blocks == 0);
}

int main(void)
{
    measure(10000);
    measure(100000);
    measure(1000000);
    return 0;
}
