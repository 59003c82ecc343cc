/* A process as the engine sees it: who it is, its memory, its doors to the world. In the simulator
 * many live in one operating-system process; `current_process` says whose code runs. Tools, loaders
 * and unit tests run as `process_host`, which owns memory but no ports. */
#ifndef ENGINE_PROCESS_H
#define ENGINE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/heap.h"

struct ports;
struct native;

enum process_role { ROLE_HOST, ROLE_DRIVER, ROLE_EXECUTOR };

struct process {
    enum process_role role;
    uint32_t id;            /* dense, unique in a world; never reused */
    uint32_t incarnation;   /* 0 at the first start of this actor, +1 at each restart */
    const char *name;       /* "driver", "executor 1"; lives as long as the process */
    struct heap heap;       /* every block the process owns; freed whole when it dies */
    struct native *natives; /* handles of libraries that it holds, newest first; see native.h */
    struct ports *ports;    /* the only doors; NULL for the host */

    /* A broken invariant. Never returns. */
    void (*panic)(
        struct process *self, const char *file, int line, const char *function, const char *text);
    /* What a failure point that fired does (a crash does not return); see failpoint.h. */
    void (*failpoint_fired)(struct process *self);
    /* The failure point being passed and its batch, for the yes-or-no callback; -1 when none. */
    int failpoint_id;
    int64_t failpoint_batch;

    void *world; /* owner's private data: sim/kernel or engine/real; the engine never looks */
};

/* The one global; written in sim/kernel and engine/real only. Never NULL. */
extern struct process *current_process;

/* Owner of what belongs to no process: tools, loaders, tests, the world itself. */
extern struct process process_host;

#endif
