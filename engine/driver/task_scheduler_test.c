/* The scheduler and the event loop, with the one stage of a stateless plan. */
#include "engine/driver/scheduler_test_world.h"

TestSuite(task_scheduler, .init = begin_world, .fini = end_world);

static struct job *run_all(void)
{
    return run_job(&stateless);
}

Test(task_scheduler, spreads_tasks_and_takes_each_file_once)
{
    world.on_sent = good;
    registers(11, "executor 1");
    registers(12, "executor 2");
    const struct task_set *set = run_all()->result;
    cr_assert_str_eq(set->tasks[0].done.file.path, "part-0-0");
    cr_assert_str_eq(set->tasks[1].done.file.path, "part-1-0");
    cr_assert_str_eq(set->tasks[2].done.file.path, "part-2-0");
    cr_assert(eq(int, world.tasks_sent[11] + world.tasks_sent[12], 3));
    cr_assert(world.tasks_sent[11] > 0 && world.tasks_sent[12] > 0);
    cr_assert(eq(i64, executors_find(&query.executors, 11)->running, 0));
    cr_assert(eq(i64, executors_find(&query.executors, 12)->running, 0));
    cr_assert(eq(int, world.events_traced[EVENT_TASK_ENDED], 3));
    cr_assert_null(query.job);
}

static void hasty(connection_id connection, const struct message *message)
{
    if (message->kind == MESSAGE_RUN_TASK) {
        is_done(connection, message->id); /* has not asked */
        asks(connection, message->id);
    } else if (message->kind == MESSAGE_COMMIT_ANSWER) {
        is_done(connection, message->id);
        is_done(connection, message->id); /* says it twice */
    }
}

Test(task_scheduler, result_without_the_commit_is_refused_and_a_repeated_one_ignored)
{
    world.on_sent = hasty;
    registers(11, "executor 1");
    const struct task_set *set = run_all()->result;
    cr_assert(eq(sz, set->finished, 3));
    cr_assert(eq(int, world.events_traced[EVENT_RESULT_REFUSED], 3));
    cr_assert(eq(int, world.events_traced[EVENT_TASK_ENDED], 3));
}

static void failing(connection_id connection, const struct message *message)
{
    if (message->kind == MESSAGE_RUN_TASK && message->id.task == 1) {
        fails(connection, message->id);
    } else {
        good(connection, message);
    }
}

Test(task_scheduler, fourth_failure_of_a_task_ends_the_query_with_its_error)
{
    struct job *job = NULL;
    struct diag diag = {0};
    bool done = true;
    world.on_sent = failing;
    registers(11, "executor 1");
    enum status status = task_scheduler_run(&query, &stateless, &job, &done, &diag);
    cr_assert(eq(int, status, ERR_FAILED));
    cr_assert_str_eq(diag.error_class, "DATA_LOSS"); /* data loss keeps its class */
    cr_assert_not_null(strstr(diag.text, "task 1 of batch 3"));
    cr_assert_not_null(strstr(diag.text, "failed 4 times"));
    cr_assert_not_null(strstr(diag.text, "offsets 1 to 3 are gone"));
    cr_assert(eq(int, world.events_traced[EVENT_TASK_FAILED], 4));
}

/* Executor 1 works and then stands still, while executor 2 lives. When 1 wakes up it asks and
 * reports on a new connection what nobody waits for any more. */
static struct attempt_id sleeper;
static bool asleep;

static void one_sleeps(connection_id connection, const struct message *message)
{
    if (connection == 11 && message->kind == MESSAGE_RUN_TASK) {
        sleeper = message->id;
        asleep = true;
        return;
    }
    if (asleep && connection == 12 && message->kind == MESSAGE_RUN_TASK &&
        message->id.task == sleeper.task) {
        asleep = false;
        hear(13,
             &(struct message){
                 .kind = MESSAGE_REGISTER, .name = "executor 1", .address = "executor 1"});
        asks(13, sleeper);
        is_done(13, sleeper);
        fails(13, sleeper);
    }
    if (connection != 13) {
        good(connection, message);
    } else if (message->kind == MESSAGE_COMMIT_ANSWER) {
        cr_assert_not(message->granted);
    }
}

static bool two_lives(void)
{
    static int turn;
    if (turn++ % 2 == 0) {
        return false;
    }
    hear(12, &(struct message){.kind = MESSAGE_HEARTBEAT});
    return true;
}

Test(task_scheduler, silent_executor_is_lost_and_its_zombie_refused)
{
    world.on_sent = one_sleeps;
    world.on_idle = two_lives;
    registers(11, "executor 1");
    registers(12, "executor 2");
    int64_t begun_us = world.now_us;
    const struct task_set *set = run_all()->result;
    cr_assert(world.now_us >= begun_us + plan.options.network_timeout_us);
    cr_assert(eq(int, world.events_traced[EVENT_EXECUTOR_LOST], 1));
    cr_assert_null(executors_find(&query.executors, 11));
    cr_assert_not_null(executors_find(&query.executors, 12));
    cr_assert(eq(i64, set->tasks[sleeper.task].attempt, 1));
    cr_assert(eq(i64, set->tasks[sleeper.task].failures, 0));
    cr_assert_str_eq(set->tasks[sleeper.task].done.file.path,
                     arena_printf(&world.arena, "part-%d-1", (int)sleeper.task));
    cr_assert(eq(int, world.events_traced[EVENT_RESULT_REFUSED], 2));
}

