/* The checks of watermark and state: each passes a right history of five batches, and fires on one
 * that differs from it in one thing. */
#include "sim/check/checks_state_test_world.h"

Test(checks_state, a_right_history_violates_nothing_and_is_compared)
{
    struct test_world world;
    wrong = (struct wrong){.batch = -1};
    begin_world(&world);
    struct life life = {.world = &world, .script = history, .checkpoint = "/shared/c"};
    run_life(&life, "driver", 0);
    checks_end(world.checks);
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(not(violation->set), "%s: %s", violation->check, violation->evidence);
    for (int check = CHECK_WATERMARK; check <= CHECK_STATE_RETAINED; check++) {
        cr_expect(checks_evaluations(world.checks, check) > 0, "%s", check_name(check));
    }
    cr_assert(checks_settled(world.checks));
    cr_assert(eq(i64, checks_rows_out(world.checks), 3));
    world_close(&world);
}

Test(checks_state, a_query_that_owes_a_batch_without_data_is_not_settled)
{
    struct test_world world;
    wrong = (struct wrong){.batch = -1};
    begin_world(&world);
    struct life life = {.world = &world, .script = without_the_last, .checkpoint = "/shared/c"};
    run_life(&life, "driver", 0);
    cr_assert(not(kernel_violation(world.kernel)->set));
    cr_assert(checks_caught_up(world.checks));
    cr_assert(not(checks_settled(world.checks)));
    world_close(&world);
}

Test(checks_state, watermark_of_offsets)
{
    fails((struct wrong){.batch = 2, .offsets_watermark_ms = 34000},
          history,
          "watermark",
          "offsets/2 has batchWatermarkMs 34000, expected 39000");
}

Test(checks_state, watermark_of_commits)
{
    fails((struct wrong){.batch = 1, .commit_watermark_ms = 34000},
          history,
          "watermark",
          "commits/1 has nextBatchWatermarkMs 34000, expected 39000");
}

static void one_batch_too_many(struct life *life)
{
    history(life);
    life->ends[0] = life->begins[0];
    say(life, EVENT_BATCH_PLANNED, BATCHES, 0, 0);
    put(life,
        file_of(life, "offsets", BATCHES),
        positions(life,
                  "v1\n{\"batchWatermarkMs\":49000,\"batchTimestampMs\":5,\"conf\":{}}\n",
                  life->ends));
}

Test(checks_state, watermark_asks_for_no_batch)
{
    fails((struct wrong){.batch = -1}, one_batch_too_many, "watermark", "nothing asks for it");
}

Test(checks_state, state_before_commit)
{
    fails((struct wrong){.batch = 1, .no_delta = 2},
          history,
          "state-before-commit",
          "/shared/c/state/0/1/2.delta is not");
    fails((struct wrong){.batch = 1, .torn = true}, history, "state-before-commit", "is not whole");
    fails((struct wrong){.batch = 1, .unsynced = true},
          history,
          "state-before-commit",
          "would not outlive a crash");
}

Test(checks_state, state_rows)
{
    fails((struct wrong){.batch = 1, .other_count = 46}, history, "state-rows", "other buffers");
    fails(
        (struct wrong){.batch = 2, .not_put = 51}, history, "state-rows", "does not have the key");
    fails((struct wrong){.batch = 1, .not_removed = 1},
          history,
          "state-rows",
          "does not remove the key (1970-01-01T00:00:00.000000Z, 1970-01-01T00:00:05.000000Z)");
    fails((struct wrong){.batch = 2, .extra = 11}, history, "state-rows", "not in the state");
}

Test(checks_state, state_partition)
{
    fails((struct wrong){.batch = 2, .misplaced = 51}, history, "state-partition", "hashes to");
}

Test(checks_state, oracle_rows_of_groups)
{
    fails((struct wrong){.batch = 1, .not_emitted = 1}, history, "oracle-rows", "expected 2 rows");
    fails((struct wrong){.batch = 3, .early = 41}, history, "oracle-rows", "expected 0 rows");
}

