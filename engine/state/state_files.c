#include "engine/state/state_files.h"

#include "engine/base/sort.h"
#include "engine/state/rocksdb_names.h"

static int by_version(const void *a, const void *b)
{
    const struct state_files_entry *one = a;
    const struct state_files_entry *other = b;
    if (one->version != other->version) {
        return one->version < other->version ? -1 : 1;
    }
    if (one->kind != other->kind) {
        return one->kind < other->kind ? -1 : 1;
    }
    return strcmp(one->name, other->name);
}

/* ".17.delta.<uuid>.tmp", ".17.delta.crc": the state file that it was to become, or belongs to. */
static bool leftover_name(struct arena *arena, const char *name, struct state_files_entry *entry)
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
    return state_file_name(inner, &entry->version, &entry->kind);
}

static void
add_name(struct state_files *files, struct arena *arena, bool rocksdb, struct state_files_entry it)
{
    struct rocksdb_named with_id;
    if (state_file_name(it.name, &it.version, &it.kind)) {
        if (state_file_of_rocksdb(it.kind) == rocksdb) {
            files->entries[files->count++] = it;
        } else {
            files->foreign = it.name;
        }
    } else if (leftover_name(arena, it.name, &it)) {
        if (state_file_of_rocksdb(it.kind) == rocksdb) {
            files->leftovers[files->leftover_count++] = it;
        }
    } else if (rocksdb_named_of(arena, it.name, &with_id, &it.kind)) {
        files->with_id = it.name;
    }
}

enum status state_files_list(const struct state_provider *provider,
                             int64_t partition,
                             struct arena *arena,
                             struct state_files *files)
{
    const struct options *options = &provider->plan->options;
    struct store_entry *found = NULL;
    size_t found_count = 0;
    *files = (struct state_files){
        .directory = state_directory(arena, options->checkpoint_location, 0, partition)};
    TRY(store_list(provider->store, files->directory, arena, &found, &found_count));
    files->entries = arena_alloc(arena, (found_count + 1) * sizeof *files->entries);
    files->leftovers = arena_alloc(arena, (found_count + 1) * sizeof *files->leftovers);
    for (size_t i = 0; i < found_count; i++) {
        add_name(
            files,
            arena,
            options->state_provider == STATE_PROVIDER_ROCKSDB,
            (struct state_files_entry){.name = found[i].name, .modified_us = found[i].modified_us});
    }
    sort_items(files->entries, files->count, sizeof *files->entries, by_version);
    sort_items(files->leftovers, files->leftover_count, sizeof *files->leftovers, by_version);
    return OK;
}

enum status state_files_check_writer(const struct state_files *files,
                                     enum state_provider_kind provider,
                                     struct diag *diag)
{
    bool rocksdb = provider == STATE_PROVIDER_ROCKSDB;
    const char *name = files->foreign != NULL ? files->foreign : files->with_id;
    if (files->count > 0 || name == NULL) {
        return OK;
    }
    if (rocksdb && files->foreign == NULL) {
        return diag_fail(diag,
                         STATE_LOAD "UNCATEGORIZED",
                         "%s/%s is of state store checkpoint format 2, which says in the commit "
                         "log which of several files counts and is not read here. Start with a "
                         "new checkpointLocation; nothing was changed",
                         files->directory,
                         name);
    }
    return state_fail_provider(
        files->directory, name, rocksdb ? STATE_PROVIDER_HDFS : STATE_PROVIDER_ROCKSDB, diag);
}

const struct state_files_entry *
state_files_newest(const struct state_files *files, enum state_file_kind kind, int64_t version)
{
    const struct state_files_entry *newest = NULL;
    for (size_t i = 0; i < files->count && files->entries[i].version <= version; i++) {
        newest = files->entries[i].kind == kind ? &files->entries[i] : newest;
    }
    return newest;
}

int64_t state_files_newest_version(const struct state_files *files,
                                   enum state_file_kind kind,
                                   int64_t version)
{
    const struct state_files_entry *newest = state_files_newest(files, kind, version);
    return newest == NULL ? 0 : newest->version;
}

int64_t state_files_missing(const struct state_files *files,
                            enum state_file_kind kind,
                            int64_t from,
                            int64_t until)
{
    int64_t wanted = from + 1;
    for (size_t i = 0; i < files->count && wanted <= until; i++) {
        const struct state_files_entry *entry = &files->entries[i];
        wanted += entry->kind == kind && entry->version == wanted;
    }
    return wanted <= until ? wanted : 0;
}

size_t state_files_older(const struct state_files_entry *entries, size_t count, int64_t version)
{
    size_t older = 0;
    while (older < count && entries[older].version < version) {
        older++;
    }
    return older;
}
