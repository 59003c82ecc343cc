#include "sim/cli/sweep_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
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

static enum status
read_counts(FILE *file, const struct sweep_identity *identity, struct sweep_state *state)
{
    char commit[65] = "";
    uint64_t trace = 0;
    uint64_t points = 0;
    uint64_t budget = 0;
    if (fscanf(file,
               "aftershock sweep 1\ncommit %64s\ntrace %" SCNx64 "\npoints %" SCNu64
               "\nbudget %" SCNu64 "\n",
               commit,
               &trace,
               &points,
               &budget) != 4 ||
        strcmp(commit, identity->commit) != 0 || trace != identity->trace_hash ||
        points != identity->point_count || budget != identity->budget) {
        return ERR_FAILED;
    }
    if (fscanf(file,
               "done %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 "\ncalls",
               &state->points_done,
               &state->points_recovered,
               &state->pairs_done,
               &state->pairs_recovered) != 4 ||
        state->points_done > points || state->points_recovered > state->points_done ||
        state->pairs_recovered > state->pairs_done) {
        return ERR_FAILED;
    }
    for (uint64_t i = 0; i < points; i++) {
        if (fscanf(file, " %" SCNu32, &state->calls[i]) != 1) {
            return ERR_FAILED;
        }
    }
    return OK;
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
