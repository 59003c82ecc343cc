/* Every check passes a right history, counting what it compared, and fires on a wrong one. A
 * history is a driver's life written by hand; each wrong one differs from the right one in one
 * thing. */
#include "sim/check/checks_test_world.h"

static void violates(void (*script)(struct life *life), const char *check, const char *evidence)
{
    struct test_world world;
    world_open(&world, "/shared/c", "earliest");
    struct life life = {.world = &world, .script = script, .checkpoint = "/shared/c"};
    run_life(&life, "driver", 0);
    if (!kernel_violation(world.kernel)->set) {
        checks_end(world.checks);
    }
    const struct violation *violation = kernel_violation(world.kernel);
    cr_expect(violation->set, "%s: nothing was violated", check);
    cr_expect(eq(str, violation->check, check), "%s", violation->evidence);
    cr_expect(strstr(violation->evidence, evidence) != NULL, "%s", violation->evidence);
    world_close(&world);
}

/* ---- the right history */

static void batches(struct life *life, int64_t count)
{
    begin_query(life, "q1", zeros);
    for (int64_t n = 0; n < count; n++) {
        whole_batch(life, n);
    }
}

static void purge(struct life *life, int64_t first_kept)
{
    for (int64_t n = 0; n < first_kept; n++) {
        enum status removed = store_remove(life->store, file_of(life, "offsets", n));
        cr_assert(eq(int, removed, OK));
        removed = store_remove(life->store, file_of(life, "commits", n));
        cr_assert(eq(int, removed, OK));
    }
    say(life, EVENT_PURGED, -1, first_kept, 0);
}

static void right(struct life *life)
{
    batches(life, 6);
    purge(life, 3);
    write_offsets(life, 6);
    struct rows rows = rows_of_batch(life);
    commit_rows(life, 6, &rows);
    say(life, EVENT_SINK_SKIPPED, 6, 6, 0);
    write_commit(life, 6);
    whole_batch(life, 7);
    say_text(life, EVENT_QUERY_ENDED, "");
}

Test(checks, a_right_history_violates_nothing_and_is_compared)
{
    struct test_world world;
    world_open(&world, "/shared/c", "earliest");
    struct life life = {.world = &world, .script = right, .checkpoint = "/shared/c"};
    cr_assert(not(checks_caught_up(world.checks)));
    cr_assert(eq(i64, checks_lag(world.checks), 80));
    run_life(&life, "driver", 0);
    checks_end(world.checks);
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(not(violation->set), "%s: %s", violation->check, violation->evidence);
    for (int check = 0; check < CHECK_COUNT; check++) {
        bool ran = checks_evaluations(world.checks, check) > 0;
        cr_expect(eq(int, ran, checks_apply(world.checks, check)), "%s", check_name(check));
    }
    cr_assert(checks_caught_up(world.checks));
    cr_assert(checks_settled(world.checks));
    cr_assert(eq(i64, checks_lag(world.checks), 0));
    cr_assert(eq(i64, checks_rows_out(world.checks), 40));
    cr_assert(eq(int, checks_lost_cause(world.checks), LOST_NOTHING));
    readable[1] += 3;
    cr_assert(eq(i64, checks_lag(world.checks), 3));
    cr_assert(not(checks_caught_up(world.checks)));
    world_close(&world);
}

Test(checks, each_has_a_name_and_a_promise)
{
    for (int check = 0; check < CHECK_COUNT; check++) {
        cr_assert(strlen(check_name(check)) > 3);
        cr_assert(strlen(check_promise(check)) > 20);
    }
}

/* ---- offsets, commits */

static void offsets_hole(struct life *life)
{
    batches(life, 2);
    say(life, EVENT_BATCH_PLANNED, 3, 10, 0);
    put(life, file_of(life, "offsets", 3), offsets_text(life, life->ends));
}

Test(checks, offsets_dense)
{
    violates(offsets_hole, "offsets-dense", "offsets/2 is not there");
}

static void replace(struct life *life, const char *path, struct bytes content)
{
    const struct disk_port *disk = &life->ports->disk;
    const char *other = arena_printf(&life->arena, "%s.other", path);
    put(life, other, content);
    enum status status = disk_rename(disk, other, path, false);
    cr_assert(eq(int, status, OK));
}

