/* A checkpoint on stdout: for people, as one JSON object, or the rows of its state as NDJSON.
 * Between checkpoint.c and checkpoint_*.c. */
#ifndef SIM_CLI_CHECKPOINT_PRINT_H
#define SIM_CLI_CHECKPOINT_PRINT_H

#include "sim/cli/checkpoint_view.h"
#include "sim/cli/restart.h"
#include "sim/cli/state_view.h"

struct checkpoint_parts {
    struct checkpoint_view *logs;
    struct state_view *state;
    const struct restart *restart;
};

void checkpoint_print(const struct checkpoint_parts *parts);
void checkpoint_print_json(const struct checkpoint_parts *parts);
/* False: a store could not be read, which stderr says. */
bool checkpoint_print_rows(const struct checkpoint_parts *parts);

/* The state's part of checkpoint_print. */
void checkpoint_print_state(const struct checkpoint_parts *parts);
/* What is wrong with the state at that version: a file missing or damaged, a partition without
 * files, versions ahead of every batch. NULL: nothing. */
const char *checkpoint_state_problem(const struct checkpoint_parts *parts);
json_t *checkpoint_state_json(const struct checkpoint_parts *parts);

/* The version of the state that a restart would load (or, where it would refuse, that the last
 * commit left). */
int64_t checkpoint_state_version(const struct checkpoint_parts *parts);

#endif
