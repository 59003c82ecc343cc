/* Fibers on pooled stacks. A stack is one mapping: a guard page, the stack, and at its top the
 * struct fiber itself, so a fiber costs no other allocation. Fresh pages are zero, so the deepest
 * word that is not zero tells how deep a stack has ever been used; nothing is painted.
 *
 * This file and fiber_switch.c are the only ones in engine/base that speak to the kernel (mmap). */
/* MAP_ANONYMOUS. NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming) */
#define _DEFAULT_SOURCE 1

#include "engine/base/fiber.h"

#include <stdint.h>

#include <sys/mman.h>

#include "engine/base/check.h"
#include "engine/base/fiber_switch.h"

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define LEAVE(save, low, size)   __sanitizer_start_switch_fiber((save), (low), (size))
#define ARRIVE(saved, low, size) __sanitizer_finish_switch_fiber((saved), (low), (size))
#define UNPOISON(low, size)      __asan_unpoison_memory_region((low), (size))
#define FORGET_FRAMES()          __asan_handle_no_return()
#else
#define LEAVE(save, low, size)   ((void)(save), (void)(low), (void)(size))
#define ARRIVE(saved, low, size) ((void)(saved), (void)(low), (void)(size))
#define UNPOISON(low, size)      ((void)(low), (void)(size))
#define FORGET_FRAMES()          ((void)0)
#endif

#if defined(FIBER_ASAN) || !defined(__OPTIMIZE__)
enum { STACK_SIZE = 256 * 1024 };
#else
enum { STACK_SIZE = 64 * 1024 };
#endif
enum {
    GUARD_SIZE = 4096,
    HEADER_SIZE = 4096,
    MAPPING_SIZE = GUARD_SIZE + STACK_SIZE + HEADER_SIZE
};

enum fiber_state { FIBER_POOLED, FIBER_SUSPENDED, FIBER_RUNNING, FIBER_ENDED, FIBER_ABANDONED };

struct fiber {
    struct fiber_context context;
    enum fiber_state state;
    bool dying; /* ASan only: resumed just to give its shadow memory back */
    fiber_entry entry;
    void *argument;
    void *fake_stack; /* ASan's, while suspended */
    char *mapping;
    struct fiber *next_mapped;
    struct fiber *next_pooled;
};

_Static_assert(sizeof(struct fiber) <= HEADER_SIZE, "the fiber fits above its stack");

/* One operating-system thread runs all fibers of a program, so this stands once. */
static struct {
    struct fiber *current; /* NULL on the thread's own stack */
    struct fiber *lender;  /* the fiber that waits in fiber_on_thread_stack */
    bool lender_doomed;    /* ... and never goes on behind it */
    struct fiber *mapped;  /* every stack */
    struct fiber *pool;    /* those without a fiber */
    size_t live;
    size_t high_water; /* of stacks that were unmapped */
    struct fiber_context thread;
    void *thread_fake_stack; /* ASan's view of the thread's stack */
    const void *thread_low;
    size_t thread_size;
} fibers;

static char *stack_low(const struct fiber *fiber)
{
    return fiber->mapping + GUARD_SIZE;
}

static struct fiber *map_stack(void)
{
    char *mapping = mmap(NULL,
                         MAPPING_SIZE,
                         PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                         -1,
                         0);
    require(mapping != MAP_FAILED);
    int guarded = mprotect(mapping, GUARD_SIZE, PROT_NONE);
    require(guarded == 0);
    struct fiber *fiber = (struct fiber *)(void *)(mapping + GUARD_SIZE + STACK_SIZE);
    fiber->mapping = mapping;
    fiber->next_mapped = fibers.mapped;
    fibers.mapped = fiber;
    return fiber;
}

static void leave_for_thread(struct fiber *self, void **fake_stack)
{
    fibers.current = NULL;
    LEAVE(fake_stack, fibers.thread_low, fibers.thread_size);
    fiber_context_switch(&self->context, &fibers.thread);
}

static void run(void *argument)
{
    struct fiber *self = argument;
    ARRIVE(NULL, &fibers.thread_low, &fibers.thread_size);
    self->entry(self->argument);
    self->state = FIBER_ENDED;
    leave_for_thread(self, NULL);
    __builtin_trap(); /* an ended fiber is never resumed */
}

struct fiber *fiber_new(fiber_entry entry, void *argument)
{
    require(entry != NULL);
    struct fiber *fiber = fibers.pool;
    if (fiber != NULL) {
        fibers.pool = fiber->next_pooled;
    } else {
        fiber = map_stack();
    }
    require(fiber->state == FIBER_POOLED);
    fiber->state = FIBER_SUSPENDED;
    fiber->dying = false;
    fiber->entry = entry;
    fiber->argument = argument;
    fiber->fake_stack = NULL;
    fiber->next_pooled = NULL;
    fiber_context_make(&fiber->context, stack_low(fiber), STACK_SIZE, run, fiber);
    fibers.live++;
    return fiber;
}

