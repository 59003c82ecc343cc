#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "engine/base/process.h"
#include "engine/base/units.h"
#include "scenarios/loader/scenario.h"

static struct arena arena;
static struct diag diag;
static struct scenario *scenario;

static void clean(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
TestSuite(load, .fini = clean);

/* As if the text stood in scenarios/loader, so that "../pipelines" is the project's. */
static enum status load(const char *text)
{
    diag = (struct diag){0};
    return scenario_load_text(
        &arena, "scenarios/loader/example.json", bytes_of_text(text), NULL, &scenario, &diag);
}

static void must_load(const char *text)
{
    enum status status = load(text);
    char message[1400];
    diag_format(&diag, message, sizeof message);
    cr_assert(eq(int, status, OK), "%s", message);
}

static const char crash_text[] =
    "{\n"
    "  \"$schema\": \"../schema.json\",\n"
    "  \"story\": \"The driver dies between the Delta commit and commits/3. Batch 3 runs again and "
    "must not be written twice.\",\n"
    "  \"pipeline\": \"../pipelines/flight_delays.json\",\n"
    "  \"cluster\": {\"brokers\": 1, \"executors\": 2, \"storage\": \"disk\", \"supervisor\": "
    "{\"restart\": \"20s\", \"give_up\": 5}},\n"
    "  \"topics\": {\"flights\": {\"partitions\": 2}},\n"
    "  \"workload\": [{\"to\": \"flights\", \"from\": \"../data/flights.ndjson\", \"records\": "
    "200, \"rate\": \"4/s\"}],\n"
    "  \"script\": [\n"
    "    {\"at\": {\"batch\": 3, \"point\": \"sink.after\"}, \"do\": \"crash\", \"target\": "
    "\"driver\"}\n"
    "  ],\n"
    "  \"expect\": {\n"
    "    \"runs\": [{\"ends\": \"crashed\"}, {\"resumes\": {\"batch\": 3, \"as\": \"re-run\"}, "
    "\"ends\": \"caught-up\"}],\n"
    "    \"table\": {\"lost\": \"nothing\", \"repeated\": \"nothing\"},\n"
    "    \"recovery\": [{\"from\": \"crash\", \"to\": \"first-commit\", \"within\": \"45s\"}]\n"
    "  }\n"
    "}\n";

Test(load, a_driver_crash)
{
    must_load(crash_text);
    cr_assert(eq(str, scenario->name, "example"));
    cr_assert(eq(str, scenario->pipeline_file, "scenarios/loader/../pipelines/flight_delays.json"));
    cr_assert(eq(str, scenario->plan->topic, "flights"));
    cr_assert(eq(u32, scenario->cluster.brokers, 1));
    cr_assert(eq(u32, scenario->cluster.executors, 2));
    cr_assert(eq(int, scenario->cluster.storage, STORE_DISK));
    cr_assert(eq(i64, scenario->cluster.supervisor.restart_us, 20 * US_PER_SECOND));
    cr_assert(eq(i64, scenario->cluster.supervisor.executor_restart_us, 5 * US_PER_SECOND));
    cr_assert(eq(u32, scenario->cluster.supervisor.give_up, 5));
    cr_assert(eq(i64, scenario->start_us, INT64_C(978307200) * US_PER_SECOND));
    cr_assert(zero(ptr, scenario->set->name));

    const struct workload_config *workload = &scenario->workloads[0];
    cr_assert(eq(sz, scenario->workload_count, 1));
    cr_assert(eq(i64, workload->interval_us, 250 * US_PER_MS));
    cr_assert(eq(i64, workload->records, 200));
    cr_assert(eq(i64, workload->until_us, -1));
    cr_assert(eq(sz, workload->line_count, 200));
    cr_assert(eq(int, workload->lines[199].data[0], '{'));
    cr_assert(eq(int, workload->lines[199].data[workload->lines[199].size - 1], '}'));

    const struct fault_event *event = &scenario->script.events[0];
    cr_assert(eq(sz, scenario->script.count, 1));
    cr_assert(eq(int, event->at.kind, ANCHOR_POINT));
    cr_assert(eq(int, event->at.point, FP_SINK_AFTER));
    cr_assert(eq(i64, event->at.batch, 3));
    cr_assert(eq(u32, event->at.nth, 1));
    cr_assert(eq(int, event->verb, FAULT_CRASH));
    cr_assert(eq(int, event->target.kind, TARGET_DRIVER));
    cr_assert(eq(u32, event->times, 1));
    cr_assert(eq(int, event->line, 9));

    const struct expectation *expect = &scenario->expect;
    cr_assert(eq(sz, expect->run_count, 2));
    cr_assert(eq(int, expect->runs[0].ends, RUN_CRASHED));
    cr_assert(not(expect->runs[0].has_resumes));
    cr_assert(eq(i64, expect->runs[0].commits, -1));
    cr_assert(eq(int, expect->runs[1].ends, RUN_CAUGHT_UP));
    cr_assert(eq(i64, expect->runs[1].resumes_batch, 3));
    cr_assert(eq(int, expect->runs[1].resumes_as, 2));
    cr_assert(eq(int, expect->lost, LOST_NOTHING));
    cr_assert(eq(str, expect->recoveries[0].from, "crash"));
    cr_assert(not(expect->recoveries[0].to_caught_up));
    cr_assert(eq(i64, expect->recoveries[0].within_us, 45 * US_PER_SECOND));
}

Test(load, an_outage_longer_than_retention)
{
    must_load(
        "{\"$schema\": \"../schema.json\", \"story\": \"Retention is 24 h, the outage 26 h.\",\n"
        " \"pipeline\": \"../pipelines/flight_delays.json\", \"set\": {\"failOnDataLoss\": true},\n"
        " \"cluster\": {\"brokers\": 3, \"executors\": 2, \"storage\": \"objects\", "
        "\"supervisor\": {\"restart\": \"never\"}},\n"
        " \"topics\": {\"flights\": {\"partitions\": 2, \"replication.factor\": 3, "
        "\"retention.ms\": \"24h\", \"segment.ms\": \"10m\"}},\n"
        " \"workload\": [{\"to\": \"flights\", \"from\": \"../data/flights.ndjson\", \"rate\": "
        "\"1/min\", \"until\": \"30h\"}],\n"
        " \"script\": [\n"
        "  {\"id\": \"outage\", \"at\": {\"time\": \"2h\"}, \"do\": \"stop\", \"target\": "
        "\"driver\"},\n"
        "  {\"at\": {\"event\": \"outage\", \"plus\": \"26h\"}, \"do\": \"start\", \"target\": "
        "\"driver\"},\n"
        "  {\"at\": {\"run\": 2, \"ends\": \"error\", \"plus\": \"10m\"}, \"do\": \"start\", "
        "\"target\": \"driver\", \"set\": {\"failOnDataLoss\": false}}],\n"
        " \"expect\": {\"runs\": [{\"ends\": \"stopped\"},\n"
        "  {\"ends\": \"error\", \"error\": \"DATA_LOSS\", \"names\": {\"topic\": \"flights\", "
        "\"partitions\": [0, 1]}, \"commits\": 0},\n"
        "  {\"ends\": \"caught-up\", \"reports\": \"skipped-ranges\"}],\n"
        "  \"table\": {\"lost\": {\"cause\": \"expired\", \"topic\": \"flights\", \"span\": "
        "[\"1h55m\", \"2h10m\"]}, \"repeated\": \"nothing\"}}}\n");
    const struct topic_config *topic = &scenario->topics[0];
    cr_assert(eq(i64, topic->retention_ms, 86400000));
    cr_assert(eq(i64, topic->segment_ms, 600000));
    cr_assert(eq(i64, topic->segment_bytes, INT64_C(1) << 30));
    cr_assert(eq(i64, topic->retention_bytes, -1));
    cr_assert(eq(i32, topic->replication_factor, 3));
    cr_assert(eq(int, scenario->cluster.storage, STORE_OBJECTS));
    cr_assert(eq(i64, scenario->cluster.supervisor.restart_us, -1));
    cr_assert(eq(str, scenario->set[0].name, "failOnDataLoss"));
    cr_assert(eq(str, scenario->set[0].value, "true"));

    const struct fault_event *events = scenario->script.events;
    cr_assert(eq(str, events[0].id, "outage"));
    cr_assert(eq(i64, events[0].at.time_us, 2 * US_PER_HOUR));
    cr_assert(eq(int, events[1].at.kind, ANCHOR_EVENT));
    cr_assert(eq(int, events[1].at.event, 0));
    cr_assert(eq(i64, events[1].at.time_us, 26 * US_PER_HOUR));
    cr_assert(zero(ptr, events[1].set));
    cr_assert(eq(int, events[2].at.kind, ANCHOR_RUN_END));
    cr_assert(eq(u32, events[2].at.run, 2));
    cr_assert(eq(int, events[2].at.ends, RUN_ERROR));
    cr_assert(eq(str, events[2].set[0].value, "true"), "the scenario's set comes first");
    cr_assert(eq(str, events[2].set[1].value, "false"));
    cr_assert(zero(ptr, events[2].set[2].name));

    const struct expectation *expect = &scenario->expect;
    cr_assert(eq(str, expect->runs[1].error, "DATA_LOSS"));
    cr_assert(eq(i64, expect->runs[1].commits, 0));
    cr_assert(eq(str, expect->runs[1].names.topic, "flights"));
    cr_assert(eq(sz, expect->runs[1].names.partition_count, 2));
    cr_assert(eq(i32, expect->runs[1].names.partitions[1], 1));
    cr_assert(expect->runs[2].reports_skipped);
    cr_assert(eq(int, expect->lost, LOST_EXPIRED));
    cr_assert(expect->has_lost_span);
    cr_assert(eq(i64, expect->lost_span.from_us, 115 * US_PER_MINUTE));
    cr_assert(eq(i64, expect->lost_span.to_us, 130 * US_PER_MINUTE));
}

#define HEAD                                                                                       \
    "{\"story\": \"s\", \"pipeline\": \"../pipelines/flight_delays.json\", \"topics\": "           \
    "{\"flights\": {\"partitions\": 1}}, \"workload\": [{\"to\": \"flights\", \"from\": "          \
    "\"bad/files/two.ndjson\", \"records\": 5, \"rate\": \"100/s\"}]"

Test(load, what_is_absent_has_its_default)
{
    must_load(HEAD "}");
    cr_assert(eq(u32, scenario->cluster.brokers, 1));
    cr_assert(eq(u32, scenario->cluster.executors, 2));
    cr_assert(eq(i64, scenario->cluster.supervisor.restart_us, 20 * US_PER_SECOND));
    cr_assert(eq(sz, scenario->script.count, 0));
    cr_assert(not(scenario->expect.has_runs));
    cr_assert(not(scenario->expect.gave_up));
    cr_assert(eq(sz, scenario->workloads[0].line_count, 2), "the file is shorter than \"records\"");
    cr_assert(eq(i64, scenario->topics[0].retention_ms, 604800000));
}

Test(load, storage_faults_and_counts)
{
    must_load(HEAD
              ", \"cluster\": {\"storage\": \"objects\", \"executors\": 3},\n"
              "\"script\": [{\"at\": {\"operation\": \"put_if_absent\", \"path\": \"*commits/3\", "
              "\"nth\": 2}, \"do\": \"lost_reply\", \"target\": \"storage\", \"applied\": true},\n"
              "{\"at\": {\"operation\": \"write\", \"path\": \"*\", \"when\": \"after\"}, \"do\": "
              "\"crash\", \"target\": \"executor 3 machine\", \"unsynced\": \"garbled\"},\n"
              "{\"at\": {\"point\": \"output.after\"}, \"do\": \"pause\", \"target\": "
              "\"executor\", \"for\": \"1m\"}],\n"
              "\"expect\": {\"counts\": {\"executor-lost\": 1, \"task-failed\": {\"min\": 3}}, "
              "\"supervisor\": \"gave-up\"}}");
    const struct fault_event *events = scenario->script.events;
    cr_assert(eq(str, events[0].at.operation, "put_if_absent"));
    cr_assert(eq(str, events[0].at.path, "*commits/3"));
    cr_assert(eq(u32, events[0].at.nth, 2));
    cr_assert(not(events[0].at.after));
    cr_assert(events[0].applied);
    cr_assert(events[1].at.after);
    cr_assert(eq(int, events[1].unsynced, UNSYNCED_GARBLED));
    cr_assert(eq(u32, events[1].target.index, 3));
    cr_assert(eq(i64, events[2].at.batch, -1));
    cr_assert(eq(i64, events[2].for_us, US_PER_MINUTE));
    const struct expectation *expect = &scenario->expect;
    cr_assert(eq(str, expect->counts[0].event, "executor-lost"));
    cr_assert(eq(i64, expect->counts[0].min, 1));
    cr_assert(eq(i64, expect->counts[0].max, 1));
    cr_assert(eq(i64, expect->counts[1].min, 3));
    cr_assert(eq(i64, expect->counts[1].max, INT64_MAX));
    cr_assert(expect->gave_up);
}

Test(load, set_reaches_the_plan)
{
    must_load(HEAD ", \"set\": {\"processingTime\": \"7s\", \"spark.task.maxFailures\": 2}}");
    cr_assert(eq(i64, scenario->plan->options.trigger_interval_us, 7 * US_PER_SECOND));
    cr_assert(eq(i64, scenario->plan->options.task_max_failures, 2));
}

Test(load, notes_stand_everywhere)
{
    must_load("{\"note\": \"n\", \"story\": \"s\", \"pipeline\": "
              "\"../pipelines/flight_delays.json\", \"set\": {\"note\": \"n\"}, \"cluster\": "
              "{\"note\": \"n\", \"supervisor\": {\"note\": \"n\"}}, \"topics\": {\"note\": \"n\", "
              "\"flights\": {\"note\": \"n\", \"partitions\": 1}}, \"workload\": [{\"note\": "
              "\"n\", \"to\": \"flights\", \"from\": \"bad/files/two.ndjson\", \"records\": 5, "
              "\"rate\": \"100/s\"}], \"script\": [{\"note\": \"n\", \"at\": {\"note\": \"n\", "
              "\"time\": \"1s\"}, \"do\": \"crash\", \"target\": \"driver\"}], \"expect\": "
              "{\"note\": \"n\", \"counts\": {\"note\": \"n\"}, \"table\": {\"note\": \"n\"}}}");
    cr_assert(eq(sz, scenario->topic_count, 1));
    cr_assert(zero(ptr, scenario->set[0].name));
    cr_assert(eq(sz, scenario->expect.count_count, 0));
}

/* A failure record holds `resolved`; loading it again gives the same scenario. */
Test(load, resolved_text_is_canonical_and_loads_again)
{
    must_load(crash_text);
    const char *resolved = scenario->resolved;
    cr_assert(zero(ptr, strchr(resolved, '\n')));
    must_load(resolved);
    cr_assert(eq(str, scenario->resolved, resolved));
    cr_assert(eq(int, scenario->script.events[0].at.point, FP_SINK_AFTER));
}

Test(load, a_file_that_is_not_there)
{
    cr_assert(eq(int,
                 scenario_load(&arena, "scenarios/quite-another-name.json", NULL, &scenario, &diag),
                 ERR_FAILED));
    char message[1400];
    diag_format(&diag, message, sizeof message);
    cr_assert(
        eq(str, message, "scenarios/quite-another-name.json: no such file [INVALID_SCENARIO]"));
}

/* The first state store is the file itself, with its options spelled out: a record holds no list.
 */
Test(load, under_a_state_store)
{
    must_load("{\"story\": \"Hours.\", \"pipeline\": \"../pipelines/flight_counts.json\",\n"
              " \"state_stores\": [\"memory\"], \"topics\": {\"flights\": {\"partitions\": 2}},\n"
              " \"workload\": [{\"to\": \"flights\", \"from\": \"../data/flights.ndjson\", "
              "\"records\": 200, \"rate\": \"4/s\"}]}\n");
    cr_assert(eq(sz, scenario->state_store_count, 1));
    cr_assert(eq(str, scenario->state_store, "memory"));
    cr_assert(eq(str, scenario->name, "example"));
    cr_assert(eq(sz, scenario_state_store(scenario, "memory"), 0));
    cr_assert(eq(sz, scenario_state_store(scenario, "rocksdb"), 1));
    cr_assert(scenario_under(&arena, scenario, 0) == scenario);
    cr_assert(eq(int, scenario->plan->options.state_provider, STATE_PROVIDER_HDFS));
    cr_assert(ne(ptr, strstr(scenario->resolved, "HDFSBackedStateStoreProvider"), NULL));
    cr_assert(zero(ptr, strstr(scenario->resolved, "state_stores")));
}

/* One story names the same file under each store. */
Test(load, files_of_the_state_are_named_by_what_they_are)
{
    static const char *const deltas[] = {"*/0/0/4.delta", "*/0/0/4.zip", "*/0/0/4.changelog"};
    static const char *const snapshots[] = {"*snapshot*", "*zip*", "*zip*"};
    must_load(
        "{\"story\": \"Hours.\", \"pipeline\": \"../pipelines/flight_counts.json\",\n"
        " \"state_stores\": [\"memory\", \"rocksdb\", \"rocksdb-changelog\"],\n"
        " \"cluster\": {\"executors\": 2, \"storage\": \"disk\"},\n"
        " \"topics\": {\"flights\": {\"partitions\": 2}},\n"
        " \"script\": [\n"
        "  {\"at\": {\"operation\": \"write\", \"path\": \"*/0/0/4.{delta}\"}, \"do\": "
        "\"disk_full\", \"target\": \"storage\"},\n"
        "  {\"at\": {\"time\": \"9s\"}, \"do\": \"damage\", \"target\": \"storage\", \"path\": "
        "\"*{snapshot}*\", \"how\": \"empty\"}],\n"
        " \"expect\": {\"runs\": [{\"ends\": \"error\", \"names\": {\"file\": "
        "\"*/0/0/4.{delta}\"}}]},\n"
        " \"workload\": [{\"to\": \"flights\", \"from\": \"../data/flights.ndjson\", "
        "\"records\": 200, \"rate\": \"4/s\"}]}\n");
    cr_assert(eq(sz, scenario->state_store_count, 3));
    for (size_t i = 0; i < scenario->state_store_count; i++) {
        const struct scenario *one = scenario_under(&arena, scenario, i);
        cr_expect(eq(str, one->script.events[0].at.path, deltas[i]));
        cr_expect(eq(str, one->script.events[1].path, snapshots[i]));
        cr_expect(eq(str, one->expect.runs[0].names.file, deltas[i]));
    }
}
