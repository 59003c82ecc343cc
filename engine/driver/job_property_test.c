/* Random batches under random losses, failures and zombies, against a model of which blocks exist.
 * Whatever happens: a result task begins only when each block that it is told of exists where it is
 * told; each partition ends exactly once; and a batch that nobody keeps from ending ends. Seeded:
 * the same batches on every run. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "engine/base/hash.h"
#include "engine/driver/job.h"

enum { MAPS_MAX = 6, PARTITIONS_MAX = 5, EXECUTORS = 4, HEARD_MAX = 4096, STEPS = 400 };

/* One attempt that somebody was given. */
struct given {
    struct attempt_id id;
    int64_t executor;
    struct map_output told[MAPS_MAX]; /* a result attempt */
    char address[MAPS_MAX][16];
    bool alive;  /* its executor has not been lost since: the driver must hear it */
    bool denied; /* it was given up while it ran */
};

static struct world {
    uint64_t random;
    struct arena arena;
    struct job *job;
    size_t maps;
    int64_t executor_ids[EXECUTORS]; /* a lost one comes back under a new id */
    int64_t last_executor;
    struct given given[HEARD_MAX];
    size_t given_count;
    /* by map task and attempt: the executor whose disk has the block, 0: none */
    int64_t blocks[MAPS_MAX][HEARD_MAX];
    bool damaged[MAPS_MAX][HEARD_MAX];      /* that disk forgot it, and only a fetch will tell */
    int64_t rows[MAPS_MAX][HEARD_MAX];      /* that the attempt read; fewer when some expired */
    int64_t used[PARTITIONS_MAX][MAPS_MAX]; /* rows that are in the partition's result */
    int64_t rows_left;                      /* of each range, in Kafka */
    int64_t ended[PARTITIONS_MAX];
    int64_t fetch_failures;
    int64_t roll_backs;
} world;

static uint64_t draw(uint64_t below)
{
    world.random = hash_mix64(world.random);
    return (world.random >> 16) % below;
}

static void address_of(int64_t executor, char out[16])
{
    (void)snprintf(out, 16, "host %d", (int)executor);
}

static void check_told(const struct message_run_task *task, struct given *given)
{
    cr_assert(eq(sz, task->map_count, world.maps));
    for (size_t i = 0; i < task->map_count; i++) {
        char expected[16];
        int64_t holder = world.blocks[i][task->maps[i].attempt];
        cr_assert(holder != 0, "map output %zu does not exist", i);
        address_of(holder, expected);
        cr_assert_str_eq(task->maps[i].address, expected);
        given->told[i] = task->maps[i];
    }
}

static void launch(void)
{
    struct task_set *set = job_runnable(world.job);
    if (set == NULL) {
        return;
    }
    struct message_run_task task;
    char address[16];
    struct given *given = &world.given[world.given_count++];
    cr_assert(world.given_count < HEARD_MAX);
    *given = (struct given){.executor = world.executor_ids[draw(EXECUTORS)], .alive = true};
    address_of(given->executor, address);
    given->id = job_launch(world.job, set, task_set_pending(set), given->executor, address, &task);
    for (size_t i = 0; i + 1 < world.given_count; i++) {
        cr_assert_not(attempt_id_equal(&world.given[i].id, &given->id));
    }
    if (given->id.stage == STAGE_RESULT) {
        cr_assert(eq(i64, world.ended[given->id.task], 0));
        check_told(&task, given);
    }
}

/* As the scheduler does when an executor is lost. */
static void lose(size_t slot)
{
    struct attempt_id id;
    int64_t executor = world.executor_ids[slot];
    while (job_lose_attempt(world.job, executor, &id)) {
    }
    while (job_lose_output(world.job, executor, &id)) {
        cr_assert(eq(i64, world.blocks[id.task][id.attempt], executor));
    }
    for (size_t i = 0; i < world.given_count; i++) {
        world.given[i].alive = world.given[i].alive && world.given[i].executor != executor;
    }
    for (size_t map = 0; map < world.maps; map++) {
        for (size_t attempt = 0; attempt < HEARD_MAX; attempt++) {
            if (world.blocks[map][attempt] == executor) {
                world.blocks[map][attempt] = 0;
            }
        }
    }
    world.executor_ids[slot] = ++world.last_executor;
}

/* A disk forgets a block, and the driver does not know yet. */
static void damage(void)
{
    size_t map = draw(MAPS_MAX);
    if (map < world.maps) {
        world.damaged[map][world.job->outputs[map].attempt] = true;
    }
}

/* As the scheduler does: what is given up and still runs waits when it has ended. */
static void roll_back(void)
{
    struct attempt_id id;
    int64_t next = 0;
    while (job_roll_back(world.job, &next, &id)) {
        const struct task *task = &world.job->result->tasks[id.task];
        cr_assert(eq(i64, id.stage, STAGE_RESULT));
        if (task->state == TASK_PENDING) {
            world.ended[id.task]--;
            continue;
        }
        for (size_t i = 0; i < world.given_count; i++) {
            world.given[i].denied =
                world.given[i].denied || attempt_id_equal(&world.given[i].id, &id);
        }
    }
    world.roll_backs++;
}

