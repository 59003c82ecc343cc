/* The damage ledger: a checkpoint that was lost with its machine, and what of the table is lost or
 * repeated by it, exactly; and the same without damage, which is a violation. */
#include "sim/check/checks_test_world.h"

static void new_query(struct life *life, int64_t from, int64_t version)
{
    int64_t initial[PARTITIONS] = {from, from};
    life->version = version;
    begin_query(life, "q2", initial);
    whole_batch(life, 0);
    whole_batch(life, 1);
}

static void from_earliest(struct life *life)
{
    new_query(life, 0, 2);
}

/* Twenty of each partition are there by now, ten of them in the table. */
static void from_latest_at_end(struct life *life)
{
    int64_t initial[PARTITIONS] = {20, 20};
    life->version = 2;
    begin_query(life, "q2", initial);
    readable[0] = 30;
    readable[1] = 30;
    whole_batch(life, 0);
    whole_batch(life, 1);
}

struct loss {
    const char *checkpoint;
    const char *starting;
    void (*second)(struct life *life);
    int64_t readable_first; /* a partition, while the first query begins */
    int64_t readable_second;
    enum machine_fate fate;
};

static void records_are_produced(struct test_world *world, int64_t until)
{
    readable[0] = until;
    readable[1] = until;
    kernel_trace(world->kernel,
                 NULL,
                 &(struct trace_entry){.kind = WORLD_PRODUCED, .batch = -1, .text = "flights"});
}

/* "latest" of the first query is 0: its records come while it runs. */
static void first_life(struct life *life)
{
    begin_query(life, "q1", zeros);
    records_are_produced(life->world, 10);
    whole_batch(life, 0);
    whole_batch(life, 1);
}

static void lose_and_restart(struct test_world *world, const struct loss *loss)
{
    world_open(world, loss->checkpoint, loss->starting);
    struct life before = {.world = world, .script = first_life, .checkpoint = loss->checkpoint};
    struct life after = {.world = world, .script = loss->second, .checkpoint = loss->checkpoint};
    records_are_produced(world, loss->readable_first);
    run_life(&before, "driver", 0);
    kernel_machine_down(world->kernel, world->machines[0], loss->fate, UNSYNCED_DROPPED);
    records_are_produced(world, loss->readable_second);
    run_life(&after, "driver", 1);
}

Test(ledger, earliest_repeats_what_was_delivered)
{
    struct test_world world;
    lose_and_restart(&world,
                     &(struct loss){"/local/c", "earliest", from_earliest, 10, 40, MACHINE_LOST});
    checks_end(world.checks);
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(not(violation->set), "%s: %s", violation->check, violation->evidence);
    cr_assert(eq(i64, checks_records_lost(world.checks), 0));
    cr_assert(eq(i64, checks_records_repeated(world.checks), 20));
    cr_assert(eq(int, checks_lost_cause(world.checks), LOST_LOCAL_DISK));
    cr_assert(eq(i64, checks_rows_out(world.checks), 20));
    cr_assert(eq(i64, checks_lag(world.checks), 60));
    world_close(&world);
}

Test(ledger, latest_loses_what_came_while_nothing_was_planned)
{
    struct test_world world;
    lose_and_restart(&world,
                     &(struct loss){"/local/c", "latest", from_latest_at_end, 0, 20, MACHINE_LOST});
    checks_end(world.checks);
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(not(violation->set), "%s: %s", violation->check, violation->evidence);
    cr_assert(eq(i64, checks_records_lost(world.checks), 20));
    cr_assert(eq(i64, checks_records_repeated(world.checks), 0));
    cr_assert(eq(int, checks_lost_cause(world.checks), LOST_LOCAL_DISK));
    cr_assert(eq(i64, checks_rows_out(world.checks), 20));
    cr_assert(eq(i64, checks_lag(world.checks), 0));
    world_close(&world);
}

/* A new id, though the checkpoint of the first is still there. */
static void another_id(struct life *life)
{
    life->version = 2;
    life->query = "q2";
    cr_assert(eq(int, store_remove(life->store, "/shared/c/sources/0/0"), OK));
}

Test(ledger, nothing_else_may_make_a_query_another_one)
{
    struct test_world world;
    lose_and_restart(&world,
                     &(struct loss){"/shared/c", "earliest", another_id, 10, 40, MACHINE_CRASHED});
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(violation->set);
    cr_assert(eq(str, violation->check, "purge-safe"));
    world_close(&world);
}

/* The same repetition, unexcused: the second query writes into the same table from a checkpoint
 * folder that lost its metadata without any damage. */
static void second_id(struct life *life)
{
    const struct disk_port *disk = &life->ports->disk;
    static const char other[] = "/shared/c/other";
    life->version = 2;
    put(life, other, bytes_of_text("{\"id\":\"q2\"}"));
    enum status renamed = disk_rename(disk, other, "/shared/c/metadata", false);
    cr_assert(eq(int, renamed, OK));
}

Test(ledger, an_id_that_is_replaced)
{
    struct test_world world;
    lose_and_restart(&world,
                     &(struct loss){"/shared/c", "earliest", second_id, 10, 40, MACHINE_CRASHED});
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(violation->set);
    cr_assert(eq(str, violation->check, "one-winner"));
    world_close(&world);
}

/* A machine crash is no loss: nothing that was reported is gone, and nobody is excused. */
static void goes_on(struct life *life)
{
    life->version = 2;
    life->query = "q1";
    say_text(life, EVENT_QUERY_STARTED, "q1");
    say(life, EVENT_QUERY_RESUMED, 2, 1, 0);
    life->begins[0] = 10;
    life->begins[1] = 10;
    whole_batch(life, 2);
}

Test(ledger, a_machine_crash_loses_nothing)
{
    struct test_world world;
    lose_and_restart(&world,
                     &(struct loss){"/local/c", "earliest", goes_on, 10, 15, MACHINE_CRASHED});
    checks_end(world.checks);
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(not(violation->set), "%s: %s", violation->check, violation->evidence);
    cr_assert(eq(int, checks_lost_cause(world.checks), LOST_NOTHING));
    cr_assert(eq(i64, checks_rows_out(world.checks), 16));
    cr_assert(checks_settled(world.checks));
    world_close(&world);
}