static void remove_and_write_again(struct life *life)
{
    batches(life, 4);
    write_offsets(life, 4);
    struct rows rows = rows_of_batch(life);
    commit_rows(life, 4, &rows);
    /* as an operator with a stale copy would, under everybody's eyes but the engine's */
    life->ends[0]--;
    replace(life, file_of(life, "offsets", 4), offsets_text(life, life->ends));
}

Test(checks, one_winner_of_a_file_that_is_there)
{
    violates(remove_and_write_again, "one-winner", "replaced /shared/c/offsets/4");
}

static void put_without_sync(struct life *life, const char *path, struct bytes content)
{
    const struct disk_port *disk = &life->ports->disk;
    const char *hidden = arena_printf(&life->arena, "%s/.hidden.tmp", life->checkpoint);
    disk_fd fd;
    size_t written = 0;
    cr_assert(eq(int, disk_open(disk, hidden, DISK_CREATE_NEW, &fd), OK));
    cr_assert(eq(int, disk_write(disk, fd, content.data, content.size, &written), OK));
    cr_assert(eq(int, disk_fsync(disk, fd), OK));
    cr_assert(eq(int, disk_close(disk, fd), OK));
    cr_assert(eq(int, disk_rename(disk, hidden, path, true), OK));
}

static void unsynced_offsets_reported(struct life *life)
{
    batches(life, 2);
    say(life, EVENT_BATCH_PLANNED, 2, 10, 0);
    life->ends[0] += 5;
    life->ends[1] += 5;
    put_without_sync(life, file_of(life, "offsets", 2), offsets_text(life, life->ends));
    say(life, EVENT_OFFSETS_WRITTEN, 2, 0, 0);
}

Test(checks, acked_durable_offsets)
{
    violates(unsynced_offsets_reported, "acked-durable", "would take /shared/c/offsets/2");
}

/* The engine would report only what is durable; here it relies on it without a word. */
static void offsets_that_a_crash_takes(struct life *life)
{
    batches(life, 1);
    life->ends[0] += 5;
    life->ends[1] += 5;
    put_without_sync(life, file_of(life, "offsets", 1), offsets_text(life, life->ends));
    struct rows rows = rows_of_batch(life);
    struct bytes file = data_file(life, &rows);
    put(life, file_path(life, "part-x.parquet"), file);
    publish(life,
            arena_printf(&life->arena,
                         "%s%s",
                         txn_line(life, 1),
                         add_line(life, "part-x.parquet", file, rows.count)));
    kernel_machine_down(
        life->world->kernel, life->world->machines[0], MACHINE_CRASHED, UNSYNCED_DROPPED);
}

Test(checks, offsets_once_across_a_crash)
{
    violates(offsets_that_a_crash_takes, "offsets-once", "a crash took /shared/c/offsets/1");
}

/* The same crash, but nothing of the batch is durable: offsets/1 may vanish and be others. */
static void forgotten_intent(struct life *life)
{
    batches(life, 1);
    life->ends[0] += 5;
    life->ends[1] += 5;
    put_without_sync(life, file_of(life, "offsets", 1), offsets_text(life, life->ends));
    kernel_machine_down(
        life->world->kernel, life->world->machines[0], MACHINE_CRASHED, UNSYNCED_DROPPED);
}

static void second_intent(struct life *life)
{
    life->version = 1;
    life->query = "q1";
    say_text(life, EVENT_QUERY_STARTED, "q1");
    say(life, EVENT_QUERY_RESUMED, 1, 1, 0);
    life->begins[0] = 5;
    life->begins[1] = 5;
    life->ends[0] = 6;
    life->ends[1] = 9;
    say(life, EVENT_BATCH_PLANNED, 1, 5, 0);
    put(life, file_of(life, "offsets", 1), offsets_text(life, life->ends));
    say(life, EVENT_OFFSETS_WRITTEN, 1, 0, 0);
    struct rows rows = rows_of_batch(life);
    commit_rows(life, 1, &rows);
    write_commit(life, 1);
}

