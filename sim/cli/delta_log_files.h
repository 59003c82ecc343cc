/* The files of a _delta_log that count: commits and checkpoints. Everything else there is ignored,
 * as every reader does. Source: delta-parquet-storage 1.1, 1.8. */
#ifndef SIM_CLI_DELTA_LOG_FILES_H
#define SIM_CLI_DELTA_LOG_FILES_H

#include "engine/base/arena.h"
#include "engine/base/diag.h"

struct delta_log_file {
    int64_t version;
    bool checkpoint;
    int64_t part; /* of a checkpoint in parts: 1 to `parts`; else 1 of 1 */
    int64_t parts;
    const char *name;
    int64_t modified_ms;
};

struct delta_log_files {
    struct delta_log_file *files; /* by name */
    size_t count;
    int64_t latest; /* version; -1: there is none */
};

/* Errors: ERR_FAILED with `diag`: the directory cannot be read. */
MUST_CHECK enum status delta_log_list(struct arena *arena,
                                      const char *directory,
                                      struct delta_log_files *log,
                                      struct diag *diag);
/* NULL: it is not there. */
const struct delta_log_file *delta_log_commit(const struct delta_log_files *log, int64_t version);
/* Are all parts of this checkpoint there? */
bool delta_log_is_whole(const struct delta_log_files *log, const struct delta_log_file *checkpoint);

#endif
