/* Which offsets a batch may have: oracle-ranges (initial offsets by the oracle's own reading of
 * startingOffsets, ends that tile the topic up to what Kafka can hand out) and batch-tiles (what
 * the driver says it planned, and where it resumes, against the logs). */
#include <stdlib.h>

#include "engine/base/check.h"
#include "sim/check/checkpoint_reader.h"
#include "sim/check/checks_internal.h"

/* ---- initial offsets */

/* What startingOffsets may mean for one partition: anything between what Kafka answered when the
 * driver started and what it answers now. */
struct bounds {
    int64_t low;
    int64_t high;
};

static struct bounds
bounds_of(struct checks *checks, const struct check_driver *driver, size_t partition, int64_t named)
{
    enum { LATEST = -1, EARLIEST = -2 }; /* as Kafka and Spark write them */
    if (named == LATEST) {
        return (struct bounds){driver->ends_at_start[partition],
                               checks_readable_end(checks, partition)};
    }
    if (named == EARLIEST) {
        return (struct bounds){driver->begins_at_start[partition],
                               checks_log_start(checks, partition)};
    }
    return (struct bounds){named, named};
}

/* {"topic":{"0":5,"1":-2}}, where -1 and -2 have their meaning; a partition that is not named
 * begins at the latest. */
static int64_t named_offset(struct checks *checks, const char *option, size_t partition)
{
    if (option == NULL || strcmp(option, "latest") == 0) {
        return -1;
    }
    if (strcmp(option, "earliest") == 0) {
        return -2;
    }
    const char *key = arena_printf(&checks->scratch, "\"%zu\":", partition);
    const char *at = strstr(option, key);
    return at == NULL ? -1 : strtoll(at + strlen(key), NULL, 10);
}

static const char *without_spaces(struct arena *arena, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    char *copy = arena_strdup(arena, text);
    size_t size = 0;
    for (size_t i = 0; text[i] != 0; i++) {
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\n') {
            copy[size++] = text[i];
        }
    }
    copy[size] = 0;
    return copy;
}

void plan_initial(struct checks *checks,
                  const struct sim_process *by,
                  const struct check_query *query)
{
    const struct check_driver *driver = checks_driver_of(checks, by->process.id);
    if (driver == NULL) {
        return;
    }
    const char *option = without_spaces(
        &checks->scratch, oracle_option(checks->oracle, driver->overrides, "startingOffsets"));
    for (size_t i = 0; i < checks->partition_count; i++) {
        struct bounds bounds = bounds_of(checks, driver, i, named_offset(checks, option, i));
        checks_count(checks, CHECK_ORACLE_RANGES);
        bool named = query->initial[i] >= 0; /* else it begins at its earliest, when it is found */
        if (named && (query->initial[i] < bounds.low || query->initial[i] > bounds.high)) {
            checks_fail(checks,
                        CHECK_ORACLE_RANGES,
                        "sources/0/0 begins partition %zu at %lld, but startingOffsets=%s means "
                        "%lld to %lld here",
                        i,
                        (long long)query->initial[i],
                        option == NULL ? "latest" : option,
                        (long long)bounds.low,
                        (long long)bounds.high);
        }
    }
}

/* ---- ends */

static int64_t planned_total(const struct checks *checks, const struct check_batch *record)
{
    int64_t total = 0;
    for (size_t i = 0; i < checks->partition_count; i++) {
        int64_t offsets = record->ends[i] - record->begins[i];
        total += offsets > 0 ? offsets : 0; /* below: a log that has lost its tail */
    }
    return total;
}

/* maxOffsetsPerTrigger: each share is rounded up below one record, so at most one more a partition
 * (spark-checkpoint 4). The limit is the one of whoever wrote the offsets. */
static void rate_limit(struct checks *checks, const struct check_batch *record, int64_t total)
{
    const struct check_driver *driver = checks_driver_of(checks, record->offsets_by);
    const char *text =
        driver == NULL ? NULL
                       : oracle_option(checks->oracle, driver->overrides, "maxOffsetsPerTrigger");
    int64_t limit = text == NULL ? 0 : strtoll(text, NULL, 10);
    if (limit > 0) {
        checks_count(checks, CHECK_ORACLE_RANGES);
        if (total > limit + (int64_t)checks->partition_count) {
            checks_fail(checks,
                        CHECK_ORACLE_RANGES,
                        "a batch has %lld offsets, maxOffsetsPerTrigger is %lld",
                        (long long)total,
                        (long long)limit);
        }
    }
}

