#include "engine/source/kafka_source.h"

#include <stdio.h>

#include "engine/base/check.h"
#include "engine/source/kafka_query.h"
#include "engine/source/kafka_split.h"

/* ---- latest offsets ------------------------------------------------------------------------- */

/* The latest offset of every partition, those of `known` that Kafka does not list now unchanged. */
static enum status ask_latest(const struct ports *ports,
                              const struct plan *plan,
                              const struct offsets *known,
                              struct arena *arena,
                              struct offsets *latest,
                              struct diag *diag)
{
    struct kafka_query query = kafka_query_begin(ports, plan);
    struct offsets listed = {0};
    TRY(kafka_query_partitions(&query, known, arena, &listed, diag));
    struct broker_offset *asked = arena_alloc(arena, (listed.count + 1) * sizeof *asked);
    for (size_t i = 0; i < listed.count; i++) {
        asked[i].partition = listed.entries[i].partition;
        asked[i].timestamp = BROKER_LATEST;
    }
    TRY(kafka_query_offsets(&query, asked, listed.count, false, diag));
    latest->topic = plan->topic;
    latest->count = 0;
    latest->entries =
        arena_alloc(arena, (listed.count + known->count + 1) * sizeof *latest->entries);
    for (size_t i = 0, k = 0; i < listed.count || k < known->count;) {
        struct partition_offset *entry = &latest->entries[latest->count++];
        if (i == listed.count ||
            (k < known->count && known->entries[k].partition < asked[i].partition)) {
            *entry = known->entries[k++];
            continue;
        }
        if (k < known->count && known->entries[k].partition == asked[i].partition) {
            k++;
        }
        *entry = (struct partition_offset){asked[i].partition, asked[i].offset};
        i++;
    }
    return OK;
}

static bool went_back(const struct offsets *known, const struct offsets *latest)
{
    for (size_t i = 0; i < known->count; i++) {
        if (offsets_get(latest, known->entries[i].partition) < known->entries[i].offset) {
            return true;
        }
    }
    return false;
}

enum status kafka_latest_offsets(const struct ports *ports,
                                 const struct plan *plan,
                                 const struct offsets *known,
                                 struct arena *arena,
                                 struct offsets *latest,
                                 struct diag *diag)
{
    for (int64_t retries = 0;; retries++) {
        TRY(ask_latest(ports, plan, known, arena, latest, diag));
        /* A broker may answer with too low an offset for a moment (SPARK-26267, KAFKA-7703). One
         * that stays low is what Kafka has: kafka_plan_ranges decides what that means. */
        if (!went_back(known, latest) || retries >= plan->options.fetch_retries) {
            return OK;
        }
        clock_sleep_until(&ports->clock,
                          clock_now_us(&ports->clock) + plan->options.fetch_retry_interval_us);
    }
}

/* ---- where a batch begins ------------------------------------------------------------------- */

/* Earliest offsets of the partitions of `wanted`; -1 where Kafka knows none. */
static enum status ask_earliest(const struct ports *ports,
                                const struct plan *plan,
                                const struct offsets *wanted,
                                struct arena *arena,
                                struct offsets *earliest,
                                struct diag *diag)
{
    earliest->topic = plan->topic;
    earliest->count = wanted->count;
    earliest->entries = arena_copy(arena, wanted->entries, wanted->count * sizeof *wanted->entries);
    if (wanted->count == 0) {
        return OK;
    }
    struct broker_offset *asked = arena_alloc(arena, wanted->count * sizeof *asked);
    for (size_t i = 0; i < wanted->count; i++) {
        asked[i].partition = wanted->entries[i].partition;
        asked[i].timestamp = BROKER_EARLIEST;
    }
    struct kafka_query query = kafka_query_begin(ports, plan);
    TRY(kafka_query_offsets(&query, asked, wanted->count, true, diag));
    for (size_t i = 0; i < wanted->count; i++) {
        earliest->entries[i].offset = asked[i].offset;
    }
    return OK;
}

/* Partitions of `a` that `b` does not have. */
static struct offsets
missing_from(const struct offsets *a, const struct offsets *b, struct arena *arena)
{
    struct offsets result = {
        .topic = a->topic,
        .entries = arena_alloc(arena, (a->count + 1) * sizeof *result.entries),
    };
    for (size_t i = 0; i < a->count; i++) {
        if (offsets_get(b, a->entries[i].partition) < 0) {
            result.entries[result.count++] = a->entries[i];
        }
    }
    return result;
}

