#include "engine/base/failpoint.h"

#include <fiu.h>

#include "engine/base/check.h"

#define FIU_PREFIX_ROLE_DRIVER   "driver/"
#define FIU_PREFIX_ROLE_EXECUTOR "executor/"

static const struct failpoint_info infos[FAILPOINT_COUNT] = {
#define X(id, point_name, point_role, point_where)                                                 \
    [id] = {.name = (point_name),                                                                  \
            .fiu_name = FIU_PREFIX_##point_role point_name,                                        \
            .role = (point_role),                                                                  \
            .where = (point_where)},
    FAILPOINT_TABLE(X)
#undef X
};

const struct failpoint_info *failpoint_info(enum failpoint point)
{
    require(point < FAILPOINT_COUNT);
    return &infos[point];
}

void failpoint(enum failpoint point, int64_t batch)
{
    const struct failpoint_info *info = failpoint_info(point);
    struct process *process = current_process;
    process->failpoint_id = (int)point;
    process->failpoint_batch = batch;
    /* The callback behind fiu_fail only answers yes or no; the fault acts out here, after libfiu
     * has left its lock: a crash inside would silently end all injection. */
    int fires = fiu_fail(info->fiu_name);
    if (fires != 0) {
        process->failpoint_fired(process);
    }
    process->failpoint_id = -1;
    process->failpoint_batch = -1;
}