static void short_snapshot(struct life *life)
{
    without_the_last(life);
    int64_t partition = 0;
    (void)key_of(life, 50, &partition);
    write_snapshot(life, partition, 4, 50);
}

Test(checks_state, snapshot_replay)
{
    fails((struct wrong){.batch = -1}, short_snapshot, "snapshot-replay", "4.snapshot has");
}

static void early_cleanup(struct life *life)
{
    without_the_last(life);
    write_snapshot(life, 0, 4, -1);
    cleanup(life, 0, 2); /* version 3 needs them: the snapshot is of version 4 */
}

Test(checks_state, state_retained)
{
    fails((struct wrong){.batch = -1},
          early_cleanup,
          "state-retained",
          "version 3, one of the last 2");
}

static void written_over(struct life *life)
{
    without_the_last(life);
    int64_t partition = 0;
    (void)key_of(life, 55, &partition);
    struct buf records = {0};
    write_unsynced(life, state_path(life, partition, 4, "other"), container(life, &records));
    enum status status = disk_rename(&life->ports->disk,
                                     state_path(life, partition, 4, "other"),
                                     state_path(life, partition, 4, "delta"),
                                     false);
    cr_assert(eq(int, status, OK));
}

Test(checks_state, state_rows_of_a_delta_that_is_written_over)
{
    fails((struct wrong){.batch = -1}, written_over, "state-rows", "does not have the key");
}

/* The world damages a file itself: that it is broken is no violation, and what is owed depends on
 * what is left. */
static void damaged(struct life *life)
{
    struct checks *checks = life->world->checks;
    without_the_last(life);
    write_snapshot(life, 0, 4, -1);
    const char *snapshot = state_path(life, 0, 4, "snapshot");
    cr_expect(eq(int, checks_damage_duty(checks, snapshot), DAMAGE_RECOVER));
    cr_expect(eq(int, checks_damage_duty(checks, state_path(life, 0, 2, "delta")), DAMAGE_RECOVER));
    cr_expect(eq(int, checks_damage_duty(checks, state_path(life, 1, 2, "delta")), DAMAGE_REFUSE));
    cr_expect(eq(int, checks_damage_duty(checks, file_of(life, "commits", 3)), DAMAGE_REFUSE));
    cr_expect(eq(int, checks_damage_duty(checks, file_of(life, "commits", 2)), DAMAGE_RECOVER));
    cr_expect(eq(int, checks_damage_duty(checks, file_of(life, "offsets", 3)), DAMAGE_REFUSE));
    cr_expect(eq(int, checks_damage_duty(checks, file_of(life, "offsets", 2)), DAMAGE_EITHER));
    cr_expect(eq(int, checks_damage_duty(checks, file_of(life, "offsets", 1)), DAMAGE_RECOVER));
    cr_expect(eq(int, checks_damage_duty(checks, version_path(life, 1)), DAMAGE_REFUSE));
    const char *file = file_path(life, file_name(life, 1));
    cr_expect(eq(int, checks_damage_duty(checks, file), DAMAGE_MAY_LOSE));
    fake_storage_damage(life->world->storage, file, DAMAGE_REMOVED);
    fake_storage_damage(life->world->storage, file_of(life, "offsets", 1), DAMAGE_EMPTIED);
    fake_storage_damage(life->world->storage, state_path(life, 1, 2, "delta"), DAMAGE_GARBLED);
    kernel_machine_down(
        life->world->kernel, life->world->machines[1], MACHINE_CRASHED, UNSYNCED_DROPPED);
}

Test(checks_state, what_the_world_damages_is_nobodys_violation)
{
    struct test_world world;
    wrong = (struct wrong){.batch = -1};
    begin_world(&world);
    struct life life = {.world = &world, .script = damaged, .checkpoint = "/shared/c"};
    run_life(&life, "driver", 0);
    checks_end(world.checks);
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(not(violation->set), "%s: %s", violation->check, violation->evidence);
    world_close(&world);
}
