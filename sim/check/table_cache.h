/* What was read of a table once need not be decoded again as long as the bytes are the same: a
 * commit and its files are read when they appear, after each crash and at the end. Keyed by a hash
 * of the bytes that are there now, never by a name: whatever changed is read anew. */
#ifndef SIM_CHECK_TABLE_CACHE_H
#define SIM_CHECK_TABLE_CACHE_H

#include "sim/check/table_reader.h"

struct table_cached_file {
    uint64_t hash;   /* of the bytes */
    uint64_t schema; /* of names and types of the columns it was read by */
    size_t count;
    const struct row *rows;
};

struct table_cached_commit {
    uint64_t hash;
    int64_t version;
    struct table_commit commit;
};

/* Its arrays are the current process', all else lives in `arena`. */
struct table_cache {
    struct arena *arena;
    struct table_cached_file *files;
    size_t file_count;
    size_t file_capacity;
    size_t file_next; /* readers go through a table in one order: where to look first */
    struct table_cached_commit *commits;
    size_t commit_count;
    size_t commit_capacity;
    size_t commit_next;
};

/* NULL: it was not read yet. */
const struct table_cached_file *
table_cache_file(struct table_cache *cache, uint64_t hash, uint64_t schema);
/* Keep rows from `first` on of a set whose forms live in the cache's arena. */
void table_cache_keep_file(struct table_cache *cache,
                           uint64_t hash,
                           uint64_t schema,
                           const struct row_set *rows,
                           size_t first);

/* table_commit_read by way of the cache (NULL: without). */
const char *table_cache_commit(struct table_cache *cache,
                               struct bytes file,
                               int64_t version,
                               struct arena *arena,
                               struct table_commit *commit);

#endif
