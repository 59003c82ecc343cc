/* What the two stages of a batch owe each other: who may run, what a loss takes along, which fetch
 * failures count. */
#include "engine/driver/job.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { MAPS = 3, PARTITIONS = 2 };

static struct arena arena;
static struct job *job;
static struct message_run_task sent; /* by the last launch */

static const struct kafka_range ranges[MAPS] = {{0, 10, 20}, {1, 5, 6}, {2, 0, 9}};

static struct job_plan plan_of(size_t maps, int64_t partitions)
{
    return (struct job_plan){.session = 9,
                             .batch = 4,
                             .task_max_failures = 4,
                             .stage_max_attempts = 4,
                             .ranges = ranges,
                             .range_count = maps,
                             .partitions = partitions,
                             .late_ms = 1000,
                             .evict_ms = 2000};
}

static void setup(void)
{
    struct job_plan plan = plan_of(MAPS, PARTITIONS);
    job = job_new(&arena, &plan);
}

static void teardown(void)
{
    arena_free(&arena);
}

TestSuite(job, .init = setup, .fini = teardown);

/* Launch the next waiting task on an executor; its address is made of its id. */
static struct attempt_id launch(int64_t executor)
{
    char address[16] = "host 0";
    struct task_set *set = job_runnable(job);
    cr_assert_not_null(set);
    address[5] = (char)('0' + executor);
    return job_launch(job, set, task_set_pending(set), executor, address, &sent);
}

static bool end_with(struct attempt_id id, int64_t rows_read)
{
    const struct message_task_done done = {.rows_read = rows_read};
    return job_done(job, &id, &done);
}

static void end(struct attempt_id id)
{
    cr_assert(end_with(id, 1));
}

/* All maps, on executors 1, 2, 1. */
static void map_all(void)
{
    end(launch(1));
    end(launch(2));
    end(launch(1));
    cr_assert(job_mapped(job));
}

static int lose(int64_t executor)
{
    struct attempt_id id;
    int lost = 0;
    while (job_lose_attempt(job, executor, &id)) {
        lost++;
    }
    while (job_lose_output(job, executor, &id)) {
        cr_assert(eq(i64, id.stage, STAGE_MAP));
        lost++;
    }
    return lost;
}

/* The reducer could not fetch; the executor that it blames loses its outputs. */
static int64_t cannot_fetch(struct attempt_id reducer, int64_t map, int64_t attempt)
{
    const struct message_failure failure = {CLASS_FETCH_FAILED, "no block", map, attempt};
    int64_t blamed = job_failed(job, &reducer, &failure);
    if (blamed >= 0) {
        struct attempt_id id;
        while (job_lose_output(job, blamed, &id)) {
        }
    }
    return blamed;
}

Test(job, stateless_plan_has_a_result_stage_that_reads_kafka)
{
    struct job_plan plan = plan_of(MAPS, 0);
    job = job_new(&arena, &plan);
    cr_assert(job_mapped(job));
    cr_assert_eq(job_readers(job), job->result);
    struct attempt_id id = launch(1);
    cr_assert(eq(i64, id.stage, STAGE_RESULT));
    cr_assert(eq(i64, sent.partitions, 0));
    cr_assert(eq(i64, sent.from, 10));
    cr_assert(eq(i64, sent.until, 20));
    end(id);
    end(launch(1));
    cr_assert_not(job_finished(job));
    end(launch(1));
    cr_assert(job_finished(job));
    cr_assert_null(job_runnable(job));
}

Test(job, result_tasks_wait_for_all_maps_and_are_told_where_they_are)
{
    struct attempt_id first = launch(1);
    struct attempt_id second = launch(2);
    struct attempt_id third = launch(3);
    cr_assert(eq(i64, first.stage, STAGE_MAP));
    cr_assert(eq(i64, sent.partitions, PARTITIONS));
    cr_assert(eq(int, sent.partition, 2));
    cr_assert(eq(sz, sent.map_count, 0));
    end(third);
    end(first);
    cr_assert_null(job_runnable(job));
    end(second);
    struct attempt_id reducer = launch(1);
    cr_assert(eq(i64, reducer.stage, STAGE_RESULT));
    cr_assert(eq(i64, reducer.attempt, 0));
    cr_assert(eq(sz, sent.map_count, MAPS));
    cr_assert_str_eq(sent.maps[0].address, "host 1");
    cr_assert_str_eq(sent.maps[1].address, "host 2");
    cr_assert_str_eq(sent.maps[2].address, "host 3");
    cr_assert(eq(i64, sent.late_ms, 1000));
    cr_assert(eq(i64, sent.evict_ms, 2000));
}

Test(job, batch_without_data_has_no_maps_and_still_reduces)
{
    struct job_plan plan = plan_of(0, PARTITIONS);
    job = job_new(&arena, &plan);
    cr_assert(job_mapped(job));
    end(launch(1));
    cr_assert(eq(sz, sent.map_count, 0));
    end(launch(2));
    cr_assert(job_finished(job));
}

