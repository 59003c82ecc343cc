/* aftershock checkpoint PATH: what a query has planned and committed, its state, and what a restart
 * would do. */
#include "sim/cli/checkpoint_print.h"

#include <stdio.h>

#include "sim/cli/cli.h"

static bool show(const struct cli *cli, const struct checkpoint_parts *parts)
{
    if (cli->rows) {
        return checkpoint_print_rows(parts);
    }
    if (cli->json) {
        checkpoint_print_json(parts);
    } else {
        checkpoint_print(parts);
    }
    return true;
}

int command_checkpoint(const struct cli *cli)
{
    struct checkpoint_view logs = {.path = cli->files[0]};
    struct state_view state = {.path = cli->files[0]};
    struct restart restart;
    struct diag diag = {0};
    bool fine = false;
    enum status status = checkpoint_view_open(&logs, cli->files[0], &diag);
    if (status == OK) {
        status = state_view_open(&state, cli->files[0], &diag);
    }
    if (status == OK) {
        restart_ask(&logs, state.store_count > 0, &restart);
        fine = show(cli, &(struct checkpoint_parts){&logs, &state, &restart});
    }
    state_view_close(&state);
    checkpoint_view_close(&logs);
    if (status != OK) {
        cli_complain(&diag);
    }
    return fine ? EXIT_AS_EXPECTED : EXIT_USAGE;
}
