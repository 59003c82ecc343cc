/* The damage ledger. What this world can damage for good is little: a checkpoint on a machine's own
 * disk that went with the machine, records that Kafka expired or took back. Everything else has a
 * durable copy or a replay path, so the engine must recover from it.
 *
 * A query that has lost its checkpoint comes back as another query (another id) and begins where
 * startingOffsets says: "earliest" repeats what the first has delivered, "latest" loses what was
 * produced in between. The ledger computes which records, from the offsets of the batches that are
 * in the table. The same records lost or repeated without such damage are a violation. */
#include "engine/base/check.h"
#include "engine/base/units.h"
#include "sim/check/checks_internal.h"

int64_t ledger_last_batch(const struct checks *checks, int query)
{
    int64_t last = -1;
    for (size_t v = 0; v < checks->version_count; v++) {
        const struct check_version *version = &checks->versions[v];
        if (version->present && version->query == query && query != CHECK_QUERY_NONE &&
            version->batch > last) {
            last = version->batch;
        }
    }
    return last;
}

/* A partition that is not in the plan yet begins at its earliest record. */
static int64_t position_of(const struct checks *checks, const int64_t *positions, size_t partition)
{
    return positions[partition] >= 0 ? positions[partition] : checks_log_start(checks, partition);
}

/* Where the table's part of `query` ends in one partition; its initial offset when it has none. */
static bool query_end(const struct checks *checks, size_t query, size_t partition, int64_t *end)
{
    const struct check_query *record = &checks->queries[query];
    const struct check_batch *batch = query_batch(record, ledger_last_batch(checks, (int)query));
    if (batch != NULL && batch->known) {
        *end = position_of(checks, batch->ends, partition);
        return true;
    }
    *end = record->initial_known ? position_of(checks, record->initial, partition) : *end;
    return record->initial_known;
}

bool ledger_committed_end(const struct checks *checks, size_t partition, int64_t *end)
{
    for (size_t q = checks->query_count; q > 0; q--) {
        if (query_end(checks, q - 1, partition, end)) {
            return true; /* the newest query that has planned anything */
        }
    }
    return false;
}

/* What the change from earlier queries to `query` does to one partition. */
struct shift {
    int64_t lost;
    int64_t repeated;
    bool excused; /* a checkpoint was lost before it */
};

/* A query covers [initial, end) of the table, contiguously: tiling is oracle-ranges' matter. So the
 * queries before it reach as far as their highest end, and the difference is lost or repeated. */
static struct shift shift_of(const struct checks *checks, size_t query, size_t partition)
{
    struct shift shift = {.lost = 0};
    const struct check_query *record = &checks->queries[query];
    int64_t reached = -1;
    for (size_t q = 0; q < query; q++) {
        int64_t end = -1;
        if (query_end(checks, q, partition, &end)) {
            reached = end > reached ? end : reached;
            shift.excused = shift.excused || checks->queries[q].lost;
        }
    }
    int64_t end = -1;
    if (reached < 0 || !record->initial_known || !query_end(checks, query, partition, &end)) {
        return shift;
    }
    int64_t begin = position_of(checks, record->initial, partition);
    shift.lost = begin > reached ? begin - reached : 0;
    int64_t both = end < reached ? end : reached;
    shift.repeated = both > begin ? both - begin : 0;
    return shift;
}

void ledger_commit(struct checks *checks, int query, int64_t batch)
{
    for (size_t i = 0; query > 0 && i < checks->partition_count; i++) {
        struct shift shift = shift_of(checks, (size_t)query, i);
        checks_count(checks, CHECK_DELIVERED_ONCE);
        if (shift.repeated > 0 && !shift.excused) {
            checks_fail(checks,
                        CHECK_DELIVERED_ONCE,
                        "batch %lld of query %s delivers %lld records of partition %zu that an "
                        "earlier query of this checkpoint has delivered, though nothing was lost",
                        (long long)batch,
                        checks->queries[query].id,
                        (long long)shift.repeated,
                        i);
            return;
        }
    }
}

