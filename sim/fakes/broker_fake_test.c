/* The contract of the broker port, against the fake; and what only a fake can be asked. */
#include "engine/ports/broker_contract.h"

#include "sim/fakes/broker_world_test.h"

/* ---- the contract ---- */

static const struct broker_contract_case *contract_case;
static const char *contract_failure;

static void contract_append(void *context,
                            int32_t partition,
                            int64_t timestamp_ms,
                            const struct bytes *values,
                            size_t count)
{
    struct world *world = context;
    const struct fake_broker_batch batch = {.partition = partition,
                                            .timestamp_ms = timestamp_ms,
                                            .values = values,
                                            .count = count,
                                            .stride = 1};
    cr_assert(eq(int, fake_broker_append(world->broker, &batch), BROKER_NONE));
}

static void contract_delete(void *context, int32_t partition, int64_t offset)
{
    struct world *world = context;
    cr_assert(
        eq(int, fake_broker_delete_records(world->broker, 0, partition, offset), BROKER_NONE));
}

static void run_case(void *context)
{
    const struct broker_contract contract = {
        .broker = &current_process->ports->broker,
        .clock = &current_process->ports->clock,
        .topic = "flights",
        .world = context,
        .append = contract_append,
        .delete_records = contract_delete,
    };
    contract_failure = contract_case->run(&contract);
}

Test(broker_fake, keeps_the_contract)
{
    for (contract_case = broker_contract_cases; contract_case->name != NULL; contract_case++) {
        struct world world;
        world_new(&world, 1, 2, false);
        world.topic.retention_ms = -1;
        world_begin(&world);
        world_run(&world, run_case);
        cr_expect(contract_failure == NULL, "%s: %s", contract_case->name, contract_failure);
        world_free(&world);
    }
}

/* ---- the client's view ---- */

static struct broker_answer answer;
static struct arena *arena_now;
static int64_t took_us;

static void fetch_now(int64_t offset, int64_t wait_us, int64_t timeout_us)
{
    const struct ports *ports = current_process->ports;
    int64_t begin_us = clock_now_us(&ports->clock);
    const struct broker_fetch fetch = {
        .topic = "flights",
        .offset = offset,
        .bytes_max = 1 << 20,
        .wait_us = wait_us,
        .deadline_us = begin_us + timeout_us,
    };
    broker_fetch(&ports->broker, &fetch, arena_now, &answer);
    took_us = clock_now_us(&ports->clock) - begin_us;
}

/* R2: offsets strictly increase and have gaps; next_offset counts them. */
static void reads_gaps(void *context)
{
    struct world *world = context;
    struct arena arena = {0};
    arena_now = &arena;
    const struct bytes values[] = {bytes_of_text("a"), bytes_of_text("b")};
    const struct fake_broker_batch batch = {.values = values, .count = 2, .stride = 3};
    cr_assert(eq(int, fake_broker_append(world->broker, &batch), BROKER_NONE));
    (void)world_append(world, 0, 0, "c");
    fetch_now(0, 0, US_PER_SECOND);
    cr_assert(eq(sz, answer.count, 3));
    cr_assert(eq(i64, answer.records[0].offset, 0));
    cr_assert(eq(i64, answer.records[1].offset, 3));
    cr_assert(eq(i64, answer.records[2].offset, 6));
    cr_assert(eq(i64, answer.next_offset, 7));
    arena_free(&arena);
}

Test(broker_fake, r2_gaps_are_seen)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world);
    world_run(&world, reads_gaps);
    world_free(&world);
}

/* R5: what comes while the long poll waits ends it. */
static void append_later(void *context, uint64_t argument)
{
    (void)argument;
    struct world *world = context;
    (void)world_append(world, 0, 0, "late");
}

static void polls(void *context)
{
    struct world *world = context;
    struct arena arena = {0};
    arena_now = &arena;
    kernel_at(
        world->kernel, kernel_now_us(world->kernel) + 100 * US_PER_MS, append_later, world, 0);
    fetch_now(0, 500 * US_PER_MS, 10 * US_PER_SECOND);
    cr_assert(eq(sz, answer.count, 1));
    cr_assert(ge(i64, took_us, 100 * US_PER_MS));
    cr_assert(lt(i64, took_us, 150 * US_PER_MS));
    arena_free(&arena);
}

Test(broker_fake, r5_a_long_poll_ends_when_data_comes)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world);
    world_run(&world, polls);
    world_free(&world);
}

/* R22, a hang: a broker that stands still keeps the connection; only the deadline ends the wait. */
static void meets_a_pause(void *context)
{
    struct world *world = context;
    struct arena arena = {0};
    arena_now = &arena;
    (void)world_append(world, 0, 0, "a");
    fake_broker_pause(world->broker, 1, 5 * US_PER_SECOND);
    fetch_now(0, 0, 2 * US_PER_SECOND);
    cr_assert(eq(int, answer.error, BROKER_TIMED_OUT));
    cr_assert(eq(i64, took_us, 2 * US_PER_SECOND));
    fetch_now(0, 0, 30 * US_PER_SECOND); /* goes through when the pause ends */
    cr_assert(eq(int, answer.error, BROKER_NONE));
    cr_assert(eq(sz, answer.count, 1));
    cr_assert(lt(i64, took_us, 3100 * US_PER_MS));
    fake_broker_crash(world->broker, 1, false);
    fetch_now(0, 0, 30 * US_PER_SECOND);
    cr_assert(eq(int, answer.error, BROKER_TRANSPORT)); /* refused at once */
    cr_assert(lt(i64, took_us, US_PER_SECOND));
    arena_free(&arena);
}

