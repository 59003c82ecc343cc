#include "sim/cli/state_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/sort.h"
#include "engine/state/state_file.h"
#include "engine/state/state_schema.h"
#include "sim/cli/checkpoint_view.h"
#include "sim/cli/inspect.h"

/* ---- what is there -------------------------------------------------------------------------- */

static void *grown(struct arena *arena, void *items, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0) { /* full at powers of two only */
        return items;
    }
    uint8_t *more = arena_alloc(arena, (count == 0 ? 1 : count * 2) * size);
    if (count > 0) {
        memcpy(more, items, count * size);
    }
    return more;
}

static const char *ending(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL ? "" : dot;
}

/* "12.delta", "12.snapshot", "12.zip", "12_<uuid>.changelog". */
static bool version_of(const char *name, int64_t *version)
{
    static const char *const endings[] = {".delta", ".snapshot", ".zip", ".changelog"};
    char digits[24];
    size_t size = strspn(name, "0123456789");
    bool known = false;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        known = known || strcmp(ending(name), endings[i]) == 0;
    }
    if (!known || size >= sizeof digits || (name[size] != '.' && name[size] != '_')) {
        return false;
    }
    (void)snprintf(digits, sizeof digits, "%.*s", (int)size, name);
    return checkpoint_number(digits, version);
}

static void note_file(struct state_view *view, struct state_store_view *store, const char *name)
{
    int64_t version = 0;
    if (!version_of(name, &version)) {
        return;
    }
    size_t at = 0;
    while (at < store->version_count && store->versions[at].version != version) {
        at++;
    }
    if (at == store->version_count) {
        store->versions =
            grown(&view->arena, store->versions, store->version_count, sizeof *store->versions);
        store->versions[store->version_count++] = (struct state_version){.version = version};
    }
    const char *end = ending(name);
    bool hdfs = strcmp(end, ".delta") == 0 || strcmp(end, ".snapshot") == 0;
    bool whole = strcmp(end, ".zip") == 0 || strcmp(end, ".snapshot") == 0;
    store->kind = hdfs ? STATE_KIND_HDFS : STATE_KIND_ROCKSDB;
    store->versions[at].snapshot = store->versions[at].snapshot || whole;
    store->versions[at].increment = store->versions[at].increment || !whole;
}

static int compare_versions(const void *a, const void *b)
{
    int64_t first = ((const struct state_version *)a)->version;
    int64_t second = ((const struct state_version *)b)->version;
    return (first > second) - (first < second);
}

/* The files of one store; `*stores` counts the directories below that are stores themselves. */
static enum status add_store(struct state_view *view,
                             const struct state_store_view *given,
                             struct inspect_entry **entries,
                             size_t *count,
                             struct diag *diag)
{
    struct state_store_view store = *given;
    TRY(inspect_list(&view->arena, store.directory, entries, count, diag));
    for (size_t i = 0; i < *count; i++) {
        if (!(*entries)[i].directory) {
            note_file(view, &store, (*entries)[i].name);
        }
    }
    sort_items(store.versions, store.version_count, sizeof *store.versions, compare_versions);
    if (store.version_count > 0) {
        view->stores = grown(&view->arena, view->stores, view->store_count, sizeof *view->stores);
        view->stores[view->store_count++] = store;
    }
    return OK;
}

static bool is_store_name(const struct inspect_entry *entry)
{
    static const char *const others[] = {"_metadata", "SSTs", "logs"};
    bool fine = entry->directory;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        fine = fine && strcmp(entry->name, others[i]) != 0;
    }
    return fine;
}

/* A partition's directory: the store "default", or one directory a store. */
static enum status
add_partition(struct state_view *view, struct state_store_view *store, struct diag *diag)
{
    struct inspect_entry *entries = NULL;
    struct inspect_entry *inner = NULL;
    size_t count = 0;
    size_t inner_count = 0;
    const char *directory = store->directory;
    store->name = "default";
    TRY(add_store(view, store, &entries, &count, diag));
    for (size_t i = 0; i < count; i++) {
        if (is_store_name(&entries[i])) {
            store->name = entries[i].name;
            store->directory = inspect_path(&view->arena, directory, entries[i].name);
            TRY(add_store(view, store, &inner, &inner_count, diag));
        }
    }
    return OK;
}

