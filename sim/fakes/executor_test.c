/* What executors do with tasks, as a driver sees it that decides everything itself. */
#include "sim/fakes/executor_world_test.h"

#include <stdio.h>

static const char pipeline[] =
    "{\"name\": \"sums\","
    " \"source\": {\"format\": \"kafka\", \"subscribe\": \"readings\","
    "  \"schema\": {\"at\": \"timestamp\", \"device\": \"string\", \"value\": \"int\"}},"
    " \"filter\": \"value >= 0\","
    " \"withWatermark\": {\"eventTime\": \"at\", \"delayThreshold\": \"5 seconds\"},"
    " \"groupBy\": [{\"window\": {\"timeColumn\": \"at\", \"windowDuration\": \"10 seconds\"}},"
    "  \"device\"],"
    " \"agg\": [{\"as\": \"readings\", \"is\": \"count(*)\"},"
    "  {\"as\": \"total\", \"is\": \"sum(value)\"}],"
    " \"sink\": {\"format\": \"delta\", \"path\": \"/shared/table\", \"outputMode\": \"append\"},"
    " \"trigger\": {\"processingTime\": \"10s\"},"
    " \"options\": {\"checkpointLocation\": \"/shared/ck\","
    "  \"spark.sql.shuffle.partitions\": 2,"
    "  \"spark.network.timeout\": \"30s\","
    "  \"spark.sql.streaming.minBatchesToRetain\": 2,"
    "  \"spark.sql.streaming.stateStore.minDeltasForSnapshot\": 1,"
    "  \"spark.sql.streaming.stateStore.maintenanceInterval\": \"20s\"}}";

#define ROW(at, device, value)                                                                     \
    "{\"at\":\"2001-01-01T00:00:" at "Z\",\"device\":\"" device "\",\"value\":" #value "}"

static const char *const rows_of_0[] = {
    ROW("01", "a", 1), ROW("02", "b", 2), ROW("03.0019", "a", 4), ROW("04", "b", -7), NULL};
static const char *const rows_of_1[] = {
    ROW("05", "c", 8), ROW("06", "d", 16), ROW("17", "a", 32), NULL};

static void begin(struct executor_world *world)
{
    world_new(world, pipeline);
    world_append(world, 0, rows_of_0);
    world_append(world, 1, rows_of_1);
}

/* ---- what scripts are made of ---- */

/* Map task `task` reads Kafka's partition of that number from `from` on. */
static struct message run_map(struct executor_world *world,
                              size_t executor,
                              struct attempt_id id,
                              int64_t from,
                              int64_t until)
{
    struct message done;
    id.stage = STAGE_MAP;
    world_run_task(
        &world->executors[executor],
        id,
        (struct message_run_task){
            .partitions = 2, .partition = (int32_t)id.task, .from = from, .until = until});
    struct world_node *node = world_expect(world, MESSAGE_TASK_DONE, &done);
    cr_assert(eq(ptr, node, &world->executors[executor]));
    cr_assert(attempt_id_equal(&done.id,
                               &(struct attempt_id){.session = WORLD_SESSION,
                                                    .batch = id.batch,
                                                    .stage = STAGE_MAP,
                                                    .task = id.task,
                                                    .attempt = id.attempt}));
    return done;
}

static void start_result(struct executor_world *world,
                         size_t executor,
                         struct attempt_id id,
                         int64_t evict_ms,
                         const struct map_output *maps,
                         size_t map_count)
{
    id.stage = STAGE_RESULT;
    world_run_task(
        &world->executors[executor],
        id,
        (struct message_run_task){
            .partitions = 2, .evict_ms = evict_ms, .maps = maps, .map_count = map_count});
}

/* The rest of a result attempt, granted. */
static struct message end_result(struct executor_world *world)
{
    struct message asked;
    struct message done;
    struct world_node *node = world_expect(world, MESSAGE_ASK_COMMIT, &asked);
    world_answer(node, &asked, true);
    (void)world_expect(world, MESSAGE_TASK_DONE, &done);
    cr_assert(attempt_id_equal(&asked.id, &done.id));
    return done;
}

static struct attempt_id task(int64_t batch, int64_t number, int64_t attempt)
{
    return (struct attempt_id){.batch = batch, .task = number, .attempt = attempt};
}

