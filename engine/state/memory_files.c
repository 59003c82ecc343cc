/* Which state files a partition has. */
#include "engine/base/sort.h"
#include "engine/state/memory_provider.h"

static int by_version(const void *a, const void *b)
{
    const struct memory_files_entry *one = a;
    const struct memory_files_entry *other = b;
    if (one->version != other->version) {
        return one->version < other->version ? -1 : 1;
    }
    if (one->kind != other->kind) {
        return one->kind == STATE_DELTA ? -1 : 1;
    }
    return strcmp(one->name, other->name);
}

/* ".17.delta.<uuid>.tmp", ".17.delta.crc": the state file that it was to become, or belongs to. */
static bool leftover_name(struct arena *arena, const char *name, struct memory_files_entry *entry)
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
    return state_file_name(inner, &entry->version, &entry->kind) &&
           !state_file_of_rocksdb(entry->kind);
}

enum status memory_files_list(struct memory_provider *provider,
                              int64_t partition,
                              struct arena *arena,
                              struct memory_files *files)
{
    const char *checkpoint = provider->base.plan->options.checkpoint_location;
    struct store_entry *found = NULL;
    size_t found_count = 0;
    *files = (struct memory_files){.directory = state_directory(arena, checkpoint, 0, partition)};
    TRY(store_list(provider->base.store, files->directory, arena, &found, &found_count));
    files->entries = arena_alloc(arena, found_count * sizeof *files->entries);
    files->leftovers = arena_alloc(arena, found_count * sizeof *files->leftovers);
    for (size_t i = 0; i < found_count; i++) {
        struct memory_files_entry entry = {.name = found[i].name};
        bool known = state_file_name(entry.name, &entry.version, &entry.kind);
        if (known && state_file_of_rocksdb(entry.kind)) {
            files->rocksdb_file = entry.name; /* not this provider's to read or to remove */
            continue;
        }
        if (known) {
            files->entries[files->count++] = entry;
        } else if (leftover_name(arena, entry.name, &entry)) {
            files->leftovers[files->leftover_count++] = entry;
        }
    }
    sort_items(files->entries, files->count, sizeof *files->entries, by_version);
    sort_items(files->leftovers, files->leftover_count, sizeof *files->leftovers, by_version);
    return OK;
}

int64_t memory_files_snapshot(const struct memory_files *files, int64_t version)
{
    int64_t newest = 0;
    for (size_t i = 0; i < files->count && files->entries[i].version <= version; i++) {
        newest = files->entries[i].kind == STATE_SNAPSHOT ? files->entries[i].version : newest;
    }
    return newest;
}

int64_t memory_files_newest_snapshot(const struct memory_files *files)
{
    return memory_files_snapshot(files, INT64_MAX);
}

int64_t memory_files_missing(const struct memory_files *files, int64_t from, int64_t until)
{
    int64_t wanted = from + 1;
    for (size_t i = 0; i < files->count && wanted <= until; i++) {
        const struct memory_files_entry *entry = &files->entries[i];
        wanted += entry->kind == STATE_DELTA && entry->version == wanted;
    }
    return wanted <= until ? wanted : 0;
}
