#include "engine/sink/live_files.h"

#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/hash.h"

static void apply(struct live_files *files, const char *added, const char *removed)
{
    struct delta_log_file add = {.path = added, .uri = added, .size = 7};
    struct delta_log_file gone = {.path = removed, .uri = removed};
    const struct delta_log_facts facts = {
        .added = &add,
        .added_count = added != NULL,
        .removed = &gone,
        .removed_count = removed != NULL,
    };
    live_files_apply(files, &facts);
}

static void expect(const struct live_files *files, const char *expected)
{
    char text[256] = "";
    size_t count = 0;
    for (size_t i = 0; i < files->used; i++) {
        if (files->entries[i].path != NULL) {
            (void)snprintf(text + strlen(text),
                           sizeof text - strlen(text),
                           "%s%s",
                           count++ == 0 ? "" : " ",
                           files->entries[i].path);
        }
    }
    cr_assert(eq(str, text, expected));
    cr_assert(eq(sz, files->count, count));
}

Test(live_files, adds_and_removes_in_the_order_of_the_adds)
{
    struct live_files files = {0};
    apply(&files, NULL, "never there");
    apply(&files, "b", NULL);
    apply(&files, "a", NULL);
    apply(&files, "c", "b");
    expect(&files, "a c");
    apply(&files, NULL, "b"); /* a tombstone again */
    apply(&files, "b", NULL);
    apply(&files, "a", NULL); /* the same file anew */
    expect(&files, "c b a");
    apply(&files, "c", "c"); /* its metadata changed */
    expect(&files, "b a c");
    live_files_free(&files);
    expect(&files, "");
}

Test(live_files, keep_the_uri_and_the_size)
{
    struct live_files files = {0};
    struct delta_log_file file = {.path = "a b", .uri = "a%20b", .size = 99};
    live_files_apply(&files, &(struct delta_log_facts){.added = &file, .added_count = 1});
    cr_assert(eq(str, files.entries[0].uri, "a%20b"));
    cr_assert(eq(u64, files.entries[0].size, 99));
    live_files_apply(&files, &(struct delta_log_facts){.removed = &file, .removed_count = 1});
    cr_assert(eq(sz, files.count, 0));
    live_files_free(&files);
}

/* Against a plain table of flags, over many random commits of few names. */
Test(live_files, agree_with_a_table_of_flags)
{
    enum { NAMES = 100, STEPS = 20000 };
    struct live_files files = {0};
    bool live[NAMES] = {0};
    size_t capacity_max = 0;
    for (uint64_t step = 0; step < STEPS; step++) {
        uint64_t random = hash_mix64(step);
        size_t name = (size_t)(random >> 8) % NAMES;
        bool remove = random % 2 == 0;
        char path[16];
        (void)snprintf(path, sizeof path, "part-%zu", name);
        apply(&files, remove ? NULL : path, remove ? path : NULL);
        live[name] = !remove;
        capacity_max = files.capacity > capacity_max ? files.capacity : capacity_max;
    }
    size_t count = 0;
    for (size_t i = 0; i < NAMES; i++) {
        count += live[i];
    }
    cr_assert(eq(sz, files.count, count));
    for (size_t i = 0; i < files.used; i++) {
        if (files.entries[i].path != NULL) {
            unsigned name = 0;
            cr_assert(eq(int, sscanf(files.entries[i].path, "part-%u", &name), 1));
            cr_assert(live[name]);
            live[name] = false; /* once */
        }
    }
    cr_assert(le(sz, capacity_max, 2 * NAMES)); /* its size is that of the table */
    live_files_free(&files);
}
