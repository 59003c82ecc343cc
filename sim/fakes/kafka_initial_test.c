/* The initial offsets of a query, over the fake Kafka and both fake storages: resolved once,
 * written once, never resolved again. */
#include "engine/source/kafka_source.h"

#include "sim/fakes/broker_world_test.h"
#include "sim/fakes/storage.h"

#define PATH "/shared/ck/sources/0/0"

static struct fake_storage *storage;
static enum store_kind kind;
static struct plan plan;

struct outcome {
    enum status status;
    struct diag diag;
    int64_t offsets[2];
    size_t count;
};

static struct outcome outcomes[2]; /* of "executor 1", of "executor 2" */
static int64_t second_late_us;     /* "executor 2" begins so much later */

static void starts(void *context)
{
    (void)context;
    struct arena arena = {0};
    struct outcome *outcome = &outcomes[current_process->name[9] - '1'];
    *outcome = (struct outcome){0};
    if (outcome == &outcomes[1]) {
        const struct clock_port *clock = &current_process->ports->clock;
        clock_sleep_until(clock, clock_now_us(clock) + second_late_us);
    }
    struct store *store = store_new(current_process->ports, kind);
    struct offsets offsets = {0};
    outcome->status = kafka_initial_offsets(
        current_process->ports, store, &plan, &arena, &offsets, &outcome->diag);
    if (outcome->status == OK) {
        outcome->count = offsets.count;
        outcome->offsets[0] = offsets_get(&offsets, 0);
        outcome->offsets[1] = offsets_get(&offsets, 1);
    }
    arena_free(&arena);
}

static void connect_both(void *owner, struct sim_process *process)
{
    world_connect(owner, process);
    fake_storage_connect(storage, process);
}

static int running;

static void one_ended(void *owner, struct sim_process *process)
{
    (void)process;
    running--;
    ((struct world *)owner)->ended = running == 0;
}

/* Run `count` processes at once until all have ended. */
static void start(struct world *world, int count)
{
    static const char *const names[] = {"executor 1", "executor 2"};
    world->ended = false;
    running = count;
    for (int i = 0; i < count; i++) {
        const struct sim_process_config config = {
            .role = ROLE_DRIVER,
            .name = names[i],
            .entry = starts,
            .owner = world,
            .ended = one_ended,
            .connect = connect_both,
        };
        (void)kernel_spawn(world->kernel, &config);
    }
    cr_assert(eq(int, kernel_run(world->kernel, world_ended, world, INT64_MAX), KERNEL_STOPPED));
}

/* Two partitions; 0 holds offsets 1 and 2, 1 holds none. */
static void setup(struct world *world, const char *starting_offsets, enum store_kind store)
{
    world_new(world, 1, 2, false);
    world_begin(world);
    storage = fake_storage_new(world->kernel);
    kind = store;
    for (int i = 0; i < 3; i++) {
        cr_assert(eq(int, world_append(world, 0, 0, "v"), BROKER_NONE));
    }
    cr_assert(eq(int, fake_broker_delete_records(world->broker, 0, 0, 1), BROKER_NONE));
    plan = (struct plan){.topic = "flights",
                         .options = {.checkpoint_location = "/shared/ck",
                                     .starting_offsets = starting_offsets,
                                     .request_timeout_us = 30 * US_PER_SECOND,
                                     .api_timeout_us = 60 * US_PER_SECOND,
                                     .fetch_retries = 3,
                                     .fetch_retry_interval_us = US_PER_SECOND}};
}

static void expect_file(const char *text)
{
    struct bytes content = {0};
    cr_assert(fake_storage_look(storage, 0, PATH, &content));
    cr_assert(eq(sz, content.size, 4 + strlen(text)));
    cr_assert(eq(int, memcmp(content.data, "\0v1\n", 4), 0));
    cr_assert(eq(int, memcmp(content.data + 4, text, strlen(text)), 0));
}

static void expect_start(const char *starting_offsets, int64_t zero, int64_t one, const char *text)
{
    struct world world;
    setup(&world, starting_offsets, STORE_DISK);
    start(&world, 1);
    cr_assert(eq(int, outcomes[0].status, OK), "%s", outcomes[0].diag.text);
    cr_assert(eq(sz, outcomes[0].count, 2));
    cr_assert(eq(i64, outcomes[0].offsets[0], zero));
    cr_assert(eq(i64, outcomes[0].offsets[1], one));
    expect_file(text);
    world_free(&world);
}

/* FLINK-28303: `latest` is stored as numbers. */
Test(kafka_initial, earliest_latest_and_json)
{
    expect_start("earliest", 1, 0, "{\"flights\":{\"0\":1,\"1\":0}}");
    expect_start("latest", 3, 0, "{\"flights\":{\"0\":3,\"1\":0}}");
    expect_start("{\"flights\":{\"1\":-1,\"0\":2}}", 2, 0, "{\"flights\":{\"0\":2,\"1\":0}}");
    expect_start("{\"flights\":{\"0\":-2,\"1\":7}}", 1, 7, "{\"flights\":{\"0\":1,\"1\":7}}");
}

