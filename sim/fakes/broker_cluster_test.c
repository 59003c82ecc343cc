/* R10 to R23: replicas, high watermark, elections, two kinds of crash, retention over virtual time;
 * and the producers. */
#include "sim/fakes/broker_world_test.h"

#include "sim/fakes/broker_internal.h"

#define SECOND US_PER_SECOND

static struct partition *partition_of(struct world *world)
{
    return &world->broker->partitions[0];
}

static int64_t readable(struct world *world)
{
    return fake_broker_readable_end(world->broker, 0, 0);
}

static void expect_value(struct world *world, int64_t offset, const char *value)
{
    struct broker_history record = {0};
    cr_assert(fake_broker_history(world->broker, 0, 0, offset, &record));
    cr_assert(bytes_equal_text(record.value, value));
}

/* R16, R18: readable when every replica in sync has it; followers learn a round later. */
Test(broker_cluster, r16_r18_the_high_watermark)
{
    struct world world;
    world_new(&world, 3, 1, false);
    world_begin(&world);
    cr_assert(eq(int, world_append(&world, 0, 0, "a"), BROKER_NONE));
    cr_assert(eq(i64, readable(&world), 0)); /* on the leader alone */
    world_pass(&world, 1001);                /* one fetch of each follower */
    cr_assert(eq(i64, readable(&world), 1));
    cr_assert(eq(i64, partition_of(&world)->replicas[1].high_watermark, 0));
    world_pass(&world, 2000);
    cr_assert(eq(i64, partition_of(&world)->replicas[1].high_watermark, 1));
    world_free(&world);
}

/* R16: a follower that lags leaves the in-sync replicas after 30 s, and comes back when it has
 * caught up; until it leaves, it holds the high watermark. */
Test(broker_cluster, r16_a_lagging_follower)
{
    struct world world;
    world_new(&world, 3, 1, false);
    world_begin(&world);
    fake_broker_stall(world.broker, 2, true);
    cr_assert(eq(int, world_append(&world, 0, 0, "a"), BROKER_NONE));
    world_pass(&world, 29 * SECOND);
    cr_assert(eq(i64, readable(&world), 0));
    world_pass(&world, 20 * SECOND);
    cr_assert(eq(i64, readable(&world), 1));
    cr_assert(eq(u32, partition_in_sync(partition_of(&world)), 2));
    fake_broker_stall(world.broker, 2, false);
    world_pass(&world, SECOND);
    cr_assert(eq(u32, partition_in_sync(partition_of(&world)), 3));
    cr_assert(eq(i64, log_end(&partition_of(&world)->replicas[1].log), 1));
    world_free(&world);
}

/* R16 (KAFKA-15583), R17: below min.insync.replicas nothing is accepted and nothing becomes
 * readable. */
Test(broker_cluster, r17_not_enough_replicas)
{
    struct world world;
    world_new(&world, 3, 1, false);
    world_begin(&world);
    fake_broker_crash(world.broker, 2, false);
    fake_broker_crash(world.broker, 3, false);
    cr_assert(eq(int, world_append(&world, 0, 0, "a"), BROKER_NONE));
    world_pass(&world, 8 * SECOND);
    cr_assert(eq(i64, readable(&world), 0)); /* the dead ones still count as in sync */
    world_pass(&world, 2 * SECOND);
    cr_assert(eq(u32, partition_in_sync(partition_of(&world)), 1));
    cr_assert(eq(i64, readable(&world), 0));
    cr_assert(eq(int, world_append(&world, 0, 0, "b"), BROKER_LEADER_NOT_AVAILABLE));
    fake_broker_restart(world.broker, 3);
    world_pass(&world, SECOND);
    cr_assert(eq(i64, readable(&world), 1));
    cr_assert(eq(int, world_append(&world, 0, 0, "b"), BROKER_NONE));
    world_free(&world);
}

/* R22: a dead leader is replaced when its session ends, 9 s later. Nothing that was readable is
 * lost (R19), and the readable end never goes back. */
