/* The engine's store and logs over fakes whose operations fail: errors, a full disk, throttling,
 * lost replies. */
#include "engine/checkpoint/store.h"

#include "engine/checkpoint/metadata_log.h"
#include "sim/fakes/storage_world.h"

#define LOG  "/shared/ck/offsets"
#define PATH LOG "/3"

struct outcome {
    enum store_kind kind;
    const char *content;
    enum status status;
    int64_t took_us;
    struct diag diag;
};

static void put_new(void *argument, const struct ports *ports)
{
    struct outcome *outcome = argument;
    struct store *store = store_new(ports, outcome->kind);
    int64_t start_us = clock_now_us(&ports->clock);
    outcome->status = store_put_new(store, PATH, bytes_of_text(outcome->content));
    outcome->took_us = clock_now_us(&ports->clock) - start_us;
}

static void put_unique(void *argument, const struct ports *ports)
{
    struct outcome *outcome = argument;
    struct store *store = store_new(ports, outcome->kind);
    outcome->status = store_put_unique(store, PATH, bytes_of_text(outcome->content));
}

static void put_entry(void *argument, const struct ports *ports)
{
    struct outcome *outcome = argument;
    struct store *store = store_new(ports, outcome->kind);
    outcome->diag = (struct diag){0};
    outcome->status =
        metadata_log_put(store, LOG, 3, bytes_of_text(outcome->content), &outcome->diag);
}

static struct outcome
run(struct storage_world *world, contract_body body, enum store_kind kind, const char *content)
{
    struct outcome outcome = {.kind = kind, .content = content, .status = ERR_INVALID};
    storage_world_run(world, body, &outcome);
    return outcome;
}

/* ---- over disk ----------------------------------------------------------------------------------
 */

static size_t temporary_count;

static void count_temporary(void *context, const char *path, struct bytes content)
{
    temporary_count += strstr(path, ".tmp") != NULL;
}

static void check_failing_operation(const char *operation, uint32_t nth, enum status error)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    world.trigger = (struct storage_trigger){.operation = operation,
                                             .nth = nth,
                                             .times = 1,
                                             .fault = {.effect = OPERATION_FAILS, .status = error}};
    struct outcome outcome = run(&world, put_new, STORE_DISK, "A");
    cr_assert(eq(u32, world.trigger.fired, 1));
    bool visible = strcmp(storage_world_look(&world, 0, PATH), "A") == 0;
    bool last_sync = strcmp(operation, "fsync_dir") == 0 && nth == 3;
    cr_assert(eq(int, outcome.status, last_sync ? ERR_NOT_DURABLE : error), "%s", operation);
    cr_assert(eq(int, visible, last_sync));
    temporary_count = 0;
    fake_storage_each(world.storage, 0, "/shared", count_temporary, NULL);
    cr_assert(eq(sz, temporary_count, 0), "%s left its temporary file", operation);
    outcome = run(&world, put_new, STORE_DISK, "A"); /* later, when it is mended */
    cr_assert(eq(int, outcome.status, last_sync ? ERR_EXISTS : OK));
    storage_world_free(&world);
}

Test(store_faults, an_operation_that_fails_leaves_nothing_behind)
{
    static const struct {
        const char *operation;
        uint32_t nth;
    } table[] = {{"mkdir", 1},
                 {"mkdir", 2},
                 {"fsync_dir", 1},
                 {"fsync_dir", 2},
                 {"fsync_dir", 3},
                 {"open", 1},
                 {"write", 1},
                 {"fsync", 1},
                 {"close", 1},
                 {"rename", 1}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        check_failing_operation(table[i].operation, table[i].nth, ERR_IO);
        check_failing_operation(table[i].operation, table[i].nth, ERR_NO_SPACE);
    }
}

