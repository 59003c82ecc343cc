/* A log that lost its tail and grew again, or was made anew (R20, R21, R25): oracle-ranges. What
 * was read stays in the table; what took its offsets since then is owed too, and offsets alone do
 * not show that a query has passed it over. The world knows both records of such an offset. */
#include "engine/base/check.h"
#include "sim/check/checks_internal.h"

void log_changes_event(struct checks *checks, const struct trace_record *record)
{
    if (record->a >= 0 && record->a < (int64_t)checks->partition_count) {
        checks->log_changed_us[record->a] = record->time_us;
    }
}

/* An offset of a partition, and the record that the log has there now. */
struct place {
    const struct checks *checks;
    size_t partition;
    int64_t offset;
    struct broker_history now;
};

static const struct check_batch *batch_of(const struct checks *checks, size_t version)
{
    const struct check_version *record = &checks->versions[version];
    const struct check_batch *batch =
        record->present && record->query != CHECK_QUERY_NONE
            ? query_batch(&checks->queries[record->query], record->batch)
            : NULL;
    return batch != NULL && batch->known ? batch : NULL;
}

static bool was_skipped(const struct check_batch *batch, const struct place *place)
{
    for (size_t i = 0; i < batch->skipped_count; i++) {
        const struct skipped_range *range = &batch->skipped[i];
        if (range->partition == (int32_t)place->partition && place->offset >= range->from &&
            place->offset < range->until) {
            return true;
        }
    }
    return false;
}

/* Did the batch read the record that is there now? */
static bool read_it(const struct check_batch *batch, const struct place *place)
{
    const struct checks *checks = place->checks;
    struct broker_history then;
    bool found = fake_broker_history_at(checks->broker,
                                        checks->topic,
                                        (int32_t)place->partition,
                                        place->offset,
                                        batch->delivered_us,
                                        &then);
    return found && then.produced_us == place->now.produced_us &&
           then.workload == place->now.workload && then.line == place->now.line;
}

/* Has the table passed the record over? Some batch read its offset when another record stood there,
 * none read this one, and one that came into the table since begins behind it. */
static bool passed_over(const struct place *place)
{
    bool offset_read = false;
    bool passed = false;
    for (size_t v = 0; v < place->checks->version_count; v++) {
        const struct check_batch *batch = batch_of(place->checks, v);
        if (batch == NULL) {
            continue;
        }
        int64_t begin = batch->begins[place->partition];
        int64_t end = batch->ends[place->partition];
        if (begin <= place->offset && place->offset < end && !was_skipped(batch, place)) {
            offset_read = true;
            if (read_it(batch, place)) {
                return false;
            }
        }
        passed = passed || (begin > place->offset && begin < end &&
                            batch->delivered_us >= place->now.produced_us);
    }
    return offset_read && passed;
}

int64_t log_changes_lost(const struct checks *checks, int64_t *unreported)
{
    int64_t lost = 0;
    *unreported = 0;
    for (size_t p = 0; p < checks->partition_count; p++) {
        if (!fake_broker_taken_back(checks->broker, checks->topic, (int32_t)p)) {
            continue;
        }
        struct place place = {.checks = checks, .partition = p};
        int64_t end = checks_readable_end(checks, p);
        /* What has expired since cannot be compared any more, neither here nor by the engine. */
        for (place.offset = checks_log_start(checks, p); place.offset < end; place.offset++) {
            if (fake_broker_history(
                    checks->broker, checks->topic, (int32_t)p, place.offset, &place.now) &&
                passed_over(&place)) {
                lost++;
                *unreported += checks->log_changed_us[p] < place.now.produced_us ? 1 : 0;
            }
        }
    }
    return lost;
}

void log_changes_end(struct checks *checks)
{
    int64_t unreported = 0;
    bool taken_back = false;
    for (size_t p = 0; p < checks->partition_count && !taken_back; p++) {
        taken_back = fake_broker_taken_back(checks->broker, checks->topic, (int32_t)p);
    }
    if (!taken_back) {
        return;
    }
    int64_t lost = log_changes_lost(checks, &unreported);
    maybe(lost > 0);
    checks_count(checks, CHECK_ORACLE_RANGES);
    if (unreported > 0) {
        checks_fail(checks,
                    CHECK_ORACLE_RANGES,
                    "the log was cut and grew again: %lld records have offsets that were read "
                    "before, are in no batch, and later batches went on as if nothing had happened",
                    (long long)unreported);
    }
}
