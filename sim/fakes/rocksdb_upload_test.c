/* Uploads of the RocksDB provider that something comes in between: a batch that runs again, a newer
 * copy, an error, a cleanup on another machine. What recovery may need is there afterwards, and
 * what nobody needs goes. */
#include "sim/fakes/rocksdb_world.h"

enum { OTHER = 77, OTHER_KEYS = 5 };

TestSuite(rocksdb_upload, .init = begin, .fini = end);

/* ---- a process with a second fiber ------------------------------------------------------------
 */

struct scene {
    const struct plan *plan;
    enum store_kind kind;
    void (*play)(struct scene *scene);
    const struct ports *ports;
    struct state_provider *provider;
    bool maintained;
};

static void maintain(void *argument)
{
    struct scene *scene = argument;
    state_provider_maintain(scene->provider);
    scene->maintained = true;
}

static void maintain_beside(struct scene *scene)
{
    scene->maintained = false;
    (void)fibers_spawn(&scene->ports->fibers, maintain, scene);
}

static void play(void *argument, const struct ports *ports)
{
    struct scene *scene = argument;
    scene->ports = ports;
    scene->provider =
        state_provider_new(ports, store_new(ports, scene->kind), scene->plan, STATE_LOCAL);
    scene->play(scene);
    state_provider_free(scene->provider);
}

static void do_scene(const struct plan *plan, enum store_kind kind, void (*what)(struct scene *))
{
    struct scene scene = {.plan = plan, .kind = kind, .play = what};
    storage_world_run(&world, play, &scene);
}

/* ---- a batch runs again -----------------------------------------------------------------------
 */

static void change(struct state_provider *provider, int64_t version)
{
    struct diag diag = {0};
    struct state_store *state = open_at(provider, version);
    put_keys(state, OTHER, OTHER_KEYS);
    cr_assert(eq(int, state_store_commit(state, &diag), OK), "%s", diag.text);
}

/* The copy of version 2 is on its way when its batch runs again and finds other records. */
static void batch_runs_again(struct scene *scene)
{
    advance(scene->provider, 0);
    advance(scene->provider, 1);
    maintain_beside(scene);
    pass(scene->ports, 1);
    cr_assert(eq(u32, world.trigger.fired, 1)); /* it is in the air */
    cr_assert(not(scene->maintained));
    change(scene->provider, 1);
    pass(scene->ports, 60);
    cr_assert(scene->maintained);
}

static void finds_the_second_run(struct state_provider *provider)
{
    struct state_store *state = open_at(provider, 2);
    for (int64_t key = 0; key < OTHER_KEYS; key++) {
        struct diag diag = {0};
        struct bytes found = {0};
        char text[2][32];
        enum status status = state_store_get(state, state_key(key, text[0]), &found, &diag);
        cr_assert(eq(int, status, OK), "%s", diag.text);
        cr_assert(bytes_equal(found, state_text(OTHER, text[1])));
    }
    state_store_abort(state);
}

Test(rocksdb_upload, one_that_is_overtaken_leaves_no_zip)
{
    const struct plan *plan = rocksdb_plan(true, 2, 100);
    slow("put", ".sst");
    do_scene(plan, STORE_OBJECTS, batch_runs_again);
    cr_assert(not(there("2.zip")));
    cr_assert(eq(sz, orphans(false), 1)); /* which a cleanup takes one day */
    world.machine = 1;
    do_steps_over(plan, STORE_OBJECTS, finds_the_second_run);
    audit(plan, STORE_OBJECTS, 2);
}

/* Too late to hold it back: whoever commits the version writes it over, or was there before. */
Test(rocksdb_upload, the_zip_of_a_run_that_did_not_count_is_written_over)
{
    const struct plan *plan = rocksdb_plan(true, 2, 100);
    slow("put_if_absent", "2.zip");
    do_scene(plan, STORE_OBJECTS, batch_runs_again);
    cr_assert(there("2.zip"));
    world.machine = 1;
    do_steps_over(plan, STORE_OBJECTS, finds_the_second_run);
    audit(plan, STORE_OBJECTS, 2);
}

/* The local disk fails behind the second run's commit, when a copy is made: what is in memory is of
 * the first run. */
static void local_disk_fails_behind_the_commit(struct state_provider *provider)
{
    advance(provider, 0);
    advance(provider, 1);
    world.trigger =
        (struct storage_trigger){.operation = "write",
                                 .path = "/local/",
                                 .nth = 1,
                                 .times = 1,
                                 .fault = {.effect = OPERATION_FAILS, .status = ERR_IO}};
    change(provider, 1);
    cr_assert(eq(u32, world.trigger.fired, 1));
    finds_the_second_run(provider);
}

