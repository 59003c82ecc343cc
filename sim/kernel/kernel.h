/* The kernel of the world: virtual time, one event heap, machines, processes, keyed draws, the
 * trace. One thread. It knows neither Kafka nor files: fakes register with it and are told who
 * died.
 *
 * Order of events: (time, tie, sequence). tie = hash(seed, process, that process' event count) when
 * noise is on, else 0, so a scripted run is first come, first served.
 *
 * A process is one CPU: kernel_hold keeps all its fibers from running until the cost has passed;
 * kernel_wait only the caller. A kill drops the stacks, frees the heap, tells the fakes. None of
 * the victim's code runs again. */
#ifndef SIM_KERNEL_KERNEL_H
#define SIM_KERNEL_KERNEL_H

#include "engine/base/arena.h"
#include "engine/base/process.h"
#include "engine/ports/ports.h"
#include "faults/fault.h"
#include "sim/kernel/trace.h"

struct kernel;

enum sim_process_state { SIM_ALIVE, SIM_PAUSED, SIM_ENDED /* its entry returned */, SIM_DEAD };

struct sim_process {
    struct process
        process; /* first: a struct process * of the simulator is a struct sim_process * */
    struct kernel *kernel;
    struct ports ports;
    uint32_t machine;
    enum sim_process_state state;
    bool partitioned;                    /* cut off from every other machine (network) */
    int64_t heals_us;                    /* when the last of its partitions ends */
    void *owner;                         /* of whoever spawned it (the supervisor) */
    struct sim_process_private *private; /* kernel's own: fibers, busy until, ... */
};

struct kernel_config {
    uint64_t seed;
    bool noise;       /* random latencies and ties */
    int64_t start_us; /* virtual time zero */
    /* Machines that are as quick as a given one; 0: as the table has them (sim/kernel/costs.h). */
    int64_t fsync_us; /* a fsync of nothing */
    int64_t row_ns;   /* a row of work */
};

struct kernel *kernel_new(const struct kernel_config *config);
/* Kills what still lives, then frees everything: afterwards live fibers, heap bytes and blocks are
 * what they were before. */
void kernel_free(struct kernel *kernel);

/* ---- memory: fakes and checks own what they keep through the kernel's owner, freed whole by
 * kernel_free ------------- */

/* Run as the world (not as the simulated caller) until kernel_leave. Never suspend in between. */
struct process *kernel_enter(struct kernel *kernel);
void kernel_leave(struct kernel *kernel, struct process *previous);

/* ---- time and events
 * ---------------------------------------------------------------------------------------------- */

typedef void (*kernel_callback)(void *context, uint64_t argument);

int64_t kernel_now_us(const struct kernel *kernel);
int64_t kernel_start_us(const struct kernel *kernel); /* virtual time zero */
uint64_t kernel_seed(const struct kernel *kernel);
bool kernel_noise(const struct kernel *kernel);

/* Call back at `time_us` (not before now), as the world. */
void kernel_at(struct kernel *kernel,
               int64_t time_us,
               kernel_callback callback,
               void *context,
               uint64_t argument);

/* The same for what a scenario's script has in store: with noise its tie is drawn by `key` and the
 * time alone, so that an event that is not scheduled shifts the tie of no other. */
void kernel_at_keyed(
    struct kernel *kernel, int64_t time_us, uint64_t key, kernel_callback callback, void *context);

/* Run events until `stop(context)` is true after one, the heap is empty, or virtual time would pass
 * `until_us`. */
enum kernel_stop { KERNEL_STOPPED, KERNEL_IDLE, KERNEL_OUT_OF_TIME, KERNEL_VIOLATION };
enum kernel_stop
kernel_run(struct kernel *kernel, bool (*stop)(void *context), void *context, int64_t until_us);
uint64_t kernel_event_count(const struct kernel *kernel);

/* ---- draws: pure functions of (seed, label, actor and incarnation, keys)
 * ------------------------------------------- */

uint64_t kernel_draw(
    const struct kernel *kernel, const char *label, uint64_t actor, uint64_t key1, uint64_t key2);
/* True in `numerator` of `denominator` cases. */
bool kernel_chance(const struct kernel *kernel,
                   const char *label,
                   uint64_t actor,
                   uint64_t key1,
                   uint64_t key2,
                   uint32_t numerator,
                   uint32_t denominator);

