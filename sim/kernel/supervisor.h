/* The supervisor: what Kubernetes, systemd or YARN is to a real query. Starts the driver and its
 * executors, starts crashed ones again after a delay, gives up on a crash loop; carries out the
 * faults that hit processes, machines and brokers. It restarts crashes only: a query that ended
 * with an error waits for an operator (a "start" in the script), as Spark's does. */
#ifndef SIM_KERNEL_SUPERVISOR_H
#define SIM_KERNEL_SUPERVISOR_H

#include "engine/driver/driver.h"
#include "scenarios/loader/scenario.h"
#include "sim/fakes/broker.h"
#include "sim/fakes/network.h"
#include "sim/fakes/storage.h"
#include "sim/kernel/injector.h"
#include "sim/kernel/kernel.h"

/* How one driver start went; filled in while it lives. */
struct supervised_run {
    uint32_t number;    /* 1-based, over both drivers, in start order */
    bool second;        /* the second driver */
    int64_t started_us; /* kernel time */
    int64_t ended_us;
    bool ended;
    enum run_end ends;
    struct diag error; /* RUN_ERROR, RUN_LOSER */
    uint32_t process;  /* id in the kernel */
};

enum { SUPERVISED_RUNS_MAX = 64 };

struct supervisor_world {
    struct kernel *kernel;
    const struct scenario *scenario;
    struct fake_storage *storage;
    struct fake_broker *broker;
    struct fake_network *network;
    /* As the world, when a run has ended; may be NULL. */
    void (*run_ended)(void *context, const struct supervised_run *run);
    void *context;
    /* As struct driver_config has it, of every driver; called as the driver: what it allocates
     * dies with it. */
    void (*progress)(void *context, struct bytes line);
    void *progress_context;
};

struct supervisor;

/* Machines for the driver and each executor; nothing runs yet. Memory of the kernel's owner. */
struct supervisor *supervisor_new(const struct supervisor_world *world);

/* The injector asks it to act; set before supervisor_start. */
void supervisor_set_injector(struct supervisor *supervisor, struct injector *injector);
struct injector_actions supervisor_actions(struct supervisor *supervisor);

/* Start the executors and the driver, now. */
void supervisor_start(struct supervisor *supervisor);

const struct supervised_run *supervisor_runs(const struct supervisor *supervisor, size_t *count);
/* Is a driver alive (paused counts)? */
bool supervisor_driver_alive(const struct supervisor *supervisor);
/* Will something happen by itself: a restart is due, a pause or a partition will end? */
bool supervisor_pending(const struct supervisor *supervisor);
bool supervisor_gave_up(const struct supervisor *supervisor);
/* An executor process died (of a fault, not of old age): how often. */
uint32_t supervisor_executor_losses(const struct supervisor *supervisor);

#endif
