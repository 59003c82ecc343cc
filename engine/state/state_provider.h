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

/* ---- what goes wrong in a load --------------------------------------------------------------- */

#define STATE_LOAD "CANNOT_LOAD_STATE_STORE."
#define STATE_LOAD_REMEDY                                                                          \
    "Nothing was changed. Restore the file from a copy of the checkpoint, or start with a new "    \
    "checkpointLocation, which reads from startingOffsets again"

/* As far as Spark goes back for an older snapshot (maxChangeFileReplay). */
enum { STATE_REPAIR_VERSIONS_MAX = 500 };

/* Is a snapshot beyond reading, so that an older one is worth a try? What a store refuses for now
 * (throttling, a deadline) is asked for again by the next attempt. */
static inline bool state_beyond_reading(enum status status)
{
    return status == ERR_CORRUPT || status == ERR_NOT_FOUND || status == ERR_IO;
}

/* The store refused: `what` ("cannot list") the directory. Always returns ERR_FAILED. */
enum status state_fail_store(const char *directory,
                             int64_t partition,
                             int64_t version,
                             const char *what,
                             enum status status,
                             struct diag *diag);

/* ---- what both account for and tell ---------------------------------------------------------- */

/* Account for `rows` of `bytes` in steps of SPEND_ROWS_MAX. May suspend. */
void state_spend(const struct ports *ports, int64_t rows, int64_t bytes);

void state_trace(const struct state_provider *provider, const struct trace_entry *entry);

#endif