Test(checks, an_intent_without_effect_may_be_forgotten)
{
    struct test_world world;
    world_open(&world, "/shared/c", "earliest");
    struct life first = {.world = &world, .script = forgotten_intent, .checkpoint = "/shared/c"};
    struct life second = {.world = &world, .script = second_intent, .checkpoint = "/shared/c"};
    run_life(&first, "driver", 0);
    run_life(&second, "driver", 1);
    checks_end(world.checks);
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(not(violation->set), "%s: %s", violation->check, violation->evidence);
    world_close(&world);
}

static void commit_before_sink(struct life *life)
{
    batches(life, 1);
    write_offsets(life, 1);
    write_commit(life, 1);
}

Test(checks, commits_follow_the_sink)
{
    violates(commit_before_sink, "commits-follow", "no version of the table has txn (q1, 1)");
}

static void sink_before_offsets(struct life *life)
{
    batches(life, 1);
    life->ends[0] += 5;
    struct rows rows = rows_of_batch(life);
    commit_rows(life, 1, &rows);
}

Test(checks, sinks_follow_offsets)
{
    violates(sink_before_offsets, "commits-follow", "offsets/1 is not there");
}

static void purge_too_much(struct life *life)
{
    batches(life, 6);
    purge(life, 5);
}

Test(checks, purge_safe)
{
    violates(purge_too_much, "purge-safe", "1 batches stay, expected 2");
}

static void leaves_unsynced(struct life *life)
{
    put(life, "/shared/c/other/synced", bytes_of_text("x")); /* the folders are there */
    put_without_sync(life, "/shared/c/other/unsynced", bytes_of_text("x"));
}

/* What is purged is not what the crash just before took. */
static void purge_behind_a_crash(struct life *life)
{
    batches(life, 6);
    kernel_machine_down(
        life->world->kernel, life->world->machines[1], MACHINE_CRASHED, UNSYNCED_DROPPED);
    purge(life, 3);
}

Test(checks, a_purge_right_behind_a_crash_of_another_machine)
{
    struct test_world world;
    world_open(&world, "/shared/c", "earliest");
    struct life executor = {.world = &world, .script = leaves_unsynced, .checkpoint = "/shared/c"};
    struct life life = {.world = &world, .script = purge_behind_a_crash, .checkpoint = "/shared/c"};
    run_life(&executor, "executor 1", 0);
    run_life(&life, "driver", 0);
    const struct violation *violation = kernel_violation(world.kernel);
    cr_expect(not(violation->set), "%s: %s", violation->check, violation->evidence);
    world_close(&world);
}

/* ---- plan */

static void wrong_initial(struct life *life)
{
    static const int64_t initial[] = {0, 1};
    begin_query(life, "q1", initial);
}

Test(checks, oracle_ranges_initial)
{
    violates(wrong_initial, "oracle-ranges", "begins partition 1 at 1");
}

static void beyond_readable(struct life *life)
{
    begin_query(life, "q1", zeros);
    static const int64_t ends[] = {3, RECORDS + 1};
    put(life, file_of(life, "offsets", 0), offsets_text(life, ends));
}

Test(checks, oracle_ranges_beyond_the_readable_end)
{
    violates(beyond_readable, "oracle-ranges", "ends partition 1 at 41");
}

static void backwards(struct life *life)
{
    batches(life, 2);
    life->ends[1] = 4;
    put(life, file_of(life, "offsets", 2), offsets_text(life, life->ends));
}

Test(checks, oracle_ranges_backwards)
{
    violates(backwards, "oracle-ranges", "ends partition 1 at 4: expected 10");
}

static void too_many(struct life *life)
{
    begin_query(life, "q1", zeros);
    static const int64_t ends[] = {10, 10};
    put(life, file_of(life, "offsets", 0), offsets_text(life, ends));
}

Test(checks, oracle_ranges_rate_limit)
{
    violates(too_many, "oracle-ranges", "20 offsets, maxOffsetsPerTrigger is 10");
}

static void plans_other_offsets(struct life *life)
{
    batches(life, 1);
    say(life, EVENT_BATCH_PLANNED, 1, 9, 0);
    life->ends[0] += 5;
    life->ends[1] += 5;
    put(life, file_of(life, "offsets", 1), offsets_text(life, life->ends));
    say(life, EVENT_OFFSETS_WRITTEN, 1, 0, 0);
}

Test(checks, batch_tiles)
{
    violates(plans_other_offsets, "batch-tiles", "planned batch 1 with 9 offsets");
}

