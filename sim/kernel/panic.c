/* Broken invariants: of a simulated process, of the world, or found by a check. The first one is
 * kept and ends the run; the program goes on. A backtrace differs from build to build, so it stands
 * in the evidence and never in the trace. */
#include <execinfo.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/kernel/kernel_private.h"

enum { FRAMES_MAX = 24, FRAMES_OURS = 3 /* append_backtrace, record_assertion, the hook */ };

static const struct violation *claim(struct kernel *kernel, const char *check)
{
    struct violation *violation = &kernel->violation;
    if (violation->set) {
        return NULL;
    }
    violation->set = true;
    violation->time_us = kernel->now_us;
    violation->event = trace_count(kernel->trace);
    (void)snprintf(violation->check, sizeof violation->check, "%s", check);
    return violation;
}

void kernel_violate(struct kernel *kernel, const char *check, const char *format, ...)
{
    if (claim(kernel, check) == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(
        kernel->violation.evidence, sizeof kernel->violation.evidence, format, arguments);
    va_end(arguments);
}

const struct violation *kernel_violation(const struct kernel *kernel)
{
    return &kernel->violation;
}

/* "path(name+0x1f) [0x5581...]" -> "name+0x1f": neither folders nor addresses of this machine. */
static void append_frame(char *out, size_t size, const char *symbol)
{
    const char *open = strchr(symbol, '(');
    const char *close = open == NULL ? NULL : strchr(open, ')');
    size_t used = strlen(out);
    if (close == NULL || used + 8 >= size) {
        return;
    }
    (void)snprintf(out + used, size - used, " <- %.*s", (int)(close - open - 1), open + 1);
}

static void append_backtrace(char *out, size_t size)
{
    void *frames[FRAMES_MAX];
    int count = backtrace(frames, FRAMES_MAX);
    char **symbols = backtrace_symbols(frames, count);
    if (symbols == NULL) {
        return;
    }
    for (int i = FRAMES_OURS; i < count; i++) {
        append_frame(out, size, symbols[i]);
    }
    free(symbols);
}

struct assertion {
    const char *file;
    int line;
    const char *function;
    const char *text;
};

static void
record_assertion(struct kernel *kernel, const char *who, const struct assertion *assertion)
{
    if (claim(kernel, "assertion") == NULL) {
        return;
    }
    struct violation *violation = &kernel->violation;
    (void)snprintf(violation->evidence,
                   sizeof violation->evidence,
                   "%s:%d: %s: require(%s) failed in %s at %" PRId64 " us;",
                   assertion->file,
                   assertion->line,
                   assertion->function,
                   assertion->text,
                   who,
                   kernel->now_us - kernel->config.start_us);
    append_backtrace(violation->evidence, sizeof violation->evidence);
}

/* On the thread's stack a library may be in the middle of something, with its locks taken: to close
 * it now could wait for ever. The run is over; what it holds is left as it is. */
static void forget_natives(struct kernel *kernel)
{
    if (kernel_in_stretch(kernel)) {
        kernel->running->process.natives = NULL;
    }
}

void process_panic(
    struct process *self, const char *file, int line, const char *function, const char *text)
{
    struct sim_process *process = (struct sim_process *)self;
    struct kernel *kernel = process->kernel;
    struct assertion assertion = {.file = file, .line = line, .function = function, .text = text};
    record_assertion(kernel, self->name, &assertion);
    process->state = SIM_DEAD; /* buried from the scheduler's stack */
    forget_natives(kernel);
    fiber_abandon();
}

void world_panic(
    struct process *self, const char *file, int line, const char *function, const char *text)
{
    struct kernel *kernel = self->world;
    struct assertion assertion = {.file = file, .line = line, .function = function, .text = text};
    record_assertion(kernel, "the world", &assertion);
    if (kernel->running != NULL) {
        kernel->running->state = SIM_DEAD;
        forget_natives(kernel);
        fiber_abandon();
    }
    if (kernel->in_run) {
        longjmp(kernel->escape, 1);
    }
    (void)fprintf(stderr, "%s\n", kernel->violation.evidence);
    abort();
}
