/* A14: which attempt's version stands on which (checkpoint format 2). Spark never compared the base
 * that an attempt had loaded with the one it was told to load (SPARK-56205); files tell. */
#include <inttypes.h>

#include "engine/state/state_audit_internal.h"

static bool has_file(const struct audit_partition *partition,
                     const struct store_entry *entries,
                     size_t count,
                     struct rocksdb_named at,
                     enum state_file_kind kind)
{
    const char *path = rocksdb_named_path(partition->findings->arena, "", at, kind);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].name, path + 1) == 0) {
            return true;
        }
    }
    return false;
}

static const char *id_of(const struct audit_partition *partition, int64_t version)
{
    for (size_t i = 0; i < partition->version_count; i++) {
        if (partition->versions[i].version == version) {
            return partition->versions[i].id;
        }
    }
    return NULL;
}

/* Each version of the lineage that was committed is the one that counts. */
static void check_lineage(const struct audit_partition *partition,
                          struct rocksdb_named at,
                          const struct changelog *changelog,
                          const char *path)
{
    const struct changelog_ancestor *lineage = changelog->lineage;
    size_t count = changelog->lineage_count;
    if (at.version > 1 && (count == 0 || lineage[count - 1].version != at.version - 1)) {
        audit_find(partition->findings,
                   STATE_A14,
                   path,
                   "its lineage does not end with version %" PRId64,
                   at.version - 1);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *id = id_of(partition, lineage[i].version);
        if (id != NULL && strcmp(id, lineage[i].id) != 0) {
            audit_find(partition->findings,
                       STATE_A14,
                       path,
                       "it stands on version %" PRId64 " of id %s; commits/%" PRId64 " gives %s",
                       lineage[i].version,
                       lineage[i].id,
                       lineage[i].version - 1,
                       id);
            return;
        }
    }
}

static void check_version(struct audit_partition *partition,
                          struct rocksdb_named at,
                          const struct store_entry *entries,
                          size_t count)
{
    const struct rocksdb_reader reader = {.store = partition->audit->store,
                                          .directory = partition->directory,
                                          .arena = partition->findings->arena};
    struct changelog changelog;
    struct rocksdb_fault fault;
    const char *path = rocksdb_named_path(reader.arena, partition->directory, at, STATE_CHANGELOG);
    bool changes = has_file(partition, entries, count, at, STATE_CHANGELOG);
    if (!changes && !has_file(partition, entries, count, at, STATE_ZIP)) {
        audit_find(partition->findings,
                   STATE_A14,
                   path,
                   "commits/%" PRId64 " gives this id; neither a changelog nor a zip has it",
                   at.version - 1);
    }
    /* One that does not decode is told of by A11. */
    if (!changes || rocksdb_read_changelog(&reader, at, &changelog, NULL, &fault) != OK) {
        return;
    }
    check_lineage(partition, at, &changelog, path);
    for (size_t i = 0; i < changelog.lineage_count; i++) {
        if (changelog.lineage[i].version < partition->audit->oldest) {
            struct audit_version *below = audit_version_at(partition, changelog.lineage[i].version);
            below->id = below->id == NULL ? changelog.lineage[i].id : below->id;
        }
    }
}

void audit_lineage(struct audit_partition *partition,
                   const struct store_entry *entries,
                   size_t count)
{
    const struct state_audit *audit = partition->audit;
    for (int64_t version = audit->oldest; version > 0 && version <= audit->newest; version++) {
        const char *id = id_of(partition, version);
        if (id != NULL) {
            check_version(
                partition, (struct rocksdb_named){.version = version, .id = id}, entries, count);
        }
    }
}
