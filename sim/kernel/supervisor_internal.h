/* What supervisor.c and supervisor_faults.c share; nobody else includes it. */
#ifndef SIM_KERNEL_SUPERVISOR_INTERNAL_H
#define SIM_KERNEL_SUPERVISOR_INTERNAL_H

#include "sim/kernel/supervisor.h"

struct driver_slot {
    struct supervisor *supervisor; /* first: connect_process finds it here */
    const char *name;
    const char *address;
    const struct option_override *overrides;
    uint32_t machine;
    uint32_t incarnation;        /* of the next start */
    struct sim_process *process; /* NULL: down */
    struct supervised_run *run;
    bool stop_requested;
    bool restart_pending;
    uint32_t crashes_in_row;
    enum driver_end end;
    struct diag diag;
};

struct executor_slot {
    struct supervisor *supervisor; /* first: connect_process finds it here */
    struct driver_slot *driver;
    char name[32];
    char local[48]; /* its folder on its machine's own disk */
    uint32_t machine;
    uint32_t incarnation;
    struct sim_process *process;
    bool restart_pending;
    uint64_t restart_number;
};

struct supervisor {
    struct supervisor_world world;
    struct injector *injector;
    struct driver_slot drivers[2];
    struct executor_slot *executors;
    size_t executor_count;
    struct supervised_run runs[SUPERVISED_RUNS_MAX];
    size_t run_count;
    uint32_t executor_losses;
    uint32_t conditions; /* pauses, partitions, broken brokers that will end by themselves */
    bool gave_up;
};

void supervisor_driver_start(struct driver_slot *slot);

#endif
