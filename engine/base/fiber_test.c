#include "engine/base/fiber.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif

static char order[64];

static void note(char letter)
{
    size_t length = strlen(order);
    cr_assert(lt(sz, length, sizeof order - 1));
    order[length] = letter;
}

static void two_steps(void *argument)
{
    char letter = *(const char *)argument;
    note(letter);
    fiber_yield();
    note((char)(letter - 'a' + 'A'));
}

Test(fiber, switches_happen_in_the_order_of_resumes)
{
    char a = 'a';
    char b = 'b';
    struct fiber *first = fiber_new(two_steps, &a);
    struct fiber *second = fiber_new(two_steps, &b);
    cr_assert(eq(sz, fiber_live_count(), 2));
    fiber_resume(second);
    note('-');
    fiber_resume(first);
    fiber_resume(first);
    cr_assert(fiber_ended(first));
    cr_assert(not(fiber_ended(second)));
    fiber_resume(second);
    cr_assert(fiber_ended(second));
    cr_assert(eq(str, order, "b-aAB"));
    fiber_drop(first);
    fiber_drop(second);
    cr_assert(eq(sz, fiber_live_count(), 0));
    fiber_pool_free();
}

struct keeper {
    uint64_t integers[12];
    double doubles[8];
    int rounds;
};

/* Many values live across every switch: they must come back from registers and stack. */
static void keep_values(void *argument)
{
    struct keeper *keeper = argument;
    uint64_t a = keeper->integers[0];
    uint64_t b = a * 3 + 1;
    uint64_t c = b * 5 + 1;
    uint64_t d = c * 7 + 1;
    uint64_t e = d * 11 + 1;
    uint64_t f = e * 13 + 1;
    double x = keeper->doubles[0];
    double y = x * 0.5;
    for (int i = 0; i < keeper->rounds; i++) {
        fiber_yield();
        a += 1;
        f ^= e;
        f ^= e;
        y += x;
        y -= x;
    }
    keeper->integers[1] = a;
    keeper->integers[2] = b + c + d + e + f;
    keeper->doubles[1] = y;
}

Test(fiber, values_survive_switches)
{
    struct keeper keepers[5] = {0};
    struct fiber *fibers[5];
    for (int i = 0; i < 5; i++) {
        keepers[i].integers[0] = (uint64_t)i + 10;
        keepers[i].doubles[0] = i + 1;
        keepers[i].rounds = 100;
        fibers[i] = fiber_new(keep_values, &keepers[i]);
    }
    for (int round = 0; round <= 100; round++) {
        for (int i = 0; i < 5; i++) {
            fiber_resume(fibers[(i + round) % 5]);
        }
    }
    for (int i = 0; i < 5; i++) {
        uint64_t a = (uint64_t)i + 10;
        uint64_t b = a * 3 + 1;
        uint64_t c = b * 5 + 1;
        uint64_t d = c * 7 + 1;
        uint64_t e = d * 11 + 1;
        uint64_t f = e * 13 + 1;
        cr_assert(fiber_ended(fibers[i]));
        cr_assert(eq(u64, keepers[i].integers[1], a + 100));
        cr_assert(eq(u64, keepers[i].integers[2], b + c + d + e + f));
        cr_assert(eq(dbl, keepers[i].doubles[1], (i + 1) * 0.5));
        fiber_drop(fibers[i]);
    }
    fiber_pool_free();
}

static void fill_stack(void *argument)
{
    size_t *reached = argument;
    volatile char block[40 * 1024];
    for (size_t i = 0; i < sizeof block; i += 512) {
        block[i] = (char)(i | 1);
    }
    fiber_yield();
    size_t good = 0;
    for (size_t i = 0; i < sizeof block; i += 512) {
        good += block[i] == (char)(i | 1);
    }
    *reached = good;
}

Test(fiber, a_deep_stack_is_its_own_and_its_depth_is_known)
{
    cr_assert(ge(sz, fiber_stack_size(), 64 * 1024));
    size_t good[3] = {0};
    struct fiber *fibers[3];
    for (int i = 0; i < 3; i++) {
        fibers[i] = fiber_new(fill_stack, &good[i]);
        fiber_resume(fibers[i]);
    }
    cr_assert(ge(sz, fiber_stack_high_water(), 40 * 1024));
    cr_assert(lt(sz, fiber_stack_high_water(), fiber_stack_size()));
    for (int i = 0; i < 3; i++) {
        fiber_resume(fibers[i]);
        cr_assert(eq(sz, good[i], 80));
        fiber_drop(fibers[i]);
    }
    fiber_pool_free();
    cr_assert(ge(sz, fiber_stack_high_water(), 40 * 1024), "it outlives the stacks");
}

