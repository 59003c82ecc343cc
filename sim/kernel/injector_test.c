#include "sim/kernel/injector.h"

#include <inttypes.h>
#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/failpoint.h"

enum { EVENTS_MAX = 8 };

struct world {
    struct kernel *kernel;
    struct injector *injector;
    struct fault_event events[EVENTS_MAX];
    struct fault_plan plan;
    char log[1024];
};

static void say(struct world *world, const char *word)
{
    size_t used = strlen(world->log);
    int64_t at = kernel_now_us(world->kernel) - kernel_start_us(world->kernel);
    (void)snprintf(world->log + used, sizeof world->log - used, "%s@%" PRId64 " ", word, at);
}

static void act(void *self, const struct fault_event *event, size_t index, struct sim_process *at)
{
    struct world *world = self;
    char word[64];
    const char *who = at == NULL ? "nobody" : at->process.name;
    (void)snprintf(word, sizeof word, "[%zu by %s]", index, who);
    say(world, word);
    if (event->verb == FAULT_CRASH && event->target.kind == TARGET_EXECUTOR && at != NULL) {
        kernel_kill(world->kernel, at);
    }
}

static struct fault_event *add(struct world *world, enum fault_verb verb, enum target_kind target)
{
    cr_assert(lt(sz, world->plan.count, EVENTS_MAX));
    struct fault_event *event = &world->events[world->plan.count++];
    *event = (struct fault_event){.verb = verb, .target = {.kind = target}, .times = 1};
    return event;
}

static void at_time(struct fault_event *event, int64_t time_us)
{
    event->at = (struct anchor){.kind = ANCHOR_TIME, .time_us = time_us};
}

static void at_point(struct fault_event *event, enum failpoint point, int64_t batch, uint32_t nth)
{
    event->at = (struct anchor){.kind = ANCHOR_POINT, .point = point, .batch = batch, .nth = nth};
}

static void at_operation(struct fault_event *event, const char *operation, const char *path)
{
    event->at =
        (struct anchor){.kind = ANCHOR_OPERATION, .operation = operation, .path = path, .nth = 1};
}

static void world_new(struct world *world)
{
    struct kernel_config config = {.seed = 3, .start_us = 5000};
    *world = (struct world){.kernel = kernel_new(&config)};
    world->plan.events = world->events;
    (void)kernel_machine_add(world->kernel, "machine");
    kernel_enable_failpoints();
}

static void arm(struct world *world)
{
    world->injector = injector_new(
        world->kernel, &world->plan, &(struct injector_actions){.self = world, .act = act});
}

static void spawn(struct world *world, const char *name, fiber_entry entry)
{
    struct sim_process_config config = {.role = strncmp(name, "executor", 8) == 0 ? ROLE_EXECUTOR
                                                                                  : ROLE_DRIVER,
                                        .name = name,
                                        .entry = entry,
                                        .argument = world};
    (void)kernel_spawn(world->kernel, &config);
}

static void run_to_idle(struct world *world)
{
    enum kernel_stop stop = kernel_run(world->kernel, NULL, NULL, INT64_MAX);
    cr_assert(eq(int, stop, KERNEL_IDLE), "%s", kernel_violation(world->kernel)->evidence);
}

static void world_free(struct world *world)
{
    kernel_free(world->kernel);
    cr_assert(eq(sz, fiber_live_count(), 0));
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}

static int64_t fired_at(const struct world *world, size_t index)
{
    int64_t at_us = -1;
    (void)injector_fired(world->injector, index, &at_us);
    return at_us < 0 ? -1 : at_us - kernel_start_us(world->kernel);
}

/* ---- pure ---- */

