/* What the two stores share: the store itself and their tables of operations. Included by
 * engine/checkpoint only. */
#ifndef ENGINE_CHECKPOINT_STORE_INTERNAL_H
#define ENGINE_CHECKPOINT_STORE_INTERNAL_H

#include "engine/checkpoint/store.h"

struct store_directory; /* a directory whose own name is known to be durable */

struct store_ops {
    enum status (*put_new)(struct store *store, const char *path, struct bytes content);
    enum status (*put_unique)(struct store *store, const char *path, struct bytes content);
    enum status (*put_over)(struct store *store, const char *path, struct bytes content);
    enum status (*get)(struct store *store,
                       const char *path,
                       struct arena *arena,
                       struct bytes *content);
    enum status (*list)(struct store *store,
                        const char *directory,
                        struct arena *arena,
                        struct store_entry **entries,
                        size_t *count);
    enum status (*remove)(struct store *store, const char *path);
    enum status (*sync_directory)(struct store *store, const char *directory);
};

struct store {
    const struct store_ops *ops;
    const struct ports *ports;
    uint64_t temporary_count;            /* disk: temporary names so far, so that each is its own */
    struct store_directory *directories; /* disk */
};

extern const struct store_ops store_disk_ops;
extern const struct store_ops store_objects_ops;

enum { STORE_ATTEMPTS_MAX = 10 };

/* Sleep before the attempt behind `attempt` (0-based): doubling from 100 ms to 10 s, half of it
 * drawn, so that those who were throttled together do not come back together. May suspend. */
void store_backoff(struct store *store, const char *path, unsigned attempt);

#endif
