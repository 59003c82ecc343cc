/* The data files that a table consists of at one version: what output mode complete removes. Filled
 * from the log, commit after commit; holds paths and sizes of live files and nothing of removed
 * ones, so that its memory follows the table and not its history. Pure; lives in the current
 * process' heap. A zeroed struct is an empty set. */
#ifndef ENGINE_SINK_LIVE_FILES_H
#define ENGINE_SINK_LIVE_FILES_H

#include "engine/sink/delta_log.h"

struct live_file {
    char *path; /* decoded: what names the file; NULL: removed */
    char *uri;  /* as its add has it, and so its remove; may be `path` itself */
    uint64_t size;
};

struct live_files {
    struct live_file *entries; /* in the order of their adds; with holes */
    size_t used;
    size_t capacity;
    size_t count;    /* of live ones */
    size_t *slots;   /* index of an entry + 1, by the hash of its path; 0: free */
    size_t slot_max; /* a power of two, or 0 */
};

void live_files_free(struct live_files *files);

/* One commit of the log: its removes, then its adds (the order within a commit has no meaning, and
 * a path may stand in both: its file's metadata changed). An add of a live path replaces it. */
void live_files_apply(struct live_files *files, const struct delta_log_facts *facts);

#endif
