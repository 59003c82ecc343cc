#include "sim/check/oracle_stream.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/units.h"
#include "sim/check/oracle_groups.h"
#include "sim/check/state_row.h"

struct oracle_stream {
    const struct oracle *oracle;
    const struct oracle_pipeline *pipeline;
    int64_t partitions;
    int64_t next;         /* batch */
    int64_t watermark_ms; /* Wm(next) */
    int64_t before_ms;    /* Wm(next - 1), and 0 for batch 0 */
    int64_t event_max_ms; /* of the batch that is given; INT64_MIN: none */

    struct oracle_groups task;  /* of the map task that is given */
    struct oracle_groups batch; /* of all tasks so far */
    struct oracle_groups state;
    struct value *cells;    /* of one group */
    struct oracle_key only; /* of a pipeline that groups by nothing */

    struct arena rows_arena;
    struct row_set *rows; /* one a batch */
    size_t rows_capacity;
    struct oracle_digest *digests; /* [version][partition] */
    size_t digests_capacity;
    struct oracle_change *changes;
    size_t change_count;
    size_t change_capacity;
    int64_t dropped;
    int64_t evicted;
};

static void *with_room(void *items, size_t *capacity, size_t count, size_t size)
{
    if (count > *capacity) {
        *capacity = count > 2 * *capacity ? count : 2 * *capacity;
        items = heap_realloc(items, *capacity * size);
    }
    return items;
}

struct oracle_stream *oracle_stream_new(const struct oracle *oracle, int64_t partitions)
{
    require(partitions > 0);
    struct oracle_stream *stream = heap_alloc(sizeof *stream);
    const struct oracle_pipeline *pipeline = oracle_pipeline(oracle);
    *stream = (struct oracle_stream){.oracle = oracle,
                                     .pipeline = pipeline,
                                     .partitions = partitions,
                                     .event_max_ms = INT64_MIN};
    stream->task.aggregation = pipeline->aggregation;
    stream->batch.aggregation = pipeline->aggregation;
    stream->state.aggregation = pipeline->aggregation;
    if (pipeline->aggregation != NULL) {
        stream->only = (struct oracle_key){
            .hash = hash_bytes(NULL, 0), .row = bytes_of("", 0), .cells = NULL, .murmur = 42};
        stream->cells = heap_alloc(pipeline->aggregation->groups.count * sizeof(struct value));
        stream->digests =
            with_room(NULL, &stream->digests_capacity, (size_t)partitions, sizeof *stream->digests);
        memset(stream->digests, 0, (size_t)partitions * sizeof *stream->digests);
    }
    return stream;
}

void oracle_stream_free(struct oracle_stream *stream)
{
    for (int64_t n = 0; n < stream->next && stream->rows != NULL; n++) {
        row_set_free(&stream->rows[n]);
    }
    oracle_groups_free(&stream->task);
    oracle_groups_free(&stream->batch);
    oracle_groups_free(&stream->state);
    arena_free(&stream->rows_arena);
    heap_free(stream->cells);
    heap_free(stream->rows);
    heap_free(stream->digests);
    heap_free(stream->changes);
    heap_free(stream);
}

int64_t oracle_stream_next(const struct oracle_stream *stream)
{
    return stream->next;
}

int64_t oracle_stream_watermark_ms(const struct oracle_stream *stream)
{
    return stream->watermark_ms;
}

int64_t oracle_stream_partitions(const struct oracle_stream *stream)
{
    return stream->partitions;
}

/* ---- a batch is given */

const char *oracle_stream_record(struct oracle_stream *stream, const struct oracle_input *input)
{
    if (input->observed && input->event_ms > stream->event_max_ms) {
        stream->event_max_ms = input->event_ms;
    }
    const char *error = NULL;
    for (size_t i = 0; i < input->key_count && error == NULL; i++) {
        struct oracle_group *group = oracle_groups_get(&stream->task, &input->keys[i]);
        error = oracle_group_add(stream->pipeline->aggregation, group, input->values);
    }
    return error;
}

/* Merge a map into another; the source is empty afterwards. */
static const char *merge(struct oracle_groups *into, struct oracle_groups *from)
{
    struct oracle_group_walk walk = {.bucket = 0};
    const struct oracle_group *group;
    const char *error = NULL;
    while (error == NULL && (group = oracle_groups_walk(from, &walk)) != NULL) {
        error = oracle_group_merge(into->aggregation, oracle_groups_get(into, group->key), group);
    }
    oracle_groups_clear(from);
    return error;
}

