#include "engine/base/diag.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/status.h"
#include "engine/base/uuid.h"

Test(diag, the_first_error_wins)
{
    struct diag diag = {0};
    cr_assert(eq(int, diag_fail(&diag, "DATA_LOSS", "gap of %d", 7), ERR_FAILED));
    cr_assert(eq(int, diag_fail(&diag, "OTHER", "later"), ERR_FAILED));
    cr_assert(eq(str, diag.error_class, "DATA_LOSS"));
    cr_assert(eq(str, diag.text, "gap of 7"));
}

Test(diag, is_written_with_what_is_known_of_its_place)
{
    char out[512];
    struct diag diag = {0};
    (void)diag_fail(&diag, "INVALID_SCENARIO", "no such verb");
    diag_format(&diag, out, sizeof out);
    cr_assert(eq(str, out, "no such verb [INVALID_SCENARIO]"));
    (void)strcpy(diag.path, "script[2].do");
    diag_format(&diag, out, sizeof out);
    cr_assert(eq(str, out, "script[2].do: no such verb [INVALID_SCENARIO]"));
    (void)strcpy(diag.file, "a.json");
    diag_format(&diag, out, sizeof out);
    cr_assert(eq(str, out, "a.json: script[2].do: no such verb [INVALID_SCENARIO]"));
    diag.line = 12;
    diag.column = 3;
    diag_format(&diag, out, sizeof out);
    cr_assert(eq(str, out, "a.json:12:3: script[2].do: no such verb [INVALID_SCENARIO]"));
    diag_format(&diag, out, 10);
    cr_assert(eq(str, out, "a.json:12"));
}

Test(diag, long_texts_are_cut_not_overrun)
{
    struct diag diag = {0};
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)diag_fail(&diag, text, "%s", text);
    cr_assert(eq(sz, strlen(diag.text), sizeof diag.text - 1));
    cr_assert(eq(sz, strlen(diag.error_class), sizeof diag.error_class - 1));
}

Test(diag, suggests_the_nearest_name_or_none)
{
    static const char *const names[] = {"crash", "pause", "partition", "io_error", "stop", NULL};
    static const struct {
        const char *name;
        const char *nearest;
    } cases[] = {{"crsh", "crash"},
                 {"crashed", "crash"},
                 {"partitoin", "partition"},
                 {"io-error", "io_error"},
                 {"stp", "stop"},
                 {"explode", NULL},
                 {"", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *nearest = diag_nearest(cases[i].name, names);
        if (cases[i].nearest == NULL) {
            cr_assert(eq(int, nearest == NULL, 1), "%s -> %s", cases[i].name, nearest);
        } else {
            cr_assert(eq(int, nearest != NULL, 1), "%s", cases[i].name);
            cr_assert(eq(int, strcmp(nearest, cases[i].nearest), 0), "%s", cases[i].name);
        }
    }
    char endless[500];
    memset(endless, 'a', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    cr_assert(eq(int, diag_nearest(endless, names) == NULL, 1));
}

Test(status, each_has_a_text)
{
    cr_assert(eq(int, strcmp(status_text(OK), "ok"), 0));
    cr_assert(eq(int, strcmp(status_text(ERR_FAILED), "failed; the diag says why"), 0));
}

Test(uuid, is_of_version_4_and_variant_1)
{
    char out[UUID_TEXT_SIZE];
    uuid_format(UINT64_MAX, UINT64_MAX, out);
    cr_assert(eq(str, out, "ffffffff-ffff-4fff-bfff-ffffffffffff"));
    uuid_format(0, 0, out);
    cr_assert(eq(str, out, "00000000-0000-4000-8000-000000000000"));
    uuid_format(UINT64_C(0x0123456789abcdef), UINT64_C(0x0123456789abcdef), out);
    cr_assert(eq(str, out, "01234567-89ab-4def-8123-456789abcdef"));
    cr_assert(uuid_valid(out));
    cr_assert(uuid_valid("01234567-89AB-4DEF-8123-456789ABCDEF"));
    cr_assert(not(uuid_valid("01234567-89ab-4def-8123-456789abcde")));
    cr_assert(not(uuid_valid("01234567-89ab-4def-8123-456789abcdeg")));
    cr_assert(not(uuid_valid("01234567089ab-4def-8123-456789abcdef")));
    cr_assert(not(uuid_valid("")));
}

Test(hash, is_the_same_everywhere)
{
    cr_assert(eq(u64, hash_bytes("", 0), UINT64_C(0xef46db3751d8e999)), "XXH64 of nothing");
    cr_assert(eq(u64, hash_text("a"), UINT64_C(0xd24ec4f1a98c6e5b)), "XXH64 of \"a\"");
    /* SplitMix64's first output for the seed 0. */
    cr_assert(eq(u64, hash_mix64(0), UINT64_C(0xe220a8397b1dcdaf)));
    cr_assert(ne(u64, hash_chain(hash_chain(0, 1), 2), hash_chain(hash_chain(0, 2), 1)));
}
