/* The ports over the real world, one constructor and one destructor each: calls and error codes, no
 * policy. Memory of the current process. Used by real_process.c, and the disk by tools that read.
 */
#ifndef ENGINE_REAL_REAL_PORTS_H
#define ENGINE_REAL_REAL_PORTS_H

#include "engine/base/diag.h"
#include "engine/ports/ports.h"
#include "engine/real/loop.h"
#include "engine/real/real_process.h"

/* POSIX files. `root` stands before every path, or is NULL. */
struct real_disk *real_disk_new(const char *root);
void real_disk_free(struct real_disk *disk);
struct disk_port real_disk_port(struct real_disk *disk);

/* A directory, which is there, as an object store; link(2) as put-if-absent. */
struct real_objects *real_objects_new(const char *directory, const struct random_port *random);
void real_objects_free(struct real_objects *objects);
struct objects_port real_objects_port(struct real_objects *objects);

/* Unix sockets ("unix:/path") and TCP ("host:port"), length-prefixed frames. */
struct real_network *real_network_new(struct loop *loop);
void real_network_free(struct real_network *network);
struct network_port real_network_port(struct real_network *network);

/* librdkafka, manual assignment. */
struct real_broker *real_broker_new(struct loop *loop);
void real_broker_free(struct real_broker *broker);
struct broker_port real_broker_port(struct real_broker *broker);

/* Keyed draws from a seed that the system gave at birth. */
struct real_random *real_random_new(void);
void real_random_free(struct real_random *random);
struct random_port real_random_port(struct real_random *random);

/* One JSON line an event, as --trace of the simulator writes it, when a file is given; and whoever
 * wants to be told is told. ERR_FAILED with `diag`: the file cannot be opened. */
MUST_CHECK enum status
real_trace_new(const struct real_config *config, struct real_trace **trace, struct diag *diag);
void real_trace_free(struct real_trace *trace);
struct trace_port real_trace_port(struct real_trace *trace);

#endif
