/* What the state providers share: the operations that state_store.h hands on, and what each of them
 * was given. A provider embeds `struct state_provider` as its first member, its stores `struct
 * state_store`. Included by engine/state only. */
#ifndef ENGINE_STATE_STATE_PROVIDER_H
#define ENGINE_STATE_STATE_PROVIDER_H

#include "engine/state/state_store.h"

/* Each as the function of state_store.h that is named like it. */
struct state_provider_ops {
    void (*free)(struct state_provider *provider);
    enum status (*open)(struct state_provider *provider,
                        int64_t partition,
                        int64_t version,
                        struct state_store **store,
                        struct diag *diag);
    void (*unload)(struct state_provider *provider, int64_t partition);
    void (*maintain)(struct state_provider *provider);
    struct state_metrics (*metrics)(const struct state_provider *provider, int64_t partition);
    enum status (*get)(struct state_store *store,
                       struct bytes key,
                       struct bytes *value,
                       struct diag *diag);
    enum status (*put)(struct state_store *store,
                       struct bytes key,
                       struct bytes value,
                       struct diag *diag);
    enum status (*remove)(struct state_store *store, struct bytes key, struct diag *diag);
    int64_t (*count)(const struct state_store *store);
    enum status (*each)(struct state_store *store,
                        state_pair_fn pair,
                        void *context,
                        struct diag *diag);
    enum status (*commit)(struct state_store *store, struct diag *diag);
    void (*abort)(struct state_store *store);
};

struct state_provider {
    const struct state_provider_ops *ops;
    const struct ports *ports;
    struct store *store;
    const struct plan *plan;
    const char *local; /* the folder of this provider alone on the machine's own disk */
};

struct state_store {
    struct state_provider *provider;
    int64_t partition;
};

/* Spark's HDFSBackedStateStoreProvider (memory_provider.h). */
struct state_provider *memory_provider_new(const struct state_provider *base);

/* Spark's RocksDBStateStoreProvider (rocksdb_provider.h). */
struct state_provider *rocksdb_provider_new(const struct state_provider *base);

/* The state in `directory` was written by the other provider, as the file `name` in it shows;
 * always returns ERR_FAILED. */
enum status state_fail_provider(const char *directory,
                                const char *name,
                                enum state_provider_kind wrote,
                                struct diag *diag);

/* Account for `rows` of `bytes` in steps of SPEND_ROWS_MAX. May suspend. */
void state_spend(const struct ports *ports, int64_t rows, int64_t bytes);

void state_trace(const struct state_provider *provider, const struct trace_entry *entry);

#endif