/* Both map tasks of batch 0, each on its own executor. */
static const struct map_output *map_batch_0(struct executor_world *world)
{
    static struct map_output maps[2];
    (void)run_map(world, 0, task(0, 0, 0), 0, 4);
    (void)run_map(world, 1, task(0, 1, 0), 0, 3);
    maps[0] = (struct map_output){.attempt = 0, .address = world->executors[0].address};
    maps[1] = (struct map_output){.attempt = 0, .address = world->executors[1].address};
    return maps;
}

static bool exists(struct executor_world *world, uint32_t machine, const char *path)
{
    struct bytes content;
    return fake_storage_look(world->storage, machine, path, &content);
}

/* ---- maps and results ---- */

static void maps_and_reduces(struct executor_world *world)
{
    struct message done = run_map(world, 0, task(0, 0, 0), 0, 4);
    cr_assert(eq(i64, done.done.rows_read, 4), "the filtered one was read too");
    cr_assert(eq(i64, done.done.event_times, 3));
    cr_assert(eq(i64, done.done.event_time_min_ms, 978307201000));
    cr_assert(eq(i64, done.done.event_time_max_ms, 978307203001), "floored");
    cr_assert(eq(i64, done.done.event_time_sum_ms, 3 * 978307200000 + 6001));
    done = run_map(world, 1, task(0, 1, 3), 0, 3);
    cr_assert(eq(i64, done.done.event_time_max_ms, 978307217000));
    const struct map_output maps[] = {{0, world->executors[0].address},
                                      {3, world->executors[1].address}};
    int64_t state_rows = 0;
    int64_t rows = 0;
    for (int64_t partition = 0; partition < 2; partition++) {
        start_result(world, (size_t)partition, task(0, partition, 0), 978307210000, maps, 2);
        done = end_result(world);
        state_rows += done.done.state_rows;
        rows += done.done.file.rows;
        cr_assert(eq(i64, done.done.rows_read, 0));
    }
    /* Groups a, b, c, d of the first window are behind the eviction threshold, a of the second not.
     */
    cr_assert(eq(i64, rows, 4));
    cr_assert(eq(i64, state_rows, 1));
    cr_assert(exists(world, 0, "/shared/ck/state/0/0/1.delta"));
    cr_assert(exists(world, 0, "/shared/ck/state/0/1/1.delta"));
}

Test(executor, maps_write_blocks_and_results_fetch_them_from_both_executors)
{
    struct executor_world world;
    begin(&world);
    world_run(&world, maps_and_reduces);
}

/* Without new data there is no map stage: only the state moves on. */
static void evicts_without_data(struct executor_world *world)
{
    const struct map_output *maps = map_batch_0(world);
    int64_t rows = 0;
    for (int64_t partition = 0; partition < 2; partition++) {
        start_result(world, 0, task(0, partition, 0), 0, maps, 2);
        rows += end_result(world).done.file.rows;
    }
    cr_assert(eq(i64, rows, 0));
    int64_t removed = 0;
    for (int64_t partition = 0; partition < 2; partition++) {
        start_result(world, 1, task(1, partition, 0), 978307212000, NULL, 0);
        struct message done = end_result(world);
        rows += done.done.file.rows;
        removed += done.done.rows_removed;
    }
    cr_assert(eq(i64, rows, 4));
    cr_assert(eq(i64, removed, 4));
}

Test(executor, a_batch_without_data_moves_the_state_on_wherever_it_runs)
{
    struct executor_world world;
    begin(&world);
    world_run(&world, evicts_without_data);
}

/* ---- failures ---- */

static void blames_the_map(struct executor_world *world)
{
    (void)run_map(world, 0, task(0, 0, 0), 0, 4);
    (void)run_map(world, 1, task(0, 1, 0), 0, 3);
    struct message failed;
    const struct map_output wrong_attempt[] = {{0, world->executors[0].address},
                                               {5, world->executors[1].address}};
    start_result(world, 0, task(0, 0, 0), 0, wrong_attempt, 2);
    (void)world_expect(world, MESSAGE_TASK_FAILED, &failed);
    cr_assert(eq(str, failed.failure.error_class, CLASS_FETCH_FAILED));
    cr_assert(eq(i64, failed.failure.map_task, 1));
    cr_assert(eq(i64, failed.failure.map_attempt, 5));
    cr_assert(ne(ptr, strstr(failed.failure.text, "executor 2"), NULL));
    const struct map_output nobody[] = {{0, "executor 9"}, {0, world->executors[1].address}};
    start_result(world, 1, task(0, 0, 1), 0, nobody, 2);
    (void)world_expect(world, MESSAGE_TASK_FAILED, &failed);
    cr_assert(eq(str, failed.failure.error_class, CLASS_FETCH_FAILED));
    cr_assert(eq(i64, failed.failure.map_task, 0));
    cr_assert(not(exists(world, 0, "/shared/ck/state/0/0/1.delta")));
}

