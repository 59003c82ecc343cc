/* A Delta table as anybody wrote it, for people to look at: the log replayed from its beginning or
 * from a checkpoint (classic, in parts, or v2 with sidecars), with its history. It shows what there
 * is; what proves that a table is right is sim/check/table_reader.h. A gap, an empty or a torn
 * commit is an error that names the file. Reads only. Source: delta-parquet-storage 1.1 to 1.8, 3.
 */
#ifndef SIM_CLI_DELTA_VIEW_H
#define SIM_CLI_DELTA_VIEW_H

#include <jansson.h>

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/diag.h"

/* One commit file that is there. */
struct delta_version {
    int64_t version;
    int64_t time_ms; /* inCommitTimestamp, else commitInfo.timestamp, else the file's */
    json_t *info;    /* commitInfo; NULL: none */
    json_t *txns;    /* appId -> txn, or NULL */
    int64_t adds;
    int64_t removes;
    int64_t rows; /* of the adds; -1: not stated for one of them */
};

struct delta_view {
    struct arena arena;
    const char *path;
    int64_t version; /* that is shown */
    int64_t latest;
    int64_t checkpoint; /* the replay began with that of this version; -1: with version 0 */
    json_t *protocol;
    json_t *metadata;
    json_t *schema;                /* of metaData.schemaString */
    json_t *files;                 /* path -> add, live, in the order of their adds */
    json_t *txns;                  /* appId -> txn */
    struct delta_version *history; /* oldest first, up to `version` */
    size_t history_count;
};

/* Open the table at `path` as of `version` (-1: the newest). To be closed, also after an error.
 * Errors: ERR_FAILED with `diag` (USAGE: no table, no such version; DELTA_LOG_DAMAGED, naming the
 * file and what can still be looked at). */
MUST_CHECK enum status
delta_view_open(struct delta_view *view, const char *path, int64_t version, struct diag *diag);
void delta_view_close(struct delta_view *view);

/* stats.numRecords of an add; -1: not stated. */
int64_t delta_view_rows_of(json_t *add);
/* Sums over the live files; *rows is -1 when one of them does not state it. */
void delta_view_totals(const struct delta_view *view, int64_t *rows, int64_t *bytes);

/* Every row of the live files as a JSON object, columns in the schema's order, one call each.
 * Errors: ERR_FAILED with `diag`, naming the data file: missing, damaged (its bytes have not our
 * tag's hash, a page has not its checksum, rows and statistics disagree), or of a kind this reader
 * does not know (deletion vectors, column mapping, codecs, encodings). Rows before it were handed
 * out. */
typedef void (*delta_row_fn)(void *context, struct bytes row);
MUST_CHECK enum status
delta_view_rows(struct delta_view *view, delta_row_fn row, void *context, struct diag *diag);

#endif
