/* Which files a version is made of, and their order. With ids in the names a version does not stand
 * on whatever has the number before: its changelog says which attempt's version that is, back to
 * the snapshot that was the last one then; from there on the changelog of that one says it. */
#include "engine/state/rocksdb_read.h"

#include <inttypes.h>

#include "engine/base/check.h"

/* ---- one file ------------------------------------------------------------------------------- */

static enum status get(const struct rocksdb_reader *reader,
                       const char *path,
                       struct arena *arena,
                       struct bytes *content,
                       struct rocksdb_fault *fault)
{
    enum status status = store_get(reader->store, path, arena, content);
    *fault = (struct rocksdb_fault){.status = status, .path = path};
    if (status != OK) {
        fault->what = status == ERR_NOT_FOUND ? "it is missing" : status_text(status);
    }
    return status;
}

enum status rocksdb_read_archive(const struct rocksdb_reader *reader,
                                 struct rocksdb_named at,
                                 struct rocksdb_snapshot *snapshot,
                                 struct rocksdb_fault *fault)
{
    struct arena scratch = {0};
    struct bytes content = {0};
    const char *path = rocksdb_named_path(reader->arena, reader->directory, at, STATE_ZIP);
    enum status status = get(reader, path, &scratch, &content, fault);
    if (status == OK) {
        status = rocksdb_snapshot_decode(content, reader->arena, snapshot, &fault->what);
        fault->status = status;
    }
    arena_free(&scratch);
    return status;
}

struct replay {
    struct state_map *map; /* NULL: only looked at */
    struct arena *scratch;
    const struct changelog *changelog;
    const char *what;
};

static void remove_key(struct state_map *map, struct bytes key)
{
    bool there = state_map_remove(map, key);
    maybe(there); /* a snapshot may be newer than the changelog: then it says so again */
}

static void remove_range(struct replay *replay, struct bytes begin, struct bytes end)
{
    const struct state_pair *pairs = state_map_sorted(replay->map, replay->scratch);
    int64_t count = state_map_count(replay->map);
    for (int64_t i = 0; i < count; i++) {
        if (bytes_compare(pairs[i].key, begin) >= 0 && bytes_compare(pairs[i].key, end) < 0) {
            bool there = state_map_remove(replay->map, pairs[i].key);
            require(there);
        }
    }
}

static bool has_families(const struct changelog *changelog)
{
    return changelog->format == 2 || changelog->format == 4;
}

static enum status apply(void *context, const struct changelog_record *record)
{
    struct replay *replay = context;
    struct bytes key = record->key;
    struct bytes value = record->value;
    bool plain = !has_families(replay->changelog);
    if (plain && (!rocksdb_row(&key) || (value.data != NULL && !rocksdb_row(&value)))) {
        replay->what = "a row in it does not begin with the byte 00";
        return ERR_CORRUPT;
    }
    if (replay->map == NULL) {
        return OK;
    }
    switch (record->operation) {
    case CHANGELOG_PUT:
        state_map_put(replay->map, key, value);
        return OK;
    case CHANGELOG_REMOVE:
        remove_key(replay->map, key);
        return OK;
    case CHANGELOG_REMOVE_RANGE:
        require(value.data != NULL);
        remove_range(replay, key, value);
        return OK;
    case CHANGELOG_MERGE:
        break;
    }
    replay->what = "it merges into lists (transformWithState), which is not replayed";
    return ERR_UNSUPPORTED;
}

static void keep_lineage(struct changelog *changelog, struct arena *arena)
{
    struct changelog_ancestor *kept = arena_alloc(arena, changelog->lineage_count * sizeof *kept);
    for (size_t i = 0; i < changelog->lineage_count; i++) {
        kept[i] = changelog->lineage[i];
        kept[i].id = arena_strdup(arena, kept[i].id);
    }
    changelog->lineage = kept;
}

