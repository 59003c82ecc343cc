/* The scheduler with the two stages of a stateful plan: outputs that are lost, fetches that fail,
 * state that moves. */
#include "engine/driver/scheduler_test_world.h"

static const struct kafka_range two_ranges[] = {{0, 0, 4}, {1, 0, 4}};
static const struct job_plan stateful = {.session = 77,
                                         .batch = 3,
                                         .task_max_failures = 4,
                                         .stage_max_attempts = 4,
                                         .ranges = two_ranges,
                                         .range_count = 2,
                                         .partitions = 3};
static int64_t state_executors[3];
static struct attempt_id last_map[2]; /* sent to anybody, by task */

static void begin_stateful(void)
{
    begin_world();
    query.state_executors = state_executors;
}

TestSuite(task_scheduler_stages, .init = begin_stateful, .fini = end_world);

static void cannot_fetch(connection_id connection, struct attempt_id id, struct attempt_id map)
{
    struct message message = {.kind = MESSAGE_TASK_FAILED, .id = id};
    message.failure =
        (struct message_failure){CLASS_FETCH_FAILED, "no block", map.task, map.attempt};
    hear(connection, &message);
}

static void note_map(const struct message *message)
{
    if (message->kind == MESSAGE_RUN_TASK && message->id.stage == STAGE_MAP) {
        last_map[message->id.task] = message->id;
    }
}

static void hear_all(size_t events)
{
    struct diag diag = {0};
    for (size_t i = 0; i < events; i++) {
        cr_assert(eq(int, query_step(&query, INT64_MAX, &diag), OK));
    }
}

/* Only result tasks have commits to ask for, and only they have files. */
static void maps_before_reduces(connection_id connection, const struct message *message)
{
    if (message->kind == MESSAGE_RUN_TASK && message->id.stage == STAGE_RESULT) {
        cr_assert(eq(int, world.events_traced[EVENT_STAGE_ENDED], 1));
        cr_assert(eq(sz, message->task.map_count, 2));
        cr_assert_str_eq(message->task.maps[0].address, "executor 1");
        cr_assert_str_eq(message->task.maps[1].address, "executor 2");
    }
    good(connection, message);
}

Test(task_scheduler_stages, maps_first_then_one_reduce_a_partition)
{
    world.on_sent = maps_before_reduces;
    registers(11, "executor 1");
    registers(12, "executor 2");
    hear_all(2);
    struct job *job = run_job(&stateful);
    cr_assert(eq(sz, job->map->finished, 2));
    cr_assert(eq(sz, job->result->finished, 3));
    cr_assert(eq(int, world.events_traced[EVENT_TASK_ENDED], 5));
    cr_assert(eq(int, world.events_traced[EVENT_COMMIT_ASKED], 3));
    cr_assert(eq(int, world.events_traced[EVENT_STAGE_ENDED], 2));
    cr_assert(eq(i64, executors_find(&query.executors, 11)->running, 0));
    cr_assert(eq(i64, executors_find(&query.executors, 12)->running, 0));
    cr_assert(eq(int, world.unloads, 0));
}

/* Executor 1 dies as soon as the first reduce task is sent to anybody. */
static void one_dies_at_the_first_reduce(connection_id connection, const struct message *message)
{
    static bool died;
    if (!died && message->kind == MESSAGE_RUN_TASK && message->id.stage == STAGE_RESULT) {
        died = true;
        hear_broken(11);
    }
    good(connection, message);
}

Test(task_scheduler_stages, executor_lost_between_the_stages_has_its_maps_made_again)
{
    world.on_sent = one_dies_at_the_first_reduce;
    registers(11, "executor 1");
    registers(12, "executor 2");
    hear_all(2);
    struct job *job = run_job(&stateful);
    cr_assert(eq(int, world.events_traced[EVENT_MAP_OUTPUT_LOST], 1));
    cr_assert(eq(i64, job->map->tasks[0].attempt, 1));
    cr_assert(eq(i64, job->map->tasks[0].executor, 2));
    cr_assert(eq(i64, job->map->stage_attempt, 1));
    cr_assert(eq(i64, job->result->stage_attempt, 0));
    cr_assert(eq(int, world.events_traced[EVENT_STAGE_ENDED], 3));
    cr_assert(eq(i64, executors_find(&query.executors, 12)->running, 0));
}

static void first_reduces_cannot_fetch(connection_id connection, const struct message *message)
{
    note_map(message);
    if (message->kind == MESSAGE_RUN_TASK && message->id.stage == STAGE_RESULT &&
        message->id.attempt == 0) {
        struct attempt_id map = {.task = 1, .attempt = message->task.maps[1].attempt};
        cannot_fetch(connection, message->id, map);
        return;
    }
    good(connection, message);
}

