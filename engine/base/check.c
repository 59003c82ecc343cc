#include "engine/base/check.h"

#include "engine/base/process.h"

void require_failed(const char *file, int line, const char *function, const char *text)
{
    current_process->panic(current_process, file, line, function, text);
    __builtin_trap(); /* a panic hook never returns */
}
