#include "engine/checkpoint/store.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "engine/base/sort.h"
#include "engine/base/units.h"
#include "engine/checkpoint/store_internal.h"

struct store *store_new(const struct ports *ports, enum store_kind kind)
{
    struct store *store = heap_alloc(sizeof *store);
    store->ops = kind == STORE_DISK ? &store_disk_ops : &store_objects_ops;
    store->ports = ports;
    return store;
}

enum status store_put_new(struct store *store, const char *path, struct bytes content)
{
    require(path[0] == '/');
    return store->ops->put_new(store, path, content);
}

enum status store_put_unique(struct store *store, const char *path, struct bytes content)
{
    require(path[0] == '/');
    return store->ops->put_unique(store, path, content);
}

enum status store_put_over(struct store *store, const char *path, struct bytes content)
{
    require(path[0] == '/');
    return store->ops->put_over(store, path, content);
}

enum status
store_get(struct store *store, const char *path, struct arena *arena, struct bytes *content)
{
    require(path[0] == '/');
    return store->ops->get(store, path, arena, content);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct store_entry *)a)->name, ((const struct store_entry *)b)->name);
}

enum status store_list(struct store *store,
                       const char *directory,
                       struct arena *arena,
                       struct store_entry **entries,
                       size_t *count)
{
    require(directory[0] == '/');
    *entries = NULL;
    *count = 0;
    TRY(store->ops->list(store, directory, arena, entries, count));
    if (*count > 1) {
        sort_items(*entries, *count, sizeof **entries, by_name);
    }
    return OK;
}

enum status store_remove(struct store *store, const char *path)
{
    require(path[0] == '/');
    return store->ops->remove(store, path);
}

enum status store_sync_directory(struct store *store, const char *directory)
{
    require(directory[0] == '/');
    return store->ops->sync_directory(store, directory);
}

const char *store_path(struct arena *arena, const char *directory, const char *name)
{
    return arena_printf(arena, "%s/%s", directory, name);
}

void store_backoff(struct store *store, const char *path, unsigned attempt)
{
    const int64_t first_us = 100 * US_PER_MS;
    const int64_t longest_us = 10 * US_PER_SECOND;
    int64_t delay_us = attempt < 7 ? first_us << attempt : longest_us;
    uint64_t drawn = random_draw(&store->ports->random, "store.backoff", hash_text(path), attempt);
    delay_us = delay_us / 2 + (int64_t)(drawn % (uint64_t)(delay_us / 2 + 1));
    clock_sleep_until(&store->ports->clock, clock_now_us(&store->ports->clock) + delay_us);
}
