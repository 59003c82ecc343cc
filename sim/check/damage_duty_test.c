/* damage-duty: what a run owes after the world has damaged a file, paid and not paid. */
#include "sim/check/checks_test_world.h"

enum { BATCHES = 4 };

/* What goes bad between the two runs, and how the second one behaves. */
struct damage_case {
    const char *path;
    enum damage how;
    void (*second)(struct life *life); /* NULL: it writes nothing */
    const char *error;                 /* NULL: it does not end with one */
};

static void first_run(struct life *life)
{
    begin_query(life, "q1", zeros);
    for (int64_t n = 0; n < BATCHES; n++) {
        whole_batch(life, n);
    }
}

static void starts(struct life *life)
{
    say_text(life, EVENT_QUERY_STARTED, life->query);
}

/* Without commits/3 it runs batch 3 again, which the table has. */
static void commits_again(struct life *life)
{
    starts(life);
    say(life, EVENT_QUERY_RESUMED, BATCHES - 1, 2, 0);
    say(life, EVENT_SINK_SKIPPED, BATCHES - 1, BATCHES - 1, 0);
    put(life, file_of(life, "commits", BATCHES - 1), commit_text());
    say(life, EVENT_COMMIT_WRITTEN, BATCHES - 1, 0, 0);
}

static void goes_on(struct life *life)
{
    starts(life);
    say(life, EVENT_QUERY_RESUMED, BATCHES, 1, 0);
    whole_batch(life, BATCHES);
}

static struct test_world world;

/* Runs the case; the violation, or NULL. */
static const struct violation *run_case(const struct damage_case *as)
{
    world_open(&world, "/shared/c", "earliest");
    struct life life = {.world = &world, .script = first_run, .checkpoint = "/shared/c"};
    run_life(&life, "driver", 0);
    checks_run_ended(world.checks, life.process, RUN_STOPPED, NULL);
    fake_storage_damage(world.storage, as->path, as->how);
    life.script = as->second == NULL ? starts : as->second;
    run_life(&life, "driver", 1);
    const struct violation *violation = kernel_violation(world.kernel);
    if (as->error != NULL && !violation->set) {
        struct diag error = {0};
        (void)diag_fail(&error, "X", "%s", as->error);
        checks_run_ended(world.checks, life.process, RUN_ERROR, &error);
    }
    if (!violation->set) {
        checks_end(world.checks);
    }
    return violation->set ? violation : NULL;
}

static void pays(struct damage_case as)
{
    const struct violation *violation = run_case(&as);
    cr_expect(violation == NULL, "%s: %s", as.path, violation == NULL ? "" : violation->evidence);
    cr_expect(checks_evaluations(world.checks, CHECK_DAMAGE_DUTY) > 0, "%s", as.path);
    world_close(&world);
}

static void owes(struct damage_case as, const char *evidence)
{
    const struct violation *violation = run_case(&as);
    cr_assert(violation != NULL, "%s: nothing was violated", as.path);
    cr_expect(eq(str, violation->check, "damage-duty"), "%s", violation->evidence);
    cr_expect(strstr(violation->evidence, evidence) != NULL, "%s", violation->evidence);
    world_close(&world);
}

Test(damage_duty, a_run_that_names_what_it_must_refuse_has_paid)
{
    pays((struct damage_case){"/shared/c/offsets/3", DAMAGE_GARBLED, NULL, "offsets/3 is torn"});
    pays((struct damage_case){"/shared/c/commits/3", DAMAGE_EMPTIED, NULL, "commits/3 is empty"});
    pays((struct damage_case){"/shared/c/metadata", DAMAGE_REMOVED, NULL, "no c/metadata"});
    pays((struct damage_case){"*/00000000000000000001.json",
                              DAMAGE_TRUNCATED,
                              NULL,
                              "_delta_log/00000000000000000001.json"});
}

