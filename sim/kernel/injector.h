/* Turns the plan of a run (faults/fault.h) into actions: counts passings of failure points and
 * operations, decides which event is due, schedules what hangs on a time, on another event or on
 * the end of a run, and marks what has fired. Storage faults are answered here, in the operation
 * itself; everything else is handed to the supervisor's `act`.
 *
 * Who meets an anchor (a point or an operation): for the target "executor N" only that executor,
 * for "executor" any executor, unless the point is the driver's; for "driver", of the drivers only
 * the first; for everything else whoever passes. Processes are known by name:
 * "driver", "second driver", "executor N". */
#ifndef SIM_KERNEL_INJECTOR_H
#define SIM_KERNEL_INJECTOR_H

#include "faults/fault.h"
#include "sim/kernel/kernel.h"

struct injector;

struct injector_actions {
    void *self;
    /* Is there anything for it to befall? If not, the event has not fired, and the run fails for
     * that. NULL: always. Changes nothing. */
    bool (*possible)(void *self, const struct fault_event *event);
    /* Do it now, as the world. `at` is whoever passed the point or operation, NULL for a time, an
     * event or the end of a run. When the victim is `at` itself, kernel_kill and kernel_pause
     * return here and take hold when this returns. */
    void (*act)(void *self, const struct fault_event *event, size_t index, struct sim_process *at);
};

/* Registers with the kernel and schedules what hangs on a time. `plan` is borrowed until
 * kernel_free. */
struct injector *injector_new(struct kernel *kernel,
                              const struct fault_plan *plan,
                              const struct injector_actions *actions);

/* The driver's start number `run` (1-based) has ended: schedules what hangs on it. */
void injector_run_ended(struct injector *injector, uint32_t run, enum run_end end);

bool injector_all_fired(const struct injector *injector);
/* Has event `index` fired, and when (virtual time)? */
bool injector_fired(const struct injector *injector, size_t index, int64_t *at_us);
/* Will some event still fire by itself (a time, after an event, after a run's end)? The world must
 * not end before. */
bool injector_pending(const struct injector *injector);

/* Does `path` match `pattern`, where '*' stands for any characters, '/' too? NULL matches all. */
bool injector_path_matches(const char *pattern, const char *path);

#endif
