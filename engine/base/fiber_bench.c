/* What a switch costs, against swapcontext, in one program on one machine. Prints two times and
 * their ratio; the ratio is the gate (at most a tenth). A round is two switches: there and back. */
#include "engine/base/fiber.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <ucontext.h>

enum { FIBER_ROUNDS = 5000000, CONTEXT_ROUNDS = 300000, STACK_SIZE = 64 * 1024 };

static ucontext_t main_context;
static ucontext_t other_context;

static int64_t now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        exit(5);
    }
    return (int64_t)now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void yield_for_ever(void *argument)
{
    (void)argument;
    for (;;) {
        fiber_yield();
    }
}

static int64_t fiber_switch_ps(void)
{
    struct fiber *fiber = fiber_new(yield_for_ever, NULL);
    fiber_resume(fiber);
    int64_t start = now_ns();
    for (int i = 0; i < FIBER_ROUNDS; i++) {
        fiber_resume(fiber);
    }
    int64_t spent = now_ns() - start;
    fiber_drop(fiber);
    return spent * 1000 / (2 * FIBER_ROUNDS);
}

static void swap_for_ever(void)
{
    for (;;) {
        (void)swapcontext(&other_context, &main_context);
    }
}

static int64_t swapcontext_ps(void)
{
    static char stack[STACK_SIZE];
    (void)getcontext(&other_context);
    other_context.uc_stack.ss_sp = stack;
    other_context.uc_stack.ss_size = sizeof stack;
    makecontext(&other_context, swap_for_ever, 0);
    (void)swapcontext(&main_context, &other_context);
    int64_t start = now_ns();
    for (int i = 0; i < CONTEXT_ROUNDS; i++) {
        (void)swapcontext(&main_context, &other_context);
    }
    return (now_ns() - start) * 1000 / (2 * CONTEXT_ROUNDS);
}

int main(void)
{
    int64_t ours = fiber_switch_ps();
    int64_t theirs = swapcontext_ps();
    int64_t ratio = ours > 0 ? theirs * 10 / ours : 0;
    (void)printf("fiber switch: %" PRId64 ".%" PRId64 " ns\n", ours / 1000, ours / 100 % 10);
    (void)printf("swapcontext: %" PRId64 ".%" PRId64 " ns\n", theirs / 1000, theirs / 100 % 10);
    (void)printf("ratio: %" PRId64 ".%" PRId64 "\n", ratio / 10, ratio % 10);
    return 0;
}
