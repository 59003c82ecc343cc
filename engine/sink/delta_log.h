/* One commit file of a Delta log, read strictly: where other readers are lax (an empty file is an
 * empty commit, a torn line is the reader's problem), this one refuses, since what it overlooks is
 * rows lost or written twice (delta-parquet-storage 1.3). Pure: bytes in, facts out. */
#ifndef ENGINE_SINK_DELTA_LOG_H
#define ENGINE_SINK_DELTA_LOG_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/status.h"

/* A column, or, behind its struct column, a member of it. Deeper members are left out: no schema of
 * ours has any. */
struct delta_log_field {
    const char *name;   /* of a member "window.start" */
    const char *parent; /* of a member "window", else NULL */
    const char *type;   /* as in schemaString; "struct", "array", "map" for nested ones */
    bool nullable;
    bool constrained; /* carries delta.invariants */
};

struct delta_log_file {
    const char *path; /* decoded: what names the file */
    const char *uri;  /* as the log has it */
    uint64_t size;    /* 0 where a remove does not say it */
};

struct delta_log_facts {
    size_t action_count;
    const char *txn_id; /* commitInfo.txnId, or NULL */

    /* What commitInfo.userMetadata says, in the form that we write. */
    bool has_watermark;
    int64_t next_watermark_ms;
    const char *last_records; /* NULL: nothing */

    bool has_txn; /* of the appId asked for */
    int64_t txn_version;

    bool has_protocol;
    const char *unsupported; /* why we must not write to such a table, or NULL */

    bool has_metadata;
    const char *table_id;
    bool partitioned;
    bool append_only; /* delta.appendOnly: no file may be removed */
    struct delta_log_field *fields;
    size_t field_count;

    struct delta_log_file *added;
    size_t added_count;
    struct delta_log_file *removed;
    size_t removed_count;
};

enum { DELTA_LOG_PROBLEM_SIZE = 160 };

/* Read the content of one commit.
 * * app_id   whose txn to look for
 * * facts    filled on OK; its texts are in `arena`
 * * problem  on ERR_CORRUPT: what is wrong, with the line
 * jansson runs on the thread's own stack. Errors: ERR_CORRUPT. Unknown actions and fields are
 * ignored. */
MUST_CHECK enum status delta_log_read(struct bytes content,
                                      const char *app_id,
                                      struct arena *arena,
                                      struct delta_log_facts *facts,
                                      char problem[DELTA_LOG_PROBLEM_SIZE]);

/* Is `name` a commit file: twenty digits and ".json", nothing else? Sets its version. */
bool delta_log_version(const char *name, int64_t *version);

#endif
