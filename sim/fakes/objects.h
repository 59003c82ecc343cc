/* The fake object store: port `objects` of every simulated process. The model stands in objects.c.
 * Used through sim/fakes/storage.h. */
#ifndef SIM_FAKES_OBJECTS_H
#define SIM_FAKES_OBJECTS_H

#include "sim/fakes/storage_internal.h"

struct fake_object {
    char *key;
    uint8_t *data;
    size_t size;
    int64_t modified_us;
};

struct fake_objects {
    struct fake_storage *storage;
    struct kernel *kernel;
    struct fake_object *items; /* sorted by key */
    size_t count;
    size_t capacity;
};

/* As the world. */
struct fake_objects *fake_objects_new(struct fake_storage *storage);

extern const struct objects_ops fake_objects_ops; /* self: struct fake_objects * */

/* NULL: nothing there. Borrowed until the next change. */
const struct fake_object *objects_find(const struct fake_objects *objects, const char *key);

/* Where the first key that begins with `prefix` stands; `*end` is behind the last. */
size_t objects_prefix(const struct fake_objects *objects, const char *prefix, size_t *end);

#endif
