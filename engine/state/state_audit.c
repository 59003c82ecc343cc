/* A partition's files in the order of versions, walked once: what is there (A10), what the deltas
 * give so far and what each snapshot holds (A11, A12, A13). */
#include "engine/state/state_audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/sort.h"
#include "engine/state/state_audit_internal.h"
#include "engine/state/state_store.h"

enum { TEXT_SIZE = 512 };

const char *state_rule_name(enum state_rule rule)
{
    static const char *const names[] = {
#define X(id, name) [id] = (name),
        STATE_RULE_TABLE(X)
#undef X
    };
    require(rule < STATE_RULE_COUNT);
    return names[rule];
}

void audit_find(struct state_findings *findings,
                enum state_rule rule,
                const char *file,
                const char *format,
                ...)
{
    char text[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if ((findings->count & (findings->count - 1)) == 0) { /* full at powers of two only */
        size_t room = findings->count == 0 ? 1 : findings->count * 2;
        struct state_finding *more = arena_alloc(findings->arena, room * sizeof *more);
        for (size_t i = 0; i < findings->count; i++) {
            more[i] = findings->items[i];
        }
        findings->items = more;
    }
    findings->items[findings->count++] =
        (struct state_finding){.rule = rule,
                               .severity = STATE_FATAL,
                               .file = arena_strdup(findings->arena, file),
                               .text = arena_strdup(findings->arena, text)};
}

/* ---- the table of versions ------------------------------------------------------------------ */

static bool committed(const struct state_audit *audit, int64_t version)
{
    return version > 0 && version >= audit->oldest && version <= audit->newest;
}

static int by_version(const void *a, const void *b)
{
    int64_t one = ((const struct audit_version *)a)->version;
    int64_t other = ((const struct audit_version *)b)->version;
    return (one > other) - (one < other);
}

struct audit_version *audit_version_at(struct audit_partition *partition, int64_t version)
{
    for (size_t i = 0; i < partition->version_count; i++) {
        if (partition->versions[i].version == version) {
            return &partition->versions[i];
        }
    }
    size_t count = partition->version_count;
    if ((count & (count - 1)) == 0) { /* full at powers of two only */
        struct audit_version *more =
            arena_alloc(partition->findings->arena, (count == 0 ? 1 : count * 2) * sizeof *more);
        for (size_t i = 0; i < count; i++) {
            more[i] = partition->versions[i];
        }
        partition->versions = more;
    }
    partition->versions[count] = (struct audit_version){.version = version};
    partition->version_count++;
    return &partition->versions[count];
}

/* Is it a file of this provider, with an id in its name or without? */
static bool file_name(const struct audit_partition *partition,
                      const char *name,
                      struct rocksdb_named *at,
                      enum state_file_kind *kind)
{
    *at = (struct rocksdb_named){0};
    if (partition->audit->provider == STATE_PROVIDER_ROCKSDB) {
        return rocksdb_named_of(partition->findings->arena, name, at, kind) &&
               (at->id != NULL) == (partition->audit->ids != NULL);
    }
    return state_file_name(name, &at->version, kind) && !state_file_of_rocksdb(*kind);
}

static void note_file(struct audit_partition *partition, const char *name)
{
    struct rocksdb_named at;
    enum state_file_kind kind;
    if (!file_name(partition, name, &at, &kind)) {
        return;
    }
    struct audit_version *version = NULL;
    if (partition->audit->ids == NULL) {
        version = audit_version_at(partition, at.version);
    }
    for (size_t i = 0; i < partition->version_count && at.id != NULL; i++) {
        const struct audit_version *known = &partition->versions[i];
        if (known->version == at.version && known->id != NULL && strcmp(known->id, at.id) == 0) {
            version = &partition->versions[i];
        }
    }
    if (version == NULL) {
        return; /* of an attempt that did not count */
    }
    const char *path = store_path(partition->findings->arena, partition->directory, name);
    if (kind == STATE_SNAPSHOT || kind == STATE_ZIP) {
        version->whole = path;
    } else {
        version->increment = path;
    }
}

/* Versions that are committed or have a file; with ids, those that the committed ones stand on. */
static bool build(struct audit_partition *partition)
{
    const struct state_audit *audit = partition->audit;
    struct arena *arena = partition->findings->arena;
    struct store_entry *entries = NULL;
    size_t count = 0;
    enum status status = store_list(audit->store, partition->directory, arena, &entries, &count);
    if (status != OK) {
        audit_find(partition->findings,
                   STATE_A10,
                   partition->directory,
                   "it cannot be listed: %s",
                   status_text(status));
        return false;
    }
    size_t needed = audit->newest > 0 ? (size_t)(audit->newest - audit->oldest + 1) : 0;
    for (size_t i = 0; i < needed; i++) {
        struct audit_version *version = audit_version_at(partition, audit->oldest + (int64_t)i);
        if (audit->ids != NULL) {
            version->id = audit->ids[i * (size_t)audit->partitions + (size_t)partition->partition];
        }
    }
    if (audit->ids != NULL) {
        audit_lineage(partition, entries, count);
    }
    for (size_t i = 0; i < count; i++) {
        note_file(partition, entries[i].name);
    }
    sort_items(
        partition->versions, partition->version_count, sizeof *partition->versions, by_version);
    return true;
}

/* ---- the walk ------------------------------------------------------------------------------- */

struct walk {
    struct audit_partition *partition;
    int64_t version;          /* before the one that is looked at */
    bool there;               /* by the names, it can be put together */
    const char *gap;          /* the first file that is missing since it could; NULL: none */
    bool told;                /* of the gap */
    struct state_map *replay; /* its rows, when `known` */
    bool known;
    bool opaque; /* rows that cannot be looked into */
};

static const char *increment_path(const struct walk *walk, int64_t version, const char *id)
{
    const struct audit_partition *partition = walk->partition;
    struct arena *arena = partition->findings->arena;
    return partition->audit->provider == STATE_PROVIDER_HDFS
               ? state_file_path(arena, partition->directory, version, STATE_DELTA)
               : rocksdb_named_path(arena,
                                    partition->directory,
                                    (struct rocksdb_named){.version = version, .id = id},
                                    STATE_CHANGELOG);
}

/* A10, by names alone. */
static void look_for(struct walk *walk, const struct audit_version *at)
{
    bool before = walk->there && at->version == walk->version + 1;
    if (walk->gap == NULL && !before) {
        walk->gap = increment_path(walk, walk->version + 1, NULL);
    }
    if (walk->gap == NULL && at->increment == NULL) {
        walk->gap = increment_path(walk, at->version, at->id);
    }
    walk->there = at->whole != NULL || (before && at->increment != NULL);
    if (walk->there) {
        walk->gap = NULL;
        walk->told = false;
    }
    if (committed(walk->partition->audit, at->version) && !walk->there && !walk->told) {
        audit_find(walk->partition->findings,
                   STATE_A10,
                   walk->gap,
                   "it is missing; version %" PRId64 " cannot be put together without it",
                   at->version);
        walk->told = true;
    }
}

static void replace(struct walk *walk, struct state_map *map)
{
    state_map_free(walk->replay);
    walk->replay = map;
}

static void compare(const struct walk *walk, const struct state_map *whole, const char *file)
{
    struct arena scratch = {0};
    int64_t count = state_map_count(whole);
    int64_t other_count = state_map_count(walk->replay);
    const struct state_pair *pairs = state_map_sorted(whole, &scratch);
    const struct state_pair *others = state_map_sorted(walk->replay, &scratch);
    int64_t at = 0;
    while (at < count && at < other_count && bytes_equal(pairs[at].key, others[at].key) &&
           bytes_equal(pairs[at].value, others[at].value)) {
        at++;
    }
    if (at < count || at < other_count) {
        audit_find(walk->partition->findings,
                   STATE_A12,
                   file,
                   "it has %" PRId64 " rows and what was changed up to it gives %" PRId64
                   "; they differ from row %" PRId64 " by key on",
                   count,
                   other_count,
                   at + 1);
    }
    walk->partition->findings->compared++;
    arena_free(&scratch);
}

/* Another file stands in for what was found since there were `first`. */
static void make_warnings(struct state_findings *findings, size_t first)
{
    for (size_t i = first; i < findings->count; i++) {
        findings->items[i].severity = STATE_WARNING;
    }
}

/* What the increments give stands in for a whole file that is damaged. */
static void read_whole(struct walk *walk, const struct audit_version *at)
{
    struct state_findings *findings = walk->partition->findings;
    struct state_map *map = state_map_new();
    size_t first = findings->count;
    bool good = audit_read_whole(walk->partition, at, map, &walk->opaque);
    findings->files++;
    if (walk->known) {
        make_warnings(findings, first);
    }
    if (!good) {
        state_map_free(map);
        return;
    }
    if (walk->known) {
        compare(walk, map, at->whole);
    }
    if (!walk->opaque) {
        audit_rows(walk->partition, map, at->whole);
    }
    if (walk->known) {
        state_map_free(map);
    } else {
        replace(walk, map);
        walk->known = true;
    }
}

static void read_version(struct walk *walk, const struct audit_version *at)
{
    struct state_findings *findings = walk->partition->findings;
    if (!walk->known || at->version != walk->version + 1) {
        replace(walk, state_map_new()); /* what it is read into is of no use */
        walk->known = false;
    }
    if (at->increment != NULL) {
        walk->known = audit_read_increment(walk->partition, at, walk->replay) && walk->known;
        findings->files++;
    } else {
        walk->known = false;
    }
    if (at->whole != NULL) {
        read_whole(walk, at);
    }
    findings->versions += walk->known && committed(walk->partition->audit, at->version);
    if (walk->known && !walk->opaque && at->whole == NULL &&
        at->version == walk->partition->audit->newest) {
        audit_rows(walk->partition, walk->replay, at->increment);
    }
}

/* The snapshot that stands in for all files of older versions; 0: none. When it is damaged that is
 * said of it. What a cleanup left below, or a crash brought back, nobody needs. */
static int64_t version_that_serves(const struct audit_partition *partition)
{
    int64_t newest = 0;
    for (size_t i = 0; i < partition->version_count; i++) {
        const struct audit_version *at = &partition->versions[i];
        newest =
            at->whole != NULL && at->version <= partition->audit->oldest ? at->version : newest;
    }
    return newest;
}

void state_audit_partition(const struct state_audit *audit,
                           int64_t partition,
                           struct state_findings *findings)
{
    struct arena *arena = findings->arena;
    const char *directory =
        state_directory(arena, audit->checkpoint, audit->operator_id, partition);
    struct audit_partition at = {.audit = audit,
                                 .partition = partition,
                                 .directory = audit->store_name == NULL
                                                  ? directory
                                                  : store_path(arena, directory, audit->store_name),
                                 .findings = findings};
    struct walk walk = {.partition = &at, .there = true, .known = true, .replay = state_map_new()};
    require(partition >= 0);
    require(partition < audit->partitions);
    require(audit->oldest <= audit->newest);
    require(audit->newest == 0 || audit->oldest >= 1);
    bool listed = build(&at);
    int64_t serves = listed ? version_that_serves(&at) : 0;
    for (size_t i = 0; listed && i < at.version_count; i++) {
        size_t first = findings->count;
        look_for(&walk, &at.versions[i]);
        read_version(&walk, &at.versions[i]);
        walk.version = at.versions[i].version;
        /* What is above the newest is written over by whoever commits it. */
        if (walk.version < serves || walk.version > audit->newest) {
            make_warnings(findings, first);
        }
    }
    state_map_free(walk.replay);
}
