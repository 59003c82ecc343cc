/* A right history of five batches, as a driver and its executors write it, and one that differs
 * from it in one thing; for tests. The windows are 5 s, the delay is 10 s; record i of the log
 * happened at second i. By hand (Spark's rules, spark-checkpoint 3):
 *
 *   batch  Wm(N)  reads                   late          state after       emits
 *   0      0      0..4, 40..44            -             0, 40             -
 *   1      34     5..9, 45..49            -             40, 45            0, 5
 *   2      39     10..14, 50..54          10            40, 45, 50        -
 *   3      44     15..19, 55..59          15            40, 45, 50, 55    -
 *   4      49     nothing                 -             45, 50, 55        40 */
#ifndef SIM_CHECK_CHECKS_STATE_TEST_WORLD_H
#define SIM_CHECK_CHECKS_STATE_TEST_WORLD_H

#include <xxhash.h>

#include "engine/state/disk_memory.h"
#include "engine/state/rocksdb_db.h"
#include "engine/state/rocksdb_snapshot.h"
#include "sim/check/checks_test_world.h"
#include "sim/check/state_row.h"

enum { BATCHES = 5, WINDOW = 5, STATE_PARTITIONS = 2 };

/* Where the state is: in deltas and snapshots; in RocksDB, each batch a changelog; each batch a
 * zip.
 */
static enum { IN_MEMORY, IN_CHANGELOGS, IN_ZIPS } state_in;

static const char stateful_text[] =
    "{\"source\":{\"subscribe\":\"flights\",\"schema\":{\"l\":\"timestamp\"}},\"withWatermark\":{"
    "\"eventTime\":\"l\",\"delayThreshold\":\"10 seconds\"},\"groupBy\":[{\"window\":{"
    "\"timeColumn\":\"l\",\"windowDuration\":\"5 seconds\"}}],\"agg\":[{\"as\":\"n\",\"is\":"
    "\"count(*)\"}],\"select\":[{\"as\":\"s\",\"is\":\"window.start\"},\"n\"],\"sink\":{\"path\":"
    "\"/shared/t\"},\"options\":{\"checkpointLocation\":\"/shared/"
    "c\",\"startingOffsets\":\"earliest\","
    "\"spark.sql.streaming.minBatchesToRetain\":2}}";

static const char stateful_head[] =
    "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
    "{\"metaData\":{\"id\":\"x\",\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{"
    "\\\"name\\\":\\\"s\\\",\\\"type\\\":\\\"timestamp\\\"},{\\\"name\\\":\\\"n\\\",\\\"type\\\":"
    "\\\"long\\\"}]}\"}}\n";

struct batch_facts {
    int64_t watermark_ms;
    int puts[3]; /* window starts; -1 ends a list */
    int removes[3];
    int rows[3];
    int state[5]; /* after it */
};

static const struct batch_facts facts[BATCHES] = {
    {0, {0, 40, -1}, {-1}, {-1}, {0, 40, -1}},
    {34000, {5, 45, -1}, {0, 5, -1}, {0, 5, -1}, {40, 45, -1}},
    {39000, {50, -1}, {-1}, {-1}, {40, 45, 50, -1}},
    {44000, {55, -1}, {-1}, {-1}, {40, 45, 50, 55, -1}},
    {49000, {-1}, {40, -1}, {40, -1}, {45, 50, 55, -1}},
};

/* What a wrong history does in another way, and in which batch. */
static struct wrong {
    int64_t batch; /* -1: nothing is wrong */
    int64_t offsets_watermark_ms;
    int64_t commit_watermark_ms;
    int no_delta;    /* 1 + the partition */
    bool torn;       /* half a delta */
    bool unsynced;   /* a delta that a crash would take */
    int other_count; /* 1 + the window whose count is one more */
    int not_put;     /* 1 + the window */
    int not_removed; /* 1 + the window */
    int extra;       /* 1 + a window that nobody has seen */
    int misplaced;   /* 1 + the window that goes to the other partition */
    int not_emitted; /* 1 + the window */
    int early;       /* 1 + the window that is emitted in this batch */
    enum { SST_GOOD, SST_MISSING, SST_UNSYNCED, SST_GARBLED } sst;
} wrong;

static struct value key_cells[2];

