/* A small world for the tests of checks: the real kernel and storage, a scripted log in place of
 * the broker, and histories that are written by hand, one file and one event after another, as a
 * driver would. Included by tests only. */
#ifndef SIM_CHECK_CHECKS_TEST_WORLD_H
#define SIM_CHECK_CHECKS_TEST_WORLD_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/fiber.h"
#include "engine/base/hash.h"
#include "engine/base/units.h"
#include "engine/checkpoint/store.h"
#include "engine/exec/columns.h"
#include "engine/sink/parquet.h"
#include "sim/check/checks.h"

enum { PARTITIONS = 2, RECORDS = 40 /* a partition */, TEST_START = 1000000000 };

/* ---- the log: record `offset` of partition p is line p * RECORDS + offset, {"l": that}; odd ones
 * are filtered out */

static int64_t readable[PARTITIONS];

int64_t fake_broker_log_start(const struct fake_broker *broker, size_t topic, int32_t partition)
{
    return 0;
}

int64_t fake_broker_readable_end(const struct fake_broker *broker, size_t topic, int32_t partition)
{
    return readable[partition];
}

bool fake_broker_history(const struct fake_broker *broker,
                         size_t topic,
                         int32_t partition,
                         int64_t offset,
                         struct broker_history *record)
{
    *record = (struct broker_history){.line = partition * RECORDS + offset};
    return offset < readable[partition];
}

bool fake_broker_history_at(const struct fake_broker *broker,
                            size_t topic,
                            int32_t partition,
                            int64_t offset,
                            int64_t at_us,
                            struct broker_history *record)
{
    return fake_broker_history(broker, topic, partition, offset, record);
}

bool fake_broker_taken_back(const struct fake_broker *broker, size_t topic, int32_t partition)
{
    return false;
}

/* ---- the world */

struct test_world {
    struct arena arena;
    struct topic_config topic;
    struct workload_config workload;
    struct plan plan;
    struct scenario scenario;
    struct kernel *kernel;
    struct fake_storage *storage;
    struct checks *checks;
    uint32_t machines[2];
};

static const char pipeline_text[] =
    "{\"name\":\"p\",\"source\":{\"format\":\"kafka\",\"subscribe\":\"flights\",\"schema\":{\"l\":"
    "\"long\"}},\"filter\":\"l %% 2 = "
    "0\",\"select\":[\"l\"],\"sink\":{\"format\":\"delta\",\"path\":"
    "\"/shared/t\"},\"options\":{\"checkpointLocation\":\"%s\",\"startingOffsets\":\"%s\","
    "\"spark.sql.streaming.minBatchesToRetain\":2,\"maxOffsetsPerTrigger\":10}}";

/* A test that needs another pipeline, and the head of another table, says so before world_open. */
static const char *world_pipeline;
static const char *world_table_head;

static void world_open(struct test_world *world, const char *checkpoint, const char *starting)
{
    *world = (struct test_world){.topic = {.name = "flights", .partitions = PARTITIONS}};
    struct bytes *lines = arena_alloc(&world->arena, PARTITIONS * RECORDS * sizeof *lines);
    for (size_t i = 0; i < PARTITIONS * RECORDS; i++) {
        lines[i] = bytes_of_text(arena_printf(&world->arena, "{\"l\":%zu}", i));
    }
    world->workload = (struct workload_config){.lines = lines, .line_count = PARTITIONS * RECORDS};
    options_defaults(&world->plan.options);
    world->scenario = (struct scenario){
        .name = "test",
        .pipeline =
            bytes_of_text(world_pipeline != NULL
                              ? world_pipeline
                              : arena_printf(&world->arena, pipeline_text, checkpoint, starting)),
        .plan = &world->plan,
        .topics = &world->topic,
        .topic_count = 1,
        .workloads = &world->workload,
        .workload_count = 1,
    };
    for (size_t p = 0; p < PARTITIONS; p++) {
        readable[p] = RECORDS;
    }
    world->kernel = kernel_new(&(struct kernel_config){.seed = 1, .start_us = TEST_START});
    world->storage = fake_storage_new(world->kernel);
    world->machines[0] = kernel_machine_add(world->kernel, "driver");
    world->machines[1] = kernel_machine_add(world->kernel, "second driver");
    world->checks = checks_new(world->kernel, &world->scenario, world->storage, NULL, NULL);
}

