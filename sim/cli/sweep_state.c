#include "sim/cli/sweep_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/heap.h"

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b > 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

uint64_t sweep_spread(uint64_t total, uint64_t n)
{
    require(n < total);
    uint64_t step =
        total * 618 / 1000 + 1; /* near the golden section, and without a common divisor */
    while (common_divisor(total, step) != 1) {
        step++;
    }
    return n * step % total;
}

/* ---- reading */

/* The next word of the file must be `word`. */
static bool read_word(FILE *file, const char *word)
{
    char found[72];
    return fscanf(file, "%71s", found) == 1 && strcmp(found, word) == 0;
}

/* The next word of the file, a number that is not greater than `max`. */
static bool read_number(FILE *file, int base, uint64_t max, uint64_t *number)
{
    char found[32];
    char *end = NULL;
    if (fscanf(file, "%31s", found) != 1 || found[0] == '-') {
        return false;
    }
    errno = 0;
    *number = strtoull(found, &end, base);
    return errno == 0 && end != found && *end == '\0' && *number <= max;
}

/* `word` and behind it a number, which must be `expected`. */
static bool read_same(FILE *file, const char *word, int base, uint64_t expected)
{
    uint64_t number = 0;
    return read_word(file, word) && read_number(file, base, UINT64_MAX, &number) &&
           number == expected;
}

static enum status
read_counts(FILE *file, const struct sweep_identity *identity, struct sweep_state *state)
{
    uint64_t points = identity->point_count;
    bool same = read_word(file, "aftershock") && read_same(file, "sweep", 10, 1) &&
                read_word(file, "commit") && read_word(file, identity->commit) &&
                read_same(file, "trace", 16, identity->trace_hash) &&
                read_same(file, "points", 10, points) &&
                read_same(file, "budget", 10, identity->budget);
    bool counted = same && read_word(file, "done") &&
                   read_number(file, 10, points, &state->points_done) &&
                   read_number(file, 10, state->points_done, &state->points_recovered) &&
                   read_number(file, 10, UINT64_MAX, &state->pairs_done) &&
                   read_number(file, 10, state->pairs_done, &state->pairs_recovered) &&
                   read_word(file, "calls");
    for (uint64_t i = 0; counted && i < points; i++) {
        uint64_t calls = 0;
        counted = read_number(file, 10, UINT32_MAX, &calls);
        state->calls[i] = (uint32_t)calls;
    }
    return counted ? OK : ERR_FAILED;
}

/* The failed ones, then the word that says that the file is whole. */
static enum status read_failed(FILE *file, struct sweep_state *state)
{
    char line[SWEEP_SPEC_SIZE + 2];
    if (fgets(line, sizeof line, file) == NULL) { /* the rest of the line of calls */
        return ERR_FAILED;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (strcmp(line, "end\n") == 0) {
            return OK;
        }
        buf_text(&state->failed, line);
    }
    return ERR_FAILED;
}

enum status sweep_state_read(const char *path,
                             const struct sweep_identity *identity,
                             struct sweep_state *state,
                             struct diag *diag)
{
    *state = (struct sweep_state){0};
    state->calls = heap_alloc((identity->point_count + 1) * sizeof *state->calls);
    FILE *file = fopen(path, "r");
    if (file == NULL && errno == ENOENT) {
        return OK;
    }
    if (file == NULL) {
        return diag_fail(
            diag, "INVALID_STATE", "--resume: %s cannot be read: %s", path, strerror(errno));
    }
    enum status status = read_counts(file, identity, state);
    if (status == OK) {
        status = read_failed(file, state);
    }
    (void)fclose(file);
    if (status != OK) {
        return diag_fail(diag,
                         "INVALID_STATE",
                         "--resume: %s is not the state of this sweep (another commit, scenario or "
                         "budget, or no state at all); remove it to begin anew",
                         path);
    }
    return OK;
}

/* ---- writing */

bool sweep_state_write(const char *path,
                       const struct sweep_identity *identity,
                       const struct sweep_state *state)
{
    char temporary[1024];
    int length = snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *file = length < (int)sizeof temporary ? fopen(temporary, "w") : NULL;
    if (file == NULL) {
        return false;
    }
    (void)fprintf(file,
                  "aftershock sweep 1\ncommit %s\ntrace %016" PRIx64 "\npoints %" PRIu64
                  "\nbudget %" PRIu64 "\ndone %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                  "\ncalls",
                  identity->commit,
                  identity->trace_hash,
                  identity->point_count,
                  identity->budget,
                  state->points_done,
                  state->points_recovered,
                  state->pairs_done,
                  state->pairs_recovered);
    for (uint64_t i = 0; i < identity->point_count; i++) {
        (void)fprintf(file, " %" PRIu32, state->calls[i]);
    }
    (void)fprintf(file, "\n%.*send\n", (int)state->failed.size, (const char *)state->failed.data);
    bool good = ferror(file) == 0;
    good = fclose(file) == 0 && good;
    return good && rename(temporary, path) == 0;
}