static struct bytes key_of(struct life *life, int start, int64_t *partition)
{
    static const struct field fields[] = {{"window.start", TYPE_TIMESTAMP, "window"},
                                          {"window.end", TYPE_TIMESTAMP, "window"}};
    static const struct schema schema = {fields, 2};
    struct buf row = {0};
    for (int i = 0; i < 2; i++) {
        key_cells[i] =
            (struct value){TYPE_TIMESTAMP, true, {.number = (start + i * WINDOW) * US_PER_SECOND}};
    }
    state_row_encode(&schema, key_cells, &row);
    *partition = state_row_partition(state_row_hash(&schema, key_cells), STATE_PARTITIONS);
    struct bytes key = bytes_of(arena_copy(&life->arena, row.data, row.size), row.size);
    buf_free(&row);
    return key;
}

static bool here(struct life *life, int start, int64_t partition, bool misplaced, struct bytes *key)
{
    int64_t of = 0;
    *key = key_of(life, start, &of);
    return (misplaced ? 1 - of : of) == partition;
}

static void put_record(struct buf *records, struct bytes key, int64_t count)
{
    bool version = state_in != IN_MEMORY; /* Spark's byte before each row */
    buf_be32(records, key.size + version);
    buf_append(records, "", version);
    buf_append(records, key.data, key.size);
    if (count < 0) {
        buf_be32(records, UINT32_MAX);
        return;
    }
    buf_be32(records, 16 + version);
    buf_append(records, "", version);
    buf_le64(records, 0);
    buf_le64(records, count);
}

static void block(struct buf *file, struct bytes content)
{
    buf_text(file, "LZ4Block");
    buf_byte(file, 0x15);
    buf_le32(file, content.size);
    buf_le32(file, content.size);
    buf_le32(file,
             content.size == 0 ? 0 : XXH32(content.data, content.size, 0x9747b28c) & 0x0fffffff);
    buf_append(file, content.data, content.size);
}

static struct bytes container(struct life *life, struct buf *records)
{
    struct buf file = {0};
    buf_be32(records, UINT32_MAX);
    block(&file, buf_bytes(records));
    block(&file, bytes_of(NULL, 0));
    struct bytes content = bytes_of(arena_copy(&life->arena, file.data, file.size), file.size);
    buf_free(records);
    buf_free(&file);
    return content;
}

static const char *
state_path(struct life *life, int64_t partition, int64_t version, const char *kind)
{
    return arena_printf(&life->arena,
                        "%s/state/0/%lld/%lld.%s",
                        life->checkpoint,
                        (long long)partition,
                        (long long)version,
                        kind);
}

static bool is_wrong(int field, int start, int64_t batch)
{
    return wrong.batch == batch && field == start + 1;
}

static struct bytes delta_of(struct life *life, int64_t batch, int64_t partition)
{
    const struct batch_facts *fact = &facts[batch];
    struct buf records = {0};
    struct bytes key;
    for (int i = 0; fact->puts[i] >= 0; i++) {
        int start = fact->puts[i];
        bool misplaced = is_wrong(wrong.misplaced, start, batch);
        if (here(life, start, partition, misplaced, &key) &&
            !is_wrong(wrong.not_put, start, batch)) {
            put_record(&records, key, is_wrong(wrong.other_count, start, batch) ? 6 : 5);
        }
    }
    if (wrong.batch == batch && wrong.extra > 0 &&
        here(life, wrong.extra - 1, partition, false, &key)) {
        put_record(&records, key, 5);
    }
    for (int i = 0; fact->removes[i] >= 0; i++) {
        int start = fact->removes[i];
        if (here(life, start, partition, false, &key) &&
            !is_wrong(wrong.not_removed, start, batch)) {
            put_record(&records, key, -1);
        }
    }
    return container(life, &records);
}

static void write_unsynced(struct life *life, const char *path, struct bytes content)
{
    const struct disk_port *disk = &life->ports->disk;
    const char *hidden = arena_printf(&life->arena, "%s/.hidden.tmp", life->checkpoint);
    disk_fd fd;
    size_t written = 0;
    cr_assert(eq(int, disk_open(disk, hidden, DISK_CREATE_NEW, &fd), OK));
    cr_assert(eq(int, disk_write(disk, fd, content.data, content.size, &written), OK));
    cr_assert(eq(int, disk_close(disk, fd), OK));
    cr_assert(eq(int, disk_rename(disk, hidden, path, true), OK));
}

/* ---- RocksDB: SST files first, the zip last */

static struct bytes versioned(struct life *life, struct bytes row)
{
    uint8_t *copy = arena_alloc(&life->arena, row.size + 1);
    memcpy(copy + 1, row.data, row.size);
    return bytes_of(copy, row.size + 1);
}