Test(injector, a_star_stands_for_anything)
{
    static const struct {
        const char *pattern;
        const char *path;
        bool matches;
    } cases[] = {{NULL, "/shared/x", true},
                 {"*", "", true},
                 {"", "", true},
                 {"", "a", false},
                 {"*commits/3", "/shared/checkpoint/commits/3", true},
                 {"*commits/3", "/shared/checkpoint/commits/31", false},
                 {"*commits/3*", "/shared/checkpoint/commits/31", true},
                 {"*/_delta_log/*.json", "/shared/t/_delta_log/00.json", true},
                 {"*/_delta_log/*.json", "/shared/t/_delta_log/00.json.tmp", false},
                 {"a*b*c", "aXbXbXc", true},
                 {"a*b*c", "aXbXbX", false},
                 {"**a**", "xxa", true},
                 {"abc", "abc", true},
                 {"abc", "abcd", false},
                 {"*aab", "aaaaaaaab", true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool matches = injector_path_matches(cases[i].pattern, cases[i].path);
        cr_assert(eq(int, matches, cases[i].matches), "case %zu", i);
    }
}

/* ---- points ---- */

static void three_batches(void *argument)
{
    struct world *world = argument;
    for (int64_t batch = 0; batch < 3; batch++) {
        kernel_wait(world->kernel, 10);
        failpoint(FP_SINK_BEFORE, batch);
        failpoint(FP_SINK_AFTER, batch);
    }
    say(world, "done");
}

static void executor_tasks(void *argument)
{
    struct world *world = argument;
    for (int64_t batch = 0; batch < 3; batch++) {
        kernel_wait(world->kernel, 7);
        failpoint(FP_OUTPUT_AFTER, batch);
    }
    say(world, current_process->name);
}

Test(injector, a_point_of_a_batch_fires_once)
{
    struct world world;
    world_new(&world);
    at_point(add(&world, FAULT_CRASH, TARGET_DRIVER), FP_SINK_AFTER, 1, 1);
    at_point(add(&world, FAULT_LOSE, TARGET_DRIVER_MACHINE), FP_SINK_BEFORE, -1, 3);
    at_point(add(&world, FAULT_CRASH, TARGET_DRIVER), FP_SINK_BEFORE, 7, 1);
    arm(&world);
    spawn(&world, "driver", three_batches);
    cr_assert(not(injector_all_fired(world.injector)));
    run_to_idle(&world);
    cr_assert(eq(str, world.log, "[0 by driver]@20 [1 by driver]@30 done@30 "));
    cr_assert(eq(i64, fired_at(&world, 0), 20));
    cr_assert(eq(i64, fired_at(&world, 1), 30));
    cr_assert(eq(i64, fired_at(&world, 2), -1));
    cr_assert(not(injector_all_fired(world.injector)));
    cr_assert(not(injector_pending(world.injector)), "a point alone keeps no world alive");
    world_free(&world);
}

Test(injector, an_executor_is_known_by_its_number_and_crashes_there)
{
    struct world world;
    world_new(&world);
    struct fault_event *event = add(&world, FAULT_CRASH, TARGET_EXECUTOR);
    event->target.index = 2;
    at_point(event, FP_OUTPUT_AFTER, 1, 1);
    arm(&world);
    spawn(&world, "executor 1", executor_tasks);
    spawn(&world, "executor 2", executor_tasks);
    spawn(&world, "executor 22", executor_tasks);
    run_to_idle(&world);
    cr_assert(eq(str, world.log, "[0 by executor 2]@14 executor 1@21 executor 22@21 "));
    cr_assert(injector_all_fired(world.injector));
    world_free(&world);
}

Test(injector, executor_alone_is_whoever_passes_and_counts_across_them)
{
    struct world world;
    world_new(&world);
    at_point(add(&world, FAULT_CRASH, TARGET_EXECUTOR), FP_OUTPUT_AFTER, -1, 4);
    at_point(add(&world, FAULT_CRASH, TARGET_DRIVER), FP_OUTPUT_AFTER, 2, 1);
    arm(&world);
    spawn(&world, "executor 1", executor_tasks);
    spawn(&world, "executor 2", executor_tasks);
    run_to_idle(&world);
    cr_assert(eq(str, world.log, "[0 by executor 2]@14 [1 by executor 1]@21 executor 1@21 "));
    world_free(&world);
}

Test(injector, a_second_driver_is_started_by_whoever_passes)
{
    struct world world;
    world_new(&world);
    at_point(add(&world, FAULT_START, TARGET_SECOND_DRIVER), FP_SINK_AFTER, 0, 1);
    at_point(add(&world, FAULT_PAUSE, TARGET_DRIVER), FP_SINK_AFTER, 1, 1);
    arm(&world);
    spawn(&world, "driver", three_batches);
    spawn(&world, "second driver", three_batches);
    run_to_idle(&world);
    cr_assert(eq(str, world.log, "[0 by driver]@10 [1 by driver]@20 done@30 done@30 "));
    world_free(&world);
}

static bool seen_point;
static bool seen_fault;

static void observe(void *context, const struct trace_record *record)
{
    (void)context;
    seen_point = seen_point || (record->kind == WORLD_POINT && record->a == FP_SINK_AFTER &&
                                record->batch == 1 && strcmp(record->text, "sink.after") == 0);
    seen_fault = seen_fault || (record->kind == WORLD_FAULT && record->a == 0 && seen_point &&
                                strcmp(record->text, "crash driver") == 0);
}

Test(injector, what_fires_is_traced)
{
    struct world world;
    world_new(&world);
    at_point(add(&world, FAULT_CRASH, TARGET_DRIVER), FP_SINK_AFTER, 1, 1);
    arm(&world);
    kernel_observe(world.kernel, observe, NULL);
    spawn(&world, "driver", three_batches);
    run_to_idle(&world);
    cr_assert(seen_point);
    cr_assert(seen_fault);
    world_free(&world);
}

/* ---- times, events, ends of runs ---- */

Test(injector, times_and_what_hangs_on_other_events)
{
    struct world world;
    world_new(&world);
    at_time(add(&world, FAULT_STOP, TARGET_DRIVER), 100);
    struct fault_event *start = add(&world, FAULT_START, TARGET_DRIVER);
    start->at = (struct anchor){.kind = ANCHOR_EVENT, .event = 2, .time_us = 40};
    struct fault_event *crash = add(&world, FAULT_CRASH, TARGET_DRIVER);
    crash->at = (struct anchor){.kind = ANCHOR_EVENT, .event = 0, .time_us = 30};
    arm(&world);
    cr_assert(injector_pending(world.injector));
    (void)kernel_run(world.kernel, NULL, NULL, kernel_start_us(world.kernel) + 130);
    cr_assert(eq(str, world.log, "[0 by nobody]@100 [2 by nobody]@130 "));
    cr_assert(injector_pending(world.injector));
    run_to_idle(&world);
    cr_assert(eq(str, world.log, "[0 by nobody]@100 [2 by nobody]@130 [1 by nobody]@170 "));
    cr_assert(not(injector_pending(world.injector)));
    cr_assert(injector_all_fired(world.injector));
    world_free(&world);
}

Test(injector, the_end_of_a_run_schedules_what_waits_for_it)
{
    struct world world;
    world_new(&world);
    struct fault_event *first = add(&world, FAULT_START, TARGET_DRIVER);
    first->at =
        (struct anchor){.kind = ANCHOR_RUN_END, .run = 2, .ends = RUN_ERROR, .time_us = 600};
    struct fault_event *any = add(&world, FAULT_START, TARGET_DRIVER);
    any->at = (struct anchor){.kind = ANCHOR_RUN_END, .run = 0, .ends = RUN_CRASHED};
    arm(&world);
    injector_run_ended(world.injector, 1, RUN_ERROR);
    injector_run_ended(world.injector, 2, RUN_STOPPED);
    cr_assert(not(injector_pending(world.injector)));
    injector_run_ended(world.injector, 2, RUN_ERROR);
    injector_run_ended(world.injector, 2, RUN_ERROR);
    cr_assert(injector_pending(world.injector));
    run_to_idle(&world);
    cr_assert(eq(str, world.log, "[0 by nobody]@600 "));
    injector_run_ended(world.injector, 5, RUN_CRASHED);
    run_to_idle(&world);
    cr_assert(eq(str, world.log, "[0 by nobody]@600 [1 by nobody]@600 "));
    world_free(&world);
}

/* ---- operations ---- */

static void
note_operation(struct world *world, const char *port, const char *name, const char *path)
{
    struct operation_fault fault = kernel_operation_before(world->kernel, port, name, path);
    char word[64];
    const char *effect = fault.effect == OPERATION_OK      ? "ok"
                         : fault.effect == OPERATION_FAILS ? status_text(fault.status)
                         : fault.applied                   ? "lost-applied"
                                                           : "lost";
    (void)snprintf(word, sizeof word, "%s+%" PRId64, effect, fault.delay_us);
    say(world, word);
    kernel_operation_after(world->kernel, port, name, path);
}

static void five_renames(void *argument)
{
    struct world *world = argument;
    for (int i = 0; i < 5; i++) {
        note_operation(world, "disk", "write", "/shared/commits/.3.tmp");
        note_operation(world, "disk", "rename", i == 0 ? "/shared/offsets/3" : "/shared/commits/3");
    }
}

Test(injector, a_storage_fault_hits_the_nth_operation_and_then_times_in_a_row)
{
    struct world world;
    world_new(&world);
    struct fault_event *event = add(&world, FAULT_IO_ERROR, TARGET_STORAGE);
    at_operation(event, "rename", "*commits/3");
    event->at.nth = 2;
    event->times = 2;
    struct fault_event *slow = add(&world, FAULT_SLOW, TARGET_STORAGE);
    at_operation(slow, "rename", "*");
    slow->at.nth = 3;
    slow->for_us = 900;
    arm(&world);
    spawn(&world, "driver", five_renames);
    run_to_idle(&world);
    cr_assert(eq(str,
                 world.log,
                 "ok+0@0 ok+0@0 ok+0@0 ok+0@0 ok+0@0 input/output error+900@0 "
                 "ok+0@0 input/output error+0@0 ok+0@0 ok+0@0 "));
    cr_assert(injector_all_fired(world.injector));
    world_free(&world);
}

static void objects_and_files(void *argument)
{
    struct world *world = argument;
    note_operation(world, "disk", "write", "/local/x");
    note_operation(world, "objects", "put_if_absent", "t/_delta_log/0.json");
    note_operation(world, "objects", "get", "t/_delta_log/0.json");
    note_operation(world, "disk", "write", "/local/x");
}

Test(injector, storage_faults_keep_to_their_own_kind_of_storage)
{
    struct world world;
    world_new(&world);
    struct fault_event *lost = add(&world, FAULT_LOST_REPLY, TARGET_STORAGE);
    at_operation(lost, "any", "*");
    lost->applied = true;
    at_operation(add(&world, FAULT_THROTTLE, TARGET_STORAGE), "get", "*");
    struct fault_event *full = add(&world, FAULT_DISK_FULL, TARGET_STORAGE);
    at_operation(full, "any", NULL);
    full->at.nth = 2;
    arm(&world);
    spawn(&world, "driver", objects_and_files);
    run_to_idle(&world);
    cr_assert(
        eq(str, world.log, "ok+0@0 lost-applied+0@0 throttled, try later+0@0 no space left+0@0 "));
    world_free(&world);
}

Test(injector, an_action_happens_before_or_after_the_operation)
{
    struct world world;
    world_new(&world);
    at_operation(add(&world, FAULT_PAUSE, TARGET_DRIVER), "write", "/local/*");
    struct fault_event *after = add(&world, FAULT_PAUSE, TARGET_EXECUTORS);
    at_operation(after, "write", "/local/*");
    after->at.after = true;
    arm(&world);
    spawn(&world, "driver", objects_and_files);
    run_to_idle(&world);
    cr_assert(eq(str, world.log, "[0 by driver]@0 ok+0@0 [1 by driver]@0 ok+0@0 ok+0@0 ok+0@0 "));
    world_free(&world);
}

static void crash_at_rename(void *argument)
{
    struct world *world = argument;
    note_operation(world, "disk", "write", "/shared/a");
    note_operation(world, "disk", "rename", "/shared/a");
    say(world, "never");
}

Test(injector, a_crash_at_an_operation_does_not_return)
{
    for (int after = 0; after < 2; after++) {
        struct world world;
        world_new(&world);
        struct fault_event *event = add(&world, FAULT_CRASH, TARGET_EXECUTOR);
        at_operation(event, "rename", "/shared/a");
        event->at.after = after == 1;
        arm(&world);
        spawn(&world, "executor 1", crash_at_rename);
        run_to_idle(&world);
        cr_assert(
            eq(str,
               world.log,
               after == 0 ? "ok+0@0 [0 by executor 1]@0 " : "ok+0@0 ok+0@0 [0 by executor 1]@0 "));
        world_free(&world);
    }
}

/* ---- what finds nothing to befall ---- */

static bool never_possible(void *self, const struct fault_event *event)
{
    (void)self;
    return event->verb != FAULT_DAMAGE;
}

/* It has not fired, waits for nothing, and neither does what hangs on it. */
Test(injector, an_impossible_event_never_fires)
{
    struct world world;
    world_new(&world);
    struct fault_event *damage = add(&world, FAULT_DAMAGE, TARGET_STORAGE);
    at_time(damage, 100);
    struct fault_event *stop = add(&world, FAULT_STOP, TARGET_DRIVER);
    stop->at = (struct anchor){.kind = ANCHOR_EVENT, .event = 0, .time_us = 10};
    at_time(add(&world, FAULT_STOP, TARGET_DRIVER), 200);
    world.injector = injector_new(
        world.kernel,
        &world.plan,
        &(struct injector_actions){.self = &world, .possible = never_possible, .act = act});
    cr_assert(injector_pending(world.injector));
    run_to_idle(&world);
    cr_assert(eq(str, world.log, "[2 by nobody]@200 "));
    cr_assert(eq(i64, fired_at(&world, 0), -1));
    cr_assert(not(injector_all_fired(world.injector)));
    cr_assert(not(injector_pending(world.injector)));
    world_free(&world);
}
