#include "engine/state/state_map.h"

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/state/state_order.h"
#include "engine/state/state_slab.h"

enum { BUCKETS_MIN = 16 };

struct value {
    uint8_t *data;
    size_t size;
};

struct entry {
    struct entry *next; /* in its bucket */
    uint64_t hash;
    struct value value;
    size_t key_size;
    uint8_t key[];
};

enum change_kind { CHANGE_INSERTED, CHANGE_REPLACED, CHANGE_REMOVED };

struct change {
    struct entry *entry; /* removed: out of the map, still whole */
    struct value before; /* replaced */
    enum change_kind kind;
};

struct state_map {
    struct state_slab slab;
    struct entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    size_t bytes;
    bool noting;
    struct change *changes;
    size_t change_count;
    size_t change_capacity;
};

struct state_map *state_map_new(void)
{
    struct state_map *map = heap_alloc(sizeof *map);
    map->bucket_count = BUCKETS_MIN;
    map->buckets = heap_alloc(map->bucket_count * sizeof(struct entry *));
    return map;
}

/* ---- entries -------------------------------------------------------------------------------- */

static struct bytes key_of(const struct entry *entry)
{
    return bytes_of(entry->key, entry->key_size);
}

static size_t entry_size(size_t key_size)
{
    return sizeof(struct entry) + key_size;
}

static struct value value_new(struct state_map *map, struct bytes bytes)
{
    struct value value = {.data = state_slab_alloc(&map->slab, bytes.size), .size = bytes.size};
    if (bytes.size > 0) {
        memcpy(value.data, bytes.data, bytes.size);
    }
    return value;
}

static void value_free(struct state_map *map, struct value value)
{
    state_slab_release(&map->slab, value.data, value.size);
}

static void entry_free(struct state_map *map, struct entry *entry)
{
    value_free(map, entry->value);
    state_slab_release(&map->slab, entry, entry_size(entry->key_size));
}

/* ---- buckets -------------------------------------------------------------------------------- */

static struct entry **bucket_of(const struct state_map *map, uint64_t hash)
{
    return &map->buckets[hash & (map->bucket_count - 1)];
}

/* Where the pointer to the entry of `key` stands, or the NULL behind the last of its bucket. */
static struct entry **find(const struct state_map *map, uint64_t hash, struct bytes key)
{
    struct entry **link = bucket_of(map, hash);
    while (*link != NULL && ((*link)->hash != hash || !bytes_equal(key_of(*link), key))) {
        link = &(*link)->next;
    }
    return link;
}