Test(store_faults, a_failed_fsync_is_not_tried_again)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    world.trigger =
        (struct storage_trigger){.operation = "fsync",
                                 .nth = 1,
                                 .times = 1,
                                 .fault = {.effect = OPERATION_FAILS, .status = ERR_IO}};
    struct outcome outcome = run(&world, put_new, STORE_DISK, "A");
    cr_assert(eq(int, outcome.status, ERR_IO));
    cr_assert(eq(u32, world.trigger.seen, 1));
    storage_world_free(&world);
}

Test(store_faults, a_short_write_is_gone_on_with)
{
    uint32_t short_writes = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct storage_world world;
        storage_world_new(&world, seed, true);
        world.trigger = (struct storage_trigger){.operation = "write", .nth = 1}; /* counts */
        struct outcome outcome = run(&world, put_new, STORE_DISK, "0123456789");
        cr_assert(eq(int, outcome.status, OK));
        cr_assert(eq(str, storage_world_look(&world, 0, PATH), "0123456789"));
        short_writes += world.trigger.seen - 1;
        storage_world_free(&world);
    }
    cr_assert(gt(u32, short_writes, 0));
}

Test(store_faults, a_log_entry_that_is_not_durable_stops_the_query)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    world.trigger =
        (struct storage_trigger){.operation = "fsync_dir",
                                 .path = "offsets",
                                 .nth = 1,
                                 .times = 1,
                                 .fault = {.effect = OPERATION_FAILS, .status = ERR_IO}};
    struct outcome outcome = run(&world, put_entry, STORE_DISK, "A");
    cr_assert(eq(int, outcome.status, ERR_FAILED));
    cr_assert(eq(str, outcome.diag.error_class, "CHECKPOINT_WRITE_FAILED"));
    cr_assert(ne(ptr, strstr(outcome.diag.text, "fsync failed"), NULL));
    cr_assert(eq(str, outcome.diag.file, PATH));
    storage_world_free(&world);
}

/* ---- over objects -------------------------------------------------------------------------------
 */

static struct storage_trigger throttle(uint32_t times)
{
    return (struct storage_trigger){.operation = "put_if_absent",
                                    .nth = 1,
                                    .times = times,
                                    .fault = {.effect = OPERATION_FAILS, .status = ERR_THROTTLED}};
}

static struct storage_trigger lose_reply(const char *operation, uint32_t times, bool applied)
{
    return (struct storage_trigger){.operation = operation,
                                    .nth = 1,
                                    .times = times,
                                    .fault = {.effect = OPERATION_LOSES_REPLY, .applied = applied}};
}

Test(store_faults, throttling_is_waited_out_within_bounds)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    world.trigger = throttle(4);
    struct outcome outcome = run(&world, put_new, STORE_OBJECTS, "A");
    cr_assert(eq(int, outcome.status, OK));
    cr_assert(ge(i64, outcome.took_us, 750000)); /* half of 100 + 200 + 400 + 800 ms */
    storage_world_free(&world);
    storage_world_new(&world, 1, false);
    world.trigger = throttle(1000);
    outcome = run(&world, put_new, STORE_OBJECTS, "A");
    cr_assert(eq(int, outcome.status, ERR_THROTTLED));
    cr_assert(le(i64, outcome.took_us, 60000000));
    cr_assert(eq(u32, world.trigger.seen, 10));
    storage_world_free(&world);
}

Test(store_faults, an_unknown_outcome_goes_up_and_is_resolved_for_unique_names)
{
    for (int applied = 0; applied < 2; applied++) {
        struct storage_world world;
        storage_world_new(&world, 1, false);
        world.trigger = lose_reply("put_if_absent", 1, applied);
        struct outcome outcome = run(&world, put_new, STORE_OBJECTS, "A");
        cr_assert(eq(int, outcome.status, ERR_UNKNOWN));
        cr_assert(eq(str, storage_world_look(&world, 0, PATH), applied ? "A" : "<none>"));
        world.trigger = lose_reply("put", 2, applied);
        outcome = run(&world, put_unique, STORE_OBJECTS, "B");
        cr_assert(eq(int, outcome.status, OK));
        cr_assert(eq(str, storage_world_look(&world, 0, PATH), "B"));
        storage_world_free(&world);
    }
}