/* Who draws: hash of name and incarnation, so that it does not shift when others come or go. NULL:
 * the world. */
uint64_t kernel_actor(const struct sim_process *process);

/* ---- machines
 * ------------------------------------------------------------------------------------------------------
 */

uint32_t kernel_machine_add(struct kernel *kernel, const char *name);
const char *kernel_machine_name(const struct kernel *kernel, uint32_t machine);

enum machine_fate { MACHINE_CRASHED, MACHINE_LOST };
/* Kill every process on it, tell the fakes; it is up again at once (the supervisor decides when
 * processes start). */
void kernel_machine_down(struct kernel *kernel,
                         uint32_t machine,
                         enum machine_fate fate,
                         enum unsynced unsynced);

/* A process reads its machine's clock, which may be off (only with noise). Ports whose deadlines
 * are on that clock convert them with kernel_time_of before they wait. INT64_MAX stays INT64_MAX.
 */
int64_t kernel_clock_us(const struct sim_process *process);
int64_t kernel_time_of(const struct sim_process *process, int64_t clock_us);

/* ---- processes
 * ------------------------------------------------------------------------------------------------------
 */

struct sim_process_config {
    enum process_role role;
    const char *name;
    uint32_t machine;
    uint32_t incarnation;
    fiber_entry
        entry; /* runs on the first fiber, as the process; when it returns the process has ended */
    void *argument;
    void *owner;
    void (*ended)(void *owner,
                  struct sim_process *process); /* as the world, once, on end and on death */
    /* Fill in the ports (network, disk, objects, broker: the fakes'; the kernel has set clock,
     * fibers, random, trace). */
    void (*connect)(void *owner, struct sim_process *process);
};

/* The struct stays readable (state, owner, name) until kernel_free, also after its death. */
struct sim_process *kernel_spawn(struct kernel *kernel, const struct sim_process_config *config);
/* At once. When the victim is running this, does not return; but inside an injector's action it
 * does, and the victim's code ends when the action is over; and in a stretch on the thread's stack
 * it does, and the victim's code ends behind it. */
void kernel_kill(struct kernel *kernel, struct sim_process *process);
/* The running one stops at its next suspension point, which is here when it is the caller (inside
 * an injector's action: when the action is over; in a stretch on the thread's stack: behind it).
 * Timers and messages wait until the resumption. */
void kernel_pause(struct kernel *kernel, struct sim_process *process);
void kernel_resume(struct kernel *kernel, struct sim_process *process);
struct sim_process *kernel_process(struct kernel *kernel, uint32_t id); /* NULL when gone */
/* Who waits for what, for people: each process that lives, whether it is paused or cut off, and the
 * storage operations it is in. Of the world's memory: call as the world. */
void kernel_describe_waits(struct kernel *kernel, struct buf *out);
/* Live counters of a process' kind after a kill must be zero: heap bytes, blocks, fibers. */
bool kernel_process_clean(const struct sim_process *process);

/* ---- for fakes, inside a port call of a simulated process
 * ------------------------------------------------------------ */

struct sim_process *
kernel_current(struct kernel *kernel); /* whose code runs; never NULL in a port call */
void kernel_hold(struct kernel *kernel,
                 int64_t cost_us); /* the whole process is busy; may not return (killed) */
/* A stretch of the caller on the thread's own stack (fiber.h), from which nothing suspends: there
 * kernel_hold only adds up, and the next hold, wait or park behind it takes that time first. */
bool kernel_in_stretch(const struct kernel *kernel);
/* The caller died in this stretch, whose code still runs: for it every call fails, changes nothing,
 * costs nothing and leaves no trace. */
bool kernel_caller_gone(const struct kernel *kernel);
void kernel_wait(struct kernel *kernel, int64_t cost_us); /* this fiber only */
/* As fibers_park / fibers_wake, in virtual time of the kernel (not of the machine's clock). */
bool kernel_park(struct kernel *kernel, int64_t deadline_us);
void kernel_wake(struct kernel *kernel, struct fiber *fiber, struct sim_process *process);

/* ---- the sweep over port calls: kill a process at its n-th call --------------------------------
 */