Test(executor, a_block_that_cannot_be_had_is_its_map_tasks_fault)
{
    struct executor_world world;
    begin(&world);
    world_run(&world, blames_the_map);
}

static void loses_an_executor(struct executor_world *world)
{
    const struct map_output *maps = map_batch_0(world);
    kernel_machine_down(world->kernel, world->executors[0].machine, MACHINE_LOST, UNSYNCED_DROPPED);
    struct message message;
    start_result(world, 1, task(0, 0, 0), 0, maps, 2);
    (void)world_expect(world, MESSAGE_TASK_FAILED, &message);
    cr_assert(eq(str, message.failure.error_class, CLASS_FETCH_FAILED));
    cr_assert(eq(i64, message.failure.map_task, 0));
    /* Its successor runs the map task again; the same address has new blocks. */
    world_start_executor(world, 0);
    struct world_node *node = world_expect(world, MESSAGE_REGISTER, &message);
    cr_assert(eq(ptr, node, &world->executors[0]));
    cr_assert(message.first);
    (void)run_map(world, 0, task(0, 0, 1), 0, 4);
    const struct map_output again[] = {{1, world->executors[0].address},
                                       {0, world->executors[1].address}};
    start_result(world, 1, task(0, 0, 1), 978307220000, again, 2);
    struct message done = end_result(world);
    start_result(world, 1, task(0, 1, 0), 978307220000, again, 2);
    cr_assert(eq(i64, done.done.file.rows + end_result(world).done.file.rows, 5));
}

Test(executor, the_blocks_of_a_lost_machine_are_made_again)
{
    struct executor_world world;
    begin(&world);
    world_run(&world, loses_an_executor);
}

static size_t parquet_files;

static void count_parquet(void *context, const char *path, struct bytes content)
{
    parquet_files += strstr(path, ".parquet") != NULL;
}

static void is_denied(struct executor_world *world)
{
    struct message message;
    const struct map_output *maps = map_batch_0(world);
    start_result(world, 0, task(0, 0, 0), 978307230000, maps, 2);
    struct world_node *node = world_expect(world, MESSAGE_ASK_COMMIT, &message);
    cr_assert(exists(world, 0, "/shared/ck/state/0/0/1.delta"), "before it asks, as in Spark");
    world_answer(node, &message, false);
    (void)world_expect(world, MESSAGE_TASK_FAILED, &message);
    cr_assert(eq(str, message.failure.error_class, CLASS_COMMIT_DENIED));
    cr_assert(eq(i64, message.failure.map_task, -1));
    parquet_files = 0;
    fake_storage_each(world->storage, 0, "/shared/table", count_parquet, NULL);
    cr_assert(eq(sz, parquet_files, 0));
    /* Again on the same executor: the version that it committed is undone, and made anew. */
    start_result(world, 0, task(0, 0, 1), 978307230000, maps, 2);
    struct message first = end_result(world);
    start_result(world, 1, task(0, 1, 0), 978307230000, maps, 2);
    cr_assert(eq(i64, first.done.file.rows + end_result(world).done.file.rows, 5));
}

Test(executor, who_is_denied_has_committed_its_state_all_the_same)
{
    struct executor_world world;
    begin(&world);
    world_run(&world, is_denied);
}

static void cannot_load(struct executor_world *world)
{
    struct message message;
    start_result(world, 0, task(3, 0, 0), 0, NULL, 0);
    (void)world_expect(world, MESSAGE_TASK_FAILED, &message);
    cr_assert(ne(ptr, strstr(message.failure.error_class, "CANNOT_LOAD_STATE_STORE"), NULL));
    cr_assert(eq(i64, message.failure.map_task, -1));
}

Test(executor, state_that_is_not_there_fails_the_attempt_by_name)
{
    struct executor_world world;
    begin(&world);
    world_run(&world, cannot_load);
}

/* A record that FAILFAST does not take: whoever mends the topic needs its place. */
static void cannot_decode(struct executor_world *world)
{
    struct message message;
    struct attempt_id id = task(0, 1, 0);
    id.stage = STAGE_MAP;
    world_run_task(&world->executors[0],
                   id,
                   (struct message_run_task){.partitions = 2, .partition = 1, .until = 4});
    (void)world_expect(world, MESSAGE_TASK_FAILED, &message);
    cr_assert(eq(str, message.failure.error_class, "MALFORMED_RECORD_IN_PARSING"));
    cr_assert(eq(str,
                 message.failure.text,
                 "topic readings, partition 1, offset 3: the value of \"value\" at byte 50 is no "
                 "integer; mode FAILFAST ends the query, PERMISSIVE makes the column null"));
}

