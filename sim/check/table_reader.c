#include "sim/check/table_reader.h"

#include <stdio.h>

#include "engine/base/hash.h"
#include "engine/base/heap.h"
#include "sim/check/parquet_reader.h"
#include "sim/check/table_cache.h"

static const char log_directory[] = "/_delta_log/";

const char *table_commit_path(struct arena *arena, const char *table, int64_t version)
{
    return arena_printf(arena, "%s%s%020lld.json", table, log_directory, (long long)version);
}

int64_t table_version_of(const char *table, const char *path)
{
    size_t prefix = strlen(table);
    size_t middle = sizeof log_directory - 1;
    if (strlen(path) != prefix + middle + 25 || memcmp(path, table, prefix) != 0 ||
        memcmp(path + prefix, log_directory, middle) != 0 ||
        strcmp(path + prefix + middle + 20, ".json") != 0) {
        return -1;
    }
    int64_t version = 0;
    for (size_t i = 0; i < 20; i++) {
        int digit = path[prefix + middle + i] - '0';
        if (digit < 0 || digit > 9 || version > INT64_MAX / 10 - 1) {
            return -1;
        }
        version = version * 10 + digit;
    }
    return version;
}

static const char *check_columns(const struct parquet_content *content,
                                 const struct table_commit *schema)
{
    if (content->column_count != schema->column_count) {
        return "it has not the table's columns";
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        if (!bytes_equal(content->columns[i].name, schema->columns[i].name) ||
            content->columns[i].type != schema->columns[i].type) {
            return "it has not the table's columns";
        }
    }
    return NULL;
}

static void
append_rows(const struct parquet_content *content, struct arena *arena, struct row_set *rows)
{
    struct buf form = {0};
    for (size_t r = 0; r < content->row_count; r++) {
        buf_clear(&form);
        for (size_t c = 0; c < content->column_count; c++) {
            value_encode(&content->cells[r * content->column_count + c], &form);
        }
        struct row row = row_of(bytes_of(arena_copy(arena, form.data, form.size), form.size));
        row_set_add(rows, &row);
    }
    buf_free(&form);
}

static const char *decode_file(struct bytes file,
                               const struct table_commit *schema,
                               const struct table_add *add,
                               struct arena *arena,
                               struct row_set *rows)
{
    struct parquet_content *content = arena_alloc(arena, sizeof *content);
    const char *error = parquet_read(file, arena, content);
    if (error == NULL) {
        error = check_columns(content, schema);
    }
    if (error == NULL && add->rows != (int64_t)content->row_count) {
        error = arena_printf(arena,
                             "it has %zu rows, stats.numRecords says %lld",
                             content->row_count,
                             (long long)add->rows);
    }
    if (error == NULL) {
        append_rows(content, arena, rows);
    }
    return error;
}

static uint64_t hash_of_columns(const struct table_commit *schema)
{
    uint64_t hash = schema->column_count;
    for (size_t i = 0; i < schema->column_count; i++) {
        struct bytes name = schema->columns[i].name;
        hash = hash_chain(hash, hash_bytes(name.data, name.size));
        hash = hash_chain(hash, (uint64_t)schema->columns[i].type);
    }
    return hash;
}

const char *table_file_rows(const struct table_source *source,
                            const char *table,
                            const struct table_commit *schema,
                            const struct table_add *add,
                            struct arena *arena,
                            struct row_set *rows)
{
    const char *path =
        arena_printf(arena, "%s/%.*s", table, (int)add->path.size, (const char *)add->path.data);
    struct bytes file;
    if (!source->look(source->context, path, &file)) {
        return "it is not there";
    }
    if (add->size != (int64_t)file.size) {
        return arena_printf(
            arena, "it has %zu bytes, the add says %lld", file.size, (long long)add->size);
    }
    if (!add->has_hash || hash_bytes(file.data, file.size) != add->hash) {
        return "its bytes have another hash than the add's tag";
    }
    if (source->cache == NULL) {
        return decode_file(file, schema, add, arena, rows);
    }
    uint64_t columns = hash_of_columns(schema);
    const struct table_cached_file *known = table_cache_file(source->cache, add->hash, columns);
    if (known != NULL && (int64_t)known->count == add->rows) {
        for (size_t i = 0; i < known->count; i++) {
            row_set_add(rows, &known->rows[i]);
        }
        return NULL;
    }
    size_t first = rows->count;
    const char *error = decode_file(file, schema, add, source->cache->arena, rows);
    if (error == NULL) {
        table_cache_keep_file(source->cache, add->hash, columns, rows, first);
    }
    return error;
}

static void live_add(struct table_live *live, const struct table_add *add)
{
    if (live->count == live->capacity) {
        live->capacity = live->capacity == 0 ? 32 : live->capacity * 2;
        live->adds = heap_realloc(live->adds, live->capacity * sizeof *live->adds);
    }
    live->adds[live->count++] = *add;
}

static void live_remove(struct table_live *live, struct bytes path)
{
    size_t kept = 0;
    for (size_t i = 0; i < live->count; i++) {
        if (!bytes_equal(live->adds[i].path, path)) {
            live->adds[kept++] = live->adds[i];
        }
    }
    live->count = kept;
}

static const char *replay(const struct table_source *source,
                          const char *table,
                          int64_t version,
                          struct arena *arena,
                          struct table_live *live,
                          struct table_commit *schema)
{
    for (int64_t v = 0; v <= version; v++) {
        struct bytes file;
        struct table_commit commit;
        const char *path = table_commit_path(arena, table, v);
        if (!source->look(source->context, path, &file)) {
            return arena_printf(arena, "%s is missing", path);
        }
        const char *error = table_cache_commit(source->cache, file, v, arena, &commit);
        if (error != NULL) {
            return arena_printf(arena, "%s: %s", path, error);
        }
        if (commit.has_metadata) {
            *schema = commit;
        }
        for (size_t i = 0; i < commit.remove_count; i++) {
            live_remove(live, commit.removes[i]);
        }
        for (size_t i = 0; i < commit.add_count; i++) {
            live_remove(live, commit.adds[i].path); /* a later add of the same path replaces */
            live_add(live, &commit.adds[i]);
        }
    }
    return NULL;
}

const char *table_live_at(const struct table_source *source,
                          const char *table,
                          int64_t version,
                          struct arena *arena,
                          struct table_live *live)
{
    struct table_commit schema = {.column_count = 0};
    return replay(source, table, version, arena, live, &schema);
}

const char *table_rows_at(const struct table_source *source,
                          const char *table,
                          int64_t version,
                          struct arena *arena,
                          struct row_set *rows)
{
    struct table_live live = {.count = 0};
    struct table_commit schema = {.column_count = 0};
    const char *error = replay(source, table, version, arena, &live, &schema);
    for (size_t i = 0; i < live.count && error == NULL; i++) {
        error = table_file_rows(source, table, &schema, &live.adds[i], arena, rows);
        if (error != NULL) {
            error = arena_printf(arena,
                                 "data file %.*s: %s",
                                 (int)live.adds[i].path.size,
                                 (const char *)live.adds[i].path.data,
                                 error);
        }
    }
    heap_free(live.adds);
    return error;
}