Test(store_faults, a_log_put_resolves_its_own_unknown_outcome)
{
    for (int applied = 0; applied < 2; applied++) {
        for (uint64_t seed = 1; seed <= 20; seed++) { /* under noise it may arrive late */
            struct storage_world world;
            storage_world_new(&world, seed, true);
            world.trigger = lose_reply("put_if_absent", 2, applied);
            struct outcome outcome = run(&world, put_entry, STORE_OBJECTS, "A");
            cr_assert(eq(int, outcome.status, OK), "%s", outcome.diag.text);
            cr_assert(eq(str, storage_world_look(&world, 0, PATH), "A"));
            storage_world_free(&world);
        }
    }
}

Test(store_faults, a_log_put_gives_up_in_the_end)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    world.trigger = lose_reply("put_if_absent", 1000, false);
    struct outcome outcome = run(&world, put_entry, STORE_OBJECTS, "A");
    cr_assert(eq(int, outcome.status, ERR_FAILED));
    cr_assert(eq(str, outcome.diag.error_class, "CHECKPOINT_WRITE_FAILED"));
    storage_world_free(&world);
}

static void check_loser(struct outcome outcome)
{
    cr_assert(eq(int, outcome.status, ERR_FAILED));
    cr_assert(eq(str, outcome.diag.error_class, "CONCURRENT_STREAM_LOG_UPDATE"));
    cr_assert(ne(ptr, strstr(outcome.diag.text, PATH), NULL));
}

/* Two drivers that planned the same batch may write the same bytes: one must lose all the same. */
Test(store_faults, another_runs_entry_is_never_taken_for_ones_own)
{
    static const enum store_kind kinds[] = {STORE_DISK, STORE_OBJECTS};
    for (size_t i = 0; i < 2; i++) {
        struct storage_world world;
        storage_world_new(&world, 1, false);
        cr_assert(eq(int, run(&world, put_entry, kinds[i], "A").status, OK));
        check_loser(run(&world, put_entry, kinds[i], "A"));
        check_loser(run(&world, put_entry, kinds[i], "B"));
        world.trigger = lose_reply("put_if_absent", 1, false);
        check_loser(run(&world, put_entry, kinds[i], "B"));
        storage_world_free(&world);
    }
}

/* Throttled first, then somebody else's entry is there: nothing of one's own was ever in doubt. */
Test(store_faults, after_throttling_an_equal_entry_is_still_somebody_elses)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    cr_assert(eq(int, run(&world, put_entry, STORE_OBJECTS, "A").status, OK));
    world.trigger = throttle(2);
    check_loser(run(&world, put_entry, STORE_OBJECTS, "A"));
    storage_world_free(&world);
}

/* ---- races -------------------------------------------------------------------------------------
 */

Test(store_faults, of_two_that_put_at_once_one_wins)
{
    static const enum store_kind kinds[] = {STORE_DISK, STORE_OBJECTS};
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct storage_world world;
        struct outcome outcomes[2];
        storage_world_new(&world, seed, true);
        for (uint32_t i = 0; i < 2; i++) {
            outcomes[i] = (struct outcome){.kind = kinds[seed % 2], .content = i == 0 ? "A" : "B"};
            world.machine = i;
            storage_world_spawn(&world, put_new, &outcomes[i]);
            /* Both begin at the same time; the first fiber of each reads world->body. */
            (void)kernel_run(world.kernel, NULL, NULL, kernel_now_us(world.kernel));
        }
        storage_world_settle(&world);
        bool first = outcomes[0].status == OK;
        cr_assert(eq(int, outcomes[first ? 0 : 1].status, OK));
        cr_assert(eq(int, outcomes[first ? 1 : 0].status, ERR_EXISTS));
        cr_assert(eq(str, storage_world_look(&world, 0, PATH), first ? "A" : "B"));
        storage_world_free(&world);
    }
}
