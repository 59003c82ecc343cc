#include "engine/source/kafka_split.h"

#include "engine/base/check.h"

/* Offsets stay far below this (a partition never reaches 2^62 records), so sums of sizes of all
 * partitions are guarded by saturating, and only that. */
static int64_t add_saturating(int64_t a, int64_t b)
{
    int64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* Offsets to read between two ends; 0 when the end has not moved, or has moved back. */
static int64_t backlog(const struct offsets *begin, const struct partition_offset *latest)
{
    int64_t from = offsets_get(begin, latest->partition);
    return from >= 0 && latest->offset > from ? latest->offset - from : 0;
}

/* Spark's share of one partition: limit * (size / total) in doubles, rounded up below 1, else down.
 */
static int64_t rate_share(int64_t limit, int64_t size, int64_t total)
{
    double share = (double)limit * ((double)size / (double)total);
    if (share < 1.0) {
        return 1;
    }
    return share >= 9.2e18 ? INT64_MAX : (int64_t)share;
}

void kafka_rate_limit(const struct offsets *begin,
                      const struct offsets *latest,
                      int64_t limit,
                      struct arena *arena,
                      struct offsets *end)
{
    require(limit >= 0);
    end->topic = latest->topic;
    end->count = latest->count;
    end->entries = arena_copy(arena, latest->entries, latest->count * sizeof *latest->entries);
    int64_t total = 0;
    for (size_t i = 0; i < latest->count; i++) {
        total = add_saturating(total, backlog(begin, &latest->entries[i]));
    }
    if (limit == 0 || total == 0) {
        return;
    }
    for (size_t i = 0; i < end->count; i++) {
        int64_t size = backlog(begin, &latest->entries[i]);
        if (size == 0) {
            continue; /* nothing new, or moved back: what Kafka says */
        }
        int64_t share = rate_share(limit, size, total);
        if (share < size) {
            end->entries[i].offset = latest->entries[i].offset - size + share;
        }
    }
}

/* ---- minPartitions ------------------------------------------------------------------------- */

static int64_t part_count_of(int64_t size, int64_t total, int64_t min_partitions)
{
    /* Java's Math.round of a positive double. */
    int64_t parts = (int64_t)((double)size / (double)total * (double)min_partitions + 0.5);
    return parts < 1 ? 1 : parts;
}

struct parts {
    struct kafka_range *items;
    size_t count;
    size_t capacity;
};

/* Cut one range into `parts` nearly equal pieces, none of them empty. */
static void cut(struct parts *out, const struct kafka_range *range, int64_t parts)
{
    int64_t from = range->from;
    int64_t remaining = range->until - range->from;
    parts = parts < remaining ? parts : remaining;
    for (int64_t part = 0; part < parts; part++) {
        int64_t size = remaining / (parts - part);
        require(out->count < out->capacity);
        out->items[out->count++] = (struct kafka_range){
            .partition = range->partition,
            .from = from,
            .until = from + size,
        };
        from += size;
        remaining -= size;
    }
    require(remaining == 0);
}

void kafka_split_ranges(const struct kafka_range *ranges,
                        size_t count,
                        int64_t min_partitions,
                        struct arena *arena,
                        struct kafka_range **parts,
                        size_t *part_count)
{
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        require(ranges[i].until > ranges[i].from);
        total = add_saturating(total, ranges[i].until - ranges[i].from);
    }
    if (min_partitions <= (int64_t)count) {
        *parts = arena_copy(arena, ranges, count * sizeof *ranges);
        *part_count = count;
        return;
    }
    /* Ranges that stay whole are left out of the proportion for the others. */
    int64_t whole = 0;
    int64_t whole_size = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t size = ranges[i].until - ranges[i].from;
        if (part_count_of(size, total, min_partitions) == 1) {
            whole++;
            whole_size += size;
        }
    }
    int64_t shared = min_partitions - whole > 1 ? min_partitions - whole : 1;
    /* Each of the cut ranges rounds up by less than one. */
    int64_t most = min_partitions < total ? min_partitions : total;
    struct parts out = {.capacity = count * 2 + (size_t)most};
    out.items = arena_alloc(arena, out.capacity * sizeof *out.items);
    for (size_t i = 0; i < count; i++) {
        int64_t size = ranges[i].until - ranges[i].from;
        bool stays = part_count_of(size, total, min_partitions) == 1;
        cut(&out, &ranges[i], stays ? 1 : part_count_of(size, total - whole_size, shared));
    }
    *parts = out.items;
    *part_count = out.count;
}
