/* The files that a scenario names: relative to the scenario's folder, never outside the root. The
 * one place of the loader that opens files. */
#ifndef SCENARIOS_LOADER_PATHS_H
#define SCENARIOS_LOADER_PATHS_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/diag.h"

enum { PATHS_FILE_SIZE_MAX = 256 << 20 };

struct paths {
    const char *root;   /* real path of the folder that nothing leaves */
    const char *folder; /* real path of the scenario's folder */
    const char *base;   /* the scenario's own base name */
};

/* Find folder and root of a scenario.
 * * file  as the user named it
 * * root  as the user named it, or NULL: the nearest folder upwards that holds aftershock.json
 * Errors: ERR_FAILED with `diag` (no such folder, no root found, the file is not below the root).
 */
MUST_CHECK enum status paths_find(struct arena *arena,
                                  const char *file,
                                  const char *root,
                                  struct paths *paths,
                                  struct diag *diag);

/* Read a file by its path relative to the scenario's folder. NULL on success, else why not, for a
 * message: absolute, outside the root (by ".." or by a symbolic link), missing, no plain file, too
 * large. Nothing outside the root is opened or asked for. */
MUST_CHECK const char *
paths_read(const struct paths *paths, struct arena *arena, const char *path, struct bytes *content);

#endif
