/* Schema and operator metadata over the fake disk: written once, held against the plan; a first
 * batch that crashes anywhere starts again. */
#include "engine/state/state_metadata.h"

#include "engine/base/document.h"
#include "sim/fakes/state_world.h"

#define SCHEMA   STATE "/_metadata/schema"
#define OPERATOR CHECKPOINT "/state/0/_metadata/metadata"

static const struct field key_fields[] = {{"window.start", TYPE_TIMESTAMP, "window"},
                                          {"window.end", TYPE_TIMESTAMP, "window"},
                                          {"origin", TYPE_STRING, NULL}};
static const struct field renamed_fields[] = {
    {"w.start", TYPE_TIMESTAMP, "w"}, {"w.end", TYPE_TIMESTAMP, "w"}, {"from", TYPE_STRING, NULL}};
static const struct field other_fields[] = {{"origin", TYPE_LONG, NULL}};
static const struct field buffer_fields[] = {{"count", TYPE_LONG, NULL}};
static const struct field sum_fields[] = {{"sum", TYPE_DOUBLE, NULL}};

struct checking {
    struct schema key;
    struct schema buffer;
    int64_t partitions;
    bool fresh;
    enum state_provider_kind provider;
    enum status status;
    struct diag diag;
};

static void check(void *argument, const struct ports *ports)
{
    struct checking *checking = argument;
    struct arena arena = {0};
    struct aggregation aggregation = {
        .key = checking->key, .buffer = checking->buffer, .event_time_key = -1};
    struct plan plan = *state_plan(10, 100);
    plan.aggregation = &aggregation;
    plan.options.state_provider = checking->provider;
    checking->diag = (struct diag){0};
    struct store *store = store_new(ports, STORE_DISK);
    enum status status = OK;
    if (checking->fresh) {
        status = state_check_unused(store, &plan, checking->partitions, &arena, &checking->diag);
    }
    checking->status =
        status != OK
            ? status
            : state_metadata_check(
                  store, &plan, checking->partitions, checking->fresh, &arena, &checking->diag);
    arena_free(&arena);
}

static struct checking usual(bool fresh)
{
    return (struct checking){.key = {key_fields, 3},
                             .buffer = {buffer_fields, 1},
                             .partitions = 2,
                             .fresh = fresh,
                             .status = ERR_INVALID};
}

static struct storage_world world;

static void begin(void)
{
    document_setup();
    storage_world_new(&world, 1, false);
}

static void end(void)
{
    storage_world_free(&world);
}
TestSuite(state_metadata, .init = begin, .fini = end);

static struct checking run(struct checking checking)
{
    storage_world_run(&world, check, &checking);
    return checking;
}

static void refused(struct checking checking, const char *error_class, const char *file)
{
    checking = run(checking);
    cr_assert(eq(int, checking.status, ERR_FAILED));
    cr_assert(eq(str, checking.diag.error_class, error_class));
    cr_assert(eq(str, checking.diag.file, file));
    cr_assert(ne(ptr, strstr(checking.diag.text, "new checkpointLocation"), NULL));
}

Test(state_metadata, written_once_and_found_again)
{
    struct checking renamed = usual(false);
    renamed.key = (struct schema){renamed_fields, 3};
    cr_assert(eq(int, run(usual(true)).status, OK));
    cr_assert(fake_storage_durable(world.storage, 0, SCHEMA));
    cr_assert(fake_storage_durable(world.storage, 0, OPERATOR));
    cr_assert(eq(int, run(usual(true)).status, OK)); /* the first batch once more */
    cr_assert(eq(int, run(usual(false)).status, OK));
    cr_assert(eq(int, run(renamed).status, OK)); /* names may differ */
}

Test(state_metadata, what_does_not_fit_is_refused_by_name)
{
    struct checking key = usual(false);
    struct checking value = usual(false);
    struct checking partitions = usual(false);
    key.key = (struct schema){other_fields, 1};
    value.buffer = (struct schema){sum_fields, 1};
    partitions.partitions = 5;
    refused(usual(false), "CHECKPOINT_INCONSISTENT", OPERATOR);
    cr_assert(eq(int, run(usual(true)).status, OK));
    refused(key, "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE", SCHEMA);
    refused(value, "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE", SCHEMA);
    refused(partitions, "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA", OPERATOR);
    state_damage(&world, SCHEMA, bytes_of_text("garbage"));
    refused(usual(false), "CHECKPOINT_INCONSISTENT", SCHEMA);
    state_damage(&world, OPERATOR, bytes_of_text("v1\n{"));
    refused(usual(false), "CHECKPOINT_INCONSISTENT", OPERATOR);
}

Test(state_metadata, a_new_query_does_not_start_over_the_state_of_another)
{
    struct state_life life = {.plan = state_plan(10, 100), .until = 1};
    cr_assert(eq(i64, state_run(&world, life).reached, 1));
    cr_assert(eq(int, run(usual(true)).status, OK)); /* 1.delta: of a first batch that crashed */
    life = (struct state_life){.plan = state_plan(10, 100), .from = 1, .until = 2};
    cr_assert(eq(i64, state_run(&world, life).reached, 2));
    refused(usual(true), "STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY", STATE "/2.delta");
    cr_assert(eq(int, run(usual(false)).status, OK));
}