const char *oracle_stream_task_end(struct oracle_stream *stream)
{
    return stream->task.count == 0 ? NULL : merge(&stream->batch, &stream->task);
}

/* ---- a batch ends */

/* Equality is behind. A key without an event time is never behind. */
static bool
is_behind(const struct oracle_stream *stream, const struct oracle_key *key, int64_t threshold_ms)
{
    int at = stream->pipeline->aggregation->event_time_key;
    return at >= 0 && key->cells[at].present &&
           key->cells[at].as.number <= threshold_ms * US_PER_MS;
}

static struct oracle_digest *
digest_at(const struct oracle_stream *stream, int64_t version, int64_t partition)
{
    return &stream->digests[version * stream->partitions + partition];
}

static uint64_t digest_of(struct bytes key, struct bytes value)
{
    uint64_t digest =
        hash_chain(hash_bytes(key.data, key.size), hash_bytes(value.data, value.size));
    return digest == 0 ? 1 : digest;
}

void oracle_digest_add(struct oracle_digest *digest, struct bytes key, struct bytes value)
{
    digest->sum += digest_of(key, value);
    digest->rows++;
}

static struct oracle_digest *digest_of_key(const struct oracle_stream *stream,
                                           const struct oracle_key *key)
{
    return digest_at(
        stream, stream->next + 1, state_row_partition(key->murmur, stream->partitions));
}

static void changed(struct oracle_stream *stream, struct oracle_change change)
{
    stream->changes = with_room(stream->changes,
                                &stream->change_capacity,
                                stream->change_count + 1,
                                sizeof *stream->changes);
    stream->changes[stream->change_count++] = change;
}

/* The group is in the state now, with this value. */
static void settle(struct oracle_stream *stream, struct oracle_group *group, struct buf *value)
{
    buf_clear(value);
    state_row_encode(&stream->pipeline->aggregation->buffer, group->buffer, value);
    uint64_t digest = digest_of(group->key->row, buf_bytes(value));
    struct oracle_digest *of = digest_of_key(stream, group->key);
    of->sum += digest - group->digest;
    of->rows += group->digest == 0 ? 1 : 0;
    changed(stream,
            (struct oracle_change){
                .key = group->key, .was = group->digest != 0, .other = digest != group->digest});
    group->digest = digest;
    group->touched = stream->next;
}

/* Groups of the batch into the state: those that are late are dropped, but in complete mode. */
static const char *restore(struct oracle_stream *stream)
{
    struct oracle_group_walk walk = {.bucket = 0};
    const struct oracle_group *group;
    const char *error = NULL;
    struct buf value = {0};
    while (error == NULL && (group = oracle_groups_walk(&stream->batch, &walk)) != NULL) {
        if (!stream->pipeline->complete && is_behind(stream, group->key, stream->before_ms)) {
            stream->dropped++;
            continue;
        }
        struct oracle_group *kept = oracle_groups_get(&stream->state, group->key);
        error = oracle_group_merge(stream->pipeline->aggregation, kept, group);
        settle(stream, kept, &value);
    }
    oracle_groups_clear(&stream->batch);
    buf_free(&value);
    return error;
}

static const char *emit(struct oracle_stream *stream, const struct oracle_group *group)
{
    struct row row;
    oracle_group_results(stream->pipeline->aggregation, group, stream->cells);
    const char *error = oracle_select(stream->oracle, stream->cells, &stream->rows_arena, &row);
    if (error == NULL) {
        row_set_add(&stream->rows[stream->next], &row);
    }
    return error;
}

static void evict(struct oracle_stream *stream, struct oracle_group *group)
{
    struct oracle_digest *of = digest_of_key(stream, group->key);
    of->sum -= group->digest;
    of->rows--;
    changed(stream,
            (struct oracle_change){
                .key = group->key, .was = group->touched < stream->next, .other = true});
    oracle_groups_remove(&stream->state, group);
    stream->evicted++;
}

/* Append: what is behind Wm(N) leaves, once. Complete: everything is said, nothing leaves. Without
 * a step of the watermark nothing that was kept before can be behind it. */