void plan_ends(struct checks *checks, const struct check_query *query, int64_t batch)
{
    const struct check_batch *record = query_batch(query, batch);
    const int64_t *before = batch_before(query, batch);
    if (before == NULL) {
        checks_fail(checks,
                    CHECK_ORACLE_RANGES,
                    "offsets/%lld was written, but where batch %lld begins is nowhere",
                    (long long)batch,
                    (long long)batch);
        return;
    }
    for (size_t i = 0; i < checks->partition_count; i++) {
        int64_t readable = checks_readable_end(checks, i);
        bool absent = before[i] < 0 && record->ends[i] < 0;
        bool found = before[i] < 0 && !absent;
        /* Kafka has lost a tail that was read already (R20, R21): the log's new end is right, and
         * whether the query may go on from there is failOnDataLoss' matter. */
        bool shorter = before[i] > readable && record->ends[i] == readable;
        record->begins[i] = found ? checks_log_start(checks, i) : before[i];
        checks_count(checks, CHECK_ORACLE_RANGES);
        if (!absent && !shorter &&
            (record->ends[i] < record->begins[i] || record->ends[i] > readable)) {
            checks_fail(
                checks,
                CHECK_ORACLE_RANGES,
                "offsets/%lld ends partition %zu at %lld: expected %lld (the end before) to "
                "%lld (what Kafka can hand out)",
                (long long)batch,
                i,
                (long long)record->ends[i],
                (long long)record->begins[i],
                (long long)readable);
            return;
        }
    }
    rate_limit(checks, record, planned_total(checks, record));
}

/* ---- what the driver says about its plan */

static void
same_plan(struct checks *checks, const struct trace_record *record, int64_t batch, int64_t planned)
{
    const struct check_query *query = checks_current(checks);
    const struct check_batch *known = query_batch(query, batch);
    if (known == NULL || !known->known || known->skipped_count > 0) {
        return;
    }
    int64_t logged = planned_total(checks, known);
    checks_count(checks, CHECK_BATCH_TILES);
    if (planned != logged) {
        checks_fail(checks,
                    CHECK_BATCH_TILES,
                    "%s planned batch %lld with %lld offsets, but from the end of batch %lld to "
                    "offsets/%lld it is %lld",
                    record->process_name,
                    (long long)batch,
                    (long long)planned,
                    (long long)batch - 1,
                    (long long)batch,
                    (long long)logged);
    }
}

/* Recovery by spark-checkpoint 2.3, out of what stands in the logs now. */
static void resumes_right(struct checks *checks, const struct trace_record *record)
{
    const struct check_driver *driver = checks_driver_of(checks, record->process);
    const struct check_query *query = checks_current(checks);
    if (driver == NULL || !driver->alone || query == NULL) {
        return; /* somebody else has written meanwhile: there is no one right answer */
    }
    int64_t offsets = -1;
    int64_t commits = -1;
    for (int64_t n = 0; n < (int64_t)query->batch_count; n++) {
        offsets = query->batches[n].offsets_present ? n : offsets;
        commits = query->batches[n].commit_present ? n : commits;
    }
    bool again = offsets >= 0 && commits < offsets;
    int64_t batch = again ? offsets : offsets + 1;
    int64_t how = offsets < 0 ? 0 : again ? 2 : 1;
    checks_count(checks, CHECK_BATCH_TILES);
    if (record->batch != batch || record->a != how) {
        static const char *const words[] = {"new", "next", "re-run"};
        checks_fail(checks,
                    CHECK_BATCH_TILES,
                    "%s resumes with batch %lld (%s), but offsets end at %lld and commits at %lld: "
                    "expected batch %lld (%s)",
                    record->process_name,
                    (long long)record->batch,
                    record->a >= 0 && record->a <= 2 ? words[record->a] : "?",
                    (long long)offsets,
                    (long long)commits,
                    (long long)batch,
                    words[how]);
    }
}

/* The sink knows a batch by (query id, batch): under another id it would write it again. */
static void started(struct checks *checks, const struct trace_record *record)
{
    const struct check_query *query = checks_current(checks);
    checks_count(checks, CHECK_SINK_ONCE);
    if (query == NULL || strcmp(record->text, query->id) != 0) {
        checks_fail(checks,
                    CHECK_SINK_ONCE,
                    "%s runs as query %s, but the checkpoint's metadata says %s",
                    record->process_name,
                    record->text,
                    query == NULL ? "nothing" : query->id);
    }
}

