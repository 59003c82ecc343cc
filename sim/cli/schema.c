/* aftershock schema: the JSON schema of scenario files, from the loader's own key tables. */
#include <stdio.h>

#include "engine/base/check.h"
#include "scenarios/loader/schema.h"
#include "sim/cli/cli.h"

int command_schema(const struct cli *cli)
{
    maybe(cli->json);
    struct buf text = {0};
    schema_print(&text);
    (void)fwrite(text.data, 1, text.size, stdout);
    buf_free(&text);
    return EXIT_AS_EXPECTED;
}