Test(task_scheduler_stages, outputs_that_cannot_be_fetched_are_made_again)
{
    world.on_sent = first_reduces_cannot_fetch;
    registers(11, "executor 1");
    registers(12, "executor 2");
    hear_all(2);
    struct job *job = run_job(&stateful);
    cr_assert(world.events_traced[EVENT_MAP_OUTPUT_LOST] > 0);
    cr_assert(job->map->tasks[1].attempt > 0);
    cr_assert(job->result->stage_attempt > 0);
    for (size_t i = 0; i < 3; i++) {
        cr_assert(eq(i64, job->result->tasks[i].failures, 0));
        cr_assert(job->result->tasks[i].attempt > 0);
    }
    cr_assert(eq(i64, executors_find(&query.executors, 11)->running, 0));
    cr_assert(eq(i64, executors_find(&query.executors, 12)->running, 0));
}

static void never_fetches(connection_id connection, const struct message *message)
{
    note_map(message);
    if (message->kind == MESSAGE_RUN_TASK && message->id.stage == STAGE_RESULT) {
        cannot_fetch(connection, message->id, last_map[0]);
        return;
    }
    good(connection, message);
}

Test(task_scheduler_stages, stage_that_never_fetches_ends_the_query)
{
    struct job *job = NULL;
    struct diag diag = {0};
    bool done = true;
    world.on_sent = never_fetches;
    registers(11, "executor 1");
    cr_assert(eq(int, task_scheduler_run(&query, &stateful, &job, &done, &diag), ERR_FAILED));
    cr_assert_not(done);
    cr_assert_str_eq(diag.error_class, "STREAM_FAILED");
    cr_assert_not_null(strstr(diag.text, "result stage of batch 3"));
    cr_assert(eq(i64, job->failed_attempts, 4));
}

/* Executor 2 is lost when reduce 0 has ended and reduce 1 runs; its map task reads less the second
 * time. Two slots each, so that reduce 2 runs then, too, with its commit granted. */
static void second_map_reads_less(connection_id connection, const struct message *message)
{
    bool result = message->id.stage == STAGE_RESULT;
    bool first = message->id.attempt == 0;
    if (message->kind == MESSAGE_RUN_TASK && !result && !first) {
        struct message done = {.kind = MESSAGE_TASK_DONE, .id = message->id};
        cr_assert(eq(i64, message->id.task, 1));
        done.done.rows_read = 7;
        hear(connection, &done);
        for (int64_t task = 1; task < 3; task++) { /* only now what ran says that it is done */
            struct attempt_id id = {77, 3, STAGE_RESULT, task, 0};
            if (job_stage(query.job, &id)->tasks[task].state == TASK_RUNNING) {
                is_done(11, id);
            }
        }
        return;
    }
    if (message->kind == MESSAGE_RUN_TASK && result && first && connection == 12) {
        hear_broken(12);
        return;
    }
    if (message->kind == MESSAGE_COMMIT_ANSWER && message->id.task > 0 && first) {
        return; /* granted, and silent for now */
    }
    good(connection, message);
}

Test(task_scheduler_stages, results_of_a_map_output_that_cannot_be_had_again_are_rolled_back)
{
    plan.options.executor_cores = 2;
    world.on_sent = second_map_reads_less;
    registers(11, "executor 1");
    registers(12, "executor 2");
    hear_all(2);
    struct job *job = run_job(&stateful);
    cr_assert(eq(i64, job->map->tasks[1].done.rows_read, 7));
    cr_assert(eq(i64, job->result->tasks[0].attempt, 1));
    for (size_t i = 0; i < 3; i++) {
        cr_assert(job->result->tasks[i].attempt > 0);
        cr_assert(eq(i64, job->result->tasks[i].failures, 0));
    }
    cr_assert(world.events_traced[EVENT_RESULT_REFUSED] > 0);
    cr_assert(eq(i64, executors_find(&query.executors, 11)->running, 0));
}

/* A map task that asks gets no commit; its report needs none. */
static void map_asks(connection_id connection, const struct message *message)
{
    if (message->kind == MESSAGE_RUN_TASK && message->id.stage == STAGE_MAP) {
        asks(connection, message->id);
        is_done(connection, message->id);
        is_done(connection, message->id); /* says it twice */
        return;
    }
    if (message->kind == MESSAGE_COMMIT_ANSWER && message->id.stage == STAGE_MAP) {
        cr_assert_not(message->granted);
        return;
    }
    good(connection, message);
}

Test(task_scheduler_stages, map_tasks_have_nothing_to_commit)
{
    world.on_sent = map_asks;
    registers(11, "executor 1");
    struct job *job = run_job(&stateful);
    cr_assert(job_finished(job));
    cr_assert(eq(int, world.events_traced[EVENT_RESULT_REFUSED], 0));
}

static void map_fails(connection_id connection, const struct message *message)
{
    if (message->kind == MESSAGE_RUN_TASK && message->id.stage == STAGE_MAP) {
        fails(connection, message->id);
        return;
    }
    good(connection, message);
}

