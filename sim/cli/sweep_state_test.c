#include "sim/cli/sweep_state.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/heap.h"

enum { POINTS = 6 };

static char file[] = "/tmp/sweep_state_XXXXXX";
static const struct sweep_identity identity = {
    .commit = "0123abcd", .trace_hash = 0xfeed, .point_count = POINTS, .budget = 7};

static void make(void)
{
    int descriptor = mkstemp(file);
    cr_assert(ge(int, descriptor, 0));
    (void)close(descriptor);
    struct sweep_state state = {.points_done = 5, .points_recovered = 4};
    state.calls = heap_alloc(POINTS * sizeof *state.calls);
    for (uint32_t i = 0; i < POINTS; i++) {
        state.calls[i] = i * 100;
    }
    buf_text(&state.failed, "driver machine cut@12\n");
    cr_assert(sweep_state_write(file, &identity, &state));
    heap_free(state.calls);
    buf_free(&state.failed);
}

static void remove_file(void)
{
    (void)unlink(file);
}
TestSuite(sweep_state, .init = make, .fini = remove_file);

static enum status read_as(const struct sweep_identity *as, struct sweep_state *state)
{
    struct diag diag = {0};
    return sweep_state_read(file, as, state, &diag);
}

static void drop(struct sweep_state *state)
{
    heap_free(state->calls);
    buf_free(&state->failed);
}

Test(sweep_state, what_was_written_is_read)
{
    struct sweep_state state;
    cr_assert(eq(int, read_as(&identity, &state), OK));
    cr_assert(eq(u64, state.points_done, 5));
    cr_assert(eq(u64, state.points_recovered, 4));
    cr_assert(eq(u32, state.calls[5], 500));
    buf_byte(&state.failed, 0);
    cr_assert(eq(str, (char *)state.failed.data, "driver machine cut@12\n"));
    drop(&state);
}

Test(sweep_state, another_sweep_does_not_go_on_from_it)
{
    struct sweep_identity others[] = {identity, identity, identity, identity};
    others[0].commit = "other";
    others[1].trace_hash++;
    others[2].point_count--;
    others[3].budget++;
    for (size_t i = 0; i < 4; i++) {
        struct sweep_state state;
        cr_expect(eq(int, read_as(&others[i], &state), ERR_FAILED), "%d", (int)i);
        drop(&state);
    }
}

/* Wherever the file is cut: refused, never half a state. */
Test(sweep_state, a_file_that_was_cut_is_refused)
{
    char whole[1024];
    FILE *in = fopen(file, "r");
    size_t size = fread(whole, 1, sizeof whole, in);
    (void)fclose(in);
    for (size_t kept = 0; kept < size; kept++) {
        struct sweep_state state;
        FILE *out = fopen(file, "w");
        (void)fwrite(whole, 1, kept, out);
        (void)fclose(out);
        cr_expect(eq(int, read_as(&identity, &state), ERR_FAILED), "%d bytes", (int)kept);
        drop(&state);
    }
}

Test(sweep_state, no_file_is_the_beginning)
{
    struct sweep_state state;
    (void)unlink(file);
    cr_assert(eq(int, read_as(&identity, &state), OK));
    cr_assert(eq(u64, state.points_done, 0));
    drop(&state);
}

Test(sweep_state, the_order_meets_each_once_and_any_beginning_is_spread)
{
    enum { TOTAL = 1000 };
    bool met[TOTAL] = {false};
    int tenth[10] = {0};
    for (uint64_t n = 0; n < TOTAL; n++) {
        uint64_t at = sweep_spread(TOTAL, n);
        cr_assert(not(met[at]));
        met[at] = true;
        tenth[at / 100] += n < 100;
    }
    for (int i = 0; i < 10; i++) {
        cr_expect(tenth[i] >= 5 && tenth[i] <= 15, "%d of the first 100 in part %d", tenth[i], i);
    }
    cr_assert(eq(u64, sweep_spread(1, 0), 0));
}
