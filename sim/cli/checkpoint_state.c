/* The state of a checkpoint on stdout. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/check/json_text.h"
#include "sim/cli/checkpoint_print.h"
#include "sim/cli/cli.h"
#include "sim/cli/inspect.h"

enum { ROWS_SHOWN = 5, ROW_SHOWN = 240 };

/* "1 to 3, 5": the versions of which there is an increment, or a snapshot. */
static const char *
versions_text(struct arena *arena, const struct state_store_view *store, bool snapshots)
{
    const char *text = "";
    int64_t first = -1;
    for (size_t i = 0; i <= store->version_count; i++) {
        const struct state_version *at = i < store->version_count ? &store->versions[i] : NULL;
        bool there = at != NULL && (snapshots ? at->snapshot : at->increment);
        const struct state_version *before = i > 0 ? &store->versions[i - 1] : NULL;
        bool goes_on = there && first >= 0 && at->version == before->version + 1;
        if (first >= 0 && !goes_on) {
            const char *comma = text[0] == '\0' ? "" : ", ";
            int64_t last = before->version;
            text =
                first == last
                    ? arena_printf(arena, "%s%s%" PRId64, text, comma, first)
                    : arena_printf(arena, "%s%s%" PRId64 " to %" PRId64, text, comma, first, last);
            first = -1;
        }
        first = there && first < 0 ? at->version : first;
    }
    return text[0] == '\0' ? "-" : text;
}

/* How a store stands at a version. */
struct loaded {
    struct state_map *map; /* to be freed */
    const char *error;     /* NULL: it is whole */
};

static struct loaded load(const struct checkpoint_parts *parts,
                          const struct state_store_view *store)
{
    struct loaded loaded = {.map = state_map_new()};
    int64_t version = checkpoint_state_version(parts);
    const struct batch_view *commit = checkpoint_view_batch(parts->logs, version - 1);
    loaded.error = state_view_load(
        parts->state, store, version, commit == NULL ? NULL : commit->state_ids, loaded.map);
    return loaded;
}

static bool has_partition(const struct state_view *state, int64_t operator_id, int64_t partition)
{
    for (size_t i = 0; i < state->store_count; i++) {
        if (state->stores[i].operator_id == operator_id &&
            state->stores[i].partition == partition) {
            return true;
        }
    }
    return false;
}

/* Every batch writes a file for every partition, but a global limit, which has its rows in one. */
static const char *missing_partition(const struct state_view *state, struct arena *arena)
{
    for (size_t o = 0; o < state->operator_count; o++) {
        const struct state_operator_view *operator= & state->operators[o];
        bool one = operator->name != NULL && strcmp(operator->name, "globalLimit") == 0;
        for (int64_t p = 0; p < operator->partitions && !one; p++) {
            if (!has_partition(state, operator->id, p)) {
                return arena_printf(arena,
                                    "cannot be loaded: state/%" PRId64 "/%" PRId64
                                    " holds nothing, and the operator has %" PRId64 " partitions",
                                    operator->id,
                                    p,
                                    operator->partitions);
            }
        }
    }
    return NULL;
}

static const char *store_problem(const struct checkpoint_parts *parts,
                                 const struct state_store_view *store)
{
    struct arena *arena = &parts->state->arena;
    int64_t newest = store->versions[store->version_count - 1].version;
    if (newest > parts->logs->last_offsets + 1) {
        return arena_printf(arena,
                            "%s has version %" PRId64
                            ", and no batch of the logs wrote it: another "
                            "run, or the logs were restored",
                            store->directory,
                            newest);
    }
    struct loaded loaded = load(parts, store);
    state_map_free(loaded.map);
    return loaded.error == NULL ? NULL : arena_printf(arena, "cannot be loaded: %s", loaded.error);
}

const char *checkpoint_state_problem(const struct checkpoint_parts *parts)
{
    struct state_view *state = parts->state;
    const char *problem =
        checkpoint_state_version(parts) == 0 ? NULL : missing_partition(state, &state->arena);
    for (size_t i = 0; i < state->store_count && problem == NULL; i++) {
        problem = store_problem(parts, &state->stores[i]);
    }
    return problem;
}

