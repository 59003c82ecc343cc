/* What operators do to a topic while the world runs: settings, leaders; producers that start later;
 * what a lost tail leaves behind. */
#include "sim/fakes/broker_world_test.h"

#include "sim/fakes/broker_internal.h"

#define SECOND US_PER_SECOND

static const struct topic_change unchanged = {
    TOPIC_UNCHANGED, TOPIC_UNCHANGED, TOPIC_UNCHANGED, TOPIC_UNCHANGED};

static int64_t log_start(const struct world *world)
{
    return fake_broker_log_start(world->broker, 0, 0);
}

Test(broker_alter, a_longer_retention_saves_what_has_not_expired_yet)
{
    struct world world;
    world_new(&world, 3, 1, false);
    world.topic.retention_ms = 10 * 60 * 1000;
    world_begin(&world);
    (void)world_append(&world, 0, world_now_ms(&world), "a");
    world_pass(&world, 9 * US_PER_MINUTE);
    struct topic_change change = unchanged;
    change.retention_ms = 60 * 60 * 1000;
    fake_broker_alter(world.broker, 0, &change);
    world_pass(&world, 45 * US_PER_MINUTE);
    cr_assert(eq(i64, log_start(&world), 0));
    world_pass(&world, 15 * US_PER_MINUTE);
    cr_assert(eq(i64, log_start(&world), 1));
    world_free(&world);
}

Test(broker_alter, a_shorter_retention_holds_at_the_next_check)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world); /* 7 days */
    (void)world_append(&world, 0, world_now_ms(&world), "a");
    world_pass(&world, 20 * US_PER_MINUTE);
    cr_assert(eq(i64, log_start(&world), 0));
    struct topic_change change = unchanged;
    change.retention_ms = 1000;
    fake_broker_alter(world.broker, 0, &change);
    cr_assert(eq(i64, log_start(&world), 0)); /* by a check, not by the call */
    world_pass(&world, 6 * US_PER_MINUTE);
    cr_assert(eq(i64, log_start(&world), 1));
    world_free(&world);
}

Test(broker_alter, segments_and_bytes_change_and_the_rest_stays)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world);
    struct topic_change change = unchanged;
    change.segment_bytes = 100; /* each batch a segment from now on */
    fake_broker_alter(world.broker, 0, &change);
    const struct broker_log *log = &world.broker->partitions[0].replicas[0].log;
    cr_assert(eq(i64, log->config.retention_ms, world.topic.retention_ms));
    cr_assert(eq(i64, log->config.segment_ms, world.topic.segment_ms));
    for (int i = 0; i < 4; i++) {
        cr_assert(eq(int,
                     world_append(&world, 0, world_now_ms(&world), "abcdefghijklmnopqrstuvwxyz"),
                     BROKER_NONE));
    }
    cr_assert(eq(sz, log->segment_count, 4));
    world_pass(&world, 10 * US_PER_MINUTE);
    cr_assert(eq(i64, log_start(&world), 0));
    change = unchanged;
    change.retention_bytes = 150; /* two of 97 bytes stay */
    fake_broker_alter(world.broker, 0, &change);
    world_pass(&world, 10 * US_PER_MINUTE);
    cr_assert(eq(i64, log_start(&world), 2));
    world_free(&world);
}

Test(broker_leader, the_next_one_is_another_replica_in_sync)
{
    struct world world;
    world_new(&world, 3, 1, false);
    world_begin(&world);
    (void)world_append(&world, 0, 0, "a");
    world_pass(&world, SECOND);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t next = fake_broker_next_leader(world.broker, 0, 0);
        cr_assert(eq(u32, next, 1 + (i + 1) % 3));
        cr_assert(fake_broker_move_leader(world.broker, 0, 0, next));
        cr_assert(eq(u32, world.last_leader, next));
        world_pass(&world, SECOND);
    }
    fake_broker_crash(world.broker, 3, false);
    world_pass(&world, 60 * SECOND); /* broker 2 leads, 3 is gone */
    cr_assert(eq(u32, fake_broker_next_leader(world.broker, 0, 0), 1));
    fake_broker_crash(world.broker, 1, false);
    world_pass(&world, 60 * SECOND);
    cr_assert(eq(u32, fake_broker_next_leader(world.broker, 0, 0), 0));
    world_free(&world);
}

