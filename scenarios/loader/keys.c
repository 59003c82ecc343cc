#include "scenarios/loader/keys.h"

#include <string.h>

#include "faults/fault.h"
#include "scenarios/loader/names.h"

enum { COUNT_MAX = 1000000, RECORDS_MAX = 10000000, PARTITIONS_MAX = 256 };
#define OFFSET_MAX INT64_C(1000000000000)

static const struct key set_element = {.kind = KEY_SCALAR};

/* ---- cluster ----------------------------------------------------------------------------------
 */

static const struct key supervisor_keys[] = {
    {.name = "restart",
     .kind = KEY_DURATION,
     .names = names_never,
     .standard = "20s",
     .help = "delay before a driver that crashed is started again, or \"never\""},
    {.name = "executor_restart",
     .kind = KEY_DURATION,
     .standard = "5s",
     .help = "delay before a lost executor is replaced"},
    {.name = "give_up",
     .kind = KEY_INT,
     .max = 1000,
     .standard = "5",
     .help = "crashes in a row without a commit after which it stops trying; 0: never"},
    {0}};
static const struct key_table supervisor_table = {
    .name = "supervisor", .keys = supervisor_keys, .help = "who starts processes again"};

static const struct key cluster_keys[] = {
    {.name = "brokers",
     .kind = KEY_INT,
     .min = 1,
     .max = 9,
     .standard = "1",
     .help = "Kafka brokers, one a machine"},
    {.name = "executors",
     .kind = KEY_INT,
     .min = 1,
     .max = 64,
     .standard = "2",
     .help = "executors, one a machine"},
    {.name = "storage",
     .kind = KEY_NAME,
     .names = names_storages,
     .standard = "disk",
     .help = "where checkpoint and table stand: a shared file system or an object store"},
    {.name = "supervisor",
     .kind = KEY_OBJECT,
     .table = &supervisor_table,
     .help = "who starts processes again, and when"},
    {0}};
static const struct key_table cluster_table = {
    .name = "cluster", .keys = cluster_keys, .help = "the machines of this world"};

/* ---- topics and workload ----------------------------------------------------------------------
 */

static const struct key topic_keys[] = {
    {.name = "partitions",
     .kind = KEY_INT,
     .required = true,
     .min = 1,
     .max = 256,
     .help = "how many partitions"},
    {.name = "replication.factor",
     .kind = KEY_INT,
     .min = 1,
     .max = 9,
     .standard = "1",
     .help = "replicas of each partition; at most as many as brokers"},
    {.name = "min.insync.replicas",
     .kind = KEY_INT,
     .min = 1,
     .max = 9,
     .standard = "1",
     .help = "replicas that must be in sync for a record to be accepted"},
    {.name = "retention.ms",
     .kind = KEY_MILLISECONDS,
     .standard = "7d",
     .help = "age at which closed segments are deleted; -1: never"},
    {.name = "retention.bytes",
     .kind = KEY_BYTES,
     .standard = "-1",
     .help = "size of a partition above which closed segments are deleted; -1: no limit"},
    {.name = "segment.ms",
     .kind = KEY_MILLISECONDS,
     .min = 1,
     .standard = "7d",
     .help = "age at which a segment is closed"},
    {.name = "segment.bytes",
     .kind = KEY_BYTES,
     .min = 1,
     .standard = "1GiB",
     .help = "size at which a segment is closed"},
    {.name = "unclean.leader.election.enable",
     .kind = KEY_BOOL,
     .standard = "false",
     .help = "may a replica that is not in sync become leader, and lose what it lacks?"},
    {0}};
static const struct key_table topic_table = {
    .name = "topic", .keys = topic_keys, .help = "a Kafka topic, its settings under Kafka's names"};
static const struct key topic_element = {.kind = KEY_OBJECT, .table = &topic_table};