/* state/<op>/_metadata/metadata: v1 and JSON. */
static void read_operator(struct state_view *view, struct state_operator_view *operator)
{
    struct bytes file = {0};
    struct diag diag = {0};
    const char *path = arena_printf(
        &view->arena, "%s/state/%" PRId64 "/_metadata/metadata", view->path, operator->id);
    if (inspect_read(&view->arena, path, &file, &diag) != OK) {
        return;
    }
    const uint8_t *line = file.size == 0 ? NULL : memchr(file.data, '\n', file.size);
    size_t skip = line == NULL ? file.size : (size_t)(line - file.data) + 1;
    json_t *root = json_loadb((const char *)file.data + skip, file.size - skip, 0, NULL);
    const char *name =
        json_string_value(json_object_get(json_object_get(root, "operatorInfo"), "operatorName"));
    json_t *partitions = json_object_get(json_array_get(json_object_get(root, "stateStoreInfo"), 0),
                                         "numPartitions");
    operator->name = name == NULL ? NULL : arena_strdup(&view->arena, name);
    operator->partitions = json_is_integer(partitions) ? json_integer_value(partitions) : -1;
    json_decref(root);
}

static enum status add_operator(struct state_view *view, int64_t id, struct diag *diag)
{
    struct state_operator_view operator= {.id = id, .partitions = -1};
    struct inspect_entry *entries = NULL;
    size_t count = 0;
    const char *directory = arena_printf(&view->arena, "%s/state/%" PRId64, view->path, id);
    read_operator(view, &operator);
    view->operators =
        grown(&view->arena, view->operators, view->operator_count, sizeof *view->operators);
    view->operators[view->operator_count++] = operator;
    TRY(inspect_list(&view->arena, directory, &entries, &count, diag));
    for (size_t i = 0; i < count; i++) {
        struct state_store_view store = {.operator_id = id};
        if (entries[i].directory && checkpoint_number(entries[i].name, &store.partition)) {
            store.directory = inspect_path(&view->arena, directory, entries[i].name);
            TRY(add_partition(view, &store, diag));
        }
    }
    return OK;
}

static int compare_stores(const void *a, const void *b)
{
    const struct state_store_view *first = a;
    const struct state_store_view *second = b;
    if (first->operator_id != second->operator_id) {
        return first->operator_id < second->operator_id ? -1 : 1;
    }
    int names = strcmp(first->name, second->name);
    return names != 0
               ? names
               : (first->partition > second->partition) - (first->partition < second->partition);
}

enum status state_view_open(struct state_view *view, const char *checkpoint, struct diag *diag)
{
    *view = (struct state_view){.path = checkpoint};
    struct inspect_entry *entries = NULL;
    size_t count = 0;
    const char *directory = inspect_path(&view->arena, checkpoint, "state");
    if (!inspect_is_directory(directory)) {
        return OK;
    }
    TRY(inspect_list(&view->arena, directory, &entries, &count, diag));
    for (size_t i = 0; i < count; i++) {
        int64_t id = 0;
        if (entries[i].directory && checkpoint_number(entries[i].name, &id)) {
            TRY(add_operator(view, id, diag));
        }
    }
    sort_items(view->stores, view->store_count, sizeof *view->stores, compare_stores);
    return OK;
}

void state_view_close(struct state_view *view)
{
    state_reader_free(view->reader);
    arena_free(&view->arena);
}

/* ---- schemas -------------------------------------------------------------------------------- */

