/* The fake object store keeps the port's contract, and what its faults mean. */
#include "engine/ports/objects_contract.h"

#include "sim/fakes/storage_world.h"

static void check_all(uint64_t seed, bool noise)
{
    for (size_t i = 0; i < objects_contract_count; i++) {
        struct storage_world world;
        storage_world_new(&world, seed, noise);
        struct contract contract = {.root = "bucket",
                                    .self = &world,
                                    .run = storage_world_run,
                                    .run_and_hold = storage_world_hold,
                                    .kill_held = storage_world_kill_held};
        objects_contract[i].check(&contract);
        cr_assert(eq(str, contract.broken, ""), "%s", objects_contract[i].name);
        storage_world_free(&world);
    }
}

Test(objects_fake, keeps_the_contract)
{
    check_all(1, false);
}

Test(objects_fake, keeps_the_contract_under_noise)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        check_all(seed, true);
    }
}

/* ---- faults --------------------------------------------------------------------------------- */

struct asked {
    enum status put;
    enum status get;
    int64_t took_us;
};

static void ask(void *argument, const struct ports *ports)
{
    struct asked *asked = argument;
    struct arena arena = {0};
    struct bytes found;
    int64_t before_us = clock_now_us(&ports->clock);
    asked->put = objects_put_if_absent(&ports->objects, "k", bytes_of_text("v"));
    asked->took_us = clock_now_us(&ports->clock) - before_us;
    asked->get = objects_get(&ports->objects, "k", &arena, &found);
    arena_free(&arena);
}

static struct asked ask_with(struct storage_world *world, struct storage_trigger trigger)
{
    struct asked asked = {.put = ERR_INVALID, .get = ERR_INVALID};
    world->trigger = trigger;
    storage_world_run(world, ask, &asked);
    cr_assert(eq(u32, world->trigger.fired, 1));
    return asked;
}

Test(objects_fake, a_failing_request_has_no_effect)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    struct storage_trigger trigger = {
        .operation = "put_if_absent",
        .nth = 1,
        .times = 1,
        .fault = {.effect = OPERATION_FAILS, .status = ERR_THROTTLED}};
    struct asked asked = ask_with(&world, trigger);
    cr_assert(eq(int, asked.put, ERR_THROTTLED));
    cr_assert(eq(int, asked.get, ERR_NOT_FOUND));
    storage_world_free(&world);
}

Test(objects_fake, a_lost_reply_hides_whether_it_happened)
{
    for (int applied = 0; applied < 2; applied++) {
        struct storage_world world;
        storage_world_new(&world, 1, false);
        struct storage_trigger trigger = {
            .operation = "put_if_absent",
            .nth = 1,
            .times = 1,
            .fault = {.effect = OPERATION_LOSES_REPLY, .applied = applied}};
        struct asked asked = ask_with(&world, trigger);
        cr_assert(eq(int, asked.put, ERR_UNKNOWN));
        cr_assert(eq(int, asked.get, applied ? OK : ERR_NOT_FOUND));
        cr_assert(ge(i64, asked.took_us, 5000000)); /* the caller waited for its timeout */
        trigger.operation = "get";
        trigger.path = "k";
        asked = ask_with(&world, trigger);
        cr_assert(eq(int, asked.get, ERR_TIMEOUT));
        storage_world_free(&world);
    }
}

Test(objects_fake, a_lost_request_may_land_late)
{
    struct storage_world world;
    storage_world_new(&world, 1, false);
    struct storage_trigger trigger = {
        .operation = "put_if_absent",
        .nth = 1,
        .times = 1,
        .fault = {.effect = OPERATION_LOSES_REPLY, .applied = true, .late_us = 25000000}};
    struct asked asked = ask_with(&world, trigger);
    cr_assert(eq(int, asked.put, ERR_UNKNOWN));
    cr_assert(eq(int, asked.get, ERR_NOT_FOUND));
    cr_assert(eq(str, storage_world_look(&world, 0, "/k"), "v")); /* in the end */
    storage_world_free(&world);
}

Test(objects_fake, under_noise_some_requests_arrive_after_the_caller_gave_up)
{
    int late = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct storage_world world;
        storage_world_new(&world, seed, true);
        struct storage_trigger trigger = {
            .operation = "put_if_absent",
            .nth = 1,
            .times = 1,
            .fault = {.effect = OPERATION_LOSES_REPLY, .applied = true}};
        struct asked asked = ask_with(&world, trigger);
        cr_assert(eq(int, asked.put, ERR_UNKNOWN));
        late += asked.get == ERR_NOT_FOUND;
        cr_assert(eq(str, storage_world_look(&world, 0, "/k"), "v")); /* in the end */
        storage_world_free(&world);
    }
    cr_assert(gt(int, late, 8));
    cr_assert(lt(int, late, 32));
}

/* ---- a death in the middle ---- */

static bool at_time(void *context)
{
    struct storage_world *world = context;
    return kernel_now_us(world->kernel) >= world->trigger.fault.delay_us;
}

static void nothing(void *context, uint64_t argument)
{
}

Test(objects_fake, a_request_takes_effect_in_the_middle_of_its_latency)
{
    static const struct {
        int64_t dies_after_us; /* a put of one byte takes 30,000 */
        const char *leaves;
    } table[] = {{1, "<none>"}, {14000, "<none>"}, {16000, "v"}, {29000, "v"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct storage_world world;
        struct asked asked = {0};
        storage_world_new(&world, 1, false);
        int64_t time_us = kernel_now_us(world.kernel) + table[i].dies_after_us;
        world.trigger.fault.delay_us = time_us; /* only remembered: nth is 0 */
        kernel_at(world.kernel, time_us, nothing, NULL, 0);
        struct sim_process *process = storage_world_spawn(&world, ask, &asked);
        enum kernel_stop stop = kernel_run(world.kernel, at_time, &world, INT64_MAX);
        cr_assert(eq(int, stop, KERNEL_STOPPED));
        kernel_kill(world.kernel, process);
        storage_world_settle(&world);
        cr_assert(eq(str, storage_world_look(&world, 0, "/k"), table[i].leaves), "row %zu", i);
        storage_world_free(&world);
    }
}

/* ---- crashes take nothing ---- */

Test(objects_fake, no_crash_takes_an_object)
{
    struct storage_world world;
    struct asked asked = {0};
    storage_world_new(&world, 1, false);
    storage_world_run(&world, ask, &asked);
    cr_assert(fake_storage_durable(world.storage, 0, "/k"));
    kernel_machine_down(world.kernel, 0, MACHINE_LOST, UNSYNCED_DROPPED);
    cr_assert(eq(str, storage_world_look(&world, 1, "/k"), "v"));
    storage_world_free(&world);
}
