/* The audit rules of state files, A10 to A16 (spark-checkpoint 1.15), over one operator's store of
 * a checkpoint that anybody wrote. Reads only; nothing is repaired. One partition at a time, so
 * that a command can say how far it is.
 *
 *   A10  each committed version can be put together: a snapshot (zip) or nothing, and every delta
 *        (changelog) after it
 *   A11  every state file decodes to its end, with its checksums
 *   A12  a snapshot holds what the replay of the deltas (changelogs) up to it gives
 *   A13  RocksDB: the archive has CURRENT and its MANIFEST; each SST is there with its size and
 *        checksum; the database opens; numKeys is how many keys it has
 *   A14  RocksDB, format 2: the files of the id that commits/<N> gives are there, and their lineage
 *        leads to the id that commits/<N-1> gives
 *   A15  each key lies in the partition that its hash says
 *   A16  rows are sound against the schema
 *
 * A15 and A16 look at what each snapshot holds and at the newest version; they need schemas. */
#ifndef ENGINE_STATE_STATE_AUDIT_H
#define ENGINE_STATE_STATE_AUDIT_H

#include "engine/checkpoint/store.h"
#include "engine/plan/options.h"
#include "engine/plan/schema.h"

#define STATE_RULE_TABLE(X)                                                                        \
    X(STATE_A10, "A10")                                                                            \
    X(STATE_A11, "A11")                                                                            \
    X(STATE_A12, "A12")                                                                            \
    X(STATE_A13, "A13")                                                                            \
    X(STATE_A14, "A14")                                                                            \
    X(STATE_A15, "A15")                                                                            \
    X(STATE_A16, "A16")

enum state_rule {
#define X(rule, name) rule,
    STATE_RULE_TABLE(X)
#undef X
        STATE_RULE_COUNT
};

const char *state_rule_name(enum state_rule rule);

enum state_severity {
    STATE_FATAL,  /* the query cannot go on from here, or would go on with wrong state */
    STATE_WARNING /* another file stands in for it, as a snapshot does for all that is older than
                     what the oldest version needs; or it is of a version that is not committed */
};

struct state_finding {
    enum state_rule rule;
    enum state_severity severity;
    const char *file; /* full path */
    const char *text; /* what is wrong: "it is missing", "..." */
};

/* What to look at. Borrowed. */
struct state_audit {
    struct store *store;
    const char *checkpoint;
    int64_t operator_id;
    const char *store_name; /* a join's store; NULL: "default", which has no directory of its own */
    enum state_provider_kind provider;
    /* n of the offsets' conf. A global limit has 1. */
    int64_t partitions;
    /* Versions that have to be there: batch N of commits/ commits version N + 1. 0 and 0: none. */
    int64_t oldest;
    int64_t newest;
    /* Format 2: the id of a version and partition, ids[(version - oldest) * partitions +
     * partition]. NULL: format 1. An entry NULL: not known. */
    const char *const *ids;
    /* NULL: not known, or of no kind that can be looked into. A key that is not partitioned by its
     * hash has `hashed` 0; Spark's repartitioned aggregates hash the first columns alone. */
    const struct schema *key;
    const struct schema *value;
    size_t hashed; /* fields of the key that its partition follows from; all: key->count */
};

struct state_findings {
    struct arena *arena; /* of the texts and of the list */
    struct state_finding *items;
    size_t count;
    /* What was looked at. */
    int64_t versions; /* that can be put together */
    int64_t files;
    int64_t compared; /* A12 */
    int64_t rows;     /* A15, A16 */
};

/* Look at one partition; findings are added in the order of versions. May suspend. Errors: what the
 * store refuses to read is a finding of A11, an unreadable directory one of A10; there are no
 * others. */
void state_audit_partition(const struct state_audit *audit,
                           int64_t partition,
                           struct state_findings *findings);

#endif