/* startingOffsets matters at the very first start only. */
Test(kafka_initial, a_restart_ignores_the_option)
{
    struct world world;
    setup(&world, "earliest", STORE_OBJECTS);
    start(&world, 1);
    cr_assert(eq(i64, outcomes[0].offsets[0], 1));
    plan.options.starting_offsets = "latest";
    start(&world, 1);
    cr_assert(eq(int, outcomes[0].status, OK));
    cr_assert(eq(i64, outcomes[0].offsets[0], 1));
    plan.options.starting_offsets = "no valid option at all";
    start(&world, 1);
    cr_assert(eq(i64, outcomes[0].offsets[0], 1));
    fake_broker_crash(world.broker, 1, false); /* nor is Kafka asked */
    start(&world, 1);
    cr_assert(eq(i64, outcomes[0].offsets[0], 1));
    world_free(&world);
}

/* Two drivers on a new checkpoint: whoever wrote first decides for both. */
static void append_one(void *context, uint64_t argument)
{
    (void)argument;
    cr_assert(eq(int, world_append(context, 0, 0, "v"), BROKER_NONE));
}

Test(kafka_initial, two_drivers_begin_at_the_same_offsets)
{
    bool saw_old = false;
    bool saw_new = false;
    for (int64_t after_us = 0; after_us < 6000; after_us += 100) {
        struct world world;
        setup(&world, "latest", after_us % 200 == 0 ? STORE_OBJECTS : STORE_DISK);
        second_late_us = 1000;
        kernel_at(world.kernel, kernel_now_us(world.kernel) + after_us, append_one, &world, 0);
        start(&world, 2);
        cr_assert(eq(int, outcomes[0].status, OK), "%s", outcomes[0].diag.text);
        cr_assert(eq(int, outcomes[1].status, OK), "%s", outcomes[1].diag.text);
        cr_assert(eq(i64, outcomes[0].offsets[0], outcomes[1].offsets[0]));
        saw_old = saw_old || outcomes[0].offsets[0] == 3;
        saw_new = saw_new || outcomes[0].offsets[0] == 4;
        world_free(&world);
    }
    cr_assert(saw_old);
    cr_assert(saw_new);
}

Test(kafka_initial, bad_options_are_refused)
{
    static const char *const bad[] = {"sometimes",
                                      "{\"flights\":{\"0\":1}}",
                                      "{\"flights\":{\"0\":1,\"1\":2,\"2\":3}}",
                                      "{\"flights\":{\"0\":1,\"2\":3}}",
                                      "{\"trains\":{\"0\":1,\"1\":1}}",
                                      "{\"flights\":{\"0\":1,\"1\":-3}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct world world;
        setup(&world, bad[i], STORE_DISK);
        start(&world, 1);
        cr_assert(eq(int, outcomes[0].status, ERR_FAILED));
        cr_assert(eq(str, outcomes[0].diag.error_class, "INVALID_OPTION"));
        struct bytes content = {0};
        cr_assert(not(fake_storage_look(storage, 0, PATH, &content)));
        world_free(&world);
    }
}

Test(kafka_initial, another_querys_checkpoint_is_refused)
{
    struct world world;
    setup(&world, "earliest", STORE_DISK);
    start(&world, 1);
    plan.topic = "trains";
    start(&world, 1);
    cr_assert(eq(int, outcomes[0].status, ERR_FAILED));
    cr_assert(eq(str, outcomes[0].diag.error_class, "CORRUPT_OFFSETS"));
    world_free(&world);
}

/* ---- an unknown outcome of the put ---- */

static int puts_lost;
static bool put_applied;

static bool
no_point(void *self, const struct sim_process *process, enum failpoint point, int64_t batch)
{
    return false;
}

static void no_fire(void *self, struct sim_process *process, enum failpoint point, int64_t batch)
{
}

static struct operation_fault lose_puts(void *self,
                                        struct sim_process *process,
                                        const char *port,
                                        const char *operation,
                                        const char *path,
                                        bool after)
{
    struct operation_fault fault = {.effect = OPERATION_OK};
    if (!after && strcmp(operation, "put_if_absent") == 0 && puts_lost > 0) {
        puts_lost--;
        fault.effect = OPERATION_LOSES_REPLY;
        fault.applied = put_applied;
    }
    return fault;
}

static void start_with_lost_puts(struct world *world, int count, bool applied)
{
    static const struct kernel_injector injector = {
        .point_due = no_point, .point_fired = no_fire, .operation = lose_puts};
    setup(world, "earliest", STORE_OBJECTS);
    kernel_set_injector(world->kernel, &injector);
    puts_lost = count;
    put_applied = applied;
    start(world, 1);
}

Test(kafka_initial, an_unknown_outcome_is_resolved)
{
    struct world world;
    for (int applied = 0; applied < 2; applied++) {
        start_with_lost_puts(&world, 1, applied == 1);
        cr_assert(eq(int, outcomes[0].status, OK), "%s", outcomes[0].diag.text);
        cr_assert(eq(int, puts_lost, 0));
        cr_assert(eq(i64, outcomes[0].offsets[0], 1));
        expect_file("{\"flights\":{\"0\":1,\"1\":0}}");
        world_free(&world);
    }
    start_with_lost_puts(&world, 1000, false);
    cr_assert(eq(int, outcomes[0].status, ERR_FAILED));
    cr_assert(eq(str, outcomes[0].diag.error_class, "CHECKPOINT_WRITE_FAILED"));
    world_free(&world);
}
