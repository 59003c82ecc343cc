/* The scheduler and the event loop against a scripted network: executors are functions that answer
 * what they are sent. Time moves only when nobody has anything to say. */
#include "engine/driver/task_scheduler.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/units.h"

enum { EVENTS_MAX = 512, SENT_MAX = 512, NOBODY = 0 };

struct event {
    enum network_event_kind kind;
    connection_id connection;
    struct buf bytes;
};

static struct world {
    struct event events[EVENTS_MAX]; /* to be heard, in order */
    size_t event_count;
    size_t event_next;
    int64_t now_us;
    connection_id broken; /* sending there fails */
    int events_traced[ENGINE_EVENT_COUNT];
    int tasks_sent[64]; /* by connection */
    bool stop;
    void (*on_sent)(connection_id connection, const struct message *message);
    bool (*on_idle)(void); /* somebody speaks up after all */
    struct arena arena;
} world;

static struct query query;
static struct ports ports;
static struct plan plan;
static struct driver_config config;

/* ---- ports ---- */

static int64_t clock_now(void *self)
{
    return world.now_us;
}

static void trace_count_event(void *self, const struct trace_entry *entry)
{
    world.events_traced[entry->kind]++;
}

static enum status scripted_send(void *self, connection_id id, struct bytes bytes)
{
    struct message message;
    if (id == world.broken) {
        return ERR_BROKEN;
    }
    cr_assert(eq(int, message_decode(&world.arena, bytes, &message), OK));
    if (message.kind == MESSAGE_RUN_TASK) {
        world.tasks_sent[id]++;
    }
    if (world.on_sent != NULL) {
        world.on_sent(id, &message);
    }
    return OK;
}

static enum status scripted_next(void *self, int64_t deadline_us, struct network_event *event)
{
    if (world.event_next == world.event_count && (world.on_idle == NULL || !world.on_idle())) {
        world.now_us = deadline_us > world.now_us ? deadline_us : world.now_us;
        return ERR_TIMEOUT;
    }
    struct event *next = &world.events[world.event_next++];
    *event = (struct network_event){
        .kind = next->kind, .connection = next->connection, .message = buf_bytes(&next->bytes)};
    return OK;
}

static void scripted_close(void *self, connection_id id)
{
}

static const struct clock_ops clock_ops = {.now_us = clock_now};
static const struct trace_ops trace_ops = {.event = trace_count_event};
static const struct network_ops network_ops = {
    .send = scripted_send, .next = scripted_next, .close = scripted_close};

/* ---- what executors say ---- */

static void hear(connection_id connection, const struct message *message)
{
    cr_assert(world.event_count < EVENTS_MAX);
    struct event *event = &world.events[world.event_count++];
    event->kind = NETWORK_MESSAGE;
    event->connection = connection;
    message_encode(message, &event->bytes);
}

static void hear_broken(connection_id connection)
{
    world.events[world.event_count++] =
        (struct event){.kind = NETWORK_BROKEN, .connection = connection};
}

static void registers(connection_id connection, const char *name)
{
    hear(connection,
         &(struct message){.kind = MESSAGE_REGISTER, .name = name, .address = name, .first = true});
}

static void asks(connection_id connection, struct attempt_id id)
{
    hear(connection, &(struct message){.kind = MESSAGE_ASK_COMMIT, .id = id});
}

static void is_done(connection_id connection, struct attempt_id id)
{
    struct message message = {.kind = MESSAGE_TASK_DONE, .id = id};
    message.done.file.path =
        arena_printf(&world.arena, "part-%d-%d", (int)id.task, (int)id.attempt);
    message.done.file.rows = 1;
    hear(connection, &message);
}

static void fails(connection_id connection, struct attempt_id id)
{
    struct message message = {.kind = MESSAGE_TASK_FAILED, .id = id};
    message.failure = (struct message_failure){"DATA_LOSS", "offsets 1 to 3 are gone"};
    hear(connection, &message);
}

/* Does as it should: works, asks, and reports when it is granted. */
static void good(connection_id connection, const struct message *message)
{
    if (message->kind == MESSAGE_RUN_TASK) {
        asks(connection, message->id);
    } else if (message->kind == MESSAGE_COMMIT_ANSWER && message->granted) {
        is_done(connection, message->id);
    }
}

/* ---- the query ---- */

static const struct kafka_range ranges[] = {{0, 0, 4}, {1, 0, 4}, {2, 0, 4}};
static const struct job_plan stateless = {.session = 77,
                                          .batch = 3,
                                          .task_max_failures = 4,
                                          .stage_max_attempts = 4,
                                          .ranges = ranges,
                                          .range_count = 3};

static void setup(void)
{
    ports = (struct ports){
        .clock = {&clock_ops, NULL}, .trace = {&trace_ops, NULL}, .network = {&network_ops, NULL}};
    options_defaults(&plan.options);
    plan.options.network_timeout_us = 120 * US_PER_SECOND;
    config = (struct driver_config){.ports = &ports,
                                    .pipeline_file = "p.json",
                                    .pipeline = bytes_of_text("{}"),
                                    .address = "driver",
                                    .stop_requested = &world.stop};
    query = (struct query){
        .config = &config, .ports = &ports, .plan = &plan, .session = 77, .next_batch = 3};
    world.now_us = US_PER_DAY;
}

static void teardown(void)
{
    for (size_t i = 0; i < world.event_count; i++) {
        buf_free(&world.events[i].bytes);
    }
    arena_free(&world.arena);
    arena_free(&query.batch_arena);
    arena_free(&query.message_arena);
    buf_free(&query.outgoing);
    executors_free(&query.executors);
}

TestSuite(task_scheduler, .init = setup, .fini = teardown);

static struct job *run_all(void)
{
    struct job *job = NULL;
    struct diag diag = {0};
    bool done = false;
    enum status status = task_scheduler_run(&query, &stateless, &job, &done, &diag);
    cr_assert(eq(int, status, OK), "%s", diag.text);
    cr_assert(done);
    return job;
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
    cr_assert_str_eq(diag.error_class, "STREAM_FAILED");
    cr_assert_not_null(strstr(diag.text, "task 1 of batch 3"));
    cr_assert_not_null(strstr(diag.text, "failed 4 times"));
    cr_assert_not_null(strstr(diag.text, "offsets 1 to 3 are gone [DATA_LOSS]"));
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
