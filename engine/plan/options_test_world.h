/* For tests of options: one set of them, and what an option must do to it. */
#ifndef ENGINE_PLAN_OPTIONS_TEST_WORLD_H
#define ENGINE_PLAN_OPTIONS_TEST_WORLD_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "engine/base/process.h"
#include "engine/plan/options.h"

static struct arena arena;
static struct options options;
static struct diag diag;

static void begin(void)
{
    options_defaults(&options);
    diag = (struct diag){0};
}

static void end(void)
{
    arena_free(&arena);
    cr_assert(eq(sz, process_host.heap.blocks, 0));
}
static void set(const char *name, const char *value)
{
    enum status status = options_set(&options, &arena, name, value, &diag);
    cr_assert(eq(int, status, OK), "%s = %s: %s", name, value, diag.text);
}

static void expect_refused(const char *name, const char *value, const char *text)
{
    struct options before = options;
    diag = (struct diag){0};
    cr_assert(eq(int, options_set(&options, &arena, name, value, &diag), ERR_FAILED), "%s", name);
    cr_assert(eq(str, diag.error_class, "INVALID_OPTION"));
    cr_assert(eq(str, diag.text, text));
    cr_assert(eq(int, memcmp(&before, &options, sizeof options), 0), "%s: nothing changed", name);
}

#endif
