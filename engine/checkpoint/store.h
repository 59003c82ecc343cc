/* Where checkpoint, Delta log and data files live: whole files that are written once. Two
 * implementations inside the engine: over the disk port (temporary file, fsync, rename without
 * overwrite, fsync of the directory) and over the objects port (conditional put). Both run for real
 * inside the simulator.
 *
 * Paths are absolute: "/shared/checkpoints/delays/offsets/3". Over objects the leading '/' is
 * dropped. */
#ifndef ENGINE_CHECKPOINT_STORE_H
#define ENGINE_CHECKPOINT_STORE_H

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/base/status.h"
#include "engine/ports/ports.h"

struct store_entry {
    const char *name; /* base name, in the caller's arena */
    uint64_t size;
    int64_t modified_us;
};

struct store; /* one a process; holds its ports */

enum store_kind { STORE_DISK, STORE_OBJECTS };

/* A store of the current process, freed with it. Never suspends. */
struct store *store_new(const struct ports *ports, enum store_kind kind);

/* Publish `content` at `path` if nothing is there: one winner among any number of processes.
 * Missing directories are made (and made durable). Visible whole or not at all. Durable on OK. May
 * suspend. Throttling is retried inside, bounded, with backoff. Errors: ERR_EXISTS (somebody's file
 * is there; after an unknown outcome perhaps one's own: compare. It says nothing about durability:
 * see store_sync_directory), ERR_UNKNOWN (objects: it may be there now, or appear later),
 * ERR_NOT_DURABLE (disk: visible, but the directory's fsync failed: stop the query, decide after a
 * restart), ERR_THROTTLED, ERR_IO, ERR_NO_SPACE, ERR_READ_ONLY. No temporary file is left on an
 * error if avoidable. */
MUST_CHECK enum status store_put_new(struct store *store, const char *path, struct bytes content);

/* Write a file under a name that is unique by construction (data files). As store_put_new, but an
 * unknown outcome is resolved inside by putting the same bytes again (identical bytes under a
 * unique name are harmless). */
MUST_CHECK enum status
store_put_unique(struct store *store, const char *path, struct bytes content);

/* Write a file over whatever is there (state files: an attempt that runs again writes its version
 * again). Visible whole or not at all, old or new; durable on OK. An unknown outcome is resolved
 * inside by putting the same bytes again. May suspend. Errors: as store_put_new without ERR_EXISTS.
 */
MUST_CHECK enum status store_put_over(struct store *store, const char *path, struct bytes content);

/* Read a whole file. Errors: ERR_NOT_FOUND, ERR_IO, ERR_TIMEOUT. May suspend. */
MUST_CHECK enum status
store_get(struct store *store, const char *path, struct arena *arena, struct bytes *content);

/* Files (no directories) directly in `directory`, sorted by name; a missing directory is empty. May
 * suspend. */
MUST_CHECK enum status store_list(struct store *store,
                                  const char *directory,
                                  struct arena *arena,
                                  struct store_entry **entries,
                                  size_t *count);

/* Remove; a missing file is OK. Not made durable: a removed file may come back after a machine
 * crash. May suspend. */
MUST_CHECK enum status store_remove(struct store *store, const char *path);

/* Make the names that are visible in `directory` durable, whoever wrote them.
 *
 * A writer may have died between making a file visible and the fsync of its directory. Whoever
 * reads such a file and lets a durable effect depend on it (recovery that resumes from offsets/N, a
 * sink that skips a batch because it found its txn) first calls this, AFTER reading and BEFORE the
 * effect: otherwise a later crash of the writer's machine takes the file away and leaves the
 * effect. Over objects what is visible is durable, and this does nothing. A missing directory is
 * OK: nothing was read there. May suspend. Errors: ERR_IO (rely on nothing that was read; a second
 * try proves nothing), ERR_READ_ONLY. */
MUST_CHECK enum status store_sync_directory(struct store *store, const char *directory);

/* "a/b" joined in the arena. */
const char *store_path(struct arena *arena, const char *directory, const char *name);

#endif