Test(damage_duty, a_run_that_goes_on_over_what_it_must_refuse)
{
    owes((struct damage_case){"/shared/c/offsets/3", DAMAGE_GARBLED, goes_on, NULL},
         "/shared/c/offsets/4 is written, though /shared/c/offsets/3 is damaged");
    owes((struct damage_case){"/shared/c/commits/3", DAMAGE_EMPTIED, goes_on, NULL},
         "/shared/c/offsets/4 is written, though /shared/c/commits/3 is damaged");
    owes((struct damage_case){"*/00000000000000000001.json", DAMAGE_TRUNCATED, goes_on, NULL},
         "00000000000000000004.json is written, though");
}

Test(damage_duty, an_error_that_does_not_name_the_file)
{
    owes((struct damage_case){"/shared/c/offsets/3", DAMAGE_GARBLED, NULL, "offsets/33 is torn"},
         "does not name it");
}

Test(damage_duty, a_removed_commit_is_written_again)
{
    pays((struct damage_case){"/shared/c/commits/3", DAMAGE_REMOVED, commits_again, NULL});
    owes((struct damage_case){"/shared/c/commits/3", DAMAGE_REMOVED, NULL, "commits/3 is missing"},
         "what is left beside /shared/c/commits/3 suffices");
}

Test(damage_duty, what_nobody_reads_ends_no_run)
{
    pays((struct damage_case){"/shared/c/commits/1", DAMAGE_GARBLED, goes_on, NULL});
    owes((struct damage_case){"/shared/c/commits/1", DAMAGE_GARBLED, NULL, "commits/1 is torn"},
         "suffices");
    owes((struct damage_case){"/shared/c/commits/1", DAMAGE_GARBLED, NULL, "I do not feel like it"},
         "suffices");
    pays((struct damage_case){"/shared/c/offsets/2", DAMAGE_GARBLED, NULL, "offsets/2 is torn"});
    pays((struct damage_case){"/shared/c/offsets/2", DAMAGE_GARBLED, goes_on, NULL});
}

/* What goes bad while the run goes on, which then ends with an error. */
static const struct violation *ends_over(const char *path, const char *other)
{
    struct diag error = {0};
    world_open(&world, "/shared/c", "earliest");
    struct life life = {.world = &world, .script = first_run, .checkpoint = "/shared/c"};
    run_life(&life, "driver", 0);
    checks_damaged(world.checks, path);
    if (other != NULL) {
        checks_damaged(world.checks, other);
    }
    (void)diag_fail(&error, "X", "a block mismatch");
    checks_run_ended(world.checks, life.process, RUN_ERROR, &error);
    const struct violation *violation = kernel_violation(world.kernel);
    return violation->set ? violation : NULL;
}

Test(damage_duty, a_local_database_is_a_copy_at_any_time)
{
    static const char local[] = "/local/executor 1/state/5/0/1/000007.sst";
    const struct violation *violation = ends_over(local, NULL);
    cr_assert(violation != NULL);
    cr_expect(eq(str, violation->check, "damage-duty"), "%s", violation->evidence);
    cr_expect(strstr(violation->evidence, local) != NULL, "%s", violation->evidence);
    world_close(&world);
    cr_expect(ends_over("/local/executor 1/shuffle/7.data", NULL) == NULL);
    world_close(&world);
    cr_expect(ends_over(local, "/shared/c/offsets/3") == NULL); /* that may be the reason */
    world_close(&world);
}

Test(damage_duty, of_a_damaged_data_file_exactly_its_rows_are_lost)
{
    pays((struct damage_case){"*/part-1-q1.parquet", DAMAGE_TRUNCATED, goes_on, NULL});
    pays((struct damage_case){"*/part-1-q1.parquet", DAMAGE_REMOVED, NULL, NULL});
    owes((struct damage_case){"*/part-1-q1.parquet", DAMAGE_GARBLED, NULL, "part-1 is torn"},
         "suffices");
}
