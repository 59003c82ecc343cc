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
#ifndef SIM_CHECK_CHECKS_FILES_TEST_WORLD_H
#define SIM_CHECK_CHECKS_FILES_TEST_WORLD_H

#include <xxhash.h>

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
    bool unclosed;   /* half a zip under its own name, whose writer died */
    bool unsynced;   /* a delta that a crash would take */
    int other_count; /* 1 + the window whose count is one more */
    int not_put;     /* 1 + the window */
    int not_removed; /* 1 + the window */
    int extra;       /* 1 + a window that nobody has seen */
    int misplaced;   /* 1 + the window that goes to the other partition */
    int not_emitted; /* 1 + the window */
    int early;       /* 1 + the window that is emitted in this batch */
    enum { SST_GOOD, SST_MISSING, SST_UNSYNCED, SST_GARBLED, SST_GARBLED_ELSEWHERE } sst;
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

#endif