Test(broker_cluster, r19_r22_a_clean_election)
{
    struct world world;
    world_new(&world, 3, 1, false);
    world_begin(&world);
    (void)world_append(&world, 0, 0, "a");
    world_pass(&world, SECOND);
    fake_broker_crash(world.broker, 1, false);
    world_pass(&world, 9 * SECOND - 1);
    cr_assert(eq(int, world.leader_changes, 0));
    world_pass(&world, 2);
    cr_assert(eq(int, world.leader_changes, 1));
    cr_assert(eq(u32, world.last_leader, 2));
    cr_assert(eq(i64, readable(&world), 1));
    (void)world_append(&world, 0, 0, "b");
    world_pass(&world, SECOND);
    cr_assert(eq(i64, readable(&world), 2));
    /* It comes back as a follower, and catches up. */
    fake_broker_restart(world.broker, 1);
    world_pass(&world, SECOND);
    cr_assert(eq(u32, partition_in_sync(partition_of(&world)), 3));
    cr_assert(eq(i64, log_end(&partition_of(&world)->replicas[0].log), 2));
    expect_value(&world, 0, "a");
    expect_value(&world, 1, "b");
    world_free(&world);
}

/* R19: what only the old leader had was never readable; it is cut when that one comes back. */
Test(broker_cluster, r19_an_unreplicated_tail_is_cut)
{
    struct world world;
    world_new(&world, 3, 1, false);
    world_begin(&world);
    (void)world_append(&world, 0, 0, "a");
    world_pass(&world, SECOND);
    (void)world_append(&world, 0, 0, "only here");
    fake_broker_crash(world.broker, 1, false);
    world_pass(&world, 10 * SECOND);
    (void)world_append(&world, 0, 0, "b");
    world_pass(&world, SECOND);
    expect_value(&world, 1, "b");
    fake_broker_restart(world.broker, 1);
    world_pass(&world, SECOND);
    const struct broker_log *log = &partition_of(&world)->replicas[0].log;
    cr_assert(eq(i64, log_end(log), 2));
    cr_assert(bytes_equal_text(log->batches[log->batch_end - 1]->records[0].value, "b"));
    world_free(&world);
}

/* A new leader that does not know yet what was readable refuses to say `latest` (KIP-207). */
static struct broker_offset latest;

static void ask_latest(void *context)
{
    (void)context;
    const struct ports *ports = current_process->ports;
    latest = (struct broker_offset){.timestamp = BROKER_LATEST};
    cr_assert(eq(int,
                 broker_list_offsets(
                     &ports->broker, "flights", clock_now_us(&ports->clock) + SECOND, &latest, 1),
                 BROKER_NONE));
}

Test(broker_cluster, r19_latest_never_goes_back)
{
    struct world world;
    world_new(&world, 3, 1, false);
    world_begin(&world);
    fake_broker_stall(world.broker, 3, true); /* in sync for 30 s more, holds the watermark */
    (void)world_append(&world, 0, 0, "a");
    world_pass(&world, SECOND);
    cr_assert(fake_broker_move_leader(world.broker, 0, 0, 2));
    world_run(&world, ask_latest);
    cr_assert(eq(int, latest.error, BROKER_OFFSET_NOT_AVAILABLE));
    fake_broker_stall(world.broker, 3, false);
    world_pass(&world, SECOND);
    world_run(&world, ask_latest);
    cr_assert(eq(int, latest.error, BROKER_NONE));
    cr_assert(eq(i64, latest.offset, 1));
    world_free(&world);
}

/* R18, R21: a single replica that was killed comes back with everything. */
Test(broker_cluster, r21_a_process_crash_keeps_the_page_cache)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world);
    (void)world_append(&world, 0, 0, "a");
    cr_assert(eq(i64, readable(&world), 1));
    fake_broker_crash(world.broker, 1, false);
    cr_assert(eq(int, world_append(&world, 0, 0, "b"), BROKER_LEADER_NOT_AVAILABLE));
    world_pass(&world, 20 * SECOND);
    cr_assert(eq(u32, world.last_leader, 0)); /* nobody else can lead */
    fake_broker_restart(world.broker, 1);
    cr_assert(eq(u32, world.last_leader, 1));
    cr_assert(eq(i64, readable(&world), 1));
    cr_assert(eq(int, world_append(&world, 0, 0, "b"), BROKER_NONE));
    expect_value(&world, 1, "b");
    world_free(&world);
}

