/* aftershock check FILE...: validate only. */
#include <stdio.h>

#include "sim/cli/cli.h"

int command_check(const struct cli *cli)
{
    int code = EXIT_AS_EXPECTED;
    for (size_t i = 0; i < cli->file_count; i++) {
        struct arena arena = {0};
        if (cli_load(cli, &arena, cli->files[i], NULL) == NULL) {
            code = EXIT_USAGE;
        } else {
            cli_put(stdout, cli->files[i]);
            (void)puts(": ok");
        }
        arena_free(&arena);
    }
    return code;
}
