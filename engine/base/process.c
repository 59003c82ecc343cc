#include "engine/base/process.h"

static void
host_panic(struct process *self, const char *file, int line, const char *function, const char *text)
{
    (void)self;
    (void)file;
    (void)line;
    (void)function;
    (void)text;
    __builtin_trap(); /* no doors to speak through; a tool installs a hook that does */
}

struct process process_host = {
    .role = ROLE_HOST,
    .name = "host",
    .panic = host_panic,
    .failpoint_id = -1,
    .failpoint_batch = -1,
};

struct process *current_process = &process_host;
