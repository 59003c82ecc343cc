/* Rows of a version: the overlay over the database. */
#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"
#include "engine/state/rocksdb_names.h"
#include "engine/state/rocksdb_provider.h"

/* In rows that go by, half a microsecond each: a lookup takes some 7 us (filter, index, a block);
 * an SST file, its way into the MANIFEST and a compaction 2 ms, however little is in it. */
enum { LOOKUP_ROWS = 14, FLUSH_ROWS = 4000 };

/* A change is some hundred bytes of a MANIFEST, and each snapshot takes it along. */
enum { MANIFEST_EDITS = 128 };

/* ---- life -------------------------------------------------------------------------------------
 */

struct rocksdb_options rocksdb_options_of(const struct plan *plan)
{
    const struct options *options = &plan->options;
    return (struct rocksdb_options){.block_size = options->rocksdb_block_size,
                                    .max_open_files = options->rocksdb_max_open_files,
                                    .format_version = ROCKSDB_SST_FORMAT,
                                    .compress = options->rocksdb_compress,
                                    .cache_tables = options->rocksdb_bounded_memory,
                                    .manifest_edits = MANIFEST_EDITS};
}

/* With bounded memory half of it is for blocks, half for overlays (Spark's writeBufferCacheRatio).
 */
struct rocksdb_cache *rocksdb_provider_cache(struct rocksdb_provider *provider)
{
    const struct options *options = &provider->base.plan->options;
    if (provider->cache == NULL) {
        provider->cache = rocksdb_cache_new(options->rocksdb_bounded_memory
                                                ? options->rocksdb_max_memory_bytes / 2
                                                : options->rocksdb_block_cache_bytes);
    }
    return provider->cache;
}

struct rocksdb_version rocksdb_version_new(const struct rocksdb_provider *provider)
{
    return (struct rocksdb_version){.overlay = state_map_new(),
                                    .key_count =
                                        provider->base.plan->options.rocksdb_track_rows ? 0 : -1};
}

void rocksdb_version_drop(struct rocksdb_provider *provider,
                          int64_t partition,
                          struct rocksdb_version *version,
                          bool keep)
{
    if (version->overlay == NULL) {
        return;
    }
    rocksdb_db_close(version->db);
    state_map_free(version->overlay);
    if (keep && version->origin != NULL && !version->origin->damaged) {
        struct rocksdb_partition *at = rocksdb_partition_at(provider, partition);
        rocksdb_origin_release(provider, at->attic);
        at->attic = version->origin;
    } else {
        rocksdb_origin_release(provider, version->origin);
    }
    *version = (struct rocksdb_version){0};
}

void rocksdb_local_forget(struct rocksdb_provider *provider, int64_t partition)
{
    struct rocksdb_partition *at = rocksdb_partition_at(provider, partition);
    rocksdb_version_drop(provider, partition, &at->cached, false);
    rocksdb_origin_release(provider, at->attic);
    at->attic = NULL;
}

bool rocksdb_version_damaged(const struct rocksdb_version *version)
{
    return version->origin != NULL && version->origin->damaged;
}

void rocksdb_version_mark(struct rocksdb_version *version)
{
    state_map_mark(version->overlay);
    version->marked_key_count = version->key_count;
    version->flushed = false;
    version->undoable = false; /* the changes that led here are forgotten */
}

