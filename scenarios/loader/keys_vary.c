/* "vary": what a seed draws besides noise, and the workload's keys that it writes. */
#include "scenarios/loader/keys.h"

#include "faults/fault.h"
#include "scenarios/loader/names.h"

enum { RECORDS_APART_MAX = 100000 };

static const struct key late_keys[] = {
    {.name = "every",
     .kind = KEY_INT,
     .required = true,
     .min = 2,
     .max = RECORDS_APART_MAX,
     .help = "one record of so many is late"},
    {.name = "by",
     .kind = KEY_INT,
     .required = true,
     .min = 1,
     .max = RECORDS_APART_MAX,
     .help = "so many of the records behind it are sent before it"},
    {0}};
const struct key_table keys_late = {
    .name = "late", .keys = late_keys, .help = "records that come late"};

static const struct key kind_element = {.kind = KEY_NAME, .names = names_kinds};
static const struct key faults_keys[] = {
    {.name = "kinds",
     .kind = KEY_LIST,
     .min = 1,
     .element = &kind_element,
     .help = "which may be drawn; without it, all that the cluster can survive. Each seed first "
             "switches whole kinds off"},
    {.name = "at_most",
     .kind = KEY_INT,
     .min = 1,
     .max = SCRIPT_EVENTS_MAX,
     .standard = "3",
     .help = "how many a seed; fewer than spark.task.maxFailures and than give_up"},
    {.name = "until",
     .kind = KEY_DURATION,
     .min = 1,
     .standard = "1m",
     .help = "faults at a time: before this"},
    {.name = "batches",
     .kind = KEY_INT,
     .min = 1,
     .max = 10000,
     .standard = "10",
     .help = "faults at a point: of the batches below this"},
    {0}};
static const struct key_table faults_table = {
    .name = "vary_faults", .keys = faults_keys, .help = "faults that a seed draws"};

#define RANGE "from the first number to the second, each as likely"

static const struct key brokers_element = {.kind = KEY_INT, .min = 1, .max = 9};
static const struct key executors_element = {.kind = KEY_INT, .min = 1, .max = 64};
static const struct key partitions_element = {.kind = KEY_INT, .min = 1, .max = 256};
static const struct key apart_element = {.kind = KEY_INT, .min = 1, .max = RECORDS_APART_MAX};

static const struct key cluster_keys[] = {{.name = "brokers",
                                           .kind = KEY_LIST,
                                           .min = 2,
                                           .max = 2,
                                           .element = &brokers_element,
                                           .help = "Kafka brokers: " RANGE},
                                          {.name = "executors",
                                           .kind = KEY_LIST,
                                           .min = 2,
                                           .max = 2,
                                           .element = &executors_element,
                                           .help = "executors: " RANGE},
                                          {0}};
static const struct key_table cluster_table = {
    .name = "vary_cluster", .keys = cluster_keys, .help = "machines that a seed draws"};

static const struct key topics_keys[] = {{.name = "partitions",
                                          .kind = KEY_LIST,
                                          .min = 2,
                                          .max = 2,
                                          .element = &partitions_element,
                                          .help = "of each topic: " RANGE},
                                         {0}};
static const struct key_table topics_table = {
    .name = "vary_topics", .keys = topics_keys, .help = "topics that a seed draws"};

static const struct key scalar_element = {.kind = KEY_SCALAR};
static const struct key choice_keys[] = {{.name = "one_of",
                                          .kind = KEY_LIST,
                                          .min = 1,
                                          .required = true,
                                          .element = &scalar_element,
                                          .help = "values, each as likely"},
                                         {0}};
static const struct key_table choice_table = {
    .name = "vary_choice", .keys = choice_keys, .help = "an option's value that a seed draws"};
static const struct key choice_element = {.kind = KEY_OBJECT, .table = &choice_table};

static const struct key workload_keys[] = {
    {.name = "skew",
     .kind = KEY_BOOL,
     .standard = "false",
     .help = "one seed in two: a partition gets many times what the others get"},
    {.name = "idle",
     .kind = KEY_BOOL,
     .standard = "false",
     .help = "one seed in two: some partitions get nothing, but never all of them"},
    {.name = "burst",
     .kind = KEY_LIST,
     .min = 2,
     .max = 2,
     .element = &apart_element,
     .help = "one seed in two: so many records at once, " RANGE},
    {.name = "late",
     .kind = KEY_LIST,
     .min = 2,
     .max = 2,
     .element = &apart_element,
     .help = "one seed in two: some records late, by so many, " RANGE},
    {0}};
static const struct key_table workload_table = {
    .name = "vary_workload", .keys = workload_keys, .help = "how a seed sends the records"};

static const struct key vary_keys[] = {
    {.name = "faults", .kind = KEY_OBJECT, .table = &faults_table, .help = "faults"},
    {.name = "cluster", .kind = KEY_OBJECT, .table = &cluster_table, .help = "machines"},
    {.name = "topics", .kind = KEY_OBJECT, .table = &topics_table, .help = "every topic"},
    {.name = "set",
     .kind = KEY_MAP,
     .element = &choice_element,
     .help = "options, under Spark's names"},
    {.name = "workload", .kind = KEY_OBJECT, .table = &workload_table, .help = "every workload"},
    {0}};
const struct key_table keys_vary = {
    .name = "vary", .keys = vary_keys, .help = "what a seed draws besides noise"};
