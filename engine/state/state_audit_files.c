/* One file, read as its provider reads it. */
#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/state/state_audit_internal.h"

static struct rocksdb_reader reader_of(const struct audit_partition *partition)
{
    return (struct rocksdb_reader){.store = partition->audit->store,
                                   .directory = partition->directory,
                                   .arena = partition->findings->arena};
}

static struct rocksdb_named names_of(const struct audit_version *version)
{
    return (struct rocksdb_named){.version = version->version, .id = version->id};
}

/* ---- the memory provider -------------------------------------------------------------------- */

static enum status into_map(void *context, struct bytes key, struct bytes value)
{
    if (value.data != NULL) {
        state_map_put(context, key, value);
        return OK;
    }
    bool there = state_map_remove(context, key);
    maybe(there);
    return OK;
}

static bool read_file(const struct audit_partition *partition,
                      const char *path,
                      enum state_file_kind kind,
                      struct state_map *map)
{
    struct arena scratch = {0};
    struct bytes file = {0};
    const char *what = NULL;
    enum status status = store_get(partition->audit->store, path, &scratch, &file);
    if (status == OK) {
        status = state_file_read(kind, file, &scratch, into_map, map, &what);
    } else {
        what = status_text(status);
    }
    if (status != OK) {
        audit_find(partition->findings, STATE_A11, path, "%s", what);
    }
    arena_free(&scratch);
    return status == OK;
}

/* ---- RocksDB -------------------------------------------------------------------------------- */

static bool read_changelog(const struct audit_partition *partition,
                           const struct audit_version *version,
                           struct state_map *map)
{
    const struct rocksdb_reader reader = reader_of(partition);
    struct changelog changelog;
    struct rocksdb_fault fault;
    enum status status =
        rocksdb_read_changelog(&reader, names_of(version), &changelog, map, &fault);
    if (status != OK && status != ERR_UNSUPPORTED) {
        audit_find(partition->findings, STATE_A11, fault.path, "%s", fault.what);
    }
    return status == OK;
}

/* An archive that is sound but holds no database breaks A13, like all that is wrong behind it. */
static enum state_rule rule_of(const char *what)
{
    bool sound = strncmp(what, "it has no CURRENT", 17) == 0 ||
                 strncmp(what, "it has no MANIFEST", 18) == 0 ||
                 strncmp(what, "entry CURRENT: it does not", 26) == 0;
    return sound ? STATE_A13 : STATE_A11;
}

static bool read_zip(const struct audit_partition *partition,
                     const struct audit_version *version,
                     struct state_map *map,
                     bool *opaque)
{
    const struct rocksdb_reader reader = reader_of(partition);
    struct rocksdb_snapshot snapshot;
    struct rocksdb_fault fault;
    enum status status = rocksdb_read_archive(&reader, names_of(version), &snapshot, &fault);
    if (status != OK) {
        audit_find(partition->findings, rule_of(fault.what), fault.path, "%s", fault.what);
        return false;
    }
    *opaque = snapshot.column_family_max > 0;
    status = rocksdb_read_database(&reader, names_of(version), &snapshot, map, &fault);
    if (status != OK) {
        audit_find(partition->findings, STATE_A13, fault.path, "%s", fault.what);
        return false;
    }
    if (!*opaque && snapshot.key_count >= 0 && snapshot.key_count != state_map_count(map)) {
        audit_find(partition->findings,
                   STATE_A13,
                   version->whole,
                   "numKeys in its metadata is %" PRId64 ", its database has %" PRId64,
                   snapshot.key_count,
                   state_map_count(map));
    }
    return true;
}

/* ---- either --------------------------------------------------------------------------------- */

bool audit_read_increment(const struct audit_partition *partition,
                          const struct audit_version *version,
                          struct state_map *map)
{
    return partition->audit->provider == STATE_PROVIDER_HDFS
               ? read_file(partition, version->increment, STATE_DELTA, map)
               : read_changelog(partition, version, map);
}

bool audit_read_whole(const struct audit_partition *partition,
                      const struct audit_version *version,
                      struct state_map *map,
                      bool *opaque)
{
    *opaque = false;
    return partition->audit->provider == STATE_PROVIDER_HDFS
               ? read_file(partition, version->whole, STATE_SNAPSHOT, map)
               : read_zip(partition, version, map, opaque);
}
