#include "sim/cli/swarm_failures.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

static struct failures failures;
static struct run_result result;

static uint64_t add(uint64_t seed, const char *check, const char *evidence)
{
    result.seed = seed;
    (void)snprintf(result.failed_check, sizeof result.failed_check, "%s", check);
    (void)snprintf(result.evidence, sizeof result.evidence, "%s", evidence);
    return failures_add(&failures, &result);
}

Test(swarm_failures, a_site_is_the_evidence_without_its_numbers)
{
    char site[FAILURE_SITE_SIZE];
    failure_site("batch 17: row 3 of part-0001-6f1c-beef.parquet twice", site);
    cr_assert(eq(str, site, "batch #: row # of part-#.parquet twice"));
    failure_site("no feed, no bad face", site); /* words of hexadecimal letters are words */
    cr_assert(eq(str, site, "no feed, no bad face"));
    failure_site("ended 12ms later", site);
    cr_assert(eq(str, site, "ended #ms later"));
}

Test(swarm_failures, a_long_site_is_cut)
{
    char evidence[400];
    char site[FAILURE_SITE_SIZE];
    memset(evidence, 'x', sizeof evidence - 1);
    evidence[sizeof evidence - 1] = '\0';
    failure_site(evidence, site);
    cr_assert(eq(sz, strlen(site), FAILURE_SITE_SIZE - 1));
}

Test(swarm_failures, one_bug_is_one_line)
{
    cr_assert(eq(u64, add(3, "offsets-dense", "batch 3 after batch 1"), 1));
    cr_assert(eq(u64, add(9, "offsets-dense", "batch 14 after batch 11"), 2));
    cr_assert(eq(u64, add(11, "commit-follows", "batch 14 after batch 11"), 1));
    struct buf out = {0};
    failures_print(&failures, &out);
    buf_byte(&out, 0);
    cr_assert(eq(str,
                 (char *)out.data,
                 "  2 x offsets-dense: batch # after batch # (seeds 3, 9)\n"
                 "  1 x commit-follows: batch # after batch # (seeds 11)\n"));
    buf_free(&out);
}

Test(swarm_failures, two_assertions_of_one_file_are_two)
{
    cr_assert(eq(u64, add(1, "assertion", "x.c:10: a > 0"), 1));
    cr_assert(eq(u64, add(2, "assertion", "x.c:20: a > 0"), 1));
}

Test(swarm_failures, what_finds_no_room_is_counted)
{
    char check[32];
    for (int i = 0; i < FAILURE_GROUPS_MAX + 2; i++) {
        (void)snprintf(check, sizeof check, "check-%d", i);
        (void)add(1, check, "");
    }
    cr_assert(eq(sz, failures.group_count, FAILURE_GROUPS_MAX));
    cr_assert(eq(u64, failures.other, 2));
}