/* R21: a machine crash takes what was not flushed: acknowledged records vanish, their offsets come
 * again with other records. */
Test(broker_cluster, r21_a_machine_crash_loses_the_tail)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world);
    (void)world_append(&world, 0, 0, "old");
    world_pass(&world, 40 * SECOND);
    (void)world_append(&world, 0, 0, "young");
    world_pass(&world, 5 * SECOND);
    fake_broker_crash(world.broker, 1, true);
    fake_broker_restart(world.broker, 1);
    cr_assert(eq(i64, readable(&world), 1));
    (void)world_append(&world, 0, 0, "other");
    expect_value(&world, 0, "old");
    expect_value(&world, 1, "other");
    world_free(&world);
}

/* R20: only if it is allowed may a replica out of sync lead; then readable records are gone. */
static void shrink_to_a_stale_survivor(struct world *world)
{
    (void)world_append(world, 0, 0, "a");
    world_pass(world, SECOND);
    fake_broker_crash(world->broker, 2, false);
    world_pass(world, 10 * SECOND); /* out of sync */
    (void)world_append(world, 0, 0, "b");
    world_pass(world, SECOND);
    cr_assert(eq(i64, readable(world), 2));
    fake_broker_crash(world->broker, 1, false);
    fake_broker_restart(world->broker, 2);
    world_pass(world, 10 * SECOND);
}

Test(broker_cluster, r20_an_unclean_election_takes_records_back)
{
    struct world world;
    world_new(&world, 2, 1, false);
    world.topic.min_insync_replicas = 1;
    world.topic.unclean_election = true;
    world_begin(&world);
    shrink_to_a_stale_survivor(&world);
    cr_assert(eq(u32, world.last_leader, 2));
    cr_assert(eq(i64, readable(&world), 1));
    (void)world_append(&world, 0, 0, "c");
    expect_value(&world, 1, "c"); /* the same offset, another record */
    fake_broker_restart(world.broker, 1);
    world_pass(&world, SECOND);
    const struct broker_log *log = &partition_of(&world)->replicas[0].log;
    cr_assert(bytes_equal_text(log->batches[log->batch_end - 1]->records[0].value, "c"));
    world_free(&world);
}

Test(broker_cluster, r20_a_clean_one_waits_for_the_last_in_sync)
{
    struct world world;
    world_new(&world, 2, 1, false);
    world.topic.min_insync_replicas = 1;
    world_begin(&world);
    shrink_to_a_stale_survivor(&world);
    cr_assert(eq(u32, world.last_leader, 0));
    cr_assert(eq(i64, readable(&world), 2));
    fake_broker_restart(world.broker, 1);
    cr_assert(eq(u32, world.last_leader, 1));
    expect_value(&world, 1, "b");
    world_free(&world);
}

/* R22: a pause shorter than the session changes nothing, a longer one is a death. */
Test(broker_cluster, r22_pauses)
{
    struct world world;
    world_new(&world, 3, 1, false);
    world_begin(&world);
    fake_broker_pause(world.broker, 1, 8 * SECOND);
    cr_assert(eq(int, world_append(&world, 0, 0, "a"), BROKER_LEADER_NOT_AVAILABLE));
    world_pass(&world, 20 * SECOND);
    cr_assert(eq(int, world.leader_changes, 0));
    cr_assert(eq(int, world_append(&world, 0, 0, "a"), BROKER_NONE));
    world_pass(&world, SECOND);
    cr_assert(eq(i64, readable(&world), 1));
    fake_broker_pause(world.broker, 1, 20 * SECOND);
    world_pass(&world, 10 * SECOND);
    cr_assert(eq(u32, world.last_leader, 2));
    cr_assert(eq(u32, partition_in_sync(partition_of(&world)), 2));
    world_pass(&world, 12 * SECOND);
    cr_assert(eq(u32, partition_in_sync(partition_of(&world)), 3));
    world_free(&world);
}

/* ---- retention over virtual time ---- */