/* The next stores with one operator and one name: [first, end). */
static size_t end_of_group(const struct state_view *state, size_t first)
{
    size_t end = first;
    while (end < state->store_count &&
           state->stores[end].operator_id == state->stores[first].operator_id &&
           strcmp(state->stores[end].name, state->stores[first].name) == 0) {
        end++;
    }
    return end;
}

/* ---- text ----------------------------------------------------------------------------------- */

static void
put_row(const struct state_schema_view *schema, const struct state_pair *pair, struct buf *out)
{
    buf_text(out, "\"key\":");
    state_row_json(schema->key, pair->key, out);
    buf_text(out, ",\"value\":");
    state_row_json(schema->value, pair->value, out);
}

static void print_some_rows(struct arena *arena,
                            const struct state_schema_view *schema,
                            const struct state_map *map,
                            int64_t *shown)
{
    const struct state_pair *pairs = state_map_sorted(map, arena);
    for (int64_t i = 0; i < state_map_count(map) && *shown < ROWS_SHOWN; i++) {
        struct buf row = {0};
        put_row(schema, &pairs[i], &row);
        bool cut = row.size > ROW_SHOWN;
        inspect_say("      {%.*s%s\n",
                    cut ? (int)ROW_SHOWN : (int)row.size,
                    (const char *)row.data,
                    cut ? "..." : "}");
        buf_free(&row);
        *shown += 1;
    }
}

/* The SST files that the newest zip names: "2 in 4.zip". */
static const char *ssts_text(struct state_view *state, const struct state_store_view *store)
{
    struct state_zip_view *zips = NULL;
    size_t count = state_view_zips(state, store, &zips);
    if (count == 0) {
        return "-";
    }
    const struct state_zip_view *newest = &zips[count - 1];
    return newest->error != NULL ? "not readable"
                                 : arena_printf(&state->arena,
                                                "%zu in %" PRId64 ".zip",
                                                newest->snapshot.sst_count,
                                                newest->version);
}

static void add_store(struct text_table *table,
                      struct state_view *state,
                      const struct state_store_view *store,
                      const struct loaded *loaded)
{
    struct arena *arena = &state->arena;
    text_table_cell(table, arena_printf(arena, "%" PRId64, store->partition));
    text_table_cell(table, versions_text(arena, store, false));
    text_table_cell(table, versions_text(arena, store, true));
    if (store->kind == STATE_KIND_ROCKSDB) {
        text_table_cell(table, ssts_text(state, store));
    }
    text_table_cell(table,
                    loaded->error != NULL
                        ? "not readable"
                        : arena_printf(arena, "%" PRId64, state_map_count(loaded->map)));
    if (loaded->error != NULL) {
        text_table_line(table, arena_printf(arena, "  %s", loaded->error));
    }
}

static void
print_titles(struct text_table *table, struct arena *arena, bool rocksdb, int64_t version)
{
    text_table_cell(table, "partition");
    text_table_cell(table, rocksdb ? "changelogs" : "deltas");
    text_table_cell(table, rocksdb ? "zips" : "snapshots");
    if (rocksdb) {
        text_table_cell(table, "SST files");
    }
    text_table_cell(table, arena_printf(arena, "rows at version %" PRId64, version));
}

static void print_schema(const struct state_schema_view *schema)
{
    if (schema->key_types != NULL && schema->value_types != NULL) {
        inspect_say("    key %s, value %s\n", schema->key_types, schema->value_types);
    } else {
        inspect_say("    %s\n", schema->error == NULL ? "no schema is recorded" : schema->error);
    }
}

