/* What the parts of the audit share. Included by state_audit*.c only. */
#ifndef ENGINE_STATE_STATE_AUDIT_INTERNAL_H
#define ENGINE_STATE_STATE_AUDIT_INTERNAL_H

#include "engine/state/rocksdb_read.h"
#include "engine/state/state_audit.h"

/* A version's files: `increment` a delta or changelog, `whole` a snapshot or zip. */
struct audit_version {
    int64_t version;
    const char *id; /* in the names; NULL: none */
    const char *increment;
    const char *whole; /* paths; NULL: not there */
};

struct audit_partition {
    const struct state_audit *audit;
    int64_t partition;
    const char *directory;
    struct state_findings *findings;
    struct audit_version *versions; /* ascending; those between that have no file are there, too */
    size_t version_count;
};

__attribute__((format(printf, 4, 5))) void audit_find(struct state_findings *findings,
                                                      enum state_rule rule,
                                                      const char *file,
                                                      const char *format,
                                                      ...);

/* Read a file into `map` (increments: over what is there), telling of what is wrong. False: it is
 * of no use. Rows in the map are without RocksDB's leading byte. */
bool audit_read_increment(const struct audit_partition *partition,
                          const struct audit_version *version,
                          struct state_map *map);
/* `*opaque`: rows of several column families, which nobody here can look into. */
bool audit_read_whole(const struct audit_partition *partition,
                      const struct audit_version *version,
                      struct state_map *map,
                      bool *opaque);

/* That of a version in the table; a new one has no file. Until the next call. */
struct audit_version *audit_version_at(struct audit_partition *partition, int64_t version);

/* A14, with the names in the directory. Versions that the oldest committed one stands on get into
 * the table with their ids. */
void audit_lineage(struct audit_partition *partition,
                   const struct store_entry *entries,
                   size_t count);

/* A15 and A16 of all rows; the first of each kind is told, with `file`. */
void audit_rows(const struct audit_partition *partition,
                const struct state_map *map,
                const char *file);

#endif