static const struct key partition_element = {.kind = KEY_INT, .max = 255};
static const struct key workload_keys[] = {
    {.name = "to", .kind = KEY_TEXT, .required = true, .help = "the topic"},
    {.name = "from",
     .kind = KEY_PATH,
     .required = true,
     .help = "a file with one record value a line; repeated from its start when more are needed"},
    {.name = "records",
     .kind = KEY_INT,
     .min = 1,
     .max = RECORDS_MAX,
     .help = "how many; without it, as many as fit before \"until\""},
    {.name = "rate",
     .kind = KEY_RATE,
     .required = true,
     .help = "records a time, evenly: \"4/s\", \"1/min\""},
    {.name = "start",
     .kind = KEY_DURATION,
     .standard = "0s",
     .help = "when the first record is sent, since the scenario's start"},
    {.name = "until",
     .kind = KEY_DURATION,
     .min = 1,
     .help = "since the scenario's start; without it, when \"records\" have been sent"},
    {.name = "partitions",
     .kind = KEY_LIST,
     .min = 1,
     .max = PARTITIONS_MAX,
     .element = &partition_element,
     .help = "where they go, in turn: one named twice gets twice as many, one not named none; "
             "without it, every partition alike"},
    {.name = "burst",
     .kind = KEY_INT,
     .min = 1,
     .max = COUNT_MAX,
     .standard = "1",
     .help = "so many are sent at once, at the time of the first of them"},
    {.name = "late",
     .kind = KEY_OBJECT,
     .table = &keys_late,
     .help = "some records are sent later than their place in the file says"},
    {0}};
static const struct key_table workload_table = {
    .name = "workload", .keys = workload_keys, .help = "records that flow into a topic"};
static const struct key workload_element = {.kind = KEY_OBJECT, .table = &workload_table};

/* ---- expect -----------------------------------------------------------------------------------
 */

static const struct key resumes_keys[] = {
    {.name = "batch",
     .kind = KEY_INT,
     .required = true,
     .max = OFFSET_MAX,
     .help = "the first batch of the run"},
    {.name = "as",
     .kind = KEY_NAME,
     .names = names_resumes,
     .required = true,
     .help = "a new query, the next batch, or one that ran before"},
    {0}};
static const struct key_table resumes_table = {
    .name = "resumes", .keys = resumes_keys, .help = "where recovery goes on"};

static const struct key names_keys[] = {
    {.name = "file",
     .kind = KEY_TEXT,
     .help = "a pattern for the path of the file that the error is about; * stands for anything, "
             "{delta} and {snapshot} as in a script"},
    {.name = "remedy", .kind = KEY_TEXT, .help = "the error's text holds this: what to do"},
    {.name = "topic", .kind = KEY_TEXT, .help = "the error's text holds this topic"},
    {.name = "partitions",
     .kind = KEY_LIST,
     .min = 1,
     .element = &partition_element,
     .help = "and each of these partitions, as topic-partition"},
    {0}};
static const struct key_table names_table = {
    .name = "names", .keys = names_keys, .help = "what an error must name"};

static const struct key run_keys[] = {
    {.name = "ends",
     .kind = KEY_NAME,
     .names = names_run_ends,
     .required = true,
     .help = "how it ends"},
    {.name = "resumes",
     .kind = KEY_OBJECT,
     .table = &resumes_table,
     .help = "where recovery goes on"},
    {.name = "error",
     .kind = KEY_TEXT,
     .help = "class of the error that ends it: whole, or its part before a '.'"},
    {.name = "names", .kind = KEY_OBJECT, .table = &names_table, .help = "what the error names"},
    {.name = "commits",
     .kind = KEY_INT,
     .max = COUNT_MAX,
     .help = "how many commits/N it writes, exactly"},
    {.name = "reports",
     .kind = KEY_NAME,
     .names = names_reports,
     .help = "skipped-ranges: it reports each range of offsets that it skips"},
    {0}};
static const struct key_table run_table = {
    .name = "run", .keys = run_keys, .help = "one start of a driver, to its end"};
static const struct key run_element = {.kind = KEY_OBJECT, .table = &run_table};

static const struct key span_element = {.kind = KEY_DURATION};
static const struct key lost_keys[] = {
    {.name = "cause",
     .kind = KEY_NAME,
     .names = names_causes,
     .required = true,
     .help = "why records may be missing; the world computes which"},
    {.name = "topic", .kind = KEY_TEXT, .help = "expired: the topic they were in"},
    {.name = "span",
     .kind = KEY_LIST,
     .min = 2,
     .max = 2,
     .element = &span_element,
     .help = "expired: from when to when they were sent, since the start"},
    {0}};
static const struct key_table lost_table = {
    .name = "lost", .keys = lost_keys, .help = "records that may be missing, and why"};

static const struct key table_keys[] = {{.name = "lost",
                                         .kind = KEY_OBJECT,
                                         .names = names_nothing,
                                         .table = &lost_table,
                                         .standard = "nothing",
                                         .help = "records that never arrive"},
                                        {.name = "repeated",
                                         .kind = KEY_NAME,
                                         .names = names_nothing,
                                         .standard = "nothing",
                                         .help = "records that arrive twice"},
                                        {0}};