Test(broker_fake, r22_a_hang_and_a_refusal)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world);
    world_run(&world, meets_a_pause);
    world_free(&world);
}

/* A client that is cut off hears nothing until its deadline, or until it is healed. */
static void is_cut_off(void *context)
{
    struct world *world = context;
    struct arena arena = {0};
    arena_now = &arena;
    (void)world_append(world, 0, 0, "a");
    world->process->partitioned = true;
    fetch_now(0, 0, US_PER_SECOND);
    cr_assert(eq(int, answer.error, BROKER_TIMED_OUT));
    cr_assert(eq(i64, took_us, US_PER_SECOND));
    world->process->partitioned = false;
    fetch_now(0, 0, US_PER_SECOND);
    cr_assert(eq(int, answer.error, BROKER_NONE));
    arena_free(&arena);
}

Test(broker_fake, a_process_that_is_cut_off)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world);
    world_run(&world, is_cut_off);
    world_free(&world);
}

/* The contract lets a client say less than the log start; this one says it exactly. */
static void sees_the_log_start(void *context)
{
    struct world *world = context;
    struct arena arena = {0};
    arena_now = &arena;
    (void)world_append(world, 0, 0, "a");
    (void)world_append(world, 0, 0, "b");
    cr_assert(eq(int, fake_broker_delete_records(world->broker, 0, 0, 1), BROKER_NONE));
    fetch_now(1, 0, US_PER_SECOND);
    cr_assert(eq(i64, answer.log_start_offset, 1));
    arena_free(&arena);
}

Test(broker_fake, the_log_start_comes_with_the_answer)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world);
    world_run(&world, sees_the_log_start);
    world_free(&world);
}

/* The client goes on asking the former leader until it has looked for the new one. */
static void follows_the_leader(void *context)
{
    struct world *world = context;
    struct arena arena = {0};
    arena_now = &arena;
    cr_assert(eq(int, world_append(world, 0, 0, "a"), BROKER_NONE));
    clock_sleep_until(&current_process->ports->clock,
                      clock_now_us(&current_process->ports->clock) + US_PER_SECOND);
    cr_assert(fake_broker_move_leader(world->broker, 0, 0, 2));
    fetch_now(0, 0, US_PER_SECOND);
    cr_assert(eq(int, answer.error, BROKER_NOT_LEADER_OR_FOLLOWER));
    fetch_now(0, 0, US_PER_SECOND);
    cr_assert(eq(int, answer.error, BROKER_NOT_LEADER_OR_FOLLOWER));
    clock_sleep_until(&current_process->ports->clock,
                      clock_now_us(&current_process->ports->clock) + 100 * US_PER_MS);
    fetch_now(0, 0, US_PER_SECOND);
    cr_assert(eq(int, answer.error, BROKER_NONE));
    cr_assert(eq(sz, answer.count, 1));
    arena_free(&arena);
}

Test(broker_fake, a_client_follows_leaders_with_a_delay)
{
    struct world world;
    world_new(&world, 3, 1, false);
    world_begin(&world);
    world_run(&world, follows_the_leader);
    world_free(&world);
}

/* R23: with noise, metadata is now and then incomplete in each of its ways, and mostly right. */
static size_t unknown_count;
static size_t fewer_count;
static size_t leaderless_count;
static size_t right_count;

static void asks_often(void *context)
{
    (void)context;
    const struct ports *ports = current_process->ports;
    struct arena arena = {0};
    for (int i = 0; i < 500; i++) {
        struct broker_partition *partitions = NULL;
        size_t count = 0;
        int64_t deadline_us = clock_now_us(&ports->clock) + US_PER_SECOND;
        enum broker_error error =
            broker_metadata(&ports->broker, "flights", deadline_us, &arena, &partitions, &count);
        bool leaderless = false;
        for (size_t p = 0; p < count; p++) {
            leaderless = leaderless || partitions[p].leader < 0;
        }
        if (error == BROKER_UNKNOWN_TOPIC_OR_PARTITION) {
            unknown_count++;
        } else if (count < 4) {
            fewer_count++;
        } else if (leaderless) {
            leaderless_count++;
        } else {
            right_count++;
        }
        arena_reset(&arena);
    }
    arena_free(&arena);
}

Test(broker_fake, r23_stale_metadata_under_noise)
{
    struct world world;
    world_new(&world, 1, 4, true);
    world_begin(&world);
    world_run(&world, asks_often);
    world_free(&world);
    cr_assert(gt(sz, unknown_count, 0));
    cr_assert(gt(sz, fewer_count, 0));
    cr_assert(gt(sz, leaderless_count, 0));
    cr_assert(gt(sz, right_count, 400));

    unknown_count = fewer_count = leaderless_count = right_count = 0;
    world_new(&world, 1, 4, false);
    world_begin(&world);
    world_run(&world, asks_often);
    world_free(&world);
    cr_assert(eq(sz, right_count, 500));
}

/* A process that dies in the middle of a request leaves nothing behind. */
static void hangs_in_a_request(void *context)
{
    (void)context;
    struct arena arena = {0};
    arena_now = &arena;
    fetch_now(0, 100 * US_PER_SECOND, 200 * US_PER_SECOND);
}

Test(broker_fake, a_client_that_dies_leaves_nothing)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world);
    world_spawn(&world, hangs_in_a_request);
    world_pass(&world, US_PER_SECOND);
    kernel_kill(world.kernel, world.process);
    cr_assert(world.ended);
    cr_assert(eq(int, world_append(&world, 0, 0, "a"), BROKER_NONE));
    world_free(&world);
}
