/* The directory of a running query on its machine: the sockets of driver and executors, and, unless
 * spark.local.dir or a root says otherwise, their shuffle blocks. One a checkpoint, under TMPDIR,
 * for this user alone; held by one driver at a time. What a killed driver left there goes at the
 * next start. */
#ifndef ENGINE_REAL_SESSION_H
#define ENGINE_REAL_SESSION_H

#include "engine/base/diag.h"

enum {
    SESSION_PATH_SIZE = 96,
    SESSION_LOCAL_SIZE = 1024 /* of the directory for shuffle blocks, as the disk port names it */
};

struct session {
    char path[SESSION_PATH_SIZE];
    int lock;
    int store_lock; /* 0: none */
};

/* Make the directory, lock it, empty it.
 * * base, checkpoint  what is the query's own: its checkpoint's path below a directory of the
 * system Errors: ERR_FAILED with `diag`: class CONCURRENT_QUERY, another driver of this checkpoint
 * runs on this machine; INVALID_ARGUMENT: TMPDIR is of no use. */
MUST_CHECK enum status
session_open(struct session *session, const char *base, const char *checkpoint, struct diag *diag);

/* The same for a checkpoint in a directory that is used as an object store: whoever shares the
 * directory sees the lock, whatever its TMPDIR is. Errors: as session_open. */
MUST_CHECK enum status session_hold_store(struct session *session,
                                          const char *base,
                                          const char *checkpoint,
                                          struct diag *diag);

/* Remove it. */
void session_close(struct session *session);

/* Make a directory of the system and those above it; what is there stays. ERR_FAILED with `diag`.
 */
MUST_CHECK enum status make_path(const char *path, struct diag *diag);

/* Remove a directory and all that is in it, and say nothing of what is not there. */
void remove_tree(const char *path);

#endif