static void resumes_wrong(struct life *life)
{
    batches(life, 1);
    write_offsets(life, 1);
    say(life, EVENT_QUERY_RESUMED, 2, 1, 0);
}

Test(checks, batch_tiles_resume)
{
    violates(resumes_wrong, "batch-tiles", "expected batch 1 (re-run)");
}

/* ---- the table */

static void version_gap(struct life *life)
{
    batches(life, 1);
    write_offsets(life, 1);
    struct rows rows = rows_of_batch(life);
    life->version++;
    commit_rows(life, 1, &rows);
}

Test(checks, delta_dense)
{
    violates(version_gap, "delta-dense", "version 1 is not there");
}

static void committed_twice(struct life *life)
{
    batches(life, 2);
    publish(life, txn_line(life, 1));
}

Test(checks, sink_once)
{
    violates(committed_twice, "sink-once", "versions 1 and 2 both commit batch 1");
}

static void skips_what_is_not_there(struct life *life)
{
    batches(life, 1);
    write_offsets(life, 1);
    say(life, EVENT_SINK_SKIPPED, 1, 1, 0);
}

Test(checks, sink_once_skipped)
{
    violates(skips_what_is_not_there, "sink-once", "which it has not");
}

/* One file whose add states something else. */
static void add_file(struct life *life, int64_t size_off, uint64_t hash_off, int64_t rows_off)
{
    begin_query(life, "q1", zeros);
    write_offsets(life, 0);
    struct rows rows = rows_of_batch(life);
    struct bytes file = data_file(life, &rows);
    put(life, file_path(life, "f"), file);
    publish(life,
            arena_printf(&life->arena,
                         "%s{\"add\":{\"path\":\"f\",\"size\":%zu,\"stats\":\"{\\\"numRecords\\\":"
                         "%zu}\",\"tags\":{\"aftershock.xxh64\":\"%016llx\"}}}\n",
                         txn_line(life, 0),
                         (size_t)(file.size + size_off),
                         (size_t)(rows.count + rows_off),
                         (unsigned long long)(hash_bytes(file.data, file.size) + hash_off)));
}

static void other_size(struct life *life)
{
    add_file(life, -1, 0, 0);
}

static void other_hash(struct life *life)
{
    add_file(life, 0, 1, 0);
}

static void other_rows(struct life *life)
{
    add_file(life, 0, 0, 1);
}

static void no_file(struct life *life)
{
    begin_query(life, "q1", zeros);
    write_offsets(life, 0);
    struct rows rows = rows_of_batch(life);
    struct bytes file = data_file(life, &rows);
    publish(life,
            arena_printf(
                &life->arena, "%s%s", txn_line(life, 0), add_line(life, "gone", file, rows.count)));
}

static void removed_file(struct life *life)
{
    batches(life, 2);
    cr_assert(eq(int, store_remove(life->store, file_path(life, file_name(life, 1))), OK));
}

Test(checks, files_whole)
{
    violates(other_size, "files-whole", "bytes, the add says");
    violates(other_hash, "files-whole", "another hash");
    violates(other_rows, "files-whole", "stats.numRecords says");
    violates(no_file, "files-whole", "it is not there");
    violates(removed_file, "files-whole", "which a version of the table names");
}

static void unsynced_file(struct life *life)
{
    batches(life, 1);
    write_offsets(life, 1);
    struct rows rows = rows_of_batch(life);
    struct bytes file = data_file(life, &rows);
    put_without_sync(life, file_path(life, "f"), file);
    publish(life,
            arena_printf(
                &life->arena, "%s%s", txn_line(life, 1), add_line(life, "f", file, rows.count)));
}

Test(checks, acked_durable_files)
{
    violates(unsynced_file, "acked-durable", "would take its file /shared/t/f");
}

static void torn_commit(struct life *life)
{
    begin_query(life, "q1", zeros);
    write_offsets(life, 0);
    publish(life, "{\"txn\":{\"appId\":\"q1\",\"ver");
}

static void empty_commit(struct life *life)
{
    batches(life, 1);
    write_offsets(life, 1);
    publish(life, "");
}