/* R7, R11, R12 and the clock of checks: 30 s after the start, then every 5 minutes. */
Test(broker_cluster, r7_retention_checks)
{
    struct world world;
    world_new(&world, 3, 1, false);
    world.topic.retention_ms = 10 * 60 * 1000;
    world_begin(&world);
    (void)world_append(&world, 0, world_now_ms(&world), "a");
    world_pass(&world, SECOND);
    world_pass(&world, 10 * US_PER_MINUTE + 28 * SECOND); /* 10:29: expired, no check yet */
    cr_assert(eq(i64, fake_broker_log_start(world.broker, 0, 0), 0));
    world_pass(&world, 2 * SECOND); /* the check of 10:30 */
    cr_assert(eq(i64, fake_broker_log_start(world.broker, 0, 0), 1));
    cr_assert(eq(i64, world.expired_to, 1));
    cr_assert(eq(i64, partition_of(&world)->replicas[2].log.start_offset, 1));
    struct broker_history record = {0};
    cr_assert(fake_broker_history(world.broker, 0, 0, 0, &record)); /* for ever */
    cr_assert(record.expired);
    cr_assert(not(fake_broker_history(world.broker, 0, 0, 1, &record)));
    /* An empty log needs no checks: nothing is left to happen. */
    cr_assert(eq(int, kernel_run(world.kernel, NULL, NULL, INT64_MAX), KERNEL_IDLE));
    world_free(&world);
}

/* A record of another partition that expires sooner is not missed. */
Test(broker_cluster, r7_the_next_check_is_the_earliest_that_matters)
{
    struct world world;
    world_new(&world, 1, 2, false);
    world.topic.retention_ms = 60 * 60 * 1000;
    world_begin(&world);
    int64_t now_ms = world_now_ms(&world);
    (void)world_append(&world, 0, now_ms, "young");
    (void)world_append(&world, 1, now_ms - 59 * 60 * 1000, "old");
    world_pass(&world, 6 * US_PER_MINUTE);
    cr_assert(eq(i64, fake_broker_log_start(world.broker, 0, 0), 0));
    cr_assert(eq(i64, fake_broker_log_start(world.broker, 0, 1), 1));
    world_free(&world);
}

/* R13: errors and effect of DeleteRecords; followers take the log start over. */
Test(broker_cluster, r13_delete_records)
{
    struct world world;
    world_new(&world, 3, 1, false);
    world_begin(&world);
    (void)world_append(&world, 0, 0, "a");
    (void)world_append(&world, 0, 0, "b");
    cr_assert(
        eq(int, fake_broker_delete_records(world.broker, 0, 0, 1), BROKER_OFFSET_OUT_OF_RANGE));
    world_pass(&world, SECOND);
    cr_assert(
        eq(int, fake_broker_delete_records(world.broker, 0, 0, 3), BROKER_OFFSET_OUT_OF_RANGE));
    cr_assert(
        eq(int, fake_broker_delete_records(world.broker, 0, 0, -2), BROKER_OFFSET_OUT_OF_RANGE));
    cr_assert(eq(int, fake_broker_delete_records(world.broker, 0, 0, 1), BROKER_NONE));
    cr_assert(eq(i64, fake_broker_log_start(world.broker, 0, 0), 1));
    world_pass(&world, SECOND);
    cr_assert(eq(i64, partition_of(&world)->replicas[1].log.start_offset, 1));
    cr_assert(eq(int, fake_broker_delete_records(world.broker, 0, 0, -1), BROKER_NONE));
    cr_assert(eq(i64, fake_broker_log_start(world.broker, 0, 0), 2));
    world_free(&world);
}

/* ---- producers ---- */

static struct bytes lines[5];

static struct workload_config workload_of(int64_t records, int64_t interval_us)
{
    static const char *const texts[] = {"l0", "l1", "l2", "l3", "l4"};
    for (size_t i = 0; i < 5; i++) {
        lines[i] = bytes_of_text(texts[i]);
    }
    return (struct workload_config){.lines = lines,
                                    .line_count = 5,
                                    .interval_us = interval_us,
                                    .until_us = -1,
                                    .records = records};
}

