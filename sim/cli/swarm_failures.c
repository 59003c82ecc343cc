#include "sim/cli/swarm_failures.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* How long a number, or an id of hexadecimal digits and '-', is that begins here; 0: none does. */
static size_t number_length(const char *at)
{
    size_t length = 0;
    bool digit = false;
    while (is_hex(at[length]) || (length > 0 && at[length] == '-' && is_hex(at[length + 1]))) {
        digit = digit || is_digit(at[length]);
        length++;
    }
    if (digit && !is_word(at[length])) {
        return length;
    }
    length = 0;
    while (is_digit(at[length])) {
        length++;
    }
    return length;
}

void failure_site(const char *evidence, char out[FAILURE_SITE_SIZE])
{
    size_t used = 0;
    bool in_word = false;
    while (*evidence != '\0' && used + 1 < FAILURE_SITE_SIZE) {
        size_t number = in_word ? 0 : number_length(evidence);
        if (number > 0) {
            out[used++] = '#';
            evidence += number;
            continue;
        }
        in_word = is_word(*evidence);
        out[used] = *evidence;
        if (*evidence == '\n') {
            out[used] = ' ';
        }
        used++;
        evidence++;
    }
    out[used] = '\0';
}

uint64_t failures_add(struct failures *failures, const struct run_result *result)
{
    char site[FAILURE_SITE_SIZE];
    /* An assertion's place is its file and line: those numbers are what tells it from others. */
    if (strcmp(result->failed_check, "assertion") == 0) {
        (void)snprintf(site, sizeof site, "%.*s", FAILURE_SITE_SIZE - 1, result->evidence);
    } else {
        failure_site(result->evidence, site);
    }
    struct failure_group *group = failures->groups;
    struct failure_group *end = failures->groups + failures->group_count;
    while (group < end &&
           (strcmp(group->check, result->failed_check) != 0 || strcmp(group->site, site) != 0)) {
        group++;
    }
    if (group == end) {
        if (failures->group_count == FAILURE_GROUPS_MAX) {
            failures->other++;
            return 0;
        }
        failures->group_count++;
        *group = (struct failure_group){0};
        (void)snprintf(group->check, sizeof group->check, "%s", result->failed_check);
        (void)snprintf(group->site, sizeof group->site, "%s", site);
    }
    if (group->count < FAILURE_SEEDS_KEPT) {
        group->seeds[group->count] = result->seed;
    }
    group->count++;
    return group->count;
}

void failures_print(const struct failures *failures, struct buf *out)
{
    for (size_t i = 0; i < failures->group_count; i++) {
        const struct failure_group *group = &failures->groups[i];
        buf_printf(out, "  %" PRIu64 " x %s: %s (seeds ", group->count, group->check, group->site);
        for (uint64_t s = 0; s < group->count && s < FAILURE_SEEDS_KEPT; s++) {
            buf_printf(out, "%s%" PRIu64, s == 0 ? "" : ", ", group->seeds[s]);
        }
        buf_text(out, group->count > FAILURE_SEEDS_KEPT ? ", ...)\n" : ")\n");
    }
    if (failures->other > 0) {
        buf_printf(out, "  %" PRIu64 " more of other checks and sites\n", failures->other);
    }
}
