/* The store over objects: a conditional put is the whole protocol. Throttling is waited out here,
 * bounded; an unknown outcome of a conditional put goes up, since only the caller knows how to tell
 * its own bytes from another writer's. */
#include <string.h>

#include "engine/base/check.h"
#include "engine/checkpoint/store_internal.h"

enum { READ_ATTEMPTS_MAX = 5 };

static const char *key_of(const char *path)
{
    return path + 1;
}

static enum status put_new(struct store *store, const char *path, struct bytes content)
{
    enum status status = ERR_THROTTLED;
    for (unsigned attempt = 0; status == ERR_THROTTLED && attempt < STORE_ATTEMPTS_MAX; attempt++) {
        if (attempt > 0) {
            store_backoff(store, path, attempt - 1);
        }
        status = objects_put_if_absent(&store->ports->objects, key_of(path), content);
    }
    return status;
}

/* Last writer wins, so that the same bytes can be put again and again. */
static enum status put_plain(struct store *store, const char *path, struct bytes content)
{
    enum status status = ERR_UNKNOWN;
    for (unsigned attempt = 0;
         (status == ERR_THROTTLED || status == ERR_UNKNOWN) && attempt < STORE_ATTEMPTS_MAX;
         attempt++) {
        if (attempt > 0) {
            store_backoff(store, path, attempt - 1);
        }
        status = objects_put(&store->ports->objects, key_of(path), content);
    }
    return status;
}

/* Is it worth asking again? Counts the attempt and waits when so. Reads change nothing, so that a
 * lost answer is simply asked for again, but less often: the caller has its own deadline. */
static bool read_again(struct store *store, const char *path, enum status status, unsigned *attempt)
{
    bool lost = status == ERR_TIMEOUT || status == ERR_IO;
    bool again = (status == ERR_THROTTLED && *attempt + 1 < STORE_ATTEMPTS_MAX) ||
                 (lost && *attempt + 1 < READ_ATTEMPTS_MAX);
    if (again) {
        store_backoff(store, path, *attempt);
        (*attempt)++;
    }
    return again;
}

static enum status
get(struct store *store, const char *path, struct arena *arena, struct bytes *content)
{
    enum status status = OK;
    unsigned attempt = 0;
    do {
        status = objects_get(&store->ports->objects, key_of(path), arena, content);
    } while (read_again(store, path, status, &attempt));
    return status;
}

static enum status list(struct store *store,
                        const char *directory,
                        struct arena *arena,
                        struct store_entry **entries,
                        size_t *count)
{
    struct object_entry *found = NULL;
    size_t found_count = 0;
    const char *prefix = arena_printf(arena, "%s/", key_of(directory));
    size_t prefix_size = strlen(prefix);
    enum status status = OK;
    unsigned attempt = 0;
    do {
        status = objects_list(&store->ports->objects, prefix, arena, &found, &found_count);
    } while (read_again(store, directory, status, &attempt));
    TRY(status);
    *entries = arena_alloc(arena, found_count * sizeof **entries);
    for (size_t i = 0; i < found_count; i++) {
        require(strncmp(found[i].key, prefix, prefix_size) == 0);
        const char *name = found[i].key + prefix_size;
        if (strchr(name, '/') == NULL) { /* else it lies in a directory below */
            (*entries)[(*count)++] = (struct store_entry){
                .name = name, .size = found[i].size, .modified_us = found[i].modified_us};
        }
    }
    return OK;
}

/* Removing twice is as good as once, so that an unknown outcome is tried again. */
static enum status remove_object(struct store *store, const char *path)
{
    enum status status = ERR_UNKNOWN;
    for (unsigned attempt = 0;
         (status == ERR_THROTTLED || status == ERR_UNKNOWN) && attempt < STORE_ATTEMPTS_MAX;
         attempt++) {
        if (attempt > 0) {
            store_backoff(store, path, attempt - 1);
        }
        status = objects_remove(&store->ports->objects, key_of(path));
    }
    return status;
}

static enum status sync_directory(struct store *store, const char *directory)
{
    (void)store;
    (void)directory;
    return OK; /* what is visible is durable */
}

const struct store_ops store_objects_ops = {
    .put_new = put_new,
    .put_unique = put_plain, /* nobody else writes this name */
    .put_over = put_plain,
    .get = get,
    .list = list,
    .remove = remove_object,
    .sync_directory = sync_directory,
};