static void rows_of_nobody(struct life *life)
{
    batches(life, 1);
    struct rows rows = {.count = 0};
    struct bytes file = data_file(life, &rows);
    put(life, file_path(life, "f"), file);
    publish(life, add_line(life, "f", file, 0));
}

static void out_of_order(struct life *life)
{
    begin_query(life, "q1", zeros);
    write_offsets(life, 0);
    memcpy(life->begins, life->ends, sizeof life->begins);
    write_offsets(life, 1);
    struct rows rows = rows_of_batch(life);
    commit_rows(life, 1, &rows);
}

Test(checks, reader_whole)
{
    violates(torn_commit, "reader-whole", "a line is no whole JSON object");
    violates(empty_commit, "reader-whole", "an empty commit file");
    violates(rows_of_nobody, "reader-whole", "has no txn");
    violates(out_of_order, "reader-whole", "no version shows batch 0");
}

/* ---- rows */

static void row_twice(struct life *life)
{
    batches(life, 1);
    write_offsets(life, 1);
    struct rows rows = rows_of_batch(life);
    rows.values[rows.count++] = rows.values[0];
    commit_rows(life, 1, &rows);
}

Test(checks, delivered_once)
{
    violates(row_twice, "delivered-once", "row (6) is expected 1 times, found 2 times");
}

static void row_missing(struct life *life)
{
    batches(life, 1);
    write_offsets(life, 1);
    struct rows rows = rows_of_batch(life);
    rows.count--;
    commit_rows(life, 1, &rows);
}

static void row_of_another_batch(struct life *life)
{
    batches(life, 1);
    write_offsets(life, 1);
    struct rows rows = rows_of_batch(life);
    rows.values[0] = 2;
    commit_rows(life, 1, &rows);
}

static void row_that_the_filter_drops(struct life *life)
{
    batches(life, 1);
    write_offsets(life, 1);
    struct rows rows = rows_of_batch(life);
    rows.values[rows.count++] = 7;
    commit_rows(life, 1, &rows);
}

Test(checks, oracle_rows)
{
    violates(row_missing, "oracle-rows", "expected 4 rows, found 3");
    violates(row_of_another_batch, "oracle-rows", "expected 4 rows, found 4");
    violates(row_that_the_filter_drops, "oracle-rows", "row (7) is expected 0 times, found 1");
}

/* ---- two drivers */

static void reports_what_another_wrote(struct life *life)
{
    life->query = "q1";
    say_text(life, EVENT_QUERY_STARTED, "q1");
    say(life, EVENT_COMMIT_WRITTEN, 1, 0, 0);
}

static void two_batches(struct life *life)
{
    batches(life, 2);
}

Test(checks, one_winner_between_two_drivers)
{
    struct test_world world;
    world_open(&world, "/shared/c", "earliest");
    struct life first = {.world = &world, .script = two_batches, .checkpoint = "/shared/c"};
    struct life second = {
        .world = &world, .script = reports_what_another_wrote, .checkpoint = "/shared/c"};
    run_life(&first, "driver", 0);
    run_life(&second, "second driver", 0);
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(violation->set);
    cr_assert(eq(str, violation->check, "one-winner"));
    cr_assert(strstr(violation->evidence, "which process 1 wrote") != NULL);
    world_close(&world);
}

/* ---- death and time */

Test(checks, clean_death)
{
    struct test_world world;
    world_open(&world, "/shared/c", "earliest");
    struct life life = {.world = &world, .script = two_batches, .checkpoint = "/shared/c"};
    run_life(&life, "driver", 0);
    /* ports lie in the process */
    struct sim_process *dead =
        (struct sim_process *)((char *)life.ports - offsetof(struct sim_process, ports));
    dead->process.heap.bytes = 5;
    checks_end(world.checks);
    const struct violation *violation = kernel_violation(world.kernel);
    cr_assert(violation->set);
    cr_assert(eq(str, violation->check, "clean-death"));
    dead->process.heap.bytes = 0;
    world_close(&world);
}

static void sleeps(struct life *life)
{
    batches(life, 1);
    write_offsets(life, 1);
    clock_sleep_until(&life->ports->clock, TEST_START + US_PER_HOUR);
    struct rows rows = rows_of_batch(life);
    commit_rows(life, 1, &rows);
}

Test(checks, liveness)
{
    violates(sleeps, "liveness", "nothing was broken");
}