static const char *save(struct oracle_stream *stream)
{
    bool complete = stream->pipeline->complete;
    struct oracle_group_walk walk = {.bucket = 0};
    struct oracle_group *group;
    const char *error = NULL;
    if (!complete && stream->watermark_ms == stream->before_ms) {
        return NULL;
    }
    while (error == NULL && (group = oracle_groups_walk(&stream->state, &walk)) != NULL) {
        bool behind = !complete && is_behind(stream, group->key, stream->watermark_ms);
        error = complete || behind ? emit(stream, group) : NULL;
        if (behind) {
            evict(stream, group);
        }
    }
    return error;
}

static void begin_version(struct oracle_stream *stream)
{
    size_t batches = (size_t)stream->next + 1;
    size_t partitions = (size_t)stream->partitions;
    stream->digests = with_room(stream->digests,
                                &stream->digests_capacity,
                                (batches + 1) * partitions,
                                sizeof *stream->digests);
    memcpy(digest_at(stream, stream->next + 1, 0),
           digest_at(stream, stream->next, 0),
           partitions * sizeof *stream->digests);
    stream->rows = with_room(stream->rows, &stream->rows_capacity, batches, sizeof *stream->rows);
    stream->rows[stream->next] = (struct row_set){.rows = NULL};
    if (stream->pipeline->complete && stream->next > 0) {
        row_set_free(&stream->rows[stream->next - 1]);
        arena_reset(&stream->rows_arena);
    }
    stream->change_count = 0;
    stream->dropped = 0;
    stream->evicted = 0;
}

const char *oracle_stream_end(struct oracle_stream *stream)
{
    const char *error = oracle_stream_task_end(stream);
    const struct oracle_aggregation *aggregation = stream->pipeline->aggregation;
    if (aggregation != NULL && aggregation->key.count == 0) {
        (void)oracle_groups_get(&stream->batch, &stream->only); /* it is there without a row, too */
    }
    if (aggregation != NULL && error == NULL) {
        begin_version(stream);
        error = restore(stream);
        error = error == NULL ? save(stream) : error;
    }
    int64_t moved_ms = stream->watermark_ms;
    if (stream->pipeline->watermark != NULL && stream->event_max_ms > INT64_MIN) {
        int64_t candidate_ms = stream->event_max_ms - stream->pipeline->watermark->delay_ms;
        moved_ms = candidate_ms > moved_ms ? candidate_ms : moved_ms;
    }
    stream->before_ms = stream->watermark_ms;
    stream->watermark_ms = moved_ms;
    stream->event_max_ms = INT64_MIN;
    stream->next++;
    return error;
}

/* ---- questions */

const struct row_set *oracle_stream_rows(const struct oracle_stream *stream, int64_t batch)
{
    require(stream->pipeline->aggregation != NULL);
    require(batch >= 0 && batch < stream->next);
    return &stream->rows[batch];
}

int64_t oracle_stream_dropped(const struct oracle_stream *stream)
{
    return stream->dropped;
}

int64_t oracle_stream_evicted(const struct oracle_stream *stream)
{
    return stream->evicted;
}

int64_t oracle_stream_state_rows(const struct oracle_stream *stream)
{
    return (int64_t)stream->state.count;
}

bool oracle_stream_owes_batch(const struct oracle_stream *stream)
{
    const struct oracle_aggregation *aggregation = stream->pipeline->aggregation;
    return aggregation != NULL && !stream->pipeline->complete && aggregation->event_time_key >= 0 &&
           stream->next > 0 && stream->watermark_ms > stream->before_ms;
}

const struct oracle_change *oracle_stream_changes(const struct oracle_stream *stream, size_t *count)
{
    *count = stream->change_count;
    return stream->changes;
}

bool oracle_stream_find(const struct oracle_stream *stream,
                        struct bytes row,
                        const struct oracle_key **key,
                        struct buf *value)
{
    const struct oracle_group *group =
        oracle_groups_find(&stream->state, row, hash_bytes(row.data, row.size));
    if (group == NULL) {
        return false;
    }
    *key = group->key;
    buf_clear(value);
    state_row_encode(&stream->pipeline->aggregation->buffer, group->buffer, value);
    return true;
}

struct oracle_digest
oracle_stream_digest(const struct oracle_stream *stream, int64_t version, int64_t partition)
{
    require(version >= 0 && version <= stream->next);
    require(partition >= 0 && partition < stream->partitions);
    return *digest_at(stream, version, partition);
}
