/* What counts as a failure, who is asked again, whose result is taken. */
#include "engine/driver/task_set.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct arena arena;
static struct task_set *set;

static const struct kafka_range ranges[] = {{0, 10, 20}, {1, 5, 6}, {2, 0, 9}};
static const struct message_failure exception = {"STREAM_READ", "no answer"};
static const struct message_failure denied = {CLASS_COMMIT_DENIED, "another attempt has it"};

static void setup(void)
{
    set = task_set_new(
        &arena, (struct attempt_id){.session = 9, .batch = 4, .stage = STAGE_MAP}, 4, ranges, 3);
}

static void teardown(void)
{
    arena_free(&arena);
}

TestSuite(task_set, .init = setup, .fini = teardown);

Test(task_set, tasks_are_begun_in_order_and_know_their_ranges)
{
    cr_assert(eq(i64, task_set_pending(set), 0));
    struct attempt_id first = task_set_launch(set, 0, 1);
    cr_assert(eq(u64, first.session, 9));
    cr_assert(eq(i64, first.batch, 4));
    cr_assert(eq(i64, first.task, 0));
    cr_assert(eq(i64, first.attempt, 0));
    cr_assert(eq(i64, task_set_pending(set), 1));
    (void)task_set_launch(set, 1, 1);
    (void)task_set_launch(set, 2, 2);
    cr_assert(eq(i64, task_set_pending(set), -1));
    cr_assert(eq(i64, set->tasks[1].range.from, 5));
    cr_assert(eq(i64, set->tasks[2].range.until, 9));
}

Test(task_set, fourth_counted_failure_of_one_task_gives_up)
{
    for (int i = 0; i < 3; i++) {
        for (int64_t task = 0; task < 2; task++) {
            struct attempt_id id = task_set_launch(set, task, 1);
            cr_assert(eq(i64, id.attempt, i));
            task_set_failed(set, &id, &exception);
        }
    }
    cr_assert(eq(i64, set->given_up, -1));
    cr_assert(eq(i64, set->tasks[0].failures, 3));
    struct attempt_id id = task_set_launch(set, 1, 1);
    task_set_failed(set, &id, &exception);
    cr_assert(eq(i64, set->given_up, 1));
    cr_assert_str_eq(set->error_class, "STREAM_READ");
    cr_assert_str_eq(set->error_text, "no answer");
}

Test(task_set, denied_commits_and_lost_executors_are_not_counted)
{
    for (int i = 0; i < 10; i++) {
        struct attempt_id id = task_set_launch(set, 0, i);
        cr_assert(eq(i64, id.attempt, 2 * i));
        task_set_again(set, &id);
        id = task_set_launch(set, 0, i);
        task_set_failed(set, &id, &denied);
    }
    cr_assert(eq(i64, set->tasks[0].failures, 0));
    cr_assert(eq(i64, set->given_up, -1));
    cr_assert(eq(i64, task_set_pending(set), 0));
}

Test(task_set, done_task_keeps_a_copy_of_its_file)
{
    struct attempt_id id = task_set_launch(set, 1, 3);
    char path[] = "part-1";
    struct message_task_done done = {.file = {.path = path, .rows = 7}};
    task_set_done(set, &id, &done);
    path[0] = 'X';
    cr_assert_str_eq(set->tasks[1].done.file.path, "part-1");
    cr_assert_null(set->tasks[1].done.file.stats);
    cr_assert(eq(i64, set->tasks[1].done.file.rows, 7));
    cr_assert(eq(sz, set->finished, 1));
    cr_assert(task_set_repeats(set, &id, 3));
    cr_assert_not(task_set_repeats(set, &id, 4));
    cr_assert_str_eq(task_set_refusal(set, &id, 3), "the task is done");
}

Test(task_set, only_the_running_attempt_on_its_executor_is_heard)
{
    struct attempt_id old = task_set_launch(set, 0, 1);
    cr_assert_null(task_set_refusal(set, &old, 1));
    cr_assert_not_null(task_set_refusal(set, &old, 2));
    task_set_again(set, &old);
    cr_assert_not_null(task_set_refusal(set, &old, 1));
    struct attempt_id young = task_set_launch(set, 0, 2);
    cr_assert_not_null(task_set_refusal(set, &old, 1));
    cr_assert_not_null(task_set_refusal(set, &old, 2));
    cr_assert_null(task_set_refusal(set, &young, 2));
    cr_assert_not(task_set_repeats(set, &young, 2));
}

Test(task_set, strangers_are_refused)
{
    struct attempt_id id = task_set_launch(set, 0, 1);
    struct attempt_id other = id;
    other.session++;
    cr_assert_str_eq(task_set_refusal(set, &other, 1), "another session");
    other = id;
    other.batch--;
    cr_assert_str_eq(task_set_refusal(set, &other, 1), "the batch is not being run");
    other = id;
    other.stage = STAGE_RESULT;
    cr_assert_str_eq(task_set_refusal(set, &other, 1), "the batch is not being run");
    other = id;
    other.task = 3;
    cr_assert_str_eq(task_set_refusal(set, &other, 1), "no such task");
    cr_assert_not(task_set_repeats(set, &other, 1));
    other = id;
    other.attempt = 1;
    cr_assert_str_eq(task_set_refusal(set, &other, 1), "the attempt was given up");
    cr_assert_str_eq(task_set_refusal(NULL, &id, 1), "the batch is not being run");
    cr_assert_not(task_set_repeats(NULL, &id, 1));
}

Test(task_set, lost_result_waits_again_under_a_number_of_its_own)
{
    struct message_task_done done = {.rows_read = 5};
    struct attempt_id id = task_set_launch(set, 1, 3);
    task_set_done(set, &id, &done);
    task_set_result_lost(set, 1);
    cr_assert(eq(sz, set->finished, 0));
    cr_assert(eq(i64, set->tasks[1].failures, 0));
    cr_assert_not(task_set_repeats(set, &id, 3));
    cr_assert_str_eq(task_set_refusal(set, &id, 3), "the attempt was given up");
    cr_assert(eq(i64, task_set_launch(set, 1, 4).attempt, 1));
}
