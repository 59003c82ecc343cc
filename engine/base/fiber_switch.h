/* The machine code under fiber.c: save the callee-saved registers, change the stack, restore. In
 * assembly for x86-64 and aarch64; elsewhere (or with FIBER_UCONTEXT defined) by ucontext, which is
 * some twenty times slower because it also switches the signal mask. Knows no fiber, no pool. */
#ifndef ENGINE_FIBER_SWITCH_H
#define ENGINE_FIBER_SWITCH_H

#include <stddef.h>

#if !defined(FIBER_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define FIBER_UCONTEXT 1
#endif

#ifdef FIBER_UCONTEXT
#include <ucontext.h>
struct fiber_context {
    ucontext_t registers;
    char *frame; /* below it the suspended stack is free */
};
#else
struct fiber_context {
    void *sp; /* the saved registers lie above it, free stack below */
};
#endif

/* Make `context` such that the first switch to it calls `entry(argument)` on the given stack.
 * `entry` never returns. */
void fiber_context_make(struct fiber_context *context,
                        void *stack_low,
                        size_t stack_size,
                        void (*entry)(void *argument),
                        void *argument);

/* Save where we are in `from` and go on where `to` was saved. */
void fiber_context_switch(struct fiber_context *from, const struct fiber_context *to);

/* Call `function(argument)` on the free part of the stack of `suspended`, which stays suspended:
 * inside, a switch to it is still possible and abandons the call. */
void fiber_context_call(const struct fiber_context *suspended,
                        void (*function)(void *argument),
                        void *argument);

#endif