static int by_key(const void *a, const void *b)
{
    return bytes_compare(((const struct rocksdb_change *)a)->key,
                         ((const struct rocksdb_change *)b)->key);
}

static void add_row(struct life *life,
                    struct rocksdb_change *rows,
                    size_t *count,
                    int start,
                    int64_t partition,
                    int64_t n)
{
    struct bytes key;
    uint8_t value[16] = {[8] = (uint8_t)n};
    if (here(life, start, partition, false, &key)) {
        rows[(*count)++] = (struct rocksdb_change){versioned(life, key),
                                                   versioned(life, bytes_of(value, sizeof value))};
    }
}

/* The rows of a partition after `batch`, but for what is wrong in it. */
static size_t
rows_after(struct life *life, int64_t batch, int64_t partition, struct rocksdb_change *rows)
{
    size_t count = 0;
    for (int i = 0; facts[batch].state[i] >= 0; i++) {
        int start = facts[batch].state[i];
        if (!is_wrong(wrong.not_put, start, batch)) {
            add_row(life,
                    rows,
                    &count,
                    start,
                    partition,
                    is_wrong(wrong.other_count, start, batch) ? 6 : 5);
        }
    }
    if (wrong.batch == batch && wrong.not_removed > 0) {
        add_row(life, rows, &count, wrong.not_removed - 1, partition, 5);
    }
    if (wrong.batch == batch && wrong.extra > 0) {
        add_row(life, rows, &count, wrong.extra - 1, partition, 5);
    }
    qsort(rows, count, sizeof *rows, by_key);
    return count;
}

static struct bytes read_whole(struct life *life, const struct disk_port *port, const char *path)
{
    disk_fd fd;
    uint64_t size = 0;
    size_t got = 0;
    cr_assert(eq(int, disk_open(port, path, DISK_READ, &fd), OK));
    cr_assert(eq(int, disk_size(port, fd, &size), OK));
    uint8_t *data = arena_alloc(&life->arena, size + 1);
    for (size_t at = 0; at < size; at += got) {
        cr_assert(eq(int, disk_read(port, fd, at, data + at, size - at, &got), OK));
    }
    cr_assert(eq(int, disk_close(port, fd), OK));
    return bytes_of(data, size);
}

/* A database of these rows, made and checkpointed on a disk in memory. */
static void make_database(struct disk_memory *disk, const struct rocksdb_change *rows, size_t count)
{
    static const struct rocksdb_options options = {
        .block_size = 4096, .max_open_files = -1, .format_version = 5, .compress = true};
    struct rocksdb_cache *cache = rocksdb_cache_new(1 << 20);
    struct rocksdb_db *db = NULL;
    struct rocksdb_what what = {""};
    struct rocksdb_work work = {0};
    const struct disk_port *port = disk_memory_port(disk);
    cr_assert(eq(int, disk_mkdir(port, "/db"), OK));
    enum status status = rocksdb_db_open(port, "/db", &options, cache, &db, &what);
    cr_assert(eq(int, status, OK), "%s", what.text);
    status = rocksdb_db_write(db, rows, count, &work, &what);
    cr_assert(eq(int, status, OK), "%s", what.text);
    status = rocksdb_db_checkpoint(db, "/checkpoint", &what);
    cr_assert(eq(int, status, OK), "%s", what.text);
    rocksdb_db_close(db);
    rocksdb_cache_free(cache);
}

static const char *sst_path(struct life *life, int64_t partition, int64_t version)
{
    return arena_printf(&life->arena,
                        "%s/state/0/%lld/SSTs/000008-%lld.sst",
                        life->checkpoint,
                        (long long)partition,
                        (long long)version);
}

static void put_sst(struct life *life, int64_t partition, int64_t version, struct bytes content)
{
    const char *path = sst_path(life, partition, version);
    if (wrong.batch != version - 1 || wrong.sst == SST_GOOD) {
        put(life, path, content);
    } else if (wrong.sst == SST_UNSYNCED) {
        put(life, arena_printf(&life->arena, "%s.other", path), content);
        write_unsynced(life, path, content);
    } else if (wrong.sst == SST_GARBLED) {
        ((uint8_t *)(uintptr_t)content.data)[content.size / 8] ^= 1;
        put(life, path, content);
    }
}