/* The stores [first, end): one name, its partitions. */
static void print_group(const struct checkpoint_parts *parts, size_t first, size_t end)
{
    struct state_view *state = parts->state;
    struct arena *arena = &state->arena;
    const struct state_store_view *stores = state->stores;
    struct state_schema_view schema;
    bool rocksdb = stores[first].kind == STATE_KIND_ROCKSDB;
    struct text_table table = {.columns = rocksdb ? 5 : 4, .right = 1};
    int64_t shown = 0;
    int64_t rows = 0;
    state_view_schema(state, &stores[first], &schema);
    inspect_say("  store %s, %s\n", stores[first].name, rocksdb ? "RocksDB" : "HDFS-backed");
    print_schema(&schema);
    print_titles(&table, arena, rocksdb, checkpoint_state_version(parts));
    struct arena scratch = {0};
    for (size_t i = first; i < end; i++) {
        struct loaded loaded = load(parts, &stores[i]);
        add_store(&table, state, &stores[i], &loaded);
        rows += loaded.error == NULL ? state_map_count(loaded.map) : 0;
        state_map_free(loaded.map);
    }
    text_table_print(&table, "    ");
    for (size_t i = first; i < end && shown < ROWS_SHOWN; i++) {
        struct loaded loaded = load(parts, &stores[i]);
        if (loaded.error == NULL) {
            print_some_rows(&scratch, &schema, loaded.map, &shown);
        }
        state_map_free(loaded.map);
    }
    if (rows > shown) {
        (void)printf("      ... and %" PRId64 " more: --rows\n", rows - shown);
    }
    arena_free(&scratch);
    state_schema_free(&schema);
}