Test(executor, a_record_that_failfast_refuses_is_named_by_its_place)
{
    static char failfast[sizeof pipeline + 32];
    const char *schema = strstr(pipeline, " \"schema\"");
    (void)snprintf(failfast,
                   sizeof failfast,
                   "%.*s\"mode\": \"FAILFAST\",%s",
                   (int)(schema - pipeline),
                   pipeline,
                   schema);
    static const char *const rows[] = {ROW("08", "e", "many"), NULL};
    struct executor_world world;
    world_new(&world, failfast);
    world_append(&world, 1, rows_of_1);
    world_append(&world, 1, rows);
    world_run(&world, cannot_decode);
}

/* ---- sessions ---- */

static void maintains(struct executor_world *world)
{
    const struct map_output *maps = map_batch_0(world);
    start_result(world, 0, task(0, 0, 0), 0, maps, 2);
    (void)end_result(world);
    for (int64_t batch = 1; batch < 4; batch++) {
        start_result(world, 0, task(batch, 0, 0), 0, NULL, 0);
        (void)end_result(world);
    }
    struct message message;
    connection_id from = 0;
    int64_t until_us = clock_now_us(&world_ports()->clock) + 30 * US_PER_SECOND;
    cr_assert(not(world_hear(world, until_us, &message, &from)));
    cr_assert(exists(world, 0, "/shared/ck/state/0/0/4.snapshot"));
}

Test(executor, maintenance_runs_by_itself_and_ends_with_the_executor)
{
    struct executor_world world;
    begin(&world);
    world_run(&world, maintains);
}

static void unloads(struct executor_world *world)
{
    const struct map_output *maps = map_batch_0(world);
    start_result(world, 0, task(0, 0, 0), 0, maps, 2);
    (void)end_result(world);
    world_send(world->executors[0].connection,
               &(struct message){.kind = MESSAGE_UNLOAD_STATE, .partition = 0});
    start_result(world, 0, task(1, 0, 0), 978307220000, NULL, 0);
    struct message first = end_result(world);
    start_result(world, 0, task(0, 1, 0), 978307220000, maps, 2);
    cr_assert(eq(i64, first.done.file.rows + end_result(world).done.file.rows, 5));
}

Test(executor, an_unloaded_partition_is_loaded_from_its_files)
{
    struct executor_world world;
    begin(&world);
    world_run(&world, unloads);
}

static size_t block_files;

static void count_blocks(void *context, const char *path, struct bytes content)
{
    block_files += strstr(path, "/shuffle/") != NULL;
}

static void cleans_up(struct executor_world *world)
{
    for (int64_t batch = 0; batch < 5; batch++) {
        for (int64_t attempt = 0; attempt < 3; attempt++) {
            (void)run_map(world, 0, task(batch, 0, attempt), 0, 4);
        }
    }
    block_files = 0;
    fake_storage_each(world->storage, 0, "/local", count_blocks, NULL);
    cr_assert(eq(sz, block_files, 3), "those of the last batch");
}

Test(executor, blocks_of_earlier_batches_do_not_pile_up)
{
    struct executor_world world;
    begin(&world);
    world_run(&world, cleans_up);
}

/* ---- addresses ---- */

static void squatter_entry(void *argument)
{
    cr_assert(eq(int, network_listen(&world_ports()->network, "executor 1"), OK));
    world_sleep(20 * US_PER_SECOND);
}

static void waits_for_registration(struct executor_world *world)
{
    int64_t passed_us = kernel_now_us(world->kernel) - kernel_start_us(world->kernel);
    cr_assert(ge(i64, passed_us, 20 * US_PER_SECOND));
    cr_assert(le(i64, passed_us, 23 * US_PER_SECOND));
    cr_assert(eq(str, world->executors[0].address, "executor 1"));
}

Test(executor, it_registers_when_its_address_is_its_own)
{
    struct executor_world world;
    struct world_node squatter = {.world = &world, .name = "a former executor 1"};
    begin(&world);
    world_start(&squatter, ROLE_EXECUTOR, squatter_entry);
    world_run(&world, waits_for_registration);
}