Test(job, lost_executor_takes_its_outputs_along_and_they_are_made_again_first)
{
    map_all();
    struct attempt_id reducer = launch(2);
    cr_assert(eq(int, lose(1), 2));
    cr_assert_not(job_mapped(job));
    cr_assert(eq(i64, job->map->stage_attempt, 1));
    struct attempt_id again = launch(3); /* the second reducer has to wait */
    cr_assert(eq(i64, again.stage, STAGE_MAP));
    cr_assert(eq(i64, again.task, 0));
    cr_assert(eq(i64, again.attempt, 1));
    end(again);
    end(launch(3));
    cr_assert(eq(i64, job->map->stage_attempt, 1));
    end(reducer); /* had fetched what it needed */
    end(launch(3));
    cr_assert_str_eq(sent.maps[0].address, "host 3");
    cr_assert(eq(i64, sent.maps[0].attempt, 1));
    cr_assert_str_eq(sent.maps[1].address, "host 2");
    cr_assert(job_finished(job));
    cr_assert(eq(i64, job->failed_attempts, 0));
}

Test(job, executor_lost_while_it_maps_loses_attempt_and_outputs)
{
    end(launch(1));
    struct attempt_id running = launch(1);
    cr_assert(eq(int, lose(1), 2));
    cr_assert(eq(i64, job->map->stage_attempt, 0)); /* it had not ended */
    cr_assert_not_null(task_set_refusal(job->map, &running, 1));
    cr_assert(eq(sz, job->map->finished, 0));
}

Test(job, outputs_that_nobody_waits_for_are_not_made_again)
{
    map_all();
    struct attempt_id first = launch(2);
    end(launch(3));
    cr_assert(eq(int, lose(1), 2));
    cr_assert_null(job_runnable(job)); /* the last reducer runs */
    struct message_failure failure = {"STATE_STORE_CORRUPT", "delta 4", -1, -1};
    cr_assert(eq(i64, job_failed(job, &first, &failure), -1));
    cr_assert_eq(job_runnable(job), job->map); /* now somebody does */
}

Test(job, fetch_failure_makes_the_outputs_of_that_executor_again_and_blames_no_task)
{
    map_all();
    struct attempt_id reducer = launch(3);
    cr_assert(eq(i64, cannot_fetch(reducer, 2, 0), 1));
    cr_assert(eq(i64, job->result->tasks[0].failures, 0));
    cr_assert(eq(i64, job->result->stage_attempt, 1));
    cr_assert(eq(i64, job->failed_attempts, 1));
    cr_assert(eq(sz, job->map->finished, 1)); /* 0 and 2 were both on executor 1 */
    end(launch(1));
    end(launch(1));
    struct attempt_id again = launch(3);
    cr_assert(eq(i64, again.task, 0));
    cr_assert(eq(i64, again.attempt, 1));
    cr_assert(eq(i64, sent.maps[2].attempt, 1));
    cr_assert(eq(i64, sent.maps[1].attempt, 0));
}

Test(job, several_fetch_failures_of_one_stage_attempt_are_one)
{
    map_all();
    struct attempt_id first = launch(3);
    struct attempt_id second = launch(3);
    cr_assert(eq(i64, cannot_fetch(first, 1, 0), 2));
    cr_assert(eq(i64, cannot_fetch(second, 0, 0), 1)); /* another output: lost too, counted once */
    cr_assert(eq(i64, job->failed_attempts, 1));
    cr_assert(eq(sz, job->map->finished, 0));
    cr_assert(eq(i64, job->result->stage_attempt, 1));
}

Test(job, fetch_failure_about_what_is_lost_or_replaced_counts_nothing)
{
    map_all();
    struct attempt_id first = launch(3);
    struct attempt_id second = launch(3);
    cr_assert(eq(int, lose(1), 2));
    cr_assert(eq(i64, cannot_fetch(first, 0, 0), -1)); /* lost */
    end(launch(2));
    end(launch(2));
    cr_assert(eq(i64, cannot_fetch(second, 2, 0), -1)); /* replaced */
    cr_assert(eq(i64, job->failed_attempts, 0));
    cr_assert(eq(i64, job->result->stage_attempt, 0));
    cr_assert(eq(i64, job->result->tasks[0].failures, 0));
    cr_assert(eq(i64, job->result->tasks[1].failures, 0));
    cr_assert(job_mapped(job));
}

/* Who names an output that it was never told of could do so for ever. */
Test(job, fetch_failure_that_cannot_be_is_an_ordinary_failure)
{
    static const int64_t nonsense[][2] = {{-1, 0}, {MAPS, 0}, {0, -1}, {0, 7}, {0, 1}};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        setup();
        map_all();
        struct attempt_id reducer = launch(3);
        cr_assert(eq(i64, cannot_fetch(reducer, nonsense[i][0], nonsense[i][1]), -1));
        cr_assert(eq(i64, job->result->tasks[0].failures, 1), "row %zu", i);
    }
    /* an older attempt than the one it was told of, and a younger one */
    setup();
    map_all();
    struct attempt_id early = launch(3);
    (void)lose(1);
    end(launch(2));
    end(launch(2));
    struct attempt_id late = launch(3);
    cr_assert(eq(i64, cannot_fetch(late, 0, 0), -1));
    cr_assert(eq(i64, cannot_fetch(early, 0, 1), -1));
    cr_assert(eq(i64, job->result->tasks[0].failures, 1));
    cr_assert(eq(i64, job->result->tasks[1].failures, 1));
    cr_assert(job_mapped(job));
}

