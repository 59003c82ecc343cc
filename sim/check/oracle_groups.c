/* Aggregation buffers by Spark's rules (org.apache.spark.sql.catalyst.expressions.aggregate: Sum,
 * Count, Average, Min, Max; ANSI), and the map that holds them. */
#include "sim/check/oracle_groups.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"

/* ---- the map */

static struct oracle_group **
place_of(const struct oracle_groups *groups, struct bytes row, uint64_t hash)
{
    struct oracle_group **place = &groups->buckets[hash & (groups->bucket_count - 1)];
    while (*place != NULL &&
           ((*place)->key->hash != hash || !bytes_equal((*place)->key->row, row))) {
        place = &(*place)->next;
    }
    return place;
}

struct oracle_group *
oracle_groups_find(const struct oracle_groups *groups, struct bytes row, uint64_t hash)
{
    return groups->count == 0 ? NULL : *place_of(groups, row, hash);
}

static void grow(struct oracle_groups *groups)
{
    size_t count = groups->bucket_count == 0 ? 64 : groups->bucket_count * 2;
    struct oracle_group **buckets = arena_alloc(&groups->arena, count * sizeof(void *));
    for (size_t i = 0; i < groups->bucket_count; i++) {
        struct oracle_group *next = NULL;
        for (struct oracle_group *group = groups->buckets[i]; group != NULL; group = next) {
            next = group->next;
            struct oracle_group **bucket = &buckets[group->key->hash & (count - 1)];
            group->next = *bucket;
            *bucket = group;
        }
    }
    groups->buckets = buckets;
    groups->bucket_count = count;
}

static void empty_buffers(const struct oracle_aggregation *aggregation, struct oracle_group *group)
{
    for (size_t i = 0; i < aggregation->buffer.count; i++) {
        group->buffer[i] = (struct value){.type = aggregation->buffer.fields[i].type};
    }
    for (size_t i = 0; i < aggregation->aggregate_count; i++) {
        const struct oracle_aggregate *aggregate = &aggregation->aggregates[i];
        struct value *buffer = &group->buffer[aggregate->buffer];
        buffer->present = aggregate->function <= ORACLE_COUNT || aggregate->function == ORACLE_AVG;
        if (aggregate->function == ORACLE_AVG) {
            buffer->as.real = 0.0;
            buffer[1].present = true;
        }
    }
}

struct oracle_group *oracle_groups_get(struct oracle_groups *groups, const struct oracle_key *key)
{
    if (groups->count >= groups->bucket_count) {
        grow(groups);
    }
    struct oracle_group **place = place_of(groups, key->row, key->hash);
    if (*place != NULL) {
        return *place;
    }
    struct oracle_group *group = groups->free;
    size_t cells = groups->aggregation->buffer.count;
    if (group != NULL) {
        groups->free = group->next;
    } else {
        group = arena_alloc(&groups->arena, sizeof *group + (cells + 1) * sizeof(struct value));
    }
    group->next = NULL;
    group->key = key;
    group->touched = -1;
    group->digest = 0;
    empty_buffers(groups->aggregation, group);
    *place = group;
    groups->count++;
    return group;
}

void oracle_groups_remove(struct oracle_groups *groups, struct oracle_group *group)
{
    struct oracle_group **place = place_of(groups, group->key->row, group->key->hash);
    require(*place == group);
    *place = group->next;
    group->next = groups->free;
    groups->free = group;
    groups->count--;
}

void oracle_groups_clear(struct oracle_groups *groups)
{
    arena_reset(&groups->arena);
    groups->buckets = NULL;
    groups->bucket_count = 0;
    groups->count = 0;
    groups->free = NULL;
}

void oracle_groups_free(struct oracle_groups *groups)
{
    oracle_groups_clear(groups);
    arena_free(&groups->arena);
}

struct oracle_group *oracle_groups_walk(const struct oracle_groups *groups,
                                        struct oracle_group_walk *walk)
{
    while (walk->next == NULL && walk->bucket < groups->bucket_count) {
        walk->next = groups->buckets[walk->bucket++];
    }
    struct oracle_group *group = walk->next;
    walk->next = group == NULL ? NULL : group->next;
    return group;
}

