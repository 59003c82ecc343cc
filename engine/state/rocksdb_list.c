/* Which files of the RocksDB provider a partition has. */
#include <inttypes.h>

#include "engine/base/sort.h"
#include "engine/state/rocksdb_provider.h"
#include "engine/state/state_file.h"

static const char *const suffixes[] = {[ROCKSDB_CHANGELOG] = ".changelog", [ROCKSDB_ZIP] = ".zip"};

const char *rocksdb_file_path(struct arena *arena,
                              const char *directory,
                              int64_t version,
                              enum rocksdb_file_kind kind)
{
    return arena_printf(arena, "%s/%" PRId64 "%s", directory, version, suffixes[kind]);
}

/* The digits at the start; what stands behind them. NULL: no version. */
static const char *read_version(const char *name, int64_t *version)
{
    int64_t number = 0;
    const char *at = name;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *at - '0', &number)) {
            return NULL;
        }
    }
    *version = number;
    return at > name && name[0] != '0' ? at : NULL;
}

static bool kind_of(const char *suffix, enum rocksdb_file_kind *kind)
{
    *kind = strcmp(suffix, suffixes[ROCKSDB_ZIP]) == 0 ? ROCKSDB_ZIP : ROCKSDB_CHANGELOG;
    return strcmp(suffix, suffixes[*kind]) == 0;
}

bool rocksdb_file_name(const char *name, int64_t *version, enum rocksdb_file_kind *kind)
{
    const char *suffix = read_version(name, version);
    return suffix != NULL && kind_of(suffix, kind);
}

/* "17_<uuid>.zip": state format 2 says in the commit log which one counts. */
static bool lineage_name(const char *name)
{
    int64_t version = 0;
    enum rocksdb_file_kind kind;
    const char *at = read_version(name, &version);
    const char *suffix = at != NULL && *at == '_' ? strrchr(at, '.') : NULL;
    return suffix != NULL && kind_of(suffix, &kind);
}

/* ".17.zip.<uuid>.tmp", ".17.zip.crc": the file that it was to become, or belongs to. */
static bool leftover_name(struct arena *arena, const char *name, struct rocksdb_files_entry *entry)
{
    if (name[0] != '.') {
        return false;
    }
    const char *version_end = strchr(name + 1, '.');
    const char *kind_end = version_end == NULL ? NULL : strchr(version_end + 1, '.');
    if (kind_end == NULL) {
        return false;
    }
    const char *inner = arena_copy(arena, name + 1, (size_t)(kind_end - name - 1));
    return rocksdb_file_name(inner, &entry->version, &entry->kind);
}

static int by_version(const void *a, const void *b)
{
    const struct rocksdb_files_entry *one = a;
    const struct rocksdb_files_entry *other = b;
    if (one->version != other->version) {
        return one->version < other->version ? -1 : 1;
    }
    if (one->kind != other->kind) {
        return one->kind == ROCKSDB_CHANGELOG ? -1 : 1;
    }
    return strcmp(one->name, other->name);
}

static void note_other(struct rocksdb_files *files, const char *name)
{
    int64_t version = 0;
    enum state_file_kind kind;
    if (state_file_name(name, &version, &kind)) {
        files->memory_file = name;
    } else if (lineage_name(name)) {
        files->lineage_file = name;
    }
}

enum status rocksdb_files_list(struct rocksdb_provider *provider,
                               int64_t partition,
                               struct arena *arena,
                               struct rocksdb_files *files)
{
    const char *checkpoint = provider->base.plan->options.checkpoint_location;
    struct store_entry *found = NULL;
    size_t found_count = 0;
    *files = (struct rocksdb_files){.directory = state_directory(arena, checkpoint, 0, partition)};
    TRY(store_list(provider->base.store, files->directory, arena, &found, &found_count));
    files->entries = arena_alloc(arena, (found_count + 1) * sizeof *files->entries);
    files->leftovers = arena_alloc(arena, (found_count + 1) * sizeof *files->leftovers);
    for (size_t i = 0; i < found_count; i++) {
        struct rocksdb_files_entry entry = {.name = found[i].name,
                                            .modified_us = found[i].modified_us};
        if (rocksdb_file_name(entry.name, &entry.version, &entry.kind)) {
            files->entries[files->count++] = entry;
        } else if (leftover_name(arena, entry.name, &entry)) {
            files->leftovers[files->leftover_count++] = entry;
        } else {
            note_other(files, entry.name);
        }
    }
    sort_items(files->entries, files->count, sizeof *files->entries, by_version);
    sort_items(files->leftovers, files->leftover_count, sizeof *files->leftovers, by_version);
    return OK;
}

const struct rocksdb_files_entry *rocksdb_files_newest(const struct rocksdb_files *files,
                                                       enum rocksdb_file_kind kind,
                                                       int64_t version)
{
    const struct rocksdb_files_entry *newest = NULL;
    for (size_t i = 0; i < files->count && files->entries[i].version <= version; i++) {
        newest = files->entries[i].kind == kind ? &files->entries[i] : newest;
    }
    return newest;
}

int64_t rocksdb_files_missing(const struct rocksdb_files *files, int64_t from, int64_t until)
{
    int64_t wanted = from + 1;
    for (size_t i = 0; i < files->count && wanted <= until; i++) {
        const struct rocksdb_files_entry *entry = &files->entries[i];
        wanted += entry->kind == ROCKSDB_CHANGELOG && entry->version == wanted;
    }
    return wanted <= until ? wanted : 0;
}

const char *rocksdb_sst_directory(struct arena *arena, const char *directory)
{
    return store_path(arena, directory, "SSTs");
}

const struct store_entry *
rocksdb_sst_find(const struct store_entry *entries, size_t count, const char *name)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(entries[middle].name, name);
        if (order == 0) {
            return &entries[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}