bool rocksdb_version_rollback(struct rocksdb_version *version)
{
    if (version->flushed) {
        return false;
    }
    state_map_rollback(version->overlay);
    version->key_count = version->marked_key_count;
    version->undoable = false;
    return true;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

enum status rocksdb_version_get(struct rocksdb_version *version,
                                struct bytes key,
                                struct bytes *value,
                                struct rocksdb_what *what)
{
    if (state_map_get(version->overlay, key, value)) {
        return value->size > 0 ? OK : ERR_NOT_FOUND;
    }
    if (version->db == NULL) {
        return ERR_NOT_FOUND;
    }
    version->lookups++;
    return rocksdb_db_get(version->db, key, value, what);
}

void rocksdb_version_spend(const struct rocksdb_provider *provider, struct rocksdb_version *version)
{
    int64_t rows = version->lookups * LOOKUP_ROWS;
    version->lookups = 0;
    state_spend(provider->base.ports, rows, 0);
}

static enum status
look_up(struct rocksdb_version *version, struct bytes key, bool *there, struct rocksdb_what *what)
{
    struct bytes value;
    enum status status = rocksdb_version_get(version, key, &value, what);
    *there = status == OK;
    return status == ERR_NOT_FOUND ? OK : status;
}

enum status rocksdb_version_put(struct rocksdb_version *version,
                                struct bytes key,
                                struct bytes value,
                                struct rocksdb_what *what)
{
    require(value.size > 0);
    if (version->key_count >= 0) {
        bool there = false;
        TRY(look_up(version, key, &there, what));
        version->key_count += !there;
    }
    state_map_put(version->overlay, key, value);
    return OK;
}

enum status rocksdb_version_remove(struct rocksdb_version *version,
                                   struct bytes key,
                                   bool *there,
                                   struct rocksdb_what *what)
{
    static const uint8_t nothing;
    TRY(look_up(version, key, there, what));
    if (!*there) {
        return OK;
    }
    version->key_count -= version->key_count > 0;
    if (version->db != NULL) {
        state_map_put(version->overlay, key, bytes_of(&nothing, 0));
    } else {
        bool removed = state_map_remove(version->overlay, key);
        require(removed);
    }
    return OK;
}

bool rocksdb_version_full(const struct rocksdb_provider *provider,
                          const struct rocksdb_version *version)
{
    const struct options *options = &provider->base.plan->options;
    int64_t bytes = state_map_bytes(version->overlay);
    if (bytes > options->rocksdb_write_buffer_bytes) {
        return true;
    }
    /* Asked after every row: partitions are counted only where it could matter. */
    int64_t overlays = options->rocksdb_max_memory_bytes / 2;
    if (!options->rocksdb_bounded_memory ||
        bytes <= overlays / (int64_t)provider->partition_count) {
        return false;
    }
    int64_t active = 0;
    for (size_t i = 0; i < provider->partition_count; i++) {
        active += provider->partitions[i].active;
    }
    return bytes > overlays / (active > 0 ? active : 1);
}

/* ---- a scan: overlay and database, merged by key ----------------------------------------------
 */

struct scan {
    struct rocksdb_scan *rows; /* NULL: there is no database */
    struct arena *slice;
    struct rocksdb_change *pairs;
    size_t count;
    size_t next;
    bool ended;
    state_pair_fn pair;
    void *context;
    struct rocksdb_what *what;
};

static enum status fill(struct scan *scan)
{
    if (scan->next < scan->count || scan->ended) {
        return OK;
    }
    arena_reset(scan->slice);
    scan->next = 0;
    TRY(rocksdb_scan_next(
        scan->rows, SPEND_ROWS_MAX, scan->slice, &scan->pairs, &scan->count, scan->what));
    scan->ended = scan->count == 0;
    return OK;
}

/* What the database has before `key` (all that is left: NULL); it loses against an equal key. */
static enum status show_rows(struct scan *scan, const struct bytes *key)
{
    TRY(fill(scan));
    while (!scan->ended) {
        const struct rocksdb_change *row = &scan->pairs[scan->next];
        int order = key == NULL ? -1 : bytes_compare(row->key, *key);
        if (order > 0) {
            return OK;
        }
        scan->next++;
        if (order < 0) {
            TRY(scan->pair(scan->context, row->key, row->value));
        }
        TRY(fill(scan));
    }
    return OK;
}

static enum status
show_all(struct scan *scan, const struct state_pair *overlay, size_t overlay_count)
{
    for (size_t i = 0; i < overlay_count; i++) {
        TRY(show_rows(scan, &overlay[i].key));
        if (overlay[i].value.size > 0) {
            TRY(scan->pair(scan->context, overlay[i].key, overlay[i].value));
        }
    }
    return show_rows(scan, NULL);
}

enum status rocksdb_version_each(struct rocksdb_version *version,
                                 state_pair_fn pair,
                                 void *context,
                                 struct rocksdb_what *what)
{
    struct arena sorted = {0};
    struct arena slice = {0};
    const struct state_pair *overlay = state_map_sorted(version->overlay, &sorted);
    struct scan scan = {.slice = &slice,
                        .ended = version->db == NULL,
                        .pair = pair,
                        .context = context,
                        .what = what};
    scan.rows = version->db == NULL ? NULL : rocksdb_scan_new(version->db);
    enum status status = show_all(&scan, overlay, (size_t)state_map_count(version->overlay));
    if (scan.rows != NULL) {
        rocksdb_scan_free(scan.rows);
    }
    arena_free(&slice);
    arena_free(&sorted);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static enum status make_database(struct rocksdb_provider *provider,
                                 int64_t partition,
                                 struct rocksdb_version *version,
                                 struct rocksdb_what *what)
{
    const struct rocksdb_options options = rocksdb_options_of(provider->base.plan);
    char *directory = NULL;
    if (version->db != NULL) {
        return OK;
    }
    TRY(rocksdb_local_new(provider, partition, "", &directory));
    version->origin = rocksdb_origin_new(directory);
    return rocksdb_db_open(&provider->base.ports->disk,
                           directory,
                           &options,
                           rocksdb_provider_cache(provider),
                           &version->db,
                           what);
}

/* A removed key of a database without rows is nothing to write. */
static size_t list_changes(const struct state_map *overlay,
                           bool removes,
                           struct arena *arena,
                           struct rocksdb_change **changes)
{
    const struct state_pair *pairs = state_map_sorted(overlay, arena);
    size_t all = (size_t)state_map_count(overlay);
    size_t count = 0;
    *changes = arena_alloc(arena, (all + 1) * sizeof **changes);
    for (size_t i = 0; i < all; i++) {
        bool removed = pairs[i].value.size == 0;
        if (!removed || removes) {
            (*changes)[count++] = (struct rocksdb_change){
                .key = pairs[i].key, .value = removed ? (struct bytes){0} : pairs[i].value};
        }
    }
    return count;
}

static enum status flush(struct rocksdb_provider *provider,
                         int64_t partition,
                         struct rocksdb_version *version,
                         bool everything,
                         struct rocksdb_what *what)
{
    struct arena scratch = {0};
    struct rocksdb_change *changes = NULL;
    struct rocksdb_work work = {.rows = FLUSH_ROWS};
    bool fresh = version->db == NULL;
    version->flushed = true;
    version->undoable = false;
    enum status status = make_database(provider, partition, version, what);
    if (status == OK) {
        size_t count = list_changes(version->overlay, !fresh, &scratch, &changes);
        status = rocksdb_db_write(version->db, changes, count, &work, what);
    }
    if (status == OK) {
        state_map_free(version->overlay);
        version->overlay = state_map_new();
        status = rocksdb_db_compact(version->db, everything, &work, what);
    }
    arena_free(&scratch);
    state_spend(provider->base.ports, work.rows, work.bytes);
    return status;
}

enum status rocksdb_version_flush(struct rocksdb_provider *provider,
                                  int64_t partition,
                                  struct rocksdb_version *version,
                                  struct rocksdb_what *what)
{
    return flush(provider, partition, version, false, what);
}

/* ---- a copy -----------------------------------------------------------------------------------
 */

void rocksdb_checkpoint_drop(struct rocksdb_provider *provider,
                             struct rocksdb_checkpoint *checkpoint)
{
    rocksdb_garbage_add(provider, checkpoint->directory);
    rocksdb_origin_release(provider, checkpoint->origin);
    arena_free(&checkpoint->names);
    *checkpoint = (struct rocksdb_checkpoint){0};
}

enum status rocksdb_version_checkpoint(struct rocksdb_provider *provider,
                                       int64_t partition,
                                       struct rocksdb_version *version,
                                       struct rocksdb_checkpoint *checkpoint,
                                       struct rocksdb_what *what)
{
    bool everything = provider->base.plan->options.rocksdb_compact_on_commit;
    TRY(flush(provider, partition, version, everything, what));
    *checkpoint = (struct rocksdb_checkpoint){
        .key_count = version->key_count,
        .directory = rocksdb_local_name(provider, partition, ".checkpoint"),
        .origin = rocksdb_origin_use(version->origin)};
    enum status status = rocksdb_db_files(
        version->db, &checkpoint->names, &checkpoint->files, &checkpoint->file_count, what);
    if (status == OK) {
        status = rocksdb_db_checkpoint(version->db, checkpoint->directory, what);
    }
    if (status != OK) {
        rocksdb_checkpoint_drop(provider, checkpoint);
    }
    return status;
}