/* ---- buffers */

/* Spark's Sum: null until the first value, which is added to zero (so -0.0 alone sums to 0.0). */
static const char *add(struct value *sum, const struct value *value)
{
    bool fits = true;
    if (sum->type == TYPE_DOUBLE) {
        double real = value->type == TYPE_DOUBLE ? value->as.real : (double)value->as.number;
        sum->as.real = (sum->present ? sum->as.real : 0.0) + real;
    } else {
        int64_t before = sum->present ? sum->as.number : 0;
        fits = !__builtin_add_overflow(before, value->as.number, &sum->as.number);
    }
    sum->present = true;
    return fits ? NULL : "ARITHMETIC_OVERFLOW";
}

static void keep_better(struct value *best, const struct value *value, bool greater)
{
    int order = best->present ? oracle_value_order(best->type, value, best) : 0;
    if (!best->present || (greater ? order > 0 : order < 0)) {
        best->present = true;
        best->as = value->as;
    }
}

const char *oracle_group_add(const struct oracle_aggregation *aggregation,
                             struct oracle_group *group,
                             const struct value *values)
{
    for (size_t i = 0; i < aggregation->aggregate_count; i++) {
        const struct oracle_aggregate *aggregate = &aggregation->aggregates[i];
        struct value *buffer = &group->buffer[aggregate->buffer];
        const char *error = NULL;
        if (!values[i].present) {
            continue;
        }
        switch (aggregate->function) {
        case ORACLE_COUNT_ALL:
        case ORACLE_COUNT:
            buffer->as.number++;
            break;
        case ORACLE_AVG:
            buffer[1].as.number++;
            error = add(buffer, &values[i]);
            break;
        case ORACLE_SUM:
            error = add(buffer, &values[i]);
            break;
        case ORACLE_MIN:
        case ORACLE_MAX:
            keep_better(buffer, &values[i], aggregate->function == ORACLE_MAX);
            break;
        }
        if (error != NULL) {
            return error;
        }
    }
    return NULL;
}

const char *oracle_group_merge(const struct oracle_aggregation *aggregation,
                               struct oracle_group *into,
                               const struct oracle_group *from)
{
    for (size_t i = 0; i < aggregation->aggregate_count; i++) {
        const struct oracle_aggregate *aggregate = &aggregation->aggregates[i];
        struct value *buffer = &into->buffer[aggregate->buffer];
        const struct value *more = &from->buffer[aggregate->buffer];
        const char *error = NULL;
        if (!more->present) {
            continue;
        }
        switch (aggregate->function) {
        case ORACLE_COUNT_ALL:
        case ORACLE_COUNT:
            buffer->as.number += more->as.number;
            break;
        case ORACLE_AVG:
            buffer[1].as.number += more[1].as.number;
            error = add(buffer, more);
            break;
        case ORACLE_SUM:
            error = add(buffer, more);
            break;
        case ORACLE_MIN:
        case ORACLE_MAX:
            keep_better(buffer, more, aggregate->function == ORACLE_MAX);
            break;
        }
        if (error != NULL) {
            return error;
        }
    }
    return NULL;
}

void oracle_group_results(const struct oracle_aggregation *aggregation,
                          const struct oracle_group *group,
                          struct value *cells)
{
    for (size_t i = 0; i < aggregation->key.count; i++) {
        cells[i] = group->key->cells[i];
    }
    for (size_t i = 0; i < aggregation->aggregate_count; i++) {
        const struct oracle_aggregate *aggregate = &aggregation->aggregates[i];
        const struct value *buffer = &group->buffer[aggregate->buffer];
        struct value *cell = &cells[aggregation->key.count + i];
        *cell = buffer[0];
        if (aggregate->function == ORACLE_AVG) {
            cell->present = buffer[1].as.number > 0;
            cell->as.real = cell->present ? buffer[0].as.real / (double)buffer[1].as.number : 0.0;
        }
    }
}