static void world_close(struct test_world *world)
{
    kernel_free(world->kernel);
    arena_free(&world->arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
    fiber_pool_free();
}

/* ---- a driver's life, by hand */

struct life {
    struct test_world *world;
    void (*script)(struct life *life);
    const char *checkpoint;
    const char *query;
    struct ports *ports; /* of the process that lives it */
    uint32_t process;
    struct store *store;
    struct arena arena;
    int64_t begins[PARTITIONS];
    int64_t ends[PARTITIONS];
    int64_t version; /* the next one of the table */
};

static void connect_storage(void *owner, struct sim_process *process)
{
    struct life *life = owner;
    fake_storage_connect(life->world->storage, process);
    life->ports = &process->ports;
    life->process = process->process.id;
}

static void live(void *argument)
{
    struct life *life = argument;
    life->store = store_new(life->ports, STORE_DISK);
    life->script(life);
    arena_free(&life->arena);
}

static void run_life(struct life *life, const char *name, uint32_t incarnation)
{
    struct test_world *world = life->world;
    bool first = strcmp(name, "driver") == 0;
    kernel_spawn(world->kernel,
                 &(struct sim_process_config){.role = ROLE_DRIVER,
                                              .name = name,
                                              .incarnation = incarnation,
                                              .machine = world->machines[first ? 0 : 1],
                                              .entry = live,
                                              .argument = life,
                                              .owner = life,
                                              .connect = connect_storage});
    kernel_run(world->kernel, NULL, NULL, INT64_MAX);
}

static void say(struct life *life, enum engine_event kind, int64_t batch, int64_t a, int64_t b)
{
    trace_event(&life->ports->trace,
                &(struct trace_entry){.kind = kind, .batch = batch, .a = a, .b = b});
}

static void say_text(struct life *life, enum engine_event kind, const char *text)
{
    trace_event(&life->ports->trace,
                &(struct trace_entry){.kind = kind, .batch = -1, .text = text});
}

static void put(struct life *life, const char *path, struct bytes content)
{
    cr_assert(eq(int, store_put_new(life->store, path, content), OK), "%s", path);
}

static const char *file_of(struct life *life, const char *folder, int64_t batch)
{
    return arena_printf(&life->arena, "%s/%s/%lld", life->checkpoint, folder, (long long)batch);
}

static struct bytes positions(struct life *life, const char *head, const int64_t *at)
{
    const char *text = arena_printf(&life->arena,
                                    "%s{\"flights\":{\"1\":%lld,\"0\":%lld}}",
                                    head,
                                    (long long)at[1],
                                    (long long)at[0]);
    return bytes_of_text(text);
}

static struct bytes offsets_text(struct life *life, const int64_t *ends)
{
    return positions(
        life, "v1\n{\"batchWatermarkMs\":0,\"batchTimestampMs\":5,\"conf\":{}}\n", ends);
}

static struct bytes commit_text(void)
{
    return bytes_of_text("v1\n{\"nextBatchWatermarkMs\":0}");
}

static void begin_query(struct life *life, const char *query, const int64_t *initial)
{
    life->query = query;
    put(life,
        arena_printf(&life->arena, "%s/metadata", life->checkpoint),
        bytes_of_text(arena_printf(&life->arena, "{\"id\":\"%s\"}", query)));
    say_text(life, EVENT_QUERY_STARTED, query);
    say(life, EVENT_QUERY_RESUMED, 0, 0, 0);
    struct bytes text = positions(life, "?v1\n", initial);
    uint8_t *bytes = arena_copy(&life->arena, text.data, text.size);
    bytes[0] = 0;
    put(life,
        arena_printf(&life->arena, "%s/sources/0/0", life->checkpoint),
        bytes_of(bytes, text.size));
    memcpy(life->begins, initial, sizeof life->begins);
}

/* The next batch: five offsets more of each partition. */
static void write_offsets(struct life *life, int64_t batch)
{
    int64_t count = 0;
    for (size_t p = 0; p < PARTITIONS; p++) {
        life->ends[p] = life->begins[p] + 5;
        count += 5;
    }
    say(life, EVENT_BATCH_PLANNED, batch, count, 0);
    put(life, file_of(life, "offsets", batch), offsets_text(life, life->ends));
    say(life, EVENT_OFFSETS_WRITTEN, batch, 0, 0);
}

struct rows {
    int64_t values[64];
    size_t count;
};

static struct rows rows_of_batch(const struct life *life)
{
    struct rows rows = {.count = 0};
    for (size_t p = 0; p < PARTITIONS; p++) {
        for (int64_t offset = life->begins[p]; offset < life->ends[p]; offset++) {
            int64_t value = p * RECORDS + offset;
            if (value % 2 == 0) {
                rows.values[rows.count++] = value;
            }
        }
    }
    return rows;
}

static struct bytes data_file(struct life *life, const struct rows *rows)
{
    static const struct field fields[] = {{"l", TYPE_LONG}};
    static const struct schema schema = {fields, 1};
    struct columns *columns = columns_new(&life->arena, &schema, 64);
    for (size_t i = 0; i < rows->count; i++) {
        columns->columns[0].present[i] = 1;
        columns->columns[0].values.longs[i] = rows->values[i];
    }
    columns->rows = rows->count;
    struct buf file = {0};
    parquet_write(columns, PARQUET_SNAPPY, &file);
    struct bytes content = bytes_of(arena_copy(&life->arena, file.data, file.size), file.size);
    buf_free(&file);
    return content;
}

static const char table_head[] =
    "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}\n"
    "{\"metaData\":{\"id\":\"x\",\"schemaString\":\"{\\\"type\\\":\\\"struct\\\",\\\"fields\\\":[{"
    "\\\"name\\\":\\\"l\\\",\\\"type\\\":\\\"long\\\",\\\"nullable\\\":true}]}\"}}\n";

static const char *version_path(struct life *life, int64_t version)
{
    return arena_printf(&life->arena, "/shared/t/_delta_log/%020lld.json", (long long)version);
}

static const char *txn_line(struct life *life, int64_t batch)
{
    return arena_printf(&life->arena,
                        "{\"txn\":{\"appId\":\"%s\",\"version\":%lld}}\n",
                        life->query,
                        (long long)batch);
}

static const char *add_line(struct life *life, const char *name, struct bytes file, size_t rows)
{
    return arena_printf(
        &life->arena,
        "{\"add\":{\"path\":\"%s\",\"size\":%zu,\"stats\":\"{\\\"numRecords\\\":%zu}"
        "\",\"tags\":{\"aftershock.xxh64\":\"%016llx\"}}}\n",
        name,
        file.size,
        rows,
        (unsigned long long)hash_bytes(file.data, file.size));
}

static const char *file_name(struct life *life, int64_t batch)
{
    return arena_printf(&life->arena, "part-%lld-%s.parquet", (long long)batch, life->query);
}

static const char *file_path(struct life *life, const char *name)
{
    return arena_printf(&life->arena, "/shared/t/%s", name);
}

/* Publish a version with these lines behind the head that version 0 needs. */
static void publish(struct life *life, const char *lines)
{
    const char *head = world_table_head == NULL ? table_head : world_table_head;
    put(life,
        version_path(life, life->version),
        bytes_of_text(arena_printf(&life->arena, "%s%s", life->version == 0 ? head : "", lines)));
    life->version++;
}

/* Rows into one file, the file into a version, and the report. */
static void commit_rows(struct life *life, int64_t batch, const struct rows *rows)
{
    const char *name = file_name(life, batch);
    struct bytes file = data_file(life, rows);
    put(life, file_path(life, name), file);
    publish(
        life,
        arena_printf(
            &life->arena, "%s%s", txn_line(life, batch), add_line(life, name, file, rows->count)));
    trace_event(&life->ports->trace,
                &(struct trace_entry){.kind = EVENT_SINK_COMMITTED,
                                      .batch = batch,
                                      .a = life->version - 1,
                                      .b = 1,
                                      .c = rows->count});
}

static void write_commit(struct life *life, int64_t batch)
{
    put(life, file_of(life, "commits", batch), commit_text());
    say(life, EVENT_COMMIT_WRITTEN, batch, 0, 0);
    memcpy(life->begins, life->ends, sizeof life->begins);
}

__attribute__((unused)) static void whole_batch(struct life *life, int64_t batch)
{
    write_offsets(life, batch);
    struct rows rows = rows_of_batch(life);
    commit_rows(life, batch, &rows);
    write_commit(life, batch);
}

static const int64_t zeros[PARTITIONS];

#endif