enum status rocksdb_read_changelog(const struct rocksdb_reader *reader,
                                   struct rocksdb_named at,
                                   struct changelog *changelog,
                                   struct state_map *map,
                                   struct rocksdb_fault *fault)
{
    struct arena scratch = {0};
    struct bytes content = {0};
    struct replay replay = {.map = map, .scratch = &scratch, .changelog = changelog};
    const char *path = rocksdb_named_path(reader->arena, reader->directory, at, STATE_CHANGELOG);
    enum status status = get(reader, path, &scratch, &content, fault);
    *changelog = (struct changelog){0};
    if (status == OK) {
        status = changelog_read(content, &scratch, changelog, apply, &replay, &fault->what);
        fault->status = status;
        fault->what = fault->what == NULL ? replay.what : fault->what;
    }
    keep_lineage(changelog, reader->arena);
    arena_free(&scratch);
    return status;
}

/* ---- which files ---------------------------------------------------------------------------- */

/* The ids of the versions below `top`, as far as they are known: ids[k] is that of top - k. */
struct chain {
    const struct rocksdb_reader *reader;
    struct rocksdb_named top;
    const char **ids;
    size_t known;
};

static int64_t lowest(const struct chain *chain)
{
    return chain->top.version - (int64_t)chain->known + 1;
}

static struct rocksdb_named chain_at(const struct chain *chain, int64_t version)
{
    struct rocksdb_named at = {.version = version};
    if (chain->top.id != NULL) {
        require(version >= lowest(chain));
        at.id = chain->ids[chain->top.version - version];
    }
    return at;
}

static void chain_add(struct chain *chain, const char *const *ids, size_t count)
{
    const char **more = arena_alloc(chain->reader->arena, (chain->known + count) * sizeof *more);
    for (size_t i = 0; i < chain->known; i++) {
        more[i] = chain->ids[i];
    }
    for (size_t i = 0; i < count; i++) {
        more[chain->known + i] = ids[i];
    }
    chain->ids = more;
    chain->known += count;
}

/* Know the ids down to `version`. */
static enum status chain_reach(struct chain *chain, int64_t version, struct rocksdb_fault *fault)
{
    while (chain->top.id != NULL && lowest(chain) > version && lowest(chain) > 1) {
        struct changelog changelog;
        struct rocksdb_named at = chain_at(chain, lowest(chain));
        TRY(rocksdb_read_changelog(chain->reader, at, &changelog, NULL, fault));
        size_t count = changelog.lineage_count;
        if (count == 0 || changelog.lineage[count - 1].version != at.version - 1) {
            fault->status = ERR_CORRUPT;
            fault->what = "its lineage does not end with the version before it";
            return ERR_CORRUPT;
        }
        const char **ids = arena_alloc(chain->reader->arena, count * sizeof *ids);
        for (size_t i = 0; i < count; i++) {
            ids[i] = changelog.lineage[count - 1 - i].id;
        }
        chain_add(chain, ids, count);
    }
    return OK;
}

/* The next zip below `*version` that lies on the chain; 0: none, from nothing. */
static enum status next_snapshot(struct chain *chain,
                                 const struct store_entry *entries,
                                 size_t count,
                                 int64_t *version,
                                 struct rocksdb_fault *fault)
{
    int64_t below = *version;
    while (true) {
        struct rocksdb_named best = {0};
        for (size_t i = 0; i < count; i++) {
            struct rocksdb_named at;
            enum state_file_kind kind;
            if (rocksdb_named_of(chain->reader->arena, entries[i].name, &at, &kind) &&
                kind == STATE_ZIP && at.version < below && at.version > best.version &&
                (at.id == NULL) == (chain->top.id == NULL)) {
                best = at;
            }
        }
        *version = best.version;
        TRY(chain_reach(chain, best.version, fault));
        if (best.version == 0 || chain->top.id == NULL) {
            return OK;
        }
        const char *path =
            rocksdb_named_path(chain->reader->arena, "", chain_at(chain, best.version), STATE_ZIP);
        for (size_t i = 0; i < count; i++) {
            if (strcmp(entries[i].name, path + 1) == 0) {
                return OK;
            }
        }
        below = best.version; /* that one is of an attempt that did not count */
    }
}

/* ---- a version ------------------------------------------------------------------------------ */