Test(rocksdb_upload, no_run_that_did_not_count_stays_in_memory)
{
    do_steps(rocksdb_plan(true, 2, 100), local_disk_fails_behind_the_commit);
    do_steps(rocksdb_plan(true, 2, 100), finds_the_second_run);
}

/* ---- a newer copy -----------------------------------------------------------------------------
 */

static void two_more_batches(struct scene *scene)
{
    advance(scene->provider, 0);
    advance(scene->provider, 1);
    maintain_beside(scene);
    pass(scene->ports, 1);
    cr_assert(eq(u32, world.trigger.fired, 1));
    advance(scene->provider, 2);
    advance(scene->provider, 3);
    cr_assert(not(scene->maintained));
    pass(scene->ports, 60);
    cr_assert(scene->maintained);
    state_provider_maintain(scene->provider);
}

Test(rocksdb_upload, a_newer_copy_waits_for_an_older_one)
{
    const struct plan *plan = rocksdb_plan(true, 2, 100);
    slow("put", ".sst");
    do_scene(plan, STORE_OBJECTS, two_more_batches);
    cr_assert(there("2.zip"));
    cr_assert(there("4.zip"));
    cr_assert(eq(sz, orphans(false), 0));
    world.machine = 1;
    look_over(plan, STORE_OBJECTS, 0, 4);
    audit(plan, STORE_OBJECTS, 4);
}

Test(rocksdb_upload, one_that_failed_gives_way_to_a_newer_copy)
{
    const struct plan *plan = rocksdb_plan(true, 2, 100);
    slow("put_if_absent", "2.zip");
    world.trigger.fault.effect = OPERATION_FAILS;
    world.trigger.fault.status = ERR_IO;
    do_scene(plan, STORE_OBJECTS, two_more_batches);
    cr_assert(not(there("2.zip")));
    cr_assert(there("4.zip"));
    cr_assert(eq(sz, orphans(false), 1));
    world.machine = 1;
    look_over(plan, STORE_OBJECTS, 0, 4);
    audit(plan, STORE_OBJECTS, 4);
}

/* ---- an error ---------------------------------------------------------------------------------
 */

struct obstacle {
    enum store_kind kind;
    const char *operation;
    const char *path;
};

static const struct obstacle of_ssts[] = {
    {STORE_DISK, "open", "/SSTs/"},
    {STORE_DISK, "write", "/SSTs/"},
    {STORE_DISK, "fsync", "/SSTs/"},
    {STORE_DISK, "rename", "/SSTs/"},
    {STORE_DISK, "fsync_dir", "SSTs"},
    {STORE_OBJECTS, "put", ".sst"},
};
static const struct obstacle of_zips[] = {
    {STORE_DISK, "list", "/shared/ck/state/0/0/SSTs"},
    {STORE_DISK, "list", ".checkpoint"},
    {STORE_DISK, "read", "MANIFEST"},
    {STORE_DISK, "write", ".zip"},
    {STORE_DISK, "fsync", ".zip"},
    {STORE_DISK, "rename", ".zip"},
    {STORE_OBJECTS, "put", ".zip"},
};
enum { OF_SSTS = sizeof of_ssts / sizeof *of_ssts, OF_ZIPS = sizeof of_zips / sizeof *of_zips };

static void meet(const struct obstacle *obstacle)
{
    world.trigger =
        (struct storage_trigger){.operation = obstacle->operation,
                                 .path = obstacle->path,
                                 .nth = 1,
                                 .times = 1,
                                 .fault = {.effect = OPERATION_FAILS, .status = ERR_IO}};
}

static const struct obstacle *met;

/* The batch does not notice, the next one neither; the next maintenance makes up for it. */
static void upload_fails(struct scene *scene)
{
    advance(scene->provider, 0);
    advance(scene->provider, 1);
    meet(met);
    state_provider_maintain(scene->provider);
    cr_assert(eq(u32, world.trigger.fired, 1), "%s %s", met->operation, met->path);
    cr_assert(not(there("2.zip")), "%s %s", met->operation, met->path);
    advance(scene->provider, 2);
    state_provider_maintain(scene->provider);
    cr_assert(there("2.zip"), "%s %s", met->operation, met->path);
}

static void check_failing_upload(struct obstacle obstacle)
{
    const struct plan *plan = rocksdb_plan(true, 2, 100);
    if (strcmp(obstacle.operation, "put") == 0 && strcmp(obstacle.path, ".zip") == 0) {
        obstacle.operation = "put_if_absent"; /* maintenance writes over nothing */
    }
    begin_anew();
    met = &obstacle;
    do_scene(plan, obstacle.kind, upload_fails);
    world.machine = 1;
    look_over(plan, obstacle.kind, 0, 3);
    audit(plan, obstacle.kind, 3);
}