static void grow(struct state_map *map)
{
    struct entry **old = map->buckets;
    size_t old_count = map->bucket_count;
    map->bucket_count *= 2;
    map->buckets = heap_alloc(map->bucket_count * sizeof(struct entry *));
    for (size_t i = 0; i < old_count; i++) {
        struct entry *next = NULL;
        for (struct entry *entry = old[i]; entry != NULL; entry = next) {
            next = entry->next;
            struct entry **bucket = bucket_of(map, entry->hash);
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    heap_free(old);
}

static void link_entry(struct state_map *map, struct entry *entry)
{
    if (map->count == map->bucket_count) {
        grow(map);
    }
    struct entry **bucket = bucket_of(map, entry->hash);
    entry->next = *bucket;
    *bucket = entry;
    map->count++;
    map->bytes += entry->key_size + entry->value.size;
}

static void unlink_entry(struct state_map *map, struct entry *entry)
{
    struct entry **link = bucket_of(map, entry->hash);
    while (*link != entry) {
        require(*link != NULL);
        link = &(*link)->next;
    }
    *link = entry->next;
    map->count--;
    map->bytes -= entry->key_size + entry->value.size;
}

static void set_value(struct state_map *map, struct entry *entry, struct value value)
{
    map->bytes -= entry->value.size;
    map->bytes += value.size;
    entry->value = value;
}

/* ---- changes -------------------------------------------------------------------------------- */

static void note(struct state_map *map, const struct change *change)
{
    if (map->change_count == map->change_capacity) {
        map->change_capacity = map->change_capacity == 0 ? 16 : 2 * map->change_capacity;
        map->changes = heap_realloc(map->changes, map->change_capacity * sizeof *map->changes);
    }
    map->changes[map->change_count++] = *change;
}

/* What a change kept only for its undoing is given back. */
static void forget(struct state_map *map, const struct change *change)
{
    if (change->kind == CHANGE_REPLACED) {
        value_free(map, change->before);
    } else if (change->kind == CHANGE_REMOVED) {
        entry_free(map, change->entry);
    }
}

static void undo(struct state_map *map, const struct change *change)
{
    switch (change->kind) {
    case CHANGE_INSERTED:
        unlink_entry(map, change->entry);
        entry_free(map, change->entry);
        break;
    case CHANGE_REPLACED: {
        struct value after = change->entry->value;
        set_value(map, change->entry, change->before);
        value_free(map, after);
        break;
    }
    case CHANGE_REMOVED:
        link_entry(map, change->entry);
        break;
    }
}

/* A batch may have changed every row; its log is not kept at that size for ever. */
static void changes_clear(struct state_map *map)
{
    map->change_count = 0;
    if (map->change_capacity > 4 * map->count + BUCKETS_MIN) {
        heap_free(map->changes);
        map->changes = NULL;
        map->change_capacity = 0;
    }
}

void state_map_mark(struct state_map *map)
{
    for (size_t i = 0; i < map->change_count; i++) {
        forget(map, &map->changes[i]);
    }
    changes_clear(map);
    map->noting = true;
}

void state_map_rollback(struct state_map *map)
{
    require(map->noting);
    for (size_t i = map->change_count; i > 0; i--) {
        undo(map, &map->changes[i - 1]);
    }
    changes_clear(map);
    map->noting = false;
}

/* ---- the map -------------------------------------------------------------------------------- */

void state_map_free(struct state_map *map)
{
    for (size_t i = 0; i < map->change_count; i++) {
        forget(map, &map->changes[i]);
    }
    for (size_t i = 0; i < map->bucket_count; i++) {
        struct entry *next = NULL;
        for (struct entry *entry = map->buckets[i]; entry != NULL; entry = next) {
            next = entry->next;
            entry_free(map, entry);
        }
    }
    state_slab_free(&map->slab);
    heap_free(map->changes);
    heap_free(map->buckets);
    heap_free(map);
}

bool state_map_get(const struct state_map *map, struct bytes key, struct bytes *value)
{
    const struct entry *entry = *find(map, hash_bytes(key.data, key.size), key);
    if (entry == NULL) {
        return false;
    }
    *value = bytes_of(entry->value.data, entry->value.size);
    return true;
}

static void insert(struct state_map *map, uint64_t hash, struct bytes key, struct bytes value)
{
    struct entry *entry = state_slab_alloc(&map->slab, entry_size(key.size));
    entry->hash = hash;
    entry->key_size = key.size;
    entry->value = value_new(map, value);
    if (key.size > 0) {
        memcpy(entry->key, key.data, key.size);
    }
    link_entry(map, entry);
    if (map->noting) {
        note(map, &(struct change){.entry = entry, .kind = CHANGE_INSERTED});
    }
}

void state_map_put(struct state_map *map, struct bytes key, struct bytes value)
{
    uint64_t hash = hash_bytes(key.data, key.size);
    struct entry *entry = *find(map, hash, key);
    if (entry == NULL) {
        insert(map, hash, key, value);
        return;
    }
    struct value before = entry->value;
    set_value(map, entry, value_new(map, value)); /* `value` may be the old one's bytes */
    struct change change = {.entry = entry, .before = before, .kind = CHANGE_REPLACED};
    if (map->noting) {
        note(map, &change);
    } else {
        forget(map, &change);
    }
}

bool state_map_remove(struct state_map *map, struct bytes key)
{
    struct entry *entry = *find(map, hash_bytes(key.data, key.size), key);
    if (entry == NULL) {
        return false;
    }
    unlink_entry(map, entry);
    struct change change = {.entry = entry, .kind = CHANGE_REMOVED};
    if (map->noting) {
        note(map, &change);
    } else {
        forget(map, &change);
    }
    return true;
}

int64_t state_map_count(const struct state_map *map)
{
    return (int64_t)map->count;
}

int64_t state_map_bytes(const struct state_map *map)
{
    return (int64_t)map->bytes;
}

struct state_pair *state_map_pairs(const struct state_map *map, struct arena *arena)
{
    struct state_pair *pairs = arena_alloc(arena, (map->count + 1) * sizeof *pairs);
    size_t count = 0;
    for (size_t i = 0; i < map->bucket_count; i++) {
        for (const struct entry *entry = map->buckets[i]; entry != NULL; entry = entry->next) {
            pairs[count++] = (struct state_pair){
                .key = key_of(entry), .value = bytes_of(entry->value.data, entry->value.size)};
        }
    }
    require(count == map->count);
    return pairs;
}

enum status state_map_each(const struct state_map *map,
                           enum status (*pair)(void *context, struct bytes key, struct bytes value),
                           void *context)
{
    for (size_t i = 0; i < map->bucket_count; i++) {
        for (const struct entry *entry = map->buckets[i]; entry != NULL; entry = entry->next) {
            struct value value = entry->value;
            TRY(pair(context, key_of(entry), bytes_of(value.data, value.size)));
        }
    }
    return OK;
}

const struct state_pair *state_map_sorted(const struct state_map *map, struct arena *arena)
{
    struct state_pair *pairs = state_map_pairs(map, arena);
    state_order(pairs, map->count);
    return pairs;
}
