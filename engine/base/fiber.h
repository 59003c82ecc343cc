/* Stackful fibers: plain blocking C below both worlds. One operating-system thread; a fiber runs
 * until it yields. The scheduler (the simulator's event heap, or the real poll loop) resumes; the
 * code inside never does. Switches are made in registers (x86-64, aarch64; ucontext elsewhere) and
 * announced to ASan.
 *
 * A dropped fiber's stack is forgotten: none of its code runs again, as in a crash. */
#ifndef ENGINE_FIBER_H
#define ENGINE_FIBER_H

#include <stdbool.h>
#include <stddef.h>

struct fiber;

typedef void (*fiber_entry)(void *argument);

/* A new fiber that will run `entry(argument)` at its first resume. Stacks are pooled, guarded
 * below. The fiber itself belongs to the pool, not to any process' heap. */
struct fiber *fiber_new(fiber_entry entry, void *argument);

/* Run `fiber` until it yields or ends. Called on the thread's own stack only. */
void fiber_resume(struct fiber *fiber);

/* Leave the running fiber; returns when somebody resumes it. */
void fiber_yield(void);

/* Has `entry` returned? */
bool fiber_ended(const struct fiber *fiber);

/* Give an ended or suspended fiber's stack back to the pool. Never the running one. */
void fiber_drop(struct fiber *fiber);

/* The running fiber, or NULL on the thread's own stack. */
struct fiber *fiber_current(void);

/* Call `function(argument)` on the thread's own, deep stack and return. For libraries that may go
 * deep (jansson, snappy, LZ4, RocksDB). Inside, nothing may suspend. On the thread's stack: a plain
 * call. */
void fiber_on_thread_stack(void (*function)(void *argument), void *argument);

/* Inside fiber_on_thread_stack: the fiber that called it never goes on. When the call is over
 * fiber_resume returns, as after fiber_abandon; until then its code runs, whose frames a library
 * may need on the way out. */
void fiber_abandon_after_stretch(void);

/* Leave the running fiber for good, also out of fiber_on_thread_stack: fiber_resume returns, and
 * all that is left to do with the fiber is to drop it. How a killed process lets go. */
__attribute__((noreturn)) void fiber_abandon(void);

/* Fibers that hold a stack now, and the most bytes that any stack has used (tests look at both; the
 * second walks all stacks). */
size_t fiber_live_count(void);
size_t fiber_stack_high_water(void);

/* Usable bytes of a stack: 64 KiB, more where frames are larger (ASan, no optimisation). */
size_t fiber_stack_size(void);

/* Unmap pooled stacks (leak checks at exit). */
void fiber_pool_free(void);

#endif