void state_view_schema(struct state_view *view,
                       const struct state_store_view *store,
                       struct state_schema_view *schema)
{
    *schema = (struct state_schema_view){.key = NULL};
    struct bytes file = {0};
    struct bytes key = {0};
    struct bytes value = {0};
    struct diag diag = {0};
    struct arena *arena = &view->arena;
    bool plain = strcmp(store->name, "default") == 0;
    const char *path = arena_printf(arena,
                                    "%s/state/%" PRId64 "/0/%s%s_metadata/schema",
                                    view->path,
                                    store->operator_id,
                                    plain ? "" : store->name,
                                    plain ? "" : "/");
    enum status status = inspect_read(arena, path, &file, &diag);
    if (status == ERR_NOT_FOUND) {
        const char *newer = arena_printf(
            arena, "%s/state/%" PRId64 "/_stateSchema", view->path, store->operator_id);
        schema->error =
            inspect_is_directory(newer)
                ? "the schema is of version 3 (transformWithState), which is not decoded"
                : NULL;
        return;
    }
    if (status != OK || state_schema_read(file, arena, &key, &value) != OK) {
        schema->error = arena_printf(arena, "%s is damaged", path);
        return;
    }
    schema->key = json_loadb((const char *)key.data, key.size, 0, NULL);
    schema->value = json_loadb((const char *)value.data, value.size, 0, NULL);
    if (state_schema_json_types(key, arena, &schema->key_types) != OK ||
        state_schema_json_types(value, arena, &schema->value_types) != OK) {
        schema->error = arena_printf(arena, "%s holds no StructType", path);
    }
}

void state_schema_free(struct state_schema_view *schema)
{
    json_decref(schema->key);
    json_decref(schema->value);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static enum status into_map(void *context, struct bytes key, struct bytes value)
{
    if (value.data == NULL) {
        (void)state_map_remove(context, key);
    } else {
        state_map_put(context, key, value);
    }
    return OK;
}

static void forget(struct state_map *map, struct arena *arena)
{
    int64_t count = state_map_count(map);
    const struct state_pair *pairs = state_map_sorted(map, arena);
    for (int64_t i = 0; i < count; i++) {
        (void)state_map_remove(map, pairs[i].key);
    }
}

static const char *load_file(struct state_view *view,
                             const struct state_store_view *store,
                             int64_t version,
                             enum state_file_kind kind,
                             struct state_map *map)
{
    struct arena *arena = &view->arena;
    struct bytes file = {0};
    struct diag diag = {0};
    const char *what = NULL;
    const char *path = state_file_path(arena, store->directory, version, kind);
    enum status status = inspect_map(path, &file, &diag);
    if (status != OK) {
        return arena_printf(
            arena, "%s %s", path, status == ERR_NOT_FOUND ? "is missing" : diag.text);
    }
    if (state_file_read(kind, file, arena, into_map, map, &what) != OK) {
        what = arena_printf(arena, "%s is damaged: %s", path, what);
    } else {
        what = NULL;
    }
    inspect_unmap(file);
    return what;
}

/* The newest snapshot up to `version` that reads; 0: from nothing. A bad one is what Spark and this
 * engine pass over for an older one. */
static int64_t load_snapshot(struct state_view *view,
                             const struct state_store_view *store,
                             int64_t version,
                             struct state_map *map,
                             const char **damage)
{
    for (size_t i = store->version_count; i-- > 0;) {
        const struct state_version *at = &store->versions[i];
        if (at->version > version || !at->snapshot) {
            continue;
        }
        const char *error = load_file(view, store, at->version, STATE_SNAPSHOT, map);
        if (error == NULL) {
            return at->version;
        }
        *damage = *damage == NULL ? error : *damage;
        forget(map, &view->arena);
    }
    return 0;
}

const char *state_view_load(struct state_view *view,
                            const struct state_store_view *store,
                            int64_t version,
                            const json_t *ids,
                            struct state_map *map)
{
    const char *damage = NULL;
    if (store->kind == STATE_KIND_ROCKSDB) {
        return state_view_load_rocksdb(view, store, version, ids, map);
    }
    int64_t at = load_snapshot(view, store, version, map, &damage);
    while (at < version) {
        at++;
        const char *error = load_file(view, store, at, STATE_DELTA, map);
        if (error != NULL) {
            return damage == NULL ? error : arena_printf(&view->arena, "%s; %s", damage, error);
        }
    }
    return NULL;
}
