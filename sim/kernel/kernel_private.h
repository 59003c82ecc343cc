/* What the files of the kernel share. Nobody outside sim/kernel includes it.
 *
 * Whose stack runs: `running` is NULL on the thread's own stack (the event loop and its callbacks);
 * else its fiber runs, perhaps as the world between kernel_enter and kernel_leave. Memory of
 * processes and fibers stays valid until kernel_free, so an event may point at a dead one; a wait
 * serial or the process' state tells that it is stale. */
#ifndef SIM_KERNEL_KERNEL_PRIVATE_H
#define SIM_KERNEL_KERNEL_PRIVATE_H

#include <setjmp.h>

#include "sim/kernel/costs.h"
#include "sim/kernel/event_heap.h"
#include "sim/kernel/kernel.h"

enum { FAKES_MAX = 16, OBSERVERS_MAX = 16 };

enum wait_kind {
    WAIT_NONE, /* running */
    WAIT_READY,
    WAIT_HOLD, /* the whole process is busy */
    WAIT_TIME, /* only a time ends it */
    WAIT_PARK  /* a wake or a time */
};

struct sim_fiber {
    struct fiber *fiber;
    struct sim_process *process;
    struct sim_fiber *next; /* of the process' fibers, or of the kernel's spare ones */
    struct sim_fiber *next_ready;
    fiber_entry entry;
    void *argument;
    uint64_t serial; /* of the wait: unique in the kernel; a timer with another one is stale */
    enum wait_kind waiting;
    const char *operation; /* of storage, on its way: its caller's texts; NULL: none */
    const char *path;
    bool main;
    bool token; /* woken while it did not park: the next park returns at once */
    bool woken; /* how the last park ended */
};

struct sim_process_private {
    struct sim_fiber *fibers;
    size_t fiber_count;
    struct sim_fiber *ready_first;
    struct sim_fiber *ready_last;
    struct sim_fiber *holder; /* holds the CPU; nobody else of the process runs */
    bool hold_over;           /* ... and is only kept by a pause */
    bool scheduled;           /* an event that runs it is on the heap */
    bool fakes_told;
    int64_t owed_us; /* what calls on the thread's stack cost; paid before the next suspension */
    bool freezes;    /* paused on the thread's stack: stays at the next suspension point */
    uint64_t actor;
    uint64_t tie_count;
    uint64_t cost_counts[COST_COUNT];
    int64_t spend_carry_ns;
    void (*ended)(void *owner, struct sim_process *process);
};

struct machine {
    const char *name;
    int64_t skew_us; /* its clock minus virtual time */
};

struct kernel {
    struct process world; /* first: owner of everything that belongs to no process */
    struct kernel_config config;
    int64_t now_us;
    struct event_heap events;
    uint64_t event_sequence;
    uint64_t event_count;
    uint64_t same_time_count; /* events since virtual time last moved */
    uint64_t same_time_calls; /* port calls since then */
    uint64_t wait_serial;
    uint64_t world_tie_count;
    uint64_t world_cost_counts[COST_COUNT];

    struct sim_process *running;
    struct sim_fiber *running_fiber;
    unsigned hook_depth; /* inside an injector's action: kills and pauses of the caller wait */
    struct sim_fiber *spare_fibers;

    struct sim_process **processes; /* by id - 1 */
    uint32_t process_count;
    uint32_t process_capacity;
    struct machine *machines;
    uint32_t machine_count;

    struct kernel_fake fakes[FAKES_MAX];
    size_t fake_count;
    struct {
        kernel_observer observer;
        void *context;
        bool outside;
    } observers[OBSERVERS_MAX];
    struct process *creator; /* who called kernel_new */
    size_t observer_count;
    struct kernel_injector injector;
    bool has_injector;

    struct kernel_sweep sweep;
    uint64_t sweep_count;

    struct trace *trace;
    struct buf scratch; /* texts of trace events */
    struct violation violation;
    bool in_run;
    jmp_buf escape; /* an assertion of the world on the thread's own stack */
};

/* ---- kernel.c */
void kernel_push(struct kernel *kernel,
                 const struct sim_process *by,
                 int64_t time_us,
                 kernel_callback callback,
                 void *context,
                 uint64_t argument);
int64_t time_add(int64_t time_us, int64_t duration_us); /* stays at INT64_MAX */
void kernel_tell_gone(struct kernel *kernel, struct sim_process *process);

/* ---- schedule.c */
struct sim_fiber *
process_fiber_new(struct sim_process *process, fiber_entry entry, void *argument, bool is_main);
void process_schedule(struct sim_process *process);
void process_fibers_drop(struct sim_process *process);
bool event_stale(const struct event *event);
/* Stand still until resumed; the running process only. */
void running_freeze(struct kernel *kernel);
/* Let the fibers of the running process that are ready run first. */
void running_give_way(struct kernel *kernel);

/* ---- sim_process.c */
void process_main_ended(struct sim_process *process);
void process_bury(struct sim_process *process);

/* ---- operations.c */
/* After an action: does the caller still live, and does it run? May not return; may suspend. */
void running_check(struct kernel *kernel);
void process_point_fired(struct process *self);

/* ---- panic.c */
void process_panic(
    struct process *self, const char *file, int line, const char *function, const char *text);
void world_panic(
    struct process *self, const char *file, int line, const char *function, const char *text);

/* ---- costs.c */
/* What computing costs; parts of a microsecond are kept for the next time. */
int64_t kernel_spend_us(struct sim_process *process, int64_t rows, int64_t bytes);

/* ---- kernel_ports.c */
void process_ports(struct sim_process *process);

#endif
