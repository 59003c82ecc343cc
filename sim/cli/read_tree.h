/* A real directory as an array of files, for `verify`. */
#ifndef SIM_CLI_READ_TREE_H
#define SIM_CLI_READ_TREE_H

#include "sim/search/judge.h"

/* Every file below `folder`, without those whose name begins with a dot and those below a folder
 * whose name does: they are temporary, and no reader looks at them. All of it lives in `arena`.
 * Errors: ERR_FAILED with `diag` (class UNREADABLE, `file`): no directory, not readable, longer
 * than a path may be. */
MUST_CHECK enum status
read_tree(struct arena *arena, const char *folder, struct judge_files *files, struct diag *diag);

/* A whole file. Errors as above. */
MUST_CHECK enum status
read_file(struct arena *arena, const char *path, struct bytes *content, struct diag *diag);

#endif
