/* The checks of watermark and state: each passes a right history of five batches, and fires on one
 * that differs from it in one thing. The windows are 5 s, the delay is 10 s; record i of the log
 * happened at second i. By hand (Spark's rules, spark-checkpoint 3):
 *
 *   batch  Wm(N)  reads                   late          state after       emits
 *   0      0      0..4, 40..44            -             0, 40             -
 *   1      34     5..9, 45..49            -             40, 45            0, 5
 *   2      39     10..14, 50..54          10            40, 45, 50        -
 *   3      44     15..19, 55..59          15            40, 45, 50, 55    -
 *   4      49     nothing                 -             45, 50, 55        40 */
#include <xxhash.h>

#include "sim/check/checks_test_world.h"
#include "sim/check/state_row.h"

enum { BATCHES = 5, WINDOW = 5, STATE_PARTITIONS = 2 };

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
    buf_be32(records, key.size);
    buf_append(records, key.data, key.size);
    if (count < 0) {
        buf_be32(records, UINT32_MAX);
        return;
    }
    buf_be32(records, 16);
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

static void write_deltas(struct life *life, int64_t batch)
{
    bool here_now = wrong.batch == batch;
    for (int64_t p = 0; p < STATE_PARTITIONS; p++) {
        struct bytes content = delta_of(life, batch, p);
        const char *path = state_path(life, p, batch + 1, "delta");
        if (here_now && wrong.no_delta == p + 1) {
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
    const char *head =
        arena_printf(&life->arena,
                     "v1\n{\"batchWatermarkMs\":%lld,\"batchTimestampMs\":5,\"conf\":{"
                     "\"spark.sql.shuffle.partitions\":\"%d\"}}\n",
                     (long long)watermark_ms,
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
        cr_assert(eq(int, store_remove(life->store, state_path(life, partition, v, "delta")), OK));
    }
}

static void history(struct life *life)
{
    begin_query(life, "q1", zeros);
    for (int64_t n = 0; n < BATCHES; n++) {
        stateful_batch(life, n);
        if (n == 2) {
            write_snapshot(life, 0, 3, -1);
            write_snapshot(life, 1, 3, -1);
        }
    }
    cleanup(life, 0, 3);
    cleanup(life, 1, 3);
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

Test(checks_state, a_right_history_violates_nothing_and_is_compared)
{
    struct test_world world;
    wrong = (struct wrong){.batch = -1};
    begin_world(&world);
    struct life life = {.world = &world, .script = history, .checkpoint = "/shared/c"};
    run_life(&life, "driver", 0);
    checks_end(world.checks);
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(not(violation->set), "%s: %s", violation->check, violation->evidence);
    for (int check = CHECK_WATERMARK; check <= CHECK_STATE_RETAINED; check++) {
        cr_expect(checks_evaluations(world.checks, check) > 0, "%s", check_name(check));
    }
    cr_assert(checks_settled(world.checks));
    cr_assert(eq(i64, checks_rows_out(world.checks), 3));
    world_close(&world);
}

static void without_the_last(struct life *life)
{
    begin_query(life, "q1", zeros);
    for (int64_t n = 0; n + 1 < BATCHES; n++) {
        stateful_batch(life, n);
    }
}

Test(checks_state, a_query_that_owes_a_batch_without_data_is_not_settled)
{
    struct test_world world;
    wrong = (struct wrong){.batch = -1};
    begin_world(&world);
    struct life life = {.world = &world, .script = without_the_last, .checkpoint = "/shared/c"};
    run_life(&life, "driver", 0);
    cr_assert(not(kernel_violation(world.kernel)->set));
    cr_assert(checks_caught_up(world.checks));
    cr_assert(not(checks_settled(world.checks)));
    world_close(&world);
}

Test(checks_state, watermark_of_offsets)
{
    fails((struct wrong){.batch = 2, .offsets_watermark_ms = 34000},
          history,
          "watermark",
          "offsets/2 has batchWatermarkMs 34000, expected 39000");
}

Test(checks_state, watermark_of_commits)
{
    fails((struct wrong){.batch = 1, .commit_watermark_ms = 34000},
          history,
          "watermark",
          "commits/1 has nextBatchWatermarkMs 34000, expected 39000");
}

static void one_batch_too_many(struct life *life)
{
    history(life);
    life->ends[0] = life->begins[0];
    say(life, EVENT_BATCH_PLANNED, BATCHES, 0, 0);
    put(life,
        file_of(life, "offsets", BATCHES),
        positions(life,
                  "v1\n{\"batchWatermarkMs\":49000,\"batchTimestampMs\":5,\"conf\":{}}\n",
                  life->ends));
}

Test(checks_state, watermark_asks_for_no_batch)
{
    fails((struct wrong){.batch = -1}, one_batch_too_many, "watermark", "nothing asks for it");
}

Test(checks_state, state_before_commit)
{
    fails((struct wrong){.batch = 1, .no_delta = 2},
          history,
          "state-before-commit",
          "/shared/c/state/0/1/2.delta is not");
    fails((struct wrong){.batch = 1, .torn = true}, history, "state-before-commit", "is not whole");
    fails((struct wrong){.batch = 1, .unsynced = true},
          history,
          "state-before-commit",
          "would not outlive a crash");
}

Test(checks_state, state_rows)
{
    fails((struct wrong){.batch = 1, .other_count = 46}, history, "state-rows", "other buffers");
    fails(
        (struct wrong){.batch = 2, .not_put = 51}, history, "state-rows", "does not have the key");
    fails((struct wrong){.batch = 1, .not_removed = 1},
          history,
          "state-rows",
          "does not remove the key (1970-01-01T00:00:00.000000Z, 1970-01-01T00:00:05.000000Z)");
    fails((struct wrong){.batch = 2, .extra = 11}, history, "state-rows", "not in the state");
}

Test(checks_state, state_partition)
{
    fails((struct wrong){.batch = 2, .misplaced = 51}, history, "state-partition", "hashes to");
}

Test(checks_state, oracle_rows_of_groups)
{
    fails((struct wrong){.batch = 1, .not_emitted = 1}, history, "oracle-rows", "expected 2 rows");
    fails((struct wrong){.batch = 3, .early = 41}, history, "oracle-rows", "expected 0 rows");
}

static void short_snapshot(struct life *life)
{
    without_the_last(life);
    int64_t partition = 0;
    (void)key_of(life, 50, &partition);
    write_snapshot(life, partition, 4, 50);
}

Test(checks_state, snapshot_replay)
{
    fails((struct wrong){.batch = -1}, short_snapshot, "snapshot-replay", "4.snapshot has");
}

static void early_cleanup(struct life *life)
{
    without_the_last(life);
    write_snapshot(life, 0, 4, -1);
    cleanup(life, 0, 2); /* version 3 needs them: the snapshot is of version 4 */
}

Test(checks_state, state_retained)
{
    fails((struct wrong){.batch = -1},
          early_cleanup,
          "state-retained",
          "version 3, one of the last 2");
}

static void written_over(struct life *life)
{
    without_the_last(life);
    int64_t partition = 0;
    (void)key_of(life, 55, &partition);
    struct buf records = {0};
    write_unsynced(life, state_path(life, partition, 4, "other"), container(life, &records));
    enum status status = disk_rename(&life->ports->disk,
                                     state_path(life, partition, 4, "other"),
                                     state_path(life, partition, 4, "delta"),
                                     false);
    cr_assert(eq(int, status, OK));
}

Test(checks_state, state_rows_of_a_delta_that_is_written_over)
{
    fails((struct wrong){.batch = -1}, written_over, "state-rows", "does not have the key");
}

/* The world damages a file itself: that it is broken is no violation, and what is owed depends on
 * what is left. */
static void damaged(struct life *life)
{
    struct checks *checks = life->world->checks;
    without_the_last(life);
    write_snapshot(life, 0, 4, -1);
    const char *snapshot = state_path(life, 0, 4, "snapshot");
    cr_expect(eq(int, checks_damage_duty(checks, snapshot), DAMAGE_RECOVER));
    cr_expect(eq(int, checks_damage_duty(checks, state_path(life, 0, 2, "delta")), DAMAGE_RECOVER));
    cr_expect(eq(int, checks_damage_duty(checks, state_path(life, 1, 2, "delta")), DAMAGE_REFUSE));
    cr_expect(eq(int, checks_damage_duty(checks, file_of(life, "commits", 3)), DAMAGE_REFUSE));
    cr_expect(eq(int, checks_damage_duty(checks, file_of(life, "commits", 2)), DAMAGE_RECOVER));
    cr_expect(eq(int, checks_damage_duty(checks, file_of(life, "offsets", 3)), DAMAGE_REFUSE));
    cr_expect(eq(int, checks_damage_duty(checks, file_of(life, "offsets", 2)), DAMAGE_EITHER));
    cr_expect(eq(int, checks_damage_duty(checks, file_of(life, "offsets", 1)), DAMAGE_RECOVER));
    cr_expect(eq(int, checks_damage_duty(checks, version_path(life, 1)), DAMAGE_REFUSE));
    const char *file = file_path(life, file_name(life, 1));
    cr_expect(eq(int, checks_damage_duty(checks, file), DAMAGE_MAY_LOSE));
    fake_storage_damage(life->world->storage, file, DAMAGE_REMOVED);
    fake_storage_damage(life->world->storage, file_of(life, "offsets", 1), DAMAGE_EMPTIED);
    fake_storage_damage(life->world->storage, state_path(life, 1, 2, "delta"), DAMAGE_GARBLED);
    kernel_machine_down(
        life->world->kernel, life->world->machines[1], MACHINE_CRASHED, UNSYNCED_DROPPED);
}

Test(checks_state, what_the_world_damages_is_nobodys_violation)
{
    struct test_world world;
    wrong = (struct wrong){.batch = -1};
    begin_world(&world);
    struct life life = {.world = &world, .script = damaged, .checkpoint = "/shared/c"};
    run_life(&life, "driver", 0);
    checks_end(world.checks);
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(not(violation->set), "%s: %s", violation->check, violation->evidence);
    world_close(&world);
}