void fiber_resume(struct fiber *fiber)
{
    require(fibers.current == NULL);
    require(fibers.lender == NULL);
    require(fiber->state == FIBER_SUSPENDED);
    fiber->state = FIBER_RUNNING;
    fibers.current = fiber;
    LEAVE(&fibers.thread_fake_stack, stack_low(fiber), (size_t)STACK_SIZE);
    fiber_context_switch(&fibers.thread, &fiber->context);
    ARRIVE(fibers.thread_fake_stack, NULL, NULL);
}

void fiber_yield(void)
{
    struct fiber *self = fibers.current;
    require(self != NULL);
    self->state = FIBER_SUSPENDED;
    leave_for_thread(self, &self->fake_stack);
    ARRIVE(self->fake_stack, &fibers.thread_low, &fibers.thread_size);
    if (self->dying) {
        fiber_abandon();
    }
}

__attribute__((noreturn)) void fiber_abandon(void)
{
    struct fiber *self = fibers.current;
    if (self == NULL) {
        /* Out of a call on the thread's stack, whose frames are forgotten too. */
        self = fibers.lender;
        require(self != NULL);
        FORGET_FRAMES();
        fibers.lender = NULL;
        fibers.lender_doomed = false;
        self->state = FIBER_ABANDONED;
        LEAVE(&fibers.thread_fake_stack, fibers.thread_low, fibers.thread_size);
        fiber_context_switch(&self->context, &fibers.thread);
    }
    self->state = FIBER_ABANDONED;
    leave_for_thread(self, NULL);
    __builtin_trap(); /* nobody resumes it */
}

bool fiber_ended(const struct fiber *fiber)
{
    return fiber->state == FIBER_ENDED;
}

void fiber_drop(struct fiber *fiber)
{
    require(fiber->state == FIBER_SUSPENDED || fiber->state == FIBER_ENDED ||
            fiber->state == FIBER_ABANDONED);
    bool from_thread = fibers.current == NULL && fibers.lender == NULL;
    if (fiber->state == FIBER_SUSPENDED && fiber->fake_stack != NULL && from_thread) {
        /* Only the fiber itself can hand ASan's fake stack back; none of its own code runs. */
        fiber->dying = true;
        fiber_resume(fiber);
    }
    UNPOISON(stack_low(fiber), (size_t)STACK_SIZE);
    fiber->state = FIBER_POOLED;
    fiber->next_pooled = fibers.pool;
    fibers.pool = fiber;
    fibers.live--;
}

struct fiber *fiber_current(void)
{
    return fibers.current;
}

struct thread_call {
    void (*function)(void *argument);
    void *argument;
    struct fiber *caller;
};

static void call_on_thread(void *argument)
{
    struct thread_call *call = argument;
    ARRIVE(fibers.thread_fake_stack, NULL, NULL);
    call->function(call->argument);
    LEAVE(&fibers.thread_fake_stack, stack_low(call->caller), (size_t)STACK_SIZE);
}

void fiber_on_thread_stack(void (*function)(void *argument), void *argument)
{
    struct fiber *self = fibers.current;
    if (self == NULL) {
        function(argument);
        return;
    }
    struct thread_call call = {.function = function, .argument = argument, .caller = self};
    fibers.current = NULL;
    fibers.lender = self;
    LEAVE(&self->fake_stack, fibers.thread_low, fibers.thread_size);
    fiber_context_call(&fibers.thread, call_on_thread, &call);
    ARRIVE(self->fake_stack, NULL, NULL);
    self->fake_stack = NULL;
    fibers.lender = NULL;
    fibers.current = self;
    if (fibers.lender_doomed) {
        fibers.lender_doomed = false;
        fiber_abandon();
    }
}

void fiber_abandon_after_stretch(void)
{
    require(fibers.current == NULL);
    require(fibers.lender != NULL);
    fibers.lender_doomed = true;
}

size_t fiber_live_count(void)
{
    return fibers.live;
}

size_t fiber_stack_size(void)
{
    return STACK_SIZE;
}

/* Looks at other frames' bytes, poisoned ones too. */
__attribute__((no_sanitize("address"))) static size_t used_bytes(const struct fiber *fiber)
{
    const uint64_t *word = (const uint64_t *)(const void *)stack_low(fiber);
    size_t words = STACK_SIZE / sizeof *word;
    size_t untouched = 0;
    while (untouched < words && word[untouched] == 0) {
        untouched++;
    }
    return (words - untouched) * sizeof *word;
}

size_t fiber_stack_high_water(void)
{
    size_t most = fibers.high_water;
    for (const struct fiber *fiber = fibers.mapped; fiber != NULL; fiber = fiber->next_mapped) {
        size_t used = used_bytes(fiber);
        most = used > most ? used : most;
    }
    return most;
}

void fiber_pool_free(void)
{
    fibers.high_water = fiber_stack_high_water();
    struct fiber *kept = NULL;
    struct fiber *next = NULL;
    for (struct fiber *fiber = fibers.mapped; fiber != NULL; fiber = next) {
        next = fiber->next_mapped;
        if (fiber->state != FIBER_POOLED) {
            fiber->next_mapped = kept;
            kept = fiber;
            continue;
        }
        int unmapped = munmap(fiber->mapping, MAPPING_SIZE);
        require(unmapped == 0);
    }
    fibers.mapped = kept;
    fibers.pool = NULL;
}
