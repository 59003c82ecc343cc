#include "engine/state/state_metadata.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/base/document.h"
#include "engine/state/rocksdb_names.h"
#include "engine/state/state_schema.h"
#include "engine/state/state_store.h"

#define OPERATOR_NAME "stateStoreSave"
#define INCONSISTENT  "CHECKPOINT_INCONSISTENT"
#define REMEDY                                                                                     \
    "Nothing was changed. Go back to the pipeline that wrote it, or start with a new "             \
    "checkpointLocation, which reads from startingOffsets again"

enum { ATTEMPTS_MAX = 10 };

/* ---- bytes --------------------------------------------------------------------------------------
 */

void state_schema_encode(const struct plan *plan, struct buf *out)
{
    struct buf key = {0};
    struct buf value = {0};
    state_key_schema_json(plan, &key);
    state_value_schema_json(plan, &value);
    state_schema_write(buf_bytes(&key), buf_bytes(&value), out);
    buf_free(&key);
    buf_free(&value);
}

void state_operator_metadata_encode(int64_t partitions, struct buf *out)
{
    buf_printf(out,
               "v1\n{\"operatorInfo\":{\"operatorId\":0,\"operatorName\":\"" OPERATOR_NAME
               "\"},\"stateStoreInfo\":[{\"storeName\":\"default\",\"numColsPrefixKey\":0,"
               "\"numPartitions\":%" PRId64 "}]}",
               partitions);
}

/* ---- one file -----------------------------------------------------------------------------------
 */

struct check {
    struct store *store;
    const struct plan *plan;
    int64_t partitions;
    bool fresh;
    struct arena *arena;
    struct diag *diag;
};

static enum status
fail(const struct check *check, const char *error_class, const char *path, const char *what)
{
    if (!check->diag->set) {
        (void)snprintf(check->diag->file, sizeof check->diag->file, "%s", path);
    }
    return diag_fail(check->diag, error_class, "%s: %s. " REMEDY, path, what);
}

static enum status fail_store(const struct check *check, const char *path, enum status status)
{
    if (!check->diag->set) {
        (void)snprintf(check->diag->file, sizeof check->diag->file, "%s", path);
    }
    return diag_fail(
        check->diag,
        "CHECKPOINT_WRITE_FAILED",
        "cannot read or write %s: %s. Make the checkpointLocation writable, then start "
        "the query again: nothing was lost",
        path,
        status_text(status));
}

/* `*found` is what is there at last: somebody's, durable, or what we wrote. A crashed first batch
 * or another driver may have been faster: its bytes are looked at like any others. */
static enum status read_or_write(const struct check *check,
                                 const char *path,
                                 struct bytes content,
                                 struct bytes *found)
{
    enum status status = OK;
    for (unsigned attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        status = store_get(check->store, path, check->arena, found);
        if (status == OK) {
            const char *directory =
                arena_copy(check->arena, path, (size_t)(strrchr(path, '/') - path));
            status = store_sync_directory(check->store, directory);
            return status == OK ? OK : fail_store(check, path, status);
        }
        if (status != ERR_NOT_FOUND) {
            break;
        }
        if (!check->fresh) {
            return fail(check, INCONSISTENT, path, "it is missing, though batches were run");
        }
        status = store_put_new(check->store, path, content);
        if (status == OK) {
            *found = content;
            return OK;
        }
        if (status != ERR_EXISTS && status != ERR_UNKNOWN) {
            break;
        }
    }
    return fail_store(check, path, status);
}

/* ---- schema -------------------------------------------------------------------------------------
 */

static enum status compare_types(const struct check *check,
                                 const char *path,
                                 struct bytes json,
                                 const struct schema *schema,
                                 const char *error_class)
{
    const char *found = NULL;
    const char *wanted = state_schema_types(schema, check->arena);
    if (state_schema_json_types(json, check->arena, &found) != OK) {
        return fail(check, INCONSISTENT, path, "it is damaged: no schema is in it");
    }
    if (strcmp(found, wanted) == 0) {
        return OK;
    }
    return fail(check,
                error_class,
                path,
                arena_printf(check->arena,
                             "the state has the types %.160s, this pipeline needs %.160s",
                             found,
                             wanted));
}

static enum status check_schema(const struct check *check)
{
    const char *checkpoint = check->plan->options.checkpoint_location;
    const char *path = arena_printf(check->arena, "%s/state/0/0/_metadata/schema", checkpoint);
    struct bytes found = {0};
    struct bytes key = {0};
    struct bytes value = {0};
    struct buf content = {0};
    state_schema_encode(check->plan, &content);
    struct bytes ours =
        bytes_of(arena_copy(check->arena, content.data, content.size), content.size);
    buf_free(&content);
    TRY(read_or_write(check, path, ours, &found));
    if (state_schema_read(found, check->arena, &key, &value) != OK) {
        return fail(check, INCONSISTENT, path, "it is damaged: no schema is in it");
    }
    const struct aggregation *aggregation = check->plan->aggregation;
    TRY(compare_types(
        check, path, key, &aggregation->key, "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE"));
    return compare_types(
        check, path, value, &aggregation->buffer, "STATE_STORE_VALUE_SCHEMA_NOT_COMPATIBLE");
}

/* ---- operator -----------------------------------------------------------------------------------
 */

struct operator_info {
    int64_t id;
    const char *name;
    const char *store_name;
    size_t stores;
    int64_t partitions;
};

