/* What each batch of checks_files_test_world.h's history leaves, and the history; for tests. */
#ifndef SIM_CHECK_CHECKS_STATE_TEST_WORLD_H
#define SIM_CHECK_CHECKS_STATE_TEST_WORLD_H

#include "sim/check/checks_zips_test_world.h"

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