static void report_done(const struct given *given)
{
    struct message_task_done done = {.rows_read = world.rows_left};
    if (given->denied) {
        cr_assert(job_again(world.job, &given->id));
        return;
    }
    if (given->id.stage == STAGE_MAP) {
        world.blocks[given->id.task][given->id.attempt] = given->executor;
        world.rows[given->id.task][given->id.attempt] = world.rows_left;
    } else {
        world.ended[given->id.task]++;
        for (size_t i = 0; i < world.maps; i++) {
            world.used[given->id.task][i] = world.rows[i][given->told[i].attempt];
        }
    }
    if (!job_done(world.job, &given->id, &done)) {
        roll_back();
    }
}

static void report_failure(const struct given *given, const char *error_class, int64_t map)
{
    struct message_failure failure = {error_class, "text", map, map < 0 ? -1 : 0};
    struct attempt_id id;
    if (map >= 0) {
        failure.map_attempt = given->told[map].attempt;
        world.fetch_failures++;
    }
    int64_t failures = job_stage(world.job, &given->id)->tasks[given->id.task].failures;
    int64_t blamed = job_failed(world.job, &given->id, &failure);
    bool counted = job_stage(world.job, &given->id)->tasks[given->id.task].failures > failures;
    cr_assert(eq(int, counted, map < 0));
    while (blamed >= 0 && job_lose_output(world.job, blamed, &id)) {
    }
}

/* The first told block that does not exist any more, or -1. */
static int64_t missing(const struct given *given)
{
    for (size_t i = 0; given->id.stage == STAGE_RESULT && i < world.maps; i++) {
        int64_t attempt = given->told[i].attempt;
        if (world.blocks[i][attempt] == 0 || world.damaged[i][attempt]) {
            return (int64_t)i;
        }
    }
    return -1;
}

/* Some attempt, new or long given up, says how it ended. Only living current ones are heard. */
static void report(bool failures)
{
    if (world.given_count == 0) {
        return;
    }
    const struct given *given = &world.given[draw(world.given_count)];
    const struct task_set *set = job_stage(world.job, &given->id);
    if (task_set_refusal(set, &given->id, given->executor) != NULL) {
        return; /* a zombie, or said twice */
    }
    cr_assert(given->alive);
    int64_t map = missing(given);
    if (map >= 0 && draw(4) > 0) { /* else it had fetched before */
        report_failure(given, CLASS_FETCH_FAILED, map);
    } else if (failures && draw(6) == 0) {
        report_failure(given, "STREAM_READ", -1);
    } else {
        report_done(given);
    }
}

static void begin(uint64_t seed)
{
    static const struct kafka_range ranges[MAPS_MAX];
    struct arena arena = world.arena;
    arena_reset(&arena);
    memset(&world, 0, sizeof world);
    world.arena = arena;
    world.random = hash_mix64(seed + 1);
    world.maps = draw(MAPS_MAX + 1);
    world.rows_left = STEPS;
    struct job_plan plan = {.session = 1,
                            .batch = (int64_t)seed,
                            .task_max_failures = 1000,
                            .stage_max_attempts = 1000,
                            .ranges = ranges,
                            .range_count = world.maps,
                            .partitions = 1 + (int64_t)draw(PARTITIONS_MAX)};
    world.job = job_new(&world.arena, &plan);
    for (size_t i = 0; i < EXECUTORS; i++) {
        world.executor_ids[i] = ++world.last_executor;
    }
}

/* Each result holds exactly what the map tasks read last. */
static void check_results(void)
{
    for (size_t i = 0; i < world.job->result->count; i++) {
        cr_assert(eq(i64, world.ended[i], 1));
        for (size_t map = 0; map < world.maps; map++) {
            cr_assert(eq(i64, world.used[i][map], world.job->map->tasks[map].done.rows_read));
        }
    }
}

Test(job_property, each_partition_ends_once_and_of_one_output_of_each_map)
{
    int64_t fetch_failures = 0;
    int64_t roll_backs = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        begin(seed);
        for (int step = 0; step < STEPS && !job_finished(world.job); step++) {
            uint64_t what = draw(20);
            if (what < 8) {
                launch();
            } else if (what < 17) {
                report(true);
            } else if (what == 17) {
                lose(draw(EXECUTORS));
            } else if (what == 18) {
                damage();
            } else {
                world.rows_left -= draw(4) == 0; /* some expire */
            }
        }
        /* from here on nothing breaks: it must end */
        for (int step = 0; step < 20000 && !job_finished(world.job); step++) {
            launch();
            report(false);
        }
        cr_assert(job_finished(world.job), "seed %d", (int)seed);
        cr_assert_not(job_given_up(world.job));
        check_results();
        cr_assert(world.job->failed_attempts <= world.fetch_failures);
        fetch_failures += world.fetch_failures;
        roll_backs += world.roll_backs;
    }
    cr_assert(fetch_failures > 100); /* it did happen */
    cr_assert(roll_backs > 20);
    arena_free(&world.arena);
}