struct kernel_sweep {
    const char *process;    /* its name, borrowed; NULL: no sweep */
    uint64_t call;          /* 1-based; 0: only count */
    uint64_t second;        /* once more, so many calls later; 0: not again */
    bool machine;           /* not the process alone dies: its machine crashes */
    enum unsynced unsynced; /* what becomes of the machine's unsynced operations */
};

/* Count the port calls of the process named so, over all its incarnations; kill it at number
 * `call`, before the call has any effect. */
void kernel_sweep(struct kernel *kernel, const struct kernel_sweep *sweep);
uint64_t kernel_sweep_count(const struct kernel *kernel);
/* A port call begins: hold, wait, park and operations say so themselves, fakes for what never
 * suspends. May not return; in a stretch it does, see kernel_caller_gone. */
void kernel_port_call(struct kernel *kernel);

/* ---- storage operations
 * -------------------------------------------------------------------------- */

/* What a fault does to an operation that is about to happen. */
struct operation_fault {
    enum { OPERATION_OK, OPERATION_FAILS, OPERATION_LOSES_REPLY } effect;
    enum status status; /* OPERATION_FAILS */
    bool applied;       /* OPERATION_LOSES_REPLY */
    int64_t late_us;    /* ... so long after it was sent; 0: at its time */
    int64_t delay_us;   /* added to the cost */
};

/* Every storage operation of a simulated process passes here, before and after it happens: traced
 * when `durable`, counted, the place where scripted faults meet it. Call it outside kernel_enter. A
 * crash does not return; a pause suspends.
 * * port  "disk" or "objects"; operation as in struct anchor; path or key */
struct operation_fault kernel_operation_before(struct kernel *kernel,
                                               const char *port,
                                               const char *operation,
                                               const char *path);
void kernel_operation_after(struct kernel *kernel,
                            const char *port,
                            const char *operation,
                            const char *path);

/* ---- those who must be told
 * -------------------------------------------------------------------------------------------- */

struct kernel_fake {
    void *self;
    void (*process_gone)(void *self, struct sim_process *process); /* dead or ended */
    void (*machine_gone)(void *self,
                         uint32_t machine,
                         enum machine_fate fate,
                         enum unsynced unsynced);
};
void kernel_add_fake(struct kernel *kernel, const struct kernel_fake *fake);

/* Every trace event, in order, as it happens; as the world. Observers draw nothing and change
 * nothing. */
typedef void (*kernel_observer)(void *context, const struct trace_record *record);
void kernel_observe(struct kernel *kernel, kernel_observer observer, void *context);
/* The same, but called as the owner of the kernel (whoever called kernel_new): what the observer
 * allocates outlives the world. For timelines and traces. */
void kernel_observe_outside(struct kernel *kernel, kernel_observer observer, void *context);

/* Who decides about failure points and operations: the injector (sim/kernel/injector). */
struct kernel_injector {
    void *self;
    /* Yes or no, nothing else: called from libfiu's callback. */
    bool (*point_due)(void *self,
                      const struct sim_process *process,
                      enum failpoint point,
                      int64_t batch);
    /* Act; may kill or pause the caller. */
    void (*point_fired)(void *self,
                        struct sim_process *process,
                        enum failpoint point,
                        int64_t batch);
    struct operation_fault (*operation)(void *self,
                                        struct sim_process *process,
                                        const char *port,
                                        const char *operation,
                                        const char *path,
                                        bool after);
};
void kernel_set_injector(struct kernel *kernel, const struct kernel_injector *injector);

/* A broken invariant of the engine (require) or of a check: recorded, the run ends with
 * KERNEL_VIOLATION. First wins. */
struct violation {
    bool set;
    char check[48]; /* "assertion", or the check's name */
    char evidence[1024];
    int64_t time_us;
    uint64_t event; /* index in the trace */
};
void kernel_violate(struct kernel *kernel, const char *check, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const struct violation *kernel_violation(const struct kernel *kernel);

/* ---- trace
 * ---------------------------------------------------------------------------------------------------------------
 */

/* Record an event of the world, or of `process`. */
void kernel_trace(struct kernel *kernel,
                  const struct sim_process *process,
                  const struct trace_entry *entry);
struct trace *kernel_trace_log(struct kernel *kernel);

/* Enable every failure point of this operating-system process, once, after any fork; the answers
 * come from the kernel that runs. */
void kernel_enable_failpoints(void);

#endif