/* The driver stood still far longer than the timeout; the heartbeat waits unread. */
Test(task_scheduler, own_absence_kills_nobody)
{
    struct diag diag = {0};
    registers(11, "executor 1");
    cr_assert(eq(int, query_step(&query, INT64_MAX, &diag), OK));
    world.now_us += 10 * plan.options.network_timeout_us;
    hear(11, &(struct message){.kind = MESSAGE_HEARTBEAT});
    cr_assert(eq(int, query_step(&query, world.now_us, &diag), OK));
    cr_assert(eq(int, query_step(&query, world.now_us, &diag), OK));
    cr_assert_not_null(executors_find(&query.executors, 11));
    cr_assert(eq(int, world.events_traced[EVENT_EXECUTOR_LOST], 0));
    world.now_us += plan.options.network_timeout_us;
    cr_assert(eq(int, query_step(&query, world.now_us, &diag), OK));
    cr_assert(eq(int, world.events_traced[EVENT_EXECUTOR_LOST], 1));
}

static void breaks_at_the_first_task(connection_id connection, const struct message *message)
{
    if (connection == 11 && message->kind == MESSAGE_RUN_TASK) {
        hear_broken(11);
        return;
    }
    good(connection, message);
}

Test(task_scheduler, tasks_of_a_broken_connection_run_elsewhere)
{
    world.on_sent = breaks_at_the_first_task;
    registers(11, "executor 1");
    registers(12, "executor 2");
    const struct task_set *set = run_all()->result;
    cr_assert(eq(int, world.tasks_sent[12], 3));
    cr_assert(eq(i64, set->tasks[0].failures, 0));
    cr_assert(eq(int, world.events_traced[EVENT_EXECUTOR_LOST], 1));
}

Test(task_scheduler, executor_that_cannot_be_sent_to_is_lost)
{
    world.on_sent = good;
    registers(11, "executor 1");
    registers(12, "executor 2");
    struct diag diag = {0};
    cr_assert(eq(int, query_step(&query, INT64_MAX, &diag), OK));
    world.broken = 11;
    (void)run_all();
    cr_assert_null(executors_find(&query.executors, 11));
    cr_assert(eq(int, world.tasks_sent[12], 3));
}

Test(task_scheduler, new_process_displaces_its_name_but_one_that_comes_back_does_not)
{
    struct diag diag = {0};
    registers(11, "executor 1");
    registers(12, "executor 1");
    hear(
        13,
        &(struct message){.kind = MESSAGE_REGISTER, .name = "executor 1", .address = "executor 1"});
    for (int i = 0; i < 3; i++) {
        cr_assert(eq(int, query_step(&query, INT64_MAX, &diag), OK));
    }
    cr_assert_null(executors_find(&query.executors, 11));
    cr_assert_not_null(executors_find(&query.executors, 12));
    cr_assert_not_null(executors_find(&query.executors, 13));
}

Test(task_scheduler, strangers_and_nonsense_are_hung_up_on)
{
    struct diag diag = {0};
    struct attempt_id id = {.session = 77, .batch = 3, .stage = STAGE_RESULT};
    asks(15, id); /* never registered */
    registers(11, "executor 1");
    hear(11, &(struct message){.kind = MESSAGE_GOODBYE});
    registers(12, "executor 2");
    struct event *nonsense = &world.events[world.event_count++];
    nonsense->kind = NETWORK_MESSAGE;
    nonsense->connection = 12;
    buf_text(&nonsense->bytes, "GET / HTTP/1.1");
    registers(13, "executor 3");
    hear(13, &(struct message){.kind = MESSAGE_COMMIT_ANSWER, .id = id, .granted = true});
    while (world.event_next < world.event_count) {
        cr_assert(eq(int, query_step(&query, INT64_MAX, &diag), OK));
    }
    cr_assert(eq(sz, query.executors.count, 0));
    cr_assert(eq(int, world.events_traced[EVENT_COMMIT_ASKED], 0));
    cr_assert(eq(int, world.events_traced[EVENT_EXECUTOR_LOST], 3));
}

Test(task_scheduler, asked_to_stop_with_nobody_there_it_does_not_wait_for_ever)
{
    struct job *job = NULL;
    struct diag diag = {0};
    bool done = true;
    world.stop = true;
    cr_assert(eq(int, task_scheduler_run(&query, &stateless, &job, &done, &diag), OK));
    cr_assert_not(done);
}

/* Asked to stop with executors there, the batch is finished. */
Test(task_scheduler, asked_to_stop_it_finishes)
{
    struct diag diag = {0};
    world.on_sent = good;
    registers(11, "executor 1");
    cr_assert(eq(int, query_step(&query, INT64_MAX, &diag), OK));
    world.stop = true;
    cr_assert(eq(sz, run_all()->result->finished, 3));
}

Test(task_scheduler, nothing_to_run_is_done)
{
    struct job *job = NULL;
    struct diag diag = {0};
    bool done = false;
    struct job_plan nothing = stateless;
    nothing.range_count = 0;
    cr_assert(eq(int, task_scheduler_run(&query, &nothing, &job, &done, &diag), OK));
    cr_assert(done);
}