static void shallow(void *argument)
{
    (void)argument;
    fiber_yield();
}

Test(fiber, a_shallow_stack_is_seen_as_such)
{
    struct fiber *fiber = fiber_new(shallow, NULL);
    fiber_resume(fiber);
    cr_assert(gt(sz, fiber_stack_high_water(), 0));
    cr_assert(lt(sz, fiber_stack_high_water(), 8 * 1024));
    fiber_drop(fiber);
    fiber_pool_free();
}

/* Addresses of locals are handed out, so that sanitizers put red zones around them. */
static void __attribute__((noinline)) touch(volatile char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)i;
    }
}

static void deep_and_suspended(void *argument)
{
    int *clean_ups = argument;
    volatile char outer[700];
    touch(outer, sizeof outer);
    fiber_yield();
    volatile char inner[3000];
    touch(inner, sizeof inner);
    fiber_yield();
    (*clean_ups)++;
}

Test(fiber, dropped_fibers_run_nothing_more_and_give_their_stacks_back)
{
    int clean_ups = 0;
    for (int i = 0; i < 2000; i++) {
        struct fiber *fiber = fiber_new(deep_and_suspended, &clean_ups);
        for (int step = 0; step < i % 3; step++) {
            fiber_resume(fiber);
        }
        fiber_drop(fiber);
        cr_assert(eq(sz, fiber_live_count(), 0));
    }
    cr_assert(eq(int, clean_ups, 0));
    fiber_pool_free();
}

static void abandon(void *argument)
{
    volatile char bytes[500];
    touch(bytes, sizeof bytes);
    (void)argument;
    fiber_abandon();
}

static void abandon_deep(void *argument)
{
    volatile char bytes[5000];
    touch(bytes, sizeof bytes);
    (void)argument;
    fiber_abandon();
}

static void abandon_from_thread_stack(void *argument)
{
    fiber_on_thread_stack(abandon_deep, argument);
}

Test(fiber, an_abandoned_fiber_lets_go_from_anywhere)
{
    for (int i = 0; i < 200; i++) {
        struct fiber *fiber = fiber_new(i % 2 == 0 ? abandon : abandon_from_thread_stack, NULL);
        fiber_resume(fiber);
        cr_assert(not(fiber_ended(fiber)));
        cr_assert(eq(ptr, fiber_current(), NULL));
        fiber_drop(fiber);
    }
    cr_assert(eq(sz, fiber_live_count(), 0));
    fiber_pool_free();
}

struct deep_call {
    uintptr_t fiber_address;
    uintptr_t call_address;
    struct fiber *inside;
    size_t sum;
};

static void use_a_megabyte(void *argument)
{
    struct deep_call *call = argument;
    volatile char bytes[1 << 20];
    for (size_t i = 0; i < sizeof bytes; i += 4096) {
        bytes[i] = 1;
        call->sum += (size_t)bytes[i];
    }
    call->call_address = (uintptr_t)&bytes[0];
    call->inside = fiber_current();
}

static void call_deep(void *argument)
{
    struct deep_call *call = argument;
    char local = 0;
    call->fiber_address = (uintptr_t)&local;
    fiber_on_thread_stack(use_a_megabyte, call);
    cr_assert(ne(ptr, fiber_current(), NULL));
    fiber_yield();
    fiber_on_thread_stack(use_a_megabyte, call);
}

Test(fiber, a_library_may_go_deep_on_the_threads_stack)
{
    struct deep_call call = {0};
    struct fiber *fiber = fiber_new(call_deep, &call);
    call.inside = fiber;
    fiber_resume(fiber);
    cr_assert(eq(ptr, call.inside, NULL), "inside, no fiber runs");
    cr_assert(eq(sz, call.sum, 256));
    fiber_resume(fiber);
    cr_assert(eq(sz, call.sum, 512));
    cr_assert(fiber_ended(fiber));
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    cr_assert(lt(uptr, here - call.call_address, 3 << 20), "it was this stack");
    fiber_drop(fiber);
    fiber_on_thread_stack(use_a_megabyte, &call);
    cr_assert(eq(sz, call.sum, 768), "a plain call outside fibers");
    fiber_pool_free();
}

#ifndef UNDER_ASAN
static void run_down_the_stack(void *argument)
{
    (void)argument;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    for (size_t down = 0; down < fiber_stack_size() + 8192; down += 1024) {
        *(volatile char *)(here - down) = 1;
    }
}

Test(fiber, the_guard_page_stops_an_overflow, .signal = SIGSEGV)
{
    struct fiber *fiber = fiber_new(run_down_the_stack, NULL);
    fiber_resume(fiber);
}
#endif
