/* The checks of state in RocksDB, with changelogs and without: each passes the right history, and
 * fires on one that differs from it in one thing. */
#include "sim/check/checks_state_test_world.h"

static void passes(void (*script)(struct life *life))
{
    struct test_world world;
    begin_world(&world);
    struct life life = {.world = &world, .script = script, .checkpoint = "/shared/c"};
    run_life(&life, "driver", 0);
    checks_end(world.checks);
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(not(violation->set), "%s: %s", violation->check, violation->evidence);
    for (int check = CHECK_WATERMARK; check <= CHECK_STATE_RETAINED; check++) {
        bool without =
            state_in == IN_ZIPS && (check == CHECK_STATE_ROWS || check == CHECK_STATE_PARTITION);
        cr_expect(without || checks_evaluations(world.checks, check) > 0,
                  "%s",
                  check_name((enum check_id)check));
    }
    cr_assert(checks_settled(world.checks));
    world_close(&world);
}

Test(checks_rocksdb, right_histories_violate_nothing)
{
    wrong = (struct wrong){.batch = -1};
    state_in = IN_CHANGELOGS;
    passes(history);
    state_in = IN_ZIPS;
    passes(history);
}

Test(checks_rocksdb, changelogs)
{
    state_in = IN_CHANGELOGS;
    fails((struct wrong){.batch = 1, .no_delta = 2},
          history,
          "state-before-commit",
          "/shared/c/state/0/1/2.zip is not");
    fails((struct wrong){.batch = 1, .torn = true}, history, "state-before-commit", "is not whole");
    fails((struct wrong){.batch = 1, .unsynced = true},
          history,
          "state-before-commit",
          "2.changelog would not outlive a crash");
    fails((struct wrong){.batch = 1, .other_count = 46}, history, "state-rows", "other buffers");
    fails(
        (struct wrong){.batch = 2, .not_put = 51}, history, "state-rows", "does not have the key");
    fails((struct wrong){.batch = 2, .misplaced = 51}, history, "state-partition", "hashes to");
}

Test(checks_rocksdb, zips)
{
    state_in = IN_ZIPS;
    fails((struct wrong){.batch = 1, .no_delta = 2},
          history,
          "state-before-commit",
          "/shared/c/state/0/1/2.zip is not");
    fails((struct wrong){.batch = 1, .torn = true}, history, "snapshot-replay", "is not whole");
    fails((struct wrong){.batch = 1, .unclosed = true},
          history,
          "snapshot-replay",
          "2.zip is not whole");
    fails((struct wrong){.batch = 1, .other_count = 46}, history, "snapshot-replay", "2.zip has");
    fails((struct wrong){.batch = 2, .not_put = 51}, history, "snapshot-replay", "3.zip has");
    fails((struct wrong){.batch = 1, .not_removed = 1}, history, "snapshot-replay", "2.zip has");
    fails((struct wrong){.batch = 2, .extra = 11}, history, "snapshot-replay", "3.zip has");
}

Test(checks_rocksdb, sst_files)
{
    state_in = IN_ZIPS;
    fails((struct wrong){.batch = 1, .sst = SST_MISSING},
          history,
          "snapshot-replay",
          "SSTs/000008-2.sst is not there");
    fails((struct wrong){.batch = 1, .sst = SST_GARBLED},
          history,
          "snapshot-replay",
          "SSTs/000008-2.sst: a block");
    fails((struct wrong){.batch = 1, .sst = SST_GARBLED_ELSEWHERE},
          history,
          "snapshot-replay",
          "SSTs/000008-2.sst: its checksum");
    fails((struct wrong){.batch = 1, .sst = SST_UNSYNCED},
          history,
          "state-before-commit",
          "SSTs/000008-2.sst would not outlive a crash");
}

static void an_sst_goes_too_early(struct life *life)
{
    without_the_last(life);
    cr_assert(eq(int, store_remove(life->store, sst_path(life, 0, 1)), OK)); /* 3 and 4 are kept */
    cr_assert(eq(int, store_remove(life->store, sst_path(life, 0, 3)), OK));
}

Test(checks_rocksdb, cleanup_of_sst_files)
{
    state_in = IN_ZIPS;
    fails((struct wrong){.batch = -1},
          an_sst_goes_too_early,
          "state-retained",
          "removed /shared/c/state/0/0/SSTs/000008-3.sst, but version 3, one of the last 2");
}

static void a_delta_beside(struct life *life)
{
    without_the_last(life);
    struct buf records = {0};
    put(life, state_path(life, 0, 5, "delta"), container(life, &records));
}

Test(checks_rocksdb, a_file_of_the_other_provider)
{
    state_in = IN_CHANGELOGS;
    fails((struct wrong){.batch = -1}, a_delta_beside, "state-rows", "its state is in RocksDB");
}

/* What is owed depends on what is left: a zip whose SST file is bad is none. */
static void damaged(struct life *life)
{
    struct checks *checks = life->world->checks;
    without_the_last(life);
    if (state_in == IN_CHANGELOGS) {
        write_zip(life, 0, 4);
        cr_expect(eq(int, checks_damage_duty(checks, sst_path(life, 0, 4)), DAMAGE_RECOVER));
        const char *changelog = state_path(life, 0, 2, "changelog");
        cr_expect(eq(int, checks_damage_duty(checks, changelog), DAMAGE_RECOVER));
        fake_storage_damage(life->world->storage, sst_path(life, 0, 4), DAMAGE_REMOVED);
        cr_expect(eq(int, checks_damage_duty(checks, changelog), DAMAGE_REFUSE));
    } else {
        cr_expect(eq(int, checks_damage_duty(checks, sst_path(life, 0, 4)), DAMAGE_REFUSE));
        cr_expect(eq(int, checks_damage_duty(checks, sst_path(life, 0, 3)), DAMAGE_RECOVER));
        const char *zip = state_path(life, 1, 4, "zip");
        cr_expect(eq(int, checks_damage_duty(checks, zip), DAMAGE_REFUSE));
        fake_storage_damage(life->world->storage, zip, DAMAGE_GARBLED);
    }
    kernel_machine_down(
        life->world->kernel, life->world->machines[1], MACHINE_CRASHED, UNSYNCED_DROPPED);
}

static void nobodys_violation(void)
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

Test(checks_rocksdb, what_the_world_damages)
{
    state_in = IN_CHANGELOGS;
    nobodys_violation();
    state_in = IN_ZIPS;
    nobodys_violation();
}