static const char *text_of(const json_t *value, struct arena *arena)
{
    return json_is_string(value) ? arena_strdup(arena, json_string_value(value)) : "";
}

static bool read_operator(struct bytes file, struct arena *arena, struct operator_info *info)
{
    static const char version[] = "v1\n";
    const size_t size = sizeof version - 1;
    struct document document;
    struct diag ignored = {0};
    if (file.size < size || memcmp(file.data, version, size) != 0) {
        return false;
    }
    struct bytes json = bytes_of(file.data + size, file.size - size);
    if (document_parse(arena, "metadata", json, INCONSISTENT, &document, &ignored) != OK) {
        return false;
    }
    const json_t *operator_info = json_object_get(document.root, "operatorInfo");
    const json_t *stores = json_object_get(document.root, "stateStoreInfo");
    const json_t *store = json_array_get(stores, 0);
    *info = (struct operator_info){
        .id = json_integer_value(json_object_get(operator_info, "operatorId")),
        .name = text_of(json_object_get(operator_info, "operatorName"), arena),
        .stores = json_array_size(stores),
        .store_name = text_of(json_object_get(store, "storeName"), arena),
        .partitions = json_integer_value(json_object_get(store, "numPartitions"))};
    document_free(&document);
    return true;
}

static enum status check_operator(const struct check *check)
{
    const char *checkpoint = check->plan->options.checkpoint_location;
    const char *path = arena_printf(check->arena, "%s/state/0/_metadata/metadata", checkpoint);
    struct bytes found = {0};
    struct operator_info info = {0};
    struct buf content = {0};
    state_operator_metadata_encode(check->partitions, &content);
    struct bytes ours =
        bytes_of(arena_copy(check->arena, content.data, content.size), content.size);
    buf_free(&content);
    TRY(read_or_write(check, path, ours, &found));
    if (!read_operator(found, check->arena, &info)) {
        return fail(check, INCONSISTENT, path, "it is damaged: no operator is in it");
    }
    bool same = info.id == 0 && strcmp(info.name, OPERATOR_NAME) == 0 && info.stores == 1 &&
                strcmp(info.store_name, "default") == 0 && info.partitions == check->partitions;
    return same ? OK
                : fail(check,
                       "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA",
                       path,
                       arena_printf(check->arena,
                                    "the state is of operator %.48s with %" PRId64
                                    " partitions, this pipeline has %s with %" PRId64,
                                    info.name,
                                    info.partitions,
                                    OPERATOR_NAME,
                                    check->partitions));
}

/* ---- what an unfinished first batch may have left
 * ------------------------------------------------- */

/* 1.snapshot would be read in place of the 1.delta that batch 0 is about to write. */
static enum status
remove_snapshot(const struct check *check, const char *directory, const char *name)
{
    const char *path = store_path(check->arena, directory, name);
    enum status status = store_remove(check->store, path);
    if (status == OK) {
        status = store_sync_directory(check->store, directory);
    }
    return status == OK ? OK : fail_store(check, path, status);
}

/* A query without a batch over the state of another one would mix both (SPARK-53103). A first batch
 * that crashed leaves version 1 and temporary files, no more, and of the one provider that
 * offsets/0 records. */
static enum status check_empty(const struct check *check, int64_t partition)
{
    const char *checkpoint = check->plan->options.checkpoint_location;
    const char *directory = state_directory(check->arena, checkpoint, 0, partition);
    struct store_entry *entries = NULL;
    size_t count = 0;
    enum status status = store_list(check->store, directory, check->arena, &entries, &count);
    if (status != OK) {
        return fail_store(check, directory, status);
    }
    for (size_t i = 0; i < count; i++) {
        struct rocksdb_named at = {0};
        enum state_file_kind kind = STATE_DELTA;
        bool state = state_file_name(entries[i].name, &at.version, &kind) ||
                     rocksdb_named_of(check->arena, entries[i].name, &at, &kind);
        bool own = state_file_of_rocksdb(kind) ==
                   (check->plan->options.state_provider == STATE_PROVIDER_ROCKSDB);
        if (state && (at.version > 1 || !own)) {
            return fail(check,
                        "STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY",
                        store_path(check->arena, directory, entries[i].name),
                        "it is the state of another query: no batch of this one was committed");
        }
        /* 1.zip may be all the state there is of a batch that is in the table already; whoever
         * commits version 1 writes it over. */
        if (state && kind == STATE_SNAPSHOT) {
            TRY(remove_snapshot(check, directory, entries[i].name));
        }
    }
    return OK;
}

enum status state_check_unused(struct store *store,
                               const struct plan *plan,
                               int64_t partitions,
                               struct arena *arena,
                               struct diag *diag)
{
    const struct check check = {
        .store = store, .plan = plan, .partitions = partitions, .arena = arena, .diag = diag};
    for (int64_t partition = 0; partition < partitions; partition++) {
        TRY(check_empty(&check, partition));
    }
    return OK;
}

enum status state_metadata_check(struct store *store,
                                 const struct plan *plan,
                                 int64_t partitions,
                                 bool fresh,
                                 struct arena *arena,
                                 struct diag *diag)
{
    const struct check check = {.store = store,
                                .plan = plan,
                                .partitions = partitions,
                                .fresh = fresh,
                                .arena = arena,
                                .diag = diag};
    TRY(check_operator(&check));
    return check_schema(&check);
}
