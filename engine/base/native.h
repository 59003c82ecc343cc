/* Handles of libraries that a process holds (an open RocksDB): memory and threads that its heap
 * knows nothing of. None of a killed process' own clean-up runs, so its owner lets go of them:
 * first each loses sight of the world, then it is closed. */
#ifndef ENGINE_BASE_NATIVE_H
#define ENGINE_BASE_NATIVE_H

#include <stddef.h>

/* Embed it in the handle. */
struct native {
    struct native *next;
    struct native **link; /* where the one before points to this; NULL: not held */
    /* Close it without a look at or a touch of anything outside: what it has open is gone. On the
     * thread's own stack, never suspends. May free what it is embedded in. */
    void (*abandon)(struct native *native);
};

/* From now on the current process holds it, until it lets go or dies. */
void native_hold(struct native *native);
void native_let_go(struct native *native);

struct process;
/* Abandon whatever `process` holds, newest first. Called by owners of processes only, before
 * heap_drop. */
void native_drop(struct process *process);
size_t native_count(const struct process *process);

#endif
