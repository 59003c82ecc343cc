#include "engine/state/state_store.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/state/state_provider.h"

const char *
state_directory(struct arena *arena, const char *checkpoint, int64_t operator_id, int64_t partition)
{
    return arena_printf(arena, "%s/state/%" PRId64 "/%" PRId64, checkpoint, operator_id, partition);
}

/* ---- the provider -----------------------------------------------------------------------------
 */

struct state_provider *state_provider_new(const struct ports *ports,
                                          struct store *store,
                                          const struct plan *plan,
                                          const char *local)
{
    const struct state_provider base = {
        .ports = ports, .store = store, .plan = plan, .local = local};
    return plan->options.state_provider == STATE_PROVIDER_ROCKSDB ? rocksdb_provider_new(&base)
                                                                  : memory_provider_new(&base);
}

void state_provider_free(struct state_provider *provider)
{
    provider->ops->free(provider);
}

void state_provider_unload(struct state_provider *provider, int64_t partition)
{
    provider->ops->unload(provider, partition);
}

void state_provider_maintain(struct state_provider *provider)
{
    provider->ops->maintain(provider);
}

struct state_metrics state_provider_metrics(const struct state_provider *provider,
                                            int64_t partition)
{
    return provider->ops->metrics(provider, partition);
}

void state_spend(const struct ports *ports, int64_t rows, int64_t bytes)
{
    while (rows > 0) {
        int64_t step = rows < SPEND_ROWS_MAX ? rows : SPEND_ROWS_MAX;
        int64_t step_bytes = bytes / rows * step;
        clock_spend(&ports->clock, step, step_bytes);
        rows -= step;
        bytes -= step_bytes;
    }
}

void state_trace(const struct state_provider *provider, const struct trace_entry *entry)
{
    trace_event(&provider->ports->trace, entry);
}

enum status state_fail_store(const char *directory,
                             int64_t partition,
                             int64_t version,
                             const char *what,
                             enum status status,
                             struct diag *diag)
{
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s", directory);
    }
    return diag_fail(
        diag,
        STATE_LOAD "UNCATEGORIZED",
        "state version %" PRId64 " of partition %" PRId64
        " cannot be loaded: %s %s: %s. Make the checkpointLocation readable, then start "
        "the query again: nothing was changed",
        version,
        partition,
        what,
        directory,
        status_text(status));
}

enum status state_fail_provider(const char *directory,
                                const char *name,
                                enum state_provider_kind wrote,
                                struct diag *diag)
{
    if (!diag->set) {
        (void)snprintf(diag->file, sizeof diag->file, "%s/%s", directory, name);
    }
    return diag_fail(diag,
                     "CANNOT_LOAD_STATE_STORE.UNCATEGORIZED",
                     "the state in %s is of another state store provider: %s is a file of %s. Set "
                     "spark.sql.streaming.stateStore.providerClass to that, or start with a new "
                     "checkpointLocation; nothing was changed",
                     directory,
                     name,
                     options_provider_class(wrote));
}

/* ---- one store --------------------------------------------------------------------------------
 */

enum status state_store_open(struct state_provider *provider,
                             int64_t partition,
                             int64_t version,
                             struct state_store **store,
                             struct diag *diag)
{
    require(version >= 0);
    return provider->ops->open(provider, partition, version, store, diag);
}

enum status
state_store_get(struct state_store *store, struct bytes key, struct bytes *value, struct diag *diag)
{
    return store->provider->ops->get(store, key, value, diag);
}

enum status
state_store_put(struct state_store *store, struct bytes key, struct bytes value, struct diag *diag)
{
    static const uint8_t nothing;
    if (value.data == NULL) {
        value.data = &nothing; /* an empty value is no remove */
    }
    return store->provider->ops->put(store, key, value, diag);
}

enum status state_store_remove(struct state_store *store, struct bytes key, struct diag *diag)
{
    return store->provider->ops->remove(store, key, diag);
}

int64_t state_store_count(const struct state_store *store)
{
    return store->provider->ops->count(store);
}

enum status
state_store_each(struct state_store *store, state_pair_fn pair, void *context, struct diag *diag)
{
    return store->provider->ops->each(store, pair, context, diag);
}

enum status state_store_commit(struct state_store *store, struct diag *diag)
{
    return store->provider->ops->commit(store, diag);
}

void state_store_abort(struct state_store *store)
{
    store->provider->ops->abort(store);
}