/* R21: the records are gone for clients, and known to the world. */
Test(broker_power_loss, what_was_taken_back_is_remembered)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world);
    for (int i = 0; i < 40; i++) {
        cr_assert(eq(int, world_append(&world, 0, 0, "old"), BROKER_NONE));
        world_pass(&world, SECOND);
    }
    fake_broker_crash(world.broker, 1, true);
    fake_broker_restart(world.broker, 1);
    world_pass(&world, SECOND);
    int64_t end = fake_broker_readable_end(world.broker, 0, 0);
    cr_assert(lt(i64, end, 40));
    struct broker_history record = {0};
    for (int64_t i = 0; i < 40; i++) {
        cr_assert(fake_broker_history(world.broker, 0, 0, i, &record));
        cr_assert(bytes_equal_text(record.value, "old"));
    }
    cr_assert(not(fake_broker_history(world.broker, 0, 0, 40, &record)));
    cr_assert(eq(int, world_append(&world, 0, 0, "new"), BROKER_NONE));
    cr_assert(fake_broker_history(world.broker, 0, 0, end, &record));
    cr_assert(bytes_equal_text(record.value, "new")); /* the offset has another record now */
    world_free(&world);
}

/* The offset has two records by then, and the oracle asks for the one that a batch was made of. */
Test(broker_power_loss, the_world_knows_what_stood_there_before)
{
    struct world world;
    struct broker_history record = {0};
    world_new(&world, 1, 1, false);
    world_begin(&world);
    cr_assert(eq(int, world_append(&world, 0, 0, "old"), BROKER_NONE));
    cr_assert(not(fake_broker_taken_back(world.broker, 0, 0)));
    world_pass(&world, SECOND);
    int64_t before_us = kernel_now_us(world.kernel);
    world_pass(&world, SECOND);
    fake_broker_crash(world.broker, 1, true);
    fake_broker_restart(world.broker, 1);
    world_pass(&world, SECOND);
    int64_t between_us = kernel_now_us(world.kernel);
    cr_assert(fake_broker_taken_back(world.broker, 0, 0));
    cr_assert(eq(int, world_append(&world, 0, 0, "new"), BROKER_NONE));
    cr_assert(fake_broker_history_at(world.broker, 0, 0, 0, before_us, &record));
    cr_assert(bytes_equal_text(record.value, "old"));
    cr_assert(fake_broker_history_at(world.broker, 0, 0, 0, between_us, &record));
    cr_assert(bytes_equal_text(record.value, "new"));
    cr_assert(fake_broker_history(world.broker, 0, 0, 0, &record));
    cr_assert(bytes_equal_text(record.value, "new"));
    world_free(&world);
}

/* R25: offsets from 0 again, and the same ones mean other records. */
Test(broker_topic, made_anew_it_begins_at_0)
{
    struct world world;
    struct broker_history record = {0};
    world_new(&world, 3, 3, false);
    world_begin(&world);
    for (int i = 0; i < 5; i++) {
        cr_assert(eq(int, world_append(&world, 0, 0, "old"), BROKER_NONE));
    }
    world_pass(&world, SECOND);
    cr_assert(eq(i64, fake_broker_readable_end(world.broker, 0, 0), 5));
    fake_broker_crash(world.broker, 3, false);
    world_pass(&world, 60 * SECOND);
    fake_broker_recreate(world.broker, 0);
    cr_assert(eq(i64, fake_broker_readable_end(world.broker, 0, 0), 0));
    cr_assert(eq(i64, fake_broker_log_start(world.broker, 0, 0), 0));
    cr_assert(eq(int, world_append(&world, 0, 0, "new"), BROKER_NONE));
    world_pass(&world, SECOND);
    cr_assert(eq(i64, fake_broker_readable_end(world.broker, 0, 0), 1));
    fake_broker_restart(world.broker, 3); /* with a log of the old topic: it is not counted */
    world_pass(&world, 60 * SECOND);
    cr_assert(eq(i64, fake_broker_readable_end(world.broker, 0, 0), 1));
    cr_assert(fake_broker_history(world.broker, 0, 0, 0, &record));
    cr_assert(bytes_equal_text(record.value, "new"));
    world_free(&world);
}

Test(broker_producer_start, it_sends_nothing_before_and_keeps_its_pace)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world);
    static struct bytes lines[2];
    lines[0] = bytes_of_text("x");
    lines[1] = bytes_of_text("y");
    const struct workload_config workload = {
        .lines = lines,
        .line_count = 2,
        .interval_us = SECOND,
        .start_us = 20 * SECOND,
        .until_us = 25 * SECOND,
        .records = -1,
    };
    fake_broker_produce(world.broker, &workload, 1);
    world_pass(&world, 20 * SECOND - 1);
    cr_assert(eq(i64, fake_broker_readable_end(world.broker, 0, 0), 0));
    world_pass(&world, 2);
    cr_assert(eq(i64, fake_broker_readable_end(world.broker, 0, 0), 1));
    cr_assert(not(fake_broker_workloads_done(world.broker)));
    world_pass(&world, 60 * SECOND);
    cr_assert(eq(i64, fake_broker_readable_end(world.broker, 0, 0), 5)); /* at 20, 21, ... 24 s */
    cr_assert(fake_broker_workloads_done(world.broker));
    world_free(&world);
}
