/* For tests of the state store: a storage world, and steps that a process takes with a provider of
 * its own. A version's content is a function of its number, so that every reader can say what must
 * be there. */
#ifndef SIM_FAKES_STATE_WORLD_H
#define SIM_FAKES_STATE_WORLD_H

#include "engine/state/state_file.h"
#include "engine/state/state_store.h"
#include "sim/fakes/storage_world.h"

#define CHECKPOINT  "/shared/ck"
#define STATE       CHECKPOINT "/state/0/0"
#define STATE_LOCAL "/local/executor 1/state/0000000000000001"

enum { STATE_KEYS = 24 };

static const struct plan *state_plan(int64_t min_deltas, int64_t retain)
{
    static struct plan plan;
    options_defaults(&plan.options);
    plan.options.checkpoint_location = CHECKPOINT;
    plan.options.state_min_deltas_for_snapshot = min_deltas;
    plan.options.min_batches_to_retain = retain;
    return &plan;
}

/* What `key` holds at `version`: 0: nothing. Key k changes in versions k + 1, 2k + 2, ...: puts,
 * each third time a remove. */
static inline int64_t state_value(int64_t key, int64_t version)
{
    int64_t changes = version / (key + 1);
    return changes % 3 == 0 ? 0 : changes;
}

static inline struct bytes state_key(int64_t key, char text[32])
{
    (void)snprintf(text, 32, "key %02lld", (long long)key);
    return bytes_of_text(text);
}

static inline struct bytes state_text(int64_t value, char text[32])
{
    (void)snprintf(text, 32, "%015lld", (long long)value);
    return bytes_of(text, 16); /* a row's size is a multiple of 8 */
}

/* The changes of the batch that makes `version` out of the one before. */
static inline void state_apply(struct state_store *store, int64_t version)
{
    struct diag diag = {0};
    for (int64_t key = 0; key < STATE_KEYS; key++) {
        char text[2][32];
        int64_t value = state_value(key, version);
        if (version % (key + 1) != 0) {
            continue;
        }
        enum status status =
            value == 0 ? state_store_remove(store, state_key(key, text[0]), &diag)
                       : state_store_put(
                             store, state_key(key, text[0]), state_text(value, text[1]), &diag);
        cr_assert(eq(int, status, OK), "%s", diag.text);
    }
}

static inline void state_expect(struct state_store *store, int64_t version)
{
    struct diag diag = {0};
    int64_t count = 0;
    for (int64_t key = 0; key < STATE_KEYS; key++) {
        char text[2][32];
        struct bytes found = {0};
        int64_t value = state_value(key, version);
        enum status got = state_store_get(store, state_key(key, text[0]), &found, &diag);
        bool there = got == OK;
        cr_assert(there || got == ERR_NOT_FOUND, "%s", diag.text);
        cr_assert(eq(int, there, value != 0), "key %d at version %d", (int)key, (int)version);
        if (there) {
            cr_assert(bytes_equal(found, state_text(value, text[1])));
        }
        count += there;
    }
    cr_assert(eq(i64, state_store_count(store), count));
}

/* One process' life with the state. */
struct state_life {
    enum store_kind kind;
    const struct plan *plan;
    int64_t from;             /* first version to open */
    int64_t until;            /* last version to commit */
    int64_t maintained_every; /* versions; 0: never */
    int64_t reached;          /* last version that was committed: OK was returned */
    enum status status;       /* of the last call */
    struct diag diag;
    struct state_metrics metrics;
};

/* Open each version, look, change, commit the next one. */
static inline void state_live(void *argument, const struct ports *ports)
{
    struct state_life *life = argument;
    struct store *store = store_new(ports, life->kind);
    struct state_provider *provider = state_provider_new(ports, store, life->plan, STATE_LOCAL);
    life->diag = (struct diag){0};
    life->status = OK;
    for (int64_t version = life->from; version < life->until; version++) {
        struct state_store *state = NULL;
        life->status = state_store_open(provider, 0, version, &state, &life->diag);
        if (life->status != OK) {
            break;
        }
        state_expect(state, version);
        state_apply(state, version + 1);
        life->status = state_store_commit(state, &life->diag);
        if (life->status != OK) {
            break;
        }
        life->reached = version + 1;
        if (life->maintained_every > 0 && (version + 1) % life->maintained_every == 0) {
            state_provider_maintain(provider);
        }
    }
    life->metrics = state_provider_metrics(provider, 0);
    state_provider_free(provider);
}

static inline struct state_life state_run(struct storage_world *world, struct state_life life)
{
    storage_world_run(world, state_live, &life);
    return life;
}

/* Open `version` in a fresh process, look, and let go. */
static inline void state_peek(void *argument, const struct ports *ports)
{
    struct state_life *life = argument;
    struct store *store = store_new(ports, life->kind);
    struct state_provider *provider = state_provider_new(ports, store, life->plan, STATE_LOCAL);
    struct state_store *state = NULL;
    life->diag = (struct diag){0};
    life->status = state_store_open(provider, 0, life->from, &state, &life->diag);
    if (life->status == OK) {
        state_expect(state, life->from);
        state_store_abort(state);
    }
    life->metrics = state_provider_metrics(provider, 0);
    state_provider_free(provider);
}

static inline struct state_life state_look(struct storage_world *world,
                                           const struct plan *plan,
                                           enum store_kind kind,
                                           int64_t version)
{
    struct state_life life = {.kind = kind, .plan = plan, .from = version};
    storage_world_run(world, state_peek, &life);
    return life;
}

static inline bool state_there(const struct storage_world *world, const char *name)
{
    char path[128];
    struct bytes content;
    (void)snprintf(path, sizeof path, STATE "/%s", name);
    return fake_storage_look(world->storage, world->machine, path, &content);
}

/* Put other bytes at a path, or (NULL) remove it; as somebody who does not use the engine. */
struct state_damage {
    const char *path;
    struct bytes content;
};

static inline void state_overwrite(void *argument, const struct ports *ports)
{
    const struct state_damage *damage = argument;
    disk_fd fd = -1;
    size_t written = 0;
    if (damage->content.data == NULL) {
        cr_assert(eq(int, disk_unlink(&ports->disk, damage->path), OK));
        return;
    }
    cr_assert(eq(int, disk_open(&ports->disk, damage->path, DISK_TRUNCATE, &fd), OK));
    cr_assert(eq(int,
                 disk_write(&ports->disk, fd, damage->content.data, damage->content.size, &written),
                 OK));
    cr_assert(eq(sz, written, damage->content.size));
    cr_assert(eq(int, disk_fsync(&ports->disk, fd), OK));
    cr_assert(eq(int, disk_close(&ports->disk, fd), OK));
}

static inline void state_damage(struct storage_world *world, const char *path, struct bytes content)
{
    struct state_damage damage = {.path = path, .content = content};
    storage_world_run(world, state_overwrite, &damage);
}

#endif