Test(broker_producer, line_i_goes_to_partition_i_at_its_time)
{
    struct world world;
    world_new(&world, 1, 2, false);
    world_begin(&world);
    struct workload_config workload = workload_of(7, SECOND);
    fake_broker_produce(world.broker, &workload, 1);
    world_pass(&world, 3 * SECOND);
    cr_assert(eq(i64, fake_broker_readable_end(world.broker, 0, 0), 2));
    cr_assert(eq(i64, fake_broker_readable_end(world.broker, 0, 1), 2));
    cr_assert(not(fake_broker_workloads_done(world.broker)));
    world_pass(&world, 10 * SECOND);
    cr_assert(fake_broker_workloads_done(world.broker));
    cr_assert(eq(i64, fake_broker_readable_end(world.broker, 0, 0), 4));
    cr_assert(eq(i64, fake_broker_readable_end(world.broker, 0, 1), 3));
    struct broker_history record = {0};
    cr_assert(fake_broker_history(world.broker, 0, 0, 3, &record)); /* record 6: line 1 again */
    cr_assert(eq(sz, record.workload, 0));
    cr_assert(eq(sz, record.line, 1));
    cr_assert(bytes_equal_text(record.value, "l1"));
    cr_assert(eq(i64, record.timestamp_ms, WORLD_START_US / US_PER_MS + 6000));
    cr_assert(eq(i64, record.produced_us, WORLD_START_US + 6 * SECOND));
    world_free(&world);
}

Test(broker_producer, until_and_records_bound_it)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world);
    struct workload_config workloads[] = {workload_of(-1, SECOND), workload_of(-1, SECOND)};
    workloads[0].until_us = 12 * SECOND; /* records at 0..11 s, beyond the file's 5 lines */
    fake_broker_produce(world.broker, workloads, 2);
    world_pass(&world, 60 * SECOND);
    cr_assert(eq(i64, fake_broker_readable_end(world.broker, 0, 0), 12 + 5));
    world_free(&world);
}

/* Records that are due within 5 ms travel together. */
Test(broker_producer, fast_records_are_batched)
{
    struct world world;
    world_new(&world, 1, 1, false);
    world_begin(&world);
    struct workload_config workload = workload_of(100, 1000);
    fake_broker_produce(world.broker, &workload, 1);
    world_pass(&world, SECOND);
    cr_assert(eq(i64, readable(&world), 100));
    cr_assert(eq(sz, partition_of(&world)->history_count, 17)); /* 6 a batch */
    world_free(&world);
}

/* Whatever brokers do, as long as elections are clean: every line is readable once, in order. */
Test(broker_producer, nothing_is_lost_or_repeated_over_clean_elections)
{
    for (uint32_t second = 0; second < 6; second++) {
        struct world world;
        world_new(&world, 3, 1, true);
        world_begin(&world);
        struct workload_config workload = workload_of(1000, 50000);
        fake_broker_produce(world.broker, &workload, 1);
        world_pass(&world, 5 * SECOND + second * 777);
        fake_broker_crash(world.broker, 1, second % 2 == 0);
        world_pass(&world, (4 + 3 * second) * SECOND);
        fake_broker_restart(world.broker, 1);
        world_pass(&world, SECOND);
        fake_broker_pause(world.broker, 2, (5 + 2 * second) * SECOND);
        world_pass(&world, 7 * SECOND);
        fake_broker_crash(world.broker, 3, false);
        world_pass(&world, 15 * SECOND);
        fake_broker_restart(world.broker, 3);
        world_pass(&world, 60 * SECOND);
        cr_assert(fake_broker_workloads_done(world.broker));
        cr_assert(eq(i64, readable(&world), 1000));
        for (int64_t i = 0; i < 1000; i++) {
            struct broker_history record = {0};
            cr_assert(fake_broker_history(world.broker, 0, 0, i, &record));
            cr_assert(eq(sz, record.line, (size_t)i % 5));
            cr_assert(eq(i64, record.timestamp_ms, WORLD_START_US / US_PER_MS + i * 50));
        }
        cr_assert(gt(int, world.leader_changes, 0));
        world_free(&world);
    }
}
