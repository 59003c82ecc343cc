/* A second, small and strict reader of Delta tables: what every other reader of the world may see.
 * It refuses what lax readers pass over (an empty or torn commit, a missing version), since those
 * are lost rows (delta-parquet-storage 1.3). Shares no code with the sink. Safe on hostile bytes.
 */
#ifndef SIM_CHECK_TABLE_READER_H
#define SIM_CHECK_TABLE_READER_H

#include "engine/base/arena.h"
#include "sim/check/value.h"

/* Members of a struct column stand for it, one after another: "window.start", "window.end". */
struct table_column {
    struct bytes name;
    enum type type;
};

struct table_add {
    struct bytes path; /* relative to the table, URI escapes decoded */
    int64_t size;
    int64_t rows; /* stats.numRecords; -1: not stated */
    bool has_hash;
    uint64_t hash; /* tags["aftershock.xxh64"] */
};

struct table_commit {
    bool has_protocol;
    bool has_metadata;
    struct table_column *columns; /* of metaData.schemaString */
    size_t column_count;
    struct table_add *adds;
    size_t add_count;
    struct bytes *removes; /* paths, decoded */
    size_t remove_count;
    bool has_txn;
    struct bytes app_id;
    int64_t txn_version;
    size_t action_count;
};

/* One commit file. NULL, or what is wrong with it. Everything lives in `arena` or borrows. */
const char *table_commit_read(struct bytes file,
                              int64_t version,
                              struct arena *arena,
                              struct table_commit *commit);

/* "<table>/_delta_log/00000000000000000003.json" */
const char *table_commit_path(struct arena *arena, const char *table, int64_t version);
/* The version that `path` is the commit file of, or -1: the whole base name must match. */
int64_t table_version_of(const char *table, const char *path);

struct table_cache;

/* Where files come from. */
struct table_source {
    bool (*look)(void *context, const char *path, struct bytes *content);
    void *context;
    struct table_cache *cache; /* NULL: everything is decoded each time */
};

/* Read a data file and append its rows, in canonical form, columns in the table's order. Checks
 * that it exists, with its stated size, hash and rows, and the table's columns. NULL, or what is
 * wrong. The forms live in `arena`. */
const char *table_file_rows(const struct table_source *source,
                            const char *table,
                            const struct table_commit *schema,
                            const struct table_add *add,
                            struct arena *arena,
                            struct row_set *rows);

/* The live files after `version`, in the order of their adds; `adds` is the caller's to free.
 * NULL, or what is wrong. */
struct table_live {
    struct table_add *adds;
    size_t count;
    size_t capacity;
};
const char *table_live_at(const struct table_source *source,
                          const char *table,
                          int64_t version,
                          struct arena *arena,
                          struct table_live *live);

/* The whole table as a reader sees it at `version`: every commit from 0 on, live files only. NULL,
 * or what is wrong. */
const char *table_rows_at(const struct table_source *source,
                          const char *table,
                          int64_t version,
                          struct arena *arena,
                          struct row_set *rows);

#endif
