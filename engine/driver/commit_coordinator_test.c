/* Each rule of the coordinator, one test a rule. */
#include "engine/driver/commit_coordinator.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct arena arena;
static struct commit_coordinator coordinator;

static void setup(void)
{
    commit_coordinator_begin(&coordinator, &arena, 77, 3, 2);
}

static void teardown(void)
{
    arena_free(&arena);
}

TestSuite(coordinator, .init = setup, .fini = teardown);

static struct attempt_id attempt(int64_t task, int64_t number)
{
    return (struct attempt_id){
        .session = 77, .batch = 3, .stage = STAGE_RESULT, .task = task, .attempt = number};
}

static bool asks(struct attempt_id id)
{
    return commit_coordinator_ask(&coordinator, &id) == NULL;
}

static bool holds(struct attempt_id id)
{
    return commit_coordinator_holds(&coordinator, &id);
}

static void fails(struct attempt_id id)
{
    commit_coordinator_failed(&coordinator, &id);
}

Test(coordinator, first_asker_wins_each_task)
{
    cr_assert(asks(attempt(0, 1)));
    cr_assert_not(asks(attempt(0, 0)));
    cr_assert_not(asks(attempt(0, 2)));
    cr_assert(asks(attempt(1, 0)));
    cr_assert(holds(attempt(0, 1)));
    cr_assert_not(holds(attempt(0, 0)));
}

Test(coordinator, holder_that_asks_again_is_granted_again)
{
    cr_assert(asks(attempt(0, 0)));
    cr_assert(asks(attempt(0, 0)));
    cr_assert_not(asks(attempt(0, 1)));
}

Test(coordinator, lock_is_free_after_its_holder_failed)
{
    cr_assert(asks(attempt(0, 0)));
    fails(attempt(0, 0));
    cr_assert_not(holds(attempt(0, 0)));
    cr_assert(asks(attempt(0, 1)));
}

/* SPARK-6614 */
Test(coordinator, failure_of_another_attempt_keeps_the_lock)
{
    cr_assert(asks(attempt(0, 1)));
    fails(attempt(0, 0));
    fails(attempt(1, 1));
    cr_assert(holds(attempt(0, 1)));
    cr_assert_not(asks(attempt(0, 2)));
}

/* SPARK-19631: the zombie wakes up when nobody has the lock yet. */
Test(coordinator, failed_attempt_is_refused_for_ever)
{
    fails(attempt(0, 0));
    fails(attempt(0, 1));
    cr_assert_not(asks(attempt(0, 0)));
    cr_assert_not(asks(attempt(0, 1)));
    cr_assert(asks(attempt(0, 2)));
    fails(attempt(0, 2));
    cr_assert_not(asks(attempt(0, 2)));
    cr_assert(asks(attempt(0, 3)));
}

Test(coordinator, other_sessions_batches_and_tasks_are_refused)
{
    struct attempt_id id = attempt(0, 0);
    id.session = 78;
    cr_assert_str_eq(commit_coordinator_ask(&coordinator, &id), "another session");
    id = attempt(0, 0);
    id.batch = 2;
    cr_assert_not(asks(id));
    id.batch = 4;
    cr_assert_not(asks(id));
    cr_assert_not(asks(attempt(2, 0)));
    cr_assert_not(asks(attempt(-1, 0)));
    cr_assert(asks(attempt(0, 0)));
}

Test(coordinator, failure_of_an_unknown_attempt_changes_nothing)
{
    cr_assert(asks(attempt(0, 0)));
    struct attempt_id id = attempt(0, 0);
    id.session = 78;
    fails(id);
    id = attempt(0, 0);
    id.batch = 2;
    fails(id);
    fails(attempt(9, 0));
    cr_assert(holds(attempt(0, 0)));
}

Test(coordinator, nothing_is_granted_between_batches)
{
    cr_assert(asks(attempt(0, 0)));
    commit_coordinator_end(&coordinator);
    cr_assert_not(asks(attempt(0, 0)));
    cr_assert_not(holds(attempt(0, 0)));
    commit_coordinator_begin(&coordinator, &arena, 77, 4, 1);
    cr_assert_not(asks(attempt(0, 0)));
    struct attempt_id id = attempt(0, 0);
    id.batch = 4;
    cr_assert(asks(id));
}

/* A map task has nothing to commit, whatever it asks, and it locks nobody out. */
Test(coordinator, only_the_result_stage_asks)
{
    struct attempt_id id = attempt(0, 0);
    id.stage = STAGE_MAP;
    cr_assert_not(asks(id));
    cr_assert_not(holds(id));
    fails(id);
    cr_assert(asks(attempt(0, 0)));
}
