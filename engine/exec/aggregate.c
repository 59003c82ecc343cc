/* The map of groups: open addressing over the XXH64 of the key's bytes, slots name entries, entries
 * stand in the order in which groups were first met. All of it is in the arena. */
#include "engine/exec/aggregate.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/exec/aggregate_buffer.h"

enum { GROUPS_FIRST = 16 };

struct entry {
    uint64_t hash;
    struct bytes key;
    struct cell *cells;
    struct cell *buffer;
};

struct groups {
    struct arena *arena;
    const struct aggregation *aggregation;
    struct entry *entries;
    size_t count;
    size_t capacity; /* of entries; there are twice as many slots */
    uint32_t *slots; /* an entry's index + 1; 0: free */
    uint8_t *room;   /* where a key is written before it is looked up */
    size_t room_size;
    struct cell *key;    /* a row's key, or a decoded one */
    struct cell *buffer; /* a decoded buffer */
    int64_t *starts;     /* of a row's windows */
};

static void put_slot(struct groups *groups, size_t index)
{
    size_t mask = 2 * groups->capacity - 1;
    size_t slot = (size_t)groups->entries[index].hash & mask;
    while (groups->slots[slot] != 0) {
        slot = (slot + 1) & mask;
    }
    groups->slots[slot] = (uint32_t)index + 1;
}

static void grow(struct groups *groups, size_t capacity)
{
    require(capacity < UINT32_MAX / 2);
    struct entry *entries = arena_alloc(groups->arena, capacity * sizeof *entries);
    if (groups->count > 0) {
        memcpy(entries, groups->entries, groups->count * sizeof *entries);
    }
    groups->entries = entries;
    groups->capacity = capacity;
    groups->slots = arena_alloc(groups->arena, 2 * capacity * sizeof *groups->slots);
    for (size_t i = 0; i < groups->count; i++) {
        put_slot(groups, i);
    }
}

struct groups *groups_new(struct arena *arena, const struct aggregation *aggregation)
{
    struct groups *groups = arena_alloc(arena, sizeof *groups);
    groups->arena = arena;
    groups->aggregation = aggregation;
    groups->key = arena_alloc(arena, (aggregation->key.count + 1) * sizeof *groups->key);
    groups->buffer = arena_alloc(arena, aggregation->buffer.count * sizeof *groups->buffer);
    if (aggregation->windowed) {
        size_t windows = windows_max(&aggregation->window);
        groups->starts = arena_alloc(arena, windows * sizeof *groups->starts);
    }
    grow(groups, GROUPS_FIRST);
    return groups;
}

static struct entry *find(struct groups *groups, struct bytes key, uint64_t hash)
{
    size_t mask = 2 * groups->capacity - 1;
    for (size_t slot = (size_t)hash & mask; groups->slots[slot] != 0; slot = (slot + 1) & mask) {
        struct entry *entry = &groups->entries[groups->slots[slot] - 1];
        if (entry->hash == hash && bytes_equal(entry->key, key)) {
            return entry;
        }
    }
    return NULL;
}

/* A group that is not there yet; `key` is copied. */
static struct entry *add(struct groups *groups, struct bytes key, uint64_t hash)
{
    const struct aggregation *aggregation = groups->aggregation;
    if (groups->count == groups->capacity) {
        grow(groups, 2 * groups->capacity);
    }
    struct entry *entry = &groups->entries[groups->count];
    size_t cells = aggregation->key.count + aggregation->buffer.count;
    entry->hash = hash;
    entry->cells = arena_alloc(groups->arena, cells * sizeof *entry->cells);
    entry->buffer = entry->cells + aggregation->key.count;
    entry->key = bytes_of(arena_copy(groups->arena, key.data, key.size), key.size);
    enum status status = unsafe_row_decode(&aggregation->key, entry->key, entry->cells);
    require(status == OK); /* who adds has encoded or decoded it */
    buffer_begin(aggregation, entry->buffer);
    put_slot(groups, groups->count++);
    return entry;
}

/* The entry of groups->key. */
static struct entry *entry_of_key(struct groups *groups)
{
    const struct schema *schema = &groups->aggregation->key;
    size_t size = unsafe_row_size(schema, groups->key);
    if (size > groups->room_size) {
        groups->room_size = 2 * size;
        groups->room = arena_alloc(groups->arena, groups->room_size);
    }
    if (size > 0) {
        unsafe_row_write(schema, groups->key, groups->room);
    }
    struct bytes key = bytes_of(groups->room, size);
    uint64_t hash = hash_bytes(groups->room, size);
    struct entry *entry = find(groups, key, hash);
    return entry != NULL ? entry : add(groups, key, hash);
}

/* ---- the map side ------------------------------------------------------------------------- */

/* A batch of rows with what groupBy and agg compute of it. */
struct input_rows {
    const struct columns *input;
    struct column *keys;      /* one a grouping */
    struct column *arguments; /* one an aggregate */
};

/* Spark drops rows without an event time before it computes anything of them: an error in such a
 * row is none. */
