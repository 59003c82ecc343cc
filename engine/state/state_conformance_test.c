#define _XOPEN_SOURCE 700 /* nftw */
/* State that a real Spark wrote: the golden checkpoints of Spark's own tests (versions 2.1.0 to
 * 4.0.0), when the fixtures stand beside the project. Every file decodes with its checksums, every
 * snapshot is the replay of its deltas, every key lies in the partition that its hash says, every
 * schema parses. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/document.h"
#include "engine/exec/unsafe_row.h"
#include "engine/shuffle/partition.h"
#include "engine/state/golden_test_world.h"
#include "engine/state/state_file.h"
#include "engine/state/state_map.h"
#include "engine/state/state_schema.h"

static struct arena arena; /* of one file */
static struct {
    size_t deltas;
    size_t snapshots;
    size_t replayed;
    size_t schemas;
    size_t keys;
    size_t misplaced;
} seen;

static enum status into_map(void *context, struct bytes key, struct bytes value)
{
    if (value.data == NULL) {
        (void)state_map_remove(context, key);
    } else {
        state_map_put(context, key, value);
    }
    return OK;
}

static bool
read_state(const char *directory, int64_t version, enum state_file_kind kind, struct state_map *map)
{
    const char *what = NULL;
    struct bytes file = golden_file(&arena, state_file_path(&arena, directory, version, kind));
    if (file.data == NULL) {
        return false;
    }
    enum status status = state_file_read(kind, file, &arena, into_map, map, &what);
    cr_assert(eq(int, status, OK), "%s/%d: %s", directory, (int)version, what);
    return true;
}

static void check_replay(const char *directory, int64_t version, const struct state_map *snapshot)
{
    struct state_map *replay = state_map_new();
    bool whole = true;
    for (int64_t delta = 1; whole && delta <= version; delta++) {
        whole = read_state(directory, delta, STATE_DELTA, replay);
    }
    if (whole) {
        const struct state_pair *a = state_map_sorted(snapshot, &arena);
        const struct state_pair *b = state_map_sorted(replay, &arena);
        cr_assert(eq(i64, state_map_count(snapshot), state_map_count(replay)));
        for (int64_t i = 0; i < state_map_count(replay); i++) {
            cr_assert(bytes_equal(a[i].key, b[i].key), "%s", directory);
            cr_assert(bytes_equal(a[i].value, b[i].value), "%s", directory);
        }
        seen.replayed++;
    }
    state_map_free(replay);
}

/* Simple aggregates and deduplications: the number of partitions is 5 in all of them. The query of
 * 3.2.0 had repartitioned its rows by the first key, which Spark then took as good enough
 * (SPARK-38204). */
static const struct {
    const char *part; /* of the path */
    enum type types[2];
    size_t count;
    size_t hashed;
} keyed[] = {{"checkpoint-version-4.0.0/hdfs/agg/", {TYPE_INT}, 1, 1},
             {"3.2.0-streaming-aggregate-with-repartition/", {TYPE_INT, TYPE_INT}, 2, 1},
             {"3.5.1-streaming-deduplication/", {TYPE_STRING}, 1, 1}};

static void check_keys(const char *directory, const struct state_map *map)
{
    const struct state_pair *pairs = state_map_sorted(map, &arena);
    for (size_t k = 0; k < sizeof keyed / sizeof keyed[0]; k++) {
        if (strstr(directory, keyed[k].part) == NULL) {
            continue;
        }
        struct field fields[2] = {{"a", keyed[k].types[0]}, {"b", keyed[k].types[1]}};
        struct schema schema = {fields, keyed[k].count};
        struct schema hashed = {fields, keyed[k].hashed};
        long partition = strtol(strrchr(directory, '/') + 1, NULL, 10);
        for (int64_t i = 0; i < state_map_count(map); i++) {
            struct cell cells[2];
            cr_assert(
                eq(int, unsafe_row_decode(&schema, pairs[i].key, cells), OK), "%s", directory);
            seen.misplaced += shuffle_partition(&hashed, cells, 5) != partition;
            seen.keys++;
        }
    }
}

static void check_state(const char *path, int64_t version, enum state_file_kind kind)
{
    const char *directory = arena_copy(&arena, path, (size_t)(strrchr(path, '/') - path));
    struct state_map *map = state_map_new();
    cr_assert(read_state(directory, version, kind, map), "%s", path);
    check_keys(directory, map);
    if (kind == STATE_SNAPSHOT) {
        check_replay(directory, version, map);
        seen.snapshots++;
    } else {
        seen.deltas++;
    }
    state_map_free(map);
}

static void check_schema(const char *path)
{
    struct bytes texts[2];
    const char *types = NULL;
    struct bytes file = golden_file(&arena, path);
    cr_assert(eq(int, state_schema_read(file, &arena, &texts[0], &texts[1]), OK), "%s", path);
    for (size_t i = 0; i < 2; i++) {
        enum status status = state_schema_json_types(texts[i], &arena, &types);
        cr_assert(eq(int, status, OK), "%s: %s", path, (const char *)texts[i].data);
        cr_assert(gt(sz, strlen(types), 0));
    }
    struct buf again = {0};
    state_schema_write(texts[0], texts[1], &again);
    cr_assert(file.data[3] != '2' || bytes_equal(buf_bytes(&again), file), "%s", path);
    buf_free(&again);
    seen.schemas++;
}

static int visit(const char *path, const struct stat *status, int type, struct FTW *at)
{
    int64_t version = 0;
    enum state_file_kind kind;
    const char *name = path + at->base;
    if (type == FTW_F && state_file_name(name, &version, &kind) && !state_file_of_rocksdb(kind)) {
        check_state(path, version, kind);
    } else if (type == FTW_F && strcmp(name, "schema") == 0 &&
               strstr(path, "/_metadata/") != NULL) {
        check_schema(path);
    }
    arena_free(&arena);
    return status == NULL;
}

Test(state_conformance, what_spark_wrote)
{
    if (!golden_unpack()) {
        cr_skip("no " GOLDEN_TARBALL);
    }
    document_setup();
    cr_assert(eq(int, nftw(golden_root, visit, 16, FTW_PHYS), 0));
    golden_remove();
    (void)printf(
        "%zu deltas, %zu snapshots (%zu replayed), %zu schemas, %zu keys in their partition\n",
        seen.deltas,
        seen.snapshots,
        seen.replayed,
        seen.schemas,
        seen.keys);
    cr_assert(ge(sz, seen.deltas + seen.snapshots, 400));
    cr_assert(ge(sz, seen.replayed, 20));
    cr_assert(ge(sz, seen.schemas, 30));
    cr_assert(ge(sz, seen.keys, 20));
    cr_assert(eq(sz, seen.misplaced, 0));
}