Test(rocksdb_upload, one_that_failed_is_made_up_for_by_the_next_maintenance)
{
    for (size_t i = 0; i < OF_SSTS; i++) {
        check_failing_upload(of_ssts[i]);
    }
    for (size_t i = 0; i < OF_ZIPS; i++) {
        check_failing_upload(of_zips[i]);
    }
}

static void count_copy(void *context, const char *path, struct bytes content)
{
    size_t *count = context;
    *count += strstr(path, ".checkpoint/") != NULL;
}

static size_t files_of_copies(void)
{
    size_t count = 0;
    fake_storage_each(world.storage, 0, "/local", count_copy, &count);
    return count;
}

/* What is damaged is a file of the live database too, which a batch has open meanwhile: it commits,
 * and no other copy is made of that database; the next batch loads. */
static void local_file_goes_bad(struct scene *scene)
{
    struct diag diag = {0};
    put_many(scene->provider, 0, 80);
    struct state_store *state = open_at(scene->provider, 1);
    put_keys(state, 2, 2);
    fake_storage_damage(world.storage, "/local/*.checkpoint/*.sst", DAMAGE_GARBLED);
    state_provider_maintain(scene->provider);
    cr_assert(not(there("1.zip")));
    cr_assert(eq(int, state_store_commit(state, &diag), OK), "%s", diag.text);
    cr_assert(eq(sz, files_of_copies(), 0));
    put_many(scene->provider, 2, 2);
    cr_assert(gt(sz, files_of_copies(), 0));
    state_provider_maintain(scene->provider);
    cr_assert(there("3.zip"));
}

Test(rocksdb_upload, a_local_file_that_went_bad_holds_up_one_snapshot_alone)
{
    const struct plan *plan = rocksdb_plan(true, 1, 100);
    do_scene(plan, STORE_DISK, local_file_goes_bad);
    audit(plan, STORE_DISK, 3);
}

/* A commit without changelogs: the batch fails and runs again in the same process. What the first
 * try left in SSTs/ belongs to nobody; it may vanish in between. */