static void write_zip(struct life *life, int64_t partition, int64_t version)
{
    struct rocksdb_change rows[8];
    size_t count = rows_after(life, version - 1, partition, rows);
    struct disk_memory *disk = disk_memory_new();
    make_database(disk, rows, count);
    struct rocksdb_snapshot snapshot = {.key_count = (int64_t)count};
    struct rocksdb_small_file files[8];
    struct rocksdb_sst ssts[1];
    snapshot.files = files;
    snapshot.ssts = ssts;
    struct disk_entry *entries = NULL;
    size_t entry_count = 0;
    const struct disk_port *port = disk_memory_port(disk);
    cr_assert(eq(int, disk_list(port, "/checkpoint", &life->arena, &entries, &entry_count), OK));
    for (size_t i = 0; i < entry_count; i++) {
        const char *name = entries[i].name;
        const char *path = arena_printf(&life->arena, "/checkpoint/%s", name);
        struct bytes content = read_whole(life, port, path);
        if (strstr(name, ".sst") != NULL) {
            const char *dfs = strrchr(sst_path(life, partition, version), '/') + 1;
            cr_assert(eq(sz, snapshot.sst_count, 0));
            ssts[snapshot.sst_count++] = (struct rocksdb_sst){name, dfs, (int64_t)content.size};
            put_sst(life, partition, version, content);
        } else {
            files[snapshot.file_count++] = (struct rocksdb_small_file){name, content};
        }
    }
    struct buf archive = {0};
    rocksdb_snapshot_encode(&snapshot, &archive);
    bool torn = wrong.batch == version - 1 && wrong.torn;
    struct bytes file = bytes_of(arena_copy(&life->arena, archive.data, archive.size),
                                 torn ? archive.size / 2 : archive.size);
    put(life, state_path(life, partition, version, "zip"), file);
    buf_free(&archive);
    disk_memory_free(disk);
}

/* ---- what a batch leaves */

static void write_deltas(struct life *life, int64_t batch)
{
    bool here_now = wrong.batch == batch;
    for (int64_t p = 0; p < STATE_PARTITIONS; p++) {
        struct bytes content = delta_of(life, batch, p);
        const char *path =
            state_path(life, p, batch + 1, state_in == IN_MEMORY ? "delta" : "changelog");
        if (here_now && wrong.no_delta == p + 1) {
            continue;
        }
        if (state_in == IN_ZIPS) {
            write_zip(life, p, batch + 1);
            continue;
        }
        if (here_now && wrong.unsynced) {
            put(life, state_path(life, p, 99, "other"), content); /* the folder is there */
            write_unsynced(life, path, content);
        } else {
            content.size = here_now && wrong.torn ? content.size / 2 : content.size;
            put(life, path, content);
        }
    }
}

static void write_snapshot(struct life *life, int64_t partition, int64_t version, int without)
{
    if (state_in != IN_MEMORY) {
        write_zip(life, partition, version);
        return;
    }
    struct buf records = {0};
    struct bytes key;
    for (int i = 0; facts[version - 1].state[i] >= 0; i++) {
        int start = facts[version - 1].state[i];
        if (start != without && here(life, start, partition, false, &key)) {
            put_record(&records, key, 5);
        }
    }
    put(life, state_path(life, partition, version, "snapshot"), container(life, &records));
}

static struct bytes rows_file(struct life *life, int64_t batch, size_t *count)
{
    static const struct field fields[] = {{"s", TYPE_TIMESTAMP}, {"n", TYPE_LONG}};
    static const struct schema schema = {fields, 2};
    struct columns *columns = columns_new(&life->arena, &schema, 64);
    int starts[8];
    size_t rows = 0;
    for (int i = 0; facts[batch].rows[i] >= 0; i++) {
        if (!is_wrong(wrong.not_emitted, facts[batch].rows[i], batch)) {
            starts[rows++] = facts[batch].rows[i];
        }
    }
    if (wrong.batch == batch && wrong.early > 0) {
        starts[rows++] = wrong.early - 1;
    }
    for (size_t i = 0; i < rows; i++) {
        columns->columns[0].present[i] = 1;
        columns->columns[0].values.longs[i] = starts[i] * US_PER_SECOND;
        columns->columns[1].present[i] = 1;
        columns->columns[1].values.longs[i] = 5;
    }
    columns->rows = rows;
    *count = rows;
    struct buf file = {0};
    parquet_write(columns, PARQUET_SNAPPY, &file);
    struct bytes content = bytes_of(arena_copy(&life->arena, file.data, file.size), file.size);
    buf_free(&file);
    return content;
}

