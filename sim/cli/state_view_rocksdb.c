/* RocksDB state: what its archives name, and the rows of a version. Files are read through the
 * engine's own store over the real disk; databases are put together in memory. */
/* realpath. NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming) */
#define _XOPEN_SOURCE 700

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/heap.h"
#include "engine/base/sort.h"
#include "engine/real/real_ports.h"
#include "engine/state/rocksdb_read.h"
#include "sim/cli/inspect.h"
#include "sim/cli/state_view.h"

/* A store that only reads; made when it is needed first. */
struct state_reader {
    struct real_disk *disk;
    struct ports ports;
    struct store *store;
};

void state_reader_free(struct state_reader *reader)
{
    if (reader != NULL) {
        real_disk_free(reader->disk);
        heap_free(reader->store);
        heap_free(reader);
    }
}

static struct rocksdb_reader open_reader(struct state_view *view, const char *directory)
{
    char absolute[PATH_MAX];
    if (view->reader == NULL) {
        view->reader = heap_alloc(sizeof *view->reader);
        view->reader->disk = real_disk_new(NULL);
        view->reader->ports.disk = real_disk_port(view->reader->disk);
        view->reader->store = store_new(&view->reader->ports, STORE_DISK);
    }
    const char *found = realpath(directory, absolute);
    return (struct rocksdb_reader){.store = view->reader->store,
                                   .directory =
                                       arena_strdup(&view->arena, found == NULL ? "/" : found),
                                   .arena = &view->arena};
}

static const char *fault_text(struct state_view *view, const struct rocksdb_fault *fault)
{
    return arena_printf(&view->arena,
                        "%s %s: %s",
                        fault->path,
                        fault->status == ERR_CORRUPT ? "is damaged" : "cannot be read",
                        fault->what);
}

/* ---- archives ------------------------------------------------------------------------------- */

static bool names_zip(struct state_view *view, const char *name, struct rocksdb_named *at)
{
    enum state_file_kind kind;
    return rocksdb_named_of(&view->arena, name, at, &kind) && kind == STATE_ZIP;
}

static int compare_zips(const void *a, const void *b)
{
    const struct state_zip_view *one = a;
    const struct state_zip_view *other = b;
    if (one->version != other->version) {
        return one->version < other->version ? -1 : 1;
    }
    return strcmp(one->name, other->name);
}

size_t state_view_zips(struct state_view *view,
                       const struct state_store_view *store,
                       struct state_zip_view **zips)
{
    const struct rocksdb_reader reader = open_reader(view, store->directory);
    struct inspect_entry *entries = NULL;
    struct diag diag = {0};
    size_t entry_count = 0;
    size_t count = 0;
    *zips = NULL;
    if (inspect_list(&view->arena, store->directory, &entries, &entry_count, &diag) != OK) {
        return 0;
    }
    *zips = arena_alloc(&view->arena, entry_count * sizeof **zips);
    for (size_t i = 0; i < entry_count; i++) {
        struct rocksdb_named at;
        struct rocksdb_fault fault = {0};
        if (entries[i].directory || !names_zip(view, entries[i].name, &at)) {
            continue;
        }
        struct state_zip_view *zip = &(*zips)[count++];
        *zip = (struct state_zip_view){.version = at.version, .name = entries[i].name};
        if (rocksdb_read_archive(&reader, at, &zip->snapshot, &fault) != OK) {
            zip->error = fault_text(view, &fault);
        }
    }
    sort_items(*zips, count, sizeof **zips, compare_zips);
    return count;
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* Is `id` one of those that a commit gives for this operator and partition? A join has one a store.
 */
static bool given(const json_t *ids, const struct state_store_view *store, const char *id)
{
    char key[24];
    (void)snprintf(key, sizeof key, "%lld", (long long)store->operator_id);
    const json_t *partition = json_array_get(json_object_get(ids, key), (size_t)store->partition);
    for (size_t i = 0; i < json_array_size(partition); i++) {
        const char *one = json_string_value(json_array_get(partition, i));
        if (one != NULL && strcmp(one, id) == 0) {
            return true;
        }
    }
    return false;
}

/* The files of a version as they are named here: with the id that the commit gives, if any is. */
static struct rocksdb_named names_of(struct state_view *view,
                                     const struct state_store_view *store,
                                     int64_t version,
                                     const json_t *ids)
{
    struct inspect_entry *entries = NULL;
    struct diag diag = {0};
    size_t count = 0;
    if (inspect_list(&view->arena, store->directory, &entries, &count, &diag) != OK) {
        count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct rocksdb_named at;
        enum state_file_kind kind;
        if (rocksdb_named_of(&view->arena, entries[i].name, &at, &kind) && at.id != NULL &&
            at.version == version && given(ids, store, at.id)) {
            return at;
        }
    }
    return (struct rocksdb_named){.version = version};
}

const char *state_view_load_rocksdb(struct state_view *view,
                                    const struct state_store_view *store,
                                    int64_t version,
                                    const json_t *ids,
                                    struct state_map *map)
{
    const struct rocksdb_reader reader = open_reader(view, store->directory);
    struct rocksdb_named at = names_of(view, store, version, ids);
    struct rocksdb_content content;
    struct rocksdb_fault fault;
    enum status status = rocksdb_read(&reader, at, map, &content, &fault);
    return status == OK ? NULL : fault_text(view, &fault);
}