static const struct key_table table_table = {
    .name = "table", .keys = table_keys, .help = "the table, compared with what was sent"};

static const struct key recovery_keys[] = {
    {.name = "from",
     .kind = KEY_NAME,
     .names = names_verbs,
     .required = true,
     .help = "a verb of the script: the clock starts when it happens"},
    {.name = "to",
     .kind = KEY_NAME,
     .names = names_milestones,
     .required = true,
     .help = "the next commit, or everything readable committed"},
    {.name = "within", .kind = KEY_DURATION, .min = 1, .required = true, .help = "at most"},
    {0}};
static const struct key_table recovery_table = {
    .name = "recovery", .keys = recovery_keys, .help = "how fast it must recover"};
static const struct key recovery_element = {.kind = KEY_OBJECT, .table = &recovery_table};

static const struct key count_keys[] = {
    {.name = "min", .kind = KEY_INT, .max = COUNT_MAX, .standard = "0", .help = "at least"},
    {.name = "max", .kind = KEY_INT, .max = COUNT_MAX, .help = "at most"},
    {0}};
static const struct key_table count_table = {
    .name = "count", .keys = count_keys, .help = "how often"};
static const struct key count_element = {
    .kind = KEY_INT_OR_OBJECT, .max = COUNT_MAX, .table = &count_table};

static const struct key expect_keys[] = {
    {.name = "runs",
     .kind = KEY_LIST,
     .min = 1,
     .element = &run_element,
     .help = "every start of a driver, in order"},
    {.name = "table", .kind = KEY_OBJECT, .table = &table_table, .help = "the table at the end"},
    {.name = "recovery",
     .kind = KEY_LIST,
     .min = 1,
     .element = &recovery_element,
     .help = "how fast it must recover"},
    {.name = "counts",
     .kind = KEY_MAP,
     .names = names_events,
     .element = &count_element,
     .help = "how often events of the trace must happen: a number, or min and max"},
    {.name = "supervisor",
     .kind = KEY_NAME,
     .names = names_supervisor_ends,
     .help = "the supervisor stops trying"},
    {0}};
static const struct key_table expect_table = {
    .name = "expect", .keys = expect_keys, .help = "what must come of it"};

/* ---- the whole --------------------------------------------------------------------------------
 */

static const struct key state_store_element = {.kind = KEY_NAME, .names = names_state_stores};
static const struct key scenario_keys[] = {
    {.name = "story",
     .kind = KEY_TEXT,
     .required = true,
     .help = "what happens here and what must come of it, for people"},
    {.name = "pipeline",
     .kind = KEY_PATH,
     .required = true,
     .help = "the pipeline's file, relative to this one"},
    {.name = "set",
     .kind = KEY_MAP,
     .element = &set_element,
     .help = "options that differ from the pipeline's, under Spark's names"},
    {.name = "state_stores",
     .kind = KEY_LIST,
     .min = 1,
     .element = &state_store_element,
     .help = "of a pipeline with groups: it runs under each of them, in turn; memory is Spark's "
             "HDFSBackedStateStoreProvider, rocksdb its RocksDBStateStoreProvider, without and "
             "with changelogCheckpointing"},
    {.name = "start_time",
     .kind = KEY_TIMESTAMP,
     .standard = "2001-01-01T00:00:00Z",
     .help = "the date when the world begins"},
    {.name = "cluster", .kind = KEY_OBJECT, .table = &cluster_table, .help = "the machines"},
    {.name = "topics",
     .kind = KEY_MAP,
     .required = true,
     .min = 1,
     .element = &topic_element,
     .help = "Kafka's topics by name"},
    {.name = "workload",
     .kind = KEY_LIST,
     .required = true,
     .min = 1,
     .element = &workload_element,
     .help = "what is sent to them"},
    {.name = "script",
     .kind = KEY_LIST,
     .max = SCRIPT_EVENTS_MAX,
     .element = &key_event,
     .help = "what goes wrong, and what people do; each event must fire"},
    {.name = "vary",
     .kind = KEY_OBJECT,
     .table = &keys_vary,
     .help = "what a seed draws besides noise; without a seed nothing is drawn"},
    {.name = "expect",
     .kind = KEY_OBJECT,
     .table = &expect_table,
     .help = "what must come of it; without it, every record arrives exactly once"},
    {0}};

const struct key_table keys_scenario = {
    .name = "scenario", .keys = scenario_keys, .help = "an Aftershock scenario"};

bool key_is_remark(const char *key)
{
    return strcmp(key, "note") == 0 || strcmp(key, "$schema") == 0;
}