void checkpoint_print_state(const struct checkpoint_parts *parts)
{
    const struct state_view *state = parts->state;
    for (size_t o = 0; o < state->operator_count; o++) {
        const struct state_operator_view *operator= & state->operators[o];
        inspect_say("\nstate of operator %" PRId64 "%s%s",
                    operator->id,
                    operator->name == NULL ? "" : ": ",
                    operator->name == NULL ? "" : operator->name);
        if (operator->partitions >= 0) {
            inspect_say(", %" PRId64 " partitions", operator->partitions);
        }
        (void)putchar('\n');
        bool any = false;
        for (size_t at = 0; at < state->store_count; at = end_of_group(state, at)) {
            if (state->stores[at].operator_id == operator->id) {
                print_group(parts, at, end_of_group(state, at));
                any = true;
            }
        }
        if (!any) {
            (void)puts("  no version of any store");
        }
    }
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *versions_json(const struct state_store_view *store, bool snapshots)
{
    json_t *array = json_array();
    for (size_t i = 0; i < store->version_count; i++) {
        const struct state_version *at = &store->versions[i];
        if (snapshots ? at->snapshot : at->increment) {
            (void)json_array_append_new(array, json_integer(at->version));
        }
    }
    return array;
}

/* Each zip with the SST files that it names. */
static json_t *archives_json(struct state_view *state, const struct state_store_view *store)
{
    json_t *array = json_array();
    struct state_zip_view *zips = NULL;
    size_t count = state_view_zips(state, store, &zips);
    for (size_t i = 0; i < count; i++) {
        json_t *zip = json_object();
        json_t *ssts = json_array();
        (void)json_object_set_new(zip, "file", json_string(zips[i].name));
        (void)json_object_set_new(zip, "numKeys", json_integer(zips[i].snapshot.key_count));
        for (size_t k = 0; zips[i].error == NULL && k < zips[i].snapshot.sst_count; k++) {
            const struct rocksdb_sst *sst = &zips[i].snapshot.ssts[k];
            json_t *one = json_object();
            (void)json_object_set_new(one, "localFileName", json_string(sst->local_name));
            (void)json_object_set_new(one, "dfsSstFileName", json_string(sst->dfs_name));
            (void)json_object_set_new(one, "sizeBytes", json_integer(sst->size));
            (void)json_array_append_new(ssts, one);
        }
        (void)json_object_set_new(zip, "sstFiles", ssts);
        (void)json_object_set_new(
            zip, "error", zips[i].error == NULL ? json_null() : json_string(zips[i].error));
        (void)json_array_append_new(array, zip);
    }
    return array;
}

static json_t *store_json(const struct checkpoint_parts *parts,
                          const struct state_store_view *store)
{
    json_t *object = json_object();
    struct loaded loaded = load(parts, store);
    bool rocksdb = store->kind == STATE_KIND_ROCKSDB;
    (void)json_object_set_new(object, "store", json_string(store->name));
    (void)json_object_set_new(object, "partition", json_integer(store->partition));
    (void)json_object_set_new(object, "provider", json_string(rocksdb ? "rocksdb" : "hdfs"));
    (void)json_object_set_new(
        object, rocksdb ? "changelogs" : "deltas", versions_json(store, false));
    (void)json_object_set_new(object, rocksdb ? "zips" : "snapshots", versions_json(store, true));
    if (rocksdb) {
        (void)json_object_set_new(object, "archives", archives_json(parts->state, store));
    }
    (void)json_object_set_new(object, "version", json_integer(checkpoint_state_version(parts)));
    (void)json_object_set_new(object,
                              "rows",
                              loaded.error == NULL ? json_integer(state_map_count(loaded.map))
                                                   : json_null());
    (void)json_object_set_new(
        object, "error", loaded.error == NULL ? json_null() : json_string(loaded.error));
    state_map_free(loaded.map);
    return object;
}

static json_t *
operator_json(const struct checkpoint_parts *parts, const struct state_operator_view *operator)
{
    struct state_view *state = parts->state;
    json_t *object = json_object();
    json_t *stores = json_array();
    json_t *schemas = json_object();
    for (size_t i = 0; i < state->store_count; i++) {
        const struct state_store_view *store = &state->stores[i];
        if (store->operator_id != operator->id) {
            continue;
        }
        (void)json_array_append_new(stores, store_json(parts, store));
        if (json_object_get(schemas, store->name) == NULL) {
            struct state_schema_view schema;
            state_view_schema(state, store, &schema);
            json_t *both = json_object();
            (void)json_object_set(both, "key", schema.key == NULL ? json_null() : schema.key);
            (void)json_object_set(both, "value", schema.value == NULL ? json_null() : schema.value);
            (void)json_object_set_new(schemas, store->name, both);
            state_schema_free(&schema);
        }
    }
    (void)json_object_set_new(object, "operator", json_integer(operator->id));
    (void)json_object_set_new(
        object, "name", operator->name == NULL ? json_null() : json_string(operator->name));
    (void)json_object_set_new(object,
                              "partitions",
                              operator->partitions<0 ? json_null()
                                                     : json_integer(operator->partitions));
    (void)json_object_set_new(object, "schemas", schemas);
    (void)json_object_set_new(object, "stores", stores);
    return object;
}

json_t *checkpoint_state_json(const struct checkpoint_parts *parts)
{
    json_t *array = json_array();
    for (size_t i = 0; i < parts->state->operator_count; i++) {
        (void)json_array_append_new(array, operator_json(parts, &parts->state->operators[i]));
    }
    return array;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static bool print_store_rows(const struct checkpoint_parts *parts,
                             const struct state_store_view *store,
                             const struct state_schema_view *schema)
{
    struct arena arena = {0};
    struct buf row = {0};
    struct loaded loaded = load(parts, store);
    int64_t count = loaded.error == NULL ? state_map_count(loaded.map) : 0;
    const struct state_pair *pairs = state_map_sorted(loaded.map, &arena);
    for (int64_t i = 0; i < count; i++) {
        buf_clear(&row);
        buf_printf(&row, "{\"operator\":%" PRId64 ",\"store\":", store->operator_id);
        json_put_text(&row, bytes_of_text(store->name));
        buf_printf(&row,
                   ",\"partition\":%" PRId64 ",\"version\":%" PRId64 ",",
                   store->partition,
                   checkpoint_state_version(parts));
        put_row(schema, &pairs[i], &row);
        buf_text(&row, "}\n");
        (void)fwrite(row.data, 1, row.size, stdout);
    }
    if (loaded.error != NULL) {
        struct diag diag = {0};
        (void)snprintf(diag.file, sizeof diag.file, "%s", store->directory);
        (void)diag_fail(&diag, "STATE_NOT_READABLE", "%s", loaded.error);
        (void)fflush(stdout);
        cli_complain(&diag);
    }
    bool fine = loaded.error == NULL;
    state_map_free(loaded.map);
    buf_free(&row);
    arena_free(&arena);
    return fine;
}

bool checkpoint_print_rows(const struct checkpoint_parts *parts)
{
    bool fine = true;
    for (size_t i = 0; i < parts->state->store_count; i++) {
        const struct state_store_view *store = &parts->state->stores[i];
        struct state_schema_view schema;
        state_view_schema(parts->state, store, &schema);
        fine = print_store_rows(parts, store, &schema) && fine;
        state_schema_free(&schema);
    }
    return fine;
}