enum status kafka_begin_offsets(const struct ports *ports,
                                const struct plan *plan,
                                const struct offsets *start,
                                const struct offsets *latest,
                                struct arena *arena,
                                struct offsets *begin,
                                struct diag *diag)
{
    struct offsets fresh = missing_from(latest, start, arena);
    struct offsets earliest = {0};
    TRY(ask_earliest(ports, plan, &fresh, arena, &earliest, diag));
    *begin = (struct offsets){
        .topic = plan->topic,
        .entries = arena_alloc(arena, (latest->count + 1) * sizeof *begin->entries),
    };
    for (size_t i = 0; i < latest->count; i++) {
        int32_t partition = latest->entries[i].partition;
        int64_t from = offsets_get(start, partition);
        from = from >= 0 ? from : offsets_get(&earliest, partition);
        if (from >= 0) {
            begin->entries[begin->count++] = (struct partition_offset){partition, from};
        }
    }
    return OK;
}

/* ---- ranges, and what may be missing -------------------------------------------------------- */

struct planner {
    const struct ports *ports;
    const struct plan *plan;
    const struct offsets *start;
    const struct offsets *end;
    struct offsets earliest; /* of new partitions, and of those with something to read */
    struct arena *arena;
    struct diag *diag;
};

/* One kind of loss: which partitions it struck, each described in a few words. */
struct losses {
    const char *spark_class;
    const char *what;
    char list[384];
    size_t size;
    size_t more; /* partitions that found no room in the list */
};

static void add_loss(struct losses *losses, const char *entry)
{
    size_t length = strlen(entry);
    if (losses->more > 0 || losses->size + length + 3 > sizeof losses->list) {
        losses->more++;
        return;
    }
    losses->size += (size_t)snprintf(losses->list + losses->size,
                                     sizeof losses->list - losses->size,
                                     "%s%s",
                                     losses->size == 0 ? "" : "; ",
                                     entry);
}

/* End the query when there is such a loss and it may not be. */
static enum status judge(const struct planner *planner, const struct losses *losses)
{
    if (losses->size == 0 || !planner->plan->options.fail_on_data_loss) {
        return OK;
    }
    char more[32] = "";
    if (losses->more > 0) {
        (void)snprintf(more, sizeof more, "; and %zu more", losses->more);
    }
    return diag_fail(planner->diag,
                     "DATA_LOSS",
                     "KAFKA_DATA_LOSS.%s: topic %s: %s: %s%s. To go on without them, restart the "
                     "query with failOnDataLoss=false: what is skipped will be reported.",
                     losses->spark_class,
                     planner->plan->topic,
                     losses->what,
                     losses->list,
                     more);
}

/* Partitions that came or went since the batch before. */
static enum status check_partitions(const struct planner *planner)
{
    struct losses unknown = {.spark_class = "INITIAL_OFFSET_NOT_FOUND_FOR_PARTITIONS",
                             .what = "new partitions have no earliest offset, they were deleted"};
    struct losses late = {.spark_class = "ADDED_PARTITION_DOES_NOT_START_FROM_OFFSET_ZERO",
                          .what =
                              "new partitions do not start at offset 0, records expired unread"};
    struct losses gone = {.spark_class = "PARTITIONS_DELETED", .what = "partitions were deleted"};
    char entry[96];
    for (size_t i = 0; i < planner->end->count; i++) {
        int32_t partition = planner->end->entries[i].partition;
        int64_t earliest = offsets_get(&planner->earliest, partition);
        if (offsets_get(planner->start, partition) >= 0 || earliest == 0) {
            continue;
        }
        (void)snprintf(entry, sizeof entry, "partition %ld", (long)partition);
        if (earliest < 0) {
            add_loss(&unknown, entry);
            continue;
        }
        (void)snprintf(entry,
                       sizeof entry,
                       "partition %ld: offset 0 expected, earliest available %lld",
                       (long)partition,
                       (long long)earliest);
        add_loss(&late, entry);
    }
    for (size_t i = 0; i < planner->start->count; i++) {
        int32_t partition = planner->start->entries[i].partition;
        if (offsets_get(planner->end, partition) < 0) {
            (void)snprintf(entry,
                           sizeof entry,
                           "partition %ld: offsets from %lld on",
                           (long)partition,
                           (long long)planner->start->entries[i].offset);
            add_loss(&gone, entry);
        }
    }
    TRY(judge(planner, &unknown));
    TRY(judge(planner, &late));
    return judge(planner, &gone);
}

