/* The supervisor of a real driver: starts its executor processes, starts a dead one again after a
 * pause that grows while it keeps dying, and sees to it that none outlives the driver. It lives in
 * the driver's process (sim/kernel/supervisor.h is its counterpart). */
#ifndef ENGINE_REAL_SUPERVISOR_H
#define ENGINE_REAL_SUPERVISOR_H

#include <stdbool.h>

#include "engine/real/loop.h"

struct supervisor_config {
    struct loop *loop;
    unsigned executors;
    const char *session; /* directory of the sockets: "driver", "executor-1", ... */
    const char *local;   /* directory, as the disk port names it, of the executors' own folders */
    const char *root;    /* as in struct real_config, and "" for none */
    const char *objects; /* likewise; given: checkpoint and table live there */
    const char *trace_file;
    /* One sentence for people about an executor that died. Must not suspend. */
    void (*told)(void *context, const char *sentence);
    void *told_context;
};

struct real_supervisor;

/* Start them. `config` is kept. Memory of the current process. */
struct real_supervisor *real_supervisor_new(const struct supervisor_config *config);

/* SIGCHLD came: look who has died. */
void real_supervisor_child_died(struct real_supervisor *supervisor);

/* No executor is started again; wait until all have ended (the driver has said goodbye), and kill
 * those that are left after 5 s. Suspends. */
void real_supervisor_stop(struct real_supervisor *supervisor);

void real_supervisor_free(struct real_supervisor *supervisor);

/* "unix:<session>/driver" and "unix:<session>/executor-N" into `out`. False: longer than a Unix
 * socket's name may be. `number` 0 is the driver. */
bool session_address(const char *session, unsigned number, char out[128]);

#endif