static void totals(const struct checks *checks, struct shift *total, struct shift *unexcused)
{
    *total = (struct shift){.lost = 0};
    *unexcused = *total;
    for (size_t q = 1; q < checks->query_count; q++) {
        for (size_t i = 0; i < checks->partition_count; i++) {
            struct shift shift = shift_of(checks, q, i);
            total->lost += shift.lost;
            total->repeated += shift.repeated;
            unexcused->lost += shift.excused ? 0 : shift.lost;
            unexcused->repeated += shift.excused ? 0 : shift.repeated;
        }
    }
}

void ledger_end(struct checks *checks)
{
    struct shift total;
    struct shift unexcused;
    totals(checks, &total, &unexcused);
    if (checks->query_count > 0) {
        checks_count(checks, CHECK_DELIVERED_ONCE);
    }
    if (unexcused.lost > 0) {
        checks_fail(checks,
                    CHECK_ORACLE_RANGES,
                    "%lld records are in no batch of any query of this checkpoint, though nothing "
                    "was lost",
                    (long long)unexcused.lost);
    } else if (unexcused.repeated > 0) {
        checks_fail(checks,
                    CHECK_DELIVERED_ONCE,
                    "%lld records were delivered by two queries of this checkpoint, though nothing "
                    "was lost",
                    (long long)unexcused.repeated);
    }
}

static int64_t records_expired(const struct checks *checks)
{
    int64_t expired = 0;
    for (size_t v = 0; v < checks->version_count; v++) {
        const struct check_version *version = &checks->versions[v];
        const struct check_batch *batch =
            version->present && version->query != CHECK_QUERY_NONE
                ? query_batch(&checks->queries[version->query], version->batch)
                : NULL;
        for (size_t i = 0; batch != NULL && i < batch->skipped_count; i++) {
            int64_t gap = batch->skipped[i].until - batch->skipped[i].from;
            expired += gap > 0 ? gap : 0;
        }
    }
    return expired;
}

static void widen(const struct checks *checks,
                  const struct skipped_range *range,
                  int64_t *from_us,
                  int64_t *to_us)
{
    for (int64_t offset = range->from; offset < range->until; offset++) {
        struct broker_history history;
        if (fake_broker_history(
                checks->broker, checks->topic, range->partition, offset, &history)) {
            int64_t sent_us = history.timestamp_ms * US_PER_MS;
            *from_us = sent_us < *from_us ? sent_us : *from_us;
            *to_us = sent_us > *to_us ? sent_us : *to_us;
        }
    }
}

bool checks_lost_span(const struct checks *checks, int64_t *from_us, int64_t *to_us)
{
    *from_us = INT64_MAX;
    *to_us = INT64_MIN;
    for (size_t v = 0; v < checks->version_count; v++) {
        const struct check_version *version = &checks->versions[v];
        const struct check_batch *batch =
            version->present && version->query != CHECK_QUERY_NONE
                ? query_batch(&checks->queries[version->query], version->batch)
                : NULL;
        for (size_t i = 0; batch != NULL && i < batch->skipped_count; i++) {
            widen(checks, &batch->skipped[i], from_us, to_us);
        }
    }
    return *from_us <= *to_us;
}

enum lost_cause checks_lost_cause(const struct checks *checks)
{
    int64_t unreported = 0;
    int64_t changed = log_changes_lost(checks, &unreported);
    if (checks_records_lost(checks) > records_expired(checks) + changed ||
        checks_records_repeated(checks) > 0) {
        return LOST_LOCAL_DISK;
    }
    if (changed > 0) {
        return LOST_LOG_CHANGED;
    }
    return records_expired(checks) > 0 ? LOST_EXPIRED : LOST_NOTHING;
}

int64_t checks_records_lost(const struct checks *checks)
{
    struct shift total;
    struct shift unexcused;
    totals(checks, &total, &unexcused);
    int64_t unreported = 0;
    return total.lost + records_expired(checks) + log_changes_lost(checks, &unreported);
}

int64_t checks_records_repeated(const struct checks *checks)
{
    struct shift total;
    struct shift unexcused;
    totals(checks, &total, &unexcused);
    return total.repeated;
}