static void commit_fails(struct scene *scene)
{
    struct diag diag = {0};
    put_many(scene->provider, 0, 80);
    put_many(scene->provider, 1, 2);
    struct state_store *state = open_at(scene->provider, 2);
    put_keys(state, OTHER, OTHER_KEYS);
    meet(met);
    cr_assert(eq(int, state_store_commit(state, &diag), ERR_FAILED));
    cr_assert(eq(u32, world.trigger.fired, 1));
    cr_assert(eq(str, diag.error_class, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT"));
    cr_assert(ne(ptr, strstr(diag.file, met->path), NULL), "%s", diag.file);
    cr_assert(not(there("3.zip")));
    (void)orphans(true);
    put_many(scene->provider, 2, 1);
    cr_assert(gt(i64, state_provider_metrics(scene->provider, 0).files_copied, 0));
}

Test(rocksdb_upload, one_that_fails_fails_its_commit_and_leaves_nothing_to_rely_on)
{
    const struct plan *plan = rocksdb_plan(false, 2, 100);
    for (size_t i = 0; i < OF_SSTS + OF_ZIPS; i++) {
        struct obstacle obstacle = i < OF_SSTS ? of_ssts[i] : of_zips[i - OF_SSTS];
        begin_anew();
        met = &obstacle;
        do_scene(plan, obstacle.kind, commit_fails);
        cr_assert(le(sz, orphans(false), strcmp(obstacle.operation, "fsync_dir") == 0));
        audit(plan, obstacle.kind, 3);
    }
}

/* Objects: the answer to the zip's put is lost. It was put, or not, or comes later. */
static void answer_is_lost(struct scene *scene)
{
    advance(scene->provider, 0);
    advance(scene->provider, 1);
    state_provider_maintain(scene->provider);
    cr_assert(eq(u32, world.trigger.fired, 1));
    pass(scene->ports, 60);
    cr_assert(eq(int, there("2.zip"), world.trigger.fault.applied));
    state_provider_maintain(scene->provider);
    cr_assert(there("2.zip"));
    advance(scene->provider, 2);
    advance(scene->provider, 3);
    state_provider_maintain(scene->provider);
}

Test(rocksdb_upload, a_lost_answer_is_looked_into)
{
    static const struct operation_fault faults[] = {
        {.effect = OPERATION_LOSES_REPLY, .applied = true},
        {.effect = OPERATION_LOSES_REPLY, .applied = false},
        {.effect = OPERATION_LOSES_REPLY, .applied = true, .late_us = 20 * SECOND_US},
    };
    const struct plan *plan = rocksdb_plan(true, 2, 100);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        begin_anew();
        world.trigger = (struct storage_trigger){.operation = "put_if_absent",
                                                 .path = "2.zip",
                                                 .nth = 1,
                                                 .times = 1,
                                                 .fault = faults[i]};
        do_scene(plan, STORE_OBJECTS, answer_is_lost);
        cr_assert(there("4.zip"));
        world.machine = 1;
        look_over(plan, STORE_OBJECTS, 0, 4);
        audit(plan, STORE_OBJECTS, 4);
    }
}

/* ---- SST files vanish before the zip is put ---------------------------------------------------
 */

static void newest_sst_vanishes(struct storage_world *vanishing)
{
    fake_storage_damage(vanishing->storage, "*/SSTs/*.sst", DAMAGE_REMOVED);
}

static char first_sst[256];

static void note_first_sst(void *context, const char *path, struct bytes content)
{
    if (strstr(path, "/SSTs/") != NULL) {
        (void)snprintf(first_sst, sizeof first_sst, "%s", path);
    }
}

static void first_sst_vanishes(struct storage_world *vanishing)
{
    fake_storage_damage(vanishing->storage, first_sst, DAMAGE_REMOVED);
}

/* A large version, and a small one upon it that brings a file of its own and uses the first again.
 */
static void large_and_small(struct state_provider *provider)
{
    put_many(provider, 0, 80);
    fake_storage_each(world.storage, 0, STATE, note_first_sst, NULL);
    world.trigger.nth = 1;
    put_many(provider, 1, 2);
    world.trigger.nth = 0;
}

static void small_is_lost(struct state_provider *provider)
{
    struct diag diag = {0};
    put_many(provider, 0, 80);
    struct state_store *state = open_at(provider, 1);
    put_keys(state, 2, 2);
    world.trigger.nth = 1;
    cr_assert(eq(int, state_store_commit(state, &diag), ERR_FAILED));
    world.trigger.nth = 0;
    cr_assert(eq(str, diag.error_class, "CANNOT_WRITE_STATE_STORE.CANNOT_COMMIT"));
    cr_assert(ne(ptr, strstr(diag.file, STATE "/SSTs/"), NULL), "%s", diag.file);
    cr_assert(not(there("2.zip")));
    put_many(provider, 1, 2);
}

static size_t ssts_of(const char *zip)
{
    struct arena arena = {0};
    size_t count = snapshot_of(&arena, zip).sst_count;
    arena_free(&arena);
    return count;
}

static void vanish(void (*act)(struct storage_world *), uint32_t times)
{
    world.trigger = (struct storage_trigger){
        .operation = "list", .path = STATE "/SSTs", .times = times, .act = act};
}

Test(rocksdb_upload, what_vanishes_before_the_zip_is_put_goes_up_again)
{
    const struct plan *plan = rocksdb_plan(false, 2, 100);
    vanish(newest_sst_vanishes, 1);
    do_steps(plan, large_and_small);
    cr_assert(eq(u32, world.trigger.fired, 1));
    cr_assert(eq(sz, ssts_of(STATE "/2.zip"), 2));
    audit(plan, STORE_DISK, 2);
}

/* A cleanup on another machine took it; version 1 is gone with it (SPARK-55892). */
Test(rocksdb_upload, also_what_an_older_zip_brought_there)
{
    const struct plan *plan = rocksdb_plan(false, 2, 100);
    vanish(first_sst_vanishes, 1);
    do_steps(plan, large_and_small);
    cr_assert(eq(u32, world.trigger.fired, 1));
    cr_assert(eq(sz, ssts_of(STATE "/2.zip"), 2));
    state_damage(&world, STATE "/1.zip", (struct bytes){0});
    struct auditing auditing = auditing_new(plan, STORE_DISK, 2);
    auditing.audit.oldest = 2;
    storage_world_run(&world, run_audit, &auditing);
    (void)audit_finds_nothing(&auditing);
}

Test(rocksdb_upload, what_vanishes_again_and_again_fails_the_commit)
{
    const struct plan *plan = rocksdb_plan(false, 2, 100);
    vanish(newest_sst_vanishes, 100);
    do_steps(plan, small_is_lost);
    cr_assert(ge(u32, world.trigger.fired, 2));
    cr_assert(eq(sz, ssts_of(STATE "/2.zip"), 2));
}