/* Reports name no batch: a gap is of the newest one, as far as it reaches, unless that is in the
 * table already (a zombie's report). */
static int64_t batch_that_reads(const struct checks *checks, const struct check_query *query)
{
    for (size_t i = query->batch_count; i > 0; i--) {
        if (query->batches[i - 1].known && query->batches[i - 1].offsets_present) {
            int64_t batch = (int64_t)i - 1;
            return sink_version_of(checks, checks->current, batch, 0) < 0 ? batch : -1;
        }
    }
    return -1;
}

static void skipped(struct checks *checks, const struct trace_record *record)
{
    const struct check_query *query = checks_current(checks);
    int64_t number = query == NULL ? -1 : batch_that_reads(checks, query);
    struct check_batch *batch = query_batch(query, number);
    if (batch == NULL || record->a < 0 || record->a >= (int64_t)checks->partition_count) {
        return;
    }
    int64_t begin = batch->begins[record->a];
    int64_t from = record->b > begin ? record->b : begin;
    int64_t until = record->c < batch->ends[record->a] ? record->c : batch->ends[record->a];
    int64_t log_start = checks_log_start(checks, (size_t)record->a);
    checks_count(checks, CHECK_ORACLE_RANGES);
    if (from < until && until > log_start) {
        checks_fail(checks,
                    CHECK_ORACLE_RANGES,
                    "batch %lld skips offsets %lld to %lld of partition %lld, but Kafka has them "
                    "from %lld on",
                    (long long)number,
                    (long long)from,
                    (long long)until,
                    (long long)record->a,
                    (long long)log_start);
    }
    batch->skipped =
        heap_realloc(batch->skipped, (batch->skipped_count + 1) * sizeof *batch->skipped);
    batch->skipped[batch->skipped_count++] =
        (struct skipped_range){.partition = (int32_t)record->a, .from = from, .until = until};
}

/* A run that says it has caught up has in the table what was readable when it began (availableNow),
 * or what is readable now. */
static void caught_up(struct checks *checks, const struct trace_record *record)
{
    const struct check_driver *driver = checks->ended;
    if (driver == NULL || strcmp(record->text, run_end_name(RUN_CAUGHT_UP)) != 0) {
        return;
    }
    for (size_t i = 0; i < checks->partition_count; i++) {
        int64_t end = -1;
        bool planned = ledger_committed_end(checks, i, &end);
        bool empty = driver->ends_at_start[i] <= driver->begins_at_start[i];
        checks_count(checks, CHECK_ORACLE_RANGES);
        if (!empty && (!planned || end < driver->ends_at_start[i])) {
            checks_fail(checks,
                        CHECK_ORACLE_RANGES,
                        "the run ends caught-up, but the table has partition %zu up to %lld, and "
                        "%lld was readable when it began",
                        i,
                        (long long)end,
                        (long long)driver->ends_at_start[i]);
        }
    }
}

void plan_event(struct checks *checks, const struct trace_record *record)
{
    struct check_driver *driver = checks_driver_of(checks, record->process);
    if (record->kind == (int)EVENT_QUERY_STARTED) {
        started(checks, record);
    } else if (record->kind == (int)EVENT_QUERY_RESUMED) {
        resumes_right(checks, record);
    } else if (record->kind == (int)EVENT_BATCH_PLANNED && driver != NULL) {
        driver->planned_batch = record->batch;
        driver->planned_offsets = record->a;
        if (record->b == 1) {
            same_plan(checks, record, record->batch, record->a);
        }
    } else if (record->kind == (int)EVENT_OFFSETS_WRITTEN && driver != NULL &&
               driver->planned_batch == record->batch) {
        same_plan(checks, record, record->batch, driver->planned_offsets);
    } else if (record->kind == (int)EVENT_RANGE_SKIPPED) {
        skipped(checks, record);
    } else if (record->kind == (int)EVENT_LOG_CHANGED) {
        log_changes_event(checks, record);
    } else if (record->kind == (int)EVENT_QUERY_ENDED) {
        checks->ended = record->text[0] == 0 ? driver : NULL;
    } else if (record->kind == (int)WORLD_RUN_ENDED) {
        caught_up(checks, record);
    }
}
