/* A process of the real world: an operating-system process that the engine sees as a struct process
 * with ports over POSIX, sockets and librdkafka. One in each operating-system process. Commands of
 * engine/cli and tests make one, run their code on its first fiber, and free it.
 *
 *     TRY(real_process_new(&config, &process, diag));
 *     real_process_run(process, entry, argument);     entry runs as a fiber, on process' ports
 *     real_process_free(process);
 */
#ifndef ENGINE_REAL_REAL_PROCESS_H
#define ENGINE_REAL_REAL_PROCESS_H

#include "engine/base/diag.h"
#include "engine/base/process.h"
#include "engine/ports/ports.h"
#include "engine/real/loop.h"

struct real_config {
    enum process_role role; /* not ROLE_HOST */
    const char *name;       /* "driver", "executor 1"; borrowed while the process lives */
    uint32_t incarnation;
    const char *root;       /* stands before every path of the disk port; NULL or "": nothing */
    const char *objects;    /* the directory that is the object store; NULL: none */
    const char *trace_file; /* JSON lines, appended; NULL: off */
    /* NULL, or told of each trace event of this process, for people. Must not suspend. */
    void (*told)(void *context, const struct trace_entry *entry);
    void *told_context;
};

struct real_disk;
struct real_objects;
struct real_network;
struct real_broker;
struct real_random;
struct real_trace;

struct real_process {
    struct process process; /* first: current_process may be cast to it */
    struct ports ports;
    struct loop *loop;
    struct real_config config;
    struct real_disk *disk;
    struct real_objects *objects;
    struct real_network *network;
    struct real_broker *broker;
    struct real_random *random;
    struct real_trace *trace;
};

/* Becomes current_process. Errors: ERR_FAILED with `diag`: the trace file cannot be written. */
MUST_CHECK enum status
real_process_new(const struct real_config *config, struct real_process **made, struct diag *diag);

/* Run `entry(argument)` on a fiber until it returns; other fibers are dropped by free. */
void real_process_run(struct real_process *process, fiber_entry entry, void *argument);

/* Closes what the ports hold; process_host is current again. */
void real_process_free(struct real_process *process);

#endif
