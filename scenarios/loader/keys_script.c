/* The grammar of "script": anchors, verbs and what goes with them. */
#include "scenarios/loader/keys.h"

#include "faults/fault.h"
#include "scenarios/loader/names.h"

enum { COUNT_MAX = 1000000 };
#define OFFSET_MAX INT64_C(1000000000000)

/* ---- script -----------------------------------------------------------------------------------
 */

static const struct key at_time_keys[] = {
    {.name = "time", .kind = KEY_DURATION, .required = true, .help = "since the scenario's start"},
    {0}};
static const struct key_table at_time_table = {
    .name = "at_time", .leading = "time", .keys = at_time_keys, .help = "at a time"};

static const struct key at_point_keys[] = {{.name = "batch",
                                            .kind = KEY_INT,
                                            .max = OFFSET_MAX,
                                            .help = "the batch being worked on; without it, any"},
                                           {.name = "point",
                                            .kind = KEY_NAME,
                                            .names = names_points,
                                            .required = true,
                                            .help = "a failure point that a process passes"},
                                           {.name = "nth",
                                            .kind = KEY_INT,
                                            .min = 1,
                                            .max = COUNT_MAX,
                                            .standard = "1",
                                            .help = "which passing, counted from 1"},
                                           {0}};
static const struct key_table at_point_table = {
    .name = "at_point", .leading = "point", .keys = at_point_keys, .help = "at a point of a batch"};

static const struct key at_operation_keys[] = {
    {.name = "operation",
     .kind = KEY_NAME,
     .names = names_operations,
     .required = true,
     .help = "a storage operation"},
    {.name = "path",
     .kind = KEY_TEXT,
     .required = true,
     .help =
         "a pattern for the whole path, where * stands for anything; {delta} for how the file ends "
         "that a batch writes for its version of the state (delta, changelog or zip), {snapshot} "
         "for how the one ends that has all of a version (snapshot or zip)"},
    {.name = "nth",
     .kind = KEY_INT,
     .min = 1,
     .max = COUNT_MAX,
     .standard = "1",
     .help = "which of the matching operations, counted from 1"},
    {.name = "when",
     .kind = KEY_NAME,
     .names = names_before_after,
     .standard = "before",
     .help = "before the operation happens or after it"},
    {0}};
static const struct key_table at_operation_table = {.name = "at_operation",
                                                    .leading = "operation",
                                                    .keys = at_operation_keys,
                                                    .help = "at a storage operation"};

static const struct key at_event_keys[] = {
    {.name = "event",
     .kind = KEY_TEXT,
     .required = true,
     .help = "the \"id\" of another event of this script that has fired"},
    {.name = "plus", .kind = KEY_DURATION, .standard = "0s", .help = "this much later"},
    {0}};
static const struct key_table at_event_table = {.name = "at_event",
                                                .leading = "event",
                                                .keys = at_event_keys,
                                                .help = "after another event of the script"};

static const struct key at_run_end_keys[] = {
    {.name = "run",
     .kind = KEY_INT,
     .min = 1,
     .max = 1000,
     .help = "which start of a driver, counted from 1; without it, any"},
    {.name = "ends",
     .kind = KEY_NAME,
     .names = names_run_ends,
     .required = true,
     .help = "how it ends"},
    {.name = "plus", .kind = KEY_DURATION, .standard = "0s", .help = "this much later"},
    {0}};
static const struct key_table at_run_end_table = {.name = "at_run_end",
                                                  .leading = "ends",
                                                  .keys = at_run_end_keys,
                                                  .help = "when a driver's run ends"};

static const struct key_table *const anchor_variants[] = {
    &at_time_table, &at_point_table, &at_operation_table, &at_event_table, &at_run_end_table, NULL};

static const struct key set_element = {.kind = KEY_SCALAR};

/* Each as in "topics", without what holds in their absence: that is what held before. */
static const struct key config_keys[] = {
    {.name = "retention.ms",
     .kind = KEY_MILLISECONDS,
     .help = "age at which segments are deleted; -1: never"},
    {.name = "retention.bytes",
     .kind = KEY_BYTES,
     .help = "size of a partition above which segments are deleted; -1: no limit"},
    {.name = "segment.ms",
     .kind = KEY_MILLISECONDS,
     .min = 1,
     .help = "age at which a segment is closed"},
    {.name = "segment.bytes",
     .kind = KEY_BYTES,
     .min = 1,
     .help = "size at which a segment is closed"},
    {0}};
static const struct key_table config_table = {
    .name = "config", .keys = config_keys, .help = "settings of a topic that change"};

static const struct key event_keys[] = {
    {.name = "optional",
     .kind = KEY_BOOL,
     .standard = "false",
     .help = "it need not fire; \"vary\" writes it, since a draw cannot know who passes where"},
    {.name = "id", .kind = KEY_TEXT, .help = "a name for other events to refer to"},
    {.name = "at",
     .kind = KEY_VARIANTS,
     .variants = anchor_variants,
     .required = true,
     .help = "when: a time, a point, a storage operation, another event, the end of a run"},
    {.name = "do",
     .kind = KEY_NAME,
     .names = names_verbs,
     .required = true,
     .help = "what happens; see `aftershock list`"},
    {.name = "target",
     .kind = KEY_TARGET,
     .required = true,
     .help =
         "to whom: driver, second driver, executor 1, executor (whoever reaches the point), "
         "executors, driver machine, executor 1 machine, broker 1, broker 1 machine, topic NAME, "
         "storage"},
    {.name = "for", .kind = KEY_DURATION, .min = 1, .help = "pause, partition, slow: how long"},
    {.name = "times",
     .kind = KEY_INT,
     .min = 1,
     .max = COUNT_MAX,
     .standard = "1",
     .help = "io_error, disk_full, throttle: how many matching operations in a row"},
    {.name = "applied",
     .kind = KEY_BOOL,
     .help = "lost_reply: whether the store did what was asked"},
    {.name = "late",
     .kind = KEY_DURATION,
     .min = 1,
     .help = "lost_reply, applied: the store did it so long after it was asked, whoever may have "
             "written there meanwhile"},
    {.name = "unsynced",
     .kind = KEY_NAME,
     .names = names_unsynced,
     .standard = "drawn",
     .help = "crash of a machine: what becomes of its writes that were not synced"},
    {.name = "set",
     .kind = KEY_MAP,
     .element = &set_element,
     .help = "start: options that differ from then on"},
    {.name = "path",
     .kind = KEY_TEXT,
     .help =
         "damage: a pattern for the whole path, where * stands for anything ({delta}, {snapshot}: "
         "as above); the newest file that it matches"},
    {.name = "how",
     .kind = KEY_NAME,
     .names = names_damages,
     .help = "damage: what becomes of the file"},
    {.name = "config",
     .kind = KEY_OBJECT,
     .table = &config_table,
     .help = "alter: settings of the topic from then on"},
    {.name = "partition",
     .kind = KEY_INT,
     .max = 255,
     .help = "delete_records, move_leader: which partition"},
    {.name = "before",
     .kind = KEY_INT,
     .names = names_end,
     .max = OFFSET_MAX,
     .help = "delete_records: the offset of the first record that stays, or \"end\" for none"},
    {0}};
static const struct key_table event_table = {
    .name = "event", .keys = event_keys, .help = "one thing that goes wrong, or that people do"};
const struct key key_event = {.kind = KEY_OBJECT, .table = &event_table};
