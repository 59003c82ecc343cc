#include "sim/check/table_cache.h"

#include "engine/base/hash.h"
#include "engine/base/heap.h"

/* Room for one more element of `size` bytes. */
static void *room(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return items;
    }
    *capacity = *capacity == 0 ? 16 : 2 * *capacity;
    return heap_realloc(items, *capacity * size);
}

const struct table_cached_file *
table_cache_file(struct table_cache *cache, uint64_t hash, uint64_t schema)
{
    for (size_t i = 0; i < cache->file_count; i++) {
        size_t at = (cache->file_next + i) % cache->file_count;
        const struct table_cached_file *file = &cache->files[at];
        if (file->hash == hash && file->schema == schema) {
            cache->file_next = at + 1;
            return file;
        }
    }
    return NULL;
}

void table_cache_keep_file(struct table_cache *cache,
                           uint64_t hash,
                           uint64_t schema,
                           const struct row_set *rows,
                           size_t first)
{
    size_t count = rows->count - first;
    struct row *kept = arena_alloc(cache->arena, (count + 1) * sizeof *kept);
    for (size_t i = 0; i < count; i++) {
        kept[i] = rows->rows[first + i];
    }
    cache->files =
        room(cache->files, cache->file_count, &cache->file_capacity, sizeof *cache->files);
    cache->files[cache->file_count++] =
        (struct table_cached_file){.hash = hash, .schema = schema, .count = count, .rows = kept};
}

const char *table_cache_commit(struct table_cache *cache,
                               struct bytes file,
                               int64_t version,
                               struct arena *arena,
                               struct table_commit *commit)
{
    if (cache == NULL) {
        return table_commit_read(file, version, arena, commit);
    }
    uint64_t hash = hash_bytes(file.data, file.size);
    for (size_t i = 0; i < cache->commit_count; i++) {
        size_t at = (cache->commit_next + i) % cache->commit_count;
        const struct table_cached_commit *known = &cache->commits[at];
        if (known->hash == hash && known->version == version) {
            cache->commit_next = at + 1;
            *commit = known->commit;
            return NULL;
        }
    }
    /* A commit borrows from its file, which may go. */
    struct bytes copy = bytes_of(arena_copy(cache->arena, file.data, file.size), file.size);
    const char *error = table_commit_read(copy, version, cache->arena, commit);
    if (error == NULL) {
        cache->commits = room(
            cache->commits, cache->commit_count, &cache->commit_capacity, sizeof *cache->commits);
        cache->commits[cache->commit_count++] =
            (struct table_cached_commit){.hash = hash, .version = version, .commit = *commit};
    }
    return error;
}