static void write_plan(struct life *life, int64_t batch, int64_t per_partition)
{
    bool here_now = wrong.batch == batch;
    int64_t watermark_ms = here_now && wrong.offsets_watermark_ms > 0 ? wrong.offsets_watermark_ms
                                                                      : facts[batch].watermark_ms;
    for (size_t p = 0; p < PARTITIONS; p++) {
        life->ends[p] = life->begins[p] + per_partition;
    }
    say(life, EVENT_BATCH_PLANNED, batch, PARTITIONS * per_partition, 0);
    const char *head = arena_printf(
        &life->arena,
        "v1\n{\"batchWatermarkMs\":%lld,\"batchTimestampMs\":5,\"conf\":{"
        "\"spark.sql.streaming.stateStore.providerClass\":\"x.%s\","
        "\"spark.sql.shuffle.partitions\":\"%d\"}}\n",
        (long long)watermark_ms,
        state_in == IN_MEMORY ? "HDFSBackedStateStoreProvider" : "RocksDBStateStoreProvider",
        STATE_PARTITIONS);
    put(life, file_of(life, "offsets", batch), positions(life, head, life->ends));
    say(life, EVENT_OFFSETS_WRITTEN, batch, 0, 0);
}

static void write_done(struct life *life, int64_t batch)
{
    int64_t next_ms = batch + 1 < BATCHES ? facts[batch + 1].watermark_ms : 49000;
    if (wrong.batch == batch && wrong.commit_watermark_ms > 0) {
        next_ms = wrong.commit_watermark_ms;
    }
    put(life,
        file_of(life, "commits", batch),
        bytes_of_text(
            arena_printf(&life->arena, "v1\n{\"nextBatchWatermarkMs\":%lld}", (long long)next_ms)));
    say(life, EVENT_COMMIT_WRITTEN, batch, 0, 0);
    memcpy(life->begins, life->ends, sizeof life->begins);
}

static void stateful_batch(struct life *life, int64_t batch)
{
    write_plan(life, batch, batch == BATCHES - 1 ? 0 : 5);
    write_deltas(life, batch);
    size_t count = 0;
    struct bytes file = rows_file(life, batch, &count);
    const char *name = file_name(life, batch);
    put(life, file_path(life, name), file);
    publish(life,
            arena_printf(
                &life->arena, "%s%s", txn_line(life, batch), add_line(life, name, file, count)));
    trace_event(&life->ports->trace,
                &(struct trace_entry){.kind = EVENT_SINK_COMMITTED,
                                      .batch = batch,
                                      .a = life->version - 1,
                                      .b = 1,
                                      .c = count});
    write_done(life, batch);
}

static void cleanup(struct life *life, int64_t partition, int64_t until)
{
    for (int64_t v = 1; v <= until; v++) {
        const char *kind = state_in == IN_MEMORY       ? "delta"
                           : state_in == IN_CHANGELOGS ? "changelog"
                                                       : "zip";
        cr_assert(eq(int, store_remove(life->store, state_path(life, partition, v, kind)), OK));
    }
}

static void history(struct life *life)
{
    begin_query(life, "q1", zeros);
    for (int64_t n = 0; n < BATCHES; n++) {
        stateful_batch(life, n);
        if (n == 2 && state_in != IN_ZIPS) {
            write_snapshot(life, 0, 3, -1);
            write_snapshot(life, 1, 3, -1);
        }
    }
    cleanup(life, 0, 3);
    cleanup(life, 1, 3);
}

static void without_the_last(struct life *life)
{
    begin_query(life, "q1", zeros);
    for (int64_t n = 0; n + 1 < BATCHES; n++) {
        stateful_batch(life, n);
    }
}

static void begin_world(struct test_world *world)
{
    world_pipeline = stateful_text;
    world_table_head = stateful_head;
    world_open(world, "/shared/c", "earliest");
    readable[0] = 20;
    readable[1] = 20;
}

static void
fails(struct wrong as, void (*script)(struct life *life), const char *check, const char *evidence)
{
    struct test_world world;
    wrong = as;
    begin_world(&world);
    struct life life = {.world = &world, .script = script, .checkpoint = "/shared/c"};
    run_life(&life, "driver", 0);
    if (!kernel_violation(world.kernel)->set) {
        checks_end(world.checks);
    }
    const struct violation *violation = kernel_violation(world.kernel);
    cr_expect(violation->set, "%s: nothing was violated", check);
    cr_expect(eq(str, violation->check, check), "%s", violation->evidence);
    cr_expect(strstr(violation->evidence, evidence) != NULL, "%s", violation->evidence);
    world_close(&world);
}

#endif