static struct checking under(enum state_provider_kind provider)
{
    struct checking checking = usual(true);
    checking.provider = provider;
    return checking;
}

static void put_file(void *argument, const struct ports *ports)
{
    struct store *store = store_new(ports, STORE_DISK);
    cr_assert(eq(int, store_put_over(store, argument, bytes_of_text("a file")), OK));
}

/* Of version 1 only: a first batch of this query that crashed, under the same provider. */
Test(state_metadata, a_new_query_does_not_start_over_the_state_of_the_other_provider)
{
    static const struct {
        char *path;
        enum state_provider_kind of;
        int64_t version;
    } files[] = {{STATE "/1.delta", STATE_PROVIDER_HDFS, 1},
                 {STATE "/1.zip", STATE_PROVIDER_ROCKSDB, 1},
                 {STATE "/1.changelog", STATE_PROVIDER_ROCKSDB, 1},
                 {STATE "/1_385921b6-ce74-4827-9294-d7b7b5cd8374.zip", STATE_PROVIDER_ROCKSDB, 1},
                 {STATE "/2.zip", STATE_PROVIDER_ROCKSDB, 2},
                 {STATE "/12.changelog", STATE_PROVIDER_ROCKSDB, 12}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        end();
        begin();
        storage_world_run(&world, put_file, files[i].path);
        for (int provider = 0; provider <= STATE_PROVIDER_ROCKSDB; provider++) {
            struct checking checking = under((enum state_provider_kind)provider);
            if (files[i].of == checking.provider && files[i].version == 1) {
                cr_assert(eq(int, run(checking).status, OK), "%s", files[i].path);
            } else {
                refused(checking, "STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY", files[i].path);
            }
        }
    }
}

Test(state_metadata, what_is_no_state_file_does_not_matter)
{
    static char *const paths[] = {STATE "/SSTs/000008-a.sst",
                                  STATE "/.2.zip.a.tmp",
                                  STATE "/x.zip",
                                  STATE "/2.zip.crc",
                                  STATE "/2zip"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        storage_world_run(&world, put_file, paths[i]);
    }
    cr_assert(eq(int, run(under(STATE_PROVIDER_ROCKSDB)).status, OK));
    cr_assert(eq(int, run(under(STATE_PROVIDER_HDFS)).status, OK));
}

Test(state_metadata, a_snapshot_of_a_first_batch_that_crashed_is_removed)
{
    struct state_life life = {.plan = state_plan(0, 100), .until = 1, .maintained_every = 1};
    cr_assert(eq(i64, state_run(&world, life).reached, 1));
    cr_assert(state_there(&world, "1.snapshot"));
    cr_assert(eq(int, run(usual(true)).status, OK));
    cr_assert_not(state_there(&world, "1.snapshot"));
    cr_assert(state_there(&world, "1.delta"));
}

/* It may be all the state of a batch whose rows are in the table: the driver died before commits/0.
 */
Test(state_metadata, a_zip_of_a_first_batch_that_crashed_stays)
{
    storage_world_run(&world, put_file, STATE "/1.zip");
    storage_world_run(&world, put_file, STATE "/1.changelog");
    cr_assert(eq(int, run(under(STATE_PROVIDER_ROCKSDB)).status, OK));
    cr_assert(state_there(&world, "1.zip"));
    cr_assert(state_there(&world, "1.changelog"));
}

Test(state_metadata, a_first_batch_that_crashed_anywhere_starts_again)
{
    static const enum unsynced fates[] = {UNSYNCED_KEPT, UNSYNCED_DROPPED, UNSYNCED_DRAWN};
    uint32_t fired = 0;
    uint32_t last = 0;
    for (uint32_t operation = 1; operation <= 40; operation++) {
        for (int i = 0; i < 6; i++) {
            end();
            begin();
            world.trigger = (struct storage_trigger){
                .nth = operation, .times = 1, .after = i % 2 == 1, .kill = true};
            struct checking first = run(usual(true));
            fired += world.trigger.fired;
            last = world.trigger.fired > 0 ? operation : last;
            world.trigger = (struct storage_trigger){0};
            kernel_machine_down(world.kernel, 0, MACHINE_CRASHED, fates[i / 2]);
            if (first.status == OK) {
                cr_assert(eq(int, run(usual(false)).status, OK));
            }
            world.machine = 1;
            cr_assert(eq(int, run(usual(true)).status, OK));
            kernel_machine_down(world.kernel, 1, MACHINE_CRASHED, UNSYNCED_DROPPED);
            cr_assert(eq(int, run(usual(false)).status, OK));
        }
    }
    cr_assert(gt(u32, last, 15));
    cr_assert(lt(u32, last, 40)); /* every operation was a crash point */
    cr_assert(eq(u32, fired, 6 * last));
}