/* Offsets that moved back, or have expired before they were read. */
static enum status check_offsets(const struct planner *planner)
{
    struct losses changed = {.spark_class = "PARTITION_OFFSET_CHANGED",
                             .what = "the log is shorter than what was read already (truncated, or "
                                     "the topic was made anew)"};
    struct losses expired = {.spark_class = "COULD_NOT_READ_OFFSET_RANGE",
                             .what = "records expired before they were read"};
    char entry[128];
    for (size_t i = 0; i < planner->end->count; i++) {
        int32_t partition = planner->end->entries[i].partition;
        int64_t until = planner->end->entries[i].offset;
        int64_t from = offsets_get(planner->start, partition);
        int64_t earliest = offsets_get(&planner->earliest, partition);
        if (from < 0) {
            continue;
        }
        if (until < from) {
            (void)snprintf(entry,
                           sizeof entry,
                           "partition %ld: offset %lld expected, the log ends at %lld",
                           (long)partition,
                           (long long)from,
                           (long long)until);
            add_loss(&changed, entry);
        } else if (until > from && earliest > from) {
            (void)snprintf(entry,
                           sizeof entry,
                           "partition %ld: offsets %lld to %lld expected, earliest available %lld",
                           (long)partition,
                           (long long)from,
                           (long long)until - 1,
                           (long long)earliest);
            add_loss(&expired, entry);
        }
    }
    TRY(judge(planner, &changed));
    return judge(planner, &expired);
}

static void
report_skipped(const struct planner *planner, int32_t partition, int64_t from, int64_t until)
{
    const struct trace_entry entry = {
        .kind = EVENT_RANGE_SKIPPED,
        .batch = -1,
        .a = partition,
        .b = from,
        .c = until,
        .text = planner->plan->topic,
    };
    trace_event(&planner->ports->trace, &entry);
}

/* The ranges that have something to read, before they are split. */
static struct kafka_range *whole_ranges(const struct planner *planner, size_t *count)
{
    struct kafka_range *ranges =
        arena_alloc(planner->arena, (planner->end->count + 1) * sizeof *ranges);
    *count = 0;
    for (size_t i = 0; i < planner->end->count; i++) {
        int32_t partition = planner->end->entries[i].partition;
        int64_t until = planner->end->entries[i].offset;
        int64_t from = offsets_get(planner->start, partition);
        if (from < 0) {
            from = offsets_get(&planner->earliest, partition);
            if (from > 0) {
                report_skipped(planner, partition, 0, from < until ? from : until);
            }
        } else if (until < from) {
            report_skipped(planner, partition, until, from); /* read, but no longer in the log */
        }
        if (from >= 0 && from < until) {
            ranges[(*count)++] =
                (struct kafka_range){.partition = partition, .from = from, .until = until};
        }
    }
    return ranges;
}

enum status kafka_plan_ranges(const struct ports *ports,
                              const struct plan *plan,
                              const struct offsets *start,
                              const struct offsets *end,
                              struct arena *arena,
                              struct kafka_range **ranges,
                              size_t *count,
                              struct diag *diag)
{
    struct planner planner = {
        .ports = ports, .plan = plan, .start = start, .end = end, .arena = arena, .diag = diag};
    struct offsets wanted = {
        .topic = end->topic,
        .entries = arena_alloc(arena, (end->count + 1) * sizeof *wanted.entries),
    };
    for (size_t i = 0; i < end->count; i++) {
        int64_t from = offsets_get(start, end->entries[i].partition);
        bool expiry_matters = plan->options.fail_on_data_loss && from < end->entries[i].offset;
        if (from < 0 || expiry_matters) {
            wanted.entries[wanted.count++] = end->entries[i];
        }
    }
    TRY(ask_earliest(ports, plan, &wanted, arena, &planner.earliest, diag));
    TRY(check_partitions(&planner));
    TRY(check_offsets(&planner));
    size_t whole_count = 0;
    struct kafka_range *whole = whole_ranges(&planner, &whole_count);
    kafka_split_ranges(whole, whole_count, plan->options.min_partitions, arena, ranges, count);
    return OK;
}