static const struct columns *
with_event_time(const struct window *window, struct arena *scratch, const struct columns *input)
{
    const uint8_t *present = input->columns[window->column].present;
    if (input->rows == 0 || memchr(present, 0, input->rows) == NULL) {
        return input;
    }
    struct columns *copy = columns_new(scratch, input->schema, input->rows);
    copy->rows = input->rows;
    for (size_t i = 0; i < input->schema->count; i++) {
        struct column *to = &copy->columns[i];
        memcpy(to->present, input->columns[i].present, input->rows);
        memcpy(to->values.longs,
               input->columns[i].values.longs,
               input->rows * column_value_size(to->type));
    }
    columns_compact(copy, present);
    return copy;
}

static enum status evaluate(const struct expression *expression,
                            struct arena *scratch,
                            const struct columns *input,
                            struct column *column,
                            struct diag *diag)
{
    column->type = expression_type(expression);
    column->present = arena_alloc(scratch, input->rows);
    column->values.longs = arena_alloc(scratch, input->rows * column_value_size(column->type));
    return expression_evaluate(expression, scratch, input, column, diag);
}

static enum status evaluate_all(const struct aggregation *aggregation,
                                struct arena *scratch,
                                struct input_rows *rows,
                                struct diag *diag)
{
    size_t keys = aggregation->grouping_count;
    rows->keys = arena_alloc(scratch, keys * sizeof *rows->keys);
    rows->arguments = arena_alloc(scratch, aggregation->aggregate_count * sizeof *rows->arguments);
    for (size_t i = 0; i < keys; i++) {
        TRY(evaluate(
            aggregation->groupings[i].expression, scratch, rows->input, &rows->keys[i], diag));
    }
    for (size_t i = 0; i < aggregation->aggregate_count; i++) {
        const struct expression *argument = aggregation->aggregates[i].argument;
        if (argument != NULL) {
            TRY(evaluate(argument, scratch, rows->input, &rows->arguments[i], diag));
        }
    }
    return OK;
}

/* The row into the group of groups->key. */
static enum status
add_to_group(struct groups *groups, const struct input_rows *rows, size_t row, struct diag *diag)
{
    struct entry *entry = entry_of_key(groups);
    return buffer_update(
        groups->aggregation, groups->arena, entry->buffer, rows->arguments, row, diag);
}

static enum status
add_row(struct groups *groups, const struct input_rows *rows, size_t row, struct diag *diag)
{
    const struct aggregation *aggregation = groups->aggregation;
    const struct window *window = &aggregation->window;
    for (size_t i = 0; i < aggregation->grouping_count; i++) {
        groups->key[aggregation->groupings[i].key] = cell_of(&rows->keys[i], row, true);
    }
    if (!aggregation->windowed) {
        return add_to_group(groups, rows, row, diag);
    }
    int64_t time_us = rows->input->columns[window->column].values.longs[row];
    size_t count = windows_of(window, time_us, groups->starts);
    if (count == 0) {
        return diag_fail(diag,
                         "ARITHMETIC_OVERFLOW",
                         "long overflow in the window of the event time %lld microseconds: such a "
                         "record must be filtered out",
                         (long long)time_us);
    }
    struct cell *key = &groups->key[aggregation->window_key];
    for (size_t i = 0; i < count; i++) {
        key[0] = (struct cell){.present = true, .as.number = groups->starts[i]};
        key[1] = (struct cell){.present = true, .as.number = groups->starts[i] + window->length_us};
        TRY(add_to_group(groups, rows, row, diag));
    }
    return OK;
}

enum status groups_add(struct groups *groups,
                       struct arena *scratch,
                       const struct columns *input,
                       struct diag *diag)
{
    const struct aggregation *aggregation = groups->aggregation;
    struct input_rows rows = {.input = input};
    if (aggregation->windowed) {
        rows.input = with_event_time(&aggregation->window, scratch, input);
    }
    if (aggregation->key.count == 0) {
        (void)entry_of_key(groups); /* the one group there is, also of no rows */
    }
    TRY(evaluate_all(aggregation, scratch, &rows, diag));
    for (size_t row = 0; row < rows.input->rows; row++) {
        TRY(add_row(groups, &rows, row, diag));
    }
    return OK;
}

/* ---- the reduce side ---------------------------------------------------------------------- */

enum status
groups_merge(struct groups *groups, struct bytes key, struct bytes buffer, struct diag *diag)
{
    const struct aggregation *aggregation = groups->aggregation;
    TRY(unsafe_row_decode(&aggregation->buffer, buffer, groups->buffer));
    if (!buffer_valid(aggregation, groups->buffer)) {
        return ERR_CORRUPT;
    }
    uint64_t hash = hash_bytes(key.data, key.size);
    struct entry *entry = find(groups, key, hash);
    if (entry == NULL) {
        TRY(unsafe_row_decode(&aggregation->key, key, groups->key));
        entry = add(groups, key, hash);
    }
    return buffer_merge(aggregation, groups->arena, entry->buffer, groups->buffer, diag);
}

size_t groups_count(const struct groups *groups)
{
    return groups->count;
}

struct group groups_at(const struct groups *groups, size_t index)
{
    require(index < groups->count);
    const struct entry *entry = &groups->entries[index];
    return (struct group){.key = entry->key, .cells = entry->cells, .buffer = entry->buffer};
}