static enum status load_snapshot(const struct chain *chain,
                                 int64_t version,
                                 struct state_map *map,
                                 struct rocksdb_content *content,
                                 struct rocksdb_fault *fault)
{
    struct rocksdb_snapshot snapshot;
    struct rocksdb_named at = chain_at(chain, version);
    TRY(rocksdb_read_archive(chain->reader, at, &snapshot, fault));
    TRY(rocksdb_read_database(chain->reader, at, &snapshot, map, fault));
    content->families = snapshot.column_family_max > 0;
    if (!content->families && snapshot.key_count >= 0 &&
        snapshot.key_count != state_map_count(map)) {
        struct arena *arena = chain->reader->arena;
        *fault = (struct rocksdb_fault){
            .status = ERR_CORRUPT,
            .path = rocksdb_named_path(arena, chain->reader->directory, at, STATE_ZIP),
            .what =
                arena_printf(arena,
                             "numKeys in its metadata is %" PRId64 ", its database has %" PRId64,
                             snapshot.key_count,
                             state_map_count(map))};
        return ERR_CORRUPT;
    }
    return OK;
}

static enum status replay_all(const struct chain *chain,
                              struct state_map *map,
                              struct rocksdb_content *content,
                              struct rocksdb_fault *fault)
{
    for (int64_t version = content->snapshot + 1; version <= chain->top.version; version++) {
        struct changelog changelog;
        TRY(rocksdb_read_changelog(
            chain->reader, chain_at(chain, version), &changelog, map, fault));
        if (has_families(&changelog) != content->families && content->snapshot > 0) {
            fault->status = ERR_CORRUPT;
            fault->what = "it has column families where the snapshot has none, or the reverse";
            return ERR_CORRUPT;
        }
        content->families = has_families(&changelog);
        content->changelogs++;
    }
    return OK;
}

static void forget(struct state_map *map, struct arena *arena)
{
    int64_t count = state_map_count(map);
    const struct state_pair *pairs = state_map_sorted(map, arena);
    for (int64_t i = 0; i < count; i++) {
        bool there = state_map_remove(map, pairs[i].key);
        require(there);
    }
}

/* What cannot be read for now is no reason for an older one. */
static bool lost(enum status status)
{
    return status == ERR_CORRUPT || status == ERR_NOT_FOUND || status == ERR_IO ||
           status == ERR_UNSUPPORTED;
}

/* From the newest zip that reads, else from nothing. */
static enum status read_chain(struct chain *chain,
                              const struct store_entry *entries,
                              size_t count,
                              struct state_map *map,
                              struct rocksdb_content *content,
                              struct rocksdb_fault *fault)
{
    int64_t version = chain->top.version + 1;
    while (true) {
        TRY(next_snapshot(chain, entries, count, &version, fault));
        content->snapshot = version;
        enum status status = version == 0 ? OK : load_snapshot(chain, version, map, content, fault);
        if (status == OK) {
            return replay_all(chain, map, content, fault);
        }
        if (!lost(status)) {
            return status;
        }
        if (content->passed_over.status == OK) {
            content->passed_over = *fault;
        }
        forget(map, chain->reader->arena);
    }
}

enum status rocksdb_read(const struct rocksdb_reader *reader,
                         struct rocksdb_named at,
                         struct state_map *map,
                         struct rocksdb_content *content,
                         struct rocksdb_fault *fault)
{
    struct store_entry *entries = NULL;
    size_t count = 0;
    struct chain chain = {.reader = reader, .top = at};
    *content = (struct rocksdb_content){0};
    *fault = (struct rocksdb_fault){0};
    require(state_map_count(map) == 0);
    enum status status =
        store_list(reader->store, reader->directory, reader->arena, &entries, &count);
    if (status != OK) {
        *fault = (struct rocksdb_fault){
            .status = status, .path = reader->directory, .what = status_text(status)};
        return status;
    }
    chain_add(&chain, &at.id, 1);
    status = read_chain(&chain, entries, count, map, content, fault);
    if (status != OK && content->passed_over.status != OK) {
        const char *name = strrchr(fault->path, '/') + 1;
        const char *what = fault->what;
        *fault = content->passed_over;
        fault->what = arena_printf(reader->arena,
                                   "%s; no older snapshot stands in for it, since %s: %s",
                                   fault->what,
                                   name,
                                   what);
        return fault->status;
    }
    return fault->status = status;
}