Test(job, map_task_cannot_claim_a_fetch_failure)
{
    struct attempt_id map = launch(1);
    cr_assert(eq(i64, cannot_fetch(map, 0, 0), -1));
    cr_assert(eq(i64, job->map->tasks[0].failures, 1));
}

Test(job, fourth_failed_attempt_of_the_stage_ends_the_query_and_names_it)
{
    struct diag diag = {0};
    for (int i = 0; i < 4; i++) {
        cr_assert_not(job_given_up(job));
        while (!job_mapped(job)) {
            end(launch(1));
        }
        cr_assert(eq(i64, cannot_fetch(launch(2), 0, i), 1));
    }
    cr_assert(job_given_up(job));
    cr_assert(eq(int, job_fail(job, &diag), ERR_FAILED));
    cr_assert_str_eq(diag.error_class, "STREAM_FAILED");
    cr_assert_not_null(strstr(diag.text, "result stage of batch 4 failed 4 times"));
    cr_assert_not_null(strstr(diag.text, "spark.stage.maxConsecutiveAttempts"));
    cr_assert_not_null(strstr(diag.text, "no block"));
}

Test(job, finished_partitions_are_not_run_again)
{
    map_all();
    end(launch(3));
    cr_assert(eq(i64, cannot_fetch(launch(3), 1, 0), 2));
    cr_assert(eq(sz, job->result->finished, 1));
    end(launch(1));
    struct attempt_id again = launch(1);
    cr_assert(eq(i64, again.task, 1));
    end(again);
    cr_assert(job_finished(job));
    cr_assert(eq(i64, job->result->tasks[0].attempts, 1));
}

Test(job, results_are_rolled_back_when_a_second_map_output_is_another)
{
    struct attempt_id id;
    int64_t next = 0;
    map_all();
    end(launch(3));
    struct attempt_id running = launch(3);
    cr_assert(eq(int, lose(2), 1));
    (void)job_lose_attempt(job, 3, &id); /* somebody needs the map again */
    struct attempt_id map = launch(1);
    cr_assert(eq(i64, map.stage, STAGE_MAP));
    cr_assert(eq(i64, map.attempt, 1));
    cr_assert_not(end_with(map, 0));
    cr_assert(job_roll_back(job, &next, &id));
    cr_assert(eq(i64, id.task, 0));
    cr_assert(eq(i64, id.stage, STAGE_RESULT));
    cr_assert_not(job_roll_back(job, &next, &id)); /* the other one waits already */
    cr_assert(eq(sz, job->result->finished, 0));
    cr_assert(eq(i64, job->failed_attempts, 0));
    cr_assert(eq(i64, running.task, 1));
    end(launch(1));
    end(launch(1));
    cr_assert(job_finished(job));
    cr_assert(eq(i64, job->result->tasks[0].attempts, 2));
}

/* As many records, and others: the log was cut and has grown again since the first output. */
Test(job, a_second_map_output_of_another_log_is_another)
{
    struct attempt_id id;
    struct message_task_done done = {.rows_read = 1, .last = {true, 7, 5, 1}};
    id = launch(1);
    cr_assert(job_done(job, &id, &done));
    end(launch(2));
    end(launch(2));
    end(launch(3));
    for (uint64_t hash = 1; hash <= 2; hash++) { /* the same record again, then another one */
        cr_assert(eq(int, lose(1), 1));
        id = launch(1);
        cr_assert(eq(i64, id.stage, STAGE_MAP));
        done.last.hash = hash;
        cr_assert(eq(int, job_done(job, &id, &done), hash == 1));
    }
}

Test(job, given_up_tasks_are_named_with_their_stage)
{
    static const struct message_failure exception = {"STREAM_READ", "no answer", -1, -1};
    struct diag diag = {0};
    for (int i = 0; i < 4; i++) {
        struct attempt_id id = launch(1);
        (void)job_failed(job, &id, &exception);
    }
    cr_assert(job_given_up(job));
    cr_assert(eq(int, job_fail(job, &diag), ERR_FAILED));
    cr_assert_not_null(strstr(diag.text, "map task 0 of batch 4 (partition 0, offsets 10 to 20)"));

    setup();
    map_all();
    diag = (struct diag){0};
    for (int i = 0; i < 4; i++) {
        struct attempt_id id = launch(1);
        (void)job_failed(job, &id, &exception);
    }
    cr_assert(eq(int, job_fail(job, &diag), ERR_FAILED));
    cr_assert_not_null(
        strstr(diag.text, "task 0 of batch 4 (shuffle partition 0, state version 4) failed 4"));
}