Test(task_scheduler_stages, fourth_failure_of_a_map_task_ends_the_query)
{
    struct job *job = NULL;
    struct diag diag = {0};
    bool done = true;
    world.on_sent = map_fails;
    registers(11, "executor 1");
    cr_assert(eq(int, task_scheduler_run(&query, &stateful, &job, &done, &diag), ERR_FAILED));
    cr_assert_not_null(strstr(diag.text, "map task 0 of batch 3"));
    cr_assert(eq(int, world.events_traced[EVENT_TASK_FAILED], 4));
}

Test(task_scheduler_stages, batch_without_data_reduces_all_the_same)
{
    struct job_plan plan_without_data = stateful;
    plan_without_data.range_count = 0;
    world.on_sent = good;
    registers(11, "executor 1");
    struct job *job = run_job(&plan_without_data);
    cr_assert(eq(sz, job->result->finished, 3));
    cr_assert(eq(int, world.tasks_sent[11], 3));
}

/* ---- where state is ---- */

/* A reduce task must come to the executor that had its partition. */
static void at_home(connection_id connection, const struct message *message)
{
    if (message->kind == MESSAGE_RUN_TASK && message->id.stage == STAGE_RESULT) {
        cr_assert(eq(i64, message->id.task == 1 ? 12 : 11, (int64_t)connection));
    }
    good(connection, message);
}

Test(task_scheduler_stages, partitions_go_where_their_state_is)
{
    plan.options.executor_cores = 2;
    world.on_sent = at_home;
    registers(11, "executor 1");
    registers(12, "executor 2");
    hear_all(2);
    state_executors[0] = 1;
    state_executors[1] = 2;
    state_executors[2] = 1;
    (void)run_job(&stateful);
    cr_assert(eq(int, world.unloads, 0));
    cr_assert(eq(i64, state_executors[0], 1));
    cr_assert(eq(i64, state_executors[1], 2));
}

/* A map task must come to the executor that stands where its range begins. */
static void reads_on(connection_id connection, const struct message *message)
{
    if (message->kind == MESSAGE_RUN_TASK && message->id.stage == STAGE_MAP) {
        cr_assert(eq(i64, message->id.task == 0 ? 12 : 11, (int64_t)connection));
    }
    good(connection, message);
}

Test(task_scheduler_stages, ranges_go_where_their_partition_is_read_ahead)
{
    static const struct kafka_range before[] = {{.partition = 0, .from = -4, .until = 0},
                                                {.partition = 1, .from = -4, .until = 0}};
    world.on_sent = reads_on;
    registers(11, "executor 1");
    registers(12, "executor 2");
    hear_all(2);
    reader_homes_note(&query.readers, &before[0], 2);
    reader_homes_note(&query.readers, &before[1], 1);
    (void)run_job(&stateful);
    cr_assert(eq(i64, query.readers.entries[0].until, 4));
    cr_assert(eq(i64, query.readers.entries[0].executor, 2));
}

Test(task_scheduler_stages, a_range_does_not_wait_for_who_reads_ahead)
{
    static const struct kafka_range before[] = {{.partition = 0, .from = -4, .until = 0},
                                                {.partition = 1, .from = -4, .until = 0}};
    world.on_sent = good;
    registers(11, "executor 1");
    registers(12, "executor 2");
    hear_all(2);
    reader_homes_note(&query.readers, &before[0], 2); /* it has one slot */
    reader_homes_note(&query.readers, &before[1], 2);
    (void)run_job(&stateful);
    cr_assert(eq(i64, query.readers.entries[0].executor, 2));
    cr_assert(eq(i64, query.readers.entries[1].executor, 1));
}

Test(task_scheduler_stages, who_takes_a_partition_over_makes_the_former_forget_it)
{
    world.on_sent = good;
    registers(11, "executor 1");
    registers(12, "executor 2");
    hear_all(2);
    for (size_t i = 0; i < 3; i++) {
        state_executors[i] = 2; /* it has one slot: nobody waits for it */
    }
    (void)run_job(&stateful);
    int64_t moved = 0;
    for (size_t i = 0; i < 3; i++) {
        moved += state_executors[i] == 1;
    }
    cr_assert(moved > 0);
    cr_assert(eq(i64, world.unloads, moved));
    cr_assert(eq(i64, world.unloaded[11], -1));
    cr_assert(world.unloaded[12] >= 0);
    cr_assert(eq(i64, state_executors[world.unloaded[12]], 1));
}

Test(task_scheduler_stages, executor_that_is_gone_is_not_told_to_forget)
{
    world.on_sent = good;
    registers(11, "executor 1");
    registers(12, "executor 2");
    hear_broken(12);
    hear_all(3);
    for (size_t i = 0; i < 3; i++) {
        state_executors[i] = 2;
    }
    (void)run_job(&stateful);
    cr_assert(eq(int, world.unloads, 0));
    cr_assert(eq(i64, state_executors[2], 1));
}
