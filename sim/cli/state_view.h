/* The state stores of a checkpoint as anybody wrote them: operators, partitions, stores, which
 * versions are there, and the rows of one, decoded with the engine's own readers. Reads only.
 * Source: spark-checkpoint 1.0, 1.7 to 1.13. */
#ifndef SIM_CLI_STATE_VIEW_H
#define SIM_CLI_STATE_VIEW_H

#include <jansson.h>

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/diag.h"
#include "engine/state/rocksdb_snapshot.h"
#include "engine/state/state_map.h"

enum state_kind { STATE_KIND_EMPTY, STATE_KIND_HDFS, STATE_KIND_ROCKSDB };

struct state_version {
    int64_t version;
    bool increment; /* .delta or .changelog */
    bool snapshot;  /* .snapshot or .zip */
};

struct state_store_view {
    int64_t operator_id;
    int64_t partition;
    const char *name;      /* "default", "left-keyToNumValues", ... */
    const char *directory; /* path of its files */
    enum state_kind kind;
    struct state_version *versions; /* ascending */
    size_t version_count;
};

struct state_operator_view {
    int64_t id;
    const char *name;   /* of the operator metadata; NULL: not recorded (before Spark 3.5) */
    int64_t partitions; /* likewise; -1 */
};

/* Key and value of a store's rows. */
struct state_schema_view {
    json_t *key; /* NULL: no schema is there (before Spark 3), or of a kind that is not decoded */
    json_t *value;
    const char *key_types; /* "struct<timestamp,timestamp>,string" */
    const char *value_types;
    const char *error; /* why it is not decoded; NULL: it is, or there is none */
};

struct state_reader;

struct state_view {
    struct arena arena;
    struct state_reader *reader; /* of RocksDB's files; NULL: not needed yet */
    const char *path;            /* of the checkpoint */
    struct state_operator_view *operators;
    size_t operator_count;
    struct state_store_view *stores; /* by operator, name, partition */
    size_t store_count;
};

/* A checkpoint without state/ has no operators. To be closed, also after an error. */
MUST_CHECK enum status
state_view_open(struct state_view *view, const char *checkpoint, struct diag *diag);
void state_view_close(struct state_view *view);

/* The schema of the stores of this name of an operator; state_schema_free afterwards. */
void state_view_schema(struct state_view *view,
                       const struct state_store_view *store,
                       struct state_schema_view *schema);
void state_schema_free(struct state_schema_view *schema);

/* Version `version` of a store: the newest snapshot that reads, then every delta or changelog.
 * Version 0 is empty. Of RocksDB's with several column families keys and values are as in the
 * database. NULL, or which file is missing or damaged and how (a text of view->arena).
 * * ids  stateUniqueIds of the commit that made it; NULL: none */
const char *state_view_load(struct state_view *view,
                            const struct state_store_view *store,
                            int64_t version,
                            const json_t *ids,
                            struct state_map *map);

/* A snapshot of RocksDB: which SST files it needs. */
struct state_zip_view {
    int64_t version;
    const char *name; /* "4.zip" */
    struct rocksdb_snapshot snapshot;
    const char *error; /* NULL: it decodes */
};
/* Those of a store, ascending by version; their number. */
size_t state_view_zips(struct state_view *view,
                       const struct state_store_view *store,
                       struct state_zip_view **zips);

/* Between state_view.c and state_view_rocksdb.c. */
const char *state_view_load_rocksdb(struct state_view *view,
                                    const struct state_store_view *store,
                                    int64_t version,
                                    const json_t *ids,
                                    struct state_map *map);
void state_reader_free(struct state_reader *reader);

/* A row as JSON by its schema, "0x..." when there is none or it does not fit. */
void state_row_json(json_t *schema, struct bytes row, struct buf *out);

#endif
